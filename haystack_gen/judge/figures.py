"""What accuracies alone do not say: twins beside their items, rotations together, and how far open answers are off."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import fsum
from typing import Any

from haystack_gen.judge.cells import by, share_json, tally
from haystack_gen.judge.intervals import Pairs, count_errors, kendall_tau, mcnemar, paired_difference, set_score
from haystack_gen.judge.marking import Answer
from haystack_gen.judge.replies import Reading

ITEM = "none"
"""The control of an item that is no twin."""


def paired(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """For every control and family: items beside their twins, the difference, and how likely it is by chance.

    Items and twins are joined by group. Rotations are one question, right if all are, because pairs have to be
    independent. The family "" stands for all, where there are several. Pairs of which one side has no reply say nothing
    about the control, and are counted as `unanswered`; twins whose item is not in the dataset as `unpaired`.
    """
    items = {answer.question.group: answer for answer in answers if answer.question.control == ITEM}
    twins = [answer for answer in answers if answer.question.control != ITEM]
    found = []
    for control, of_control in by(twins, lambda twin: twin.question.control).items():
        families = by(of_control, lambda twin: twin.question.family)
        parts = {"": of_control, **families} if len(families) > 1 else families
        found += [{"control": control, "family": family, **_difference(some, items)} for family, some in parts.items()]
    return found


def _difference(twins: Sequence[Answer], items: Mapping[str, Answer]) -> dict[str, Any]:
    questions: dict[str, list[tuple[Answer, Answer]]] = {}
    unpaired = 0
    for twin in twins:
        if item := items.get(twin.question.group):
            questions.setdefault(item.question.rotations or item.question.id, []).append((item, twin))
        else:
            unpaired += 1
    whole = [pair for pair in questions.values() if all(one.verdict != "missing" for both in pair for one in both)]
    outcomes = [(all(item.right for item, _ in pair), all(twin.right for _, twin in pair)) for pair in whole]
    pairs = Pairs(
        both=outcomes.count((True, True)),
        first=outcomes.count((True, False)),
        second=outcomes.count((False, True)),
        neither=outcomes.count((False, False)),
    )
    counts = {"pairs": pairs.count, "unanswered": len(questions) - len(whole), "unpaired": unpaired}
    return counts | _compared(pairs)


def _compared(pairs: Pairs) -> dict[str, float | None]:
    if not pairs.count:
        return dict.fromkeys(("item", "twin", "difference", "low", "high", "p"))
    interval = paired_difference(pairs)
    return {
        "item": (pairs.both + pairs.first) / pairs.count,
        "twin": (pairs.both + pairs.second) / pairs.count,
        "difference": (pairs.first - pairs.second) / pairs.count,
        "low": interval.low,
        "high": interval.high,
        "p": mcnemar(pairs),
    }


def rotations(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """For every family whose options are rotated: the share of questions that are right in every rotation; the mean."""
    turned = [answer for answer in answers if answer.question.rotations]
    found = []
    for family, of_family in by(turned, lambda answer: answer.question.family).items():
        groups = by(of_family, lambda answer: answer.question.rotations).values()
        right = sum(all(turn.right for turn in group) for group in groups)
        share = share_json(right, of=len(groups), names=("all_right", "share"))
        found.append({"family": family, **share, "mean": tally(of_family).accuracy})
    return found


def open_answers(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """For every family that is asked without options, by form: how often the reply is right, and how far it is off."""
    asked = (answer for answer in answers if answer.question.form != "mcq")
    found = []
    for (family, form), some in by(asked, lambda answer: (answer.question.family, answer.question.form)).items():
        off = {"count": _counts, "seconds": _seconds, "set": _sets, "order": _orders}.get(form)
        found.append({"family": family, "form": form, **tally(some).as_json(), **(off(some) if off else {})})
    return found


def _counts(answers: Sequence[Answer]) -> dict[str, Any]:
    """The mean is over numbers that were read; what was not read is not within one."""
    read, true = _numbers(answers)
    errors = count_errors(read, true=true) if read else None
    return {
        "read": len(read),
        "mean_absolute_error": errors.mean_absolute if errors else None,
        "within_one": errors.within_one * len(read) / len(answers) if errors else 0.0,
    }


def _seconds(answers: Sequence[Answer]) -> dict[str, Any]:
    read, true = _numbers(answers)
    return {
        "read": len(read),
        "mean_absolute_error_s": count_errors(read, true=true).mean_absolute if read else None,
    }


def _numbers(answers: Iterable[Answer]) -> tuple[list[float], list[float]]:
    """Numbers that were said, and the true ones, where both are numbers."""
    pairs = [
        (float(said.value), float(true.value))
        for said, true in _both(answers)
        if isinstance(said.value, Fraction) and isinstance(true.value, Fraction)
    ]
    return [said for said, _ in pairs], [true for _, true in pairs]


def _sets(answers: Sequence[Answer]) -> dict[str, Any]:
    scores = [set_score(_names(said), true=_names(true)) for said, true in _both(answers)]
    return {
        "precision": fsum(score.precision for score in scores) / len(answers),
        "recall": fsum(score.recall for score in scores) / len(answers),
        "f1": fsum(score.f1 for score in scores) / len(answers),
    }


def _orders(answers: Sequence[Answer]) -> dict[str, Any]:
    """What was not read has all names tied, 0."""
    taus = [kendall_tau(_names(said), true=_names(true)) for said, true in _both(answers)]
    known = [tau for tau in taus if tau is not None]
    return {"ordered": len(known), "kendall_tau": fsum(known) / len(known) if known else None}


def _both(answers: Iterable[Answer]) -> Iterator[tuple[Reading, Reading]]:
    """What was said, nothing if it could not be read, and the answer."""
    nothing = Reading(kind="unparsed")
    for answer in answers:
        yield answer.reading or nothing, answer.question.accepted[0]


def _names(reading: Reading) -> tuple[str, ...]:
    """Names of a set or an order; a text, such as "not in the video", is the only one."""
    if isinstance(reading.value, tuple):
        return reading.value
    return (reading.value,) if isinstance(reading.value, str) and reading.value else ()

"""Predictions brought together with the questions they answer; what does not fit is counted, then refused."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from haystack_gen.errors import InputError
from haystack_gen.judge.foreign import Parser
from haystack_gen.judge.marking import Question, is_truth, read
from haystack_gen.judge.predictions import Prediction, read_predictions
from haystack_gen.judge.replies import Reading

_REMEDIES = {
    "unknown": "predictions have to be of this build of the dataset",
    "twice": "keep one of them",
    "other": "predictions have to be of this build of the dataset",
}


def join(
    questions: Mapping[str, Question], predictions: Path, *, parser: Parser | None, by_order: bool
) -> dict[str, Reading]:
    """What each question was answered, by id; of a question without a prediction nothing.

    Args:
        questions: by id, in the manifest's order.
        predictions: the file.
        parser: whose rules read letters; ours if None.
        by_order: a prediction without an id answers the question whose number it has.

    Raises:
        InputError: a prediction is unreadable, of no question or of one that has one already, or states another right
            answer than the question's.
    """
    names, tries = list(questions), _tries(questions)
    lines: dict[str, str] = {}
    readings: dict[str, Reading] = {}
    faults: Counter[str] = Counter()
    first: dict[str, str] = {}
    for one in read_predictions(predictions):
        name = one.id or _by_place(one, names, by_order)
        name = tries.get(name, name)
        if name not in questions:
            fault, said = "unknown", "" if "unknown" in first else _unknown(name, names)
        elif name in lines:
            fault, said = "twice", f"item {name} has a prediction already, at {lines[name]}"
        elif one.truth is not None and not is_truth(questions[name], one.truth):
            fault, said = "other", f"has the right answer {one.truth!r}, item {name} of the manifest another"
        else:
            lines[name], readings[name] = one.where, read(questions[name], one.reply, parser)
            continue
        faults[fault] += 1
        first.setdefault(fault, f"{one.where}: {said}")
    for fault, said in first.items():
        count = f" ({faults[fault]:,} such predictions)" if faults[fault] > 1 else ""
        raise InputError(f"{said}{count}; {_REMEDIES[fault]}")
    return readings


def _tries(questions: Mapping[str, Question]) -> dict[str, str]:
    """Items by what `haystack-gen export DIR vnbench` calls rotations, `<group>:<try>`; no id has a colon."""
    turns: Counter[str] = Counter()
    tries: dict[str, str] = {}
    for name, question in questions.items():
        if question.rotations:
            tries[f"{question.rotations}:{turns[question.rotations]}"] = name
            turns[question.rotations] += 1
    return tries


def _by_place(prediction: Prediction, names: Sequence[str], by_order: bool) -> str:
    """The id of the row with the number that a prediction has in place of one."""
    if not by_order:
        raise InputError(
            f"{prediction.where}: has no id of an item, only the number {prediction.place}; put the row's id into what "
            "process_results returns (lmms-eval) or into a column id (VLMEvalKit), or, if the evaluator had all rows "
            "in the manifest's order, join them with --by-order"
        )
    if prediction.place >= len(names):
        raise InputError(
            f"{prediction.where}: is of row {prediction.place}, counted from 0, and the manifest has {len(names)} rows"
            f"; {_REMEDIES['unknown']}"
        )
    return names[prediction.place]


def _unknown(name: str, names: Collection[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"the manifest has no item {name!r}" + (f", the nearest is {near[0]!r}" if near else "")

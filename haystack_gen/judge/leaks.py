"""Is there a rule of thumb that answers a set of questions without their videos? The verdict on what `blind` scores.

A rule is a leak if it is right at least 2 points more often than chance, by more than 3 standard errors, and by more
than luck gives the best of so many rules in 1 of 100 fair sets (exact binomial tail, Bonferroni). Three standard errors
alone would accuse a quarter of the fair sets of nine families, since some 30 rules are tried on each.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from haystack_gen.atomic import write_atomic
from haystack_gen.emit.rows import Row
from haystack_gen.errors import CheckError, InputError
from haystack_gen.judge.blind import Asked, Score, guess, merged
from haystack_gen.judge.intervals import Interval, at_least, wilson
from haystack_gen.progress import Progress, Silent
from haystack_gen.records import parse_json, read_text

LEAST_POINTS = 0.02
LEAST_ERRORS = 3.0
LUCK = 0.01
"""How often a fair set may be accused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The scores of all rules, the furthest above chance first, at one family's questions or at all.

    `each` turn of a question counts by itself, or credit is only for `all`. `different` counts questions that are asked
    again over the grid once.
    """

    name: str
    turns: Literal["each", "all"]
    questions: int
    different: int
    scores: tuple[Score, ...]


class Leak(NamedTuple):
    """A rule that beats chance, and where."""

    part: Part
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """What blind guessers earned at a set; `left_out` counts the rows that they were not asked, and why."""

    parts: tuple[Part, ...]
    left_out: Mapping[str, int]

    @property
    def rules(self) -> int:
        """How many scores there are to be lucky in."""
        return sum(score.count > 0 for part in self.parts for score in part.scores)

    @property
    def leaks(self) -> list[Leak]:
        """Every rule that does better than chance and luck, the furthest above chance first in each part."""
        pairs = (Leak(part, score) for part in self.parts for score in part.scores)
        return [pair for pair in pairs if _is_leak(pair.score, self.rules)]

    @property
    def verdict(self) -> str:
        """The finding in one line."""
        if not self.parts:
            return "nothing to guess: no question has options"
        if found := self.leaks:
            return f"LEAKS: {len(found)} of {self.rules} scores are above chance without the video"
        few = max(part.different for part in self.parts)
        small = f"; only {few} different questions, which can hide much" if few < 100 else ""
        return f"no leak found: none of {self.rules} scores is above chance by more than luck{small}"

    def raise_if_leaky(self) -> None:
        """Raise a `CheckError` that lists the leaks, if there are any."""
        if found := self.leaks:
            listed = (_said(part.name, part.turns, _score_json(score)) for part, score in found)
            raise CheckError(f"{self.verdict}:" + "".join(f"\n  {leak}" for leak in listed))

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        leaks = {(part.name, part.turns, score.guesser) for part, score in self.leaks}
        parts = [
            {
                "part": part.name,
                "turns": part.turns,
                "questions": part.questions,
                "different": part.different,
                "scores": [
                    _score_json(score) | {"leak": (part.name, part.turns, score.guesser) in leaks}
                    for score in part.scores
                    if score.count
                ],
            }
            for part in self.parts
        ]
        return {"verdict": self.verdict, "left_out": dict(self.left_out), "parts": parts}


def write_guessed(guessed: Guessed, path: Path) -> None:
    """Write what was found as `blind.json`."""
    write_atomic(path, json.dumps(guessed.as_json(), indent=1, ensure_ascii=False) + "\n")


def read_leaks(path: Path) -> list[str]:
    """What leaks by a `blind.json`, a line for each rule that beats chance.

    Raises:
        InputError: the file is damaged.
    """
    text = read_text(path)
    try:
        found = parse_json(text, str(path))
        return [
            _said(part["part"], part["turns"], score)
            for part in found["parts"]
            for score in part["scores"]
            if score["leak"]
        ]
    except (InputError, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: is not what an audit writes; delete it, and it is made again") from None


def _said(part: str, turns: str, score: Mapping[str, Any]) -> str:
    right, chance = score["accuracy"], score["chance"]
    return f"{part}, {turns} turns: {score['rule']!r} is right in {right:.1%}, chance is {chance:.1%}"


def _score_json(score: Score) -> dict[str, Any]:
    found = interval(score)
    return {
        "rule": score.guesser,
        "accuracy": score.accuracy,
        "low": found.low,
        "high": found.high,
        "chance": score.chance,
        "error": score.error,
        "count": score.count,
    }


def interval(score: Score) -> Interval:
    """Wilson's, for 95 %, as of so many independent questions as have the score's standard error."""
    of = _independent(score)
    return wilson(round(score.accuracy * of), of=of)


def _independent(score: Score) -> int:
    """Turns of one question may stand or fall together: then there are fewer than were counted."""
    if not score.error:
        return max(1, score.count)
    return max(1, min(score.count, round(score.chance * (1 - score.chance) / score.error**2)))


def _is_leak(score: Score, rules: int) -> bool:
    if score.accuracy - score.chance < LEAST_POINTS or score.excess <= LEAST_ERRORS:
        return False
    of = _independent(score)
    return rules * at_least(int(score.accuracy * of), of=of, chance=score.chance) < LUCK


def guess_parts(
    families: Mapping[str, Sequence[Asked]],
    *,
    left_out: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Guessed:
    """Let every rule guess at each family and at all together; where questions come in turns, at all turns too.

    Raises:
        InputError: the questions of a group are no rotations of one question.
    """
    asked = {name: questions for name, questions in families.items() if questions}
    if len(asked) > 1:
        asked["all"] = [one for questions in asked.values() for one in questions]
    parts: list[Part] = []
    with (progress or Silent()).stage("guessing", len(asked), "families") as stage:
        for name, questions in asked.items():
            parts += _parts(name, questions)
            stage.step()
    return Guessed(parts=tuple(parts), left_out=left_out or {})


def _parts(name: str, questions: Sequence[Asked]) -> Iterator[Part]:
    together = merged(questions)
    different = len({one.group or number for number, one in enumerate(together)})
    for turns in ("each", "all") if any(one.group for one in questions) else ("each",):
        scores = tuple(guess(questions, cyclic=True) if turns == "all" else guess(together))
        yield Part(name=name, turns=turns, questions=len(questions), different=different, scores=scores)


def guess_rows(rows: Iterable[Row], *, progress: Progress | None = None) -> Guessed:
    """Let every rule guess at the questions of a manifest, by family.

    Control twins are left out: they repeat their items' questions, and in some the answer is always that nothing is
    there. So are open questions.

    Raises:
        InputError: a row's options or answer are damaged, or the questions of a group no rotations of one question.
    """
    families: dict[str, list[Asked]] = {}
    left_out: Counter[str] = Counter()
    for row in rows:
        if row.control != "none":
            left_out["control twins"] += 1
        elif not row.options:
            left_out["open questions"] += 1
        else:
            families.setdefault(row.task, []).append(_asked(row))
    return guess_parts(families, left_out=left_out, progress=progress)


def _asked(row: Row) -> Asked:
    try:
        return Asked(
            question=row.question, options=tuple(row.options), answer=row.answer_index, group=row.circular_group
        )
    except InputError as error:
        raise InputError(f"item {row.id}: {error}; the dataset was damaged: build it again") from None

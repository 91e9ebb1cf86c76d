"""How many of some answers are right, and tables of that by length and depth."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any, TypeVar

from haystack_gen.errors import InputError
from haystack_gen.judge.intervals import wilson
from haystack_gen.judge.marking import Answer
from haystack_gen.records import parse_json, read_text

Key = TypeVar("Key", bound=Any)

Grid = Mapping[tuple[int, float], float]
"""Accuracies by length and depth."""

_UPSTREAM = ("Num. Frame", "Frame Depth", "Score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many answers there are, and of which kind; whoever did not answer was not right.

    `luring` answers chose a wrong option where some wrong option is a lure; `lured` of them chose one, and
    `expected` would have by chance.
    """

    count: int
    right: int
    unparsed: int = 0
    missing: int = 0
    luring: int = 0
    lured: int = 0
    expected: float = 0.0

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.right / self.count

    def as_json(self) -> dict[str, Any]:
        """For machines; `lured` is null where no wrong choice could have been one."""
        return {
            **share_json(self.right, of=self.count),
            "unparsed": self.unparsed,
            "missing": self.missing,
            "lured": self.luring_json() if self.luring else None,
        }

    def luring_json(self) -> dict[str, Any]:
        """The share of wrong choices that are lures, beside what chance would give."""
        share = share_json(self.lured, of=self.luring, names=("lured", "rate"))
        return {**share, "chance": self.expected / self.luring}


def share_json(part: int, *, of: int, names: tuple[str, str] = ("right", "accuracy")) -> dict[str, Any]:
    """A share with its interval; both null where there is nothing to have a share of."""
    interval = wilson(part, of=of) if of else None
    return {
        "count": of,
        names[0]: part,
        names[1]: part / of if of else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
    }


def tally(answers: Sequence[Answer]) -> Tally:
    """Count answers; there must be some."""
    verdicts = [answer.verdict for answer in answers]
    luring = [answer for answer in answers if answer.lured is not None]
    return Tally(
        count=len(answers),
        right=verdicts.count("right"),
        unparsed=verdicts.count("unparsed"),
        missing=verdicts.count("missing"),
        luring=len(luring),
        lured=sum(answer.lured is True for answer in luring),
        expected=fsum(answer.chance for answer in luring),
    )


def by(answers: Iterable[Answer], key: Callable[[Answer], Key]) -> dict[Key, list[Answer]]:
    """The answers by what they have in common, in the order of the keys."""
    found: dict[Key, list[Answer]] = {}
    for answer in answers:
        found.setdefault(key(answer), []).append(answer)
    return {one: found[one] for one in sorted(found)}


def grid_of(answers: Iterable[Answer]) -> Grid:
    """The accuracy of every cell."""
    cells = by(answers, lambda answer: (answer.question.length, answer.question.depth))
    return {cell: tally(found).accuracy for cell, found in cells.items()}


def mean(grid: Grid) -> float:
    """The mean over cells, each alike: what V-NIAH's heat maps are summed up by."""
    return fsum(grid.values()) / len(grid)


def upstream_text(grid: Grid) -> str:
    """Cells as V-NIAH's scripts write `all_accuracies.json`; its depths run from 0 to 100."""
    cells = [(length, round(depth * 100, 9), accuracy) for (length, depth), accuracy in grid.items()]
    rows = [dict(zip(_UPSTREAM, cell, strict=True)) for cell in cells]
    return json.dumps(rows, indent=4) + "\n"


def read_upstream(path: Path) -> Grid:
    """The cells of a file that V-NIAH's or V-NIAH-D's scripts wrote.

    Raises:
        InputError: it is no list of such cells, or has one twice.
    """
    rows = parse_json(read_text(path), str(path))
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path}: expected a list of cells with {', '.join(_UPSTREAM)}")
    grid: dict[tuple[int, float], float] = {}
    for number, row in enumerate(rows, start=1):
        where = f"{path}: cell {number} is {str(row)[:200]}"
        length, percent, score = _numbers(row, where)
        if length != int(length) or length <= 0 or not 0 <= percent <= 100 or not 0 <= score <= 1:
            raise InputError(f"{where}, expected whole frames above 0, a depth of 0 to 100 and a score of 0 to 1")
        if (cell := (int(length), percent / 100)) in grid:
            raise InputError(f"{where}, and that cell was there before; keep one")
        grid[cell] = score
    return grid


def _numbers(row: Any, where: str) -> list[float]:
    values: list[Any] = [row.get(key) for key in _UPSTREAM] if isinstance(row, dict) else []
    numbers = [float(value) for value in values if type(value) in (int, float)]
    if len(numbers) < len(_UPSTREAM):
        raise InputError(f"{where}, expected an object with numbers for {', '.join(_UPSTREAM)}")
    return numbers

"""Scores a model's replies: every item marked, and what that says by family, length, depth, control and look-alike."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from haystack_gen.emit.manifest import read_manifest
from haystack_gen.errors import InputError
from haystack_gen.judge.cells import Grid, by, grid_of, tally
from haystack_gen.judge.figures import ITEM, open_answers, paired, rotations
from haystack_gen.judge.foreign import Parser
from haystack_gen.judge.given_visible import given_visible
from haystack_gen.judge.intervals import effective_length
from haystack_gen.judge.joining import join
from haystack_gen.judge.marking import Answer, Question, question_of
from haystack_gen.workspace import DatasetFolder

THRESHOLD = 0.85
"""Near RULER's, the accuracy of Llama-2-7B at 4,000 tokens (85.6 %)."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Every item with what became of it, in the manifest's order, and what follows from that.

    `visibility` is the audit's table, None where there is none.
    """

    answers: tuple[Answer, ...]
    parser: Parser | None
    threshold: float
    visibility: Path | None

    @cached_property
    def items(self) -> tuple[Answer, ...]:
        """What is no twin: accuracies are of these."""
        return tuple(answer for answer in self.answers if answer.question.control == ITEM)

    @property
    def families(self) -> dict[str, list[Answer]]:
        """The items by family."""
        return by(self.items, lambda answer: answer.question.family)

    @property
    def grids(self) -> dict[str, Grid]:
        """The accuracies of each family's cells."""
        return {family: grid_of(answers) for family, answers in self.families.items()}

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines; a depth of -1 stands for needles all over the video."""
        unread = Counter(answer.reading.reason for answer in self.answers if answer.reading and answer.reading.reason)
        return {
            "parser": self.parser or "haystack-gen",
            "overall": tally(self.items).as_json() if self.items else None,
            "families": self._table(lambda answer: (answer.question.family,), "family"),
            "forms": self._table(lambda answer: (answer.question.family, answer.question.form), "family", "form"),
            "lengths": self._table(_length, "family", "axis", "length"),
            "cells": self._table(lambda answer: (*_length(answer), answer.question.depth), *_CELL),
            "controls": self._table(lambda answer: (answer.question.control,), "control", twins=True),
            "pairs": paired(self.answers),
            "rotations": rotations(self.items),
            "open": open_answers(self.items),
            "unparsed": dict(unread.most_common()),
            "threshold": self.threshold,
            "effective_lengths": {family: self._effective(answers) for family, answers in self.families.items()},
            "visible": given_visible(self.items, self.visibility) if self.visibility else None,
        }

    def _table(
        self, key: Callable[[Answer], tuple[object, ...]], *names: str, twins: bool = False
    ) -> list[dict[str, Any]]:
        answers = self.answers if twins else self.items
        return [
            {**dict(zip(names, one, strict=True)), **tally(found).as_json()} for one, found in by(answers, key).items()
        ]

    def _effective(self, answers: Sequence[Answer]) -> int | None:
        lengths = by(answers, lambda answer: answer.question.length)
        return effective_length(
            {length: tally(found).accuracy for length, found in lengths.items()}, threshold=self.threshold
        )


_CELL = ("family", "axis", "length", "depth")


def _length(answer: Answer) -> tuple[str, str, int]:
    asked = answer.question
    return asked.family, asked.axis, asked.length


def score(
    folder: DatasetFolder,
    predictions: Path,
    *,
    parser: Parser | None = None,
    by_order: bool = False,
    threshold: float = THRESHOLD,
) -> Scores:
    """Mark the replies of a file. Rows and replies are read one at a time; of each only what is needed is kept.

    Args:
        folder: a complete dataset, or its manifest alone in a folder.
        predictions: see `haystack_gen.judge.predictions`.
        parser: whose rules read the letters of questions with options; ours by default.
        by_order: a prediction without an id is of the row of the manifest whose number it has.
        threshold: of the effective length.

    Raises:
        InputError: either cannot be used, or they do not belong together; or the threshold is no share.
        MissingExtraError: predictions are a workbook, and openpyxl is not installed.
    """
    if not 0 <= threshold <= 1:  # nor NaN
        raise InputError(f"the threshold is {threshold}, expected an accuracy of 0 to 1")
    questions = read_asked(folder)
    readings = join(questions, predictions, parser=parser, by_order=by_order)
    visibility = folder.audit("visibility.parquet")
    return Scores(
        answers=tuple(Answer(question=one, reading=readings.get(one.id)) for one in questions.values()),
        parser=parser,
        threshold=threshold,
        visibility=visibility if visibility.is_file() else None,
    )


def read_asked(folder: DatasetFolder) -> dict[str, Question]:
    """The questions of a dataset by id, in the manifest's order.

    Raises:
        InputError: the folder is no complete dataset, has no items, or one that could not be scored.
    """
    if not folder.manifest.is_file() and not folder.spec.is_file():
        raise InputError(
            f"{folder.root}: is no dataset, it has no {folder.manifest.name}; expected a folder made by haystack-gen "
            "build"
        )
    questions: dict[str, Question] = {}
    for row in read_manifest(folder.manifest):
        if row.id in questions:
            raise InputError(f"{folder.manifest}: has item {row.id} twice; build the dataset again")
        try:
            questions[row.id] = question_of(row)
        except InputError as error:
            raise InputError(f"{folder.manifest}: {error}") from None
        except ValueError as error:  # of a tolerance that is not finite
            raise InputError(f"{folder.manifest}: item {row.id}: {error}; build the dataset again") from None
    if not questions:
        raise InputError(f"{folder.manifest}: has no items; build the dataset again")
    return questions

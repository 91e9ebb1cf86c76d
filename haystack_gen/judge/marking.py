"""Which replies are right: what of a row it takes to tell, and what became of each reply.

Reply and accepted answers are read by the same function, so that both sides are compared in one form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from sys import intern
from typing import Any, Literal

from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.judge.foreign import Parser, read_as
from haystack_gen.judge.replies import Reading, read_reply
from haystack_gen.judge.replies.text import unparsed
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import Form

Verdict = Literal["right", "wrong", "unparsed", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What of a row it takes to mark replies to it and to count them: small, as all of them are kept.

    `length` is in frames, or, where `axis` is "context", in what a stack counts its context in. `rotations` is the
    circular group. `lures` are letters of wrong options that a look-alike of an asked needle shows, `asked` the needles
    on show that the question is about.
    """

    id: str
    family: str
    form: Form
    control: str
    group: str
    rotations: str
    axis: Literal["frames", "context"]
    length: int
    depth: float
    options: tuple[str, ...]
    accepted: tuple[Reading, ...]
    tolerance: Fraction
    lures: tuple[str, ...]
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a question; `reading` is None where no reply was found."""

    question: Question
    reading: Reading | None

    @property
    def right(self) -> bool:
        """Whether the reply says what is accepted; seconds may be off by the tolerance."""
        return self.reading is not None and is_right(self.question, self.reading)

    @property
    def verdict(self) -> Verdict:
        """Right or wrong, or why it is neither."""
        if self.reading is None or self.reading.kind == "unparsed":
            return "missing" if self.reading is None else "unparsed"
        return "right" if self.right else "wrong"

    @property
    def lured(self) -> bool | None:
        """Whether a wrong option that a look-alike shows was chosen; None if no wrong one was, or none is shown."""
        if not self.question.lures or self.reading is None or self.verdict != "wrong":
            return None
        return self.reading.value in self.question.lures

    @property
    def chance(self) -> float:
        """How likely a wrong option, drawn at random, is one that a look-alike shows."""
        return len(self.question.lures) / max(1, len(self.question.options) - 1)

    def as_json(self) -> dict[str, Any]:
        """For machines, an item."""
        asked, reading = self.question, self.reading
        return {
            "id": asked.id,
            "family": asked.family,
            "form": asked.form,
            "control": asked.control,
            "length": asked.length,
            "depth": asked.depth,
            "verdict": self.verdict,
            "reading": _plain(reading) if reading and not reading.reason else None,
            "reason": reading.reason if reading else "",
            "accepted": [_plain(one) for one in asked.accepted],
            "lured": self.lured,
        }


def question_of(row: Row) -> Question:
    """What of a row is kept.

    Raises:
        InputError: no option has the letter of its answer, or an accepted answer cannot be read.
    """
    asked = {needle.needle_id for needle in row.needles if needle.asked}
    return Question(
        id=row.id,
        family=intern(row.task),
        form=row.question_type,
        control=intern(row.control),
        group=row.group,
        rotations=row.circular_group,
        axis="context" if row.context_length else "frames",
        length=row.context_length or row.requested_length,
        depth=row.requested_depth,
        options=tuple(map(intern, row.options)),
        accepted=_accepted(row),
        tolerance=Fraction(str(row.answer_tolerance)),
        lures=tuple(_lures(row, asked)),
        asked=tuple(sorted(map(intern, asked))),
    )


def _accepted(row: Row) -> tuple[Reading, ...]:
    if row.question_type == "mcq":
        if row.answer not in LETTERS[: len(row.options)] or len(row.answer) != 1:
            raise InputError(f"item {row.id}: its answer is {row.answer!r}, the letter of no option; build it again")
        return (_letter(row.answer),)
    if row.options:
        raise InputError(f"item {row.id}: has options, and its question_type is {row.question_type}, not mcq")
    readings = {said: read_reply(said, form=row.question_type) for said in dict.fromkeys(row.accepted_answers)}
    for said, reading in readings.items():
        if reading.kind == "unparsed":
            raise InputError(
                f"item {row.id}: its accepted answer {said!r} {reading.reason}, as a reply of the form "
                f"{row.question_type!r}; no reply could be right: change it in the pack and build again"
            )
    return tuple(dict.fromkeys(readings.values()))


def _lures(row: Row, asked: set[str]) -> Iterator[str]:
    """A row names a lure only where it is a wrong option; of needles on show, only those of the asked ones count."""
    others = {needle.needle_id for needle in row.needles} - asked
    shown = {one.lure for one in row.distractors if one.lure and one.needle_id not in others}
    for letter, option in zip(LETTERS, row.options, strict=False):
        if option in shown and letter != row.answer:
            yield letter


@lru_cache(maxsize=64)
def _letter(letter: str) -> Reading:
    return Reading(kind="letter", value=letter)


def read(question: Question, reply: str, parser: Parser | None) -> Reading:
    """What a reply answers, read by `parser`'s rules where the question has options and a parser is named."""
    if not (question.options and parser):
        reading = read_reply(reply, form=question.form, options=question.options)
        return _letter(str(reading.value)) if reading.kind == "letter" else reading
    letter = read_as(parser, reply=reply, options=question.options)
    return _letter(letter) if letter else unparsed(f"{parser} reads no letter")


def is_right(question: Question, reading: Reading) -> bool:
    """Whether a reading is one that is accepted."""
    return reading in question.accepted or any(
        isinstance(one.value, Fraction)
        and isinstance(reading.value, Fraction)
        and abs(one.value - reading.value) <= question.tolerance
        for one in question.accepted
    )


def is_truth(question: Question, truth: str | int) -> bool:
    """Whether what a file has as the right answer is this question's: its letter, option, place, or an open answer."""
    if not question.options:
        return is_right(question, read_reply(str(truth), form=question.form))
    place = LETTERS.index(str(question.accepted[0].value))
    return truth in (place, LETTERS[place], question.options[place])


def _plain(reading: Reading) -> str | float | list[str]:
    value = reading.value
    return float(value) if isinstance(value, Fraction) else list(value) if isinstance(value, tuple) else value

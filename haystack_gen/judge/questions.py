"""Multiple-choice questions from other people's files, as a blind guesser sees them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haystack_gen.errors import InputError
from haystack_gen.judge.blind import Asked
from haystack_gen.plan.choices import LETTERS
from haystack_gen.records import lines_of, parse_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Under which keys a file of questions has what; `group` names rotations of one question, or is empty."""

    question: str = "question"
    options: str = "options"
    answer: str = "answer"
    group: str = ""


def read_questions(path: Path, names: Fields) -> Iterator[Asked]:
    """The multiple-choice questions of a JSONL file.

    Options are a list, or an object by letter; letters before their texts ("A. cat") are taken off. An answer is a
    letter, an option's text, or, as a number, its place from 0.

    Raises:
        InputError: no such file, or a line that is no question; the message names file and line.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a dataset folder, or a JSONL file of questions")
    for where, line in lines_of(path):
        yield _question(parse_line(line, where), names, where)


def _question(record: Any, names: Fields, where: str) -> Asked:
    if not isinstance(record, dict):
        raise InputError(f"{where}: expected an object, a question to a line, got {str(record)[:80]!r}")
    wanted = [names.question, names.options, names.answer, *([names.group] if names.group else [])]
    for name in wanted:
        if name not in record:
            found = f", only {', '.join(map(repr, record))}" if record else " nor any other"
            raise InputError(f"{where}: has no key {name!r}{found}; name the right field")
    question, options, answer, *group = (record[name] for name in wanted)
    if not isinstance(question, str):
        raise InputError(f"{where}: {names.question} is {question!r}, expected text")
    texts = _options(options, where)
    place = _place(answer, texts, options, where)
    try:
        return Asked(question=question, options=texts, answer=place, group=str(group[0]) if group else "")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _options(options: Any, where: str) -> tuple[str, ...]:
    """The texts of the options, without the letters that they may begin with."""
    if isinstance(options, dict) and list(options) == list(LETTERS[: len(options)]):
        options = list(options.values())
    if not isinstance(options, list) or not 2 <= len(options) <= len(LETTERS):
        raise InputError(f"{where}: options are {str(options)[:80]}, expected a list of 2 to {len(LETTERS)}")
    if not all(isinstance(one, str) or _is_number(one) for one in options):
        raise InputError(f"{where}: options are {str(options)[:80]}, expected texts or numbers")
    texts = [str(one).strip() for one in options]
    for mark in (".", ")", ":"):
        starts = [f"{letter}{mark}" for letter in LETTERS[: len(texts)]]
        for opening in ("", "("):
            if all(text.startswith(opening + start) for text, start in zip(texts, starts, strict=True)):
                return tuple(
                    text.removeprefix(opening + start).strip() for text, start in zip(texts, starts, strict=True)
                )
    return tuple(texts)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(answer: Any, texts: Sequence[str], options: Any, where: str) -> int:
    """Which option an answer means; the same by whatever it can be read as."""
    said = str(answer).strip()
    places = {place for place, text in enumerate(texts) if text == said}
    if isinstance(options, list):
        places |= {place for place, text in enumerate(options) if str(text).strip() == said}
    letter = said.strip("().: ")
    if len(letter) == 1 and letter in LETTERS[: len(texts)]:
        places.add(LETTERS.index(letter))
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(texts):
        places.add(answer)
    if len(places) != 1:
        means = "could be any of several" if places else "is none"
        raise InputError(
            f"{where}: answer {answer!r} {means} of the options {list(texts)}; expected a letter, the text of an "
            "option, or its place from 0"
        )
    return places.pop()

"""What makes answers hard to tell apart for whoever reads replies: rules about texts that stand for choice."""

import re
import reprlib
from collections.abc import Iterable, Sequence

# Longer ones are not compared, so that the work grows with the number of texts, not with its square.
LONGEST = 200

_BARE_LETTER = re.compile(r"\(?[A-Za-z](?![\w'’-])")
_SHORT = reprlib.Repr()
_SHORT.maxstring = 100


def text_faults(texts: Sequence[str]) -> list[str]:
    """What an answer parser could stumble over in texts among which a reply chooses, each fault in one line.

    A parser looks for a letter or for an option's own words. So no text should have a capital letter or begin with a
    letter that stands alone ("A tiger", "b) lion"), and none should be, or be part of, another when case and spaces are
    overlooked. Faults of single texts come first, in order, then those of pairs: one for each text that is too much
    like another.

    Args:
        texts: the options of one needle, or the values of one attribute; none of them blank.
    """
    return [*(fault for text in texts for fault in _alone(text)), *_together(texts)]


def plain(text: str) -> str:
    """A text as parsers compare it: case folded, single spaces."""
    return " ".join(text.casefold().split())


def _alone(text: str) -> Iterable[str]:
    if any(character.isupper() for character in text):
        yield f"{_SHORT.repr(text)} has a capital letter, which can be taken for an option's; use lower case"
    if _BARE_LETTER.match(text.lstrip()):
        yield f"{_SHORT.repr(text)} begins like an option's letter; put another word first"
    if len(text) > LONGEST:
        yield f"{_SHORT.repr(text)} has {len(text):,} characters, more than {LONGEST}, and is not compared; shorten it"


def _together(texts: Sequence[str]) -> Iterable[str]:
    short = [text for text in texts if len(text) <= LONGEST]
    first: dict[str, str] = {}
    for text in short:
        if (key := plain(text)) in first:
            yield f"{_SHORT.repr(text)} and {_SHORT.repr(first[key])} are the same to a parser; leave one out"
        first.setdefault(key, text)
    lengths = sorted({len(key) for key in first})
    for key, text in first.items():
        if (part := _part(key, first, lengths)) is not None:
            yield f"{_SHORT.repr(part)} is part of {_SHORT.repr(text)}, so a reply may seem to say both; reword one"


def _part(key: str, others: dict[str, str], lengths: Sequence[int]) -> str | None:
    """The shortest other text that lies within one, both plain."""
    for length in lengths:
        for start in range(len(key) - length + 1 if length < len(key) else 0):
            if key[start : start + length] in others:
                return others[key[start : start + length]]
    return None

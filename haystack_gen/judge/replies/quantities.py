"""The one number that a reply gives: how many, or at what second."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from haystack_gen.judge.replies.text import (
    NUMBERS,
    REFUSES,
    SEVERAL,
    Reading,
    agreed,
    cued,
    first_sentence,
    normal,
    refuses,
    says_absent,
    unparsed,
)
from haystack_gen.plan.choices import ABSENT

NO_NUMBER = "gives no number"
A_BOUND = "gives a bound or an estimate, not a number"
NO_COUNT = "gives a number that is no count"
NO_TIME = "gives a number that is no time"

_WORDS = NUMBERS | {"once": 1, "twice": 2, "thrice": 3}
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_UNREAD = re.compile(
    r"\b(?:thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|dozens?|half|quarters?)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"(?:\b(?:at least|at most|more than|less than|fewer than|over|under|up to|before|until)|[<>≥≤])\s?\d"
    r"|\d\s?(?:\+(?!\s?\d)|\bor (?:more|fewer|less|so)\b)",
    re.IGNORECASE,
)
_ESTIMATE = re.compile(r"(?:\b(?:about|around|approximately|roughly|nearly|almost|some)|[~≈])\s?\d", re.IGNORECASE)
_BEFORE, _AFTER = r"(?<![A-Za-z0-9_.,:])", r"(?![A-Za-z0-9_%]|[.,:]\d)"
_WHOLE = re.compile(rf"{_BEFORE}(?<!第)(-?(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,12}})(?:\.\d{{1,9}})?){_AFTER}")
_SUM = re.compile(r"\([^()\n]{0,100}[+=][^()\n]{0,100}\)")
_FRAME = re.compile(r"\bframes?\b\s?(?:no\.?|number|#)?\s?\d|帧", re.IGNORECASE)
_TOTAL = re.compile(
    r"\b(?:total|sum|count)\b(?: (?:number|count))?(?: of\b[^.:\n]{0,80}?)?\s?(?:\bis\b|:|=)|=", re.IGNORECASE
)


def read_count(text: str) -> Reading:
    """How many: the one whole number of a clean reply, in digits or a word up to twenty; of "none", 0.

    Where it says what the answer or the total is, or what a sum equals, only that is read.
    """
    return _read(text, _count, [*cued(text), *cued(text, _TOTAL)])


def read_seconds(text: str) -> Reading:
    """When: the one time of a clean reply, in seconds, of `12.5`, `12.5 s`, `00:12`, `1:02:03` or `1 min 5 s`.

    A text if all it says is that there is no such time.
    """
    return _read(text, _seconds, cued(text))


def _read(text: str, reader: Callable[[str], Reading], told: Sequence[tuple[str, str]]) -> Reading:
    """What the statements of a reply agree on; or what all of it says, where no statement says anything."""
    statements = [reader(first_sentence(after)) for _, after in told]
    if found := agreed(one for one in statements if one.reason != NO_NUMBER):
        return found
    found = reader(text)
    return unparsed(REFUSES) if found.reason == NO_NUMBER and refuses(text) else found


def _count(said: str) -> Reading:
    said = _SUM.sub(" ", _in_digits(said))
    if _BOUND.search(said) or _ESTIMATE.search(said):
        return unparsed(A_BOUND)
    found = {Fraction(number.replace(",", "")) for number in _WHOLE.findall(said)}
    if not found and says_absent(said):
        return Reading(kind="number", value=Fraction(0))
    if _FRAME.search(said) or any(value < 0 or value.denominator > 1 for value in found):
        return unparsed(NO_COUNT)
    return _one(found) if not _UNREAD.search(said) else unparsed(NO_NUMBER)


def _in_digits(said: str) -> str:
    return _WORD.sub(lambda word: str(_WORDS[word[0].casefold()]), said)


def _one(found: set[Fraction]) -> Reading:
    if len(found) > 1:
        return unparsed(SEVERAL)
    return Reading(kind="number", value=found.pop()) if found else unparsed(NO_NUMBER)


_N = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d{1,9})?|\d{1,9}(?:[.,]\d{1,9})?)"
_H, _M, _S = (
    rf"\s?(?:{unit})(?![a-z])" for unit in ("hours?|hrs?|h|小时", "minutes?|mins?|m|分钟?", "seconds?|secs?|s|秒")
)
_AND = r",?\s?(?:and\s)?"
_TIME = re.compile(
    rf"{_BEFORE}(?:"
    r"(?:(?P<hours>\d{1,3}):(?P<minutes>[0-5]?\d)|(?P<whole_minutes>\d{1,3}))"
    r":(?P<seconds>[0-5]\d(?:[.,]\d{1,9})?)(?![A-Za-z0-9_:])"
    rf"|(?P<h>{_N}){_H}(?:{_AND}(?P<hm>{_N}){_M})?(?:{_AND}(?P<hs>{_N}){_S})?"
    rf"|(?P<m>{_N}){_M}(?:{_AND}(?P<ms>{_N}){_S})?"
    rf"|(?P<s>{_N})(?:{_S}|{_AFTER}))",
    re.IGNORECASE,
)
_UNITS = {"hours": 3600, "minutes": 60, "whole_minutes": 60, "seconds": 1}
_UNITS |= {"h": 3600, "hm": 60, "hs": 1, "m": 60, "ms": 1, "s": 1}
_OTHER_UNIT = re.compile(
    r"\d\s?(?:frames?|ms|milliseconds?|fps|%|days?)\b|\b(?:minutes?|hours?)\s\d|(?:^|[\s(])-\d", re.IGNORECASE
)


def _seconds(said: str) -> Reading:
    if says_absent(said):
        return Reading(kind="text", value=normal(ABSENT))
    said = _in_digits(said)
    if _BOUND.search(said):
        return unparsed(A_BOUND)
    if _FRAME.search(said) or _OTHER_UNIT.search(said):
        return unparsed(NO_TIME)
    found = {_in_seconds(match) for match in _TIME.finditer(said)}
    return _one(found) if not _UNREAD.search(said) else unparsed(NO_NUMBER)


def _in_seconds(match: re.Match[str]) -> Fraction:
    parts = {unit: number for unit, number in match.groupdict().items() if number}
    return sum((_UNITS[unit] * _fraction(number, of=unit) for unit, number in parts.items()), Fraction(0))


def _fraction(number: str, *, of: str) -> Fraction:
    """A number whose comma sets off thousands if three digits follow, or else, and in `00:12,500`, is its point."""
    thousands = of != "seconds" and re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number)
    return Fraction(number.replace(",", "" if thousands else "."))

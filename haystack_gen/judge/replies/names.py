"""What a reply names: one thing, several in any order, or several in their order."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from haystack_gen.judge.replies.text import (
    HEDGES,
    REFUSES,
    UNCLEAR,
    Reading,
    agreed,
    cued,
    first_sentence,
    hedges,
    normal,
    refuses,
    says_absent,
    unparsed,
    without_lead,
)
from haystack_gen.plan.choices import ABSENT

RELATES = "says what comes before or after what, not in what order all do"
DISORDERED = "numbers things in another order than it names them"
REPEATS = "names a thing twice in an order"

_ABSENT = Reading(kind="text", value=normal(ABSENT))
_LONGEST_NAME = 12  # words
_LONGEST_COMPLEMENT = 4
_MOST_NAMES = 64
_VERB = re.compile(
    r"\b(?:is|are|was|were|says?|said|reads?|shows?|showed|contains?|includes?|appears?|appeared)\b", re.IGNORECASE
)
_REASON = re.compile(r",?\s(?:because|since|which|who|where)\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot\b|n't\b|\w[.!?]\s+\w", re.IGNORECASE)  # a denial, or a second sentence
_AT = re.compile(r"^(?:in|on|at|next to|beside)\s+", re.IGNORECASE)
_REFERS = re.compile(r"\b(?:it|them|him|her|this|that|frames?|videos?|images?|pictures?|scenes?)\b", re.IGNORECASE)


def read_short(text: str) -> Reading:
    """A word or phrase, as `normal` has it.

    Read is what the reply says the answer is; or else its one line. Where that is a sentence with one "is", "says",
    "shows" or the like, read is what follows the verb, at most four words that refer to nothing else: of "The light
    is red", red. Nothing is read of other sentences, such as "A rabbit is next to it".
    """
    if found := agreed(_short(first_sentence(after), most_verbs=0) for _, after in cued(text)):
        return found
    return _short(text) if "\n" not in text else unparsed(REFUSES if refuses(text) else UNCLEAR)


def _short(said: str, *, most_verbs: int = 1) -> Reading:
    if says_absent(said):
        return _ABSENT
    if refuses(said) or hedges(said):
        return unparsed(REFUSES if refuses(said) else HEDGES)
    phrase = _REASON.split(without_lead(said))[0]
    parts = _VERB.split(phrase)
    complement, most = parts[-1].strip(" :"), _LONGEST_NAME if len(parts) == 1 else _LONGEST_COMPLEMENT
    name = normal(_AT.sub("", complement))
    refers = len(parts) == 2 and _REFERS.search(complement)
    if len(parts) - 1 > most_verbs or refers or _NOT.search(phrase) or not 0 < len(name.split()) <= most:
        return unparsed(UNCLEAR)
    return Reading(kind="text", value=name)


def read_set(text: str) -> Reading:
    """Names in any order, however often: separated by commas, "and", slashes, full stops or lines."""
    return _read(text, _set)


def read_order(text: str) -> Reading:
    """Names in their order, each once: in a list, or with "first", "then", "followed by", "finally"."""
    return _read(text, _order)


def _read(text: str, reader: Callable[[str], Reading]) -> Reading:
    """What the statements of a reply agree on, or else all of it."""
    statements = [after for _, after in cued(text)]
    wholly = [(reader(said), said) for said in statements]
    return agreed(one if one.kind != "unparsed" else reader(first_sentence(said)) for one, said in wholly) or reader(
        text
    )


def _set(said: str) -> Reading:
    names = _named(said)
    if isinstance(names, Reading):
        return names
    return Reading(kind="set", value=tuple(sorted({one.name for one in names})))


def _order(said: str) -> Reading:
    said = re.sub(r"\bafter (?:that|which)\b|\bafterwards\b", "then", said, flags=re.IGNORECASE)
    if re.search(r"\b(?:before|after|preced\w+)\b", said, re.IGNORECASE):
        return unparsed(RELATES)
    names = _named(said)
    if isinstance(names, Reading):
        return names
    ranks = [one.rank for one in names if one.rank]
    if any(later <= earlier for earlier, later in pairwise(ranks)):
        return unparsed(DISORDERED)
    order = tuple(one.name for one in names)
    return Reading(kind="order", value=order) if len(set(order)) == len(order) else unparsed(REPEATS)


class _Name(NamedTuple):
    """A thing of a list, and its number if it is given one."""

    name: str
    rank: int


def _named(said: str) -> list[_Name] | Reading:
    """The names of a list; or a reading of what is none."""
    if says_absent(said):
        return _ABSENT
    if refuses(said) or hedges(said):
        return unparsed(REFUSES if refuses(said) else HEDGES)
    said = _without_heading(without_lead(re.sub(r"\([^()\n]{0,200}\)", " ", said)))
    names, parts = list(_names(said)), _VERB.split(said)
    if not _are_names(names) and len(parts) == 2:
        names = list(_names(parts[1]))
    return names if _are_names(names) else unparsed(UNCLEAR)


_HEADING = re.compile(r"[^:\n,]{0,150}[A-Za-z][^:\n,]{0,150}:(?=\s)")


def _without_heading(said: str) -> str:
    """A list without what announces it, up to a colon: "They appear in this order:"."""
    heading = _HEADING.match(said)
    return said[heading.end() :].strip() if heading and not _RANK.match(said) else said


_BETWEEN = re.compile(
    r",|;|/|\n|-*>|=>|&|\s-+\s|(?<=[^\W\d])[.!]\s|\b(?:and|then|followed by|plus|as well as)\b"
    r"|(?:^|\s)(?=\(?\d{1,2}[.)]\s)",
    re.IGNORECASE,
)
_RANKS = {
    rank: number
    for number, ranks in enumerate(
        ("first firstly 1st", "second secondly 2nd", "third thirdly 3rd", "fourth 4th", "fifth 5th", "sixth 6th"), 1
    )
    for rank in ranks.split()
} | {"last": _MOST_NAMES, "lastly": _MOST_NAMES, "finally": _MOST_NAMES}
_WHICH = "|".join(sorted(_RANKS, key=len, reverse=True))
_RANK = re.compile(
    rf"\W*(?:(?:the )?(?P<word>{_WHICH})\b(?: one)?(?: is| are| comes| appears)?|\(?(?P<number>\d{{1,2}})[.):](?=\s))"
    r"[\s:]*",
    re.IGNORECASE,
)
_RANK_AFTER = re.compile(
    rf"\s(?:(?:is|are|was|were|comes?|came|appears?|appeared)(?: the)?(?:\s(?P<word>{_WHICH}))?|(?P<alone>{_WHICH}))$",
    re.IGNORECASE,
)


def _names(said: str) -> Iterator[_Name]:
    for part in _BETWEEN.split(said):
        before = _RANK.match(part)
        name = part[before.end() :].strip(" .:!") if before else part.strip(" .:!-")
        after = _RANK_AFTER.search(name)
        name = normal(re.sub(r"^(?:only|just|next|both)\s", "", name[: after.start()] if after else name, flags=re.I))
        if name:
            yield _Name(name, _number(before) or _number(after))


def _number(rank: re.Match[str] | None) -> int:
    given = {key: value for key, value in rank.groupdict().items() if value} if rank else {}
    return next((int(value) if key == "number" else _RANKS[value.casefold()] for key, value in given.items()), 0)


_CLOCK = re.compile(r"\d:\d")


def _are_names(names: list[_Name]) -> bool:
    """Whether they could be names: short, without verb or time."""
    return 0 < len(names) <= _MOST_NAMES and not any(
        _VERB.search(one.name) or _CLOCK.search(one.name) or len(one.name.split()) > _LONGEST_NAME for one in names
    )

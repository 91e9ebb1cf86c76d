"""What a pack can ask: its needles by key, attribute and value.

Two keys are alike when one is said within the other ("the owl", "the owl in the snow"): whoever looks for the one may
take the other for it. Needles with alike keys never share an item, unless the family is about just that.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.streams import Stream

Key = TypeVar("Key", bound=Hashable)
_ARTICLE = re.compile(r"(?:the|a|an)\s+", re.IGNORECASE)


@lru_cache(maxsize=1 << 16)
def bare(name: str) -> str:
    """A key or value as it is compared: in lower case, without its article, single spaces."""
    return " ".join(_ARTICLE.sub("", name.strip(), count=1).casefold().split())


def alike(one: str, other: str) -> bool:
    """Whether two bare names might mean the same thing: one is said within the other, word for word."""
    return f" {one} " in f" {other} " or f" {other} " in f" {one} "


class Pools:
    """Indexes over a pack's needles, each in the pack's order; keys are bare ones throughout.

    `facts` are the needles that say key, attribute and value; `plain` those of them whose value names no key, so that
    no reader can take a word in the picture for the thing itself. `names` has each key as it is written first. `shows`
    has for each picture the keys of all needles that it serves.
    """

    def __init__(self, needles: Sequence[Needle]) -> None:
        """Index the needles.

        Raises:
            InputError: an attribute has two values that differ in case or article only.
        """
        keyed = tuple(needle for needle in needles if needle.key.strip())
        self.key_of = {needle.id: bare(needle.key) for needle in keyed}
        self.names = {self.key_of[needle.id]: needle.key for needle in reversed(keyed)}
        self.facts = tuple(needle for needle in keyed if needle.is_fact)
        self.keyed = _grouped((self.key_of[needle.id], needle) for needle in self.facts)
        self.attributes = _grouped((needle.attribute, needle) for needle in self.facts)
        self.values = {
            attribute: tuple(dict.fromkeys(needle.value for needle in found))
            for attribute, found in self.attributes.items()
        }
        for attribute, values in self.values.items():
            _tell_apart(attribute, values)
        self.valued = _grouped(((needle.attribute, needle.value), needle) for needle in self.facts)
        self.shared_key = _grouped(((needle.attribute, self.key_of[needle.id]), needle) for needle in self.facts)
        self.plain = tuple(needle for needle in self.facts if bare(needle.value) not in self.keyed)
        self.shows = {
            source: frozenset(self.key_of[needle.id] for needle in found)
            for source, found in _grouped((needle.source, needle) for needle in keyed).items()
        }
        self._alike = _alike_keys(self.names)

    def like(self, keys: Iterable[str]) -> frozenset[str]:
        """All keys of the pack that are like one of these."""
        return frozenset().union(*(self._alike.get(key, frozenset((key,))) for key in keys))

    def clash(self, needle: Needle, keys: Iterable[str]) -> bool:
        """Whether a needle's picture shows a key that is like one of these."""
        return not self.like(self.shows[needle.source]).isdisjoint(keys)

    def strangers(self, stream: Stream, pool: Sequence[Needle], *, count: int, keys: set[str]) -> list[Needle]:
        """Up to `count` needles of a pool in random order whose keys are like none of `keys`, nor of each other."""
        chosen: list[Needle] = []
        taken = set(keys)
        for needle in lazily_shuffled(stream, pool):
            if len(chosen) == count:
                break
            if not self.clash(needle, taken):
                chosen.append(needle)
                taken |= self.shows[needle.source]
        return chosen


def _tell_apart(attribute: str, values: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for value in values:
        if seen.setdefault(bare(value), value) != value:
            raise InputError(
                f"attribute {attribute!r} has the values {seen[bare(value)]!r} and {value!r}, which differ in case, "
                "spaces or article only; write them alike"
            )


def _alike_keys(keys: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each key those that are said within it or within which it is said, itself among them."""
    found: dict[str, set[str]] = {key: {key} for key in keys}
    for key in found:
        words = key.split()
        runs = {" ".join(words[low:high]) for low in range(len(words)) for high in range(low + 1, len(words) + 1)}
        for part in runs & found.keys():
            found[key].add(part)
            found[part].add(key)
    return {key: frozenset(others) for key, others in found.items()}


def lazily_shuffled(stream: Stream, pool: Sequence[Needle]) -> Iterable[Needle]:
    """The pool in random order, drawn one by one: long pools are seldom used to their end."""
    moved: dict[int, int] = {}
    last = len(pool) - 1
    for place in range(len(pool)):
        other = place + stream.below(len(pool) - place) if place < last else place
        yield pool[moved.get(other, other)]
        moved[other] = moved.get(place, place)


def _grouped(pairs: Iterable[tuple[Key, Needle]]) -> dict[Key, tuple[Needle, ...]]:
    groups: dict[Key, list[Needle]] = {}
    for key, needle in pairs:
        groups.setdefault(key, []).append(needle)
    return {key: tuple(found) for key, found in groups.items()}

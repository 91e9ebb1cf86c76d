"""What a pack can ask: its needles by key, attribute and value.

Two keys are alike when one is said within the other ("the owl", "the owl in the snow"): whoever looks for the one may
take the other for it. Needles with alike keys never share an item, unless the family is about just that.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from haystack_gen.facts import Needle
from haystack_gen.plan.streams import Stream

Key = TypeVar("Key", bound=Hashable)
_ARTICLE = re.compile(r"(?:the|a|an)\s+", re.IGNORECASE)


def bare(name: str) -> str:
    """A key or value as it is compared: in lower case, without its article, single spaces."""
    return " ".join(_ARTICLE.sub("", name.strip(), count=1).casefold().split())


def alike(one: str, other: str) -> bool:
    """Whether two bare names might mean the same thing: one is said within the other, word for word."""
    return f" {one} " in f" {other} " or f" {other} " in f" {one} "


class Pools:
    """Indexes over the needles that say key, attribute and value; each in the pack's order."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        """Index the needles."""
        self.facts = tuple(needle for needle in needles if needle.is_fact)
        self.key_of = {needle.id: bare(needle.key) for needle in self.facts}
        self.keyed = _grouped((self.key_of[needle.id], needle) for needle in self.facts)
        self.attributes = _grouped((needle.attribute, needle) for needle in self.facts)
        self.values = {
            attribute: tuple(dict.fromkeys(needle.value for needle in found))
            for attribute, found in self.attributes.items()
        }
        self.valued = _grouped(((needle.attribute, needle.value), needle) for needle in self.facts)
        self.shared_key = _grouped(((needle.attribute, self.key_of[needle.id]), needle) for needle in self.facts)
        self.names = {self.key_of[needle.id]: needle.key for needle in reversed(self.facts)}
        """Each bare key as it is written first."""
        self.plain = tuple(needle for needle in self.facts if bare(needle.value) not in self.keyed)
        """Needles whose value names no key: no reader can take a word in the picture for the thing itself."""
        self._alike = {key: frozenset(other for other in self.keyed if alike(key, other)) for key in self.keyed}

    def clash(self, needle: Needle, keys: Iterable[str]) -> bool:
        """Whether a needle's key is like one of these bare keys."""
        return not self._alike[self.key_of[needle.id]].isdisjoint(keys)

    def strangers(self, stream: Stream, pool: Sequence[Needle], *, count: int, keys: set[str]) -> list[Needle]:
        """Up to `count` needles of a pool in random order whose keys are like none of `keys`, nor of each other."""
        chosen: list[Needle] = []
        taken = set(keys)
        for needle in lazily_shuffled(stream, pool):
            if len(chosen) == count:
                break
            if not self.clash(needle, taken):
                chosen.append(needle)
                taken.add(self.key_of[needle.id])
        return chosen


def lazily_shuffled(stream: Stream, pool: Sequence[Needle]) -> Iterable[Needle]:
    """The pool in random order, drawn one by one: long pools are seldom used to their end."""
    moved: dict[int, int] = {}
    for place in range(len(pool)):
        other = place + stream.below(len(pool) - place)
        yield pool[moved.get(other, other)]
        moved[other] = moved.get(place, place)


def _grouped(pairs: Iterable[tuple[Key, Needle]]) -> dict[Key, tuple[Needle, ...]]:
    groups: dict[Key, list[Needle]] = {}
    for key, needle in pairs:
        groups.setdefault(key, []).append(needle)
    return {key: tuple(found) for key, found in groups.items()}

"""Needles where samplers show them: moved within bounds, or made to stay longer, as little as need be.

A needle is shown if a sampled frame lies in it, on every processor. All needles of an item stay equally long: a longer
stay would tell which of them is asked about.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from haystack_gen.facts import Sampled
from haystack_gen.plan.placement import Place


class Bounds(NamedTuple):
    """Frames [low, high) that a needle may not leave."""

    low: int
    high: int


class Runs:
    """First frames from which a needle is shown: runs of them, both ends included, sorted and apart."""

    def __init__(self, runs: Iterable[tuple[int, int]]) -> None:
        """Take the runs, sorted by their begin; those that meet become one."""
        self.runs: list[tuple[int, int]] = []
        for first, last in runs:
            if self.runs and first <= self.runs[-1][1] + 1:
                self.runs[-1] = self.runs[-1][0], max(last, self.runs[-1][1])
            elif first <= last:
                self.runs.append((first, last))
        self._firsts = [first for first, _ in self.runs]

    def __and__(self, other: "Runs") -> "Runs":
        """What is in both."""
        both = [
            (max(first, low), min(last, high)) for first, last in self.runs for low, high in other.meeting(first, last)
        ]
        return Runs(both)

    def meeting(self, low: int, high: int) -> Sequence[tuple[int, int]]:
        """The runs that have any of low to high."""
        begin, end = bisect_right(self._firsts, low) - 1, bisect_right(self._firsts, high)
        return self.runs[begin + (begin < 0 or self.runs[begin][1] < low) : end]

    def last(self, most: int) -> int | None:
        """The last that is at most `most`."""
        place = bisect_right(self._firsts, most) - 1
        return None if place < 0 else min(self.runs[place][1], most)

    def nearest(self, wanted: int, *, low: int, high: int) -> int:
        """The nearest to `wanted` from low to high, of two the earlier; there is one."""
        found = [max(low, min(high, max(first, min(last, wanted)))) for first, last in self.meeting(low, high)]
        return min(found, key=lambda at: abs(at - wanted))


class Sight:
    """What some samplers show of clips of one length."""

    def __init__(self, sampled: Sequence[Sampled]) -> None:
        """Take the frames that each shows."""
        self.sampled = tuple(sampled)
        self._shown = cache(self._all_show)

    def settle(self, wanted: Sequence[int], bounds: Sequence[Bounds], *, stay: int, gap: int) -> list[Place] | None:
        """Places near those wanted, at least `gap` frames apart, that are shown: of the shortest stay that allows it.

        Args:
            wanted: the first frames that the placement's rules have, sorted.
            bounds: of each needle, in order.
            stay: how long each is to stay, at least.
            gap: frames between two needles, at least.

        Returns:
            None if there are none, however long needles stay within their bounds.
        """
        room = bounds[-1].high - bounds[0].low - (len(bounds) - 1) * gap
        longest = min(room // len(bounds), *(high - low for low, high in bounds))
        for longer in range(stay, longest + 1):
            starts = _arranged(wanted, bounds, self._shown(longer), stay=longer, gap=gap)
            if starts is not None:
                return [
                    Place(start, longer, moved=start - at, added=longer - stay)
                    for start, at in zip(starts, wanted, strict=True)
                ]
        return None

    def _all_show(self, stay: int) -> Runs:
        """Where needles of `stay` frames are shown by every sampler."""
        first, *others = (_shown(one, stay) for one in self.sampled)
        for other in others:
            first &= other
        return first


def _shown(sampled: Sampled, stay: int) -> Runs:
    """Where needles of `stay` frames are shown: a frame lies in them, also if it is the tolerance off, in the clip."""
    last, off = sampled.length - 1, sampled.tolerance
    reach = ((min(frame + off, last) - stay + 1, max(frame - off, 0)) for frame in sampled.frames)
    return Runs((max(low, 0), min(high, last - stay + 1)) for low, high in reach)


def _arranged(wanted: Sequence[int], bounds: Sequence[Bounds], shown: Runs, *, stay: int, gap: int) -> list[int] | None:
    """Each start as near to its wanted one as the needles before it leave room and those after it need room."""
    latest: list[int] = []
    most = bounds[-1].high
    for low, high in reversed(bounds):
        found = shown.last(min(high, most) - stay)
        if found is None or found < low:
            return None
        latest.append(found)
        most = found - gap
    starts: list[int] = []
    for at, (low, _), last in zip(wanted, bounds, reversed(latest), strict=True):
        free = max(low, starts[-1] + stay + gap) if starts else low
        starts.append(shown.nearest(at, low=free, high=last))
    return starts

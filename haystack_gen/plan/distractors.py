"""Where look-alikes go, around a needle and apart from each other.

    law periodic, both sides, period P, phase f:   needle + k P + f      ... -P+f   [needle]   f   P+f   2P+f ...

In phase (f = 0) a look-alike sits where a rotary position code of that period takes it for the needle; in anti-phase
(f = P/2) it is equally present and out of step. The two are twins: everything else of the item is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest

from haystack_gen.plan.streams import Stream
from haystack_gen.spec import Distractors


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Frames [start, end) that are taken."""

    start: int
    end: int


def positions(law: Distractors, needle: Span, *, length: int, taken: tuple[Span, ...], stream: Stream) -> list[int]:
    """The first frames of an item's distractors, nearest to the needle first; fewer than asked if no more fit.

    Args:
        law: the distractor section of the spec.
        needle: the needle that they look like.
        length: frames in the clip.
        taken: other spans to stay clear of.
        stream: draws for the random law.
    """
    if law.law == "random":
        return _random(law, needle, length, taken, stream)
    ladder = _adjacent(law, needle, length) if law.law == "adjacent" else _periodic(law, needle, length)
    busy = {frame for span in (needle, *taken) for frame in range(span.start, span.end)}
    free = (at for at in ladder if busy.isdisjoint(range(at, at + law.length)))
    return list(free if law.count == "all" else islice(free, law.count))


def _periodic(law: Distractors, needle: Span, length: int) -> Iterator[int]:
    """Places k x period + phase frames from the needle within the clip, the nearest first, of two the earlier."""
    period, phase = law.period_frames, law.phase_frames
    before = range(needle.start + phase - period, -1, -period) if law.sides != "after" else ()
    after = range(needle.start + (phase or period), length - law.length + 1, period) if law.sides != "before" else ()
    # distances are P - f, 2P - f, ... before and f (or P), P + f, ... after: in turns, whichever side is the nearer
    turns = (before, after) if period - phase <= (phase or period) else (after, before)
    for pair in zip_longest(*turns):
        yield from (at for at in pair if at is not None and at <= length - law.length)


def _adjacent(law: Distractors, needle: Span, length: int) -> list[int]:
    count = 2 if law.count == "all" else min(law.count, length // law.length + 1)
    before = [needle.start - (k + 1) * law.length for k in range(count)] if law.sides != "after" else []
    after = [needle.end + k * law.length for k in range(count)] if law.sides != "before" else []
    inside = [at for at in (*before, *after) if 0 <= at <= length - law.length]
    return sorted(inside, key=lambda at: (abs(at - needle.start), at))


def _random(law: Distractors, needle: Span, length: int, taken: tuple[Span, ...], stream: Stream) -> list[int]:
    """Draw places one by one, each uniform over what is still free."""
    low = 0 if law.sides != "after" else needle.end
    high = length if law.sides != "before" else needle.start
    busy, chosen = [needle, *taken], list[int]()
    for _ in range(law.count if isinstance(law.count, int) else 0):
        free = _free(busy, law.length, low, high)
        places = sum(stop - start for start, stop in free)
        if not places:
            break
        place = stream.below(places)
        for start, stop in free:
            if place < stop - start:
                chosen.append(start + place)
                break
            place -= stop - start
        busy.append(Span(start=chosen[-1], end=chosen[-1] + law.length))
    return sorted(chosen, key=lambda at: (abs(at - needle.start), at))


def _free(busy: list[Span], size: int, low: int, high: int) -> list[tuple[int, int]]:
    """Half-open ranges of starts at which `size` frames fit into [low, high) between the busy spans."""
    ranges, at = [], low
    for span in sorted(busy, key=lambda span: span.start):
        ranges.append((at, span.start - size + 1))
        at = max(at, span.end)
    ranges.append((at, high - size + 1))
    return [(start, min(stop, high - size + 1)) for start, stop in ranges if min(stop, high - size + 1) > start]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPlan:
    """Upstream's clip: where needle and distractor come to lie in it, and on which side the distractor is."""

    needle_start: int
    distractor_start: int | None
    side: str


def paper_positions(query: int, *, footage_length: int, period: int, stream: Stream) -> PaperPlan:
    """The one distractor of V-NIAH-D, as its evaluation script places it.

    From `vision_niah_d/eval_vision_niah_interrupt.py` of the VideoRoPE repository (April 2025): none when
    `query - period <= 0` and `query + period >= n`; after when `query < period`; before when `query + period >= n`;
    otherwise a coin, here the item's own. Both are insertions, so that they end `period + 1` frames apart.
    """
    if query - period <= 0 and query + period >= footage_length:
        return PaperPlan(needle_start=query, distractor_start=None, side="none")
    if query < period:
        side = "after"
    elif query + period >= footage_length:
        side = "before"
    else:
        side = "before" if stream.below(2) == 0 else "after"
    if side == "before":
        return PaperPlan(needle_start=query + 1, distractor_start=query - period, side=side)
    return PaperPlan(needle_start=query, distractor_start=query + period + 1, side=side)

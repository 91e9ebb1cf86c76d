"""Where the needles of a cell go, by the placement that its spec and family ask for."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from haystack_gen.plan.placement import (
    Place,
    band_starts,
    depth_band,
    even_starts,
    needle_start,
    paper_band_starts,
    paper_even_starts,
    paper_start,
    too_close,
)
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.visible import Bounds

_HALF = Fraction(1, 2)


def places(setting: Setting, cell: Cell, count: int, stream: Stream, *, within: Bounds | None = None) -> list[Place]:
    """Where `count` needles of a cell go in the finished clip, sorted.

    Needles that samplers are to show stay in the cell's depths, or in the frames `within`.

    Raises:
        Obstacle: they do not fit, or cannot be shown.
    """
    starts, stay = _starts(setting, cell, count, stream), setting.spec.needles.length
    if not setting.sights or not starts:
        return [Place(start, stay) for start in starts]
    spread = setting.spec.families.spread_of(cell.task)
    at_once = spread == "one" or (count == 1 and cell.depth is not None)
    wanted = starts[:1] if at_once else starts
    bounds = [within or _bounds_of_depth(setting, cell, starts[0])] if at_once else _bounds(setting, cell, starts)
    found = _shown(setting, cell, wanted, bounds)
    return found * count if at_once else found


def some_places(setting: Setting, cell: Cell, count: int, most: int, stream: Stream) -> list[Place]:
    """Where `count` needles go in an item that might have had up to `most`.

    Raises:
        Obstacle: `most` do not fit: whether `count` do, which the answer may depend on, is of no account.
    """
    every = places(setting, cell, most, stream.child("room"))
    paper = setting.spec.placement.length == "paper"  # whose positions depend on how many are inserted
    if paper or setting.spec.families.spread_of(cell.task) == "even":
        for fewer in range(1, most) if setting.sights else ():  # they need not be shown where `most` are
            places(setting, cell, fewer, stream)
        return places(setting, cell, count, stream) if count else []
    return sorted(stream.child("which").sample(every, count))


def _starts(setting: Setting, cell: Cell, count: int, stream: Stream) -> list[int]:
    """Where needles begin by the rules of placement alone."""
    rules, stay = setting.spec.placement, setting.spec.needles.length
    if stay > cell.length:
        raise Obstacle(
            f"the needle stays {stay} frames, the clip has {cell.length}; use longer clips (grid.lengths) or a shorter "
            "stay (needles.length)"
        )
    spread = setting.spec.families.spread_of(cell.task)
    if rules.length == "paper":
        return _paper_starts(setting, cell, count, spread, stream)
    if spread == "one" or (count == 1 and cell.depth is not None):
        return [needle_start(cell.depth or Fraction(0), length=cell.length, needle_length=stay)] * count
    if spread == "band":
        band = depth_band(cell.depth or Fraction(0), rules.band, length=cell.length)
        starts = band_starts(count, band=band, needle_length=stay, gap=rules.gap, stream=stream)
        if starts is None:
            raise Obstacle(
                f"{count} needles of {stay} frames, {rules.gap} apart, do not fit into a band of {band[1] - band[0]} "
                f"of {cell.length} frames; use longer clips, a wider placement.band, a smaller placement.gap, or "
                "fewer needles"
            )
        return starts
    starts = _spread_starts(setting, cell, count, spread)
    if too_close(starts, length=cell.length, needle_length=stay, gap=rules.gap):
        raise Obstacle(
            f"{count} needles of {stay} frames, {rules.gap} apart, do not fit into {cell.length} frames "
            f"({'placement.at' if spread == 'at' else 'spread: even'}); use longer clips, a smaller "
            "placement.gap, or fewer needles"
        )
    return starts


def _spread_starts(setting: Setting, cell: Cell, count: int, spread: str) -> list[int]:
    stay, depths = setting.spec.needles.length, sorted(setting.spec.placement.at)
    if spread == "even":
        return even_starts(count, length=cell.length, needle_length=stay)
    if len(depths) != count:
        raise Obstacle(f"placement.at gives {len(depths)} depths, the item has {count} needles; give one for each")
    return [needle_start(depth, length=cell.length, needle_length=stay) for depth in depths]


def _paper_starts(setting: Setting, cell: Cell, count: int, spread: str, stream: Stream) -> list[int]:
    depth = cell.depth or Fraction(0)
    if spread == "one":
        return [paper_start(depth, footage_length=cell.length)] * count
    if spread == "even":
        return paper_even_starts(count, footage_length=cell.length)
    band = setting.spec.placement.band
    starts = paper_band_starts(count, depth, band, footage_length=cell.length, stream=stream)
    if starts is None:
        raise Obstacle(f"upstream's depths end before 1: no haystack frame lies at or after depth {depth}")
    return starts


def _shown(setting: Setting, cell: Cell, wanted: Sequence[int], bounds: Sequence[Bounds]) -> list[Place]:
    """The places near those wanted that all samplers show."""
    sight, stay, gap = setting.sights[cell.length], setting.spec.needles.length, setting.spec.placement.gap
    for one in sight.sampled:
        if one.refusal:
            raise Obstacle(f"{one.sampler} takes no clip of {cell.length} frames: {one.refusal} (placement.visible_to)")
    found = sight.settle(wanted, bounds, stay=stay, gap=gap)
    if found is None:
        names = ", ".join(one.sampler for one in sight.sampled)
        needles = "a needle" if len(wanted) == 1 else f"{len(wanted)} needles, {gap} frames apart,"
        raise Obstacle(
            f"however long it stays, {needles} in frames {bounds[0].low} to {bounds[-1].high} of {cell.length} is not "
            f"shown by {names} (placement.visible_to); ask for more sampled frames, fewer depths, or fewer needles"
        )
    return found


def _bounds(setting: Setting, cell: Cell, starts: Sequence[int]) -> list[Bounds]:
    """The band that needles share; or of each of those that are spread as far as halfway to its neighbours."""
    if setting.spec.families.spread_of(cell.task) == "band":
        low, high = depth_band(cell.depth or Fraction(0), setting.spec.placement.band, length=cell.length)
        return [Bounds(low, high)] * len(starts)
    stay = setting.spec.needles.length
    borders = [0, *((one + stay + other) // 2 for one, other in pairwise(starts)), cell.length]
    return [Bounds(low, high) for low, high in pairwise(borders)]


def _bounds_of_depth(setting: Setting, cell: Cell, start: int) -> Bounds:
    """As far as halfway to the neighbouring depths of the grid; the first and the last end with the clip."""
    depth, depths = cell.depth or Fraction(0), setting.spec.grid.depths
    below = max((one for one in depths if one < depth), default=-depth)
    above = min((one for one in depths if one > depth), default=2 - depth)
    low, high = ((depth + other) * _HALF * cell.length for other in (below, above))
    return Bounds(min(low.__ceil__(), start), max(high.__floor__(), start + setting.spec.needles.length))

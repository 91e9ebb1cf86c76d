"""Where the needles of a cell go, by the placement that its spec and family ask for."""

from fractions import Fraction

from haystack_gen.plan.placement import (
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


def places(setting: Setting, cell: Cell, count: int, stream: Stream) -> list[int]:
    """Where `count` needles of a cell go, sorted: their first frames in the finished clip.

    Raises:
        Obstacle: they do not fit.
    """
    rules, stay = setting.spec.placement, setting.spec.needles.length
    if stay > cell.length:
        raise Obstacle(
            f"the needle stays {stay} frames, the clip has {cell.length}; use longer clips (grid.lengths) or a shorter "
            "stay (needles.length)"
        )
    spread = setting.spec.families.spread_of(cell.task)
    if rules.length == "paper":
        return _paper_places(setting, cell, count, spread, stream)
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
    starts = _spread_places(setting, cell, count, spread)
    if too_close(starts, length=cell.length, needle_length=stay, gap=rules.gap):
        raise Obstacle(
            f"{count} needles of {stay} frames, {rules.gap} apart, do not fit into {cell.length} frames "
            f"({'placement.at' if spread == 'at' else 'spread: even'}); use longer clips, a smaller "
            "placement.gap, or fewer needles"
        )
    return starts


def some_places(setting: Setting, cell: Cell, count: int, most: int, stream: Stream) -> list[int]:
    """Where `count` needles go in an item that might have had up to `most`.

    Raises:
        Obstacle: `most` do not fit: whether `count` do, which the answer may depend on, is of no account.
    """
    every = places(setting, cell, most, stream.child("room"))
    paper = setting.spec.placement.length == "paper"  # whose positions depend on how many are inserted
    if paper or setting.spec.families.spread_of(cell.task) == "even":
        return places(setting, cell, count, stream) if count else []
    return sorted(stream.child("which").sample(every, count))


def _spread_places(setting: Setting, cell: Cell, count: int, spread: str) -> list[int]:
    stay, depths = setting.spec.needles.length, sorted(setting.spec.placement.at)
    if spread == "even":
        return even_starts(count, length=cell.length, needle_length=stay)
    if len(depths) != count:
        raise Obstacle(f"placement.at gives {len(depths)} depths, the item has {count} needles; give one for each")
    return [needle_start(depth, length=cell.length, needle_length=stay) for depth in depths]


def _paper_places(setting: Setting, cell: Cell, count: int, spread: str, stream: Stream) -> list[int]:
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

"""Where needles go: depth to frame and back, in one place."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from haystack_gen.plan.streams import Stream

_HALF = Fraction(1, 2)


class Place(NamedTuple):
    """Frames [start, start + length) for a needle, which came to begin `moved` frames later than it was to.

    Negative: earlier. `added` of its frames are more than it was to stay.
    """

    start: int
    length: int
    moved: int = 0
    added: int = 0


def needle_start(depth: Fraction, *, length: int, needle_length: int) -> int:
    """The first frame of a needle at `depth` of a clip of `length` frames: 0 is its first place, 1 its last.

    The nearest whole frame, halves upwards.
    """
    return (depth * (length - needle_length) + _HALF).__floor__()


def realised_depth(start: int, *, length: int, needle_length: int) -> Fraction:
    """Where a needle came to lie: start / (length - needle length), in [0, 1]; 0 when it fills the clip."""
    return Fraction(start, length - needle_length) if length > needle_length else Fraction(0)


def even_starts(count: int, *, length: int, needle_length: int) -> list[int]:
    """`count` needles at equal distances, the first at the clip's begin and the last at its end; one in the middle."""
    if count == 1:
        return [needle_start(_HALF, length=length, needle_length=needle_length)]
    depths = (Fraction(place, count - 1) for place in range(count))
    return [needle_start(depth, length=length, needle_length=needle_length) for depth in depths]


def band_starts(count: int, *, band: tuple[int, int], needle_length: int, gap: int, stream: Stream) -> list[int] | None:
    """`count` needles at random in frames [low, high), sorted, with at least `gap` frames between them.

    Every such arrangement is equally likely. None if there is none.
    """
    low, high = band
    slack = high - low - count * needle_length - (count - 1) * gap
    if slack < 0:
        return None
    # k of n + k places without replacement are k of n + 1 with replacement, in order (stars and bars)
    drawn = sorted(_distinct(slack + count, count, stream))
    return [low + place - index + index * (needle_length + gap) for index, place in enumerate(drawn)]


def depth_band(depth: Fraction, width: Fraction, *, length: int) -> tuple[int, int]:
    """The frames of a band of `width` of a clip whose own depth is `depth`: at 0 it begins, at 1 it ends the clip."""
    frames = max(1, (width * length + _HALF).__floor__())
    low = needle_start(depth, length=length, needle_length=frames)
    return low, low + frames


def too_close(starts: Sequence[int], *, length: int, needle_length: int, gap: int) -> bool:
    """Whether sorted needles overlap, lie nearer than `gap` frames, or leave the clip."""
    outside = bool(starts) and (starts[0] < 0 or starts[-1] + needle_length > length)
    return outside or any(later - earlier < needle_length + gap for earlier, later in pairwise(starts))


def paper_start(depth: Fraction, *, footage_length: int) -> int:
    """V-NIAH inserts before haystack frame int(depth * n) (LongVA `vision_niah/eval_vision_niah.py`), exactly."""
    return (depth * footage_length).__floor__()


def paper_even_starts(count: int, *, footage_length: int) -> list[int]:
    """V-RULER's counting and ordering insert after haystack frames linspace(0, n - 1, k), rounded down.

    In the finished clip of n + k frames the j-th needle comes to lie at that frame + 1 + j
    (`videorope_plus/v_ruler/eval/eval_v_ruler_counting.py` of the VideoRoPE repository).
    """
    steps = max(1, count - 1)
    return [place * (footage_length - 1) // steps + 1 + place for place in range(count)]


def paper_band_starts(
    count: int, depth: Fraction, width: Fraction, *, footage_length: int, stream: Stream
) -> list[int] | None:
    """V-RULER's multi-key multi-value inserts before random haystack frames of [int(d n), int((d + width) n)), sorted.

    Two may fall on one frame and then follow each other. The band ends with the footage, as upstream's last depth does
    (`eval_v_ruler_multi_key_multi_value.py`, which asks no depth beyond 1 - width). None if the band is empty.
    """
    low = (depth * footage_length).__floor__()
    high = min(footage_length, ((depth + width) * footage_length).__floor__())
    if high <= low:
        return None
    places = sorted(low + stream.below(high - low) for _ in range(count))
    return [place + index for index, place in enumerate(places)]


def _distinct(bound: int, count: int, stream: Stream) -> set[int]:
    """`count` different numbers below `bound`, every set equally likely (Floyd)."""
    chosen: set[int] = set()
    for top in range(bound - count, bound):
        drawn = stream.below(top + 1)
        chosen.add(top if drawn in chosen else drawn)
    return chosen

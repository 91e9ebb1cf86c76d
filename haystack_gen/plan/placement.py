"""Where the needle goes: depth to frame and back, in one place."""

from fractions import Fraction

_HALF = Fraction(1, 2)


def needle_start(depth: Fraction, *, length: int, needle_length: int) -> int:
    """The first frame of a needle at `depth` of a clip of `length` frames: 0 is its first place, 1 its last.

    The nearest whole frame, halves upwards.
    """
    return (depth * (length - needle_length) + _HALF).__floor__()


def realised_depth(start: int, *, length: int, needle_length: int) -> Fraction:
    """Where a needle came to lie: start / (length - needle length), in [0, 1]; 0 when it fills the clip."""
    return Fraction(start, length - needle_length) if length > needle_length else Fraction(0)


def paper_start(depth: Fraction, *, footage_length: int) -> int:
    """V-NIAH inserts before haystack frame int(depth * n) (LongVA `vision_niah/eval_vision_niah.py`), exactly."""
    return (depth * footage_length).__floor__()

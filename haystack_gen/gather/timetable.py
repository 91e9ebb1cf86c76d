"""When the frames of a film are shown: exact, from the presentation times of its packets. No decoding here."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """A film as a player shows it.

    `frames` counts what is shown: not what an edit list hides. Time 0 is the first shown frame; `duration_s` reaches to
    the end of the last. `rate` is the average, frames per second. `width` and `height` are as displayed, in square
    pixels and after `rotation`, the clockwise turn in degrees (0, 90, 180 or 270) that the file asks for.
    """

    frames: int
    rate: Fraction
    duration_s: Fraction
    width: int
    height: int
    codec: str
    pixel_format: str
    rotation: int
    variable_rate: bool
    keyframes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timetable:
    """When each frame of a film is shown, in ticks of `tick` seconds.

    `times` are the presentation times of all shown frames and `keys` those of the keyframes among them: int64,
    ascending, without repeats. `entries` are (presentation time, seek stamp) of every keyframe, hidden ones included.
    `proven[i]` is the index of the last frame shown among those decoded before frame i: damage to any of them may show
    in frame i, so that frame i is known to be whole once frame `proven[i]` is.
    `stamped` tells whether decoded frames carry these times; in files without presentation times (raw streams, AVI)
    the i-th decoded frame is the one shown at `times[i]`. If the frames follow one another evenly, `grid` is their
    rate: the i-th is shown at i / `grid` exactly, which `times` only approximates where ticks are coarse (Matroska).
    `pixel_shape` is the width of a stored pixel over its height.
    """

    facts: VideoFacts
    tick: Fraction
    times: Times
    keys: Times
    entries: Times
    proven: Times
    stamped: bool
    grid: Fraction | None
    pixel_shape: Fraction

    def shown_at(self, at_s: Fraction) -> int:
        """Index of the frame on screen at a presentation time: the last one not later."""
        if self.grid is not None:
            return min(at_s * self.grid // 1, len(self.times) - 1)
        return int(np.searchsorted(self.times, self.times[0] + at_s // self.tick, side="right")) - 1

    def nearest_key(self, at_s: Fraction) -> int:
        """Presentation time, in ticks, of the keyframe nearest to `at_s`; of two equally near, the earlier."""
        after = int(np.searchsorted(self.keys, self.times[0] + at_s // self.tick, side="right"))
        if after in (0, len(self.keys)):
            return int(self.keys[max(0, after - 1)])
        before, behind = int(self.keys[after - 1]), int(self.keys[after])
        exact = int(self.times[0]) + at_s / self.tick
        return before if exact - before <= behind - exact else behind

    def entry(self, time: int) -> int | None:
        """Where to seek so that the frame shown at `time` can be decoded; None for the start of the file."""
        before = np.flatnonzero(self.entries[:, 0] <= time)
        return int(self.entries[before[-1], 1]) if self.stamped and len(before) > 1 else None

    def seconds(self, time: int) -> float:
        """A presentation time in seconds since the first shown frame, for messages."""
        return float((time - int(self.times[0])) * self.tick)


def grid_of(times: Times, tick: Fraction, guesses: Iterable[Fraction | None]) -> Fraction | None:
    """The constant rate whose multiples, rounded to ticks, are `times`; None if there is none.

    The rates that the file announces are tried first, the one measured from first to last frame at the end: between
    rates that fit, the announced one is the cleaner number.
    """
    steps, span = len(times) - 1, int(times[-1] - times[0])
    measured = steps / (span * tick) if steps else None
    for rate in [*guesses, measured]:
        if rate and np.abs(times - times[0] - np.arange(steps + 1) * float(1 / (rate * tick))).max() <= 1.001:
            return rate
    return None


def duration_of(times: Times, tick: Fraction, *, last_s: Fraction, grid: Fraction | None, guess: Fraction) -> Fraction:
    """Seconds from the first frame to the end of the last, which itself is shown for `last_s` (0: unknown)."""
    if grid and (not last_s or abs(last_s - 1 / grid) <= tick):
        return len(times) / grid
    return int(times[-1] - times[0]) * tick + (last_s or 1 / guess)

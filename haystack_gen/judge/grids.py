"""Which frames libraries pick from a video: their arithmetic, down to its rounding. `samplers` has it by name.

Libraries often differ by a single frame, and a needle may be no longer: so numbers here are doubles where theirs are,
and 32-bit floats where torch's are. Settings have the libraries' names, but a number of frames is always `nframes`.
A formula raises an `InputError` for a video with which the library itself fails.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haystack_gen.errors import InputError

Indices = NDArray[np.int64]

_LANES = 8  # 32-bit floats that torch computes at once on x86-64: its AVX2 code, which AVX-512 processors run as well
_ONE_THREAD = 32_768  # numbers; torch shares longer ranges among its threads


@dataclass(frozen=True, slots=True)
class Extent:
    """What samplers go by: how many frames a video has, and how many a second.

    Raises:
        InputError: there are no frames, or the rate is not positive.
    """

    frames: int
    rate: Fraction

    def __post_init__(self) -> None:
        if self.frames < 1 or self.rate <= 0:
            raise InputError(f"expected a video of frames at a rate, got {self.frames} frames at {self.rate} a second")

    @property
    def fps(self) -> float:
        """The rate as PyAV, decord and OpenCV report it; torchcodec's exact scan may come one bit off 30000/1001."""
        return float(self.rate)

    @property
    def seconds(self) -> float:
        """The duration as libraries compute it."""
        return self.frames / self.fps

    def at(self, fps: Fraction) -> float:
        """How many frames `fps` makes, in the order in which libraries round."""
        return self.seconds * float(fps)


def torch_linspace(first: int, last: int, count: int) -> NDArray[np.float32]:
    """`torch.linspace(first, last, count)` of torch 2.13 on a processor that fuses multiplication and addition.

    The step is rounded to 32 bits; one half counts up from `first`, the other down from `last`; sums are rounded once.
    """
    if count == 1:
        return np.array([first], np.float32)
    low, high = float(np.float32(first)), float(np.float32(last))
    step, place = float(np.float32(high - low) / np.float32(count - 1)), np.arange(count)
    return np.where(place < count // 2, low + step * place, high - step * (count - 1 - place)).astype(np.float32)


def torch_arange(start: float, stop: float, step: float) -> NDArray[np.float32]:
    """`torch.arange(start, stop, step)` of floats, of torch 2.13 on x86-64.

    Numbers are computed eight at a time, as the first of the eight, rounded to 32 bits, plus multiples of the step; in
    pairs of eights, and those left over one by one. Computed by fours, which is the width of ARM's registers, 6 of 100
    grids would be rounded across an integer somewhere else.

    Raises:
        InputError: more than 32,768 numbers, whose eights depend on how many threads there are.
    """
    count = ceil((stop - start) / step)
    if count > _ONE_THREAD:
        raise InputError(f"would take {count} frames; known is only how torch takes up to {_ONE_THREAD}, ask for fewer")
    values = _fused(np.array([start]), step, np.arange(count))
    paired = count - count % (2 * _LANES)
    firsts = values[:paired:_LANES].astype(np.float32).astype(np.float64)
    values[:paired] = _fused(firsts[:, np.newaxis], step, np.arange(_LANES)).ravel()
    return values.astype(np.float32)


def _fused(start: NDArray[np.float64], step: float, times: Indices) -> NDArray[np.float64]:
    """`start` + `step` * `times`, up to 2**24 times, rounded once at the end, as one instruction does it."""
    coarse = float(np.float32(step))
    high, low = coarse * times, (step - coarse) * times  # exact: 24 and 29 bits, times 24
    total = start + high
    added = total - start
    return total + ((start - (total - added)) + (high - added) + low)  # Knuth: what the sum has lost


def linspace(video: Extent, *, nframes: int) -> Indices:
    """Evenly from the first to the last frame, rounded down; of a short video some frames several times."""
    return np.linspace(0, video.frames - 1, nframes, dtype=np.int64)


def each_second(video: Extent, *, fps: Fraction) -> Indices:
    """The frames shown at every 1 / fps-th second, exactly; at most every frame once."""
    step = max(video.rate / fps, Fraction(1))
    ticks = range(ceil(video.frames / step))
    return np.array([tick * step.numerator // step.denominator for tick in ticks], np.int64)


def llava_video(video: Extent, *, fps: Fraction, max_frames: int) -> Indices:
    """Every n-th frame, n being rate / fps, rounded; `linspace` if those are more than `max_frames`."""
    step = round(video.fps / float(fps))
    if not step:
        raise InputError(f"the library fails at rates up to half of {fps}, this is {video.rate}; ask for a smaller fps")
    every = np.arange(0, video.frames, step)
    return every if len(every) <= max_frames else linspace(video, nframes=max_frames)


def qwen_utils(video: Extent, *, fps: Fraction, min_frames: int, max_frames: int) -> Indices:
    """An even number of frames at about `fps`, from the first to the last, rounded to the nearest."""
    wanted = max(video.at(fps), ceil(min_frames / 2) * 2)
    return _qwen_spread(video, floor(min(wanted, max_frames // 2 * 2, video.frames) / 2) * 2)


def qwen_utils_count(video: Extent, *, nframes: int) -> Indices:
    """As `qwen_utils`, but for the even number next to `nframes`: 4 for 5, and 8 for 7."""
    return _qwen_spread(video, round(nframes / 2) * 2)


def _qwen_spread(video: Extent, count: int) -> Indices:
    return _whole(np.rint(torch_linspace(0, video.frames - 1, _possible(count, video, least=2))))


def qwen2(video: Extent, *, fps: Fraction, min_frames: int, max_frames: int, factor: int = 2) -> Indices:
    """A multiple of `factor` frames at about `fps`: of as many equal shares of the video, the first of each."""
    most = min(max_frames, video.frames) // factor * factor
    wanted = min(max(video.at(fps), min_frames), most, video.frames)
    return shares(video, nframes=floor(wanted / factor) * factor)


def qwen2_count(video: Extent, *, nframes: int) -> Indices:
    """As `qwen2`, but for the even number next to `nframes`: 4 for 5, and 8 for 7."""
    return shares(video, nframes=round(nframes / 2) * 2)


def videollama3(video: Extent, *, fps: Fraction, min_frames: int, max_frames: int) -> Indices:
    """As `qwen2`, but any number of frames."""
    return qwen2(video, fps=fps, min_frames=min_frames, max_frames=max_frames, factor=1)


def shares(video: Extent, *, nframes: int) -> Indices:
    """The first frame of each of `nframes` equal shares, by `torch.arange`: in 2 of 100 grids also the end itself."""
    return _whole(torch_arange(0, video.frames, video.frames / _possible(nframes, video)))


def shares_by_rate(video: Extent, *, fps: Fraction) -> Indices:
    """As `shares`, for `fps` frames per second."""
    return shares(video, nframes=int(video.at(fps)))


def shares_middle(video: Extent, *, nframes: int) -> Indices:
    """As `shares`, but the middle frame of each."""
    step = video.frames / _possible(nframes, video)
    return _whole(torch_arange(step / 2, video.frames, step))


def whole_shares(video: Extent, *, nframes: int) -> Indices:
    """The first frame of each of `nframes` equal shares, in whole numbers."""
    return np.arange(_possible(nframes, video)) * video.frames // nframes


def whole_shares_by_rate(video: Extent, *, fps: Fraction) -> Indices:
    """As `whole_shares`, for `fps` frames per second, and at least one frame."""
    return whole_shares(video, nframes=max(1, int(video.at(fps))))


def qwen3(video: Extent, *, fps: Fraction, min_frames: int, max_frames: int) -> Indices:
    """Evenly from the first to the last frame, rounded to the nearest, about `fps` per second."""
    return qwen3_count(video, nframes=min(max(int(video.at(fps)), min_frames), max_frames, video.frames))


def qwen3_count(video: Extent, *, nframes: int) -> Indices:
    """As `qwen3`, for a given number of frames; of a short video some frames several times."""
    return _whole(np.linspace(0, video.frames - 1, nframes).round())


def internvl(video: Extent, *, nframes: int) -> Indices:
    """About the middle of each of `nframes` equal shares of all frames but the last, up to 100,000 seconds."""
    share = min(round(100_000 * video.fps), video.frames - 1) / nframes
    return _whole(share / 2 + np.round(share * np.arange(nframes)))


def glm4v(video: Extent, *, fps: Fraction) -> Indices:
    """Times rounded up to frames, each once, the last twice if they are odd: at `fps`, but as of 300 s if longer."""
    wanted, count = float(fps), int(300 * float(fps))
    if video.seconds <= 300:
        picked = np.ceil(np.arange(max(floor(video.seconds * wanted), 1)) * video.fps / wanted)
    elif count >= video.frames:
        picked = np.arange(video.frames, dtype=np.float64)
    else:
        picked = np.ceil(np.linspace(0, video.seconds, count) * video.fps)
    found = np.unique(np.minimum(_whole(picked), video.frames - 1))
    return np.append(found, found[-1]) if len(found) % 2 else found


def smolvlm(video: Extent, *, fps: Fraction, max_frames: int) -> Indices:
    """Evenly, rounded down, each frame once; from a long video without its first and its last second."""
    first, last = 0, video.frames - 1
    if video.seconds - 2 > max_frames * float(fps):
        first, last = int(video.fps), min(int(video.frames - video.fps), last)
    if first >= last:
        first, last = 0, video.frames - 1
    count = max(1, min(round(float(fps) * video.seconds), max_frames))
    return np.unique(np.linspace(first, last, count, dtype=np.int64))


def molmo2(video: Extent, *, nframes: int, max_fps: Fraction) -> Indices:
    """As `shares`, but fewer if the rate is above `max_fps` and they would be too."""
    if video.fps > float(max_fps):
        nframes = min(nframes, int(video.at(max_fps)))
    return shares(video, nframes=max(1, min(nframes, video.frames)))


def between(video: Extent, *, nframes: int) -> Indices:
    """The inner borders of `nframes` + 1 equal shares: neither end of the video."""
    return _whole(np.arange(1, nframes + 1) * (video.frames / (nframes + 1)))


def spaced(video: Extent, *, fps: Fraction) -> Indices:
    """Every rate / fps frames from the first on, rounded down; none from a video that is too short for one."""
    return _whole(np.arange(int(video.at(fps))) * (video.fps / float(fps)))


def longvideobench(video: Extent, *, max_frames: int) -> Indices:
    """One frame a second, at most `max_frames`, a whole number of frames apart: what that leaves over is never seen."""
    seconds = float(video.frames / video.rate)  # the loader takes it from the manifest, which states this
    count = min(max_frames, int(seconds))
    return int(int(seconds * video.fps) / max(1, count)) * np.arange(count)


def _whole(values: NDArray[np.floating[Any]]) -> Indices:
    """Numbers from 0 on without their fractions."""
    return values.astype(np.int64)


def _possible(count: int, video: Extent, least: int = 1) -> int:
    """The count, if the library does not refuse to take that many."""
    if not least <= count <= video.frames:
        raise InputError(
            f"would take {count} of {video.frames} frames, which the library refuses: it takes {least} or more and no "
            "frame twice; ask for another number of frames, or take longer videos"
        )
    return count

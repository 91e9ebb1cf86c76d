"""What the scenes of a drawn film are made of: noise, gradients, ridges and windows onto larger textures.

Pictures are float32 of shape (3, height, width), values about 0 to 1 in display (sRGB) terms: with the channels first,
arithmetic with masks of shape (height, width) runs over long rows. Distances are in picture heights, so that a film
looks alike at any size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import shake_128

import cv2
import numpy as np
import numpy.typing as npt

from haystack_gen.plan.streams import Stream

Array = npt.NDArray[np.float32]
View = Callable[[float], Array]
TILE = 512
_PROFILE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The picture to fill, `width` x `height` pixels, and the draws of the shot that fills it."""

    width: int
    height: int
    stream: Stream

    @property
    def across(self) -> Array:
        """(1, width): distance from the left edge."""
        return np.asarray((np.arange(self.width) + 0.5) / self.height, np.float32)[None, :]

    @property
    def down(self) -> Array:
        """(height, 1): 0 at the top, 1 at the bottom."""
        return np.asarray((np.arange(self.height) + 0.5) / self.height, np.float32)[:, None]

    @property
    def aspect(self) -> float:
        return self.width / self.height


def color(code: str) -> Array:
    """The colour of a hexadecimal code such as "ff8800", of shape (3, 1, 1)."""
    return np.array([int(code[place : place + 2], 16) / 255 for place in (0, 2, 4)], np.float32)[:, None, None]


def white_noise(stream: Stream, *shape: int) -> Array:
    """Uniform values in [0, 1), 256 steps; one draw of the stream, stretched by SHAKE-128."""
    drawn = np.frombuffer(_bytes(stream, math.prod(shape)), np.uint8)
    return np.asarray(drawn / np.float32(256), np.float32).reshape(shape)


def specks(stream: Stream, count: int, *, spread: float) -> Array:
    """(TILE, TILE) black with `count` soft dots, about 1 at their middle and `spread` pixels wide."""
    places = np.frombuffer(_bytes(stream, 4 * count), np.uint16) % TILE
    dots = np.zeros((TILE, TILE), np.float32)
    dots[places[::2], places[1::2]] = 1 + 6 * spread**2
    return np.asarray(np.clip(cv2.GaussianBlur(dots, (0, 0), spread), 0, 1), np.float32)


def _bytes(stream: Stream, count: int) -> bytes:
    return shake_128(stream.word().to_bytes(8, "big")).digest(count)


def cloud_noise(stream: Stream, *, cells: tuple[int, int], octaves: int = 4, fade: float = 0.5) -> Array:
    """(TILE, TILE) fractal noise in [0, 1] that repeats without a seam.

    `cells` (across, down), powers of two, are those of the coarsest octave; each further one doubles them.
    """
    total, weight = np.zeros((TILE, TILE), np.float32), 1.0
    for octave in range(octaves):
        wide, tall = cells[0] << octave, cells[1] << octave
        lattice = np.pad(white_noise(stream, tall, wide), 2, mode="wrap")
        # A margin of two cells all round, cut off again, makes the interpolation continue over the seam.
        step_x, step_y = TILE // wide, TILE // tall
        kind = cv2.INTER_CUBIC if octave < 3 else cv2.INTER_LINEAR  # the eye cannot tell in fine octaves
        enlarged = cv2.resize(lattice, ((wide + 4) * step_x, (tall + 4) * step_y), interpolation=kind)
        total += weight * enlarged[2 * step_y : 2 * step_y + TILE, 2 * step_x : 2 * step_x + TILE]
        weight *= fade
    return _stretched(total)


def _stretched(values: Array) -> Array:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low)


def window(stage: Stage, texture: Array, *, left: float = 0, top: float = 0, zoom: float = 1, turn: float = 0) -> Array:
    """What a camera sees of an endless repetition of `texture`: `left`, `top` in picture heights, `turn` in radians."""
    scale = TILE / stage.height / 2 / zoom
    cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
    middle_x, middle_y = stage.width / 2, stage.height / 2
    x = left * TILE / 2 + TILE / 2 - cos * middle_x + sin * middle_y
    y = top * TILE / 2 + TILE / 2 - sin * middle_x - cos * middle_y
    matrix = np.array([[cos, -sin, x % TILE], [sin, cos, y % TILE]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (stage.width, stage.height)
    return np.asarray(cv2.warpAffine(texture, matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP), np.float32)


def ramp(values: Array, stops: list[tuple[float, Array]]) -> Array:
    """Colours by value, (3, *shape of the values): between stops (value, colour) they blend."""
    places = [place for place, _ in stops]
    channels = [np.interp(values, places, [tint.flat[channel] for _, tint in stops]) for channel in range(3)]
    return np.stack(channels).astype(np.float32)


def smooth(values: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, an S between."""
    part = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def mix(one: Array, other: Array, share: Array | float) -> Array:
    """`one` where `share` is 0, `other` where it is 1."""
    return np.asarray(one + (other - one) * share, np.float32)


def profile(stream: Stream, *, cells: int, octaves: int = 5, fade: float = 0.5) -> Array:
    """A ridge: 2,048 heights in [0, 1] that repeat without a seam, `cells` hills to a repeat."""
    total = np.zeros(_PROFILE, np.float32)
    places = np.arange(_PROFILE, dtype=np.float32) / _PROFILE
    for octave in range(octaves):
        count = cells << octave
        heights = np.append(white_noise(stream, count), 0)
        heights[-1] = heights[0]
        at = places * count
        left = at.astype(np.int32)
        part = at - left
        part = part * part * (3 - 2 * part)
        total += (heights[left] * (1 - part) + heights[left + 1] * part) * fade**octave
    return _stretched(total)


def along(stage: Stage, heights: Array, *, left: float, stretch: float = 4.0) -> Array:
    """(1, width) heights of a repeating ridge seen from `left`; one repeat is `stretch` picture heights long."""
    at = (stage.across + left) / stretch * len(heights) % len(heights)
    whole = at.astype(np.int32)
    part = at - whole
    return np.asarray(
        heights[whole % len(heights)] * (1 - part) + heights[(whole + 1) % len(heights)] * part, np.float32
    )


def cover(stage: Stage, picture: Array, tint: Array, line: Array | float) -> None:
    """Paint what lies under a line of heights from the top, in place; the edge is softened over a pixel."""
    first = max(0, math.floor(float(np.min(line)) * stage.height) - 1)
    share = np.clip((stage.down[first:] - line) * stage.height + 0.5, 0, 1)
    part = picture[:, first:]
    part += ((tint[:, first:] if tint.shape[1] > 1 else tint) - part) * share


def warped(texture: Array, x: Array, y: Array) -> Array:
    """The texture, repeated endlessly, at pixel positions of its own."""
    x, y = x - np.floor(x * (1 / TILE)) * TILE, y - np.floor(y * (1 / TILE)) * TILE
    return np.asarray(cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)

"""Films in which every frame carries its number, and the reading of that number from any picture of it.

The number is written as 8 x 4 black or white cells on the middle half of the picture (a quarter of its area), so that
it survives lossy encoding, scaling down to 64 x 36, letterboxing, and crops that keep the middle half. The rest is a
coloured texture that moves, so that a codec has something to do:

    +----------------------------+
    |  texture                   |     cells, row by row:  1 0 1 0   fixed marks
    |      +--------------+      |                         20 bits   the number, highest first
    |      | 8 x 4 cells  |      |                          8 bits   its checksum
    |      +--------------+      |
    |                            |
    +----------------------------+

Smallest size written and read: 64 x 36. Largest number: 2 ** 20 - 1.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from hashlib import shake_128
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
from PIL import Image

NUMBERS = 1 << 20
SMALLEST = (64, 36)
COLUMNS, ROWS = 8, 4
_MARKS = (1, 0, 1, 0)
PTS_TICK = Fraction(1, 90_000)


class UnreadableError(ValueError):
    """The picture does not show a whole, unambiguous number."""


def _cells(number: int) -> np.ndarray:
    checksum = (number * 197 + (number >> 8) * 31 + 57) % 251
    bits = [number >> shift & 1 for shift in reversed(range(20))] + [checksum >> shift & 1 for shift in range(8)]
    return np.array([*_MARKS, *bits], dtype=np.uint8).reshape(ROWS, COLUMNS)


def _edges(length: int, cells: int) -> list[int]:
    """Where the cells of the middle half begin and end along a side of `length` pixels."""
    return [round(length * (0.25 + 0.5 * cell / cells)) for cell in range(cells + 1)]


@lru_cache(maxsize=8)
def _texture(size: tuple[int, int]) -> np.ndarray:
    noise = np.frombuffer(shake_128(b"texture").digest(9 * 16 * 3), np.uint8).reshape(9, 16, 3)
    return np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC))


def draw_number(number: int, size: tuple[int, int]) -> np.ndarray:
    """The picture of `number`: uint8 RGB of shape (height, width, 3) for `size` (width, height)."""
    if not 0 <= number < NUMBERS:
        raise ValueError(f"number {number} is not in [0, {NUMBERS})")
    if size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
        raise ValueError(f"size {size} is smaller than {SMALLEST}")
    width, height = size
    picture = np.roll(_texture(size), (number * 3 % height, number * 5 % width), axis=(0, 1))
    across, down = np.diff(_edges(width, COLUMNS)), np.diff(_edges(height, ROWS))
    code = (_cells(number) * 255).repeat(down, axis=0).repeat(across, axis=1)
    left, top = _edges(width, COLUMNS)[0], _edges(height, ROWS)[0]
    picture[top : top + code.shape[0], left : left + code.shape[1]] = code[..., None]
    return picture


def read_number(rgb: np.ndarray, box: tuple[int, int, int, int] | None = None) -> int:
    """The number shown in `rgb` (height, width, 3).

    `box` is (left, top, width, height) of the whole film picture within `rgb`, by default all of it. It may reach
    beyond the array (a crop) as long as the middle half of the film picture does not.

    Raises:
        UnreadableError: a cell is neither black nor white or lies outside, or marks or checksum do not hold.
    """
    left, top, width, height = box or (0, 0, rgb.shape[1], rgb.shape[0])
    grey = rgb.astype(np.float32).mean(axis=2)
    levels = np.empty((ROWS, COLUMNS))
    across, down = _edges(width, COLUMNS), _edges(height, ROWS)
    for row in range(ROWS):
        for column in range(COLUMNS):
            ys, xs = _core(down, row, top), _core(across, column, left)
            cell = grey[ys, xs]
            if ys.start < 0 or xs.start < 0 or ys.stop > rgb.shape[0] or xs.stop > rgb.shape[1] or not cell.size:
                raise UnreadableError(f"cell ({row}, {column}) lies outside the picture of shape {rgb.shape}")
            levels[row, column] = cell.mean()
    if np.any((levels > 96) & (levels < 160)):
        raise UnreadableError(f"a cell is neither black nor white: {levels.round().astype(int).tolist()}")
    bits = (levels > 128).astype(int).ravel()
    number = int("".join(map(str, bits[4:24])), 2)
    if not np.array_equal(_cells(number).ravel(), bits):
        raise UnreadableError(f"marks or checksum do not hold: {bits.tolist()}")
    return number


def _core(edges: Sequence[int], cell: int, offset: int) -> slice:
    """The inner pixels of one cell: its borders are blurred by scaling."""
    start, stop = edges[cell] + offset, edges[cell + 1] + offset
    margin = max(1, (stop - start) // 4) if stop - start >= 3 else 0
    return slice(start + margin, stop - margin)


def read_numbers(pictures: Iterable[np.ndarray], box: tuple[int, int, int, int] | None = None) -> list[int]:
    return [read_number(picture, box) for picture in pictures]


def write_counter(
    path: Path,
    *,
    frames: int,
    rate: Fraction = Fraction(30),
    size: tuple[int, int] = (128, 72),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    options: Mapping[str, str] | None = None,
    pts: Sequence[int] | None = None,
    first: int = 0,
    rotation: int = 0,
    sar: Fraction | None = None,
    **stream_settings: Any,
) -> Path:
    """Write `frames` frames numbered from `first`; the container follows from the suffix of `path`.

    `pts` are presentation times in ticks of 1/90,000 s (variable rate, start offset); by default frame i is shown at
    i / `rate`. `rotation` is the clockwise turn, in degrees, that a player must make to show the number upright; `size`
    is that of the picture as stored. `sar` is the shape of a stored pixel. `options` go to the encoder;
    `stream_settings` are set on the stream (colour tags and so on).
    """
    written = path if not rotation else path.with_name(f"unturned-{path.name}")
    shown = size if rotation % 180 == 0 else size[::-1]
    with av.open(str(written), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = PTS_TICK if pts is not None else 1 / rate
        stream.codec_context.gop_size = gop
        stream.codec_context.options = dict(options if options is not None else _OPTIONS.get(codec, {}))
        if sar is not None:
            stream.sample_aspect_ratio = sar
        for name, value in stream_settings.items():
            setattr(stream.codec_context, name, value)
        for index in range(frames):
            picture = np.rot90(draw_number(first + index, shown), rotation // 90)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = pts[index] if pts is not None else index
            frame.time_base = PTS_TICK if pts is not None else 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if rotation:
        ffmpeg("-display_rotation", str(-rotation), "-i", str(written), "-c", "copy", str(path))
        written.unlink()
    return path


_OPTIONS = {
    "libx264": {"preset": "ultrafast", "crf": "16"},
    "libx265": {"preset": "ultrafast", "crf": "16", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"},
    "mpeg4": {"qscale": "3", "flags": "+qscale", "global_quality": "354"},
}


def ffmpeg(*arguments: str) -> None:
    """Run the ffmpeg program, for what PyAV cannot write."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ffmpeg {' '.join(arguments)}: {done.stderr}")

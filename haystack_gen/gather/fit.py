"""How a picture of one shape fills a frame of another: pure geometry, shared by film and still."""

from dataclasses import dataclass
from typing import Literal

Fit = Literal["letterbox", "crop", "stretch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Cut the source to `crop`, scale it to `scaled`, and put it at `offset` on a black canvas of `size`.

    All are pixels: `crop` is (left, top, width, height), `scaled` and `size` (width, height), `offset` (x, y).
    `scaled` and `offset` are even, so that the same numbers serve chroma planes of half the size.
    """

    crop: tuple[int, int, int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]


def place(source: tuple[int, int], size: tuple[int, int], fit: Fit) -> Placement:
    """Where a picture of `source` (width, height) pixels goes on a canvas of `size` (both even)."""
    (source_width, source_height), (width, height) = source, size
    whole = (0, 0, source_width, source_height)
    if fit == "stretch":
        return Placement(crop=whole, scaled=size, offset=(0, 0), size=size)
    wider = source_width * height > source_height * width
    if fit == "crop":
        crop_width = max(1, source_height * width // height) if wider else source_width
        crop_height = source_height if wider else max(1, source_width * height // width)
        crop = ((source_width - crop_width) // 2, (source_height - crop_height) // 2, crop_width, crop_height)
        return Placement(crop=crop, scaled=size, offset=(0, 0), size=size)
    scaled_width = width if wider else _even(source_width * height / source_height, width)
    scaled_height = _even(source_height * width / source_width, height) if wider else height
    offset = ((width - scaled_width) // 4 * 2, (height - scaled_height) // 4 * 2)
    return Placement(crop=whole, scaled=(scaled_width, scaled_height), offset=offset, size=size)


def _even(length: float, largest: int) -> int:
    return min(largest, max(2, round(length / 2) * 2))

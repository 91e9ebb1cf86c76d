"""Brushes for layered-paper pictures: one light from the upper left, soft shadows, shaded shapes.

A `Pen` paints on a Pillow image in units of its own, y upwards. Edges are hard; the caller paints larger than needed
and scales down, which smooths everything at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, floor, hypot, pi, sin

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from haystack_gen.draw.shapes import Point, oval

Color = tuple[int, int, int]
SUNLIT: Color = (255, 250, 236)
SHADED: Color = (34, 24, 70)
SHRINK = 8  # shadows are blurred on a canvas this many times smaller, and enlarged

# Lightness over a shape's bounding box, rows from the top: above 0 towards sunlight, below towards shade.
_FORMS: dict[str, tuple[tuple[float, ...], ...]] = {
    "ground": ((0.10,), (-0.06,)),
    "plane": ((0.14, 0.04), (0.0, -0.14)),
    "tube": ((0.02, 0.20, 0.10, -0.06, -0.26),),
    "soft": ((0.10, 0.06), (0.04, -0.02), (-0.06, -0.14)),
    "ball": (
        (0.16, 0.24, 0.14, -0.04),
        (0.24, 0.36, 0.12, -0.12),
        (0.10, 0.12, 0.00, -0.22),
        (-0.08, -0.12, -0.24, -0.36),
    ),
}


def mix(color: Color, other: Color, part: float) -> Color:
    """`color` with `part` in [0, 1] of `other`."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(color, other, strict=True))
    return red, green, blue


def lit(color: Color, lightness: float) -> Color:
    """`color` in sunlight (`lightness` up to 1) or shade (down to -1)."""
    return mix(color, SUNLIT, lightness) if lightness >= 0 else mix(color, SHADED, -lightness)


@lru_cache(maxsize=64)
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=pixels)


@dataclass(frozen=True, slots=True)
class Pen:
    """Paints on `image`: the point (x, y) lands on `origin` + `scale` times it, turned and perhaps mirrored.

    `origin` is in pixels from the upper left, `scale` in pixels per unit, `turn` in degrees counter-clockwise.
    """

    image: Image.Image
    origin: Point
    scale: float
    turn: float = 0.0
    flip: bool = False

    def at(self, x: float, y: float, *, scale: float = 1.0, turn: float = 0.0, flip: bool = False) -> "Pen":
        """A pen whose origin is (x, y) of this one."""
        turned = self.turn + (-turn if self.flip else turn)
        return Pen(self.image, self.pixel((x, y)), self.scale * scale, turned, self.flip != flip)

    def pixel(self, point: Point) -> Point:
        """Where a point lands on the image."""
        x, y = (-point[0] if self.flip else point[0]), point[1]
        angle = self.turn * pi / 180
        across, up = x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)
        return self.origin[0] + self.scale * across, self.origin[1] - self.scale * up

    def fill(
        self,
        outline: Sequence[Point],
        color: Color,
        *,
        form: str = "plane",
        alpha: float = 1.0,
        within: Sequence[Point] = (),
    ) -> None:
        """Fill an outline, shaded as a plane, tube, ball or flat; only where it lies `within` another, if given."""
        spots = [self.pixel(point) for point in outline]
        whole = _bounds(spots)
        seen = _overlap(whole, (0, 0, *self.image.size))
        if seen is None:
            return
        if form == "flat" and alpha == 1 and not within:  # same as below, much faster
            ImageDraw.Draw(self.image).polygon(spots, fill=color)
            return
        mask = _mask(spots, seen)
        if within:
            mask = ImageChops.multiply(mask, _mask([self.pixel(point) for point in within], seen))
        tile = color if form == "flat" else _shading(color, form, whole, seen)
        self._lay(tile, mask, seen, alpha)

    def line(self, points: Sequence[Point], width: float, color: Color, *, alpha: float = 1.0) -> None:
        """A stroke with round ends, `width` units wide."""
        spots = [self.pixel(point) for point in points]
        pixels = max(1.0, width * self.scale)
        left, top, right, bottom = _bounds(spots)
        margin = ceil(pixels / 2) + 1
        seen = _overlap((left - margin, top - margin, right + margin, bottom + margin), (0, 0, *self.image.size))
        if seen is None:
            return
        mask = Image.new("L", (seen[2] - seen[0], seen[3] - seen[1]))
        draw = ImageDraw.Draw(mask)
        shifted = [(x - seen[0], y - seen[1]) for x, y in spots]
        draw.line(shifted, fill=255, width=round(pixels), joint="curve")
        for x, y in (shifted[0], shifted[-1]):
            draw.ellipse((x - pixels / 2, y - pixels / 2, x + pixels / 2, y + pixels / 2), fill=255)
        self._lay(color, mask, seen, alpha)

    def glow(self, x: float, y: float, radius: float, color: Color, *, alpha: float = 1.0) -> None:
        """Light that fades from (x, y) to nothing at `radius`; on opaque ground only."""
        left, top, right, bottom = whole = _bounds([self.pixel(point) for point in oval(x, y, radius)])
        seen = _overlap(whole, (0, 0, *self.image.size))
        if seen is None:
            return
        mask = fade().resize((right - left, bottom - top), Image.Resampling.BILINEAR)
        mask = mask.crop((seen[0] - left, seen[1] - top, seen[2] - left, seen[3] - top))
        self._lay(color, mask, seen, alpha)

    def shadow(self, outline: Sequence[Point], *, blur: float, alpha: float, color: Color = SHADED) -> None:
        """A soft shadow in the shape of `outline`, its edge about `blur` units wide; on opaque ground only."""
        spots = [self.pixel(point) for point in outline]
        margin = ceil(3 * blur * self.scale)
        left, top, right, bottom = _bounds(spots)
        seen = _overlap((left - margin, top - margin, right + margin, bottom + margin), (0, 0, *self.image.size))
        if seen is None:
            return
        size = (max(1, (seen[2] - seen[0]) // SHRINK), max(1, (seen[3] - seen[1]) // SHRINK))
        mask = Image.new("L", size)
        small = [((x - seen[0]) / SHRINK, (y - seen[1]) / SHRINK) for x, y in spots]
        ImageDraw.Draw(mask).polygon(small, fill=255)
        mask = mask.filter(ImageFilter.GaussianBlur(blur * self.scale / SHRINK))
        mask = mask.resize((seen[2] - seen[0], seen[3] - seen[1]), Image.Resampling.BILINEAR)
        self._lay(color, mask, seen, alpha)

    def wash(self, bottom: float, top: float, colors: Sequence[Color]) -> None:
        """A band across the whole image that blends through two or more `colors` from `top` down to `bottom`."""
        first, last = round(self.pixel((0, top))[1]), round(self.pixel((0, bottom))[1])
        tile = Image.new("RGB", (1, len(colors)))
        tile.putdata(colors)
        box = (0, 0.5, 1, len(colors) - 0.5)
        column = tile.resize((1, max(1, last - first)), Image.Resampling.BICUBIC, box=box)
        self.image.paste(column.resize((self.image.width, column.height), Image.Resampling.NEAREST), (0, first))

    def text(self, x: float, y: float, word: str, *, height: float, width: float, color: Color) -> None:
        """`word` centered on (x, y), `height` units tall or smaller where it would be wider than `width` units."""
        pixels = max(4, round(height * self.scale))
        length = _font(pixels).getlength(word)
        if length > width * self.scale:
            pixels = max(4, floor(pixels * width * self.scale / length))
        draw = ImageDraw.Draw(self.image)
        stroke = max(0, round(pixels / 40))
        draw.text(self.pixel((x, y)), word, font=_font(pixels), fill=color, anchor="mm", stroke_width=stroke)

    def _lay(self, tile: Image.Image | Color, mask: Image.Image, seen: tuple[int, int, int, int], alpha: float) -> None:
        sheet = Image.new("RGB", mask.size, tile) if isinstance(tile, tuple) else tile
        if alpha < 1:
            mask = mask.point([round(level * alpha) for level in range(256)])
        if alpha < 1 and self.image.mode == "RGBA":  # pasting would blend with the transparent black below
            sheet.putalpha(mask)
            self.image.alpha_composite(sheet, dest=seen[:2])
        else:
            self.image.paste(sheet, seen, mask)


def _bounds(spots: Sequence[Point]) -> tuple[int, int, int, int]:
    columns, rows = [x for x, _ in spots], [y for _, y in spots]
    return floor(min(columns)), floor(min(rows)), ceil(max(columns)) + 1, ceil(max(rows)) + 1


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _mask(spots: Sequence[Point], seen: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", (seen[2] - seen[0], seen[3] - seen[1]))
    ImageDraw.Draw(mask).polygon([(x - seen[0], y - seen[1]) for x, y in spots], fill=255)
    return mask


def _shading(color: Color, form: str, whole: tuple[int, int, int, int], seen: tuple[int, int, int, int]) -> Image.Image:
    rows = _FORMS[form]
    size = (seen[2] - seen[0], seen[3] - seen[1])
    tile = Image.new("RGB", (len(rows[0]), len(rows)))
    tile.putdata([lit(color, lightness) for row in rows for lightness in row])
    # The source box runs from the middle of the first pixel to that of the last, cut to what is seen of the shape.
    wide, tall = whole[2] - whole[0], whole[3] - whole[1]
    across, down = (tile.width - 1) / wide, (tile.height - 1) / tall
    left, top = 0.5 + (seen[0] - whole[0]) * across, 0.5 + (seen[1] - whole[1]) * down
    right, bottom = 0.5 + (seen[2] - whole[0]) * across, 0.5 + (seen[3] - whole[1]) * down
    if tile.height == 1:
        top, bottom = 0.0, 1.0
    if tile.width == 1:
        left, right = 0.0, 1.0
    # A gradient along one side alone is blended as a line, and the line repeated: eight times faster.
    line = (size[0] if tile.width > 1 else 1, size[1] if tile.height > 1 else 1)
    blended = tile.resize(line, Image.Resampling.BICUBIC, box=(left, top, right, bottom))
    return blended if line == size else blended.resize(size, Image.Resampling.NEAREST)


@lru_cache(maxsize=1)
def fade() -> Image.Image:
    """A small round mask, full in the middle and nothing at its rim."""
    side = 64
    tile = Image.new("L", (side, side))
    middle = (side - 1) / 2
    levels = [max(0.0, 1 - hypot(x - middle, y - middle) / middle) for y in range(side) for x in range(side)]
    tile.putdata([round(255 * level * level * (3 - 2 * level)) for level in levels])
    return tile

"""What light does to a finished cut-out and to the whole picture: rounded edges, shadows, a vignette."""

from functools import lru_cache

from PIL import Image, ImageChops, ImageFilter

from haystack_gen.draw.paint import SHADED, SHRINK, SUNLIT, Color, fade


def emboss(sheet: Image.Image, depth: float) -> None:
    """Round the edges of what is painted on a transparent sheet: lit from the upper left, over `depth` pixels."""
    opaque = sheet.getchannel("A")
    small = opaque.resize((max(1, sheet.width // 4), max(1, sheet.height // 4)), Image.Resampling.BOX)
    step = max(1, round(depth / 4))
    for shift, color, alpha in ((-step, SHADED, 0.34), (step, SUNLIT, 0.4)):
        edge = ImageChops.subtract(small, ImageChops.offset(small, shift, shift))
        edge = edge.filter(ImageFilter.GaussianBlur(step * 0.7)).point([round(level * alpha) for level in range(256)])
        mask = ImageChops.darker(edge.resize(sheet.size, Image.Resampling.BILINEAR), opaque)
        sheet.paste((*color, 255), (0, 0), mask)


def cast(
    image: Image.Image,
    sheet: Image.Image,
    corner: tuple[int, int],
    *,
    blur: float,
    shift: float,
    color: Color,
    alpha: float,
) -> None:
    """Lay the soft shadow, or with a pale color the halo, of a transparent sheet on an image; lengths in pixels."""
    margin = round(3 * blur)
    size = (sheet.width + 2 * margin, sheet.height + 2 * margin)
    small = sheet.getchannel("A").reduce(SHRINK)
    mask = Image.new("L", (size[0] // SHRINK, size[1] // SHRINK))
    mask.paste(small, (margin // SHRINK, margin // SHRINK))
    mask = mask.filter(ImageFilter.GaussianBlur(blur / SHRINK)).point([round(level * alpha) for level in range(256)])
    where = (corner[0] - margin + round(shift), corner[1] - margin + round(shift))
    image.paste(color, where, mask.resize(size, Image.Resampling.BILINEAR))


@lru_cache(maxsize=1)
def vignette() -> Image.Image:
    """A small mask that darkens the corners a little."""
    # Cut so that only the corners lie near the rim of the fade.
    return fade().crop((8, 8, 56, 56)).point([round(60 * (1 - level / 255) ** 6) for level in range(256)])

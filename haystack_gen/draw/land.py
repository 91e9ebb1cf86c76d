"""The parts that landscapes share: layers of paper, ridges, clouds, the sun."""

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import Outline, curve, moved, oval
from haystack_gen.plan.streams import Stream

_SUN: Color = (255, 240, 190)


def layer(pen: Pen, outline: Outline, color: Color, *, form: str = "ground") -> None:
    """A sheet of paper that casts a soft shadow on what lies behind it."""
    # Only the rim of a shadow shows, so that of a hill need not reach down to the foot of the picture.
    rim = min((y for _, y in outline if y > 0), default=0.0) - 8
    pen.shadow([(x + 0.6, max(y, rim) + 0.4) for x, y in outline], blur=1.6, alpha=0.34)
    pen.fill(outline, color, form=form)


def ridge(stream: Stream, wide: float, *, base: float, rise: float, knots: int = 5) -> Outline:
    """Rolling ground from edge to edge whose crest wanders between `base` and `base + rise`."""
    step = wide / (knots - 1)
    crest = [(index * step, base + rise * stream.unit()) for index in range(-1, knots + 1)]
    return [(-step, -5), *curve(crest, closed=False), (wide + step, -5)]


def peaks(stream: Stream, wide: float, *, base: float, rise: float, knots: int) -> Outline:
    """Jagged ground from edge to edge: valleys at about `base`, peaks up to `base + rise`."""
    step = wide / knots
    crest: Outline = []
    for index in range(-1, knots + 2):
        height = rise * stream.between(0.55, 1.0) if index % 2 else rise * stream.between(0.0, 0.22)
        crest.append((index * step + stream.between(-0.2, 0.2) * step, base + height))
    return [(-2 * step, -5), *crest, (wide + 2 * step, -5)]


def cloud(pen: Pen, x: float, y: float, size: float, color: Color) -> None:
    """A flat-bottomed heap of puffs, `size` units across."""
    puffs = ((-0.36, 0.04, 0.14), (-0.16, 0.13, 0.20), (0.10, 0.17, 0.24), (0.34, 0.06, 0.16))
    base = oval(x, y, size * 0.5, size * 0.09)
    pen.shadow(moved(base, (1, -1.5)), blur=2.0, alpha=0.16)
    for across, up, radius in puffs:
        pen.fill(oval(x + across * size, y + up * size, radius * size), color, form="soft")
    pen.fill(base, lit(color, -0.02))


def clouds(pen: Pen, stream: Stream, wide: float, *, count: int, color: Color) -> None:
    """Clouds spread over the upper sky, one to each stretch of it."""
    for index in range(count):
        x = wide * (index + stream.between(0.15, 0.85)) / count
        cloud(pen, x, stream.between(66, 90), stream.between(20, 34), color)


def sun(pen: Pen, x: float, y: float, radius: float, *, color: Color = _SUN) -> None:
    """A disc in a wide glow."""
    pen.glow(x, y, radius * 5, color, alpha=0.75)
    pen.glow(x, y, radius * 2.2, lit(color, 0.5), alpha=0.8)
    pen.fill(oval(x, y, radius), lit(color, 0.6), form="flat")

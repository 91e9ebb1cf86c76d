"""Music, cake and presents; see `objects_air` for the conventions."""

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import Outline, arc, box, curve, oval

_SPONGE: Color = (240, 212, 160)
_WHITE: Color = (250, 248, 242)
_WOOD: Color = (154, 102, 60)
_BRASS: Color = (222, 182, 96)
_PLATE: Color = (224, 228, 236)


def birthday_cake(pen: Pen, color: Color) -> None:
    """Two tiers of sponge under colored icing, with candles."""
    pen.fill(oval(0, 4, 52, 5), _PLATE)
    for left, bottom, right, top in ((-42, 4, 42, 38), (-28, 38, 28, 66)):
        pen.fill(box(left, bottom, right, top, radius=3), _SPONGE, form="tube")
        pen.fill(box(left, bottom + 5, right, bottom + 8), _WHITE, form="tube")
        drips: Outline = [(left - 1, top + 2), (right + 1, top + 2)]
        count = 5 if top > 50 else 7
        wide = (right - left + 2) / count
        for step in range(count):
            x = right + 1 - wide * (step + 0.5)
            fall = 14 if step % 2 else 9
            drips += [(x + wide / 2, top - fall + 6), *arc((x, top - fall), (wide / 2, 6), start=0, end=-180)]
        pen.fill(drips, color, form="tube")
        pen.fill(oval(0, top + 1.5, (right - left) / 2 + 1, 4.5), lit(color, 0.2))
        for step in range(count):
            x = left + (step + 0.5) * (right - left) / count
            pen.fill(oval(x, bottom + 1.5, 3.2, 2.6), lit(color, 0.12), form="ball")
    for x in (-16, 0, 16):
        pen.fill(box(x - 2.2, 66, x + 2.2, 86), _WHITE, form="tube")
        for y in (70, 76, 82):
            pen.line([(x - 2, y - 1.5), (x + 2, y + 1.5)], 1.2, lit(color, 0.05))
        pen.fill(curve([(x - 2.8, 90), (x, 100), (x + 2.8, 90), (x, 86.5)]), (255, 186, 66))
        pen.fill(oval(x, 90, 1.4, 2.4), (255, 244, 190), form="flat")


def gift_box(pen: Pen, color: Color) -> None:
    """A wrapped box with a pale ribbon and bow."""
    pen.fill(box(-38, 0, 38, 54, radius=2), color)
    pen.fill(box(-8, 0, 8, 54), _WHITE)
    pen.fill(box(-38, 48, 38, 54), lit(color, -0.35), form="flat")
    pen.fill(box(-44, 52, 44, 72, radius=3), lit(color, 0.1))
    pen.fill(box(-8, 52, 8, 72), _WHITE)
    for side in (-1, 1):
        pen.fill(curve([(0, 72), (side * 12, 92), (side * 30, 94), (side * 30, 80), (side * 12, 72)]), _WHITE)
        pen.fill(
            curve([(side * 6, 76), (side * 14, 87), (side * 24, 88), (side * 23, 82), (side * 12, 77)]),
            lit(_WHITE, -0.3),
        )
    pen.fill(box(-6, 70, 6, 80, radius=4), lit(_WHITE, -0.08), form="ball")


def drum(pen: Pen, color: Color) -> None:
    """A snare drum with two sticks on top."""
    shell = [(-42, 60), *arc((0, 14), (42, 12), start=180, end=360), (42, 60)]
    pen.fill(shell, color, form="tube")
    for step in range(4):
        x = -42 + 21 * step
        pen.line([(x + 1, 58), (x + 11, 8), (x + 20, 58)], 1.6, _WHITE)
    for y in (14, 60):
        hoop = [
            *arc((0, y + 3), (44, 12), start=180, end=360),
            *reversed(arc((0, y - 3), (44, 12), start=180, end=360)),
        ]
        pen.fill(hoop, _BRASS, form="tube")
    pen.fill(oval(0, 63, 44, 12), _BRASS)
    pen.fill(oval(0, 63, 40, 10), _WHITE)
    for ends in (((-34, 82), (16, 64)), ((40, 88), (-10, 62))):
        pen.line(ends, 3.2, _WOOD)
        pen.fill(oval(*ends[1], 3.4, 2.8), lit(_WOOD, 0.2), form="ball")

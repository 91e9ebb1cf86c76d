"""Household things; see `objects_air` for the conventions."""

from math import cos, pi, sin

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import arc, box, curve, mirrored, oval

_INK: Color = (48, 46, 60)
_BRASS: Color = (214, 172, 92)
_WOOD: Color = (154, 102, 60)
_WHITE: Color = (250, 248, 242)
_STEEL: Color = (190, 197, 208)
_GLASS: Color = (214, 236, 246)
_WATER: Color = (150, 208, 226)


def teapot(pen: Pen, color: Color) -> None:
    """A pot-bellied teapot, spout to the right."""
    handle = curve([(-30, 60), (-52, 62), (-58, 44), (-48, 26), (-30, 20)], closed=False)
    pen.line(handle, 8.5, lit(color, -0.25))
    spout = curve([(24, 40), (40, 46), (48, 66), (60, 74), (64, 68), (56, 54), (48, 28), (26, 16)])
    pen.fill(spout, lit(color, -0.12))
    pen.fill(box(-22, 0, 22, 8, radius=3), lit(color, -0.32), form="tube")
    pen.fill(
        curve([(0, 72), (26, 66), (40, 44), (34, 16), (0, 4), (-34, 16), (-40, 44), (-26, 66)]), color, form="ball"
    )
    for x in (-20, 0, 20):
        for angle in range(0, 360, 60):
            spot = oval(x + 4 * cos(angle * pi / 180), 36 + 4 * sin(angle * pi / 180), 2.6)
            pen.fill(spot, lit(color, 0.62), form="flat")
        pen.fill(oval(x, 36, 2.2), lit(color, -0.2), form="flat")
    pen.fill(curve([(-22, 69), (-14, 79), (0, 82), (14, 79), (22, 69), (0, 66)]), lit(color, 0.14), form="ball")
    pen.fill(oval(0, 86, 5.5), lit(color, -0.1), form="ball")


def umbrella(pen: Pen, color: Color) -> None:
    """An open umbrella with a crook handle."""
    pen.line([(0, 90), (0, 12)], 2.6, _STEEL)
    pen.line(arc((-7, 10), (7, 8), start=0, end=-180), 4.2, _WOOD)
    pen.line([(0, 12), (0, 24)], 4.2, _WOOD)
    dome = arc((0, 48), (56, 46), start=0, end=180)
    edge = []
    for middle in (-42, -14, 14, 42):
        edge += arc((middle, 48), (14, 7), start=180, end=0)
    outline = [*dome, *edge]
    pen.fill(outline, color, form="ball")
    pen.fill([*arc((0, 48), (28, 46), start=0, end=180), (0, 40)], lit(color, 0.24), form="ball", within=outline)
    pen.line([(0, 93), (0, 48)], 0.9, lit(color, -0.25))
    for wide in (28, -28):
        pen.line(arc((0, 48), (wide, 46), start=0, end=90), 0.9, lit(color, -0.25))
    pen.line([(0, 93), (0, 100)], 2.4, _STEEL)


def lamp(pen: Pen, color: Color) -> None:
    """A table lamp; its shade is colored."""
    pen.fill(curve([(-24, 0), (-20, 6), (0, 9), (20, 6), (24, 0)]), _BRASS, form="tube")
    pen.fill(curve([(0, 48), (5, 40), (10, 26), (6, 12), (0, 6), (-6, 12), (-10, 26), (-5, 40)]), _BRASS, form="tube")
    pen.line([(0, 46), (0, 56)], 3, _STEEL)
    pen.fill(oval(0, 53, 33, 4.5), (255, 240, 190), form="flat")
    pen.fill([(-34, 53), (34, 53), (19, 97), (-19, 97)], color, form="tube")
    pen.fill([(-34, 53), (34, 53), (33, 56.5), (-33, 56.5)], lit(color, -0.25), form="tube")
    pen.fill([(-19.8, 94.5), (19.8, 94.5), (19, 97), (-19, 97)], lit(color, -0.25), form="tube")
    pen.line([(18, 53), (18, 36)], 0.9, _BRASS)
    pen.fill(oval(18, 35, 2), _BRASS, form="ball")


def clock(pen: Pen, color: Color) -> None:
    """An alarm clock with two bells; its case is colored."""
    for side in (-1, 1):
        pen.line([(side * 20, 14), (side * 30, 1)], 6, lit(color, -0.35))
        bell = pen.at(side * 23, 82, turn=-side * 33)
        bell.fill(arc((0, 0), (15, 13), start=0, end=180), lit(color, 0.05), form="ball")
        bell.fill(box(-16, -3, 16, 1, radius=1.5), lit(color, -0.25))
    pen.line(arc((0, 84), (13, 13), start=30, end=150), 2.6, _STEEL)
    pen.line([(0, 80), (0, 94)], 3, _STEEL)
    pen.fill(oval(0, 46, 42), color, form="ball")
    pen.fill(oval(0, 46, 33), lit(color, -0.3), form="flat")
    pen.fill(oval(0, 46, 31.5), _WHITE)
    for hour in range(12):
        angle = hour * pi / 6
        inner = 23 if hour % 3 == 0 else 26
        ends = [(r * sin(angle), 46 + r * cos(angle)) for r in (inner, 28)]
        pen.line(ends, 2.4 if hour % 3 == 0 else 1.3, _INK)
    pen.line([(0, 46), (-11, 55)], 3.4, _INK)
    pen.line([(0, 46), (14, 61)], 2.4, _INK)
    pen.fill(oval(0, 46, 3), _INK, form="flat")


def guitar(pen: Pen, color: Color) -> None:
    """An acoustic guitar, upright, leaning a little."""
    body_pen = pen.at(0, 2, turn=-8)
    right = [(11.0, 56.0), (19.0, 48.0), (15.0, 36.0), (23.0, 24.0), (24.0, 10.0), (13.0, 0.0)]
    body = curve([(0, 58), *right, (0, -2), *reversed(mirrored(right))])
    body_pen.fill(body, lit(color, -0.35))
    inner = curve([(x * 0.93, 28 + (y - 28) * 0.95) for x, y in [(0, 58), *right, (0, -2), *reversed(mirrored(right))]])
    body_pen.fill(inner, color, form="ball")
    body_pen.fill(oval(0, 37, 8.6), lit(_WOOD, 0.45), form="flat")
    body_pen.fill(oval(0, 37, 6.8), _INK, form="flat")
    body_pen.fill(box(-10, 13, 10, 17, radius=1.5), _INK)
    body_pen.fill(box(-3.2, 42, 3.2, 88), lit(_WOOD, -0.35), form="tube")
    for fret in range(50, 88, 6):
        body_pen.line([(-3.2, fret), (3.2, fret)], 0.6, _BRASS)
    for peg in (89.5, 93.0, 96.5):
        body_pen.line([(-7, peg), (7, peg)], 1.6, _STEEL)
    body_pen.fill([(-3.6, 87), (3.6, 87), (5.4, 99), (-5.4, 99)], _WOOD)
    for x in (-1.8, -0.6, 0.6, 1.8):
        body_pen.line([(x, 15), (x, 92)], 0.35, _WHITE)


def fish_bowl(pen: Pen, color: Color) -> None:
    """A round bowl of water with one big fish, which is colored."""
    bowl = curve(
        [(26, 84), (45, 66), (50, 42), (40, 16), (20, 2), (-20, 2), (-40, 16), (-50, 42), (-45, 66), (-26, 84)]
    )
    pen.fill(bowl, _GLASS)
    water = [(-60, -5), (60, -5), (60, 66), (-60, 66)]
    pen.fill(water, _WATER, form="plane", within=bowl)
    pen.fill(oval(0, 66, 46, 4), lit(_WATER, 0.5), form="flat", within=bowl)
    pen.fill(oval(0, 2, 40, 11), (226, 204, 160), within=bowl)
    for x, tall in ((-30, 30), (-25, 38), (30, 26)):
        pen.line(curve([(x, 8), (x - 3, 8 + tall * 0.5), (x + 2, 8 + tall)], closed=False), 2.6, (96, 150, 104))
    pen.fill(curve([(-14, 38), (-32, 54), (-34, 38), (-30, 24)]), lit(color, -0.15))
    pen.fill(curve([(-4, 50), (8, 60), (16, 49)]), lit(color, -0.15))
    pen.fill(curve([(28, 39), (18, 50), (2, 53), (-18, 39), (2, 26), (18, 28)]), color, form="ball")
    pen.fill(curve([(4, 40), (-7, 42), (-9, 33), (2, 34)]), lit(color, -0.22))
    pen.fill(oval(17, 42, 4), _WHITE, form="flat")
    pen.fill(oval(18, 42, 2.3), _INK, form="flat")
    for x, y, radius in ((35, 46, 2.4), (37, 54, 1.8), (34, 61, 1.4)):
        pen.fill(oval(x, y, radius), _WHITE, alpha=0.8)
    pen.line([(-26, 84), (26, 84)], 4.5, lit(_GLASS, 0.4))
    pen.line(arc((0, 42), (43, 36), start=125, end=190), 4, _WHITE, alpha=0.75)


def armchair(pen: Pen, color: Color) -> None:
    """A cushioned armchair seen from the front."""
    for side in (-1, 1):
        pen.fill([(side * 38, 14), (side * 46, 14), (side * 44, 0), (side * 40, 0)], _WOOD)
    pen.fill(curve([(-36, 24), (-36, 76), (-26, 92), (0, 96), (26, 92), (36, 76), (36, 24)]), lit(color, -0.1))
    for x in (-16, 0, 16):
        for y in (62, 78):
            pen.fill(oval(x, y, 1.9), lit(color, -0.4), form="flat")
    pen.fill(box(-40, 10, 40, 30, radius=4), lit(color, -0.3))
    pen.fill(box(-32, 27, 32, 43, radius=7), lit(color, 0.16))
    for side in (-1, 1):
        pen.fill(box(side * 43 - 12, 8, side * 43 + 12, 50, radius=6), color)
        pen.fill(oval(side * 43, 50, 14, 10), lit(color, 0.08), form="ball")

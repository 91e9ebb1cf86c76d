"""Animals; see `objects_air` for the conventions."""

from math import cos, sin

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import arc, box, curve, mirrored, oval

_INK: Color = (40, 38, 52)
_WHITE: Color = (250, 248, 242)
_BEAK: Color = (240, 168, 58)
_CREAM: Color = (250, 240, 216)
_FUR: Color = (236, 194, 108)
_BLUSH: Color = (244, 160, 160)


def _eye(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.fill(oval(x, y, radius), _INK, form="flat")
    pen.fill(oval(x - radius * 0.3, y + radius * 0.35, radius * 0.36), _WHITE, form="flat")


def _scarf(pen: Pen, color: Color, *, y: float, wide: float) -> None:
    """A scarf about a neck at `y`, one end hanging on the right."""
    tail = [(wide * 0.35, y), (wide * 0.85, y), (wide * 1.0, y - wide * 1.45), (wide * 0.45, y - wide * 1.5)]
    pen.fill(tail, lit(color, -0.16))
    for step in range(4):
        x = wide * (0.53 + 0.13 * step)
        pen.line([(x, y - wide * 1.48), (x, y - wide * 1.68)], wide * 0.07, lit(color, -0.2))
    band = [
        (-wide, y + wide * 0.2),
        (0, y),
        (wide, y + wide * 0.2),
        (wide * 0.95, y - wide * 0.34),
        (0, y - wide * 0.5),
    ]
    pen.fill(curve([*band, (-wide * 0.95, y - wide * 0.34)]), color, form="tube")


def cat(pen: Pen, color: Color) -> None:
    """A sitting cat, seen from the front, tail curled to the right."""
    tail = curve([(14, 6), (34, 6), (42, 20), (36, 34), (40, 42)], closed=False)
    pen.line(tail, 9, lit(color, -0.2))
    pen.fill(curve([(0, 58), (18, 46), (26, 20), (24, 2), (0, -1), (-24, 2), (-26, 20), (-18, 46)]), color, form="ball")
    pen.fill(curve([(0, 46), (9, 34), (10, 18), (0, 10), (-10, 18), (-9, 34)]), lit(color, 0.35))
    for x in (-9, 9):
        pen.fill(
            curve([(x - 7, 0), (x - 6, 22), (x, 28), (x + 6, 22), (x + 7, 0), (x, -1)]), lit(color, 0.1), form="tube"
        )
    for outline in ([(-30, 98), (-27, 68), (-6, 86)], [(30, 98), (27, 68), (6, 86)]):
        pen.fill(outline, color)
    for side in (-1, 1):
        pen.fill([(side * 26.5, 91), (side * 24, 74), (side * 12, 84)], _BLUSH)
    pen.fill(
        curve([(0, 89), (22, 84), (31, 68), (22, 53), (0, 48), (-22, 53), (-31, 68), (-22, 84)]), color, form="ball"
    )
    for x in (-12, 12):
        pen.fill(oval(x, 70, 6.4, 7.4), (190, 224, 130) if color[1] < 200 else (150, 200, 90))
        pen.fill(oval(x, 70, 2.4, 6.2), _INK, form="flat")
        pen.fill(oval(x - 1.5, 73, 1.4), _WHITE, form="flat")
    pen.fill(oval(0, 57.5, 9.5, 6), lit(color, 0.4), form="ball")
    pen.fill([(-3.4, 62), (3.4, 62), (0, 58)], _BLUSH)
    for side in (-1, 1):
        pen.line(arc((side * 2.6, 57), (2.6, 2.4), start=180, end=360), 0.9, _INK)
    for side in (-1, 1):
        for rise in (-3, 1.5):
            pen.line([(side * 12, 58 + rise * 0.3), (side * 33, 58 + rise * 2)], 0.6, lit(color, 0.65))


def owl(pen: Pen, color: Color) -> None:
    """A round owl with great eyes."""
    for side in (-1, 1):
        pen.fill([(side * 32, 98), (side * 30, 68), (side * 6, 86)], lit(color, -0.1))
    body = curve([(0, 90), (24, 86), (35, 66), (36, 36), (26, 10), (0, 2), (-26, 10), (-36, 36), (-35, 66), (-24, 86)])
    pen.fill(body, color, form="ball")
    belly = curve([(0, 52), (18, 46), (22, 26), (14, 10), (0, 6), (-14, 10), (-22, 26), (-18, 46)])
    pen.fill(belly, lit(color, 0.45))
    for row, y in enumerate((40, 32, 24, 16)):
        for step in range(-2, 3):
            x = step * 8 + (4 if row % 2 else 0)
            if abs(x) < 16:
                pen.line(arc((x, y), (3, 3.4), start=180, end=360), 1.0, lit(color, -0.1))
    wing = curve([(32, 58), (40, 40), (38, 22), (28, 12), (26, 30), (26, 46)])
    for outline in (wing, mirrored(wing)):
        pen.fill(outline, lit(color, -0.25))
    for side in (-1, 1):
        pen.fill(oval(side * 14, 67, 14.5), lit(color, 0.55), form="ball")
        pen.fill(oval(side * 14, 67, 10), _WHITE, form="ball")
        _eye(pen, side * 12.5, 67, 6.4)
        for step in (-6, 0, 6):
            pen.fill(oval(side * 12 + step, 2, 3, 4), _BEAK, form="ball")
    pen.fill(curve([(-5, 62), (5, 62), (0, 50)]), _BEAK)


def giraffe(pen: Pen, color: Color) -> None:
    """A giraffe facing right, a scarf about its neck."""
    for x, shade in ((-22, -0.22), (6, -0.22), (-14, 0.0), (13, 0.0)):
        pen.fill(box(x - 3.4, 0, x + 3.4, 34, radius=2), lit(_FUR, shade), form="tube")
        pen.fill(box(x - 3.6, 0, x + 3.6, 5, radius=1.5), (110, 74, 48))
    pen.line(curve([(-27, 42), (-34, 34), (-33, 24)], closed=False), 1.6, (150, 100, 60))
    pen.fill(oval(-33, 23, 2.2, 3.6), (110, 74, 48))
    shape = [
        (-27, 40),
        (-22, 30),
        (0, 27),
        (17, 31),
        (20, 44),
        (25, 64),
        (28, 82),
        (19, 84),
        (12, 62),
        (2, 49),
        (-18, 49),
    ]
    body = curve(shape)
    pen.fill(body, _FUR)
    spots = (
        (-18, 41, 5),
        (-7, 36, 5),
        (4, 42, 5.4),
        (-9, 46, 3.4),
        (13, 36, 4.4),
        (14, 50, 4.2),
        (19, 60, 3.6),
        (21, 79, 3),
    )
    for x, y, radius in (*spots, (-20, 33, 3.4), (22, 71, 3), (3, 31, 3.2)):
        pen.fill(
            curve([(x - radius, y), (x, y + radius * 0.9), (x + radius, y + 1), (x + 1, y - radius)]),
            (188, 116, 58),
            within=body,
        )
    for x in (20, 26):
        pen.line([(x, 90), (x - 1, 99)], 1.8, (150, 100, 60))
        pen.fill(oval(x - 1, 99, 2.2), (110, 74, 48))
    pen.fill(curve([(17, 90), (6, 94), (11, 86)]), lit(_FUR, -0.15))
    pen.fill(curve([(16, 90), (25, 93), (36, 86), (45, 80), (44, 74), (34, 75), (20, 80)]), _FUR)
    pen.fill(curve([(38, 83), (46, 80), (45, 74), (38, 74.5)]), lit(_FUR, 0.45))
    pen.fill(oval(43, 78.5, 0.9), (110, 74, 48))
    _eye(pen, 26, 87, 2.5)
    _scarf(pen.at(21.5, 66, turn=-10), color, y=2, wide=15)


def penguin(pen: Pen, color: Color) -> None:
    """A penguin seen from the front, in a scarf."""
    for side in (-1, 1):
        pen.fill(oval(side * 13, 3, 11, 4.6), _BEAK, form="ball")
    flipper = curve([(27, 58), (40, 40), (42, 26), (34, 30), (26, 36)])
    for outline in (flipper, mirrored(flipper)):
        pen.fill(outline, lit(_INK, 0.08))
    body = curve([(0, 98), (20, 92), (26, 74), (32, 44), (28, 14), (0, 3), (-28, 14), (-32, 44), (-26, 74), (-20, 92)])
    pen.fill(body, lit(_INK, 0.1), form="ball")
    pen.fill(
        curve([(0, 62), (18, 56), (23, 34), (18, 12), (0, 6), (-18, 12), (-23, 34), (-18, 56)]), _WHITE, form="ball"
    )
    face = curve([(0, 80), (10, 87), (19, 80), (17, 66), (0, 60), (-17, 66), (-19, 80), (-10, 87)])
    pen.fill(face, _WHITE)
    for side in (-1, 1):
        _eye(pen, side * 9, 77, 3.5)
        pen.fill(oval(side * 14, 70, 3, 2), _BLUSH, form="flat", alpha=0.7)
    pen.fill(curve([(-6.5, 72), (0, 75), (6.5, 72), (0, 66)]), _BEAK)
    _scarf(pen, color, y=60, wide=24)


def elephant(pen: Pen, color: Color) -> None:
    """An elephant facing right, trunk raised a little."""
    pen = pen.at(-8, 0)
    for x in (-30, 4):
        pen.fill(box(x - 9, 0, x + 9, 36, radius=4), lit(color, -0.3), form="tube")
    pen.line(curve([(-46, 52), (-55, 42), (-54, 30)], closed=False), 2.4, lit(color, -0.3))
    body = curve([(-48, 44), (-44, 64), (-22, 75), (6, 72), (22, 58), (22, 36), (0, 24), (-36, 26)])
    pen.fill(body, color, form="ball")
    for x in (-38, 14):
        pen.fill(box(x - 9.5, 0, x + 9.5, 40, radius=4), color, form="tube")
    for x in (-38, 14):
        for step in (-5.5, 0, 5.5):
            pen.fill(arc((x + step, 0), (2.6, 3.4), start=0, end=180), _CREAM)
    trunk = curve([(38, 62), (50, 50), (52, 32), (58, 22), (70, 26)], closed=False)
    for index in range(len(trunk) - 1):
        pen.line(trunk[index : index + 2], 15 - 8.0 * index / len(trunk), lit(color, -0.04))
    pen.fill(curve([(36, 50), (50, 44), (54, 38), (44, 38), (34, 44)]), _WHITE)
    head = curve([(10, 66), (16, 84), (32, 88), (46, 80), (50, 64), (40, 48), (20, 48)])
    pen.fill(head, color, form="ball")
    pen.fill(
        curve([(22, 84), (6, 92), (-10, 80), (-12, 58), (2, 44), (16, 52), (24, 66)]), lit(color, -0.12), form="ball"
    )
    pen.fill(curve([(16, 78), (4, 83), (-5, 74), (-6, 60), (3, 52), (13, 60)]), lit(color, 0.2))
    _eye(pen, 35, 70, 3.4)


def duck(pen: Pen, color: Color) -> None:
    """A plump duck facing right."""
    for x in (-10, 10):
        pen.line([(x, 16), (x, 3)], 3.4, _BEAK)
        pen.fill(curve([(x - 5, 0), (x + 13, 0), (x + 7, 5), (x - 1, 5)]), _BEAK)
    pen.fill(curve([(36, 84), (50, 78), (62, 80), (64, 73), (52, 67), (36, 68)]), _BEAK)
    pen.line(curve([(40, 72), (52, 73), (62, 77)], closed=False), 1.0, lit(_BEAK, -0.35))
    back = [
        (-60, 54),
        (-44, 46),
        (-20, 50),
        (-2, 52),
        (4, 62),
        (1, 78),
        (8, 93),
        (22, 98),
        (37, 92),
        (44, 78),
        (38, 60),
    ]
    breast = [(45, 42), (42, 25), (28, 12), (0, 8), (-30, 12), (-50, 30)]
    pen.fill(curve([*back, *breast]), color, form="ball")
    pen.fill(curve([(14, 96), (16, 106), (22, 102), (25, 108), (26, 96)]), color)
    pen.fill(curve([(16, 40), (4, 46), (-22, 44), (-42, 50), (-38, 32), (-20, 20), (4, 22)]), lit(color, -0.2))
    for x, y in ((-24, 33), (-10, 29), (4, 30)):
        pen.line(arc((x, y + 5), (6, 5), start=200, end=330), 1.5, lit(color, -0.42))
    _eye(pen, 27, 81, 4.6)
    pen.fill(oval(18, 71, 4.4, 3), _BLUSH, form="flat", alpha=0.5)


def rabbit(pen: Pen, color: Color) -> None:
    """A sitting rabbit seen from the front."""
    for side in (-1, 1):
        ear = pen.at(side * 10, 60, turn=-side * 9)
        ear.fill(curve([(0, 42), (7, 28), (7, 6), (0, -2), (-7, 6), (-7, 28)]), color)
        ear.fill(curve([(0, 36), (3.6, 25), (3.6, 8), (0, 3), (-3.6, 8), (-3.6, 25)]), _BLUSH)
    pen.fill(oval(22, 10, 9), lit(color, 0.4), form="ball")
    pen.fill(curve([(0, 44), (19, 34), (24, 14), (16, 1), (0, 0), (-16, 1), (-24, 14), (-19, 34)]), color, form="ball")
    pen.fill(oval(0, 18, 11, 14), lit(color, 0.42))
    pen.fill(
        curve([(0, 72), (18, 68), (25, 54), (18, 41), (0, 37), (-18, 41), (-25, 54), (-18, 68)]), color, form="ball"
    )
    for side in (-1, 1):
        pen.fill(oval(side * 13, 3, 9.5, 5), lit(color, 0.14), form="ball")
        _eye(pen, side * 11, 58, 3.6)
        pen.fill(oval(side * 5, 47, 6.4, 5), lit(color, 0.45), form="ball")
    pen.fill(box(-3, 38.5, 3, 44, radius=1), _WHITE)
    pen.fill([(-3.4, 52.5), (3.4, 52.5), (0, 49)], _BLUSH)


def snail(pen: Pen, color: Color) -> None:
    """A snail facing right; its shell is colored."""
    skin: Color = (226, 196, 158)
    for x, tilt in ((44, 4), (52, 12)):
        pen.line([(x, 44), (x + tilt, 66)], 2.6, skin)
        _eye(pen, x + tilt, 67, 3.6)
    foot = [(-56, 0), (-36, 10), (8, 14), (30, 18), (34, 40), (44, 50), (56, 46), (58, 30), (50, 6), (36, 0)]
    pen.fill(curve(foot), skin)
    pen.fill(oval(-6, 42, 36), color, form="ball")
    spiral = [(-6 + r * cos(r * 0.42), 40 + r * sin(r * 0.42)) for r in (step * 0.4 for step in range(4, 76))]
    pen.line(spiral, 3.4, lit(color, -0.34))
    pen.line(arc((49, 36), (4, 4), start=230, end=350), 1.2, _INK)

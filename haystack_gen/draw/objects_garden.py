"""Plants and garden things; see `objects_air` for the conventions."""

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import arc, box, curve, mirrored, oval

_INK: Color = (44, 42, 56)
_LEAF: Color = (84, 160, 82)
_STEM: Color = (70, 138, 74)
_CREAM: Color = (250, 240, 218)
_SNOW: Color = (246, 248, 252)
_WOOD: Color = (140, 92, 56)


def _pot(pen: Pen, color: Color) -> None:
    pen.fill([(-20, 30), (20, 30), (15, 0), (-15, 0)], color, form="tube")
    pen.fill(box(-24, 27, 24, 36, radius=2), lit(color, 0.06), form="tube")
    pen.fill([(-20, 27), (20, 27), (19.5, 24), (-19.5, 24)], lit(color, -0.35), form="flat")


def cactus(pen: Pen, color: Color) -> None:
    """A saguaro in a colored pot."""
    for side, low, high in ((1, 54, 80), (-1, 46, 70)):
        arm = curve([(0, low), (side * 16, low + 1), (side * 23, low + 8), (side * 24, high)], closed=False)
        pen.line(arm, 13, lit(_LEAF, -0.22 if side > 0 else -0.04))
        pen.line([(x - 2, y + 1) for x, y in arm], 5, lit(_LEAF, 0.12))
    pen.fill(box(-12, 30, 12, 98, radius=12), _LEAF, form="tube")
    for x in (-6, 0, 6):
        pen.line([(x, 38), (x, 91)], 0.9, lit(_LEAF, -0.3))
    for x, y in ((-6, 50), (0, 62), (6, 52), (-6, 74), (6, 78), (0, 86), (0, 44)):
        for tilt in (-2, 2):
            pen.line([(x, y), (x + tilt, y + 2)], 0.8, _CREAM)
    for angle in (-5, 0, 5):
        pen.fill(curve([(angle - 3, 97), (angle * 1.6, 105), (angle + 3, 97)]), (246, 172, 190))
    _pot(pen, color)


def mushroom(pen: Pen, color: Color) -> None:
    """A toadstool; its cap is colored, with pale dots."""
    pen.fill(
        curve([(-15, 48), (-14, 24), (-19, 6), (-12, 0), (12, 0), (19, 6), (14, 24), (15, 48)]), _CREAM, form="tube"
    )
    pen.fill(curve([(-16, 42), (-22, 31), (0, 27), (22, 31), (16, 42)]), lit(_CREAM, -0.12), form="tube")
    cap = curve(
        [(-50, 46), (-47, 64), (-28, 86), (0, 94), (28, 86), (47, 64), (50, 46), (26, 41), (0, 39.5), (-26, 41)]
    )
    pen.fill(cap, color, form="ball")
    pen.fill(curve([(-46, 45), (0, 47.5), (46, 45), (26, 41), (0, 39.5), (-26, 41)]), lit(_CREAM, -0.2))
    for x, y, across, up in (
        (-22, 70, 8, 6.5),
        (4, 79, 9, 6.5),
        (27, 66, 7, 6.5),
        (5, 58, 7.5, 6),
        (-36, 54, 5, 4.5),
        (39, 53, 4.4, 4),
    ):
        pen.fill(oval(x, y, across, up), _SNOW, form="ball", within=cap)


def sunflower(pen: Pen, color: Color) -> None:
    """A sunflower in a colored pot."""
    pen.line(curve([(0, 34), (-2, 50), (1, 72)], closed=False), 4.2, _STEM)
    leaf = curve([(0, 42), (12, 54), (26, 54), (18, 42)])
    for outline in (leaf, mirrored(leaf)):
        pen.fill(outline, _LEAF)
    for ring, (count, tone) in enumerate(((14, (240, 170, 36)), (14, (255, 206, 60)))):
        for step in range(count):
            petal = pen.at(1, 76, turn=(step + 0.5 * ring) * 360 / count)
            petal.fill(curve([(0, 8), (5, 16), (0, 27 - 2 * ring), (-5, 16)]), tone)
    pen.fill(oval(1, 76, 12.5), (104, 66, 40), form="ball")
    for step in range(5):
        for other in range(5):
            x, y = step * 4.4 - 8.8, other * 4.4 - 8.8
            if x * x + y * y < 90:
                pen.fill(oval(1 + x, 76 + y, 1.0), (168, 116, 66), form="flat")
    _pot(pen, color)


def snowman(pen: Pen, color: Color) -> None:
    """Two balls of snow, a carrot, and a colored top hat."""
    for side in (-1, 1):
        pen.line([(side * 20, 40), (side * 42, 54)], 2, _WOOD)
        pen.line([(side * 35, 49), (side * 43, 47)], 1.5, _WOOD)
    pen.fill(oval(0, 25, 29, 26), _SNOW, form="ball")
    pen.fill(oval(0, 60, 20.5, 19), _SNOW, form="ball")
    for y in (18, 28, 38):
        pen.fill(oval(0, y, 2.2), _INK, form="flat")
    for x in (-7, 7):
        pen.fill(oval(x, 65, 2.3), _INK, form="flat")
    pen.fill([(0, 62), (0, 57), (17, 57.5)], (240, 144, 52))
    pen.line(arc((0, 56), (8, 6), start=210, end=330), 1.4, _INK)
    pen.fill(box(-25, 74, 25, 79.5, radius=2.5), lit(color, -0.15), form="tube")
    pen.fill([(-15.5, 78), (15.5, 78), (17, 104), (-17, 104)], color, form="tube")
    pen.fill([(-15.6, 80), (15.6, 80), (15.9, 85), (-15.9, 85)], lit(color, -0.45), form="tube")


def pumpkin(pen: Pen, color: Color) -> None:
    """A ribbed pumpkin with a stalk."""
    for x, across in ((-30, 22), (30, 22), (-16, 24), (16, 24), (0, 20)):
        pen.fill(oval(x, 36, across, 36 - abs(x) * 0.12), color, form="ball")
    pen.fill(curve([(-6, 66), (-7, 76), (-14, 86), (-6, 89), (3, 80), (6, 66)]), _STEM)
    pen.line(curve([(4, 72), (20, 82), (26, 74), (36, 80)], closed=False), 2, _STEM)
    pen.fill(curve([(8, 72), (22, 84), (38, 78), (26, 68)]), _LEAF)


def barrel(pen: Pen, color: Color) -> None:
    """A painted barrel with iron hoops."""
    body = curve([(-28, 3), (-37, 28), (-37, 62), (-28, 88), (0, 90), (28, 88), (37, 62), (37, 28), (28, 3), (0, 0)])
    pen.fill(body, color, form="tube")
    for x in (-24, -12, 0, 12, 24):
        stave = curve([(x * 0.8, 0), (x * 1.1, 45), (x * 0.8, 90)], closed=False)
        pen.line(stave, 0.9, lit(color, -0.35))
    for y in (10, 28, 60, 78):
        pen.fill(box(-45, y - 3.4, 45, y + 3.4), (122, 124, 138), form="tube", within=body)
    pen.fill(oval(0, 88, 28, 5.5), lit(color, -0.28))
    pen.fill(oval(0, 88, 24, 4), lit(color, 0.1))

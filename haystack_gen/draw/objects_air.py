"""Things that fly. Each stands on y = 0 at x = 0, about 100 units tall or wide, lit from the upper left."""

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import arc, box, curve, mirrored, moved, oval

_WOOD: Color = (168, 112, 62)
_STEEL: Color = (196, 203, 214)
_DARK: Color = (60, 64, 82)
_GLASS: Color = (214, 236, 246)
_CREAM: Color = (250, 244, 228)


def hot_air_balloon(pen: Pen, color: Color) -> None:
    """An envelope of six gores over a wicker basket."""
    right = [(37.0, 66.0), (33.0, 46.0), (20.0, 30.0), (9.0, 22.0)]
    envelope = curve([(0, 100), (22, 94), *right, (0, 20), *reversed(mirrored(right)), (-22, 94)])
    for x in (-8.0, -3.0, 3.0, 8.0):
        pen.line([(x, 24), (x * 0.85, 12)], 0.7, _DARK)
    pen.fill(envelope, color, form="ball")
    pen.fill(oval(0, 60, 25, 48), lit(color, 0.28), form="ball", within=envelope)
    pen.fill(oval(0, 60, 13, 48), color, form="ball", within=envelope)
    pen.fill(box(-40, 50, 40, 54), _CREAM, form="tube", within=envelope)
    pen.fill(box(-40, 69, 40, 71.5), _CREAM, form="tube", within=envelope)
    pen.fill([(-10, 24), (10, 24), (8, 18.5), (-8, 18.5)], lit(color, -0.3), form="tube")
    pen.fill(box(-8, 0, 8, 12, radius=3), _WOOD, form="tube")
    for y in (3.2, 6.0, 8.8):
        pen.line([(-7, y), (7, y)], 0.7, lit(_WOOD, -0.28))
    pen.fill(box(-9, 10.5, 9, 13.5, radius=1.5), lit(_WOOD, -0.25), form="tube")


def rocket(pen: Pen, color: Color) -> None:
    """A round-bellied rocket on three fins, with a porthole."""
    body = curve([(0, 100), (10, 86), (17, 62), (17, 38), (11, 17), (-11, 17), (-17, 38), (-17, 62), (-10, 86)])
    fin = curve([(13, 40), (24, 30), (29, 14), (28, 0), (20, 10), (11, 17)])
    for outline in (fin, mirrored(fin)):
        pen.fill(outline, lit(color, -0.25))
    pen.fill(box(-9, 10, 9, 20, radius=2), _DARK, form="tube")
    pen.fill(curve([(-6, 11), (6, 11), (4, 2), (0, -6), (-4, 2)]), (255, 196, 64))
    pen.fill(body, color, form="tube")
    pen.fill(box(-20, 77, 20, 80.5), _STEEL, form="tube", within=body)
    pen.fill(box(-20, 23, 20, 27), _STEEL, form="tube", within=body)
    pen.fill(oval(0, 58, 10.5), _STEEL, form="ball")
    pen.fill(oval(0, 58, 7.5), _DARK, form="ball")
    pen.fill(arc((0, 58), (6.5, 6.5), start=70, end=240), _GLASS, alpha=0.55)
    pen.fill(curve([(0, 34), (3, 22), (2.4, 3), (0, 0), (-2.4, 3), (-3, 22)]), lit(color, -0.32), form="tube")


def kite(pen: Pen, color: Color) -> None:
    """A diamond on a string, with a tail of bows."""
    kite_pen = pen.at(10, 66, turn=-24)
    tail = curve([(0, -38), (9, -47), (-5, -56), (7, -66), (-3, -74)], closed=False)
    pen.line(curve([(10, 60), (0, 30), (-22, 12), (-37, 0)], closed=False), 0.7, _CREAM)
    kite_pen.line(tail, 1.1, _DARK)
    for x, y in ((7.5, -46), (-3.5, -56), (5.5, -66)):
        kite_pen.fill([(x, y), (x - 7, y + 4), (x - 7, y - 4)], lit(color, 0.2))
        kite_pen.fill([(x, y), (x + 7, y + 4), (x + 7, y - 4)], lit(color, -0.1))
    top, right, left, bottom = (0.0, 38.0), (27.0, 8.0), (-27.0, 8.0), (0.0, -40.0)
    middle = (0.0, 8.0)
    for corner, other, lightness in (
        (top, left, 0.22),
        (top, right, 0.02),
        (left, bottom, -0.02),
        (right, bottom, -0.2),
    ):
        kite_pen.fill([corner, other, middle], lit(color, lightness))
    kite_pen.line([top, bottom], 1.2, lit(_WOOD, 0.5))
    kite_pen.line([left, right], 1.2, lit(_WOOD, 0.5))
    kite_pen.line([left, top, right, bottom, left], 1.0, _CREAM)


def airplane(pen: Pen, color: Color) -> None:
    """A rounded airliner from the side, climbing."""
    plane = pen.at(0, 24, turn=9)
    plane.fill([(-42, 6), (-56, 32), (-43, 32), (-24, 8)], lit(color, -0.1))
    plane.fill([(-2, 10), (-16, 32), (-8, 32), (18, 10)], lit(color, -0.32))
    body = curve(
        [(56, 1), (49, 9), (34, 13), (-20, 13), (-44, 9), (-57, 6), (-44, -3), (-16, -10), (34, -10), (50, -7)]
    )
    plane.fill(body, color, form="ball")
    plane.fill(box(-60, -13, 60, -5.5), lit(_STEEL, 0.3), within=body)
    plane.fill([(40, 5), (47, 9.5), (57, 4), (57, 2), (41, 2)], _DARK, within=body)
    for x in (-28, -19, -10, -1, 8, 17, 26):
        plane.fill(oval(x, 4.5, 2.7, 3.3), _GLASS)
    plane.fill([(-46, 5), (-60, 16), (-53, 17), (-32, 5)], lit(color, -0.22))
    plane.fill([(20, -2), (-18, -26), (-27, -25), (-4, -2)], lit(color, -0.15))
    plane.fill(box(-8, -19, 9, -11, radius=4), _STEEL, form="tube")
    plane.fill(oval(9, -15, 1.6, 4), _DARK, form="flat")


def airship(pen: Pen, color: Color) -> None:
    """A long airship with tail fins and a cabin."""
    pen.fill([(-44, 32), (-62, 58), (-50, 58), (-26, 40)], lit(color, -0.1))
    pen.fill([(-44, 24), (-62, 2), (-50, 2), (-26, 16)], lit(color, -0.3))
    hull = curve([(62, 29), (50, 43), (24, 52), (-8, 51), (-36, 42), (-58, 29), (-36, 15), (-8, 7), (24, 6), (50, 15)])
    pen.fill(box(-8, -3, 26, 10, radius=4), _STEEL, form="tube")
    for x in (-3, 4, 11, 18):
        pen.fill(box(x, 1, x + 4.5, 5, radius=1), _DARK)
    pen.fill(hull, color, form="ball")
    pen.fill(oval(4, 29, 70, 13), lit(color, 0.2), form="ball", within=hull)
    pen.fill(oval(4, 29, 70, 4.5), color, form="tube", within=hull)
    pen.fill(moved(oval(0, 0, 9, 26), (58, 29)), lit(color, -0.25), within=hull)
    pen.fill([(-40, 30.5), (-62, 34), (-62, 24), (-40, 27.5)], lit(color, -0.24))

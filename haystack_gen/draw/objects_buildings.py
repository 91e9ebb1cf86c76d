"""Buildings and street furniture; see `objects_air` for the conventions."""

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import arc, box, curve, oval

_STONE: Color = (214, 206, 196)
_PLASTER: Color = (246, 234, 210)
_DARK: Color = (62, 60, 82)
_WOOD: Color = (140, 92, 56)
_GLASS: Color = (206, 230, 242)
_LAMP: Color = (255, 232, 140)
_WHITE: Color = (248, 246, 240)


def _window(pen: Pen, left: float, bottom: float, wide: float, tall: float) -> None:
    pen.fill(box(left - 1.3, bottom - 1.3, left + wide + 1.3, bottom + tall + 1.3), _WHITE)
    pen.fill(box(left, bottom, left + wide, bottom + tall), _GLASS)
    pen.line([(left + wide / 2, bottom), (left + wide / 2, bottom + tall)], 0.9, _WHITE)
    pen.line([(left, bottom + tall / 2), (left + wide, bottom + tall / 2)], 0.9, _WHITE)


def lighthouse(pen: Pen, color: Color) -> None:
    """A tapering tower with pale bands, a gallery and a lit lantern."""
    rock = curve([(-30, 0), (-26, 7), (-12, 11), (10, 10), (26, 7), (31, 0)])
    pen.fill(rock, (128, 122, 128))
    tower = [(-17, 7), (17, 7), (10.5, 72), (-10.5, 72)]
    pen.fill(tower, color, form="tube")
    for bottom in (26, 50):
        pen.fill(box(-20, bottom, 20, bottom + 10), _WHITE, form="tube", within=tower)
    pen.fill(box(-5, 8, 5, 20, radius=4), _DARK)
    pen.fill(arc((0, 43), (3.2, 4), start=0, end=360), _DARK)
    pen.fill(box(-16, 71, 16, 75, radius=1), _DARK, form="tube")
    for x in (-14.5, -7.5, 7.5, 14.5):
        pen.line([(x, 75), (x, 80)], 0.8, _DARK)
    pen.line([(-15, 80), (15, 80)], 0.9, _DARK)
    pen.fill(box(-8, 75, 8, 88), _LAMP, form="ball")
    for x in (-7.6, 0, 7.6):
        pen.line([(x, 75), (x, 88)], 1.0, _DARK)
    pen.fill(arc((0, 87), (11, 9.5), start=0, end=180), lit(color, -0.15), form="ball")
    pen.fill(oval(0, 98, 2), _DARK)


def house(pen: Pen, color: Color) -> None:
    """A cottage of plaster; its roof is colored."""
    pen.fill(box(20, 66, 32, 94), (190, 178, 170), form="tube")
    pen.fill(box(18, 91, 34, 96), (150, 138, 134), form="tube")
    pen.fill(box(-40, 0, 40, 54), _PLASTER)
    pen.fill(box(-40, 43, 40, 50), lit(_PLASTER, -0.25), form="flat")
    pen.fill([(-52, 48), (-30, 88), (30, 88), (52, 48)], color)
    for row, y in enumerate((56.0, 64.0, 72.0, 80.0)):
        edge = 50 - (y - 48) * 0.55
        pen.line([(-edge, y), (edge, y)], 0.8, lit(color, -0.3), alpha=0.8)
        for step in range(-4, 5):
            x = step * 11.0 + (5.5 if row % 2 else 0)
            if abs(x) < edge - 3:
                pen.line([(x, y), (x, y - 7)], 0.8, lit(color, -0.3), alpha=0.8)
    pen.fill(box(-9, 0, 9, 32, radius=3), _WOOD)
    pen.fill(oval(5.5, 15, 1.4), _LAMP)
    pen.fill(box(-12, -1, 12, 3), (170, 164, 164))
    _window(pen, -33, 17, 16, 18)
    _window(pen, 17, 17, 16, 18)


def windmill(pen: Pen, color: Color) -> None:
    """A tower mill: colored body, four pale sails."""
    body = [(-24, 0), (24, 0), (15, 56), (-15, 56)]
    pen.fill(body, color, form="tube")
    pen.fill(box(-30, 0, 30, 4), (150, 142, 138), within=[(-27, 0), (27, 0), (25, 4), (-25, 4)])
    pen.fill(box(-6, 3, 6, 20, radius=4), _DARK)
    pen.fill(box(-4, 32, 4, 42, radius=3), _GLASS)
    cap = curve([(-18, 55), (-14, 66), (0, 72), (14, 66), (18, 55)])
    pen.fill(cap, lit(color, -0.32), form="ball")
    for turn in (20, 110, 200, 290):
        sail = pen.at(0, 60, turn=turn)
        sail.fill(box(0, 8, 11, 44), _WHITE)
        for y in (14, 20, 26, 32, 38):
            sail.line([(0, y), (11, y)], 0.8, _WOOD)
        sail.line([(5.5, 8), (5.5, 44)], 0.7, _WOOD)
        sail.line([(0, 0), (0, 45)], 2.2, _WOOD)
    pen.fill(oval(0, 60, 4), _DARK, form="ball")


def castle(pen: Pen, color: Color) -> None:
    """A stone castle with three cone roofs in its color."""
    for x, wide, top in ((-38, 13, 56), (38, 13, 56), (0, 17, 72)):
        pen.fill(box(x - wide, 0, x + wide, top), _STONE, form="tube")
        pen.fill(box(x - wide - 2, top - 6, x + wide + 2, top), lit(_STONE, -0.12), form="tube")
        pen.fill([(x - wide - 4, top), (x + wide + 4, top), (x, top + 28)], color, form="tube")
        pen.line([(x, top + 27), (x, top + 37)], 0.9, _DARK)
        pen.fill([(x, top + 37), (x + 9, top + 34), (x, top + 31)], lit(color, 0.1))
        pen.fill(box(x - 3, top - 22, x + 3, top - 11, radius=3), _DARK)
    wall = box(-38, 0, 38, 34)
    pen.fill(wall, lit(_STONE, 0.15))
    for x in range(-36, 37, 12):
        pen.fill(box(x - 3.5, 33, x + 3.5, 40), lit(_STONE, 0.12))
    for x, y in ((-28, 22), (-20, 8), (20, 25), (28, 10), (-30, 12), (15, 5)):
        pen.fill(box(x - 3, y, x + 3, y + 3, radius=1), lit(_STONE, -0.14), form="flat")
    pen.fill([*box(-11, 0, 11, 14), *arc((0, 14), (11, 12), start=0, end=180)], lit(_STONE, -0.4))
    gate = [(-9, 0), *reversed(arc((0, 14), (9, 10), start=0, end=180)), (9, 0)]
    pen.fill(gate, _WOOD)
    for plank in (-4.5, 0.0, 4.5):
        pen.line([(plank, 0), (plank, 21)], 0.8, lit(_WOOD, -0.4))


def tent(pen: Pen, color: Color) -> None:
    """A ridge tent with its flap open."""
    pen.line([(-2, 62), (-2, 74)], 2, _WOOD)
    pen.fill([(-58, 0), (-4, 68), (36, 60), (64, 0)], lit(color, -0.22))
    pen.fill([(-58, 0), (-2, 70), (40, 0)], color)
    pen.fill([(-24, 0), (-2, 56), (14, 0)], _DARK)
    pen.fill(curve([(-2, 56), (-18, 22), (-30, 0), (-24, 0), (-10, 20)]), lit(color, 0.25))
    pen.fill(curve([(-2, 56), (10, 20), (22, 0), (14, 0), (6, 20)]), lit(color, 0.12))
    for ends in (((-56, 2), (-68, -1)), ((62, 2), (70, -1))):
        pen.line(ends, 1, _WOOD)


def mailbox(pen: Pen, color: Color) -> None:
    """A round-topped box on a post, its door to the left and its flag up."""
    pen.fill(box(-5, 0, 7, 46), _WOOD, form="tube")
    pen.fill([(-5, 40), (7, 40), (7, 36), (-5, 36)], lit(_WOOD, -0.4), form="flat")
    pen.fill([(-22, 42), (42, 42), (42, 70), *arc((24, 70), (18, 20), start=0, end=90), (-22, 90)], color)
    for x in (-2, 34):
        pen.line([(x, 43), (x, 89.5 if x < 0 else 85)], 0.9, lit(color, -0.3))
    door = [(-42, 42), (-4, 42), (-4, 70), *arc((-23, 70), (19, 20), start=0, end=180)]
    pen.fill(door, lit(color, -0.3))
    pen.fill([(x * 0.9 - 2.3, 4.6 + y * 0.92) for x, y in door], lit(color, 0.06))
    pen.fill(box(-33, 72, -13, 76, radius=1.5), _DARK)
    pen.fill(box(-28, 52, -18, 56, radius=2), _WHITE)
    pen.line([(18, 62), (18, 100)], 2.4, _DARK)
    pen.fill(box(18, 88, 34, 100), _WHITE)

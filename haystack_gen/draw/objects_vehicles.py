"""Things that travel on the ground or the water; see `objects_air` for the conventions."""

from math import cos, pi, sin

from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import Outline, arc, box, curve, oval

_STEEL: Color = (190, 197, 208)
_TYRE: Color = (48, 50, 62)
_DARK: Color = (64, 68, 86)
_GLASS: Color = (206, 230, 242)
_LAMP: Color = (255, 238, 170)
_WOOD: Color = (150, 98, 56)
_CREAM: Color = (250, 244, 228)


def _wheel(pen: Pen, x: float, radius: float, *, hub: Color = _STEEL) -> None:
    pen.fill(oval(x, radius, radius), _TYRE, form="ball")
    pen.fill(oval(x, radius, radius * 0.58), hub, form="ball")
    pen.fill(oval(x, radius, radius * 0.18), _DARK, form="flat")


def _pane(pen: Pen, outline: Outline) -> None:
    """A window with a slanted reflection."""
    pen.fill(outline, _GLASS)
    left, bottom = min(x for x, _ in outline), min(y for _, y in outline)
    right, top = max(x for x, _ in outline), max(y for _, y in outline)
    wide = right - left
    stripe = [
        (left + 0.15 * wide, bottom),
        (left + 0.4 * wide, bottom),
        (left + 0.7 * wide, top),
        (left + 0.45 * wide, top),
    ]
    pen.fill(stripe, (255, 255, 255), form="flat", alpha=0.5, within=outline)


def car(pen: Pen, color: Color) -> None:
    """A small rounded car facing right."""
    cabin = curve([(-36, 28), (-31, 46), (-18, 54), (6, 54), (19, 46), (30, 28)])
    pen.fill(cabin, color)
    _pane(pen, curve([(-28, 30), (-25, 43), (-16, 48), (-7, 48.5), (-6, 30)]))
    _pane(pen, curve([(-1, 30), (-1, 48.5), (6, 48), (14, 42), (21, 30)]))
    body = curve([(-57, 12), (-57, 26), (-46, 32), (-10, 33), (26, 32), (48, 28), (58, 20), (57, 9), (30, 6), (-40, 6)])
    pen.fill(body, color)
    pen.fill(box(-60, 8, 60, 12), lit(color, -0.3), form="flat", within=body)
    for x in (-32, 32):
        pen.fill(oval(x, 12, 15), lit(color, -0.55), form="flat", within=body)
        _wheel(pen, x, 12)
    pen.fill(oval(53, 20, 3.6, 4.2), _LAMP, form="ball")
    pen.fill(box(-60, 19, -54, 24, radius=2), _CREAM, within=body)
    pen.fill(box(-14, 25, -6, 27, radius=1), _STEEL)
    pen.line([(-4, 31), (-4, 14)], 0.6, lit(color, -0.35))


def bus(pen: Pen, color: Color) -> None:
    """A long bus with a row of windows, facing right."""
    body = box(-62, 8, 62, 64, radius=9)
    pen.fill(body, color)
    pen.fill(box(-62, 57, 62, 64), lit(color, 0.3), form="flat", within=body)
    pen.fill(box(-62, 20, 62, 24), _CREAM, form="flat", within=body)
    for left in (-54, -34, -14, 6):
        _pane(pen, box(left, 32, left + 17, 52, radius=3))
    pen.fill(box(28, 11, 44, 53, radius=3), lit(color, -0.35))
    _pane(pen, box(30, 14, 35.3, 51, radius=2))
    _pane(pen, box(36.7, 14, 42, 51, radius=2))
    _pane(pen, [(49, 30), (49, 52), (63, 52), (63, 30)])
    pen.fill(box(-62, 8, 62, 13), lit(color, -0.4), form="flat", within=body)
    for x in (-37, 16):
        _wheel(pen, x, 11.5)
    pen.fill(oval(58.5, 17, 2.8), _LAMP, form="ball")
    pen.fill(box(-64, 14, -60, 20, radius=1), _CREAM)


def steam_train(pen: Pen, color: Color) -> None:
    """A locomotive facing right, with a puff of steam."""
    pen = pen.at(-9, 0)
    for x, y, radius in ((34, 84, 7), (24, 92, 9), (10, 97, 10), (-6, 98, 8)):
        pen.fill(oval(x, y, radius, radius * 0.85), (236, 238, 244), form="ball")
    pen.fill([(33, 54), (47, 54), (44, 60), (47, 76), (33, 76), (36, 60)], _DARK, form="tube")
    pen.fill(box(30, 74, 50, 80, radius=2), _DARK, form="tube")
    pen.fill(box(-4, 28, 54, 58, radius=8), color, form="plane")
    pen.fill(box(-4, 48, 54, 53), lit(color, 0.35), form="flat")
    for x in (8, 26):
        pen.fill(box(x, 28, x + 3, 58), _STEEL, form="plane")
    pen.fill(arc((14, 57), (8, 9), start=0, end=180), _STEEL, form="ball")
    pen.fill(box(-48, 22, -6, 76), color)
    _pane(pen, box(-38, 46, -16, 67, radius=3))
    pen.fill(box(-54, 74, 0, 81, radius=3), _DARK)
    pen.fill(box(-52, 18, 58, 30, radius=3), lit(color, -0.35))
    pen.fill([(54, 26), (72, 4), (48, 4)], _DARK)
    pen.fill(oval(56, 43, 5, 8), _STEEL, form="ball")
    for x, radius in ((-35, 15), (-2, 15), (25, 10), (44, 10)):
        _wheel(pen, x, radius)
    pen.line([(-35, 15), (-2, 15), (25, 12)], 3, _STEEL)


def bicycle(pen: Pen, color: Color) -> None:
    """A city bicycle; everything colored is frame or mudguard."""
    for x in (-34, 34):
        for step in range(8):
            angle = pi * step / 8
            across, up = 22 * cos(angle), 22 * sin(angle)
            pen.line([(x - across, 24 - up), (x + across, 24 + up)], 0.5, _STEEL)
        ring = oval(x, 24, 22)
        pen.line([*ring, ring[1]], 3.6, _TYRE)
        pen.line(arc((x, 24), (26, 26), start=20, end=175), 3.4, color)
        pen.fill(oval(x, 24, 3), _DARK, form="ball")
    pen.line([(-34, 24), (-4, 22)], 1.2, _DARK)
    for ends in (
        ((-34, 24), (-13, 54)),
        ((-34, 24), (-4, 22)),
        ((-4, 22), (-15, 60)),
        ((-4, 22), (24, 54)),
        ((-13, 52), (22, 57)),
    ):
        pen.line(ends, 5.2, lit(color, -0.3))
        pen.line([(x - 0.4, y + 0.7) for x, y in ends], 4.2, color)
    pen.line([(34, 24), (21, 64)], 5.0, color)
    pen.line(curve([(21, 64), (18, 72), (25, 75), (33, 71)], closed=False), 3.4, _DARK)
    pen.line([(-15, 60), (-16, 64)], 3, _STEEL)
    pen.fill(curve([(-29, 68), (-14, 68), (-3, 65), (-13, 62), (-26, 63)]), _TYRE, form="tube")
    pen.fill(oval(-4, 22, 7), _STEEL, form="ball")
    pen.fill(oval(-4, 22, 3), _DARK)
    pen.line([(-4, 22), (3, 10)], 2, _DARK)
    pen.line([(-1, 9), (8, 9)], 3, _TYRE)


def sailboat(pen: Pen, color: Color) -> None:
    """A boat with two sails of its color; the hull is wood."""
    pen.line([(0, 14), (0, 100)], 2.4, _WOOD)
    main = curve([(-3, 94), (-16, 62), (-42, 25), (-3, 25), (-3, 40)], closed=False)
    jib = curve([(4, 92), (20, 60), (38, 27), (4, 27), (4, 40)], closed=False)
    pen.fill(main, color)
    pen.fill(jib, lit(color, 0.22))
    for y in (42.0, 60.0, 76.0):
        pen.line([(-46 + y * 0.42, y), (-3, y)], 0.8, lit(color, -0.25), alpha=0.7)
    hull = curve([(-50, 20), (0, 17), (54, 22), (44, 8), (30, 0), (-30, 0), (-42, 7)])
    pen.fill(hull, _WOOD)
    pen.fill(box(-60, 11, 60, 14), _CREAM, form="flat", within=hull)
    pen.fill([(0, 100), (0, 93), (13, 96.5)], _CREAM)


def tractor(pen: Pen, color: Color) -> None:
    """A farm tractor facing right."""
    pen.line([(36, 46), (36, 72)], 4, _DARK)
    pen.fill(box(-46, 42, 2, 88, radius=3), lit(color, -0.2))
    _pane(pen, box(-40, 52, -4, 81, radius=2))
    pen.fill(box(-52, 82, 8, 91, radius=4), color)
    pen.fill(curve([(-6, 24), (-6, 54), (20, 55), (44, 51), (50, 40), (48, 24)]), color)
    for y in (32, 38, 44):
        pen.line([(38, y), (47, y)], 1.6, _DARK)
    pen.fill(box(-50, 22, 46, 32, radius=4), lit(color, -0.3))
    pen.fill(arc((-28, 30), (34, 34), start=0, end=180), color)
    _wheel(pen, -28, 30, hub=_CREAM)
    _wheel(pen, 36, 18, hub=_CREAM)

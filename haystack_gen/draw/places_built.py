"""Places that are not open country: a city street, a living room, the bottom of the sea, the moon."""

from haystack_gen.draw.land import layer, ridge
from haystack_gen.draw.paint import Color, Pen, lit
from haystack_gen.draw.shapes import Outline, box, curve, moved, oval
from haystack_gen.plan.streams import Stream

_WHITE: Color = (255, 255, 255)


def _stars(pen: Pen, stream: Stream, wide: float, lowest: float, count: int) -> None:
    for _ in range(count):
        x, y = stream.between(0, wide), stream.between(lowest, 100)
        pen.fill(oval(x, y, stream.between(0.2, 0.55)), (255, 246, 214), form="flat", alpha=stream.between(0.5, 0.99))


def city(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Lit towers under the moon, and an empty street."""
    pen.wash(horizon - 10, 101, ((34, 36, 88), (66, 62, 132), (142, 104, 160)))
    _stars(pen, stream, wide, 55, 60)
    x = wide * stream.between(0.15, 0.85)
    pen.glow(x, 84, 26, (220, 220, 255), alpha=0.5)
    pen.fill(oval(x, 84, 6.5), (246, 242, 220), form="ball")
    for tone, low, high in (((84, 78, 140), 26, 50), ((58, 56, 112), 12, 36)):
        left = stream.between(-8, 0)
        while left < wide:
            across = stream.between(12, 22)
            _tower(pen, stream, box(left, horizon - 12, left + across, horizon + stream.between(low, high)), tone)
            left += across + stream.between(0, 3)
    layer(pen, box(-5, -5, wide + 5, horizon - 8), (150, 146, 172))
    pen.fill(box(-5, horizon - 10, wide + 5, horizon - 8), (176, 172, 196), form="flat")
    for share in (0.25, 0.6):
        y = 5 + (horizon - 15) * (1 - share)
        pen.line([(0, y), (wide, y)], 0.5, (122, 118, 148))
    for index in range(-3, 10):
        far = wide * (index + 0.5) / 7
        pen.line([(wide / 2 + (far - wide / 2) * 1.5, 5), (far, horizon - 10)], 0.5, (122, 118, 148))
    layer(pen, box(-5, -5, wide + 5, 5), (70, 68, 98))
    pen.fill(box(-5, 4, wide + 5, 5.6), (186, 182, 204), form="flat")
    for index in range(8):
        pen.fill(box(index * 24 + 4, 1.0, index * 24 + 16, 2.0), (226, 218, 194), form="flat")


def _tower(pen: Pen, stream: Stream, outline: Outline, tone: Color) -> None:
    layer(pen, outline, tone)
    left, bottom = outline[0]
    right, top = outline[2]
    y = top - 4.5
    while y > bottom + 8:
        x = left + 2
        while x < right - 3:
            bright = stream.chance(0.45)
            pane = (255, 216, 132) if bright else lit(tone, -0.25)
            pen.fill(box(x, y, x + 1.9, y + 2.4), pane, form="flat")
            x += 3.6
        y -= 5


def living_room(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """A papered wall with a window, a picture and a shelf of books, over floorboards and a rug."""
    wall: Color = stream.choice(((236, 218, 196), (206, 220, 212), (226, 210, 214)))
    pen.wash(horizon - 2, 101, (lit(wall, 0.12), lit(wall, -0.08)))
    for index in range(0, round(wide), 9):
        pen.fill(box(index, horizon, index + 4, 101), lit(wall, -0.06), form="flat", alpha=0.6)
    side = stream.chance(0.5)
    wall_pen = pen.at(0, (horizon - 40) * 0.6)
    _window(wall_pen, wide * (0.2 if side else 0.8))
    _shelf(wall_pen, stream, wide * (0.8 if side else 0.2))
    _picture(wall_pen, wide / 2)
    floor = box(-5, -5, wide + 5, horizon)
    layer(pen, floor, (190, 142, 98))
    for row in range(6):
        y = horizon * (1 - (row / 6) ** 0.8)
        pen.line([(0, y), (wide, y)], 0.4, (150, 106, 70), alpha=0.7)
        for index in range(5):
            x = wide * (index + stream.unit()) / 5
            pen.line([(x, y), (x, y - 4)], 0.4, (150, 106, 70), alpha=0.5)
    layer(pen, box(-5, horizon - 1, wide + 5, horizon + 3.5), (248, 244, 236))
    for across, tone in ((0.46, (176, 128, 124)), (0.42, (228, 208, 188)), (0.38, (196, 152, 142))):
        pen.fill(oval(wide / 2, horizon * 0.38, wide * across, horizon * 0.36 * across / 0.46), tone)


def _picture(pen: Pen, x: float) -> None:
    layer(pen, box(x - 10, 74, x + 10, 93), (170, 124, 80))
    pen.fill(box(x - 8, 76, x + 8, 91), (240, 236, 224))
    for across, y, radius, tone in (
        (-3, 83, 4, (222, 178, 150)),
        (3, 85, 3, (150, 176, 180)),
        (1, 80, 2.5, (196, 190, 150)),
    ):
        pen.fill(oval(x + across, y, radius), tone, form="flat")


def _window(pen: Pen, x: float) -> None:
    layer(pen, box(x - 17, 52, x + 17, 92), (250, 248, 242))
    pen.fill(box(x - 14.5, 54.5, x + 14.5, 89.5), (158, 208, 236))
    pen.fill(oval(x + 4, 52, 18, 12), (140, 196, 130), form="ball", within=box(x - 14.5, 54.5, x + 14.5, 89.5))
    pen.line([(x, 54), (x, 90)], 1.4, (250, 248, 242))
    pen.line([(x - 14, 72), (x + 14, 72)], 1.4, (250, 248, 242))
    for sign in (-1, 1):
        curtain = curve(
            [(x + sign * 23, 96), (x + sign * 8, 96), (x + sign * 13, 74), (x + sign * 17, 47), (x + sign * 24, 47)]
        )
        layer(pen, curtain, (214, 166, 150), form="tube")
    pen.line([(x - 25, 96), (x + 25, 96)], 1.4, (140, 100, 70))


def _shelf(pen: Pen, stream: Stream, x: float) -> None:
    for y in (58.0, 76.0):
        left = x - 15
        while left < x + 13:
            across, tall = stream.between(2, 3.6), stream.between(8, 12.5)
            tone = stream.choice(((176, 96, 84), (92, 120, 140), (120, 142, 108), (204, 170, 110), (130, 104, 128)))
            pen.fill(box(left, y, left + across, y + tall), tone, form="tube")
            left += across + 0.2
        layer(pen, box(x - 18, y - 2, x + 18, y), (152, 106, 70))


def seabed(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Shafts of light over sand, weed and coral."""
    pen.wash(-1, 101, ((96, 204, 214), (40, 146, 186), (22, 92, 146)))
    for _ in range(5):
        x, across = stream.between(0, wide), stream.between(5, 12)
        pen.fill(
            [(x, 101), (x + across, 101), (x + across * 2 - 22, 20), (x - 26, 20)],
            (214, 250, 244),
            form="flat",
            alpha=0.14,
        )
    layer(pen, ridge(stream, wide, base=horizon - 2, rise=12, knots=6), (36, 118, 158))
    for index in range(14):
        x = wide * (index + stream.unit()) / 14
        _weed(pen, stream, x, horizon - 10, stream.between(18, 44))
    layer(pen, ridge(stream, wide, base=horizon - 12, rise=5, knots=5), (206, 190, 146))
    for _ in range(5):
        _coral(pen, stream, stream.between(0, wide), horizon - stream.between(12, 18))
    layer(pen, ridge(stream, wide, base=4, rise=8, knots=4), (224, 208, 162))
    for _ in range(50):
        pen.fill(oval(stream.between(0, wide), stream.between(0, horizon - 16), 0.4), (176, 158, 116), alpha=0.7)
    for _ in range(26):
        x, y, radius = stream.between(0, wide), stream.between(30, 98), stream.between(0.5, 1.7)
        pen.fill(oval(x, y, radius), (216, 246, 250), form="ball", alpha=0.45)
        pen.fill(oval(x - radius * 0.3, y + radius * 0.3, radius * 0.3), _WHITE, form="flat", alpha=0.8)


def _weed(pen: Pen, stream: Stream, x: float, y: float, tall: float) -> None:
    sway = stream.between(1.5, 3.5)
    right = [(x + 1.6 + sway, y + tall * 0.3), (x + 1.2 - sway, y + tall * 0.65), (x + sway, y + tall)]
    left = [(x - 1.6 - sway, y + tall * 0.65), (x - 1.4 + sway, y + tall * 0.3)]
    pen.fill(
        curve([(x + 2, y), *right, *left, (x - 2, y)]), stream.choice(((42, 128, 108), (62, 152, 116), (30, 108, 110)))
    )


def _coral(pen: Pen, stream: Stream, x: float, y: float) -> None:
    tone = stream.choice(((228, 128, 130), (230, 160, 120), (190, 120, 170)))
    pen.shadow(moved(oval(x, y, 6, 1.6), (1, 0)), blur=1.2, alpha=0.3)
    for lean, tall in ((-5, 8), (-2, 12), (2, 13), (5, 9)):
        pen.line(curve([(x, y - 1), (x + lean * 0.7, y + tall * 0.5), (x + lean, y + tall)], closed=False), 2.2, tone)
        pen.line([(x + lean * 0.8, y + tall * 0.6), (x + lean * 1.5, y + tall * 0.8)], 1.7, lit(tone, 0.1))


def moon(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Craters under a black sky with the Earth in it."""
    pen.wash(horizon - 10, 101, ((12, 12, 34), (26, 24, 62), (52, 46, 100)))
    _stars(pen, stream, wide, horizon, 110)
    x = wide * stream.between(0.2, 0.8)
    earth = oval(x, 82, 10)
    pen.glow(x, 82, 26, (120, 180, 255), alpha=0.5)
    pen.fill(earth, (58, 130, 210), form="ball")
    for across, up, size in ((-4, 3, 4.5), (4, -3, 5), (6, 6, 3), (-5, -6, 3)):
        knots = ((-size, 0), (0, size * 0.7), (size, 0), (0, -size * 0.6))
        pen.fill(moved(curve(knots), (x + across, 82 + up)), (96, 176, 106), within=earth)
    layer(pen, ridge(stream, wide, base=horizon - 4, rise=10, knots=5), (124, 124, 144))
    layer(pen, ridge(stream, wide, base=horizon - 12, rise=5, knots=4), (158, 158, 174))
    layer(pen, ridge(stream, wide, base=5, rise=7, knots=4), (184, 184, 196))
    for _ in range(12):
        x, y = stream.between(0, wide), stream.between(1, horizon - 14)
        radius = stream.between(2, 7) * (1.25 - y / 50)
        pen.fill(oval(x, y, radius, radius * 0.34), (134, 134, 152), form="flat")
        pen.fill(oval(x + 0.3, y - radius * 0.08, radius * 0.86, radius * 0.24), (108, 108, 130), form="flat")

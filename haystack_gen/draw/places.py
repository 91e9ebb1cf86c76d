"""Open landscapes to set a scene in, made of layered paper; none shows anything that could be asked about.

The pen of a place counts from the lower left; the picture is 100 units tall and `wide` across. Below `horizon`
there is ground for things to stand on.
"""

from haystack_gen.draw.land import clouds, layer, peaks, ridge, sun
from haystack_gen.draw.paint import Color, Pen, lit, mix
from haystack_gen.draw.shapes import arc, curve, moved, oval, star
from haystack_gen.plan.streams import Stream

_WHITE: Color = (255, 255, 255)


def beach(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Sea, foam and sand, a palm leaning in from one side."""
    skies = (((92, 178, 226), (158, 214, 238), (232, 242, 236)), ((110, 160, 220), (188, 200, 226), (252, 224, 196)))
    pen.wash(horizon - 2, 101, stream.choice(skies))
    sun(pen, wide * stream.between(0.2, 0.8), 84, 6)
    clouds(pen, stream, wide, count=3, color=(250, 252, 255))
    pen.wash(horizon - 16, horizon, ((38, 132, 186), (58, 166, 204), (118, 206, 216)))
    for _ in range(22):
        x, y = stream.between(0, wide), horizon - stream.between(1.5, 11)
        pen.line([(x, y), (x + stream.between(3, 11), y)], 0.45, _WHITE, alpha=0.5)
    sand = ridge(stream, wide, base=horizon - 15, rise=4, knots=6)
    pen.fill(moved(sand, (0, 2.2)), (226, 246, 246), form="flat", alpha=0.9)
    layer(pen, sand, (240, 214, 160))
    layer(pen, ridge(stream, wide, base=3, rise=7), (248, 226, 178))
    for _ in range(70):
        pen.fill(oval(stream.between(0, wide), stream.between(0, horizon - 16), 0.35), (206, 174, 120), alpha=0.7)
    for _ in range(2):
        x, y = stream.between(6, wide - 6), stream.between(2.5, 6)
        pen.fill(star(x, y, 3.0, 1.4), (240, 150, 118), form="ball")
    _palm(pen, -3.0 if stream.chance(0.5) else wide + 3.0, wide)


def _palm(pen: Pen, x: float, wide: float) -> None:
    palm = pen.at(x, 8, flip=x > wide / 2)
    trunk = curve([(-2, 0), (3, 30), (6, 52), (14, 76), (17, 75), (11, 52), (8, 28), (5, 0)])
    palm.shadow(moved(trunk, (1.5, -0.5)), blur=1.5, alpha=0.3)
    palm.fill(trunk, (150, 108, 70), form="tube")
    for turn, size in ((150, 0.9), (100, 0.8), (58, 1.0), (20, 1.05), (-16, 1.0), (-52, 0.8)):
        leaf = palm.at(15, 76, turn=turn, scale=size)
        outline = curve([(0, 2), (14, 8), (30, 3), (38, -7), (26, -3), (12, -1)])
        leaf.shadow(moved(outline, (1, -1)), blur=1.2, alpha=0.25)
        leaf.fill(outline, (66, 146, 84) if turn % 4 else (88, 168, 92))
        leaf.line(curve([(0, 2), (16, 5), (37, -6)], closed=False), 0.5, (44, 108, 66))


def desert(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Red table mountains behind dunes, under a hot sky."""
    skies = (((246, 178, 110), (252, 208, 146), (255, 234, 190)), ((120, 186, 206), (196, 214, 196), (252, 226, 178)))
    pen.wash(horizon - 10, 101, stream.choice(skies))
    sun(pen, wide * stream.between(0.25, 0.75), 82, 8)
    for tone, reach in (((214, 140, 104), 1.0), ((190, 104, 74), 0.62)):
        for _ in range(3):
            x, half, tall = stream.between(0, wide), stream.between(9, 20), stream.between(14, 30) * reach
            steps = [(-1.35, 0), (-1.1, 0.45), (-1.0, 0.5), (-0.92, 1), (0.88, 1), (1.0, 0.55), (1.15, 0.5), (1.4, 0)]
            mesa = [(x + half * across, horizon - 8 + (tall + 8) * up) for across, up in steps]
            layer(pen, mesa, tone)
            for share in (0.72, 0.86):
                y = horizon - 8 + (tall + 8) * share
                pen.fill(
                    [(x - 2 * half, y), (x + 2 * half, y), (x + 2 * half, y + 1.3), (x - 2 * half, y + 1.3)],
                    lit(tone, -0.12),
                    form="flat",
                    within=mesa,
                )
    for base, tone in ((horizon - 7, (232, 170, 100)), (horizon - 18, (240, 184, 112)), (2, (248, 200, 130))):
        layer(pen, ridge(stream, wide, base=base, rise=6, knots=4), tone)
    for _ in range(12):
        x, y = stream.between(-5, wide), stream.between(2, horizon - 14)
        ripple = curve([(x, y), (x + 5, y + 0.9), (x + 10, y), (x + 15, y + 0.7)], closed=False)
        pen.line(ripple, 0.5, (206, 146, 84), alpha=0.6)
    for _ in range(4):
        x, y = stream.between(4, wide - 4), stream.between(2, 7)
        pen.fill(
            [*arc((x, y), (stream.between(2, 4), stream.between(1.5, 3)), start=0, end=180)],
            (172, 110, 82),
            form="ball",
        )


def snow(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Snowfields and firs while it snows."""
    skies = (((126, 164, 208), (178, 204, 228), (228, 236, 244)), ((140, 140, 196), (200, 184, 214), (250, 222, 216)))
    pen.wash(horizon - 10, 101, stream.choice(skies))
    layer(pen, ridge(stream, wide, base=horizon + 4, rise=14, knots=5), (190, 206, 228))
    layer(pen, ridge(stream, wide, base=horizon - 2, rise=7, knots=4), (214, 226, 240))
    for index in range(9):
        x = wide * (index + stream.between(0.1, 0.9)) / 9
        _fir(pen, x, horizon - stream.between(5, 8), stream.between(16, 30))
    layer(pen, ridge(stream, wide, base=horizon - 9, rise=4, knots=4), (230, 238, 247))
    layer(pen, ridge(stream, wide, base=horizon - 24, rise=5, knots=5), (242, 246, 252))
    for _ in range(12):
        x, y = stream.between(-5, wide), stream.between(2, horizon - 12)
        pen.line(curve([(x, y), (x + 6, y + 0.8), (x + 12, y)], closed=False), 0.5, (198, 212, 234), alpha=0.8)
    for _ in range(70):
        radius = stream.between(0.3, 0.8)
        pen.fill(oval(stream.between(0, wide), stream.between(0, 100), radius), _WHITE, form="flat", alpha=0.85)


def _fir(pen: Pen, x: float, y: float, tall: float) -> None:
    fir = pen.at(x, y, scale=tall / 100)
    fir.shadow(moved([(-30, 10), (30, 10), (0, 100)], (4, 0)), blur=5, alpha=0.28)
    fir.fill([(-4, 0), (4, 0), (4, 16), (-4, 16)], (112, 84, 72), form="tube")
    for bottom, half, top in ((12, 32, 52), (34, 26, 76), (58, 19, 100)):
        fir.fill([(-half, bottom), (0, bottom - 6), (half, bottom), (0, top)], (70, 122, 118))
        rise = (top - bottom) * 0.45
        fir.fill(
            [
                (-half * 0.55, top - rise),
                (-half * 0.2, top - rise - 4),
                (half * 0.15, top - rise),
                (half * 0.55, top - rise - 3),
                (0, top),
            ],
            (244, 248, 252),
        )


def meadow(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Green hills with round trees and small flowers."""
    skies = (((96, 176, 232), (160, 212, 242), (224, 242, 246)), ((140, 178, 226), (206, 216, 232), (254, 232, 204)))
    pen.wash(horizon - 10, 101, stream.choice(skies))
    sun(pen, wide * stream.between(0.15, 0.85), 86, 6)
    clouds(pen, stream, wide, count=3, color=(252, 253, 255))
    layer(pen, ridge(stream, wide, base=horizon + 2, rise=12, knots=5), (146, 200, 158))
    hill = ridge(stream, wide, base=horizon - 3, rise=7, knots=4)
    layer(pen, hill, (126, 190, 112))
    for _ in range(6):
        x, radius = stream.between(0, wide), stream.between(3, 5.5)
        pen.line([(x, horizon - 4), (x, horizon + 5)], 1.1, (120, 92, 66))
        pen.fill(oval(x, horizon + 4 + radius, radius, radius * 1.15), (86, 158, 92), form="ball")
    layer(pen, ridge(stream, wide, base=horizon - 12, rise=6, knots=5), (140, 202, 104))
    layer(pen, ridge(stream, wide, base=6, rise=8, knots=4), (122, 190, 92))
    for _ in range(50):
        x, y = stream.between(0, wide), stream.between(0, horizon - 13)
        pen.line([(x, y), (x + stream.between(-0.7, 0.7), y + 2)], 0.4, (84, 150, 72), alpha=0.8)
    for _ in range(20):
        x, y = stream.between(0, wide), stream.between(1, horizon - 15)
        tone = stream.choice(((255, 255, 255), (255, 232, 140), (250, 190, 214)))
        for spot in ((-0.7, 0), (0.7, 0), (0, 0.7), (0, -0.7)):
            pen.fill(oval(x + spot[0], y + spot[1], 0.65), tone, form="flat")
        pen.fill(oval(x, y, 0.5), (240, 184, 60), form="flat")


def mountains(pen: Pen, stream: Stream, wide: float, horizon: float) -> None:
    """Three ranges of peaks, the nearest two snow-capped, over bare rock."""
    skies = (((110, 150, 210), (176, 196, 226), (240, 226, 220)), ((236, 170, 150), (246, 204, 180), (252, 232, 206)))
    pen.wash(horizon - 10, 101, stream.choice(skies))
    sun(pen, wide * stream.between(0.2, 0.8), 80, 5)
    tops = ((30, 30, 9, (172, 178, 210)), (14, 40, 7, (128, 136, 178)), (0, 40, 5, (98, 106, 142)))
    for lift, rise, knots, tone in tops:
        range_line = peaks(stream, wide, base=horizon - 6 + lift * 0.5, rise=rise, knots=knots)
        layer(pen, range_line, tone)
        for left, top, right in zip(range_line[1:], range_line[2:], range_line[3:], strict=False):
            if top[1] > left[1] and top[1] > right[1]:
                _snowcap(pen, left, top, right, tone)
    layer(pen, ridge(stream, wide, base=horizon - 9, rise=4, knots=7), (120, 122, 128))
    layer(pen, ridge(stream, wide, base=5, rise=8, knots=6), (146, 144, 146))
    for _ in range(14):
        x, y, half = stream.between(0, wide), stream.between(1, horizon - 14), stream.between(1.5, 4)
        rock = [
            (x - half, y),
            (x - half * 0.7, y + half * 0.7),
            (x, y + half),
            (x + half * 0.8, y + half * 0.5),
            (x + half, y),
        ]
        pen.fill(rock, mix((150, 148, 152), (104, 106, 116), stream.unit()))


def _snowcap(
    pen: Pen, left: tuple[float, float], top: tuple[float, float], right: tuple[float, float], tone: Color
) -> None:
    def toward(foot: tuple[float, float], share: float) -> tuple[float, float]:
        return top[0] + (foot[0] - top[0]) * share, top[1] + (foot[1] - top[1]) * share

    middle = (top[0] + (right[0] - top[0]) * 0.12, top[1] - (top[1] - right[1]) * 0.62)
    pen.fill([top, right, (middle[0], right[1]), middle], lit(tone, -0.16), form="flat")
    (west_x, west_y), (east_x, east_y) = toward(left, 0.36), toward(right, 0.36)
    notch = top[1] - (top[1] - west_y) * 0.62
    cap = [
        top,
        (west_x, west_y),
        (top[0] - (top[0] - west_x) * 0.4, notch),
        (top[0], west_y - 1.5),
        (top[0] + (east_x - top[0]) * 0.45, notch),
        (east_x, east_y),
    ]
    pen.fill(cap, (244, 247, 252))

"""Views of light and distance for drawn films: each takes a stage and gives the picture at any second."""

import math

import numpy as np

from haystack_gen.draw.stage import (
    Array,
    Stage,
    View,
    along,
    cloud_noise,
    color,
    cover,
    mix,
    profile,
    ramp,
    smooth,
    specks,
    warped,
    white_noise,
    window,
)


def aurora(stage: Stage) -> View:
    """Stars and aurora over a dark ridge and its lake."""
    draw = stage.stream
    night = ramp(stage.down, [(0, color("050a1c")), (0.55, color("12284a")), (1, color("1c3550"))])
    foot_tint, head_tint = map(
        color, draw.choice((("3dffa8", "9a3dff"), ("58f0e0", "ff4a9a"), ("c8ff6a", "2f8fff"), ("ff7ac8", "5a6aff")))
    )
    stars = specks(draw, 420, spread=0.75)
    ridge, curtain = profile(draw, cells=5, octaves=6), profile(draw, cells=3, octaves=3)
    folds = profile(draw, cells=24, octaves=3)
    shore, drift = draw.between(0.70, 0.8), draw.between(0.03, 0.08)
    starts = [draw.between(0, 8) for _ in range(3)]

    def at(t: float) -> Array:
        picture = night + window(stage, stars, left=0.004 * t, turn=0.004 * t)
        for number in range(2):
            foot = 0.62 - 0.18 * number - 0.30 * along(stage, curtain, left=starts[number] + drift * t, stretch=6)
            ray = 0.25 + 0.75 * along(stage, folds, left=starts[number] - 0.12 * t, stretch=5)
            up = foot - stage.down
            fade = np.exp(np.minimum(up / -(0.14 + 0.2 * ray), up / 0.02)) * ray * (0.8 - 0.25 * number)
            picture += mix(foot_tint, head_tint, smooth(up, 0.02, 0.26)) * fade
        cover(stage, picture, color("04070d"), shore - 0.02 - 0.24 * along(stage, ridge, left=starts[2] + 0.01 * t))
        rows = np.clip((2 * shore - stage.down[:, 0]) * stage.height, 0, stage.height - 1).astype(int)
        sway = 1 + 0.08 * np.sin(stage.down * 260 + 3 * t)
        cover(stage, picture, picture[:, rows] * 0.55 * sway + 0.012, shore)
        return picture

    return at


def city(stage: Stage) -> View:
    """A skyline at dusk whose windows light up, in three planes."""
    draw = stage.stream
    top, middle, low = map(
        color,
        draw.choice(
            (
                ("1b2350", "8a4f86", "ffa76b"),
                ("0f1c33", "3f6a8c", "e8c79a"),
                ("241a3a", "5a3f78", "e86f7a"),
                ("0b2233", "1f6f7f", "f2d38a"),
                ("05070f", "101c3a", "3a4f7a"),
            )
        ),
    )
    planes = [_blocks(stage, 34 - 8 * number) for number in range(3)]
    lamps = [white_noise(draw, 64, 512) for _ in planes]
    pan, clouds = draw.between(0.02, 0.06) * draw.choice((-1, 1)), cloud_noise(draw, cells=(2, 8), octaves=5)
    sky = ramp(stage.down, [(0, top), (0.45, middle), (0.8, low), (1, low)])
    warm = color("ffd890")

    def at(t: float) -> Array:
        veil = window(stage, clouds, left=0.02 * t)
        picture = mix(sky, mix(middle, low, 0.6), smooth(veil, 0.45, 0.8) * 0.55)
        dusk = 1 - 0.02 * t
        for number, line in enumerate(planes):
            depth = (number + 1) / 3
            left = 2.3 * number + pan * t * (0.4 + 1.6 * depth)
            height = 0.86 + 0.06 * depth - (0.60 - 0.22 * number) * along(stage, line, left=left, stretch=5)
            wall = mix(mix(low, middle, 0.5), color("0b0d18"), 0.35 + 0.6 * depth) * dusk
            fine = 34 - 8 * number
            u, v = (stage.across + left) * fine, stage.down * fine * 0.8
            lamp = lamps[number][v.astype(int) % 64, u.astype(int) % 512]
            frame = (np.abs(u % 1 - 0.5) < 0.28) & (np.abs(v % 1 - 0.5) < 0.3) & (stage.down > height + 0.02)
            lit = frame * (lamp < 0.30 + 0.02 * t) * (0.45 + 1.4 * (lamp * 37 % 1) * depth)
            facade = mix(wall, warm, np.clip(lit * (0.5 + 0.5 * depth), 0, 1))
            cover(stage, picture, facade, height)
        return picture

    return at


def _blocks(stage: Stage, count: int) -> Array:
    """Heights of a street of flat roofs, a few of them towers."""
    edges = np.cumsum(0.4 + white_noise(stage.stream, count))
    places = np.arange(2048) / 2048 * edges[-1]
    tall = 0.25 + 0.75 * white_noise(stage.stream, count) ** 2
    return np.asarray(tall[np.searchsorted(edges, places, side="right") % count], np.float32)


def nebula(stage: Stage) -> View:
    """Glowing gas and stars of three distances."""
    draw = stage.stream
    codes = draw.choice(
        (("ff5a8a", "4a6bff", "ffd9a0"), ("40e0c0", "7a3fff", "ffe0f0"), ("ff8a3c", "c02a6b", "9fd0ff"))
    )
    one, two, core = map(color, codes)
    gas, dust = cloud_noise(draw, cells=(2, 2), octaves=5, fade=0.6), cloud_noise(draw, cells=(2, 2), octaves=5)
    stars = [specks(draw, count, spread=spread) for count, spread in ((700, 0.6), (260, 0.8), (50, 1.5))]
    heading, turn = draw.between(0, 6), draw.between(0.008, 0.03) * draw.choice((-1, 1))
    zoom = draw.between(0.7, 1.2)

    def at(t: float) -> Array:
        x, y = 0.03 * t * math.cos(heading), 0.03 * t * math.sin(heading)
        near = 1 + 0.02 * t
        glow = window(stage, gas, left=x, top=y, zoom=zoom * near, turn=turn * t)
        dark = window(stage, dust, left=x * 1.4, top=y * 1.4, zoom=zoom * near * 1.1, turn=turn * t)
        picture = color("0a0c1e") + one * (smooth(glow, 0.35, 1.0) * 0.75) + two * (smooth(dark, 0.30, 0.95) * 0.6)
        picture += core * (smooth(glow * dark, 0.38, 0.85) * 0.55)
        picture *= 1 - 0.6 * smooth(1 - dark, 0.55, 0.85)
        for number, field in enumerate(stars):
            seen = window(
                stage, field, left=x * (1 + number), top=y * (1 + number), zoom=near * (1 + number / 4), turn=turn * t
            )
            picture += seen
        return np.asarray(picture, np.float32)

    return at


def flow(stage: Stage) -> View:
    """Fields of colour that fold into one another."""
    draw = stage.stream
    codes = draw.choice(
        (
            ("0b1340", "3b2f8f", "d1498b", "ffb26b", "fff3c9"),
            ("04293a", "0f6b72", "4fc3a1", "f2e9b8", "e86a4a"),
            ("1a0b1e", "5b1a4b", "c2314a", "f28c4a", "ffe08a"),
            ("0a2a5e", "2f7fd0", "9fd8f0", "f7f3ff", "c9a0e8"),
        )
    )
    stops = [(place / 4, color(code)) for place, code in enumerate(codes)]
    first, second = cloud_noise(draw, cells=(2, 2), octaves=3), cloud_noise(draw, cells=(4, 4), octaves=4)
    palette = ramp(np.linspace(0, 1, 256, dtype=np.float32), stops)
    x = np.asarray(np.repeat(stage.across * 230, stage.height, axis=0), np.float32)
    y = np.asarray(np.repeat(stage.down * 230, stage.width, axis=1), np.float32)
    strength, drift = draw.between(90, 170), draw.between(6, 14)

    def at(t: float) -> Array:
        bend = np.asarray(warped(first, x + drift * t, y + drift * 0.4 * t) * strength, np.float32)
        other = warped(second, x - bend, y - drift * t + bend * 0.6)
        field = warped(first, x + other * strength, y + drift * t - bend)
        relief = 1 + 3.2 * (field - np.roll(field, 3, axis=1))
        value = np.clip(1.5 * (0.55 * field + 0.45 * other) - 0.25, 0, 1) * 255
        return np.asarray(palette[:, value.astype(np.uint8)] * np.clip(relief, 0.6, 1.4), np.float32)

    return at


def aerial(stage: Stage) -> View:
    """Mountains, plains and water from straight above, turning slowly."""
    draw = stage.stream
    height = cloud_noise(draw, cells=(2, 2), octaves=6, fade=0.57)
    tints = draw.choice(
        (
            ("123a5c", "2f7f8f", "d8c690", "6f9a4a", "3e6b35", "8f8574", "f4f4f2"),
            ("0f2f3f", "1f5f6f", "c9a878", "b5763f", "8c4a2f", "6b3b33", "e0c8a8"),
            ("1d3d52", "4f8fa0", "cfd8cf", "9fb59a", "6f8f88", "a9b8c2", "ffffff"),
        )
    )
    level = draw.between(0.34, 0.46)
    steps = (0.0, level - 0.02, level + 0.015, level + 0.07, level + 0.2, level + 0.33, level + 0.45)
    stops = [(place, color(code)) for place, code in zip(steps, tints, strict=True)]
    land = ramp(np.linspace(0, 1, 256, dtype=np.float32), stops).T[(height * 255).astype(np.uint8)]
    slope = (np.roll(height, 2, 1) - np.roll(height, -2, 1)) + (np.roll(height, 2, 0) - np.roll(height, -2, 0))
    relief = np.where(height > level, 1 + np.clip(-slope * 5, -0.55, 0.6), 1 - 0.5 * slope)
    land = np.asarray(np.clip(land * relief[..., None], 0, 1), np.float32)
    mist = cloud_noise(draw, cells=(2, 2), octaves=4)
    speed, turn, zoom = draw.between(0.02, 0.06), draw.between(-0.03, 0.03), draw.between(0.9, 1.5)
    start, heading = (draw.between(0, 2), draw.between(0, 2)), draw.between(0, 6)

    def at(t: float) -> Array:
        left, top = start[0] + speed * t * math.cos(heading), start[1] + speed * t * math.sin(heading)
        seen = window(stage, land, left=left, top=top, zoom=zoom * (1 + 0.012 * t), turn=heading + turn * t)
        veil = smooth(window(stage, mist, left=left * 2 + 0.03 * t, top=top * 2, zoom=0.7), 0.58, 0.85)
        return mix(seen.transpose(2, 0, 1), color("f7f7f7"), veil * 0.85)

    return at

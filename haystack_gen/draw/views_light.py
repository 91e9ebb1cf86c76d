"""Views of water, light and weather for drawn films: each takes a stage and gives the picture at any second."""

import math

import cv2
import numpy as np

from haystack_gen.draw.stage import (
    Array,
    Stage,
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
from haystack_gen.draw.views_land import View


def sea(stage: Stage) -> View:
    """Waves to the horizon, with the sun's path on them."""
    draw = stage.stream
    horizon = draw.between(0.34, 0.5)
    top, low, deep, light = map(
        color,
        draw.choice(
            (
                ("2f6fb8", "cfe6ee", "0d4a6b", "fff6e0"),
                ("3a2f66", "ffb070", "2a2547", "ffd9a0"),
                ("6a7f92", "d5d9d8", "2f4a55", "f4f4ee"),
                ("14305f", "f08a7a", "16324f", "ffc9b0"),
            )
        ),
    )
    sun = (draw.between(0.3, stage.aspect - 0.3), horizon - draw.between(0.05, 0.2))
    away = np.hypot(stage.across - sun[0], stage.down - sun[1])[..., None]
    sky = ramp(stage.down, [(0, top), (horizon, low), (1, low)])
    disc = draw.choice((0.0, 0.8, 1.0))
    sky = mix(sky, light, np.clip(disc * np.exp(-((away / 0.045) ** 4)) + 0.6 * np.exp(-away / 0.22), 0, 1))
    clouds = cloud_noise(draw, cells=(2, 8), octaves=5)
    waves = cloud_noise(draw, cells=(8, 16), octaves=4, fade=0.6)
    row = np.maximum(stage.down - horizon, 0.004)
    flat_x = ((stage.across - stage.aspect / 2) / row * 22 + 0 * row).astype(np.float32)
    flat_y = (34 / row + 0 * stage.across).astype(np.float32)
    path = np.exp(-(((stage.across - sun[0]) / (0.05 + 0.5 * row)) ** 2))
    calm = np.clip(row * 7, 0.15, 1)
    speed, swell = draw.between(9, 20), draw.between(0.01, 0.02)

    def at(t: float) -> Array:
        veil = smooth(window(stage, clouds, left=0.02 * t), 0.5, 0.85)[..., None]
        above = mix(sky, mix(low, light, 0.5), veil * 0.5)
        first = warped(waves, flat_x + speed * t * 0.4, flat_y + speed * t)
        second = warped(waves, flat_x * 1.7 - speed * t * 0.5 + 99, flat_y * 1.7 + speed * t * 1.3)
        wave = (first + second - 1) * calm
        water = mix(deep, mix(low, top, 0.35), np.clip(0.42 + 0.9 * wave - 0.35 * row, 0, 1)[..., None])
        glint = smooth(wave, 0.02, 0.30) * path
        water = mix(water, light, np.clip(glint * 1.1 + 0.22 * path, 0, 1)[..., None])
        cover(stage, above, water, horizon + swell * math.sin(0.7 * t))
        return above

    return at


def meadow(stage: Stage) -> View:
    """Tall grass in the wind, specked with blossom, under a wide sky."""
    draw = stage.stream
    horizon = draw.between(0.25, 0.4)
    top, low = map(color, draw.choice((("4a8fd6", "dcecf2"), ("6f7fb0", "ffd9b8"), ("8fa8b8", "e8ebe4"))))
    dark, bright = map(color, draw.choice((("2c5a22", "b9c85a"), ("7a5a1c", "f0cf78"), ("2f5f4f", "a8d8a0"))))
    bloom = color(draw.choice(("f4f0e0", "e05a4a", "c08af0", "ffd84a")))
    clouds, blades = cloud_noise(draw, cells=(2, 4), octaves=5), cloud_noise(draw, cells=(32, 8), octaves=4, fade=0.8)
    gusts, blossoms = cloud_noise(draw, cells=(4, 4), octaves=3), specks(draw, 2600, spread=1.1)
    row = np.maximum(stage.down - horizon, 0.01)
    flat_x = ((stage.across - stage.aspect / 2) / (row + 0.10) * 110 + 0 * row).astype(np.float32)
    flat_y = (-80 / (row + 0.08) + 0 * stage.across).astype(np.float32)
    walk, wind = draw.between(2, 7), draw.between(30, 60)
    hills = profile(draw, cells=6, octaves=5)

    def at(t: float) -> Array:
        veil = smooth(window(stage, clouds, left=0.03 * t), 0.45, 0.75)[..., None]
        above = mix(ramp(stage.down, [(0, top), (horizon, low), (1, low)]), np.float32(0.97), veil * 0.85)
        far = mix(low, dark, 0.45)
        cover(stage, above, far, horizon - 0.09 * along(stage, hills, left=0.01 * t))
        gust = warped(gusts, flat_x * 0.5 - wind * t, flat_y * 0.5)
        blade = warped(blades, flat_x * 1.5 + 10 * gust, flat_y * 1.2 + walk * t)
        light = np.clip(0.10 + 0.75 * blade * (0.5 + 0.5 * np.clip(row * 3, 0, 1)) + 0.75 * (gust - 0.4), 0, 1.1)
        field = mix(dark, bright, light[..., None]) * (1.08 - 0.35 * row)[..., None]
        dots = warped(blossoms, flat_x * 1.5 + 10 * gust, flat_y * 1.2 + walk * t) * np.clip(row * 5, 0, 1)
        field = mix(field, bloom, np.clip(dots, 0, 0.9)[..., None])
        cover(stage, above, field, horizon)
        return above

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
        veil = window(stage, clouds, left=0.02 * t)[..., None]
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
            facade = mix(np.broadcast_to(wall, (1, 1, 3)), warm, np.clip(lit * (0.5 + 0.5 * depth), 0, 1)[..., None])
            cover(stage, picture, facade, height)
        return picture

    return at


def _blocks(stage: Stage, count: int) -> Array:
    """Heights of a street of flat roofs, a few of them towers."""
    edges = np.cumsum(0.4 + white_noise(stage.stream, count))
    places = np.arange(2048) / 2048 * edges[-1]
    tall = 0.25 + 0.75 * white_noise(stage.stream, count) ** 2
    return tall[np.searchsorted(edges, places, side="right") % count].astype(np.float32)


def rain(stage: Stage) -> View:
    """Street lights out of focus behind rain, mirrored on wet ground."""
    draw = stage.stream
    dark, haze = map(color, draw.choice((("0a1020", "2a3f5f"), ("140d1c", "5a3350"), ("0b1614", "2c5148"))))
    tints = [color(code) for code in ("ffb347", "ff6a4d", "ffe6b0", "7fd0ff", "ff9ad0", "9fffc8")]
    lights = [
        (
            draw.between(-0.3, stage.aspect + 0.3),
            0.008 + 0.06 * draw.unit() ** 2.5,
            draw.unit(),
            draw.choice(tints),
        )
        for _ in range(64)
    ]
    streaks = np.asarray(cv2.blur(specks(draw, 1800, spread=0.5), (1, 25)) * 12, np.float32)
    ripple = cloud_noise(draw, cells=(8, 32), octaves=3)
    ground, pan = draw.between(0.58, 0.66), draw.between(0.02, 0.05) * draw.choice((-1, 1))
    back = ramp(stage.down, [(0, dark), (ground, haze), (1, dark)])
    slant = draw.between(-0.25, 0.25)

    def at(t: float) -> Array:
        picture = np.repeat(back, stage.width, axis=1)
        for x, size, rise, tint in lights:
            place = (x + pan * t * (20 * size + 0.2) + 0.3) % (stage.aspect + 0.6) - 0.3
            _disc(stage, picture, (place, ground - 0.05 - 1.5 * size - 0.30 * rise * rise), size, tint * 0.5)
        rows = np.clip((2 * ground - stage.down[:, 0]) * stage.height, 0, stage.height - 1).astype(int)
        wave = window(stage, ripple, top=-0.05 * t, zoom=0.8)[..., None]
        mirror = cv2.blur(picture[rows], (3, 31)) * (0.25 + 1.1 * wave)
        cover(stage, picture, mirror, ground)
        for number in range(2):
            seen = window(stage, streaks, left=slant * t, top=-(2.6 + number) * t, zoom=1 + number, turn=slant * 0.4)
            picture = picture + np.clip(seen, 0, 0.5)[..., None] * (0.10 + 0.08 * number)
        return picture

    return at


def _disc(stage: Stage, picture: Array, place: tuple[float, float], size: float, tint: Array) -> None:
    """Add a soft-edged disc of light in place."""
    left, right = (round((place[0] + side * size * 1.3) * stage.height) for side in (-1, 1))
    top, bottom = (round((place[1] + side * size * 1.3) * stage.height) for side in (-1, 1))
    left, top, right, bottom = max(0, left), max(0, top), min(stage.width, right), min(stage.height, bottom)
    if left >= right or top >= bottom:
        return
    away = np.hypot(stage.across[:, left:right] - place[0], stage.down[top:bottom] - place[1]) / size
    shape = np.clip((1.05 - away) * 7, 0, 1) * (0.6 + 0.4 * np.clip(away, 0, 1) ** 4)
    picture[top:bottom, left:right] += shape[..., None] * tint


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
    x = np.repeat(stage.across * 230, stage.height, axis=0)
    y = np.repeat(stage.down * 230, stage.width, axis=1)
    strength, drift = draw.between(90, 170), draw.between(6, 14)

    def at(t: float) -> Array:
        bend = warped(first, x + drift * t, y + drift * 0.4 * t) * strength
        other = warped(second, x - bend, y + bend * 0.6 - drift * t)
        field = warped(first, x + other * strength, y - bend + drift * t)
        relief = 1 + 3.2 * (field - np.roll(field, 3, axis=1))
        value = np.clip(1.5 * (0.55 * field + 0.45 * other) - 0.25, 0, 1) * 255
        return np.asarray(palette[value.astype(np.uint8)] * np.clip(relief, 0.6, 1.4)[..., None], np.float32)

    return at


def underwater(stage: Stage) -> View:
    """Shafts of light, caustics on sand and rising bubbles."""
    draw = stage.stream
    top, low, floor = map(
        color,
        draw.choice((("9fe8ee", "06445e", "b8c79a"), ("b8f0d8", "0b4a45", "a8b48a"), ("8fc8ff", "0a1f5a", "6f86a8"))),
    )
    net, shafts = cloud_noise(draw, cells=(8, 8), octaves=2), profile(draw, cells=10, octaves=3)
    sand = profile(draw, cells=3, octaves=3)
    bubbles = [(draw.between(0, stage.aspect), draw.unit(), draw.between(0.006, 0.024)) for _ in range(34)]
    lean, bed = draw.between(-0.5, 0.5), draw.between(0.72, 0.84)
    water = ramp(stage.down, [(0, top), (0.35, mix(top, low, 0.6)), (1, low)])
    ray = stage.across + lean * stage.down
    row = np.maximum(stage.down - bed + 0.16, 0.05)
    flat_x = ((stage.across - stage.aspect / 2) / row * 40 + 0 * row).astype(np.float32)
    flat_y = (50 / row + 0 * stage.across).astype(np.float32)

    def at(t: float) -> Array:
        places = ((ray + 0.05 * t) / 4 * len(shafts)).astype(int) % len(shafts)
        beam = smooth(shafts[places], 0.45, 0.95) * np.exp(-stage.down * 2.2)
        picture = mix(np.repeat(water, stage.width, axis=1), top, 0.75 * beam[..., None])
        knots = 1 - np.abs(warped(net, flat_x + 8 * t, flat_y) - warped(net, flat_x - 6 * t, flat_y + 90)) * 5
        ground = mix(floor * 0.55, top, 0.55 * np.clip(knots, 0, 1)[..., None] ** 2)
        ground = mix(ground, low, np.clip(0.55 - 1.2 * (stage.down - bed), 0, 1)[..., None])
        cover(stage, picture, ground, bed - 0.08 * along(stage, sand, left=2 + 0.03 * t))
        for x, start, size in bubbles:
            y = 1.1 - (start * 1.2 + t * (0.08 + 4 * size)) % 1.2
            _ring(stage, picture, (x + 0.02 * math.sin(3 * t + 40 * start), y), size)
        return picture

    return at


def _ring(stage: Stage, picture: Array, place: tuple[float, float], size: float) -> None:
    """Add a bubble in place: a bright rim and a highlight."""
    left, right = (round((place[0] + side * size * 1.4) * stage.height) for side in (-1, 1))
    top, bottom = (round((place[1] + side * size * 1.4) * stage.height) for side in (-1, 1))
    left, top, right, bottom = max(0, left), max(0, top), min(stage.width, right), min(stage.height, bottom)
    if left >= right or top >= bottom:
        return
    x, y = stage.across[:, left:right] - place[0], stage.down[top:bottom] - place[1]
    away = np.hypot(x, y) / size
    shine = np.hypot(x + 0.35 * size, y + 0.4 * size) / size
    light = np.exp(-(((away - 0.85) * 5) ** 2)) * 0.55 + np.exp(-((shine * 4) ** 2)) + 0.12 * (away < 0.9)
    picture[top:bottom, left:right] += np.clip(light, 0, 0.8)[..., None] * (1 - picture[top:bottom, left:right])


def nebula(stage: Stage) -> View:
    """Glowing gas and stars of three distances."""
    draw = stage.stream
    codes = draw.choice(
        (("ff5a8a", "4a6bff", "ffd9a0"), ("40e0c0", "7a3fff", "ffe0f0"), ("ff8a3c", "c02a6b", "9fd0ff"))
    )
    one, two, core = map(color, codes)
    gas, dust = cloud_noise(draw, cells=(2, 2), octaves=6, fade=0.6), cloud_noise(draw, cells=(2, 2), octaves=6)
    stars = [specks(draw, count, spread=spread) for count, spread in ((700, 0.6), (260, 0.8), (50, 1.5))]
    heading, turn = draw.between(0, 6), draw.between(0.008, 0.03) * draw.choice((-1, 1))
    zoom = draw.between(0.7, 1.2)

    def at(t: float) -> Array:
        x, y = 0.03 * t * math.cos(heading), 0.03 * t * math.sin(heading)
        near = 1 + 0.02 * t
        glow = window(stage, gas, left=x, top=y, zoom=zoom * near, turn=turn * t)[..., None]
        dark = window(stage, dust, left=x * 1.4, top=y * 1.4, zoom=zoom * near * 1.1, turn=turn * t)[..., None]
        picture = color("0a0c1e") + one * (smooth(glow, 0.35, 1.0) * 0.75) + two * (smooth(dark, 0.30, 0.95) * 0.6)
        picture += core * (smooth(glow * dark, 0.38, 0.85) * 0.55)
        picture *= 1 - 0.6 * smooth(1 - dark, 0.55, 0.85)
        for number, field in enumerate(stars):
            seen = window(
                stage, field, left=x * (1 + number), top=y * (1 + number), zoom=near * (1 + number / 4), turn=turn * t
            )
            picture += seen[..., None]
        return np.asarray(picture, np.float32)

    return at

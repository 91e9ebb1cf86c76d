"""Views of water for drawn films: each takes a stage and gives the picture at any second of its shot."""

import math

import cv2
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
    window,
)


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
    away = np.hypot(stage.across - sun[0], stage.down - sun[1])
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
        veil = smooth(window(stage, clouds, left=0.02 * t), 0.5, 0.85)
        above = mix(sky, mix(low, light, 0.5), veil * 0.5)
        first = warped(waves, flat_x + speed * t * 0.4, flat_y + speed * t)
        second = warped(waves, flat_x * 1.7 - speed * t * 0.5 + 99, flat_y * 1.7 + speed * t * 1.3)
        wave = (first + second - 1) * calm
        water = mix(deep, mix(low, top, 0.35), np.clip(0.42 + 0.9 * wave - 0.35 * row, 0, 1))
        glint = smooth(wave, 0.02, 0.30) * path
        water = mix(water, light, np.clip(glint * 1.1 + 0.22 * path, 0, 1))
        cover(stage, above, water, horizon + swell * math.sin(0.7 * t))
        return above

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
        picture = mix(np.repeat(water, stage.width, axis=2), top, 0.75 * beam)
        knots = 1 - np.abs(warped(net, flat_x + 8 * t, flat_y) - warped(net, flat_x - 6 * t, flat_y + 90)) * 5
        ground = mix(floor * 0.55, top, 0.55 * np.clip(knots, 0, 1) ** 2)
        ground = mix(ground, low, np.clip(0.55 - 1.2 * (stage.down - bed), 0, 1))
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
    part = picture[:, top:bottom, left:right]
    part += np.clip(light, 0, 0.8) * (1 - part)


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
        picture = np.repeat(back, stage.width, axis=2)
        for x, size, rise, tint in lights:
            place = (x + pan * t * (20 * size + 0.2) + 0.3) % (stage.aspect + 0.6) - 0.3
            _disc(stage, picture, (place, ground - 0.05 - 1.5 * size - 0.30 * rise * rise), size, tint * 0.5)
        rows = np.clip((2 * ground - stage.down[:, 0]) * stage.height, 0, stage.height - 1).astype(int)
        wave = window(stage, ripple, top=-0.05 * t, zoom=0.8)
        mirror = np.stack([cv2.blur(plane[rows], (3, 31)) for plane in picture]) * (0.25 + 1.1 * wave)
        cover(stage, picture, mirror, ground)
        for number in range(2):
            seen = window(stage, streaks, left=slant * t, top=-(2.6 + number) * t, zoom=1 + number, turn=slant * 0.4)
            picture = picture + np.clip(seen, 0, 0.5) * (0.10 + 0.08 * number)
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
    picture[:, top:bottom, left:right] += shape * tint

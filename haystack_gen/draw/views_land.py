"""Views of land and sky for drawn films: each takes a stage and gives the picture at any second of its shot."""

from collections.abc import Callable

import numpy as np

from haystack_gen.draw.stage import (
    Array,
    Stage,
    along,
    below,
    cloud_noise,
    color,
    mix,
    profile,
    ramp,
    smooth,
    white_noise,
    window,
)

View = Callable[[float], Array]

_SKIES = (
    ("3f7fd0", "8fc1ea", "e6f1f4"),
    ("2c5fae", "e8a978", "ffe2b0"),
    ("5a6d8c", "b7bfc9", "e2dfd6"),
    ("4a3f7a", "d97b83", "ffd19a"),
    ("1f8fc4", "7fd0dd", "e9f7e6"),
)


def _sky(stage: Stage, codes: tuple[str, str, str], horizon: float) -> Array:
    top, middle, low = map(color, codes)
    return ramp(stage.down, [(0, top), (horizon * 0.6, middle), (horizon, low)])


def _glow(stage: Stage, place: tuple[float, float], size: float) -> Array:
    """(height, width, 1): the light around a sun or moon."""
    away = np.hypot(stage.across - place[0], stage.down - place[1])
    return (np.exp(-((away / size) ** 2)) + 0.45 * np.exp(-away / size / 2.2))[..., None]


def hills(stage: Stage) -> View:
    """Rolling hills under moving clouds, whose shadows pass over the land."""
    draw = stage.stream
    horizon = draw.between(0.36, 0.52)
    sky = _sky(stage, draw.choice(_SKIES), horizon)
    sky = np.repeat(sky, stage.width, axis=1) + 0.22 * _glow(stage, (draw.between(0, stage.aspect), 0.12), 0.22)
    clouds = cloud_noise(draw, cells=(2, 4), octaves=5)
    grass = cloud_noise(draw, cells=(8, 32), octaves=4, fade=0.75)
    count = 4 + draw.below(2)
    near = color(draw.choice(("3f7d2e", "6f8f2f", "2f6b46", "8a8a3a", "a3702c")))
    far = mix(sky[int(horizon * stage.height) - 1, 0], near, 0.25)
    ridges = [profile(draw, cells=2 + 2 * number, octaves=3 + number % 2) for number in range(count)]
    starts = [draw.between(0, 8) for _ in ridges]
    wind, pan, cover = draw.between(0.02, 0.06), draw.between(-0.05, 0.05), draw.between(0.42, 0.56)

    def at(t: float) -> Array:
        veil = smooth(window(stage, clouds, left=wind * t, zoom=0.8), cover, cover + 0.22)[..., None]
        picture = mix(sky, np.float32(0.96), veil * 0.8)
        shadow = window(stage, clouds, left=wind * t * 3, top=0.4, zoom=0.6)
        turf = window(stage, grass, left=pan * t * 2.5)
        light = (0.72 + 0.42 * smooth(shadow, 0.35, 0.6) + 0.45 * (turf - 0.5))[..., None]
        for number, ridge in enumerate(ridges):
            depth = (number + 1) / count
            rise = 0.10 + 0.09 * depth
            height = (
                horizon
                + 0.56 * depth**1.5
                - 0.06
                - rise * along(stage, ridge, left=starts[number] + pan * t * (0.3 + 2.2 * depth), stretch=5.5)
            )
            tint = mix(far, near, depth**0.8)
            picture = mix(picture, tint * mix(np.float32(1), light, depth), below(stage, height))
        return picture

    return at


def dunes(stage: Stage) -> View:
    """Dunes with sharp crests, lit from one side."""
    draw = stage.stream
    sky = _sky(stage, draw.choice((_SKIES[0], _SKIES[1], _SKIES[3], _SKIES[4])), 0.5)
    sun = (draw.between(0.2, stage.aspect - 0.2), draw.between(0.1, 0.3))
    sky = np.repeat(sky, stage.width, axis=1) + 0.4 * color("ffe9b8") * _glow(stage, sun, 0.1)
    sand = color(draw.choice(("d9a05b", "e3bd83", "c9793f", "d8c3a0")))
    ripples = cloud_noise(draw, cells=(4, 32), octaves=3, fade=0.6)
    pan, count = draw.between(0.02, 0.07) * draw.choice((-1, 1)), 4
    ridges = [profile(draw, cells=2 + number % 2, octaves=3, fade=0.35) for number in range(count)]
    starts = [draw.between(0, 8) for _ in ridges]

    def at(t: float) -> Array:
        picture = sky
        grain = 0.35 * (window(stage, ripples, left=pan * t * 2, zoom=0.9, turn=0.12) - 0.5)
        for number, ridge in enumerate(ridges):
            depth = (number + 1) / count
            line = along(stage, ridge, left=starts[number] + pan * t * (0.4 + 2 * depth), stretch=3 + 3 * depth)
            height = 0.40 + 0.42 * depth**1.6 - 0.22 * line
            slope = np.gradient(line[0])[None, :] * stage.height / 2
            under = np.clip((stage.down - height) * 3, 0, 1)
            lit = 0.78 + 0.5 * np.tanh(slope * 1.4) * (1 - under) + 0.12 * under + grain * (0.3 + depth)
            tint = mix(mix(color("e8d3bc"), sand, 0.35 + 0.65 * depth), color("6b3f4a"), 0.12)
            picture = mix(picture, tint * lit[..., None], below(stage, height))
        return picture

    return at


def forest(stage: Stage) -> View:
    """Rows of conifers in fog, passed at walking pace."""
    draw = stage.stream
    fog = color(draw.choice(("dfe7e4", "f0dcc0", "b9cbd8", "d9d0de")))
    dark = color(draw.choice(("12302a", "1c2b3a", "2b2a1f", "33261f")))
    count, pan = 6, draw.between(0.03, 0.10) * draw.choice((-1, 1))
    haze = cloud_noise(draw, cells=(2, 8), octaves=4)
    rows = [_conifers(stage, 10 + 4 * (count - number)) for number in range(count)]
    starts = [draw.between(0, 8) for _ in rows]
    sun = (draw.between(0.2, stage.aspect - 0.2), 0.15)
    sky = mix(fog, fog * 0.72, stage.down[..., None]) + 0.18 * _glow(stage, sun, 0.3)

    def at(t: float) -> Array:
        picture = sky
        mist = window(stage, haze, left=0.03 * t, zoom=0.7)[..., None]
        for number, row in enumerate(rows):
            depth = (number + 1) / count
            trees = along(stage, row, left=starts[number] + pan * t * depth**2 * 3, stretch=4.5)
            height = 0.60 + 0.34 * depth - (0.18 + 0.55 * depth**1.4) * trees
            tint = mix(fog, dark, 0.12 + 0.88 * depth**1.5)
            thin = np.clip((stage.down - 0.5 - 0.3 * depth) * 2.2, 0, 1)[..., None] * (1 - depth) * 0.9
            picture = mix(picture, mix(tint, fog, np.clip(thin + 0.35 * (mist - 0.5), 0, 1)), below(stage, height))
        return picture

    return at


def _conifers(stage: Stage, count: int) -> Array:
    """Heights of a row of trees: triangles with ragged sides."""
    places = np.arange(2048, dtype=np.float32) / 2048 * count
    line = np.zeros(2048, np.float32)
    sizes, shifts = white_noise(stage.stream, count), white_noise(stage.stream, count)
    ragged = np.abs((places * 23) % 2 - 1) * 0.10
    for tree in range(count):
        away = np.abs((places - tree - shifts[tree] + count / 2) % count - count / 2)
        tall = 0.45 + 0.55 * sizes[tree]
        line = np.maximum(line, tall * np.clip(1 - away * (1.5 + ragged * 6), 0, 1))
    return line


def snowfall(stage: Stage) -> View:
    """Snow over wooded slopes, flakes of three distances."""
    draw = stage.stream
    top, low = map(color, draw.choice((("8fa3b8", "dfe6ec"), ("3b4a63", "8c9bb0"), ("a99bb5", "f0e2df"))))
    rows = [_conifers(stage, 18), _conifers(stage, 12)]
    ground = [profile(draw, cells=3, octaves=3) for _ in range(3)]
    drift, pan = draw.between(-0.12, 0.12), draw.between(-0.05, 0.05)
    flakes = [_specks(stage, share) for share in (0.9965, 0.9985, 0.9993)]
    sky = ramp(stage.down, [(0, top), (0.65, low), (1, low)])
    wood = mix(color("22343c"), top, 0.25)

    def at(t: float) -> Array:
        picture = np.repeat(sky, stage.width, axis=1)
        for number, line in enumerate(ground):
            depth = (number + 1) / 3
            left = 3.1 * number + pan * t * depth * 2
            height = 0.52 + 0.30 * depth**1.3 - 0.13 * along(stage, line, left=left, stretch=6)
            if number < 2:
                trees = along(stage, rows[number], left=left, stretch=3.6 + number)
                tint = mix(wood, low, 0.5 - 0.35 * depth)
                picture = mix(picture, tint, below(stage, height + 0.02 - (0.12 + 0.28 * depth) * trees))
            shade = np.clip((stage.down - height) * 1.5, 0, 0.35)[..., None]
            picture = mix(picture, mix(mix(low, color("ffffff"), 0.6), top, shade), below(stage, height))
        for number, speck in enumerate(flakes):
            fall = -(0.22 + 0.16 * number) * t
            seen = window(stage, speck, left=drift * t * (1 + number), top=fall, zoom=0.7 + 0.9 * number)
            picture = picture + seen[..., None] * (1 - picture) * 0.9
        return picture

    return at


def _specks(stage: Stage, share: float) -> Array:
    """A tile of soft dots: the `1 - share` brightest points of white noise, each spread over its neighbours."""
    points = (white_noise(stage.stream, 512, 512) * 256 + white_noise(stage.stream, 512, 512)) / 256
    dots = (points > share).astype(np.float32)
    spread = dots.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            spread += 0.55 * np.roll(dots, step, axis)
    return np.clip(spread, 0, 1)


def aurora(stage: Stage) -> View:
    """Stars and aurora over a dark ridge and its lake."""
    draw = stage.stream
    night = ramp(stage.down, [(0, color("050a1c")), (0.55, color("12284a")), (1, color("1c3550"))])
    green, violet = map(color, draw.choice((("3dffa8", "8a4dff"), ("58f0d0", "e0559a"), ("a8ff5e", "3fa0ff"))))
    stars = _specks(stage, 0.9988)
    ridge, curtain = profile(draw, cells=5, octaves=6), profile(draw, cells=3, octaves=3)
    folds = profile(draw, cells=24, octaves=3)
    shore, drift = draw.between(0.70, 0.8), draw.between(0.03, 0.08)

    def at(t: float) -> Array:
        picture = np.repeat(night, stage.width, axis=1)
        picture = picture + window(stage, stars, left=0.004 * t, turn=0.004 * t)[..., None] * 0.9
        for number in range(2):
            foot = 0.62 - 0.18 * number - 0.30 * along(stage, curtain, left=drift * t + 3 * number, stretch=6)
            ray = 0.25 + 0.75 * along(stage, folds, left=-0.12 * t + 2 * number, stretch=5)
            up = foot - stage.down
            fade = np.where(up > 0, np.exp(-np.maximum(up, 0) / (0.10 + 0.16 * ray)), np.exp(np.minimum(up, 0) / 0.02))
            tint = mix(green, violet, smooth(up, 0.05, 0.4)[..., None])
            picture = picture + tint * (fade * ray * (0.75 - 0.25 * number))[..., None]
        land = below(stage, shore - 0.02 - 0.24 * along(stage, ridge, left=1.0 + 0.01 * t, stretch=4))
        picture = mix(picture, color("04070d"), land)
        rows = np.clip((2 * shore - stage.down[:, 0]) * stage.height, 0, stage.height - 1).astype(int)
        sway = 1 + 0.08 * np.sin(stage.down * 260 + 3 * t)[..., None]
        return mix(picture, picture[rows] * 0.55 * sway + 0.012, below(stage, np.float32(shore)))

    return at


def aerial(stage: Stage) -> View:
    """Mountains, plains and water from straight above, turning slowly."""
    draw = stage.stream
    height = cloud_noise(draw, cells=(2, 2), octaves=7, fade=0.55)
    tints = draw.choice(
        (
            ("123a5c", "2f7f8f", "d8c690", "6f9a4a", "3e6b35", "8f8574", "f4f4f2"),
            ("0f2f3f", "1f5f6f", "c9a878", "b5763f", "8c4a2f", "6b3b33", "e0c8a8"),
            ("1d3d52", "4f8fa0", "cfd8cf", "9fb59a", "6f8f88", "a9b8c2", "ffffff"),
        )
    )
    level = draw.between(0.34, 0.46)
    steps = (0.0, level - 0.02, level + 0.015, level + 0.07, level + 0.2, level + 0.33, level + 0.45)
    land = ramp(height, [(place, color(code)) for place, code in zip(steps, tints, strict=True)])
    slope = (np.roll(height, 2, 1) - np.roll(height, -2, 1)) + (np.roll(height, 2, 0) - np.roll(height, -2, 0))
    relief = np.where(height > level, 1 + np.clip(-slope * 5, -0.55, 0.6), 1 - 0.5 * slope)
    land = np.clip(land * relief[..., None], 0, 1)
    mist = cloud_noise(draw, cells=(2, 2), octaves=5)
    speed, turn, zoom = draw.between(0.02, 0.06), draw.between(-0.03, 0.03), draw.between(0.9, 1.5)
    start, heading = (draw.between(0, 2), draw.between(0, 2)), draw.between(0, 6)

    def at(t: float) -> Array:
        left, top = start[0] + speed * t * np.cos(heading), start[1] + speed * t * np.sin(heading)
        picture = window(stage, land, left=left, top=top, zoom=zoom * (1 + 0.012 * t), turn=heading + turn * t)
        veil = smooth(window(stage, mist, left=left * 2 + 0.03 * t, top=top * 2, zoom=0.7), 0.58, 0.85)[..., None]
        return mix(picture, np.float32(0.97), veil * 0.85)

    return at

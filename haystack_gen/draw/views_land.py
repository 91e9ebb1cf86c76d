"""Views of land for drawn films: each takes a stage and gives the picture at any second of its shot."""

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

_SKIES = (
    ("3f7fd0", "8fc1ea", "e6f1f4"),
    ("2c5fae", "e8a978", "ffe2b0"),
    ("5a6d8c", "b7bfc9", "e2dfd6"),
    ("4a3f7a", "d97b83", "ffd19a"),
    ("1f8fc4", "7fd0dd", "e9f7e6"),
)


def _sky(stage: Stage, codes: tuple[str, str, str], horizon: float) -> Array:
    """A sky down to the horizon with a haze of light somewhere in it."""
    top, middle, low = map(color, codes)
    sky = ramp(stage.down, [(0, top), (horizon * 0.6, middle), (horizon, low)])
    away = np.hypot(stage.across - stage.stream.between(0, stage.aspect), (stage.down - horizon * 0.55) * 1.4)
    return mix(sky, mix(low, color("fffaf0"), 0.6), (0.75 * np.exp(-away / 0.16)))


def _clouded(stage: Stage, sky: Array, clouds: Array, left: float, cover_from: float) -> Array:
    """The sky with clouds, grey underneath and bright on top."""
    here = window(stage, clouds, left=left, zoom=0.8)
    above = window(stage, clouds, left=left, top=-0.05, zoom=0.8)
    lit = np.clip(0.90 + 1.1 * (here - above), 0.62, 1.0)
    return mix(sky, lit * color("fffdf8"), (0.9 * smooth(here, cover_from, cover_from + 0.28)))


def hills(stage: Stage) -> View:
    """Rolling hills under moving clouds, whose shadows pass over the land."""
    draw = stage.stream
    horizon = draw.between(0.36, 0.52)
    sky = _sky(stage, draw.choice(_SKIES), horizon)
    clouds = cloud_noise(draw, cells=(4, 8), octaves=5, fade=0.58)
    grass = cloud_noise(draw, cells=(32, 64), octaves=3, fade=0.8)
    count = 4 + draw.below(2)
    near = color(draw.choice(("3f7d2e", "6f8f2f", "2f6b46", "8a8a3a", "a3702c", "7a4a5f")))
    far = mix(sky[:, int(horizon * stage.height) - 1].mean(axis=1)[:, None, None], near, 0.25)
    ridges = [profile(draw, cells=3 + 2 * number, octaves=3 + number % 2) for number in range(count)]
    starts = [draw.between(0, 8) for _ in ridges]
    wind, pan, clear = draw.between(0.02, 0.06), draw.between(-0.06, 0.06), draw.between(0.42, 0.6)

    def at(t: float) -> Array:
        picture = _clouded(stage, sky, clouds, wind * t, clear)
        shadow = window(stage, clouds, left=wind * t * 3, top=0.4, zoom=1.4)
        turf = window(stage, grass, left=pan * t * 2.5, zoom=0.8)
        light = 0.70 + 0.5 * smooth(shadow, 0.35, 0.6) + 0.7 * (turf - 0.5)
        for number, ridge in enumerate(ridges):
            depth = (number + 1) / count
            left = starts[number] + pan * t * (0.3 + 2.2 * depth)
            line = (
                horizon + 0.58 * depth**1.5 - 0.05 - (0.13 + 0.12 * depth) * along(stage, ridge, left=left, stretch=5)
            )
            shade = mix(color("ffffff"), light, 0.45 if depth < 0.6 else 1)
            cover(stage, picture, mix(far, near, depth**0.8) * shade, line)
        return picture

    return at


def dunes(stage: Stage) -> View:
    """Dunes with sharp crests, lit from one side."""
    draw = stage.stream
    sky = _sky(stage, draw.choice((_SKIES[0], _SKIES[1], _SKIES[3], _SKIES[4])), 0.5)
    sand, dusk = map(color, draw.choice((("e8a24e", "6e3a3f"), ("f0cb8a", "7d5a55"), ("d97b3c", "57283a"))))
    ripples = cloud_noise(draw, cells=(4, 64), octaves=3, fade=0.7)
    pan, count = draw.between(0.02, 0.07) * draw.choice((-1, 1)), 5
    ridges = [profile(draw, cells=2 + number % 3, octaves=3, fade=0.3) for number in range(count)]
    starts = [draw.between(0, 8) for _ in ridges]

    def at(t: float) -> Array:
        picture = np.array(sky)
        grain = 0.30 * (window(stage, ripples, left=pan * t * 2, zoom=0.8, turn=0.12) - 0.5)
        for number, ridge in enumerate(ridges):
            depth = (number + 1) / count
            left = starts[number] + pan * t * (0.4 + 2 * depth)
            line = 0.36 + 0.46 * depth**1.5 - 0.24 * along(stage, ridge, left=left, stretch=3 + 3 * depth)
            slope = np.gradient(line[0])[None, :] * stage.height
            under = np.clip((stage.down - line) * 3.5, 0, 1)
            lit = np.clip(0.58 + 0.62 * np.tanh(slope * 4) * (1 - under) + 0.14 * under + grain * depth, 0, 1)
            tint = mix(dusk, sand * 1.06, lit)
            cover(stage, picture, mix(color("ecd8c4"), tint, 0.35 + 0.65 * depth), line)
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
    away = np.hypot(stage.across - draw.between(0.2, stage.aspect - 0.2), stage.down - 0.2)
    sky = mix(fog * 0.78, mix(fog, color("fffdf6"), 0.75), np.exp(-away / 0.5))

    def at(t: float) -> Array:
        picture = np.array(sky)
        mist = window(stage, haze, left=0.03 * t, zoom=0.7)
        for number, row in enumerate(rows):
            depth = (number + 1) / count
            trees = along(stage, row, left=starts[number] + pan * t * depth**2 * 3, stretch=4.5)
            height = 0.60 + 0.34 * depth - (0.18 + 0.55 * depth**1.4) * trees
            tint = mix(fog, dark, 0.12 + 0.88 * depth**1.5)
            thin = np.clip((stage.down - 0.5 - 0.3 * depth) * 2.2, 0, 1) * (1 - depth) * 0.9
            cover(stage, picture, mix(tint, fog, np.clip(thin + 0.35 * (mist - 0.5), 0, 1)), height)
        return picture

    return at


def _conifers(stage: Stage, count: int) -> Array:
    """Heights of a row of trees: slim triangles with drooping branches, undergrowth between them."""
    places = np.arange(2048, dtype=np.float32) / 2048 * count
    line = 0.10 + 0.06 * profile(stage.stream, cells=count, octaves=4)
    sizes, shifts = white_noise(stage.stream, count), white_noise(stage.stream, count)
    for tree in range(count):
        away = np.abs((places - tree - shifts[tree] + count / 2) % count - count / 2)
        branches = 0.05 * ((away * 14) % 1)
        line = np.maximum(line, (0.45 + 0.55 * sizes[tree]) * (1 - away * 2.1) - branches)
    return line


def snowfall(stage: Stage) -> View:
    """Snow over wooded slopes, flakes of three distances."""
    draw = stage.stream
    top, low = map(color, draw.choice((("8fa3b8", "dfe6ec"), ("3b4a63", "8c9bb0"), ("a99bb5", "f0e2df"))))
    rows = [_conifers(stage, 34), _conifers(stage, 22)]
    ground = [profile(draw, cells=3, octaves=3) for _ in range(3)]
    drift, pan = draw.between(-0.12, 0.12), draw.between(-0.05, 0.05)
    flakes = [specks(draw, count, spread=spread) for count, spread in ((1500, 0.8), (700, 0.9), (350, 1.1))]
    sky = ramp(stage.down, [(0, top), (0.65, low), (1, low)])
    wood = mix(color("22343c"), top, 0.25)

    def at(t: float) -> Array:
        picture = np.repeat(sky, stage.width, axis=2)
        for number, line in enumerate(ground):
            depth = (number + 1) / 3
            left = 3.1 * number + pan * t * depth * 2
            height = 0.52 + 0.30 * depth**1.3 - 0.13 * along(stage, line, left=left, stretch=6)
            if number < 2:
                trees = along(stage, rows[number], left=left, stretch=3.6 + number)
                tint = mix(wood, low, 0.5 - 0.35 * depth)
                cover(stage, picture, tint, height + 0.04 - (0.14 + 0.30 * depth) * trees)
            shade = np.clip((stage.down - height) * 1.5, 0, 0.35)
            cover(stage, picture, mix(mix(low, color("ffffff"), 0.6), top, shade), height)
        for number, speck in enumerate(flakes):
            fall = -(0.22 + 0.16 * number) * t
            seen = window(stage, speck, left=drift * t * (1 + number), top=fall, zoom=0.7 + 0.9 * number)
            picture = picture + seen * (1 - picture) * 0.9
        return picture

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
        veil = smooth(window(stage, clouds, left=0.03 * t), 0.45, 0.75)
        above = mix(ramp(stage.down, [(0, top), (horizon, low), (1, low)]), color("f7f7f7"), veil * 0.85)
        far = mix(low, dark, 0.45)
        cover(stage, above, far, horizon - 0.09 * along(stage, hills, left=0.01 * t))
        gust = warped(gusts, flat_x * 0.5 - wind * t, flat_y * 0.5)
        blade = warped(blades, flat_x * 1.5 + 10 * gust, flat_y * 1.2 + walk * t)
        light = np.clip(0.10 + 0.75 * blade * (0.5 + 0.5 * np.clip(row * 3, 0, 1)) + 0.75 * (gust - 0.4), 0, 1.1)
        field = mix(dark, bright, light) * (1.08 - 0.35 * row)
        dots = warped(blossoms, flat_x * 1.5 + 10 * gust, flat_y * 1.2 + walk * t) * np.clip(row * 5, 0, 1)
        field = mix(field, bloom, np.clip(dots, 0, 0.9))
        cover(stage, above, field, horizon)
        return above

    return at

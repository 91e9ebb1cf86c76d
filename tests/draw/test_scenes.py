"""Every kind can be drawn everywhere, can be told from the others, and wears the color it is said to wear."""

import colorsys
from itertools import combinations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haystack_gen.draw.colors import COLORS
from haystack_gen.draw.kinds import BYSTANDERS, KEYS, KINDS
from haystack_gen.draw.paint import Pen
from haystack_gen.draw.scenes import MOST_OBJECTS, PLACES, Scene, draw_scene
from haystack_gen.errors import InputError

SMALL = (160, 90)


def pixels(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, dtype=float)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_stands_in_every_place(name: str) -> None:
    kind = KINDS[name]
    for number, place in enumerate(PLACES):
        empty_handed = Scene(kind=name, color=kind.colors[number % len(kind.colors)], place=place, layout=number)
        image = draw_scene(empty_handed, (80, 45))
        assert image.size == (80, 45)
        assert image.mode == "RGB"
        assert pixels(image).std() > 15


def test_kinds_look_different() -> None:
    drawn = {
        name: pixels(draw_scene(Scene(kind=name, color="red", place="moon", layout=5), (96, 54))) for name in KINDS
    }
    for one, other in combinations(KINDS, 2):
        assert np.abs(drawn[one] - drawn[other]).mean() > 3, (one, other)


def test_places_look_different() -> None:
    drawn = {
        place: pixels(draw_scene(Scene(kind="kite", color="red", place=place, layout=5), (96, 54))) for place in PLACES
    }
    for one, other in combinations(PLACES, 2):
        assert np.abs(drawn[one] - drawn[other]).mean() > 12, (one, other)


@pytest.mark.parametrize("name", KINDS)
def test_an_object_stays_within_its_box(name: str) -> None:
    """What sticks out would be cut off, or cover a neighbor that is to be counted."""
    kind = KINDS[name]
    sheet = Image.new("RGBA", (400, 400))
    kind.draw(Pen(sheet, (200.0, 320.0), 2.0), COLORS[kind.colors[0]])
    left, top, right, bottom = sheet.getbbox() or (0, 0, 0, 0)
    assert max(200 - left, right - 200) <= kind.wide + 8, (200 - left, right - 200)
    assert 320 - top <= 2 * kind.tall + 8
    assert bottom - 320 <= 2 * 7
    assert bottom - top > 1.6 * kind.tall


def _hues(name: str, color: str) -> NDArray[np.float64]:
    """Share of the saturated pixels of one object in each of 12 hues."""
    sheet = Image.new("RGBA", (300, 300))
    KINDS[name].draw(Pen(sheet, (150.0, 260.0), 2.0), COLORS[color])
    table = pixels(sheet)
    hsv = pixels(sheet.convert("RGB").convert("HSV"))
    vivid = (table[..., 3] > 0) & (hsv[..., 1] > 110) & (hsv[..., 2] > 60)
    return np.bincount((hsv[..., 0][vivid] * 12 / 256).astype(int), minlength=12) / (table[..., 3] > 0).sum()


@pytest.mark.parametrize("name", KINDS)
def test_the_color_shows_where_it_matters(name: str) -> None:
    for color, rival in (("red", "blue"), ("blue", "red"), ("green", "purple"), ("yellow", "blue")):
        if {color, rival} <= set(KINDS[name].colors):
            hue = int(colorsys.rgb_to_hsv(*(level / 255 for level in COLORS[color]))[0] * 12)
            near = [(hue + shift) % 12 for shift in (-1, 0, 1)]
            assert _hues(name, color)[near].sum() > _hues(name, rival)[near].sum() + 0.04, color


def test_count_shows_that_many_separate_objects() -> None:
    """Counted on the difference between two colors of the same scene: only the objects differ."""
    for name in ("hot-air balloon", "bus"):
        for count in range(1, MOST_OBJECTS + 1):
            red, blue = (
                pixels(draw_scene(Scene(kind=name, color=color, place="meadow", layout=count, count=count), (448, 252)))
                for color in ("red", "blue")
            )
            mask = (np.abs(red - blue).sum(axis=2) > 60).astype(np.uint8)
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
            areas = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
            assert (areas > 120).sum() == count, (name, count)


def test_same_scene_same_pixels_other_variant_other_pixels() -> None:
    scene = Scene(kind="owl", color="blue", place="beach", layout=7, sign="honey", company="drum", company_color="red")
    assert draw_scene(scene, SMALL).tobytes() == draw_scene(scene, SMALL).tobytes()
    other = Scene(kind="owl", color="blue", place="beach", layout=7, variant=1, sign="honey", company="drum",
                  company_color="red")  # fmt: skip
    assert draw_scene(other, SMALL).tobytes() != draw_scene(scene, SMALL).tobytes()


@pytest.mark.parametrize("size", [(64, 64), (45, 80), (121, 33), (8, 8)])
def test_any_shape_of_picture_can_be_painted(size: tuple[int, int]) -> None:
    for number, place in enumerate(PLACES):
        company = Scene(
            kind="owl", color="red", place=place, layout=number, sign="honey", company="duck", company_color="pink"
        )
        assert draw_scene(company, size).size == size


def test_sign_and_company_show() -> None:
    plain = pixels(draw_scene(Scene(kind="cat", color="red", place="snowfield", layout=3, sign="apple"), SMALL))
    other = pixels(draw_scene(Scene(kind="cat", color="red", place="snowfield", layout=3, sign="tiger"), SMALL))
    assert 0 < (np.abs(plain - other).max(axis=2) > 40).mean() < 0.05
    duck = Scene(kind="cat", color="red", place="snowfield", layout=3, company="duck", company_color="green")
    drum = Scene(kind="cat", color="red", place="snowfield", layout=3, company="drum", company_color="green")
    assert (np.abs(pixels(draw_scene(duck, SMALL)) - pixels(draw_scene(drum, SMALL))).max(axis=2) > 40).mean() > 0.02


def test_enough_kinds() -> None:
    assert len(KEYS) >= 24
    assert not set(KEYS) & set(BYSTANDERS)
    for kind in KINDS.values():
        assert len(kind.colors) >= (2 if kind.bystander else 6), kind.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "1 to 6 objects, got count = 0"),
        ({"count": 7}, "got count = 7"),
        ({"count": 2, "sign": "honey"}, "2 objects leave no room for a sign or company"),
        ({"kind": "unicorn"}, "cannot show 'unicorn', expected one of: hot-air balloon, "),
        ({"color": "teal"}, "cannot show 'teal', expected one of: red, "),
        ({"place": "office"}, "cannot show 'office', expected one of: beach, "),
        ({"company": "duck"}, "cannot show '', expected one of: red, "),
    ],
)
def test_impossible_scenes_cannot_be_built(change: dict[str, object], message: str) -> None:
    fields: dict[str, object] = {"kind": "owl", "color": "blue", "place": "beach", "layout": 1}
    with pytest.raises(InputError, match=message):
        Scene(**{**fields, **change})

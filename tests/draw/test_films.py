from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from haystack_gen.draw.films import VIEWS, draw_film, film_pictures, shots
from haystack_gen.draw.stage import Stage
from haystack_gen.errors import InputError
from haystack_gen.gather.probe import probe
from haystack_gen.gather.video import sample
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import sha256_of

SIZE = (160, 90)


def pictures(seed: int, seconds: int = 24, rate: Fraction = Fraction(1)) -> list[np.ndarray]:
    return list(film_pictures(seed=seed, seconds=seconds, rate=rate, size=SIZE))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance in grey steps, blurred so that rain and stars count little."""
    shrunk = [picture.reshape(15, 6, 20, 8, 3).mean(axis=(1, 3)) for picture in (one, other)]
    return float(np.abs(shrunk[0] - shrunk[1]).mean())


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(5, 2), Fraction(30_000, 1001)])
def test_a_film_has_the_frames_and_rate_asked_for(tmp_path, rate):
    draw_film(tmp_path / "a.mp4", seed=1, seconds=4, rate=rate, size=SIZE)
    facts = probe(tmp_path / "a.mp4")
    assert (facts.frames, facts.rate, facts.variable_rate) == (-(-4 * rate // 1), rate, False)
    assert (facts.width, facts.height, facts.codec, facts.pixel_format) == (*SIZE, "h264", "yuv420p")


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        draw_film(tmp_path / f"{name}.mp4", seed=seed, seconds=9, size=SIZE)
    a, b, c = (sha256_of(tmp_path / f"{name}.mp4") for name in "abc")
    assert a == b != c


def test_what_is_drawn_is_what_is_read(tmp_path):
    draw_film(tmp_path / "a.mp4", seed=3, seconds=12, size=SIZE)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (6, 1)
    shown = sample(tmp_path / "a.mp4", rate=Fraction(1), size=SIZE)
    for drawn, read in zip(pictures(3, 12), shown, strict=True):
        assert drawn.dtype == np.uint8
        assert np.abs(drawn.mean(axis=(0, 1)) - read.mean(axis=(0, 1))).max() < 2.5
        assert apart(drawn, read) < 3


def test_frames_of_a_shot_are_alike_and_never_equal_and_shots_differ():
    film, spans = pictures(11, 60), shots(seed=11, seconds=60)
    starts = {start for start, _ in spans}
    within = [apart(film[k - 1], film[k]) for k in range(1, 60) if k not in starts]
    assert all(not np.array_equal(film[k - 1], film[k]) for k in range(1, 60))
    assert max(within) < 32
    openings = [film[start] for start, _ in spans]
    between = [apart(one, other) for place, one in enumerate(openings) for other in openings[:place]]
    assert min(between) > 12 > float(np.median(within))


def test_seeds_give_different_films():
    one, other = pictures(1), pictures(2)
    assert np.mean([apart(a, b) for a, b in zip(one, other, strict=True)]) > 15


def test_a_faster_rate_shows_the_same_film():
    slow, fast = pictures(4, 8), pictures(4, 8, Fraction(3))
    assert all(np.array_equal(a, b) for a, b in zip(slow, fast[::3], strict=True))


@pytest.mark.parametrize("seconds", [1, 2, 3, 10, 11, 97, 300])
def test_shots_tile_the_film(seconds):
    for seed in range(5):
        spans = shots(seed=seed, seconds=seconds)
        assert spans[0][0] == 0
        assert spans[-1][1] == seconds
        assert all(one[1] == other[0] for one, other in pairwise(spans))
        assert all(3 <= end - start <= 10 for start, end in spans) or seconds < 3


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_every_view_is_a_picture_with_contrast_that_moves(view):
    looks = []
    for seed in range(4):
        at = view(Stage(width=160, height=90, stream=Stream(seed, "test")))
        first, later = at(0.0), at(3.0)
        for picture in (first, later):
            assert picture.shape == (3, 90, 160)
            assert picture.dtype == np.float32
            assert np.isfinite(picture).all()
            assert picture.min() > -0.6
            assert 0.02 < picture.mean() < 0.95
            assert picture.std() > 0.03
        assert 0.002 < np.abs(first - later).mean() < 0.25
        assert np.array_equal(first, at(0.0)), "drawing one picture changed another"
        looks.append(first)
    assert all(np.abs(a - b).mean() > 0.02 for place, a in enumerate(looks) for b in looks[:place])


def test_films_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(InputError, match="size 161x90 cannot be encoded as video; both sides must be even"):
        draw_film(tmp_path / "a.mp4", seed=1, seconds=3, size=(161, 90))
    with pytest.raises(InputError, match="a film of 0 s at 1 frames per second has no frame; both must be positive"):
        draw_film(tmp_path / "a.mp4", seed=1, seconds=0)
    assert not list(tmp_path.iterdir())

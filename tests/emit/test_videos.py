"""Which videos a plan has, and where each lies."""

import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest

from haystack_gen.emit.videos import Place, Places, Video, Videos, distinct_videos
from haystack_gen.errors import InputError
from haystack_gen.plan.items import Beside
from haystack_gen.plan.timeline import Timeline
from haystack_gen.workspace import DatasetFolder
from tests.made_items import film_of, made, showing

A, B, C = film_of(6), film_of(6, first=1), showing(6, [("needle", "n", 2, 1)])


def test_each_video_comes_once_in_the_order_in_which_it_is_first_seen():
    items = [
        made("one", video="a", timeline=A),
        made("two", video="a", timeline=A),
        made("three", video="b", timeline=B, beside=(Beside(video="c", timeline=C), Beside(video="a", timeline=A))),
        made("four", video="c", timeline=C, beside=(Beside(video="c", timeline=C),)),
    ]
    assert list(distinct_videos(items)) == [Video(0, "a", A), Video(1, "b", B), Video(2, "c", C)]
    videos = Videos()
    assert [[video.id for video in videos.new_of(item)] for item in items] == [["a"], [], ["b", "c"], []]


@pytest.mark.parametrize(
    "other",
    [B, C, film_of(7), film_of(6, source="other"), Timeline(rate=Fraction(2), clips=A.clips)],
    ids=["start", "needle", "length", "source", "rate"],
)
def test_one_name_for_two_timelines_is_refused_and_both_items_are_named(other):
    items = [made("one", video="a", timeline=A), made("two", video="a", timeline=other), made("three")]
    with pytest.raises(InputError, match=r"^two: shows other clips as video 'a' than one does; each needs its own id$"):
        list(distinct_videos(items))
    beside = [made("one", video="a", timeline=A, beside=(Beside(video="a", timeline=other),))]
    with pytest.raises(InputError, match=r"^one: shows other clips as video 'a' than one does"):
        list(distinct_videos(beside))
    said: list[str] = []
    assert [video.id for video in distinct_videos(items, clash=said.append)] == ["a", "three"]
    assert said == ["two: shows other clips as video 'a' than one does; each needs its own id"]


def test_no_timeline_is_kept():
    stills = [("needle", "n", 2 * at, 1) for at in range(400)]
    items = (made(f"item-{k}", timeline=showing(800, stills)) for k in range(40))
    tracemalloc.start()
    one = showing(800, stills)
    size = tracemalloc.get_traced_memory()[0]
    del one
    tracemalloc.reset_peak()
    assert sum(1 for _ in distinct_videos(items)) == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * size


def test_places(tmp_path):
    folder = DatasetFolder(tmp_path)
    numbers = {"a": 0, "b": 12_345}
    assert Places(folder, "video", numbers).of("b", B) == Place(video="videos/012/b.mp4")
    assert Places(folder, "none", numbers).of("a", A) == Place()
    place = Places(folder, "frames", numbers).of("a", C)
    assert place.video == ""
    assert [Path(path).parts[1] for path in place.frames] == ["film", "film", "n", "film", "film", "film"]
    with pytest.raises(KeyError):
        Places(folder, "video", numbers).of("unknown", A)

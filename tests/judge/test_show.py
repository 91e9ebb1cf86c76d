"""What a person sees of an item: the ribbon, the words of `show`, and the picture."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from haystack_gen.build import Tools, build
from haystack_gen.cli import main
from haystack_gen.emit.plans import find_item, read_plan
from haystack_gen.errors import InputError
from haystack_gen.judge.ribbon import ribbon
from haystack_gen.judge.strip import chosen_frames, draw_strip, read_chosen
from haystack_gen.plan.items import Item, PlacedDistractor, PlacedNeedle
from haystack_gen.plan.timeline import Clip, Timeline
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import draw_number, read_number
from tests.small_world import SIZE, make_world

ITEM = "retrieval-12-d1_2-t0-needle-0"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetFolder]:
    home = tmp_path_factory.mktemp("shown")
    world = make_world(home / "world", seconds=20, needles=2, lures=1)
    text = "{grid: {lengths: '12', depths: '1/2'}, distractors: {origin: supplied, period: 3}, output: {media: %s}}"
    for media in ("video", "frames", "none"):
        build(world.spec(text % media), home / media, Tools.local())
    return {media: DatasetFolder(home / media) for media in ("video", "frames", "none")}


def make_item(length: int, needle: tuple[int, int], lures: list[int] = ()) -> Item:
    """An item of `length` frames with a needle at (start, length) and lures of one frame."""
    clips, at = [], 0
    inserts = sorted([(needle[0], needle[1], "needle"), *((lure, 1, "distractor") for lure in lures)])
    for start, stay, role in inserts:
        if start > at:
            clips.append(Clip(role="haystack", source="film", source_start=at, start=at, length=start - at))
        clips.append(Clip(role=role, source=role, source_start=0, start=start, length=stay))
        at = start + stay
    if at < length:
        clips.append(Clip(role="haystack", source="film", source_start=at, start=at, length=length - at))
    return Item(
        id="x",
        task="retrieval",
        variant="",
        question="Which?",
        options=(),
        instruction="",
        form="short",
        answer="dog",
        answer_text="dog",
        accepted=("dog",),
        tolerance=Fraction(0),
        timeline=Timeline(rate=Fraction(1), clips=tuple(clips)),
        video="x",
        needles=(PlacedNeedle(needle="n", source="needle", start=needle[0], length=needle[1], depth=Fraction(0)),),
        distractors=tuple(
            PlacedDistractor(
                needle="n", source="distractor", start=lure, length=1, offset=lure - needle[0], similarity=None, lure=""
            )
            for lure in lures
        ),
        requested_length=length,
        requested_depth=Fraction(0),
        trial=0,
        window_start=0,
        repeats=0,
        side="",
        control="none",
        group="x",
    )


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, tuple[int, int], list[int]]:
    length = draw(st.integers(1, 400))
    start = draw(st.integers(0, length - 1))
    stay = draw(st.integers(1, length - start))
    free = [at for at in range(length) if not start <= at < start + stay]
    lures = draw(st.lists(st.sampled_from(free), unique=True, max_size=9)) if free else []
    return length, (start, stay), sorted(lures)


@settings(max_examples=200, deadline=None)
@given(layouts(), st.integers(1, 120))
def test_the_needle_is_always_visible_and_where_it_is(layout, width):
    length, (start, stay), lures = layout
    text = ribbon(make_item(length, (start, stay), lures), width=width)
    assert len(text) == min(width, length)
    marked = [place for place, mark in enumerate(text) if mark == "N"]
    assert marked == list(range(start * len(text) // length, (start + stay - 1) * len(text) // length + 1))
    assert set(text) <= set("·xN")
    if len(text) == length:
        assert text == "".join(
            "N" if start <= at < start + stay else "x" if at in lures else "·" for at in range(length)
        )


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (make_item(1, (0, 1)), "N"),
        (make_item(5, (2, 1), [0, 4]), "x·N·x"),
        (make_item(6, (0, 2), [2, 5]), "NNx··x"),
        (make_item(3000, (2999, 1), [2798]), "·" * 74 + "x" + "·" * 4 + "N"),
        (make_item(3000, (0, 1), [1]), "N" + "·" * 79),
    ],
)
def test_ribbons(item, expected):
    assert ribbon(item) == expected


def test_show_says_everything_once(folders):
    done = CliRunner().invoke(main, ["show", str(folders["video"].root), ITEM])
    assert (done.exit_code, done.stderr) == (0, "")
    options = [
        f"  {letter}. {option}" + ("   <- answer" if option == "dog" else "")
        for letter, option in zip("ABCD", find_item(folders["video"].plan, ITEM).options, strict=True)
    ]
    assert done.stdout.splitlines() == [
        "Which animal is in picture 0?",
        *options,
        "",
        "0 x··x··N··x·· 12",
        "  N needle   x distractor   · haystack",
        "",
        "  needle      frames [6, 7)  6.00 s  needle-0",
        "  distractor  frames [0, 1)  0.00 s  lure-0  -6  shows cat",
        "  distractor  frames [3, 4)  3.00 s  lure-0  -3  shows cat",
        "  distractor  frames [9, 10)  9.00 s  lure-0  +3  shows cat",
    ]
    assert sum(line.endswith("<- answer") for line in options) == 1


def test_show_of_a_word_answer(folders, tmp_path):
    shutil.copytree(folders["none"].root, tmp_path / "words")
    plan = DatasetFolder(tmp_path / "words").plan
    word = {"options": [], "form": "short", "answer": "striped cat", "accepted": ["striped cat", "tabby"]}
    records = [json.loads(line) | word for line in plan.read_text().splitlines()]
    plan.write_text("".join(json.dumps(record) + "\n" for record in records))
    done = CliRunner().invoke(main, ["show", str(tmp_path / "words"), ITEM])
    assert done.stdout.splitlines()[:2] == ["Which animal is in picture 0?", "  answer: striped cat   or: tabby"]


def test_show_of_an_unknown_item_names_the_nearest(folders):
    done = CliRunner().invoke(main, ["show", str(folders["video"].root), "retrieval-12-d1_2-t0-needle"])
    assert done.exit_code == 2
    assert done.stderr == (
        f"Error: {folders['video'].plan}: no item 'retrieval-12-d1_2-t0-needle' among 2; "
        "did you mean retrieval-12-d1_2-t0-needle-0, retrieval-12-d1_2-t1-needle-1?\n"
    )
    with pytest.raises(InputError, match=r"no item 'zzz' among 2; did you mean retrieval-.*, retrieval-.*\?"):
        find_item(folders["video"].plan, "zzz")


@pytest.mark.parametrize("media", ["video", "frames"])
def test_the_picture_shows_the_frames_it_names(folders, tmp_path, media):
    done = CliRunner().invoke(main, ["show", str(folders[media].root), ITEM, "-o", str(tmp_path / "item.png")])
    assert (done.exit_code, done.stderr) == (0, f"wrote {tmp_path / 'item.png'}\n")
    item = find_item(folders[media].plan, ITEM)
    frames = read_chosen(folders[media], item)
    assert list(frames) == list(chosen_frames(item)) == list(range(12))
    assert read_number(frames[6]) == 500_000
    assert {read_number(frames[at]) for at in (0, 3, 9)} == {600_000}
    with Image.open(tmp_path / "item.png") as picture:
        assert picture.size[0] == 4 * 236 + 12
        pixels = np.asarray(picture)
    assert np.array_equal(pixels, np.asarray(draw_strip(item, frames)))
    head = picture.size[1] - 12 - 3 * 156
    for at, role in chosen_frames(item).items():
        left, top = 12 + at % 4 * 236, head + at // 4 * 156
        color = {"needle": (224, 73, 47), "distractor": (59, 125, 216), "haystack": (184, 190, 199)}[role]
        assert tuple(pixels[top - 2, left + 100]) == tuple(pixels[top + 100, left - 2]) == color, (at, role)
        assert read_number(pixels[top : top + 126, left : left + 224]) == read_number(frames[at])


def test_there_is_no_picture_of_a_recipe(folders, tmp_path):
    done = CliRunner().invoke(main, ["show", str(folders["none"].root), ITEM, "-o", str(tmp_path / "item.png")])
    assert done.exit_code == 2
    assert done.stderr.endswith(f"has no media of {ITEM} to show; render it with haystack-gen render\n")
    assert not (tmp_path / "item.png").exists()


@settings(max_examples=100, deadline=None)
@given(layouts())
def test_chosen_frames_are_what_they_are_called(layout):
    length, (start, stay), lures = layout
    chosen = chosen_frames(make_item(length, (start, stay), lures))
    assert list(chosen) == sorted(chosen)
    assert len(chosen) <= 12
    assert chosen[start] == "needle"
    footage = [at for at in range(length) if at not in lures and not start <= at < start + stay]
    assert {at for at, role in chosen.items() if role == "distractor"} <= set(lures)
    assert {at for at, role in chosen.items() if role == "haystack"} <= set(footage)
    assert len(chosen) == min(12, 1 + min(4, len(lures)) + len(footage))


@pytest.mark.parametrize("item", [make_item(1, (0, 1)), make_item(2, (0, 2)), make_item(3000, (1500, 1), [1300, 1700])])
def test_a_strip_of_any_length(item):
    frames = {at: draw_number(at, SIZE) for at in chosen_frames(item)}
    picture = draw_strip(replace(item, question="Which of all these words? " * 12), frames)
    assert picture.size[0] == 956
    assert np.asarray(picture).std() > 10


def test_the_card_shows_an_item(folders):
    for folder in folders.values():
        with Image.open(folder.picture) as picture:
            assert picture.size[0] == 956
        assert f"]({folder.picture.name})" in folder.card.read_text()
        assert len(list(read_plan(folder.plan))) == 2
        assert isinstance(folder.root, Path)

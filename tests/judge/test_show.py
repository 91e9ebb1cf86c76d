"""What a person sees of an item: the ribbon, the words of `show`, and the picture."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from haystack_gen.build import build
from haystack_gen.cli import main
from haystack_gen.emit.plans import find_item, read_plan
from haystack_gen.errors import InputError
from haystack_gen.facts import BLANK
from haystack_gen.gathering import Tools
from haystack_gen.judge.ribbon import ribbon
from haystack_gen.judge.strip import chosen_frames, draw_strip, read_chosen
from haystack_gen.judge.words import described
from haystack_gen.plan.items import Beside, Item, Part
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import draw_number, read_number
from tests.made_items import distractor, film_of, made, needle, showing
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


def make_item(length: int, place: tuple[int, int], lures: list[int] = ()) -> Item:
    """An item of `length` frames with a needle at (start, length) and lures of one frame."""
    start, stay = place
    stills = sorted([(start, "needle", stay), *((lure, "distractor", 1) for lure in lures)])
    return made(
        timeline=showing(length, [(role, role, at, frames) for at, role, frames in stills]),
        needles=(replace(needle("n", start, source="needle"), length=stay),),
        distractors=tuple(distractor("distractor", lure, offset=lure - start) for lure in lures),
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


def shown(item: Item) -> list[str]:
    return list(described(item))


def test_words_of_an_open_answer_in_seconds():
    item = made(form="seconds", answer="4.5", answer_text="4.5", accepted=("4.5",), tolerance=Fraction(5, 2))
    assert shown(item)[:2] == ["Which?", "  answer: 4.5 ± 2.5 s"]


def test_words_of_several_needles_and_a_blank():
    item = made(
        timeline=showing(10, [("needle", "a", 1, 1), ("needle", BLANK, 4, 1), ("needle", "c", 8, 1)]),
        needles=(needle("a", 1), needle("c", 8, asked=False)),
    )
    assert shown(item)[3:] == [
        "0 ·N··o···n· 10",
        "  N needle   x distractor   n needle not asked about   o blank in place of a needle   · haystack",
        "",
        "  needle      frames [1, 2)  1.00 s  a",
        "  needle      frames [8, 9)  8.00 s  c  not asked about",
    ]


def test_words_of_a_stack():
    item = made(
        "own",
        beside=(Beside(video="other", timeline=film_of(3)),),
        context=(Part(first=7, count=2), Part(video="other"), Part(video="own"), Part(first=9, count=1)),
    )
    assert shown(item)[3:9] == [
        "  text        2 sentences from number 7",
        "  video       3 frames  other",
        "  video       6 frames  own   <- asked about",
        "  text        1 sentences from number 9",
        "",
        "0 ······ 6",
    ]


def test_words_of_an_item_without_needles():
    assert shown(made(answer="0"))[-3:] == ["0 ······ 6", "  N needle   x distractor   · haystack", ""]


def test_frames_of_many_needles_are_those_asked_about_first():
    stills = [("needle", f"n{k}", 2 * k, 1) for k in range(20)]
    item = made(
        timeline=showing(40, stills), needles=tuple(needle(f"n{k}", 2 * k, asked=k in (7, 19)) for k in range(20))
    )
    chosen = chosen_frames(item)
    assert {at for at, kind in chosen.items() if kind == "needle"} == {14, 38}
    assert Counter(chosen.values()) == {"needle": 2, "other": 4, "haystack": 6}
    every = replace(item, needles=tuple(replace(one, asked=True) for one in item.needles))
    assert Counter(chosen_frames(every).values()) == {"needle": 6, "haystack": 6}


@pytest.mark.parametrize(
    "item",
    [
        made(timeline=showing(1, [("needle", "a", 0, 1)]), needles=(needle("a", 0),)),
        made(timeline=showing(3, [("needle", BLANK, 1, 1)])),
        made(timeline=showing(4, [("needle", "a", 1, 1), ("needle", "b", 2, 1)]), needles=(needle("a", 1),)),
        made(),
    ],
    ids=["one frame", "blank", "unlisted", "none"],
)
def test_a_strip_of_any_kind(item):
    kinds = chosen_frames(item)
    picture = np.asarray(draw_strip(item, {at: draw_number(at, SIZE) for at in kinds}))
    for place, (at, kind) in enumerate(kinds.items()):
        left, top = 12 + place % 4 * 236, picture.shape[0] - 12 - 156 * -(-len(kinds) // 4) + place // 4 * 156
        color = {"needle": (224, 73, 47), "other": (232, 162, 58), "blank": (29, 35, 43), "haystack": (184, 190, 199)}
        assert tuple(picture[top - 2, left + 100]) == color[kind], (at, kind)


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

"""What a drawn pack asks is true of what it shows, and of nothing else in it."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from haystack_gen.draw.colors import CONFUSABLE
from haystack_gen.draw.kinds import BYSTANDERS, KEYS, KINDS
from haystack_gen.draw.pack import ATTRIBUTES, MOST, NUMBERS, DrawnNeedle, draw_pack, plan_needle
from haystack_gen.draw.scenes import Scene
from haystack_gen.errors import InputError, StorageError
from haystack_gen.workspace import package_folder

SEEDS = st.integers(min_value=0, max_value=2**63)
SMALL = (128, 72)


def shown(scene: Scene, attribute: str) -> str:
    words = {number: word for word, number in NUMBERS.items()}
    return words[scene.count] if attribute == "count" else str(getattr(scene, attribute))


@settings(deadline=None, max_examples=80)
@given(seed=SEEDS, index=st.integers(0, MOST - 1))
def test_options_are_fair_and_the_scene_shows_the_answer(seed: int, index: int) -> None:
    needle = plan_needle(seed, index)
    assert len(needle.options) == 4
    assert needle.options.count(needle.value) == 1
    assert shown(needle.scene, needle.attribute) == needle.value
    for option in needle.options:
        assert option == option.lower()
        assert len(option.split()[0]) > 1
        assert not any(option in other for other in needle.options if other is not option)
        assert all(frozenset((option, other)) not in CONFUSABLE for other in needle.options)
        assert option == needle.value or option not in needle.question


@pytest.mark.parametrize("name", KEYS)
def test_every_color_of_every_key_leaves_four_options(name: str) -> None:
    kind = KINDS[name]
    for color in kind.colors:
        others = [other for other in kind.colors if other != color]
        assert any(
            all(frozenset(pair) not in CONFUSABLE for pair in combinations((color, *wrong), 2))
            for wrong in combinations(others, 3)
        ), color


@settings(deadline=None, max_examples=80)
@given(seed=SEEDS, index=st.integers(0, MOST - 1))
def test_a_lure_shows_its_wrong_option_and_never_the_key(seed: int, index: int) -> None:
    needle = plan_needle(seed, index)
    assert sorted(lure.option for lure in needle.lures) == sorted(set(needle.options) - {needle.value})
    for lure in needle.lures:
        assert shown(lure.scene, needle.attribute) == lure.option
        assert lure.scene.kind in BYSTANDERS
        assert lure.scene.kind not in (lure.scene.company, needle.scene.company)
        assert lure.scene.layout == needle.scene.layout
        if needle.attribute == "company":
            assert lure.scene.kind not in needle.options
        if needle.attribute != "place":
            assert lure.scene.place == needle.scene.place
        assert lure.scene.color in KINDS[lure.scene.kind].colors
    assert needle.scene.kind in KEYS
    assert needle.scene.company not in KEYS
    assert needle.scene.color in KINDS[needle.scene.kind].colors


@settings(deadline=None, max_examples=8)
@given(seed=SEEDS)
def test_small_packs_ask_about_five_attributes_and_repeat_no_kind(seed: int) -> None:
    needles = [plan_needle(seed, index, count=len(KEYS)) for index in range(len(KEYS))]
    assert {needle.attribute for needle in needles[:5]} == set(ATTRIBUTES)
    assert {needle.scene.kind for needle in needles} == set(KEYS)
    assert len({needle.id for needle in needles}) == len(KEYS)
    for needle in needles:
        kind = KINDS[needle.scene.kind]
        assert needle.key == f"the {kind.plural if needle.attribute == 'count' else kind.name}"
        assert needle.key in needle.question


@settings(deadline=None, max_examples=2)
@given(seed=SEEDS)
def test_large_packs_say_where_and_repeat_no_key(seed: int) -> None:
    needles = [plan_needle(seed, index, count=MOST) for index in range(MOST)]
    assert len({needle.key for needle in needles}) == MOST
    assert len({(needle.scene.kind, needle.scene.place) for needle in needles}) == MOST
    assert all(needle.attribute != "place" for needle in needles)


def test_a_needle_does_not_depend_on_the_size_of_a_small_pack() -> None:
    seed = next(seed for seed in range(9) if plan_needle(seed, 3).attribute != "place")
    small, large = plan_needle(seed, 3), plan_needle(seed, 3, count=100)
    assert small == plan_needle(seed, 3, count=20)
    assert large.key != small.key
    assert replace(large, id=small.id, key=small.key, question=small.question) == small


def test_values_of_many_needles_are_spread() -> None:
    needles = [plan_needle(seed, index) for seed in range(40) for index in range(10)]
    for attribute, least in (("color", 9), ("count", 5), ("sign", 20), ("place", 9), ("company", 12)):
        assert len({needle.value for needle in needles if needle.attribute == attribute}) >= least
    firsts = [needle.options.index(needle.value) for needle in needles]
    assert all(70 < firsts.count(place) < 130 for place in range(4))


def read(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "needles.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_pack_reads_back(tmp_path: Path) -> None:
    draw_pack(tmp_path, seed=3, count=3, size=SMALL)
    rows = read(tmp_path)
    assert [row["id"] for row in rows] == [plan_needle(3, index).id for index in range(3)]
    fields = ["id", "image", "key", "attribute", "value", "question", "options", "answer", "distractors", "license"]
    named = {"needles.jsonl"}
    for row in rows:
        assert list(row) == fields
        assert row["answer"] == row["value"]
        assert row["license"] == "CC0-1.0"
        lures = row["distractors"]
        assert isinstance(lures, list)
        assert {lure["lure"] for lure in lures} | {row["answer"]} == set(row["options"])
        for image in (row["image"], *(lure["image"] for lure in lures)):
            named.add(str(image))
            with Image.open(tmp_path / str(image)) as opened:
                opened.load()
                assert opened.size == SMALL
    assert {path.name for path in tmp_path.iterdir()} == named


def test_same_seed_same_bytes_other_seed_other_pictures(tmp_path: Path) -> None:
    packs = []
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        (tmp_path / name).mkdir()
        draw_pack(tmp_path / name, seed=seed, count=2, size=SMALL)
        packs.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    one, again, other = packs
    assert one == again
    assert not set(one.values()) & set(other.values())
    assert len(set(one.values())) == len(one)


@pytest.mark.parametrize(("index", "count"), [(0, MOST + 1), (MOST, 1)])
def test_too_large_a_pack_is_refused(index: int, count: int) -> None:
    with pytest.raises(InputError, match=rf"must be in \[1, {MOST}\].*draw two packs instead"):
        plan_needle(1, index, count=count)


def test_an_empty_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"count \(0\) must be in"):
        draw_pack(tmp_path, seed=1, count=0)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Image.Image, path: Path, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(StorageError, match=r"[a-z-]+\.png: no space left"):
        draw_pack(tmp_path, seed=1, count=1, size=SMALL)


def test_every_wording_fits_every_kind() -> None:
    wordings = yaml.safe_load((package_folder("templates") / "questions" / "drawn.yaml").read_text(encoding="utf-8"))
    assert set(wordings) == set(ATTRIBUTES)
    for attribute, lines in wordings.items():
        assert len(lines) >= 3
        for line in lines:
            assert "{key}" in line
            assert line.endswith("?")
            assert ("{is_colored}" in line) == (attribute == "color")
            kind = KINDS["castle"]
            text = line.format(key="the castle", plural=kind.plural, is_colored=kind.is_colored)
            assert "{" not in text


def test_wording_varies() -> None:
    def opening(needle: DrawnNeedle) -> str:
        return needle.question.split("the ")[0]

    assert len({opening(plan_needle(seed, 0)) for seed in range(20)}) >= 3

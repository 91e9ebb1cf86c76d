"""The pack for every family asks each key for each value once, and no lure could pass for a needle."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from haystack_gen.draw.colors import CONFUSABLE
from haystack_gen.draw.families import (
    FAMILY_ATTRIBUTES,
    FAMILY_NUMBERS,
    LOOKALIKES,
    FamilyNeedle,
    Impostor,
    draw_family_pack,
    plan_families,
)
from haystack_gen.draw.kinds import BYSTANDERS, KEYS, KINDS
from haystack_gen.draw.pack import WORDS, save_scene
from haystack_gen.draw.scenes import PLACES, Scene
from haystack_gen.errors import StorageError
from haystack_gen.workspace import slug

SEEDS = st.integers(min_value=0, max_value=2**63)
LONGEST_SIGN = 6  # letters
SMALL = (64, 36)
SEED = 5


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    draw_family_pack(folder, seed=SEED, size=SMALL)
    return folder


def read(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "needles.jsonl").read_text(encoding="utf-8").splitlines()]


def asked(seed: int) -> dict[str, list[FamilyNeedle]]:
    needles = plan_families(seed)
    return {attribute: [each for each in needles if each.attribute == attribute] for attribute in FAMILY_ATTRIBUTES}


def impostors(needles: list[FamilyNeedle]) -> list[Impostor]:
    return list({lure.id: lure for needle in needles for lure in needle.lures}.values())


def shown(scene: Scene, attribute: str) -> str:
    if attribute == "number":
        return str(scene.count)
    return str(getattr(scene, "sign" if attribute == "clue" else attribute))


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_every_key_has_every_value_once(seed: int) -> None:
    for attribute, needles in asked(seed).items():
        keys, values = {each.key for each in needles}, {each.value for each in needles}
        sides = {"number": (6, 4), "clue": (7, 7)}
        assert (len(keys), len(values)) == sides.get(attribute, (6, 6))
        cross = {(key, value) for key in keys for value in values if key != f"the {value}"}
        assert Counter((each.key, each.value) for each in needles) == Counter(cross)
        assert len(set(Counter(each.value for each in needles).values())) == 1
        if attribute == "clue":
            assert keys == {f"the {value}" for value in values}
            assert len(needles) == 42


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_texts_can_stand_as_options_and_in_questions(seed: int) -> None:
    pools = {"number": FAMILY_NUMBERS, "sign": WORDS, "place": tuple(PLACES), "company": BYSTANDERS, "clue": KEYS}
    for attribute, needles in asked(seed).items():
        kinds, values = {each.scene.kind for each in needles}, {each.value for each in needles}
        assert {each.key for each in needles} == {f"the {kind}" for kind in kinds}
        assert values <= set(pools[attribute])
        for names in (kinds, values):
            for one, other in combinations(sorted(names), 2):
                assert one not in other
                assert other not in one
                assert frozenset((one, other)) not in CONFUSABLE | LOOKALIKES
                if attribute != "number" and len(one) == len(other):
                    assert sum(a != b for a, b in zip(one, other, strict=True)) >= 3
        for value in values:
            assert value == value.lower().strip()
            assert value.isdigit() or len(value.split()[0]) > 1
        if attribute in ("sign", "clue"):
            assert max(map(len, values)) <= LONGEST_SIGN
        if attribute == "sign":
            assert len({len(value) for value in values}) == 1


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_a_key_has_one_attribute_but_for_a_few_with_company(seed: int) -> None:
    keys = {attribute: {each.scene.kind for each in needles} for attribute, needles in asked(seed).items()}
    shared = {pair: keys[pair[0]] & keys[pair[1]] for pair in combinations(FAMILY_ATTRIBUTES, 2)}
    assert [pair for pair, both in shared.items() if both] == [("sign", "company")]
    assert 2 <= len(shared["sign", "company"]) <= 4


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_a_scene_shows_what_is_asked_and_nothing_else(seed: int) -> None:
    for attribute, needles in asked(seed).items():
        for each in (*needles, *impostors(needles)):
            scene = each.scene
            assert shown(scene, attribute) == each.value
            assert bool(scene.sign) == (attribute in ("sign", "clue"))
            assert bool(scene.company) == (attribute == "company")
            assert scene.count == 1 or attribute == "number"
            assert scene.color in KINDS[scene.kind].colors
            assert not scene.company or scene.company_color in KINDS[scene.company].colors
            assert scene.company not in KEYS
        assert {each.scene.kind for each in needles} <= set(KEYS)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_lures_show_every_other_value_and_never_a_key(seed: int) -> None:
    for attribute, needles in asked(seed).items():
        values = {each.value for each in needles}
        times = 2 if attribute == "number" else 1
        for needle in needles:
            wrong = Counter(lure.value for lure in needle.lures)
            assert wrong == dict.fromkeys(values - {needle.value, needle.scene.kind}, times)
            assert all(shown(lure.scene, attribute) != needle.value for lure in needle.lures)
        found = impostors(needles)
        assert len(found) == len(values) * times
        kinds = {each.scene.kind for each in found}
        assert len(kinds) == len(found)
        assert kinds <= set(BYSTANDERS)
        assert not kinds & values
        assert not any(each.scene.company in kinds for each in found)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_every_picture_has_a_name_that_can_be_a_file(seed: int) -> None:
    needles = plan_families(seed)
    names = [each.id for each in (*needles, *impostors(list(needles)))]
    assert len(names) == len(set(names)) == 174 + 33
    assert all(name == slug(name) for name in names)


def test_nothing_but_what_is_asked_tells_the_value() -> None:
    for seed in range(20):
        for attribute, needles in asked(seed).items():
            assert len({each.scene.layout for each in needles}) == len(needles)
            for key in {each.key for each in needles}:
                scenes = [each.scene for each in needles if each.key == key]
                assert len({scene.place for scene in scenes}) == len(scenes)
            for value in {each.value for each in needles}:
                scenes = [each.scene for each in needles if each.value == value]
                assert len({scene.color for scene in scenes}) > 1
                assert len({scene.place for scene in scenes}) > 1 or attribute == "place"


def test_over_many_seeds_a_value_is_seen_everywhere_and_every_kind_is_used() -> None:
    places: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {attribute: set() for attribute in FAMILY_ATTRIBUTES}
    for seed in range(60):
        for attribute, needles in asked(seed).items():
            kinds[attribute] |= {each.scene.kind for each in needles}
            places.update(each.scene.place for each in needles if attribute == "number" and each.value == "4")
    assert set(places) == set(PLACES)
    assert max(places.values()) < 60 * 6 / 9 * 1.5
    assert min(places.values()) > 60 * 6 / 9 / 1.5
    assert all(kinds[attribute] == set(KEYS) for attribute in ("number", "place", "sign", "company"))
    assert kinds["clue"] == {kind for kind in KEYS if len(kind) <= LONGEST_SIGN}


def test_the_list_says_what_was_planned_and_painted(pack: Path) -> None:
    fields = ["id", "image", "key", "attribute", "value", "count", "distractors", "license"]
    named = {"needles.jsonl"}
    for row, needle in zip(read(pack), plan_families(SEED), strict=True):
        assert list(row) == fields
        told = {"id": needle.id, "key": needle.key, "attribute": needle.attribute, "value": needle.value}
        lures = [{"image": f"{lure.id}.png", "lure": lure.value} for lure in needle.lures]
        told |= {"image": f"{needle.id}.png", "license": "CC0-1.0"}
        assert row == {**told, "count": needle.scene.count, "distractors": lures}
        named |= {str(row["image"]), *(lure["image"] for lure in lures)}
    assert {file.name for file in pack.iterdir()} == named
    for name in named - {"needles.jsonl"}:
        with Image.open(pack / name) as opened:
            assert (opened.size, opened.mode) == (SMALL, "RGB")
    assert len({(pack / name).read_bytes() for name in named}) == len(named)


def test_same_seed_same_bytes_other_seed_other_pictures(pack: Path, tmp_path: Path) -> None:
    again, other = plan_families(SEED), plan_families(SEED + 1)
    for number in range(0, len(again), 25):
        painted = (pack / f"{again[number].id}.png").read_bytes()
        for name, needle in (("again.png", again[number]), ("other.png", other[number])):
            save_scene(tmp_path / name, needle.scene, SMALL)
        assert (tmp_path / "again.png").read_bytes() == painted
        assert (tmp_path / "other.png").read_bytes() != painted
    assert not {each.scene.layout for each in again} & {each.scene.layout for each in other}


def test_the_pack_of_a_seed_stays_what_it_was() -> None:
    """Datasets are made again from their seed, so a change here is a change of every dataset."""
    first = {attribute: needles[0].id for attribute, needles in asked(42).items()}
    assert first == {
        "clue": "house-clue-cactus",
        "number": "kite-number-1",
        "place": "clock-place-mountains",
        "sign": "teapot-sign-eagle",
        "company": "penguin-company-pumpkin",
    }


def test_it_reads_as_an_ordinary_pack(pack: Path) -> None:
    from haystack_gen.gather.packs import read_pack

    found = read_pack(pack)
    needles, planned = found.needles, plan_families(SEED)
    assert found.remarks == ()
    assert [each.id for each in needles] == [each.id for each in planned]
    for needle, plan in zip(needles, planned, strict=True):
        assert needle.is_fact
        assert (needle.key, needle.attribute, needle.value) == (plan.key, plan.attribute, plan.value)
        assert (needle.question, needle.options, needle.answer) == ("", (), plan.value)
        assert needle.count == plan.scene.count
        assert [lookalike.lure for lookalike in needle.distractors] == [lure.value for lure in plan.lures]


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Image.Image, path: Path, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(StorageError, match=r"[a-z-]+\.png: no space left"):
        draw_family_pack(tmp_path, seed=1, size=SMALL)

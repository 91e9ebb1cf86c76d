"""A dataset built again from its recipe: the same bytes from the same sources, and nothing from others."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from haystack_gen.cache import Cache
from haystack_gen.cli.options import chosen_recipe
from haystack_gen.judge.verify import verify
from haystack_gen.publish.recipe import write_recipe
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.counter_video import draw_number, write_counter
from tests.small_world import SIZE, built, make_facts, make_world, tree

MINED = """
grid: {lengths: '8', depths: '0,1'}
distractors: {origin: mined, period: 3}
mining: {band: '0:1', sharpness: 0, top_k: 2, diversity: 1}
"""
FAMILIES = """
tasks: [retrieval, counting, ordering]
grid: {lengths: '12', depths: '0,1', trials: 1}
distractors: {origin: supplied, period: 5, at_least: 0}
choices: {absent: true}
controls: [needle_only, blanked]
mining: {uniqueness: report}
"""


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A film and packs; a pool of a film, whose frames have an odd size, and a picture."""
    folder = tmp_path_factory.mktemp("recipes")
    world = make_world(folder, seconds=16, needles=2, lures=1)
    (folder / "pool").mkdir()
    write_counter(folder / "pool" / "other.mp4", frames=150, rate=Fraction(30), size=SIZE, gop=60)
    Image.fromarray(draw_number(700_000, SIZE)).save(folder / "pool" / "photo.png")
    make_facts(folder / "facts")
    return world


@pytest.fixture(scope="session")
def made(world, tmp_path_factory):
    """A dataset of each kind."""
    out, pool = tmp_path_factory.mktemp("made"), world.film.parent / "pool"
    built(world.spec("{grid: {lengths: '8', depths: '0,1'}}"), out / "plain")
    built(world.spec(MINED, **{"mining.pool": [str(pool)]}), out / "mined")
    facts = {"needles.pack": str(world.film.parent / "facts"), "mining.uniqueness": "report"}
    built(world.spec(FAMILIES, **facts), out / "families")
    built(world.spec("{grid: {lengths: '8', depths: '0'}, output: {media: none}}"), out / "none")
    return out


@pytest.fixture
def recipe(made, tmp_path):
    """Writes the recipe of a dataset to a folder of its own."""

    def write(kind: str = "plain") -> Path:
        folder = tmp_path / f"{kind}-recipe"
        folder.mkdir()
        write_recipe(DatasetFolder(made / kind), folder, address=str(folder))
        return folder

    return write


@pytest.fixture
def elsewhere(world, tmp_path):
    """The sources under other names, in other folders, as another person would have them."""
    root = tmp_path / "elsewhere"
    for name in ("films/deep", "pictures"):
        (root / name).mkdir(parents=True)
    shutil.copy(world.film, root / "films" / "deep" / "My Film.MP4")
    for number, picture in enumerate(sorted(world.film.parent.glob("[pf]ac*/*.png"))):
        shutil.copy(picture, root / "pictures" / f"{number}.png")
    shutil.copytree(world.film.parent / "pool", root / "pool")
    (root / "pool" / "other.mp4").rename(root / "pool" / "renamed.mp4")
    return root


def rebuilt(recipe, out, *places, code=0) -> str:
    """A build of a recipe, in a cache that knows nothing of the first one."""
    given = ["--haystack", *places] if places else []
    done = run(
        "build", recipe, *given, "--out", out, "--cache", Path(out).with_name("fresh-cache"), "--allow-guessable"
    )
    assert done.exit_code == code, done.output
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("kind", ["plain", "mined", "families", "none"])
def test_the_same_bytes_from_sources_under_other_names(made, recipe, elsewhere, tmp_path, kind):
    said = rebuilt(recipe(kind), tmp_path / "again", elsewhere)
    assert "the manifest is byte for byte the recorded one" in said
    before, after = tree(made / kind), tree(tmp_path / "again")
    # A catalogue has the names of files, which are others here.
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {"provenance/catalog.jsonl", "provenance/matches.stills/catalog.jsonl"}
    assert not verify(DatasetFolder(tmp_path / "again")).differences
    # And once more, from what was rebuilt, to the end.
    assert "byte for byte" in rebuilt(tmp_path / "again", tmp_path / "third", elsewhere)
    assert (tmp_path / "third" / "manifest.jsonl").read_bytes() == before["manifest.jsonl"]


def test_a_recipe_has_no_media_and_says_how_to_go_on(recipe, made):
    folder = recipe("mined")
    assert sorted(tree(folder)) == [
        "README.md",
        *(f"provenance/{name}.jsonl" for name in ("catalog", "dropped", "matches", "needles", "plan")),
        "provenance/recipe.json",
        "provenance/sightings.jsonl",
        "provenance/spec.yaml",
        "provenance/versions.json",
    ]
    card = (folder / "README.md").read_text()
    assert (
        f"haystack-gen build {folder} \\\n    --haystack FILMS \\\n    --needles PACK \\\n    --pool POOL --out DIR"
        in card
    )
    assert "viewer: false" in card
    assert "configs:" not in card
    assert "| film.mp4 | video | unknown | `" in card
    assert card.count("\n| ") == 1 + len((folder / "provenance" / "catalog.jsonl").read_text().splitlines())
    assert "other-f000" in card
    assert "| taken from `" in card


def test_mined_pictures_are_taken_again_from_where_they_were(made, recipe, elsewhere, tmp_path):
    origins = {
        source["id"]: source["origin"]
        for source in map(json.loads, (made / "mined/provenance/catalog.jsonl").read_text().splitlines())
    }
    assert any("@" in origin for origin in origins.values())
    folder = recipe("mined")
    said = rebuilt(folder, tmp_path / "no", elsewhere / "films", elsewhere / "pictures", code=2)
    assert ".png: was taken from a file with SHA-256" in said
    assert not (tmp_path / "no").exists()
    # A whole dataset has its mined pictures, so nobody needs the pool.
    assert "byte for byte" in rebuilt(made / "mined", tmp_path / "yes", elsewhere / "films", elsewhere / "pictures")


def test_a_picture_is_taken_at_the_size_of_its_film_whatever_is_recorded(made, recipe, elsewhere, tmp_path):
    folder = recipe("mined")
    catalog = folder / "provenance" / "catalog.jsonl"
    *others, mined = catalog.read_text().splitlines(keepends=True)
    assert json.loads(mined)["width"] == SIZE[0]
    catalog.write_text("".join(others) + json.dumps(json.loads(mined) | {"width": 1 << 40}) + "\n")
    assert "byte for byte the recorded one" in rebuilt(folder, tmp_path / "again", elsewhere)


def test_what_was_drawn_is_drawn_again(tmp_path):
    sets = ("grid.lengths=8", "grid.depths=0", "haystack.size=96x54", "needles.count=1", "choices.absent=true")
    sets += ("controls=[blanked]", "distractors.origin=none")
    chosen = [word for one in sets for word in ("--set", one)]
    assert run("build", "tiny", *chosen, "--out", tmp_path / "first", "--allow-guessable").exit_code == 0
    assert "byte for byte" in rebuilt(tmp_path / "first", tmp_path / "again")
    assert tree(tmp_path / "first") == tree(tmp_path / "again")


def test_the_same_plan_without_any_source(made, recipe, tmp_path):
    folder = recipe("families")
    done = run("plan", folder, "-o", tmp_path / "plan.jsonl")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "plan.jsonl").read_bytes() == (made / "families/provenance/plan.jsonl").read_bytes()


# Refusals


def test_a_source_that_differs_in_a_byte_is_refused_before_any_work(recipe, elsewhere, tmp_path):
    film = elsewhere / "films" / "deep" / "My Film.MP4"
    content = bytearray(film.read_bytes())
    content[len(content) // 2] ^= 1
    film.unlink()
    (elsewhere / "film.mp4").write_bytes(content)
    said = rebuilt(recipe(), tmp_path / "again", elsewhere, code=2)
    assert "1 of the 5 films and pictures it was made from are not there; give those very files, under any name" in said
    found, recorded = said.split(f"{elsewhere / 'film.mp4'}: SHA-256 is ")[1].split(", recorded is ")
    assert len(found) == 64
    assert found != recorded.split()[0]
    assert not (tmp_path / "again").exists()
    assert not Cache(tmp_path / "fresh-cache").root.joinpath("chunks").exists()


def test_sources_that_are_nowhere_are_named(recipe, world, tmp_path):
    said = rebuilt(recipe(), tmp_path / "again", code=2)
    assert "5 of the 5 films and pictures it was made from are not there" in said
    assert "film.mp4: SHA-256 " in said
    assert " bytes, is in none of the places" in said
    assert "no such file or folder; check the name" in rebuilt(
        tmp_path / "plain-recipe", tmp_path / "x", "/nowhere", code=2
    )


@pytest.mark.parametrize(
    "option",
    [
        "--seed=1",
        "--lengths=9",
        "--set=needles.length=2",
        "--media=none",
        "--task=retrieval",
        "--matches=x",
        "--size=64x64",
    ],
)
def test_nothing_but_places_can_be_given(recipe, tmp_path, option):
    done = run("build", recipe(), option, "--out", tmp_path / "again")
    assert done.exit_code == 2
    assert "is a recipe, which is built as it is; --haystack, --needles, --images and --pool say" in done.stderr


def test_another_plan_is_refused(recipe, elsewhere, tmp_path):
    folder = recipe()
    plan = folder / "provenance" / "plan.jsonl"
    lines = plan.read_text().splitlines(keepends=True)
    for changed, where in (
        (lines[:-1], "from retrieval-8-d1-t1-needle-1 on"),
        ([*lines, lines[0]], "from the end on"),
        ([lines[0].replace('"trial":0', '"trial":1'), *lines[1:]], "from retrieval-8-d0-t0-needle-0 on"),
    ):
        plan.write_text("".join(changed))
        said = rebuilt(folder, tmp_path / "again", elsewhere, code=2)
        assert f"another plan comes out than was recorded, {where}; it was planned by haystack-gen 0.1.0" in said
        assert "and this is 0.1.0: it was damaged" in said
    plan.write_text("".join(lines[:-1]))
    versions = folder / "provenance" / "versions.json"
    versions.write_text(versions.read_text().replace('"haystack-gen": "0.1.0"', '"haystack-gen": "0.0.9"'))
    assert "and this is 0.1.0: install haystack-gen 0.0.9" in rebuilt(folder, tmp_path / "again", elsewhere, code=2)
    assert not (tmp_path / "again").exists()


def test_other_versions_and_another_manifest_are_remarked(recipe, elsewhere, tmp_path):
    folder = recipe()
    versions, made = folder / "provenance" / "versions.json", folder / "provenance" / "recipe.json"
    said = json.loads(made.read_text()) | {"manifest_sha256": "0" * 64}
    made.write_text(json.dumps(said))
    heard = rebuilt(folder, tmp_path / "one", elsewhere)
    assert "the plan is the recorded one, and the manifest is not byte for byte: by the same versions" in heard
    versions.write_text(json.dumps(json.loads(versions.read_text()) | {"av": "1.0"}))
    assert "byte for byte: it was made with av 1.0 (here " in rebuilt(folder, tmp_path / "two", elsewhere)


def test_what_is_no_recipe_is_refused(made, tmp_path):
    (tmp_path / "empty").mkdir()
    said = rebuilt(tmp_path / "empty", tmp_path / "again", code=2)
    assert "is no recipe, it has neither manifest.jsonl nor provenance/recipe.json; expected a finished dataset" in said
    assert "is the recipe itself; choose another --out" in rebuilt(made / "plain", made / "plain", code=2)


def test_a_preset_is_a_preset_whatever_lies_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert chosen_recipe({"preset_or_spec": "tiny", "seed": 1}) is None
    assert chosen_recipe({"preset_or_spec": "./tiny", "pool": ("a", "b"), "needles": "c"}) == (
        "./tiny",
        ["c", "a", "b"],
    )


# Recipes of others


def _record(folder: Path, name: str, **changes: object) -> None:
    path = folder / "provenance" / f"{name}.jsonl"
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(json.dumps(json.loads(first) | changes) + "\n" + "".join(rest))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("catalog", {"id": "../../x"}, "source id '../../x' cannot be a file name"),
        (
            "catalog",
            {"duration_s": "99999999999"},
            "(film.mp4|Film.MP4): is 128 x 72 and lasts 16.000 s, and is recorded as 128 x 72",
        ),
        ("catalog", {"width": 1 << 40}, "and is recorded as 1099511627776 x 72 and 16.000 s"),
        ("catalog", {"at_s": "1"}, "the recipe was damaged"),
        ("needles", {"source": "stranger"}, "its records disagree about '.*'; it was damaged"),
        ("needles", {"id": "stranger"}, "another plan comes out|disagree about"),
        ("matches", {"needle": "stranger"}, "its records disagree about 'stranger'; it was damaged"),
        ("matches", {"source": "film"}, "its records disagree about 'film'; it was damaged"),
    ],
)
def test_records_that_lie_are_refused(recipe, world, elsewhere, tmp_path, name, changes, message):
    import re

    folder = recipe("mined")
    if name == "catalog":
        shutil.copy(world.film, elsewhere / "films" / "film.mp4")
    _record(folder, name, **changes)
    assert re.search(message, rebuilt(folder, tmp_path / "again", elsewhere, code=2))
    assert not (tmp_path / "again").exists()


def test_a_recipe_opens_no_file_that_it_names(recipe, elsewhere, tmp_path):
    """Paths in a spec are names to show: a rebuild looks where the person says."""
    folder, trap = recipe(), tmp_path / "trap"
    spec = folder / "provenance" / "spec.yaml"
    spec.write_text(
        spec.read_text()
        .replace("  - film.mp4", f"  - {trap}/film.mp4")
        .replace("pack: pack", f"pack: hub:x/{trap.name}")
    )
    assert str(trap) in spec.read_text()
    assert "byte for byte" in rebuilt(folder, tmp_path / "again", elsewhere)


def test_links_and_huge_files_are_refused(recipe, elsewhere, tmp_path):
    folder, secret = recipe(), tmp_path / "secret"
    secret.write_text("secret\n")
    needles = folder / "provenance" / "needles.jsonl"
    kept = needles.read_bytes()
    needles.unlink()
    needles.symlink_to(secret)
    said = rebuilt(folder, tmp_path / "again", elsewhere, code=2)
    assert "needles.jsonl: is a link, and what it leads to may be another's" in said
    assert "secret\n" not in said
    needles.unlink()
    with needles.open("wb") as huge:
        huge.truncate(1 << 40)
    assert "needles.jsonl: is larger than 67,108,864 bytes" in rebuilt(folder, tmp_path / "again", elsewhere, code=2)
    needles.write_bytes(kept)
    with (folder / "provenance" / "spec.yaml").open("ab") as huge:
        huge.truncate(1 << 30)
    assert "spec.yaml: is larger than 1,048,576 bytes" in rebuilt(folder, tmp_path / "again", elsewhere, code=2)


def test_a_spec_that_would_plan_for_ever_stops_at_the_first_difference(recipe, elsewhere, tmp_path):
    folder = recipe()
    spec = folder / "provenance" / "spec.yaml"
    spec.write_text(spec.read_text().replace("trials: needles", "trials: 5000000"))
    assert "another plan comes out than was recorded" in rebuilt(folder, tmp_path / "again", elsewhere, code=2)

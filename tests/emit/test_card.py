"""The dataset card: what it says is so, its head survives any name, and nothing of others breaks out of it."""

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from haystack_gen.emit.card import write_card
from haystack_gen.emit.card_audit import Shown, carry_audit, refresh_audit
from haystack_gen.emit.card_header import cell, common_license, header, one_line
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import catalogued
from haystack_gen.emit.tally import tally
from haystack_gen.errors import InputError
from haystack_gen.facts import Source
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, package_folder
from tests.small_world import built, make_facts, make_world

HOSTILE = [
    'a "quoted": name, [with] {all} & *sorts* of #marks',
    "two\nlines\r\n---\n\u2028and: more\u2029",
    "---",
    "null",
    "3.0",
    "yes: 'no'",
    "emoji \U0001f9ea\U0001f3a5, \u0000\u001b[31m\u007f\ufeff, accents é, 针",
    "<script>alert(1)</script> ![x](http://x.invalid/x.png) | a | b |",
    "<!-- end of audit -->",
    " ",
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    """Three families with open questions and twins, one film of known licence, pictures of unknown."""
    folder = tmp_path_factory.mktemp("card")
    world = make_world(folder / "world", seconds=40)
    text = """
    name: "cards: one"
    tasks: retrieval, counting, ordering
    grid: {lengths: "24,32", depths: "0,1", trials: 1}
    placement: {band: 1}
    choices: {form: both, absent: true}
    controls: needle_only
    needles: {length: 2}
    haystack: {licenses: {film.mp4: CC-BY-4.0}}
    """
    return built(world.spec(text, **{"needles.pack": str(make_facts(folder / "facts"))}), folder / "out")


def parts(folder: DatasetFolder) -> tuple[dict, str]:
    """The card's head, and the rest."""
    _, head, body = folder.card.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def table(body: str, title: str) -> list[list[str]]:
    """The rows of the table whose first title is `title`."""
    lines = body[body.index(f"| {title} |") :].split("\n\n")[0].splitlines()
    return [[column.strip() for column in line.strip("|").split(" | ")] for line in lines[2:]]


def write(folder: DatasetFolder, tmp_path: Path, *, name: str | None = None, sources=None) -> DatasetFolder:
    """The card of the same dataset under another name, or with other sources, in another place."""
    other = DatasetFolder(tmp_path)
    other.provenance.mkdir()
    other.versions.write_bytes(folder.versions.read_bytes())
    spec = read_spec_file(folder.spec)
    spec = spec if name is None else spec.model_copy(update={"name": name})
    counts = tally(folder.plan, folder.dropped)
    write_card(other, spec, sources=catalogued(folder) if sources is None else sources, tally=counts)
    return other


def test_the_head_says_how_to_load_and_file_it(dataset):
    head, body = parts(dataset)
    assert head["pretty_name"] == "cards: one"
    assert head["language"] == ["en"]
    assert head["license"] == "other"
    assert head["task_categories"] == ["video-text-to-text", "visual-question-answering"]
    assert {"needle-in-a-haystack", "long-video", "video"} <= set(head["tags"])
    assert head["size_categories"] == ["n<1K"]
    first, *others = head["configs"]
    media = "videos/**/*.mp4"
    assert first == {
        "config_name": "default",
        "default": True,
        "data_files": [{"split": "test", "path": ["metadata.parquet", media]}],
    }
    assert [one["config_name"] for one in others] == ["retrieval", "counting", "ordering"]
    for one in others:
        file = f"{one['config_name']}.parquet"
        assert one["metadata_filenames"] == [file]
        assert one["data_files"] == [{"split": "test", "path": [file, media]}]
    assert body.lstrip().startswith("# cards: one\n")


def test_what_it_counts_is_what_there_is(dataset):
    _, body = parts(dataset)
    rows, items = list(read_manifest(dataset.manifest)), list(read_plan(dataset.plan))
    assert f"**{len(rows)} items**" in body
    counted = {name: (items, twins) for name, items, twins, *_ in table(body, "family")}
    families = list(dict.fromkeys(row.task for row in rows))
    assert list(counted) == families
    for family in families:
        own = [row for row in rows if row.task == family]
        assert counted[family] == (str(len(own)), str(sum(row.control != "none" for row in own)))
        closed = [row for row in own if row.options]
        said = next(line for line in table(body, "family") if line[0] == family)
        assert f"options {len(closed)}" in said[3]
        assert said[4] == f"{sum(1 / len(row.options) for row in closed) / len(closed):.1%}"
    assert table(body, "control") == [
        ["needle_only", str(sum(row.control != "none" for row in rows)), "the frames asked about, one after the other"]
    ]
    seconds = sum({item.video: item.timeline.length / item.timeline.rate for item in items}.values(), Fraction(0))
    assert f"| videos | {len({row.video for row in rows})}, shared" in body
    assert f"; {float(seconds / 60):.1f} minutes in all |" in body


def test_it_says_how_to_make_it_again_and_with_what(dataset):
    _, body = parts(dataset)
    command = body[body.index("haystack-gen build") :].split("\n```")[0]
    assert "--haystack FILMS" in command
    assert "--needles PACK" in command
    assert "seed 42" in body
    for library, version in json.loads(dataset.versions.read_text()).items():
        assert library == "encoder" or f"{library} {version}" in body


def test_needles_and_films_that_are_drawn_need_no_files(tmp_path):
    spec = read_spec_file(package_folder("templates") / "specs" / "fixture.yaml", overrides={"output.media": "none"})
    assert "haystack-gen build path/to/this/folder --out AGAIN\n" in built(spec, tmp_path / "out").card.read_text()


def test_every_source_is_listed_and_unknown_licences_are_counted(dataset):
    _, body = parts(dataset)
    shown = {clip.source for item in read_plan(dataset.plan) for clip in item.timeline.clips}
    sources = {source.id: source for source in catalogued(dataset) if source.id in shown}
    assert {name: license for name, _, license, _ in table(body, "source")} == {
        source.id: source.license for source in sources.values()
    }
    assert table(body, "source")[0] == ["film", "video", "CC-BY-4.0", f"`{sources['film'].sha256[:16]}`"]
    unknown = sum(source.license == "unknown" for source in sources.values())
    assert 0 < unknown < len(sources)
    assert f"{len(sources)} films and pictures; the licence of **{unknown}** is unknown." in body
    assert sorted(table(body, "licence")) == [["CC-BY-4.0", "1"], ["unknown", str(unknown)]]


def test_a_ledger_of_thousands_is_cut_short_and_says_so(dataset, tmp_path):
    shown = sorted({clip.source for item in read_plan(dataset.plan) for clip in item.timeline.clips})
    one = next(source for source in catalogued(dataset) if source.id == shown[0])
    _, body = parts(write(dataset, tmp_path, sources=[one] * 1234))
    assert len(table(body, "source")) == 200
    assert "\nAnd 1,034 more; `provenance/catalog.jsonl` lists all of them." in body
    assert "1,234 films and pictures" in body


@pytest.mark.parametrize(
    ("licenses", "said"),
    [
        (["CC-BY-4.0", "cc-by-4.0", "CC BY 4.0"], "cc-by-4.0"),
        (["CC0-1.0"], "cc0-1.0"),
        (["unknown", "", " "], "unknown"),
        ([], "unknown"),
        (["CC-BY-4.0", "unknown"], "other"),
        (["CC-BY-4.0", "CC0-1.0"], "other"),
        (["ask my lawyer: really"], "other"),
    ],
)
def test_one_licence_only_where_all_agree_on_a_known_one(licenses, said):
    assert common_license(licenses) == said


def test_limits_are_those_of_this_set(dataset, tmp_path):
    _, body = parts(dataset)
    assert "Needles stay for 2 frames: to be sure of each in 32 frames, a model has to be given 17 of them" in body
    assert "It was not checked whether the footage itself shows something that looks like a needle." in body
    spec = read_spec_file(dataset.spec)
    mined = spec.model_copy(update={"mining": spec.mining.model_copy(update={"uniqueness": "move"})})
    other = DatasetFolder(tmp_path)
    other.provenance.mkdir()
    other.versions.write_text("{}")
    write_card(other, mined, sources=[], tally=tally(dataset.plan, dataset.dropped))
    assert "judged by colours, edges and layout, not by a model" in other.card.read_text()


def test_the_audit_is_the_one_that_was_made(dataset):
    _, body = parts(dataset)
    blind = json.loads(dataset.audit("blind.json").read_text())
    assert f"Answering without the videos: {blind['verdict']}." in body
    for part, row in zip(blind["parts"], table(body, "questions"), strict=True):
        best = part["scores"][0]
        assert row[1:2] + row[3:] == [str(part["questions"]), f"{best['accuracy']:.1%}", f"{best['chance']:.1%}"]
    assert "not audited yet. `haystack-gen audit DIR --sampler linspace:64` finds out" in body


def test_a_damaged_audit_is_an_error(dataset, tmp_path):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "blind.json").write_text('{"parts": [{}], "verdict": "fine"}')
    with pytest.raises(InputError, match=r"blind\.json: is not what an audit writes; delete it, and it is made again"):
        write(dataset, tmp_path)


def test_a_later_audit_is_put_in_its_place(dataset, tmp_path):
    other = write(dataset, tmp_path)
    before = other.card.read_text()
    refresh_audit(other, [Shown("linspace:8", 1200, 300, 0.4375), Shown("a|b\n<!-- end of audit -->", 1, 0, 0.0)])
    audited = other.card.read_text()
    assert table(audited, "sampler")[0] == ["linspace:8", "1,200", "300", "43.8%"]
    assert len(table(audited, "sampler")) == 2
    assert re.sub(r"(?s)<!-- audit:.*?-->.*?<!-- end of audit -->", "", audited) == re.sub(
        r"(?s)<!-- audit:.*?-->.*?<!-- end of audit -->", "", before
    )
    another = DatasetFolder(tmp_path / "another")
    another.root.mkdir()
    another.card.write_text(before)
    carry_audit(other.card, another.card)
    assert another.card.read_text() == audited
    refresh_audit(other, ())
    assert other.card.read_text() == before
    refresh_audit(DatasetFolder(tmp_path / "none"), [Shown("linspace:8", 1200, 300, 0.4375)])
    another.card.write_text("my own words\n")
    refresh_audit(another, [Shown("linspace:8", 1200, 300, 0.4375)])
    assert another.card.read_text() == "my own words\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_card(dataset, tmp_path, name):
    other = write(dataset, tmp_path, name=name)
    head, body = parts(other)
    assert head["pretty_name"] == (one_line(name) or "haystack")
    assert isinstance(head["pretty_name"], str)
    assert head["configs"][0]["config_name"] == "default"
    assert "<script" not in body
    assert "![x]" not in body
    assert body.count("<!-- end of audit -->") == 1
    assert re.match(r"\n# .*\n\nA needle-in-a-haystack", body), body[:200]
    assert all(letter.isprintable() or letter == "\n" for letter in other.card.read_text(encoding="utf-8"))


def test_no_licence_breaks_the_table(dataset, tmp_path):
    shown = sorted({clip.source for item in read_plan(dataset.plan) for clip in item.timeline.clips})
    hostile = "free | <b>for</b> all\n| x | [y](http://z.invalid) `"
    sources = [
        Source(id=shown[0], kind="image", path="x", sha256="0" * 64, size_bytes=1, width=2, height=2, license=hostile)
    ]
    head, body = parts(write(dataset, tmp_path, sources=sources))
    assert head["license"] == "other"
    (row,) = [line for line in body.splitlines() if line.startswith(f"| {cell(shown[0])} | image")]
    assert len(re.split(r"(?<!\\)\|", row)) == 6
    assert "<b>" not in body
    assert "](http" not in body


@pytest.mark.parametrize(
    ("items", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (1_000_000, "1M<n<10M")]
)
def test_sizes(items, size):
    head = header("x", items=items, families=[], sources=[], layout="video")
    assert yaml.safe_load(head)["size_categories"] == [size]


@pytest.mark.hub
def test_the_client_of_the_hub_reads_it_and_writes_the_same(dataset, tmp_path):
    """In a Python of its own, since it looks for a token and a cache when it is imported."""
    code = """
import json, sys
from huggingface_hub import DatasetCard, DatasetCardData
for path in sys.argv[1:]:
    card = DatasetCard(open(path, encoding="utf-8", newline="").read())
    again = DatasetCard("---\\n" + card.data.to_yaml() + "\\n---\\n" + card.text)
    assert again.data.to_dict() == card.data.to_dict(), path
    kept = DatasetCardData(**card.data.to_dict())
    assert kept.to_dict() == card.data.to_dict(), path
    print(json.dumps(card.data.to_dict()))
"""
    folders = [dataset]
    for number, name in enumerate(HOSTILE):
        (tmp_path / str(number)).mkdir()
        folders.append(write(dataset, tmp_path / str(number), name=name))
    paths = [str(folder.card) for folder in folders]
    quiet = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, env=quiet, check=False)
    assert not done.returncode, done.stderr[-2000:]
    for folder, line in zip(folders, done.stdout.splitlines(), strict=True):
        head, _ = parts(folder)
        assert json.loads(line) == head

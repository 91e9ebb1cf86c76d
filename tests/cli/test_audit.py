"""`haystack-gen audit` as a person and as a machine meet it."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result

from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.judge.samplers import SAMPLERS
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.small_world import built, make_facts, make_world

ROOT = Path(__file__).parents[2]
SPEC = """
tasks: retrieval, ordering
grid: {lengths: "24,40", depths: "0,1/2,1", trials: 2}
choices: {form: both, absent: true}
distractors: {period: 6, at_least: 0, count: 1}
placement: {band: 1}
controls: needle_only
output: {media: none}
"""


def audited(*arguments: object) -> Result:
    return run("audit", *arguments)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    world = make_world(folder / "world", seconds=45, needles=1, lures=1)
    spec = world.spec(SPEC, **{"needles.pack": str(make_facts(folder / "facts"))})
    return built(spec, folder / "out").root


def questions(folder: Path, *, leaky: bool) -> Path:
    """Counts of four consecutive numbers; leaky, the third is right twice in three."""
    path = folder / "questions.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for number in range(300):
            stream = Stream(4, number)
            low = stream.child("low").below(20)
            shown = stream.child("shown").shuffled([str(low + step) for step in range(4)])
            truth = str(low + (2 if leaky and number % 3 else stream.child("truth").below(4)))
            out.write(json.dumps({"q": f"How many birds at {number}?", "candidates": shown, "gt": truth}) + "\n")
    return path


FIELDS = ("--question-field", "q", "--options-field", "candidates", "--answer-field", "gt")


def test_a_dataset_under_several_samplers(dataset):
    done = audited(dataset, "--sampler", "linspace:8", "vlmevalkit:6", "hf-default:30")
    assert done.exit_code == 0, done.stderr
    for name in ("linspace:8", "vlmevalkit:6", "hf-default:30"):
        assert re.search(rf"^{name} +ceiling  items  seen", done.stdout, re.MULTILINE)
    for part in ("all", "family ordering", "family retrieval", "length 24", "length 40", "control needle_only"):
        assert len(re.findall(rf"^  {part} +[01]\.\d\d\d ", done.stdout, re.MULTILINE)) == 3
    assert done.stdout.index("length 24") < done.stdout.index("length 40")
    assert done.stdout.splitlines()[-1].startswith("verdict  no leak found: none of ")
    assert "left out: control twins" in done.stdout
    assert "left out: open questions" in done.stdout
    assert "hf-default:30 refuses some videos: would take 30 of " in done.stderr
    assert done.stderr.count("refuses") == 2, "said once, with the library's reason"
    assert "refuses" not in done.stdout
    table = pq.read_table(dataset / "audit" / "visibility.parquet")
    assert set(table["sampler"].to_pylist()) == {"linspace:8", "vlmevalkit:6", "hf-default:30"}
    assert set(table["id"].to_pylist()) == {row.id for row in read_manifest(dataset / "manifest.jsonl")}
    assert set(table["state"].to_pylist()) == {"robust", "missed", "refused", "absent"}


def test_the_report_as_json(dataset):
    done = audited(dataset, "--sampler", "linspace:8", "--sampler", "linspace:nframes=8", "--json")
    report = json.loads(done.stdout)
    (one,) = report["visibility"]
    assert one["sampler"] == "linspace:8"
    assert one["items"] == sum(part["items"] for part in one["by"]["family"].values())
    assert 0 < one["ceiling"] < 1
    assert report["blind"] == json.loads((dataset / "audit" / "blind.json").read_text())
    assert [part["part"] for part in report["blind"]["parts"]] == ["retrieval", "ordering", "all"]


def test_without_a_sampler_nothing_is_sampled(dataset, tmp_path):
    write_manifest(read_manifest(dataset / "manifest.jsonl"), tmp_path / "manifest.jsonl")
    done = audited(tmp_path)
    assert done.exit_code == 0
    assert done.stdout.startswith("blind ")
    assert [path.name for path in (tmp_path / "audit").iterdir()] == ["blind.json"]
    assert "sampling" not in done.stderr


def test_audits_are_repeatable_and_change_nothing_else(dataset, tmp_path):
    manifest = (dataset / "manifest.jsonl").read_bytes()
    first = audited(dataset, "--sampler", "fps:1/4", "qwen2-vl:6").stdout
    files = {path.name: path.read_bytes() for path in (dataset / "audit").iterdir()}
    assert audited(dataset, "--sampler", "fps:1/4", "qwen2-vl:6").stdout == first
    assert {path.name: path.read_bytes() for path in (dataset / "audit").iterdir()} == files
    assert files.keys() == {"visibility.parquet", "blind.json"}
    assert (dataset / "manifest.jsonl").read_bytes() == manifest


def test_answers_that_leak_are_exit_code_1(tmp_path):
    done = audited(questions(tmp_path, leaky=True), *FIELDS)
    assert done.exit_code == 1
    assert re.search(
        r"^  all +300 +300 +number 3 in size +0\.\d\d\d +0\.\d+ to 0\.\d+ +0\.250 +LEAK$", done.stdout, re.M
    )
    assert "verdict  LEAKS: " in done.stdout
    assert "Error: LEAKS: " in done.stderr
    assert "all, each turns: 'number 3 in size' is right in " in done.stderr
    assert audited(questions(tmp_path, leaky=True), *FIELDS, "--json").exit_code == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "questions.jsonl"], "nothing is written beside another's file"


def test_answers_that_do_not_leak_are_exit_code_0(tmp_path):
    done = audited(questions(tmp_path, leaky=False), *FIELDS)
    assert done.exit_code == 0
    assert "LEAK" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("verdict  no leak found")


def test_a_dataset_that_leaks(dataset, tmp_path):
    rows = [row for row in read_manifest(dataset / "manifest.jsonl") if row.options and row.control == "none"]
    many = [
        row.model_copy(update={"id": f"{row.id}-{turn}", "question": f"{turn}: {row.question}", "options": options})
        for turn in range(20)
        for row in rows
        for options in [[*row.options[row.answer_index :], *row.options[: row.answer_index]]]
    ]
    write_manifest(
        [row.model_copy(update={"answer_index": 0, "answer": "A"}) for row in many], tmp_path / "manifest.jsonl"
    )
    done = audited(tmp_path)
    assert done.exit_code == 1
    assert "retrieval, each turns: 'always A' is right in 100.0%, chance is 25.0%" in done.stderr
    assert json.loads((tmp_path / "audit" / "blind.json").read_text())["verdict"].startswith("LEAKS")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{data}", "--sampler", "linspce:8"], "no sampler 'linspce'; did you mean linspace"),
        (["{data}", "--sampler", "linspace"], "sampler 'linspace': expected linspace:nframes=..."),
        (
            ["{data}", "--answer-field", "gt"],
            "{data}: is a dataset folder, whose fields are known; leave --*-field out",
        ),
        (
            ["{file}", "--sampler", "linspace:8"],
            "{file}: is no folder, and frames are sampled of datasets alone; leave",
        ),
        (["{file}"], "{file}:1: has no key 'question', only 'q', 'candidates', 'gt'; name the right field"),
        (["{none}"], "{none}: no such file; expected a dataset folder, or a JSONL file of questions"),
        (["{empty}"], "{empty}/manifest.jsonl: no manifest, so the dataset is not complete; run"),
        (["{empty}", "--sampler", "linspace:8"], "{empty}/manifest.jsonl: no manifest, so the dataset is not"),
    ],
)
def test_what_cannot_be_audited(dataset, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    names = {
        "data": dataset,
        "file": questions(tmp_path, leaky=False),
        "none": tmp_path / "none",
        "empty": tmp_path / "empty",
    }
    done = audited(*(word.format(**names) for word in arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"Error: {message.format(**names)}" in done.stderr
    assert list((tmp_path / "empty").rglob("*.p*")) == []


def test_an_empty_file_holds_nothing_to_guess(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.touch()
    assert audited(path).stdout == "verdict  nothing to guess: no question has options\n"


def test_the_page_names_every_state_sampler_and_column():
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    for name in SAMPLERS:
        assert f"\n| {name} | `{name}:" in page
    for name in (
        "robust",
        "edge",
        "missed",
        "refused",
        "absent",
        "frames_hit",
        "min_frames_to_see",
        "state",
        "sampler",
    ):
        assert f"`{name}`" in page
    assert str(DatasetFolder(Path()).audit("blind.json")) in page

"""`placement.visible_to` on real datasets: what samplers return is decoded, audited, verified; and bad input."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import decord
import pyarrow.parquet as pq
import pytest

from haystack_gen.build import build
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import read_facts
from haystack_gen.emit.rows import Row
from haystack_gen.errors import CheckError, HaystackError, InputError
from haystack_gen.facts import Sampled
from haystack_gen.gathering import Tools
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.verify import verify
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.records import load
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.counter_video import read_number
from tests.small_world import SmallWorld, built, make_facts, make_world, tree

EYES = ("linspace:9", "qwen2_5-vl:fps=1/3", "vlmevalkit:10")
SPEC = """
tasks: retrieval, multi_key, ordering, localization, counting
grid: {lengths: "41,60", depths: "0,1/3,1", trials: 1}
placement: {band: 1, visible_to: [linspace:9, "qwen2_5-vl:fps=1/3", "vlmevalkit:10"]}
distractors: {period: 7, at_least: 0, count: 1}
choices: {form: both, absent: true}
families: {ordering: {ask: order, needles: "3:3"}, multi_key: {needles: 3}, counting: {most: 3, frames: 3, others: 0}}
controls: no_distractors
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    folder = tmp_path_factory.mktemp("visible")
    return replace(make_world(folder / "world", seconds=65, needles=1, lures=1), pack=make_facts(folder / "facts"))


@pytest.fixture(scope="module")
def dataset(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return built(world.spec(SPEC), tmp_path_factory.mktemp("dataset") / "out")


def rows_of(folder: DatasetFolder) -> list[tuple[Row, Item]]:
    return list(zip(read_manifest(folder.manifest), read_plan(folder.plan), strict=True))


# ------------------------------------------------------------------------------------------------- what models see


@pytest.mark.parametrize("name", EYES)
def test_every_needle_is_among_the_frames_that_are_decoded(dataset, name):
    """As a model's loader does it: the sampler's indices, by the file's own length and rate, through decord."""
    seen: dict[str, list[int]] = {}
    count = 0
    for row, _ in rows_of(dataset):
        if row.video not in seen:
            film = decord.VideoReader(str(dataset.root / row.video), num_threads=1)
            rate = Fraction(film.get_avg_fps()).limit_denominator(1000)
            frames = film.get_batch(sampler(name).indices(len(film), rate).tolist()).asnumpy()
            seen[row.video] = [read_number(frame) for frame in frames]
        for needle in row.needles:
            assert 500_000 + int(needle.source.rsplit("-", 1)[1]) in seen[row.video], (row.id, needle)
            count += 1
    assert len(seen) >= 18
    assert count > 100


def test_without_it_some_would_not_be(world, dataset, tmp_path):
    """The same spec shows less where it is not asked for: the test above can fail."""
    spec = world.spec(SPEC, **{"placement.visible_to": [], "output.media": "none"})
    plain = built(spec, tmp_path / "out").root
    done = run("audit", plain, *(part for name in EYES for part in ("--sampler", name)), "--json")
    assert all(one["ceiling"] < 0.9 for one in json.loads(done.stdout)["visibility"])
    assert not (plain / "provenance" / "sampled.jsonl").exists()


def test_an_audit_says_that_nothing_is_missed(dataset):
    done = run("audit", dataset.root, *(part for name in EYES for part in ("--sampler", name)), "--json")
    assert done.exit_code == 0, done.stderr
    outlooks = json.loads(done.stdout)["visibility"]
    assert len(outlooks) == len(EYES)
    for one in outlooks:
        assert one["ceiling"] == 1.0
        assert one["needles"]["robust"] > 20
        assert one["needles"] == {"robust": one["needles"]["robust"], "edge": 0, "missed": 0, "refused": 0}
        assert one["by"]["control"]["no_distractors"]["ceiling"] == 1.0
    states = pq.read_table(dataset.root / "audit" / "visibility.parquet")["state"].to_pylist()
    assert set(states) == {"robust", "absent"}


def test_rows_say_what_was_done(dataset):
    """The manifest and its typed twin say what the plan says."""
    table = pq.read_table(dataset.metadata).to_pylist()
    moved = added = 0
    for (row, item), record in zip(rows_of(dataset), table, strict=True):
        for needle, placed, typed in zip(row.needles, item.needles, record["needles"], strict=True):
            assert (needle.moved_frames, needle.added_frames) == (placed.moved, placed.added)
            assert (typed["moved_frames"], typed["added_frames"]) == (placed.moved, placed.added)
            assert needle.end_frame - needle.start_frame == 1 + needle.added_frames == placed.length
            assert needle.depth == needle.start_frame / (row.num_frames - placed.length)
            moved, added = moved + (placed.moved != 0), added + (placed.added != 0)
    assert moved > 20
    assert added > 20


def test_verify_agrees(dataset):
    report = verify(dataset, readers=("pyav",))
    assert report.differences == ()
    assert report.frames > 1000


def test_a_second_build_does_nothing_and_another_folder_gets_the_same_bytes(world, dataset, tmp_path):
    again = built(world.spec(SPEC), tmp_path / "again", jobs=2)
    files, audited = tree(again.root), ("audit/visibility.parquet", "README.md")  # the card says what an audit found
    assert {name: content for name, content in files.items() if name not in audited} == {
        name: content for name, content in tree(dataset.root).items() if name not in audited
    }
    times = {path: path.stat().st_mtime_ns for path in again.root.rglob("*.mp4")} | {
        path: path.stat().st_mtime_ns
        for path in (again.manifest, again.metadata, again.sampled, again.audit("blind.json"))
    }
    built(world.spec(SPEC), again.root)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert tree(again.root) == files


def test_what_was_counted_on_is_written_down_and_enough_to_plan_again(dataset):
    facts = read_facts(dataset)
    assert [(one.sampler, one.length) for one in facts.sampled] == [
        (sampler(name).name, length) for name in EYES for length in (41, 60)
    ]
    assert {one.sampler: one.tolerance for one in facts.sampled}[sampler(EYES[1]).name] == 1
    again = [one for one in plan_items(read_spec_file(dataset.spec), facts) if isinstance(one, Item)]
    assert again == list(read_plan(dataset.plan))


def test_other_samplers_are_another_spec(world, tmp_path):
    """Planned anew, in both directions; what was sampled before is not left lying there."""
    plain = {"placement.visible_to": [], "output.media": "none", "tasks": "retrieval"}
    seen = {"placement.visible_to": "linspace:9", "output.media": "none", "tasks": "retrieval"}
    folder = built(world.spec(SPEC, **plain), tmp_path / "out")
    first = tree(folder.root)
    assert built(world.spec(SPEC, **seen), folder.root).sampled.exists()
    assert tree(folder.root)["manifest.jsonl"] != first["manifest.jsonl"]
    built(world.spec(SPEC, **plain), folder.root)
    assert tree(folder.root) == first


def test_it_can_be_set_on_the_command_line(world, tmp_path):
    out = tmp_path / "out"
    done = run(
        "build", "v-niah", "--haystack", world.film, "--needles", world.pack, "--lengths", "30", "--depths", "0,1/2,1",
        "--set", "haystack.size=128x72", "--set", "mining.uniqueness=off", "--set", "grid.trials=2", "--media", "none",
        "--set", "placement.visible_to=linspace:7", "--out", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    shown = set(sampler("linspace:7").indices(30, Fraction(1)).tolist())
    starts = {needle.start_frame for row in read_manifest(out / "manifest.jsonl") for needle in row.needles}
    assert starts
    assert starts <= shown


# ----------------------------------------------------------------------------------------------------- bad input


def refused(world: SmallWorld, out: Path, text: str = SPEC, **overrides: object) -> str:
    with pytest.raises(HaystackError) as error:
        build(world.spec(text, **{"output.media": "none", **overrides}), out, Tools.local())
    return str(error.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["linspce:8"], "placement.visible_to: no sampler 'linspce'; did you mean linspace? known are linspace, fps, "),
        (["linspace:9", "foo"], "placement.visible_to: no sampler 'foo'; known are "),
        ([""], "placement.visible_to: no sampler ''; "),
        (["linspace"], "placement.visible_to: sampler 'linspace': expected linspace:nframes=..."),
        (["linspace:0"], "placement.visible_to: sampler 'linspace:0': nframes is 0, expected 1 to 1000000"),
        (["linspace:8.5"], "placement.visible_to: sampler 'linspace:8.5': nframes is 8.5, expected a whole number"),
        (
            ["qwen2_5-vl:fsp=2"],
            "placement.visible_to: sampler 'qwen2_5-vl:fsp=2': no setting 'fsp'; did you mean 'fps'? expected ",
        ),
        (["fps:1,fps=2"], "placement.visible_to: sampler 'fps:1,fps=2': fps is given twice; give it once"),
    ],
)
def test_samplers_that_there_are_not(world, tmp_path, names, message):
    assert refused(world, tmp_path / "out", **{"placement.visible_to": names}).startswith(message)
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_samplers_that_there_are_not_on_the_command_line(world, tmp_path):
    for command in (("plan", "--dry-run"), ("build", "--out", tmp_path / "out")):
        done = run(
            command[0], "v-niah", "--haystack", world.film, "--needles", world.pack, "--lengths", "30",
            "--set", "placement.visible_to=linspce:7", *command[1:],
        )  # fmt: skip
        assert done.exit_code == 2
        assert "Error: placement.visible_to: no sampler 'linspce'; did you mean linspace?" in done.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["linspace:8", "linspace:8"], r"placement\.visible_to"),
        (8, r"placement\.visible_to"),
        ({"linspace": 8}, r"placement\.visible_to"),
        ([8], r"placement\.visible_to"),
    ],
)
def test_what_is_no_list_of_samplers(world, value, message):
    with pytest.raises(InputError, match=message):
        world.spec(SPEC, **{"placement.visible_to": value})


def test_paper_placement_moves_nothing(world):
    text = "placement: {length: paper, visible_to: linspace:8}\n"
    with pytest.raises(
        InputError, match=r"placement\.length is 'paper', whose needles lie where upstream has them; use exact"
    ):
        world.spec(text)


FEW = "grid: {lengths: 30, depths: '0,1/2,1', trials: 1}\ndistractors: {origin: none}\n"


def test_depths_that_are_not_shown_are_dropped_and_said(world, tmp_path):
    spec = world.spec(FEW, **{"placement.visible_to": "linspace:1", "output.media": "none"})
    found = build(spec, tmp_path / "out", Tools.local())
    assert found.items == 1
    assert found.dropped == {
        f"however long it stays, a needle in frames {low} to {high} of 30 is not shown by linspace:1 "
        "(placement.visible_to); ask for more sampled frames, fewer depths, or fewer needles": 1
        for low, high in ((8, 22), (23, 30))
    }


def test_lengths_that_a_library_refuses_are_dropped_and_said(world, tmp_path):
    spec = world.spec(FEW, **{"placement.visible_to": "hf-default:40", "output.media": "none", "grid.lengths": "30,50"})
    found = build(spec, tmp_path / "out", Tools.local())
    assert found.items == 3
    ((reason, count),) = found.dropped.items()
    assert count == 3
    assert reason.startswith("hf-default:40 takes no clip of 30 frames: would take 40 of ")
    assert reason.endswith(" (placement.visible_to)")
    (sampled,) = [one for one in load(DatasetFolder(tmp_path / "out").sampled, Sampled) if one.length == 30]
    assert sampled.frames == ()
    assert f"hf-default:40 takes no clip of 30 frames: {sampled.refusal} (placement.visible_to)" == reason


def test_nothing_at_all_can_be_shown(world, tmp_path):
    message = refused(world, tmp_path / "out", FEW, **{"placement.visible_to": "hf-default:40"})
    assert message.startswith(
        f"{tmp_path / 'out'}: no item of 3 can be placed (3: hf-default:40 takes no clip of 30 frames: would take 40 "
    )
    assert message.endswith("(placement.visible_to)); change the grid or the spec")
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_two_names_of_one_sampler_are_no_harm(world, tmp_path):
    spec = world.spec(FEW, **{"placement.visible_to": ["linspace:8", "linspace:nframes=8"], "output.media": "none"})
    assert build(spec, tmp_path / "out", Tools.local()).items == 3


# ------------------------------------------------------------------------------------ what was sampled, lost or damaged


@pytest.fixture
def copy(world: SmallWorld, tmp_path: Path) -> DatasetFolder:
    spec = world.spec(FEW, **{"placement.visible_to": "linspace:7", "output.media": "none"})
    return built(spec, tmp_path / "copy")


def test_a_dataset_that_lost_what_was_sampled_says_so(copy):
    copy.sampled.unlink()
    with pytest.raises((InputError, CheckError), match=r"sampled\.jsonl"):
        verify(copy).raise_if_wrong()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}\n", "key 'sampler' is missing; a Sampled has sampler, length, frames, tolerance, refusal"),
        ('{"sampler": ', "is not JSON"),
        (
            '{"sampler": "linspace:7", "length": 30, "frames": [3, 1], "tolerance": 0, "refusal": ""}\n',
            "linspace:7: frames of a clip of 30 must be sorted, different and within it",
        ),
        (
            '{"sampler": "linspace:7", "length": 30, "frames": [30], "tolerance": 0, "refusal": ""}\n',
            "linspace:7: frames of a clip of 30 must be sorted, different and within it",
        ),
        (
            '{"sampler": "linspace:7", "length": 30, "frames": [1], "tolerance": -1, "refusal": ""}\n',
            "linspace:7: frames of a clip of 30 must be sorted, different and within it",
        ),
        (
            '{"sampler": "linspace:7", "length": 30, "frames": [], "tolerance": 0, "refusal": ""}\n',
            "linspace:7: shows frames, or says why it shows none",
        ),
        (
            '{"sampler": "linspace:7", "length": 30, "frames": [1], "tolerance": 0, "refusal": "no"}\n',
            "linspace:7: shows frames, or says why it shows none",
        ),
        ('{"sampler": "linspace:7", "length": 30, "frames": ["a"], "tolerance": 0, "refusal": ""}\n', "frames[0]"),
    ],
)
def test_a_damaged_record_of_what_was_sampled_is_named(copy, text, message):
    copy.sampled.write_text(text)
    with pytest.raises((InputError, CheckError)) as error:
        verify(copy).raise_if_wrong()
    assert "sampled.jsonl" in str(error.value)
    assert message in str(error.value)


def test_a_build_writes_it_anew(world, copy):
    files = tree(copy.root)
    spec = world.spec(FEW, **{"placement.visible_to": "linspace:7", "output.media": "none"})
    for damage in (copy.sampled.unlink, lambda: copy.sampled.write_text("{}\n")):
        damage()
        build(spec, copy.root, Tools.local())
        assert tree(copy.root) == files

"""The functions and records that programs use, on real files."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import haystack_gen
from haystack_gen import (
    Dataset,
    Drop,
    HaystackError,
    Item,
    Row,
    Spec,
    audit,
    build_dataset,
    load_spec,
    open_dataset,
    open_item,
    plan_items,
    score,
    verify,
)
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import plan_line, read_plan
from haystack_gen.errors import CheckError, InputError
from haystack_gen.frames import VideoFile
from haystack_gen.harness.oracle import Oracle
from haystack_gen.judge.score import score as score_file
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import read_number
from tests.small_world import SmallWorld, make_world

ROOT = Path(__file__).parents[1]
SMALL = {"lengths": [16], "depths": "1/2"}


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The session's cache, also for what is built once for the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAYSTACK_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    spec = load_spec("fixture", grid=SMALL, choices={"form": "both"}, controls=["needle_only"])
    return build_dataset(spec, tmp_path_factory.mktemp("api") / "built")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_world(tmp_path_factory.mktemp("world"), seconds=30)


@pytest.fixture
def copied(dataset: Dataset, tmp_path: Path) -> Dataset:
    """A dataset to damage."""
    shutil.copytree(dataset.path, tmp_path / "copy")
    return open_dataset(tmp_path / "copy")


def changed(dataset: Dataset, **fields: object) -> Row:
    """Change fields of the first line of the manifest; returns what it then says."""
    file = dataset.path / "manifest.jsonl"
    first, *others = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([json.dumps(json.loads(first) | fields), *others]) + "\n", encoding="utf-8")
    return next(iter(open_dataset(dataset.path)))


def test_all_that_is_promised_is_there():
    assert set(haystack_gen.__all__) <= set(dir(haystack_gen))
    assert [name for name in haystack_gen.__all__ if not hasattr(haystack_gen, name)] == []
    assert len(haystack_gen.__all__) == 15


# specs


def test_a_preset_with_keys_changed_keeps_the_others():
    spec, preset = load_spec("v-ruler", grid={"trials": 2}, families={"chain": {"hops": 4}}), load_spec("v-ruler")
    assert (spec.grid.trials, spec.families.chain.hops) == (2, 4)
    assert spec.grid.lengths == preset.grid.lengths
    assert spec.families.chain.branches == preset.families.chain.branches
    same = load_spec("v-ruler", **{"grid.trials": 2, "families.chain.hops": 4})
    assert spec == same
    assert isinstance(spec, Spec)


def test_a_file_is_a_spec_and_paths_are_text(tmp_path):
    (tmp_path / "my.yaml").write_text("seed: 5\nhaystack: {sources: old.mp4, licenses: {a.mp4: CC0-1.0}}\n")
    spec = load_spec(tmp_path / "my.yaml", haystack={"sources": [tmp_path / "new.mp4"]})
    assert (spec.seed, spec.haystack.sources) == (5, (str(tmp_path / "new.mp4"),))
    assert load_spec(str(tmp_path / "my.yaml"), haystack={"licenses": {"b.mp4": "MIT"}}).haystack.licenses == {
        "b.mp4": "MIT"
    }


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("tiny", {"sed": 3}, "tiny: unknown key 'sed'; did you mean 'seed'"),
        ("tiny", {"grid": {"length": 3}}, "tiny: unknown key 'grid.length'; did you mean 'grid.lengths'"),
        ("tiny", {"seed": "seven"}, "tiny: seed is 'seven'"),
        ("tiny", {"grid": 5}, "tiny: grid is 5"),
        ("no-such", {}, "no-such: no such spec file, and no preset of that name"),
        ("./tiny", {}, "tiny: no such spec file"),
    ],
)
def test_what_is_no_spec_is_said(name, keys, said):
    with pytest.raises(InputError, match=re.escape(said)):
        load_spec(name, **keys)


# plans and builds


def test_a_plan_is_what_a_build_writes(dataset):
    spec = load_spec("fixture", grid=SMALL, choices={"form": "both"}, controls=["needle_only"])
    planned = list(plan_items(spec))
    lines = "".join(plan_line(one) for one in planned if isinstance(one, Item))
    assert lines.encode() == (dataset.path / "provenance" / "plan.jsonl").read_bytes()
    drops = [one.reason for one in planned if isinstance(one, Drop)]
    assert dict(dataset.dropped) == {reason: drops.count(reason) for reason in drops}


def test_a_finished_build_is_left_as_it_is_and_not_replaced(copied):
    spec = load_spec("fixture", grid=SMALL, choices={"form": "both"}, controls=["needle_only"])
    before = {path: path.stat().st_mtime_ns for path in copied.path.rglob("*.mp4")}
    assert list(build_dataset(spec, copied.path)) == list(copied)
    assert before == {path: path.stat().st_mtime_ns for path in copied.path.rglob("*.mp4")}
    with pytest.raises(InputError, match="holds a finished dataset of another spec; choose another folder"):
        build_dataset(load_spec("fixture", seed=1), copied.path)


def test_what_can_be_guessed_is_refused_unless_allowed(tmp_path):
    dogs = make_world(tmp_path / "dogs", seconds=12, needles=16, lures=0)  # the answer is always "dog"
    spec = dogs.spec("grid: {lengths: 8, depths: 1/2}")
    with pytest.raises(CheckError, match="can be answered without their videos"):
        build_dataset(spec, tmp_path / "out")
    assert len(build_dataset(spec, tmp_path / "out", allow_guessable=True)) == 16


# datasets


def test_rows_come_in_order_and_by_id(dataset):
    rows = list(read_manifest(dataset.path / "manifest.jsonl"))
    assert list(dataset) == rows == [dataset[row.id] for row in rows]
    assert len(dataset) == len(rows)
    assert rows[2].id in dataset
    assert "no such" not in dataset
    assert repr(dataset) == f"Dataset({str(dataset.path)!r})"
    assert {row.control for row in dataset} == {"none", "needle_only"}


def test_an_id_that_is_none_is_answered_with_the_nearest(dataset):
    with pytest.raises(InputError, match=r"no item 'ordering-16-d1_2-t9' among \d+; did you mean ordering-16-d1_2-t0"):
        dataset["ordering-16-d1_2-t9"]
    with pytest.raises(InputError, match=r"no item '---' among .*; the first is retrieval"):
        dataset["---"]


def test_what_is_no_dataset_is_said(tmp_path, copied):
    with pytest.raises(
        InputError, match=r"is no dataset, it has no manifest.jsonl; expected a folder that a build made"
    ):
        open_dataset(tmp_path)
    (copied.path / "manifest.jsonl").rename(copied.path / "other.jsonl")
    with pytest.raises(InputError, match=r"is not complete, it has no manifest.jsonl; build it again"):
        open_dataset(str(copied.path))


def test_a_damaged_manifest_is_said_with_its_line(copied):
    file = copied.path / "manifest.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b"{}\n")
    with pytest.raises(InputError, match=r"manifest.jsonl:2: not a manifest row"):
        len(copied)
    file.write_bytes(lines[0] + lines[0])
    with pytest.raises(InputError, match=r"has item .* twice; build the dataset again"):
        len(copied)


# frames


@pytest.mark.parametrize("media", ["video", "frames", "none"])
def test_frames_are_those_of_the_recipe_in_any_order(tmp_path, media):
    groups = {"haystack": {"fps": 4, "size": "96x54"}}  # four frames to a keyframe
    spec = load_spec("fixture", grid=SMALL, tasks=["ordering"], output={"media": media}, **groups)
    dataset = build_dataset(spec, tmp_path / media)
    (row,) = dataset
    frames, recipe = dataset.frames(row), open_item(dataset.path, row.id)
    assert len(frames) == len(recipe) == row.num_frames == 16
    for at in (15, 0, 1, 2, 3, 9, 8, 14, -1, -16, 5, 5, 7):
        if media == "frames":  # JPEG
            assert np.abs(frames[at].astype(int) - recipe[at]).mean() < 3
        else:
            assert np.array_equal(frames[at], recipe[at])
    assert [one.tolist() for one in frames[3:9:2]] == [frames[at].tolist() for at in (3, 5, 7)]
    batch = frames.get_batch(np.array([7, 0, 7]))
    assert (batch.shape, batch.dtype) == ((3, 54, 96, 3), np.uint8)
    assert np.array_equal(batch[0], frames[7])
    assert frames.get_avg_fps() == 4.0 == frames.rate
    assert np.array_equal(np.asarray(frames.pil(2)), frames[2])
    with pytest.raises(IndexError):
        frames[16]
    with pytest.raises(InputError, match="asked for no frames"):
        frames.get_batch([])


def test_every_frame_is_the_planned_one(tmp_path, world):
    spec = world.spec("grid: {lengths: '24', depths: '1/2'}", fps=6)
    dataset = build_dataset(spec, tmp_path / "out", allow_guessable=True)
    for item in read_plan(dataset.path / "provenance" / "plan.jsonl"):
        frames = dataset.frames(item.id)
        order = [*range(23, -1, -5), *range(24)]
        assert [read_number(frames[at]) for at in order] == [world.number(item, at) for at in order]


class Counting:
    """A container that counts how often it is searched."""

    def __init__(self, container: av.container.InputContainer) -> None:
        self.container, self.seeks = container, 0

    def seek(self, *args: object, **options: object) -> None:
        self.seeks += 1
        self.container.seek(*args, **options)

    def decode(self, stream: object) -> Iterator[object]:
        return self.container.decode(stream)


def test_frames_in_order_are_decoded_once(tmp_path, world):
    spec = world.spec("grid: {lengths: '48', depths: '0'}", fps=6)
    dataset = build_dataset(spec, tmp_path / "out", allow_guessable=True)
    video = VideoFile(dataset.path / next(iter(dataset)).video, rate=spec.haystack.fps)
    counting = video._container = Counting(video._container)
    for at in range(0, 48, 3):
        video[at]
    assert counting.seeks == 1
    video[0], video[40]
    assert counting.seeks == 3


def test_a_video_of_a_context_has_frames_too(tmp_path):
    stack = {"lengths": [60], "per_context": 2}
    spec = load_spec("fixture", tasks=["stack"], grid=SMALL, families={"stack": stack})
    (row,) = build_dataset(spec, tmp_path / "out")
    opened = open_dataset(tmp_path / "out")
    videos = [part for part in row.context if part.type == "video"]
    assert len(videos) == 2
    for part in videos:
        assert np.array_equal(opened.frames(part)[3], open_item(opened.path, part.video_id)[3])
    text = next(part for part in row.context if part.type == "text")
    with pytest.raises(InputError, match="is a part of type text, which has no frames; pass a video part"):
        opened.frames(text)


def test_a_missing_video_comes_from_the_recipe(copied):
    row = next(iter(copied))
    before = copied.frames(row)[5]
    (copied.path / row.video).unlink()
    assert np.array_equal(copied.frames(row)[5], before)


@pytest.mark.parametrize("name", ["../outside.mp4", "/etc/hostname", "videos/../../outside.mp4"])
def test_a_manifest_does_not_lead_outside(copied, name):
    row = next(iter(copied))
    shutil.copy(copied.path / row.video, copied.path.parent / "outside.mp4")
    with pytest.raises(InputError, match="is outside of the dataset; do not use it"):
        open_dataset(copied.path).frames(changed(copied, video=name))


def test_a_playlist_named_mp4_opens_nothing(copied):
    row = next(iter(copied))
    (copied.path / row.video).write_text(f"#EXTM3U\n#EXTINF:1,\n{copied.path / 'README.md'}\n")
    with pytest.raises(InputError, match=r"cannot be read as video \(.*\); it is damaged: build the dataset again"):
        copied.frames(row)


def test_a_video_that_ends_early_is_said(copied):
    row = next(iter(copied))
    file = copied.path / row.video
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    frames = copied.frames(row)
    with pytest.raises(InputError, match=f"{re.escape(str(file))}: .*build the dataset again"):
        frames.get_batch(range(len(frames)))
    file.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read as video"):
        copied.frames(row)


def test_a_video_of_another_item_is_said(copied):
    rows = {row.num_frames: row for row in copied}
    shutil.copy(copied.path / rows[1].video, copied.path / rows[16].video)
    with pytest.raises(InputError, match=r"has 1 frames, and .* 16 by the manifest; the dataset was damaged"):
        copied.frames(rows[16])


def test_a_video_of_another_rate_is_said(copied, tmp_path):
    faster = build_dataset(
        load_spec("fixture", tasks=["ordering"], grid=SMALL, haystack={"fps": 5}), tmp_path / "faster"
    )
    row = next(row for row in copied if row.num_frames == 16)
    shutil.copy(faster.path / next(iter(faster)).video, copied.path / row.video)
    with pytest.raises(InputError, match=r"has no frame 1 of 16 at 0.500 s; it is damaged"):
        copied.frames(row).get_batch([0, 1])


def test_a_rate_that_is_none_is_said(copied):
    row = changed(copied, fps_den=0)
    with pytest.raises(InputError, match="has 2/0 frames a second; the dataset was damaged"):
        open_dataset(copied.path).frames(row)


# judgements


def test_replies_by_id_score_as_a_file_does(dataset, tmp_path):
    replies = {row.id: Oracle().reply(row) for row in dataset}
    wrong = next(row.id for row in dataset if row.options)
    replies[wrong] = "none of these"
    del replies[next(row.id for row in dataset if not row.options)]
    lines = [json.dumps({"id": name, "prediction": reply}) for name, reply in replies.items()]
    (tmp_path / "replies.jsonl").write_text("\n".join(lines), encoding="utf-8")
    by_id = score(dataset, replies)
    assert by_id == score(str(dataset.path), tmp_path / "replies.jsonl")
    assert by_id == score_file(DatasetFolder(dataset.path), tmp_path / "replies.jsonl")
    verdicts = [answer.verdict for answer in by_id.answers]
    assert (verdicts.count("right"), verdicts.count("missing")) == (len(dataset) - 2, 1)


def test_replies_that_are_none_are_said(dataset):
    name = next(iter(dataset)).id
    with pytest.raises(InputError, match=rf"predictions\['{name}x'\]: .* no such item, the nearest is '{name}'"):
        score(dataset, {f"{name}x": "A"})
    with pytest.raises(InputError, match=r"is None, expected text; leave it out if there is no reply"):
        score(dataset, {name: None})
    with pytest.raises(InputError, match="the threshold is 2, expected an accuracy of 0 to 1"):
        score(dataset, {name: "A"}, threshold=2)
    with pytest.raises(InputError, match="no such file, expected predictions"):
        score(dataset, "replies.jsonl")


def test_a_dataset_is_verified_and_what_is_wrong_is_reported(copied):
    report = verify(copied, readers=("pyav",))
    assert (report.differences, list(report.readers)) == ((), ["pyav"])
    stamp = copied.path / "audit" / "verified.json"
    assert stamp.is_file()
    videos = sorted({row.video for row in copied if row.num_frames == 16})
    shutil.copy(copied.path / videos[0], copied.path / videos[1])
    with pytest.raises(CheckError, match=re.escape(videos[1])):
        verify(copied.path, readers=("pyav",)).raise_if_wrong()
    assert not stamp.exists()


def test_an_audit_says_what_is_seen_and_guessed(copied):
    found = audit(copied, samplers=("linspace:16", "linspace:2", "linspace:16"))
    assert [outlook.sampler.name for outlook in found.outlooks] == ["linspace:16", "linspace:2"]
    assert found.outlooks[0].total.ceiling == 1.0
    assert (copied.path / "audit" / "visibility.parquet").is_file()
    assert found.guessed.parts
    with pytest.raises(HaystackError, match="no-such"):
        audit(copied, samplers=("no-such:1",))


# documents


def test_the_page_runs_and_prints_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, {})
        assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.*)$", block, re.MULTILINE)
    assert (tmp_path / "needle.png").is_file()

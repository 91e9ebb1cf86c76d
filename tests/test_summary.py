"""What a build took stands in its folder, and so does what failed, until it does not."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from haystack_gen import build as building
from haystack_gen import making, media
from haystack_gen.build import build
from haystack_gen.errors import Failure, InputError, StorageError, UnfinishedError
from haystack_gen.export.webdataset import write_webdataset
from haystack_gen.gathering import Tools
from haystack_gen.judge.verify import stamp, verify
from haystack_gen.publish.inventory import walk
from haystack_gen.publish.recipe import write_recipe
from haystack_gen.split import Shard, build_shard, merge
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.counter_video import write_counter
from tests.small_world import FILM_RATE, SIZE, SmallWorld, built, make_world, tree

SPEC = "{grid: {lengths: '20', depths: '0,1', trials: 4}, distractors: {origin: supplied, period: 7}}"


@pytest.fixture(scope="module")
def two_films(tmp_path_factory) -> SmallWorld:
    """`film`, and beside it `other`."""
    world = make_world(tmp_path_factory.mktemp("world"), seconds=30)
    write_counter(world.film.with_name("other.mp4"), frames=30 * 30, rate=FILM_RATE, size=SIZE, gop=30)
    return world


@pytest.fixture
def world(two_films, tmp_path, monkeypatch) -> SmallWorld:
    """The same, to be damaged, and an empty cache."""
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "cache"))
    root = Path(shutil.copytree(two_films.film.parent, tmp_path / "world"))
    return SmallWorld(film=root / "film.mp4", pack=root / "pack")


def spec_of(world: SmallWorld, text: str = SPEC, **more: object):
    sources = [str(world.film), str(world.film.with_name("other.mp4"))]
    return world.spec(text, **{"haystack.sources": sources, **more})


def damage(film: Path) -> bytes:
    """Make the middle of a film noise; returns what it was."""
    whole = film.read_bytes()
    half = len(whole) // 2
    film.write_bytes(whole[:half] + b"\xff" * 3000 + whole[half + 3000 :])
    return whole


def summary_of(folder: DatasetFolder) -> dict:
    return json.loads(folder.summary.read_text())


def stages_of(folder: DatasetFolder) -> dict[str, tuple[int, int]]:
    return {stage["stage"]: (stage["done"], stage["found"]) for stage in summary_of(folder)["stages"]}


def failed(folder: DatasetFolder) -> list[Failure]:
    return [Failure(**json.loads(line)) for line in folder.failed.read_text().splitlines()]


def test_a_summary_has_every_stage_with_what_it_did_and_found(world, tmp_path):
    spec = spec_of(world, **{"mining.uniqueness": "report"})
    folder = built(spec, tmp_path / "out")
    summary = summary_of(folder)
    assert (summary["executor"], summary["workers"], summary["dropped"]) == ("local", 1, {})
    assert summary["items"] == summary["videos"] == len(folder.plan.read_text().splitlines()) == 8
    assert 10**7 < summary["peak_memory_bytes"] < 10**10
    assert 0 < sum(stage["seconds"] for stage in summary["stages"]) < summary["seconds"] < 60
    shown = len(list(folder.stills.glob("*.png")))
    assert stages_of(folder) == {
        "looking at the sources": (0, 0),
        "encoding the haystack": (60, 0),
        "looking for needles in it": (60, 0),
        "planning": (8, 0),
        "guessing": (1, 0),
        "encoding": (shown, 60),
        "splicing videos": (8, 0),
        "describing the media": (0, 0),
    }
    sizes = {stage["stage"]: stage["size_bytes"] for stage in summary["stages"]}
    assert sizes["splicing videos"] == sum(path.stat().st_size for path in (folder.root / "videos").rglob("*.mp4"))
    chunks = (tmp_path / "cache" / "chunks").rglob("span-*")
    assert sizes["encoding the haystack"] + sizes["encoding"] == sum(path.stat().st_size for path in chunks)
    again = stages_of(built(spec, tmp_path / "again"))
    assert (again["looking for needles in it"], again["encoding"]) == ((0, 60), (0, 60 + shown))
    assert "encoding the haystack" not in again


def test_it_says_nothing_of_the_machine(world, tmp_path):
    folder = built(spec_of(world), tmp_path / "out", jobs=2)
    text = folder.summary.read_text()
    assert summary_of(folder)["workers"] == 2
    for secret in (str(tmp_path), socket.gethostname(), os.environ.get("USER") or "root/", "/"):
        assert secret not in text


def test_drops_stand_in_it_with_their_reasons(world, tmp_path):
    text = "{grid: {lengths: '4,20', depths: '0'}, distractors: {origin: supplied, period: 7, at_least: 2}}"
    folder = built(spec_of(world, text), tmp_path / "out")
    dropped = summary_of(folder)["dropped"]
    assert sum(dropped.values()) == len(folder.dropped.read_text().splitlines()) > 0
    assert all(isinstance(reason, str) and reason for reason in dropped)


def test_a_finished_build_run_again_leaves_it_alone(world, tmp_path):
    folder = built(spec_of(world), tmp_path / "out")
    before, made = folder.summary.read_bytes(), folder.summary.stat().st_mtime_ns
    done = build(spec_of(world), folder.root, Tools.local())
    assert done.summary is None
    assert (folder.summary.read_bytes(), folder.summary.stat().st_mtime_ns) == (before, made)
    next(folder.root.rglob("*.mp4")).unlink()
    done = build(spec_of(world), folder.root, Tools.local())
    assert done.summary == summary_of(folder)
    assert stages_of(folder)["splicing videos"] == (1, 7), "of the last run that made anything"


def test_what_was_done_with_the_same_tools_before_is_not_in_it(world, tmp_path):
    tools = Tools.local()
    for name in ("one", "two"):
        build(spec_of(world), tmp_path / name, tools)
    names = [stage["stage"] for stage in summary_of(DatasetFolder(tmp_path / "two"))["stages"]]
    assert names.count("planning") == 1


def test_it_is_there_before_the_manifest_and_no_longer_than_its_dataset(world, tmp_path, monkeypatch):
    def stopped(*given):
        raise KeyboardInterrupt

    folder = DatasetFolder(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(building, "write_manifest", stopped)
        with pytest.raises(KeyboardInterrupt):
            built(spec_of(world), folder.root)
    assert folder.summary.is_file()
    assert not folder.manifest.exists()
    with monkeypatch.context() as patched:
        patched.setattr(making, "render", stopped)
        with pytest.raises(KeyboardInterrupt):
            built(spec_of(world, seed=7), folder.root)
    assert not folder.summary.exists(), "it was of another plan"


def test_it_is_neither_published_nor_packed_nor_compared(world, tmp_path):
    folder = built(spec_of(world), tmp_path / "out")
    assert "provenance/summary.json" not in tree(folder.root)
    ours, left = walk(folder.root)
    assert "provenance/summary.json" not in ours
    assert left == {"provenance/summary.json": "about the machine that built it"}
    (tmp_path / "recipe").mkdir()
    assert "provenance/summary.json" not in write_recipe(folder, tmp_path / "recipe", address="ann/recipe")
    write_webdataset(folder, tmp_path / "packed")
    assert not (tmp_path / "packed" / "provenance" / "summary.json").exists()
    folder.summary.write_text("anything")
    report = verify(folder)
    stamp(folder, report)
    assert not report.differences


def test_a_merge_writes_its_own_with_those_of_the_shards(world, tmp_path):
    out = tmp_path / "out"
    for number in (1, 2):
        tools = Tools.local()
        shard = DatasetFolder(build_shard(spec_of(world), out, tools, Shard(number, 2)).folder)
        assert stages_of(shard)["splicing videos"] == (4, 0)
        before = shard.summary.read_bytes()
        assert build_shard(spec_of(world), out, tools, Shard(number, 2)).summary is None
        assert shard.summary.read_bytes() == before, "all of it was there"
    folder = DatasetFolder(merge(out, Tools.local()).folder)
    assert stages_of(folder)["taking the media of the shards"] == (8, 0)
    assert stages_of(folder)["splicing videos"] == (0, 8)
    spliced = [
        stage["done"]
        for shard in summary_of(folder)["shards"]
        for stage in shard["stages"]
        if stage["unit"] == "videos"
    ]
    assert spliced == [4, 4]
    assert tree(folder.root) == tree(built(spec_of(world), tmp_path / "whole").root)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_damaged_film_stops_nothing_but_the_videos_that_show_it(world, tmp_path, jobs):
    folder, film = DatasetFolder(tmp_path / "out"), world.film.with_name("other.mp4")
    whole = damage(film)
    with pytest.raises(UnfinishedError) as refused:
        built(spec_of(world), folder.root, jobs=jobs)
    made = {path.stem for path in folder.root.rglob("*.mp4")}
    encoding, *videos = failed(folder)
    assert 0 < len(made) < 8
    assert (encoding.stage, encoding.task) == ("encoding", "frames 0 to 30 of other")
    assert {video.task for video in videos}.isdisjoint(made)
    assert len(videos) == 8 - len(made)
    assert {video.reason for video in videos} == {"other is shown, of which frames could not be encoded"}
    message = str(refused.value).splitlines()
    assert message[0] == f"{len(videos) + 1} tasks cannot be done, all others are:"
    assert message[1].startswith(f"  {film}: frame 45")
    assert "cannot be decoded" in message[1]
    assert message[2] == f"  other is shown, of which frames could not be encoded ({len(videos)} tasks)"
    assert message[3] == f"the same command tries again what failed, and nothing else; {folder.failed} lists it"
    assert not folder.manifest.exists()
    assert not folder.summary.exists()
    film.write_bytes(whole)
    built(spec_of(world), folder.root)
    assert stages_of(folder)["splicing videos"] == (8 - len(made), len(made))
    assert not folder.failed.exists()
    assert tree(folder.root) == tree(built(spec_of(world), tmp_path / "whole").root)


def test_only_what_failed_is_tried_again(world, tmp_path, monkeypatch):
    """A film that cannot be read for a while, and is as it was afterwards."""
    folder, real = DatasetFolder(tmp_path / "out"), media.sample

    def unlucky(path: Path, **how: object):
        if path.stem == "other":
            raise InputError(f"{path}: the network is down; run again")
        return real(path, **how)

    with monkeypatch.context() as patched:
        patched.setattr(media, "sample", unlucky)
        for _ in range(2):
            with pytest.raises(UnfinishedError, match=r"other\.mp4: the network is down; run again"):
                built(spec_of(world), folder.root)
    kept = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.mp4")}
    done = build(spec_of(world), folder.root, Tools.local())
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert stages_of(folder)["splicing videos"] == (8 - len(kept), len(kept))
    assert stages_of(folder)["encoding"][0] == 30
    assert not folder.failed.exists()
    assert done.items == 8


def test_a_film_that_fails_while_sources_are_looked_through(world, tmp_path):
    """Nothing is planned yet, so that the folder holds nothing but the failure, and is ours all the same."""
    spec = spec_of(world, **{"mining.uniqueness": "report"})
    folder, film = DatasetFolder(tmp_path / "out"), world.film.with_name("other.mp4")
    whole = damage(film)
    with pytest.raises(UnfinishedError, match=r"other\.mp4: frame 45.* cannot be decoded") as refused:
        built(spec, folder.root)
    assert [failure.stage for failure in failed(folder)] == ["encoding the haystack"]
    assert len(str(refused.value).splitlines()) == 2
    assert len(list((tmp_path / "cache" / "chunks").rglob("span-*.npy"))) == 1, "the sound film is encoded"
    film.write_bytes(whole)
    built(spec, folder.root)
    assert not folder.failed.exists()


def test_frames_of_a_sound_film_are_written(world, tmp_path):
    spec = spec_of(world, **{"output.media": "frames"})
    folder, film = DatasetFolder(tmp_path / "out"), world.film.with_name("other.mp4")
    damage(film)
    with pytest.raises(UnfinishedError):
        built(spec, folder.root)
    assert {failure.stage for failure in failed(folder)} == {"encoding", "writing frames"}
    there = {path.name for path in (folder.root / "frames").iterdir()}
    assert "film" in there
    assert "other" not in there


def test_a_shard_with_failures_is_not_merged_and_goes_on(world, tmp_path):
    film = world.film.with_name("other.mp4")
    whole = damage(film)
    parts = {}
    for number in (1, 2):
        with pytest.raises(UnfinishedError):
            build_shard(spec_of(world), tmp_path / "out", Tools.local(), Shard(number, 2))
        parts[number] = Shard(number, 2).folder(tmp_path / "out")
    assert all(DatasetFolder(part).failed.is_file() for part in parts.values())
    with pytest.raises(InputError, match="is not made yet; run that shard again"):
        merge(tmp_path / "out", Tools.local())
    film.write_bytes(whole)
    for number in parts:
        build_shard(spec_of(world), tmp_path / "out", Tools.local(), Shard(number, 2))
    merge(tmp_path / "out", Tools.local())
    assert tree(tmp_path / "out") == tree(built(spec_of(world), tmp_path / "whole").root)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_system_that_refuses_stops_it_at_once(world, tmp_path, monkeypatch, jobs):
    folder = DatasetFolder(tmp_path / "out")
    built(spec_of(world), folder.root)
    shutil.rmtree(folder.root / "videos")
    (folder.root / "videos").mkdir()
    (folder.root / "videos" / "000").write_text("in the way")
    if jobs == 1:  # what a full disk would do
        tried = []

        def refused(task):
            tried.append(task)
            raise StorageError(f"{task.path}: no space left")

        monkeypatch.setattr(making, "render", refused)
        with pytest.raises(StorageError, match="no space left"):
            built(spec_of(world), folder.root)
        assert len(tried) == 1
    else:
        with pytest.raises(StorageError, match="mp4: a file lies where a folder is expected; choose another place"):
            built(spec_of(world), folder.root, jobs=jobs)
    assert not folder.failed.exists()
    assert not folder.manifest.exists()


def test_the_message_is_short_however_much_failed():
    one = [Failure("encoding", "x", "film.mp4: is damaged")]
    assert str(UnfinishedError(one)) == "film.mp4: is damaged"
    many = [Failure("encoding", str(number), f"reason {number % 7}") for number in range(70_000)]
    lines = str(UnfinishedError(many, Path("out/failed.jsonl"))).splitlines()
    assert lines[0] == "70,000 tasks cannot be done, all others are:"
    assert lines[1] == "  reason 0 (10,000 tasks)"
    assert lines[-2] == "  ... and 2 more reasons"
    assert len(lines) == 8


def test_the_command_says_it_and_ends_with_2(world, tmp_path):
    from haystack_gen.specfile import dump_spec

    file = tmp_path / "spec.yaml"
    file.write_text(dump_spec(spec_of(world)))
    film = world.film.with_name("other.mp4")
    whole = damage(film)
    done = run("build", file, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "tasks cannot be done, all others are:\n  " in done.stderr
    assert "encoding stopped" not in done.stderr
    assert "30 failed" in done.stderr
    film.write_bytes(whole)
    done = run("build", file, "--out", tmp_path / "out")
    assert done.exit_code == 0
    *_, spent, last = done.stderr.splitlines()
    assert last.startswith("8 items in")
    assert " s with one process, " in spent
    assert " of media written, " in spent
    assert "done before" in spent

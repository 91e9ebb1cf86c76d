"""The straight line on films whose every frame carries its number."""

import json
import os
import re
import shutil
import subprocess
from itertools import cycle
from pathlib import Path

import cv2
import pytest
from decord import VideoReader

from haystack_gen import __version__, open_item
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.errors import InputError, StorageError
from haystack_gen.gathering import Tools
from haystack_gen.judge.audit import audit
from haystack_gen.judge.readers import open_film
from haystack_gen.judge.verify import stamp, verify
from haystack_gen.specfile import read_spec
from haystack_gen.split import Shard, build_shard
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.counter_video import read_number
from tests.small_world import SmallWorld, built, make_world, tree

GRID = """
seed: {seed}
grid: {{lengths: "24,41", depths: "0,1/3,1"}}
distractors: {{origin: supplied, law: {law}, period: 9, phase: {phase}, count: 3, length: {stay}}}
needles: {{length: {stay}}}
"""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    ("fps", "seed", "law", "phase", "stay"),
    [(1, 1, "periodic", "0", 1), (10, 2, "random", "0", 2), (1, 3, "adjacent", "1/2", 3)],
)
def test_every_frame_read_back_is_the_planned_one(world, tmp_path, fps, seed, law, phase, stay):
    spec = world.spec(GRID.format(seed=seed, law=law, phase=phase, stay=stay), fps=fps)
    folder = built(spec, tmp_path / "out")
    rows = {row.id: row for row in read_manifest(folder.manifest)}
    items = list(read_plan(folder.plan))
    assert len(items) == len(rows) > 12
    for item, reader in zip(items, cycle(("pyav", "decord", "opencv")), strict=False):
        planned = [world.number(item, at) for at in range(item.timeline.length)]
        path = folder.root / rows[item.id].video
        assert [read_number(frame) for frame in open_film(path, reader).frames] == planned
        for placed in rows[item.id].needles:
            assert set(planned[placed.start_frame : placed.end_frame]) == {500_000 + int(placed.needle_id[-1])}
    assert not verify(folder).differences  # of every item, by every reader


def test_the_paper_clip_read_back(world, tmp_path):
    text = """
    haystack: {window: first}
    grid: {lengths: "20,60", depths: 0:1:0.2}
    placement: {length: paper}
    distractors: {origin: supplied, period: 15, at_least: 0}
    """
    folder = built(world.spec(text), tmp_path / "out")
    for item in read_plan(folder.plan):
        path = folder.video(0, item.id)
        frames = [read_number(frame.asnumpy()) for frame in VideoReader(str(path))]
        haystack = [number for number in frames if number < 500_000]
        assert haystack == [second * 30 for second in range(item.requested_length)]
        query = item.requested_depth * item.requested_length // 1
        needle = next(at for at, number in enumerate(frames) if 500_000 <= number < 600_000)
        before = [number for number in frames[:needle] if number < 500_000]
        assert len(before) == query
        lures = [at for at, number in enumerate(frames) if number >= 600_000]
        assert [abs(at - needle) for at in lures] == [16] * (item.side != "none")


@pytest.mark.parametrize("fps", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_same_bytes_whatever_the_workers_or_the_order(world, tmp_path, monkeypatch, fps):
    grid = "{{grid: {{lengths: {}, depths: '0,1/2'}}, distractors: {{origin: supplied, period: 7}}}}"
    whole, half = (world.spec(grid.format(lengths), fps=fps) for lengths in ("'20,40'", "'20'"))
    folders = []
    for name, jobs, specs in (("one", 1, [whole]), ("two", 2, [whole]), ("halves", 1, [half, whole])):
        monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / f"cache-{name}"))
        for spec in specs:
            folder = built(spec, tmp_path / name, jobs=jobs)
        folders.append(tree(folder.root))
    assert len(folders[0]) > 20
    assert folders[0] == folders[1] == folders[2]


def test_what_a_killed_build_left_is_finished_to_the_same_bytes(world, tmp_path):
    spec = world.spec("grid: {lengths: '20', depths: '0,1/2,1'}")
    folder = built(spec, tmp_path / "out")
    complete = tree(folder.root)
    videos = sorted((folder.root / "videos").rglob("*.mp4"))
    kept = videos[0].stat().st_mtime_ns
    for lost in (folder.manifest, folder.metadata, folder.fingerprints, *videos[2:5]):
        lost.unlink()
    (videos[0].parent / ".part-0123456789ab-x.mp4").write_bytes(b"half")
    with pytest.raises(InputError, match="no manifest, so the dataset is not complete"):
        verify(folder)
    built(spec, folder.root)
    assert tree(folder.root) == complete
    assert videos[0].stat().st_mtime_ns == kept, "a finished video was made again"


def test_a_finished_build_does_nothing_and_a_changed_one_only_what_changed(world, tmp_path):
    text = "grid: {lengths: '20', depths: '0,1/2'}\ndistractors: {origin: supplied, period: %d}"
    folder = built(world.spec(text % 7), tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.mp4")}
    written = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*") if path.is_file()}
    built(world.spec(text % 7), folder.root)
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*") if path.is_file()} == written
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.mp4")} == times
    built(world.spec((text % 7).replace("0,1/2", "0,1")), folder.root)
    again = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.mp4")}
    assert {path.stem for path in times.keys() & again.keys()} == {f"retrieval-20-d0-t{k}-needle-{k}" for k in range(3)}
    assert all(times[path] == again[path] for path in times.keys() & again.keys())
    built(world.spec((text % 9).replace("0,1/2", "0,1")), folder.root)
    fresh = built(world.spec((text % 9).replace("0,1/2", "0,1")), tmp_path / "fresh")
    assert tree(folder.root) == tree(fresh.root)


def test_frames_and_recipes_show_what_videos_show(world, tmp_path):
    text = "{grid: {lengths: '15', depths: '1/2'}, distractors: {origin: supplied, period: 6}, output: {media: %s}}"
    frames, recipe = (built(world.spec(text % media, fps=10), tmp_path / media) for media in ("frames", "none"))
    assert not verify(frames).differences
    assert not verify(recipe).differences
    assert not (recipe.root / "videos").exists()
    for row, item in zip(read_manifest(frames.manifest), read_plan(recipe.plan), strict=True):
        planned = [world.number(item, at) for at in range(15)]
        assert [read_number(cv2.imread(str(frames.root / path))) for path in row.frames] == planned
        lazily = open_item(recipe.root, item.id)
        assert [read_number(lazily[at]) for at in range(len(lazily))] == planned
        assert read_number(lazily[-1]) == planned[-1]
        assert len(lazily[3:9:2]) == 3
        with pytest.raises(IndexError):
            lazily[15]


def test_an_item_is_found_again_through_its_sources(world, tmp_path, monkeypatch):
    film = tmp_path / "elsewhere" / "renamed.mp4"
    film.parent.mkdir()
    shutil.copy(world.film, film)
    spec = world.spec("{grid: {lengths: '15', depths: '1/2', trials: 1}, output: {media: none}}")
    spec = spec.model_copy(update={"haystack": spec.haystack.model_copy(update={"sources": (str(film),)})})
    folder = built(spec, tmp_path / "out")
    item = next(read_plan(folder.plan))
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "another cache"))
    with pytest.raises(
        InputError,
        match="needle-0, renamed: the source is not where this cache knows one; put it back, or say with --source",
    ):
        open_item(folder.root, item.id)
    frames = open_item(folder.root, item.id, sources=[film, world.pack])
    assert [read_number(frame) for frame in frames] == [world.number(item, at) for at in range(15)]


def test_a_source_that_changed_or_went_midway_is_an_error_and_nothing_claims_to_be_complete(
    world, tmp_path, monkeypatch
):
    from haystack_gen import build as line

    film = tmp_path / "film.mp4"
    shutil.copy(world.film, film)
    spec = world.spec("{grid: {lengths: '15', depths: '1/2'}}", **{"haystack.sources": [str(film)]})
    settle = line.settle
    for spoil, message in (
        (lambda: film.write_bytes(film.read_bytes() + b"more"), "has changed since it was catalogued"),
        (film.unlink, "the source is gone"),
    ):
        monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / message))
        monkeypatch.setattr(line, "settle", lambda *args, do=spoil, **more: (settle(*args, **more), do()))
        with pytest.raises(InputError, match=rf"film\.mp4: {message}"):
            built(spec, tmp_path / "out")
        assert not (tmp_path / "out" / "manifest.jsonl").exists()
    monkeypatch.setattr(line, "settle", settle)
    shutil.copy(world.film, film)
    assert not verify(built(spec, tmp_path / "out")).differences


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False).returncode == 0
    if not mounted:
        if os.environ.get("CI"):
            pytest.fail("cannot mount a small disk to fill")
        pytest.skip("mounting needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_an_error_that_loses_nothing(world, tmp_path, small_disk):
    spec = world.spec("grid: {lengths: '60', depths: 0:1:0.1}")
    for jobs in (1, 2):
        with pytest.raises(StorageError, match=r"\.mp4: no space left; free some or choose another folder"):
            built(spec, small_disk / "out", jobs=jobs)
    assert not (small_disk / "out" / "manifest.jsonl").exists()
    finished = list((small_disk / "out").rglob("*.mp4"))
    assert finished
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    times = {path: path.stat().st_mtime_ns for path in finished}
    built(spec, small_disk / "out")
    assert {path: path.stat().st_mtime_ns for path in finished} == times
    assert tree(small_disk / "out") == tree(built(spec, tmp_path / "roomy").root)


@pytest.mark.parametrize("what", ["file", "folder of mine", "read-only"])
def test_a_folder_that_is_something_else_is_left_alone(world, tmp_path, what):
    out = tmp_path / "out"
    spec = world.spec("grid: {lengths: '10'}")
    if what == "file":
        out.write_text("mine")
        with pytest.raises(InputError, match="out: is a file, expected a new or empty folder; choose another --out"):
            built(spec, out)
        assert out.read_text() == "mine"
    elif what == "folder of mine":
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
        with pytest.raises(InputError, match="out: holds files that are not a dataset of haystack-gen"):
            built(spec, out)
        assert list(tree(out)) == ["thesis.tex"]
    else:
        disk = tmp_path / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(disk)], check=False).returncode:
            pytest.skip("mounting needs root")
        try:
            with pytest.raises(StorageError, match="disk/out: the file system is read-only; choose another folder"):
                built(spec, disk / "out")
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def test_films_shorter_than_a_clip_name_the_ways_out(world, tmp_path):
    with pytest.raises(
        InputError, match=r"has 70 frames at 1 fps, and the longest clip needs 71; give shorter --lengths"
    ):
        built(world.spec("grid: {lengths: '71'}"), tmp_path / "out")
    folder = built(world.spec("{grid: {lengths: '150', depths: '0,1'}, haystack: {repeat: true}}"), tmp_path / "out")
    assert {row.haystack_repeats for row in read_manifest(folder.manifest)} <= {2, 3}
    assert not verify(folder, readers=("decord",)).differences


def test_what_is_written_says_nothing_of_this_machine(world, tmp_path):
    folder = built(world.spec("grid: {lengths: '10'}"), tmp_path / "out")
    for name, content in tree(folder.root).items():
        assert str(tmp_path).encode() not in content, name
        assert str(world.film.parent).encode() not in content, name


def test_rows_are_whole(world, tmp_path):
    folder = built(world.spec("{grid: {lengths: '30'}, distractors: {origin: supplied, period: 11}}"), tmp_path / "out")
    for line, item in zip(folder.manifest.read_text().splitlines(), read_plan(folder.plan), strict=True):
        row = json.loads(line)
        assert row["prompt"].splitlines()[1:5] == [f"{a}. {b}" for a, b in zip("ABCD", row["options"], strict=True)]
        assert row["options"][row["answer_index"]] == row["answer_text"] == "dog"
        assert row["accepted_answers"] == [row["answer"], "dog", f"{row['answer']}. dog"]
        assert (row["num_frames"], row["fps"], row["duration_s"]) == (30, 1.0, 30.0)
        assert {one["lure"] for one in json.loads(row["distractors_json"])} == {"cat"}
        assert row["generator_version"] == __version__
        assert row["depth"] == float(item.needles[0].depth)


def test_a_dataset_of_the_wrong_make_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"manifest\.jsonl: no manifest, so the dataset is not complete"):
        verify(DatasetFolder(tmp_path))
    with pytest.raises(InputError, match=r"plan\.jsonl: no such file; expected a dataset folder"):
        open_item(tmp_path, "x")


@pytest.mark.slow
def test_seeds_share_no_timeline_of_the_tiny_preset(tmp_path):
    from haystack_gen.gathering import Tools, gather
    from haystack_gen.plan.planner import plan_items
    from haystack_gen.workspace import package_folder

    text = (package_folder("templates") / "specs" / "tiny.yaml").read_text()
    timelines = []
    for seed in (42, 43):
        spec = read_spec(
            text, where="tiny", overrides={"seed": seed, "mining.uniqueness": "off", "haystack.size": "64x36"}
        )
        facts = gather(spec, Tools.local()).facts
        timelines.append({item.timeline for item in plan_items(spec, facts)})
    assert not timelines[0] & timelines[1]


def test_ids_from_others_cannot_leave_the_folder(world, tmp_path):
    """A hostile file of matches names a picture by a path."""
    text = "{grid: {lengths: '12', depths: '1/2'}, distractors: {origin: mined, period: 5}, mining: {matches: %s}}"
    matches = tmp_path / "matches.jsonl"
    for name in ("../../../escaped", "/escaped", "a/b", "..", "A", ""):
        row = {"needle": "needle-0", "source": name, "similarity": 0.5, "embedder": "", "lure": "", "origin": "mined"}
        matches.write_text(json.dumps(row) + "\n")
        with pytest.raises(InputError, match=r"matches\.jsonl:1: source id .* cannot be a file name"):
            built(world.spec(text % matches), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} <= {"matches.jsonl", "out"}


def test_files_of_others_in_a_dataset_folder_are_left_alone(world, tmp_path):
    spec = world.spec("grid: {lengths: '10', depths: '0'}")
    mine = tmp_path / "mine" / "videos" / "own.mp4"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (tmp_path / "mine" / "provenance").mkdir()
    with pytest.raises(InputError, match="holds files that are not a dataset of haystack-gen"):
        built(spec, tmp_path / "mine")
    folder = built(spec, tmp_path / "out")
    notes = folder.root / "videos" / "notes.txt"
    notes.write_text("mine")
    built(world.spec("grid: {lengths: '11', depths: '0'}"), folder.root)
    assert notes.read_text() == mine.read_text() == "mine"
    shutil.rmtree(folder.root / "videos")
    (folder.root / "videos").symlink_to(mine.parent)
    with pytest.raises(InputError, match="videos: is a link, and what it leads to may be another's"):
        built(spec, folder.root)
    assert mine.exists()


@pytest.mark.parametrize("place", ["audit", "provenance/stills", "videos/000", "videos/000/own.mp4"])
def test_links_in_a_dataset_lead_nowhere(world, tmp_path, place):
    spec = world.spec("grid: {lengths: '10', depths: '0'}")
    folder = built(spec, tmp_path / "out")
    theirs = tmp_path / "theirs" / Path(place).name
    if (folder.root / place).exists():
        (folder.root / place).rename(tmp_path / "before")
        shutil.copytree(tmp_path / "before", theirs)
    else:
        theirs.parent.mkdir()
        shutil.copy(next(folder.root.rglob("*.mp4")), theirs)
    (folder.root / place).symlink_to(theirs)
    before = tree(tmp_path / "theirs")
    said = rf"{place}: is a link, and what it leads to may be another's; put a file or folder of its own there"
    with pytest.raises(InputError, match=said):
        built(world.spec("grid: {lengths: '11', depths: '0'}", seed=7), folder.root)
    if place == "audit":
        with pytest.raises(InputError, match=said):
            audit(folder, ["uniform:4"])
        with pytest.raises(InputError, match=said):
            stamp(folder, verify(folder))
    assert tree(tmp_path / "theirs") == before


def test_a_folder_may_be_named_by_a_link_that_leads_somewhere(world, tmp_path):
    spec = world.spec("grid: {lengths: '10', depths: '0'}")
    (tmp_path / "out").symlink_to(tmp_path / "large disk")
    with pytest.raises(InputError, match="out: is a link to nothing; make the folder that it names, or choose another"):
        built(spec, tmp_path / "out")
    (tmp_path / "large disk").mkdir()
    built(spec, tmp_path / "out")
    assert (tmp_path / "large disk" / "manifest.jsonl").is_file()


def test_the_cache_is_no_part_of_a_dataset(world, tmp_path, monkeypatch):
    """A build that was killed could not tell it from the files of others."""
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "out" / "cache"))
    with pytest.raises(
        InputError, match=r"out/cache: the cache lies in the dataset's folder .*; choose another --cache"
    ):
        built(world.spec("grid: {lengths: '10', depths: '0'}"), tmp_path / "out")
    with pytest.raises(InputError, match=r"out/cache: the cache lies in the dataset's folder"):
        build_shard(world.spec("grid: {lengths: '10', depths: '0'}"), tmp_path / "out", Tools.local(), Shard(1, 2))


def test_what_was_lost_is_made_again_by_the_same_build(world, tmp_path):
    spec = world.spec("{grid: {lengths: '20', depths: '0,1'}, distractors: {origin: supplied, period: 7}}")
    folder = built(spec, tmp_path / "out")
    complete = tree(folder.root)
    lost = [next((folder.root / "videos").rglob("*.mp4")), folder.still("needle-0"), folder.metadata]
    for path in (*lost, folder.card, folder.picture):
        path.unlink()
        assert verify(folder, readers=("pyav",)).differences or path not in lost
        built(spec, folder.root)
        assert tree(folder.root) == complete


def test_another_size_or_another_picture_leaves_nothing_stale(tmp_path):
    world = make_world(tmp_path / "world", seconds=30)
    text = "{grid: {lengths: '20', depths: '0'}, distractors: {origin: supplied, period: 7}}"
    folder = built(world.spec(text), tmp_path / "out")
    built(world.spec(text, **{"haystack.size": "96x54"}), folder.root)
    assert not verify(folder).differences
    shutil.copy(world.pack / "lure-5.png", world.pack / "needle-0.png")
    built(world.spec(text, **{"haystack.size": "96x54"}), folder.root)
    assert not verify(folder).differences
    fresh = built(world.spec(text, **{"haystack.size": "96x54"}), tmp_path / "fresh")
    assert tree(folder.root) == tree(fresh.root)


def test_another_encoder_encodes_everything_again(world, tmp_path, monkeypatch):
    from haystack_gen.emit import encoding

    spec = "grid: {lengths: '%s', depths: '0'}"
    folder = built(world.spec(spec % "20"), tmp_path / "out")
    monkeypatch.setattr(encoding, "_PRESET", "ultrafast")
    built(world.spec(spec % "20,25"), folder.root)
    assert not verify(folder).differences


WIDE = {"mining.band": "-1:1", "mining.sharpness": 0, "mining.uniqueness": "report"}
MINED = "{grid: {lengths: '20', depths: '0,1'}, distractors: {origin: mined, period: 7}}"


def test_renamed_needles_find_their_own_look_alikes(tmp_path):
    """What was mined is remembered under the names it was asked for."""
    world = make_world(tmp_path / "world", seconds=30)
    listed = world.pack / "needles.jsonl"
    entries = [json.loads(line) for line in listed.read_text().splitlines()[:2]]
    found = []
    for ids in (("a", "b"), ("b", "a")):
        named = [entry | {"id": name} for entry, name in zip(entries, ids, strict=True)]
        listed.write_text("".join(json.dumps(entry) + "\n" for entry in named))
        folder = built(world.spec(MINED, **WIDE, **{"mining.pool": [str(world.film)]}), tmp_path / "-".join(ids))
        matches = [json.loads(line) for line in folder.matches.read_text().splitlines()]
        mined = [match for match in matches if match["origin"] == "mined"]
        found.append([[match["source"] for match in mined if match["needle"] == name] for name in ids])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_renamed_films_keep_their_sightings(tmp_path):
    world = make_world(tmp_path / "world", seconds=30)
    for name in ("film", "renamed"):
        world.film.rename(world.film.with_stem(name))
        sources = {"haystack.sources": [str(world.film.with_stem(name))], "mining.band": "-1:-1"}
        folder = built(world.spec("{grid: {lengths: '20'}}", **WIDE | sources), tmp_path / name)
        assert {json.loads(line)["source"] for line in folder.sightings.read_text().splitlines()} == {name}
        world.film.with_stem(name).rename(world.film)


@pytest.mark.parametrize("key", ["needle", "source"])
def test_sightings_of_another_world_are_refused(tmp_path, key):
    """They would guard nothing: no needle or film of this world is among them."""
    world = make_world(tmp_path / "world", seconds=30)
    folder = built(world.spec("grid: {lengths: '20'}", **WIDE | {"mining.band": "-1:-1"}), tmp_path / "out")
    first = json.loads(folder.sightings.read_text().splitlines()[0])
    file = tmp_path / "sightings.jsonl"
    file.write_text(json.dumps(first | {key: "stranger"}) + "\n")
    again = world.spec("grid: {lengths: '20'}", **WIDE | {"mining.sightings": str(file)})
    with pytest.raises(InputError, match=r"sightings.jsonl: names 'stranger', .* leave mining.sightings out to look"):
        built(again, tmp_path / "again")


def test_no_item_at_all_is_an_error(world, tmp_path):
    with pytest.raises(InputError, match=r"no item of 9 can be placed \(9: 0 of at least 1 distractors fit"):
        built(world.spec("{grid: {lengths: '10'}, distractors: {origin: supplied, period: 60}}"), tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_a_forged_plan_is_found_by_planning_again(world, tmp_path):
    """Plan, manifest and table agree with one another, and not with spec and facts."""
    from haystack_gen.emit.manifest import write_manifest, write_metadata

    folder = built(world.spec("grid: {lengths: '20', depths: '1/2'}"), tmp_path / "out")
    plan = folder.plan.read_text()
    folder.plan.write_text(plan.replace('"answer_text":"dog"', '"answer_text":"cat"'))
    rows = [row.model_copy(update={"answer_text": "cat"}) for row in read_manifest(folder.manifest)]
    write_metadata(rows, folder.metadata, media="video")
    write_manifest(rows, folder.manifest)
    assert any("is not as its spec, facts and seed have it" in found for found in verify(folder).differences)


def test_the_command_on_the_card_builds_it_again(world, tmp_path, monkeypatch):
    """From the folder and the sources alone, without embedding anything again."""
    folder = built(world.spec(MINED, **WIDE, **{"mining.pool": [str(world.film)]}), tmp_path / "out")
    command = re.search(r"haystack-gen (build path/to/this/folder .*) --out AGAIN", folder.card.read_text())[1]
    assert command == "build path/to/this/folder --haystack FILMS --needles PACK --pool POOL"
    monkeypatch.setattr("haystack_gen.gathering.embedder", None)
    given = {"path/to/this/folder": folder.root, "FILMS": world.film, "PACK": world.pack, "POOL": world.film}
    words = [str(given.get(word, word)) for word in command.split()]
    done = run(*words, "--out", tmp_path / "again")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "again" / "manifest.jsonl").read_bytes() == folder.manifest.read_bytes()

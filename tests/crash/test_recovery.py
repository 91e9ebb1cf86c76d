"""What stops a build from inside, and what the next one has to do again: no more than was lost."""

import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from haystack_gen import build as line
from haystack_gen import media
from haystack_gen.atomic import sweep
from haystack_gen.build import build
from haystack_gen.cache import Cache
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.videos import distinct_videos
from haystack_gen.errors import InputError, StorageError
from haystack_gen.executors import LocalExecutor
from haystack_gen.gathering import Tools
from haystack_gen.judge.verify import verify
from haystack_gen.spec import Spec
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import write_counter
from tests.small_world import FILM_RATE, SIZE, SmallWorld, built, make_world, tree

SMALL = "{grid: {lengths: '20', depths: '0,1'}, distractors: {origin: supplied, period: 7}}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_world(tmp_path_factory.mktemp("world"), seconds=40)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts spans encoded and videos spliced in this process."""
    done = Counter[str]()
    for name in ("encode_span", "splice"):
        real = getattr(media, name)
        monkeypatch.setattr(media, name, lambda *args, n=name, r=real, **more: (done.update([n]), r(*args, **more))[1])
    return done


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "cache"))
    return Cache(tmp_path / "cache")


class Between(LocalExecutor):
    """Does something once, after the first task of a kind."""

    def __init__(self, function: str, do: Callable[[], object]) -> None:
        super().__init__()
        self._function, self._do = function, do

    def map(self, function, tasks):
        for count, result in enumerate(super().map(function, tasks)):
            yield result
            if count == 0 and function.args[0].__name__ == self._function:
                self._do()


def disturbed(spec: Spec, out: Path, function: str, do: Callable[[], object]) -> None:
    build(spec, out, Tools(cache=Cache.default(), executor=Between(function, do)))


def two_films(tmp_path: Path) -> tuple[SmallWorld, list[Path]]:
    world = make_world(tmp_path / "world", seconds=30)
    other = world.film.with_name("other.mp4")
    write_counter(other, frames=30 * 30, rate=FILM_RATE, size=SIZE, gop=30)
    return world, [world.film, other]


@pytest.mark.slow
def test_nothing_is_done_twice_and_what_changed_is_all_that_is_done(tmp_path, cache, work):
    world, films = two_films(tmp_path)
    out = tmp_path / "out"

    def done(**changes: object) -> tuple[int, int]:
        work.clear()
        sources = {"haystack.sources": [str(film) for film in films]}
        built(world.spec("{grid: {lengths: '20', depths: '0,1/2,1', trials: 4}}", **sources | changes), out)
        return work["encode_span"], work["splice"]

    shown = 3
    assert done() == (2 + shown, 12)
    manifest = (out / "manifest.jsonl").stat()
    assert done() == (0, 0)
    assert (out / "manifest.jsonl").stat().st_mtime_ns == manifest.st_mtime_ns
    assert done(**{"choices.count": 3}) == (0, 0)
    assert done(seed=1) == (0, 12)
    assert done(seed=1, **{"output.qp": 30}) == (2 + shown, 12)
    assert done(seed=1) == (0, 12)
    videos = distinct_videos(read_plan(out / "provenance" / "plan.jsonl"))
    shows_other = sum(any(clip.source == "other" for clip in video.timeline.clips) for video in videos)
    write_counter(films[1], frames=30 * 30, rate=FILM_RATE, size=SIZE, gop=15)
    assert 0 < shows_other < 12
    assert done(seed=1) == (1, shows_other)
    assert not verify(DatasetFolder(out)).differences
    fresh = built(
        world.spec(
            "{grid: {lengths: '20', depths: '0,1/2,1', trials: 4}}",
            **{"seed": 1, "haystack.sources": [str(film) for film in films]},
        ),
        tmp_path / "fresh",
    )
    assert tree(out) == tree(fresh.root)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda film: film.unlink(), "no such file; check the name"),
        (lambda film: film.write_bytes(film.read_bytes() + b"more"), "has changed since it was catalogued; run the"),
    ],
)
def test_a_source_that_goes_or_changes_midway(tmp_path, cache, work, spoil, message):
    world, films = two_films(tmp_path)
    kept = tmp_path / "kept.mp4"
    shutil.copy2(films[1], kept)
    sources = {"haystack.sources": [str(film) for film in films]}
    spec = world.spec("{grid: {lengths: '20', depths: '0,1', trials: 6}}", **sources)
    with pytest.raises(InputError, match=rf"other\.mp4: {message}"):
        disturbed(spec, tmp_path / "out", "_encode", lambda: spoil(films[1]))
    videos = list(distinct_videos(read_plan(tmp_path / "out" / "provenance" / "plan.jsonl")))
    able = sum(all(clip.source != "other" for clip in video.timeline.clips) for video in videos)
    assert 0 < able < len(videos) == 12
    assert work == {"encode_span": 4, "splice": able}, "what does not need that source is made"
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    shutil.copy2(kept, films[1])
    folder = built(spec, tmp_path / "out")
    assert work == {"encode_span": 5, "splice": 12}, "what was done was done again"
    assert not verify(folder).differences


@pytest.mark.slow
def test_a_source_that_changes_while_it_is_read_leaves_no_chunk(tmp_path, cache, monkeypatch):
    world = make_world(tmp_path / "world", seconds=30)
    real = media.sample

    def changing(path: Path, **how: object) -> Iterator[object]:
        for number, frame in enumerate(real(path, **how)):
            if number == 5:
                os.utime(path, (1, 1))
                with path.open("ab") as film:
                    film.write(b"more")
            yield frame

    monkeypatch.setattr(media, "sample", changing)
    with pytest.raises(InputError, match=r"film\.mp4: has changed since it was catalogued"):
        built(world.spec(SMALL), tmp_path / "out")
    assert not [path for path in (cache.root / "chunks").rglob("*.npy") if path.stat().st_size > 1000]
    monkeypatch.setattr(media, "sample", real)
    assert not verify(built(world.spec(SMALL), tmp_path / "out")).differences


@pytest.mark.parametrize("damage", ["table cut short", "film cut short", "film gone"])
def test_a_damaged_chunk_is_encoded_again_and_that_is_said(world, tmp_path, cache, work, caplog, damage):
    spec = world.spec(SMALL)
    whole = tree(built(spec, tmp_path / "out").root)
    table = max((cache.root / "chunks").rglob("span-*.npy"), key=lambda path: path.stat().st_size)
    film = table.with_suffix(".mp4")
    if damage == "film gone":
        film.unlink()
    else:
        spoilt = table if damage == "table cut short" else film
        content = spoilt.read_bytes()
        spoilt.unlink()
        spoilt.write_bytes(content[:-70])
    shutil.rmtree(tmp_path / "out")
    work.clear()
    with caplog.at_level(logging.WARNING):
        assert tree(built(spec, tmp_path / "out").root) == whole
    assert work["encode_span"] == 1
    assert [record.message.startswith(f"{film}: is damaged (") for record in caplog.records] == [True]


HOLD = """
import sys
from pathlib import Path
from haystack_gen.workspace import DatasetFolder
with DatasetFolder(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("finished", [False, True])
def test_two_builds_do_not_share_a_folder(world, tmp_path, cache, finished):
    spec, out = world.spec(SMALL), tmp_path / "out"
    if finished:
        built(spec, out)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        before = tree(out)
        with pytest.raises(InputError, match=r"out: another build is writing into this folder; wait .* another --out"):
            built(spec, out)
        assert tree(out) == before
        other.kill()
    folder = built(spec, out)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    assert not verify(folder).differences


def _built_into(spec: Spec, out: Path) -> None:
    built(spec, out, jobs=2)


@pytest.mark.slow
def test_two_builds_share_a_cache(world, tmp_path, cache, monkeypatch):
    specs = [world.spec(SMALL, fps=10, seed=seed) for seed in (1, 2)]
    outs = [tmp_path / f"out-{seed}" for seed in (1, 2)]
    builds = [get_context("spawn").Process(target=_built_into, args=pair) for pair in zip(specs, outs, strict=True)]
    for one in builds:
        one.start()
    for one in builds:
        one.join()
        assert one.exitcode == 0
    assert not list(cache.root.rglob(".part-*"))
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "another"))
    for spec, out in zip(specs, outs, strict=True):
        assert tree(out) == tree(built(spec, tmp_path / f"alone-{out.name}").root)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, to be remounted in other sizes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("cannot mount a small disk to fill")
        pytest.skip("mounting needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["dataset", "cache"])
def test_a_disk_that_is_full_at_any_point(world, tmp_path, disk, monkeypatch, what):
    """It grows by a little after each refusal, so that every kind of file is refused once."""
    whole = tree(built(world.spec(SMALL), tmp_path / "whole").root)
    full = "no space left; free some or choose another folder, then run the same command again: it goes on from here"
    if what == "cache":
        monkeypatch.setenv("HAYSTACK_CACHE", str(disk / "cache"))
    out = disk / "out" if what == "dataset" else tmp_path / "out"
    finished: dict[Path, int] = {}
    refusals: list[str] = []
    for size in range(24, 4000, 24):
        remount(disk, f"size={size}k")
        try:
            built(world.spec(SMALL), out)
            break
        except StorageError as error:
            refusals.append(str(error))
        assert not (out / "manifest.jsonl").exists()
        videos = (path for path in disk.rglob("*.mp4") if not path.name.startswith("."))
        whole_ones = (path for path in videos if what == "dataset" or path.with_suffix(".npy").is_file())
        now = {path: path.stat().st_mtime_ns for path in whole_ones}
        assert {path: now.get(path) for path in finished} == finished, "finished work was done again"
        finished = now
    assert len(refusals) > 5
    assert all(said.startswith(str(disk)) and said.endswith(full) for said in refusals)
    assert tree(out) == whole
    assert not list(disk.rglob(".part-*"))


def test_a_dataset_that_became_read_only(world, tmp_path, disk, cache):
    remount(disk, "size=64m")
    spec = world.spec(SMALL)
    folder = built(spec, disk / "out")
    complete = tree(folder.root)
    remount(disk, "ro")
    for again in (spec, world.spec(SMALL, seed=2)):
        with pytest.raises(StorageError, match="disk/out: the file system is read-only; choose another folder"):
            built(again, folder.root)
    assert tree(folder.root) == complete
    remount(disk, "rw")
    built(spec, folder.root)
    assert tree(folder.root) == complete


def test_a_cache_that_can_only_be_read_is_read(world, tmp_path, disk, monkeypatch):
    remount(disk, "size=64m")
    monkeypatch.setenv("HAYSTACK_CACHE", str(disk / "cache"))
    first = built(world.spec(SMALL), tmp_path / "first")
    remount(disk, "ro")
    assert tree(built(world.spec(SMALL), tmp_path / "second").root) == tree(first.root)
    with pytest.raises(StorageError, match="the file system is read-only"):
        built(world.spec(SMALL, **{"output.qp": 40}), tmp_path / "third")


def test_pictures_half_deleted_are_not_taken_for_whole(world, tmp_path, cache, monkeypatch):
    """A build of other look-alikes is stopped while it deletes those of the first; then the first is built again."""
    mined = "{grid: {lengths: '20', depths: '0'}, distractors: {origin: mined, period: 7}}"
    wide = {"mining.band": "-1:1", "mining.sharpness": 0, "mining.pool": [str(world.film)]}
    first, second = (world.spec(mined, **wide, **{"mining.top_k": count}) for count in (2, 1))
    whole = tree(built(first, tmp_path / "out").root)
    from haystack_gen.gather import pool

    real = shutil.rmtree

    def stopped(folder: Path, **how: object) -> None:
        if folder != tmp_path / "out" / "provenance" / "matches.stills":
            return real(folder, **how)
        next(folder.glob("*.png")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pool.shutil, "rmtree", stopped)
        with pytest.raises(KeyboardInterrupt):
            built(second, tmp_path / "out")
    assert tree(built(first, tmp_path / "out").root) == whole


@pytest.mark.slow
def test_a_needle_that_changes_midway(tmp_path, cache):
    world = make_world(tmp_path / "world", seconds=30)
    needle = sorted(world.pack.rglob("needle-0.png"))[0]
    kept, other = needle.read_bytes(), sorted(world.pack.rglob("needle-1.png"))[0].read_bytes()
    spec, out = world.spec(SMALL), tmp_path / "out"
    with pytest.raises(InputError, match=r"needle-0\.png: has changed since it was catalogued"):
        disturbed(spec, out, "render", lambda: needle.write_bytes(other))
    assert not (out / "manifest.jsonl").exists()
    needle.write_bytes(kept)
    assert not verify(built(spec, out)).differences


@pytest.mark.slow
def test_nothing_stays_of_an_earlier_spec(tmp_path, cache):
    world = make_world(tmp_path / "world", seconds=30)
    wide = {"mining.band": "-1:1", "mining.sharpness": 0, "mining.pool": [str(world.film)]}
    mined = world.spec("{grid: {lengths: '20', depths: '0'}, distractors: {origin: mined, period: 7}}", **wide)
    folder = built(mined, tmp_path / "out")
    exported = folder.export("messages")
    exported.mkdir()
    (exported / "requests.jsonl").write_text("questions of the first spec\n")
    for seed in range(3):
        spec = world.spec("{grid: {lengths: '20', depths: '0', trials: 1}}", seed=seed)
        built(spec, tmp_path / "out")
        assert tree(tmp_path / "out") == tree(built(spec, tmp_path / f"fresh-{seed}").root)


def test_another_build_that_sweeps_leaves_a_plan_under_way_alone(world, tmp_path, cache, monkeypatch):
    """A dataset at a URL is planned in the cache, which every build sweeps."""
    real = line.plan_items

    def meanwhile(*given: object) -> Iterator[object]:
        for planned in real(*given):
            sweep(tmp_path)
            yield planned

    monkeypatch.setattr(line, "plan_items", meanwhile)
    assert built(world.spec(SMALL), tmp_path / "out").manifest.is_file()

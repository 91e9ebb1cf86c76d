"""What the cache holds and what of it goes; other runs are real ones, and their locks too."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from haystack_gen.atomic import TEMPORARY_MARK, atomic_path, sweep
from haystack_gen.cache import Cache
from haystack_gen.cache_care import KINDS, entries, prune
from haystack_gen.cli.measures import size
from haystack_gen.errors import InputError
from tests.cli.commands import run

DAY_S = 86_400


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Four entries of 1,000 bytes, used one, two, three and four days ago, and files of others."""
    cache = Cache(tmp_path / "cache")
    chunks = cache.chunk_folder("ab" * 16)
    files = [chunks / "span-000000.mp4", cache.embedding_file("cd" * 16), cache.drawn_folder("ef" * 16) / "a.png"]
    files += [cache.sightings_file("12" * 16)]
    now = tmp_path.stat().st_mtime
    for days, file in enumerate(files, start=1):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1000)
        for path in (file, file.parent):
            os.utime(path, (now - days * DAY_S, now - days * DAY_S))
    for other in (cache.root / "mine.txt", cache.root / "chunks" / "mine.txt", cache.root / "chunks" / "ab" / "mine"):
        other.write_bytes(b"mine")
    return cache


def kinds(cache: Cache) -> list[str]:
    return sorted(entry.kind for entry in entries(cache))


def test_info_says_how_much_of_what_there_is(cache):
    told = json.loads(run("cache", "info", "--cache", cache.root, "--json").stdout)
    assert told["cache"] == str(cache.root)
    assert told["size_bytes"] == 4000
    assert told["kinds"]["chunks"] == {"entries": 1, "size_bytes": 1000}
    assert told["kinds"]["mined"] == {"entries": 0, "size_bytes": 0}
    lines = run("cache", "info", "--cache", cache.root).stdout.splitlines()
    assert lines[0].split() == ["cache", str(cache.root)]
    assert lines[1].split()[:4] == ["chunks", "1.0", "kB", "1"]
    assert lines[-1].split() == ["together", "4.0", "kB", "4"]


def test_every_kind_of_artefact_is_known(tmp_path):
    cache = Cache(tmp_path)
    named = [getattr(cache, name)("ab" * 16) for name in dir(Cache) if name.endswith(("_file", "_folder"))]
    for path in named:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made")
    assert sorted(entry.kind for entry in entries(cache)) == sorted(
        path.relative_to(tmp_path).parts[0] for path in named
    )
    assert {entry.kind for entry in entries(cache)} == KINDS.keys()


def test_a_cache_that_is_not_there_is_empty(tmp_path):
    assert json.loads(run("cache", "info", "--cache", tmp_path / "none", "--json").stdout)["size_bytes"] == 0
    refused = run("cache", "prune", "--max-size", "1GB", "--cache", tmp_path / "none")
    assert refused.exit_code == 2
    assert "none: there is no cache; check --cache and $HAYSTACK_CACHE" in refused.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--older-than", "60h"), ["chunks", "embeddings"]),
        (("--older-than", "5d"), ["chunks", "drawn", "embeddings", "sightings"]),
        (("--older-than", "1H"), []),
        (("--max-size", "3kB"), ["chunks", "drawn", "embeddings"]),
        (("--max-size", "1.5kb"), ["chunks"]),
        (("--max-size", "0GB"), []),
        (("--max-size", "2kB", "--older-than", "36h"), ["chunks"]),
    ],
)
def test_what_was_used_longest_ago_goes_first(cache, options, left):
    dry = run("cache", "prune", "--cache", cache.root, "--dry-run", *options)
    assert f"{4 - len(left)} entries" in dry.stderr
    assert "would be deleted" in dry.stderr
    assert len(kinds(cache)) == 4
    done = run("cache", "prune", "--cache", cache.root, *options)
    assert done.exit_code == 0
    assert f"{4 - len(left)} entries, {size(1000 * (4 - len(left)))}, deleted of {cache.root}" in done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"chunks", "drawn", "embeddings", "sightings"} - {
        *left
    }
    assert kinds(cache) == left
    assert len(list(cache.root.rglob("mine*"))) == 3, "files of others went"
    assert not list(cache.root.rglob(f"{TEMPORARY_MARK}*"))


def test_chunks_that_a_build_reads_are_in_use(tmp_path):
    import numpy as np

    from haystack_gen.emit.chunks import ChunkStore, encode_span
    from haystack_gen.emit.encoding import Encoding

    cache, encoding = Cache(tmp_path / "cache"), Encoding(size=(64, 36), rate=Fraction(1), qp=30)
    for key in ("ab" * 16, "cd" * 16):
        folder = cache.chunk_folder(key)
        encode_span([np.zeros((36, 64, 3), np.uint8)], folder=folder, start=0, encoding=encoding)
        for path in (*folder.iterdir(), folder):
            os.utime(path, (1, 1))
    assert ChunkStore(cache.chunk_folder("ab" * 16), encoding).length == 1
    prune(cache, older_than_s=DAY_S, most_bytes=None)
    assert [entry.path.name for entry in entries(cache)] == ["ab" * 16]


HOLD = """
import sys
from fractions import Fraction
from pathlib import Path
from haystack_gen.atomic import atomic_path
from haystack_gen.cache import Cache
cache = Cache(Path(sys.argv[1]))
with cache.in_use(), atomic_path(cache.embedding_file("99" * 16)) as part:
    print(part, flush=True)
    sys.stdin.read()
    part.write_bytes(b"whole")
"""


def test_nothing_goes_while_a_build_is_at_work_nor_what_it_is_writing(cache):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cache.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        part = Path(other.stdout.readline().strip())
        refused = run("cache", "prune", "--max-size", "0GB", "--cache", cache.root)
        assert refused.exit_code == 2
        assert f"{cache.root}: is in use by a build; prune it when that has ended" in refused.stderr
        assert run("cache", "prune", "--max-size", "0GB", "--cache", cache.root, "--dry-run").exit_code == 0
        with cache.in_use():  # another build begins, and clears away what dead ones left
            assert part.exists()
        other.communicate("")
    assert cache.embedding_file("99" * 16).read_bytes() == b"whole"
    assert not part.exists()
    prune(cache, older_than_s=None, most_bytes=0)
    assert kinds(cache) == []


def test_what_a_killed_build_was_writing_is_swept_by_the_next(cache):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cache.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        part = Path(other.stdout.readline().strip())
        other.kill()
        other.wait()
    assert part.exists()
    with cache.in_use():
        assert not part.exists()
    assert len(kinds(cache)) == 4


def test_a_sweep_spares_what_this_very_process_writes(tmp_path):
    (tmp_path / f"{TEMPORARY_MARK}old-folder").mkdir()
    (tmp_path / f"{TEMPORARY_MARK}old-folder" / f"{TEMPORARY_MARK}x").write_text("half")
    (tmp_path / f"{TEMPORARY_MARK}link").symlink_to(tmp_path / "nowhere")
    with atomic_path(tmp_path / "whole") as part:
        part.write_text("whole")
        sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "what may go is not said; give --older-than 30d, or --max-size 20GB, or both"),
        (("--older-than", "30"), "--older-than 30: expected a number and one of h, d, w"),
        (("--older-than", "-3d"), "--older-than -3d: expected a number and one of h, d, w"),
        (("--max-size", "20 GiB"), "--max-size 20 GiB: expected a number and one of kB, MB, GB, TB"),
        (("--max-size", "1e9GB"), "--max-size 1e9GB: expected a number"),
        (("--max-size", "٣GB"), "expected a number"),
    ],
)
def test_what_cannot_be_understood_is_refused(cache, options, message):
    refused = run("cache", "prune", "--cache", cache.root, *options)
    assert refused.exit_code == 2
    assert message in " ".join(refused.stderr.split())
    assert len(kinds(cache)) == 4


def test_a_cache_without_locks_is_not_pruned(cache, monkeypatch):
    monkeypatch.setattr("haystack_gen.cache.lock", lambda *_, **__: "no locks")
    with pytest.raises(Exception, match="lies on a file system without locks, so that it cannot be told"):
        prune(cache, older_than_s=None, most_bytes=0)
    assert len(kinds(cache)) == 4


def test_a_file_is_no_cache(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file: there is no cache"):
        prune(Cache(tmp_path / "file"), older_than_s=None, most_bytes=0)


def test_a_file_is_no_cache_to_build_with(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "file"))
    done = run("build", "tiny", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert (
        f"{tmp_path / 'file'}: is a file, expected the cache's folder; check --cache and $HAYSTACK_CACHE" in done.stderr
    )


def test_where_sources_lie_is_kept(cache):
    place = cache.place_file("0" * 64)
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    assert run("cache", "prune", "--max-size", "0kB", "--cache", cache.root).exit_code == 0
    assert kinds(cache) == ["places"]


def test_a_cache_that_can_only_be_read_can_be_asked_what_would_go(cache, monkeypatch):
    (cache.root / "lock").touch()

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    assert len(prune(cache, older_than_s=7 * DAY_S // 2, most_bytes=None, dry_run=True)) == 1

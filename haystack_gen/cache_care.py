"""What a cache holds, and what of it may go: the oldest first, and nothing while a build is at work.

An entry is what is made and deleted as one: the chunks of one film, one file of vectors, one drawn pack. How long ago
it was used is read off the file system: when it was written or, where that is kept, read; chunks say it themselves.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from haystack_gen.atomic import refusals_explained, temporary
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError, StorageError

KINDS = {
    "chunks": "encoded films and pictures",
    "embeddings": "vectors",
    "shards": "vectors of large pools",
    "lists": "indexes of large pools",
    "sightings": "footage that looks like needles",
    "mined": "look-alikes",
    "drawn": "drawn films and packs",
    "hub": "packs from the Hub",
    "fetched": "files from URLs",
    "outputs": "datasets on their way to URLs",
    "facts": "hashes and lengths of sources",
    "hashes": "SHA-256 of files",
    "places": "where sources lie",
}
_KEPT = "places"  # which only a command that is given the sources again could make again


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artefact: a file, or a folder with all it holds; `used_ns` is by the file system's clock."""

    kind: str
    path: Path
    size_bytes: int
    used_ns: int


def entries(cache: Cache) -> Iterator[Entry]:
    """Everything of ours in a cache; files of others are not looked at."""
    for kind in KINDS:
        for shelf in sorted((cache.root / kind).glob("[0-9a-f][0-9a-f]")):
            for path in sorted(shelf.iterdir()):
                if re.fullmatch(rf"{shelf.name}[0-9a-f]+(\.[a-z]+)?", path.name) and not path.is_symlink():
                    yield _entry(kind, path)


def prune(cache: Cache, *, older_than_s: int | None, most_bytes: int | None, dry_run: bool = False) -> list[Entry]:
    """Delete what was not used for so long, then what was used longest ago until the rest fits; returns what went.

    Each entry is renamed before it is deleted, so that none is ever there in part. With `dry_run` nothing goes.

    Raises:
        InputError: there is no cache, or something is using it.
        StorageError: the file system refused, or has no locks by which that could be told.
    """
    if not cache.root.is_dir():
        raise InputError(f"{cache.root}: there is no cache; check --cache and $HAYSTACK_CACHE")
    with cache.locked(shared=False) as held, refusals_explained(cache.root):
        if held == "taken" and not dry_run:
            raise InputError(f"{cache.root}: is in use by a build; prune it when that has ended")
        if held == "no locks" and not dry_run:
            raise StorageError(
                f"{cache.root}: lies on a file system without locks, so that it cannot be told whether a build uses "
                "it; when none does, delete what may go by hand"
            )
        found = [entry for entry in entries(cache) if entry.kind != _KEPT]
        gone = _chosen(found, before_ns=_before(cache, older_than_s), most_bytes=most_bytes)
        if dry_run:
            return gone
        parts = [entry.path.rename(temporary(entry.path)) for entry in gone]
    for part in parts:  # with a build that sweeps meanwhile
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    return gone


def _before(cache: Cache, older_than_s: int | None) -> int:
    """So long ago, by the clock of the file system that the entries' times are from; 0 where that does not matter."""
    if older_than_s is None:
        return 0
    with suppress(OSError):  # it can only be read; then the days count from when a prune last could
        os.utime(cache.root / "lock")
    return (cache.root / "lock").stat().st_mtime_ns - older_than_s * 10**9


def _chosen(found: Sequence[Entry], *, before_ns: int, most_bytes: int | None) -> list[Entry]:
    left = sum(entry.size_bytes for entry in found)
    gone = []
    for entry in sorted(found, key=lambda entry: entry.used_ns):
        if entry.used_ns < before_ns or (most_bytes is not None and left > most_bytes):
            gone.append(entry)
            left -= entry.size_bytes
    return gone


def _entry(kind: str, path: Path) -> Entry:
    """A folder is read whenever it is listed, which is no use of it."""
    size = used = 0
    for file in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):
            stat = file.lstat()
            folder = S_ISDIR(stat.st_mode)
            size += 0 if folder else stat.st_size
            used = max(used, stat.st_mtime_ns, 0 if folder else stat.st_atime_ns)
    return Entry(kind=kind, path=path, size_bytes=size, used_ns=used)

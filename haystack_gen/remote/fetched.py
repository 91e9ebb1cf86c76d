"""What lies at URLs, as files of the cache: each fetched once, when it is first read, under its own name.

    fetched/3f/3f0c...json            which URL it is, and what the store said of it
    fetched/3f/3f0c.../film.mp4       its bytes, once something wants to read them
    fetched/a2/a2b4.../my-pack/...    of a folder, the files that were asked for

Keys are of URL and versions, so an object that changes is another file here, and no file here ever changes.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

from haystack_gen.atomic import write_atomic
from haystack_gen.cache import Cache
from haystack_gen.errors import HaystackError, InputError
from haystack_gen.progress import Progress, Silent, Stage
from haystack_gen.remote.store import Stored, checked, each_of, fetch, is_safe, last_name, listing, stored
from haystack_gen.workspace import content_key

_roots: set[Path] = set()
"""Where this process fetches to. A note that lies elsewhere may be of anyone, who would have us use the network."""


class _Fetcher(Protocol):
    def __call__(self, path: Path, *, stage: Stage | None = None) -> Path: ...


class _Locked:
    """A stage that several threads report to."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._lock = stage, Lock()

    def step(self, count: int = 1, *, found: int = 0, failed: int = 0, size_bytes: int = 0) -> None:
        """See `Stage.step`."""
        with self._lock:
            self._stage.step(count, found=found, failed=failed, size_bytes=size_bytes)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file, or a folder with these `files`, comes from; a file alone is the one named ""."""

    url: str
    files: dict[str, Stored]

    @property
    def key(self) -> str:
        """Names URL and versions."""
        return content_key("url", self.url, *((name, one.version, one.size_bytes) for name, one in self.files.items()))


def stand_in(url: str, found: Stored, cache: Cache) -> Path:
    """Where an object lies once it is fetched, which `arrive` does."""
    return _noted(Origin(url, {"": found}), cache)


def folder_at(url: str, cache: Cache) -> Path:
    """A folder that stands for one at a URL; `bring` fetches what of it is wanted.

    Raises:
        InputError: there is nothing at the URL.
        StorageError: the store refused.
    """
    url = checked(url)
    files = {name: one for name, one in listing(url, deep=True).items() if is_safe(name)}
    if not files:
        raise InputError(f"{url}: nothing is there; check the name")
    path = _noted(Origin(url, files), cache)
    path.mkdir(parents=True, exist_ok=True)
    return path


def at_url(url: str, cache: Cache, *, wanted: Callable[[str], bool]) -> Path | list[Path]:
    """What is at a URL: a file, or those files of a folder whose names are wanted, sorted. Nothing is fetched.

    Raises:
        InputError: nothing is there, or a wanted file has a name that files cannot have here.
        StorageError: the store refused.
    """
    url = checked(url)
    if one := stored(url):
        return stand_in(url, one, cache)
    if not (found := listing(url)):
        raise InputError(f"{url}: nothing is there; check the name")
    files = {name: one for name, one in found.items() if wanted(name)}
    if strange := [name for name in files if not is_safe(name)]:
        raise InputError(f"{url}: holds {strange[0]!r}, which cannot be the name of a file here; rename it")
    return [stand_in(f"{url}/{name}", one, cache) for name, one in files.items()]


def file_at(url: str, cache: Cache) -> Path:
    """A file at a URL, fetched.

    Raises:
        InputError: there is none.
        StorageError: the store refused.
    """
    url = checked(url)
    if not (found := stored(url)):
        raise InputError(f"{url}: no such file; check the name")
    return arrive(stand_in(url, found, cache))


def origin_of(path: Path) -> Origin | None:
    """Where a file or folder of the cache comes from; None for all others."""
    if len(path.parts) < 5 or path.parents[2] not in _roots:
        return None
    note = path.parent.with_suffix(".json")
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        return Origin(said["url"], {name: Stored(*one) for name, one in said["files"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def look_into(cache: Cache) -> None:
    """Let what earlier commands noted in a cache count: of other folders, notes do not."""
    fetched = cache.root.absolute() / "fetched"
    _roots.update((fetched, fetched.resolve()))


def is_there(path: Path) -> bool:
    """Whether a file lies at `path`, or will once it is fetched."""
    return path.is_file() or origin_of(path) is not None


def arrive(path: Path, *, stage: Stage | None = None) -> Path:
    """The same path, after fetching what belongs there if it can be fetched.

    Raises:
        InputError: it is gone, or has changed since it was looked at.
        StorageError: the store or the file system refused.
    """
    if not path.is_file() and (origin := origin_of(path)) and "" in origin.files:
        fetch(origin.url, origin.files[""], path, stage=stage)
    return path


def arrive_all(paths: Iterable[Path], progress: Progress | None = None) -> None:
    """As `arrive`, for some files at the same time."""
    waiting = [path for path in dict.fromkeys(paths) if not path.is_file() and origin_of(path)]
    _at_once([(path, arrive) for path in waiting], progress)


def bring(folder: Path, names: Sequence[str]) -> None:
    """Fetch files of a folder that stands for one at a URL, as far as they are there; other folders are left alone.

    Raises:
        InputError: one is gone or has changed, or is a file and a folder.
        StorageError: the store or the file system refused.
    """
    origin = origin_of(folder)
    if not origin:
        return
    wanted = [name for name in dict.fromkeys(names) if name in origin.files and not (folder / name).is_file()]

    def one(path: Path, *, stage: Stage | None = None) -> Path:
        name = path.relative_to(folder).as_posix()
        fetch(f"{origin.url}/{name}", origin.files[name], path, stage=stage)
        return path

    both = {name for name in wanted for other in origin.files if other.startswith(f"{name}/")}
    if both:
        raise InputError(f"{origin.url}/{min(both)}: is a file and a folder at the same time; rename one of them")
    _at_once([(folder / name, one) for name in wanted], None)


@contextmanager
def urls_named(cache: Cache) -> Iterator[None]:
    """In what goes wrong, call fetched files by their URLs."""
    look_into(cache)
    try:
        yield
    except HaystackError as error:
        error.args = (with_urls(str(error), cache),)
        raise


def with_urls(text: str, cache: Cache) -> str:
    """`text` with the URL of each fetched file in place of its path."""
    fetched = cache.root.absolute() / "fetched"
    roots = "|".join(re.escape(str(root)) for root in {fetched, fetched.resolve()})
    for found in sorted(set(re.findall(f"(?:{roots})/[0-9a-f]{{2}}/[0-9a-f]{{32}}", text))):
        if origin := origin_of(Path(found) / "any"):
            text = text.replace(f"{found}/{last_name(origin.url)}", origin.url)
    return text


def _noted(origin: Origin, cache: Cache) -> Path:
    look_into(cache)
    folder = cache.fetched_folder(origin.key).absolute()
    note = folder.with_suffix(".json")
    if not note.is_file():
        files = {name: [one.version, one.size_bytes] for name, one in origin.files.items()}
        write_atomic(note, json.dumps({"url": origin.url, "files": files}) + "\n")
    return folder / last_name(origin.url)


def _at_once(work: Sequence[tuple[Path, _Fetcher]], progress: Progress | None) -> None:
    """A few at the same time; the first error ends it."""
    if not work:
        return
    with (progress or Silent()).stage("fetching", len(work), "files") as stage:
        locked = _Locked(stage)

        def one(task: tuple[Path, _Fetcher]) -> None:
            path, fetcher = task
            fetcher(path, stage=locked)

        for _ in each_of(one, work):
            locked.step()

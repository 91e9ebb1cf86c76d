"""A cache at a URL that several machines share: a folder of this machine in front of it.

What is not in the folder is looked for at the URL when its path is asked for; what was made is sent when a command is
done with the cache. A file there is whole or not there. A folder is there once `<key>.list` is, which names its files.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from haystack_gen.atomic import TEMPORARY_MARK, atomic_folder, write_atomic
from haystack_gen.cache import Cache, user_folder
from haystack_gen.errors import HaystackError, InputError
from haystack_gen.progress import Progress, Silent, Stage
from haystack_gen.records import LARGEST_BYTES
from haystack_gen.remote.sending import Journal, send_all
from haystack_gen.remote.store import Stored, checked, each_of, fetch, is_safe, read_text, stored
from haystack_gen.workspace import content_key

_LARGE = 64 << 20  # bytes of an entry whose fetching is shown
_SHARED = ("chunks", "embeddings", "shards", "lists", "sightings", "mined", "facts")


@dataclass(frozen=True)
class RemoteCache(Cache):
    """See the module; only the main process asks it, workers have the folder."""

    url: str
    progress: Progress = field(default_factory=Silent, compare=False)
    _asked: set[str] = field(default_factory=set, compare=False)

    @classmethod
    def in_front_of(cls, url: str, progress: Progress | None = None) -> "RemoteCache":
        """The cache at a URL, with its folder below `$XDG_CACHE_HOME/haystack-gen` or `~/.cache/haystack-gen`.

        Raises:
            InputError: a URL of another kind, or with more in it than bucket and key.
        """
        url = checked(url)
        if url.startswith("hf://"):
            raise InputError(f"{url}: the Hub is no place for a cache; give s3:// or gs://, or a folder")
        return cls(user_folder() / "remote" / content_key("cache", url), url, progress or Silent())

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """See `Cache.in_use`; what is new is sent in the end, also after an error, but not when interrupted."""
        with Cache.in_use(self):
            try:
                yield
            except HaystackError:
                with suppress(HaystackError):  # the first error is the one to tell of
                    self.send()
                raise
            self.send()

    def send(self) -> None:
        """Send what the URL does not have; what other builds change meanwhile is left for the next time.

        Raises:
            StorageError: the store refused or could not be reached.
        """
        waiting = [entry for entry in self._entries() if self._unsent(*entry)]
        if not waiting:
            return
        total = sum(len(self._unsent(*entry)) for entry in waiting)
        with self.progress.stage("sending to the cache", total, "files") as stage:
            for name, files, listed in waiting:
                self._send(self._unsent(name, files, None), stage)
                if listed and self._list(name, files, listed):
                    self._send({f"{name}.list": listed}, stage)

    def _send(self, files: Mapping[str, Path], stage: Stage) -> None:
        send_all(files, self.url, journal=self._journal, stage=stage, leave_changed=True)

    def _entries(self) -> Iterator[tuple[str, dict[str, Path], Path | None]]:
        """Every artefact that is there: its name, its files by theirs and, of a folder, the file that lists them."""
        for path in (path for kind in _SHARED for path in sorted((self.root / kind).glob("[0-9a-f][0-9a-f]/*"))):
            name = path.relative_to(self.root).as_posix()
            if path.suffix != ".list" and (files := _files(path, name)):
                yield name, files, path.with_name(f"{path.name}.list") if path.is_dir() else None

    def _unsent(self, name: str, files: Mapping[str, Path], listed: Path | None) -> dict[str, Path]:
        """What of an artefact is not at the URL."""
        unsent = {one: file for one, file in files.items() if not self._journal.sent(one, file)}
        if listed and (unsent or not listed.is_file() or not self._journal.sent(f"{name}.list", listed)):
            unsent[f"{name}.list"] = listed
        return unsent

    def _list(self, name: str, files: Mapping[str, Path], listed: Path) -> bool:
        """Write down which files a folder has at the URL, if any."""
        sent = {one: there for one, file in files.items() if (there := self._journal.sent(one, file))}
        said = {one[len(name) + 1 :]: [there.version, there.size_bytes] for one, there in sent.items()}
        if said:
            write_atomic(listed, json.dumps(said) + "\n")
        return bool(said)

    def _shared(self, kind: str, key: str, ending: str = "") -> Path:
        path = Cache._shared(self, kind, key, ending)
        name = path.relative_to(self.root).as_posix()
        if name not in self._asked and not path.exists():
            with suppress(InputError):  # what is gone, or changes at this moment, can be made again
                self._bring(path, name, whole=bool(ending))
        self._asked.add(name)
        return path

    def _bring(self, path: Path, name: str, *, whole: bool) -> None:
        journal = self._journal
        if whole:
            if found := stored(f"{self.url}/{name}"):
                fetch(f"{self.url}/{name}", found, path)
                journal.note(name, path, found)
            return
        if not (listed := stored(f"{self.url}/{name}.list")):
            return
        try:
            said = read_text(f"{self.url}/{name}.list", listed, largest=LARGEST_BYTES)
            files = {str(one): Stored(*there) for one, there in json.loads(said).items()}
        except (ValueError, TypeError, AttributeError):
            return
        if not files or not all(map(is_safe, files)):
            return
        is_large = sum(one.size_bytes for one in files.values()) >= _LARGE
        progress = self.progress if is_large else Silent()
        with atomic_folder(path) as part, progress.stage("fetching from the cache", len(files), "files") as stage:

            def one(file: str) -> int:
                fetch(f"{self.url}/{name}/{file}", files[file], part / file)
                return files[file].size_bytes

            for size_bytes in each_of(one, files):
                stage.step(size_bytes=size_bytes)
        for file, there in files.items():
            journal.note(f"{name}/{file}", path / file, there)
        write_atomic(path.with_name(f"{path.name}.list"), said)
        journal.note(f"{name}.list", path.with_name(f"{path.name}.list"), listed)

    @cached_property
    def _journal(self) -> Journal:
        return Journal(self.root / "sent.jsonl")


def _files(path: Path, name: str) -> dict[str, Path]:
    """The complete files of an entry: those that are being written, and an mp4 whose table is missing, are not."""
    if path.name.startswith(TEMPORARY_MARK):
        return {}
    if path.is_file():
        return {name: path}
    try:
        found = sorted(path.rglob("*"))
    except FileNotFoundError:  # deleted meanwhile
        return {}
    files = (file for file in found if file.is_file() and not file.name.startswith(TEMPORARY_MARK))
    return {
        f"{name}/{file.relative_to(path).as_posix()}": file
        for file in files
        if file.suffix != ".mp4" or file.with_suffix(".npy").is_file()
    }

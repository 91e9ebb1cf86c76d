"""Files of this machine put into a store, and remembered so that none is sent twice."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from haystack_gen.errors import InputError
from haystack_gen.progress import Stage
from haystack_gen.remote.store import Stored, each_of, send
from haystack_gen.workspace import sha256_of


class ChangedError(InputError):
    """A file is not, or not any more, what was sent."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: changed while it was sent; run the same command again")
        self._path = path

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        """As `MissingExtraError`."""
        return type(self), (self._path,)


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as it was when it was sent, and what the store called it then."""

    size_bytes: int
    changed_ns: int
    version: str
    sha256: str

    @property
    def stored(self) -> Stored:
        """As the store lists it."""
        return Stored(self.version, self.size_bytes)


class Journal:
    """What was sent or fetched of a folder, in a file of which a run that is killed loses the last line at the most."""

    def __init__(self, file: Path) -> None:
        """Read it, if there is one."""
        self._file, self._lock = file, Lock()
        self._sent: dict[str, Sent] = {}
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []:
            try:
                name, *sent = json.loads(line)
                self._sent[name] = Sent(*sent)
            except (ValueError, TypeError):  # written in part
                continue

    def sent(self, name: str, path: Path) -> Sent | None:
        """How a file was sent, if it has the same bytes still; those are read only if it was written since."""
        sent = self._sent.get(name)
        with suppress(FileNotFoundError):
            stat = path.stat()
            if sent and sent.size_bytes == stat.st_size:
                return sent if sent.changed_ns == stat.st_mtime_ns or sent.sha256 == sha256_of(path) else None
        return None

    def note(self, name: str, path: Path, there: Stored) -> None:
        """Remember that a file is there.

        Raises:
            ChangedError: it is gone, or another.
        """
        try:
            stat, digest = path.stat(), sha256_of(path)
        except FileNotFoundError:
            raise ChangedError(path) from None
        if stat.st_size != there.size_bytes:
            raise ChangedError(path)
        sent = Sent(stat.st_size, stat.st_mtime_ns, there.version, digest)
        line = json.dumps([name, sent.size_bytes, sent.changed_ns, sent.version, sent.sha256])
        with self._lock:
            self._sent[name] = sent
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(f"\n{line}\n")  # after what may have been written in part


def send_all(
    files: Mapping[str, Path], url: str, *, journal: Journal, stage: Stage, leave_changed: bool = False
) -> None:
    """Send files to their names below the URL, a few at the same time.

    Raises:
        ChangedError: one changed meanwhile, and such are not left for the next time.
        StorageError: the store refused or could not be reached.
    """

    def one(name: str) -> int:
        try:
            there = _send(files[name], f"{url}/{name}")
            journal.note(name, files[name], there)
        except ChangedError:
            if not leave_changed:
                raise
            return 0
        return there.size_bytes

    for size_bytes in each_of(one, files):
        stage.step(size_bytes=size_bytes)


def _send(path: Path, url: str) -> Stored:
    try:
        return send(path, url)
    except InputError:  # of a file that is gone, as of a bucket that is none
        if path.is_file():
            raise
        raise ChangedError(path) from None

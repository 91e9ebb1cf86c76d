"""Files of this machine put into a store, and remembered so that none is sent twice."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from haystack_gen.errors import InputError
from haystack_gen.progress import Stage
from haystack_gen.remote.store import Stored, each_of, send
from haystack_gen.workspace import sha256_of


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
        sent, stat = self._sent.get(name), path.stat()
        if not sent or sent.size_bytes != stat.st_size:
            return None
        return sent if sent.changed_ns == stat.st_mtime_ns or sent.sha256 == sha256_of(path) else None

    def note(self, name: str, path: Path, there: Stored) -> None:
        """Remember that a file is there."""
        stat = path.stat()
        if stat.st_size != there.size_bytes:
            raise InputError(f"{path}: changed while it was sent; run the same command again")
        sent = Sent(stat.st_size, stat.st_mtime_ns, there.version, sha256_of(path))
        line = json.dumps([name, sent.size_bytes, sent.changed_ns, sent.version, sent.sha256])
        with self._lock:
            self._sent[name] = sent
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(f"\n{line}\n")  # after what may have been written in part


def send_all(files: Mapping[str, Path], url: str, *, journal: Journal, stage: Stage) -> None:
    """Send files to their names below the URL, a few at the same time.

    Raises:
        InputError: one changed meanwhile.
        StorageError: the store refused or could not be reached.
    """

    def one(name: str) -> int:
        journal.note(name, files[name], send(files[name], f"{url}/{name}"))
        return files[name].stat().st_size

    for size_bytes in each_of(one, files):
        stage.step(size_bytes=size_bytes)

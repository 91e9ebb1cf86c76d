"""The one way a file or folder comes to exist: if it is there, it is complete.

It is written under a temporary name beside its place, flushed, then renamed. Whoever writes holds a lock on it, so that
`sweep` can tell what a killed run left from what another run is writing at this moment.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from haystack_gen.errors import StorageError
from haystack_gen.locks import lies_at, lock

TEMPORARY_MARK = ".part-"
_GO_ON = "free some or choose another folder, then run the same command again: it goes on from here"
_REFUSALS = {
    errno.ENOSPC: f"no space left; {_GO_ON}",
    errno.EDQUOT: f"disk quota exceeded; {_GO_ON}",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EXDEV: "what goes here lies on another file system; put both on one",
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "a file lies where a folder is expected; choose another place"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "permission denied; choose a folder you may write to"),
}


@contextmanager
def refusals_explained(path: Path) -> Iterator[None]:
    """Turn the file system's refusals into a `StorageError` that names `path` and the way out."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise StorageError(f"{path}: {_REFUSALS[error.errno]}") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it and rename it, on failure delete it.

    Raises:
        StorageError: the file system refused.
    """
    with refusals_explained(path), begun(path) as part:
        yield part
        _flush(part)
        part.replace(path)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, all or nothing."""
    with atomic_path(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it, on failure delete it with all it holds."""
    with refusals_explained(path), begun(path, folder=True) as part:
        yield part
        for file in (file for file in part.rglob("*") if file.is_file()):
            _flush(file)
        try:
            part.replace(path)
        except OSError:
            if not path.is_dir():  # otherwise another build was first, and its folder is as good
                raise


def sweep(root: Path) -> None:
    """Delete what runs that ended left half-written below `root`; what a living one is writing stays."""
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            if name.startswith(TEMPORARY_MARK):
                with suppress(OSError):  # gone meanwhile, another user's, or not to be written to
                    _delete_abandoned(Path(place) / name)
        folders[:] = (name for name in folders if not name.startswith(TEMPORARY_MARK))


@contextmanager
def swept(root: Path) -> Iterator[None]:
    """Clear away what runs that ended left half-written, and after an error what our own workers did."""
    sweep(root)
    try:
        yield
    except BaseException:
        sweep(root)
        raise


def temporary(path: Path) -> Path:
    """A name beside `path` that no other run uses."""
    return path.with_name(f"{TEMPORARY_MARK}{uuid4().hex[:12]}-{path.name}")


@contextmanager
def begun(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """An empty temporary file or folder beside `path`, locked; it is gone in the end, by whatever way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, file = _locked(path, folder=folder)
    try:
        yield part
    finally:
        _delete(part)
        os.close(file)


def _locked(path: Path, *, folder: bool) -> tuple[Path, int]:
    while True:
        part = temporary(path)
        if folder:
            part.mkdir()
            try:
                file = os.open(part, os.O_RDONLY)
            except FileNotFoundError:  # swept in the moment before it was locked
                continue
        else:
            file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        lock(file, wait=True)
        if lies_at(file, part):
            return part, file
        os.close(file)


def _delete_abandoned(part: Path) -> None:
    """Delete a temporary file or folder unless its writer lives, or that cannot be told."""
    if part.is_symlink():
        part.unlink()
        return
    file = os.open(part, os.O_RDONLY if part.is_dir() else os.O_RDWR)
    try:
        if lock(file) == "held":
            _delete(part)
    finally:
        os.close(file)


def _delete(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _flush(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())

"""The one way a file or folder comes to exist: if it is there, it is complete.

It is written under a temporary name beside its place, flushed, then renamed.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from haystack_gen.errors import StorageError

TEMPORARY_MARK = ".part-"
_GO_ON = "free some or choose another folder, then run the same command again: it goes on from here"
_REFUSALS = {
    errno.ENOSPC: f"no space left; {_GO_ON}",
    errno.EDQUOT: f"disk quota exceeded; {_GO_ON}",
    errno.EROFS: "the file system is read-only; choose another folder",
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
    with refusals_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{TEMPORARY_MARK}{uuid4().hex[:12]}-{path.name}")
        try:
            yield part
            _flush(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, all or nothing."""
    with atomic_path(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def _flush(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it, on failure delete it with all it holds."""
    with refusals_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{TEMPORARY_MARK}{uuid4().hex[:12]}-{path.name}")
        part.mkdir()
        try:
            yield part
            for file in (file for file in part.rglob("*") if file.is_file()):
                _flush(file)
            try:
                part.replace(path)
            except OSError:
                if not path.is_dir():  # otherwise another build was first, and its folder is as good
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

"""Locks that end with whoever holds them, however that happens: the kernel lets go of a dead process's.

They are advisory `flock`s, on files and folders. Some file systems have none (a few network ones), and neither has
Windows: nothing is kept apart there, and nothing is deleted on the strength of a lock.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

if sys.platform != "win32":
    import fcntl

Held = Literal["held", "taken", "no locks"]


def lock(file: int, *, shared: bool = False, wait: bool = False) -> Held:
    """Lock an open file: alone, or with others that share it.

    Returns "taken" if someone else holds it, unless told to `wait`. A second call changes between shared and alone.
    """
    if sys.platform == "win32":
        return "no locks"
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return "taken"
    except OSError:  # ENOTSUP, ENOLCK, ENOSYS or EBADF, as the file system pleases
        return "no locks"
    return "held"


def lies_at(file: int, path: Path) -> bool:
    """Whether an open file is the one at `path` still."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


@contextmanager
def lock_file(path: Path) -> Iterator[Held]:
    """Hold a file made for nothing else, and delete it in the end; a killed run's is taken over."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            held = lock(file)
            if held == "held" and not lies_at(file, path):  # its holder deleted it in between
                continue
            try:
                yield held
            finally:
                if held != "taken":
                    path.unlink(missing_ok=True)
            return
        finally:
            os.close(file)

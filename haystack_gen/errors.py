"""What can go wrong, in the user's words.

Every message names the file or key, the value found, what was expected and how to get there. The command line
prints the message alone; a stack trace means a bug in haystack-gen.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_MOST_REASONS = 5


class HaystackError(Exception):
    """Base of all errors raised on purpose; exit code 2 unless a subclass says otherwise."""

    exit_code = 2


class InputError(HaystackError):
    """A spec, option, file or folder that cannot be used as given."""


class MissingExtraError(HaystackError):
    """An optional library is needed and not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}, which is not installed; pip install 'haystack-gen[{extra}]'")
        self._parts = (library, extra, purpose)

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Errors travel between processes as what they were made from."""
        return type(self), self._parts


class Failure(NamedTuple):
    """A task that could not be done: of which stage, which one, and why."""

    stage: str
    task: str
    reason: str


class UnfinishedError(InputError):
    """Some of many tasks could not be done; all others are. The message has the first few reasons.

    `file` is where all of them are written down.
    """

    def __init__(self, failures: Sequence[Failure], file: Path | None = None) -> None:
        super().__init__("\n".join(_told(failures, file)))
        self.failures = tuple(failures)
        self._file = file

    def __reduce__(self) -> tuple[type, tuple[Sequence[Failure], Path | None]]:
        """As `MissingExtraError`."""
        return type(self), (self.failures, self._file)


def _told(failures: Sequence[Failure], file: Path | None) -> list[str]:
    reasons = Counter(failure.reason for failure in failures)
    listed = [f"{reason} ({count:,} tasks)" if count > 1 else reason for reason, count in reasons.items()]
    if len(listed) > 1:
        more = [f"... and {len(listed) - _MOST_REASONS:,} more reasons"] if len(listed) > _MOST_REASONS else []
        shown = (f"  {line}" for line in (*listed[:_MOST_REASONS], *more))
        listed = [f"{len(failures):,} tasks cannot be done, all others are:", *shown]
    if file:
        listed.append(f"the same command tries again what failed, and nothing else; {file} lists it")
    return listed


class StorageError(HaystackError):
    """The file system refused: no space left, read-only, no permission."""


class CheckError(HaystackError):
    """What was checked does not hold; exit code 1."""

    exit_code = 1

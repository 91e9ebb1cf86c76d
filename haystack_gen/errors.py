"""What can go wrong, in the user's words.

Every message names the file or key, the value found, what was expected and how to get there. The command line
prints the message alone; a stack trace means a bug in haystack-gen.
"""


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


class StorageError(HaystackError):
    """The file system refused: no space left, read-only, no permission."""


class CheckError(HaystackError):
    """What was checked does not hold; exit code 1."""

    exit_code = 1

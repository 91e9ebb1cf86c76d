"""What goes wrong between here and the Hub, in a person's words: what happened, and what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from haystack_gen.errors import HaystackError, MissingExtraError
from haystack_gen.publish.repository import Repository

AGAIN = "run the same command again: it goes on from what was sent"
_REMEDIES = {
    401: "it does not know the token: run hf auth login again, or correct HF_TOKEN",
    403: "the token may not do that: use one that may write there",
    404: "there is no such dataset or revision, or not for this token: check the name, or run hf auth login",
    409: f"something else was going on there: {AGAIN}",
    412: "somebody committed there meanwhile: run the same command again",
    429: f"these were too many requests: wait some minutes, then {AGAIN}",
}


class HubError(HaystackError):
    """The Hub refused, or could not be reached."""


@contextmanager
def explained(place: Repository) -> Iterator[None]:
    """Turn what the client raises into a `HubError` that says what to do."""
    try:
        from huggingface_hub import errors
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub", "a dataset on the Hub") from None
    transport: type[Exception] = vars(errors)["HTTPError"]  # of the library it sends with, which depends on its version
    try:
        yield
    except (transport, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the file system's, not the Hub's
        raise HubError(f"{place}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """What happened, and what to do about it."""
    cause: BaseException | None = error
    while cause is not None:
        if status := getattr(getattr(cause, "response", None), "status_code", None):
            said = _plain(getattr(cause, "server_message", None) or "no reason given")
            meant = 404 if status == 401 and not _token() else status
            remedy = _REMEDIES.get(meant) or (AGAIN if status >= 500 else "correct what it names")
            return f"the Hub answered {status} ({said}); {remedy}"
        cause = cause.__cause__
    name = type(error).__name__
    said = _plain(str(error.__cause__ or error))
    if name == "OfflineModeIsEnabled":
        return "HF_HUB_OFFLINE is set, so nothing is sent or fetched; unset it"
    if isinstance(error, ValueError):
        return f"the client of the Hub refuses it ({said}); correct that"
    return f"the connection broke off ({name}: {said}); {AGAIN}; if it breaks again, set HF_HUB_DISABLE_XET=1"


def _plain(text: str) -> str:
    """One short line, without what addresses are signed with, or the token."""
    line = re.sub(r"\?[^\s'\"]*", "", " ".join(text.split()))
    return line.replace(_token() or "\0", "<token>")[:300]


def _token() -> str | None:
    from huggingface_hub import get_token

    token: str | None = get_token()
    return token

"""Files at URLs: the one place that talks to object stores, through fsspec.

Credentials are the business of the libraries below (s3fs, gcsfs, huggingface_hub): they find them in the environment
and in their own files. Here they are neither read nor passed on, and what those libraries say is not repeated, since
it may hold them; only the names of errors are.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from haystack_gen.atomic import atomic_path
from haystack_gen.errors import HaystackError, InputError, MissingExtraError, StorageError
from haystack_gen.progress import Stage

Work = TypeVar("Work")
Result = TypeVar("Result")

MOST_LISTED = 1_000_000
BLOCK = 16 << 20
"""Bytes that are fetched, or sent, at once: what a connection that breaks costs, and what lies in memory."""
_AT_ONCE = 4
_LIBRARIES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs"), "hf": ("huggingface_hub", "hub")}
_IN_PARTS = {"s3": {"chunksize": BLOCK, "max_concurrency": 2}, "gs": {"chunksize": BLOCK}}
_CREDENTIALS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run aws configure",
    "gs": "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "run hf auth login, or set HF_TOKEN",
}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_VERSIONS = ("ETag", "etag", "md5Hash", "blob_id", "generation")
_NO_CREDENTIALS = re.compile("Credential|TokenRetrieval|SSOToken|LocalTokenNotFound|ProfileNotFound")
_AGAIN = "run the same command again: it goes on from here"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store says of one object: `version` changes with its content."""

    version: str
    size_bytes: int


def is_url(name: object) -> bool:
    """Whether a name is a URL, of whatever kind, and no path."""
    return bool(_URL.match(str(name)))


def checked(url: str) -> str:
    """A URL that can be used, without a slash at its end.

    Raises:
        InputError: of another kind, without a name, or with more in it than bucket and key; what that is, and may be
            secret, is not repeated.
    """
    found = _URL.match(url)
    scheme, rest = (found[1], found[2].rstrip("/")) if found else ("", "")
    first, *others = rest.split("/")
    if "@" in first or (scheme not in _LIBRARIES and "@" in rest):
        raise InputError(
            f"{scheme}://...: has a user name or password in it, which would be written down with it; leave it out, "
            "and give credentials as the store's own tools take them, such as in AWS_PROFILE"
        )
    plain = re.split("[?#]", rest)[0]
    if plain != rest:
        raise InputError(f"{scheme}://{plain}: goes on with ? or #, expected bucket and key alone; leave that out")
    if scheme not in _LIBRARIES:
        raise InputError(f"{url}: expected a path of this machine, or a URL s3://, gs:// or hf://; copy it here first")
    if not first or any(part in ("", ".", "..") for part in others) or _NO_NAME.search(rest):
        raise InputError(f"{url!r}: expected {scheme}://BUCKET/KEY, where no part of the key is empty, . or ..")
    if scheme == "hf" and (first != "datasets" or len(others) < 2):
        raise InputError(f"{url}: expected hf://datasets/USER/NAME[@REVISION]/PATH")
    return f"{scheme}://{rest}"


def last_name(url: str) -> str:
    """What a file or folder at the URL is called."""
    return url.rstrip("/").rpartition("/")[2]


def parent(url: str) -> str:
    """The URL of the folder that it lies in."""
    return url.rstrip("/").rpartition("/")[0]


def stored(url: str) -> Stored | None:
    """The object at a URL; None if there is none, which may be a folder.

    Raises:
        StorageError: the store refused or could not be reached.
    """
    files, key = _client(url)
    with _explained(url):
        try:
            info = files.info(key, refresh=True)
        except FileNotFoundError:
            return None
    return _stored(info, url) if info["type"] == "file" else None


def listing(url: str, *, deep: bool = False, ours: bool = False) -> dict[str, Stored]:
    """The objects of a folder, and with `deep` those of its folders, by their names in it, sorted.

    Names may be any text, such as `../x`; see `is_safe`. Of what is `ours` there may be more than `MOST_LISTED`.

    Raises:
        StorageError: the store refused or could not be reached.
        InputError: there is no such bucket, or too much.
    """
    files, key = _client(url)
    with _explained(url):
        try:
            found = files.find(key, detail=True).values() if deep else files.ls(key, detail=True, refresh=True)
        except FileNotFoundError as error:
            if _code(error) == "NoSuchBucket":
                raise
            return {}
    if len(found) > MOST_LISTED and not ours:
        raise InputError(f"{url}: holds more than {MOST_LISTED:,} files; give a folder further down")
    named = {info["name"].lstrip("/").partition(f"{key}/")[2]: info for info in found if info["type"] == "file"}
    return {name: _stored(named[name], url) for name in sorted(named) if name and not name.endswith("/")}


def is_safe(name: str) -> bool:
    """Whether a name of a listing can be a file's below a folder."""
    parts = name.split("/")
    return not _NO_NAME.search(name) and all(part not in ("", ".", "..") and len(part) <= 255 for part in parts)


def fetch(url: str, expected: Stored, path: Path, *, stage: Stage | None = None) -> None:
    """Write the object to `path`, block by block, once it is known to be what was expected.

    Raises:
        InputError: it is gone or has changed.
        StorageError: the store or the file system refused.
    """
    files, key = _client(url)
    with atomic_path(path) as part, part.open("wb") as out:
        for start in range(0, expected.size_bytes, BLOCK):
            stop = min(start + BLOCK, expected.size_bytes)
            try:
                with _explained(url):
                    block = files.cat_file(key, start=start, end=stop)
            except InputError:
                _refuse_change(url)
            if len(block) != stop - start:
                _refuse_change(url)
            out.write(block)
            if stage:
                stage.step(0, size_bytes=len(block))
        if stored(url) != expected:
            _refuse_change(url)


def send(path: Path, url: str) -> Stored:
    """Put a file there, in parts if it is large; it is there whole or not at all.

    Raises:
        StorageError: the store refused or could not be reached.
    """
    files, key = _client(url)
    with _explained(url, write=True):
        files.put_file(str(path), key, **_IN_PARTS[url.partition(":")[0]])
        info = files.info(key, refresh=True)
    return _stored(info, url)


def read_text(url: str, expected: Stored, *, largest: int) -> str:
    """The text of a small object.

    Raises:
        InputError: it is larger, or no UTF-8.
        StorageError: the store refused or could not be reached.
    """
    if expected.size_bytes > largest:
        raise InputError(f"{url}: has {expected.size_bytes:,} bytes, expected at most {largest:,}")
    files, key = _client(url)
    with _explained(url):
        content: bytes = files.cat_file(key)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(f"{url}: is no UTF-8; expected a text") from None


def delete(urls: Sequence[str]) -> None:
    """Delete objects; those that are gone already do not matter.

    Raises:
        StorageError: the store refused or could not be reached.
    """
    for url in urls:
        files, key = _client(url)
        with _explained(url, write=True):
            try:
                files.rm_file(key)
            except FileNotFoundError:
                continue


def each_of(function: Callable[[Work], Result], work: Iterable[Work]) -> Iterator[Result]:
    """What a function that waits for a store returns, for several things at the same time, in whatever order.

    The first error ends it.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for done in as_completed([pool.submit(function, one) for one in work]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _client(url: str) -> tuple[Any, str]:
    """Who reads and writes such URLs, and what it calls this one."""
    scheme, _, key = checked(url).partition("://")
    library, extra = _LIBRARIES[scheme]
    try:
        import fsspec

        with _explained(url):
            return fsspec.filesystem(scheme, use_listings_cache=False), key
    except ImportError:
        raise MissingExtraError(library, extra, f"{scheme}://") from None


def _stored(info: Mapping[str, Any], url: str) -> Stored:
    stamp = next((str(info[name]) for name in _VERSIONS if info.get(name)), None)
    if stamp is None or info.get("size") is None:
        raise StorageError(
            f"{url}: the store tells neither size nor version of {last_name(info['name'])}; copy it here"
        )
    return Stored(stamp.strip('"'), int(info["size"]))


def _refuse_change(url: str) -> NoReturn:
    raise InputError(f"{url}: is gone, or changed while it was fetched; run the same command again to start from it")


@contextmanager
def _explained(url: str, *, write: bool = False) -> Iterator[None]:
    """Turn what backends raise into an error that says what to do, without their words."""
    try:
        yield
    except (HaystackError, ImportError):
        raise
    except Exception as error:  # three libraries and what they send with have no common type
        raise _trouble(url, error, write=write) from None


def _trouble(url: str, error: Exception, *, write: bool) -> HaystackError:
    name, scheme = type(error).__name__, url.partition("://")[0]
    code = _code(error)
    said = f"{name}, {code}" if code else name
    if isinstance(error, FileNotFoundError):
        return InputError(f"{url}: there is no such bucket or object; check the name")
    if _NO_CREDENTIALS.search(name) or _NO_CREDENTIALS.search(code):
        return StorageError(f"{url}: no credentials were found ({said}); {_CREDENTIALS[scheme]}")
    if isinstance(error, PermissionError) or code in ("401", "403") or "Token" in code:
        verb = "written" if write else "read"
        return StorageError(
            f"{url}: may not be {verb} with the credentials that were found ({said}); use others: "
            f"{_CREDENTIALS[scheme]}"
        )
    if isinstance(error, ValueError) or name == "ParamValidationError":
        return InputError(f"{url}: is no name that the store takes ({said}); check it")
    where = "; check the network and AWS_ENDPOINT_URL" if scheme == "s3" else "; check the network"
    return StorageError(f"{url}: the store cannot be reached, or broke off ({said}){where}, then {_AGAIN}")


def _code(error: BaseException | None) -> str:
    """The store's short name for what went wrong, if it has the form of one."""
    while error is not None:
        response = getattr(error, "response", None)
        said = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        said = said or getattr(response, "status_code", None) or getattr(error, "code", None)
        if said is not None and re.fullmatch("[A-Za-z0-9]{1,40}", str(said)):
            return str(said)
        error = error.__cause__
    return ""

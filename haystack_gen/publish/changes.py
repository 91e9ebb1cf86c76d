"""A parcel against what its repository holds: what is new, changed, unchanged, stale, and what both leave alone."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from haystack_gen.publish.inventory import is_ours
from haystack_gen.publish.parcel import Outgoing, Parcel

Fate = Literal["goes", "new", "changed", "unchanged", "stale", "kept", "left"]


class Kept(NamedTuple):
    """A file of a repository; `sha256` is "" where it keeps the content by git's `blob_id` alone."""

    size_bytes: int
    sha256: str
    blob_id: str

    def holds(self, file: Outgoing) -> bool:
        """Whether it has the same content."""
        if self.size_bytes != file.size_bytes:
            return False
        return self.sha256 == file.sha256 if self.sha256 else self.blob_id == file.blob_id


class Change(NamedTuple):
    """What happens to one file.

    It `goes` where the repository was not asked. In the repository, `stale` ones are deleted, and `kept` ones are no
    dataset's; of the folder, those `left` are not sent, and `why` says the reason.
    """

    name: str
    fate: Fate
    size_bytes: int
    why: str = ""


def changes(parcel: Parcel, there: Mapping[str, Kept] | None) -> list[Change]:
    """What happens to every file, by name; `there` is what the repository holds, None if it was not asked."""
    return sorted((*_sent(parcel, there), *_there(parcel, there or {}), *_left(parcel)))


def _sent(parcel: Parcel, there: Mapping[str, Kept] | None) -> Iterator[Change]:
    for file in parcel.files:
        fate: Fate = "goes"
        if there is not None:
            known = there.get(file.name)
            fate = "new" if known is None else "unchanged" if known.holds(file) else "changed"
        yield Change(file.name, fate, file.size_bytes)


def _there(parcel: Parcel, there: Mapping[str, Kept]) -> Iterator[Change]:
    for name in there.keys() - {file.name for file in parcel.files}:
        yield Change(name, "stale" if is_ours(name) else "kept", there[name].size_bytes)


def _left(parcel: Parcel) -> Iterator[Change]:
    for name, why in parcel.left.items():
        path = parcel.root / name
        size = path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        yield Change(name, "left", size, why)

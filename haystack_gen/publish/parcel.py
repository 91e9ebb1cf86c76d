"""What of a dataset's folder is published, held against its manifest and against what a repository may hold."""

import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha1, sha256
from pathlib import Path, PurePosixPath

from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.progress import Progress
from haystack_gen.publish.inventory import NEEDED, is_medium, walk
from haystack_gen.records import parse_json, read_text
from haystack_gen.workspace import DatasetFolder, sha256_of

# Of the Hub, by its documentation of storage limits.
MOST_FILES = 99_999
MOST_ENTRIES = 10_000
LARGEST_FILE_BYTES = 200_000_000_000


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A file to be published; `promised` is the SHA-256 that the manifest has for it, "" for none.

    `text` is published in place of what the file holds.
    """

    name: str
    path: Path
    promised: str = ""
    text: bytes | None = None

    @cached_property
    def size_bytes(self) -> int:
        return self.path.stat().st_size if self.text is None else len(self.text)

    @cached_property
    def sha256(self) -> str:
        """In hex; read once."""
        return sha256_of(self.path) if self.text is None else sha256(self.text).hexdigest()

    @cached_property
    def blob_id(self) -> str:
        """The name that git gives to the content."""
        content = self.path.read_bytes() if self.text is None else self.text
        return sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """The files to be published, by name, and why others of the folder are not.

    `packed` has the SHA-256 of each video, "" where the manifest has none, if they lie in archives.
    """

    root: Path
    files: tuple[Outgoing, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    packed: Mapping[str, str] = field(default_factory=dict)


def parcel_of(folder: DatasetFolder) -> Parcel:
    """What of a complete and verified dataset is published.

    Raises:
        InputError: it is not complete or not verified, or more than a repository may hold.
    """
    promised, frames, tasks = _promised(read_manifest(folder.manifest))
    _refuse_unverified(folder)
    packed = (folder.provenance / "packed.json").is_file()
    names, left = walk(folder.root)
    for name in filter(is_medium, list(names)):
        if not (name.startswith("shards/") if packed else name in promised or name in frames):
            names.remove(name)
            left[name] = "not among the media of this manifest"
    needed = [*NEEDED, *(f"{task}.parquet" for task in sorted(tasks))]
    _refuse_missing(folder, needed if packed else [*needed, *promised, *sorted(frames)], names)
    parcel = parcel_from(folder.root, sorted(names), promised={} if packed else promised)
    return replace(parcel, left=left, packed=promised if packed else {})


def parcel_from(root: Path, names: Sequence[str], *, promised: Mapping[str, str] | None = None) -> Parcel:
    """These files of a folder, if a repository may hold them.

    Raises:
        InputError: they are too many, too many in one folder, or too large.
    """
    _refuse_too_many(root, names)
    files = tuple(Outgoing(name=name, path=root / name, promised=(promised or {}).get(name, "")) for name in names)
    for file in files:
        if file.size_bytes > LARGEST_FILE_BYTES:
            raise InputError(
                f"{file.path}: has {file.size_bytes:,} bytes, and the Hub takes files of up to "
                f"{LARGEST_FILE_BYTES:,}; make it smaller"
            )
    return Parcel(root=root, files=files)


def check_media(parcel: Parcel, progress: Progress) -> None:
    """Hold every video against the SHA-256 that the manifest has for it.

    Raises:
        InputError: one has another; archives lack one, or hold something else.
    """
    promised = [file for file in parcel.files if file.promised]
    if promised:
        with progress.stage("checking videos", len(promised), "videos") as stage:
            for file in promised:
                _refuse_another(file.path, file.sha256, file.promised)
                stage.step()
    if parcel.packed:
        left = dict(parcel.packed)
        with progress.stage("checking archives", len(left), "videos") as stage:
            for file in (file for file in parcel.files if file.name.startswith("shards/")):
                for video, digest in _archived(file.path):
                    if video not in left:
                        raise InputError(f"{file.path}: holds {video!r}, which the manifest does not; export it again")
                    _refuse_another(file.path / video, digest, left.pop(video))
                    stage.step()
        if left:
            raise InputError(f"{parcel.root}: no archive holds {next(iter(left))}; export it again")


def _archived(path: Path) -> Iterator[tuple[str, str]]:
    """The name and SHA-256 of each video in an archive."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    raise InputError(f"{path}: {member.name!r} in it is no file; export it again")
                digest = sha256()
                while block := content.read(1 << 20):
                    digest.update(block)
                if not member.name.endswith(".json"):
                    yield member.name, digest.hexdigest()
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{path}: is no whole archive ({error}); delete it and export it again") from None


def _refuse_another(path: Path, found: str, promised: str) -> None:
    if promised and found != promised:
        raise InputError(
            f"{path}: has SHA-256 {found[:16]}..., and {promised[:16]}... by the manifest; delete it and run the same "
            "haystack-gen build again, then haystack-gen verify"
        )


def _promised(rows: Iterator[Row]) -> tuple[dict[str, str], set[str], set[str]]:
    """The SHA-256 of each video by its name, "" where no item's own; frames; and families."""
    promised: dict[str, str] = {}
    frames: set[str] = set()
    tasks: set[str] = set()
    for row in rows:
        tasks.add(row.task)
        frames.update(row.frames, *(part.frames for part in row.context))
        for part in row.context:
            if part.video:
                promised.setdefault(part.video, "")
        if row.video:
            if promised.get(row.video) not in (None, "", row.video_sha256):
                raise InputError(f"{row.video}: the manifest states two SHA-256 for it; build the dataset again")
            promised[row.video] = row.video_sha256
    if strange := [name for name in (*promised, *frames) if not is_medium(name)]:
        raise InputError(f"{strange[0]!r} is no name of a dataset's medium; the manifest was damaged: build it again")
    return promised, frames, tasks


def _refuse_unverified(folder: DatasetFolder) -> None:
    file = folder.audit("verified.json")
    remedy = f"first: haystack-gen verify {folder.root}"
    if not file.is_file():
        raise InputError(f"{folder.root}: was not verified, there is no {file.relative_to(folder.root)}; {remedy}")
    stamp = parse_json(read_text(file), str(file))
    if not isinstance(stamp, dict) or stamp.get("manifest_sha256") != sha256_of(folder.manifest):
        raise InputError(f"{folder.root}: was verified with another manifest than it has now; {remedy}")


def _refuse_missing(folder: DatasetFolder, needed: Sequence[str], names: set[str]) -> None:
    missing = [name for name in needed if name not in names]
    if not missing:
        return
    links = [name for name in missing if (folder.root / name).is_file()]
    if links:
        raise InputError(
            f"{folder.root / links[0]}: is, or lies behind, a link, and what it leads to may be another's; copy the "
            "dataset with cp -rL first"
        )
    more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    raise InputError(
        f"{folder.root}: is not complete, {missing[0]}{more} of {len(needed):,} files missing; run the same "
        "haystack-gen build again"
    )


def _refuse_too_many(root: Path, names: Sequence[str]) -> None:
    remedy = f"pack its videos into archives: haystack-gen export {root} webdataset (frames: build it as video first)"
    if len(names) > MOST_FILES:
        raise InputError(f"{root}: has {len(names):,} files, and the Hub keeps up to {MOST_FILES:,}; {remedy}")
    parents = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    entries = Counter(str(PurePosixPath(name).parent) for name in {*names, *parents} - {"."})
    for place, count in entries.items():
        if count > MOST_ENTRIES:
            raise InputError(
                f"{root / place}: has {count:,} entries, and the Hub keeps up to {MOST_ENTRIES:,} in a folder; {remedy}"
            )

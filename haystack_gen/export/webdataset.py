"""A dataset packed into a few large tar archives, for sets of more files than a repository may hold.

A sample is a video with all items that ask about it, since items share videos: `<video>.json` and `<video>.mp4`. They
are named as the files are in the dataset, so that unpacking lays every video where the manifest says it is. The items
stand in the JSON as text: `datasets` would give no type to lists that are empty in the first samples.
"""

import json
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple, get_args

from haystack_gen import __version__
from haystack_gen.atomic import atomic_path, refusals_explained, write_atomic
from haystack_gen.emit.card import write_card
from haystack_gen.emit.card_audit import carry_audit
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.provenance import catalogued
from haystack_gen.emit.rows import Row, plain
from haystack_gen.emit.tally import tally
from haystack_gen.errors import InputError
from haystack_gen.families import Task
from haystack_gen.progress import Progress, Silent, counted
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, sha256_of

SHARD_BYTES = 1_000_000_000
_NAME = re.compile(r"videos/[0-9]{3,}/[a-z0-9_-]{1,160}\.mp4")


class _Sample(NamedTuple):
    """A video of a dataset, by its name there; the SHA-256 it has to have, if that is known; and its items, as JSON."""

    video: str
    sha256: str
    items: bytes


def write_webdataset(
    folder: DatasetFolder, out: Path, *, shard_bytes: int = SHARD_BYTES, progress: Progress | None = None
) -> list[Path]:
    """Pack a dataset of videos into a dataset folder of its own; returns its files.

    Run again after an interruption, it goes on with the first archive that is missing. The same dataset gives the same
    bytes.

    Args:
        folder: the dataset.
        out: a new or empty folder, or one that this function began.
        shard_bytes: how large an archive may become; one video may be larger.
        progress: who is told.

    Raises:
        InputError: the dataset is not complete, has no videos, or not those of its manifest; `out` holds other files.
    """
    counts = _counts(folder)
    spec = read_spec_file(folder.spec)
    if spec.output.media != "video":
        raise InputError(
            f"{folder.root}: holds {spec.output.media.replace('none', 'no media')}, and archives are made of videos; "
            "build it with --media video"
        )
    packed = DatasetFolder(out)
    _claim(folder, packed, shard_bytes)
    written = []
    with (progress or Silent()).stage("packing videos", len(counts), "videos") as stage:
        samples = counted(_samples(folder, counts), stage)
        for number, part in groupby(_numbered(folder, samples, shard_bytes), key=lambda pair: pair[0]):
            shard = out / "shards" / f"test-{number:05d}.tar"
            if not shard.is_file():
                _write_shard(folder, shard, (sample for _, sample in part))
            written.append(shard)
    written += _copy_others(folder, packed)
    write_card(packed, spec, sources=catalogued(folder), tally=tally(folder.plan, folder.dropped), layout="webdataset")
    carry_audit(folder.card, packed.card)
    _copy(folder.manifest, packed.manifest)
    return [*written, packed.card, packed.manifest]


def _claim(folder: DatasetFolder, packed: DatasetFolder, shard_bytes: int) -> None:
    """Make the folder, or go on with one that was begun; archives of another manifest or size are deleted."""
    mark = packed.provenance / "packed.json"
    made_of = {"manifest_sha256": sha256_of(folder.manifest), "shard_bytes": shard_bytes, "haystack-gen": __version__}
    stamp = json.dumps(made_of) + "\n"
    out = packed.root
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out}: is a file or a link, expected a new or empty folder; choose another -o")
    if out.is_dir() and any(out.iterdir()) and not mark.is_file():
        raise InputError(f"{out}: holds files that are not a packed dataset of haystack-gen; choose another -o")
    with refusals_explained(out):
        if mark.is_file() and mark.read_bytes() == stamp.encode():
            packed.sweep()
            return
        if mark.is_file():
            _clear(packed, mark)
    write_atomic(mark, stamp)


def _clear(packed: DatasetFolder, mark: Path) -> None:
    """Delete what was packed of other contents, all but the mark by which the folder is known as ours."""
    packed.manifest.unlink(missing_ok=True)
    ours = [packed.metadata, *map(packed.family, get_args(Task)), *packed.root.glob("shards/test-*.tar")]
    ours += (path for path in (*packed.provenance.rglob("*"), *packed.audit("").rglob("*")) if path != mark)
    for path in ours:
        if path.is_symlink() or path.is_file():
            path.unlink()


def _counts(folder: DatasetFolder) -> dict[str, int]:
    """By the name of each video, how many items ask about it: none, if it only stands beside others."""
    counts: dict[str, int] = {}
    for row in read_manifest(folder.manifest):
        for video in _videos(row):
            counts.setdefault(video, 0)
        counts[row.video] = counts.get(row.video, 0) + 1
    return counts


def _videos(row: Row) -> list[str]:
    """Every video of an item once, its own first."""
    return list(dict.fromkeys((row.video, *(part.video for part in row.context if part.type == "video"))))


def _samples(folder: DatasetFolder, counts: dict[str, int]) -> Iterator[_Sample]:
    """Each video as soon as the last item about it was read, which for items of one video come together."""
    asked: dict[str, list[Row]] = {}
    done: set[str] = set()
    for row in read_manifest(folder.manifest):
        asked.setdefault(row.video, []).append(row)
        for video in _videos(row):
            if video not in done and len(asked.get(video, ())) == counts[video]:
                done.add(video)
                yield _sample(video, asked.pop(video, []))


def _sample(video: str, rows: list[Row]) -> _Sample:
    """A video's items as they stand in the manifest."""
    if not _NAME.fullmatch(video):
        raise InputError(f"{video!r} is no name of a video of a dataset; the manifest was damaged: build it again")
    hashes = {row.video_sha256 for row in rows}
    if len(hashes) > 1:
        raise InputError(f"{video}: the manifest states {len(hashes)} different SHA-256; build the dataset again")
    items = json.dumps([plain(row) for row in rows], ensure_ascii=False, separators=(",", ":"))
    about = {"video_id": Path(video).stem, "video": video, "items_json": items}
    content = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode()
    return _Sample(video, hashes.pop() if hashes else "", content)


def _numbered(folder: DatasetFolder, samples: Iterable[_Sample], limit: int) -> Iterator[tuple[int, _Sample]]:
    """Each sample with the number of its archive: a new one where the next video would make it too large."""
    number = size = 0
    for sample in samples:
        more = len(sample.items) + _file(folder, sample.video).stat().st_size
        if size and size + more > limit:
            number, size = number + 1, 0
        size += more
        yield number, sample


def _file(folder: DatasetFolder, video: str) -> Path:
    path = folder.root / video
    if any((path, *path.parents)[level].is_symlink() for level in range(3)):
        raise InputError(
            f"{path}: is a link, and what it leads to may be another's; copy the dataset with cp -rL first"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file; run the same haystack-gen build again")
    return path


def _write_shard(folder: DatasetFolder, shard: Path, samples: Iterable[_Sample]) -> None:
    with atomic_path(shard) as part, tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
        for sample in samples:
            name = sample.video.removesuffix(".mp4")
            archive.addfile(_member(f"{name}.json", len(sample.items)), BytesIO(sample.items))
            path = _file(folder, sample.video)
            with path.open("rb") as stream:
                hashed = _Hashed(stream)
                archive.addfile(_member(sample.video, path.stat().st_size), hashed)
            if sample.sha256 and hashed.hexdigest() != sample.sha256:
                raise InputError(f"{path}: SHA-256 is not what the manifest has; delete it and build the dataset again")


def _member(name: str, size: int) -> tarfile.TarInfo:
    """The same for the same file on any machine: nobody's, of no time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


class _Hashed:
    """Hashes what is read through it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._digest = stream, sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._digest.update(block)
        return block

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _copy_others(folder: DatasetFolder, packed: DatasetFolder) -> list[Path]:
    """Tables, picture, provenance and audits: everything but media, manifest, card, exports and what the build took."""
    others = [folder.metadata, *map(folder.family, get_args(Task)), folder.picture]
    for kept in (folder.provenance, folder.audit("")):
        others += sorted(path for path in kept.rglob("*") if not path.is_dir() and path != folder.summary)
    return [_copy(path, packed.root / path.relative_to(folder.root)) for path in others if path.exists()]


def _copy(path: Path, to: Path) -> Path:
    if path.is_symlink():
        raise InputError(
            f"{path}: is a link, and what it leads to may be another's; copy the dataset with cp -rL first"
        )
    with atomic_path(to) as part:
        shutil.copyfile(path, part)
    return to

"""Does a finished dataset show what its plan says? Every frame of every item is decoded and compared.

PyAV gives the decoded planes, whose digests must be the recorded ones, bit for bit. decord and OpenCV convert to RGB,
each in its own way; their frames are reduced to 16 x 9 luma and must agree with the recorded one to `TOLERANCE` levels.
Needles and distractors are compared with their pictures from before encoding. Nothing but the dataset folder is read.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from haystack_gen.emit.chunks import thumbnail
from haystack_gen.emit.fingerprints import expected, read_fingerprints
from haystack_gen.emit.frames import frame_paths
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.rows import Row
from haystack_gen.errors import CheckError, InputError
from haystack_gen.executors import Executor, LocalExecutor
from haystack_gen.judge.readers import Film, Rgb, installed_readers, open_digests, open_film, open_frames, read_picture
from haystack_gen.judge.tables import table_differences
from haystack_gen.plan.items import Item
from haystack_gen.progress import Progress, Silent
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, installed_version, sha256_of

TOLERANCE = 3
"""Levels of 255 by which a 16 x 9 luma thumbnail may differ between readers."""
JPEG_TOLERANCE = 8
"""The same for frames stored as JPEG, which are compressed once more."""
LEAST_PSNR_DB = 22.0
"""A decoded needle or distractor agrees with its picture at least this well; unrelated pictures reach about 10."""
_SHOWN = 3
# BT.601, full-range RGB to limited-range luma (ITU-R BT.601-7, 2.5)
_LUMA = np.array([65.481, 128.553, 24.966]) / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was compared, and every difference found."""

    items: int
    frames: int
    alike: int
    readers: Mapping[str, str]
    differences: tuple[str, ...]

    @property
    def said_by(self) -> str:
        """The witnesses, with their versions."""
        return ", ".join(f"{name} {version}" for name, version in self.readers.items())

    def raise_if_wrong(self) -> None:
        """Raise a `CheckError` that lists the differences, if there are any."""
        if self.differences:
            listed = "".join(f"\n  {line}" for line in self._brief())
            raise CheckError(f"{len(self.differences)} differences between the dataset and its plan:{listed}")

    def _brief(self) -> Iterator[str]:
        """The first few differences of every file or item, so that none hides behind another."""
        for _, group in groupby(self.differences, key=_where):
            found = list(group)
            yield from found[:_SHOWN]
            if len(found) > _SHOWN:
                yield f"... and {len(found) - _SHOWN} more of {_where(found[0])}"

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "items": self.items,
            "frames": self.frames,
            "alike": self.alike,
            "readers": dict(self.readers),
            "differences": list(self.differences),
        }

    def as_table(self) -> list[tuple[str, object]]:
        """For people."""
        return [
            ("items", self.items),
            ("frames read", f"{self.frames:,}"),
            ("readers", self.said_by or "none: there are no media"),
            ("look like the frame before", f"{self.alike:,} (only the bit-exact reader can tell those apart)"),
            ("differences", len(self.differences)),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One item, and where its media lie: as the plan has it, since a manifest may name any file."""

    item: Item
    row: Row
    root: Path
    media: str
    video: str
    readers: tuple[str, ...]
    digests: np.ndarray[Any, np.dtype[np.uint64]]
    thumbs: np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    frames: int
    alike: int
    differences: tuple[str, ...]


def verify(
    folder: DatasetFolder,
    *,
    readers: tuple[str, ...] = (),
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare a dataset with its plan, frame by frame.

    Args:
        folder: a complete dataset.
        readers: names of witnesses; by default all that are installed.
        executor: who decodes.
        progress: who is told.

    Raises:
        InputError: the folder is no complete dataset, or a reader is not installed.
    """
    rows, items = list(read_manifest(folder.manifest)), list(read_plan(folder.plan))
    prints = read_fingerprints(folder.fingerprints)
    witnesses = installed_readers(readers)
    findings = [_Finding(frames=0, alike=0, differences=tuple(table_differences(folder, rows, items)))]
    media = read_spec_file(folder.spec).output.media
    by_id = {item.id: (number, item) for number, item in enumerate(items)}
    unknown: list[str] = []

    def tasks() -> Iterator[_Task]:
        for row in (row for row in rows if row.id in by_id):
            try:
                number, item = by_id[row.id]
                digests, thumbs = expected(prints, item.timeline)
            except InputError as error:
                unknown.append(f"{row.id}: {error}")
                continue
            yield _Task(
                item=item,
                row=row,
                root=folder.root,
                media=media,
                video=folder.video(number, item.id).relative_to(folder.root).as_posix(),
                readers=tuple(witnesses),
                digests=digests,
                thumbs=thumbs,
            )

    with (progress or Silent()).stage("verifying", len(rows)) as stage:
        for finding in (executor or LocalExecutor()).map(_verify, tasks()):
            findings.append(finding)
            stage.step()
    findings.append(_Finding(frames=0, alike=0, differences=tuple(unknown)))
    return Report(
        items=len(rows),
        frames=sum(finding.frames for finding in findings),
        alike=sum(finding.alike for finding in findings),
        readers=_witnesses(media, witnesses),
        differences=tuple(sorted((each for finding in findings for each in finding.differences), key=_where)),
    )


def _where(difference: str) -> str:
    """The file or item that a difference is about."""
    return difference.partition(": ")[0]


def _witnesses(media: str, readers: Mapping[str, str]) -> Mapping[str, str]:
    """Who read something: video readers no frames, and nobody a recipe."""
    if media == "frames":
        return {"pillow": installed_version("pillow", "PIL")}
    return readers if media == "video" else {}


def _verify(task: _Task) -> _Finding:
    differences: list[str] = []
    jumps = np.abs(np.diff(task.thumbs.astype(np.int16), axis=0)).max(axis=(1, 2), initial=0)
    stills, unreadable = _stills(task)
    differences += unreadable
    frames = 0
    if task.media == "video":
        path = task.root / task.video
        if not path.is_file():
            differences.append(f"{task.video}: no such file")
        else:
            if task.row.video_sha256 != sha256_of(path):
                differences.append(f"{task.video}: SHA-256 is not the manifest's")
            for reader in task.readers:
                count, found = _read_video(task, path, reader, stills)
                frames += count
                differences += [f"{task.video} ({reader}): {what}" for what in found]
    elif task.media == "frames":
        names = frame_paths(task.item.timeline, DatasetFolder(task.root))
        film = open_frames([task.root / name for name in names], task.item.timeline.rate)
        count, found = _compare(task, film, stills, tolerance=JPEG_TOLERANCE)
        frames += count
        differences += [f"{task.row.id}: {what}" for what in found]
    return _Finding(frames=frames, alike=int((jumps <= TOLERANCE).sum()), differences=tuple(differences))


def _read_video(task: _Task, path: Path, reader: str, stills: Mapping[int, Rgb]) -> tuple[int, list[str]]:
    """Everything one reader sees: frame count, rate, size, and each frame."""
    try:
        film = open_film(path, reader)
    except InputError as error:
        return 0, [str(error)]
    found = []
    if film.length != task.row.num_frames:
        found.append(f"states {film.length} frames, expected {task.row.num_frames}")
    # OpenCV and decord hand the rate over as a float
    if abs(film.rate - task.item.timeline.rate) > task.item.timeline.rate / 10_000:
        found.append(f"states {film.rate} frames per second, expected {task.item.timeline.rate}")
    count, differing = _compare(task, film, stills, tolerance=TOLERANCE)
    if reader == "pyav":
        with suppress(InputError):  # as said by _compare
            for at, (here, there) in enumerate(zip(open_digests(path), task.digests, strict=False)):
                if here != there:
                    differing.append(f"frame {at} decodes to other pixels than were encoded")
    return count, found + differing


def _compare(task: _Task, film: Film, stills: Mapping[int, Rgb], *, tolerance: int) -> tuple[int, list[str]]:
    """Frame by frame against thumbnails, and stills against their pictures."""
    shape = (task.row.height, task.row.width, 3)
    found: list[str] = []
    count = 0
    try:
        for at, frame in enumerate(film.frames):
            count += 1
            if at >= len(task.thumbs):
                continue
            if frame.shape != shape:
                found.append(f"frame {at} is {frame.shape[1]} x {frame.shape[0]}, expected {shape[1]} x {shape[0]}")
            elif (off := int(np.abs(luma_thumb(frame) - task.thumbs[at]).max())) > tolerance:
                found.append(f"frame {at} is not the planned one: its thumbnail is off by {off} levels")
            elif at in stills and (db := psnr(frame, stills[at])) < LEAST_PSNR_DB:
                found.append(f"frame {at} is not its picture: {db:.1f} dB, expected at least {LEAST_PSNR_DB}")
    except InputError as error:
        return count, [*found, str(error)]
    if count != task.row.num_frames:
        found.append(f"holds {count} frames, expected {task.row.num_frames}")
    return count, found


def _stills(task: _Task) -> tuple[dict[int, Rgb], list[str]]:
    """The picture of each needle and distractor frame, by timeline frame; and what is wrong with pictures."""
    folder, shape = DatasetFolder(task.root), (task.row.height, task.row.width, 3)
    pictures: dict[int, Rgb] = {}
    wrong: list[str] = []
    spans = [(one.source, one.start, one.length) for one in task.item.needles]
    spans += [(one.source, one.start, one.length) for one in task.item.distractors]
    for source, start, length in spans:
        try:
            picture = read_picture(folder.still(source))
        except InputError as error:
            wrong.append(f"{task.row.id}: {error}")
            continue
        if picture.shape == shape:
            pictures |= dict.fromkeys(range(start, start + length), picture)
        else:
            wrong.append(f"{task.row.id}: {folder.still(source)}: is not {shape[1]} x {shape[0]} as the video is")
    return pictures, wrong


def luma_thumb(frame: Rgb) -> np.ndarray[Any, np.dtype[np.float64]]:
    """16 x 9 limited-range luma of an RGB frame, as stored fingerprints have it."""
    channels = np.stack([thumbnail(np.ascontiguousarray(frame[:, :, channel])) for channel in range(3)], axis=-1)
    return np.rint(16 + channels @ _LUMA)


def psnr(one: Rgb, other: Rgb) -> float:
    """Peak signal to noise ratio of two RGB pictures, in decibels."""
    error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))

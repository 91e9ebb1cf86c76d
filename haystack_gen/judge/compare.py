"""One video against its plan: every frame, through every reader.

PyAV gives the decoded planes, whose digests must be the recorded ones, bit for bit. decord and OpenCV convert to RGB,
each in its own way; their frames are reduced to 16 x 9 luma and must agree with the recorded one to `TOLERANCE` levels.
Needles, distractors and blanks are compared with their pictures from before encoding.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from haystack_gen.emit.chunks import thumbnail
from haystack_gen.emit.frames import frame_paths
from haystack_gen.emit.videos import Video
from haystack_gen.errors import InputError
from haystack_gen.judge.readers import Film, Rgb, open_digests, open_film, open_frames, read_picture
from haystack_gen.workspace import DatasetFolder, sha256_of

TOLERANCE = 3
"""Levels of 255 by which a 16 x 9 luma thumbnail may differ between readers."""
JPEG_TOLERANCE = 8
"""The same for frames stored as JPEG, which are compressed once more."""
LEAST_PSNR_DB = 22.0
"""A decoded needle or distractor agrees with its picture at least this well; unrelated pictures reach about 10."""
# BT.601, full-range RGB to limited-range luma (ITU-R BT.601-7, 2.5)
_LUMA = np.array([65.481, 128.553, 24.966]) / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One video, and where its media lie: as the plan has it, since a manifest may name any file."""

    video: Video
    file: str
    root: Path
    media: str
    size: tuple[int, int]
    readers: tuple[str, ...]
    digests: np.ndarray[Any, np.dtype[np.uint64]]
    thumbs: np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one video is like; `sha256` is of its file, where there is one."""

    video: str
    sha256: str
    frames: int
    alike: int
    differences: tuple[str, ...]


def compare(task: Watch) -> Finding:
    """Read the video, or its frames; a recipe has only its pictures to look at."""
    differences: list[str] = []
    jumps = np.abs(np.diff(task.thumbs.astype(np.int16), axis=0)).max(axis=(1, 2), initial=0)
    stills, unreadable = _stills(task)
    differences += unreadable
    frames, sha256, timeline = 0, "", task.video.timeline
    if task.media == "video":
        path = task.root / task.file
        if not path.is_file():
            differences.append(f"{task.file}: no such file")
        else:
            sha256 = sha256_of(path)
            for reader in task.readers:
                count, found = _read_video(task, path, reader, stills)
                frames += count
                differences += [f"{task.file} ({reader}): {what}" for what in found]
    elif task.media == "frames":
        names = frame_paths(timeline, DatasetFolder(task.root))
        film = open_frames([task.root / name for name in names], timeline.rate)
        count, found = _compare(task, film, stills, tolerance=JPEG_TOLERANCE)
        frames += count
        differences += [f"{task.video.id}: {what}" for what in found]
    return Finding(
        video=task.video.id,
        sha256=sha256,
        frames=frames,
        alike=int((jumps <= TOLERANCE).sum()),
        differences=tuple(differences),
    )


def _read_video(task: Watch, path: Path, reader: str, stills: Mapping[int, Rgb]) -> tuple[int, list[str]]:
    """Everything one reader sees: frame count, rate, size, and each frame."""
    try:
        film = open_film(path, reader)
    except InputError as error:
        return 0, [str(error)]
    found = []
    timeline = task.video.timeline
    if film.length != timeline.length:
        found.append(f"states {film.length} frames, expected {timeline.length}")
    # OpenCV and decord hand the rate over as a float
    if abs(film.rate - timeline.rate) > timeline.rate / 10_000:
        found.append(f"states {film.rate} frames per second, expected {timeline.rate}")
    count, differing = _compare(task, film, stills, tolerance=TOLERANCE)
    if reader == "pyav":
        with suppress(InputError):  # as said by _compare
            for at, (here, there) in enumerate(zip(open_digests(path), task.digests, strict=False)):
                if here != there:
                    differing.append(f"frame {at} decodes to other pixels than were encoded")
    return count, found + differing


def _compare(task: Watch, film: Film, stills: Mapping[int, Rgb], *, tolerance: int) -> tuple[int, list[str]]:
    """Frame by frame against thumbnails, and stills against their pictures."""
    shape = (task.size[1], task.size[0], 3)
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
    if count != len(task.thumbs):
        found.append(f"holds {count} frames, expected {len(task.thumbs)}")
    return count, found


def _stills(task: Watch) -> tuple[dict[int, Rgb], list[str]]:
    """The picture behind each frame that shows a needle, a distractor or a blank; and what is wrong with pictures."""
    folder, shape = DatasetFolder(task.root), (task.size[1], task.size[0], 3)
    clips = [clip for clip in task.video.timeline.clips if clip.role != "haystack"]
    pictures: dict[str, Rgb] = {}
    wrong: list[str] = []
    for source in dict.fromkeys(clip.source for clip in clips):
        try:
            picture = read_picture(folder.still(source))
        except InputError as error:
            wrong.append(f"{task.video.id}: {error}")
            continue
        if picture.shape == shape:
            pictures[source] = picture
        else:
            wrong.append(f"{task.video.id}: {folder.still(source)}: is not {shape[1]} x {shape[0]} as the video is")
    shown = (clip for clip in clips if clip.source in pictures)
    return {at: pictures[clip.source] for clip in shown for at in range(clip.start, clip.end)}, wrong


def luma_thumb(frame: Rgb) -> np.ndarray[Any, np.dtype[np.float64]]:
    """16 x 9 limited-range luma of an RGB frame, as stored fingerprints have it."""
    channels = np.stack([thumbnail(np.ascontiguousarray(frame[:, :, channel])) for channel in range(3)], axis=-1)
    return np.rint(16 + channels @ _LUMA)


def psnr(one: Rgb, other: Rgb) -> float:
    """Peak signal to noise ratio of two RGB pictures, in decibels."""
    error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))

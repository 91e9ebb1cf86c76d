"""Does a finished dataset show what its plan says? Its tables are derived again, every frame of every video is decoded.

Nothing but the dataset folder is read.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from haystack_gen.atomic import refusals_explained, write_atomic
from haystack_gen.emit.fingerprints import Prints, expected, read_fingerprints
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.videos import Places, Video, distinct_videos
from haystack_gen.errors import CheckError, InputError
from haystack_gen.executors import Executor, LocalExecutor
from haystack_gen.judge.compare import Watch, compare
from haystack_gen.judge.readers import installed_readers
from haystack_gen.judge.tables import table_differences
from haystack_gen.progress import Progress, Silent
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, installed_version, sha256_of

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was compared, and every difference found."""

    items: int
    videos: int
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
            "videos": self.videos,
            "frames": self.frames,
            "alike": self.alike,
            "readers": dict(self.readers),
            "differences": list(self.differences),
        }

    def as_table(self) -> list[tuple[str, object]]:
        """For people."""
        return [
            ("items", self.items),
            ("videos", self.videos),
            ("frames read", f"{self.frames:,}"),
            ("readers", self.said_by or "none: there are no media"),
            ("look like the frame before", f"{self.alike:,} (only the bit-exact reader can tell those apart)"),
            ("differences", len(self.differences)),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dataset:
    """What the videos of a dataset are compared with, and by whom."""

    folder: DatasetFolder
    spec: Spec
    places: Places
    prints: Mapping[tuple[str, int], Prints]
    readers: tuple[str, ...]

    def watches(self, differences: list[str]) -> Iterator[Watch]:
        """A task for each distinct video; those of which nothing is recorded are added to `differences`."""
        for video in distinct_videos(read_plan(self.folder.plan), clash=_said_already):
            try:
                yield self._watch(video)
            except InputError as error:
                differences.append(f"{video.id}: {error}")

    def _watch(self, video: Video) -> Watch:
        digests, thumbs = expected(self.prints, video.timeline)
        return Watch(
            video=video,
            file=self.places.of(video.id, video.timeline).video,
            root=self.folder.root,
            media=self.spec.output.media,
            size=self.spec.haystack.size,
            readers=self.readers,
            digests=digests,
            thumbs=thumbs,
        )


def _said_already(clash: str) -> None:
    """Clashes are reported when the videos are numbered."""


def verify(
    folder: DatasetFolder,
    *,
    readers: tuple[str, ...] = (),
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare a dataset with its plan, frame by frame; a video that several items share is read once.

    Args:
        folder: a complete dataset.
        readers: names of witnesses; by default all that are installed.
        executor: who decodes.
        progress: who is told.

    Raises:
        InputError: the folder is no complete dataset, or a reader is not installed.
    """
    rows = sum(1 for _ in read_manifest(folder.manifest))
    differences: list[str] = []
    videos = distinct_videos(read_plan(folder.plan), clash=differences.append)
    numbers = {video.id: video.number for video in videos}
    prints = read_fingerprints(folder.fingerprints)
    witnesses, spec = installed_readers(readers), read_spec_file(folder.spec)
    differences += table_differences(folder, spec, numbers)
    places = Places(folder, spec.output.media, numbers)
    dataset = _Dataset(folder=folder, spec=spec, places=places, prints=prints, readers=tuple(witnesses))
    frames = alike = 0
    hashes: dict[str, str] = {}
    with (progress or Silent()).stage("verifying", len(numbers), "videos") as stage:
        for finding in (executor or LocalExecutor()).map(compare, dataset.watches(differences)):
            frames, alike = frames + finding.frames, alike + finding.alike
            differences += finding.differences
            hashes[finding.video] = finding.sha256
            stage.step()
    differences += _other_files(folder, hashes)
    return Report(
        items=rows,
        videos=len(numbers),
        frames=frames,
        alike=alike,
        readers=_witnesses(spec.output.media, witnesses),
        differences=tuple(sorted(differences, key=_where)),
    )


def stamp(folder: DatasetFolder, report: Report) -> None:
    """Write down that this manifest was held against its media, in `audit/verified.json`; or, if it failed, that not.

    Raises:
        StorageError: the file system refused.
    """
    folder.expect_no_links("audit")
    file = folder.audit("verified.json")
    if report.differences:
        with refusals_explained(file):
            file.unlink(missing_ok=True)
        return
    found = {"manifest_sha256": sha256_of(folder.manifest), **report.as_json()}
    write_atomic(file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _other_files(folder: DatasetFolder, hashes: Mapping[str, str]) -> Iterator[str]:
    """Rows that state another SHA-256 than their video's file has."""
    for row in read_manifest(folder.manifest):
        found = hashes.get(row.video_id)
        if found and row.video_sha256 != found:
            yield f"{row.video}: SHA-256 is not what the manifest has for {row.id}"


def _where(difference: str) -> str:
    """The file or item that a difference is about."""
    return difference.partition(": ")[0]


def _witnesses(media: str, readers: Mapping[str, str]) -> Mapping[str, str]:
    """Who read something: video readers no frames, and nobody a recipe."""
    if media == "frames":
        return {"pillow": installed_version("pillow", "PIL")}
    return readers if media == "video" else {}

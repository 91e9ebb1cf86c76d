"""What an item shows a model: texts and videos in their order, and names for files that give nothing away."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from haystack_gen.atomic import refusals_explained
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.rows import PartRow, Row
from haystack_gen.errors import InputError
from haystack_gen.progress import Progress, Silent, counted
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, content_key, slug

_REMEMBERED = 1 << 17  # files: frames are shared between items, but those of few items are near one another


def name_of(folder: DatasetFolder) -> str:
    """What other programs know a dataset by: a name in Python, after the one in its spec.

    Raises:
        InputError: the dataset is not complete.
    """
    next(read_manifest(folder.manifest), None)  # says so where there is none
    return "haystack_" + slug(read_spec_file(folder.spec).name).replace("-", "_")


def rows_shown(folder: DatasetFolder, *, progress: Progress | None) -> Iterator[Row]:
    """The rows of a complete dataset, one at a time, once all they show is found to be there.

    Raises:
        InputError: the dataset is not complete, was built without media, or a file is missing or outside its folder.
    """
    next(read_manifest(folder.manifest), None)  # now, before who writes them makes a folder
    return _rows_shown(folder, progress or Silent())


def _rows_shown(folder: DatasetFolder, progress: Progress) -> Iterator[Row]:
    there = lru_cache(_REMEMBERED)(lambda path: _is_there(folder.root, path))
    with progress.stage("exporting items", None, "items") as stage:
        for row in counted(read_manifest(folder.manifest), stage):
            for part in parts_of(row):
                files = files_of(part)
                if part.type == "video" and not files:
                    raise InputError(
                        f"{folder.root}: has no videos, so there is nothing to show a model; build it with "
                        "--media video or --media frames"
                    )
                for file in files:
                    if not there(file):
                        packed = (folder.root / "shards").is_dir()
                        remedy = "unpack the archives in shards/" if packed else "run the same haystack-gen build again"
                        raise InputError(f"{folder.root / file}: is missing, and item {row.id} shows it; {remedy}")
            yield row


def parts_of(row: Row) -> list[PartRow]:
    """The context of a stack, in order; of any other item its one video."""
    return row.context or [
        PartRow(type="video", text="", video_id=row.video_id, video=row.video, frames=row.frames),
    ]


def files_of(part: PartRow) -> list[str]:
    """The file of a video, or those of its frames in order, relative to the dataset; none of a text."""
    return [part.video] if part.video else part.frames


def _is_there(root: Path, file: str) -> bool:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{root}: its manifest names {file!r}, which lies elsewhere; build the dataset again")
    return os.path.isfile(f"{root}/{file}")  # noqa: PTH113  asked for every frame, and many times faster than pathlib


class Links:
    """Links to a dataset's files under names that say nothing.

    A video's own name has its needle's, which may be the answer, and frames of needles lie in folders named by them.
    Who only decodes files does not see names; who fetches addresses, logs them or acts as an agent may.
    """

    def __init__(self, root: Path, out: Path) -> None:
        """Links from `out/media` to what lies under `root`."""
        self._root, self._out = root, out
        self.to = lru_cache(_REMEMBERED)(self._to)

    def _to(self, file: str) -> str:
        """The link to a file, made unless it is there; relative to `out`, as the file is to `root`."""
        key = content_key(file)
        name = f"media/{key[:2]}/{key[2:]}{PurePosixPath(file).suffix}"
        link = self._out / name
        target = os.path.relpath(self._root / file, link.parent)
        with refusals_explained(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            if not (link.is_symlink() and os.readlink(link) == target):  # noqa: PTH115  compared as text
                link.unlink(missing_ok=True)
                link.symlink_to(target)
        return name

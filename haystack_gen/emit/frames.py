"""Frames as JPEG files, each stored once however many items show it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.chunks import ChunkStore
from haystack_gen.emit.encoding import Encoding
from haystack_gen.plan.timeline import Timeline
from haystack_gen.progress import Counts
from haystack_gen.workspace import DatasetFolder

QUALITY = 95
_BLOCK = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesTask:
    """Frames [start, stop) of one source, to be written into a dataset."""

    source: str
    store: Path
    encoding: Encoding
    start: int
    stop: int
    dataset: Path

    @property
    def name(self) -> str:
        """What it is called among tasks."""
        return f"frames {self.start} to {self.stop} of {self.source}"

    @property
    def steps(self) -> int:
        """Its frames."""
        return self.stop - self.start


def frames_tasks(source: str, store: ChunkStore, span: tuple[int, int], dataset: Path) -> Iterator[FramesTask]:
    """A source's frames [first, last) in blocks."""
    first, last = span
    for start in range(first, last, _BLOCK):
        yield FramesTask(
            source=source,
            store=store.folder,
            encoding=store.encoding,
            start=start,
            stop=min(start + _BLOCK, last),
            dataset=dataset,
        )


def write_frames(task: FramesTask) -> Counts:
    """Write a block of which anything is missing."""
    folder = DatasetFolder(task.dataset)
    paths = [folder.frame(task.source, frame) for frame in range(task.start, task.stop)]
    if all(path.is_file() for path in paths):
        return Counts(found=len(paths))
    pictures = ChunkStore(task.store, task.encoding).read(task.start, task.stop)
    for path, picture in zip(paths, pictures, strict=True):
        with atomic_path(path) as part, part.open("wb") as file:
            Image.fromarray(picture).save(file, format="JPEG", quality=QUALITY, subsampling=0)
    return Counts(done=len(paths), size_bytes=sum(path.stat().st_size for path in paths))


def frame_paths(timeline: Timeline, folder: DatasetFolder) -> list[str]:
    """The file of every frame of a timeline, relative to the dataset."""
    return [
        folder.frame(clip.source, clip.source_start + (k if clip.role == "haystack" else 0))
        .relative_to(folder.root)
        .as_posix()
        for clip in timeline.clips
        for k in range(clip.length)
    ]

"""The videos of a plan: which there are, and where each lies in its dataset.

Items about one video share one file. A video is met for the first time at the first item that has it; there it gets its
number, its item's own video before those beside it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from haystack_gen.emit.frames import frame_paths
from haystack_gen.errors import InputError
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.workspace import DatasetFolder


class Video(NamedTuple):
    """One file to be: the `number`-th distinct video of its plan."""

    number: int
    id: str
    timeline: Timeline


def _refuse(clash: str) -> None:
    raise InputError(clash)


class Videos:
    """Tells the videos of a plan apart, item by item, and remembers no timelines."""

    def __init__(self, clash: Callable[[str], None] = _refuse) -> None:
        """Nothing is met yet; `clash` is told of every id that stands for two timelines."""
        self._clash = clash
        self._met: dict[str, tuple[str, bytes]] = {}

    def new_of(self, item: Item) -> list[Video]:
        """The videos of an item that no item before it had.

        Raises:
            InputError: one id, two timelines, unless `clash` takes note of it.
        """
        new: list[Video] = []
        for video, timeline in item.videos:
            digest = timeline_digest(timeline)
            if video not in self._met:
                new.append(Video(len(self._met), video, timeline))
                self._met[video] = item.id, digest
            elif self._met[video][1] != digest:
                first = self._met[video][0]
                self._clash(f"{item.id}: shows other clips as video {video!r} than {first} does; each needs its own id")
        return new


def distinct_videos(items: Iterable[Item], *, clash: Callable[[str], None] = _refuse) -> Iterator[Video]:
    """Every video of a plan once, in order of first appearance.

    Raises:
        InputError: one id, two timelines, unless `clash` takes note of it.
    """
    videos = Videos(clash)
    for item in items:
        yield from videos.new_of(item)


def timeline_digest(timeline: Timeline) -> bytes:
    """What tells timelines apart: 16 bytes."""
    clips = (f"{clip.role} {clip.source} {clip.source_start} {clip.length}" for clip in timeline.clips)
    return blake2b("\n".join((str(timeline.rate), *clips)).encode(), digest_size=16).digest()


class Place(NamedTuple):
    """Where a video lies, relative to its dataset: in one file, in a file per frame, or nowhere."""

    video: str = ""
    frames: Sequence[str] = ()


class Places:
    """Where the videos of a plan lie."""

    def __init__(self, folder: DatasetFolder, media: str, numbers: Mapping[str, int]) -> None:
        """`media` is the spec's; `numbers` has each video's by its id."""
        self._folder, self._media, self._numbers = folder, media, numbers

    def of(self, video: str, timeline: Timeline) -> Place:
        """Where a video of this id and timeline lies.

        Raises:
            KeyError: no video of the plan has this id.
        """
        if self._media == "frames":
            return Place(frames=frame_paths(timeline, self._folder))
        if self._media == "none":
            return Place()
        file = self._folder.video(self._numbers[video], video)
        return Place(video=file.relative_to(self._folder.root).as_posix())

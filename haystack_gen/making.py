"""The media of a dataset that is planned: sources encoded, then videos spliced, or frames written.

One that cannot be made stops none of the others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from haystack_gen.attempts import Attempts
from haystack_gen.emit.frames import FramesTask, frame_paths, frames_tasks, write_frames
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import prune
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.tally import Tally
from haystack_gen.emit.videos import Video, distinct_videos
from haystack_gen.errors import Failure, UnfinishedError
from haystack_gen.gathering import Gathered, Tools
from haystack_gen.media import needed_frames, render
from haystack_gen.spec import Spec
from haystack_gen.workspace import DatasetFolder

_ENCODING, _SPLICING, _WRITING = "encoding", "splicing videos", "writing frames"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A dataset that is planned and written down, and what it takes to make the rest of it.

    Of its videos, or blocks of frames, `first` and every `step`-th after it are made here. `parts` are the summaries of
    the shards that it is put together from.
    """

    folder: DatasetFolder
    spec: Spec
    world: Gathered
    tools: Tools
    counts: Tally
    writer: RowWriter
    first: int = 0
    step: int = 1
    parts: tuple[Mapping[str, Any], ...] = ()

    def videos(self) -> Iterator[Video]:
        """Every video of the plan."""
        return distinct_videos(read_plan(self.folder.plan))

    def own_videos(self) -> Iterator[Video]:
        """The videos that are made here."""
        return islice(self.videos(), self.first, None, self.step)

    def own_frames(self) -> list[FramesTask]:
        """The frames that are made here, each once however many videos show it."""
        shown = needed_frames(video.timeline for video in self.videos())
        blocks = (
            block
            for source, span in shown.items()
            for block in frames_tasks(source, self.world.media.store(source), span, self.folder.root)
        )
        return list(islice(blocks, self.first, None, self.step))

    def needed(self) -> dict[str, int]:
        """How many frames of each source have to be encoded for what is made here, from the first one on."""
        if self.spec.output.media == "frames":
            return {block.source: block.stop for block in self.own_frames()}  # a source's last block counts
        return {source: stop for source, (_, stop) in needed_frames(one.timeline for one in self.own_videos()).items()}

    def rows(self, hashes: Mapping[str, str]) -> Iterator[Row]:
        """The rows of the manifest, with the SHA-256 of each video by its id."""
        return (self.writer.row(item, sha256=hashes.get(item.video, "")) for item in read_plan(self.folder.plan))


def make_media(work: Work) -> dict[str, str]:
    """Make the media that are made here, and keep no others; returns the SHA-256 of each video by its id.

    Raises:
        InputError: a source is gone.
        UnfinishedError: some could not be made; all others are there.
    """
    tools, media = work.tools, work.world.media
    needed, lacking, failures = work.needed(), frozenset[str](), list[Failure]()
    try:
        media.encode(needed, executor=tools.executor, progress=tools.progress, what=_ENCODING)
    except UnfinishedError as error:
        failures += error.failures
        lacking = frozenset(source for source, stop in needed.items() if media.lacks(source, stop))
    hashes: dict[str, str] = {}
    if work.spec.output.media == "video":
        hashes = _splice_videos(work, lacking, failures)
    elif work.spec.output.media == "frames":
        _write_frames(work, lacking, failures)
    elif not failures:
        prune(work.folder, set())
    if failures:
        raise UnfinishedError(failures)
    return hashes


def _splice_videos(work: Work, lacking: frozenset[str], failures: list[Failure]) -> dict[str, str]:
    """Splice the videos that show none of the sources that are `lacking`; the others are further `failures`."""
    folder, media, tools = work.folder, work.world.media, work.tools
    attempts, hashes = Attempts(tools.executor), dict[Path, str]()
    with tools.progress.stage(_SPLICING, sum(1 for _ in work.own_videos()), "videos") as stage:

        def tasks() -> Iterator[Any]:
            for video in work.own_videos():
                path = folder.video(video.number, video.id)
                without = {clip.source for clip in video.timeline.clips} & lacking
                if not without or path.is_file():
                    yield media.render_task(video.timeline, path)
                else:
                    failures.append(_hindered(_SPLICING, video.id, min(without)))
                    stage.step(0, failed=1)

        for made in attempts.map(render, tasks(), what=_SPLICING, stage=stage):
            hashes[made.path] = made.sha256
            made.counts.tell(stage)
    failures += attempts.failures
    if not failures:
        prune(folder, set(hashes))
    return {path.stem: digest for path, digest in hashes.items()}


def _write_frames(work: Work, lacking: frozenset[str], failures: list[Failure]) -> None:
    """Write the frames of all sources but those that are `lacking`, which are further `failures`."""
    folder, tools, tasks = work.folder, work.tools, work.own_frames()
    attempts = Attempts(tools.executor)
    with tools.progress.stage(_WRITING, sum(task.steps for task in tasks), "frames") as stage:
        for task in (task for task in tasks if task.source in lacking):
            failures.append(_hindered(_WRITING, task.name, task.source))
            stage.step(0, failed=task.steps)
        able = [task for task in tasks if task.source not in lacking]
        for counts in attempts.map(write_frames, able, what=_WRITING, stage=stage):
            counts.tell(stage)
    failures += attempts.failures
    if not failures:
        prune(folder, {folder.frame(task.source, at) for task in tasks for at in range(task.start, task.stop)})


def _hindered(stage: str, task: str, source: str) -> Failure:
    return Failure(stage, task, f"{source} is shown, of which frames could not be encoded")


def media_files(folder: DatasetFolder, video: Video, media: str) -> list[Path]:
    """The files in which a video is shown."""
    if media == "video":
        return [folder.video(video.number, video.id)]
    return [folder.root / path for path in set(frame_paths(video.timeline, folder))] if media == "frames" else []

"""Every picture that items show, sampled once and encoded once: from sources to chunk stores and back to pixels.

The one room between gathering and emitting: `build`, `render` and `open_item` all come through here.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, overload

from PIL import Image

from haystack_gen.atomic import atomic_path
from haystack_gen.attempts import Attempts
from haystack_gen.cache import Cache
from haystack_gen.emit.chunks import ChunkStore, Run, encode_span
from haystack_gen.emit.encoding import Encoding, decode, rgb_pictures
from haystack_gen.emit.splice import Piece, splice
from haystack_gen.errors import InputError, UnfinishedError
from haystack_gen.executors import Executor
from haystack_gen.facts import Source, sampled_length
from haystack_gen.gather.catalog import expect_unchanged
from haystack_gen.gather.fit import Fit
from haystack_gen.gather.images import Pixels
from haystack_gen.gather.pool import still_pixels
from haystack_gen.gather.video import sample
from haystack_gen.plan.timeline import Timeline
from haystack_gen.progress import Counts, Progress
from haystack_gen.remote.fetched import arrive_all, is_there
from haystack_gen.spec import Spec
from haystack_gen.workspace import content_key, sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeTask:
    """Sampled frames [start, stop) of one source, to be encoded into `folder`."""

    source: Source
    start: int
    stop: int
    folder: Path
    encoding: Encoding
    fit: Fit
    sampling: str
    cache: Path

    @property
    def name(self) -> str:
        """What it is called among tasks."""
        return f"frames {self.start} to {self.stop} of {self.source.id}"

    @property
    def steps(self) -> int:
        """Its frames."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderTask:
    """One video to be spliced from its stores into `path`."""

    timeline: Timeline
    folders: Mapping[str, Path]
    encoding: Encoding
    path: Path

    @property
    def name(self) -> str:
        """The video's id."""
        return self.path.stem

    @property
    def steps(self) -> int:
        """It is one video."""
        return 1


class Rendered(NamedTuple):
    """A video that is there, its SHA-256, and whether it had to be made."""

    path: Path
    sha256: str
    counts: Counts


def encoding_of(spec: Spec) -> Encoding:
    """The one set of parameters with which everything in a dataset is encoded."""
    return Encoding(size=spec.haystack.size, rate=spec.haystack.fps, qp=spec.output.qp)


class Media:
    """The chunk stores of a dataset's sources, by source id."""

    def __init__(self, spec: Spec, sources: Mapping[str, Source], cache: Cache) -> None:
        """Open nothing yet."""
        self._spec, self._sources, self._cache = spec, sources, cache
        self.encoding = encoding_of(spec)

    def folder(self, source: str) -> Path:
        """Where the source's chunks lie."""
        return self._cache.chunk_folder(self.key(source))

    def key(self, source: str) -> str:
        """Names the source's chunks by everything their bytes depend on."""
        one, haystack = self._sources[source], self._spec.haystack
        sampling = "still" if one.is_still else haystack.sampling
        return content_key(one.sha256, one.at_s, haystack.fit, sampling, self.encoding.key)

    def store(self, source: str) -> ChunkStore:
        """The source's chunks."""
        return ChunkStore(self.folder(source), self.encoding)

    def length(self, source: str) -> int:
        """How many frames the source has on the timeline's grid; a still has one."""
        one = self._sources[source]
        return 1 if one.is_still else sampled_length(one.duration_s, self._spec.haystack.fps)

    def encode(self, needed: Mapping[str, int], *, executor: Executor, progress: Progress, what: str) -> None:
        """Encode what is missing of the first so many frames of each source, in whole spans.

        Raises:
            InputError: a source is gone.
            UnfinishedError: spans cannot be encoded, since a source is damaged or has changed since it was catalogued;
                all others are.
        """
        tasks = [task for source, stop in sorted(needed.items()) for task in self._tasks(source, stop)]
        if gone := [task.source for task in tasks if not _is_there(task.source)]:
            raise InputError(_gone(gone))
        arrive_all((Path(task.source.path) for task in tasks), progress)
        attempts = Attempts(executor)
        total = sum(self._whole(source, stop) for source, stop in needed.items())
        with progress.stage(what, total, "frames") as stage:
            stage.step(0, found=total - sum(task.steps for task in tasks))
            for counts in attempts.map(_encode, tasks, what=what, stage=stage):
                counts.tell(stage)
        if attempts.failures:
            raise UnfinishedError(attempts.failures)

    def lacks(self, source: str, stop: int) -> bool:
        """Whether any of the first so many frames of a source is not encoded."""
        return any(True for _ in self._tasks(source, stop))

    def _whole(self, source: str, stop: int) -> int:
        """The frames that are encoded if so many are needed: a span that exists is never grown."""
        return min(self.length(source), -(-stop // self.encoding.span) * self.encoding.span)

    def _tasks(self, source: str, stop: int) -> Iterator[EncodeTask]:
        store = self.store(source)
        for start, end in store.missing(self._whole(source, stop)):
            yield EncodeTask(
                source=self._sources[source],
                start=start,
                stop=end,
                folder=store.folder,
                encoding=self.encoding,
                fit=self._spec.haystack.fit,
                sampling=self._spec.haystack.sampling,
                cache=self._cache.root,
            )

    def render_task(self, timeline: Timeline, path: Path) -> RenderTask:
        """What it takes to write a video to `path`."""
        folders = {clip.source: self.folder(clip.source) for clip in timeline.clips}
        return RenderTask(timeline=timeline, folders=folders, encoding=self.encoding, path=path)

    def still(self, source: str) -> Pixels:
        """A needle or distractor as it was before encoding, fitted to the frame."""
        haystack, one = self._spec.haystack, self._sources[source]
        if not _is_there(one):
            raise InputError(_gone([one]))
        pixels = still_pixels(one, size=haystack.size, fit=haystack.fit)
        expect_unchanged(one, self._cache)
        return pixels


class ItemFrames(Sequence[Pixels]):
    """The frames of one video as RGB arrays (height, width, 3), decoded from the chunks when asked for."""

    def __init__(self, timeline: Timeline, media: Media) -> None:
        """Open nothing yet."""
        self._timeline = timeline
        self._stores = {clip.source: media.store(clip.source) for clip in timeline.clips}
        self._starts = [clip.start for clip in timeline.clips]

    def __len__(self) -> int:
        return self._timeline.length

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | list[Pixels]:
        """Frame `index` of the timeline, negative ones counted from the end."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        clip = self._timeline.clips[bisect_right(self._starts, at) - 1]
        store = self._stores[clip.source]
        left = at - clip.start
        for run in store.clip(clip.source_start, clip.length):
            if left < len(run.rows):
                return _picture(run, left, store.extradata)
            left -= len(run.rows)
        raise InputError(f"{store.folder}: holds too few frames for {clip}; delete it and build again")


def _picture(run: Run, at: int, extradata: bytes) -> Pixels:
    """Row `at` of a run, decoded from the IDR picture before it."""
    group = at - next(back for back in range(at + 1) if run.rows["flip"][at - back] >= 0)
    frames = decode(Run(run.path, run.rows[group : at + 1]).samples(), extradata)
    *_, picture = rgb_pictures(frames)
    return picture


def needed_frames(timelines: Iterable[Timeline]) -> dict[str, tuple[int, int]]:
    """The span of each source that the timelines show, from the first frame used to the last."""
    needed: dict[str, tuple[int, int]] = {}
    for timeline in timelines:
        for clip in timeline.clips:
            frames = clip.length if clip.role == "haystack" else 1
            low, high = needed.get(clip.source, (clip.source_start, 0))
            needed[clip.source] = (min(low, clip.source_start), max(high, clip.source_start + frames))
    return needed


def _gone(sources: Iterable[Source]) -> str:
    by_path = {source.path or source.id: source.path for source in sources}
    state = "the source is gone" if all(by_path.values()) else "the source is not where this cache knows one"
    return f"{', '.join(sorted(by_path))}: {state}; put it back, or say with --source where it is now"


def _is_there(source: Source) -> bool:
    return bool(source.path) and is_there(Path(source.path))


def _encode(task: EncodeTask) -> Counts:
    source = task.source
    expect_unchanged(source, Cache(task.cache))
    frames: Iterable[Pixels]
    if source.is_still:
        frames = [still_pixels(source, size=task.encoding.size, fit=task.fit)]
    else:
        frames = sample(
            Path(source.path),
            rate=task.encoding.rate,
            size=task.encoding.size,
            fit=task.fit,
            mode="keyframes" if task.sampling == "keyframes" else "exact",
            span=(task.start, task.stop),
        )
    encode_span(_unchanged(frames, task), folder=task.folder, start=task.start, encoding=task.encoding)
    written = task.folder.glob(f"span-{task.start:06d}.*")
    return Counts(done=task.steps, size_bytes=sum(path.stat().st_size for path in written))


def _unchanged(frames: Iterable[Pixels], task: EncodeTask) -> Iterator[Pixels]:
    """The frames, if their file is the one that was catalogued still when the last of them is read."""
    yield from frames
    expect_unchanged(task.source, Cache(task.cache))


def render(task: RenderTask) -> Rendered:
    """Splice a video; a file that exists is complete and is not made again."""
    counts = Counts(found=1)
    if not task.path.is_file():
        stores = {source: ChunkStore(folder, task.encoding) for source, folder in task.folders.items()}
        pieces = [Piece(stores[clip.source], clip.source_start, clip.length) for clip in task.timeline.clips]
        with atomic_path(task.path) as part:
            splice(pieces, part)
        counts = Counts(done=1, size_bytes=task.path.stat().st_size)
    return Rendered(task.path, sha256_of(task.path), counts)


def save_still(picture: Pixels, path: Path) -> None:
    """Write a picture as PNG, unless it is there."""
    if not path.is_file():
        with atomic_path(path) as part, part.open("wb") as file:  # which Pillow leaves open if it is interrupted
            Image.fromarray(picture).save(file, format="PNG")

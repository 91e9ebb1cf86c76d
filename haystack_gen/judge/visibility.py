"""Which needles a model is shown at all when its library samples frames, and how well it could answer at best.

A needle that the question is about, under one sampler, is

robust    shown: a sampled frame lies in it, on every processor
edge      near a sampled frame: where processors disagree by one frame, some show it and others do not
missed    not shown
refused   not shown, since the library does not take a video of this length

An item that asks about nothing in its video, such as one whose needle is hidden, has one line of state `absent`.
Items are counted as seen if a frame of every needle that is asked about is sampled here, where `Sampler.indices` is
exact: on x86-64.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.judge.grids import Indices
from haystack_gen.judge.samplers import Sampler
from haystack_gen.plan.choices import ABSENT
from haystack_gen.progress import Progress, Silent, counted
from haystack_gen.workspace import DatasetFolder

State = Literal["robust", "edge", "missed", "refused", "absent"]

_LINES_AT_ONCE = 10_000
_VIDEOS_REMEMBERED = 64
_MOST_FRAMES = 1 << 24  # what samplers that compute in 32-bit floats can count to
_COUNTS_AT_ONCE = 4096
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("needle_id", pa.string()),
        ("start_frame", pa.int64()),
        ("sampler", pa.string()),
        ("state", pa.string()),
        ("frames_hit", pa.list_(pa.int64())),
        ("min_frames_to_see", pa.int64()),
    ]
)


class Span(NamedTuple):
    """Frames [start, end)."""

    start: int
    end: int


class Glimpse(NamedTuple):
    """What a sampler shows of a needle, and which of its frames."""

    state: State
    hits: list[int]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a sampler shows of some items; `states` counts needles that are asked about, all else counts items."""

    items: int = 0
    seen: int = 0
    absent: int = 0
    credit: float = 0.0
    states: Counter[State] = field(default_factory=Counter)

    @property
    def ceiling(self) -> float:
        """The mean of what is `attainable`."""
        return self.credit / self.items if self.items else 0.0

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        states = {state: self.states[state] for state in ("robust", "edge", "missed", "refused")}
        counts = {"items": self.items, "seen": self.seen, "absent": self.absent}
        return {"ceiling": self.ceiling, **counts, "needles": states}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What one sampler shows of a dataset: of all its items, and by `family` and `length`; and by `control` of twins.

    Twins are apart, since some have nothing but their needles to show. `refusal` is why the library does not take the
    first video that it refuses; empty if it takes all.
    """

    sampler: Sampler
    total: Tally
    by: Mapping[str, Mapping[str, Tally]]
    refusal: str

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        named = {"sampler": self.sampler.name, "source": self.sampler.source, "exact": self.sampler.exact}
        parts = {kind: {name: one.as_json() for name, one in parts.items()} for kind, parts in self.by.items()}
        return {**named, **self.total.as_json(), "by": parts, "refusal": self.refusal}


def glimpse(shown: Indices, span: Span, *, frames: int, tolerance: int = 0) -> Glimpse:
    """How a needle stands to the frames that are shown of a video.

    Args:
        shown: sorted, none twice.
        span: the needle's.
        frames: how many the video has: beyond its ends no index strays.
        tolerance: by how many frames each index may be wrong on another processor.
    """
    low, high = np.searchsorted(shown, (span.start - tolerance, span.end + tolerance))
    near = shown[low:high]
    inside = (np.maximum(near - tolerance, 0) >= span.start) & (np.minimum(near + tolerance, frames - 1) < span.end)
    hits = near[(near >= span.start) & (near < span.end)].tolist()
    return Glimpse("robust" if inside.any() else "edge" if len(near) else "missed", hits)


def min_frames_to_see(spans: Iterable[Span], *, frames: int) -> int:
    """The fewest frames from which on `linspace` never misses: it and all denser ones show every span; 0 for no spans.

    A needle of L frames is shown by whatever number of frames has gaps of at most L, n - 1 >= (frames - 1) / L. Below
    that it depends on where the needle lies, and the last number that misses it is looked for from there downwards.
    """
    return max((_last_miss(span, frames) + 1 for span in spans), default=0)


@lru_cache(maxsize=1 << 16)
def _last_miss(span: Span, frames: int) -> int:
    """The largest n at which `linspace:n` shows nothing of the span; 0 if there is none.

    The first of its frames at or after the start is number ceil(start (n - 1) / (frames - 1)), whose index is so many
    times the step, as doubles, rounded down, since that is what numpy computes: a frame too early now and then, and the
    next is beyond the span, because steps are longer than it.
    """
    if span.start == 0:
        return 0
    if span.end < frames:
        for high in range(-(-(frames - 1) // (span.end - span.start)), 1, -_COUNTS_AT_ONCE):
            gaps = np.arange(max(2, high - _COUNTS_AT_ONCE + 1), high + 1, dtype=np.int64) - 1
            first = -(-span.start * gaps // (frames - 1))
            index = np.where(first < gaps, np.floor(first * ((frames - 1) / gaps)), frames - 1)
            missing = (index < span.start) | (index >= span.end)
            if missing.any():
                return int(gaps[missing][-1]) + 1
    return 1  # which shows the first frame alone


def attainable(row: Row, *, seen: bool) -> float:
    """The credit, expected, of a perfect model that has seen all that an item asks about, or has not.

    What it has seen it answers rightly. Otherwise it says that nothing is there if it is offered to, and is wrong; or
    guesses, each of n options alike; or, asked without options, is wrong. An item that asks about nothing in its video
    is seen by whoever sees nothing.
    """
    if seen:
        return 1.0
    nothing = "0" if row.task == "counting" else ABSENT
    return 0.0 if not row.options or {nothing, ABSENT} & {*row.options} else 1 / len(row.options)


def audit_visibility(
    folder: DatasetFolder, samplers: Sequence[Sampler], *, progress: Progress | None = None
) -> list[Outlook]:
    """What each sampler shows of a dataset.

    Every needle that is asked about gets a line for each sampler in `audit/visibility.parquet`: the frames that were
    sampled of it, and the `min_frames_to_see` of its item.

    Raises:
        InputError: the folder is no complete dataset.
        StorageError: the file system refused.
    """
    watchers = [_Watcher(one) for one in samplers]
    with (
        (progress or Silent()).stage("sampling frames", None, "items") as stage,
        atomic_path(folder.audit("visibility.parquet")) as part,
        part.open("wb") as file,  # which PyArrow would leave open if the disk is full
        pq.ParquetWriter(file, _SCHEMA) as writer,
    ):
        lines: list[dict[str, Any]] = []
        for row in counted(read_manifest(folder.manifest), stage):
            lines += _lines(row, watchers)
            if len(lines) >= _LINES_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(lines, schema=_SCHEMA))
                lines.clear()
        writer.write_table(pa.Table.from_pylist(lines, schema=_SCHEMA))
    return [watcher.outlook() for watcher in watchers]


def _lines(row: Row, watchers: Sequence["_Watcher"]) -> Iterator[dict[str, Any]]:
    """A line for each sampler and each needle that is asked about, or one that says that there is none."""
    frames, rate = row.num_frames, _rate(row)
    if frames > _MOST_FRAMES:
        raise InputError(f"{row.id}: has {frames:,} frames, expected at most {_MOST_FRAMES:,}; audit shorter videos")
    asked = [needle for needle in row.needles if needle.asked]
    spans = [Span(needle.start_frame, needle.end_frame) for needle in asked]
    for span in spans:
        if not 0 <= span.start < span.end <= frames:
            raise InputError(
                f"{row.id}: has a needle at frames [{span.start}, {span.end}), and {frames} frames in all; the dataset "
                "was damaged: build it again"
            )
    enough = min_frames_to_see(spans, frames=frames)
    for watcher in watchers:
        found = watcher.look(row, spans, rate)
        named = [(needle.needle_id, needle.start_frame) for needle in asked] or [("", -1)]
        for (needle, start), (state, hits) in zip(named, found or [Glimpse("absent", [])], strict=True):
            yield {
                "id": row.id,
                "needle_id": needle,
                "start_frame": start,
                "sampler": watcher.sampler.name,
                "state": state,
                "frames_hit": hits,
                "min_frames_to_see": enough,
            }


def _rate(row: Row) -> Fraction:
    if row.fps_num < 1 or row.fps_den < 1:
        raise InputError(
            f"{row.id}: has {row.fps_num}/{row.fps_den} frames a second; the dataset was damaged: build it again"
        )
    return Fraction(row.fps_num, row.fps_den)


class _Watcher:
    """Looks at videos as one sampler shows them, and remembers what it saw."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self._shown: Callable[[int, Fraction], Indices | None] = lru_cache(_VIDEOS_REMEMBERED)(self._sampled)
        self._total = Tally()
        self._by: dict[str, dict[str, Tally]] = {"family": {}, "length": {}, "control": {}}
        self._refusal = ""

    def look(self, row: Row, spans: Sequence[Span], rate: Fraction) -> list[Glimpse]:
        """What is shown of each span, which is counted."""
        found = [Glimpse("refused", []) for _ in spans]
        shown = self._shown(row.num_frames, rate)
        if shown is not None:
            tolerance = self.sampler.tolerance
            found = [glimpse(shown, span, frames=row.num_frames, tolerance=tolerance) for span in spans]
        credit = attainable(row, seen=all(hits for _, hits in found))
        for tally in self._tallies(row):
            tally.items += 1
            tally.absent += not found
            tally.seen += bool(found) and all(hits for _, hits in found)
            tally.credit += credit
            tally.states.update(state for state, _ in found)
        return found

    def _tallies(self, row: Row) -> Iterator[Tally]:
        """All that an item counts in."""
        parts = {"control": row.control}
        if row.control == "none":
            yield self._total
            parts = {"family": row.task, "length": row.length_bucket}
        for kind, name in parts.items():
            yield self._by[kind].setdefault(name, Tally())

    def _sampled(self, frames: int, rate: Fraction) -> Indices | None:
        """The frames that are shown, sorted, each once; none at all if the library refuses the video."""
        try:
            return np.unique(self.sampler.indices(frames, rate))
        except InputError as error:
            self._refusal = self._refusal or str(error).removeprefix(f"{self.sampler.name}: ")
            return None

    def outlook(self) -> Outlook:
        by = {kind: dict(sorted(parts.items(), key=_by_number)) for kind, parts in self._by.items()}
        return Outlook(sampler=self.sampler, total=self._total, by=by, refusal=self._refusal)


def _by_number(part: tuple[str, Tally]) -> tuple[int, str]:
    return (int(part[0]), "") if part[0].isdecimal() else (0, part[0])

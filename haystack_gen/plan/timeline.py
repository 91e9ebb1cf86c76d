"""What a video shows, frame by frame: clips that tile a constant-rate grid.

    frame      0                    60 61                        100
    clip       [ haystack a[7:67]  ) [n) [ haystack a[68:107]   )

Intervals are half-open; a clip's `start` is the end of the one before.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from haystack_gen.errors import InputError
from haystack_gen.facts import Role, Source, sampled_length

MOST_REPEATS = 10_000
"""How often footage may be shown in one clip: every time is an entry of its timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Timeline frames [start, start + length) show `source` from its own frame `source_start` on.

    A still has one frame, which stays: its `source_start` is 0.
    """

    role: Role
    source: str
    source_start: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """The first frame after the clip."""
        return self.start + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Clips that tile [0, length) without gap or overlap, at `rate` frames per second."""

    rate: Fraction
    clips: tuple[Clip, ...]

    def __post_init__(self) -> None:
        at = 0
        for clip in self.clips:
            if clip.start != at or clip.length < 1 or clip.source_start < 0:
                raise ValueError(f"clips must tile the timeline: expected one from frame {at}, got {clip}")
            at += clip.length

    @property
    def length(self) -> int:
        """The number of frames."""
        return self.clips[-1].end if self.clips else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A still that is to cover timeline frames [start, start + length)."""

    role: Role
    source: str
    start: int
    length: int

    @property
    def end(self) -> int:
        """The first frame after the insert."""
        return self.start + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Films in the order shown, as one run of sampled frames; film i has the frames [ends[i - 1], ends[i])."""

    sources: tuple[str, ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, films: Iterable[Source], rate: Fraction) -> "Footage":
        """All frames of `films` when sampled at `rate`."""
        films = tuple(films)
        lengths = (sampled_length(film.duration_s, rate) for film in films)
        return cls(sources=tuple(film.id for film in films), ends=tuple(accumulate(lengths)))

    @property
    def length(self) -> int:
        """Frames in all films together."""
        return self.ends[-1] if self.ends else 0

    def window(self, start: int, length: int) -> Iterator[tuple[str, int, int]]:
        """(source, source_start, length) of each run in [start, start + length); past the end it begins again."""
        while length > 0:
            start %= self.length
            film = bisect_right(self.ends, start)
            begin = self.ends[film - 1] if film else 0
            run = min(self.ends[film] - start, length)
            yield self.sources[film], start - begin, run
            start, length = start + run, length - run


def overlay(footage: Footage, *, start: int, length: int, inserts: Sequence[Insert], rate: Fraction) -> Timeline:
    """A clip of exactly `length` frames: footage from `start`, with `inserts` shown in place of its frames.

    Footage keeps its place, so that twins which differ in an insert agree in every other frame.
    """
    cuts = sorted(inserts, key=lambda insert: insert.start)
    clips: list[Clip] = []
    at = 0
    for insert in cuts:
        if insert.start < at or insert.end > length:
            raise ValueError(f"{insert} overlaps another or leaves the timeline [0, {length})")
        clips += _run(footage, start + at, insert.start - at, at)
        clips.append(_still(insert))
        at = insert.end
    clips += _run(footage, start + at, length - at, at)
    return Timeline(rate=rate, clips=tuple(clips))


def splice_in(footage: Footage, *, start: int, length: int, inserts: Sequence[Insert], rate: Fraction) -> Timeline:
    """Upstream's clip: all `length` frames of footage, pushed apart by inserts at positions in the finished clip."""
    cuts = sorted(inserts, key=lambda insert: insert.start)
    clips: list[Clip] = []
    at = shown = 0
    for insert in cuts:
        run = insert.start - at
        clips += _run(footage, start + shown, run, at)
        clips.append(_still(insert))
        shown, at = shown + run, insert.end
    clips += _run(footage, start + shown, length - shown, at)
    return Timeline(rate=rate, clips=tuple(clips))


def _still(insert: Insert) -> Clip:
    return Clip(role=insert.role, source=insert.source, source_start=0, start=insert.start, length=insert.length)


def _run(footage: Footage, start: int, length: int, at: int) -> Iterator[Clip]:
    for source, source_start, run in footage.window(start, length):
        yield Clip(role="haystack", source=source, source_start=source_start, start=at, length=run)
        at += run


def need_frames(available: int, needed: int, *, rate: Fraction, repeat: bool) -> None:
    """Check that the footage lasts.

    Raises:
        InputError: `needed` frames are more than `available` and footage may not repeat.
    """
    if repeat and needed > available * MOST_REPEATS > 0:
        raise InputError(
            f"the haystack has {available} frames at {rate} fps, and the longest clip needs {needed}: it would start "
            f"again more than {MOST_REPEATS:,} times; give shorter --lengths, or more footage with --haystack"
        )
    if available < 1 or (needed > available and not repeat):
        raise InputError(
            f"the haystack has {available} frames at {rate} fps, and the longest clip needs {needed}; give shorter "
            "--lengths, more footage with --haystack, a higher --fps, or allow it to start again with "
            "--set haystack.repeat=true (recorded per item)"
        )

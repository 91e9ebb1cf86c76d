"""Which frames of the footage a page shows: few enough to be on it, and each at a place where the plan has it.

An item's footage is shown at four places evenly over it, each moved to the nearest frame of the same film that the item
shows and whose number is a multiple of a step:

    wanted      |        |        |        |
    footage  [.......................................]
    step 8      ^       ^         ^        ^          frames 96, 104, 112, 120 of the film

The step is the smallest power of two at which the items together need no more than `MOST` frames. So items that show
the same films share their pictures; where films are long and items short and many, some items get none.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from haystack_gen.emit.videos import Videos
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Clip, Timeline

MOST = 300
_PLACES = 4
_STEPS = tuple(1 << power for power in range(17))


class Shown(NamedTuple):
    """A frame of a film that a timeline shows at `at`."""

    at: int
    source: str
    frame: int


class Place(NamedTuple):
    """Where such a frame can be read: the video, its number in the plan, and the frame of the video."""

    number: int
    video: str
    at: int


class _Spot(NamedTuple):
    """A frame of a film that would be shown best, and the clips of that film that are shown there or next to it."""

    source: str
    exact: int
    clips: Sequence[Clip]


class Footage(NamedTuple):
    """The frames to show, by film and its frame, and the step that led to them."""

    step: int
    places: Mapping[tuple[str, int], Place]

    def of(self, timeline: Timeline) -> list[Shown]:
        """Those that a timeline shows, in order."""
        shown = _snapped(_spots(timeline), self.step)
        found = (one for one in shown if (one.source, one.frame) in self.places)
        return list(dict.fromkeys(found))


def choose(items: Iterable[Item]) -> Footage:
    """The frames for some items: those of the smallest step at which there are at most `MOST`."""
    videos = Videos()
    left: dict[int, dict[tuple[str, int], Place]] = {step: {} for step in _STEPS}
    for item in items:
        for new in videos.new_of(item):
            if new.id != item.video:
                continue
            spots = _spots(new.timeline)
            for step in list(left):
                for at, source, frame in _snapped(spots, step):
                    left[step].setdefault((source, frame), Place(new.number, new.id, at))
                if len(left[step]) > MOST:
                    del left[step]
    step = min(left, default=0)
    return Footage(step, left.get(step, {}))


def _spots(timeline: Timeline) -> list[_Spot]:
    """Evenly spread places of a timeline's footage, in order."""
    clips = [clip for clip in timeline.clips if clip.role == "haystack"]
    ends = list(accumulate(clip.length for clip in clips))
    spots = []
    for place in range(_PLACES if ends else 0):
        wanted = (2 * place + 1) * ends[-1] // (2 * _PLACES)
        number = bisect_right(ends, wanted)
        clip = clips[number]
        near = [one for one in clips[max(0, number - 2) : number + 3] if one.source == clip.source]
        spots.append(_Spot(clip.source, clip.source_start + wanted - (ends[number] - clip.length), near))
    return spots


def _snapped(spots: Iterable[_Spot], step: int) -> Iterator[Shown]:
    """Where there is one, the multiple of `step` next to each spot that a clip near it shows, the nearer of two."""
    for source, exact, clips in spots:
        below = exact // step * step
        for frame in (below, below + step) if 2 * (exact - below) <= step else (below + step, below):
            clip = next((one for one in clips if 0 <= frame - one.source_start < one.length), None)
            if clip:
                yield Shown(clip.start + frame - clip.source_start, source, frame)
                break

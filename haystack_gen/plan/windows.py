"""Which part of the footage a clip shows: a window in which nothing could be taken for its needles."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from haystack_gen.facts import Needle
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream

WINDOW_TRIES = 16


def clear_window(setting: Setting, cell: Cell, needles: Sequence[Needle], stream: Stream) -> int:
    """Where the footage begins so that no frame of it looks like a needle.

    All of the window counts, also what needles or look-alikes will cover: a look-alike might hide a sighting in one
    twin and not in the other.
    """
    rules = setting.spec.mining
    seen = [setting.sightings[needle.id] for needle in needles if needle.id in setting.sightings]
    tries = WINDOW_TRIES if rules.uniqueness == "move" and setting.spec.haystack.window == "random" else 1
    for attempt in range(tries):
        start = _window_start(setting, cell, stream.child("window", attempt))
        if rules.uniqueness in ("off", "report") or not any(_shows(setting, start, cell.length, one) for one in seen):
            return start
    names = ", ".join(dict.fromkeys(needle.id for needle in needles if needle.id in setting.sightings))
    raise Obstacle(
        f"every window tried has a haystack frame that looks like needle {names}",
        needle=needles[0].id if len(needles) == 1 else "",
    )


def _window_start(setting: Setting, cell: Cell, stream: Stream) -> int:
    """Where the footage begins: at its first frame, or anywhere from which it lasts."""
    if setting.spec.haystack.window == "first":
        return 0
    room = setting.footage.length - cell.length + 1
    return stream.below(room if room > 0 else setting.footage.length)


def _shows(setting: Setting, start: int, length: int, seen: Mapping[str, Sequence[int]]) -> bool:
    """Whether the footage [start, start + length) has any frame of `seen` (per source, sorted)."""
    for source, first, frames in setting.footage.window(start, length):
        sighted = seen.get(source, ())
        place = bisect_left(sighted, first)
        if place < len(sighted) and sighted[place] < first + frames:
            return True
    return False

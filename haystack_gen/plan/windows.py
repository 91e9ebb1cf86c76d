"""Which part of the footage a clip shows: a window in which nothing could be taken for its needles."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from haystack_gen.plan.draws import Draw
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream

WINDOW_TRIES = 16


def clear_window(setting: Setting, cell: Cell, draw: Draw, stream: Stream) -> int:
    """Where the footage begins so that no frame of it looks like what the item shows or names.

    All of the window counts, also what needles or look-alikes will cover: a look-alike might hide a sighting in one
    twin and not in the other.

    Raises:
        Obstacle: every window tried has such a frame.
    """
    rules = setting.spec.mining
    seen = _sightings(setting, draw) if rules.uniqueness not in ("off", "report") else {}
    tries = WINDOW_TRIES if rules.uniqueness == "move" and setting.spec.haystack.window == "random" else 1
    for attempt in range(tries):
        start = _window_start(setting, cell, stream.child("window", attempt))
        if not any(_shows(setting, start, cell.length, one) for one in seen.values()):
            return start
    raise Obstacle(
        f"every window tried has a haystack frame that looks like needle {', '.join(seen)}",
        needle=draw.shots[0].needle.id if len(draw.shots) == 1 else "",
    )


def named_keys(setting: Setting, draw: Draw) -> set[str]:
    """The bare keys that an item's pictures show or its question names."""
    shows = setting.pools.shows
    return {*draw.named, *(key for shot in draw.shots for key in shows.get(shot.needle.source, ()))}


def _sightings(setting: Setting, draw: Draw) -> Mapping[str, Mapping[str, Sequence[int]]]:
    """The sightings of the needles shown, and of all whose keys are like those that the item names."""
    if not setting.sightings:
        return {}
    named = setting.pools.like(named_keys(setting, draw))
    ids = {shot.needle.id for shot in draw.shots}
    ids |= {needle for needle, key in setting.pools.key_of.items() if key in named}
    return {needle: seen for needle, seen in setting.sightings.items() if needle in ids}


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

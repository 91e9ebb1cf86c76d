"""An item's timeline as one line of text.

0 ····x·······N·······x···n·· 128     N needle   x distractor   n needle not asked about   · haystack
"""

from collections.abc import Iterator
from typing import NamedTuple

from haystack_gen.facts import BLANK
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Clip

_MARKS = {"haystack": "·", "distractor": "x", "other": "n", "blank": "o", "needle": "N"}
_WORDS = {"other": "needle not asked about", "blank": "blank in place of a needle"}


class Shown(NamedTuple):
    """A clip and what it is to the question.

    `kind` is haystack, distractor, needle, other (a needle that is not asked about) or blank (shown in place of one).
    """

    clip: Clip
    kind: str


def shown(item: Item) -> Iterator[Shown]:
    """The clips of an item's own video, what matters most last."""
    asked = {(needle.source, needle.start) for needle in item.needles if needle.asked}
    clips = []
    for clip in item.timeline.clips:
        kind: str = clip.role
        if kind == "needle" and clip.source == BLANK:
            kind = "blank"
        elif kind == "needle" and (clip.source, clip.start) not in asked:
            kind = "other"
        clips.append(Shown(clip, kind))
    order = list(_MARKS)
    yield from sorted(clips, key=lambda one: order.index(one.kind))


def ribbon(item: Item, *, width: int = 80) -> str:
    """The timeline in `width` characters; one that covers several clips shows what matters most."""
    length = item.timeline.length
    width = min(width, length)
    cells = ["haystack"] * width
    for clip, kind in shown(item):
        if kind != "haystack":
            first, last = clip.start * width // length, (clip.end - 1) * width // length
            cells[first : last + 1] = [kind] * (last - first + 1)
    return "".join(_MARKS[kind] for kind in cells)


def legend(item: Item) -> str:
    """What the marks of an item's ribbon mean."""
    kinds = {one.kind for one in shown(item)}
    more = [kind for kind in _WORDS if kind in kinds]
    return "   ".join(
        f"{_MARKS[kind]} {_WORDS.get(kind, kind)}" for kind in ("needle", "distractor", *more, "haystack")
    )

"""An item's timeline as one line of text.

0 ····x·······N·······x······ 128     N needle   x distractor   · haystack
"""

from haystack_gen.plan.items import Item

_MARKS = {"haystack": "·", "distractor": "x", "needle": "N"}
LEGEND = "N needle   x distractor   · haystack"


def ribbon(item: Item, *, width: int = 80) -> str:
    """The timeline in `width` characters; one that covers several clips shows the needle before a distractor."""
    length = item.timeline.length
    width = min(width, length)
    cells = ["haystack"] * width
    for clip in sorted(item.timeline.clips, key=lambda clip: clip.role):  # needles last, so that they win
        if clip.role == "haystack":
            continue
        first, last = clip.start * width // length, (clip.end - 1) * width // length
        cells[first : last + 1] = [clip.role] * (last - first + 1)
    return "".join(_MARKS[role] for role in cells)

"""Items made by hand, for what comes after planning."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from haystack_gen.facts import Noise, Source
from haystack_gen.plan.items import Item, PlacedDistractor, PlacedNeedle
from haystack_gen.plan.timeline import Clip, Timeline

NOISE = Noise(sentences=("One.", "Two two.", "Three three three."), costs=(1, 2, 3), unit="words")


def film_of(length: int, *, source: str = "film", first: int = 0) -> Timeline:
    """Nothing but footage."""
    return showing(length, (), source=source, first=first)


def showing(
    length: int, stills: Sequence[tuple[str, str, int, int]], *, source: str = "film", first: int = 0
) -> Timeline:
    """Footage with stills in it: (role, source, start, length), in order."""
    clips, at = [], 0
    for role, name, start, stay in (*stills, ("", "", length, 0)):
        if start > at:
            clips.append(Clip(role="haystack", source=source, source_start=first + at, start=at, length=start - at))
        if stay:
            clips.append(Clip(role=role, source=name, source_start=0, start=start, length=stay))
        at = start + stay
    return Timeline(rate=Fraction(1), clips=tuple(clips))


def needle(name: str, start: int, *, asked: bool = True, depth: str = "0", source: str = "") -> PlacedNeedle:
    return PlacedNeedle(needle=name, source=source or name, start=start, length=1, depth=Fraction(depth), asked=asked)


def distractor(name: str, start: int, *, of: str = "n", offset: int = 0, lure: str = "") -> PlacedDistractor:
    return PlacedDistractor(needle=of, source=name, start=start, length=1, offset=offset, similarity=None, lure=lure)


def made(name: str = "x", **changes: Any) -> Item:
    """A word question about six frames of film, changed as wanted."""
    facts: dict[str, Any] = {
        "id": name,
        "task": "retrieval",
        "variant": "",
        "question": "Which?",
        "options": (),
        "instruction": "",
        "form": "short",
        "answer": "dog",
        "answer_text": "dog",
        "accepted": ("dog",),
        "tolerance": Fraction(0),
        "timeline": film_of(6),
        "video": name,
        "needles": (),
        "distractors": (),
        "requested_length": 6,
        "requested_depth": Fraction(1, 2),
        "trial": 0,
        "window_start": 0,
        "repeats": 0,
        "side": "",
        "control": "none",
        "group": name,
    }
    return Item(**facts | changes)


def source(name: str, *, license: str = "CC0-1.0") -> Source:
    return Source(id=name, kind="image", path="", sha256="0", size_bytes=1, width=8, height=8, license=license)

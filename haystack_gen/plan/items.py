"""What a plan is made of: items, and what was placed in them; drops, and why."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from haystack_gen.plan.timeline import Timeline

Form = Literal["mcq", "short", "count", "order", "set", "seconds"]

NO_DEPTH = Fraction(-1)
"""The requested depth of items whose needles are spread over all of the clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNeedle:
    """A needle where it was put: timeline frames [start, start + length); `depth` is the realised one.

    `asked` is whether the question is about it; the others are there to be told apart from it. To be visible to
    samplers, it was put `moved` frames later (negative: earlier) than the rules of placement have it, and stays `added`
    frames longer than the spec's needles do.
    """

    needle: str
    source: str
    start: int
    length: int
    depth: Fraction
    asked: bool = True
    moved: int = 0
    added: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedDistractor:
    """A look-alike where it was put; `offset` is its start minus the start of the needle it looks like, in frames."""

    needle: str
    source: str
    start: int
    length: int
    offset: int
    similarity: float | None
    lure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a stack's context: `count` sentences of the noise from the one numbered `first` on, or a video."""

    video: str = ""
    first: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Another video of a stack's context."""

    video: str
    timeline: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question about one video, with everything that was decided about it.

    `variant` is which of its family's questions it asks. `answer` is a letter when there are options, otherwise
    `answer_text` itself; open answers in seconds may be off by `tolerance`. `video` names the file, which items with
    the same timeline share. `side` is where upstream's arithmetic put its distractor (`before`, `after`, `none`), empty
    under other laws. `repeats` counts how often the footage began again. `group` names the items that share everything
    but a control, `circular_group` those that share everything but the rotation of their options. `context` is a
    stack's, with the videos `beside` its own: `context_length` was asked for, it costs `context_cost`, and the share
    `context_depth` of its text comes before the item's video.
    """

    id: str
    task: str
    variant: str
    question: str
    options: tuple[str, ...]
    instruction: str
    form: Form
    answer: str
    answer_text: str
    accepted: tuple[str, ...]
    tolerance: Fraction
    timeline: Timeline
    video: str
    needles: tuple[PlacedNeedle, ...]
    distractors: tuple[PlacedDistractor, ...]
    requested_length: int
    requested_depth: Fraction
    trial: int
    window_start: int
    repeats: int
    side: str
    control: str
    group: str
    circular_group: str = ""
    circular_shift: int = 0
    context_length: int = 0
    context_depth: Fraction = NO_DEPTH
    context_cost: int = 0
    context: tuple[Part, ...] = ()
    beside: tuple[Beside, ...] = ()

    @property
    def videos(self) -> tuple[tuple[str, Timeline], ...]:
        """Every video of the item with its timeline, its own first."""
        return ((self.video, self.timeline), *((other.video, other.timeline) for other in self.beside))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """An item that was asked for and cannot be had, and why."""

    id: str
    task: str
    requested_length: int
    requested_depth: Fraction
    trial: int
    needle: str
    reason: str

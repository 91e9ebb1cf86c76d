"""What families decide, and what becomes of it: shots and questions, then a stage with everything in its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from haystack_gen.facts import Needle
from haystack_gen.plan.items import Form, PlacedDistractor
from haystack_gen.plan.placement import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A needle's picture at its place in the finished clip."""

    needle: Needle
    place: Place

    @property
    def start(self) -> int:
        """The first frame."""
        return self.place.start

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.place.start + self.place.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """How a question is asked and answered without options."""

    answer: str
    form: Form
    question: str = ""
    accepted: tuple[str, ...] = ()
    tolerance: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, its options (none: an open answer only), and the shots it is about, by their places in the draw.

    The option `placed`, by default the right one, takes the balanced place; a twin keeps its item's.
    `hidden` needles are not shown: then the answer already says that they are missing. `in_order` options keep the
    order of the pack. `about_time` is asked about when, `counts` about how many: the answer depends on all of the clip.
    """

    text: str
    asked: frozenset[int]
    answer: str
    placed: str = ""
    options: tuple[str, ...] = ()
    open: Open | None = None
    variant: str = ""
    instruction: str = ""
    needle: str = ""
    hidden: bool = False
    in_order: bool = False
    about_time: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a family decided: shots in order of appearance, and what is asked about them.

    A look-alike that shows `forbidden` would make another answer true; where that is set, one of which it is not known
    what it shows might. `named` are the bare keys that question or options name beside those of the shots: neither
    look-alikes nor footage may show them. `lenient` draws take look-alikes as they fit: how many are asked to fit would
    depend on what is true, and what is left of dropped items would tell it.
    """

    shots: tuple[Shot, ...]
    questions: tuple[Question, ...]
    forbidden: str = ""
    named: frozenset[str] = frozenset()
    lenient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A video before its clips are cut: what is shown where, over which footage.

    `shots` are numbered as in the draw; hidden ones are left out. `side` is upstream's arithmetic.
    """

    length: int
    window: int
    shots: Mapping[int, Shot]
    distractors: tuple[PlacedDistractor, ...]
    side: str = ""

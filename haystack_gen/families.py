"""The sections of a spec about question families: what each asks, how it is answered and controlled."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt, model_validator

from haystack_gen.notation import Counts, Exact, Lengths, Section, distinct, names

Task = Literal[
    "retrieval",
    "multi_key",
    "multi_value",
    "multi_query",
    "counting",
    "ordering",
    "localization",
    "chain",
    "absent",
    "stack",
]
Control = Literal["needle_only", "haystack_only", "no_distractors", "anti_phase", "shuffled", "blanked"]
Spread = Literal["band", "even", "at"]
LISTABLE = frozenset({"retrieval", "localization"})
"""Families that ask about one needle of the pack at a time, so that `trials: needles` has a meaning."""


class MultiKey(Section):
    """Needles with different keys and the same attribute; one key is asked."""

    needles: Annotated[int, Field(ge=2, le=26)] = 4
    spread: Spread = "band"


class MultiValue(Section):
    """Needles that share a key, each with its own value, or (turned) a value, each with its own key; all are asked."""

    needles: Counts = (2, 3)
    ask: Literal["values", "keys", "both"] = "both"
    others: NonNegativeInt = 1
    spread: Spread = "band"

    @model_validator(mode="after")
    def _agree(self) -> "MultiValue":
        if not self.needles[0]:
            raise ValueError(
                f"needles is {self.needles[0]}:{self.needles[1]}: a set of values has at least 1; give 2:3"
            )
        return self


class MultiQuery(Section):
    """Needles with different keys in one video, and so many questions about it, each its own item."""

    needles: Annotated[int, Field(ge=2, le=26)] = 4
    questions: Annotated[int, Field(ge=2, le=26)] = 3
    spread: Spread = "band"

    @model_validator(mode="after")
    def _agree(self) -> "MultiQuery":
        if self.questions > self.needles:
            raise ValueError(
                f"questions is {self.questions} and needles {self.needles}: each asks about another needle"
            )
        return self


class Counting(Section):
    """How often something appears, from 0 to `most`, in at most `frames` frames, beside `others` of other kinds."""

    most: Annotated[int, Field(ge=3, le=1000)] = 6
    frames: Annotated[int, Field(ge=1, le=100)] = 4
    others: NonNegativeInt = 2
    spread: Spread = "band"


class Ordering(Section):
    """The order of needles with different keys; `only` adds options that name but one of them."""

    needles: Counts = (3, 4)
    ask: Annotated[
        tuple[Literal["order", "first", "last", "before", "after"], ...],
        BeforeValidator(names),
        AfterValidator(distinct),
        Field(min_length=1),
    ] = ("order", "first", "last", "before", "after")
    only: bool = False
    spread: Spread = "band"


class Localization(Section):
    """When a needle appears: options are time spans; an open answer in seconds may be off by `tolerance_s`."""

    tolerance_s: Annotated[Exact, Field(ge=0)] = Fraction(5)


class Chain(Section):
    """Frames of which each names the next; `hops` are read until the last value, `branches` lead elsewhere."""

    hops: Annotated[int, Field(ge=2, le=20)] = 3
    branches: NonNegativeInt = 1
    spread: Spread = "band"


class Absent(Section):
    """A question about one needle among `others`; in one of n items (n options) it is not there."""

    others: NonNegativeInt = 2
    spread: Spread = "band"


class Stack(Section):
    """Text and videos in turns: `lengths` of the whole context in tokens of a `tokenizer` file, or in words.

    A frame of video counts as `frame_cost`, a whole video as at most `video_cost`. `noise` is `draw`, `template`, or a
    text file. `questions` is a list of ready questions about films in the folder `videos`; without one, the question
    is about a needle in one of `per_context` videos.
    """

    lengths: Lengths = (2000,)
    tokenizer: str | None = None
    frame_cost: NonNegativeInt = 0
    video_cost: PositiveInt = 32768
    noise: str = "draw"
    per_context: Annotated[int, Field(ge=1, le=26)] = 2
    questions: str | None = None
    videos: str | None = None


class Families(Section):
    """What each family needs to know beyond grid, placement and choices."""

    multi_key: MultiKey = MultiKey()
    multi_value: MultiValue = MultiValue()
    multi_query: MultiQuery = MultiQuery()
    counting: Counting = Counting()
    ordering: Ordering = Ordering()
    localization: Localization = Localization()
    chain: Chain = Chain()
    absent: Absent = Absent()
    stack: Stack = Stack()

    def spread_of(self, task: str) -> Literal["one", "band", "even", "at"]:
        """How a family's needles share a clip: in a band, over all of it, or, as there is but one, at the depth."""
        spread: Spread | None = getattr(getattr(self, task, None), "spread", None)
        return spread or "one"


class Choices(Section):
    """How questions are answered.

    `form`: options to choose from, open answers, or both about one video. `count` options, unless the pack lists its
    own. `absent` adds "not in the video", which is right in one of `count` items. `circular` asks every question once
    for each rotation of its options, about one video.
    """

    form: Literal["options", "open", "both"] = "options"
    count: Annotated[int, Field(ge=2, le=26)] = 4
    absent: bool = False
    circular: bool = False

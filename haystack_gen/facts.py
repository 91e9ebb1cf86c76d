"""The records that gathering writes down and planning reads.

All are frozen, keyword-only and checked when built, so that an invalid one cannot exist. Times are exact: frames
are integers on a constant-rate grid, intervals are half-open, rates and seconds are fractions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from haystack_gen.errors import InputError

SourceKind = Literal["video", "image"]
Role = Literal["haystack", "needle", "distractor"]
Wording = Mapping[str, Mapping[str, tuple[str, ...]]]


MOST_OPTIONS = 26
BLANK = "blank"
"""The id of the plain grey picture that stands in for a needle in `blanked` twins."""
_ID = re.compile(r"[a-z0-9_-]{1,160}")


def check_id(name: str, what: str) -> None:
    """Refuse an id that could not be a file name by itself: ids come from files of others and are made into paths.

    Raises:
        InputError: other characters than a to z, 0 to 9, `_` and `-`, or more than 160.
    """
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise InputError(f"{what} id {name!r} cannot be a file name; use up to 160 of a-z, 0-9, - and _")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One piece of media that exists: a film, an image file, or the still shown at one instant of a film.

    `id` is unique in a catalogue and safe as a file name. `path` is where the file lies on this machine; it is never
    written into a dataset. `at_s` is set for a still taken from a film: the frame shown at that presentation time.
    `duration_s` and `frames` are 0 and 1 for images. `width` and `height` are as displayed, after rotation.
    """

    id: str
    kind: SourceKind
    path: str
    sha256: str
    size_bytes: int
    width: int
    height: int
    frames: int = 1
    rate: Fraction = Fraction(0)
    duration_s: Fraction = Fraction(0)
    at_s: Fraction | None = None
    license: str = "unknown"
    origin: str = ""

    def __post_init__(self) -> None:
        check_id(self.id, "source")
        _require(
            self.width > 0 and self.height > 0, f"{self.id}: picture is {self.width} x {self.height}, expected positive"
        )
        if self.kind == "video":
            _require(self.frames > 0, f"{self.id}: a video needs at least one frame, got {self.frames = }")
            _require(self.duration_s > 0, f"{self.id}: a video needs a duration, got {self.duration_s = }")

    @property
    def is_still(self) -> bool:
        """Whether the source shows one picture however long it stays."""
        return self.kind == "image" or self.at_s is not None


def sampled_length(duration_s: Fraction, rate: Fraction) -> int:
    """How many frames sampling at `rate` finds in a film: the number of k >= 0 with k / rate < duration_s."""
    return -(-duration_s * rate // 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """An image supplied with a needle as its distractor; `lure` is the wrong option it shows, or empty."""

    source: str
    lure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One picture and the fact asked about it.

    `source` is the id of the picture in the catalogue. `key` names what to look for ("the zoo shop"), `attribute` what
    is asked about it ("animal outside"), `value` the fact ("tiger"), `count` how many of the key the picture shows.
    A needle with key, attribute and value needs no `question` of its own: each family words one. `options` is empty for
    a word answer, or where the values of other needles become options; otherwise `answer` is one of them.
    `distractors` came with the pack, in the pack's order.
    """

    id: str
    source: str
    question: str
    answer: str
    options: tuple[str, ...] = ()
    key: str = ""
    value: str = ""
    attribute: str = ""
    instruction: str = ""
    count: int = 1
    distractors: tuple[Lookalike, ...] = ()

    def __post_init__(self) -> None:
        check_id(self.id, "needle")
        check_id(self.source, "source")
        _require(
            len(self.options) <= MOST_OPTIONS,
            f"needle {self.id}: has {len(self.options)} options, at most {MOST_OPTIONS} have a letter; leave some out",
        )
        _require(
            bool(self.question.strip()) or self.is_fact,
            f"needle {self.id}: the question is empty; give one, or key, attribute and value",
        )
        _require(1 <= self.count <= 1000, f"needle {self.id}: shows {self.count} of its key, expected 1 to 1000")
        _require(bool(self.answer.strip()), f"needle {self.id}: the answer is empty; every needle has one")
        _require(
            not self.options or self.answer in self.options,
            f"needle {self.id}: answer {self.answer!r} is not among its options {list(self.options)}; correct either",
        )
        _require(
            len(set(self.options)) == len(self.options),
            f"needle {self.id}: options {list(self.options)} repeat; each must be different",
        )
        _require(
            not self.is_fact or self.answer == self.value,
            f"needle {self.id}: the answer is {self.answer!r} and the value {self.value!r}; write them alike, or leave "
            "the answer out",
        )

    @property
    def is_fact(self) -> bool:
        """Whether key, attribute and value are all said, so that any family can ask about the needle."""
        return bool(self.key.strip() and self.attribute.strip() and self.value.strip())


ListedTask = Literal["multi_value", "counting", "ordering"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A ready question about several pictures, as V-RULER's lists have them.

    `pictures` are ids in the catalogue in the order in which they are shown; a picture may come twice, and there may be
    none. `answer` is one of `options`.
    """

    id: str
    task: ListedTask
    pictures: tuple[str, ...]
    question: str
    options: tuple[str, ...]
    answer: str
    instruction: str = ""

    def __post_init__(self) -> None:
        check_id(self.id, "listed question")
        for picture in self.pictures:
            check_id(picture, "source")
        _require(bool(self.question.strip()), f"listed question {self.id}: the question is empty")
        _require(
            self.answer in self.options and len(set(self.options)) == len(self.options),
            f"listed question {self.id}: answer {self.answer!r} must be one of different options {list(self.options)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoQuestion:
    """A ready question about a whole film, such as LongVideoBench's; `source` is the film's id in the catalogue."""

    id: str
    source: str
    question: str
    options: tuple[str, ...]
    answer: str

    def __post_init__(self) -> None:
        check_id(self.id, "video question")
        check_id(self.source, "source")
        _require(bool(self.question.strip()), f"video question {self.id}: the question is empty")
        _require(bool(self.answer.strip()), f"video question {self.id}: the answer is empty")
        _require(
            not self.options or (self.answer in self.options and len(set(self.options)) == len(self.options)),
            f"video question {self.id}: answer {self.answer!r} must be one of different options {list(self.options)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Sentences that fill a stack's context, in order, and what each costs in `unit`, with the space before it.

    `unit` is `words`, or the name of the tokenizer that counted. A context takes consecutive sentences; where they run
    out it begins again, unless there is but one, which repeats.
    """

    sentences: tuple[str, ...]
    costs: tuple[int, ...]
    unit: str

    def __post_init__(self) -> None:
        _require(bool(self.sentences), "noise has no sentences; give a text with at least one")
        _require(
            len(self.sentences) == len(self.costs) and all(cost > 0 for cost in self.costs),
            "every sentence of the noise costs at least one unit",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A picture that looks like a needle: supplied with it, drawn for it, or mined from a pool.

    `source` is the id of a still in the catalogue. `similarity` is the cosine in the space of `embedder`, rounded to
    four decimals; None when it was not measured. `lure` is the wrong option the picture shows, or empty.
    """

    needle: str
    source: str
    similarity: float | None = None
    embedder: str = ""
    lure: str = ""
    origin: Literal["supplied", "mined"] = "mined"

    def __post_init__(self) -> None:
        check_id(self.source, "source")
        _require(
            self.similarity is None or -1.0001 <= self.similarity <= 1.0001,
            f"match {self.needle} ~ {self.source}: similarity {self.similarity} is not a cosine in [-1, 1]",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A haystack frame that could be taken for a needle: found by the uniqueness search before planning.

    `frame` counts on the haystack's sampling grid, from the start of `source`.
    """

    needle: str
    source: str
    frame: int
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The frames that a sampler shows of every clip of `length` frames, sorted.

    On other processors they may be up to `tolerance` off. `refusal` is why its library takes no such clip; then there
    are no frames.
    """

    sampler: str
    length: int
    frames: tuple[int, ...]
    tolerance: int = 0
    refusal: str = ""

    def __post_init__(self) -> None:
        rising = all(earlier < later for earlier, later in pairwise(self.frames))
        _require(
            rising and self.tolerance >= 0 and all(0 <= frame < self.length for frame in self.frames),
            f"{self.sampler}: frames of a clip of {self.length} must be sorted, different and within it",
        )
        _require(bool(self.frames) != bool(self.refusal), f"{self.sampler}: shows frames, or says why it shows none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the planner knows of the world.

    `sampled` is of the samplers to which needles are to be visible, for each length of the grid. `needle_films` are the
    films that `questions` are about. `wording` has, for each family, the paraphrases of each form of its question.
    """

    haystack: tuple[Source, ...]
    stills: tuple[Source, ...]
    needles: tuple[Needle, ...]
    matches: tuple[Match, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    sampled: tuple[Sampled, ...] = ()
    needle_films: tuple[Source, ...] = ()
    listed: tuple[Listed, ...] = ()
    questions: tuple[VideoQuestion, ...] = ()
    noise: Noise | None = None
    wording: Wording = field(default_factory=dict)

"""What to generate: one document, from YAML, a preset and overrides; an unknown key is an error.

Numbers that must be exact (rates, depths, phases) are fractions: `0.2`, `1/5` and `"0.2"` all mean one fifth. A grid is
a list or a range `A:B:S`: A, A + S, ... up to and including B.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainSerializer,
    PositiveInt,
    model_validator,
)

from haystack_gen.plan.rope import preset_period, rope_period


def exact(value: object) -> Fraction:
    """A fraction from `1/5`, `0.2`, `"0.2"` or `3`: decimals are taken as written, not as binary floats.

    Raises:
        ValueError: not a number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Fraction):
        raise ValueError(f"expected a number such as 0.2 or 1/5, got {value!r}")
    if len(str(value)) > 40 or "e" in str(value).lower():
        raise ValueError(f"expected a number such as 0.2 or 1/5, got {str(value)[:40]!r}")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"expected a number such as 0.2 or 1/5, got {value!r}") from None


def grid(value: object) -> list[Fraction]:
    """The numbers of `A:B:S`, of `a,b,c`, or of a list.

    Raises:
        ValueError: not a grid, a step that is not positive, or more than 100,000 numbers.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [exact(one) for one in value]
    text = str(value)
    if ":" not in text:
        return [exact(one.strip()) for one in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"expected START:STOP:STEP, got {text!r}")
    start, stop, step = map(exact, parts)
    if step <= 0 or stop < start:
        raise ValueError(f"expected START <= STOP and STEP > 0 in {text!r}")
    count = (stop - start) // step + 1
    if count > 100_000:
        raise ValueError(f"{text!r} has {count} numbers, at most 100000 are allowed")
    return [start + index * step for index in range(count)]


def _distinct(numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    """A number that comes twice would make two items of one name."""
    seen: set[Any] = set()
    for number in numbers:
        if number in seen:
            raise ValueError(f"{number} is given twice; give each once, and more items per cell with trials")
        seen.add(number)
    return numbers


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    width, times, height = value.lower().partition("x")
    if not (times and width.isdigit() and height.isdigit()):
        raise ValueError(f"expected WIDTHxHEIGHT such as 448x252, got {value!r}")
    return int(width), int(height)


def _band(value: object) -> object:
    return tuple(value.split(":")) if isinstance(value, str) else value


def _many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Exact = Annotated[Fraction, BeforeValidator(exact), PlainSerializer(str, return_type=str)]
Lengths = Annotated[tuple[PositiveInt, ...], BeforeValidator(grid), AfterValidator(_distinct), Field(min_length=1)]
Depths = Annotated[
    tuple[Annotated[Exact, Field(ge=0, le=1)], ...],
    BeforeValidator(grid),
    AfterValidator(_distinct),
    Field(min_length=1),
]
Paths = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_many)]
Even = Annotated[int, Field(ge=32, le=7680, multiple_of=2)]  # decord misreads pictures 16 pixels wide
Size = Annotated[
    tuple[Even, Even], BeforeValidator(_size), PlainSerializer(lambda size: f"{size[0]}x{size[1]}", return_type=str)
]
Cosine = Annotated[float, Field(ge=-1, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Haystack(_Section):
    """The footage: which films (and their licences by file name), how sampled, and which part of it an item shows."""

    sources: Paths = ("draw",)
    fps: Annotated[Exact, Field(gt=0, le=240)] = Fraction(1)
    size: Size = (448, 252)
    fit: Literal["letterbox", "crop", "stretch"] = "letterbox"
    sampling: Literal["exact", "keyframes"] = "exact"
    window: Literal["random", "first"] = "random"
    repeat: bool = False
    licenses: dict[str, str] = {}


class Needles(_Section):
    """The pictures asked about, how long each stays, and how its options are ordered."""

    pack: Annotated[str, Field(min_length=1)] = "draw"
    images: str | None = None
    distractor_list: str | None = None
    count: PositiveInt | None = None
    length: PositiveInt = 1
    options: Literal["balanced", "listed"] = "balanced"


class Grid(_Section):
    """Cells of length x depth; `trials: needles` is one item per needle and cell."""

    lengths: Lengths = (100,)
    depths: Depths = (Fraction(0), Fraction(1, 2), Fraction(1))
    trials: PositiveInt | Literal["needles"] = "needles"


class Placement(_Section):
    """`exact`: the clip has the requested length. `paper`: V-NIAH's arithmetic, insertion into that many frames."""

    length: Literal["exact", "paper"] = "exact"


class Rope(_Section):
    """A rotary angle whose period a distractor follows."""

    theta: float
    head_dim: int
    angle: int


class RopePeriod(_Section):
    """A period given by a position code instead of a number of frames."""

    rope: Rope | str

    @property
    def frames(self) -> int:
        """The nearest whole number of frames."""
        if isinstance(self.rope, str):
            return round(preset_period(self.rope))
        return round(rope_period(self.rope.theta, self.rope.head_dim, self.rope.angle))


def _period(value: object) -> object:
    return {"rope": value} if isinstance(value, str) and not value.isdigit() else value


class Distractors(_Section):
    """Look-alikes: where they come from and by which law they are placed around the needle."""

    origin: Literal["none", "supplied", "mined", "any"] = "none"
    law: Literal["periodic", "random", "adjacent"] = "periodic"
    period: Annotated[PositiveInt | RopePeriod, BeforeValidator(_period)] = 200
    phase: Annotated[Exact, Field(ge=0, lt=1)] = Fraction(0)
    sides: Literal["both", "before", "after"] = "both"
    count: PositiveInt | Literal["all"] = "all"
    length: PositiveInt = 1
    at_least: NonNegativeInt = 1

    @property
    def period_frames(self) -> int:
        """The period in frames, whichever way it was given."""
        return self.period if isinstance(self.period, int) else self.period.frames

    @property
    def phase_frames(self) -> int:
        """The phase in frames: the nearest whole number to phase x period, halves upwards."""
        return (self.phase * self.period_frames + Fraction(1, 2)).__floor__()


class Mining(_Section):
    """How look-alikes are searched in a pool, and how near a haystack frame may come to a needle."""

    embedder: str = "descriptor"
    pool: Paths = ()
    matches: str | None = None
    sightings: str | None = None
    band: Annotated[tuple[Cosine, Cosine], BeforeValidator(_band)] = (0.45, 0.95)
    top_k: PositiveInt = 8
    diversity: Cosine = 0.98
    sharpness: Annotated[float, Field(ge=0)] = 20.0
    uniqueness: Literal["off", "report", "drop", "move"] = "move"


class Output(_Section):
    """What is written: playable videos, frames, or only the recipe."""

    media: Literal["video", "frames", "none"] = "video"
    qp: Annotated[int, Field(ge=1, le=51)] = 20


class Spec(_Section):
    """Everything a build depends on, but for the media themselves."""

    name: str = "haystack"
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)] = 42
    haystack: Haystack = Haystack()
    needles: Needles = Needles()
    grid: Grid = Grid()
    placement: Placement = Placement()
    distractors: Distractors = Distractors()
    mining: Mining = Mining()
    output: Output = Output()

    @model_validator(mode="after")
    def _agree(self) -> "Spec":
        distractors, needle = self.distractors, self.needles.length
        if (self.mining.pool or self.mining.matches) and distractors.origin not in ("mined", "any"):
            raise ValueError(
                f"mining.pool or mining.matches is given, and distractors.origin is {distractors.origin!r}, which "
                "has no use for mined look-alikes; set distractors.origin to mined or any"
            )
        if self.placement.length == "paper" and (distractors.length, needle) != (1, 1):
            raise ValueError(
                f"placement.length is 'paper', which shows stills for one frame; needles.length is {needle} and "
                f"distractors.length {distractors.length}; use placement.length: exact for longer stays"
            )
        if self.mining.band[0] > self.mining.band[1]:
            raise ValueError(f"mining.band is {self.mining.band}, expected LOW:HIGH with LOW not above HIGH")
        if distractors.origin == "none":
            return self
        if distractors.count != "all" and distractors.count < distractors.at_least:
            raise ValueError(
                f"distractors.count is {distractors.count} and distractors.at_least {distractors.at_least}: every item "
                "would be dropped; raise the one or lower the other"
            )
        if (
            distractors.law == "periodic"
            and distractors.phase
            and not (0 < distractors.phase_frames < distractors.period_frames)
        ):
            raise ValueError(
                f"distractors.phase is {distractors.phase} of {distractors.period_frames} frames, which is in phase "
                "when rounded to whole frames; give at least half a frame, or phase 0"
            )
        if distractors.law == "periodic" and distractors.period_frames <= needle:
            raise ValueError(
                f"distractors.period is {distractors.period_frames} frames and needles.length {needle}: a distractor "
                "would cover its needle; raise the period or shorten the needle"
            )
        if distractors.law == "periodic" and distractors.period_frames < distractors.length:
            raise ValueError(
                f"distractors.period is {distractors.period_frames} frames and distractors.length "
                f"{distractors.length}: they would overlap; raise the period or shorten the distractors"
            )
        if self.placement.length == "paper" and (distractors.law != "periodic" or distractors.phase):
            raise ValueError(
                "placement.length is 'paper', which has one distractor in phase and no other law; "
                "use placement.length: exact with distractors.law and distractors.phase"
            )
        if distractors.law == "random" and distractors.count == "all":
            raise ValueError(
                "distractors.law is 'random' and distractors.count 'all'; give a number as distractors.count"
            )
        return self

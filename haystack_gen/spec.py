"""What to generate: one document, from YAML, a preset and overrides; an unknown key is an error."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt, model_validator

from haystack_gen.families import LISTABLE, Choices, Control, Families, Task
from haystack_gen.notation import (
    Cosine,
    Cosines,
    Depths,
    Exact,
    Length,
    Lengths,
    Paths,
    Section,
    Size,
    distinct,
    listed,
    many,
    names,
)
from haystack_gen.plan.rope import preset_period, rope_period


class Haystack(Section):
    """The footage: which films (and their licences by file name), how sampled, and which part of it an item shows."""

    sources: Paths = ("draw",)
    fps: Annotated[Exact, Field(gt=0, le=240)] = Fraction(1)
    size: Size = (448, 252)
    fit: Literal["letterbox", "crop", "stretch"] = "letterbox"
    sampling: Literal["exact", "keyframes"] = "exact"
    window: Literal["random", "first"] = "random"
    repeat: bool = False
    licenses: dict[str, str] = Field(default_factory=dict)


class Needles(Section):
    """The pictures asked about, how long each stays, and how its options are ordered."""

    pack: Annotated[str, Field(min_length=1)] = "draw"
    images: str | None = None
    distractor_list: str | None = None
    lists: dict[Literal["multi_value", "counting", "ordering"], str] = Field(default_factory=dict)
    count: PositiveInt | None = None
    length: Length = 1
    options: Literal["balanced", "listed"] = "balanced"


class Grid(Section):
    """Cells of length x depth; `trials: needles` is one item per needle and cell."""

    lengths: Lengths = (100,)
    depths: Depths = (Fraction(0), Fraction(1, 2), Fraction(1))
    trials: PositiveInt | Literal["needles"] = "needles"


class Placement(Section):
    """Where needles go.

    `exact`: the clip has the requested length. `paper`: upstream's arithmetic, insertion into that many frames. Needles
    that share a clip lie at random in a `band` of it whose place is the cell's depth, at least `gap` frames apart;
    families may spread theirs evenly or at the depths `at` instead. Needles are moved, and if need be made to stay
    longer, until each sampler of `visible_to` shows all of an item.
    """

    length: Literal["exact", "paper"] = "exact"
    band: Annotated[Exact, Field(gt=0, le=1)] = Fraction(1, 5)
    gap: NonNegativeInt = 1
    at: Annotated[tuple[Annotated[Exact, Field(ge=0, le=1)], ...], BeforeValidator(listed)] = ()
    visible_to: Annotated[tuple[str, ...], BeforeValidator(many), AfterValidator(distinct)] = ()


class Rope(Section):
    """A rotary angle whose period a distractor follows."""

    theta: float
    head_dim: int
    angle: int


class RopePeriod(Section):
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


class Distractors(Section):
    """Look-alikes: where they come from and by which law they are placed around the needle."""

    origin: Literal["none", "supplied", "mined", "any"] = "none"
    law: Literal["periodic", "random", "adjacent"] = "periodic"
    period: Annotated[PositiveInt | RopePeriod, BeforeValidator(_period)] = 200
    phase: Annotated[Exact, Field(ge=0, lt=1)] = Fraction(0)
    sides: Literal["both", "before", "after"] = "both"
    count: Annotated[int, Field(gt=0, le=10_000)] | Literal["all"] = "all"
    length: Length = 1
    at_least: NonNegativeInt = 1

    @property
    def period_frames(self) -> int:
        """The period in frames, whichever way it was given."""
        return self.period if isinstance(self.period, int) else self.period.frames

    @property
    def phase_frames(self) -> int:
        """The phase in frames: the nearest whole number to phase x period, halves upwards."""
        return (self.phase * self.period_frames + Fraction(1, 2)).__floor__() if self.phase else 0

    @property
    def anti_phase(self) -> "Distractors":
        """The same law half a period further."""
        return self.model_copy(update={"phase": (self.phase + Fraction(1, 2)) % 1})


class Mining(Section):
    """How look-alikes are searched in a pool, and how near a haystack frame may come to a needle."""

    embedder: str = "descriptor"
    pool: Paths = ()
    matches: str | None = None
    sightings: str | None = None
    band: Cosines = (0.45, 0.95)
    top_k: PositiveInt = 8
    diversity: Cosine = 0.98
    sharpness: Annotated[float, Field(ge=0)] = 20.0
    uniqueness: Literal["off", "report", "drop", "move"] = "move"


class Output(Section):
    """What is written: playable videos, frames, or only the recipe."""

    media: Literal["video", "frames", "none"] = "video"
    qp: Annotated[int, Field(ge=1, le=51)] = 20


class Spec(Section):
    """Everything a build depends on, but for the media themselves."""

    name: str = "haystack"
    tasks: Annotated[tuple[Task, ...], BeforeValidator(names), AfterValidator(distinct), Field(min_length=1)] = (
        "retrieval",
    )
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)] = 42
    haystack: Haystack = Haystack()
    needles: Needles = Needles()
    grid: Grid = Grid()
    placement: Placement = Placement()
    distractors: Distractors = Distractors()
    mining: Mining = Mining()
    output: Output = Output()
    families: Families = Families()
    choices: Choices = Choices()
    controls: Annotated[tuple[Control, ...], BeforeValidator(names), AfterValidator(distinct)] = ()

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

    @model_validator(mode="after")
    def _families_agree(self) -> "Spec":
        """Tasks and controls, with placement, choices, look-alikes and grid."""
        distractors = self.distractors
        if self.placement.length == "paper" and (self.controls or self.choices.absent):
            raise ValueError("placement.length is 'paper', which has no controls and no absent needles; use exact")
        if self.placement.length == "paper" and self.placement.visible_to:
            raise ValueError("placement.length is 'paper', whose needles lie where upstream has them; use exact")
        if self.placement.length == "paper" and (unpublished := {"localization", "absent"} & set(self.tasks)):
            raise ValueError(
                f"placement.length is 'paper', and tasks has {min(unpublished)}, which was never published; use exact"
            )
        if (blind := {"haystack_only", "blanked"} & set(self.controls)) and not self.choices.absent:
            raise ValueError(
                f"controls has {min(blind)}, which takes the needle away, and choices.absent is false: the right "
                "answer would not be among the options; set choices.absent to true"
            )
        if "anti_phase" in self.controls and (distractors.origin == "none" or distractors.law != "periodic"):
            raise ValueError(
                "controls has anti_phase, which needs look-alikes at a period; set distractors.origin and law: periodic"
            )
        if self.grid.trials == "needles" and (others := set(self.tasks) - LISTABLE - set(self.needles.lists)):
            raise ValueError(
                f"grid.trials is 'needles', which {min(others)} has no use for; give a number of items per cell"
            )
        return self

"""One item of a benchmark, and the walk over the grid that plans them all.

An item is a function of (spec, facts, seed, cell): its streams are named by task, length, depth and trial, so that it
does not depend on order, on workers, or on which other items there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from haystack_gen.errors import InputError
from haystack_gen.facts import Facts, Match, Needle
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Footage, Timeline, need_frames
from haystack_gen.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNeedle:
    """A needle where it was put: timeline frames [start, start + length); `depth` is the realised one."""

    needle: str
    source: str
    start: int
    length: int
    depth: Fraction


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
class Item:
    """One question about one video, with everything that was decided about it.

    `answer` is a letter when there are options, otherwise the word itself. `side` is where upstream's arithmetic put
    its distractor (`before`, `after`, `none`), empty under other laws. `repeats` counts how often the footage began
    again. `group` names the items that share everything but a control.
    """

    id: str
    task: str
    question: str
    options: tuple[str, ...]
    instruction: str
    answer: str
    answer_text: str
    timeline: Timeline
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of the grid: a length, a depth and a trial; `diagonal` is row + column."""

    task: str
    length: int
    depth: Fraction
    trial: int
    diagonal: int

    def stream(self, seed: int) -> Stream:
        """The stream all draws of this cell descend from."""
        return Stream(seed, self.task, "length", self.length, "depth", self.depth, "trial", self.trial)

    def item_id(self, needle: str) -> str:
        """A name that is unique in the dataset and safe as a file name, such as `retrieval-300-d1_5-t0-zoo`."""
        depth = str(self.depth).replace("/", "_")
        return f"{self.task}-{self.length}-d{depth}-t{self.trial}-{needle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Spec and facts, indexed the way planning asks for them."""

    spec: Spec
    needles: tuple[Needle, ...]
    footage: Footage
    matches: dict[str, tuple[Match, ...]]
    sightings: dict[str, dict[str, tuple[int, ...]]]

    @classmethod
    def of(cls, spec: Spec, facts: Facts) -> "Setting":
        """Index the facts.

        Raises:
            InputError: no needles, or too little footage for the longest clip.
        """
        if not facts.needles:
            raise InputError(f"{spec.needles.pack}: the pack holds no needles, expected at least one")
        footage = Footage.of(facts.haystack, spec.haystack.fps)
        need_frames(footage.length, max(spec.grid.lengths), rate=spec.haystack.fps, repeat=spec.haystack.repeat)
        wanted = spec.distractors.origin
        options = {needle.id: set(needle.options) - {needle.answer} for needle in facts.needles}
        matches: dict[str, list[Match]] = {needle.id: [] for needle in facts.needles}
        for match in facts.matches:
            if match.needle in matches and wanted in ("any", match.origin):
                _check_lure(match, options[match.needle])
                matches[match.needle].append(match)
        sightings: dict[str, dict[str, list[int]]] = {}
        for sighting in facts.sightings:
            sightings.setdefault(sighting.needle, {}).setdefault(sighting.source, []).append(sighting.frame)
        return cls(
            spec=spec,
            needles=facts.needles,
            footage=footage,
            matches={needle: tuple(sorted(found, key=_nearest_first)) for needle, found in matches.items()},
            sightings={
                needle: {source: tuple(sorted(frames)) for source, frames in found.items()}
                for needle, found in sightings.items()
            },
        )


def cells(spec: Spec, *, task: str, needles: int) -> Iterator[Cell]:
    """Every cell and trial of the grid: lengths, then depths, then trials."""
    trials = needles if spec.grid.trials == "needles" else spec.grid.trials
    for row, length in enumerate(spec.grid.lengths):
        for column, depth in enumerate(spec.grid.depths):
            for trial in range(trials):
                yield Cell(task=task, length=length, depth=depth, trial=trial, diagonal=row + column)


def plan_items(spec: Spec, facts: Facts) -> Iterator[Item | Drop]:
    """Plan the whole grid, one item at a time: planned = emitted + dropped.

    Raises:
        InputError: the facts cannot serve the spec at all.
    """
    from haystack_gen.plan.tasks.retrieval import plan_retrieval  # tasks build Items

    setting = Setting.of(spec, facts)
    for cell in cells(spec, task="retrieval", needles=len(setting.needles)):
        yield plan_retrieval(setting, cell)


def _check_lure(match: Match, wrong: set[str]) -> None:
    if match.lure and wrong and match.lure not in wrong:
        raise InputError(
            f"look-alike {match.source} of needle {match.needle} states the lure {match.lure!r}, which is none of the "
            f"wrong options {sorted(wrong)}; correct it or leave it empty"
        )


def _nearest_first(match: Match) -> tuple[float, str]:
    return (-(match.similarity if match.similarity is not None else 2.0), match.source)

"""Spec and facts, indexed the way planning asks for them, and the cells of the grid.

An item is a function of (spec, facts, seed, cell): its streams are named by task, length, depth and trial, so that it
does not depend on order, on workers, or on which other items there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from haystack_gen.errors import InputError
from haystack_gen.facts import Facts, Listed, Match, Needle, Sampled, VideoQuestion
from haystack_gen.plan.choices import ABSENT, letter_place
from haystack_gen.plan.items import NO_DEPTH, Drop
from haystack_gen.plan.pools import Pools
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Footage, need_frames
from haystack_gen.plan.visible import Sight
from haystack_gen.spec import Spec

MOST_CELLS = 10_000_000
"""Of a family, each planned in a fraction of a millisecond: what is more was hardly meant."""

Asked = TypeVar("Asked", Needle, Listed, VideoQuestion)


class Obstacle(Exception):
    """Why an item cannot be had; planning turns it into a drop."""

    def __init__(self, reason: str, *, needle: str = "") -> None:
        """Say the reason, and the needle if it is about one."""
        super().__init__(reason)
        self.reason, self.needle = reason, needle


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of the grid: a length, a depth and a trial; `diagonal` is row + column.

    `depth` is None for needles that are spread over all of the clip. `context` is the length of a stack.
    """

    task: str
    length: int
    depth: Fraction | None
    trial: int
    diagonal: int
    context: int = 0

    @property
    def requested_depth(self) -> Fraction:
        """The depth, or -1 where there is none."""
        return NO_DEPTH if self.depth is None else self.depth

    def stream(self, seed: int) -> Stream:
        """The stream all draws of this cell descend from."""
        context = ("context", self.context) if self.context else ()
        return Stream(
            seed, self.task, "length", self.length, "depth", self.requested_depth, "trial", self.trial, *context
        )

    def item_id(self, needle: str = "") -> str:
        """A name that is unique in the dataset and safe as a file name, such as `retrieval-300-d1_5-t0-zoo`."""
        depth = "all" if self.depth is None else f"d{self.depth}".replace("/", "_")
        task = f"{self.task}-c{self.context}" if self.context else self.task
        return f"{task}-{self.length}-{depth}-t{self.trial}" + (f"-{needle[:60]}" if needle else "")

    def drop(self, obstacle: Obstacle, *, suffix: str = "") -> Drop:
        """The record of an item that could not be had."""
        return Drop(
            id=self.item_id(obstacle.needle) + suffix,
            task=self.task,
            requested_length=self.length,
            requested_depth=self.requested_depth,
            trial=self.trial,
            needle=obstacle.needle,
            reason=obstacle.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Spec and facts, indexed the way planning asks for them.

    `sights` has what the samplers of `placement.visible_to` show of clips of each length; nothing if there are none.
    """

    spec: Spec
    facts: Facts
    pools: Pools
    footage: Footage
    matches: Mapping[str, tuple[Match, ...]]
    sightings: Mapping[str, Mapping[str, tuple[int, ...]]]
    sights: Mapping[int, Sight]

    @classmethod
    def of(cls, spec: Spec, facts: Facts) -> "Setting":
        """Index the facts.

        Raises:
            InputError: no needles, too little footage for the longest clip, or look-alikes that contradict the needles.
        """
        if not (facts.needles or facts.listed or facts.questions):
            raise InputError(f"{spec.needles.pack}: the pack holds no needles, expected at least one")
        for needle in facts.needles:
            if ABSENT in {option.casefold() for option in needle.options}:
                raise InputError(
                    f"needle {needle.id} has an option {ABSENT!r} of its own; leave it out and set choices.absent"
                )
        footage = Footage.of(facts.haystack, spec.haystack.fps)
        need_frames(footage.length, max(spec.grid.lengths), rate=spec.haystack.fps, repeat=spec.haystack.repeat)
        return cls(
            spec=spec,
            facts=facts,
            pools=Pools(facts.needles),
            footage=footage,
            matches=_matches(spec, facts),
            sightings=_sightings(facts),
            sights=_sights(spec, facts),
        )

    @property
    def needles(self) -> tuple[Needle, ...]:
        """The pack's needles, in its order."""
        return self.facts.needles

    def of_turn(self, cell: Cell, pool: Sequence[Asked]) -> Asked:
        """What the trial asks about: each of the pool once before any comes again."""
        turn, place = divmod(cell.trial, len(pool))
        if self.spec.grid.trials == "needles":
            return pool[place]
        turns = self.stream(cell.task, "needles", cell.length, cell.requested_depth, cell.context, turn)
        return pool[turns.order(len(pool))[place]]

    def hides(self, cell: Cell, *, options: int, turn: int = -1) -> bool:
        """Whether the needle is left out, so that "not in the video" is right: once in `options` turns of a cell.

        A turn is the cell's trial, unless a trial asks several questions. Every cell has an order of its own: one that
        cells shared, as they share that of the letters, would let the letter tell.
        """
        stream = self.stream(cell.task, "absent", cell.length, cell.requested_depth, cell.context)
        return letter_place(stream, options=options, trial=cell.trial if turn < 0 else turn, diagonal=0) == 0

    def stream(self, *names: str | int | Fraction) -> Stream:
        """A stream of the seed that no cell has to itself."""
        return Stream(self.spec.seed, *names)


def cells(setting: Setting, task: str) -> Iterator[Cell]:
    """Every cell and trial of a family: lengths, then depths, then trials.

    Raises:
        InputError: there are more than `MOST_CELLS`.
    """
    spec = setting.spec
    contexts = spec.families.stack.lengths if task == "stack" else (0,)
    depths = spec.grid.depths if spec.families.spread_of(task) in ("one", "band") else (None,)
    count = len(contexts) * len(spec.grid.lengths) * len(depths) * _trials(setting, task)
    if count > MOST_CELLS:
        raise InputError(
            f"{task}: lengths x depths x trials are {count:,}, expected at most {MOST_CELLS:,}; shorten the grid, or "
            "build several datasets with seeds of their own"
        )
    for stack, context in enumerate(contexts):
        for row, length in enumerate(spec.grid.lengths):
            for column, depth in enumerate(depths):
                for trial in range(_trials(setting, task)):
                    diagonal = row + column + stack
                    yield Cell(task=task, length=length, depth=depth, trial=trial, diagonal=diagonal, context=context)


def _trials(setting: Setting, task: str) -> int:
    trials, facts = setting.spec.grid.trials, setting.facts
    if trials != "needles":
        return trials
    listed = sum(1 for question in facts.listed if question.task == task)
    return listed or len(facts.needles)


def _matches(spec: Spec, facts: Facts) -> dict[str, tuple[Match, ...]]:
    """The look-alikes of each needle that the spec wants, the most alike first."""
    wanted = spec.distractors.origin
    options = {needle.id: set(needle.options) - {needle.answer} for needle in facts.needles}
    found: dict[str, list[Match]] = {needle.id: [] for needle in facts.needles}
    for match in facts.matches:
        if match.needle in found and wanted in ("any", match.origin):
            _check_lure(match, options[match.needle])
            found[match.needle].append(match)
    return {needle: tuple(sorted(matches, key=_nearest_first)) for needle, matches in found.items()}


def _sightings(facts: Facts) -> dict[str, dict[str, tuple[int, ...]]]:
    """Frames that look like a needle: by needle and film, sorted."""
    seen: dict[str, dict[str, list[int]]] = {}
    for sighting in facts.sightings:
        seen.setdefault(sighting.needle, {}).setdefault(sighting.source, []).append(sighting.frame)
    return {
        needle: {source: tuple(sorted(frames)) for source, frames in found.items()} for needle, found in seen.items()
    }


def _sights(spec: Spec, facts: Facts) -> dict[int, Sight]:
    """By length of the clip; nothing if needles are to be visible to none."""
    if not spec.placement.visible_to:
        return {}
    found: dict[int, list[Sampled]] = {length: [] for length in spec.grid.lengths}
    for sampled in facts.sampled:
        found.setdefault(sampled.length, []).append(sampled)
    if missing := [length for length, some in found.items() if len(some) != len(spec.placement.visible_to)]:
        raise InputError(
            f"placement.visible_to has {len(spec.placement.visible_to)} samplers, and of {len(found[missing[0]])} it "
            f"is known what they show of clips of {missing[0]} frames (sampled.jsonl); build the dataset again"
        )
    return {length: Sight(some) for length, some in found.items()}


def _check_lure(match: Match, wrong: set[str]) -> None:
    if match.lure and wrong and match.lure not in wrong:
        raise InputError(
            f"look-alike {match.source} of needle {match.needle} states the lure {match.lure!r}, which is none of the "
            f"wrong options {sorted(wrong)}; correct it or leave it empty"
        )


def _nearest_first(match: Match) -> tuple[float, str]:
    return (-(match.similarity if match.similarity is not None else 2.0), match.source)

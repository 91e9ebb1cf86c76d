"""The walk over the grid: every cell of every family, its items and their twins, one at a time.

planned = emitted + dropped: what cannot be had becomes a drop with its reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from haystack_gen.facts import Facts
from haystack_gen.plan.asking import items_of
from haystack_gen.plan.controls import twin
from haystack_gen.plan.draws import Draw
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.setting import Cell, Obstacle, Setting, cells
from haystack_gen.plan.staging import stage, timeline
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.absent import Absent
from haystack_gen.plan.tasks.chain import Chain
from haystack_gen.plan.tasks.counting import Counting
from haystack_gen.plan.tasks.films import FilmQuestions
from haystack_gen.plan.tasks.listed import ListedQuestions
from haystack_gen.plan.tasks.localization import Localization
from haystack_gen.plan.tasks.multi_key import MultiKey
from haystack_gen.plan.tasks.multi_query import MultiQuery
from haystack_gen.plan.tasks.multi_value import MultiValue
from haystack_gen.plan.tasks.ordering import Ordering
from haystack_gen.plan.tasks.retrieval import Retrieval
from haystack_gen.plan.tasks.stack import Stack
from haystack_gen.plan.timeline import Timeline
from haystack_gen.spec import Spec


class Family(Protocol):
    """What a question family is: made once per plan, asked once per cell."""

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """Choose needles and question for a cell, or raise an `Obstacle`."""


_FAMILIES: dict[str, Callable[[Setting], Family]] = {
    "retrieval": Retrieval,
    "multi_key": MultiKey,
    "multi_value": MultiValue,
    "multi_query": MultiQuery,
    "counting": Counting,
    "ordering": Ordering,
    "localization": Localization,
    "chain": Chain,
    "absent": Absent,
}


def plan_items(spec: Spec, facts: Facts) -> Iterator[Item | Drop]:
    """Plan the whole grid of every family, one item at a time.

    Raises:
        InputError: the facts cannot serve the spec at all.
    """
    setting = Setting.of(spec, facts)
    listed = {question.task for question in facts.listed}
    for task in spec.tasks:
        if task == "stack":
            yield from _plan_stacks(setting)
            continue
        family = ListedQuestions(setting, task) if task in listed else _FAMILIES[task](setting)
        for cell in cells(setting, task):
            yield from _shared(plan_cell(setting, family, cell))


def _plan_stacks(setting: Setting) -> Iterator[Item | Drop]:
    stack = Stack(setting)
    films = FilmQuestions(setting) if setting.facts.questions else None
    for cell in cells(setting, "stack"):
        planned = films.plan(cell) if films else plan_cell(setting, stack, cell)
        yield from stack.around(cell, _shared(planned))


def plan_cell(setting: Setting, family: Family, cell: Cell) -> Iterator[Item | Drop]:
    """The items of a cell and their twins, or why there are none."""
    stream = cell.stream(setting.spec.seed)
    try:
        draw = family.draw(cell, stream)
        cut = stage(setting, cell, draw, stream)
    except Obstacle as obstacle:
        yield cell.drop(obstacle)
        return
    video = (draw, cut, timeline(setting, cut))
    yield from items_of(setting, cell, *video)
    for control in setting.spec.controls:
        try:
            yield from items_of(setting, cell, *twin(setting, cell, video, control), control=control)
        except Obstacle as obstacle:
            yield cell.drop(Obstacle(f"{control}: {obstacle.reason}", needle=obstacle.needle), suffix=f"-{control}")


def _shared(planned: Iterator[Item | Drop]) -> Iterator[Item | Drop]:
    """Items of one cell that show the same clips share the video of the first."""
    seen: dict[Timeline, str] = {}
    first: Item | None = None
    for one in planned:
        if isinstance(one, Item) and first is not None:
            seen.setdefault(first.timeline, first.video)
            video = seen.setdefault(one.timeline, one.video)
            yield one if one.video == video else replace(one, video=video)
        else:
            first = one if isinstance(one, Item) else first  # alone in its cell, as most are, it needs no look-up
            yield one

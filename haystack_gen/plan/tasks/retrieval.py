"""Retrieval: one needle, one question; with look-alikes around it, V-NIAH-D."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from haystack_gen.facts import Needle
from haystack_gen.plan.choices import LETTERS, arrange, letter_place
from haystack_gen.plan.distractors import Span, paper_positions, positions
from haystack_gen.plan.items import Cell, Drop, Item, PlacedDistractor, PlacedNeedle, Setting
from haystack_gen.plan.placement import needle_start, paper_start, realised_depth
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Insert, Timeline, overlay, splice_in

WINDOW_TRIES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where needle and look-alikes start in the finished clip."""

    needle: int
    distractors: Sequence[int]
    side: str = ""
    paper: bool = False


def plan_retrieval(setting: Setting, cell: Cell) -> Item | Drop:
    """The item of one cell and trial, or why there is none."""
    stream = cell.stream(setting.spec.seed)
    needle = _needle(setting, cell)
    layout = _layout(setting, cell, stream)
    obstacle = _obstacle(setting, cell, needle, layout)
    window = None if obstacle else _clear_window(setting, cell, needle, stream)
    if window is None:
        clash = f"every window tried has a haystack frame that looks like needle {needle.id}"
        return _drop(cell, needle, obstacle or clash)
    distractors = _distractors(setting, needle, layout, stream)
    timeline = _timeline(setting, cell, needle, layout, distractors, window)
    options = _options(setting, cell, needle, stream)
    stay, name = setting.spec.needles.length, cell.item_id(needle.id)
    depth = realised_depth(layout.needle, length=timeline.length, needle_length=stay)
    return Item(
        id=name,
        task=cell.task,
        question=needle.question,
        options=options,
        instruction=needle.instruction,
        answer=LETTERS[options.index(needle.answer)] if options else needle.answer,
        answer_text=needle.answer,
        timeline=timeline,
        needles=(PlacedNeedle(needle=needle.id, source=needle.source, start=layout.needle, length=stay, depth=depth),),
        distractors=distractors,
        requested_length=cell.length,
        requested_depth=cell.depth,
        trial=cell.trial,
        window_start=window,
        repeats=(window + cell.length - 1) // setting.footage.length,
        side=layout.side,
        control="none",
        group=name,
    )


def _obstacle(setting: Setting, cell: Cell, needle: Needle, layout: _Layout) -> str:
    """Why needle and look-alikes cannot be placed; empty if they can."""
    law, stay = setting.spec.distractors, setting.spec.needles.length
    if law.origin != "none" and not setting.matches[needle.id]:
        return f"no look-alike of needle {needle.id} (distractors.origin: {law.origin})"
    if stay > cell.length:
        return f"the needle stays {stay} frames, the clip has {cell.length}"
    if law.origin != "none" and not layout.paper and len(layout.distractors) < law.at_least:
        return f"{len(layout.distractors)} of at least {law.at_least} distractors fit beside the needle"
    return ""


def _needle(setting: Setting, cell: Cell) -> Needle:
    """The trial's needle: each of the pack once before any comes again."""
    if setting.spec.grid.trials == "needles":
        return setting.needles[cell.trial]
    turn, place = divmod(cell.trial, len(setting.needles))
    order = Stream(setting.spec.seed, cell.task, "needles", cell.length, cell.depth, turn)
    return order.shuffled(setting.needles)[place]


def _layout(setting: Setting, cell: Cell, stream: Stream) -> _Layout:
    law, stay = setting.spec.distractors, setting.spec.needles.length
    if setting.spec.placement.length == "paper":
        query = paper_start(cell.depth, footage_length=cell.length)
        if law.origin == "none":
            return _Layout(needle=query, distractors=(), paper=True)
        plan = paper_positions(
            query, footage_length=cell.length, period=law.period_frames, stream=stream.child("distractor side")
        )
        starts = () if plan.distractor_start is None else (plan.distractor_start,)
        return _Layout(needle=plan.needle_start, distractors=starts, side=plan.side, paper=True)
    start = needle_start(cell.depth, length=cell.length, needle_length=stay)
    if law.origin == "none":
        return _Layout(needle=start, distractors=())
    needle = Span(start=start, end=start + stay)
    return _Layout(
        needle=start,
        distractors=positions(law, needle, length=cell.length, taken=(), stream=stream.child("distractor places")),
    )


def _distractors(setting: Setting, needle: Needle, layout: _Layout, stream: Stream) -> tuple[PlacedDistractor, ...]:
    """A look-alike for each place, nearest place first: all in random order before any comes again."""
    if not layout.distractors:
        return ()
    order = stream.child("distractor pictures").shuffled(setting.matches[needle.id])
    placed = (
        PlacedDistractor(
            needle=needle.id,
            source=match.source,
            start=start,
            length=setting.spec.distractors.length,
            offset=start - layout.needle,
            similarity=match.similarity,
            lure=match.lure,
        )
        for start, match in zip(layout.distractors, cycle(order), strict=False)
    )
    return tuple(sorted(placed, key=lambda distractor: distractor.start))


def _timeline(
    setting: Setting,
    cell: Cell,
    needle: Needle,
    layout: _Layout,
    distractors: Sequence[PlacedDistractor],
    window: int,
) -> Timeline:
    stay = setting.spec.needles.length
    inserts = [Insert(role="needle", source=needle.source, start=layout.needle, length=stay)]
    inserts += (Insert(role="distractor", source=one.source, start=one.start, length=one.length) for one in distractors)
    show = splice_in if layout.paper else overlay
    return show(setting.footage, start=window, length=cell.length, inserts=inserts, rate=setting.spec.haystack.fps)


def _clear_window(setting: Setting, cell: Cell, needle: Needle, stream: Stream) -> int | None:
    """Where the footage begins so that no frame of it looks like the needle.

    All of the window counts, also what needle or look-alikes will cover: a look-alike might hide a sighting in one twin
    and not in the other.
    """
    rules, seen = setting.spec.mining, setting.sightings.get(needle.id, {})
    tries = WINDOW_TRIES if rules.uniqueness == "move" and setting.spec.haystack.window == "random" else 1
    for attempt in range(tries):
        start = _window_start(setting, cell, stream.child("window", attempt))
        if rules.uniqueness in ("off", "report") or not _shows(setting, start, cell.length, seen):
            return start
    return None


def _window_start(setting: Setting, cell: Cell, stream: Stream) -> int:
    """Where the footage begins: at its first frame, or anywhere from which it lasts."""
    if setting.spec.haystack.window == "first":
        return 0
    room = setting.footage.length - cell.length + 1
    return stream.below(room if room > 0 else setting.footage.length)


def _shows(setting: Setting, start: int, length: int, seen: Mapping[str, Sequence[int]]) -> bool:
    """Whether the footage [start, start + length) has any frame of `seen` (per source, sorted)."""
    if not seen:
        return False
    for source, first, frames in setting.footage.window(start, length):
        sighted = seen.get(source, ())
        place = bisect_left(sighted, first)
        if place < len(sighted) and sighted[place] < first + frames:
            return True
    return False


def _options(setting: Setting, cell: Cell, needle: Needle, stream: Stream) -> tuple[str, ...]:
    if not needle.options or setting.spec.needles.options == "listed":
        return needle.options
    count = len(needle.options)
    letters = Stream(setting.spec.seed, cell.task, "letters", count)
    place = letter_place(letters, options=count, trial=cell.trial, diagonal=cell.diagonal)
    return arrange(needle.options, needle.answer, place=place, stream=stream.child("options"))


def _drop(cell: Cell, needle: Needle, reason: str) -> Drop:
    return Drop(
        id=cell.item_id(needle.id),
        task=cell.task,
        requested_length=cell.length,
        requested_depth=cell.depth,
        trial=cell.trial,
        needle=needle.id,
        reason=reason,
    )

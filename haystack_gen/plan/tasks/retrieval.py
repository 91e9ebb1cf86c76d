"""Retrieval: one needle, one question; with look-alikes around it, V-NIAH-D."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from haystack_gen.facts import Match, Needle
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
    matches = setting.matches[needle.id]
    layout = _layout(setting, cell, stream)
    wants_distractors = setting.spec.distractors.origin != "none"
    if wants_distractors and not matches:
        return _drop(
            cell, needle, f"no look-alike of needle {needle.id} (distractors.origin: {setting.spec.distractors.origin})"
        )
    if setting.spec.needles.length > cell.length:
        return _drop(cell, needle, f"the needle stays {setting.spec.needles.length} frames, the clip has {cell.length}")
    least = setting.spec.distractors.at_least
    if wants_distractors and not layout.paper and len(layout.distractors) < least:
        return _drop(cell, needle, f"{len(layout.distractors)} of at least {least} distractors fit beside the needle")
    inserts = _inserts(setting, needle, layout, _pictures(matches, len(layout.distractors), stream))
    found = _clear_window(setting, cell, needle, inserts, stream, paper=layout.paper)
    if found is None:
        return _drop(cell, needle, f"every window tried has a haystack frame that looks like needle {needle.id}")
    window, timeline = found
    options = _options(setting, cell, needle, stream)
    return _item(setting, cell, needle, options, layout, matches, inserts, window, timeline)


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


def _pictures(matches: Sequence[Match], count: int, stream: Stream) -> list[Match]:
    """The look-alike of each place, nearest place first: all in random order before any comes again."""
    if not count:
        return []
    order = stream.child("distractor pictures").shuffled(matches)
    return [order[place % len(order)] for place in range(count)]


def _inserts(setting: Setting, needle: Needle, layout: _Layout, pictures: Sequence[Match]) -> list[Insert]:
    """The needle first, then its look-alikes."""
    stay = setting.spec.distractors.length
    shown = Insert(role="needle", source=needle.source, start=layout.needle, length=setting.spec.needles.length)
    return [
        shown,
        *(
            Insert(role="distractor", source=match.source, start=start, length=stay)
            for start, match in zip(layout.distractors, pictures, strict=True)
        ),
    ]


def _clear_window(
    setting: Setting, cell: Cell, needle: Needle, inserts: Sequence[Insert], stream: Stream, *, paper: bool
) -> tuple[int, Timeline] | None:
    """A stretch of footage in which nothing else looks like the needle, with the timeline on it."""
    spec, footage = setting.spec, setting.footage
    build = splice_in if paper else overlay
    seen = setting.sightings.get(needle.id, {})
    tries = WINDOW_TRIES if spec.mining.uniqueness == "move" and spec.haystack.window == "random" else 1
    for attempt in range(tries):
        start = _window_start(setting, cell, stream.child("window", attempt))
        timeline = build(footage, start=start, length=cell.length, inserts=inserts, rate=spec.haystack.fps)
        if spec.mining.uniqueness in ("off", "report") or not seen:
            return start, timeline
        # Judged without look-alikes, which might cover a sighting in one twin and not in the other.
        bare = overlay(footage, start=start, length=cell.length, inserts=inserts[:0], rate=spec.haystack.fps)
        if not _shows(bare, seen):
            return start, timeline
    return None


def _window_start(setting: Setting, cell: Cell, stream: Stream) -> int:
    """Where the footage begins: at its first frame, or anywhere from which it lasts."""
    if setting.spec.haystack.window == "first":
        return 0
    room = setting.footage.length - cell.length + 1
    return stream.below(room if room > 0 else setting.footage.length)


def _shows(timeline: Timeline, seen: dict[str, tuple[int, ...]]) -> bool:
    """Whether any frame of `seen` (per source, sorted) is on show."""
    for clip in timeline.clips:
        frames = seen.get(clip.source, ()) if clip.role == "haystack" else ()
        place = bisect_left(frames, clip.source_start)
        if place < len(frames) and frames[place] < clip.source_start + clip.length:
            return True
    return False


def _item(
    setting: Setting,
    cell: Cell,
    needle: Needle,
    options: tuple[str, ...],
    layout: _Layout,
    matches: Sequence[Match],
    inserts: Sequence[Insert],
    window: int,
    timeline: Timeline,
) -> Item:
    stay, at = setting.spec.needles.length, layout.needle
    by_source = {match.source: match for match in matches}
    shown = (
        PlacedDistractor(
            needle=needle.id,
            source=insert.source,
            start=insert.start,
            length=insert.length,
            offset=insert.start - at,
            similarity=by_source[insert.source].similarity,
            lure=by_source[insert.source].lure,
        )
        for insert in inserts[1:]
    )
    name = cell.item_id(needle.id)
    depth = realised_depth(at, length=timeline.length, needle_length=stay)
    return Item(
        id=name,
        task=cell.task,
        question=needle.question,
        options=options,
        instruction=needle.instruction,
        answer=LETTERS[options.index(needle.answer)] if options else needle.answer,
        answer_text=needle.answer,
        timeline=timeline,
        needles=(PlacedNeedle(needle=needle.id, source=needle.source, start=at, length=stay, depth=depth),),
        distractors=tuple(sorted(shown, key=lambda distractor: distractor.start)),
        requested_length=cell.length,
        requested_depth=cell.depth,
        trial=cell.trial,
        window_start=window,
        repeats=(window + cell.length - 1) // setting.footage.length,
        side=layout.side,
        control="none",
        group=name,
    )


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

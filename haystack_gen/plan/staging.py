"""From what a family chose to a video: look-alikes around its needles, footage behind them, and the clips."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle

from haystack_gen.facts import Match, Needle
from haystack_gen.plan.distractors import Span, paper_positions, positions
from haystack_gen.plan.draws import Draw, Shot, Stage
from haystack_gen.plan.items import PlacedDistractor
from haystack_gen.plan.pools import bare
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Insert, Timeline, overlay, splice_in
from haystack_gen.plan.windows import clear_window, named_keys
from haystack_gen.spec import Distractors


def stage(setting: Setting, cell: Cell, draw: Draw, stream: Stream) -> Stage:
    """Look-alikes and footage for a draw; hidden needles leave, their look-alikes stay.

    Raises:
        Obstacle: no look-alikes, or no footage that is free of the needles.
    """
    hidden = {place for question in draw.questions if question.hidden for place in question.asked}
    shots = dict(enumerate(draw.shots))
    side, paper = "", setting.spec.placement.length == "paper"
    if paper and cell.task == "retrieval" and setting.spec.distractors.origin != "none":
        shots, distractors, side = _paper_distractors(setting, cell, draw, stream)
    else:
        distractors = () if paper else surround(setting, cell, draw, setting.spec.distractors, stream)
    window = clear_window(setting, cell, draw, stream)
    return Stage(
        length=cell.length,
        window=window,
        shots={number: shot for number, shot in shots.items() if number not in hidden},
        distractors=distractors,
        side=side,
    )


def surround(
    setting: Setting,
    cell: Cell,
    draw: Draw,
    law: Distractors,
    stream: Stream,
    *,
    as_many: Mapping[int, int] | None = None,
) -> tuple[PlacedDistractor, ...]:
    """Look-alikes around each shot by the law, clear of all shots and of each other, in order of appearance.

    `as_many` has how many a shot is to have, by its start, whatever the law's count.

    Raises:
        Obstacle: a needle has no look-alikes, or fewer fit than are demanded.
    """
    if law.origin == "none":
        return ()
    spans = [Span(start=shot.start, end=shot.end) for shot in draw.shots]
    taken = list(spans)
    placed: list[PlacedDistractor] = []
    for number, shot in enumerate(draw.shots):
        needle, fit = shot.needle, matches_for(setting, shot.needle, draw)
        least = 0 if draw.lenient else law.at_least
        if not fit:
            if least:
                raise Obstacle(
                    f"no look-alike of needle {needle.id} (distractors.origin: {law.origin})", needle=needle.id
                )
            continue
        places = positions(
            law,
            spans[number],
            length=cell.length,
            taken=tuple(taken),
            stream=stream.child("distractor places", number) if law.law == "random" else stream,
        )
        least = least if as_many is None else as_many.get(shot.start, 0)
        if len(places) < least:
            raise Obstacle(f"{len(places)} of at least {least} distractors fit beside the needle", needle=needle.id)
        places = places if as_many is None else places[:least]
        pictures = stream.child("distractor pictures", number)
        placed += pictured(setting, shot, places, fit, wrong=_wrong_options(draw, number), stream=pictures)
        taken += (Span(start=start, end=start + law.length) for start in places)
    return tuple(sorted(placed, key=lambda distractor: distractor.start))


def matches_for(setting: Setting, needle: Needle, draw: Draw) -> tuple[Match, ...]:
    """The look-alikes of a needle that make no other answer true, and show nothing that the item names."""
    found = setting.matches.get(needle.id, ())
    if draw.forbidden:
        found = tuple(match for match in found if bare(match.lure) not in ("", bare(draw.forbidden)))
    shows = setting.pools.shows
    if not any(match.source in shows for match in found):
        return found
    named = setting.pools.like(named_keys(setting, draw))
    return tuple(match for match in found if shows.get(match.source, frozenset()).isdisjoint(named))


def pictured(
    setting: Setting,
    shot: Shot,
    places: Sequence[int],
    matches: Sequence[Match],
    *,
    wrong: frozenset[str],
    stream: Stream,
) -> list[PlacedDistractor]:
    """A look-alike for each place, nearest place first: those that lure to an option, then the others, then again."""
    luring = [match for match in matches if match.lure in wrong]
    others = [match for match in matches if match.lure not in wrong]
    order = stream.sample(luring, min(len(luring), len(places)))
    order += stream.sample(others, min(len(others), len(places) - len(order)))
    return [
        PlacedDistractor(
            needle=shot.needle.id,
            source=match.source,
            start=start,
            length=setting.spec.distractors.length,
            offset=start - shot.start,
            similarity=match.similarity,
            lure=match.lure if match.lure in wrong else "",
        )
        for start, match in zip(places, cycle(order), strict=False)
    ]


def _wrong_options(draw: Draw, number: int) -> frozenset[str]:
    """The wrong options of the questions about a shot."""
    about = (question for question in draw.questions if number in question.asked)
    return frozenset(option for question in about for option in question.options if option != question.answer)


def _paper_distractors(
    setting: Setting, cell: Cell, draw: Draw, stream: Stream
) -> tuple[dict[int, Shot], tuple[PlacedDistractor, ...], str]:
    """Upstream's one distractor; before the needle, it pushes it on by a frame."""
    (shot,) = draw.shots
    fit = matches_for(setting, shot.needle, draw)
    if not fit:
        origin = setting.spec.distractors.origin
        raise Obstacle(
            f"no look-alike of needle {shot.needle.id} (distractors.origin: {origin})", needle=shot.needle.id
        )
    plan = paper_positions(
        shot.start,
        footage_length=cell.length,
        period=setting.spec.distractors.period_frames,
        stream=stream.child("distractor side"),
    )
    moved = replace(shot, place=shot.place._replace(start=plan.needle_start))
    starts = () if plan.distractor_start is None else (plan.distractor_start,)
    pictures = stream.child("distractor pictures", 0)
    placed = pictured(setting, moved, starts, fit, wrong=_wrong_options(draw, 0), stream=pictures)
    return {0: moved}, tuple(placed), plan.side


def timeline(setting: Setting, cut: Stage) -> Timeline:
    """The clips of a stage."""
    inserts = [
        Insert(role="needle", source=shot.needle.source, start=shot.start, length=shot.place.length)
        for shot in cut.shots.values()
    ]
    inserts += (
        Insert(role="distractor", source=one.source, start=one.start, length=one.length) for one in cut.distractors
    )
    show = splice_in if setting.spec.placement.length == "paper" else overlay
    return show(setting.footage, start=cut.window, length=cut.length, inserts=inserts, rate=setting.spec.haystack.fps)

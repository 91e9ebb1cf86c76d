"""Matched twins: an item again, with exactly one thing changed.

needle_only     only the frames that are asked about, one after the other
haystack_only   the footage alone; the right answer: not in the video
no_distractors  without look-alikes and without needles that nothing asks about
anti_phase      the look-alikes, as many and the same, at the places half a period further
shuffled        the haystack in another order, a second at a time, needles and look-alikes in their places
blanked         the asked needles' frames are blank; the right answer: not in the video
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from haystack_gen.facts import BLANK
from haystack_gen.plan.choices import ABSENT
from haystack_gen.plan.draws import Draw, Question, Shot, Stage
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.staging import surround, timeline
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Clip, Timeline

Twin = tuple[Draw, Stage, Timeline]


def twin(setting: Setting, cell: Cell, item: Twin, control: str) -> Twin:
    """The twin of a video and its questions.

    Raises:
        Obstacle: the item has nothing that this control could change.
    """
    draw, cut, clips = item
    if control == "needle_only":
        return _needle_only(setting, draw, cut)
    if control == "haystack_only":
        bare = replace(cut, shots={}, distractors=())
        return _all_missing(draw), bare, timeline(setting, bare)
    if control == "no_distractors":
        return _no_distractors(setting, draw, cut)
    if control == "anti_phase":
        return _anti_phase(setting, cell, draw, cut)
    if control == "shuffled":
        block = -(-clips.rate // 1)
        stream = cell.stream(setting.spec.seed).child("shuffled")
        mixed = shuffled_haystack(clips, block=int(block), stream=stream)
        if mixed == clips:
            raise Obstacle("the haystack is too short to change its order")
        return draw, cut, mixed
    return _blanked(draw, cut, clips)


def _asked(draw: Draw, cut: Stage) -> dict[int, Shot]:
    """The shots on show that some question is about."""
    asked = frozenset[int]().union(*(question.asked for question in draw.questions))
    return {number: shot for number, shot in cut.shots.items() if number in asked}


def _needle_only(setting: Setting, draw: Draw, cut: Stage) -> Twin:
    shots = sorted(_asked(draw, cut).items(), key=lambda pair: pair[1].start)
    if any(question.about_time for question in draw.questions):
        raise Obstacle("without a haystack there is no time to ask for")
    if not shots or any(question.hidden for question in draw.questions):
        raise Obstacle("the item's needle is not in its video")
    starts = accumulate((shot.place.length for _, shot in shots), initial=0)
    moved = {
        number: replace(shot, place=shot.place._replace(start=start))
        for (number, shot), start in zip(shots, starts, strict=False)
    }
    clips = tuple(
        Clip(role="needle", source=shot.needle.source, source_start=0, start=shot.start, length=shot.place.length)
        for shot in moved.values()
    )
    alone = replace(cut, shots=moved, distractors=(), length=clips[-1].end, side="")
    return draw, alone, Timeline(rate=setting.spec.haystack.fps, clips=clips)


def _no_distractors(setting: Setting, draw: Draw, cut: Stage) -> Twin:
    shots = _asked(draw, cut)
    if shots == cut.shots and not cut.distractors:
        raise Obstacle("the item has none")
    plain = replace(cut, shots=shots, distractors=())
    return draw, plain, timeline(setting, plain)


def _anti_phase(setting: Setting, cell: Cell, draw: Draw, cut: Stage) -> Twin:
    if not cut.distractors:
        raise Obstacle("the item has no look-alikes")
    as_many = Counter(one.start - one.offset for one in cut.distractors)
    law, stream = setting.spec.distractors.anti_phase, cell.stream(setting.spec.seed)
    moved = replace(cut, distractors=surround(setting, cell, draw, law, stream, as_many=as_many))
    return draw, moved, timeline(setting, moved)


def _blanked(draw: Draw, cut: Stage, clips: Timeline) -> Twin:
    asked = _asked(draw, cut)
    starts = {shot.start for shot in asked.values()}
    if not starts:
        raise Obstacle("the item's needle is not in its video")
    blank = tuple(
        replace(clip, source=BLANK) if clip.role == "needle" and clip.start in starts else clip for clip in clips.clips
    )
    left = {number: shot for number, shot in cut.shots.items() if number not in asked}
    return _all_missing(draw), replace(cut, shots=left), replace(clips, clips=blank)


def _all_missing(draw: Draw) -> Draw:
    """The same questions, now about needles that are not there.

    Raises:
        Obstacle: there is no option that says so.
    """
    for question in draw.questions:
        if question.options and _missing(question).answer not in question.options:
            raise Obstacle(f"without its needle the item has no right answer among {list(question.options)}")
    return replace(draw, questions=tuple(_missing(question) for question in draw.questions))


def _missing(question: Question) -> Question:
    """The question about needles that are not in the video; the options stay."""
    answer = "0" if question.counts else ABSENT
    return replace(question, hidden=True, answer=answer, placed=question.placed or question.answer)


def shuffled_haystack(cut: Timeline, *, block: int, stream: Stream) -> Timeline:
    """The timeline with its haystack in another order, `block` frames at a time; everything else stays in its place."""
    pieces: list[tuple[str, int, int]] = []
    for clip in cut.clips:
        if clip.role == "haystack":
            stops = range(0, clip.length, block)
            pieces += ((clip.source, clip.source_start + at, min(block, clip.length - at)) for at in stops)
    return _refilled(cut, stream.shuffled(pieces))


def _refilled(cut: Timeline, pieces: Sequence[tuple[str, int, int]]) -> Timeline:
    """Each haystack run filled from the pieces in turn; one that is too long goes on after the next insert."""
    clips: list[Clip] = []
    left = list(reversed(pieces))
    for clip in cut.clips:
        if clip.role != "haystack":
            clips.append(clip)
            continue
        at = clip.start
        while at < clip.end:
            source, first, frames = left.pop()
            shown = min(frames, clip.end - at)
            if shown < frames:
                left.append((source, first + shown, frames - shown))
            clips.append(Clip(role="haystack", source=source, source_start=first, start=at, length=shown))
            at += shown
    return Timeline(rate=cut.rate, clips=tuple(clips))

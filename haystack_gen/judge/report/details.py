"""One item as the page's browser shows it: question, answers, timeline, and which pictures make up its filmstrip."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from haystack_gen.emit.rows import Row
from haystack_gen.judge.marking import Answer
from haystack_gen.judge.report.pictures import Album
from haystack_gen.judge.ribbon import shown as shown_clips
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import Item

_LONGEST_REPLY = 4000  # characters
_LONGEST_PART = 300
_MOST_SHOTS = {"needle": 16, "other": 8, "blank": 8, "distractor": 12}


def detail(
    row: Row, item: Item, answer: Answer, *, reply: str | None, audit: Mapping[str, Any] | None, album: Album
) -> dict[str, Any]:
    """Everything of an item that the page's index does not have.

    `spans` are [start, end, kind] of all that is not haystack. `shots` make up the filmstrip, in order of time; what is
    left out of it is counted by kind in `more`.
    """
    shots, more = _shots(row, item, album)
    return {
        "options": row.options,
        "answer": row.answer_index,
        "accepted": [] if row.options else row.accepted_answers,
        "tolerance": row.answer_tolerance,
        "lures": [LETTERS.index(letter) for letter in answer.question.lures],
        "form": row.question_type,
        **_replied(answer, reply),
        "frames": row.num_frames,
        "rate": [row.fps_num, row.fps_den],
        "depth": row.depth,
        "video": row.video or row.video_id,
        "context": [
            _part(part.type, part.text or part.video_id, part.video_id == row.video_id) for part in row.context
        ],
        "spans": [[clip.start, clip.end, kind] for clip, kind in shown_clips(item) if kind != "haystack"],
        "shots": sorted(shots, key=lambda shot: int(shot["at"])),
        "more": more,
        "audit": audit,
    }


def _replied(answer: Answer, reply: str | None) -> dict[str, Any]:
    """What was replied, and what was read in it: `read` for people, `chosen` the place of the option that was taken."""
    if reply is None:
        return {}
    reading = answer.reading
    said = {"reply": reply[:_LONGEST_REPLY], "characters": len(reply)}
    if reading is None or reading.kind == "unparsed":
        return said | {"reason": reading.reason if reading else ""}
    value = reading.value
    if reading.kind == "letter":
        return said | {"chosen": LETTERS.index(str(value))}
    words = (
        f"{float(value):g}" if isinstance(value, Fraction) else value if isinstance(value, str) else ", ".join(value)
    )
    return said | {"read": words}


def _part(kind: str, text: str, own: bool) -> dict[str, Any]:
    """A part of a stack's context, its text cut short."""
    return {"kind": kind, "text": text[:_LONGEST_PART], "characters": len(text), "own": own}


def _shots(row: Row, item: Item, album: Album) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Needles, the nearest look-alikes and some haystack; and how many of each kind there was no room for."""
    needles = {(one.source, one.start_frame): one for one in row.needles}
    nearest = {(one.source, one.start): abs(one.offset) for one in item.distractors}
    clips = sorted(
        shown_clips(item), key=lambda one: (nearest.get((one.clip.source, one.clip.start), 0), one.clip.start)
    )
    looks = {(one.source, one.start_frame): one for one in row.distractors}
    shots: list[dict[str, Any]] = []
    more: dict[str, int] = {}
    for kind, most in _MOST_SHOTS.items():
        found = [clip for clip, its in clips if its == kind]
        if len(found) > most:
            more[kind] = len(found) - most
        for clip in found[:most]:
            shot = {"kind": kind, "at": clip.start, "length": clip.length, "picture": album.still(clip.source)}
            if needle := needles.get((clip.source, clip.start)):
                shot |= {"key": needle.key, "content": needle.content, "name": needle.needle_id}
                shot |= {"moved": needle.moved_frames, "added": needle.added_frames}
            if look := looks.get((clip.source, clip.start)):
                shot |= {"offset": look.offset_frames, "similarity": look.similarity, "lure": look.lure}
            shots.append(shot)
    return shots + list(_footage(item, album)), more


def _footage(item: Item, album: Album) -> Iterator[dict[str, Any]]:
    for shown, picture in album.footage(item.timeline):
        name = f"{shown.source}, frame {shown.frame:,}"
        yield {"kind": "haystack", "at": shown.at, "length": 1, "picture": picture, "name": name}

"""The plan as a file: one item or drop per line, with its timeline; exact, and the same bytes for the same plan.

A clip is written as [role, source, source_start, start, length]; rates and depths as fractions such as "1/5".
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

from haystack_gen.errors import InputError
from haystack_gen.facts import Role, check_id
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.timeline import Clip, Timeline
from haystack_gen.records import as_record, lines_of, parse_line

_REMEDY = "; expected a dataset folder made by haystack-gen build"
_ROLES = get_args(Role)


def plan_line(planned: Item | Drop) -> str:
    """One line of `plan.jsonl` (items) or `dropped.jsonl` (drops), with its newline."""
    record = {field.name: getattr(planned, field.name) for field in fields(planned)}
    if isinstance(planned, Item):
        record["timeline"] = _plain_timeline(planned.timeline)
        record["beside"] = [{"video": one.video, "timeline": _plain_timeline(one.timeline)} for one in planned.beside]
        for name in ("needles", "distractors", "context"):
            record[name] = [asdict(one) for one in record[name]]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"


def read_plan(path: Path) -> Iterator[Item]:
    """The items of a `plan.jsonl`.

    Raises:
        InputError: no such file, or a line that is no item.
    """
    for where, line in lines_of(path, remedy=_REMEDY):
        try:
            item = _item(parse_line(line, "line"))
        except (InputError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            found = f"{type(error).__name__}: {str(error)[:300]}"
            raise InputError(f"{where}: not an item of a plan ({found}); build the dataset again") from None
        yield item


def read_reasons(path: Path) -> Iterator[str]:
    """Why each item of a `dropped.jsonl` was dropped.

    Raises:
        InputError: no such file, or a line that is no drop.
    """
    for where, line in lines_of(path, remedy=_REMEDY):
        record = parse_line(line, where)
        reason = record.get("reason") if isinstance(record, dict) else None
        if not isinstance(reason, str):
            raise InputError(f"{where}: is no drop with its reason; build the dataset again")
        yield reason


def find_item(path: Path, item_id: str) -> Item:
    """One item of a `plan.jsonl`.

    Raises:
        InputError: no item of that name; the nearest names are given.
    """
    names = []
    for item in read_plan(path):
        if item.id == item_id:
            return item
        names.append(item.id)
    near = ", ".join(get_close_matches(item_id, names, n=3, cutoff=0.3)) or ", ".join(names[:3])
    raise InputError(f"{path}: no item {item_id!r} among {len(names)}; did you mean {near}?")


def find_timeline(path: Path, name: str) -> Timeline:
    """The timeline of an item's own video, or of a video of this name beside some item's own.

    Raises:
        InputError: there is neither; the nearest items are named.
    """
    beside = None
    for item in read_plan(path):
        if item.id == name:
            return item.timeline
        beside = beside or dict(item.videos).get(name)
    return beside or find_item(path, name).timeline


def _plain_timeline(timeline: Timeline) -> dict[str, Any]:
    clips = [[clip.role, clip.source, clip.source_start, clip.start, clip.length] for clip in timeline.clips]
    return {"rate": timeline.rate, "clips": clips}


def _item(record: dict[str, Any]) -> Item:
    """The item, strictly: every key, every value of the type it was written as, ids that are safe as file names."""
    record["timeline"] = _timeline(record["timeline"])
    record["beside"] = [one | {"timeline": _timeline(one["timeline"])} for one in record["beside"]]
    item: Item = as_record(record, Item, "item")
    videos = {video for video, _ in item.videos}
    sources = {one.source for one in item.needles} | {one.source for one in item.distractors}
    for what, names in {"item": {item.id}, "video": videos, "source": sources}.items():
        for name in names:
            check_id(name, what)
    for part in item.context:
        if (part.video not in videos) if part.video else (part.first < 0 or part.count < 1):
            raise ValueError(f"its context has a part that is neither text nor a video of the item: {part}")
    return item


def _timeline(plain: dict[str, Any]) -> Timeline:
    """A timeline as `_plain_timeline` wrote it; clips by hand, since there may be one per frame."""
    clips = []
    for role, source, source_start, start, length in plain["clips"]:
        if role not in _ROLES:
            raise ValueError(f"a clip has the role {role!r}")
        if not type(source_start) is type(start) is type(length) is int:
            raise TypeError(f"a clip of {source!r} has a frame number that is none")
        clips.append(Clip(role=role, source=source, source_start=source_start, start=start, length=length))
    for source in {clip.source for clip in clips}:
        check_id(source, "source")
    rate = Fraction(plain["rate"])
    if not clips or rate <= 0:
        raise ValueError("a timeline has no clips or no rate")
    return Timeline(rate=rate, clips=tuple(clips))

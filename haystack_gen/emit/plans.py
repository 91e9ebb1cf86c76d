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
from haystack_gen.plan.items import Drop, Item, PlacedDistractor, PlacedNeedle
from haystack_gen.plan.timeline import Clip, Timeline


def plan_line(planned: Item | Drop) -> str:
    """One line of `plan.jsonl` (items) or `dropped.jsonl` (drops), with its newline."""
    record = {field.name: getattr(planned, field.name) for field in fields(planned)}
    if isinstance(planned, Item):
        record["timeline"] = {"rate": planned.timeline.rate, "clips": [_clip(clip) for clip in planned.timeline.clips]}
        record["needles"] = [asdict(needle) for needle in planned.needles]
        record["distractors"] = [asdict(distractor) for distractor in planned.distractors]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"


def read_plan(path: Path) -> Iterator[Item]:
    """The items of a `plan.jsonl`.

    Raises:
        InputError: no such file, or a line that is no item.
    """
    try:
        with path.open("rb") as lines:  # bytes, so that a line that is not UTF-8 can be named
            for number, line in enumerate(lines, start=1):
                try:
                    item = _item(json.loads(line))
                except (InputError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
                    found = f"{type(error).__name__}: {error}"
                    raise InputError(
                        f"{path}:{number}: not an item of a plan ({found}); build the dataset again"
                    ) from None
                yield item
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; expected a dataset folder made by haystack-gen build") from None


def read_reasons(path: Path) -> Iterator[str]:
    """Why each item of a `dropped.jsonl` was dropped."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield str(json.loads(line)["reason"])


def item_id_of(line: bytes) -> str:
    """The id of an item without reading all of its line; it comes first."""
    return str(json.loads(b"{" + line[1 : line.index(b",")] + b"}")["id"])


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


def _clip(clip: Clip) -> list[str | int]:
    return [clip.role, clip.source, clip.source_start, clip.start, clip.length]


def _item(record: dict[str, Any]) -> Item:
    _check_types(record)
    timeline = record["timeline"]
    clips = tuple(
        Clip(role=role, source=source, source_start=source_start, start=start, length=length)
        for role, source, source_start, start, length in timeline["clips"]
    )
    if not clips or Fraction(timeline["rate"]) <= 0:
        raise ValueError("its timeline has no clips or no rate")
    record |= {
        "options": tuple(record["options"]),
        "timeline": Timeline(rate=Fraction(timeline["rate"]), clips=clips),
        "needles": tuple(
            PlacedNeedle(**(needle | {"depth": Fraction(needle["depth"])})) for needle in record["needles"]
        ),
        "distractors": tuple(PlacedDistractor(**distractor) for distractor in record["distractors"]),
        "requested_depth": Fraction(record["requested_depth"]),
    }
    return Item(**record)


def _check_types(record: dict[str, Any]) -> None:
    """What is computed with must be of the type that it was written as."""
    texts = [record[name] for name in ("id", "question", "answer", "answer_text")] + list(record["options"])
    placed = (*record["needles"], *record["distractors"])
    frames = [one[name] for one in placed for name in ("start", "length")]
    for role, source, *places in record["timeline"]["clips"]:
        if role not in get_args(Role):
            raise ValueError(f"a clip has the role {role!r}")
        check_id(source, "source")
        frames += places
    if not all(isinstance(text, str) for text in texts) or not all(type(frame) is int for frame in frames):
        raise TypeError("a text or a frame number is something else")
    for name in (record["id"], *(one["source"] for one in placed)):
        check_id(name, "item or source")

"""Needle lists as V-NIAH and V-NIAH-D publish them: a file, or a dataset on the Hub.

A list is a JSON array of {"path", "prompt", "answer"}. The prompt holds the question, the options as lines "A. lion",
and a line that says how to answer. Distractors come as "interrupt_path" in the same object or as a second list with the
same prompts in the same order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from haystack_gen.atomic import write_atomic
from haystack_gen.errors import InputError, MissingExtraError
from haystack_gen.gather.entries import MOST_ENTRIES, Entry, brief, expect_inside, object_of, text_of
from haystack_gen.gather.images import IMAGE_SUFFIXES
from haystack_gen.gather.prompts import one_list, prompt_remarks, split_prompt
from haystack_gen.records import parse_json, read_text
from haystack_gen.workspace import slug

_HUB = re.compile(r"hub:(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(:(?P<split>[\w.-]+))?")

LIST_KEYS = ("path", "prompt", "answer")

Row = tuple[str, Mapping[str, Any]]


def list_entries(path: Path, distractor_list: Path | None) -> list[Entry]:
    """The entries of a published list; `<stem>_interrupt.json` beside it is its distractor list unless one is given.

    Raises:
        InputError: the file is not such a list, belongs to a family with several needles per question, or differs
            from its distractor list.
    """
    rows = rows_of(path, needed=LIST_KEYS, optional=("interrupt_path",))
    entries = [_list_entry(row, where) for where, row in rows]
    beside = expect_inside(path.parent, path.with_name(f"{path.stem}_interrupt.json"))
    parallel = distractor_list or (beside if beside.is_file() else None)
    if not parallel:
        return entries
    images = _parallel_images(rows, parallel)
    if both := [entry for entry in entries if entry.distractors]:
        raise InputError(f"{both[0].where}: has interrupt_path, and {parallel} lists distractors too; keep one")
    return [replace(entry, distractors=((image, ""),)) for entry, image in zip(entries, images, strict=True)]


def hub_entries(name: str, scratch: Path) -> list[Entry]:
    """The entries of a Hub dataset `hub:USER/NAME[:split]` with columns image, question and answer.

    Its images are written to `scratch` as they are, under names that begin with their own and end with their hash.

    Raises:
        MissingExtraError: `datasets` is not installed.
        InputError: the dataset cannot be had or does not have this form.
    """
    table = _hub_table(name)
    entries = []
    for number, row in enumerate(table, start=1):
        where = f"{name} row {number}"
        image = _saved(row["image"], number, where, scratch)
        entries.append(_entry(row, where, prompt="question", image=image))
    return entries


def rows_of(
    path: Path, *, needed: tuple[str, ...], optional: tuple[str, ...] | None = (), noun: str = "needle"
) -> list[Row]:
    """The objects of a published list, each with its place; `noun` is what one of them is called in errors.

    Raises:
        InputError: the file is not a JSON array of objects with the keys `needed` and no others but `optional`, or any
            others where that is None.
    """
    rows = parse_json(read_text(path), str(path))
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected an array of objects with {', '.join(needed[:-1])} and {needed[-1]}")
    if not 0 < len(rows) <= MOST_ENTRIES:
        raise InputError(f"{path}: lists {len(rows):,} {noun}s, expected 1 to {MOST_ENTRIES:,}")
    keys = None if optional is None else (*needed, *optional)
    places = (f"{path}: item {number}" for number in range(1, len(rows) + 1))
    return [
        (where, object_of(row, where, keys=keys, needed=needed, noun=noun))
        for where, row in zip(places, rows, strict=True)
    ]


def _entry(row: Mapping[str, Any], where: str, *, prompt: str, image: str) -> Entry:
    """The entry of a row whose prompt stands under the key `prompt`."""
    place, answer = f"{where}: {prompt}", text_of(row, "answer", where).strip()
    parts = split_prompt(text_of(row, prompt, where), place)
    options = one_list(parts, place)
    asks_for_option = re.search(r"\b(option|letter|choices)\b", parts.instruction, re.IGNORECASE)
    if not options and (asks_for_option or re.fullmatch(r"[A-Z]", answer)):
        raise InputError(f"{where}: asks for an option, but none was found; write each on a line of its own, 'A. lion'")
    return Entry(
        where=where,
        image=image,
        question=parts.question,
        answer=answer,
        options=options,
        instruction=parts.instruction,
        remarks=prompt_remarks(parts, place),
    )


def _list_entry(row: Mapping[str, Any], where: str) -> Entry:
    entry = _entry(row, where, prompt="prompt", image=_image_name(row["path"], where))
    if "interrupt_path" not in row:
        return entry
    return replace(entry, distractors=((_image_name(row["interrupt_path"], where), ""),))


def _image_name(value: object, where: str) -> str:
    # V-RULER writes some of its lists as Python source inside a string, and evaluates it. Nothing is evaluated here.
    stripped = value.strip() if isinstance(value, str) else ""
    if isinstance(value, list) or (stripped.startswith("[") and stripped.endswith("]")):
        raise InputError(
            f"{where}: path is a list, {brief(value)}; questions about several pictures go in needles.lists by family, "
            "for example --set needles.lists.counting=FILE"
        )
    if not isinstance(value, str):
        raise InputError(f"{where}: path must be text, got {brief(value)}; put it in quotes")
    return value


def _parallel_images(rows: Sequence[Row], parallel: Path) -> list[str]:
    others = rows_of(parallel, needed=LIST_KEYS, optional=("interrupt_path",))
    for (where, row), (other_where, other) in zip(rows, others, strict=False):
        if row["prompt"] != other["prompt"]:
            raise InputError(
                f"{other_where}: prompt {other['prompt']!r} differs from {row['prompt']!r} of {where}; "
                "a distractor list has the same prompts in the same order"
            )
    if len(others) != len(rows):
        raise InputError(f"{parallel}: has {len(others)} items, expected {len(rows)} as in the list of needles")
    return [_image_name(other["path"], where) for where, other in others]


def _hub_table(name: str) -> Any:
    if not (found := _HUB.fullmatch(name)):
        raise InputError(f"{name}: expected hub:USER/NAME or hub:USER/NAME:SPLIT")
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hub", f"reading {name}") from error
    try:
        table = datasets.load_dataset(found["repository"], split=found["split"])
    except Exception as error:
        # Network, authorisation, naming and format errors come from several libraries without a common type.
        raise InputError(
            f"{name}: cannot be loaded ({type(error).__name__}: {error}); check name and network"
        ) from error
    if isinstance(table, dict):
        if len(table) > 1:
            raise InputError(f"{name}: has splits {', '.join(table)}; name one, such as {name}:{next(iter(table))}")
        table = next(iter(table.values()))
    if missing := {"image", "question", "answer"} - set(table.column_names):
        raise InputError(f"{name}: has no column {min(missing)!r}, expected image, question and answer")
    if not 0 < len(table) <= MOST_ENTRIES:
        raise InputError(f"{name}: has {len(table):,} rows, expected 1 to {MOST_ENTRIES:,}")
    return table.cast_column("image", datasets.Image(decode=False))


def _saved(image: Mapping[str, Any] | None, number: int, where: str, scratch: Path) -> str:
    # A row that holds a path instead of bytes could name any picture on this machine.
    if not image or not image["bytes"]:
        raise InputError(f"{where}: image holds no bytes; download the dataset and give its list instead")
    original = PurePosixPath(image["path"] or f"row-{number}")
    suffix = original.suffix.lower() if original.suffix.lower() in IMAGE_SUFFIXES else ""
    content: bytes = image["bytes"]
    name = f"{slug(original.stem)}-{sha256(content).hexdigest()[:16]}{suffix}"
    if not (scratch / name).is_file():
        write_atomic(scratch / name, content)
    return name

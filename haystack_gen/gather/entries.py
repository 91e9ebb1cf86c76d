"""What a needle pack lists, line by line, before any image is looked at: `needles.jsonl` and `pack.yaml`."""

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from haystack_gen.errors import InputError
from haystack_gen.gather.images import IMAGE_SUFFIXES
from haystack_gen.records import parse_json, read_text
from haystack_gen.specfile import PlainYaml

MOST_ENTRIES = 100_000
# YAML is read hundreds of times more slowly than JSON; a longer list belongs in needles.jsonl.
_LARGEST_YAML = 1 << 18
_TEXTS = ("id", "image", "question", "answer", "key", "attribute", "value", "instruction", "license")
_KEYS = (*_TEXTS, "options", "count", "distractors")
_NEEDED = ("image", "question", "answer")
_FACT = ("key", "attribute", "value")
_PACK_KEYS = ("name", "license", "needles")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One needle as listed. Images are paths inside the pack, not yet proven to be there.

    `where` names file and line for errors. `answer` is an option, its letter, or a word; so is the second part of
    each distractor, its lure. Without an answer it is None, and `value` is the answer. `count` is how many of the key
    the picture shows. `remarks` are what a reader should know of the entry; each begins with its place.
    """

    where: str
    image: str
    question: str = ""
    answer: str | None = None
    id: str = ""
    options: tuple[str, ...] = ()
    key: str = ""
    attribute: str = ""
    value: str = ""
    instruction: str = ""
    license: str = ""
    count: int = 1
    distractors: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


def folder_entries(folder: Path) -> tuple[str, list[Entry]]:
    """The name of the pack in a folder and its entries, from `needles.jsonl`, `pack.yaml`, or both.

    Raises:
        InputError: the folder has neither or two lists, or a line is wrong; the message names file and line.
    """
    lines, header = (expect_inside(folder, folder / name) for name in ("needles.jsonl", "pack.yaml"))
    if not lines.exists() and not header.exists():
        raise InputError(_how_to_list(folder))
    pack, listed = _read_yaml(header) if header.exists() else ({}, None)
    if listed is not None and lines.exists():
        raise InputError(f"{folder}: both needles.jsonl and pack.yaml list needles; keep one of the lists")
    if listed is None and not lines.exists():
        raise InputError(f"{header}: has no needles; list them there, or in needles.jsonl beside it")
    rows = listed if listed is not None else _read_lines(lines)
    if not 0 < len(rows) <= MOST_ENTRIES:
        raise InputError(f"{folder}: lists {len(rows):,} needles, expected 1 to {MOST_ENTRIES:,}")
    license = text_of(pack, "license", str(header))
    entries = [entry_of(row, where) for where, row in rows]
    return text_of(pack, "name", str(header)) or folder.resolve().name, [
        entry if entry.license else replace(entry, license=license) for entry in entries
    ]


def expect_inside(folder: Path, file: Path) -> Path:
    """The path of a file that nobody named, if it does not lead out of its pack.

    Raises:
        InputError: it does.
    """
    try:
        leaves = file.is_symlink() and not file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        raise InputError(f"{file}: its links go in a circle; give the file itself") from None
    if leaves:
        raise InputError(f"{file}: is a link out of the pack; copy the file into it (cp -L)")
    return file


def entry_of(row: object, where: str) -> Entry:
    """One object of the list, checked for shape but not yet for sense.

    Raises:
        InputError: a key is unknown or missing, or its value is not text (or a list, where one belongs).
    """
    checked = _complete(row, where)
    texts: dict[str, Any] = {key: text_of(checked, key, where) for key in _TEXTS}
    if "answer" not in checked:
        texts["answer"] = None
    if not texts["question"].strip():
        texts["question"] = ""
    options = list_of(checked, "options", where)
    if any(not isinstance(option, str) or not option.strip() for option in options):
        raise InputError(f"{where}: options must be text, got {json.dumps(options)}; put each in quotes")
    if len(options) == 1:
        raise InputError(f"{where}: has 1 option, expected at least 2, or none for a word answer")
    lookalikes = list_of(checked, "distractors", where)
    return Entry(
        where=where,
        options=tuple(options),
        count=_count(checked.get("count", 1), where),
        distractors=tuple(_distractor(each, where) for each in lookalikes),
        **texts,
    )


def object_of(
    row: object, where: str, *, keys: tuple[str, ...] | None, needed: tuple[str, ...], noun: str = "needle"
) -> Mapping[str, Any]:
    """`row` as an object with all of `needed` and, unless `keys` is None, no others than `keys`.

    Raises:
        InputError: it is not; `where` begins the message and `noun` says what the object is.
    """
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected an object with {', '.join(needed or keys or ())}, got {brief(row)}")
    if missing := [key for key in needed if key not in row]:
        raise InputError(f"{where}: {missing[0]!r} is missing; every {noun} has {', '.join(needed)}")
    if keys is not None and (strange := sorted(row.keys() - set(keys))):
        raise InputError(f"{where}: unknown key {strange[0]!r}; known are {', '.join(keys)}")
    return row


def brief(value: object) -> str:
    """`value` as Python writes it, long ones cut short in the middle: for messages."""
    return _SHORT.repr(value)


def text_of(row: Mapping[str, Any], key: str, where: str) -> str:
    """The text under `key`, "" when there is none."""
    value = row.get(key, "")
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} must be text, got {brief(value)}; put it in quotes")
    return value


def list_of(row: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """The list under `key`, [] when there is none."""
    value = row.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{where}: {key} must be a list, got {brief(value)}; put it in brackets")
    return value


def _complete(row: object, where: str) -> Mapping[str, Any]:
    """`row` with question and answer, or with the fact from which each family words both."""
    if isinstance(row, dict):
        unsaid = [key for key in _FACT if not text_of(row, key, where).strip()]
        missing = [key for key in _NEEDED if key not in row] if unsaid else []
        if missing:
            also = f" ({unsaid[0]!r} is missing)" if len(unsaid) < len(_FACT) else ""
            raise InputError(
                f"{where}: {missing[0]!r} is missing; every needle has {', '.join(_NEEDED)}, "
                f"or image, {', '.join(_FACT)}{also}"
            )
    return object_of(row, where, keys=_KEYS, needed=_NEEDED if not isinstance(row, dict) else ("image",))


def _count(value: object, where: str) -> int:
    # A pack.yaml has no numbers, only text.
    if isinstance(value, str) and re.fullmatch("[1-9][0-9]{0,3}", value):
        value = int(value)
    if type(value) is not int or not 1 <= value <= 1000:
        raise InputError(f"{where}: count must be a whole number from 1 to 1000, got {brief(value)}")
    return value


def _distractor(value: object, where: str) -> tuple[str, str]:
    if isinstance(value, str):
        return value, ""
    row = object_of(value, f"{where}: distractors", keys=("image", "lure"), needed=("image",))
    return text_of(row, "image", where), text_of(row, "lure", where)


def _how_to_list(folder: Path) -> str:
    pictures = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    example = {
        "image": pictures[0] if pictures else "zoo.png",
        "question": "Which animal is outside the zoo shop?",
        "options": ["lion", "tiger"],
        "answer": "tiger",
    }
    return (
        f"{folder}: has {len(pictures)} images but neither needles.jsonl nor pack.yaml, so nothing says what to ask; "
        f"write needles.jsonl with one line per needle, such as\n  {json.dumps(example, ensure_ascii=False)}"
    )


def _read_lines(path: Path) -> list[tuple[str, Any]]:
    lines = enumerate(read_text(path).split("\n"), start=1)
    return [
        (f"{path}:{number}", parse_json(line, f"{path}:{number}"))
        for number, line in lines
        if line and not line.isspace()
    ]


def _read_yaml(path: Path) -> tuple[Mapping[str, Any], list[tuple[str, Any]] | None]:
    """The head of a `pack.yaml` and, if it lists needles, each with its file and line."""
    try:
        loader = PlainYaml(read_text(path, largest=_LARGEST_YAML))
        root: Any = loader.get_single_node()
        content = loader.construct_document(root) if root else {}
        json.dumps(content, ensure_ascii=False).encode()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(f"{place}: {getattr(error, 'problem', None) or error}; correct the YAML") from error
    except RecursionError as error:
        raise InputError(f"{path}: is nested too deep; expected name, license and a list of needles") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: text holds half a surrogate pair, which is no character; correct it") from error
    pack = object_of(content, str(path), keys=_PACK_KEYS, needed=())
    if "needles" not in pack:
        return pack, None
    rows = list_of(pack, "needles", str(path))
    nodes = next(value for key, value in root.value if key.value == "needles").value
    return pack, [(f"{path}:{node.start_mark.line + 1}", row) for node, row in zip(nodes, rows, strict=True)]

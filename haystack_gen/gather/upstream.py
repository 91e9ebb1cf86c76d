"""Needle lists as V-NIAH and V-NIAH-D publish them: a file, or a dataset on the Hub.

A list is a JSON array of {"path", "prompt", "answer"}. The prompt holds the question, the options as lines "A. lion",
and a line that says how to answer. Distractors come as "interrupt_path" in the same object or as a second list with the
same prompts in the same order.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from typing import Any

from haystack_gen.errors import InputError, MissingExtraError
from haystack_gen.gather.entries import MOST_ENTRIES, Entry, object_of, text_of
from haystack_gen.gather.images import IMAGE_SUFFIXES
from haystack_gen.records import parse_json, read_text
from haystack_gen.workspace import slug, write_atomic

_LETTER = re.compile(r"\s*(?:\(([A-Z])\)|([A-Z])[.)])")
_INSTRUCTION = re.compile(
    r"\s*(answer (with|using|by|in|the question (using|with|by|in))|(respond|reply) (with|using|in)"
    r"|please ((provide|give|state) (your|the) answer|(answer|respond|reply) (with|using|by|in)))\b[^?]*",
    re.IGNORECASE,
)
_HUB = re.compile(r"hub:(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(:(?P<split>[\w.-]+))?")

Row = tuple[str, Mapping[str, Any]]


@dataclass(slots=True)
class Prompt:
    """A prompt taken apart: question + options + instruction, joined by line ends, is the prompt again.

    That holds to the byte for prompts that keep this order, write options as "A. lion" and repeat nothing; line ends
    around the question are not kept.
    """

    question: str = ""
    options: list[str] = field(default_factory=list)
    instruction: str = ""


def split_prompt(prompt: str, where: str) -> Prompt:
    """Question, options in order and instruction of a prompt; repeated instructions and option lists count once.

    Raises:
        InputError: there is no question, or the options conflict, skip a letter, are broken by other lines or are
            fewer than two; `where` begins the message.
    """
    question: list[str] = []
    instruction: list[str] = []
    lists: list[list[str]] = []
    after_option = False
    for line in prompt.split("\n"):
        letter, option = _option(line)
        if letter == "A":
            lists.append([option])
        elif letter and lists:
            if not after_option or letter != ascii_uppercase[len(lists[-1]) :][:1]:
                raise InputError(f"{where}: option {letter!r} does not follow {lists[-1]}; expected lines A, B, C, …")
            lists[-1].append(option)
        elif _INSTRUCTION.fullmatch(line) or (lists and line.strip()):
            instruction += [line] if line not in instruction else []
        elif not lists:
            question.append(line)
        after_option = bool(letter and lists)
    if not "".join(question).strip():
        raise InputError(f"{where}: holds no question, only {prompt!r}")
    return Prompt("\n".join(question).strip("\n"), _one_list(lists, where), "\n".join(instruction))


def list_entries(path: Path, distractor_list: Path | None) -> list[Entry]:
    """The entries of a published list; `<stem>_interrupt.json` beside it is its distractor list unless one is given.

    Raises:
        InputError: the file is not such a list, belongs to a family with several needles per question, or differs
            from its distractor list.
    """
    rows = list(_array(path))
    entries = [_list_entry(row, where) for where, row in rows]
    beside = path.with_name(f"{path.stem}_interrupt.json")
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
        prompt = split_prompt(text_of(row, "question", where), f"{where}: question")
        image = _saved(row["image"], number, where, scratch)
        entries.append(_entry(where, prompt, image=image, answer=text_of(row, "answer", where)))
    return entries


def _option(line: str) -> tuple[str, str]:
    found = _LETTER.match(line)
    option = line[found.end() :].strip() if found else ""
    return (found[1] or found[2], option) if found and option else ("", "")


def _one_list(lists: list[list[str]], where: str) -> list[str]:
    if not lists:
        return []
    if conflicting := [other for other in lists if other != lists[0]]:
        raise InputError(f"{where}: has two option lists, {lists[0]} and {conflicting[0]}; keep one of them")
    if len(lists[0]) < 2:
        raise InputError(f"{where}: has 1 option, {lists[0]}, expected at least 2, or none for a word answer")
    return lists[0]


def _entry(where: str, prompt: Prompt, *, image: str, answer: str) -> Entry:
    asks_for_option = re.search(r"\b(option|letter|choices)\b", prompt.instruction, re.IGNORECASE)
    if not prompt.options and (asks_for_option or re.fullmatch(r"[A-Z]", answer.strip())):
        raise InputError(f"{where}: asks for an option, but none was found; write each on a line of its own, 'A. lion'")
    return Entry(
        where=where,
        image=image,
        question=prompt.question,
        answer=answer.strip(),
        options=tuple(prompt.options),
        instruction=prompt.instruction,
    )


def _array(path: Path) -> Iterator[Row]:
    rows = parse_json(read_text(path), str(path))
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected an array of objects with path, prompt and answer")
    if not 0 < len(rows) <= MOST_ENTRIES:
        raise InputError(f"{path}: lists {len(rows):,} needles, expected 1 to {MOST_ENTRIES:,}")
    needed = ("path", "prompt", "answer")
    for number, row in enumerate(rows, start=1):
        where = f"{path}: item {number}"
        yield where, object_of(row, where, keys=(*needed, "interrupt_path"), needed=needed)


def _list_entry(row: Mapping[str, Any], where: str) -> Entry:
    image = _image_name(row["path"], where)
    prompt = split_prompt(text_of(row, "prompt", where), f"{where}: prompt")
    entry = _entry(where, prompt, image=image, answer=text_of(row, "answer", where))
    if "interrupt_path" not in row:
        return entry
    return replace(entry, distractors=((_image_name(row["interrupt_path"], where), ""),))


def _image_name(value: object, where: str) -> str:
    # V-RULER writes some of its lists as Python source inside a string, and evaluates it. Nothing is evaluated here.
    stripped = value.strip() if isinstance(value, str) else ""
    if isinstance(value, list) or (stripped.startswith("[") and stripped.endswith("]")):
        raise InputError(
            f"{where}: path is a list, {value!r}; this list belongs to the multi-needle families, "
            "which read_pack does not offer"
        )
    if not isinstance(value, str):
        raise InputError(f"{where}: path must be text, got {value!r}; put it in quotes")
    return value


def _parallel_images(rows: Sequence[Row], parallel: Path) -> list[str]:
    others = list(_array(parallel))
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

"""A dataset in the form of VNBench: questions in four orders of their options, right only if all four are.

The keys are those of VNBench's list of questions and results (`evaluation/eval.py` and `llava_examples/` of
joez17/VideoNIAH at 8193a3b20ac1c2fcac9c3e8c1550095628f7628f). That script takes the last two characters off a
`question_id` to find the four tries of a question, so here it is `<circular_group>:<try>`, and not the item's id.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.export.shown import rows_shown
from haystack_gen.progress import Progress
from haystack_gen.workspace import DatasetFolder

TRIES = 4
_SHORT = {"retrieval": "ret", "ordering": "ord", "counting": "cnt"}
_ITEM = "none"


def write_vnbench(folder: DatasetFolder, out: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write `vnbench.json`, control twins as `twins.json`, and `left_out.jsonl`: what this form has no place for.

    Raises:
        InputError: the dataset is not complete, lacks a file, or has no question in four orders about a video.
        StorageError: the file system refused.
    """
    questions, twins, left_out = out / "vnbench.json", out / "twins.json", out / "left_out.jsonl"
    rows = rows_shown(folder, progress=progress)
    kept, reasons = 0, Counter[str]()
    with ExitStack() as files:
        dropped = files.enter_context(_written(left_out))
        twin_list = files.enter_context(_list(twins))
        item_list = files.enter_context(_list(questions))
        for row in rows:
            if reason := _obstacle(row):
                dropped.write(json.dumps({"id": row.id, "reason": reason}, ensure_ascii=False) + "\n")
                reasons[reason] += 1
            else:
                (item_list if row.control == _ITEM else twin_list).add(_question(row))
                kept += row.control == _ITEM
        if not kept:
            counts = "; ".join(f"of {count:,}, {reason}" for reason, count in reasons.most_common()) or "it has none"
            raise InputError(
                f"{folder.root}: no item of it can be a question of VNBench ({counts}), which asks about one video in "
                "four orders of four options; build it with --media video --set choices.circular=true"
            )
    return [questions, twins, left_out]


def _obstacle(row: Row) -> str:
    """Why an item cannot be asked as VNBench asks; empty if it can."""
    if row.context:
        return "it is about a stack of texts and videos"
    if not row.video:
        return "it is about frames in files of their own, not about a video"
    if not row.options:
        return "it has no options"
    if len(row.options) != TRIES:
        return f"it has {len(row.options)} options, not {TRIES}"
    return "" if row.circular_group else "its options stand in one order only"


def _question(row: Row) -> dict[str, Any]:
    kind = f"{_SHORT.get(row.task, row.task)}_insert"
    return {
        "question_id": f"{row.circular_group}:{row.circular_shift}",
        "video": row.video,
        "question": row.question,
        "options": row.options,
        "gt": row.answer_text,
        "type": kind if row.control == _ITEM else f"{kind}_{row.control}",
        "try": row.circular_shift,
    }


class _List:
    """A JSON array that grows line by line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._between = stream, ""

    def add(self, record: dict[str, Any]) -> None:
        self._stream.write(self._between + json.dumps(record, ensure_ascii=False))
        self._between = ",\n"


@contextmanager
def _list(path: Path) -> Iterator[_List]:
    with _written(path) as stream:
        stream.write("[\n")
        yield _List(stream)
        stream.write("\n]\n")


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        yield stream

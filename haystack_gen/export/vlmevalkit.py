"""A dataset for VLMEvalKit: its table of questions, and the class that shows them.

Written against the interface of open-compass/VLMEvalKit at e8e78f05f3080fe28154f2130321f17951c3be94
(`vlmeval/dataset/video_base.py`, `run.py`). The table is what VLMEvalKit counts, splits and copies into its results;
what a model is shown and asked, and what is right, the class reads from the manifest. So no text of others has to
survive cells, and none is longer than a workbook allows (32,767 characters), which contexts and lists of frames are.
"""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from string import Template

from haystack_gen.atomic import atomic_path, write_atomic
from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.export.shown import name_of, rows_shown
from haystack_gen.progress import Progress
from haystack_gen.workspace import DatasetFolder, package_folder

CIRCLE = 1_000_000
"""VLMEvalKit's convention: what is equal in `index % CIRCLE` is one question in several orders of its options."""

_COLUMNS = (
    *("index", "id", "video", "question", "candidates", "answer"),
    *("task_type", "question_type", "control", "duration", "depth"),
)
_FORMULA = ("=", "+", "-", "@")


def write_vlmevalkit(folder: DatasetFolder, out: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write `haystack_<name>.tsv`, a row per item in the manifest's order, and `haystack_<name>.py` to `out`.

    Raises:
        InputError: the dataset is not complete, has no media, or lacks a file.
        StorageError: the file system refused.
    """
    name = name_of(folder)
    table, module = out / f"{name}.tsv", out / f"{name}.py"
    with atomic_path(table) as part, part.open("w", encoding="utf-8", newline="") as cells:
        writer = csv.writer(cells, delimiter="\t", lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_records(rows_shown(folder, progress=progress)))
    template = Template((package_folder("templates") / "vlmevalkit" / "dataset").read_text(encoding="utf-8"))
    root = Path(os.path.relpath(folder.root, out)).as_posix()
    values = {"name": name, "class_name": "".join(part.capitalize() for part in name.split("_"))}
    write_atomic(module, template.substitute(values, root=json.dumps(root, ensure_ascii=False)))
    return [table, module]


def _records(rows: Iterator[Row]) -> Iterator[tuple[object, ...]]:
    groups: dict[str, int] = {}
    questions = 0
    for row in rows:
        place = groups.get(row.circular_group, questions)
        if place == questions:
            questions += 1
            if row.circular_group:
                groups[row.circular_group] = place
        if place == CIRCLE:
            raise InputError(
                f"item {row.id}: is question {CIRCLE:,}, and VLMEvalKit numbers orders of options from there; "
                "export a dataset of fewer questions"
            )
        yield (
            place + row.circular_shift * CIRCLE,
            row.id,
            row.video.removesuffix(".mp4") or row.video_id,
            _cell(row.question),
            repr(row.options),
            row.answer if row.options else "",
            row.task_type,
            row.question_type,
            row.control,
            row.duration_s,
            row.depth,
        )


def _cell(text: str) -> str:
    """Text on one line that no spreadsheet takes for a formula; for people, since a model is asked the manifest's."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return f"'{line}" if line.startswith(_FORMULA) else line

"""A dataset as samples of Inspect: a file for `inspect_ai.dataset.json_dataset`, and a task that reads and marks it."""

import json
import os
from pathlib import Path
from string import Template
from typing import Any

from haystack_gen.atomic import atomic_path, write_atomic
from haystack_gen.emit.rows import PartRow, Row
from haystack_gen.export.shown import Links, files_of, name_of, parts_of, rows_shown
from haystack_gen.progress import Progress
from haystack_gen.workspace import DatasetFolder, package_folder


def write_inspect(folder: DatasetFolder, out: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write samples, in the manifest's order, and their task to `out`, and the links they need.

    Raises:
        InputError: the dataset is not complete, has no media, or lacks a file.
        StorageError: the file system refused.
    """
    samples, task = out / "samples.jsonl", out / "task.py"
    rows, links = rows_shown(folder, progress=progress), Links(folder.root, out)
    with atomic_path(samples) as part, part.open("w", encoding="utf-8", newline="\n") as lines:
        for row in rows:
            lines.write(json.dumps(_sample(row, links), ensure_ascii=False, separators=(",", ":")) + "\n")
    template = Template((package_folder("templates") / "inspect" / "task").read_text(encoding="utf-8"))
    root = Path(os.path.relpath(folder.root, out)).as_posix()
    write_atomic(task, template.substitute(name=name_of(folder), root=json.dumps(root, ensure_ascii=False)))
    return [samples, task]


def _sample(row: Row, links: Links) -> dict[str, Any]:
    """Choices are for who looks at samples: the prompt has them, with their letters."""
    content = [shown for part in parts_of(row) for shown in _shown(part, links)]
    return {
        "id": row.id,
        "input": [{"role": "user", "content": [*content, {"type": "text", "text": row.prompt}]}],
        **({"choices": row.options} if row.options else {}),
        "target": row.answer if row.options else row.accepted_answers,
        "metadata": {
            "task": row.task,
            "question_type": row.question_type,
            "control": row.control,
            "requested_length": row.requested_length,
            "depth": row.depth,
            "answer_tolerance": row.answer_tolerance,
        },
    }


def _shown(part: PartRow, links: Links) -> list[dict[str, Any]]:
    if part.type == "text":
        return [{"type": "text", "text": part.text}]
    if part.video:
        return [{"type": "video", "video": links.to(part.video), "format": "mp4"}]
    return [{"type": "image", "image": links.to(file)} for file in files_of(part)]

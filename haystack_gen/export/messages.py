"""A dataset as requests in the form of OpenAI's chat completions, as vLLM's and SGLang's servers take them.

`requests.jsonl` has what to send, `answers.jsonl` what is right, line by line; only the first is for whoever asks. No
message names an item or its file: videos are addressed through links whose names say nothing. Addresses are relative to
the requests, so that the folder can lie on any machine; the sender puts a base before them.
"""

import json
from pathlib import Path
from typing import Any

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.rows import PartRow, Row
from haystack_gen.export.shown import Links, files_of, parts_of, rows_shown
from haystack_gen.progress import Progress
from haystack_gen.workspace import DatasetFolder


def write_messages(folder: DatasetFolder, out: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write requests and answers to `out`, a line per item in the manifest's order, and the links they need.

    Raises:
        InputError: the dataset is not complete, has no media, or lacks a file.
        StorageError: the file system refused.
    """
    requests, answers = out / "requests.jsonl", out / "answers.jsonl"
    rows, links = rows_shown(folder, progress=progress), Links(folder.root, out)
    with (
        atomic_path(answers) as half_answers,
        atomic_path(requests) as half_requests,
        half_requests.open("w", encoding="utf-8", newline="\n") as asked,
        half_answers.open("w", encoding="utf-8", newline="\n") as told,
    ):
        for row in rows:
            asked.write(_line({"id": row.id, "messages": [{"role": "user", "content": _content(row, links)}]}))
            told.write(_line(_answer(row)))
    return [requests, answers]


def _content(row: Row, links: Links) -> list[dict[str, Any]]:
    parts = [shown for part in parts_of(row) for shown in _shown(part, links)]
    return [*parts, {"type": "text", "text": row.prompt}]


def _shown(part: PartRow, links: Links) -> list[dict[str, Any]]:
    if part.type == "text":
        return [{"type": "text", "text": part.text}]
    kind = "video_url" if part.video else "image_url"
    return [{"type": kind, kind: {"url": links.to(file)}} for file in files_of(part)]


def _answer(row: Row) -> dict[str, Any]:
    """What graders of others need; everything else is in the manifest."""
    return {
        "id": row.id,
        "task_type": row.task_type,
        "question_type": row.question_type,
        "control": row.control,
        "requested_length": row.requested_length,
        "depth": row.depth,
        "options": row.options,
        "answer": row.answer,
        "accepted_answers": row.accepted_answers,
        "answer_tolerance": row.answer_tolerance,
    }


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"

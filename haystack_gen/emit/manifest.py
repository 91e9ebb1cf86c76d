"""The manifest and its typed twins: written from the same rows, the manifest last of all files."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.rows import AS_JSON, Row, plain
from haystack_gen.errors import InputError
from haystack_gen.families import Task
from haystack_gen.records import lines_of, parse_json, parse_line
from haystack_gen.workspace import DatasetFolder

_ROWS_PER_GROUP = 1000
_TEXT_PER_GROUP = 64 << 20  # characters: contexts and lists of frames may be long, and a group is held in memory
_NEEDLE = pa.struct(
    [
        ("needle_id", pa.string()),
        ("kind", pa.string()),
        ("key", pa.string()),
        ("content", pa.string()),
        ("count", pa.int32()),
        ("asked", pa.bool_()),
        ("source", pa.string()),
        ("start_frame", pa.int64()),
        ("end_frame", pa.int64()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("depth", pa.float64()),
        ("moved_frames", pa.int64()),
        ("added_frames", pa.int64()),
        ("order", pa.int32()),
    ]
)
_DISTRACTOR = pa.struct(
    [
        ("distractor_id", pa.string()),
        ("needle_id", pa.string()),
        ("start_frame", pa.int64()),
        ("end_frame", pa.int64()),
        ("offset_frames", pa.int64()),
        ("similarity", pa.float64()),
        ("source", pa.string()),
        ("lure", pa.string()),
    ]
)
_PART = pa.struct(
    [
        ("type", pa.string()),
        ("text", pa.string()),
        ("video_id", pa.string()),
        ("video", pa.string()),
        ("frames", pa.list_(pa.string())),
    ]
)
_NESTED = {"needles": pa.list_(_NEEDLE), "distractors": pa.list_(_DISTRACTOR), "context": pa.list_(_PART)}
_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    list[str]: pa.list_(pa.string()),
}
_SMALL = {"answer_index", "circular_shift", "fps_num", "fps_den", "width", "height", "num_needles", "num_distractors"}


def schema(media: str) -> pa.Schema:
    """The columns of `metadata.parquet`; `file_name` or `frames_file_names` is what `datasets` turns into media."""
    columns: list[tuple[str, pa.DataType]] = []
    for name, field in Row.model_fields.items():
        if name in _NESTED:
            columns.append((name, _NESTED[name]))
        elif name in ("video", "frames"):
            if (media == "video") == (name == "video") and media != "none":
                columns.append(_media_column(name))
        else:
            kind = pa.int32() if name in _SMALL else _TYPES.get(field.annotation, pa.string())
            columns.append((name, kind))
    return pa.schema(columns)


def _media_column(name: str) -> tuple[str, pa.DataType]:
    return ("file_name", pa.string()) if name == "video" else ("frames_file_names", pa.list_(pa.string()))


def write_metadata(rows: Iterable[Row], path: Path, *, media: str) -> None:
    """Write the typed table of all rows and, beside it, one for each family; a family without rows has none.

    A row group has 1,000 rows at most, fewer where rows are long; a family's has those of them that are its own. No row
    is held for longer, and rows come family by family, so groups are rarely small.
    """
    folder, columns = DatasetFolder(path.parent), schema(media)
    with ExitStack() as files:
        writers = {path: _writer(path, columns, files)}
        for batch in _batches(rows):
            records = [row.model_dump() | {"file_name": row.video, "frames_file_names": row.frames} for row in batch]
            table = pa.Table.from_pylist(records, schema=columns)
            writers[path].write_table(table)
            for task in dict.fromkeys(row.task for row in batch):
                own = folder.family(task)
                if own not in writers:
                    writers[own] = _writer(own, columns, files)
                writers[own].write_table(table.filter(pc.equal(table["task"], task)))
    for gone in {folder.family(task) for task in get_args(Task)} - writers.keys():
        gone.unlink(missing_ok=True)


def _writer(path: Path, columns: pa.Schema, files: ExitStack) -> pq.ParquetWriter:
    """A table that is there, whole, once `files` is left."""
    part = files.enter_context(atomic_path(path))
    file = files.enter_context(part.open("wb"))  # which PyArrow would leave open if the disk is full
    return files.enter_context(pq.ParquetWriter(file, columns))


def write_manifest(rows: Iterable[Row], path: Path) -> None:
    """Write the rows as JSONL. Its existence is what makes a dataset complete: call this last."""
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(plain(row), ensure_ascii=False, separators=(",", ":")) + "\n")


def read_manifest(path: Path) -> Iterator[Row]:
    """The rows of a manifest, each checked.

    Raises:
        InputError: no manifest (an unfinished build, or no dataset), or a row that is not one.
    """
    if not path.is_file():
        raise InputError(f"{path}: no manifest, so the dataset is not complete; run the same haystack-gen build again")
    for where, line in lines_of(path):
        yield read_row(line, where)


def read_row(line: bytes, where: str) -> Row:
    """One line of a manifest; `where` names it in errors.

    Raises:
        InputError: it is no row.
    """
    try:
        fields = parse_line(line, "line")
        for name in AS_JSON:
            fields[name] = parse_json(fields.pop(f"{name}_json"), f"{name}_json")
        return Row.model_validate(fields)
    except (InputError, ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(f"{where}: not a manifest row: {detail}") from None


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    text = 0
    for row in rows:
        batch.append(row)
        text += sum(len(part.text) for part in row.context) + sum(map(len, row.frames))
        if len(batch) == _ROWS_PER_GROUP or text >= _TEXT_PER_GROUP:
            yield batch
            batch, text = [], 0
    if batch:
        yield batch

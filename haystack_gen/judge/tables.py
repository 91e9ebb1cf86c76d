"""What a dataset's tables say, against what its plan implies: every field of every row, and both tables alike."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen.emit.frames import frame_paths
from haystack_gen.emit.rows import Row, RowWriter
from haystack_gen.facts import Needle, Source
from haystack_gen.plan.items import Item
from haystack_gen.records import load
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder


def table_differences(folder: DatasetFolder, rows: Sequence[Row], items: Sequence[Item]) -> Iterator[str]:
    """Where the manifest says other than the plan, and `metadata.parquet` other than the manifest.

    Raises:
        InputError: the provenance is damaged.
    """
    yield from _ids(rows, items)
    yield from _fields(folder, rows, items)
    yield from _typed_table(folder, rows)


def _ids(rows: Sequence[Row], items: Sequence[Item]) -> Iterator[str]:
    planned, written = Counter(item.id for item in items), Counter(row.id for row in rows)
    yield from (f"{name}: is planned and not in the manifest" for name in planned.keys() - written.keys())
    yield from (f"{name}: is in the manifest and not planned" for name in written.keys() - planned.keys())
    for where, names in (("plan", planned), ("manifest", written)):
        yield from (f"{name}: is in the {where} {count} times" for name, count in names.items() if count > 1)


def _fields(folder: DatasetFolder, rows: Sequence[Row], items: Sequence[Item]) -> Iterator[str]:
    """Every row is written again from the provenance; only media hashes and versions are taken from the row itself."""
    spec = read_spec_file(folder.spec)
    writer = RowWriter(spec, needles=load(folder.needles, Needle), sources=load(folder.catalog, Source))
    planned = {item.id: (number, item) for number, item in enumerate(items)}
    for row in (row for row in rows if row.id in planned):
        number, item = planned[row.id]
        video = folder.video(number, item.id).relative_to(folder.root).as_posix() if row.video else ""
        frames = frame_paths(item.timeline, folder) if row.frames else ()
        try:
            expected = writer.row(item, video=video, frames=frames, sha256=row.video_sha256)
        except (KeyError, ValueError) as error:
            yield f"{row.id}: its plan does not go with needles and catalogue: {error}"
            continue
        for name in Row.model_fields.keys() - {"generator_version"}:
            here, there = getattr(row, name), getattr(expected, name)
            if here != there:
                yield f"{row.id}: the manifest has {name} {_brief(here)}, the plan {_brief(there)}"


def _brief(value: Any) -> Any:
    """Nested rows as the tuples of their fields."""
    if isinstance(value, list) and value and not isinstance(value[0], str):
        return [tuple(one.model_dump().values()) for one in value]
    return value


def _typed_table(folder: DatasetFolder, rows: Sequence[Row]) -> Iterator[str]:
    name = folder.metadata.name
    try:
        table = pq.read_table(folder.metadata).to_pylist()
    except FileNotFoundError:
        yield f"{name}: no such file"
        return
    except (pa.ArrowException, OSError) as error:
        yield f"{name}: unreadable: {str(error)[:200]}"
        return
    for number, (typed, row) in enumerate(zip_longest(table, rows)):
        if typed is None or row is None:
            yield f"{name}: has {len(table)} rows, the manifest {len(rows)}"
            return
        written = row.model_dump()
        written |= {"file_name": row.video, "frames_file_names": row.frames}
        for key in sorted(key for key, value in typed.items() if key not in written or written[key] != value):
            yield f"{name}: row {number} ({row.id}) has another {key} than the manifest"

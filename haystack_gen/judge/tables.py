"""What a dataset's tables say, against what its plan implies: every field of every row, and both tables alike."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen import __version__
from haystack_gen.emit.frames import frame_paths
from haystack_gen.emit.manifest import schema
from haystack_gen.emit.plans import plan_line
from haystack_gen.emit.rows import Row, RowWriter
from haystack_gen.facts import Facts, Match, Needle, Sighting, Source
from haystack_gen.plan.items import Item, plan_items
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
    if all(row.generator_version == __version__ for row in rows):  # another version may plan otherwise
        yield from _planned_again(folder)
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
        rendered = folder.video(number, item.id).relative_to(folder.root).as_posix()
        video = rendered if spec.output.media == "video" else ""
        frames = frame_paths(item.timeline, folder) if spec.output.media == "frames" else ()
        try:
            expected = writer.row(item, video=video, frames=frames, sha256=row.video_sha256)
        except (KeyError, ValueError) as error:
            yield f"{row.id}: its plan does not go with needles and catalogue: {error}"
            continue
        for name in Row.model_fields.keys() - {"generator_version"}:
            here, there = getattr(row, name), getattr(expected, name)
            if here != there:
                yield f"{row.id}: the manifest has {name} {_brief(here)}, the plan {_brief(there)}"


def _planned_again(folder: DatasetFolder) -> Iterator[str]:
    """Planning is pure and its facts travel with the dataset: the plan can be made again and must be the same."""
    sources = load(folder.catalog, Source)
    facts = Facts(
        haystack=tuple(source for source in sources if not source.is_still),
        stills=tuple(source for source in sources if source.is_still),
        needles=load(folder.needles, Needle),
        matches=load(folder.matches, Match),
        sightings=load(folder.sightings, Sighting),
    )
    written = {path: path.open(encoding="utf-8", errors="replace") for path in (folder.plan, folder.dropped)}
    with written[folder.plan], written[folder.dropped]:
        for planned in plan_items(read_spec_file(folder.spec), facts):
            path = folder.plan if isinstance(planned, Item) else folder.dropped
            if next(written[path], "") != plan_line(planned):
                yield f"{path.name}: {planned.id} is not as its spec, facts and seed have it"
                return
        for path, lines in written.items():
            if next(lines, ""):
                yield f"{path.name}: has more lines than its spec, facts and seed give"


def _brief(value: Any) -> Any:
    """Nested rows as the tuples of their fields."""
    if isinstance(value, list) and value and not isinstance(value[0], str):
        return [tuple(one.model_dump().values()) for one in value]
    return value


def _typed_table(folder: DatasetFolder, rows: Sequence[Row]) -> Iterator[str]:
    name = folder.metadata.name
    media = read_spec_file(folder.spec).output.media
    try:
        read = pq.read_table(folder.metadata)
        if not read.schema.equals(schema(media)):
            yield f"{name}: has other columns than a dataset of {media}"
        table = read.to_pylist()
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

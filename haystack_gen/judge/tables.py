"""What a dataset's tables say, against what its plan implies: every field of every row, and all tables alike.

Tables and plan are read side by side, a row at a time: what is kept of a row is its name.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen import __version__
from haystack_gen.emit.manifest import read_manifest, schema
from haystack_gen.emit.plans import plan_line, read_plan
from haystack_gen.emit.provenance import read_facts
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places
from haystack_gen.errors import InputError
from haystack_gen.facts import Facts
from haystack_gen.families import Task
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.records import expect_file
from haystack_gen.spec import Spec
from haystack_gen.workspace import DatasetFolder

_ROWS_AT_ONCE = 100


def table_differences(folder: DatasetFolder, spec: Spec, numbers: Mapping[str, int]) -> Iterator[str]:
    """Where the manifest says other than the plan, and a typed table other than the manifest.

    Args:
        folder: the dataset.
        spec: its own.
        numbers: of the plan's videos, by id.

    Raises:
        InputError: manifest, plan or provenance are damaged.
    """
    facts = read_facts(folder)
    versions = yield from _names(folder)
    sources = (*facts.haystack, *facts.stills, *facts.needle_films)
    places = Places(folder, spec.output.media, numbers)
    writer = RowWriter(spec, needles=facts.needles, sources=sources, places=places, noise=facts.noise)
    for row, item in _paired(read_manifest(folder.manifest), read_plan(folder.plan)):
        yield from _misplaced(item)
        yield from _fields(row, item, writer)
    if versions <= {__version__}:  # another version may plan otherwise
        yield from _planned_again(folder, spec, facts)
    yield from _typed_tables(folder, spec)


def _names(folder: DatasetFolder) -> Generator[str, None, set[str]]:
    """Items that are in one table only or twice in one; returns the versions that the manifest is of."""
    planned = Counter(item.id for item in read_plan(folder.plan))
    written: Counter[str] = Counter()
    versions: set[str] = set()
    for row in read_manifest(folder.manifest):
        written[row.id] += 1
        versions.add(row.generator_version)
    yield from (f"{name}: is planned and not in the manifest" for name in planned.keys() - written.keys())
    yield from (f"{name}: is in the manifest and not planned" for name in written.keys() - planned.keys())
    for where, names in (("plan", planned), ("manifest", written)):
        yield from (f"{name}: is in the {where} {count} times" for name, count in names.items() if count > 1)
    return versions


def _paired(rows: Iterable[Row], items: Iterable[Item]) -> Iterator[tuple[Row, Item]]:
    """Each row with its item, whatever their order; in the plan's order, none waits for the other."""
    waiting: dict[str, Row] = {}
    planned: dict[str, Item] = {}
    for row, item in zip_longest(rows, items):
        if item is not None:
            planned[item.id] = item
        if row is not None:
            waiting[row.id] = row
        for name in {one.id for one in (row, item) if one is not None}:
            if name in waiting and name in planned:
                yield waiting.pop(name), planned.pop(name)


def _misplaced(item: Item) -> Iterator[str]:
    """Needles and distractors that the item's own timeline does not show where they are said to be."""
    clips = {(clip.role, clip.source, clip.start, clip.length) for clip in item.timeline.clips}
    placed = [("needle", one) for one in item.needles] + [("distractor", one) for one in item.distractors]
    for role, one in placed:
        if (role, one.source, one.start, one.length) not in clips:
            span = f"frames [{one.start}, {one.start + one.length})"
            yield f"{item.id}: the plan has {role} {one.source} at {span}, its timeline has not"


def _fields(row: Row, item: Item, writer: RowWriter) -> Iterator[str]:
    """The row is written again from the provenance; only the file's hash and the version are taken from itself."""
    try:
        expected = writer.row(item, sha256=row.video_sha256 if row.video else "")
    except (KeyError, ValueError) as error:
        yield f"{row.id}: its plan does not go with needles and catalogue: {error}"
        return
    for name in Row.model_fields.keys() - {"generator_version"}:
        here, there = getattr(row, name), getattr(expected, name)
        if here != there:
            yield f"{row.id}: the manifest has {name} {_brief(here)}, the plan {_brief(there)}"


def _planned_again(folder: DatasetFolder, spec: Spec, facts: Facts) -> Iterator[str]:
    """Planning is pure and its facts travel with the dataset: the plan can be made again and must be the same."""
    files = [expect_file(path) for path in (folder.plan, folder.dropped)]
    written = {path: path.open(encoding="utf-8", errors="replace") for path in files}
    with written[folder.plan], written[folder.dropped]:
        try:
            for planned in plan_items(spec, facts):
                path = folder.plan if isinstance(planned, Item) else folder.dropped
                if next(written[path], "") != plan_line(planned):
                    yield f"{path.name}: {planned.id} is not as its spec, facts and seed have it"
                    return
        except (InputError, KeyError, IndexError, ValueError, TypeError, ArithmeticError) as error:
            yield f"{folder.plan.name}: cannot be planned from its spec and facts: {error}"
            return
        for path, lines in written.items():
            if next(lines, ""):
                yield f"{path.name}: has more lines than its spec, facts and seed give"


def _brief(value: Any) -> Any:
    """Nested rows as the tuples of their fields; long text cut short."""
    if isinstance(value, list) and value and not isinstance(value[0], str):
        return [tuple(map(_brief, one.model_dump().values())) for one in value]
    return f"{value[:200]}..." if isinstance(value, str) and len(value) > 200 else value


def _typed_tables(folder: DatasetFolder, spec: Spec) -> Iterator[str]:
    """The table of all rows and those of the families, read along with the manifest."""
    families = {task: folder.family(task) for task in get_args(Task)}
    tables = {folder.metadata: _Table(folder.metadata, spec.output.media)}
    for row in read_manifest(folder.manifest):
        for path in filter(None, (folder.metadata, families.get(row.task))):
            if path not in tables:
                tables[path] = _Table(path, spec.output.media)
            yield from tables[path].differences(row)
    for table in tables.values():
        yield from table.more_rows()
    for path in families.values():
        if path not in tables and path.exists():
            yield f"{path.name}: is there, and the manifest has no item of this family"


class _Table:
    """A typed table that is held against rows of the manifest, one at a time."""

    def __init__(self, path: Path, media: str) -> None:
        self._name, self._media, self._records = path.name, media, self._read(path)
        self._rows = self._missing = 0
        self._wrong: list[str] = []
        self._broken = False

    def _read(self, path: Path) -> Iterator[dict[str, Any]]:
        try:
            with pq.ParquetFile(expect_file(path)) as table:
                if not table.schema_arrow.equals(schema(self._media)):
                    self._wrong.append(f"has other columns than a dataset of {self._media}")
                for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE):
                    yield from batch.to_pylist()
        except (FileNotFoundError, InputError):
            self._wrong.append("no such file")
            self._broken = True
        except (pa.ArrowException, OSError) as error:
            self._wrong.append(f"unreadable: {str(error)[:200]}")
            self._broken = True

    def differences(self, row: Row) -> Iterator[str]:
        """What the next record says other than this row, or what is wrong with the whole table."""
        typed = next(self._records, None)
        yield from self._said()
        if typed is None:
            self._missing += 1
            return
        written = row.model_dump() | {"file_name": row.video, "frames_file_names": row.frames}
        for key in sorted(key for key, value in typed.items() if key not in written or written[key] != value):
            yield f"{self._name}: row {self._rows} ({row.id}) has another {key} than the manifest"
        self._rows += 1

    def more_rows(self) -> Iterator[str]:
        """Whether there are more records, or fewer, than there were rows."""
        more = sum(1 for _ in self._records)
        yield from self._said()
        if not self._broken and (more or self._missing):
            yield f"{self._name}: has {self._rows + more} rows, the manifest {self._rows + self._missing}"

    def _said(self) -> Iterator[str]:
        """What is wrong with the whole, once."""
        while self._wrong:
            yield f"{self._name}: {self._wrong.pop()}"

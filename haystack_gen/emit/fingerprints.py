"""What every frame must decode to, so that `verify` needs nothing but the dataset.

A row per source frame that items show: `digest` is BLAKE2b of the decoded planes, `thumb` a 16 x 9 picture of their
luma. Frames that were encoded again because a clip starts inside a group of pictures stand under that start as `cut`;
all others have the cut -1.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.chunks import ROW, THUMB, ChunkStore, Table
from haystack_gen.errors import InputError
from haystack_gen.plan.timeline import Timeline
from haystack_gen.records import expect_file

_THUMB_BYTES = THUMB[0] * THUMB[1]
_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("cut", pa.int64()),
        ("frame", pa.int64()),
        ("digest", pa.uint64()),
        ("thumb", pa.binary(_THUMB_BYTES)),
    ]
)


class Prints(NamedTuple):
    """Digests and thumbs of consecutive frames of one source, the first of which is frame `start`."""

    start: int
    digests: np.ndarray[Any, np.dtype[np.uint64]]
    thumbs: np.ndarray[Any, np.dtype[np.uint8]]


def write_fingerprints(
    path: Path,
    stores: Mapping[str, ChunkStore],
    *,
    spans: Mapping[str, tuple[int, int]],
    cuts: Iterable[tuple[str, int]],
) -> None:
    """Write the rows of each source's span [first, last) and of each (source, start) that was encoded again."""
    with (
        atomic_path(path) as part,
        part.open("wb") as file,  # which PyArrow would leave open if the disk is full
        pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer,
    ):
        for source, (start, stop) in sorted(spans.items()):
            writer.write_table(_rows(source, -1, start, stores[source].rows(start, stop)))
        for source, start in sorted(cuts):
            writer.write_table(_rows(source, start, start, _cut_rows(stores[source], start)))


def cuts_of(timelines: Iterable[Timeline], gop: int) -> set[tuple[str, int]]:
    """(source, start) of every clip of film that starts inside a group of `gop` pictures."""
    return {
        (clip.source, clip.source_start)
        for timeline in timelines
        for clip in timeline.clips
        if clip.role == "haystack" and clip.source_start % gop
    }


def read_fingerprints(path: Path) -> dict[tuple[str, int], Prints]:
    """By (source, cut).

    Raises:
        InputError: there is no such file, or it is not one of ours.
    """
    try:
        table = pq.read_table(expect_file(path, remedy="; expected a dataset folder made by haystack-gen build"))
        if table.schema != _SCHEMA or any(column.null_count for column in table.columns):
            raise pa.ArrowInvalid(f"its columns are {', '.join(table.schema.names)}")
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: unreadable ({str(error)[:200]}); build the dataset again") from None
    return dict(_grouped(table))


def expected(prints: Mapping[tuple[str, int], Prints], timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Digest (length,) and thumb (length, 9, 16) of every frame of a timeline, in order.

    Raises:
        InputError: the timeline shows a frame of which nothing is recorded.
    """
    digests, thumbs = [], []
    for clip in timeline.clips:
        at, left = clip.source_start, clip.length
        if (clip.source, -1) not in prints:
            raise InputError(f"no fingerprints of source {clip.source!r}; build the dataset again")
        if clip.role != "haystack":  # a still stays
            one = prints[clip.source, -1]
            digests.append(np.repeat(one.digests[:1], left))
            thumbs.append(np.repeat(one.thumbs[:1], left, axis=0))
            continue
        for part in (prints.get((clip.source, at)), prints[clip.source, -1]):
            if part is None or not left:
                continue
            low = at - part.start
            taken = part.digests[low : low + left]
            digests.append(taken)
            thumbs.append(part.thumbs[low : low + left])
            at, left = at + len(taken), left - len(taken)
        if left:
            raise InputError(f"no fingerprints of source {clip.source!r} from frame {at} on; build the dataset again")
    return np.concatenate(digests), np.concatenate(thumbs)


def _cut_rows(store: ChunkStore, start: int) -> Table:
    left = store.encoding.gop - start % store.encoding.gop
    return store.clip(start, min(left, store.length - start))[0].rows


def _rows(source: str, cut: int, start: int, rows: Table) -> pa.Table:
    count = len(rows)
    thumbs = rows["thumb"].reshape(count, _THUMB_BYTES)
    columns = [
        pa.array([source] * count, pa.string()),
        pa.array(np.full(count, cut)),
        pa.array(np.arange(start, start + count)),
        pa.array(rows["digest"].astype(np.uint64)),
        pa.array([thumb.tobytes() for thumb in thumbs], pa.binary(_THUMB_BYTES)),
    ]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


def _grouped(table: pa.Table) -> Iterator[tuple[tuple[str, int], Prints]]:
    """The rows of each (source, cut), which the writer put one after another."""
    sources, cuts = table["source"].to_pylist(), table["cut"].to_numpy()
    frames, digests = table["frame"].to_numpy(), table["digest"].to_numpy()
    thumbs = np.frombuffer(b"".join(table["thumb"].to_pylist()), np.uint8).reshape(-1, *ROW["thumb"].shape)
    edges = [row for row in range(1, len(frames)) if sources[row] != sources[row - 1] or cuts[row] != cuts[row - 1]]
    for start, stop in zip([0, *edges], [*edges, len(frames)], strict=True):
        if stop > start:
            prints = Prints(int(frames[start]), digests[start:stop], thumbs[start:stop])
            yield (sources[start], int(cuts[start])), prints

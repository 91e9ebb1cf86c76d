"""Rendering: packets of several stores, copied in order into one mp4. No pixel is touched.

    store a   [I P P P][I P P P][I P P P]        one film, encoded once
    store n   [I]                                a needle, encoded once
    spliced   [I P P P][I P P] [I] [I][I P P P]  each I that follows another as the next IDR picture differs from it
               1         2      1   2  1         in idr_pic_id (see h264.py)

The index stands in front of the pictures, so that a browser can start at once and seek.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from haystack_gen.emit.chunks import ChunkStore, Run, Table
from haystack_gen.emit.encoding import MP4
from haystack_gen.emit.h264 import flipped
from haystack_gen.errors import InputError

_LEAST_TIMESCALE = 10_000  # ticks per second; a multiple of the rate's numerator, so that every frame is whole ticks


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames [start, start + length) of a store; those of a still are all the same."""

    store: ChunkStore
    start: int
    length: int


def runs_of(pieces: Sequence[Piece]) -> list[Run]:
    """The samples that the pieces consist of, in order; a clip that starts inside a group is encoded where needed."""
    return [run for piece in pieces for run in piece.store.clip(piece.start, piece.length)]


def planned_rows(pieces: Sequence[Piece]) -> Table:
    """What every frame of the spliced film must decode to: one row with `digest` and `thumb` per frame."""
    return np.concatenate([run.rows for run in runs_of(pieces)])


def splice(pieces: Sequence[Piece], path: Path) -> None:
    """Write the pieces one after another to `path`, frame k shown at k / rate.

    Same pieces, same bytes. `path` should be temporary: see `atomic.atomic_path`.

    Raises:
        InputError: there are no pieces, or they were not encoded alike.
    """
    if not pieces:
        raise InputError(f"{path}: nothing to splice; a video needs at least one frame")
    _check_alike(pieces)
    runs = runs_of(pieces)
    rows = np.concatenate([run.rows for run in runs])
    rate = pieces[0].store.encoding.rate
    timescale = rate.numerator * -(-_LEAST_TIMESCALE // rate.numerator)
    options = {
        **MP4,
        "moov_size": str(_index_bound(rows)),
        "video_track_timescale": str(timescale),
        "movie_timescale": str(timescale),
    }
    with av.open(str(path), "w", format="mp4", container_options=options) as container:
        container.add_stream_from_template(_template(pieces[0].store.first).streams.video[0])
        container.start_encoding()
        _copy(runs, rows, container, int(timescale / rate))


def _copy(runs: Sequence[Run], rows: Table, container: Any, tick: int) -> None:
    """The loop that everything else is measured by: keep it bare. Packets without a time base are in the stream's."""
    stream, mux, packet_of = container.streams[0], container.mux_one, cast(Any, av.Packet)
    samples = chain.from_iterable(run.samples() for run in runs)
    keys = rows["flip"] >= 0
    flips = np.where(keys & (np.cumsum(keys) % 2 == 0), rows["flip"], -1)
    for sample, is_key, flip, at in zip(samples, keys.tolist(), flips.tolist(), count(0, tick), strict=False):
        packet = packet_of(sample if flip < 0 else flipped(sample, flip))
        packet.stream = stream
        packet.pts = packet.dts = at
        packet.duration = tick
        packet.is_keyframe = is_key
        mux(packet)


@lru_cache(maxsize=8)
def _template(path: Path) -> Any:
    """An mp4 kept open, since opening one costs as much as copying 300 frames."""
    return av.open(str(path))


def _check_alike(pieces: Sequence[Piece]) -> None:
    first = pieces[0].store
    for store in {id(piece.store): piece.store for piece in pieces}.values():
        if store.encoding != first.encoding or store.extradata != first.extradata:
            raise InputError(
                f"{store.folder} and {first.folder} were encoded with different settings or encoders "
                f"({store.encoding} and {first.encoding}); delete both and run again"
            )


def _index_bound(rows: Table) -> int:
    """Bytes that surely hold the index: 4 per sample, 4 per keyframe, 20 per chunk, and all that does not grow.

    The muxer gathers samples into chunks of at most 1 MiB, so that two neighbours together have more than that.
    """
    chunks = min(len(rows), 2 * int(rows["size"].sum()) // 2**20 + 2)
    return 4 * len(rows) + 4 * int(np.count_nonzero(rows["flip"] >= 0)) + 20 * chunks + 2048

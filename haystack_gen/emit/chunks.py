"""Every picture encoded once: a source's frames as coded samples in small files, and what they decode to.

A store is a folder of spans. A span is an ordinary mp4 and, beside it, a table with one row per frame:

    span-000000.mp4  span-000000.npy      frames [0, 600)      the table is written last:
    span-000600.mp4  span-000600.npy      frames [600, 1117)   where it exists, the span is complete
    cut-000641.mp4   cut-000641.npy       frames [641, 660) encoded again, because a clip started at 641
"""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from haystack_gen.atomic import atomic_path, refusals_explained
from haystack_gen.emit import h264
from haystack_gen.emit.encoding import Encoding, Pixels, decode, encode, rgb_pictures, yuv_frames
from haystack_gen.errors import InputError

_LOG = logging.getLogger(__name__)
Table = np.ndarray[Any, np.dtype[np.void]]

THUMB = (16, 9)
# One row per frame. The sample is bytes [offset, offset + size) of the mp4; `flip` is the bit of it that changes
# its idr_pic_id, -1 where it is no IDR picture; `digest` and `thumb`: see `fingerprint`.
ROW = np.dtype(
    [("offset", "<u8"), ("size", "<u4"), ("flip", "<i4"), ("digest", "<u8"), ("thumb", "u1", (THUMB[1], THUMB[0]))]
)


@dataclass(frozen=True, slots=True)
class Run:
    """Samples to copy one after another from one mp4: rows of its table, in order, repeated where a still stays."""

    path: Path
    rows: Table

    def samples(self) -> Iterator[memoryview]:
        """The coded samples as stored: NAL units behind lengths of four bytes, every `idr_pic_id` 1."""
        stored = memoryview(_mapped(self.path, self.path.stat().st_mtime_ns))
        for offset, size in zip(self.rows["offset"].tolist(), self.rows["size"].tolist(), strict=True):
            yield stored[offset : offset + size]


class ChunkStore:
    """The coded frames of one source, as they are when first asked for.

    A store of one frame is a still: its clips may have any length and repeat the frame.
    """

    def __init__(self, folder: Path, encoding: Encoding) -> None:
        self.folder = folder
        self.encoding = encoding

    @cached_property
    def spans(self) -> list[Run]:
        """The complete spans from frame 0 on, up to the first that is missing.

        Raises:
            InputError: a table does not belong to its mp4.
        """
        found: list[Run] = []
        while (run := _load(self.folder / f"span-{sum(len(span.rows) for span in found):06d}.mp4")) is not None:
            found.append(run)
        return found

    @property
    def length(self) -> int:
        """Frames from frame 0 on without a gap."""
        return sum(len(span.rows) for span in self.spans)

    @property
    def first(self) -> Path:
        """The first mp4.

        Raises:
            InputError: nothing was encoded into the folder.
        """
        if not self.spans:
            raise InputError(f"{self.folder}: holds no encoded frames; encode the source first")
        return self.spans[0].path

    @cached_property
    def extradata(self) -> bytes:
        """The decoder configuration, which all that is spliced together must share."""
        return _extradata(self.first)

    def missing(self, length: int) -> list[tuple[int, int]]:
        """Half-open spans that remain to be encoded for a source of `length` frames; a damaged one goes, and is one."""
        step = self.encoding.span
        return [
            (start, min(start + step, length))
            for start in range(0, length, step)
            if _load_sound(self.folder / f"span-{start:06d}.mp4") is None
        ]

    def rows(self, start: int, stop: int) -> Table:
        """Table rows of frames [start, stop): what the source decodes to, frame by frame."""
        return np.concatenate([run.rows for run in self._runs(start, stop)])

    def read(self, start: int, stop: int) -> Iterator[Pixels]:
        """Decode frames [start, stop): uint8 RGB of shape (height, width, 3)."""
        return rgb_pictures(self._decoded(start, stop))

    def clip(self, start: int, length: int) -> list[Run]:
        """What to copy to show frames [start, start + length), beginning with an IDR picture.

        Where `start` lies inside a group, the rest of that group has no picture to begin with: it is decoded and
        encoded once more as a group of its own, and kept beside the spans. Those frames, fewer than `Encoding.gop`, are
        a second generation, and their rows state what they decode to themselves. A clip that ends inside a group needs
        nothing: the beginning of a group decodes without its end.

        Raises:
            InputError: the clip reaches beyond the store.
        """
        if self.length == 1 and start == 0 and length > 1:
            return [Run(self.first, np.repeat(self.spans[0].rows, length))]
        stop = start + length
        self._check(start, stop)
        boundary = min(start + -start % self.encoding.gop, self.length)
        if boundary == start:
            return self._runs(start, stop)
        cut = self._cut(start, boundary)
        head = Run(cut.path, cut.rows[:length])
        return [head] if stop <= boundary else [head, *self._runs(boundary, stop)]

    def _cut(self, start: int, boundary: int) -> Run:
        path = self.folder / f"cut-{start:06d}.mp4"
        return _load_sound(path) or _write(self._decoded(start, boundary), path, self.encoding)

    def _check(self, start: int, stop: int) -> None:
        if not 0 <= start < stop <= self.length:
            raise InputError(
                f"{self.folder}: frames [{start}, {stop}) asked for, expected within [0, {self.length}); "
                "encode the source to that length first"
            )

    def _runs(self, start: int, stop: int) -> list[Run]:
        self._check(start, stop)
        runs, begin = [], 0
        for span in self.spans:
            rows = span.rows[max(0, start - begin) : max(0, stop - begin)]
            if len(rows):
                runs.append(Run(span.path, rows))
            begin += len(span.rows)
        return runs

    def _decoded(self, start: int, stop: int) -> Iterator[VideoFrame]:
        group = start - start % self.encoding.gop
        samples = chain.from_iterable(run.samples() for run in self._runs(group, stop))
        return islice(decode(samples, self.extradata), start - group, None)


def encode_span(pictures: Iterable[Pixels], *, folder: Path, start: int, encoding: Encoding) -> int:
    """Encode `pictures`, the first of which is frame `start` of the source, as one span of the store in `folder`.

    Pictures are uint8 RGB, full range, of shape (height, width, 3), and taken one at a time. `start` is a multiple of
    `Encoding.gop`. Returns the number of pictures.

    Raises:
        InputError: there are no pictures.
        StorageError: the file system refused.
    """
    if start % encoding.gop:
        raise ValueError(f"a span starts on a group boundary, got frame {start} with groups of {encoding.gop}")
    return len(_write(yuv_frames(pictures, encoding), folder / f"span-{start:06d}.mp4", encoding).rows)


def fingerprint(frame: VideoFrame) -> tuple[int, Pixels]:
    """`digest` and `thumb` of a decoded yuv420p frame.

    The digest is 8 bytes of BLAKE2b, little-endian, over the planes Y, U and V without padding: any conformant decoder
    arrives at it. The thumbnail is for readers that show RGB alone.
    """
    planes = cast(Pixels, frame.to_ndarray())
    digest = blake2b(planes.data, digest_size=8).digest()
    return int.from_bytes(digest, "little"), thumbnail(planes[: frame.height])


def thumbnail(luma: Pixels) -> Pixels:
    """Luma of shape (height, width) averaged over the areas of a 16 x 9 grid: uint8 of shape (9, 16)."""
    height, width = luma.shape
    down = np.arange(THUMB[1]) * height // THUMB[1]
    across = np.arange(THUMB[0]) * width // THUMB[0]
    sums = np.add.reduceat(np.add.reduceat(luma, across, axis=1, dtype=np.uint32), down, axis=0)
    areas = np.outer(np.diff(down, append=height), np.diff(across, append=width))
    return cast(Pixels, ((sums + areas // 2) // areas).astype(np.uint8))


def _write(frames: Iterable[VideoFrame], path: Path, encoding: Encoding) -> Run:
    """Write an mp4 and, last, its table; nothing is written if there are no frames or one fails."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{path}: there are no frames to encode; the source is shorter than expected")
    with atomic_path(path) as part:
        count = encode(chain([first], frames), part, encoding)
        table = _table(part, count)
    with atomic_path(path.with_suffix(".npy")) as part, part.open("wb") as file:
        np.save(file, table)
    return Run(path, table)


def _table(path: Path, count: int) -> Table:
    """Find every sample of an mp4 and decode it."""
    table = np.zeros(count, ROW)
    with av.open(str(path)) as container:
        extradata = _configuration(container)
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    table["offset"], table["size"] = np.array(places).T
    layout = h264.layout_of(extradata)
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as stored:
        table["flip"] = [h264.flip_bit(stored[offset : offset + size], layout) for offset, size in places]
        decoded = decode((stored[offset : offset + size] for offset, size in places), extradata)
        for row, frame in zip(table, decoded, strict=True):
            row["digest"], row["thumb"] = fingerprint(frame)
    return table


def _load(path: Path) -> Run | None:
    """A span or cut; None where it is not complete."""
    table = path.with_suffix(".npy")
    if not table.is_file():
        return None
    try:
        return _loaded(path, table.stat().st_mtime_ns, path.stat().st_size)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{table}: unusable ({error}); delete {path.parent} and run again") from error


def _load_sound(path: Path) -> Run | None:
    """As `_load`, but a damaged span or cut is deleted, since it can be encoded again; that is said."""
    try:
        return _load(path)
    except InputError as error:
        _LOG.warning("%s: is damaged (%s) and encoded again", path, error.__cause__)
        with refusals_explained(path):
            path.with_suffix(".npy").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        return None


@lru_cache(maxsize=256)
def _loaded(path: Path, _written_ns: int, size_bytes: int) -> Run:
    """Remembered for as long as its files stay as they are, since every item of a build asks for the same spans."""
    rows = np.load(path.with_suffix(".npy"))
    if rows.dtype != ROW or not len(rows) or int(rows["offset"][-1] + rows["size"][-1]) > size_bytes:
        raise ValueError("it does not describe the mp4 beside it")
    if not _is_whole(path, size_bytes):
        raise ValueError("the mp4 beside it is cut short")
    rows.flags.writeable = False
    with suppress(OSError):  # another user's
        os.utime(path.parent)  # by which `haystack-gen cache prune` sees when it was used last
    return Run(path, rows)


def _is_whole(path: Path, size_bytes: int) -> bool:
    """Whether the boxes of an mp4 end where it does; 1 stands for a length of 64 bits (ISO/IEC 14496-12, 4.2)."""
    at = 0
    with path.open("rb") as file:
        while at < size_bytes:
            file.seek(at)
            length = int.from_bytes(file.read(4), "big")
            if length == 1:
                length = int.from_bytes(file.read(12)[4:], "big")
            if length < 8:
                return False
            at += length
    return at == size_bytes


@lru_cache(maxsize=1024)
def _extradata(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return _configuration(container)


def _configuration(container: InputContainer) -> bytes:
    return bytes(container.streams.video[0].codec_context.extradata or b"")


@lru_cache(maxsize=128)
def _mapped(path: Path, _written_ns: int) -> mmap:
    """A file as it was written then, kept open while it is in use; at most 128, as each holds a file descriptor."""
    with path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)

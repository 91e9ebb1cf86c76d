"""Vectors of many pictures on disk, in shards that are read without being loaded.

    vectors.npy     float32, one row of length 1 for each picture; memory-mapped
    pictures.npz    the embedder's name, the sharpness of each picture, and BLAKE2b of vectors.npy

A shard is a folder that appears once it is complete. It names no picture: who reads it knows which those are.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haystack_gen.atomic import atomic_folder, refusals_explained
from haystack_gen.errors import InputError
from haystack_gen.gather.embed import Vectors, read_arrays

SHARD_PICTURES = 4096
"""Most pictures of a shard."""
_LENGTH_TOLERANCE = 1e-3  # by which a row's squared length may differ from 1; damage shows by far more
_BLOCK_BYTES = 1 << 20
_KEPT_OPEN = 16  # shards between which single rows are read


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard; `vectors` are mapped from its file and take no memory until they are read."""

    folder: Path
    vectors: Vectors
    sharpness: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sharpness)

    def rows(self, which: NDArray[Any] | slice) -> Vectors:
        """Some rows, by their places in the shard.

        Raises:
            InputError: one of them is not of length 1, as no embedder writes it.
        """
        rows = np.asarray(self.vectors)[which]
        lengths = np.einsum("ij,ij->i", rows, rows)
        if not (np.abs(lengths - 1) <= _LENGTH_TOLERANCE).all():  # written so that NaN is refused as well
            raise _damaged(self.folder, "holds a vector whose length is not 1")
        return rows


def write_shard(folder: Path, vectors: Vectors, *, sharpness: Sequence[float], embedder: str) -> None:
    """Write one row of length 1 and the sharpness of each picture; a shard that is there already stays.

    Raises:
        StorageError: the file system refused.
    """
    with atomic_folder(folder) as part:
        np.save(part / "vectors.npy", np.ascontiguousarray(vectors, np.float32))
        np.savez(
            part / "pictures.npz",
            embedder=np.array(embedder),
            sharpness=np.asarray(sharpness, np.float32),
            digest=_digest(part / "vectors.npy"),
        )


def open_shard(folder: Path, *, embedder: str, whole: bool = False) -> Shard:
    """A shard that `write_shard` wrote; with `whole`, all its bytes are read and compared with their digest.

    Raises:
        InputError: there is none, it is damaged, or its vectors are of another embedder.
    """
    try:
        with refusals_explained(folder):
            name, sharpness, digest = read_arrays(folder / "pictures.npz", "embedder", "sharpness", "digest")
            vectors = np.lib.format.open_memmap(folder / "vectors.npy", mode="r")
            changed = whole and not np.array_equal(digest, _digest(folder / "vectors.npy"))
    except FileNotFoundError as error:
        raise InputError(f"{folder}: has no {Path(error.filename).name}; delete it and it is embedded again") from None
    except (ValueError, EOFError) as error:
        raise _damaged(folder, str(error).partition("\n")[0]) from error
    if changed:
        raise _damaged(folder, "its vectors are not the ones that were written")
    if str(name) != embedder:
        raise InputError(f"{folder}: holds vectors of {name}, expected {embedder}; embed the pool with it")
    if vectors.ndim != 2 or vectors.dtype != np.float32 or sharpness.shape != vectors.shape[:1] or not len(vectors):
        raise _damaged(folder, f"{vectors.dtype} vectors {vectors.shape} for {sharpness.shape} pictures")
    return Shard(folder, vectors, sharpness)


class Shards:
    """Shards of one embedder put together, their pictures numbered through; mapped one at a time."""

    def __init__(self, folders: Sequence[Path], *, embedder: str) -> None:
        """Look at each shard once.

        Raises:
            InputError: one is missing, damaged, of another embedder, or has vectors of another length; there is none.
        """
        if not folders:
            raise InputError("there is no picture to search; give a pool with at least one")
        self.folders, self.embedder = tuple(folders), embedder
        self._starts = [0]
        sharpness = []
        self.dimensions = open_shard(folders[0], embedder=embedder).vectors.shape[1]
        for folder in folders:
            shard = open_shard(folder, embedder=embedder)
            if shard.vectors.shape[1] != self.dimensions:
                raise _damaged(folder, f"vectors of {shard.vectors.shape[1]} numbers, expected {self.dimensions}")
            self._starts.append(self._starts[-1] + len(shard))
            sharpness.append(shard.sharpness)
        self.sharpness: NDArray[np.float32] = np.concatenate(sharpness)
        self._opened = lru_cache(_KEPT_OPEN)(lambda number: open_shard(self.folders[number], embedder=embedder))

    def __len__(self) -> int:
        return self._starts[-1]

    def each(self, *, whole: bool = False) -> Iterator[tuple[int, Shard]]:
        """Every shard and the number of its first picture; see `open_shard` for `whole` and what is raised."""
        for start, folder in zip(self._starts[:-1], self.folders, strict=True):
            yield start, open_shard(folder, embedder=self.embedder, whole=whole)

    def row(self, picture: int) -> Vectors:
        """The vector of one picture by its number."""
        shard = bisect_right(self._starts, picture) - 1
        found: Vectors = self._opened(shard).rows(np.array([picture - self._starts[shard]]))[0]
        return found


def _digest(file: Path) -> NDArray[np.uint8]:
    """BLAKE2b of a file, read in blocks."""
    digest = blake2b(digest_size=16)
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return np.frombuffer(digest.digest(), np.uint8)


def _damaged(folder: Path, why: str) -> InputError:
    return InputError(f"{folder}: is damaged or not a shard of embeddings ({why}); delete it and it is embedded again")

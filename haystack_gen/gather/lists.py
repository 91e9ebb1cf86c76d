"""Lists of pictures that lie near one another, so that a search need not compare them all.

An inverted file without a second copy of the vectors: k-means finds centres on a sample, every picture is noted in the
list of its nearest centre, and the vectors stay in their shards. In memory there are the centres and four bytes for
each picture.
"""

from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from haystack_gen.atomic import atomic_path, refusals_explained
from haystack_gen.errors import InputError
from haystack_gen.gather.embed import Vectors, read_arrays
from haystack_gen.gather.shards import Shards

_MOST_LISTS = 2048
_LEAST_PER_LIST, _SAMPLE_PER_LIST = 39, 64  # vectors to a list in training; FAISS asks for at least 39
_ROUNDS, _SEED = 10, 1  # of k-means
_ROOM = 4  # times as many pictures as asked for lie in the lists that are searched, at the least


@dataclass(frozen=True, slots=True)
class Lists:
    """`centres` has a row of length 1 for each list, `labels` the number of the list that each picture is in."""

    centres: Vectors
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.centres)

    def nearest_first(self, queries: Vectors) -> NDArray[np.intp]:
        """For each query the numbers of all lists, the nearest first."""
        # In 64 bits and rounded, the order does not depend on what else is multiplied at the same time.
        cosines = np.round(queries.astype(np.float64) @ self.centres.T.astype(np.float64), 9)
        return np.argsort(-cosines, axis=1, kind="stable")

    def searched(self, queries: Vectors, *, k: int, lists: int) -> NDArray[np.bool_]:
        """For each query which lists to search: the `lists` nearest, more where those hold few for `k` results."""
        order = self.nearest_first(queries)
        sizes = np.bincount(self.labels, minlength=len(self))
        before = np.cumsum(sizes[order], axis=1) - sizes[order]
        chosen = np.zeros(order.shape, np.bool_)
        np.put_along_axis(chosen, order, (np.arange(len(self)) < lists) | (before < _ROOM * k), axis=1)
        return chosen

    def save(self, file: Path, *, pool: str) -> None:
        """Write to one file, with the key of the pool that they are of.

        Raises:
            StorageError: the file system refused.
        """
        with atomic_path(file) as part, part.open("wb") as stream:
            np.savez(stream, pool=np.array(pool), centres=self.centres, labels=self.labels)

    @classmethod
    def load(cls, file: Path, *, pool: str, shape: tuple[int, int]) -> "Lists":
        """What `save` wrote for the pool with that key, of `shape` (pictures, numbers to a vector).

        Raises:
            InputError: the file is damaged or of another pool.
        """
        try:
            with refusals_explained(file):
                written_for, centres, labels = read_arrays(file, "pool", "centres", "labels")
        except ValueError as error:
            raise InputError(
                f"{file}: is damaged or not an index of a pool; delete it and it is built again"
            ) from error
        if str(written_for) != pool:
            raise InputError(f"{file}: is the index of another pool; delete it and it is built again")
        fits = centres.dtype == np.float32 and labels.dtype == np.int32 and (len(labels), *centres.shape[1:]) == shape
        if not fits or not np.isfinite(centres).all() or labels.min() < 0 or labels.max() >= len(centres):
            raise InputError(
                f"{file}: does not fit the {shape[0]} pictures of its pool; delete it and it is built again"
            )
        return cls(centres, labels)


def build_lists(shards: Shards, order: NDArray[np.int32]) -> Lists:
    """The lists of all pictures; `order` numbers them in the order of their ids.

    Centres are found on pictures that lie evenly in that order, so that they do not depend on the order of the shards.
    Every shard is read twice, the first time comparing its bytes with what was written.

    Raises:
        InputError: a shard is damaged.
    """
    count = max(1, min(_MOST_LISTS, isqrt(len(order)), len(order) // _LEAST_PER_LIST))
    wanted = min(len(order), count * _SAMPLE_PER_LIST)
    sampled = order[np.arange(wanted) * len(order) // wanted]
    sample = np.empty((wanted, shards.dimensions), np.float32)
    for start, shard in shards.each(whole=True):
        here = np.flatnonzero((sampled >= start) & (sampled < start + len(shard)))
        sample[here] = shard.rows(sampled[here] - start)
    centres = _trained(sample, lists=count)
    labels = np.empty(len(order), np.int32)
    for start, shard in shards.each():
        labels[start : start + len(shard)] = (shard.rows(slice(None)) @ centres.T).argmax(axis=1)
    return Lists(centres, labels)


def _trained(sample: Vectors, *, lists: int) -> Vectors:
    """The centres of `lists` clusters of a sample, found by one thread: sums depend on the order of adding."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        means = faiss.Kmeans(sample.shape[1], lists, niter=_ROUNDS, seed=_SEED, spherical=True)
        means.train(sample)
    finally:
        faiss.omp_set_num_threads(before)
    return np.array(means.centroids, np.float32)

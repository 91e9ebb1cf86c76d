"""A pool too large for memory, searched by cosine in the shards that its vectors lie in.

In memory are the ids, their order, the sharpness and the list of each picture: some 16 bytes and an id for each, and
no vector.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haystack_gen.errors import InputError
from haystack_gen.gather.embed import Vectors
from haystack_gen.gather.lists import Lists, build_lists
from haystack_gen.gather.neighbours import rounded
from haystack_gen.gather.shards import Shards
from haystack_gen.workspace import content_key

RECALL_AT = 50
"""How many neighbours of a query recall is measured on."""
_WANTED_RECALL = 0.995
_QUERIES_MEASURED = 16  # for choosing how many lists are searched; as many others for saying what that finds
_QUERIES_AT_ONCE = 512
_SCATTERED = 0.2  # of a shard's rows: where more are wanted, reading all in one go is quicker
_SLACK = 1e-5  # by which a cosine of 32-bit sums may be off
_DIGITS = 9  # to which cosines of 64-bit sums are equal, in whatever order they are added
_NO_COSINE = -2.0


@dataclass(frozen=True, slots=True)
class Recall:
    """Which `share` of the `RECALL_AT` nearest pictures of so many queries lies in `lists` of all the `of` lists."""

    lists: int
    of: int
    share: float
    queries: int


class ShardedIndex:
    """Pictures in shards, searched in `lists` of their lists: in all, which compares everything, until told otherwise.

    The same pictures give the same results, in whatever order their shards come and wherever each was embedded.
    """

    def __init__(self, shards: Shards, ids: NDArray[np.bytes_], *, file: Path) -> None:
        """Name the pictures of all shards, in their order; read their lists from `file`, or make and write them there.

        Raises:
            InputError: two pictures have one id; `file` is damaged or of another pool; see `Shards`, `build_lists`.
            StorageError: the file system refused.
        """
        if len(shards) != len(ids):
            raise InputError(f"{shards.folders[0].parent}: its shards hold {len(shards)} pictures, expected {len(ids)}")
        # Pictures are numbered by shard and ranked by id: ids decide between equal cosines.
        self._numbers = ids.argsort(kind="stable").astype(np.int32)
        self._ids = ids[self._numbers]
        self._ranks = np.empty_like(self._numbers)
        self._ranks[self._numbers] = np.arange(len(ids), dtype=np.int32)
        if len(twice := np.flatnonzero(self._ids[1:] == self._ids[:-1])):
            name = self._ids[twice[0]].decode()
            raise InputError(f"two pictures of the pool have the id {name!r}, expected different ids; rename one")
        self._shards = shards
        key = pool_key(shards, ids)
        if not file.is_file():
            build_lists(shards, self._numbers).save(file, pool=key)
        self._lists = Lists.load(file, pool=key, shape=(len(shards), shards.dimensions))
        self.lists = len(self._lists)

    def __len__(self) -> int:
        return len(self._ids)

    def vector(self, still: str) -> Vectors:
        """The row of one id, which must be in the index."""
        return self._shards.row(self.number(still))

    def sharpness(self, still: str) -> float:
        """The sharpness of one id, which must be in the index."""
        return float(self._shards.sharpness[self.number(still)])

    def search(self, queries: Vectors, *, k: int) -> list[list[tuple[str, float]]]:
        """For each query the `k` nearest ids in its lists and their cosine, to four decimals; best first, ties by id.

        Raises:
            InputError: a shard was damaged or deleted.
        """
        blocks = (queries[start : start + _QUERIES_AT_ONCE] for start in range(0, len(queries), _QUERIES_AT_ONCE))
        hits = [
            [(self._ids[rank].decode(), rounded(cosine)) for cosine, rank in best.pairs()]
            for block in blocks
            for best in self._nearest(block, k=k, lists=self.lists)
        ]
        return [sorted(each, key=lambda hit: (-hit[1], hit[0])) for each in hits]

    def measure(self, queries: Vectors) -> Recall:
        """Choose from a sample of the queries how many lists to search; say what that finds of a second sample.

        Up to 32 queries are compared with every picture. Of a single one, both are said of itself.
        """
        count = min(len(queries), 2 * _QUERIES_MEASURED)
        sample = queries[np.arange(count) * len(queries) // count]
        nearest = self._nearest(sample, k=min(RECALL_AT, len(self)), lists=len(self._lists))
        labels = self._lists.labels[self._numbers[np.stack([best.ranks for best in nearest])]]
        depth_of_list = self._lists.nearest_first(sample).argsort(axis=1) + 1
        depths = np.take_along_axis(depth_of_list, labels.astype(np.intp), axis=1)
        chosen_on, said_of = (depths[::2], depths[1::2]) if len(sample) > 1 else (depths, depths)
        self.lists = int(np.quantile(chosen_on, _WANTED_RECALL, method="higher"))
        return Recall(self.lists, len(self._lists), float((said_of <= self.lists).mean()), len(said_of))

    def _nearest(self, queries: Vectors, *, k: int, lists: int) -> list["_Best"]:
        """Read, shard by shard, what lies in the lists of any query."""
        found = [_Best(query.astype(np.float64), k) for query in queries]
        searched = self._lists.searched(queries, k=k, lists=lists)
        for start, shard in self._shards.each():
            allowed = searched[:, self._lists.labels[start : start + len(shard)]]
            touched = np.flatnonzero(allowed.any(axis=0))
            if not len(touched):
                continue
            ranks = self._ranks[start : start + len(shard)]
            if len(touched) < _SCATTERED * len(shard):
                rows, ranks, allowed = shard.rows(touched), ranks[touched], allowed[:, touched]
            else:
                rows = shard.rows(slice(None))
            cosines = np.where(allowed, queries @ rows.T, np.float32(_NO_COSINE))
            for best, row in zip(found, cosines, strict=True):
                best.offer(row, rows, ranks)
        return found

    def number(self, still: str) -> int:
        """Which picture of the shards has this id; it must be in the index."""
        return int(self._numbers[np.searchsorted(self._ids, still.encode())])


def pool_key(shards: Shards, ids: NDArray[np.bytes_]) -> str:
    """Names pictures in shards: which shards in which order, and which picture is which."""
    named = blake2b(ids.tobytes()).hexdigest()
    return content_key("lists", shards.embedder, named, *(one.name for one in shards.folders))


@dataclass(slots=True)
class _Best:
    """The nearest pictures to one query so far: by cosine, then by rank."""

    query: NDArray[np.float64]
    k: int
    cosines: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ranks: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def offer(self, cosines: Vectors, rows: Vectors, ranks: NDArray[np.int32]) -> None:
        """Consider more pictures; 32-bit `cosines` only say which cannot be among the nearest."""
        bar = self.cosines[-1] if len(self.cosines) == self.k else _NO_COSINE + 1 / 2
        if len(cosines) > self.k:
            bar = max(bar, np.partition(cosines, -self.k)[-self.k])
        near = np.flatnonzero(cosines >= bar - _SLACK)
        if len(near):
            exact = np.concatenate([self.cosines, np.round(rows[near].astype(np.float64) @ self.query, _DIGITS)])
            ranked = np.concatenate([self.ranks, ranks[near]])
            first = np.lexsort((ranked, -exact))[: self.k]
            self.cosines, self.ranks = exact[first], ranked[first]

    def pairs(self) -> Iterator[tuple[float, int]]:
        """Cosine and rank, best first."""
        yield from zip(self.cosines.tolist(), self.ranks.tolist(), strict=True)

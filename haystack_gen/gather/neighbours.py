"""Nearest pictures by cosine, which of them may serve as distractors, and which haystack frames may be the needle."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import faiss
import numpy as np

from haystack_gen.errors import InputError
from haystack_gen.facts import Sighting
from haystack_gen.gather.embed import Vectors

EXACT_LIMIT = 200_000
"""Most vectors that are held in memory and all compared with a query; beyond, see `gather.sharded`."""
_SIMILARITY_DIGITS = 4
_BLOCK = 65_536  # haystack frames compared at once


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRules:
    """What makes a picture a distractor of a needle.

    Its cosine lies in `[low, high]`: below it does not look alike, above it may be the needle itself. Its sharpness
    (variance of the Laplacian) is at least `sharpness`. Of a needle's matches, the `top_k` most similar are kept, and
    no two of them have a cosine above `diversity`.
    """

    low: float
    high: float
    top_k: int
    diversity: float = 1.0
    sharpness: float = 0.0

    def __post_init__(self) -> None:
        if not -1 <= self.low <= self.high <= 1:
            raise InputError(f"band {self.low}:{self.high}: expected LOW:HIGH with -1 <= LOW <= HIGH <= 1")
        if self.top_k < 1:
            raise InputError(f"top_k is {self.top_k}, expected at least 1")
        if not -1 <= self.diversity <= 1:
            raise InputError(f"diversity {self.diversity}: expected the highest cosine between two matches, in [-1, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A picture found near a needle."""

    id: str
    similarity: float
    sharpness: float


class Index:
    """Vectors of length 1 to be searched by cosine, kept in the order of their ids.

    The same ids and vectors give the same index and the same results, in whatever order they come.
    """

    def __init__(self, ids: Sequence[str], *, structure: Any) -> None:
        """For `build`: `structure` is the FAISS index of the sorted `ids`."""
        self.ids, self._structure = tuple(ids), structure

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def build(cls, ids: Sequence[str], vectors: Vectors) -> "Index":
        """An index of one row of `vectors` for each of `ids`, all of which are compared with a query.

        Raises:
            InputError: no pictures, or two of one id.
        """
        if not ids:
            raise InputError("there is no picture to search; give a pool with at least one")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        in_order = [ids[number] for number in order]
        for one, other in pairwise(in_order):
            if one == other:
                raise InputError(f"two pictures of the pool have the id {one!r}, expected different ids; rename one")
        rows = np.ascontiguousarray(vectors[order], np.float32)
        structure = faiss.IndexFlatIP(rows.shape[1])
        structure.add(rows)
        return cls(in_order, structure=structure)

    def vector(self, still: str) -> Vectors:
        """The row of one id, which must be in the index."""
        return np.asarray(self._structure.reconstruct(bisect_left(self.ids, still)), np.float32)

    def search(self, queries: Vectors, *, k: int) -> list[list[tuple[str, float]]]:
        """For each query the `k` nearest ids and their cosine, to four decimals; best first, ties by id."""
        similarities, places = self._structure.search(
            np.ascontiguousarray(queries, np.float32), max(1, min(k, len(self)))
        )
        found = [
            [(self.ids[place], rounded(cosine)) for cosine, place in zip(*row, strict=True) if place >= 0]
            for row in zip(similarities, places, strict=True)
        ]
        return [sorted(hits, key=lambda hit: (-hit[1], hit[0])) for hits in found]


def select(
    candidates: Iterable[Candidate], *, rules: MatchRules, needles: Vectors, vector_of: Callable[[str], Vectors]
) -> list[Candidate]:
    """The candidates that `rules` let through, best first, ties by id.

    `needles` are the vectors of all needles: what comes nearer than the band to any of them would show an item's
    second needle, and is left out. `vector_of` gives a candidate's row and is asked only while places are free.
    """
    kept: list[Candidate] = []
    rows = np.empty((0, needles.shape[1]), np.float32)
    for candidate in sorted(candidates, key=lambda one: (-one.similarity, one.id)):
        if not rules.low <= candidate.similarity <= rules.high or candidate.sharpness < rules.sharpness:
            continue
        row = vector_of(candidate.id)
        if rounded((needles @ row).max()) > rules.high:
            continue
        if kept and rounded((rows @ row).max()) > rules.diversity:
            continue
        kept.append(candidate)
        rows = np.vstack([rows, row])
        if len(kept) == rules.top_k:
            break
    return kept


def sightings(
    needles: Mapping[str, Vectors], haystack: Mapping[str, Vectors], *, ceiling: float
) -> tuple[Sighting, ...]:
    """Every haystack frame whose cosine with a needle exceeds `ceiling`, by needle, source and frame.

    `needles` has one vector of length 1 for each needle's id, `haystack` for each film's id one row per frame of its
    sampling grid.
    """
    if not needles:
        return ()
    ids = sorted(needles)
    queries = np.stack([needles[one] for one in ids])
    seen: list[Sighting] = []
    for source, rows in sorted(haystack.items()):
        for start in range(0, len(rows), _BLOCK):
            cosines = rows[start : start + _BLOCK] @ queries.T
            # Rounding may lift a cosine above the ceiling, and what is recorded is what counts.
            for frame, needle in np.argwhere(cosines > ceiling - 10**-_SIMILARITY_DIGITS).tolist():
                similarity = rounded(cosines[frame, needle])
                if similarity > ceiling:
                    seen.append(Sighting(needle=ids[needle], source=source, frame=start + frame, similarity=similarity))
    return tuple(sorted(seen, key=lambda one: (one.needle, one.source, one.frame)))


def rounded(cosine: float) -> float:
    """A cosine as it is compared and recorded: four decimals, no negative zero."""
    return round(float(cosine), _SIMILARITY_DIGITS) + 0.0

"""From needles and a pool of stills to the distractors that resemble each needle."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Match, Source
from haystack_gen.gather.embed import Embedder, EmbeddingCount, Vectors, embed_cached, shelf
from haystack_gen.gather.images import Pixels, sharpness
from haystack_gen.gather.neighbours import Candidate, Index, MatchRules, select
from haystack_gen.workspace import content_key

_REACH = 256  # neighbours looked at first; most needles find their matches among them
_FURTHER = 8  # times as many when they do not


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """What a search yielded.

    `matches` are by needle in the order given, best first. `sources` are the stills they show, by id. `nearest` is,
    for each needle, the highest cosine in the pool, whether or not it made a match: it says which band would catch
    something. `count` covers the needles and the pool. `remarks` say what a search of a large pool may have missed.
    """

    matches: tuple[Match, ...]
    sources: tuple[Source, ...]
    nearest: Mapping[str, float]
    count: EmbeddingCount
    remarks: tuple[str, ...] = ()


def embed_needles(needles: Mapping[str, Pixels], *, embedder: Embedder, cache: Cache) -> tuple[Vectors, EmbeddingCount]:
    """One row for each needle's picture, in their order."""
    file = cache.embedding_file(content_key("embeddings", embedder.name, "needles"))
    return embed_cached(needles.values(), embedder=embedder, file=file, film=False)


def mine(
    needles: Mapping[str, Pixels],
    pool: Iterable[tuple[Source, Pixels]],
    *,
    embedder: Embedder,
    rules: MatchRules,
    cache: Cache,
) -> Mined:
    """Search `pool` for pictures that resemble the needles; `needles` has each needle's picture by its id.

    Pictures of both are uint8, height x width x RGB, best all of the size they are shown at: sharpness depends on it.
    Stills of one film come one after the other in the order of time; apart from that the order of the pool does not
    matter. Pictures are dropped once they are embedded.

    Raises:
        InputError: the pool is empty, or two of its stills have one id.
        StorageError: the cache cannot be written.
    """
    queries, count = embed_needles(needles, embedder=embedder, cache=cache)
    surveyed = _survey(pool, embedder=embedder, cache=cache)
    found = find_matches(dict(zip(needles, queries, strict=True)), surveyed, embedder=embedder.name, rules=rules)
    return Mined(
        matches=found.matches,
        sources=tuple(surveyed.sources[one] for one in found.shown),
        nearest=found.nearest,
        count=count + surveyed.count,
    )


class Surveyed(Protocol):
    """A pool whose pictures are embedded and can be searched."""

    def search(self, queries: Vectors, *, k: int) -> list[list[tuple[str, float]]]:
        """For each query the `k` nearest ids and their cosine; best first, ties by id."""
        ...

    def vector(self, still: str) -> Vectors:
        """The row of one id."""
        ...

    def sharpness(self, still: str) -> float:
        """The sharpness of one id's picture."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Matches by needle, best first; the highest cosine of each; needles whose matches may lie further down."""

    matches: tuple[Match, ...]
    nearest: Mapping[str, float]
    cut_short: tuple[str, ...]

    @property
    def shown(self) -> list[str]:
        """The ids of all pictures that matched."""
        return sorted({match.source for match in self.matches})


def find_matches(
    needles: Mapping[str, Vectors], surveyed: Surveyed, *, embedder: str, rules: MatchRules, deepest: int | None = None
) -> Found:
    """The pictures that `rules` let through for each needle, given as its row by its id.

    No more than the `deepest` nearest pictures of a needle are looked at; None looks at as many as it takes.
    """
    if not needles:
        return Found(matches=(), nearest={}, cut_short=())
    queries = np.stack(list(needles.values()))
    matches: list[Match] = []
    nearest: dict[str, float] = {}
    cut_short: list[str] = []
    # All needles at once: the pool is then read once, not once for each.
    for needle, query, hits in zip(needles, queries, surveyed.search(queries, k=_REACH), strict=True):
        nearest[needle] = hits[0][1] if hits else -1.0
        best, ended = _best(surveyed, query, hits=hits, rules=rules, limits=(queries, deepest))
        matches += (
            Match(needle=needle, source=one.id, similarity=one.similarity, embedder=embedder, origin="mined")
            for one in best
        )
        cut_short += () if ended else (needle,)
    return Found(matches=tuple(matches), nearest=nearest, cut_short=tuple(cut_short))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    index: Index
    sources: dict[str, Source]
    sharpnesses: dict[str, float]
    count: EmbeddingCount

    def search(self, queries: Vectors, *, k: int) -> list[list[tuple[str, float]]]:
        return self.index.search(queries, k=k)

    def vector(self, still: str) -> Vectors:
        return self.index.vector(still)

    def sharpness(self, still: str) -> float:
        return self.sharpnesses[still]


def _survey(pool: Iterable[tuple[Source, Pixels]], *, embedder: Embedder, cache: Cache) -> _Survey:
    """Embed the pool, one film or folder of images after the other."""
    sources: dict[str, Source] = {}
    sharpnesses: dict[str, float] = {}
    blocks: list[Vectors] = []
    count = EmbeddingCount()

    def noted(stills: Iterable[tuple[Source, Pixels]]) -> Iterator[Pixels]:
        for source, picture in stills:
            if source.id in sources:
                raise InputError(f"two pictures of the pool have the id {source.id!r}, expected different ids")
            sources[source.id] = source
            sharpnesses[source.id] = sharpness(picture)
            yield picture

    shelves = groupby(pool, key=lambda still: (shelf(still[0], embedder=embedder, cache=cache), still[0].kind))
    for (file, kind), stills in shelves:
        block, counted = embed_cached(noted(stills), embedder=embedder, file=file, film=kind == "video")
        blocks.append(block)
        count += counted
    vectors = np.concatenate(blocks) if blocks else np.empty((0, embedder.dimensions), np.float32)
    index = Index.build(list(sources), vectors)
    return _Survey(index=index, sources=sources, sharpnesses=sharpnesses, count=count)


def _best(
    surveyed: Surveyed,
    query: Vectors,
    *,
    hits: list[tuple[str, float]],
    rules: MatchRules,
    limits: tuple[Vectors, int | None],
) -> tuple[list[Candidate], bool]:
    """A needle's matches among its nearest `hits`, and further down until there are enough or the band ends.

    `limits` are all needles, none of which a match may be, and the most hits to look at. Also: whether these are all.
    """
    needles, deepest = limits
    reach = _REACH
    while True:
        candidates = (
            Candidate(id=still, similarity=cosine, sharpness=surveyed.sharpness(still)) for still, cosine in hits
        )
        chosen = select(candidates, rules=rules, needles=needles, vector_of=surveyed.vector)
        if len(chosen) == rules.top_k or len(hits) < reach or hits[-1][1] < rules.low:
            return chosen, True
        if deepest is not None and reach >= deepest:
            return chosen, False
        reach *= _FURTHER
        hits = surveyed.search(query[None], k=reach)[0]

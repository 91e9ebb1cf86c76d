"""Mining a catalogue of any size: in memory as long as it fits, else through shards and an index in the cache."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from haystack_gen.cache import Cache
from haystack_gen.facts import Source
from haystack_gen.gather.embed import Embedder, EmbeddingCount, embedder
from haystack_gen.gather.mine import Found, Mined, embed_needles, find_matches
from haystack_gen.gather.neighbours import EXACT_LIMIT, MatchRules
from haystack_gen.gather.packs import Pack
from haystack_gen.gather.parts import Part, embed_part, parts_of
from haystack_gen.gather.pool import match_rules, mine_pool, needle_pixels, pool_pictures, pool_size
from haystack_gen.gather.sharded import RECALL_AT, Recall, ShardedIndex, pool_key
from haystack_gen.gather.shards import Shards
from haystack_gen.progress import Stage, counted
from haystack_gen.spec import Spec

_DEEPEST = 131_072  # nearest pictures of a needle that are looked at in a pool too large for memory


def is_big(pool: Sequence[Source], spec: Spec) -> bool:
    """Whether a pool is searched through shards on disk."""
    return pool_size(pool, spec.haystack.fps) > EXACT_LIMIT


def mine_catalog(spec: Spec, pack: Pack, pool: Sequence[Source], *, cache: Cache, stage: Stage) -> Mined:
    """Search a pool for look-alikes of a pack's needles, by the rules of the spec.

    Of a big pool, parts that are in the cache are not looked at again, and the search's recall is among the remarks.

    Raises:
        InputError: the pool is empty, two of its stills have one id, a file of it or of the cache is damaged.
        StorageError: the cache cannot be written.
    """
    if not is_big(pool, spec):
        return mine_pool(spec, pack, counted(pool_pictures(pool, spec), stage), cache)
    model = embedder(spec.mining.embedder)
    pictures = needle_pixels(spec, pack, cache)
    queries, count = embed_needles(pictures, embedder=model, cache=cache)
    parts = parts_of(pool, rate=spec.haystack.fps)
    count += embed_missing(parts, spec, embedder=model, cache=cache, stage=stage)
    index = index_of(parts, spec, embedder=model, cache=cache)
    remarks = [f"mining.pool: {_said(index.measure(queries), index)}"] if pictures else []
    rules = match_rules(spec)
    needles = dict(zip(pictures, queries, strict=True))
    found = find_matches(needles, index, embedder=model.name, rules=rules, deepest=_DEEPEST)
    ends = list(accumulate(map(len, parts)))
    shown = []
    for number in map(index.number, found.shown):
        which = bisect_right(ends, number)
        shown.append(parts[which].still(number - ends[which] + len(parts[which]), rate=spec.haystack.fps))
    return Mined(
        matches=found.matches,
        sources=tuple(shown),
        nearest=found.nearest,
        count=count,
        remarks=(*remarks, *_cut_short(found, rules)),
    )


def embed_missing(
    parts: Sequence[Part], spec: Spec, *, embedder: Embedder, cache: Cache, stage: Stage
) -> EmbeddingCount:
    """Embed those of the parts that the cache has not; `stage` steps once for each picture of all."""
    count = EmbeddingCount()
    for part in parts:
        folder = part.folder(spec, embedder=embedder, cache=cache)
        if folder.is_dir():
            stage.step(0, found=len(part))
            count += EmbeddingCount(reused=len(part))
        else:
            count += embed_part(part, spec, embedder=embedder, cache=cache, stage=stage)
    return count


def index_of(parts: Sequence[Part], spec: Spec, *, embedder: Embedder, cache: Cache) -> ShardedIndex:
    """The index of parts that are all embedded, made once and kept in the cache."""
    folders = [part.folder(spec, embedder=embedder, cache=cache) for part in parts]
    shards = Shards(folders, embedder=embedder.name)
    ids = np.concatenate([part.ids(spec.haystack.fps) for part in parts])
    key = pool_key(shards, ids)
    return ShardedIndex(shards, ids, file=cache.lists_file(key))


def _said(recall: Recall, index: ShardedIndex) -> str:
    return (
        f"{len(index):,} pictures were searched in {recall.lists} of {recall.of} lists; recall@{RECALL_AT} against "
        f"comparing all is {recall.share:.4f}, measured on {recall.queries} of the needles"
    )


def _cut_short(found: Found, rules: MatchRules) -> list[str]:
    """What is missing where a needle's matches would lie further down than is looked."""
    kept = {needle: sum(match.needle == needle for match in found.matches) for needle in found.cut_short}
    return [
        f"mining.pool: of {rules.top_k} look-alikes of {needle}, {number} are among the {_DEEPEST:,} pictures nearest "
        "to it; those further down were not looked at"
        for needle, number in kept.items()
    ]

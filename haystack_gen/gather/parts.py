"""A large pool divided into parts, each of which is embedded by itself, anywhere, into a shard of the cache.

A part is known by what it shows, not by names or places: caches of several machines put together are one cache. Where
parts end is decided by the pictures at their ends, so that a picture more in the pool changes its own part and no
other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haystack_gen.cache import Cache
from haystack_gen.facts import Source, sampled_length
from haystack_gen.gather.catalog import expect_unchanged
from haystack_gen.gather.embed import Embedder, EmbeddingCount, embed_cached
from haystack_gen.gather.images import Pixels, sharpness
from haystack_gen.gather.pool import frame_of, still_pixels
from haystack_gen.gather.shards import SHARD_PICTURES, write_shard
from haystack_gen.gather.video import sample
from haystack_gen.progress import Stage, counted
from haystack_gen.spec import Spec
from haystack_gen.workspace import content_key

_USUAL_PICTURES = SHARD_PICTURES // 2  # pictures to a part, on average, where many are shorter than that


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `start` to `stop` of a film as it is sampled, or an image, which is one frame."""

    source: Source
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def still(self, frame: int, *, rate: Fraction) -> Source:
        """The picture that frame `frame` of the source is."""
        return self.source if self.source.kind == "image" else frame_of(self.source, frame, rate=rate)

    def pictures(self, spec: Spec) -> Iterator[Pixels]:
        """All frames at the size and rate of the spec."""
        rate, size, fit = spec.haystack.fps, spec.haystack.size, spec.haystack.fit
        if self.source.kind == "image":
            yield still_pixels(self.source, size=size, fit=fit)
        else:
            film = Path(self.source.path)
            yield from sample(film, rate=rate, size=size, fit=fit, span=(self.start, self.stop))


@dataclass(frozen=True, slots=True)
class Part:
    """Some spans, together at most `SHARD_PICTURES` frames."""

    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return sum(map(len, self.spans))

    def ids(self, rate: Fraction) -> NDArray[np.bytes_]:
        """The ids of all pictures."""
        stills = (span.still(frame, rate=rate) for span in self.spans for frame in range(span.start, span.stop))
        return np.array([still.id for still in stills], np.bytes_)

    def still(self, place: int, *, rate: Fraction) -> Source:
        """One of the pictures."""
        for span in self.spans:
            if place < len(span):
                return span.still(span.start + place, rate=rate)
            place -= len(span)
        raise IndexError(place)

    def folder(self, spec: Spec, *, embedder: Embedder, cache: Cache) -> Path:
        """The shard of the cache that the part is embedded into."""
        rate, size, fit = spec.haystack.fps, spec.haystack.size, spec.haystack.fit
        shown = ((one.source.sha256, one.start, one.stop) for one in self.spans)
        key = content_key("shard", embedder.name, size, fit, *((rate, *one) for one in shown))
        return cache.shard_folder(key)


def parts_of(pool: Sequence[Source], *, rate: Fraction) -> list[Part]:
    """All pictures of a pool, films sampled at `rate`, in the order of the pool."""
    parts: list[Part] = []
    spans: list[Span] = []
    room = SHARD_PICTURES
    for span in _spans(pool, rate):
        if len(span) > room:
            parts.append(Part(tuple(spans)))
            spans, room = [], SHARD_PICTURES
        spans.append(span)
        room -= len(span)
        if _ends_a_part(span):
            room = 0
    return [*parts, Part(tuple(spans))] if spans else parts


def embed_part(part: Part, spec: Spec, *, embedder: Embedder, cache: Cache, stage: Stage) -> EmbeddingCount:
    """Embed the pictures of a part and write them as a shard of the cache.

    A frame shares the vector of one before it in the same span when both look alike; see `embed_cached`.

    Raises:
        InputError: a film or image cannot be read, or has changed since it was catalogued.
        StorageError: the file system refused.
    """
    sharpnesses: list[float] = []
    blocks = []
    count = EmbeddingCount()

    def noted(spans: Iterator[Span]) -> Iterator[Pixels]:
        for span in spans:
            for picture in counted(span.pictures(spec), stage):
                sharpnesses.append(sharpness(picture))
                yield picture

    # Images one after the other are embedded together, films each by itself.
    for film, spans in groupby(part.spans, key=lambda one: one.source.id if one.source.kind == "video" else ""):
        block, embedded = embed_cached(noted(spans), embedder=embedder, file=None, film=bool(film))
        blocks.append(block)
        count += embedded
    for source in {span.source.path: span.source for span in part.spans}.values():
        expect_unchanged(source, cache)
    folder = part.folder(spec, embedder=embedder, cache=cache)
    write_shard(folder, np.concatenate(blocks), sharpness=sharpnesses, embedder=embedder.name)
    return count


def _spans(pool: Sequence[Source], rate: Fraction) -> Iterator[Span]:
    for source in pool:
        length = 1 if source.kind == "image" else sampled_length(source.duration_s, rate)
        for start in range(0, length, SHARD_PICTURES):
            yield Span(source, start, min(start + SHARD_PICTURES, length))


def _ends_a_part(span: Span) -> bool:
    """Decided by the span alone, more often the longer it is."""
    return int(content_key(span.source.sha256, span.start)[:8], 16) % _USUAL_PICTURES < len(span)

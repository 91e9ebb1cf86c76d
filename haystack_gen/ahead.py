"""Embedding on an executor that has models of its own, ahead of whoever asks for the vectors.

What is embedded is remembered in the cache, as it would have been later and elsewhere, so that nothing depends on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from haystack_gen.cache import Cache
from haystack_gen.emit.chunks import ChunkStore
from haystack_gen.emit.encoding import Encoding
from haystack_gen.facts import Source
from haystack_gen.gather.embed import embed_cached, embedder, shelf
from haystack_gen.media import Media
from haystack_gen.progress import Counts, Progress
from haystack_gen.ray_executor import RayExecutor


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmTask:
    """The first `length` frames of an encoded film."""

    film: Source
    store: Path
    encoding: Encoding
    length: int


class FilmEmbedder:
    """Embeds films into the cache with a model that is loaded once."""

    def __init__(self, name: str, cache: Path) -> None:
        """`name` is the embedder's; see `gather.embed.embedder`."""
        self._model, self._cache = embedder(name), Cache(cache)

    def __call__(self, task: FilmTask) -> Counts:
        """Embed what the cache does not remember of a film."""
        pictures = ChunkStore(task.store, task.encoding).read(0, task.length)
        file = shelf(task.film, embedder=self._model, cache=self._cache)
        _, count = embed_cached(pictures, embedder=self._model, file=file, film=True)
        return Counts(done=count.embedded, found=count.reused)


def film_tasks(films: Sequence[Source], media: Media, lengths: Mapping[str, int]) -> list[FilmTask]:
    """The first so many frames of each film, all of which are encoded."""
    return [
        FilmTask(film=film, store=media.folder(film.id), encoding=media.encoding, length=lengths[film.id])
        for film in films
    ]


def embed_films(
    tasks: Sequence[FilmTask], *, name: str, cache: Cache, executor: RayExecutor, progress: Progress
) -> None:
    """Embed films into the cache with the embedder `name`."""
    with progress.stage("embedding the haystack", sum(task.length for task in tasks), "frames") as stage:
        for counts in executor.map_loaded(partial(FilmEmbedder, name, cache.root), tasks):
            counts.tell(stage)

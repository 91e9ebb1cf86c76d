"""Pictures to vectors, none embedded twice.

Vectors are remembered by what the pictures hold: BLAKE2b of their pixels. In a film, a frame that looks the same as
the last one embedded takes over its vector; which frames do depends on the film alone, not on batches or on what was
remembered, so that a first run and a second give the same vectors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from haystack_gen.atomic import atomic_path, refusals_explained
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Source
from haystack_gen.gather.clip import OpenClip
from haystack_gen.gather.descriptor import Descriptor, thumbnail
from haystack_gen.gather.images import Pixels
from haystack_gen.progress import Silent, Stage
from haystack_gen.workspace import content_key

Vectors = NDArray[np.float32]

_KEY_BYTES = 16
_BATCH = 64  # pictures held until they are embedded together
_SAVE_EVERY = 4096  # pictures embedded between two saves, so that a killed run loses minutes, not hours
_GLANCE = (32, 18)  # size at which two frames are compared
_SAME_LEVELS = 2  # of 255: most by which any pixel of two such thumbnails may differ; noise of compression is below


class Embedder(Protocol):
    """Pictures to vectors of length 1, in one space.

    `name` says which space: vectors are only compared, and remembered, under one name.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """One row for each picture (uint8, height x width x RGB)."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingCount:
    """How many pictures went through the embedder, and how many did not have to."""

    embedded: int = 0
    reused: int = 0

    def __add__(self, other: "EmbeddingCount") -> "EmbeddingCount":
        return EmbeddingCount(self.embedded + other.embedded, self.reused + other.reused)


def embedder(name: str) -> Embedder:
    """The embedder called `descriptor` or `open_clip:MODEL/WEIGHTS`; see `OpenClip`.

    Raises:
        InputError: there is none of that name, or its weights cannot be had.
        MissingExtraError: it needs a library that is not installed.
    """
    kind, _, which = name.partition(":")
    model, _, weights = which.partition("/")
    if name == "descriptor":
        return Descriptor()
    if kind == "open_clip" and model and weights:
        return OpenClip(model, weights)
    raise InputError(
        f"embedder {name!r} does not exist; expected 'descriptor', or 'open_clip:MODEL/WEIGHTS' where WEIGHTS is a tag "
        "or a checkpoint file, as in open_clip:ViT-B-32/laion2b_s34b_b79k"
    )


def shelf(source: Source, *, embedder: Embedder, cache: Cache) -> Path:
    """The file that remembers a source's vectors: one for each film, one for the images of each folder."""
    where = source.sha256 if source.kind == "video" else f"folder {Path(source.path).parent}"
    return cache.embedding_file(content_key("embeddings", embedder.name, where))


def embed_cached(
    pictures: Iterable[Pixels], *, embedder: Embedder, file: Path | None, film: bool, stage: Stage | None = None
) -> tuple[Vectors, EmbeddingCount]:
    """One row for each picture (uint8, height x width x RGB), taken from `file` or embedded and written there.

    With `film`, pictures are frames in the order of time, and one that looks like the last one embedded shares its
    row. Only a batch of pictures is held in memory. Without a `file`, nothing is remembered. `stage` is told of each
    picture whether it has to be embedded.

    Raises:
        StorageError: the file system refused.
    """
    told = stage or Silent()
    order: list[bytes] = []
    pending: dict[bytes, Pixels] = {}
    last: Pixels | None = None
    with _Memory(file, embedder) as memory:
        for picture in pictures:
            if film:
                glance = thumbnail(picture, size=_GLANCE)
                if last is not None and _looks_same(last, glance):
                    order.append(order[-1])
                    told.step(0, found=1)
                    continue
                last = glance
            key = _key(picture)
            order.append(key)
            if key not in memory.rows:
                pending[key] = picture
                told.step()
            else:
                told.step(0, found=1)
            if len(pending) == _BATCH:
                memory.embed(pending)
                pending = {}
        memory.embed(pending)
        rows = np.empty((len(order), embedder.dimensions), np.float32)
        for row, key in zip(rows, order, strict=True):
            row[:] = memory.rows[key]
        return rows, EmbeddingCount(memory.embedded, len(order) - memory.embedded)


def _key(picture: Pixels) -> bytes:
    digest = blake2b(repr(picture.shape).encode(), digest_size=_KEY_BYTES)
    digest.update(np.ascontiguousarray(picture).data)
    return digest.digest()


def _looks_same(one: Pixels, other: Pixels) -> bool:
    return int(np.abs(one.astype(np.int16) - other).max()) <= _SAME_LEVELS


class _Memory:
    """Rows by key, read from a file and written back when something was added, also after an error.

    Two builds may write the same file: the last one wins, which costs the other's work and no more.
    """

    def __init__(self, file: Path | None, embedder: Embedder) -> None:
        self._file, self._embedder = file, embedder
        self.rows = _read(file, embedder) if file else {}
        self.embedded = 0
        self._unsaved = 0

    def __enter__(self) -> "_Memory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._save()

    def embed(self, pictures: dict[bytes, Pixels]) -> None:
        """Embed pictures that are not in `rows`."""
        if not pictures:
            return
        self.rows.update(zip(pictures, self._embedder.embed(list(pictures.values())), strict=True))
        self.embedded += len(pictures)
        self._unsaved += len(pictures)
        if self._unsaved >= _SAVE_EVERY:
            self._save()

    def _save(self) -> None:
        if not self._unsaved or not self._file:
            return
        with atomic_path(self._file) as part, part.open("wb") as stream:
            np.savez(
                stream,
                embedder=np.array(self._embedder.name),
                keys=np.frombuffer(b"".join(self.rows), np.uint8).reshape(-1, _KEY_BYTES),
                vectors=np.stack(list(self.rows.values())),
            )
        self._unsaved = 0


def _read(file: Path, embedder: Embedder) -> dict[bytes, Vectors]:
    """What `file` remembers; a file that cannot be used is deleted, since all it held can be embedded again."""
    with refusals_explained(file):
        try:
            name, keys, vectors = read_arrays(file, "embedder", "keys", "vectors")
        except FileNotFoundError:
            return {}
        except ValueError:
            file.unlink(missing_ok=True)
            return {}
        fits = (
            str(name) == embedder.name
            and keys.dtype == np.uint8
            and vectors.dtype == np.float32
            and keys.shape[1:] == (_KEY_BYTES,)
            and vectors.shape == (len(keys), embedder.dimensions)
            and np.isfinite(vectors).all()
        )
        if not fits:
            file.unlink(missing_ok=True)
            return {}
    return dict(zip((key.tobytes() for key in keys), vectors, strict=True))


def read_arrays(file: Path, *names: str) -> list[NDArray[Any]]:
    """The arrays called `names` in an .npz file, read as data.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, of another kind, or lacks one of them.
    """
    with file.open("rb") as stream:  # opened here, since NumPy leaves its own file open when it fails
        try:
            with np.load(stream, allow_pickle=False) as archive:
                return [archive[name] for name in names]
        # All of these come from zipfile and NumPy when bytes are damaged: NotImplementedError for a compression method
        # or a version of ZIP that there is not, the others for headers that say nonsense.
        except (ValueError, EOFError, LookupError, TypeError, AttributeError, BadZipFile, NotImplementedError) as error:
            raise ValueError(f"not a complete .npz file: {error}") from error

"""The cache: where each artefact that can be made again lies, and who may be at it at the same time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from haystack_gen.atomic import refusals_explained, swept
from haystack_gen.errors import InputError
from haystack_gen.locks import Held, lock
from haystack_gen.progress import Progress
from haystack_gen.remote.store import is_url


@dataclass(frozen=True, slots=True)
class Cache:
    """Artefacts that can be made again, shared between builds and safe to delete."""

    root: Path

    @classmethod
    def default(cls, progress: Progress | None = None) -> "Cache":
        """`$HAYSTACK_CACHE`, else `$XDG_CACHE_HOME/haystack-gen`, else `~/.cache/haystack-gen`."""
        if chosen := os.environ.get("HAYSTACK_CACHE"):
            return cls.at(chosen, progress)
        return cls(user_folder())

    @staticmethod
    def at(place: Path | str, progress: Progress | None = None) -> "Cache":
        """The cache in a folder, or at a URL; `progress` is told of what goes there and comes from there.

        Raises:
            InputError: a URL at which no cache can be.
        """
        if is_url(place):
            from haystack_gen.remote.shared_cache import RemoteCache

            return RemoteCache.in_front_of(str(place), progress)
        return Cache(_at_home(place))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep `prune` out for as long as something may be needed, and clear away what killed builds left.

        Any number of builds may use a cache at the same time. While a prune chooses what goes, this waits.
        """
        with self.locked(shared=True), swept(self.root):
            yield

    @contextmanager
    def locked(self, *, shared: bool) -> Iterator[Held]:
        """Hold the cache together with others, for which this waits, or alone, for which it does not."""
        path = self.root / "lock"
        if self.root.is_file():
            raise InputError(f"{self.root}: is a file, expected the cache's folder; check --cache and $HAYSTACK_CACHE")
        with refusals_explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError:
                if not path.is_file():
                    raise
                file = os.open(path, os.O_RDONLY)  # of a cache that others filled, to be read alone
        try:
            yield lock(file, shared=shared, wait=shared)
        finally:
            os.close(file)

    def fetched_folder(self, key: str) -> Path:
        """What was fetched from a URL."""
        return self.root / "fetched" / key[:2] / key

    def facts_file(self, key: str) -> Path:
        """Remembers what was found out about certain bytes: their SHA-256, or what a film holds."""
        return self._shared("facts", key, ".jsonl")

    def output_folder(self, key: str) -> Path:
        """A dataset that is built here and goes to a URL."""
        return self.root / "outputs" / key[:2] / key

    def hash_file(self, key: str) -> Path:
        """Remembers the SHA-256 of a file that has not changed since."""
        return self.root / "hashes" / key[:2] / f"{key}.json"

    def chunk_folder(self, key: str) -> Path:
        """Encoded spans of one source with one set of parameters."""
        return self._shared("chunks", key)

    def embedding_file(self, key: str) -> Path:
        """Vectors of one source's frames in one embedder's space."""
        return self._shared("embeddings", key, ".npz")

    def shard_folder(self, key: str) -> Path:
        """Vectors of a part of a large pool."""
        return self._shared("shards", key)

    def lists_file(self, key: str) -> Path:
        """The index of a large pool."""
        return self._shared("lists", key, ".npz")

    def sightings_file(self, key: str) -> Path:
        """Haystack frames that look like needles, for one haystack, pack and embedder."""
        return self._shared("sightings", key, ".jsonl")

    def mined_file(self, key: str) -> Path:
        """Look-alikes mined for a plan that has no dataset folder yet."""
        return self._shared("mined", key) / "matches.jsonl"

    def place_file(self, sha256: str) -> Path:
        """Remembers where a source with these bytes was last seen on this machine."""
        return self.root / "places" / sha256[:2] / f"{sha256}.json"

    def hub_folder(self, key: str) -> Path:
        """Images of a needle pack that came from the Hub."""
        return self.root / "hub" / key[:2] / key

    def drawn_folder(self, key: str) -> Path:
        """A drawn pack or film."""
        return self.root / "drawn" / key[:2] / key

    def _shared(self, kind: str, key: str, ending: str = "") -> Path:
        """Where an artefact lies that other machines can use, too."""
        return self.root / kind / key[:2] / f"{key}{ending}"


def user_folder() -> Path:
    """Where a user's caches lie: `$XDG_CACHE_HOME/haystack-gen`, else `~/.cache/haystack-gen`."""
    return _at_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "haystack-gen"


def _at_home(place: Path | str) -> Path:
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise InputError(f"{place}: there is no such home folder; say with --cache or $HAYSTACK_CACHE where") from None

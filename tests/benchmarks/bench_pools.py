"""How a pool of a million pictures is indexed and searched on disk, in how much memory, and what the search finds."""

import argparse
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar

import numpy as np

from haystack_gen.gather.sharded import RECALL_AT, ShardedIndex
from haystack_gen.gather.shards import SHARD_PICTURES, Shards, write_shard

Result = TypeVar("Result")

DIMENSIONS = 512
NEEDLES = 100
CEILING_MB = 500
_SHOT = 16  # frames
_TOPICS, _TOPICS_OF_A_FILM = 2000, 40


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


class Synthetic:
    """Vectors spread like CLIP's: all share a direction, films have topics, and frames of a shot lie together."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures
        draw = np.random.default_rng(0)
        self.common = unit(draw.normal(size=DIMENSIONS))
        self.topics = unit(draw.normal(size=(_TOPICS, DIMENSIONS)))

    def blocks(self) -> Iterator[np.ndarray]:
        """A shard after the other, each of one film."""
        for number, start in enumerate(range(0, self.pictures, SHARD_PICTURES)):
            draw = np.random.default_rng([1, number])
            count = min(SHARD_PICTURES, self.pictures - start)
            topics = draw.integers(0, _TOPICS, _TOPICS_OF_A_FILM)
            shots = self._shots(draw, topics[draw.integers(0, len(topics), -(-count // _SHOT))])
            noise = 0.35 * unit(draw.standard_normal((count, DIMENSIONS), np.float32))
            yield unit(shots.repeat(_SHOT, 0)[:count] + noise)

    def needles(self) -> np.ndarray:
        """Half are shots that the pool might have; the others are of topics that it has not."""
        draw = np.random.default_rng(2)
        familiar = self._shots(draw, draw.integers(0, _TOPICS, NEEDLES // 2))
        strange = 0.7 * self.common + unit(draw.normal(size=(NEEDLES - NEEDLES // 2, DIMENSIONS)))
        return unit(np.concatenate([familiar, strange]))[draw.permutation(NEEDLES)]

    def _shots(self, draw: np.random.Generator, topics: np.ndarray) -> np.ndarray:
        own = unit(draw.normal(size=(len(topics), DIMENSIONS)))
        return 0.7 * self.common + 0.6 * self.topics[topics] + 0.4 * own


def ids_of(pictures: int) -> np.ndarray:
    shards, frames = np.divmod(np.arange(pictures), SHARD_PICTURES)
    return np.char.add(np.char.mod(b"film-%05d", shards), np.char.mod(b"-f%06d", frames))


def compared_with_all(pool: Synthetic, needles: np.ndarray) -> list[set[int]]:
    """The nearest pictures of each needle, found in another way: NumPy alone, on the vectors as they were drawn."""
    best, who = np.empty((NEEDLES, 0)), np.empty((NEEDLES, 0), np.int64)
    for number, rows in enumerate(pool.blocks()):
        places = np.broadcast_to(np.arange(len(rows)) + number * SHARD_PICTURES, (NEEDLES, len(rows)))
        best, who = np.hstack([best, needles @ rows.T]), np.hstack([who, places])
        first = np.argsort(-best, axis=1)[:, :RECALL_AT]
        best, who = np.take_along_axis(best, first, 1), np.take_along_axis(who, first, 1)
    return [set(row.tolist()) for row in who]


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(what: str, work: Callable[[], Result]) -> Result:
    start = perf_counter()
    result = work()
    print(f"  {what}: {perf_counter() - start:.2f} s; peak memory so far {peak_mb():,.0f} MB")
    return result


def write(pool: Synthetic, folder: Path) -> list[Path]:
    folders = []
    for number, rows in enumerate(pool.blocks()):
        folders.append(folder / f"{number:06d}")
        write_shard(folders[-1], rows, sharpness=np.ones(len(rows)), embedder="synthetic")
    return folders


def recall_of(found: list[list[tuple[str, float]]], ids: np.ndarray, truth: list[set[int]]) -> float:
    return float(
        np.mean(
            [
                len({one for one, _ in hits} & {ids[number].decode() for number in true}) / len(true)
                for hits, true in zip(found, truth, strict=True)
            ]
        )
    )


def measured(pictures: int, folder: Path) -> tuple[float, float]:
    """Print the figures; recall of a search in lists, and peak memory in MB."""
    pool, ids, file = Synthetic(pictures), ids_of(pictures), folder / "index.npz"
    needles = pool.needles()
    print(f"{pictures:,} pictures of {DIMENSIONS} numbers; {peak_mb():,.0f} MB in use before")
    folders = timed("drawn and written", lambda: write(pool, folder))
    size = sum(one.stat().st_size for one in folder.rglob("*.np?"))
    print(f"  {len(folders)} shards of {size / 1e9:.2f} GB")

    def opened() -> ShardedIndex:
        return ShardedIndex(Shards(folders, embedder="synthetic"), ids, file=file)

    timed("lists made", opened)
    print(f"  index of {file.stat().st_size / 1e6:.1f} MB")
    index = timed("opened again", opened)
    exact = timed(f"{NEEDLES} needles compared with all", lambda: index.search(needles, k=RECALL_AT))
    recall = timed("lists to search chosen", lambda: index.measure(needles))
    print(f"  {recall.lists} of {recall.of}, said to find {recall.share:.4f} on {recall.queries} needles")
    found = timed(f"{NEEDLES} needles in those lists", lambda: index.search(needles, k=RECALL_AT))
    timed("one needle in them", lambda: index.search(needles[:1], k=RECALL_AT))
    peak = peak_mb()
    truth = compared_with_all(pool, needles)
    share = recall_of(found, ids, truth)
    print(f"  recall@{RECALL_AT}: {share:.4f}, target 0.99; of comparing all {recall_of(exact, ids, truth):.4f}")
    print(f"  peak memory {peak:,.0f} MB, ceiling {CEILING_MB:,} MB")
    return share, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument(
        "--folder", type=Path, help="Where 2 GB for each million find room, if not where the system has it."
    )
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as folder:
        measured(options.pictures, Path(folder))


if __name__ == "__main__":
    main()

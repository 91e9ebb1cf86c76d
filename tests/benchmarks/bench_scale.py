"""What a whole build costs with one process and with two, and what an item costs as its clip grows.

    python tests/benchmarks/bench_scale.py [--videos FOLDER] [--work FOLDER] [--items N]

The footage is that of bench_splice.py: ten minutes of 720p at 30 frames per second, shown at 1 frame per second and
448 x 252, from the start again where clips are longer. Every figure is of `build` as the command line calls it, with
manifest, tables and card. A cold build starts from an empty cache; a warm one finds the haystack encoded. The last part
builds a recipe, which has everything but the media. Needs about 4 GB in --work. Wall clock until `sync` returns.
"""

import argparse
import os
import resource
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

from bench_splice import footage

from haystack_gen.build import build
from haystack_gen.cache import Cache
from haystack_gen.gathering import Tools
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec

LENGTHS = (250, 1000, 4000, 16_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, default=Path("../shared/data/videos"))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--items", type=int, default=200, help="Items of 1,000 frames to build.")
    parser.add_argument("--recipe", type=int, default=20_000, help="Items of the recipe.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        film = footage(options.videos, Path(work), minutes=10)
        workers(film, Path(work), items=options.items)
        lengths(film, Path(work), frames=options.items * 1000)
        recipe(film, Path(work), items=options.recipe)


def niah(film: Path, *, length: int, items: int) -> Spec:
    """V-NIAH on one film, so many items of one length."""
    grid = {"grid.lengths": str(length), "grid.depths": "0,1/4,1/2,3/4,1", "grid.trials": max(1, items // 5)}
    looks = {"haystack.sources": [str(film)], "haystack.repeat": True, "needles.pack": "draw", "tasks": ["retrieval"]}
    return read_spec("", where="bench_scale", overrides={**grid, **looks})


def built(spec: Spec, work: Path, *, cache: Path, jobs: int) -> tuple[float, int, int]:
    """Seconds, items and bytes of a build into a new folder."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    os.sync()
    start = perf_counter()
    made = build(spec, out, Tools.local(cache=Cache(cache), jobs=jobs), allow_guessable=True)
    os.sync()
    return perf_counter() - start, made.items, sum(file.stat().st_size for file in out.rglob("*") if file.is_file())


def workers(film: Path, work: Path, *, items: int) -> None:
    """Cold and warm builds with one process and with two."""
    spec = niah(film, length=1000, items=items)
    print(f"\n{'build of 1,000-frame items':<40} {'seconds':>8} {'items/s':>8} {'MB/s':>8} {'frames/s':>10}  ratio")
    for state in ("cold", "warm"):
        alone = 0.0
        for jobs in (1, 2):
            taken, count, size = built(spec, work, cache=work / f"cache-{jobs}", jobs=jobs)
            alone = alone or taken
            rates = f"{count / taken:>8.1f} {size / taken / 1e6:>8.1f} {count * 1000 / taken:>10,.0f}"
            print(f"{f'{state}, {jobs} worker(s), {count} items':<40} {taken:>8.2f} {rates}  {alone / taken:.2f} x")


def lengths(film: Path, work: Path, *, frames: int) -> None:
    """Warm builds of as many frames in longer and longer clips."""
    print(f"\n{'warm build, 1 worker':<40} {'seconds':>8} {'ms/item':>8} {'us/frame':>9} {'MB/s':>8}")
    for length in LENGTHS:
        spec = niah(film, length=length, items=frames // length)
        built(spec, work, cache=work / "cache-1", jobs=1)
        taken, count, size = built(spec, work, cache=work / "cache-1", jobs=1)
        each = f"{taken / count * 1e3:>8.1f} {taken / count / length * 1e6:>9.1f} {size / taken / 1e6:>8.1f}"
        print(f"{f'{count} items of {length:,} frames':<40} {taken:>8.2f} {each}")


def recipe(film: Path, work: Path, *, items: int) -> None:
    """Everything that grows with the number of items and not with their length, and the memory of the whole run."""
    spec = niah(film, length=1000, items=items)
    spec = spec.model_copy(update={"output": spec.output.model_copy(update={"media": "none"})})
    taken, count, size = built(spec, work, cache=work / "cache-1", jobs=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"\nrecipe of {count:,} items: {taken:.1f} s, {count / taken:,.0f} items/s, {size / count:,.0f} bytes an item"
    )
    print(f"peak memory of the process that plans and writes: {peak} MB")


if __name__ == "__main__":
    main()

"""How fast videos are prepared and spliced, as ratios taken in one run on one machine.

    python tests/benchmarks/bench_splice.py [--quick] [--videos FOLDER] [--work FOLDER] [--only PART]...

The footage is every mp4 of --videos, scaled to 720p with a keyframe every 250 frames (x264's default) and repeated to
ten minutes; without the folder, a drawn fractal. --quick takes one item in nine and two minutes. Needs about 10 GB in
--work, --quick 2 GB. Times are wall clock; writing is timed until `sync` returns, for both sides of a comparison.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import imageio_ffmpeg

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.chunks import ChunkStore, encode_span
from haystack_gen.emit.encoding import Encoding
from haystack_gen.emit.splice import Piece, splice
from haystack_gen.gather.video import sample

SIZE = (448, 252)
ENCODING = Encoding(size=SIZE, rate=Fraction(1))
NEEDLES = 5
FILM_FRAMES = 3000
Part = Callable[[Path, Path, bool], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--videos", type=Path, default=Path("../shared/data/videos"))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--only", action="append", choices=list(PARTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        film = footage(options.videos, Path(work), minutes=2 if options.quick else 10)
        for name in options.only or PARTS:
            print(f"\n{name}")
            PARTS[name](film, Path(work), options.quick)


def footage(videos: Path, work: Path, *, minutes: int) -> Path:
    """A 720p film at 30 per second of the given length."""
    fit = "scale=1280:720:force_original_aspect_ratio=decrease,pad=1280:720:-1:-1,setsar=1,fps=30,format=yuv420p"
    clips = sorted(videos.glob("*.mp4"))
    inputs = [part for clip in clips for part in ("-i", str(clip))]
    if not clips:
        print(f"{videos}: no mp4 there; a drawn fractal instead")
        clips, inputs = [videos], ["-f", "lavfi", "-t", "60", "-i", "mandelbrot=size=1280x720:rate=30"]
    graph = "".join(f"[{k}:v]{fit}[v{k}];" for k in range(len(clips)))
    graph += "".join(f"[v{k}]" for k in range(len(clips))) + f"concat=n={len(clips)}[v]"
    once, film, repeats = work / "once.mp4", work / "film.mp4", work / "repeats.txt"
    ffmpeg(*inputs, "-filter_complex", graph, "-map", "[v]", "-c:v", "libx264", "-preset", "veryfast", str(once))
    with av.open(str(once)) as container:
        times = -(-minutes * 60 * 30 // container.streams.video[0].frames)
    repeats.write_text(f"file '{once.resolve()}'\n" * times)
    ffmpeg("-f", "concat", "-safe", "0", "-i", str(repeats), "-c", "copy", "-t", str(minutes * 60), str(film))
    return film


def ffmpeg(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True)


def seconds(act: Callable[[], Any]) -> float:
    start = perf_counter()
    act()
    return perf_counter() - start


def row(label: str, value_s: float, *, ratio: str = "", note: str = "") -> None:
    print(f"  {label:<58} {value_s:9.3f} s  {ratio:<32} {note}")


def stores(film: Path, work: Path) -> tuple[ChunkStore, list[ChunkStore]]:
    """3,000 frames of footage and five stills, each encoded once."""
    folder = work / "stores"
    haystack = ChunkStore(folder / "film", ENCODING)
    if haystack.missing(FILM_FRAMES):
        pictures = endless(film)
        for start, stop in haystack.missing(FILM_FRAMES):
            encode_span(islice(pictures, stop - start), folder=haystack.folder, start=start, encoding=ENCODING)
        for k in range(NEEDLES):
            encode_span([next(pictures)], folder=folder / f"needle-{k}", start=0, encoding=ENCODING)
    return ChunkStore(folder / "film", ENCODING), [ChunkStore(folder / f"needle-{k}", ENCODING) for k in range(NEEDLES)]


def endless(film: Path) -> Iterator[Any]:
    while True:
        yield from sample(film, rate=Fraction(6), size=SIZE)


def one_item(film: Path, work: Path, quick: bool) -> None:
    """Splicing a warm item of 3,003 frames against encoding it again."""
    haystack, needles = stores(film, work)
    places = (700, 1400, 2100)
    bounds = [(0, places[0]), *zip(places, [*places[1:], FILM_FRAMES], strict=True)]
    pieces = []
    for k, (start, stop) in enumerate(bounds):
        pieces.append(Piece(haystack, start, stop - start))
        pieces += [Piece(needles[k], 0, 1)] if k < len(places) else []
    files = [work / f"piece-{k}.mp4" for k in range(len(pieces))]
    for piece, file in zip(pieces, files, strict=True):
        splice([piece], file)
    target, again, entries = work / "item.mp4", work / "again.mp4", work / "entries.txt"
    entries.write_text("".join(f"file '{file.resolve()}'\n" for file in files))
    coder = ("-c:v", "libx264", "-preset", "veryfast", "-qp", str(ENCODING.qp), "-g", "1", "-bf", "0")
    encoded = min(
        seconds(lambda: ffmpeg("-f", "concat", "-safe", "0", "-i", str(entries), *coder, str(again))) for _ in range(3)
    )

    def replaced() -> None:
        with atomic_path(target) as part:
            splice(pieces, part)

    spliced = min(seconds(lambda: splice(pieces, target)) for _ in range(10))
    durable = min(seconds(replaced) for _ in range(5))
    with av.open(str(target)) as one, av.open(str(again)) as two:
        counts = [container.streams.video[0].frames for container in (one, two)]
    row("ffmpeg concat + libx264 veryfast, all cores", encoded, note=f"{counts[1]} frames")
    row("splice", spliced, ratio=f"{encoded / spliced:.0f} x faster", note=f"{counts[0]} frames")
    row("splice, flushed to disk and renamed", durable, ratio=f"{encoded / durable:.0f} x faster")


def grid(film: Path, work: Path, quick: bool) -> None:
    """The 450 items of the paper's grid against copying the same files."""
    stores(film, work)
    items = [
        (length, depth, needle) for length in range(100, 3000, 200) for depth in range(6) for needle in range(NEEDLES)
    ][:: 9 if quick else 1]
    ours, copy = work / "ours", work / "copy"
    best: dict[str, float] = {}
    for _ in range(2):
        for workers in (1, 2):
            for flushed in (False, True):
                shutil.rmtree(ours, ignore_errors=True)
                os.sync()
                name = f"splice, {workers} process{'es' * (workers > 1)}{', each file flushed and renamed' * flushed}"
                taken, peak = timed_render(work, ours, items, workers, flushed)
                best[name] = min(taken, best.get(name, taken))
            shutil.rmtree(copy, ignore_errors=True)
            os.sync()
            taken = seconds(partial(copied, ours, copy, workers))
            best[f"cp, {workers}"] = min(taken, best.get(f"cp, {workers}", taken))
    size = sum(path.stat().st_size for path in ours.iterdir())
    print(f"  {len(items)} items, {sum(item[0] for item in items):,} frames, {size / 1e9:.2f} GB, peak {peak} MB")
    for name, taken in best.items():
        against = best["cp, 2" if "2 processes" in name or name == "cp, 2" else "cp, 1"]
        label = f"{name} process{'es' * (name[-1] == '2')}" if name.startswith("cp") else name
        row(label, taken, ratio=f"{taken / against:.2f} x cp", note=f"{size / taken / 1e6:.0f} MB/s")
    shutil.rmtree(ours)
    shutil.rmtree(copy)


def timed_render(work: Path, folder: Path, items: list[Any], workers: int, flushed: bool) -> tuple[float, int]:
    """Seconds until all is on disk, and the most memory a worker held in MB. Processes have started before."""
    folder.mkdir()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(os.sched_getaffinity, [0] * 8 * workers))
        start = perf_counter()
        parts = [items[k::workers] for k in range(workers)]
        peaks = pool.map(rendered, [work] * workers, [folder] * workers, parts, [flushed] * workers)
        peak = max(peaks)
        os.sync()
        return perf_counter() - start, peak


def rendered(work: Path, folder: Path, items: list[tuple[int, int, int]], flushed: bool) -> int:
    haystack = ChunkStore(work / "stores" / "film", ENCODING)
    needles = [ChunkStore(work / "stores" / f"needle-{k}", ENCODING) for k in range(NEEDLES)]
    for length, depth, needle in items:
        place = (length - 1) * depth // 5
        pieces = [Piece(haystack, 0, place), Piece(needles[needle], 0, 1), Piece(haystack, place, length - 1 - place)]
        pieces = [piece for piece in pieces if piece.length]
        path = folder / f"{length}-{depth}-{needle}.mp4"
        if flushed:
            with atomic_path(path) as part:
                splice(pieces, part)
        else:
            splice(pieces, path)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def copied(folder: Path, target: Path, workers: int) -> None:
    target.mkdir()
    files = sorted(map(str, folder.iterdir()))
    running = [subprocess.Popen(["cp", *files[k::workers], str(target)]) for k in range(workers)]
    for process in running:
        process.wait()
    os.sync()


def preparation(film: Path, work: Path, quick: bool) -> None:
    """Sampling at 1 per second and encoding, against decoding every frame and against sampling alone."""

    def decoded() -> None:
        with av.open(str(film)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for _ in container.decode(video=0):
                pass

    def prepared() -> None:
        folder = work / "prepared"
        shutil.rmtree(folder, ignore_errors=True)
        encode_span(sample(film, rate=Fraction(1), size=SIZE), folder=folder, start=0, encoding=ENCODING)

    def sampled() -> None:
        for _ in sample(film, rate=Fraction(1), size=SIZE):
            pass

    rounds = [[seconds(act) for act in (decoded, sampled, prepared)] for _ in range(3)]
    decode_s, sample_s, prepare_s = map(min, zip(*rounds, strict=True))
    row("decode every frame (PyAV, all cores)", decode_s)
    row("sample at 1 per second", sample_s, ratio=f"{sample_s / decode_s:.2f} x decoding")
    row("sample at 1 per second and encode", prepare_s, ratio=f"{prepare_s / decode_s:.2f} x decoding")


def keyframes(film: Path, work: Path, quick: bool) -> None:
    """Two ways of sampling at 1 per second footage whose keyframes are some 8 seconds apart."""
    exact_s = seconds(lambda: list(sample(film, rate=Fraction(1), size=SIZE)))
    keyframes_s = min(
        seconds(lambda: list(sample(film, rate=Fraction(1), size=SIZE, mode="keyframes"))) for _ in range(2)
    )
    row("exact", exact_s)
    row("keyframes", keyframes_s, ratio=f"{exact_s / keyframes_s:.1f} x faster")


PARTS: dict[str, Part] = {"item": one_item, "grid": grid, "prepare": preparation, "keyframes": keyframes}


if __name__ == "__main__":
    main()

"""How fast pictures are embedded and found. CLIP is measured where the clip extra is installed."""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from haystack_gen.cache import Cache
from haystack_gen.facts import Source
from haystack_gen.gather.descriptor import Descriptor
from haystack_gen.gather.embed import embed_cached, embedder
from haystack_gen.gather.mine import mine
from haystack_gen.gather.neighbours import Index, MatchRules


def seconds(work: Callable[[], object], *, runs: int = 3) -> float:
    """The shortest of a few runs: what the work takes when nothing disturbs it."""
    taken = []
    for _ in range(runs):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return min(taken)


def frames(count: int) -> list[np.ndarray]:
    """Pictures of 448 x 252 with structure of all sizes."""
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (count, 18, 32, 3), np.uint8)
    fine = draw.integers(0, 64, (count, 252, 448, 3), np.uint8)
    return list(coarse.repeat(14, 1).repeat(14, 2) // 2 + fine)


def search() -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(100_100, 512)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    pool, needles = rows[:100_000], rows[100_000:]
    ids = [f"s{number:06d}" for number in range(len(pool))]
    build = seconds(lambda: Index.build(ids, pool), runs=1)
    index = Index.build(ids, pool)
    together = seconds(lambda: index.search(needles, k=256))
    print(f"100 needles in 100,000 candidates of 512 numbers: {together:.2f} s, target under 2 s")
    print(f"  building that index: {build:.2f} s")


def descriptor(folder: Path) -> None:
    pictures, file = frames(500), folder / "vectors.npz"
    plain = seconds(lambda: Descriptor().embed(pictures))
    first = seconds(lambda: embed_cached(pictures, embedder=Descriptor(), file=file, film=True), runs=1)
    again = seconds(lambda: embed_cached(pictures, embedder=Descriptor(), file=file, film=True))
    print(f"descriptor of 448 x 252 frames: {500 / plain:,.0f} frames/s")
    print(f"  with memory, first run: {500 / first:,.0f} frames/s; second run: {500 / again:,.0f} frames/s")


def whole(folder: Path) -> None:
    pictures = frames(1010)
    pool = [
        (Source(id=f"{number}", kind="image", path=f"/p/{number}", sha256="", size_bytes=1, width=448, height=252), one)
        for number, one in enumerate(pictures[10:])
    ]
    needles = {f"needle {number}": one for number, one in enumerate(pictures[:10])}
    rules = MatchRules(low=0.3, high=0.95, top_k=8, diversity=0.98, sharpness=20)

    def work() -> object:
        return mine(needles, pool, embedder=Descriptor(), rules=rules, cache=Cache(folder))

    first, again = seconds(work, runs=1), seconds(work)
    print(f"10 needles in 1,000 stills from pixels to matches: {first:.2f} s; second run: {again:.2f} s")


def clip(folder: Path) -> None:
    import open_clip
    import torch

    checkpoint = folder / "random.pt"
    torch.save(open_clip.create_model("ViT-B-32").state_dict(), checkpoint)
    ours = embedder(f"open_clip:ViT-B-32/{checkpoint}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bare = open_clip.create_model("ViT-B-32", pretrained=str(checkpoint)).eval().to(device)
    size = 64 if device == "cuda" else 16
    pictures = frames(size)
    batch = ours.ready(pictures)

    def alone() -> object:
        with torch.inference_mode():
            return bare.encode_image(batch.to(device), normalize=True).cpu().numpy()

    alone()
    taken = {alone: [], lambda: ours.encode(batch): [], lambda: ours.embed(pictures): []}
    for _ in range(12):  # in turn, since a shared machine changes its pace
        for work, times in taken.items():
            times.append(seconds(work, runs=1))
    model, encode, embed = (min(times) for times in taken.values())
    print(f"open_clip ViT-B-32 on {device}: {size / model:,.1f} pictures/s by the bare model")
    print(
        f"  ours takes {encode / model:.3f} of its time on ready batches, target < 1.1; {embed / model:.3f} from pixels"
    )


def main() -> None:
    logging.disable(logging.WARNING)  # open_clip says that random weights are random
    with TemporaryDirectory() as folder:
        search()
        descriptor(Path(folder))
        whole(Path(folder))
        if find_spec("open_clip"):
            clip(Path(folder))
        else:
            print("open_clip is not installed: not measured")


if __name__ == "__main__":
    main()

"""A small world on disk in which every picture carries a number: films, needles, distractors that cannot be confused.

Haystack frames are numbered from 0, needles from 500,000 and their distractors from 600,000.
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from haystack_gen.build import build
from haystack_gen.gathering import Tools
from haystack_gen.plan.items import Item
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import draw_number, write_counter

SIZE = (128, 72)
FILM_RATE = Fraction(30)


@dataclass(frozen=True, kw_only=True)
class SmallWorld:
    film: Path
    pack: Path

    def spec(self, text: str = "", *, fps: int | str = 1, **overrides: object) -> Spec:
        """A spec on this world; `text` is YAML, `overrides` are sections."""
        base: dict[str, object] = {
            "haystack.sources": [str(self.film)],
            "haystack.size": f"{SIZE[0]}x{SIZE[1]}",
            "haystack.fps": fps,
            "needles.pack": str(self.pack),
            "mining.uniqueness": "off",
        }
        return read_spec(text, where="test", overrides=base | overrides)

    def number(self, item: Item, at: int) -> int:
        """What frame `at` of an item's video shows, from the plan and arithmetic alone."""
        clip = next(clip for clip in item.timeline.clips if clip.start <= at < clip.end)
        if clip.role == "haystack":
            sampled = clip.source_start + at - clip.start
            return sampled * FILM_RATE // item.timeline.rate
        base = 500_000 if clip.role == "needle" else 600_000
        return base + int(clip.source.rsplit("-", 1)[1])


def make_world(folder: Path, *, seconds: int = 70, needles: int = 3, lures: int = 2) -> SmallWorld:
    """Write the film and the pack."""
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / "film.mp4"
    write_counter(film, frames=seconds * 30, rate=FILM_RATE, size=SIZE, gop=60)
    pack = folder / "pack"
    pack.mkdir()
    lines = []
    for needle in range(needles):
        _picture(500_000 + needle, pack / f"needle-{needle}.png")
        distractors = []
        for number in range(needle * lures, (needle + 1) * lures):
            _picture(600_000 + number, pack / f"lure-{number}.png")
            distractors.append({"image": f"lure-{number}.png", "lure": "cat"})
        lines.append(
            {
                "image": f"needle-{needle}.png",
                "question": f"Which animal is in picture {needle}?",
                "options": ["dog", "cat", "cow", "hen"],
                "answer": "dog",
                "distractors": distractors,
            }
        )
    (pack / "needles.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return SmallWorld(film=film, pack=pack)


KEYS = ("owl", "bus", "lamp", "castle", "violin", "cactus", "rocket", "tulip")
VALUES = ("red", "blue", "green", "yellow", "pink", "black", "white", "gray")


def make_facts(folder: Path, *, lures: int = 1) -> Path:
    """Write a pack of eight needles that any family can ask about, each a different key and color."""
    folder.mkdir(parents=True)
    lines = []
    for needle, (key, value) in enumerate(zip(KEYS, VALUES, strict=True)):
        _picture(500_000 + needle, folder / f"needle-{needle}.png")
        distractors = []
        for number in range(needle * lures, (needle + 1) * lures):
            _picture(600_000 + number, folder / f"lure-{number}.png")
            distractors.append({"image": f"lure-{number}.png"})
        fact = {"key": f"the {key}", "attribute": "color", "value": value, "count": 1 + needle % 2}
        lines.append({"image": f"needle-{needle}.png", **fact, "distractors": distractors})
    (folder / "needles.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _picture(number: int, path: Path) -> None:
    Image.fromarray(draw_number(number, SIZE)).save(path)


def built(spec: Spec, out: Path, *, jobs: int = 1) -> DatasetFolder:
    """Build and return the folder."""
    build(spec, out, Tools.local(jobs=jobs))
    return DatasetFolder(out)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder and its bytes, but for what a build took, which differs from run to run."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != "provenance/summary.json"}

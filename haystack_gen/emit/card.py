"""The dataset card: what `datasets` needs to load the folder, and what a reader needs to trust it."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from haystack_gen import __version__
from haystack_gen.atomic import write_atomic
from haystack_gen.emit.plans import read_plan, read_reasons
from haystack_gen.emit.videos import Videos
from haystack_gen.facts import Source
from haystack_gen.spec import Spec
from haystack_gen.workspace import package_folder

_MEDIA_FILES = {
    "video": '[metadata.parquet, "videos/**/*.mp4"]',
    "frames": '[metadata.parquet, "frames/**/*.jpg"]',
    "none": "metadata.parquet",
}
_MEDIA = {
    "video": "H.264 mp4 files",
    "frames": "JPEG frames, shared between items",
    "none": "none: the recipe alone, to be rendered with `haystack-gen render`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a plan amounts to: items by family and by control, distinct videos, drops by reason."""

    families: Mapping[str, int]
    controls: Mapping[str, int]
    videos: int
    dropped: Mapping[str, int]

    @property
    def items(self) -> int:
        """All items."""
        return sum(self.families.values())


def tally(plan: Path, dropped: Path) -> Tally:
    """Count a `plan.jsonl` and a `dropped.jsonl`.

    Raises:
        InputError: one video id stands for two timelines.
    """
    families: Counter[str] = Counter()
    controls: Counter[str] = Counter()
    seen, videos = Videos(), 0
    for item in read_plan(plan):
        families[item.task] += 1
        controls[item.control] += 1
        videos += len(seen.new_of(item))
    return Tally(families=families, controls=controls, videos=videos, dropped=Counter(read_reasons(dropped)))


def write_card(path: Path, spec: Spec, *, sources: Sequence[Source], tally: Tally, picture: str = "") -> None:
    """Write `README.md`; `picture` is a path in the dataset to show, or empty."""
    template = Template((package_folder("templates") / "dataset_card.md").read_text(encoding="utf-8"))
    width, height = spec.haystack.size
    text = template.substitute(
        name=_cell(spec.name),
        quoted_name=json.dumps(spec.name),
        version=__version__,
        size_category=_size_category(tally.items),
        data_files=_MEDIA_FILES[spec.output.media],
        items=tally.items,
        dropped=sum(tally.dropped.values()),
        families=_counts(tally.families),
        controls=_counts({name: count for name, count in tally.controls.items() if name != "none"}) or "none",
        videos=tally.videos,
        needle_length=spec.needles.length,
        shortest=min(spec.grid.lengths),
        longest=max(spec.grid.lengths),
        fps=spec.haystack.fps,
        picture=f"![needle, distractors and haystack of one item]({picture})" if picture else "",
        lengths=_numbers(spec.grid.lengths),
        depths=_numbers(spec.grid.depths),
        needles=_cell(spec.needles.pack if _is_public(spec.needles.pack) else Path(spec.needles.pack).name),
        distractors=_distractors(spec),
        frame_size=f"{width} x {height}",
        media=_MEDIA[spec.output.media],
        seed=spec.seed,
        load_from="path/to/this/folder",
        facts=_facts(spec),
        sources=_ledger(sources),
    )
    write_atomic(path, text)


def _facts(spec: Spec) -> str:
    """The options with which a rebuild takes what was found by embedding, and is told where its other inputs lie."""
    mined = spec.mining.pool or spec.mining.matches
    options = ["--matches provenance/matches.jsonl", "--set mining.pool=[]"] if mined else []
    if spec.mining.uniqueness != "off":
        options.append("--set mining.sightings=provenance/sightings.jsonl")
    options += (f"--set needles.lists.{family}=LIST" for family in spec.needles.lists)
    stack = spec.families.stack
    given = {"tokenizer": stack.tokenizer, "questions": stack.questions, "videos": stack.videos}
    given["noise"] = None if stack.noise in ("draw", "template") else stack.noise
    if "stack" in spec.tasks:
        options += (f"--set families.stack.{name}={name.upper()}" for name, path in given.items() if path)
    return "".join(f"\\\n    {option} " for option in options).rstrip()


def _distractors(spec: Spec) -> str:
    law = spec.distractors
    if law.origin == "none":
        return "none"
    if spec.placement.length == "paper":
        return f"at most one, {law.period_frames} haystack frames before or after the needle (upstream's arithmetic)"
    if law.law != "periodic":
        return f"{law.law}, {law.count}, sides: {law.sides}"
    return f"periodic, every {law.period_frames} frames, phase {law.phase}, sides: {law.sides}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _ledger(sources: Sequence[Source]) -> str:
    """Every film and picture with its licence; unknown is said, not guessed."""
    rows = ["| source | kind | licence | sha256 |", "|---|---|---|---|"]
    rows += [
        f"| {_cell(source.id)} | {source.kind} | {_cell(source.license)} | `{source.sha256[:16]}` |"
        for source in sources
    ]
    return "\n".join(rows)


def _numbers(numbers: Sequence[object]) -> str:
    shown = [str(number) for number in numbers]
    return ", ".join(shown) if len(shown) <= 8 else f"{', '.join(shown[:3])}, ... {shown[-1]} ({len(shown)})"


def _cell(text: str) -> str:
    """Text of others that cannot break out of a table cell, start HTML, or show pictures and links."""
    plain = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
    return re.sub(r"([\\`*_\[\]()!|#])", r"\\\1", plain)


def _is_public(pack: str) -> bool:
    return pack == "draw" or pack.startswith("hub:")


def _size_category(items: int) -> str:
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for limit, name in sizes if items < limit), "1M<n<10M")

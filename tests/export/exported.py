"""Datasets to export: all families planned, and an empty file for everything they show."""

import json
from collections.abc import Callable
from pathlib import Path

from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places, distinct_videos
from haystack_gen.export.shown import files_of, parts_of
from haystack_gen.facts import BLANK
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.progress import Progress
from haystack_gen.specfile import dump_spec
from haystack_gen.workspace import DatasetFolder
from tests.made_items import source
from tests.plan.worlds import family_world, spec_of

EVERYTHING = """
name: %s
tasks: [retrieval, counting, ordering, localization, multi_query, stack]
grid: {lengths: "16,24", depths: "0,1", trials: 1}
placement: {band: 1/2}
distractors: {origin: any, law: periodic, period: 5, count: 1, at_least: 0}
choices: {form: both, circular: true}
controls: [no_distractors]
families: {stack: {lengths: "300"}, ordering: {needles: 3}}
output: {media: %s}
"""

Writer = Callable[..., list[Path]]


def planned(folder: Path, text: str = "", *, media: str = "video", name: str = "trial") -> DatasetFolder:
    """A dataset of what is planned: `text` is a spec, by default one with every kind of item."""
    dataset, spec, facts = DatasetFolder(folder), spec_of(text or EVERYTHING % (name, media)), family_world()
    items = [one for one in plan_items(spec, facts) if isinstance(one, Item)]
    numbers = {video.id: video.number for video in distinct_videos(items)}
    writer = RowWriter(
        spec,
        needles=facts.needles,
        sources=(*facts.haystack, *facts.stills, source(BLANK)),
        places=Places(dataset, spec.output.media, numbers),
        noise=facts.noise,
    )
    dataset.provenance.mkdir(parents=True)
    dataset.spec.write_text(dump_spec(spec), encoding="utf-8")
    write_manifest(map(writer.row, items), dataset.manifest)
    touch(dataset)
    return dataset


def touch(dataset: DatasetFolder) -> None:
    """An empty file for everything that the rows show."""
    for row in rows_of(dataset):
        for file in (file for part in parts_of(row) for file in files_of(part)):
            path = dataset.root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def rows_of(dataset: DatasetFolder) -> list[Row]:
    return list(read_manifest(dataset.manifest))


def changed(dataset: DatasetFolder, change: Callable[[int, Row], Row]) -> None:
    """Write the manifest again, each row, given its number, as `change` has it."""
    rows = [change(number, row) for number, row in enumerate(rows_of(dataset))]
    write_manifest(rows, dataset.manifest)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Counting(Progress):
    """Counts the steps of every stage."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}

    def stage(self, name, total, unit=""):
        from contextlib import nullcontext

        outer = self

        class Stage:
            def step(self, count: int = 1, **more: int) -> None:
                outer.steps[name] = outer.steps.get(name, 0) + count

        return nullcontext(Stage())

"""One row of the manifest: what an evaluator is told about an item.

The same rows stand in `manifest.jsonl` (plain, nested parts as JSON strings) and `metadata.parquet` (typed). Every row
has every key, one type per key, and answers are always strings: what survives a round trip through `datasets`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from haystack_gen import __version__
from haystack_gen.facts import Needle, Source
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.spec import Spec

AS_JSON = ("needles", "distractors", "frames")


class NeedleRow(BaseModel):
    """A needle in the video: frames [start_frame, end_frame), seconds likewise, depth as realised in [0, 1]."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    needle_id: str
    kind: Literal["image"]
    content: str
    source: str
    start_frame: int = Field(ge=0)
    end_frame: int = Field(gt=0)
    start_s: float
    end_s: float
    depth: float = Field(ge=0, le=1)
    order: int = Field(ge=0)


class DistractorRow(BaseModel):
    """A look-alike in the video: `offset_frames` is its start minus its needle's; `lure` the wrong option it shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    distractor_id: str
    needle_id: str
    start_frame: int = Field(ge=0)
    end_frame: int = Field(gt=0)
    offset_frames: int
    similarity: float | None
    source: str
    lure: str


class Row(BaseModel):
    """An item as it is published. Depths run from 0, the first frame, to 1, the last."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="haystack-gen manifest row")
    id: str
    video_id: str
    video: str
    video_path: str
    frames: list[str]
    split: Literal["test"]
    task: str
    task_type: str
    question_type: Literal["mcq", "short"]
    question: str
    options: list[str]
    answer: str = Field(min_length=1)
    answer_index: int = Field(ge=-1)
    answer_text: str = Field(min_length=1)
    accepted_answers: list[str] = Field(min_length=1)
    prompt: str
    circular_group: str
    circular_shift: int
    control: str
    group: str
    duration_s: float
    fps: float
    fps_num: int
    fps_den: int
    num_frames: int = Field(gt=0)
    width: int
    height: int
    requested_length: int
    length_bucket: str
    depth: float = Field(ge=-1, le=1)
    requested_depth: float = Field(ge=-1, le=1)
    depth_bucket: str
    num_needles: int
    needles: list[NeedleRow]
    num_distractors: int
    distractors: list[DistractorRow]
    distractor_side: str
    haystack_sources: list[str]
    haystack_start_frame: int
    haystack_repeats: int
    seed: int
    generator: str
    generator_version: str
    params_json: str
    license: str
    video_sha256: str


def compose_prompt(question: str, options: Sequence[str], instruction: str) -> str:
    """Question, lettered options and instruction, a line each: ready to send to a model."""
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join(part for part in (question, *lines, instruction) if part)


class RowWriter:
    """Turns items into rows, given what they refer to."""

    def __init__(self, spec: Spec, *, needles: Sequence[Needle], sources: Sequence[Source]) -> None:
        """Index the needles and all sources, haystack films and stills alike, by id."""
        self._spec = spec
        self._needles: Mapping[str, Needle] = {needle.id: needle for needle in needles}
        self._sources: Mapping[str, Source] = {source.id: source for source in sources}

    def row(self, item: Item, *, video: str = "", frames: Sequence[str] = (), sha256: str = "") -> Row:
        """The row of an item whose media lie at `video` or `frames`, relative to the dataset."""
        timeline, rate = item.timeline, item.timeline.rate
        width, height = self._spec.haystack.size
        requested_depth = float(item.requested_depth)
        return Row(
            id=item.id,
            video_id=item.id,
            video=video,
            video_path=video,
            frames=list(frames),
            split="test",
            task=item.task,
            task_type=item.task,
            question_type="mcq" if item.options else "short",
            question=item.question,
            options=list(item.options),
            answer=item.answer,
            answer_index=LETTERS.index(item.answer) if item.options else -1,
            answer_text=item.answer_text,
            accepted_answers=_accepted(item),
            prompt=compose_prompt(item.question, item.options, item.instruction),
            circular_group=item.group,
            circular_shift=0,
            control=item.control,
            group=item.group,
            duration_s=float(timeline.length / rate),
            fps=float(rate),
            fps_num=rate.numerator,
            fps_den=rate.denominator,
            num_frames=timeline.length,
            width=width,
            height=height,
            requested_length=item.requested_length,
            length_bucket=str(item.requested_length),
            depth=float(item.needles[0].depth) if item.needles else -1.0,
            requested_depth=requested_depth,
            depth_bucket=f"{requested_depth:.2f}",
            num_needles=len(item.needles),
            needles=self._needle_rows(item),
            num_distractors=len(item.distractors),
            distractors=_distractor_rows(item),
            distractor_side=item.side,
            haystack_sources=haystack_sources(timeline),
            haystack_start_frame=item.window_start,
            haystack_repeats=item.repeats,
            seed=self._spec.seed,
            generator="haystack-gen",
            generator_version=__version__,
            params_json=self._params(item),
            license=self._licenses(timeline),
            video_sha256=sha256,
        )

    def _needle_rows(self, item: Item) -> list[NeedleRow]:
        rate = item.timeline.rate
        ordered = sorted(item.needles, key=lambda needle: needle.start)
        return [
            NeedleRow(
                needle_id=placed.needle,
                kind="image",
                content=self._needles[placed.needle].value or self._needles[placed.needle].answer,
                source=placed.source,
                start_frame=placed.start,
                end_frame=placed.start + placed.length,
                start_s=float(placed.start / rate),
                end_s=float((placed.start + placed.length) / rate),
                depth=float(placed.depth),
                order=order,
            )
            for order, placed in enumerate(ordered)
        ]

    def _params(self, item: Item) -> str:
        law = self._spec.distractors
        params = {
            "trial": item.trial,
            "requested_depth": str(item.requested_depth),
            "placement": self._spec.placement.length,
            "distractor_law": law.law if law.origin != "none" else "none",
            "period_frames": law.period_frames if law.law == "periodic" and law.origin != "none" else None,
            "phase": str(law.phase),
            "phase_frames": law.phase_frames if law.law == "periodic" and law.origin != "none" else None,
        }
        return json.dumps(params, separators=(",", ":"))

    def _licenses(self, timeline: Timeline) -> str:
        shown = {self._sources[clip.source].license for clip in timeline.clips}
        return "; ".join(sorted(shown))


def _accepted(item: Item) -> list[str]:
    """The letter, the option, and both as some instructions ask for them; or the word."""
    if not item.options:
        return [item.answer_text]
    return [item.answer, item.answer_text, f"{item.answer}. {item.answer_text}"]


def _distractor_rows(item: Item) -> list[DistractorRow]:
    return [
        DistractorRow(
            distractor_id=f"{item.id}-x{number}",
            needle_id=placed.needle,
            start_frame=placed.start,
            end_frame=placed.start + placed.length,
            offset_frames=placed.offset,
            similarity=placed.similarity,
            source=placed.source,
            lure=placed.lure,
        )
        for number, placed in enumerate(item.distractors)
    ]


def haystack_sources(timeline: Timeline) -> list[str]:
    """The films on show, in order of first appearance."""
    return list(dict.fromkeys(clip.source for clip in timeline.clips if clip.role == "haystack"))


def plain(row: Row) -> dict[str, Any]:
    """The row as it stands in JSONL: lists that may be empty throughout as JSON strings, under `<name>_json`.

    `datasets` reads JSONL in blocks and guesses types from the first: a column of empty lists would get none.
    """
    fields = row.model_dump()
    for name in AS_JSON:
        fields[f"{name}_json"] = json.dumps(fields.pop(name), ensure_ascii=False, separators=(",", ":"))
    return fields


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a line of `manifest.jsonl`."""
    schema = Row.model_json_schema()
    for name in AS_JSON:
        inner = schema["properties"].pop(name)
        schema["properties"][f"{name}_json"] = {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": inner,
        }
    schema["required"] = [f"{name}_json" if name in AS_JSON else name for name in schema["required"]]
    return schema

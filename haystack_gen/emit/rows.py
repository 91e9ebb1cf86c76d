"""One row of the manifest: what an evaluator is told about an item.

The same rows stand in `manifest.jsonl` (plain, nested parts as JSON strings) and `metadata.parquet` (typed). Every row
has every key, one type per key, and answers are always strings: what survives a round trip through `datasets`.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from haystack_gen.plan.items import Form

AS_JSON = ("needles", "distractors", "frames", "context")


class NeedleRow(BaseModel):
    """A needle in the video: frames [start_frame, end_frame), seconds likewise, depth as realised in [0, 1].

    It shows `count` of `key`, and about it `content`. `asked` is whether the question is about it. To be
    visible to samplers, it lies `moved_frames` later (negative: earlier) than it would, and stays `added_frames`
    longer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    needle_id: str
    kind: Literal["image"]
    key: str
    content: str
    count: int = Field(ge=1)
    asked: bool
    source: str
    start_frame: int = Field(ge=0)
    end_frame: int = Field(gt=0)
    start_s: float
    end_s: float
    depth: float = Field(ge=0, le=1)
    moved_frames: int
    added_frames: int = Field(ge=0)
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


class PartRow(BaseModel):
    """A part of a context: text, or a video that lies as the row's own does."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    type: Literal["text", "video"]
    text: str
    video_id: str
    video: str
    frames: list[str]


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
    question_type: Form
    question: str
    options: list[str]
    answer: str = Field(min_length=1)
    answer_index: int = Field(ge=-1)
    answer_text: str = Field(min_length=1)
    accepted_answers: list[str] = Field(min_length=1)
    answer_tolerance: float = Field(ge=0)
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
    context_length: int
    context_cost: int
    context_depth: float = Field(ge=-1, le=1)
    context: list[PartRow]
    seed: int
    generator: str
    generator_version: str
    params_json: str
    license: str
    video_sha256: str


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

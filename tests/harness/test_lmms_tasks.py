"""What tasks and oracle do with a row, without lmms-eval: the same verdicts as `score`, the same sight as `audit`."""

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.families import Task
from haystack_gen.harness import lmms_tasks
from haystack_gen.harness.oracle import Oracle
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.score import score
from haystack_gen.judge.visibility import attainable, audit_visibility
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import DatasetFolder
from tests.judge.test_score import EVERYTHING, LAW, replies, write_dataset

TURNED = f"""
tasks: [{", ".join(get_args(Task))}]
grid: {{lengths: "64", depths: "0,1", trials: 2}}
{LAW}
choices: {{form: both, %s}}
controls: [anti_phase]
families: {{stack: {{lengths: "300"}}}}
"""


def doc_of(row: Row, *, video: str = "", frames: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """A row as `datasets` hands it out of metadata.parquet."""
    fields = row.model_dump() | {"video_path": video} | changes
    del fields["video"], fields["frames"]
    return fields | ({"frames_file_names": list(frames)} if frames else {"file_name": video})


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> DatasetFolder:
    return write_dataset(tmp_path_factory.mktemp("everything"), EVERYTHING)


@pytest.fixture(scope="module")
def rows(everything) -> list[Row]:
    return list(read_manifest(everything.manifest))


def sloppy(row: Row) -> str:
    """A model that is right, wrong, unreadable and silent in turns."""
    said = (row.answer, f"The answer is {row.answer}.", "B", "2", "I cannot tell.", "", "**A**\n\nBut maybe B.")
    return Stream(1, "sloppy", row.id).choice(said)


def test_marks_are_those_of_score(everything, rows):
    scores = score(everything, replies(everything, sloppy))
    marks = [lmms_tasks.marks_in_turns(doc_of(row), sloppy(row).strip()) for row in rows]
    found = [mark["haystack_acc"] for mark in marks]
    for mark, row, answer in zip(found, rows, scores.answers, strict=True):
        assert answer.as_json().items() <= mark.items()
        assert (mark["video_id"], mark["circular_shift"]) == (row.video_id, row.circular_shift)
    assert json.loads(json.dumps(marks)) == marks
    assert len({mark["verdict"] for mark in found}) == 3
    totals = scores.as_json()
    of_items = [mark for mark, row in zip(marks, rows, strict=True) if row.control == "none"]
    assert lmms_tasks.accuracy([mark["haystack_acc"] for mark in of_items]) == pytest.approx(
        totals["overall"]["accuracy"]
    )
    assert sum(mark["haystack_unparsed"] for mark in of_items) == totals["overall"]["unparsed"]
    for line in totals["rotations"]:
        turns = [
            mark["haystack_all_rotations"] for mark in of_items if mark["haystack_acc"]["family"] == line["family"]
        ]
        assert lmms_tasks.all_rotations(turns) == pytest.approx(line["share"])
    assert any(0 < line["share"] < line["mean"] for line in totals["rotations"])
    assert lmms_tasks.all_rotations([{"circular_group": "", "right": True}]) == 0


def test_items_of_one_question_or_circle_share_their_cluster(rows):
    """`cluster_key` is the video: whatever asks about the same needles asks about the same video."""
    video_of: dict[str, str] = {}
    for row in rows:
        if row.circular_group:
            assert video_of.setdefault(row.circular_group, row.video_id) == row.video_id
    assert len({row.video_id for row in rows if row.task == "multi_query"}) < len(
        {row.circular_group or row.id for row in rows if row.task == "multi_query"}
    )


def test_a_video_is_its_path_and_frames_are_pictures(rows, tmp_path):
    row = next(row for row in rows if not row.context)
    (tmp_path / "v.mp4").write_bytes(b"")
    assert lmms_tasks.visuals(doc_of(row, video="v.mp4"), tmp_path) == [str(tmp_path / "v.mp4")]
    colors = ["red", "lime", "blue"]
    for color in colors:
        Image.new("RGB", (4, 4), color).quantize().save(tmp_path / f"{color}.png")
    doc = doc_of(row, frames=tuple(f"{color}.png" for color in colors * 800))
    shown = lmms_tasks.visuals(doc, tmp_path)
    assert [one.mode for one in shown] == ["RGB"] * 2400
    assert [one.getpixel((0, 0)) for one in shown[:3]] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert len(list(Path("/proc/self/fd").iterdir())) < 500 or not Path("/proc/self/fd").exists()
    (turn,) = lmms_tasks.messages(doc_of(row, frames=("red.png",)), tmp_path)
    assert [part["type"] for part in turn["content"]] == ["image", "text"]


def test_a_stack_is_told_in_order_or_videos_first(rows, tmp_path):
    row = next(row for row in rows if row.task == "stack")
    parts = [part.model_dump() for part in row.context]
    for number, part in enumerate(parts):
        if part["type"] == "video":
            part["video"] = f"{number}.mp4"
            (tmp_path / part["video"]).write_bytes(b"")
    doc = doc_of(row, video="0.mp4", context=parts)
    kinds = [part["type"] for part in parts]
    assert kinds.count("video") == 2
    (turn,) = lmms_tasks.messages(doc, tmp_path)
    assert [part["type"] for part in turn["content"]] == [*kinds, "text"]
    assert turn["content"][-1]["text"] == row.prompt
    told = [part.get("text") or Path(part["url"]).name for part in turn["content"][:-1]]
    assert told == [part["text"] or part["video"] for part in parts]
    assert [Path(path).name for path in lmms_tasks.visuals(doc, tmp_path)] == [
        part["video"] for part in parts if part["video"]
    ]
    assert lmms_tasks.text(doc) == "\n".join([*(part["text"] for part in parts if part["text"]), row.prompt])


@pytest.mark.parametrize("prompt", ["Is {{ this }} {0} %s $x <b>\"'\\n?\nA. !!yes"])
def test_prompts_are_passed_on_as_they_are(rows, prompt):
    row = next(row for row in rows if not row.context)
    assert lmms_tasks.text(doc_of(row, prompt=prompt)) == prompt


def test_what_is_missing_or_no_row_is_named(rows, tmp_path):
    row = next(row for row in rows if not row.context)
    with pytest.raises(InputError, match=r"gone\.mp4: no such file; .* HAYSTACK_ROOT names"):
        lmms_tasks.visuals(doc_of(row, video="gone.mp4"), tmp_path)
    (tmp_path / "f.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"f\.jpg: cannot be read as a picture"):
        lmms_tasks.visuals(doc_of(row, frames=("f.jpg",)), tmp_path)
    with pytest.raises(InputError, match=r"doc 'q1': is no row of a dataset of haystack-gen: .*Field required"):
        lmms_tasks.marks({"id": "q1", "question": "?"}, "A")


# ------------------------------------------------------------------------------------------------------- the oracle


def test_an_oracle_without_sampler_is_right(everything):
    assert score(everything, replies(everything, Oracle().reply)).as_json()["overall"]["accuracy"] == 1


@pytest.mark.parametrize("name", ["linspace:8", "longvideobench:16", "smolvlm:fps=1,max_frames=24"])
@pytest.mark.parametrize("choices", ["absent: true, circular: true", "absent: false, circular: true"])
def test_an_oracle_with_a_sampler_scores_the_audited_ceiling(tmp_path, name, choices):
    """Exactly, where questions that can be guessed come in all rotations, or say that the needle may be absent."""
    folder = write_dataset(tmp_path, TURNED % choices)
    one = sampler(name)
    (outlook,) = audit_visibility(folder, [one])
    oracle = Oracle(one)
    found = score(folder, replies(folder, oracle.reply)).as_json()
    ceilings = {"none": outlook.total} | outlook.by["control"]
    assert {line["control"] for line in found["controls"]} == set(ceilings) == {"none", "anti_phase"}
    for line in found["controls"]:
        assert line["accuracy"] == pytest.approx(ceilings[line["control"]].ceiling), line["control"]
    for line in found["families"]:
        assert line["accuracy"] == pytest.approx(outlook.by["family"][line["family"]].ceiling), line["family"]
    seen = sum(oracle.sees(row) for row in read_manifest(folder.manifest) if row.control == "none")
    assert seen == outlook.total.seen + outlook.total.absent
    assert 0 < outlook.total.ceiling < 1


def test_guesses_are_right_in_one_of_n_over_seeds(tmp_path):
    text = TURNED.replace("form: both", "form: options") % "absent: false"
    blind = sampler("linspace:1")
    rows = read_manifest(write_dataset(tmp_path, text).manifest)
    guessed = [row for row in rows if not Oracle(blind).sees(row) and attainable(row, seen=False)]
    assert len({row.task for row in guessed}) > 4
    for row in guessed[::4]:
        said = [Oracle(blind, seed=seed).reply(row) for seed in range(1200)]
        assert set(said) == set(LETTERS[: len(row.options)])
        assert said.count(row.answer) / 1200 == pytest.approx(attainable(row, seen=False), abs=0.05)


def test_a_video_that_its_library_refuses_shows_nothing(rows):
    row = next(row for row in rows if row.control == "none" and any(one.asked for one in row.needles))
    short = row.model_copy(update={"num_frames": 1, "needles": [row.needles[0].model_copy(update={"asked": True})]})
    one = sampler("qwen-vl-utils:2")
    with pytest.raises(InputError):
        one.indices(1, Fraction(1))
    assert not Oracle(one).sees(short)


def test_the_light_modules_need_nothing_that_lmms_eval_lacks():
    """`pip install --no-deps haystack-gen` is what the tasks ask for."""
    import subprocess
    import sys

    code = (
        "import sys, haystack_gen.harness.lmms_tasks, haystack_gen.harness.oracle;"
        "print({m.split('.')[0] for m in sys.modules} & {'av', 'cv2', 'faiss', 'click', 'rich', 'decord', 'matplotlib',"
        "'pyarrow', 'yaml'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "set()\n"

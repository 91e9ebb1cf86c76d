"""A table that no text breaks, and a class that serves what the manifest has, within VLMEvalKit's interface.

`stand_in/` has that interface. The real code was run by hand; docs/exports.md says with what.
"""

import csv
import json
import os
import subprocess
import sys
from ast import literal_eval
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from haystack_gen.errors import InputError
from haystack_gen.export.shown import parts_of
from haystack_gen.export.vlmevalkit import CIRCLE, write_vlmevalkit
from haystack_gen.judge.score import score
from haystack_gen.judge.sheets import sheet_rows
from haystack_gen.workspace import DatasetFolder
from tests.export.exported import changed, planned, rows_of

STAND_IN = Path(__file__).parent / "stand_in"
FORMULAS = ['=HYPERLINK("http://e.test")', "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r\n=1+1"]
CODE = [
    "__import__('pathlib').Path('pwned').touch()",
    "'] + [__import__('pathlib').Path('pwned').touch()] + ['",
    '"] or exit() or ["',
    "\\'] + [exit()] + ['",
    "{}{0.__class__}%s$x`id`",
    "two\nlines\tand a tab, \"quotes\" 'single', a backslash \\ and a NUL \0",
    "\u2028 \u202e \U0001f98a Ünïcode 猫 \x85",
    "NA",
]


@pytest.fixture(scope="module", params=["video", "frames"])
def dataset(request, tmp_path_factory) -> DatasetFolder:
    return planned(tmp_path_factory.mktemp("vlmevalkit") / "set", media=request.param)


@pytest.fixture
def pandas() -> ModuleType:
    """What VLMEvalKit reads tables with; its absence is a failure where the extras are required."""
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("pandas", reason="pandas is not installed")
    import pandas

    return pandas


@pytest.fixture
def inside(pandas, monkeypatch, tmp_path):
    """Imports an exported module as VLMEvalKit would, and forgets it afterwards."""
    monkeypatch.setenv("LMUData", str(tmp_path / "lmu"))
    monkeypatch.syspath_prepend(str(STAND_IN))
    before = set(sys.modules)

    def load(path: Path) -> Any:
        monkeypatch.syspath_prepend(str(path.parent))
        sys.modules.pop(path.stem, None)
        return __import__(path.stem)

    yield load
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("vlmeval", "haystack_trial"):
            del sys.modules[name]


def exported(dataset: DatasetFolder, out: Path) -> tuple[Path, Path]:
    table, module = write_vlmevalkit(dataset, out)
    return table, module


def cells_of(table: Path) -> list[dict[str, str]]:
    return [dict(row) for _, row in sheet_rows(table)]


def hostile(dataset: DatasetFolder) -> None:
    """Give every question with options texts that mean harm."""
    changed(
        dataset,
        lambda number, row: row.model_copy(
            update={
                "question": FORMULAS[number // 2 % len(FORMULAS)] if number % 2 else CODE[number % len(CODE)],
                "options": [CODE[(number + turn) % len(CODE)] for turn in range(len(row.options))],
                "prompt": CODE[number % len(CODE)],
            }
        ),
    )


# ---------------------------------------------------------------------------------------------------------- the table


def test_the_table_has_a_row_per_item(dataset, tmp_path):
    table, module = exported(dataset, tmp_path)
    assert (table.name, module.name) == ("haystack_trial.tsv", "haystack_trial.py")
    rows, cells = rows_of(dataset), cells_of(table)
    assert [one["id"] for one in cells] == [row.id for row in rows]
    for row, one in zip(rows, cells, strict=True):
        assert one["video"] == (row.video.removesuffix(".mp4") or row.video_id)
        assert literal_eval(one["candidates"]) == row.options
        assert one["answer"] == (row.answer if row.options else "")
        assert (one["task_type"], one["question_type"], one["control"]) == (
            row.task_type,
            row.question_type,
            row.control,
        )
        assert (float(one["duration"]), float(one["depth"])) == (row.duration_s, row.depth)
        assert one["question"] == row.question


def test_orders_of_options_are_numbered_as_circular_evaluation_wants(dataset, tmp_path):
    rows, cells = rows_of(dataset), cells_of(exported(dataset, tmp_path)[0])
    numbers = [int(one["index"]) for one in cells]
    assert len(set(numbers)) == len(numbers)
    assert [number // CIRCLE for number in numbers] == [row.circular_shift for row in rows]
    groups = {number % CIRCLE: set() for number in numbers}
    for row, number in zip(rows, numbers, strict=True):
        groups[number % CIRCLE].add(row.circular_group or row.id)
    assert all(len(names) == 1 for names in groups.values())
    assert sorted(groups) == list(range(len({row.circular_group or row.id for row in rows})))


def test_more_questions_than_can_be_numbered_are_refused(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("haystack_gen.export.vlmevalkit.CIRCLE", 3)
    with pytest.raises(InputError, match=r"is question 3, and VLMEvalKit numbers orders of options from there; export"):
        write_vlmevalkit(dataset, tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_text_breaks_a_cell_or_starts_a_formula(tmp_path):
    dataset = planned(tmp_path / "set")
    hostile(dataset)
    table, _ = exported(dataset, tmp_path / "out")
    text = table.read_text(encoding="utf-8")
    rows, cells = rows_of(dataset), cells_of(table)
    assert len(text.split("\n")) == len(rows) + 2, "a line each, the header and the end"
    assert len(cells) == len(rows)
    for row, one in zip(rows, cells, strict=True):
        assert one["id"] == row.id
        for name, cell in one.items():
            assert cell.isprintable(), (name, cell)
            if name != "depth":
                assert not cell.startswith(("=", "+", "-", "@")), (name, cell)
    assert "'=HYPERLINK(" in text
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):  # cut and awk know no quotes
        assert all(len(one) == 11 for one in csv.reader(text.splitlines(), delimiter="\t", quoting=quoting))


def test_options_are_only_texts_to_who_evaluates_them(tmp_path, monkeypatch):
    dataset = planned(tmp_path / "set")
    hostile(dataset)
    cells = cells_of(exported(dataset, tmp_path / "out")[0])
    monkeypatch.chdir(tmp_path)
    for row, one in zip(rows_of(dataset), cells, strict=True):
        assert eval(one["candidates"]) == row.options  # as VLMEvalKit's datasets do
    assert not (tmp_path / "pwned").exists()
    assert any(row.options for row in rows_of(dataset))


@pytest.mark.hub
def test_pandas_reads_what_was_written(pandas, tmp_path):
    dataset = planned(tmp_path / "set")
    hostile(dataset)
    data = pandas.read_csv(exported(dataset, tmp_path / "out")[0], sep="\t")
    rows = rows_of(dataset)
    assert list(data["id"]) == [row.id for row in rows]
    assert data["index"].dtype == "int64"
    assert data["index"].is_unique
    assert [literal_eval(cell) for cell in data["candidates"]] == [row.options for row in rows]
    assert list(data["answer"].fillna("")) == [row.answer if row.options else "" for row in rows]


# ---------------------------------------------------------------------------------------------------------- the class


@pytest.mark.hub
@pytest.mark.parametrize("video_llm", [True, False])
def test_the_class_serves_every_item(dataset, inside, tmp_path, video_llm):
    module = inside(exported(dataset, tmp_path / "out")[1])
    served = module.HaystackTrial(nframe=5)
    assert (served.dataset_name, served.MODALITY, module.HaystackTrial.supported_datasets()) == (
        "haystack_trial",
        "VIDEO",
        ["haystack_trial"],
    )
    rows = rows_of(dataset)
    assert len(served) == len(rows)
    for number, row in enumerate(rows):
        message = served.build_prompt(number, video_llm)
        assert message == served.build_prompt(served.data.iloc[number], video_llm=video_llm)
        assert message[-1] == {"type": "text", "value": row.prompt}
        shown: list[tuple[str, str]] = []
        for part in parts_of(row):
            if part.type == "text":
                shown.append(("text", part.text))
            elif part.video and video_llm:
                shown.append(("video", str(dataset.root / part.video)))
            elif part.video:
                frames = served.save_video_frames(part.video.removesuffix(".mp4"))
                shown += [("image", frame) for frame in frames]
            else:
                step = len(part.frames) / 6
                shown += [("image", str(dataset.root / part.frames[int(k * step)])) for k in range(1, 6)]
        assert [(one["type"], one["value"]) for one in message[:-1]] == shown


@pytest.mark.hub
def test_frames_at_a_rate(inside, tmp_path):
    dataset = planned(tmp_path / "set", media="frames")
    module = inside(exported(dataset, tmp_path / "out")[1])
    row = next(row for row in rows_of(dataset) if not row.context and row.num_frames == 24)
    number = rows_of(dataset).index(row)
    for rate, step in ((1.0, 1), (0.5, 2), (0.25, 4)):
        message = module.HaystackTrial(fps=rate).build_prompt(number, True)
        assert [one["value"] for one in message[:-1]] == [str(dataset.root / one) for one in row.frames[::step]]


@pytest.mark.hub
def test_frames_of_another_build_are_not_taken_for_this_ones(inside, tmp_path):
    roots = []
    for place, name in (("a", "set"), ("b", "set")):
        dataset = planned(tmp_path / place / name)
        if place == "b":
            changed(dataset, lambda _, row: row.model_copy(update={"video_sha256": "1"}))
        module = inside(exported(dataset, tmp_path / place / "out")[1])
        roots.append(module.HaystackTrial(nframe=2).frame_root)
        sys.path.remove(str(tmp_path / place / "out"))
    assert roots[0] != roots[1]
    assert all(Path(root).parent.name == "haystack_trial" for root in roots)


@pytest.mark.hub
def test_what_the_class_refuses(inside, tmp_path, monkeypatch):
    dataset = planned(tmp_path / "set")
    table, path = exported(dataset, tmp_path / "out")
    module = inside(path)
    with pytest.raises(ValueError, match=r"haystack_trial: set nframe or fps: without, only models that read videos"):
        module.HaystackTrial().build_prompt(0, False)
    assert module.HaystackTrial().build_prompt(0, True)[0]["type"] == "video"
    table.write_text(table.read_text().replace("retrieval-16", "retrieval-17"))
    with pytest.raises(ValueError, match=r"manifest.jsonl has no item 'retrieval-17-.* run haystack-gen export again"):
        module.HaystackTrial()
    monkeypatch.setenv("HAYSTACK_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no such file; set HAYSTACK_ROOT to the folder of the dataset"):
        inside(path).HaystackTrial()


# --------------------------------------------------------------------------------------------------------- the results


def results(served: Any, replies: dict[str, str], path: Path) -> str:
    """The table with a column more, written as VLMEvalKit writes it."""
    data = served.data.copy()
    data["prediction"] = [replies[item] for item in data["id"]]
    if path.suffix == ".xlsx":
        data.to_excel(path, index=False)
    elif path.suffix == ".json":
        path.write_text(json.dumps(data.fillna("").to_dict("records")))
    else:
        data.to_csv(path, sep="\t", index=False, encoding="utf-8", quoting=csv.QUOTE_ALL)
    return str(path)


@pytest.mark.hub
@pytest.mark.parametrize("suffix", [".tsv", ".xlsx", ".json"])
def test_results_are_marked_as_score_marks_them(dataset, inside, tmp_path, suffix):
    _, module = exported(dataset, tmp_path / "out")
    served = inside(module).HaystackTrial(nframe=2)
    odd = ["None", "NA", "=1+1", "two\nlines\tAnswer: B", '"B"', "I do not know"]
    rows = rows_of(dataset)
    replies = {row.id: row.answer if number % 3 else odd[number % len(odd)] for number, row in enumerate(rows)}
    file = results(served, replies, tmp_path / f"model_haystack_trial{suffix}")
    found = served.evaluate(file, model="exact_matching", nproc=4)
    own = tmp_path / "own.jsonl"
    own.write_text("".join(json.dumps({"id": name, "prediction": one}) + "\n" for name, one in replies.items()))
    expected = score(dataset, own).as_json()
    assert json.loads((tmp_path / "model_haystack_trial_haystack.json").read_text()) == expected
    assert found["read_by"] == "haystack-gen"
    assert 0 < found["overall"] == expected["overall"]["accuracy"] < 1
    assert found["unparsed"] == sum(expected["unparsed"].values()) > 0
    for one in expected["families"]:
        assert found[one["family"]] == one["accuracy"]
    for one in expected["rotations"]:
        assert found[f"{one['family']}, all rotations"] == one["share"]
    assert "no_distractors twins" in found
    if suffix != ".json":
        assert score(dataset, Path(file)).as_json() == expected, "the file itself, without VLMEvalKit"


@pytest.mark.hub
def test_an_oracle_is_right_whoever_reads(dataset, inside, tmp_path, monkeypatch, caplog):
    served = inside(exported(dataset, tmp_path / "out")[1]).HaystackTrial(nframe=2)
    file = results(served, {row.id: row.answer for row in rows_of(dataset)}, tmp_path / "oracle_haystack_trial.tsv")
    with_ours = served.evaluate(file)
    assert {value for name, value in with_ours.items() if name not in ("unparsed", "read_by")} == {1.0}
    monkeypatch.setitem(sys.modules, "haystack_gen.judge.score", None)
    without = served.evaluate(file)
    assert without.pop("read_by") == "can_infer"
    assert "replies are read by can_infer: haystack-gen cannot be imported" in caplog.text
    families = {row.task for row in rows_of(dataset)}
    assert without == dict.fromkeys(["overall", *families, "no_distractors twins"], 1.0)


@pytest.mark.hub
def test_the_launcher_makes_it_known_and_runs_what_it_is_given(pandas, tmp_path):
    dataset = planned(tmp_path / "set")
    _, module = exported(dataset, dataset.export("vlmevalkit"))
    run = tmp_path / "kit" / "run.py"
    run.parent.mkdir()
    (run.parent / "beside.py").write_text("FOUND = 'beside'\n")
    run.write_text(
        "import pickle, sys\n"
        "from beside import FOUND\n"
        "import vlmeval.dataset as known\n"
        "served = known.build_dataset(sys.argv[2])\n"
        "assert known.HaystackTrial is type(served) and 'haystack_trial' in known.SUPPORTED_DATASETS\n"
        "assert pickle.loads(pickle.dumps(type(served))) is type(served)\n"
        "print(__name__, FOUND, sys.argv[1:], served.dataset_name, served.nframe, served.fps)\n"
    )
    names = {"haystack_trial_64frame": "64 -1", "haystack_trial_1fps": "0 1.0", "haystack_trial": "0 -1"}
    environment = os.environ | {"PYTHONPATH": str(STAND_IN), "LMUData": str(tmp_path)}
    for name, sampled in names.items():
        done = subprocess.run(
            [sys.executable, str(module), str(run), "--data", name],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        assert done.stdout == f"__main__ beside ['--data', '{name}'] haystack_trial {sampled}\n", done.stderr

"""Samples for Inspect: what is in them, and, where it is installed, what its own code makes of them."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from haystack_gen.export.inspect_ai import write_inspect
from haystack_gen.export.shown import files_of, parts_of
from haystack_gen.workspace import DatasetFolder
from tests.export.exported import lines_of, planned, rows_of

SMALL = """
tasks: [retrieval, counting]
grid: {lengths: "16", depths: "0,1", trials: 2}
distractors: {origin: any, period: 5, count: 1, at_least: 0}
choices: {form: both}
controls: [no_distractors]
"""


@pytest.fixture(scope="module", params=["video", "frames"])
def dataset(request, tmp_path_factory) -> DatasetFolder:
    return planned(tmp_path_factory.mktemp("inspect") / "set", media=request.param)


@pytest.fixture
def inspect() -> None:
    """The real package; its absence is a failure where the extras are required."""
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("inspect_ai", reason="inspect-ai is not installed", exc_type=ImportError)


def test_a_sample_per_item(dataset, tmp_path):
    samples, task = write_inspect(dataset, tmp_path)
    assert (samples.name, task.name) == ("samples.jsonl", "task.py")
    for row, sample in zip(rows_of(dataset), lines_of(samples), strict=True):
        [message] = sample["input"]
        assert (sample["id"], message["role"]) == (row.id, "user")
        assert message["content"][-1] == {"type": "text", "text": row.prompt}
        shown = [part for one in parts_of(row) for part in ([one.text] if one.text else files_of(one))]
        assert len(shown) == len(message["content"]) - 1
        for part, expected in zip(message["content"], shown, strict=False):
            if part["type"] == "text":
                assert part["text"] == expected
            else:
                assert (tmp_path / part[part["type"]]).resolve() == (dataset.root / expected).resolve()
                assert (part["type"], part.get("format")) in (("video", "mp4"), ("image", None))
        assert sample.get("choices", []) == row.options
        assert sample["target"] == (row.answer if row.options else row.accepted_answers)
        assert sample["metadata"]["control"] == row.control


def test_the_task_is_named_after_the_spec(tmp_path):
    dataset = planned(tmp_path / "set", name='7 Films - "take two"')
    text = write_inspect(dataset, dataset.export("inspect"))[1].read_text(encoding="utf-8")
    assert "def haystack_7_films_take_two(control=" in text
    assert 'HERE / "..")' in text
    compile(text, "task.py", "exec")


@pytest.mark.hub
@pytest.mark.filterwarnings("ignore")  # of Inspect's own
def test_inspect_reads_the_samples_and_finds_their_files(dataset, inspect, tmp_path):
    from inspect_ai.dataset import json_dataset

    samples = list(json_dataset(str(write_inspect(dataset, tmp_path)[0])))
    for row, sample in zip(rows_of(dataset), samples, strict=True):
        assert (sample.id, sample.choices or []) == (row.id, row.options)
        for part in sample.input[0].content:
            if part.type != "text":
                assert Path(getattr(part, part.type)).is_file()


@pytest.mark.hub
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("control", ["none", "no_distractors"])
def test_inspect_runs_the_task(inspect, tmp_path, monkeypatch, control):
    import gc

    import tiktoken
    from inspect_ai import eval
    from inspect_ai.model import ModelOutput, get_model

    class Words:  # its counter of tokens would be downloaded
        @staticmethod
        def encode(text, **_):
            return text.split()

    monkeypatch.setattr(tiktoken, "get_encoding", lambda _: Words)
    dataset = planned(tmp_path / "set", SMALL)
    rows = [row for row in rows_of(dataset) if row.control == control]
    wrong = {row.prompt for row in rows[::3]}
    right = {row.prompt: row.answer for row in rows}

    def reply(messages, *_):
        asked = messages[-1].content[-1].text
        return ModelOutput.from_content("mockllm/model", "I cannot tell" if asked in wrong else right[asked])

    _, path = write_inspect(dataset, tmp_path / "out")
    found = spec_from_file_location("exported_task", path)
    module = module_from_spec(found)
    monkeypatch.setitem(sys.modules, "exported_task", module)
    found.loader.exec_module(module)
    [log] = eval(
        module.haystack_haystack(control=control),
        model=get_model("mockllm/model", custom_outputs=reply),
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    gc.collect()  # of streams that it leaves open, within this test
    assert log.status == "success", log.error
    verdicts = {sample.id: sample.scores["haystack_gen"].explanation for sample in log.samples}
    answers = {row.id: right[row.prompt] == row.answer for row in rows}  # twins of a prompt may have other answers
    assert set(verdicts) == {row.id for row in rows}
    for row in rows:
        assert verdicts[row.id] == ("unparsed" if row.prompt in wrong else "right" if answers[row.id] else "wrong")

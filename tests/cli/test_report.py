"""`haystack-gen report` as a person meets it."""

from pathlib import Path

import pytest

from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.judge.test_report import Page, made_up
from tests.made_items import made


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetFolder:
    return made_up(tmp_path / "set", made("a"), made("b", group="b"))


def replies(dataset: DatasetFolder, text: str, name: str = "model.jsonl") -> Path:
    path = dataset.root.parent / name
    path.write_text(text)
    return path


def test_a_page_beside_the_dataset(dataset):
    path = dataset.root / "report.html"
    done = run("report", dataset.root)
    assert (done.exit_code, done.stdout) == (0, f"{path}\n")
    size = path.stat().st_size / 1e6
    stages = ["choosing pictures ...", "telling items ...", "reading pictures ..."]
    *said, last = done.stderr.splitlines()
    assert [line for line in said if line.endswith("...")] == stages
    assert last == f"2 items, 0 pictures, {size:.1f} MB"
    assert Page(path).data["scores"] is None
    assert run("report", dataset.root).exit_code == 0  # again, in its place


def test_a_page_of_a_models_replies(dataset, tmp_path):
    path = replies(dataset, '{"id": "a", "prediction": "dog"}\n')
    done = run("report", dataset.root, path)
    assert (done.exit_code, done.stdout) == (0, f"{dataset.root / 'report-model.html'}\n")
    page = Page(dataset.root / "report-model.html")
    assert (page.data["predictions"], page.data["scores"]["overall"]["right"]) == ("model.jsonl", 1)
    done = run("report", dataset.root, path, "-o", tmp_path / "there" / "x.html")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'there' / 'x.html'}\n")
    assert (tmp_path / "there" / "x.html").read_bytes() == (dataset.root / "report-model.html").read_bytes()


def test_replies_are_read_as_score_reads_them(dataset):
    by_place = replies(dataset, '{"doc_id": 1, "filtered_resps": "dog"}\n', "samples.jsonl")
    done = run("report", dataset.root, by_place, "--parser", "lmms-eval")
    assert done.exit_code == 2
    assert "has no id of an item, only the number 1" in done.stderr
    done = run("report", dataset.root, by_place, "--parser", "lmms-eval", "--by-order")
    assert done.exit_code == 0
    page = Page(dataset.root / "report-samples.html")
    assert page.data["scores"]["parser"] == "lmms-eval"
    assert page.column("verdict") == ["missing", "right"]
    assert page.details["b"]["reply"] == "dog"


@pytest.mark.parametrize("option", [("--by-order",), ("--parser", "vnbench")])
def test_options_of_replies_that_are_not_there(dataset, option):
    done = run("report", dataset.root, *option)
    assert done.exit_code == 2
    assert "Error: --parser and --by-order say how PREDICTIONS are read, and there are none" in done.stderr
    assert not (dataset.root / "report.html").exists()


def test_what_cannot_be_reported(dataset, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        done = run("report", folder)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            f"Error: {folder}: is no dataset, it has no provenance/spec.yaml; expected a folder made by haystack-gen "
            "build\n"
        )
    done = run("report", dataset.root, replies(dataset, '{"id": "c", "prediction": "dog"}\n'))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "the manifest has no item 'c'" in done.stderr
    done = run("report", dataset.root, tmp_path / "none.jsonl")
    assert "none.jsonl: no such file, expected predictions" in done.stderr
    assert list(dataset.root.glob("*.html")) == []


def test_nothing_else_is_ever_overwritten(dataset):
    path = replies(dataset, '{"id": "a", "prediction": "dog"}\n')
    before = path.read_bytes()
    done = run("report", dataset.root, path, "-o", path)
    assert (done.exit_code, path.read_bytes()) == (2, before)
    assert done.stderr == f"Error: {path}: exists and is no report; choose another name, or delete it\n"

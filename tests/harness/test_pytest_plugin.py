"""The pytest plugin, as projects meet it: in runs of their own, of tests that know nothing of this one."""

import os
import re
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from haystack_gen import Dataset, build_dataset, load_spec, score
from haystack_gen.draw.families import plan_families, plan_few
from haystack_gen.harness import pytest_plugin
from haystack_gen.harness.pytest_plugin import oracle_answer, read_frame

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fixtures.md"
PLUGIN = "haystack_gen.harness.pytest_plugin"
# What the preset plans, which others' tests rely on: if it has to change, that is an output change.
PLANNED = "5c848972ddbc308705eb39b1b19fee60471cc2af4c76e7c92ad717acff580e41"

PLAN = """
from hashlib import sha256


def test_plan(haystack_dataset):
    dataset = haystack_dataset()
    assert haystack_dataset(seed=42) is dataset is haystack_dataset(preset="fixture", grid={"trials": 1})
    assert haystack_dataset(tasks=["ordering"], grid={"lengths": [16]}) is not dataset
    print("PLAN", sha256((dataset.path / "provenance" / "plan.jsonl").read_bytes()).hexdigest())
"""
OTHER_PLANS = """
from hashlib import sha256

import numpy
import pytest


@pytest.mark.parametrize("keys", [{}, {"seed": 7}, {"preset": "tiny", "output": {"media": "none"}}])
def test_plan(haystack_dataset, keys):
    dataset = haystack_dataset(**keys)
    plan = sha256((dataset.path / "provenance" / "plan.jsonl").read_bytes()).hexdigest()
    with open("plans.txt", "a", encoding="utf-8") as plans:
        plans.write(f"{keys} {plan}\\n")


def test_numpy():
    with open("numpy.txt", "w", encoding="utf-8") as version:
        version.write(numpy.__version__)
"""
TYPED = """
from pathlib import Path
from haystack_gen import Item, Row, audit, build_dataset, load_spec, open_dataset, open_item, plan_items, score, verify

spec = load_spec("tiny", seed=7, grid={"lengths": [64]})
ids: list[str] = [one.id for one in plan_items(spec) if isinstance(one, Item)]
dataset = build_dataset(spec, Path("out"), jobs=2)
rows: list[Row] = [row for row in open_dataset("out") if row.task == "retrieval"]
frames = dataset.frames(rows[0])
size: tuple[int, int] = frames.pil(0).size
fps: float = open_item("out", rows[0].id).get_avg_fps()
right: float = score(dataset, {"a": "b"}).as_json()["overall"]["accuracy"]
wrong: int = verify(dataset).frames + len(audit(dataset).outlooks) + frames.get_avg_fps()
"""
UNRELATED = """
import sys


def test_nothing_is_imported():
    print("IMPORTED", *sorted({"haystack_gen", "numpy", "av", "pydantic", "PIL"} & set(sys.modules)))
"""


def project(folder: Path, **tests: str) -> Path:
    """A folder with test files, one for each keyword."""
    folder.mkdir(exist_ok=True)
    for name, text in tests.items():
        (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    return folder


def example() -> str:
    """The test file on the page."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return text


def run(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a project's tests as strictly as this project's own."""
    installed = any(one.value == PLUGIN for one in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", PLUGIN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAYSTACK", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-W", "error", "--basetemp", folder / "temp", *plugin, *options],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str], word: str) -> str:
    """What a test printed after `word`."""
    assert done.returncode == 0, done.stdout + done.stderr
    return re.search(rf"{word} ?(.*)", done.stdout)[1]


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAYSTACK_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.mark.slow
def test_the_example_on_the_page_passes(tmp_path):
    done = run(project(tmp_path / "theirs", evaluator=example()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
    assert (tmp_path / "theirs" / ".pytest_cache" / "d" / "haystack-gen" / "chunks").is_dir()


def test_every_setting_on_the_page_can_be_planned():
    from haystack_gen import plan_items

    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+=.*)` \| (?!a \[`Dataset`)", page, re.MULTILINE)
    assert len(rows) == 9
    for keys in rows:
        chosen = eval(f"dict({keys})")
        if chosen != {"needles": {"count": None}}:  # that draws a hundred pictures and more
            assert list(plan_items(load_spec("fixture", **chosen))), keys


def test_the_same_plan_in_every_session_and_in_two_at_once(tmp_path):
    folders = [project(tmp_path / name, plan=PLAN) for name in ("one", "two")]
    cache = str(tmp_path / "shared-cache")
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda folder: run(folder, HAYSTACK_CACHE=cache), folders))
    assert {said(one, "PLAN") for one in done} == {PLANNED}
    assert not (tmp_path / "one" / ".pytest_cache" / "d" / "haystack-gen").exists()


class Config:
    """As much of pytest's as the plugin looks at; without a cache where its plugin is off."""

    def __init__(self, folder: Path | None) -> None:
        if folder:
            self.cache, self.folder = self, folder

    def mkdir(self, name: str) -> Path:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self.folder / name


def test_artefacts_lie_in_pytests_cache_where_there_is_one(tmp_path, tmp_path_factory, monkeypatch):
    def chosen(folder: Path | None) -> Path:
        return pytest_plugin._cache(Config(folder), tmp_path_factory).root

    assert chosen(tmp_path) == Path(os.environ["HAYSTACK_CACHE"])
    monkeypatch.delenv("HAYSTACK_CACHE")
    assert chosen(tmp_path / "d") == tmp_path / "d" / "haystack-gen"
    assert chosen(None).name.startswith("haystack-cache")
    (tmp_path / "file").write_text("where the folder should be")
    assert chosen(tmp_path / "file").name.startswith("haystack-cache")
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    assert chosen(tmp_path / "d").name.startswith("haystack-cache")


def test_a_run_that_asks_for_nothing_imports_nothing(tmp_path):
    assert said(run(project(tmp_path / "theirs", unrelated=UNRELATED)), "IMPORTED") in ("", "haystack_gen")


def test_the_plugin_is_imported_without_what_it_builds_with():
    code = f"import sys, pytest; before = set(sys.modules); import {PLUGIN}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {name.split(".")[0] for name in done.stdout.split()} == {"haystack_gen"}
    assert len(done.stdout.split()) == 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    keys = {"choices": {"form": "both", "absent": True}, "controls": ["haystack_only"]}
    tasks = ["retrieval", "counting", "ordering", "localization", "multi_query", "absent"]
    spec = load_spec("fixture", tasks=tasks, grid={"lengths": [32], "depths": "0,1"}, **keys)
    return build_dataset(spec, tmp_path_factory.mktemp("plugin") / "built")


def test_the_oracle_is_right_about_everything(dataset):
    scores = score(dataset, {row.id: oracle_answer(row) for row in dataset})
    assert {answer.verdict for answer in scores.answers} == {"right"}
    assert {row.question_type for row in dataset} >= {"mcq", "short", "count", "seconds"}


def test_the_oracle_sees_no_more_than_its_sampler(dataset):
    everything = {row.id: oracle_answer(row) for row in dataset}
    assert {row.id: oracle_answer(row, sampler="linspace:32") for row in dataset} == everything
    little = {row.id: oracle_answer(row, sampler="linspace:2") for row in dataset}
    assert little != everything
    assert little == {row.id: oracle_answer(row, sampler="linspace:2") for row in dataset}


def test_a_frame_is_read_as_the_dataset_has_it(dataset):
    row = next(row for row in dataset if row.needles)
    at = row.needles[0].start_frame
    assert (read_frame(dataset, row.id, at) == dataset.frames(row)[at]).all()
    assert (read_frame(dataset, row.id, at) != dataset.frames(row)[at - 1]).any()


def environment(folder: Path, *packages: str) -> Path:
    """A fresh virtual environment with packages; returns its folder of programs."""
    venv.create(folder, with_pip=True)
    quietly = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([folder / "bin" / "python", *quietly, *packages], check=True)
    return folder / "bin"


def run_elsewhere(programs: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of an environment in a project, as if this checkout did not exist."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAYSTACK", "PYT"))}
    program, *options = command
    return subprocess.run(
        [programs / program, *options], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


@pytest.mark.long
def test_a_separate_project_gets_the_same_plans_with_any_numpy(tmp_path):
    """The wheel, installed twice far from the checkout, for a project that has nothing but tests."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = map(str, (tmp_path / "dist").glob("*.whl"))
    # pyarrow 26 refuses NumPy 1, and its wheel does not say so
    oldest = ("numpy==1.26.4", "pyarrow<26") if sys.version_info < (3, 13) else ("numpy==2.1.0",)
    plans = {}
    for name, packages, options in (("old", oldest, ()), ("new", ("numpy", "pytest-xdist", "mypy"), ("-n", "2"))):
        programs = environment(tmp_path / f"venv-{name}", wheel, "pytest", *packages)
        theirs = project(tmp_path / name, plans=OTHER_PLANS, evaluator=example())
        done = run_elsewhere(programs, theirs, "pytest", "-q", "-W", "error", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        plans[(theirs / "numpy.txt").read_text()] = sorted((theirs / "plans.txt").read_text().splitlines())
        without = run_elsewhere(programs, theirs, "pytest", "-p", "no:haystack-gen", "-k", "test_plan")
        assert "fixture 'haystack_dataset' not found" in without.stdout
    assert len(plans) == 2, "both environments have the same NumPy"
    old, new = plans.values()
    assert old == new
    assert any(line.endswith(PLANNED) for line in old)
    (theirs / "typed.py").write_text(TYPED, encoding="utf-8")
    error, _ = run_elsewhere(programs, theirs, "mypy", "--strict", "typed.py").stdout.splitlines()
    assert error.endswith('(expression has type "float", variable has type "int")  [assignment]')


@pytest.mark.parametrize("seed", range(20))
def test_a_few_needles_are_enough_for_the_preset(seed):
    few, all_of_them = plan_few(seed, 6), plan_families(seed)
    assert {needle.attribute for needle in few} == {"place"}
    assert len({needle.key for needle in few}) == len({needle.value for needle in few}) == 6
    assert all(len(needle.lures) == 2 and needle.value not in {lure.value for lure in needle.lures} for needle in few)
    assert {needle.id for needle in plan_few(seed, 1000)} == {needle.id for needle in all_of_them}
    assert [needle.scene for needle in few] == [
        one.scene for wanted in few for one in all_of_them if one.id == wanted.id
    ]

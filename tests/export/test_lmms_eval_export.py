"""The folder for lmms-eval: its tasks share out the rows, and no name, path or leftover breaks it."""

import ast
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from haystack_gen.atomic import write_atomic
from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.errors import InputError
from haystack_gen.export.lmms_eval import write_lmms_eval
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec
from haystack_gen.workspace import DatasetFolder
from tests.judge.test_score import LAW, write_dataset

MANY = f"""
tasks: [retrieval, counting, ordering]
grid: {{lengths: "64", depths: "0", trials: 1}}
{LAW}
choices: {{form: both, absent: true, circular: %s}}
controls: [haystack_only, anti_phase]
"""
HOSTILE = "Zoo: {{a}} <b>\"'#\n%s & !!x - Ünï"


class Loader(yaml.SafeLoader):
    """Reads `!function` as lmms-eval does where it only lists tasks: not at all."""


Loader.add_constructor("!function", lambda loader, node: f"!{loader.construct_scalar(node)}")


def dataset(folder: Path, *, name: str = "zoo", circular: bool = True, video: str = "videos/{}.mp4") -> DatasetFolder:
    """Planned rows that say that they have videos."""
    made = write_dataset(folder, MANY % str(circular).lower())
    rows = list(read_manifest(made.manifest))
    places = {row.id: video.format(row.video_id) for row in rows}
    for place in filter(None, places.values()):
        write_atomic(folder / place, b"")
    shown = (row.model_copy(update={"video": places[row.id], "video_path": places[row.id]}) for row in rows)
    write_manifest(shown, made.manifest)
    write_atomic(made.spec, dump_spec(Spec.model_validate({"name": name})))
    return made


def configs(out: Path) -> dict[str, dict[str, Any]]:
    """Every file that lmms-eval takes for a task or group, with what it includes."""
    read = {}
    for path in out.glob("*.yaml"):
        config = yaml.load(path.read_text(encoding="utf-8"), Loader)
        while base := config.pop("include", None):
            config = yaml.load((out / base).read_text(encoding="utf-8"), Loader) | config
        assert path.stem == config.get("group", config["task"]), "files are named by what they hold"
        read[path.stem] = config
    return read


@pytest.fixture
def exported(tmp_path):
    folder = dataset(tmp_path / "zoo")
    write_lmms_eval(folder, folder.export("lmms_eval"))
    return folder


def test_tasks_share_out_the_rows_and_groups_the_tasks(exported):
    read = configs(exported.export("lmms_eval"))
    groups = {name: config["task"] for name, config in read.items() if "group" in config}
    tasks = {name: config for name, config in read.items() if "group" not in config}
    families, controls = ("retrieval", "counting", "ordering"), ("", "_haystack_only", "_anti_phase")
    assert groups == {f"haystack_zoo{one}": [f"haystack_zoo{one}_{task}" for task in families] for one in controls}
    assert set(tasks) == {f"haystack_zoo{one}_{task}" for one, task in product(controls, families)}
    rows = list(read_manifest(exported.manifest))
    for row in rows:
        fields = row.model_dump()
        takers = [
            name
            for name, config in tasks.items()
            if all(fields[key] == value for key, _, value in config["dataset_kwargs"]["filters"])
        ]
        control = "" if row.control == "none" else f"_{row.control}"
        assert takers == [f"haystack_zoo{control}_{row.task}"]


def test_a_task_says_where_its_data_lie_and_what_is_called(exported):
    out = exported.export("lmms_eval")
    task = configs(out)["haystack_zoo_counting"]
    assert (out / task["dataset_kwargs"]["data_files"]["test"]).resolve() == exported.metadata.resolve()
    assert (task["dataset_path"], task["test_split"], task["doc_to_target"]) == ("parquet", "test", "answer")
    assert task["cluster_key"] == "video_id"
    assert task["generation_kwargs"]["until"] == []
    code = ast.parse((out / "utils.py").read_text(encoding="utf-8"))
    defined = {node.name for node in code.body if isinstance(node, ast.FunctionDef)}
    defined |= {node.targets[0].id for node in code.body if isinstance(node, ast.Assign)}
    called = set(re.findall(r"!function utils\.(\w+)", "".join(map(_text, out.iterdir()))))
    assert called
    assert called <= defined


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_rotations_are_a_metric_only_where_there_are_some(tmp_path):
    for circular in (False, True):
        folder = dataset(tmp_path / str(circular), circular=circular)
        written = write_lmms_eval(folder, folder.export("lmms_eval"))
        metrics = [one["metric"] for one in configs(folder.export("lmms_eval"))["haystack_zoo_counting"]["metric_list"]]
        assert metrics == ["haystack_acc", "haystack_unparsed", *(["haystack_all_rotations"] * circular)]
        assert (folder.export("lmms_eval") / "haystack_rotations" in written) == circular


def test_names_become_safe_and_stay_short(tmp_path):
    folder = dataset(tmp_path / "d", name=HOSTILE)
    write_lmms_eval(folder, tmp_path / "o")
    for name in configs(tmp_path / "o"):
        assert re.fullmatch(r"haystack_zoo_a_b_s_x_uni(_[a-z_]+)?", name)


def test_another_place_for_the_folder_is_remembered_whatever_it_is_called(tmp_path):
    folder = dataset(tmp_path / "da\"ta'{}$root\\ ü: #")
    out = tmp_path / "else where" / "tasks"
    write_lmms_eval(folder, out)
    table = configs(out)["haystack_zoo"]["task"][0]
    found = configs(out)[table]["dataset_kwargs"]["data_files"]["test"]
    assert (out / found).resolve() == folder.metadata.resolve()
    code = ast.parse(_text(out / "utils.py"))
    strings = {node.value for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert any((out / text).resolve() == folder.root.resolve() for text in strings if text.startswith(".."))


def test_only_what_an_earlier_export_left_is_deleted(exported):
    out = exported.export("lmms_eval")
    stale, own = out / "haystack_zoo_chain.yaml", out / "haystack_mine.yaml"
    stale.write_text(_text(out / "haystack_zoo_counting.yaml"))
    own.write_bytes(b"include: haystack_zoo_counting.yaml\ntask: haystack_mine # \xff\n")
    written = write_lmms_eval(exported, out)
    assert not stale.exists()
    assert own.exists()
    assert {own, *written} == set(out.iterdir())


def test_exports_are_the_same_bytes_again(exported, tmp_path):
    again = write_lmms_eval(exported, exported.root / "again")
    first = {path.name: path.read_bytes() for path in exported.export("lmms_eval").iterdir()}
    assert {path.name: path.read_bytes() for path in again} == first


def test_what_is_not_there_cannot_be_exported(tmp_path, exported):
    with pytest.raises(InputError, match="no manifest, so the dataset is not complete"):
        write_lmms_eval(DatasetFolder(tmp_path / "none"), tmp_path / "o")
    blind = dataset(tmp_path / "blind", video="")
    with pytest.raises(InputError, match="has no videos, so there is nothing to show a model"):
        write_lmms_eval(blind, tmp_path / "o")
    next((exported.root / "videos").iterdir()).unlink()
    with pytest.raises(InputError, match=r"is missing, and item .* shows it"):
        write_lmms_eval(exported, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_dataset_without_its_spec_is_refused(tmp_path, exported):
    exported.spec.unlink()
    with pytest.raises(InputError, match="no such spec file"):
        write_lmms_eval(exported, tmp_path / "o")
    assert not (tmp_path / "o").exists()

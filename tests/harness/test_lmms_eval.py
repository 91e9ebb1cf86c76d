"""The tasks inside the real lmms-eval, offline: what docs/lmms-eval.md has people type, and what it promises.

lmms-eval has its own environment, where haystack-gen is installed without its requirements; HAYSTACK_LMMS_EVAL is the
path of its command there.
"""

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.rows import Row
from haystack_gen.export.lmms_eval import write_lmms_eval
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.score import score
from haystack_gen.judge.visibility import audit_visibility
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.small_world import built, make_facts, make_world

pytestmark = pytest.mark.lmms

PAGE = Path(__file__).parents[2] / "docs" / "lmms-eval.md"
NIAH = """
name: niah
tasks: [retrieval, multi_query, counting, ordering, localization, stack]
grid: {lengths: "24", depths: "0,1", trials: 2}
placement: {band: 1}
choices: {form: both, count: 3, circular: true}
distractors: {origin: supplied, period: 6, at_least: 0, count: 1}
controls: anti_phase
families: {stack: {lengths: "60", noise: template}, counting: {most: 3}}
"""
FRAMES = """
name: "Zoo: {{a}} <b>'#"
grid: {lengths: "12", depths: "1/2"}
output: {media: frames}
"""
HOSTILE = 'the {{owl}} {0} %s $x <b>&amp;</b> \'n "co": #1 !!yes'


@pytest.fixture(scope="module")
def lmms_eval() -> Path:
    command = os.environ.get("HAYSTACK_LMMS_EVAL", "")
    if not Path(command).is_file():
        if os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
            pytest.fail(f"HAYSTACK_LMMS_EVAL is {command!r}, expected the path of lmms-eval; see make test-extras")
        pytest.skip("HAYSTACK_LMMS_EVAL does not name lmms-eval")
    return Path(command)


@dataclass(frozen=True)
class Desk:
    """A folder to work in, and both programs."""

    folder: Path
    lmms_eval: Path

    def call(self, *words: str) -> str:
        """A program of lmms-eval's environment."""
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(self.folder / "hf")}
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [str(self.lmms_eval.parent / words[0]), *words[1:]],
            cwd=self.folder,
            env=inherited | offline,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def type(self, line: str) -> str:
        """A line of the page."""
        words = shlex.split(line)
        if words[0] == "lmms-eval":
            return self.call(*words)
        if words[0] == "haystack-gen":
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self.folder)
                done = run(*words[1:])
            assert done.exit_code == 0, done.stderr
            return done.stdout
        return subprocess.run(["bash", "-c", line], cwd=self.folder, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Run:
    """What lmms-eval wrote."""

    folder: Path

    @cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        (path,) = self.folder.rglob("*_results.json")
        return json.loads(path.read_text())["results"]

    def all(self, metric: str) -> dict[str, float]:
        return {task: found[f"{metric},none"] for task, found in self.results.items() if f"{metric},none" in found}

    def samples(self, to: Path) -> Path:
        to.write_text("".join(path.read_text() for path in sorted(self.folder.rglob("*_samples_*.jsonl"))))
        return to


@pytest.fixture(scope="module")
def typed(lmms_eval, tmp_path_factory) -> Desk:
    """The page's lines, typed at a dataset `niah` that was built and exported elsewhere, then moved here."""
    folder = tmp_path_factory.mktemp("desk")
    world = make_world(folder / "world", seconds=40, needles=1)
    pack = make_facts(folder / "facts")
    records = (pack / "needles.jsonl").read_text().replace('"the owl"', json.dumps(HOSTILE))
    (pack / "needles.jsonl").write_text(records)
    dataset = built(world.spec(NIAH, **{"needles.pack": str(pack)}), folder / "made")
    write_lmms_eval(dataset, dataset.export("lmms_eval"))
    (folder / "made").rename(folder / "niah")
    desk = Desk(folder, lmms_eval)
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line.split()[0] for line in lines].count("lmms-eval") == 2
    for line in lines:
        desk.type(line)
    return desk


def niah(desk: Desk) -> tuple[DatasetFolder, list[Row]]:
    folder = DatasetFolder(desk.folder / "niah")
    return folder, list(read_manifest(folder.manifest))


def same_figures(done: Run, dataset: DatasetFolder, samples: Path) -> dict[str, Any]:
    """That lmms-eval and `score` say the same of a run; what `score` says."""
    found = score(dataset, samples).as_json()
    assert found["overall"]["missing"] == 0
    expected = {f"haystack_niah_{line['family']}": line for line in found["families"]}
    expected |= {
        f"haystack_niah{'' if line['control'] == 'none' else '_' + line['control']}": line for line in found["controls"]
    }
    accuracies, unparsed = done.all("haystack_acc"), done.all("haystack_unparsed")
    assert len(expected) == 8
    for task, line in expected.items():
        assert accuracies[task] == pytest.approx(line["accuracy"]), task
        assert unparsed[task] == pytest.approx(line["unparsed"] / line["count"]), task
    shares = done.all("haystack_all_rotations")
    for line in found["rotations"]:
        assert shares[f"haystack_niah_{line['family']}"] == pytest.approx(line["share"])
    return found


def test_an_oracle_is_right_in_every_task_of_a_dataset_that_was_moved(typed):
    dataset, rows = niah(typed)
    done = Run(typed.folder / "results" / "oracle")
    found = same_figures(done, dataset, done.samples(typed.folder / "oracle.jsonl"))
    assert (found["overall"]["accuracy"], found["overall"]["unparsed"]) == (1, 0)
    assert set(done.all("haystack_acc").values()) == set(done.all("haystack_all_rotations").values()) == {1.0}
    assert len(done.all("haystack_acc")) == 2 * (6 + 1)
    assert {row.control for row in rows} == {"none", "anti_phase"}


def test_an_oracle_with_a_sampler_reaches_the_audited_ceiling(typed):
    dataset, _ = niah(typed)
    done = Run(typed.folder / "results" / "linspace8")
    same_figures(done, dataset, typed.folder / "samples.jsonl")
    (outlook,) = audit_visibility(dataset, [sampler("linspace:8")])
    accuracies = done.all("haystack_acc")
    assert accuracies["haystack_niah"] == pytest.approx(outlook.total.ceiling)
    assert accuracies["haystack_niah_anti_phase"] == pytest.approx(outlook.by["control"]["anti_phase"].ceiling)
    for family, tally in outlook.by["family"].items():
        assert accuracies[f"haystack_niah_{family}"] == pytest.approx(tally.ceiling), family
    assert 0.2 < outlook.total.ceiling < 0.9
    assert (typed.folder / "heatmaps" / "retrieval.png").is_file()


def test_samples_have_what_a_heat_map_needs_and_prompts_as_they_are(typed):
    _, rows = niah(typed)
    samples = [json.loads(line) for line in (typed.folder / "samples.jsonl").read_text().splitlines()]
    of_row = {sample["haystack_acc"]["id"]: sample for sample in samples}
    assert of_row.keys() == {row.id for row in rows}
    for row in rows:
        sample = of_row[row.id]
        mark = sample["haystack_acc"]
        assert (mark["family"], mark["depth"], mark["video_id"]) == (row.task, row.requested_depth, row.video_id)
        assert mark["length"] == (row.context_length or row.requested_length)
        assert sample["input"].endswith(row.prompt)
        assert (sample["input"] == row.prompt) == (row.task != "stack")
        assert sample["target"] == row.answer
    assert any(HOSTILE in row.prompt for row in rows)
    clustered = Run(typed.folder / "results" / "linspace8").results["haystack_niah_multi_query"]
    assert clustered["haystack_acc_stderr_clustered,none"] != pytest.approx(clustered["haystack_acc_stderr_clt,none"])
    assert clustered["haystack_all_rotations_stderr_clt,none"] == "N/A"


def test_a_dummy_is_right_where_a_is_and_decodes_every_video(typed):
    """Its own reader, of its own release of PyAV, opens what haystack-gen encodes."""
    dataset, rows = niah(typed)
    options = "response=A,decode_num_frames=4,metrics_output_path=decoded.json"
    task = "haystack_niah_retrieval,haystack_niah_stack"
    common = f"--include_path {dataset.root}/lmms_eval --batch_size 1 --log_samples --output_path results/dummy"
    typed.call(*shlex.split(f"lmms-eval eval --model dummy --model_args {options} --tasks {task} {common}"))
    done = Run(typed.folder / "results" / "dummy")
    for family in ("retrieval", "stack"):
        answers = [row.answer for row in rows if row.task == family and row.control == "none"]
        assert done.results[f"haystack_niah_{family}"]["haystack_acc,none"] == answers.count("A") / len(answers)
        questions = {row.circular_group for row in rows if row.task == family and row.circular_group}
        assert len(questions) > 1
        assert done.results[f"haystack_niah_{family}"]["haystack_all_rotations,none"] == 0
    asked = [row for row in rows if row.task in ("retrieval", "stack") and row.control == "none"]
    videos = sum(sum(part.type == "video" for part in row.context) or 1 for row in asked)
    decoded = json.loads((typed.folder / "decoded.json").read_text())
    assert videos > len(asked)
    assert (decoded["local"], decoded["missing"], decoded["decoded_frames"]) == (videos, 0, 4 * videos)


EVALUATE = """
import json, os, sys
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager

for include, task, options, root in json.loads(sys.argv[1]):
    os.environ["HAYSTACK_ROOT"] = root
    manager = TaskManager(include_path=include, include_defaults=False)
    try:
        done = simple_evaluate(model="haystack_oracle", model_args=options, tasks=[task], task_manager=manager)
        print("SAID", done["results"][task]["haystack_acc,none"])
    except Exception as error:
        print("SAID", error)
"""


def evaluated(desk: Desk, *wanted: tuple[str, str, str, str]) -> list[str]:
    """The oracle's accuracies, or what went wrong; in one process, since most of lmms-eval's time goes into starting.

    Each is wanted as folder, task, options of the model, and HAYSTACK_ROOT.
    """
    said = desk.call("python", "-c", EVALUATE, json.dumps(wanted))
    lines = [line.removeprefix("SAID ") for line in said.splitlines() if line.startswith("SAID ")]
    assert len(lines) == len(wanted), said[-4000:]
    return lines


def test_frames_are_pictures_wherever_they_lie_and_links_are_followed_no_further(lmms_eval, tmp_path):
    """As in the cache of the Hub's client, where every file is a link; then without any media, but HAYSTACK_ROOT."""
    world = make_world(tmp_path / "world", seconds=30, needles=2)
    dataset = built(world.spec(FRAMES), tmp_path / "built")
    write_lmms_eval(dataset, dataset.export("lmms_eval"))
    linked, bare = tmp_path / "snap shot", tmp_path / "bare"
    (tmp_path / "store").mkdir()
    for number, file in enumerate([path for path in dataset.root.rglob("*") if path.is_file()]):
        stored = file.rename(tmp_path / "store" / str(number))
        for farm in (linked, *([bare] if file.suffix != ".jpg" else [])):
            link = farm / file.relative_to(dataset.root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(stored)
    wanted = [(f"{farm.name}/lmms_eval", "haystack_zoo_a_b", "") for farm in (linked, bare, bare)]
    roots = ("", str(linked), "")
    said = evaluated(Desk(tmp_path, lmms_eval), *((*one, root) for one, root in zip(wanted, roots, strict=True)))
    assert said[:2] == ["1.0", "1.0"]
    assert f"{bare / 'frames'}" in said[2]
    assert "no such file; the tasks expect" in said[2]


CHAT = """
import json, sys
from lmms_eval.protocol import ChatMessages
from lmms_eval.tasks import TaskManager

manager = TaskManager(include_path=sys.argv[1], include_defaults=False)
told = {}
for name in sys.argv[2:]:
    task = manager.load_task_or_group(name, task_type="chat")[name]
    for doc in task.test_docs():
        messages = ChatMessages(messages=task.doc_to_messages(doc)).to_hf_messages()
        told[doc["id"]] = [(part["type"], part[part["type"]]) for part in messages[0]["content"]]
print("TOLD", json.dumps(told))
"""


def test_chat_models_are_told_stacks_in_order(typed):
    dataset, rows = niah(typed)
    names = ("haystack_niah_retrieval", "haystack_niah_stack")
    said = typed.call("python", "-c", CHAT, str(dataset.root / "lmms_eval"), *names)
    told = json.loads(said.rpartition("TOLD ")[2])
    expected = {}
    for row in rows:
        if row.control == "none" and row.task in ("retrieval", "stack"):
            parts = [(part.type, part.text or str(dataset.root / part.video)) for part in row.context]
            parts = parts or [("video", str(dataset.root / row.video))]
            expected[row.id] = [list(part) for part in (*parts, ("text", row.prompt))]
    assert told == expected


def test_refusals_say_what_to_do(typed):
    refusals = {
        "sampler=linspac:8": "did you mean linspace",
        "nframes=8": "has nframes=8 and no sampler; give sampler=NAME,nframes=8",
        "sampler=qwen3-vl,fps=2,frames=3": "no setting 'frames'",
    }
    wanted = (("niah/lmms_eval", "haystack_niah_retrieval", options, "") for options in refusals)
    for said, expected in zip(evaluated(typed, *wanted), refusals.values(), strict=True):
        assert expected in said

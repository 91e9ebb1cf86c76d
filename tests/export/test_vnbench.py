"""Questions as VNBench has them, and replies to them as its script and ours count them."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from haystack_gen.errors import InputError
from haystack_gen.export.vnbench import write_vnbench
from haystack_gen.judge.score import score
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import DatasetFolder
from tests.export.exported import lines_of, planned, rows_of

SMALL = "grid: {lengths: '16', depths: '0'}\ndistractors: {origin: any, period: 5, at_least: 0}"
SHORT = {"ret_insert": "retrieval", "cnt_insert": "counting", "ord_insert": "ordering"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> DatasetFolder:
    return planned(tmp_path_factory.mktemp("vnbench") / "set")


def questions_of(dataset: DatasetFolder, out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    questions, twins, _ = write_vnbench(dataset, out)
    return json.loads(questions.read_text(encoding="utf-8")), json.loads(twins.read_text(encoding="utf-8"))


def as_vnbench_counts(results: Iterable[dict[str, Any]]) -> dict[str, float]:
    """The arithmetic of VNBench's evaluation/eval.py at 8193a3b: by type, how many questions are right in 4 tries."""
    right: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in results:
        start = one["pred"].split(".")[0]
        letter = next((letter for letter in "ABCD" if letter in start), start)
        right[one["type"]][one["question_id"][:-2]] += letter == one["gt"]
    return {kind: sum(count == 4 for count in tries.values()) / len(tries) for kind, tries in right.items()}


def answered(questions: Iterable[dict[str, Any]], reply: Any) -> list[dict[str, Any]]:
    """Result rows as its example has them: the right answer as a letter, and what a model said."""
    return [
        {
            "question_id": one["question_id"],
            "pred": reply(one),
            "gt": "ABCD"[one["options"].index(one["gt"])],
            "type": one["type"],
            "try": one["try"],
        }
        for one in questions
    ]


def test_a_question_comes_in_four_orders(dataset, tmp_path):
    questions, twins = questions_of(dataset, tmp_path)
    rows = {f"{row.circular_group}:{row.circular_shift}": row for row in rows_of(dataset) if row.circular_group}
    assert questions
    assert twins
    tries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in (*questions, *twins):
        row = rows[one["question_id"]]
        assert set(one) == {"question_id", "video", "question", "options", "gt", "type", "try"}
        assert (one["video"], one["question"], one["options"]) == (row.video, row.question, row.options)
        assert one["gt"] == row.options[row.answer_index]
        tries[one["question_id"][:-2]].append(one)
    assert all(sorted(one["try"] for one in four) == [0, 1, 2, 3] for four in tries.values())
    assert all(len({tuple(one["options"]) for one in four}) == 4 for four in tries.values())
    assert {one["type"] for one in questions} >= set(SHORT)
    assert {SHORT.get(one["type"], one["type"].removesuffix("_insert")) for one in questions} == {
        rows[one["question_id"]].task for one in questions
    }
    assert {rows[one["question_id"]].control for one in questions} == {"none"}
    assert {rows[one["question_id"]].control for one in twins} == {"no_distractors"}
    assert all(one["type"].endswith("_insert_no_distractors") for one in twins)


def test_what_has_no_place_is_listed_with_its_reason(dataset, tmp_path):
    questions, twins = questions_of(dataset, tmp_path)
    left = {one["id"]: one["reason"] for one in lines_of(tmp_path / "left_out.jsonl")}
    rows = rows_of(dataset)
    assert len(rows) == len(questions) + len(twins) + len(left)
    for row in rows:
        if row.context:
            assert left[row.id] == "it is about a stack of texts and videos"
        elif not row.options:
            assert left[row.id] == "it has no options"
        else:
            assert row.id not in left or left[row.id] == f"it has {len(row.options)} options, not 4"


@pytest.mark.parametrize("skill", [0.0, 0.5, 0.9, 1.0])
def test_replies_count_alike_in_both_scripts(dataset, tmp_path, skill):
    questions, twins = questions_of(dataset, tmp_path)
    stream = Stream(7, "replies")

    def reply(one: dict[str, Any]) -> str:
        right = "ABCD"[one["options"].index(one["gt"])]
        chance = stream.child(one["question_id"][:-2])  # whole questions, so that some are right in all tries
        said = right if chance.chance(skill) else stream.child(one["question_id"]).choice("ABCD")
        return stream.child("form", one["question_id"]).choice([said, f"{said}.", f"({said})", f"Answer: {said}"])

    results = answered([*questions, *twins], reply)
    file = tmp_path / "results.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in results), encoding="utf-8")
    found = score(dataset, file, parser="vnbench").as_json()
    theirs = as_vnbench_counts(one for one in results if one["type"].endswith("_insert"))
    ours = {one["family"]: one["share"] for one in found["rotations"]}
    for kind, share in theirs.items():
        assert ours[SHORT.get(kind, kind.removesuffix("_insert"))] == pytest.approx(share), kind
    assert found["overall"]["missing"] == sum(row.control == "none" for row in rows_of(dataset)) - len(questions)


def test_results_of_another_build_are_refused(dataset, tmp_path):
    questions, _ = questions_of(dataset, tmp_path)
    [first] = answered(questions[:1], lambda _: "A")
    first["gt"] = "ABCD"[("ABCD".index(first["gt"]) + 1) % 4]
    (tmp_path / "results.jsonl").write_text(json.dumps(first) + "\n")
    with pytest.raises(InputError, match=r"has the right answer '[ABCD]', item .* of the manifest another"):
        score(dataset, tmp_path / "results.jsonl", parser="vnbench")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("choices: {form: options}", "its options stand in one order only"),
        ("choices: {form: open}", "it has no options"),
        (
            "choices: {circular: true}\noutput: {media: frames}",
            "it is about frames in files of their own, not about a video",
        ),
    ],
)
def test_a_dataset_of_no_such_question_is_refused(text, reason, tmp_path):
    dataset = planned(tmp_path / "set", f"{SMALL}\n{text}\n")
    with pytest.raises(InputError, match=rf"no item of it can be a question of VNBench \(of [0-9]+, {reason}"):
        write_vnbench(dataset, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())

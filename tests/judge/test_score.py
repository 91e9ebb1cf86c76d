"""Scores are what the replies earn: of oracles, guessers and models that fall for look-alikes, and by hand."""

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import fsum, sqrt
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haystack_gen.cli.score_tables import score_lines
from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places
from haystack_gen.errors import InputError
from haystack_gen.facts import BLANK
from haystack_gen.families import Task
from haystack_gen.judge.cells import mean, read_upstream, upstream_text
from haystack_gen.judge.intervals import Pairs, mcnemar, paired_difference, wilson
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.score import Scores, score
from haystack_gen.judge.visibility import audit_visibility
from haystack_gen.plan.choices import ABSENT, LETTERS
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.streams import Stream
from haystack_gen.spec import Spec
from haystack_gen.workspace import DatasetFolder
from tests.made_items import distractor, made, needle, source
from tests.plan.worlds import family_world, spec_of

PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"
LAW = "distractors: {origin: any, law: periodic, period: 12, count: 2, at_least: 0}\n"

Model = Callable[[Row], str | None]


def write_dataset(folder: Path, text: str) -> DatasetFolder:
    """The manifest of what is planned, and nothing else."""
    dataset, spec, facts = DatasetFolder(folder), spec_of(text), family_world()
    writer = RowWriter(
        spec,
        needles=facts.needles,
        sources=(*facts.haystack, *facts.stills, source(BLANK)),
        places=Places(dataset, "none", {}),
        noise=facts.noise,
    )
    write_manifest((writer.row(one) for one in plan_items(spec, facts) if isinstance(one, Item)), dataset.manifest)
    return dataset


def made_dataset(folder: Path, *items: Item) -> DatasetFolder:
    """The manifest of items made by hand."""
    dataset = DatasetFolder(folder)
    names = [one.source for item in items for one in (*item.needles, *item.distractors)]
    places = Places(dataset, "none", {})
    writer = RowWriter(
        Spec.model_validate({}), needles=(), sources=[source(name) for name in ("film", *names)], places=places
    )
    write_manifest((writer.row(item) for item in items), dataset.manifest)
    return dataset


@lru_cache(maxsize=2)
def rows_of(dataset: DatasetFolder) -> list[Row]:
    return list(read_manifest(dataset.manifest))


def replies(dataset: DatasetFolder, model: Model, name: str = "p.jsonl") -> Path:
    """What a model replies to each row, None: no line at all."""
    said = {row.id: model(row) for row in rows_of(dataset)}
    path = dataset.root / name
    lines = [json.dumps({"id": row, "prediction": reply}) + "\n" for row, reply in said.items() if reply is not None]
    path.write_text("".join(lines))
    return path


def scored(dataset: DatasetFolder, model: Model, **options: Any) -> Scores:
    return score(dataset, replies(dataset, model), **options)


def answers(*said: str | None) -> Model:
    """Replies to the rows in their order."""
    turn = iter(said)
    return lambda row: next(turn)


def oracle(row: Row) -> str:
    return row.answer


def lures_of(row: Row) -> list[str]:
    """The letters of the wrong options that look-alikes show."""
    shown = {one.lure for one in row.distractors}
    return [
        letter for letter, option in zip(LETTERS, row.options, strict=False) if option in shown and letter != row.answer
    ]


# ------------------------------------------------------------------------------------------------- whole datasets

EVERYTHING = f"""
tasks: [{", ".join(get_args(Task))}]
grid: {{lengths: "64,128", depths: "0,1", trials: 2}}
{LAW}
choices: {{form: both, absent: true, circular: true}}
controls: [needle_only, haystack_only, no_distractors, anti_phase, shuffled, blanked]
families: {{stack: {{lengths: "300"}}, ordering: {{ask: order, needles: 3}}}}
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return write_dataset(tmp_path_factory.mktemp("everything"), EVERYTHING)


def test_an_oracle_is_right_in_all_forms_of_all_families(everything):
    found = scored(everything, oracle).as_json()
    assert (found["overall"]["accuracy"], found["overall"]["missing"], found["unparsed"]) == (1.0, 0, {})
    assert {one["family"] for one in found["families"]} == set(get_args(Task))
    assert {one["form"] for one in found["forms"]} == {"mcq", "short", "count", "set", "order", "seconds"}
    for table in ("families", "forms", "lengths", "cells", "controls", "open"):
        assert {one["accuracy"] for one in found[table]} == {1.0}, table
    assert {(one["share"], one["mean"]) for one in found["rotations"]} == {(1.0, 1.0)}
    assert {(one["difference"], one["p"], one["unpaired"]) for one in found["pairs"]} == {(0.0, 1.0, 0)}
    assert {one["control"] for one in found["pairs"]} == {one["control"] for one in found["controls"]} - {"none"}
    assert set(found["effective_lengths"].values()) == {128, 300}
    for one in found["open"]:
        measures = {"count": ("within_one", 1.0), "set": ("f1", 1.0), "order": ("kendall_tau", 1.0)}
        if one["form"] in measures:
            name, best = measures[one["form"]]
            assert one[name] == best


def test_every_accepted_answer_is_right(everything):
    def nth(place: int) -> Model:
        return lambda row: row.accepted_answers[place % len(row.accepted_answers)]

    for place in (1, 2, 5):
        assert {answer.verdict for answer in scored(everything, nth(place)).answers} == {"right"}


def test_a_model_that_always_gives_the_second_answer_is_wrong_everywhere(everything):
    found = scored(
        everything, lambda row: LETTERS[(row.answer_index + 1) % len(row.options)] if row.options else "zebra"
    )
    assert {answer.verdict for answer in found.answers} <= {"wrong", "unparsed"}
    assert found.as_json()["overall"]["accuracy"] == 0.0


def test_counts_add_up_in_every_table(everything):
    stream = Stream(5, "counts")
    said = ["A", "B", "perhaps", None]
    found = scored(everything, lambda row: stream.child(row.id).choice(said)).as_json()
    rows = rows_of(everything)
    items = [row for row in rows if row.control == "none"]
    for table in ("families", "forms", "lengths", "cells"):
        for name in ("count", "right", "unparsed", "missing"):
            assert sum(one[name] for one in found[table]) == found["overall"][name], (table, name)
    assert found["overall"]["count"] == len(items)
    assert sum(one["count"] for one in found["controls"]) == len(rows)
    cells = {(row.task, row.context_length or row.requested_length, row.requested_depth) for row in items}
    assert {(one["family"], one["length"], one["depth"]) for one in found["cells"]} == cells
    assert len(found["cells"]) == len(cells)
    assert {one["axis"] for one in found["cells"] if one["family"] == "stack"} == {"context"}
    assert sum(found["unparsed"].values()) == sum(one["unparsed"] for one in found["controls"])


# ------------------------------------------------------------------------------------------------------- look-alikes

LURING = f"""
tasks: [retrieval, absent, chain]
grid: {{lengths: "64,128,192", depths: "0:1:0.1", trials: 51}}
{LAW.replace("count: 2", "count: 1")}
choices: {{absent: true}}
"""


@pytest.fixture(scope="module")
def luring(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return write_dataset(tmp_path_factory.mktemp("luring"), LURING)


def test_a_guesser_is_lured_as_often_as_chance_has_it(luring):
    stream = Stream(3, "guesser")
    found = scored(luring, lambda row: stream.child(row.id).choice(LETTERS[: len(row.options)]))
    assert len(found.answers) >= 5000
    lured = found.as_json()["overall"]["lured"]
    chances = [answer.chance for answer in found.answers if answer.lured is not None]
    assert lured["count"] == len(chances) > 3000
    assert lured["chance"] == pytest.approx(fsum(chances) / len(chances))
    assert 0.3 < lured["chance"] < 0.7, "so that it can fail in either direction"
    error = sqrt(fsum(chance * (1 - chance) for chance in chances)) / len(chances)
    assert abs(lured["rate"] - lured["chance"]) < 3 * error < 0.05
    assert lured["low"] < lured["rate"] < lured["high"]


def test_a_model_that_falls_for_every_look_alike(luring):
    found = scored(luring, lambda row: lures_of(row)[0] if lures_of(row) else row.answer)
    lured = found.as_json()["overall"]["lured"]
    assert (lured["rate"], lured["lured"], lured["high"]) == (1.0, lured["count"], 1.0)
    assert lured["count"] == sum(bool(lures_of(row)) for row in rows_of(luring)) > 1000
    assert {answer.verdict for answer in found.answers if answer.question.lures} == {"wrong"}
    assert any(row.answer_text == ABSENT and lures_of(row) for row in rows_of(luring)), "also then"


def test_a_model_that_is_wrong_but_never_lured(luring):
    def careful(row: Row) -> str:
        others = [letter for letter in LETTERS[: len(row.options)] if letter not in (row.answer, *lures_of(row))]
        return (others or [row.answer])[0]

    lured = scored(luring, careful).as_json()["overall"]["lured"]
    assert (lured["rate"], lured["lured"], lured["low"]) == (0.0, 0, 0.0)


def tigers(name: str, **changes: Any) -> Item:
    """A question with options; the right one is B."""
    options = ("lion", "tiger", "horse", "dog")
    facts = {"options": options, "form": "mcq", "answer": "B", "answer_text": "tiger", "accepted": ("B", "tiger")}
    return made(name, **facts | changes)


def test_what_counts_as_a_lure(tmp_path):
    shown = (
        distractor("x", 1, of="n", lure="lion"),
        distractor("y", 2, of="n", lure="lion"),
        distractor("z", 3, of="n", lure="tiger"),  # right
        distractor("u", 4, of="n", lure="zebra"),  # no option
        distractor("v", 5, of="other", lure="dog"),  # not what is asked about
        distractor("w", 0, of="n"),
    )
    needles = (needle("n", 0), needle("other", 1, asked=False))
    items = [tigers(f"t{k}", needles=needles, distractors=shown) for k in range(6)]
    items += [tigers("bare", distractors=()), tigers("hidden", needles=needles[1:], distractors=shown)]
    found = scored(made_dataset(tmp_path, *items), answers("A", "C", "D", "B", "no idea", None, "A", "A"))
    said = {answer.question.id: answer.lured for answer in found.answers}
    nothing = {"t3": None, "t4": None, "t5": None, "bare": None}
    assert said == {"t0": True, "t1": False, "t2": False, "hidden": True} | nothing
    lured = found.as_json()["overall"]["lured"]
    assert (lured["count"], lured["lured"], lured["chance"]) == (4, 2, pytest.approx(1 / 3))


# ------------------------------------------------------------------------------------------------------ by hand


def test_verdicts_and_intervals(tmp_path):
    dataset = made_dataset(tmp_path, *(tigers(f"t{k}") for k in range(6)))
    found = scored(dataset, answers("B", "tiger", "C", "I think it is B or C", None, ""))
    assert [answer.verdict for answer in found.answers] == [
        "right",
        "right",
        "wrong",
        "unparsed",
        "missing",
        "unparsed",
    ]
    overall, interval = found.as_json()["overall"], wilson(2, of=6)
    assert (overall["count"], overall["right"], overall["unparsed"], overall["missing"]) == (6, 2, 2, 1)
    assert (overall["accuracy"], overall["low"], overall["high"]) == (1 / 3, interval.low, interval.high)
    assert found.as_json()["unparsed"] == {"gives several answers": 1, "says nothing": 1}
    assert found.answers[2].as_json() == {
        "id": "t2",
        "family": "retrieval",
        "form": "mcq",
        "control": "none",
        "length": 6,
        "depth": 0.5,
        "verdict": "wrong",
        "reading": "C",
        "reason": "",
        "accepted": ["B"],
        "lured": None,
    }
    assert [found.answers[4].as_json()[key] for key in ("verdict", "reading", "reason")] == ["missing", None, ""]


def test_letters_as_others_read_them(tmp_path):
    dataset = made_dataset(tmp_path, tigers("t"), tigers("u"), made("open"))
    said = answers("Answer: B", "tiger", "dog")
    path = replies(dataset, said)
    verdicts = {}
    for parser in (None, "lmms-eval", "vlmevalkit", "vnbench"):
        found = score(dataset, path, parser=parser)
        verdicts[parser] = [answer.verdict for answer in found.answers]
    assert verdicts == {
        None: ["right", "right", "right"],
        "lmms-eval": ["right", "unparsed", "right"],
        "vlmevalkit": ["right", "right", "right"],
        "vnbench": ["wrong", "unparsed", "right"],
    }
    assert score(dataset, path, parser="vnbench").as_json()["unparsed"] == {"vnbench reads no letter": 1}
    assert score(dataset, path, parser="vnbench").as_json()["parser"] == "vnbench"


def test_rotations_count_together(tmp_path):
    items = [
        tigers(f"t{k}-r{shift}", circular_group=f"t{k}", circular_shift=shift) for k in range(2) for shift in range(4)
    ]
    found = scored(made_dataset(tmp_path, *items), answers(*"BBBB", *"BABB")).as_json()
    interval = wilson(1, of=2)
    assert found["rotations"] == [
        {
            "family": "retrieval",
            "count": 2,
            "all_right": 1,
            "share": 0.5,
            "low": interval.low,
            "high": interval.high,
            "mean": 7 / 8,
        }
    ]


def test_twins_beside_their_items(tmp_path):
    items = [tigers(f"t{k}", group=f"t{k}") for k in range(8)]
    twins = [tigers(f"t{k}-shuffled", group=f"t{k}", control="shuffled") for k in range(8)]
    lonely = tigers("gone-shuffled", group="gone", control="shuffled")
    dataset = made_dataset(tmp_path, *items, *twins, lonely)
    found = scored(dataset, answers(*"BBBBBBCC", *"BBCCCC", "B", None, "B")).as_json()
    (one,) = found["pairs"]
    pairs = Pairs(both=2, first=4, second=1, neither=0)
    interval = paired_difference(pairs)
    assert one == {
        "control": "shuffled",
        "family": "retrieval",
        "pairs": 7,
        "unanswered": 1,
        "unpaired": 1,
        "item": 6 / 7,
        "twin": 3 / 7,
        "difference": 3 / 7,
        "low": interval.low,
        "high": interval.high,
        "p": mcnemar(pairs),
    }
    assert found["overall"]["count"] == 8, "twins are not among the items"
    assert [(row["control"], row["count"], row["missing"]) for row in found["controls"]] == [
        ("none", 8, 0),
        ("shuffled", 9, 1),
    ]


def test_twins_of_rotated_questions_are_one_pair(tmp_path):
    turns = [
        tigers(f"t-r{k}{suffix}", group=f"t-r{k}", control=control, circular_group=f"t{suffix}", circular_shift=k)
        for suffix, control in (("", "none"), ("-shuffled", "shuffled"))
        for k in range(4)
    ]
    found = scored(made_dataset(tmp_path, *turns), answers(*"BBBB", *"BBBA")).as_json()
    (one,) = found["pairs"]
    assert (one["pairs"], one["item"], one["twin"], one["p"]) == (1, 1.0, 0.0, 1.0)


def test_twins_nobody_answered_say_nothing(tmp_path):
    dataset = made_dataset(tmp_path, tigers("t", group="t"), tigers("t-x", group="t", control="shuffled"))
    found = scored(dataset, answers("B", None)).as_json()
    (one,) = found["pairs"]
    assert (one["pairs"], one["unanswered"], one["item"], one["difference"], one["p"]) == (0, 1, None, None, None)
    assert "shuffled, retrieval      0     –     –            –     –  –         1" in list(
        score_lines(scored(dataset, answers("B", None)))
    )


def opened(name: str, form: str, *accepted: str, task: str = "retrieval", **changes: Any) -> Item:
    facts = {"form": form, "answer": accepted[0], "answer_text": accepted[0], "accepted": accepted, "task": task}
    return made(name, **facts | changes)


def test_open_counts(tmp_path):
    items = [opened(f"c{k}", "count", "5", task="counting") for k in range(6)]
    found = scored(made_dataset(tmp_path, *items), answers("5", "five", "6", "There are 9.", "many", None)).as_json()
    (one,) = found["open"]
    assert (one["count"], one["right"], one["unparsed"], one["missing"]) == (6, 2, 1, 1)
    assert (one["read"], one["mean_absolute_error"], one["within_one"]) == (4, 5 / 4, pytest.approx(3 / 6))


def test_open_seconds(tmp_path):
    items = [opened(f"s{k}", "seconds", "24", tolerance=Fraction(5)) for k in range(5)]
    items.append(opened("hidden", "seconds", ABSENT))
    found = scored(
        made_dataset(tmp_path, *items),
        answers("29", "0:19", "29.1 s", "at the end", ABSENT, "It is not shown in the video."),
    )
    assert [answer.verdict for answer in found.answers] == ["right", "right", "wrong", "unparsed", "wrong", "right"]
    (one,) = found.as_json()["open"]
    assert (one["read"], one["mean_absolute_error_s"]) == (3, pytest.approx((5 + 5 + 5.1) / 3))


def test_open_sets(tmp_path):
    spelled = ("owl, tiger", "tiger, owl")
    items = [opened(f"s{k}", "set", *spelled) for k in range(4)]
    found = scored(
        made_dataset(tmp_path, *items), answers("the tiger and the owl", "owl", "owl, tiger, dog, cat", None)
    )
    assert [answer.verdict for answer in found.answers] == ["right", "wrong", "wrong", "missing"]
    (one,) = found.as_json()["open"]
    assert one["precision"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert one["recall"] == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert one["f1"] == pytest.approx((1 + 2 / 3 + 2 / 3 + 0) / 4)


def test_open_orders(tmp_path):
    items = [opened(f"o{k}", "order", "the owl, the cat, the bus") for k in range(4)]
    found = scored(
        made_dataset(tmp_path, *items),
        answers("1. owl 2. cat 3. bus", "bus, cat, owl", "cat, owl, bus", "I do not know"),
    )
    assert [answer.verdict for answer in found.answers] == ["right", "wrong", "wrong", "unparsed"]
    (one,) = found.as_json()["open"]
    assert (one["ordered"], one["kendall_tau"]) == (4, pytest.approx((1 - 1 + 1 / 3 + 0) / 4))


def test_an_order_of_one_has_no_tau(tmp_path):
    (one,) = scored(made_dataset(tmp_path, opened("o", "order", "only the owl")), answers("the owl")).as_json()["open"]
    assert (one["right"], one["ordered"], one["kendall_tau"]) == (1, 0, None)


def test_effective_lengths(tmp_path):
    items = [tigers(f"t{length}-{k}", requested_length=length) for length in (10, 20, 30) for k in range(4)]
    dataset = made_dataset(tmp_path, *items)
    path = replies(dataset, answers(*"BBBB", *"BBBC", *"BBBB"))
    lengths = {
        threshold: score(dataset, path, threshold=threshold).as_json()["effective_lengths"]
        for threshold in (0.7, 0.75, 0.85)
    }
    assert lengths == {0.7: {"retrieval": 30}, 0.75: {"retrieval": 30}, 0.85: {"retrieval": 10}}
    assert scored(dataset, answers(*"CCCC" * 3)).as_json()["effective_lengths"] == {"retrieval": None}


# ------------------------------------------------------------------------------------------------- given visible


def audited(dataset: DatasetFolder, *rows: tuple[str, str, str, list[int]], names: Sequence[str] = ()) -> None:
    columns = names or ("id", "needle_id", "sampler", "frames_hit")
    path = dataset.audit("visibility.parquet")
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({name: [row[k] for row in rows] for k, name in enumerate(columns)}), path)


@pytest.fixture
def two_needles(tmp_path) -> DatasetFolder:
    needles = (needle("n", 1), needle("m", 3), needle("other", 4, asked=False))
    return made_dataset(tmp_path, *(tigers(f"t{k}", needles=needles) for k in range(3)), tigers("none"))


def test_accuracy_given_visible(two_needles):
    assert scored(two_needles, oracle).as_json()["visible"] is None
    seen = [(f"t{k}", needle, sampler) for k in range(3) for needle in "nm" for sampler in ("few", "many")]
    unseen = [("t0", "m", "few"), ("t2", "other", "few"), ("t0-twin", "n", "few")]
    hits = {key: [3] for key in seen} | {row: [] for row in unseen}
    audited(two_needles, *((*key, frames) for key, frames in hits.items()))
    found = scored(two_needles, answers("B", "B", "C", "B")).as_json()["visible"]
    assert [one["sampler"] for one in found] == ["few", "many"]
    few, many = found
    assert [few["visible"][key] for key in ("count", "right")] == [2, 1]
    assert [few["missed"][key] for key in ("count", "right")] == [1, 1]
    assert [many["visible"][key] for key in ("count", "right")] == [3, 2]
    assert many["missed"] == {"count": 0, "right": 0, "accuracy": None, "low": None, "high": None}


def test_a_sampler_counts_as_seen_what_its_audit_does(everything):
    """Near a sampled frame, or in a video that is refused, a needle is as unseen as if it is missed."""
    few, refuses = sampler("qwen2_5-vl:nframes=6"), sampler("qwen2_5-vl:nframes=1000")
    outlooks = audit_visibility(everything, [few, refuses])
    path = everything.audit("visibility.parquet")
    table = pq.read_table(path, columns=["state", "frames_hit"]).to_pylist()
    found = scored(everything, oracle).as_json()["visible"]
    path.unlink()
    assert {bool(row["frames_hit"]) for row in table if row["state"] == "edge"} == {True, False}
    counts = {one["sampler"]: (one["visible"]["count"], one["missed"]["count"]) for one in found}
    totals = {one.sampler.name: one.total for one in outlooks}
    assert counts == {name: (one.seen, one.items - one.absent - one.seen) for name, one in totals.items()}
    assert counts[refuses.name][0] == 0 < counts[few.name][0]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_share(two_needles, threshold):
    with pytest.raises(InputError, match=rf"the threshold is {threshold}, expected an accuracy of 0 to 1"):
        score(two_needles, two_needles.manifest, threshold=threshold)


def test_accuracy_given_what_an_audit_found(everything):
    """Two samplers, one of which shows every frame, and a model that is right where the other shows the needle."""
    every, few = sampler("linspace:1000"), sampler("linspace:9")
    audit_visibility(everything, [every, few])

    def right(row: Row) -> bool:
        shown = few.indices(row.num_frames, Fraction(row.fps_num, row.fps_den))
        asked = [needle for needle in row.needles if needle.asked]
        return all(any(one.start_frame <= at < one.end_frame for at in shown) for one in asked)

    found = scored(everything, lambda row: row.answer if right(row) else "none of these, I fear").as_json()["visible"]
    everything.audit("visibility.parquet").unlink()
    rows = [row for row in rows_of(everything) if row.control == "none" and any(one.asked for one in row.needles)]
    by_name = {one["sampler"]: one for one in found}
    all_shown, some = by_name[every.name], by_name[few.name]
    assert (all_shown["visible"]["count"], all_shown["missed"]["count"]) == (len(rows), 0)
    assert all_shown["visible"]["right"] == sum(map(right, rows))
    assert (some["visible"]["accuracy"], some["missed"]["accuracy"]) == (1.0, 0.0)
    assert some["visible"]["count"] + some["missed"]["count"] == len(rows)
    assert some["visible"]["count"] > 20


def test_audits_of_something_else(two_needles):
    where = f"{two_needles.root}/audit/visibility.parquet: "
    rows = [(f"t{k}", needle, "few", [3]) for k in range(2) for needle in "nm"]
    for written, names, message in (
        (rows, (), "says nothing of 1 items under few, such as t2; run haystack-gen audit again"),
        ([("x", "n", "few", [3])], (), "says nothing of the items of this dataset; run haystack-gen audit again"),
        (rows, ("id", "needle", "sampler", "frames_hit"), "expected the columns id, needle_id, sampler, frames_hit;"),
    ):
        audited(two_needles, *written, names=names)
        with pytest.raises(InputError) as caught:
            scored(two_needles, oracle).as_json()
        assert str(caught.value).startswith(where + message)
    two_needles.audit("visibility.parquet").write_bytes(b"no table")
    with pytest.raises(
        InputError, match=r"visibility\.parquet: is not a readable table \(.*\); run haystack-gen audit"
    ):
        scored(two_needles, oracle).as_json()


# ------------------------------------------------------------------------------------------------------- upstream


def test_upstreams_file_averages_what_its_paper_says(shared_data):
    grid = read_upstream(shared_data / "upstream" / "v_niah_all_accuracies_m_rope.json")
    assert len(grid) == 15 * 6
    assert {length for length, _ in grid} == set(range(100, 3000, 200))
    assert {depth for _, depth in grid} == {0, 0.2, 0.4, 0.6, 0.8, 1}
    assert f"{100 * mean(grid):.2f}" == "78.67"


def test_upstreams_form_there_and_back(shared_data, tmp_path):
    path = shared_data / "upstream" / "v_niah_all_accuracies_m_rope.json"
    text = upstream_text(read_upstream(path))
    assert json.loads(text) == json.loads(path.read_text())
    (tmp_path / "again.json").write_text(text)
    assert read_upstream(tmp_path / "again.json") == read_upstream(path)


def test_our_cells_in_upstreams_form(tmp_path):
    items = [
        tigers(f"t{length}-{k}-{trial}", requested_length=length, requested_depth=Fraction(k, 5))
        for length in (100, 300)
        for k in range(6)
        for trial in range(2)
    ]
    found = scored(made_dataset(tmp_path, *items), answers(*"BBBBBBBBBBBB", *"BCBCBCBCBCCC"))
    rows = json.loads(upstream_text(found.grids["retrieval"]))
    assert [(row["Num. Frame"], row["Frame Depth"], row["Score"]) for row in rows[:7]] == [
        *((100, depth, 1.0) for depth in (0, 20, 40, 60, 80, 100)),
        (300, 0, 0.5),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected a list of cells with Num. Frame, Frame Depth, Score"),
        ("[]", "expected a list of cells with"),
        ("[1]", "cell 1 is 1, expected an object with numbers for Num. Frame, Frame Depth, Score"),
        ('[{"Num. Frame": 1, "Frame Depth": 0}]', "cell 1 is {'Num. Frame': 1, 'Frame Depth': 0}, expected an object"),
        ('[{"Num. Frame": 1, "Frame Depth": true, "Score": 1}]', "cell 1 is {"),
        ('[{"Num. Frame": 1, "Frame Depth": 101, "Score": 1}]', "cell 1 is {"),
        ('[{"Num. Frame": 0, "Frame Depth": 0, "Score": 1}]', "cell 1 is {"),
        ('[{"Num. Frame": 1, "Frame Depth": 0, "Score": 7}]', "cell 1 is {"),
        ("[" + ", ".join(['{"Num. Frame": 1, "Frame Depth": 0, "Score": 1}'] * 2) + "]", "cell 2 is {"),
    ],
)
def test_what_is_not_upstreams_form(tmp_path, text, message):
    path = tmp_path / "all_accuracies.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_upstream(path)
    assert str(caught.value).startswith(f"{path}: {message}")


# ------------------------------------------------------------------------------------------- what does not go together


@pytest.fixture
def small(tmp_path) -> DatasetFolder:
    return made_dataset(
        tmp_path / "set", *(tigers(name) for name in ("first", "second", "third")), opened("last", "count", "4")
    )


def refused(dataset: DatasetFolder, *lines: object, **options: Any) -> str:
    path = dataset.root.parent / "p.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(InputError) as caught:
        score(dataset, path, **options)
    return str(caught.value).replace(f"{dataset.root.parent}/", "")


def line(name: str, reply: str = "B") -> dict[str, str]:
    return {"id": name, "prediction": reply}


def test_items_that_are_not_in_the_dataset(small):
    again = "; predictions have to be of this build of the dataset"
    assert (
        refused(small, line("first"), line("secnd"))
        == f"p.jsonl:2: the manifest has no item 'secnd', the nearest is 'second'{again}"
    )
    assert refused(small, line("x"), line("first"), line("y"), line("z")) == (
        f"p.jsonl:1: the manifest has no item 'x' (3 such predictions){again}"
    )


def test_items_that_are_answered_twice(small):
    assert refused(small, line("first"), line("second"), line("first", "C")) == (
        "p.jsonl:3: item first has a prediction already, at p.jsonl:1; keep one of them"
    )
    assert refused(small, line("last"), line("last"), line("last")) == (
        "p.jsonl:2: item last has a prediction already, at p.jsonl:1 (2 such predictions); keep one of them"
    )


def sample(place: int, target: str, name: str = "") -> dict[str, Any]:
    return {"doc_id": place, "target": target, "filtered_resps": "B", "acc": {"id": name} if name else 1}


def test_answers_of_another_build(small):
    assert refused(small, sample(0, "B", "first"), sample(1, "C", "second")) == (
        "p.jsonl:2: has the right answer 'C', item second of the manifest another; predictions have to be of this "
        "build of the dataset"
    )
    assert refused(small, sample(3, "5", "last")).startswith("p.jsonl:1: has the right answer '5', item last of the")


@pytest.mark.parametrize("truth", ["B", "tiger", 1])
def test_answers_of_this_build(small, truth):
    row = {"question_id": "first", "pred": "B", "gt": truth}
    path = small.root / "r.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(sample(3, "four", "last") | {"filtered_resps": "4"}) + "\n")
    found = score(small, path)
    assert [answer.verdict for answer in found.answers] == ["right", "missing", "missing", "right"]


def test_predictions_without_ids_are_joined_by_order_only_if_asked(small):
    samples = [sample(place, target) for place, target in ((2, "B"), (0, "B"), (3, "4"))]
    assert refused(small, *samples) == (
        "p.jsonl:1: has no id of an item, only the number 2; put the row's id into what process_results returns "
        "(lmms-eval) or into a column id (VLMEvalKit), or, if the evaluator had all rows in the manifest's order, join "
        "them with --by-order"
    )
    path = small.root / "p.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in samples))
    found = score(small, path, by_order=True)
    assert [answer.verdict for answer in found.answers] == ["right", "missing", "right", "unparsed"]
    assert refused(small, sample(4, "B"), by_order=True) == (
        "p.jsonl:1: is of row 4, counted from 0, and the manifest has 4 rows; predictions have to be of this build of "
        "the dataset"
    )
    assert refused(small, sample(3, "B"), by_order=True).startswith("p.jsonl:1: has the right answer 'B', item last of")
    assert "has a prediction already" in refused(small, sample(0, "B"), sample(0, "B"), by_order=True)


def test_folders_that_are_no_dataset(tmp_path, small):
    path = replies(small, oracle)
    for folder in (tmp_path / "gone", tmp_path, path):
        with pytest.raises(InputError) as caught:
            score(DatasetFolder(folder), path)
        assert (
            str(caught.value)
            == f"{folder}: is no dataset, it has no manifest.jsonl; expected a folder made by haystack-gen build"
        )
    (tmp_path / "provenance").mkdir()
    (tmp_path / "provenance" / "spec.yaml").touch()
    with pytest.raises(
        InputError, match=r"no manifest, so the dataset is not complete; run the same haystack-gen build"
    ):
        score(DatasetFolder(tmp_path), path)


def test_manifests_that_cannot_be_scored(small):
    path, manifest = replies(small, oracle), small.manifest
    rows = [json.loads(one) for one in manifest.read_text().splitlines()]

    def said(*changed: dict[str, Any]) -> str:
        manifest.write_text("".join(json.dumps(row) + "\n" for row in changed))
        with pytest.raises(InputError) as caught:
            score(small, path)
        return str(caught.value).removeprefix(str(manifest))

    assert said() == ": has no items; build the dataset again"
    assert said(rows[0], rows[0]) == ": has item first twice; build the dataset again"
    assert said(rows[0] | {"answer": "E"}) == ": item first: its answer is 'E', the letter of no option; build it again"
    assert said(rows[0] | {"answer": "AB"}).startswith(": item first: its answer is 'AB', the letter of no option")
    assert said(rows[3] | {"options": ["4"]}) == ": item last: has options, and its question_type is count, not mcq"
    assert said(rows[3] | {"accepted_answers": ["4", "about five"]}) == (
        ": item last: its accepted answer 'about five' gives a bound or an estimate, not a number, as a reply of the "
        "form 'count'; no reply could be right: change it in the pack and build again"
    )
    assert said(rows[3] | {"answer_tolerance": float("inf")}) == (
        ":1: not a manifest row: line: Infinity is not a finite number; correct it"
    )
    assert said(rows[0] | {"num_frames": "many"}).startswith(":1: not a manifest row: ")

"""The verdict on blind guessers: planted leaks are found, fair sets are left in peace, and files are read strictly."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from haystack_gen.draw.pack import plan_needle
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places
from haystack_gen.errors import CheckError, InputError
from haystack_gen.facts import Facts, Needle, Source
from haystack_gen.families import Task
from haystack_gen.judge.blind import Asked, Score, merged
from haystack_gen.judge.leaks import Guessed, Part, guess_parts, guess_rows, interval
from haystack_gen.judge.questions import Fields, read_questions
from haystack_gen.plan.choices import rotated
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.streams import Stream
from haystack_gen.records import load
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec, read_spec_file
from haystack_gen.wording import read_wording
from haystack_gen.workspace import DatasetFolder, package_folder
from tests.plan.worlds import family_world, film, still

NAMES = ["owl", "kite", "cake", "drum", "bell", "fern", "lamp", "rake", "sock", "tent", "vase", "yarn"]
GOLDEN = Path(__file__).parents[1] / "golden"


def asked(options: Iterable[object], truth: object, *, question: str = "What?", group: str = "") -> Asked:
    texts = tuple(map(str, options))
    return Asked(question=question, options=texts, answer=texts.index(str(truth)), group=group)


def guessed(questions: Iterable[Asked]) -> Guessed:
    return guess_parts({"all": list(questions)})


def found(questions: Iterable[Asked]) -> set[str]:
    return {score.guesser for _, score in guessed(questions).leaks}


# ------------------------------------------------------------------------------------------------- planted leaks


def fair(number: int, *, seed: int = 0) -> Asked:
    """Four different names, the right one anywhere."""
    stream = Stream(seed, number)
    options = stream.child("options").sample(NAMES, 4)
    return asked(options, stream.child("truth").choice(options), question=f"What is in frame {number}?")


def mostly_b(number: int) -> Asked:
    one = fair(number)
    return replace(one, answer=1) if number % 4 == 0 else one


def first_in_the_alphabet(number: int) -> Asked:
    one = fair(number)
    return replace(one, answer=one.options.index(min(one.options))) if number % 3 == 0 else one


def longest(number: int) -> Asked:
    one = fair(number)
    options = list(one.options)
    options[one.answer] += " beside a wall" if number % 3 == 0 else ""
    return replace(one, options=tuple(options))


def third_smallest(number: int) -> Asked:
    """Four consecutive numbers of which the third is true, as VNBench has it in half of its questions."""
    stream = Stream(1, number)
    numbers = [stream.child("low").below(9) + step for step in range(4)]
    truth = numbers[2] if number % 2 else stream.child("truth").choice(numbers)
    return asked(
        stream.child("shown").shuffled(numbers), truth, question=f"How often does {NAMES[number % 12]} appear?"
    )


@pytest.mark.parametrize(
    ("leaky", "rule"),
    [
        (mostly_b, "always B"),
        (first_in_the_alphabet, "number 1 in the alphabet"),
        (longest, "longest"),
        (third_smallest, "number 3 in size"),
    ],
)
def test_planted_leaks_are_found(leaky: Callable[[int], Asked], rule):
    report = guessed(map(leaky, range(600)))
    best = report.leaks[0]
    assert best.score.guesser == rule == report.parts[0].scores[0].guesser
    assert report.verdict.startswith(f"LEAKS: {len(report.leaks)} of ")
    with pytest.raises(
        CheckError, match=rf"all, each turns: '{rule}' is right in \d\d\.\d%, chance is 25\.0%"
    ) as error:
        report.raise_if_leaky()
    assert error.value.exit_code == 1
    sure = interval(best.score)
    assert best.score.chance < sure.low < best.score.accuracy < sure.high


def test_the_same_without_the_leak_is_left_in_peace():
    report = guessed(map(fair, range(600)))
    assert report.leaks == []
    assert report.verdict == f"no leak found: none of {report.rules} scores is above chance by more than luck"
    report.raise_if_leaky()


def test_luck_accuses_hardly_any_fair_set():
    """Three standard errors alone would accuse several of these."""
    reports = [guess_parts({name: [fair(k, seed=seed * 10 + f) for k in range(60)] for f, name in enumerate("abc")})
               for seed in range(25)]  # fmt: skip
    assert sum(bool(report.leaks) for report in reports) == 0
    excesses = [max(score.excess for part in report.parts for score in part.scores) for report in reports]
    assert sum(excess > 3 for excess in excesses) >= 2


@pytest.mark.parametrize(
    ("accuracy", "count", "leaks"),
    [
        (0.269, 40_000, False),  # nine standard errors, and still nothing to go by
        (0.271, 40_000, True),
        (0.35, 150, False),  # 2.8 standard errors
        (0.37, 150, True),  # 3.4
        (0.50, 16, False),  # 2.3
    ],
)
def test_two_points_and_three_errors_are_needed(accuracy, count, leaks):
    score = Score(guesser="rule", accuracy=accuracy, chance=0.25, error=(0.1875 / count) ** 0.5, count=count)
    part = Part(name="all", turns="each", questions=count, different=count, scores=(score,))
    assert bool(Guessed(parts=(part,), left_out={}).leaks) == leaks


def test_the_more_rules_are_tried_the_more_luck_can_do():
    score = Score(guesser="rule", accuracy=0.37, chance=0.25, error=(0.1875 / 150) ** 0.5, count=150)
    fair = replace(score, accuracy=0.25)
    part = Part(name="all", turns="each", questions=150, different=150, scores=(score, *[fair] * 29))
    assert Guessed(parts=(part,), left_out={}).leaks == []
    unused = replace(fair, count=0)
    assert Guessed(parts=(replace(part, scores=(score, *[unused] * 29)),), left_out={}).leaks != []


def test_what_luck_can_do_with_few_questions_is_no_leak():
    report = guessed([asked(NAMES[:4], NAMES[0], question=f"{number}?") for number in range(4)])
    assert report.parts[0].scores[0].accuracy == 1
    assert report.parts[0].scores[0].excess > 3
    assert report.leaks == []
    assert report.verdict.endswith("by more than luck; only 4 different questions, which can hide much")


# ------------------------------------------------------------------------------------- repeats, turns, families


def turns(one: Asked, group: str) -> list[Asked]:
    truth = one.options[one.answer]
    return [
        asked(rotated(one.options, shift), truth, question=one.question, group=group)
        for shift in range(len(one.options))
    ]


def test_a_question_that_comes_in_every_cell_counts_once():
    """V-NIAH asks of five needles in 90 cells: five answers say nothing of how a set is made."""
    questions = [fair(number % 5) for number in range(450)]
    (part,) = guessed(questions).parts
    assert (part.questions, part.different) == (450, 5)
    assert found(questions) == set()
    assert interval(part.scores[0]).high - interval(part.scores[0]).low > 0.4, "five questions are five"


def test_merged_questions_share_question_options_and_the_answer_they_always_have():
    one, other = asked(NAMES[:4], "owl"), asked(NAMES[:4], "owl", question="Which?")
    again = asked(rotated(NAMES[:4], 2), "owl")
    groups = [asked.group for asked in merged([one, other, again])]
    assert groups[0] == groups[2] != groups[1]
    apart = [one, asked(NAMES[:4], "kite"), again]
    assert merged(apart) == apart, "its answer is not always the same"
    assert merged([]) == []


def test_rotations_are_scored_one_by_one_and_together():
    questions = [turn for number in range(150) for turn in turns(third_smallest(number), f"g{number}")]
    report = guessed(questions)
    assert [(part.turns, part.questions) for part in report.parts] == [("each", 600), ("all", 600)]
    for part in report.parts:
        leak = next(score for of, score in report.leaks if of is part)
        assert (leak.guesser, round(leak.accuracy, 1)) == ("number 3 in size", 0.6)
    assert report.parts[1].scores[0].count == 150


def test_an_interval_counts_questions_that_stand_or_fall_together_once():
    alone = Score(guesser="rule", accuracy=0.4, chance=0.25, error=(0.1875 / 100) ** 0.5, count=100)
    assert interval(alone) == interval(replace(alone, count=400)), "400 turns of 100 questions"
    tied = replace(alone, error=0.001)
    assert interval(tied) == interval(alone), "no more than there are"
    assert interval(replace(alone, error=0.0, count=0, accuracy=0.0)).low == 0


def test_a_leak_in_one_family_is_found_beside_others():
    report = guess_parts({"fair": [fair(number) for number in range(300)], "leaky": list(map(longest, range(200)))})
    assert [part.name for part in report.parts] == ["fair", "leaky", "all"]
    assert report.leaks[0].part.name == "leaky"
    assert not any(part.name == "fair" for part, _ in report.leaks)
    plain = json.loads(json.dumps(report.as_json(), allow_nan=False))
    leaky = [(part["part"], score["rule"]) for part in plain["parts"] for score in part["scores"] if score["leak"]]
    assert leaky == [(part.name, score.guesser) for part, score in report.leaks]
    assert plain["parts"][0]["scores"][0].keys() == {
        *("rule", "accuracy", "low", "high", "chance", "error", "count", "leak")
    }


# --------------------------------------------------------------------------------------------- our own datasets

FACTS = family_world()
FAMILIES = tuple(task for task in get_args(Task) if task != "stack")


def rows_of(spec: Spec, facts: Facts = FACTS) -> list[Row]:
    places = Places(DatasetFolder(Path("/d")), "none", {})
    sources = (*facts.haystack, *facts.stills, still("blank"))
    writer = RowWriter(spec, needles=facts.needles, sources=sources, places=places, noise=facts.noise)
    return [writer.row(item) for item in plan_items(spec, facts) if isinstance(item, Item)]


@cache
def family_rows(seed: int, extra: str = "") -> tuple[Row, ...]:
    grid = 'grid: {lengths: "128,400", depths: "0:1:0.2", trials: 6}'
    spec = read_spec(
        f"output: {{media: none}}\nseed: {seed}\ntasks: [{', '.join(FAMILIES)}]\n{grid}\n{extra}", where="t"
    )
    return tuple(rows_of(spec))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_our_families_leak_nothing(seed):
    report = guess_rows(family_rows(seed))
    assert {part.name for part in report.parts} == {*FAMILIES, "all"}
    assert report.leaks == []
    assert sum(part.questions for part in report.parts if part.name != "all") == len(family_rows(seed))


def test_turns_open_forms_and_twins():
    extra = "choices: {form: both, circular: true, absent: true}\ncontrols: haystack_only, blanked"
    rows = [row for row in family_rows(7, extra) if row.requested_length == 128]
    report = guess_rows(rows)
    assert report.leaks == []
    twins = sum(row.control != "none" for row in rows)
    still_open = sum(row.control == "none" and not row.options for row in rows)
    assert dict(report.left_out) == {"control twins": twins, "open questions": still_open}
    assert twins > 100
    assert still_open > 100
    assert {(part.name, part.turns) for part in report.parts} >= {("chain", "each"), ("chain", "all"), ("all", "all")}
    counted = [row for row in rows if row.control == "none" and row.options]
    assert report.parts[-1].questions == len(counted)


def test_twins_in_which_nothing_is_ever_there_would_leak():
    rows = family_rows(7, "choices: {absent: true}\ncontrols: haystack_only")
    report = guess_rows(row.model_copy(update={"control": "none"}) for row in rows if row.control != "none")
    assert "not in the video" in {score.guesser for _, score in report.leaks}


@pytest.mark.parametrize("count", [3, 41, 150])
def test_our_drawn_needles_leak_nothing(count):
    drawn = [plan_needle(11, number, count=count) for number in range(count)]
    facts = Facts(
        haystack=(film(),),
        stills=tuple(still(one.id) for one in drawn),
        needles=tuple(
            Needle(
                id=one.id,
                source=one.id,
                question=one.question,
                answer=one.value,
                options=one.options,
                key=one.key,
                value=one.value,
                attribute=one.attribute,
            )
            for one in drawn
        ),
        wording=read_wording(),
    )
    spec = read_spec('tasks: retrieval\ngrid: {lengths: "128,400", depths: "0,1/2,1"}', where="t")
    report = guess_rows(
        rows_of(spec.model_copy(update={"output": spec.output.model_copy(update={"media": "none"})}), facts)
    )
    assert report.leaks == []
    assert [(part.questions, part.different) for part in report.parts] == [(6 * count, count)]


def test_the_demo_leaks_nothing():
    spec = read_spec_file(package_folder("templates") / "specs" / "tiny.yaml")
    needles, sources = load(GOLDEN / "tiny.needles.jsonl", Needle), load(GOLDEN / "tiny.catalog.jsonl", Source)
    items = list(read_plan(GOLDEN / "tiny.plan.jsonl"))
    places = Places(DatasetFolder(GOLDEN), "video", {item.video: 0 for item in items})
    writer = RowWriter(spec, needles=needles, sources=sources, places=places)
    report = guess_rows(map(writer.row, items))
    assert report.leaks == []
    assert (report.parts[0].questions, report.parts[0].different) == (18, 3)


def test_nothing_to_guess():
    assert guess_rows([]).verdict == "nothing to guess: no question has options"
    guess_rows([]).raise_if_leaky()


# -------------------------------------------------------------------------------------------- other people's files


def written(folder: Path, *records: object) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def read_one(folder: Path, **record: object) -> Asked:
    (one,) = read_questions(written(folder, {"question": "What?", **record}), Fields())
    return one


@pytest.mark.parametrize(
    ("options", "answer", "texts", "place"),
    [
        (["owl", "kite"], "B", ("owl", "kite"), 1),
        (["owl", "kite"], "(B)", ("owl", "kite"), 1),
        (["owl", "kite"], "kite", ("owl", "kite"), 1),
        (["owl", "kite"], 1, ("owl", "kite"), 1),
        (["owl", "kite"], 0, ("owl", "kite"), 0),
        (["A. owl", "B. kite"], "B", ("owl", "kite"), 1),
        (["A. owl", "B. kite"], "kite", ("owl", "kite"), 1),
        (["A. owl", "B. kite"], "B. kite", ("owl", "kite"), 1),
        (["(A) owl", "(B) kite"], "A", ("owl", "kite"), 0),
        (["A: owl", "B: kite"], "A", ("owl", "kite"), 0),
        (["A. owl", "C. kite"], "A. owl", ("A. owl", "C. kite"), 0),
        ({"A": "owl", "B": "kite"}, "B", ("owl", "kite"), 1),
        ([3, 4, 5, 6], 5, ("3", "4", "5", "6"), 2),
        (["3", "4", "5", "6"], "5", ("3", "4", "5", "6"), 2),
        ([1.5, 2], "1.5", ("1.5", "2"), 0),
        (["A", "B", "C"], "C", ("A", "B", "C"), 2),
    ],
)
def test_answers_are_letters_texts_or_places(tmp_path, options, answer, texts, place):
    one = read_one(tmp_path, options=options, answer=answer)
    assert (one.options, one.answer) == (texts, place)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"options": ["B", "A"], "answer": "A"}, r"answer 'A' could be any of several of the options \['B', 'A'\]"),
        ({"options": [2, 3, 1], "answer": 2}, r"answer 2 could be any of several of the options"),
        (
            {"options": ["owl", "kite"], "answer": "C"},
            r"answer 'C' is none of the options \['owl', 'kite'\]; expected a ",
        ),
        ({"options": ["owl", "kite"], "answer": 2}, r"answer 2 is none of the options"),
        ({"options": ["owl", "kite"], "answer": True}, r"answer True is none of the options"),
        ({"options": ["owl", "kite"], "answer": None}, r"answer None is none of the options"),
        ({"options": ["owl", "kite"], "answer": ""}, r"answer '' is none of the options"),
        ({"options": ["owl", "owl"], "answer": 0}, r"'What\?': answer 0 must be a place in different options"),
        ({"options": ["owl"], "answer": 0}, r"options are \['owl'\], expected a list of 2 to 26"),
        ({"options": [], "answer": "x"}, r"options are \[\], expected a list of 2 to 26"),
        ({"options": "owl, kite", "answer": "x"}, r"options are owl, kite, expected a list"),
        ({"options": {"B": "owl", "A": "kite"}, "answer": "B"}, r"options are \{'B': 'owl', 'A': 'kite'\}, expected"),
        ({"options": ["owl", None], "answer": 0}, r"options are \['owl', None\], expected texts or numbers"),
        ({"options": ["owl", True], "answer": 0}, r"options are .*, expected texts or numbers"),
        ({"options": ["owl", "kite"]}, r"has no key 'answer', only 'question', 'options'; name the right field"),
        ({"question": 3, "options": ["owl", "kite"], "answer": 0}, r"question is 3, expected text"),
    ],
)
def test_questions_that_cannot_be_read(tmp_path, record, message):
    with pytest.raises(InputError, match=rf"questions\.jsonl:1: {message}"):
        read_one(tmp_path, **record)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]\n", r":1: expected an object, a question to a line, got '\[\]'"),
        (b"{]\n", r":1: is not JSON at line 1, column 2"),
        (b'{"question": "\xff"}\n', r":1: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b'{"question": "What?", "options": ["a", "b"], "answer": 0}\n\n', r":2: is not JSON"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_questions(path, Fields()))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such file; expected a dataset folder, or a JSONL file"):
        list(read_questions(tmp_path / "nowhere", Fields()))


def test_fields_have_other_names(tmp_path):
    record = {"q": "What?", "candidates": ["owl", "kite"], "gt": "B", "video": 7}
    fields = Fields(question="q", options="candidates", answer="gt", group="video")
    (one,) = read_questions(written(tmp_path, record), fields)
    assert one == Asked(question="What?", options=("owl", "kite"), answer=1, group="7")

"""Replies are read as one answer or none: every kind of reply, hostile ones, and every accepted answer."""

import re
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen.judge.replies import Reading, read_reply
from haystack_gen.judge.replies.text import LONGEST, SEVERAL
from haystack_gen.plan.choices import ABSENT, LETTERS
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from tests.judge.replies_table import ANIMALS, CASES, OPEN, PAGE, SHAPES, Case, OpenCase, page
from tests.plan.worlds import family_world, spec_of

FORMS = ("short", "count", "seconds", "set", "order")


def read(reply: str, options: tuple[str, ...] = ANIMALS) -> str:
    """The letter, or the reason why there is none."""
    reading = read_reply(reply, form="mcq", options=options)
    assert reading.kind == ("unparsed" if reading.reason else "letter")
    return str(reading.value or reading.reason)


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.reply)[:40])
def test_replies_with_options(case: Case):
    assert read(case.reply, case.options) == case.read, case.why


@pytest.mark.parametrize("case", OPEN, ids=lambda case: f"{case.form} {case.reply!r}"[:50])
def test_replies_without_options(case: OpenCase):
    reading = read_reply(case.reply, form=case.form)
    if case.read is None:
        assert reading == Reading(kind="unparsed", reason=case.why)
    else:
        kinds = {str: "text", Fraction: "number", tuple: case.form}
        assert reading == Reading(kind=kinds[type(case.read)], value=case.read)


def test_the_table_has_every_kind_of_reply():
    assert len(CASES) >= 60
    assert len({(case.reply, case.options) for case in CASES}) == len(CASES)
    assert {case.form for case in OPEN} == set(FORMS)


def test_the_documented_table_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.judge.replies_table"


def test_the_documented_example_gives_what_it_says():
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    said = re.findall(r"^(read_reply\(.*?)\s+# (.*)$", block, re.MULTILINE)
    assert len(said) == block.count("\nread_reply(") == 3
    for call, result in said:
        assert repr(eval(call, {"read_reply": read_reply})) == result


@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_is_read_in_every_dress(letter):
    options = tuple(f"thing {number:02}" for number in range(26))
    text = options[LETTERS.index(letter)]
    for dress in (
        "{}",
        "({})",
        "{}.",
        "**{}**",
        "Answer: {}",
        "The answer is {}.",
        "{}. " + text,
        "option {}",
        "So, {}",
    ):
        assert read(dress.format(letter), options) == letter, dress
    assert read(letter.lower(), options) == letter
    assert read(f"The answer is {letter} because of what is shown.", options) == letter


@pytest.mark.parametrize("article", ["A", "a", "An", "The"])
def test_articles_are_not_options(article):
    assert read(f"{article} blue sphere", SHAPES) == "B"
    assert read(f"{article} person walks by. The answer is C.", SHAPES) == "C"
    assert read(f"{article} person walks by.", SHAPES) == "names no option"


def test_rotating_the_options_turns_what_is_read():
    """A reading goes by the options, so no letter is liked better than another."""
    for shift in range(4):
        options = ANIMALS[shift:] + ANIMALS[:shift]
        right = LETTERS[options.index("tiger")]
        wrong = LETTERS[options.index("lion")]
        for reply in (
            "tiger",
            f"{right}",
            f"{right}. tiger",
            f"The answer is {right}, not {wrong}.",
            f"tiger ({right})",
        ):
            assert read(reply, options) == right, (reply, options)
        assert read(f"{wrong}. tiger", options) == "names a letter and the text of another option"
        assert read(f"{right} or {wrong}", options) == SEVERAL


def test_options_that_are_compared_alike_are_told_apart_by_letter_alone():
    assert read("B", ("the owl", "The Owl!", "kite")) == "B"
    assert read("owl", ("the owl", "The Owl!", "kite")) == "names no option"
    assert read("the owl", ("the owl", "The Owl!", "kite")) == "A"


def test_a_text_within_another_is_not_that_text():
    options = ("red", "blue", "dark red", "dark")
    assert read("dark red", options) == "C"
    assert read("A. It is dark red.", options) == "names a letter and the text of another option"
    assert read("C. It is dark red.", options) == "C"


def test_options_may_begin_like_what_introduces_them():
    options = ("it is raining", "So long", "A. Lincoln", "not in the video")
    for option, letter in zip(options, "ABCD", strict=True):
        for dress in ("{}", "{}.", "The answer is {}.", "**{}**", '{{"answer": "{}"}}'):
            assert read(dress.format(option), options) == letter, dress.format(option)


def test_options_that_are_equal_are_told_apart_by_letter_alone():
    assert read("owl", ("owl", "owl", "kite")) == "names no option"
    assert read("B. owl", ("owl", "owl", "kite")) == "B"


def test_texts_in_other_scripts_are_options_too():
    options = ("कि", "की", "老虎", "🐯")
    assert [read(option, options) for option in options] == ["A", "B", "C", "D"]


@pytest.mark.parametrize(("form", "options"), [("mcq", ()), ("short", ANIMALS)])
def test_options_belong_to_mcq(form, options):
    with pytest.raises(ValueError, match="options are for mcq, and mcq needs some"):
        read_reply("B", form=form, options=options)


def test_signs_of_numbers_count():
    options = ("5", "-3", "3", "12")
    assert [read(reply, options) for reply in ("-3", "3", "- 3", "Answer: -3", "Answer - 3")] == [
        "B",
        "C",
        "C",
        "B",
        "C",
    ]
    assert read("-5", options) == "names no option"


@pytest.mark.parametrize(
    "reply", ['{"answer": ' + "[" * 1900 + "}", '{"answer": ' + "[" * 900 + "]" * 900 + "}", '{"answer": null}']
)
def test_json_that_says_no_answer_is_none(reply):
    assert read(reply).startswith("names no option")
    assert read(reply + "\nB") == "B"


def test_of_a_long_reply_the_end_is_read():
    talk = "The camera moves along the street and nothing happens. "
    assert read(talk * 2000 + "\nAnswer: B") == "B"
    assert read("Answer: B\n" + talk * (LONGEST // len(talk) + 1)) == "names no option"
    assert read("<think>" + talk * 20_000 + "</think>B") == "B"


HOSTILE = (
    *("B ", "B\n", "(", "{a", "\\boxed{", "<think>", "</think>", "<answer>", "answer is B ", "answer to the question "),
    *(
        "1,",
        "12:34 ",
        "\0",
        "\u200b",
        "\ufdfa",
        "\U0001f600",
        "owl, ",
        "1. ",
        "\ud800",
        "A or B ",
        "(a+",
        "\n",
        '{"answer": 1}',
    ),
)


@pytest.mark.parametrize("scrap", HOSTILE, ids=ascii)
def test_a_megabyte_of_anything_is_read_in_time(scrap):
    reply = scrap * (1_000_000 // len(scrap))
    start = time.process_time()
    for form in FORMS:
        read_reply(reply, form=form)
    read(reply, tuple(f"a long option with the number {number}" for number in range(26)))
    assert time.process_time() - start < 10, "some pattern is not linear"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from((*HOSTILE, *"ABCDabcd.,:()\"'*-\n 0123 ", " or ", "tiger", "lion", "答案")), max_size=20)
)
def test_whatever_is_said_is_one_of_the_options_or_has_a_reason(scraps):
    reply = "".join(scraps)
    assert read(reply) in (*"ABCD",) or len(read(reply)) > 1
    for form in FORMS:
        reading = read_reply(reply, form=form)
        assert bool(reading.reason) == (reading.kind == "unparsed")
        str(reading).encode()


FAMILIES = ("retrieval", "multi_value", "multi_query", "counting", "ordering", "localization", "chain", "absent")


@pytest.mark.parametrize("task", FAMILIES)
def test_every_accepted_answer_is_read(task):
    """Also when it is said in a sentence; all that are accepted are read alike."""
    spec = spec_of(
        f"tasks: {task}\ngrid: {{lengths: '128', depths: 0:1:0.25, trials: 4}}\n"
        "choices: {form: both, absent: true}\nfamilies: {ordering: {only: true}}"
    )
    forms = set()
    for item in (item for item in plan_items(spec, family_world()) if isinstance(item, Item)):
        forms.add(item.form)
        answers = item.accepted or (item.answer,)
        readings = {read_reply(answer, form=item.form, options=item.options) for answer in answers}
        readings |= {
            read_reply(said.format(answer), form=item.form, options=item.options)
            for answer in answers
            for said in ("{}.", "Answer: {}", "**{}**", "<think>?</think>{}", "The answer is {}.")
        }
        assert len(readings) == 1, (item.id, answers, readings)
        kind = readings.pop().kind
        expected = {"mcq": "letter", "short": "text", "count": "number", "seconds": "number"}.get(item.form, item.form)
        assert kind == ("text" if item.answer_text == ABSENT and not item.options else expected), item.id
    assert "mcq" in forms
    assert len(forms) > 1

"""The readings of lmms-eval, VLMEvalKit and VNBench, against what their own code gave."""

from collections.abc import Iterator
from hashlib import sha256
from typing import get_args

import pytest

from haystack_gen.judge.foreign import Parser, read_as
from haystack_gen.plan.streams import Stream
from tests.judge.replies_table import ANIMALS, CASES, LETTERED, NUMBERS, ORDERS, SHAPES, SPANS, Case

PARSERS = get_args(Parser)
OPTIONS = (ANIMALS, SHAPES, NUMBERS, SPANS, ORDERS, LETTERED, ("yes", "no"), (*ANIMALS, *SHAPES[:3]))
REPLIES = (
    *(
        "",
        "B",
        "(B)",
        "b",
        "**B**",
        "B. tiger",
        "B) The tiger.",
        "tiger",
        "A tiger",
        "A blue sphere",
        "7",
        "E. giraffe",
    ),
    *("Answer: B", "The answer is B.", "The correct answer is **C**. Here is why: A is seen elsewhere.", "答案是B。"),
    *("A blue sphere appears, so the answer is B", "Answer: **C**\nExplanation: A and B are wrong", "정답은 B입니다."),
    *("The final answer is $\\boxed{D}$.", '{"answer": "B", "reason": "A and C are seen elsewhere"}', "A or B", "A/C"),
    *("A. lion\nB. tiger\nC. horse\nD. dog\n\nAnswer: D", "I cannot see the video.", "Because Alice said so: B"),
)
SCRAPS = (
    *"ABCDEZabi(),.:;!?*{}[]' \n",
    *(
        " A ",
        "(C)",
        "D.",
        " B:",
        "Z",
        "The answer is ",
        "answer is **",
        "ANSWER IS\n",
        "correct  answer is ",
        "I pick ",
    ),
    *(
        "best option is",
        "my choice is ",
        "옵션",
        "答案是",
        "选",
        "答えは",
        "İ",
        "ß",
        " tiger",
        "lion",
        "blue sphere",
        "00:12-",
    ),
    *("Cannot determine the answer", "Failed to obtain answer via API", "I can't process this file.", "word " * 30),
)
READ_BY_THEM = {
    "lmms-eval": "c71d1cc8b7668f0941c5b4fa3404d17163f825f845cb063f4aac8428f6a2cfe6",
    "vlmevalkit": "43f6789910e1f781e561ea0e2435e77521d8f9cd637ee60e59ffefe52e5e9dd5",
    "vnbench": "442e18235bb7d3b5f5ef4ac2f674f2ae062b3c4e2f2312fe85f5fe2d9d86dc3d",
}
"""SHA-256 of what the evaluators' own code reads of `mutants()`, a letter or `-` each: lmms-eval from the wheel of
0.7.3, the others from their repositories at the commits that `haystack_gen.judge.foreign` names."""


def mutants(count: int = 2500) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Replies cut, joined and with scraps put in, each with the options of some question."""
    for number in range(count):
        stream = Stream(7, "mutant", number)
        reply = stream.child("reply").choice(REPLIES)
        for edit in range(stream.child("edits").below(4)):
            turn = stream.child("edit", edit)
            place = turn.child("place").below(len(reply) + 1)
            kind = turn.child("kind").below(5)
            if kind == 0:
                reply = reply[:place] + reply[place + turn.child("length").below(9) :]
            elif kind == 1:
                reply += turn.child("space").choice(("", " ", "\n", ". ")) + turn.child("other").choice(REPLIES)
            else:
                reply = reply[:place] + turn.child("scrap").choice(SCRAPS) + reply[place:]
        yield reply, stream.child("options").choice(OPTIONS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.reply)[:40])
def test_the_table_is_read_as_they_read_it(case: Case):
    read = "".join(read_as(parser, reply=case.reply, options=case.options) or "-" for parser in PARSERS)
    assert read == case.others


@pytest.mark.parametrize("parser", PARSERS)
def test_mutated_replies_are_read_as_they_read_them(parser):
    read = [read_as(parser, reply=reply, options=options) or "-" for reply, options in mutants()]
    assert len(set(read)) >= 5, "mutants that are all read alike test nothing"
    assert sha256("".join(read).encode()).hexdigest() == READ_BY_THEM[parser]


def test_the_letters_are_those_of_the_options():
    assert read_as("lmms-eval", reply="E", options=ANIMALS) == ""
    assert read_as("vlmevalkit", reply="E", options=ANIMALS) == ""
    assert read_as("vnbench", reply="C", options=("yes", "no")) == ""
    assert read_as("vnbench", reply="E", options=(*ANIMALS, "cat")) == "E"


def test_a_refusal_that_vlmevalkit_knows_is_no_letter_though_it_names_a_text():
    reply = "Cannot determine the answer, a tiger"
    assert read_as("vlmevalkit", reply=reply, options=ANIMALS) == ""
    assert read_as("vlmevalkit", reply="Cannot say, a tiger", options=ANIMALS) == "B"


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("scrap", ["answer is ", "correct ", "A ", "(", "x", " "])
def test_a_megabyte_is_read_in_no_time(parser, scrap):
    assert read_as(parser, reply=scrap * (1_000_000 // len(scrap)), options=ANIMALS) in ("", "A")

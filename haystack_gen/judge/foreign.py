"""Which letter three evaluators in use would read from a reply: their rules, faults included, in our words.

They disagree with one another and with `haystack_gen.judge.replies`; `docs/parsing.md` lists where. So a score says
little without the reading behind it, and how much hangs on the reading can be measured.

- lmms-eval: `extract_mcq_answer` of `lmms_eval/tasks/_task_utils/mcq_extract.py`, EvolvingLMMs-Lab/lmms-eval at
  75571cfe0fa36ca5ec2e6aa2bb268f9d38295af3, the same as in release 0.7.3. It looks for letters in ten shapes, each worth
  more or less, and takes the last letter in the shape that is worth most.
- VLMEvalKit: `can_infer` of `vlmeval/utils/matching_util.py`, open-compass/VLMEvalKit at
  e8e78f05f3080fe28154f2130321f17951c3be94, where `VERBOSE` is not set: the one letter among the words, if it stands
  near the end; "answer is" with a letter; the one option whose text the reply contains. What it leaves to a model to
  judge is nothing here.
- VNBench: `evaluation/eval.py`, joez17/VideoNIAH at 8193a3b20ac1c2fcac9c3e8c1550095628f7628f: the first of A, B, C, D
  that occurs anywhere before the first full stop.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from haystack_gen.plan.choices import LETTERS

Parser = Literal["lmms-eval", "vlmevalkit", "vnbench"]


def read_as(parser: Parser, *, reply: str, options: Sequence[str]) -> str:
    """The letter that an evaluator reads from a reply; empty if it reads none, or none that an option has."""
    lettered = dict(zip(LETTERS, options, strict=False))
    letter = _PARSERS[parser](reply, lettered)
    return letter if letter in lettered else ""


_START, _END, _PHRASE = 10, 9, 7
_SHAPES = {"({})": 6, "{}.": 5, "{}:": 4, "{})": 3, "{} ": 2}
_PHRASES = (
    *("answer is", "the answer is", "correct answer is", "the correct answer is", "best answer is"),
    *("the best answer is", "correct option is", "the correct option is", "best option is", "the best option is"),
    *("choice is", "the choice is", "correct choice is", "the correct choice is"),
    *("my answer is", "my choice is", "i choose", "i select", "i pick"),
    *("옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"),
)


def _lmms_eval(reply: str, options: dict[str, str]) -> str:
    """The letter in the shape that is worth most, and of those the last; any letter at all if none is in a shape."""
    text = reply.strip()
    for mark in ",.!?;:'\"":
        text = text.strip(mark)
    found = [*_shaped(text, options)] or [(0, text.rfind(letter), letter) for letter in options if letter in text]
    return max(found, key=lambda one: one[:2], default=(0, 0, ""))[2]


def _shaped(text: str, options: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    """What each shape is worth, where it is, and its letter."""
    padded, bare = f" {text} ", text.strip()
    for letter in options:
        for shape, worth in _SHAPES.items():
            if (place := padded.rfind(shape.format(letter))) >= 0:
                yield worth, place, letter
        if bare[:1] == letter and not bare[1:2].isalpha():
            yield _START, 0, letter
        if bare[-1:] == letter and not bare[-2:-1].isalpha():
            yield _END, len(padded) - 1, letter
    lowered = padded.lower()
    for phrase in _PHRASES:
        if (place := lowered.find(phrase)) >= 0:
            after = ((padded.find(letter, place + len(phrase)), letter) for letter in options)
            yield from ((_PHRASE, where, letter) for where, letter in after if where >= 0)


_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_FAILED = "Failed to obtain answer via API"
_BLANKED = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_VERBOSE = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)
_NEAR_THE_END = 4


def _vlmevalkit(reply: str, options: dict[str, str]) -> str:
    """The one letter among the words, or the letter after "answer is", or that of the one text that is contained."""
    letter = "" if _FAILED in reply else _by_letter(reply, options)
    return letter or _by_text(reply.lower(), options)


def _by_letter(reply: str, options: dict[str, str]) -> str:
    """An option's letter; Z, which asks no further, where a reply refuses or says Z."""
    if any(refusal in reply for refusal in _REFUSALS):
        return "Z"
    words = reply.translate(_BLANKED).split()
    said = [letter for letter in options if letter in words]
    if len(said) == 1 and words.index(said[0]) >= len(words) - _NEAR_THE_END:
        return said[0]
    if not said and "Z" in words:
        return "Z"
    match = _VERBOSE.search(reply)
    return match[1].upper() if match and match[1].upper() in options else ""


def _by_text(reply: str, options: dict[str, str]) -> str:
    if len(reply) > 2 * sum(len(text) for text in options.values()):
        return ""
    contained = [letter for letter, text in options.items() if text.lower() in reply]
    return contained[0] if len(contained) == 1 else ""


def _vnbench(reply: str, _: dict[str, str]) -> str:
    """The first of A, B, C and D that occurs before the first full stop, in words too; else all that stands there."""
    start = reply.split(".")[0]
    return next((letter for letter in "ABCD" if letter in start), start)


_PARSERS: dict[Parser, Callable[[str, dict[str, str]], str]] = {
    "lmms-eval": _lmms_eval,
    "vlmevalkit": _vlmevalkit,
    "vnbench": _vnbench,
}

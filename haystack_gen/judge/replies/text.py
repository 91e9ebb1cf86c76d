"""What a reply says, without its thinking, its markup and what cannot be seen; and when two texts are the same."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

LONGEST = 20_000
"""So many characters of a reply are read, from its end: what it concludes stands there."""

NOTHING = "says nothing"
UNFINISHED = "its thinking never ends"
SEVERAL = "gives several answers"
HEDGES = "hedges between answers"
REFUSES = "refuses, or does not know"
UNCLEAR = "gives no answer that is told apart from its sentence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reply was understood to answer.

    `value` is a letter, a text as `normal` has it, a number, or names: those of a set in alphabetical order, those of
    an order as they were given. A reply that is `unparsed` has no value but a `reason`, one of a fixed few.
    """

    kind: Literal["letter", "text", "number", "set", "order", "unparsed"]
    value: str | Fraction | tuple[str, ...] = ""
    reason: str = ""


def unparsed(reason: str) -> Reading:
    """The reading of a reply that gives no answer, or more than one."""
    return Reading(kind="unparsed", reason=reason)


def agreed(readings: Iterable[Reading]) -> Reading | None:
    """The one reading that all are; `SEVERAL` if they differ, None if there are none."""
    different = list(dict.fromkeys(readings))
    return unparsed(SEVERAL) if len(different) > 1 else next(iter(different), None)


_THOUGHT = re.compile(r"[<◁](/?)(?:think|thinking|thought|reasoning)[>▷]", re.IGNORECASE)


def after_thinking(reply: str) -> str | None:
    """What follows the last closing tag of thinking, opened or not; None if thinking was begun and never ended."""
    start = 0
    for tag in _THOUGHT.finditer(reply):
        start = tag.end() if tag[1] else start
    return None if _THOUGHT.search(reply, start) else reply[start:]


_MARK = re.compile(
    r"\\boxed\s{0,9}\{((?:[^{}]|\{[^{}]{0,200}\}){0,500})\}"
    r"|<answer>(.{0,1000}?)(?:</answer>|\Z)"
    r"|<\|begin_of_box\|>(.{0,1000}?)(?:<\|end_of_box\|>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_OBJECT = re.compile(r"\{[^{}]{1,2000}\}")
_ANSWER_KEYS = ("answer", "final_answer", "final answer", "option", "choice")


def marked(reply: str) -> Iterator[str]:
    """What a reply itself marks as its answer: boxed, in tags, or under the key `answer` of a JSON object."""
    for found in _MARK.finditer(reply):
        yield next(part for part in found.groups() if part is not None)
    for found in _OBJECT.finditer(reply):
        try:
            fields = json.loads(found[0])
        except (ValueError, RecursionError):
            continue
        for key, value in fields.items():
            parts = value if isinstance(value, list) else [value]
            if key.casefold().strip() in _ANSWER_KEYS and all(isinstance(part, str | int | float) for part in parts):
                yield "\n".join(map(str, parts))


_NO_TEXT = re.compile(
    r"</?(?![A-Z]>)[A-Za-z|][^<>\n]{0,40}>|\\(?:text|mathrm|mathbf|textbf|boxed)\b|\\[()\[\]]|[*`${}]"
)
_FENCE = re.compile(r"```\w{0,20}\n")
_BREAKS = "\n\r\v\f\x85\u2028\u2029"
_ALIKE = {ord(one): '"' for one in "“”„«»「」『』"} | {ord(one): "'" for one in "‘’ʼ"}
_ALIKE |= {ord(one): "-" for one in "‐‑‒–—―−"} | {ord(one): other for one, other in zip("【】、_", "[], ", strict=True)}
_ALIKE |= {ord("。"): ". ", ord("→"): "->", ord("⇒"): "->"}
_DIGIT = re.compile(r"\d")


def clean(text: str) -> str:
    """The lines that are not empty, in compatibility form (NFKC), without markup, odd spaces and the invisible."""
    text = _NO_TEXT.sub(" ", _FENCE.sub("\n", text))
    seen = (one if one.isprintable() else "\n" if one in _BREAKS else " " if one.isspace() else "" for one in text)
    plain = unicodedata.normalize("NFKC", "".join(seen))[-LONGEST:].translate(_ALIKE)  # NFKC can be 18 times as long
    plain = _DIGIT.sub(lambda digit: str(int(digit[0])), plain)
    lines = (" ".join(line.split()) for line in plain.split("\n"))
    return "\n".join(line for line in lines if line)


_UP_TO_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty"""
NUMBERS = {word: number for number, word in enumerate(_UP_TO_TWENTY.split())}
_ARTICLES = frozenset(("a", "an", "the"))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def normal(text: str) -> str:
    """A clean text as it is compared: without case, punctuation, and articles that something follows.

    Hyphens are spaces; a number word up to twenty, alone, is its digits; signs, points and colons of numbers stay. With
    the articles it goes as for SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250).
    """
    text = _THOUSANDS.sub("", text.casefold().replace("'", ""))
    words = "".join(one if _is_kept(text, place) else " " for place, one in enumerate(text)).split()
    words = [word for word in words[:-1] if word not in _ARTICLES] + words[-1:]
    return str(NUMBERS[words[0]]) if len(words) == 1 and words[0] in NUMBERS else " ".join(words)


def _is_kept(text: str, place: int) -> bool:
    kind = unicodedata.category(text[place])
    if kind[0] in "LMN" or kind == "So":
        return True
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if text[place] in ".:":
        return before.isdigit() and after.isdigit()
    return text[place] == "-" and after.isdigit() and not before.isalnum()


def first_sentence(text: str) -> str:
    """Up to the first full stop, exclamation or question mark that ends a word, or the end of the line."""
    return re.split(r"[.!?](?=\s|$)|\n", text, maxsplit=1)[0]


_CUE = re.compile(
    r"\b(?:answer|ans|choice|option|guess|(?:correct|right|best) one)\b(?:\s(?:to|for|in)\b[^.:\n]{0,80}?)?[\"']?"
    r"\s?(?:\bis\b|\bwould be\b|\bshould be\b|\bmust be\b|:|=|->)"
    r"|\b(?:réponse|respuesta|resposta|risposta|antwort|ответ)\b"
    r"(?:\s(?:correcta?|correta|corretta|richtige))?\s?(?:\b(?:est|es|é|è|ist)\b|:|-)(?:\s(?:la|le|el|die)\b)?"
    r"|答案(?:应该|应)?(?:是|为|選|选)?|答えは|正解は|정답은?|답은",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:if|whether|unless|suppose|supposing|assuming|not|no|another|other|one|wrong|incorrect|false)"
    r"|(?:n't|not) (?:think|believe|say|mean))(?: that)?(?: the| my| a)?"
    r"(?: (?:correct|right|best|final|possible))?\s*$",
    re.IGNORECASE,
)
_POINTER = re.compile(r"^(?:[ :=]|->|-(?!\d))+")
_LONGEST_STATEMENT = 300
_MOST_STATEMENTS = 64


def cued(text: str, cue: re.Pattern[str] = _CUE) -> list[tuple[str, str]]:
    """What is said to be the answer: for each "the answer is", what precedes it and what follows it in its line."""
    found = []
    for match in list(cue.finditer(text))[-_MOST_STATEMENTS:]:
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        after = _POINTER.sub("", text[match.end() : match.end() + _LONGEST_STATEMENT].split("\n", 1)[0])
        if after and not _DENIED.search(before[-80:]):
            found.append((before, after))
    return found


_LEAD = re.compile(
    r"^(?:-+\s+|[•·>#]+\s*)*(?:assistant:\s*)?"
    r"(?:(?:so|thus|therefore|hence|finally|well|okay|ok|sure|yes|clearly|definitely|probably|likely|most likely"
    r"|(?:i|we) (?:think|believe|guess|see)(?: that)?|my guess is|(?:it|this|that|there)(?:'s| is| are| was| were))"
    r"\b[,:]?\s+)*",
    re.IGNORECASE,
)


def without_lead(text: str) -> str:
    """A statement without what only introduces it: "- ", "I think it is", "So,", "There are"."""
    return _LEAD.sub("", text.strip())


_REFUSAL = re.compile(
    r"\b(?:can ?not|can't|could not|couldn't|unable|not able|don't know|do not know|not sure|no idea|unclear|unknown|"
    r"uncertain|undetermined|impossible|not possible|sorry|as an ai|n/a|not enough|insufficient|don't see|do not see|"
    r"need more|didn't see|did not see|no video|not provided)\b|无法|不知道|不确定|抱歉|看不到",
    re.IGNORECASE,
)


def refuses(text: str) -> bool:
    """Whether a reply says that it cannot or does not know."""
    return bool(_REFUSAL.search(text))


_ABSENT = re.compile(
    r"(?:^\W*(?:none|nothing|never)"
    r"|\bnot (?:(?:shown|present|visible|seen|found) )?in (?:the|this) video"
    r"|\b(?:(?:does|do|did|is|are) not|doesn't|don't|didn't|isn't|never) (?:appear|appears|appeared|show up|present)"
    r"(?: in (?:the|this) video)?)\W*$",
    re.IGNORECASE,
)
_LONGEST_DENIAL = 120


def says_absent(text: str) -> bool:
    """Whether all that a reply says is that something is not in the video."""
    return len(text) <= _LONGEST_DENIAL and bool(_ABSENT.search(text)) and not _HEDGING.search(text)


_HEDGING = re.compile(
    r"\b(?:or|either|maybe|perhaps|possibly|alternatively|might be|could be|may be)\b|或|还是|也许|可能", re.IGNORECASE
)


def hedges(text: str) -> bool:
    """Whether a reply leaves open which of several answers it gives."""
    return bool(_HEDGING.search(text))

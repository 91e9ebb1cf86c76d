"""Which option a reply names: by its letter, by its full text, or by both where they agree.

A blue sphere appears, so the answer is B      B: what follows "the answer is"
B. tiger                                       B: letter and text agree
A tiger                                        the option "tiger": this A is an article
B. lion                                        nothing, where "lion" is another option
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from haystack_gen.judge.replies.text import (
    HEDGES,
    REFUSES,
    SEVERAL,
    Reading,
    clean,
    cued,
    first_sentence,
    normal,
    refuses,
    unparsed,
    without_lead,
)
from haystack_gen.plan.choices import LETTERS

NONE = "names no option"
OUTSIDE = "names a letter that no option has"
CONTRADICTS = "names a letter and the text of another option"
AMBIGUOUS = "is the letter of one option and the text of another"


class _Options(NamedTuple):
    """The texts of the options by letter, and letters by text: as written but for case, and as compared."""

    texts: dict[str, str]
    exact: dict[str, str]
    names: dict[str, str]


class _Claim(NamedTuple):
    """An option that is named, `bare` where nothing else is said; or what is wrong with how it is."""

    letter: str = ""
    bare: bool = False
    fault: str = ""


class _Line(NamedTuple):
    """What a line claims: at its start, where it says "the answer is", and in `whole` if it says nothing else."""

    own: _Claim | None
    cued: list[_Claim]
    whole: _Claim | None


def read_option(text: str, options: Sequence[str]) -> Reading:
    """The letter of the one option that a clean reply names.

    A last line that only names an option is the answer; otherwise what follows "the answer is"; otherwise a first line
    that is only a letter; otherwise what the first or the last line begins with, if no line begins with another option.
    """
    offered = _offered(options)
    listed = [_read_line(line, offered) for line in text.split("\n")]
    lines = _without_list(listed, offered)
    if not lines:
        return unparsed(SEVERAL)
    first, last, told = lines[0], lines[-1], [line for line in lines if line.cued]
    if last.whole:
        return _one([last.whole], [first.whole, last.own, *last.cued, *(line.whole for line in told)])
    if told:
        return _one([claim for line in told for claim in line.cued], [first.whole, *(line.own for line in told)])
    if first.whole and first is listed[0] and _ONE_LETTER.match(text):
        return _one([first.whole], [])
    if edges := [line.own for line in (first, last) if line.own]:
        return _one(edges, [line.own for line in lines])
    return unparsed(REFUSES if refuses(text) else SEVERAL if len(_mentioned(text, offered)) > 1 else NONE)


def _one(claims: Sequence[_Claim], others: Sequence[_Claim | None]) -> Reading:
    """The letter that all claims are about; what is wrong with `others` does not count."""
    faults = [claim.fault for claim in claims if claim.fault]
    letters = {claim.letter for claim in (*claims, *others) if claim and not claim.fault}
    if faults or len(letters) > 1:
        return unparsed(faults[0] if faults else SEVERAL)
    return Reading(kind="letter", value=letters.pop())


def _offered(options: Sequence[str]) -> _Options:
    texts = dict(zip(LETTERS, map(clean, options), strict=False))
    names = {letter: normal(text) for letter, text in texts.items()}
    exact = {letter: _folded(text) for letter, text in texts.items()}
    return _Options(texts=texts, exact=_told_apart(exact), names=_told_apart(names))


def _told_apart(texts: dict[str, str]) -> dict[str, str]:
    """Letters by text, without texts that are empty or that several have."""
    count = Counter(texts.values())
    return {text: letter for letter, text in texts.items() if text and count[text] == 1}


def _without_list(lines: Sequence[_Line], offered: _Options) -> list[_Line]:
    """The lines, less those that only list the options as the question did: at least two, in order from the first."""
    kept = list(lines)
    for place in range(len(lines) - 1, -1, -1):
        count = 0
        for line, letter in zip(kept[place:], offered.texts, strict=False):
            if not (line.own and line.own.bare and line.own.letter == letter):
                break
            count += 1
        if count > 1:
            del kept[place : place + count]
    return kept


_ONE_LETTER = re.compile(r"\W*\w\W*(?:\n|$)")
_OPENING = re.compile(
    r"(?:so|thus|therefore|hence|finally|overall|in|conclusion|summary|the|my|final|correct|right|best|most|likely|\W)*",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    r"\banswer(?=\s)|\bi(?:'d|'ll| would| will)? (?:choose|select|pick|guess|say|go with)\b|(?<!不)选择?", re.I
)
_IS_RIGHT = re.compile(
    r"(?<![A-Za-z0-9'])(?=[\"'(\[]?[A-Z][\"')\]]? is (?:the |my )?(?:(?:correct|right|best|final|most \w+)\b|answer\b))"
)


def _read_line(line: str, offered: _Options) -> _Line:
    own, whole = _claim(line, offered), None
    told: list[_Claim] = []
    for cue in (None, _CHOICE, _IS_RIGHT):
        for before, after in cued(line, cue) if cue else cued(line):
            sentence = first_sentence(after)
            claim = _claim(after, offered) or _claim(sentence, offered, rest=after[len(sentence) :])
            if claim:
                told.append(claim)
                alone = _OPENING.fullmatch(before) and (claim.bare or claim.fault)
                whole = claim if alone else whole
    return _Line(own=own, cued=told, whole=own if own and own.bare else whole)


def _claim(said: str, offered: _Options, *, rest: str = "") -> _Claim | None:
    """The option that something begins with, or is; `rest` is what comes after it."""
    plain = without_lead(said)
    lettered = _lettered(plain, offered)
    exact = next((offered.exact[one] for one in map(_folded, (said, plain)) if one in offered.exact), "")
    if exact and lettered and lettered.letter not in ("", exact):
        return _Claim(fault=AMBIGUOUS)
    if lettered and not exact:
        return lettered
    if letter := exact or offered.names.get(normal(said)) or offered.names.get(normal(plain)):
        return _told(letter, rest, offered)
    match = _TEXT_FIRST.fullmatch(plain)
    named = offered.names.get(normal(match[1])) if match else None
    if not match or not named:
        return None
    return _told(named, rest, offered) if named == match[2].upper() else _Claim(fault=CONTRADICTS)


def _folded(text: str) -> str:
    return text.casefold().strip(" .\"'")


_TEXT_FIRST = re.compile(r"(.{1,300}?)\s?[(\[]([A-Za-z])[)\]]\W*")
_ASIAN = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_LETTERED = re.compile(
    r"(?:(?:option|choice|answer|letter)\s|选项)?(?P<open>[\"'(\[<]*)(?P<letter>[A-Za-z])(?!'?[A-Za-z0-9])"
    rf"(?P<close>[\"')\]>]*)(?P<mark>\s?[.:,;!?)]+|\s-+(?=\s|$)|\s?->|\s?=|\s|$|(?={_ASIAN}))(?P<rest>.*)",
    re.IGNORECASE,
)
_ALONE = r"[\"'(\[]?(?:[B-HJ-Zb-hj-z]|[AaIi](?!\s(?!(?:or|and|is|are)\b)[a-z]))[\"')\]]?(?![A-Za-z0-9'])"
_PAIR = re.compile(
    rf"(?:(?:either|both|between|options?|choices?)\s)?(?={_ALONE})\W?(\w)\W?\s?"
    rf"(?:,?\s?(?:and/or|and|or maybe|or|和|或)\s?|[,/&+]\s?)(?:option\s)?(?={_ALONE})\W?(\w)"
)
_RIGHTLY = re.compile(r"is (?:the |my )?(?:(?:correct|right|best|final|most \w+)\b|answer\b)", re.IGNORECASE)
_BECAUSE = re.compile(r"(?:because|since|as|due|based|given|for)\b", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:or|either|maybe|perhaps|possibly|alternatively|might|may|could|wait|no|actually|rather|instead|unless)\b"
    r"|或|还是|也许|可能",
    re.IGNORECASE,
)


def _lettered(said: str, offered: _Options) -> _Claim | None:
    """The option whose letter something begins with."""
    if (pair := _PAIR.match(said)) and len({pair[1].upper(), pair[2].upper()} & {*offered.texts}) == 2:
        return _Claim(fault=SEVERAL)
    match = _LETTERED.match(said)
    if not match:
        return None
    letter, mark, rest = match["letter"].upper(), match["mark"], match["rest"].strip()
    closed = bool(match["open"] or match["close"] or mark != " ")
    joined = mark.endswith((".", ",")) and match["rest"][:1].isalnum() and match["rest"].isascii()
    if letter not in offered.texts:
        return _Claim(fault=OUTSIDE) if not rest or (mark.strip() in (".", ")") and not joined) else None
    if not any(one.isalnum() for one in rest):
        return _Claim(letter, bare=True)
    named = offered.names.get(normal(rest))
    if closed:
        return None if joined and named != letter else _told(letter, rest, offered)
    if _RIGHTLY.match(rest) or named == letter:
        return _Claim(letter, bare=True)
    if _BECAUSE.match(rest):
        return _told(letter, rest, offered)
    return _Claim(fault=CONTRADICTS) if named and letter not in "AI" else None


def _told(letter: str, rest: str, offered: _Options) -> _Claim:
    """A claim that something follows: bare if it is the option's text, wrong if it speaks for another option."""
    named = offered.names.get(normal(rest))
    if not rest or named == letter:
        return _Claim(letter, bare=True)
    others = {other: text for other, text in offered.texts.items() if other != letter}
    if rest.strip(" .()[]\"'") in others:
        return _Claim(fault=SEVERAL)
    folded, sentence = rest.casefold(), first_sentence(rest.lstrip(" .!?"))
    dressed = (f"{other}{mark}{text}" for other, text in others.items() for mark in (". ", ") ", ": "))
    if any(option.casefold() in folded for option in dressed):
        return _Claim(fault=SEVERAL)
    texts = _texts(sentence, offered)
    if named or (texts and letter not in texts):
        return _Claim(fault=CONTRADICTS)
    doubtful = _HEDGE.search(sentence) and (texts | _mentioned(sentence, offered)) - {letter}
    return _Claim(fault=HEDGES) if doubtful else _Claim(letter)


def _texts(sentence: str, offered: _Options) -> set[str]:
    """The options whose texts a sentence contains, word for word; within "dark red" there is no "red"."""
    words, found = f" {normal(sentence)} ", set()
    for name in sorted(offered.names, key=len, reverse=True):
        if f" {name} " in words:
            words = words.replace(f" {name} ", " | ")
            found.add(offered.names[name])
    return found


_MENTION = re.compile(rf"(?<![A-Za-z0-9'])(?={_ALONE})\W?([A-Z])")


def _mentioned(text: str, offered: _Options) -> set[str]:
    """The letters of options that stand somewhere as words of their own."""
    return {match[1] for match in _MENTION.finditer(text)} & {*offered.texts}

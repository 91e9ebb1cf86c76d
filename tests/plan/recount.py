"""Every answer a second time, by a route of its own: what the clips show, and what the question's words say.

Of an item only its question, its options and its timelines are read; what the planner says of needles, of the answer
and of what was asked is not. Two keys are alike when one is said within the other, word for word: who looks for the owl
may take the owl in the snow for it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import permutations, product
from string import Formatter

from haystack_gen.draw.families import plan_families
from haystack_gen.draw.scenes import Scene
from haystack_gen.facts import Facts, Needle
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.wording import read_wording

NOWHERE = "not in the video"
_CLOCK = re.compile(r"(?:(\d+):)?([0-5]\d):([0-5]\d)(?:\.(\d+))?")


def folded(text: str) -> str:
    """A text as a reader compares it."""
    return " ".join(text.casefold().split())


@lru_cache(4096)
def bare_key(key: str) -> str:
    """A key without its article."""
    return re.sub(r"^(?:the|a|an) ", "", folded(key))


@lru_cache(4096)
def alike(one: str, other: str) -> bool:
    """Whether one bare key is said within the other."""
    short, long = sorted((one.split(), other.split()), key=len)
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))


def ensure(holds: bool, *said: object) -> None:
    """An assertion that says more than its line."""
    if not holds:
        raise AssertionError(" | ".join(map(str, said)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture on show in frames [start, start + length) of a video."""

    role: str
    source: str
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the words of a question say, by the file and the form of the template that they match.

    `attributes` are those that the words can be about: a sign is asked for alike whatever the word on it is for.
    """

    family: str
    form: str
    key: str
    keys: tuple[str, ...]
    value: str
    hops: int
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The answer, which replies it is true of, the frames that show it, and the bare keys that it is about.

    `asked` is None for questions that came with the pack.
    """

    text: str
    holds: Callable[[str], bool]
    evidence: frozenset[Frame] = frozenset()
    keys: frozenset[str] = frozenset()
    asked: Asked | None = None


class Known:
    """A pack: what each picture shows, by its needles and, if it was drawn, by its scene."""

    def __init__(self, facts: Facts, scenes: Mapping[str, Scene] | None = None) -> None:
        self.facts, self.scenes = facts, scenes or {}
        self.matches = {(match.needle, match.source): match for match in facts.matches}
        self.needles = {needle.id: needle for needle in facts.needles}
        self.spelled = {needle.key for needle in facts.needles if needle.key.strip()}
        self.said = {
            words
            for needle in facts.needles
            for words in product(("", needle.key), ("", needle.attribute), ("", needle.value))
        }
        self.lures: dict[str, set[str]] = {match.source: set() for match in facts.matches}
        for match in facts.matches:
            self.lures[match.source] |= {folded(match.lure)} - {""}
        self._pictures: dict[str, list[Needle]] = {}
        for needle in facts.needles:
            self._pictures.setdefault(needle.source, []).append(needle)

    @classmethod
    def drawn(cls, facts: Facts, seed: int) -> "Known":
        """The drawn family pack of a seed, with its scenes."""
        return cls(facts, {one.id: one.scene for needle in plan_families(seed) for one in (needle, *needle.lures)})

    def of(self, frame: Frame) -> Sequence[Needle]:
        """The facts that a frame's picture shows, whatever it was put there for."""
        return self._pictures.get(frame.source, ())

    def keys(self, frame: Frame) -> set[str]:
        """The bare keys that a frame shows."""
        return {bare_key(needle.key) for needle in self.of(frame) if needle.key.strip()}

    def showing(self, frames: Iterable[Frame], key: str) -> list[Frame]:
        """The frames that show a bare key."""
        return [frame for frame in frames if key in self.keys(frame)]

    def about(self, frame: Frame, key: str, attributes: frozenset[str]) -> list[Needle]:
        """What a frame says of a bare key."""
        return [one for one in self.of(frame) if bare_key(one.key) == key and one.attribute in attributes]


def pictured(timeline: Timeline) -> list[Frame]:
    """What was put into the footage, in order."""
    return [
        Frame(role=clip.role, source=clip.source, start=clip.start, length=clip.length)
        for clip in timeline.clips
        if clip.role != "haystack"
    ]


@lru_cache
def _templates() -> list[tuple[str, str, str, re.Pattern[str]]]:
    """(family, form, attribute, expression) of every paraphrase."""
    found = []
    for family, forms in read_wording().items():
        for form, texts in forms.items() if family != "instructions" else ():
            base, _, attribute = form.partition(".")
            found += [(family, base, attribute, _expression(text)) for text in texts]
    return found


def _expression(template: str) -> re.Pattern[str]:
    expression, seen = "", set[str]()
    for literal, name, _, _ in Formatter().parse(template):
        expression += re.escape(literal)
        if name:
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
            seen.add(name)
    return re.compile(expression)


@lru_cache(4096)
def read_question(known: Known, text: str) -> Asked:
    """The one meaning of a question's words.

    Raises:
        AssertionError: they match no template, or several with different meanings.
    """
    meanings: dict[Asked, set[str]] = {}
    for meaning, attribute in _meanings(known, text):
        meanings.setdefault(meaning, set()).add(attribute)
    ensure(len(meanings) == 1, f"{len(meanings)} meanings", text, *meanings)
    ((meaning, attributes),) = meanings.items()
    return replace(meaning, attributes=frozenset(attributes))


def _meanings(known: Known, text: str) -> Iterator[tuple[Asked, str]]:
    """The templates that the words match, filled with what the pack can fill them with, and their attributes."""
    for family, form, attribute, expression in _templates():
        match = expression.fullmatch(text)
        if match is None:
            continue
        words = {"attribute": attribute, **match.groupdict()}
        key, value, hops = words.get("key", ""), words.get("value", ""), words.get("hops", "0")
        keys = _parted(words["keys"], known.spelled) if "keys" in words else ()
        if (key, words["attribute"], value) in known.said and keys is not None:
            number = int(re.sub(r"\D", "", hops))
            yield Asked(family=family, form=form, key=key, keys=keys, value=value, hops=number), words["attribute"]


def _parted(text: str, spelled: set[str]) -> tuple[str, ...] | None:
    """`the owl, the kite and the cake` as known keys; None if it is not that."""
    if text in spelled:
        return (text,)
    for key in spelled:
        for separator in (", ", " and "):
            if text.startswith(key + separator):
                rest = _parted(text[len(key + separator) :], spelled)
                if rest is not None and (separator == ", ") == (len(rest) > 1):
                    return (key, *rest)
    return None


def answer_of(item: Item, known: Known) -> Truth:
    """What is true of an item, from its timelines, its words and its options alone.

    Raises:
        AssertionError: the question makes no sense, or has no one answer.
    """
    frames = pictured(item.timeline)
    for entry in known.facts.listed:
        if entry.question == item.question and entry.pictures == tuple(frame.source for frame in frames):
            return Truth(text=entry.answer, holds=entry.answer.__eq__, evidence=frozenset(frames))
    for film in known.facts.questions:
        if film.question == item.question and {film.source} == {clip.source for clip in item.timeline.clips}:
            return Truth(text=film.answer, holds=film.answer.__eq__)
    everywhere = frames + [frame for other in item.beside for frame in pictured(other.timeline)]
    if supplied := [one for one in known.facts.needles if one.question and one.question == item.question]:
        return _supplied(known, supplied, everywhere)
    asked = read_question(known, item.question)
    truth = _TRUTHS[asked.family](known, asked, everywhere, item)
    return replace(truth, asked=asked)


def _is(*true: str) -> Callable[[str], bool]:
    meant = {folded(text) for text in true}
    return lambda said: folded(said) in meant


def _nowhere(*keys: str) -> Truth:
    return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=frozenset(keys))


def _supplied(known: Known, asked: Sequence[Needle], frames: Sequence[Frame]) -> Truth:
    """The pack's own question: the answer of the one needle on show that it is about."""
    found = [(frame, needle) for frame in frames for needle in known.of(frame) if needle in asked]
    if not found:
        return _nowhere(*({bare_key(needle.key) for needle in asked} - {""}))
    ensure(len({frame for frame, _ in found}) == 1, "one question, several frames", found)
    ((frame, needle), *_) = found
    true = (needle.answer, *([needle.value] if needle.value.strip() else []))
    keys = frozenset({bare_key(needle.key)} - {""})
    return Truth(text=needle.answer, holds=_is(*true), evidence=frozenset({frame}), keys=keys)


def _value(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = bare_key(asked.key)
    found = known.showing(frames, key)
    if not found:
        return _nowhere(key)
    ensure(len(found) == 1, "several frames show the key", item.id, found)
    facts = known.about(found[0], key, asked.attributes)
    ensure(len({folded(one.answer) for one in facts}) == 1, "not one answer", item.id, asked, facts)
    true = [text for one in facts for text in (one.answer, one.value)]
    return Truth(text=true[0], holds=_is(*true), evidence=frozenset(found), keys=frozenset({key}))


def _several(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    if asked.form == "keys":
        return _keys_with(known, asked, frames, item)
    key = bare_key(asked.key)
    found = known.showing(frames, key)
    said = {folded(one.value): one.value for frame in found for one in known.about(frame, key, asked.attributes)}
    return _set(said.values(), folded, found, {key})


def _keys_with(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    """Every key with the value; an option whose keys are but alike to those might be true as well."""
    shown = {
        (frame, needle.key)
        for frame in frames
        for needle in known.of(frame)
        if needle.attribute in asked.attributes and folded(needle.value) == folded(asked.value)
    }
    for frame in frames:
        shows = known.lures.get(frame.source, set())
        may = folded(asked.value) in shows or not (shows or known.of(frame))
        ensure(frame.role != "distractor" or not may, "a look-alike may show the value", item.id, frame, shows)
    bare = [bare_key(key) for _, key in shown]
    truth = _set({bare_key(key): key for _, key in shown}.values(), bare_key, [frame for frame, _ in shown], set(bare))
    for option in item.options:
        parts = [bare_key(part) for part in option.split(", ")]
        near = len(parts) == len(bare) and any(all(map(alike, parts, order)) for order in permutations(bare))
        ensure(truth.holds(option) or not near, "an option might be true too", item.id, option, truth.text)
    return truth


def _set(members: Iterable[str], plain: Callable[[str], str], found: Sequence[Frame], keys: set[str]) -> Truth:
    members = sorted(members)
    if not members:
        return _nowhere(*keys)
    # a member may have commas of its own
    true = sorted(plain(part) for part in ", ".join(members).split(", "))
    return Truth(
        text=", ".join(members),
        holds=lambda said: sorted(plain(part) for part in said.split(", ")) == true,
        evidence=frozenset(found),
        keys=frozenset(keys),
    )


def _total(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = bare_key(asked.key)
    found = known.showing(frames, key)
    total = sum(max(one.count for one in known.of(frame) if bare_key(one.key) == key) for frame in found)
    scenes = [known.scenes[frame.source] for frame in frames if frame.source in known.scenes]
    drawn = sum(scene.count * (scene.kind == key) + (scene.company == key) for scene in scenes)
    ensure(not known.scenes or drawn == total, "the scenes add up to another number", item.id, drawn, total)
    return Truth(text=str(total), holds=str(total).__eq__, evidence=frozenset(found), keys=frozenset({key}))


def _order(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    """Which order; or which of the things in the words, or in the options where the words name none, and where."""
    among = asked.keys or tuple(option for option in item.options if option != NOWHERE)
    keys = {bare_key(key): key for key in (*among, *([asked.key] if asked.key else []))}
    found = {key: known.showing(frames, key) for key in keys}
    ensure(all(len(places) < 2 for places in found.values()), "a key comes twice", item.id, found)
    starts = {key: places[0].start for key, places in found.items() if places}
    row = sorted(starts, key=starts.__getitem__)
    if not row:
        return _nowhere(*keys)
    if asked.form == "order":
        ensure(len(row) in (1, len(keys)), "some of the keys are missing", item.id, row)
        text = ", ".join(keys[key] for key in row) if len(row) > 1 else f"only {keys[row[0]]}"
    else:
        text = keys[_at(asked, row, item)]
    evidence = frozenset(frame for places in found.values() for frame in places)
    return Truth(text=text, holds=_is(text), evidence=evidence, keys=frozenset(keys))


def _at(asked: Asked, row: Sequence[str], item: Item) -> str:
    """The first or last of a row of keys, or what is next to one."""
    form, beside = asked.form.removesuffix(" of"), bare_key(asked.key)
    if form in ("first", "last"):
        return row[0 if form == "first" else -1]
    ensure(beside in row, "what is asked about is not shown", item.id, asked)
    place = row.index(beside) + (1 if form == "after" else -1)
    ensure(form in ("before", "after") and 0 <= place < len(row), "nothing lies there", item.id, asked, row)
    return row[place]


def _time(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = bare_key(asked.key)
    found = known.showing(frames, key)
    if not found:
        return _nowhere(key)
    ensure(len(found) == 1, "it appears twice", item.id, found)
    (frame,), rate = found, item.timeline.rate
    held = [option for option in item.options if _spans(option, frame, item)]
    if asked.form == "span":
        return Truth(text=", ".join(held), holds=held.__contains__, evidence=frozenset(found), keys=frozenset({key}))

    def near(said: str) -> bool:
        return said != NOWHERE and abs(Fraction(said) - Fraction(frame.start) / rate) <= Fraction(1, 200)

    text = f"{float(frame.start / rate):.3f}"
    return Truth(text=text, holds=near, evidence=frozenset(found), keys=frozenset({key}))


def _spans(said: str, frame: Frame, item: Item) -> bool:
    """Whether a frame is on show then, in times rounded as the text rounds them.

    Raises:
        AssertionError: it is so in a part of the span only, which is neither true nor false.
    """
    if said == NOWHERE:
        return False
    places = len(said.partition("-")[0].partition(".")[2])
    low, high = (_clock(part) for part in said.split("-"))
    rate = item.timeline.rate
    ends = (frame.start, frame.start + frame.length, item.timeline.length)
    start, end, whole = (_rounded(Fraction(at) / rate, places) for at in ends)
    inside = low <= start and end <= high
    ensure(inside or end <= low or high <= start, "a span holds a part of it", item.id, said)
    ensure(low < high <= whole, "a span is empty or lies outside", item.id, said)
    return inside


def _rounded(at_s: Fraction, places: int) -> Fraction:
    return Fraction((at_s * 10**places + Fraction(1, 2)).__floor__(), 10**places)


def _clock(text: str) -> Fraction:
    """Seconds of `1:02:03.45`."""
    match = _CLOCK.fullmatch(text)
    ensure(match is not None, "not a time", text)
    hours, minutes, seconds, part = match.groups()
    return Fraction(f"{(int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)}.{part or 0}")


def _follow(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = bare_key(asked.key)
    path, keys, value = list[Frame](), [key], ""
    for hop in range(asked.hops):
        found = known.showing(frames, key)
        if not found and not hop:
            return _nowhere(key)
        ensure(len(found) == 1, f"{len(found)} ways to go on", item.id, key)
        values = {folded(one.value): one.value for one in known.about(found[0], key, asked.attributes)}
        ensure(len(values) == 1, "the frame names not one thing", item.id, values)
        path += found
        (value,) = values.values()
        key = bare_key(value)
        keys += [key] if hop + 1 < asked.hops else []
    return Truth(text=value, holds=_is(value), evidence=frozenset(path), keys=frozenset(keys))


_TRUTHS: Mapping[str, Callable[[Known, Asked, Sequence[Frame], Item], Truth]] = {
    "retrieval": _value,
    "multi_value": _several,
    "counting": _total,
    "ordering": _order,
    "localization": _time,
    "chain": _follow,
}

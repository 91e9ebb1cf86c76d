"""Every answer a second time, by a route of its own: what the clips show, and what the question's words say.

Of an item only the question, the options and the timelines speak for the truth; its needles, its answer and what it
says was asked are then held against it. Two keys are alike when one is said within the other, as whoever looks for the
owl may take the owl in the snow for it; nothing that is shown may be alike to what is asked but what is meant.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, permutations
from string import Formatter

from haystack_gen.draw.families import plan_families
from haystack_gen.draw.scenes import Scene
from haystack_gen.facts import BLANK, Facts, Needle, sampled_length
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.spec import Spec
from haystack_gen.wording import read_wording

NOWHERE = "not in the video"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIELD = {"hops": r"[0-9]+"}
_CLOCK = re.compile(r"(?:(\d+):)?([0-5]\d):([0-5]\d)(?:\.(\d\d))?")
_SHOWS = {"number": lambda scene: str(scene.count), "clue": lambda scene: scene.sign}


def folded(text: str) -> str:
    """A text as a reader compares it."""
    return " ".join(text.casefold().split())


def named(key: str) -> str:
    """A key without its article."""
    return re.sub(r"^(?:the|a|an) ", "", folded(key))


def alike(one: str, other: str) -> bool:
    """Whether one bare key is said within the other, word for word."""
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
    """What the words of a question say, by the file and the form of the template that they match."""

    family: str
    form: str
    key: str = ""
    keys: tuple[str, ...] = ()
    attribute: str = ""
    value: str = ""
    hops: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The answer, which replies it is true of, which frames show it, and the bare keys that it is about."""

    text: str
    holds: Callable[[str], bool]
    evidence: frozenset[Frame] = frozenset()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Known:
    """A pack: what each picture shows, by its needles and, if it was drawn, by its scene."""

    facts: Facts
    scenes: Mapping[str, Scene] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pictures: dict[str, list[Needle]] = {}
        for needle in self.facts.needles:
            pictures.setdefault(needle.source, []).append(needle)
        object.__setattr__(self, "pictures", pictures)
        object.__setattr__(self, "spelled", {needle.key for needle in self.facts.needles if needle.key.strip()})
        object.__setattr__(self, "matches", {(match.needle, match.source): match for match in self.facts.matches})

    @classmethod
    def drawn(cls, facts: Facts, seed: int) -> "Known":
        """The drawn family pack of a seed, with its scenes."""
        needles = plan_families(seed)
        scenes = {one.id: one.scene for needle in needles for one in (needle, *needle.lures)}
        return cls(facts, scenes)

    def of(self, frame: Frame) -> Sequence[Needle]:
        """The facts that a frame's picture shows, whatever it was put there for."""
        return self.pictures.get(frame.source, ())  # type: ignore[attr-defined]

    def keys(self, frame: Frame) -> set[str]:
        """The bare keys that a frame shows."""
        return {named(needle.key) for needle in self.of(frame) if needle.key.strip()}

    def showing(self, frames: Iterable[Frame], key: str) -> list[Frame]:
        """The frames that show a bare key."""
        return [frame for frame in frames if key in self.keys(frame)]


def pictured(timeline: Timeline) -> list[Frame]:
    """What was put into the footage, in order."""
    return [
        Frame(role=clip.role, source=clip.source, start=clip.start, length=clip.length)
        for clip in timeline.clips
        if clip.role != "haystack"
    ]


# --- the words -------------------------------------------------------------------------------------------------------


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
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>{_FIELD.get(name, '.+?')})"
            seen.add(name)
    return re.compile(expression)


def read_question(known: Known, text: str) -> Asked:
    """The one meaning of a question's words.

    Raises:
        AssertionError: they match no template, or several with different meanings.
    """
    meanings = set(_meanings(known, text))
    ensure(len(meanings) == 1, f"{len(meanings)} meanings", text, *meanings)
    return meanings.pop()


def _meanings(known: Known, text: str) -> Iterator[Asked]:
    attributes = {needle.attribute for needle in known.facts.needles}
    values = {needle.value for needle in known.facts.needles}
    for family, form, attribute, expression in _templates():
        match = expression.fullmatch(text)
        words = match.groupdict() if match else {}
        if match is None or words.get("key", "") not in {"", *known.spelled}:  # type: ignore[attr-defined]
            continue
        if words.get("attribute", "") not in {"", *attributes} or words.get("value", "") not in {"", *values}:
            continue
        keys = _parted(words["keys"], known.spelled) if "keys" in words else ()  # type: ignore[attr-defined]
        if keys is not None:
            yield Asked(
                family=family,
                form=form,
                key=words.get("key", ""),
                keys=keys,
                attribute=attribute or words.get("attribute", ""),
                value=words.get("value", ""),
                hops=int(words.get("hops", 0)),
            )


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


# --- the truth -------------------------------------------------------------------------------------------------------


def answer_of(item: Item, known: Known) -> Truth:
    """What is true of an item, from its timelines, its words and its options alone.

    Raises:
        AssertionError: the question has no one answer.
    """
    frames = pictured(item.timeline)
    for entry in known.facts.listed:
        if entry.question == item.question and entry.pictures == tuple(frame.source for frame in frames):
            return Truth(text=entry.answer, holds=entry.answer.__eq__, evidence=frozenset(frames))
    for film in known.facts.questions:
        if film.question == item.question and {film.source} == {clip.source for clip in item.timeline.clips}:
            return Truth(text=film.answer, holds=film.answer.__eq__)
    beside = [frame for other in item.beside for frame in pictured(other.timeline)]
    own = [needle for needle in known.facts.needles if needle.question and needle.question == item.question]
    if own:
        return _supplied(known, own, frames, beside)
    asked = read_question(known, item.question)
    truth = _TRUTHS[asked.family](known, asked, frames, item)
    ensure(not any(known.showing(beside, key) for key in truth.keys), "another video shows it too", item.id)
    return truth


def _supplied(known: Known, asked: Sequence[Needle], frames: Sequence[Frame], beside: Sequence[Frame]) -> Truth:
    """The pack's own question: the answer of the one needle on show that it is about."""
    keys = frozenset(named(needle.key) for needle in asked if needle.key.strip())
    found = [(frame, needle) for frame in (*frames, *beside) for needle in known.of(frame) if needle in asked]
    if not found:
        return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=keys)
    ensure(len({frame for frame, _ in found}) == 1 and found[0][0] in frames, "one question, several frames", found)
    ((frame, needle), *_) = found
    true = {needle.answer, *([needle.value] if needle.value.strip() else [])}
    own_key = frozenset({named(needle.key)} - {""})
    return Truth(text=needle.answer, holds=_is(*true), evidence=frozenset({frame}), keys=own_key)


def _is(*true: str) -> Callable[[str], bool]:
    meant = {folded(text) for text in true}
    return lambda said: folded(said) in meant


def _one_value(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = named(asked.key)
    found = known.showing((*frames, *(one for other in item.beside for one in pictured(other.timeline))), key)
    if not found:
        return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=frozenset({key}))
    ensure(len(found) == 1, "several frames show the key", item.id, found)
    values = _values(known, found[0], key, asked.attribute)
    ensure(len(values) == 1, "the frame does not say", item.id, asked, values)
    return Truth(text=values[0], holds=_is(*values), evidence=frozenset(found), keys=frozenset({key}))


def _values(known: Known, frame: Frame, key: str, attribute: str) -> list[str]:
    """What a frame says of a key, each value once."""
    said = [one.value for one in known.of(frame) if named(one.key) == key and one.attribute == attribute]
    return list({folded(value): value for value in said}.values())


def _all_values(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    if asked.form == "keys":
        return _all_keys(known, asked, frames, item)
    key = named(asked.key)
    found = known.showing(frames, key)
    said = {folded(value): value for frame in found for value in _values(known, frame, key, asked.attribute)}
    return _set(said.values(), folded, found, {key})


def _all_keys(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    """Every key with the value; of the options, one whose keys are but alike to those shown might be true as well."""
    shown = {
        (frame, needle.key)
        for frame in frames
        for needle in known.of(frame)
        if (needle.attribute, folded(needle.value)) == (asked.attribute, folded(asked.value))
    }
    lures = {match.source: match.lure for match in known.facts.matches}
    for frame in frames:
        lure = lures.get(frame.source, "?") if frame.role == "distractor" and not known.of(frame) else "none"
        ensure(folded(lure) not in ("", folded(asked.value)), "a look-alike may show the value", item.id, frame)
    truth = _set({key for _, key in shown}, named, [frame for frame, _ in shown], {named(key) for _, key in shown})
    bare = [named(key) for _, key in shown]
    for option in item.options:
        parts = [named(part) for part in option.split(", ")]
        near = len(parts) == len(bare) and any(
            all(map(alike, parts, order, strict=True)) for order in permutations(bare)
        )
        ensure(truth.holds(option) or not near, "an option might be true too", item.id, option, truth.text)
    return truth


def _set(members: Iterable[str], plain: Callable[[str], str], found: Sequence[Frame], keys: set[str]) -> Truth:
    members = sorted(members)
    if not members:
        return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=frozenset(keys))
    # a member may have commas of its own
    true = sorted(plain(part) for part in ", ".join(members).split(", "))
    return Truth(
        text=", ".join(members),
        holds=lambda said: sorted(plain(part) for part in said.split(", ")) == true,
        evidence=frozenset(found),
        keys=frozenset(keys),
    )


def _total(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = named(asked.key)
    found = known.showing(frames, key)
    total = sum(max(one.count for one in known.of(frame) if named(one.key) == key) for frame in found)
    scenes = [known.scenes[frame.source] for frame in frames if frame.source in known.scenes]
    drawn = sum(scene.count * (scene.kind == key) + (scene.company == key) for scene in scenes)
    ensure(not known.scenes or drawn == total, "the scenes add up to another number", item.id, drawn, total)
    return Truth(text=str(total), holds=str(total).__eq__, evidence=frozenset(found), keys=frozenset({key}))


def _order(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    """Which order, or which of the things in the options, or in the words where there are none, and where it is."""
    among = asked.keys or tuple(option for option in item.options if option != NOWHERE)
    keys = {named(key): key for key in (*among, *([asked.key] if asked.key else []))}
    found = {key: known.showing(frames, key) for key in keys}
    ensure(all(len(places) < 2 for places in found.values()), "a key comes twice", item.id, found)
    starts = {key: places[0].start for key, places in found.items() if places}
    evidence = frozenset(frame for places in found.values() for frame in places)
    row = sorted(starts, key=starts.__getitem__)
    if not row:
        return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=frozenset(keys))
    if asked.form == "order":
        ensure(len(row) in (1, len(keys)), "some of the keys are missing", item.id, row)
        text = ", ".join(keys[key] for key in row) if len(row) > 1 else f"only {keys[row[0]]}"
    else:
        text = keys[_neighbour(asked, row, item)]
    return Truth(text=text, holds=_is(text), evidence=evidence, keys=frozenset(keys))


def _neighbour(asked: Asked, row: Sequence[str], item: Item) -> str:
    beside = named(asked.key)
    form = asked.form.removesuffix(" of")
    ensure(form in ("first", "last") or beside in row, "what is asked about is not shown", item.id, asked)
    part = {
        "first": lambda: row,
        "last": lambda: row,
        "before": lambda: row[: row.index(beside)],
        "after": lambda: row[row.index(beside) + 1 :],
    }[form]()
    ensure(bool(part), "nothing lies there", item.id, asked, row)
    return part[0 if form in ("first", "after") else -1]


def _time(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key = named(asked.key)
    found = known.showing(frames, key)
    if not found:
        return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=frozenset({key}))
    ensure(len(found) == 1, "it appears twice", item.id, found)
    rate, (frame,) = item.timeline.rate, found
    start, end = (_hundredths(Fraction(at) / rate) for at in (frame.start, frame.start + frame.length))

    def span(said: str) -> bool:
        """Whether it appears then; one that only holds a part of it is neither true nor false."""
        if said == NOWHERE:
            return False
        low, high = map(_read_clock, said.split("-"))
        inside = low <= start and end <= high
        ensure(inside or end <= low or high <= start, "a span holds a part of it", item.id, said)
        ensure(low < high <= _hundredths(item.timeline.length / rate), "a span lies outside", item.id, said)
        return inside

    def seconds(said: str) -> bool:
        return said != NOWHERE and abs(Fraction(said) - Fraction(frame.start) / rate) <= Fraction(1, 200)

    holds = span if asked.form == "span" else seconds
    text = next(filter(holds, item.options), "no span") if asked.form == "span" else item.answer_text
    return Truth(text=text, holds=holds, evidence=frozenset(found), keys=frozenset({key}))


def _hundredths(at_s: Fraction) -> int:
    return (at_s * 100 + Fraction(1, 2)).__floor__()


def _read_clock(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    ensure(match is not None, "not a time", text)
    hours, minutes, seconds, part = (int(group or 0) for group in match.groups())  # type: ignore[union-attr]
    return ((hours * 60 + minutes) * 60 + seconds) * 100 + part


def _follow(known: Known, asked: Asked, frames: Sequence[Frame], item: Item) -> Truth:
    key, path, keys = named(asked.key), list[Frame](), [named(asked.key)]
    value = ""
    for hop in range(asked.hops):
        found = known.showing(frames, key)
        if not found and not hop:
            return Truth(text=NOWHERE, holds=_is(NOWHERE), keys=frozenset(keys))
        ensure(len(found) == 1, f"{len(found)} ways to go on", item.id, key)
        (value,) = _values(known, found[0], key, asked.attribute)
        path += found
        key = named(value)
        keys += [key] if hop + 1 < asked.hops else []
    return Truth(text=value, holds=_is(value), evidence=frozenset(path), keys=frozenset(keys))


_TRUTHS: dict[str, Callable[[Known, Asked, Sequence[Frame], Item], Truth]] = {
    "retrieval": _one_value,
    "multi_value": _all_values,
    "counting": _total,
    "ordering": _order,
    "localization": _time,
    "chain": _follow,
}


# --- what the item says ----------------------------------------------------------------------------------------------


def check(item: Item, known: Known, spec: Spec) -> Truth:
    """Hold everything that an item says against its truth.

    Raises:
        AssertionError: something does not agree, or is not told apart.
    """
    truth = answer_of(item, known)
    if item.options:
        _check_options(item, truth)
    else:
        _check_open(item, truth, spec)
    _check_positions(item, known)
    _check_asked(item, truth)
    _check_apart(item, known, truth)
    _check_footage(item, known, spec)
    if item.task == "stack":
        check_context(item, known, spec)
    return truth


def _check_options(item: Item, truth: Truth) -> None:
    true = [place for place, option in enumerate(item.options) if truth.holds(option)]
    ensure(item.form == "mcq" and true == [LETTERS.index(item.answer)], "true options", true, item, truth.text)
    text = item.options[true[0]]
    ensure(item.answer_text == text, "answer text", item)
    ensure(item.accepted == (item.answer, text, f"{item.answer}. {text}"), "accepted", item)
    ensure(len(set(map(folded, item.options))) == len(item.options), "options repeat", item.options)
    ensure(all(not one.lure or one.lure in {*item.options} - {text} for one in item.distractors), "lures", item)


def _check_open(item: Item, truth: Truth, spec: Spec) -> None:
    ensure(item.form != "mcq" and item.answer == item.answer_text == item.accepted[0], "open answer", item)
    ensure(all(map(truth.holds, item.accepted)), "accepted", truth.text, item)
    ensure(len(set(item.accepted)) == len(item.accepted), "accepted twice", item)
    about_time = item.form == "seconds" and item.answer != NOWHERE
    ensure(item.tolerance == (spec.families.localization.tolerance_s if about_time else 0), "tolerance", item)
    if item.form == "set" and item.answer != NOWHERE and 1 < len(item.answer.split(", ")) <= 4:
        orders = set(permutations(item.answer.split(", ")))
        ensure({tuple(one.split(", ")) for one in item.accepted} == orders, "not every order is accepted", item)


def _check_positions(item: Item, known: Known) -> None:
    frames = [frame for frame in pictured(item.timeline) if frame.source != BLANK]
    placed = [("needle", one) for one in item.needles] + [("distractor", one) for one in item.distractors]
    said = [Frame(role=role, source=one.source, start=one.start, length=one.length) for role, one in placed]
    ensure(sorted(said, key=_start) == frames, "positions", item.id, said, frames)
    ensure([one.start for one in item.needles] == sorted(one.start for one in item.needles), "order", item.needles)
    for one in item.needles:
        ensure(one.depth == _depth(one.start, item.timeline.length - one.length), "depth", item.id, one)
    for other in item.distractors:
        match = known.matches[other.needle, other.source]  # type: ignore[attr-defined]
        ensure(other.lure in ("", match.lure) and other.similarity == match.similarity, "look-alike", item.id, other)
        starts = {one.start for one in item.needles if one.needle == other.needle}
        ensure(not starts or other.start - other.offset in starts, "offset", item.id, other)


def _start(frame: Frame) -> int:
    return frame.start


def _depth(start: int, room: int) -> Fraction:
    return Fraction(start, room) if room > 0 else Fraction(0)


def _check_asked(item: Item, truth: Truth) -> None:
    asked, evidence = {one.start for one in item.needles if one.asked}, {frame.start for frame in truth.evidence}
    agree = evidence <= asked if item.task == "ordering" else evidence == asked
    ensure(agree, "asked needles", item.id, asked, evidence)
    ensure(all(frame.role == "needle" for frame in truth.evidence), "a look-alike answers", item.id, truth)


def _check_apart(item: Item, known: Known, truth: Truth) -> None:
    """No frame is alike to what is asked but what is meant; no two needles are alike unless both are meant."""
    if any(item.question == entry.question for entry in known.facts.listed):
        return
    own = pictured(item.timeline)
    frames = own + [frame for other in item.beside for frame in pictured(other.timeline)]
    for frame in frames:
        near = {key for key in known.keys(frame) for other in truth.keys if key != other and alike(key, other)}
        ensure(not near or (frame in truth.evidence and item.variant == "keys"), "alike keys", item.id, near, truth)
    shared = truth.evidence if item.task in ("multi_value", "counting") else frozenset[Frame]()
    needles = [frame for frame in frames if frame.role == "needle"]
    for one, other in combinations(needles, 2):
        near = {key for key in known.keys(one) for key2 in known.keys(other) if alike(key, key2)}
        ensure(not near or {one, other} <= shared, "needles with alike keys", item.id, one, other)
    if known.scenes:
        _check_scenes(item, known, truth, frames)
    seen = {needle.id for needle in known.facts.needles if named(needle.key) in truth.keys}
    sighted = {(one.source, one.frame) for one in known.facts.sightings if one.needle in seen}
    for _, timeline in item.videos if sighted else ():
        ensure(sighted.isdisjoint(footage_of(timeline).values()), "the footage shows it too", item.id, truth)


def _check_scenes(item: Item, known: Known, truth: Truth, frames: Sequence[Frame]) -> None:
    """What was drawn says the same as what the list says of it."""
    drawn = {frame: known.scenes[frame.source] for frame in frames if frame.source != BLANK}
    for key in truth.keys:
        found = {frame for frame, scene in drawn.items() if key in (scene.kind, scene.company)}
        ensure(found == set(known.showing(frames, key)), "a scene shows the key", item.id, key, found)
    if item.variant == "keys":
        asked = read_question(known, item.question)
        shows = _SHOWS.get(asked.attribute, lambda scene: str(getattr(scene, asked.attribute)))
        found = {frame for frame, scene in drawn.items() if shows(scene) == asked.value}
        ensure(found == truth.evidence, "a scene shows the value", item.id, asked, found)


def footage_of(timeline: Timeline) -> dict[int, tuple[str, int]]:
    """The film's frame on show at each frame of the timeline."""
    return {
        clip.start + step: (clip.source, clip.source_start + step)
        for clip in timeline.clips
        if clip.role == "haystack"
        for step in range(clip.length)
    }


def _check_footage(item: Item, known: Known, spec: Spec) -> None:
    """The length that was asked for, and consecutive frames of the footage from where the window begins."""
    if any(item.question == film.question for film in known.facts.questions):
        return
    inserted = sum(frame.length for frame in pictured(item.timeline))
    paper = spec.placement.length == "paper"
    if item.control != "needle_only":
        expected = item.requested_length + (inserted if paper else 0)
        ensure(item.timeline.length == expected, "length", item.id, item.timeline.length, expected)
    if item.control in ("needle_only", "shuffled"):
        return
    run = _footage(known.facts.haystack, spec.haystack.fps)
    for shown, (at, frame) in enumerate(sorted(footage_of(item.timeline).items())):
        place = item.window_start + (shown if paper else at)
        ensure(run[place % len(run)] == frame, "footage", item.id, at, frame, run[place % len(run)])


@lru_cache
def _footage(films: tuple[object, ...], rate: Fraction) -> list[tuple[str, int]]:
    return [(film.id, at) for film in films for at in range(sampled_length(film.duration_s, rate))]  # type: ignore


# --- stacks ----------------------------------------------------------------------------------------------------------


def check_context(item: Item, known: Known, spec: Spec) -> None:
    """A stack's parts follow each other, cost what is said and no more than was asked, and lie as deep as said."""
    rules, noise = spec.families.stack, known.facts.noise
    assert noise is not None
    lengths = {name: timeline.length for name, timeline in item.videos}
    ensure(sorted(lengths) == sorted(part.video for part in item.context if part.video), "videos", item.context)
    ensure(len(lengths) == len(item.beside) + 1, "videos share a name", item.videos)
    texts = [part for part in item.context if not part.video]
    for one, other in zip(texts, texts[1:], strict=False):
        ensure(other.first == one.first + one.count, "text goes on elsewhere", item.context)
    for one, other in zip(item.context, item.context[1:], strict=False):
        ensure(bool(one.video or other.video), "text after text", item.context)

    def cost(first: int, count: int) -> int:
        return sum(noise.costs[place % len(noise.costs)] for place in range(first, first + count))

    ensure(all(part.count > 0 and part.first >= 0 for part in texts), "empty parts", item.context)
    text = sum(cost(part.first, part.count) for part in texts)
    videos = sum(min(length * rules.frame_cost, rules.video_cost) for length in lengths.values())
    ensure(text + videos == item.context_cost <= item.context_length, "cost", item.id, text, videos, item.context_cost)
    place = next(place for place, part in enumerate(item.context) if part.video == item.video)
    above = sum(cost(part.first, part.count) for part in item.context[:place] if not part.video)
    ensure(item.context_depth == (Fraction(above, text) if text else 0), "depth", item.id, above, text)
    if texts:
        after = texts[-1].first + texts[-1].count
        ensure(item.context_cost + cost(after, 1) > item.context_length, "room for more text", item.id)
        following = texts[0].first + sum(part.count for part in item.context[:place])
        want = item.requested_depth * text
        ensure(above <= want and (above == text or above + cost(following, 1) > want), "place", item.id, above, want)

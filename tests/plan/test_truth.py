"""Every answer of every family is true, its wrong options are false, and what an item says of itself agrees."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, cycle, islice, pairwise, permutations
from operator import attrgetter
from string import ascii_uppercase as LETTERS
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from haystack_gen.errors import InputError
from haystack_gen.facts import BLANK, Facts, Listed, Match, Needle, Sighting, Source, VideoQuestion, sampled_length
from haystack_gen.families import Task
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.timeline import Timeline
from haystack_gen.spec import Spec
from haystack_gen.wording import read_wording
from tests.plan.recount import (
    NOWHERE,
    Frame,
    Known,
    Truth,
    alike,
    answer_of,
    bare_key,
    ensure,
    folded,
    pictured,
    read_question,
)
from tests.plan.worlds import family_world, film, spec_of, still

FAMILIES = get_args(Task)
SEEDS = (42, 7, 2**40)


@lru_cache
def drawn(seed: int) -> Known:
    return Known.drawn(family_world(seed=seed), seed)


def planned(document: dict[str, Any], known: Known) -> list[Item]:
    """The items of a plan, all held against the truth; drops have to say why."""
    spec = spec_of(json.dumps(document))
    items = []
    for one in plan_items(spec, known.facts):
        if isinstance(one, Drop):
            assert len(one.reason) > 20
            continue
        check(one, known, spec)
        items.append(one)
    return items


# --- what an item says of itself -------------------------------------------------------------------------------------


def check(item: Item, known: Known, spec: Spec) -> None:
    """Hold everything that an item says against its truth."""
    truth = answer_of(item, known)
    if item.options:
        check_options(item, truth)
        if truth.asked is not None:
            parted = [pair for pair in permutations(map(folded, item.options), 2) if pair[0] in pair[1]]
            ensure(not parted, "an option is a part of another", item.id, parted)
    else:
        check_open(item, truth, spec)
    check_positions(item, known)
    check_asked(item, truth)
    if truth.asked is not None or truth.keys:
        check_apart(item, known, truth)
    if known.scenes:
        check_scenes(item, known, truth)
    if not any(item.question == film.question for film in known.facts.questions):
        check_footage(item, known, spec)
    if item.task == "stack":
        check_context(item, known, spec)


def check_options(item: Item, truth: Truth) -> None:
    true = [LETTERS[place] for place, option in enumerate(item.options) if truth.holds(option)]
    ensure(item.form == "mcq" and true == [item.answer], "true options", true, truth.text, item)
    text = item.options[LETTERS.index(item.answer)]
    ensure(item.answer_text == text, "answer text", item)
    ensure(item.accepted == (item.answer, text, f"{item.answer}. {text}"), "accepted", item)
    ensure(len(set(map(folded, item.options))) == len(item.options), "options repeat", item.options)


def check_open(item: Item, truth: Truth, spec: Spec) -> None:
    ensure(item.form != "mcq" and item.answer == item.answer_text == item.accepted[0], "open answer", item)
    ensure(all(map(truth.holds, item.accepted)), "accepted", truth.text, item)
    ensure(len(set(item.accepted)) == len(item.accepted), "accepted twice", item)
    about_time = item.form == "seconds" and item.answer != NOWHERE
    ensure(item.tolerance == (spec.families.localization.tolerance_s if about_time else 0), "tolerance", item)
    members = item.answer.split(", ")
    if item.form == "set" and len(members) == len(truth.evidence) <= 4:
        ensure(set(item.accepted) == {", ".join(order) for order in permutations(members)}, "orders", item)


def check_positions(item: Item, known: Known) -> None:
    """What is said to lie where is what the timeline shows there."""
    frames = [frame for frame in pictured(item.timeline) if frame.source != BLANK]
    said = [("needle", one) for one in item.needles] + [("distractor", one) for one in item.distractors]
    said_frames = [Frame(role=role, source=one.source, start=one.start, length=one.length) for role, one in said]
    ensure(sorted(said_frames, key=attrgetter("start")) == frames, "positions", item.id, said_frames, frames)
    for placed in (item.needles, item.distractors):
        ensure(sorted(one.start for one in placed) == [one.start for one in placed], "not sorted", item.id, placed)
    for needle in item.needles:
        room = item.timeline.length - needle.length
        ensure(needle.depth == (Fraction(needle.start, room) if room else 0), "depth", item.id, needle)
    for one in item.distractors:
        match = known.matches[one.needle, one.source]
        ensure(one.similarity == match.similarity and one.lure in ("", match.lure), "look-alike", item.id, one)
        choosable = {"", *item.options} - {item.answer_text} if item.options else {one.lure}
        ensure(one.lure in choosable, "lures to what is right, or cannot be chosen", item.id, one)
        starts = {needle.start for needle in item.needles if needle.needle == one.needle}
        ensure(not starts or one.start - one.offset in starts, "offset", item.id, one)


def check_asked(item: Item, truth: Truth) -> None:
    asked, evidence = {one.start for one in item.needles if one.asked}, {frame.start for frame in truth.evidence}
    agree = evidence <= asked if item.task == "ordering" else evidence == asked
    ensure(agree, "asked needles", item.id, asked, evidence)
    ensure(all(frame.role == "needle" for frame in truth.evidence), "a look-alike answers", item.id, truth)
    ensure(truth.asked is None or truth.asked.family != "ordering" or asked == {one.start for one in item.needles})


def check_apart(item: Item, known: Known, truth: Truth) -> None:
    """Only what is meant is alike to what is asked, on show or in the footage, and needles are not alike."""
    frames = [frame for _, timeline in item.videos for frame in pictured(timeline)]
    for frame in frames:
        near = {key for key in known.keys(frame) for other in truth.keys if alike(key, other)}
        ensure(not near or frame in truth.evidence, "something else is alike to what is asked", item.id, frame, truth)
    shared = {frame.start for frame in truth.evidence if item.task in ("multi_value", "counting")}
    for one, other in combinations(item.needles, 2):
        keys = (bare_key(known.needles[placed.needle].key) for placed in (one, other))
        ensure(not alike(*keys) or {one.start, other.start} <= shared, "alike needles", item.id, one, other)
    for _, timeline in item.videos if known.facts.sightings else ():
        about = {needle.id for needle in known.facts.needles if bare_key(needle.key) in truth.keys}
        sighted = {(one.source, one.frame) for one in known.facts.sightings if one.needle in about}
        ensure(sighted.isdisjoint(footage_of(timeline).values()), "the footage shows it too", item.id, truth)


def check_scenes(item: Item, known: Known, truth: Truth) -> None:
    """What was drawn says the same as what the list says of it: nothing else shows what is asked."""
    frames = [frame for _, timeline in item.videos for frame in pictured(timeline) if frame.source != BLANK]
    scenes = {frame: known.scenes[frame.source] for frame in frames}
    for key in truth.keys:
        found = {frame for frame, scene in scenes.items() if key in (scene.kind, scene.company)}
        ensure(found == set(known.showing(frames, key)), "a scene shows the key", item.id, key, found)
    if item.variant == "keys":
        asked = read_question(known, item.question)
        parts = {"number": "count", "clue": "sign"}
        said = [attrgetter(parts.get(attribute, attribute)) for attribute in asked.attributes]
        found = {frame for frame, scene in scenes.items() if asked.value in {str(part(scene)) for part in said}}
        ensure(found == truth.evidence, "a scene shows the value", item.id, asked, found)


def footage_of(timeline: Timeline) -> dict[int, tuple[str, int]]:
    """The film's frame on show at each frame of the timeline."""
    return {
        clip.start + step: (clip.source, clip.source_start + step)
        for clip in timeline.clips
        if clip.role == "haystack"
        for step in range(clip.length)
    }


@lru_cache
def run_of(films: tuple[Source, ...], rate: Fraction) -> list[tuple[str, int]]:
    return [(film.id, at) for film in films for at in range(sampled_length(film.duration_s, rate))]


def check_footage(item: Item, known: Known, spec: Spec) -> None:
    """The length that was asked for, and consecutive frames of the footage from where the window begins."""
    paper = spec.placement.length == "paper"
    if item.control != "needle_only":
        expected = item.requested_length + (sum(frame.length for frame in pictured(item.timeline)) if paper else 0)
        ensure(item.timeline.length == expected, "length", item.id, item.timeline.length, expected)
    if item.control in ("needle_only", "shuffled"):
        return
    run, shown = run_of(known.facts.haystack, spec.haystack.fps), 0
    for clip in item.timeline.clips:
        if clip.role == "haystack":
            place = item.window_start + (shown if paper else clip.start)
            ends = [(clip.source, clip.source_start), (clip.source, clip.source_start + clip.length - 1)]
            ensure(ends == [run[at % len(run)] for at in (place, place + clip.length - 1)], "footage", item.id, clip)
            shown += clip.length


def check_context(item: Item, known: Known, spec: Spec) -> None:
    """A stack's parts follow each other, cost what is said and no more than was asked, and lie as deep as said."""
    rules, noise = spec.families.stack, known.facts.noise
    assert noise is not None
    lengths = {name: timeline.length for name, timeline in item.videos}
    ensure(len(lengths) == len(item.beside) + 1, "videos share a name", item.id)
    ensure(sorted(lengths) == sorted(part.video for part in item.context if part.video), "videos", item.context)
    texts = [part for part in item.context if not part.video]
    ensure(all(one.first + one.count == other.first for one, other in pairwise(texts)), "text", item.context)
    ensure(all(one.video or other.video for one, other in pairwise(item.context)), "text after text", item.context)
    ensure(all(part.count > 0 and part.first >= 0 for part in texts), "empty parts", item.context)

    def cost(first: int, count: int) -> int:
        return sum(islice(cycle(noise.costs), first, first + count))

    place = [part.video for part in item.context].index(item.video)
    above = sum(cost(part.first, part.count) for part in item.context[:place])
    text = sum(cost(part.first, part.count) for part in texts)
    videos = sum(min(length * rules.frame_cost, rules.video_cost) for length in lengths.values())
    ensure(text + videos == item.context_cost <= item.context_length, "cost", item.id, text, videos, item.context_cost)
    ensure(item.context_depth == (Fraction(above, text) if text else 0), "depth", item.id, above, text)
    if texts:
        first = texts[0].first
        room = cost(first + sum(part.count for part in texts), 1)
        full = item.context_cost + room > item.context_length
        ensure(full or item.control == "needle_only", "room for more text", item.id)  # a twin has its item's text
        want = item.requested_depth * text
        more = cost(first + sum(part.count for part in item.context[:place]), 1)
        ensure(above <= want and (above == text or above + more > want), "place", item.id, above, want)


# --- plans of the drawn pack -----------------------------------------------------------------------------------------

ONE_OF = st.sampled_from
SPREADS = ONE_OF(["band", "band", "even", "at"])


def distractors(paper: bool) -> st.SearchStrategy[dict[str, Any]]:
    laws = ["periodic"] if paper else ["periodic", "random", "adjacent"]

    def rules(law: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {
                "origin": ONE_OF(["none", "supplied", "any"]),
                "law": st.just(law),
                "period": ONE_OF([7, 20, 31]),
                "phase": ONE_OF(["0", "1/2", "1/3"] if law == "periodic" and not paper else ["0"]),
                "sides": ONE_OF(["both", "before", "after"]),
                "count": ONE_OF([1, 2, 3] if law == "random" else ["all", 1, 2]),
                "length": ONE_OF([1] if paper else [1, 2]),
                "at_least": ONE_OF([0, 1]),
            }
        )

    return ONE_OF(laws).flatmap(rules)


RULES = st.fixed_dictionaries(
    {
        "multi_key": st.fixed_dictionaries({"needles": st.integers(2, 6), "spread": SPREADS}),
        "multi_value": st.fixed_dictionaries(
            {
                "needles": ONE_OF(["1", "2", "2:3", "3:4"]),
                "ask": ONE_OF(["values", "keys", "both"]),
                "others": ONE_OF([0, 1, 3]),
                "spread": SPREADS,
            }
        ),
        "multi_query": st.fixed_dictionaries(
            {"needles": st.integers(3, 6), "questions": st.integers(2, 3), "spread": SPREADS}
        ),
        "counting": st.fixed_dictionaries(
            {"most": ONE_OF([5, 6, 12]), "frames": ONE_OF([6, 8]), "others": ONE_OF([0, 2, 5]), "spread": SPREADS}
        ),
        "ordering": st.fixed_dictionaries(
            {
                "needles": ONE_OF(["3", "3:4", "4:6"]),
                "ask": ONE_OF(["order", "first,last", "before,after", "order,first,last,before,after"]),
                "only": st.booleans(),
                "spread": SPREADS,
            }
        ),
        "localization": st.fixed_dictionaries({"tolerance_s": ONE_OF([0, 5, "1/3"])}),
        "chain": st.fixed_dictionaries({"hops": st.integers(2, 5), "branches": st.integers(0, 2), "spread": SPREADS}),
        "absent": st.fixed_dictionaries({"others": ONE_OF([0, 2, 4]), "spread": SPREADS}),
        "stack": st.fixed_dictionaries(
            {"lengths": ONE_OF(["600", "900,1500"]), "frame_cost": ONE_OF([0, 1]), "per_context": st.integers(1, 3)}
        ),
    }
)


@st.composite
def documents(draw: st.DrawFn, task: str) -> dict[str, Any]:
    """A spec of one family, as a person might write it; most make sense."""
    paper = task not in ("absent", "localization") and draw(ONE_OF([False, False, False, True]))
    absent = not paper and draw(st.booleans())
    look_alikes = draw(distractors(paper))
    controls = [] if paper else ["needle_only", "no_distractors", "shuffled"]
    controls += ["haystack_only", "blanked"] if absent else []
    periodic = look_alikes["origin"] != "none" and look_alikes["law"] == "periodic"
    controls += ["anti_phase"] if periodic and not paper else []
    return {
        "tasks": task,
        "seed": draw(st.integers(0, 2**32)),
        "haystack": {"fps": draw(ONE_OF([1, 2, "1/2", "30000/1001"])), "window": draw(ONE_OF(["random", "first"]))},
        "needles": {"length": 1 if paper else draw(ONE_OF([1, 1, 2]))},
        "grid": {
            "lengths": draw(ONE_OF(["60", "30,111", "200"])),
            "depths": draw(ONE_OF(["0:1:1/2", "0,1", "0,1/3,4/5"])),
            "trials": draw(ONE_OF([2, 5])),
        },
        "placement": {
            "length": "paper" if paper else "exact",
            "gap": draw(ONE_OF([0, 1, 3])),
            "band": draw(ONE_OF(["1/5", "1/2", 1])),
            "at": draw(ONE_OF(["0,1/2,1", "0,1/3,1/2,1"])),
        },
        "distractors": look_alikes,
        "controls": draw(st.lists(ONE_OF(controls), max_size=2, unique=True)) if controls else [],
        "families": draw(RULES),
        "choices": {
            "form": draw(ONE_OF(["options", "open", "both"])),
            "count": draw(st.integers(2, 5)),
            "absent": absent,
            "circular": draw(st.booleans()),
        },
    }


@pytest.mark.parametrize("task", FAMILIES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=ONE_OF(SEEDS))
def test_whatever_is_asked_for_is_true(task: str, data: st.DataObject, seed: int) -> None:
    document = data.draw(documents(task))
    try:
        items = planned(document, drawn(seed))
    except InputError:
        assume(False)
    names = [item.id for item in items]
    assert len(set(names)) == len(names)


def test_ten_thousand_items_without_a_wrong_one() -> None:
    document = {
        "tasks": ",".join(FAMILIES),
        "grid": {"lengths": "96,160", "depths": "0:1:1/4", "trials": 44},
        "choices": {"form": "both", "absent": True},
        "distractors": {"origin": "supplied", "period": 31, "count": 2, "at_least": 0},
    }
    items = planned(document, drawn(42))
    assert len(items) == 2 * 5 * 44 * 2 * (len(FAMILIES) + 2)  # nothing is dropped, and multi_query asks three
    for task in FAMILIES:
        forms = {(item.variant, item.form) for item in items if item.task == task}
        assert len(forms) == {"multi_value": 4, "ordering": 10}.get(task, 2)
        answers = [item.answer_text for item in items if item.task == task]
        assert answers.count("0" if task == "counting" else NOWHERE) * 4 == len(answers)


# --- packs as people make them ---------------------------------------------------------------------------------------

Row = dict[str, Any]
NAMES = ("the owl", "the cat", "the dog", "the fox", "the ant", "the gnu")
COLORS = ("red", "green", "blue", "white", "black", "pink")


def crossed(keys: Sequence[str] = NAMES, values: Sequence[str] = COLORS, attribute: str = "color") -> list[Row]:
    return [{"key": key, "value": value, "attribute": attribute} for key in keys for value in values]


def pack(rows: Sequence[Row], matches: Sequence[Match] = (), **more: Any) -> Known:
    needles = tuple(
        Needle(id=f"n{number}", **{"question": "", "source": f"n{number}", "answer": row.get("value", ""), **row})
        for number, row in enumerate(rows)
    )
    names = dict.fromkeys([*(one.source for one in needles), *(one.source for one in matches)])
    facts = Facts(
        haystack=(film(),),
        stills=tuple(map(still, names)),
        needles=needles,
        matches=tuple(matches),
        noise=family_world().noise,
        wording=read_wording(),
    )
    return Known(replace(facts, **more))


def said_within_each_other() -> Known:
    """Keys that are parts of each other, with and without articles."""
    owls = ("the owl", "the owl in the snow", "the snow owl", "The owl in the tree")
    return pack(crossed((*owls, "dog", "the hot dog", "a big dog", "Dog", *NAMES[3:], "the yak", "a boa")))


def with_parted_values() -> Known:
    """Values that are parts of each other, with articles and capitals."""
    return pack(crossed(values=("Red", "dark red", "red wine", "a blue", "white", "off-white", "12", "2", "black")))


def asked_alike() -> Known:
    """The pack's own question, the same for all."""
    return pack([{**row, "question": "What color is it?"} for row in crossed()])


def asked_by_the_pack() -> Known:
    """The pack's own questions and options."""
    own = ("red", "green", "blue", "white")
    rows = [{**row, "question": f"Of what color is {row['key']}?", "options": own} for row in crossed(values=own)]
    return pack(rows + crossed(values=COLORS[4:]))


def with_two_facts_in_a_picture() -> Known:
    """Pictures that show two keys, or say two things of one."""
    rows: list[Row] = [{**row, "source": f"{row['key'][4:]}-{row['value']}"} for row in crossed()]
    rows += [{**row, "value": f"a {row['value']} box", "attribute": "company"} for row in rows[:12]]
    beside = zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True)
    rows += [
        {"key": one, "value": f"{number} m", "attribute": "size", "source": f"{other[4:]}-red"}
        for number, (one, other) in enumerate(beside)
    ]
    return pack(rows)


def with_needles_as_look_alikes() -> Known:
    """Look-alikes that are the pictures of other needles, of other keys."""
    rows = crossed()
    others = [(number, (number + 7) % len(rows)) for number in range(len(rows))]
    return pack(rows, [Match(needle=f"n{one}", source=f"n{other}", lure=rows[other]["value"]) for one, other in others])


def with_unknown_look_alikes() -> Known:
    """Mined look-alikes, of which nobody knows what they show, or whose lure is written differently."""
    rows = crossed()
    lures = ("", "Green", " BLUE", "red", "black")
    matches = [
        Match(needle=f"n{one}", source=f"mined-{one % 9}-{place}", lure="" if folded(lure) == row["value"] else lure)
        for one, row in enumerate(rows)
        for place, lure in enumerate(lures)
    ]
    return pack(rows, matches)


def with_numbers() -> Known:
    """Pictures that show several, and keys in other words."""
    keys = ("the owl", "The owl", "owls", "the cat", "dogs", "the dogs in the snow", *NAMES[3:])
    counts = enumerate(("red", "green", "blue", "white"), start=1)
    values = [(count, value) for count, value in counts]
    return pack([{**crossed((key,), (value,))[0], "count": count} for key in keys for count, value in values])


def with_names_on_signs() -> Known:
    """Values that name keys, as text and as company, in other cases."""
    linked = crossed(values=("CAT", "the owl", "dog", "Fox", "an ant", "gnu"), attribute="clue")
    linked = [row for row in linked if bare_key(row["value"]) != bare_key(row["key"])]
    return pack(linked + crossed(("the bus", "the car", "the ship", "the bike", "the train", "the jet")))


def with_commas() -> Known:
    return pack(crossed(("the cat, asleep", "the dog and the fox", *NAMES[3:], "emu"), ("red, green", *COLORS)))


def with_keys_alone() -> Known:
    """Own questions and keys, and nothing that other families could ask about."""
    asked = [(key, answer) for key in NAMES[:2] for answer in ("run", "sleep", "eat")]
    own = ("run", "sleep", "eat", "fly")
    numbered = enumerate(asked)
    return pack(
        [{"key": k, "question": f"{k}: what now ({n})?", "answer": a, "options": own} for n, (k, a) in numbered]
    )


def whose_footage_shows_it() -> Known:
    """Footage in which many needles were sighted."""
    facts = family_world(film(seconds=1500))
    every = [needle.id for needle in facts.needles]
    seen = [
        Sighting(needle=every[at % len(every)], source="film", frame=at * 37 % 1500, similarity=0.9)
        for at in range(0, 260, 2)
    ]
    return Known.drawn(replace(facts, sightings=tuple(seen)), 42)


PACKS = (
    said_within_each_other,
    with_parted_values,
    asked_alike,
    asked_by_the_pack,
    with_two_facts_in_a_picture,
    with_needles_as_look_alikes,
    with_unknown_look_alikes,
    with_numbers,
    with_names_on_signs,
    with_commas,
    with_keys_alone,
    whose_footage_shows_it,
)


@pytest.mark.parametrize("make", PACKS)
def test_packs_of_any_kind_make_no_wrong_item(make: Any) -> None:
    """What a pack cannot serve is refused or dropped; what is planned is true."""
    known, made = make(), dict[str, int]()
    for task, absent in ((task, absent) for task in FAMILIES for absent in (False, True)):
        document = {
            "tasks": task,
            "grid": {"lengths": "90", "depths": "0:1:1/2", "trials": 12},
            "choices": {"form": "both", "absent": absent},
            "families": {
                "counting": {"most": 4},
                "ordering": {"only": True},
                "chain": {"hops": 2},
                "stack": {"lengths": "700"},
            },
            "distractors": {"origin": "any", "period": 11, "at_least": 0, "count": 3},
        }
        try:
            made[task] = made.get(task, 0) + len(planned(document, known))
        except InputError as error:
            ensure("the pack has" in str(error) or "the pack can show" in str(error), error)
    assert made["retrieval"] > 0
    if any(needle.is_fact for needle in known.facts.needles):
        assert all(count > 0 for count in made.values()), made
        assert len(made) >= len(FAMILIES) - 1, made  # few packs have chains
    else:
        assert set(made) == {"retrieval", "localization", "stack"}


@pytest.mark.parametrize("values", [("red", "Red"), ("dark red", "dark  red"), ("red ", "red"), ("red", "a red")])
def test_values_that_differ_in_spelling_only_are_refused(values: Sequence[str]) -> None:
    with pytest.raises(InputError, match="differ in case, spaces or article only"):
        planned({"tasks": "multi_key", "grid": {"trials": 1}}, pack(crossed(values=(*values, *COLORS[1:]))))


@pytest.mark.parametrize("option", [NOWHERE, "Not in the video"])
def test_an_option_that_says_nowhere_itself_is_refused(option: str) -> None:
    own = ("run", "sleep", "eat", option)
    rows = [{"key": key, "question": f"What does {key} do?", "answer": "run", "options": own} for key in NAMES]
    with pytest.raises(InputError, match=r"leave it out and set choices\.absent"):
        planned({"tasks": "retrieval"}, pack(rows))


@pytest.mark.parametrize("length", ["exact", "paper"])
@pytest.mark.parametrize("task", ["multi_value", "counting", "ordering"])
def test_listed_questions_show_their_pictures_in_their_order(task: Any, length: str) -> None:
    pictures = [f"p{number}" for number in range(6)]
    listed = [
        Listed(
            id=f"listed-{number}",
            task=task,
            pictures=tuple(pictures[(number * step) % 6] for step in range(1, number % 4 + 2)),
            question="How many?",
            options=("1", "2", "3", "4"),
            answer=str(number % 4 + 1),
        )
        for number in range(8)
    ]
    if task == "counting":
        none = Listed(id="none", task=task, pictures=(), question="How many?", options=("0", "1"), answer="0")
        listed.append(none)
    facts = Facts(haystack=(film(),), stills=tuple(map(still, pictures)), needles=(), listed=tuple(listed))
    document = {
        "tasks": task,
        "needles": {"lists": {task: "list.json"}},
        "grid": {"lengths": "60,100", "depths": "0:0.8:0.2", "trials": "needles"},
        "placement": {"length": length},
        "families": {task: {"spread": "band"}},
    }
    items = planned(document, Known(replace(facts, wording=read_wording())))
    assert len(items) == 2 * 5 * len(listed)
    assert {item.answer_text for item in items} == {entry.answer for entry in listed}


@pytest.mark.parametrize("frame_cost", [0, 1, 3])
def test_films_that_do_not_fit_into_a_context_are_dropped(frame_cost: int) -> None:
    films = (film("feature", 1000), film("short", 50))
    questions = (
        VideoQuestion(id="who", source="feature", question="Who wins?", options=("a man", "a dog"), answer="a dog"),
        VideoQuestion(id="what", source="short", question="What falls?", options=(), answer="a hat"),
    )
    facts = replace(family_world(), needles=(), matches=(), needle_films=films, questions=questions)
    document = {
        "tasks": "stack",
        "grid": {"lengths": "100", "depths": "0:1:1/4", "trials": 4},
        "families": {"stack": {"lengths": "500,2000", "frame_cost": frame_cost}},
    }
    items = planned(document, Known(facts))
    fitting = sum(one.duration_s * frame_cost < context for one in films for context in (500, 2000))
    assert len(items) == 5 * 2 * fitting
    for item in items:
        assert {clip.source: clip.length for clip in item.timeline.clips} in ({"feature": 1000}, {"short": 50})


@pytest.mark.parametrize("rate", ["1/10", "10", "240"])
def test_spans_are_told_apart_at_any_rate(rate: str) -> None:
    document = {
        "tasks": "localization",
        "haystack": {"fps": rate},
        "needles": {"length": 2},
        "grid": {"lengths": "20,300", "depths": "0:1:1/4", "trials": 6},
        "choices": {"form": "both"},
    }
    assert len(planned(document, drawn(42))) >= 5 * 6 * 2


def test_an_untrue_item_is_noticed() -> None:
    """The checks themselves can fail: every answer, position and option that is changed is found out."""
    known = drawn(42)
    for task in FAMILIES:
        document = {
            "tasks": task,
            "grid": {"lengths": "100", "depths": "0,1", "trials": 2},
            "families": {"stack": {"lengths": "700"}},
        }
        spec = spec_of(json.dumps(document))
        for item in plan_items(spec, known.facts):
            assert isinstance(item, Item)
            check(item, known, spec)
            for wrong in untrue(item):
                with pytest.raises(AssertionError):
                    check(wrong, known, spec)


def untrue(item: Item) -> Iterator[Item]:
    """An item with one thing changed."""
    letter = LETTERS[(LETTERS.index(item.answer) + 1) % len(item.options)]
    yield replace(item, answer=letter)
    yield replace(item, answer=letter, answer_text=item.options[LETTERS.index(letter)])
    yield replace(item, options=item.options[::-1] if item.options[::-1] != item.options else item.options[1:])
    yield replace(item, question=f"{item.question} Please.")
    yield replace(item, window_start=item.window_start + 1)
    yield replace(item, needles=tuple(replace(one, asked=not one.asked) for one in item.needles))
    yield replace(item, needles=tuple(replace(one, start=one.start + 1) for one in item.needles))
    yield replace(item, needles=item.needles[1:])
    first = item.needles[0].source
    clips = [replace(clip, source=first) if clip.role == "needle" else clip for clip in item.timeline.clips]
    if len(item.needles) > 1 and len({one.source for one in item.needles}) > 1:
        yield replace(item, timeline=replace(item.timeline, clips=tuple(clips)))

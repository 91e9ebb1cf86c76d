"""A twin differs from its item in exactly what its control says, and rotations in nothing but their options' order."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache
from string import ascii_uppercase as LETTERS
from typing import get_args

import pytest

from haystack_gen.facts import BLANK, Facts, Listed, Source, sampled_length
from haystack_gen.families import Control, Task
from haystack_gen.plan.items import Drop, Item, PlacedDistractor
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.timeline import Timeline
from tests.plan.recount import NOWHERE, Known, answer_of
from tests.plan.worlds import family_world, spec_of, still

FAMILIES, CONTROLS = get_args(Task), get_args(Control)
KEEP_THE_ANSWER = ("needle_only", "no_distractors", "anti_phase", "shuffled")
PERIOD = 11
# two settings: one frame each at 1 fps, all look-alikes that fit; and longer stays at another rate, the nearest two
SETTINGS = {
    "plain": {
        "haystack": {"fps": 1},
        "distractors": {"origin": "any", "period": PERIOD, "at_least": 0},
        "choices": {"form": "both", "absent": True},
    },
    "longer": {
        "haystack": {"fps": "5/2"},
        "needles": {"length": 2},
        "placement": {"band": "1/2"},
        "distractors": {
            "origin": "any",
            "period": PERIOD,
            "phase": "1/3",
            "sides": "before",
            "count": 2,
            "length": 3,
            "at_least": 0,
        },
        "choices": {"form": "options", "absent": True, "circular": True},
    },
}
PHASES = {"plain": (0, 6), "longer": (4, 9)}  # of 11 frames: 0 and 1/2; 1/3 and 5/6, halves upwards

Cell = tuple[int, Fraction, int, int]
Shown = tuple[str, str, int]


@dataclass(frozen=True)
class Planned:
    """A plan by cell: its items, those that no control changed, their twins, and its drops."""

    items: Mapping[Cell, tuple[Item, ...]]
    drops: Mapping[Cell, tuple[Drop, ...]]

    def pairs(self, control: str) -> Iterator[tuple[Item, Item]]:
        """Each item that has a twin, and the twin."""
        for items in self.items.values():
            twins = {item.group: item for item in items if item.control == control}
            yield from ((item, twins[item.group]) for item in items if item.control == "none" and item.group in twins)


@lru_cache
def world() -> Facts:
    return family_world()


def cell_of(item: Item) -> Cell:
    return item.requested_length, item.requested_depth, item.trial, item.context_length


@lru_cache
def plan(task: str, setting: str) -> Planned:
    document = {
        "tasks": task,
        "grid": {"lengths": "90", "depths": "0,2/3", "trials": 8},
        "families": {"stack": {"lengths": "700", "frame_cost": 1}, "ordering": {"only": True}},
        "controls": ",".join(CONTROLS),
        **SETTINGS[setting],
    }
    items: dict[Cell, list[Item]] = {}
    drops: dict[Cell, list[Drop]] = {}
    for one in plan_items(spec_of(json.dumps(document)), world()):
        if isinstance(one, Item):
            items.setdefault(cell_of(one), []).append(one)
        else:
            (cell,) = {cell for cell in items if cell[:3] == (one.requested_length, one.requested_depth, one.trial)}
            drops.setdefault(cell, []).append(one)
    return Planned(
        {cell: tuple(found) for cell, found in items.items()}, {cell: tuple(found) for cell, found in drops.items()}
    )


def frames(timeline: Timeline) -> list[Shown]:
    """What each frame of a timeline shows, and why; a still has but frame 0."""
    return [
        (clip.role, clip.source, clip.source_start + (step if clip.role == "haystack" else 0))
        for clip in timeline.clips
        for step in range(clip.length)
    ]


@lru_cache
def run_of(films: tuple[Source, ...], rate: Fraction) -> list[Shown]:
    return [("haystack", one.id, at) for one in films for at in range(sampled_length(one.duration_s, rate))]


def footage(item: Item) -> list[Shown]:
    """The footage of an item's window, where nothing is put over it."""
    run = run_of(world().haystack, item.timeline.rate)
    return [run[(item.window_start + at) % len(run)] for at in range(item.requested_length)]


def asked_starts(planned: Planned, item: Item) -> set[int]:
    """Where needles lie that any question about the item's video asks for."""
    same = (other for other in planned.items[cell_of(item)] if other.video == item.video)
    return {needle.start for other in same for needle in other.needles if needle.asked}


def taken_by(placed: Sequence[object], *, only: set[int] | None = None) -> set[int]:
    """The frames that needles or look-alikes cover."""
    return {
        at for one in placed if only is None or one.start in only for at in range(one.start, one.start + one.length)
    }


every_family = pytest.mark.parametrize("task", FAMILIES)
both_settings = pytest.mark.parametrize("setting", SETTINGS)


def differences(one: Item, other: Item) -> set[str]:
    return {each.name for each in fields(Item) if getattr(one, each.name) != getattr(other, each.name)}


@every_family
@both_settings
@pytest.mark.parametrize("control", CONTROLS)
def test_a_twin_asks_the_same(task: str, setting: str, control: str) -> None:
    """All but what is shown, where that lies, and the names; and the answer, where the needle is taken away."""
    free = {"id", "control", "video", "timeline", "needles", "distractors"}
    free |= {"circular_group"} if setting == "longer" else set()
    free |= {"context", "context_cost"} if task == "stack" else set()
    if control not in KEEP_THE_ANSWER:
        free |= {"answer", "answer_text", "accepted", "tolerance"}
    pairs = list(plan(task, setting).pairs(control))
    assert pairs or (task, control) == ("localization", "needle_only")
    for item, twin in pairs:
        changed = differences(item, twin)
        assert changed <= free, changed
        assert {"id", "control"} <= changed
        assert (item.control, twin.control) == ("none", control)
        assert twin.id == f"{item.group}-{control}"
        if task == "stack":
            assert item.context_cost - twin.context_cost == item.timeline.length - twin.timeline.length
            own = [part.video for part in item.context].index(item.video)
            assert twin.context[own].video == twin.video
            assert [part for at, part in enumerate(twin.context) if at != own] == [
                part for at, part in enumerate(item.context) if at != own
            ]


@every_family
@both_settings
def test_a_twins_answer_is_true_of_its_own_video(task: str, setting: str) -> None:
    known = Known.drawn(world(), 42)
    for control in CONTROLS:
        for item, twin in plan(task, setting).pairs(control):
            truth = answer_of(twin, known)
            true = [option for option in twin.options if truth.holds(option)] if twin.options else [twin.answer]
            assert true == [twin.answer_text]
            assert truth.holds(twin.answer_text)
            if twin.options:
                assert twin.options[LETTERS.index(twin.answer)] == twin.answer_text
            if control not in KEEP_THE_ANSWER:
                assert twin.answer_text == ("0" if item.form == "count" or task == "counting" else NOWHERE)
                assert twin.tolerance == 0


@every_family
@both_settings
def test_needle_only_shows_the_asked_frames_in_order(task: str, setting: str) -> None:
    planned = plan(task, setting)
    for item, twin in planned.pairs("needle_only"):
        kept = sorted(taken_by(item.needles, only=asked_starts(planned, item)))
        shown = frames(item.timeline)
        assert frames(twin.timeline) == [shown[at] for at in kept]
        assert twin.timeline.rate == item.timeline.rate
        asked = [one for one in item.needles if one.start in asked_starts(planned, item)]
        assert [one.needle for one in twin.needles] == [one.needle for one in asked]
        assert [one.asked for one in twin.needles] == [one.asked for one in asked]
        assert [kept[one.start] for one in twin.needles] == [one.start for one in asked]
        assert twin.distractors == ()


@every_family
@both_settings
def test_haystack_only_shows_the_footage_alone(task: str, setting: str) -> None:
    for item, twin in plan(task, setting).pairs("haystack_only"):
        shown, bare = frames(item.timeline), frames(twin.timeline)
        assert bare == footage(item)
        assert all(one == other for one, other in zip(shown, bare, strict=True) if one[0] == "haystack")
        assert (twin.needles, twin.distractors) == ((), ())


@every_family
@both_settings
def test_no_distractors_uncovers_the_footage_under_what_nobody_asks_for(task: str, setting: str) -> None:
    planned = plan(task, setting)
    for item, twin in planned.pairs("no_distractors"):
        asked = asked_starts(planned, item)
        kept, under = taken_by(item.needles, only=asked), footage(item)
        shown = frames(item.timeline)
        expected = [shown[at] if at in kept or shown[at][0] == "haystack" else under[at] for at in range(len(shown))]
        assert frames(twin.timeline) == expected != shown
        assert twin.needles == tuple(one for one in item.needles if one.start in asked)
        assert twin.distractors == ()


@every_family
@both_settings
def test_anti_phase_moves_the_look_alikes_alone_and_by_half_a_period(task: str, setting: str) -> None:
    """As many of each needle, the same pictures in turn, at places of the other phase; nothing else is touched."""
    in_phase, out_of_phase = PHASES[setting]
    for item, twin in plan(task, setting).pairs("anti_phase"):
        assert {one.offset % PERIOD for one in item.distractors} == {in_phase}
        assert {one.offset % PERIOD for one in twin.distractors} == {out_of_phase}
        assert twin.needles == item.needles
        shown, under = frames(item.timeline), footage(item)
        moved = taken_by(item.distractors)
        others = [under[at] if at in moved else shown[at] for at in range(len(shown))]
        for one in twin.distractors:
            others[one.start : one.start + one.length] = [("distractor", one.source, 0)] * one.length
        assert frames(twin.timeline) == others
        before, after = by_needle(item.distractors), by_needle(twin.distractors)
        assert {needle: [(one.source, one.lure) for one in found] for needle, found in before.items()} == {
            needle: [(one.source, one.lure) for one in found] for needle, found in after.items()
        }
        if setting == "longer":
            assert all(one.offset < 0 for one in (*item.distractors, *twin.distractors))


def by_needle(distractors: Sequence[PlacedDistractor]) -> dict[int, list[PlacedDistractor]]:
    """The look-alikes of each needle, by its start, the nearest first."""
    found: dict[int, list[PlacedDistractor]] = {}
    for one in sorted(distractors, key=lambda one: (abs(one.offset), one.offset)):
        found.setdefault(one.start - one.offset, []).append(one)
    return found


@every_family
@both_settings
def test_shuffled_changes_the_order_of_the_footage_alone(task: str, setting: str) -> None:
    for item, twin in plan(task, setting).pairs("shuffled"):
        one, other = frames(item.timeline), frames(twin.timeline)
        assert Counter(one) == Counter(other)
        assert one != other
        assert all(before == after for before, after in zip(one, other, strict=True) if before[0] != "haystack")
        assert (twin.needles, twin.distractors) == (item.needles, item.distractors)
        # a second stays together: of its frames, all but the first follow another, unless an insert parts them
        second = -(-item.timeline.rate // 1)
        runs = sum(
            1 for at, now in enumerate(other) if now[0] == "haystack" and not (at and follows(other[at - 1], now))
        )
        parts = sum(clip.role == "haystack" for clip in item.timeline.clips)
        assert runs <= item.requested_length / second + 2 * parts + 1


def follows(one: Shown, other: Shown) -> bool:
    return one[:2] == other[:2] and one[2] + 1 == other[2]


@every_family
@both_settings
def test_blanked_hides_the_asked_frames_alone(task: str, setting: str) -> None:
    planned = plan(task, setting)
    for item, twin in planned.pairs("blanked"):
        asked = asked_starts(planned, item)
        hidden, shown = taken_by(item.needles, only=asked), frames(item.timeline)
        expected = [("needle", BLANK, 0) if at in hidden else shown[at] for at in range(len(shown))]
        assert frames(twin.timeline) == expected != shown
        assert twin.needles == tuple(one for one in item.needles if one.start not in asked)
        assert twin.distractors == item.distractors


@every_family
@both_settings
def test_where_there_is_no_twin_a_drop_says_why(task: str, setting: str) -> None:
    planned = plan(task, setting)
    for cell, items in planned.items.items():
        plain = [item for item in items if item.control == "none"]
        drops = planned.drops.get(cell, ())
        dropped = {control: [one for one in drops if one.id.endswith(control)] for control in CONTROLS}
        assert sum(map(len, dropped.values())) == len(drops)
        for control in CONTROLS:
            twins = [item for item in items if item.control == control]
            if twins:
                assert not dropped[control]
                assert [twin.group for twin in twins] == [item.group for item in plain]
            else:
                (drop,) = dropped[control]
                assert drop.reason.startswith(f"{control}: ")
        asked = asked_starts(planned, plain[0])
        missing = any(item.answer_text == NOWHERE or (task == "counting" and item.answer_text == "0") for item in plain)
        nothing = not plain[0].distractors and asked == {one.start for one in plain[0].needles}
        assert bool(dropped["needle_only"]) == (task == "localization" or missing)
        assert bool(dropped["blanked"]) == (not asked)
        assert bool(dropped["no_distractors"]) == nothing
        assert not dropped["haystack_only"]
        assert not dropped["shuffled"]


@every_family
def test_rotations_turn_the_options_of_one_video_and_nothing_else(task: str) -> None:
    planned = plan(task, "longer")
    groups: dict[str, list[Item]] = {}
    for items in planned.items.values():
        for item in items:
            groups.setdefault(item.circular_group, []).append(item)
    assert "" not in groups
    for name, turned in groups.items():
        first = turned[0]
        count = len(first.options)
        assert first.id == name
        assert [item.circular_shift for item in turned] == list(range(count))
        assert sorted(item.answer for item in turned) == list(LETTERS[:count])
        for shift, item in enumerate(turned):
            assert list(item.options) == [first.options[(place + shift) % count] for place in range(count)]
            assert item.options[LETTERS.index(item.answer)] == item.answer_text == first.answer_text
            free = {"id", "group", "options", "answer", "accepted", "circular_shift"}
            assert differences(first, item) <= free


@every_family
@both_settings
def test_a_video_has_one_name_and_a_name_one_video(task: str, setting: str) -> None:
    planned = plan(task, setting)
    everywhere: dict[str, Timeline] = {}
    for items in planned.items.values():
        names: dict[Timeline, str] = {}
        for item in items:
            assert names.setdefault(item.timeline, item.video) == item.video
            for video, timeline in item.videos:
                assert everywhere.setdefault(video, timeline) == timeline
        assert {item.id for item in items} >= set(names.values())
        assert len({item.id for item in items}) == len(items)
    own = {item.video for items in planned.items.values() for item in items}
    beside = {other.video for items in planned.items.values() for item in items for other in item.beside}
    assert not own & beside
    assert bool(beside) == (task == "stack")


def test_listed_questions_have_the_twins_whose_answer_is_known() -> None:
    """Nobody knows the answer of a ready question whose pictures are gone."""
    pictures = tuple(f"p{number}" for number in range(4))
    listed = Listed(
        id="list", task="counting", pictures=pictures, question="How many?", options=("0", "1", "4"), answer="4"
    )
    facts = replace(world(), stills=tuple(map(still, pictures)), needles=(), matches=(), listed=(listed,))
    document = {
        "tasks": "counting",
        "needles": {"lists": {"counting": "list.json"}},
        "grid": {"lengths": "90", "depths": "1/2", "trials": 1},
        "controls": "needle_only,haystack_only,no_distractors,shuffled,blanked",
        "choices": {"absent": True},
    }
    found = list(plan_items(spec_of(json.dumps(document)), facts))
    assert [one.control for one in found if isinstance(one, Item)] == ["none", "needle_only", "shuffled"]
    assert {one.reason for one in found if isinstance(one, Drop)} == {
        "no_distractors: the item has none",
        "haystack_only: without its needle the item has no right answer among ['0', '1', '4']",
        "blanked: without its needle the item has no right answer among ['0', '1', '4']",
    }


def test_a_second_of_footage_has_no_other_order() -> None:
    document = {
        "tasks": "retrieval",
        "haystack": {"fps": 25},
        "grid": {"lengths": "20,60", "depths": "0,1", "trials": 3},
        "controls": "shuffled",
    }
    found = list(plan_items(spec_of(json.dumps(document)), world()))
    reasons = {one.reason for one in found if isinstance(one, Drop)}
    assert reasons == {"shuffled: the haystack is too short to change its order"}
    assert {one.requested_length for one in found if isinstance(one, Drop)} == {20}
    twins = {one.group: one for one in found if isinstance(one, Item) and one.control == "shuffled"}
    plain = {one.group: one for one in found if isinstance(one, Item) and one.control == "none"}
    assert len(twins) == 2 * 3
    assert all(one.timeline != plain[group].timeline for group, one in twins.items())

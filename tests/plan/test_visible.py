"""Needles are put where samplers show them: the places against every other place, plans against the samplers."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen.facts import Facts, Listed, Sampled, Sighting
from haystack_gen.families import Control, Task
from haystack_gen.judge.blind import Asked, guess
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.visibility import Span, glimpse
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import Drop, Item, PlacedNeedle
from haystack_gen.plan.placement import Place, depth_band
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.visible import Bounds, Runs, Sight
from haystack_gen.spec import Spec
from tests.plan.recount import Known, answer_of
from tests.plan.test_truth import check, drawn
from tests.plan.worlds import family_world, film, spec_of, still

FAMILIES, CONTROLS = get_args(Task), get_args(Control)
HALF = Fraction(1, 2)


# ------------------------------------------------------------------------------------ runs of places, against sets


@st.composite
def runs(draw: st.DrawFn) -> Runs:
    pairs = draw(st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 4)), max_size=5))
    sized = sorted((first, first + more) for first, more in pairs)
    lasts = [max(last for _, last in sized[: place + 1]) for place in range(len(sized))]
    return Runs((first, max(last, first - 1)) for (first, _), last in zip(sized, lasts, strict=True))


def members(some: Runs) -> set[int]:
    return {at for first, last in some.runs for at in range(first, last + 1)}


@given(runs(), runs(), st.integers(-2, 18), st.integers(-2, 18), st.integers(-2, 18))
def test_runs_are_sets_of_places(one, other, low, high, wanted):
    assert all(earlier[1] + 1 < later[0] for earlier, later in pairwise(one.runs)), "sorted and apart"
    assert members(one & other) == members(one) & members(other)
    assert one.last(high) == max((at for at in members(one) if at <= high), default=None)
    inside = [at for at in members(one) if low <= at <= high]
    if inside:
        assert one.nearest(wanted, low=low, high=high) == min(inside, key=lambda at: (abs(at - wanted), at))


# ------------------------------------------------------------------------------ places, against every other place


class Case(NamedTuple):
    sampled: tuple[Sampled, ...]
    wanted: tuple[int, ...]
    bounds: tuple[Bounds, ...]
    stay: int
    gap: int
    length: int

    def settle(self) -> list[Place] | None:
        return Sight(self.sampled).settle(self.wanted, self.bounds, stay=self.stay, gap=self.gap)

    def shown(self, start: int, stay: int) -> bool:
        """By the definition that audits go by."""
        span = Span(start, start + stay)
        found = (
            glimpse(np.array(one.frames, np.int64), span, frames=self.length, tolerance=one.tolerance)
            for one in self.sampled
        )
        return all(state == "robust" for state, _ in found)

    def every(self, stay: int) -> Iterator[tuple[int, ...]]:
        """All allowed places of needles that stay so long."""
        each = [
            [at for at in range(low, high - stay + 1) if self.shown(at, stay)] for low, high in map(tuple, self.bounds)
        ]
        for starts in product(*each):
            if all(later - earlier >= stay + self.gap for earlier, later in pairwise(starts)):
                yield starts


@st.composite
def cases(draw: st.DrawFn, most: int = 3) -> Case:
    """Needles by some rule of placement, in one band, between halfway marks, or in bounds of any width."""
    length, stay, gap = draw(st.integers(1, 16)), draw(st.integers(1, 3)), draw(st.integers(0, 2))
    stay = min(stay, length)
    count = draw(st.integers(1, max(1, min(most, (length + gap) // (stay + gap)))))
    slack = length - count * stay - (count - 1) * gap
    cuts = sorted(draw(st.lists(st.integers(0, slack), min_size=count, max_size=count)))
    wanted = tuple(cut + number * (stay + gap) for number, cut in enumerate(cuts))
    ends = [at + stay for at in wanted]
    kind = draw(st.sampled_from(["band", "halfway", "any"]))
    if kind == "band":
        band = Bounds(draw(st.integers(0, wanted[0])), draw(st.integers(ends[-1], length)))
        bounds = (band,) * count
    else:
        marks = [0, *((end + at) // 2 for end, at in zip(ends, wanted[1:], strict=False)), length]
        bounds = tuple(Bounds(low, high) for low, high in pairwise(marks))
        if kind == "any":
            bounds = tuple(
                Bounds(draw(st.integers(low, at)), draw(st.integers(at + stay, high)))
                for (low, high), at in zip(bounds, wanted, strict=True)
            )
    sampled = []
    for number in range(draw(st.integers(1, 3))):
        frames = tuple(sorted(draw(st.sets(st.integers(0, length - 1), min_size=1, max_size=length))))
        tolerance = draw(st.integers(0, 1))
        sampled.append(Sampled(sampler=f"s{number}", length=length, frames=frames, tolerance=tolerance))
    return Case(tuple(sampled), wanted, bounds, stay, gap, length)


@settings(max_examples=400)
@given(cases())
def test_needles_find_places_if_there_are_any_and_stay_no_longer_than_they_must(case):
    """Of all that the shortest stay allows: the first needle as near as may be, then the second, and so on."""
    found, widest = case.settle(), max(high - low for low, high in case.bounds)
    for stay in range(case.stay, widest + 1):
        if every := list(case.every(stay)):
            assert found is not None, f"there are places at a stay of {stay}: {every[0]}"
            nearest = min(
                every, key=lambda starts: [(abs(at - want), at) for at, want in zip(starts, case.wanted, strict=True)]
            )
            assert [tuple(place) for place in found] == [
                (at, stay, at - want, stay - case.stay) for at, want in zip(nearest, case.wanted, strict=True)
            ]
            return
    assert found is None


@given(cases(most=4))
def test_needles_that_are_shown_already_are_left_alone(case):
    every = tuple(range(case.length))
    assert case._replace(sampled=(Sampled(sampler="all", length=case.length, frames=every),)).settle() == [
        Place(at, case.stay) for at in case.wanted
    ]
    if all(case.shown(at, case.stay) for at in case.wanted):
        assert case.settle() == [Place(at, case.stay, moved=0, added=0) for at in case.wanted]


@given(cases(most=1))
def test_a_needle_moves_before_it_stays_longer_and_no_further_than_it_must(case):
    (low, high), (wanted,), found = case.bounds[0], case.wanted, case.settle()
    near = [at for at in range(low, high - case.stay + 1) if case.shown(at, case.stay)]
    if near:
        ((start, stay, moved, added),) = found
        assert (stay, added) == (case.stay, 0)
        assert abs(moved) == min(abs(at - wanted) for at in near)
        assert start == wanted + moved
        assert found[0].moved <= 0 or wanted - moved not in near, "of two that are as near, the earlier"
    elif found is not None:
        assert found[0].added > 0


@given(cases())
def test_a_sampler_more_never_makes_it_easier(case):
    alone, all_of_them = case._replace(sampled=case.sampled[:1]).settle(), case.settle()
    if all_of_them is not None:
        assert alone is not None
        assert alone[0].length <= all_of_them[0].length


@pytest.mark.parametrize(
    ("frames", "tolerance", "wanted", "found"),
    [
        ((5,), 0, 5, (5, 1, 0, 0)),
        ((5,), 0, 2, (5, 1, 3, 0)),
        ((2, 8), 0, 5, (2, 1, -3, 0)),  # as far either way: the earlier
        ((5,), 1, 5, (4, 3, -1, 2)),  # wherever it strays it is 4, 5 or 6
        ((5,), 1, 0, (4, 3, 4, 2)),
        ((0,), 1, 3, (0, 2, -3, 1)),  # it cannot stray before the clip
        ((9,), 1, 3, (8, 2, 5, 1)),
    ],
)
def test_one_needle_in_ten_frames(frames, tolerance, wanted, found):
    sight = Sight([Sampled(sampler="s", length=10, frames=frames, tolerance=tolerance)])
    assert sight.settle([wanted], [Bounds(0, 10)], stay=1, gap=0) == [found]


def test_nothing_is_shown_outside_the_bounds():
    sight = Sight([Sampled(sampler="s", length=10, frames=(0, 9))])
    assert sight.settle([4], [Bounds(1, 9)], stay=1, gap=1) is None
    assert sight.settle([4], [Bounds(1, 10)], stay=1, gap=1) == [(9, 1, 5, 0)]


def test_two_needles_that_one_frame_shows_are_no_two():
    sight = Sight([Sampled(sampler="s", length=10, frames=(4,))])
    assert sight.settle([2, 6], [Bounds(0, 10)] * 2, stay=1, gap=0) is None


def test_a_long_clip_that_cannot_be_shown_is_given_up_soon():
    """No stay of tens of thousands helps, and that is found without trying for minutes; the same for every item."""
    sight = Sight([Sampled(sampler="s", length=100_000, frames=tuple(range(0, 100_000, 12_500)))])
    for _ in range(20):
        assert sight.settle([26_000, 30_000], [Bounds(26_000, 37_000)] * 2, stay=1, gap=1) is None


# -------------------------------------------------------------------------------------------- plans of all families

EYES = {
    "exact": ("linspace:30", "fps:1/3", "vlmevalkit:40"),
    "off by one": ("hf4-default:40", "qwen2_5-vl:fps=1/2", "smolvlm"),
}
NEEDLES = {"multi_key": 4, "multi_value": 3, "multi_query": 4, "counting": 6, "ordering": 3, "chain": 4, "absent": 3}
SPREADS = [(task, spread) for task in FAMILIES for spread in (("band", "even", "at") if task in NEEDLES else ("one",))]
PERIOD = 11


def seeing(spec: Spec, facts: Facts) -> Facts:
    """Facts that know what the samplers of a spec show."""
    named = map(sampler, spec.placement.visible_to)
    sampled = tuple(one.of_clip(length, spec.haystack.fps) for one in named for length in spec.grid.lengths)
    return replace(facts, sampled=sampled)


def document_of(task: str, spread: str, **sections: Any) -> dict[str, Any]:
    families: dict[str, dict[str, Any]] = {
        "stack": {"lengths": "700", "frame_cost": 1},
        "multi_value": {"needles": "2:2"},
        "ordering": {"needles": "3:3", "only": True},
    }
    if task in NEEDLES:
        families.setdefault(task, {})["spread"] = spread
    at = ",".join(f"{place}/{NEEDLES[task]}" for place in range(NEEDLES[task])) if spread == "at" else ""
    return {
        "tasks": task,
        "grid": {"lengths": "90,127", "depths": "0,1/3,1", "trials": 2},
        "placement": {"band": "2/5", "at": at},
        "families": families,
        "distractors": {"origin": "any", "period": PERIOD, "phase": "1/3", "at_least": 0},
        "choices": {"form": "both", "absent": True},
        "controls": ",".join(CONTROLS),
        **sections,
    }


class Plans(NamedTuple):
    """A plan, and what it was before samplers were asked for."""

    spec: Spec
    plain: dict[str, Item | Drop]
    items: dict[str, Item]
    drops: dict[str, Drop]


@cache
def plans(task: str, spread: str, eyes: str, **sections: Any) -> Plans:
    document = document_of(task, spread, **sections)
    document["placement"]["visible_to"] = EYES[eyes]
    spec = spec_of(json.dumps(document))
    blind = spec_of(json.dumps(document | {"placement": document["placement"] | {"visible_to": []}}))
    found = list(plan_items(spec, seeing(spec, drawn(42).facts)))
    return Plans(
        spec,
        {one.id: one for one in plan_items(blind, drawn(42).facts)},
        {one.id: one for one in found if isinstance(one, Item)},
        {one.id: one for one in found if isinstance(one, Drop)},
    )


def states(item: Item, spec: Spec) -> Iterator[tuple[str, str, PlacedNeedle | None]]:
    """How every picture of a needle stands to every sampler, in the videos beside it too."""
    rate = spec.haystack.fps
    for name in spec.placement.visible_to:
        for _, timeline in item.videos:
            one = sampler(name)
            shown = np.unique(one.indices(timeline.length, rate))
            for clip in timeline.clips:
                if clip.role == "needle":
                    span = Span(clip.start, clip.end)
                    yield name, glimpse(shown, span, frames=timeline.length, tolerance=one.tolerance).state, clip


@pytest.mark.parametrize(("task", "spread"), SPREADS)
@pytest.mark.parametrize("eyes", EYES)
def test_every_needle_of_every_family_is_shown_by_every_sampler(task, spread, eyes):
    found = plans(task, spread, eyes)
    assert any(item.control == "none" for item in found.items.values())
    count = 0
    for item in found.items.values():
        if item.control != "needle_only":  # whose video is another
            for name, state, clip in states(item, found.spec):
                assert state == "robust", (item.id, name, clip)
                count += 1
    assert count > 20 * len(EYES[eyes])


@pytest.mark.parametrize(("task", "spread"), SPREADS)
@pytest.mark.parametrize("eyes", EYES)
def test_items_are_what_they_were_but_for_the_places(task, spread, eyes):
    found = plans(task, spread, eyes)
    drops = {name for name in found.drops if not name.endswith(CONTROLS)}
    assert {name for name, one in found.items.items() if one.control == "none"} | drops == {
        name for name, one in found.plain.items() if isinstance(one, Item) and one.control == "none"
    }, "nothing comes or goes unsaid"
    moved = 0
    for name, item in found.items.items():
        was = found.plain.get(name)
        if not isinstance(was, Item):  # look-alikes fit out of step now, and did not where the needle was
            assert item.control == "anti_phase"
            continue
        said = [(one.needle, one.source, one.asked) for one in item.needles]
        assert said == [(one.needle, one.source, one.asked) for one in was.needles]
        assert (item.options, item.question, item.window_start) == (was.options, was.question, was.window_start)
        assert item.group == was.group
        if item.form != "seconds":
            assert (item.answer, item.accepted) == (was.answer, was.accepted)
        if item.control != "needle_only":
            assert [one.moved for one in item.needles] == [
                one.start - old.start for one, old in zip(item.needles, was.needles, strict=True)
            ]
        assert [one.added for one in item.needles] == [
            one.length - old.length for one, old in zip(item.needles, was.needles, strict=True)
        ]
        assert len({one.length for one in item.needles}) <= 1, "none stays longer than the others"
        assert not any(one.moved or one.added for one in was.needles)
        changed = any(one.moved or one.added for one in item.needles) or item.distractors != was.distractors
        moved += changed
        if not changed and item.control == "none":
            assert item.timeline == was.timeline
            assert replace(item, beside=()) == replace(was, beside=())
    assert moved


@pytest.mark.parametrize(("task", "spread"), SPREADS)
@pytest.mark.parametrize("eyes", EYES)
def test_needles_stay_in_their_cell(task, spread, eyes):
    found = plans(task, spread, eyes)
    depths = found.spec.grid.depths
    for name, item in found.items.items():
        was, length = found.plain.get(name), item.timeline.length
        if item.control != "none" or not item.needles:
            continue
        assert isinstance(was, Item)
        first, last = item.needles[0], item.needles[-1]
        assert 0 <= first.start <= last.start + last.length <= length
        gaps = [later.start - earlier.start - earlier.length for earlier, later in pairwise(item.needles)]
        assert min(gaps, default=9) >= found.spec.placement.gap
        if spread == "band":
            low, high = depth_band(item.requested_depth, found.spec.placement.band, length=length)
            assert low <= first.start <= last.start + last.length <= high
        elif spread in ("even", "at"):
            halfway = [(one.start + one.length + other.start) // 2 for one, other in pairwise(was.needles)]
            for needle, low, high in zip(item.needles, [0, *halfway], [*halfway, length], strict=True):
                assert low <= needle.start <= needle.start + needle.length <= high
        elif task != "stack":  # which varies the depth in the text
            depth = item.requested_depth
            low = max((depth + one) / 2 if one < depth else Fraction(0) for one in depths)
            high = min((depth + one) / 2 if one > depth else Fraction(1) for one in depths)
            assert low <= first.depth <= high
            assert low * length <= first.start <= first.start + first.length <= high * length


@pytest.mark.parametrize(("task", "spread"), SPREADS)
@pytest.mark.parametrize("eyes", EYES)
def test_answers_are_true_of_what_is_shown(task, spread, eyes):
    found, known = plans(task, spread, eyes), drawn(42)
    for item in found.items.values():
        if item.control in ("none", "no_distractors", "anti_phase"):
            check(item, known, found.spec)
        else:
            truth = answer_of(item, known)
            text = item.options[LETTERS.index(item.answer)] if item.options else item.answer
            assert truth.holds(text) or item.task == "localization", (item.id, truth.text)


@pytest.mark.parametrize(("task", "spread"), SPREADS)
@pytest.mark.parametrize("eyes", EYES)
def test_look_alikes_keep_their_distance_from_where_the_needle_came_to_lie(task, spread, eyes):
    found = plans(task, spread, eyes)
    count = 0
    for item in found.items.values():
        phase = {"anti_phase": 9}.get(item.control, 4)  # of 11 frames: 1/3 and 5/6, halves upwards
        starts: dict[str, set[int]] = {}
        for needle in item.needles:  # which may come twice
            starts.setdefault(needle.needle, set()).add(needle.start)
        for one in item.distractors:
            assert (one.offset - phase) % PERIOD == 0, (item.id, one)
            hidden = one.start - one.offset
            assert hidden in starts.get(one.needle, {hidden}), (item.id, one)
            count += 1
    assert count > 10


@pytest.mark.parametrize(("task", "spread"), SPREADS)
def test_twins_have_their_needles_where_their_items_have_them(task, spread):
    found = plans(task, spread, "off by one")
    items = {item.group: item for item in found.items.values() if item.control == "none"}
    seen = Counter[str]()
    for twin in found.items.values():
        if twin.control == "none":
            continue
        item = items[twin.group]
        if twin.control == "needle_only":
            left = [(one.needle, one.length, one.moved, one.added) for one in twin.needles]
            at = iter((one.needle, one.length, one.moved, one.added) for one in item.needles)
            assert all(one in at for one in left), "in their order"
        else:
            assert set(twin.needles) <= set(item.needles)
        seen[twin.control] += 1
        asked = {  # by any question about the video
            (one.start, one.length)
            for other in items.values()
            if other.video == item.video
            for one in other.needles
            if one.asked
        }
        if twin.control == "blanked":
            assert {(clip.start, clip.length) for clip in twin.timeline.clips if clip.source == "blank"} == asked
        if twin.control == "needle_only":
            assert twin.timeline.length == sum(length for _, length in asked)
    assert {"blanked", "no_distractors", "shuffled"} <= seen.keys()


def test_needles_of_several_frames_at_another_rate():
    """A stay of 2 frames at 5/2 a second, rotations, one look-alike before."""
    other = {
        "haystack": {"fps": "5/2"},
        "needles": {"length": 2},
        "choices": {"form": "options", "absent": True, "circular": True},
        "controls": "no_distractors, blanked",
    }
    for task in FAMILIES:
        document = document_of(task, "band", **other) | {"placement": {"band": "1/2", "visible_to": ["fps:1/2"]}}
        spec = spec_of(json.dumps(document))
        items = [one for one in plan_items(spec, seeing(spec, drawn(42).facts)) if isinstance(one, Item)]
        assert items
        for item in items:
            check(item, drawn(42), spec)
            if item.control != "needle_only":
                assert {state for _, state, _ in states(item, spec)} <= {"robust"}, item.id


@pytest.mark.parametrize("law", ["adjacent", "random"])
def test_look_alikes_by_other_laws_are_clear_of_needles_that_stay_longer(law):
    for task in ("retrieval", "multi_key", "counting", "localization"):
        look_alikes = {"origin": "any", "law": law, "count": 2, "at_least": 0, "sides": "both"}
        document = document_of(task, "even" if task in NEEDLES else "one", distractors=look_alikes, controls="")
        document["placement"]["visible_to"] = "qwen2_5-vl:fps=1/2"
        spec = spec_of(json.dumps(document))
        items = [one for one in plan_items(spec, seeing(spec, drawn(42).facts)) if isinstance(one, Item)]
        assert any(needle.added for item in items for needle in item.needles)
        for item in items:
            check(item, drawn(42), spec)
            ends = {one.start + one.length for one in item.needles} | {one.start for one in item.needles}
            for one in item.distractors if law == "adjacent" and len(item.needles) == 1 else ():
                reach = min(abs(one.start - end) for end in ends)
                assert reach <= 2, (item.id, one)


def test_one_frame_on_each_is_the_same_as_every_frame():
    """A sampler that shows all changes nothing but what the spec says of itself."""
    for task in FAMILIES:
        document = document_of(task, "band")
        blind = spec_of(json.dumps(document))
        document["placement"]["visible_to"] = "fps:1"
        spec = spec_of(json.dumps(document))
        assert list(plan_items(spec, seeing(spec, drawn(42).facts))) == list(plan_items(blind, drawn(42).facts))


def test_footage_that_looks_like_a_needle_is_avoided_all_the_same():
    sightings = tuple(
        Sighting(needle=needle.id, source="film", frame=at, similarity=0.99)
        for needle in drawn(42).facts.needles
        for at in range(0, 3600, 100)
    )
    known = Known.drawn(family_world(), 42)
    known.facts = replace(known.facts, sightings=sightings)
    spec = spec_of(json.dumps(document_of("retrieval", "one", placement={"visible_to": "linspace:9"})))
    items = [one for one in plan_items(spec, seeing(spec, known.facts)) if isinstance(one, Item)]
    assert items
    for item in items:
        check(item, known, spec)


# -------------------------------------------------------------------------------------------- what cannot be shown


def planned(task: str, *names: str, facts: Facts | None = None, **sections: Any) -> list[Item | Drop]:
    document: dict[str, Any] = {"tasks": task, "grid": {"lengths": "90", "depths": "0,1/2,1", "trials": 2}, **sections}
    document["placement"] = {"visible_to": names, **sections.get("placement", {})}
    spec = spec_of(json.dumps(document))
    return list(plan_items(spec, seeing(spec, facts or drawn(42).facts)))


def test_a_depth_that_no_frame_shows_is_dropped_with_the_reason():
    found = planned("retrieval", "linspace:1")
    assert [isinstance(one, Drop) for one in found] == [False] * 2 + [True] * 4
    assert [one.reason for one in found[2::2]] == [
        f"however long it stays, a needle in frames {low} to {high} of 90 is not shown by linspace:1 "
        "(placement.visible_to); ask for more sampled frames, fewer depths, or fewer needles"
        for low, high in ((23, 67), (68, 90))
    ]


def test_the_first_and_the_last_depth_reach_to_the_ends_of_the_clip():
    grid = {"lengths": "90", "depths": "1/4,1/2", "trials": 1}
    first, last = planned("retrieval", "linspace:2", grid=grid)
    assert [(one.start, one.length) for one in (*first.needles, *last.needles)] == [(0, 1), (89, 1)]
    (only,) = planned("retrieval", "linspace:1", grid=grid | {"depths": "3/4"})
    assert (only.needles[0].start, only.needles[0].moved) == (0, -67)


def test_needles_that_share_a_band_are_dropped_with_their_number():
    found = planned("multi_key", "linspace:9", "fps:1/9", placement={"gap": 2})
    assert found
    assert {one.reason for one in found if isinstance(one, Drop)} == {
        f"however long it stays, 4 needles, 2 frames apart, in frames {low} to {low + 18} of 90 is not shown by "
        "linspace:9, fps:1/9 (placement.visible_to); ask for more sampled frames, fewer depths, or fewer needles"
        for low in (0, 36, 72)
    }


def test_a_clip_that_a_library_refuses_is_dropped_with_its_reason():
    found = planned("retrieval", "linspace:9", "hf-default:100")
    assert len(found) == 6
    (reason,) = {one.reason for one in found if isinstance(one, Drop)}
    assert re.fullmatch(
        r"hf-default:100 takes no clip of 90 frames: would take 100 of .+ \(placement\.visible_to\)", reason
    )


def test_only_lengths_that_are_refused_are_dropped():
    grid = {"lengths": "90,120", "depths": "0,1", "trials": 3}
    found = planned("retrieval", "hf-default:100", grid=grid)
    assert [isinstance(one, Drop) for one in found] == [one.requested_length == 90 for one in found]


def test_videos_beside_are_shown_too_or_the_stack_is_dropped():
    for one in planned("stack", "linspace:5", families={"stack": {"lengths": "700", "per_context": 3}}):
        if isinstance(one, Drop):
            assert "is not shown by linspace:5 (placement.visible_to)" in one.reason
        else:
            spec = spec_of('{"placement": {"visible_to": "linspace:5"}}')
            assert {state for _, state, _ in states(one, spec)} == {"robust"}
            assert len(one.videos) == 3


def test_in_a_stack_the_depths_of_the_text_do_not_bound_the_needle():
    """The cell's depth is the video's place in the text; the needle may go anywhere in its video."""
    grid = {"lengths": "90", "depths": "0:1:0.1", "trials": 2}
    found = planned("stack", "linspace:5", grid=grid, families={"stack": {"lengths": "700"}})
    assert len(found) == 22
    assert not [one.reason for one in found if isinstance(one, Drop)]


# ------------------------------------------------------------------------------- what is dropped tells of no answer

SPARSE: dict[str, dict[str, Any]] = {
    "counting, band": {"tasks": "counting", "placement": {"visible_to": "fps:1/6"}},
    "counting, even": {
        "tasks": "counting",
        "families": {"counting": {"spread": "even"}},
        "placement": {"visible_to": "fps:1/24"},
    },
    "counting, even, or none": {
        "tasks": "counting",
        "families": {"counting": {"spread": "even"}},
        "choices": {"absent": True},
        "placement": {"visible_to": ["fps:1/20", "linspace:9"]},
    },
    "ordering, order or only": {
        "tasks": "ordering",
        "families": {"ordering": {"only": True, "needles": "2:4", "ask": "order"}},
        "placement": {"visible_to": "fps:1/8"},
    },
    "ordering, even, order or only": {
        "tasks": "ordering",
        "families": {"ordering": {"only": True, "needles": "2:4", "ask": "order", "spread": "even"}},
        "placement": {"visible_to": "fps:1/32"},
    },
    "ordering, even": {
        "tasks": "ordering",
        "families": {"ordering": {"needles": "3:5", "spread": "even"}},
        "placement": {"visible_to": "fps:1/32"},
    },
    "localization": {"tasks": "localization", "placement": {"visible_to": "fps:1/12"}},
    "localization, uneven depths": {
        "tasks": "localization",
        "grid": {"depths": "0,1/10,1/5,1/2,1"},
        "placement": {"visible_to": "fps:1/16"},
    },
    "localization, or absent": {
        "tasks": "localization",
        "choices": {"absent": True},
        "placement": {"visible_to": ["vlmevalkit:9", "fps:1/16"]},
    },
    "multi_value, even": {
        "tasks": "multi_value",
        "families": {"multi_value": {"needles": "1:4", "spread": "even"}},
        "placement": {"visible_to": "fps:1/32"},
    },
    "chain, band": {"tasks": "chain", "placement": {"visible_to": "fps:1/8"}},
    "retrieval": {"tasks": "retrieval", "choices": {"absent": True}, "placement": {"visible_to": "linspace:4"}},
}


@cache
def sparse(name: str, *, seed: int = 42) -> tuple[Item | Drop, ...]:
    """Some thousand items, many of which cannot be shown."""
    asked = SPARSE[name]
    spread = any("even" in sections.values() for sections in asked.get("families", {}).values())
    grid = {"lengths": "24:216:8", "depths": "0:1:0.25", "trials": 80 if spread else 25, **asked.get("grid", {})}
    placement = {"visible_to": "linspace:6", **asked.get("placement", {})}
    spec = spec_of(json.dumps({**asked, "seed": seed, "grid": grid, "placement": placement}))
    return tuple(plan_items(spec, seeing(spec, family_world(matches=False))))


def gains(found: Sequence[Item | Drop]) -> set[str]:
    """The rules of thumb that do better than chance by more than three standard errors."""
    asked = [
        Asked(question=one.question, options=one.options, answer=LETTERS.index(one.answer))
        for one in found
        if isinstance(one, Item)
    ]
    assert len(asked) > 500
    return {one.guesser for one in guess(asked) if one.excess > 3}


@pytest.mark.parametrize("name", SPARSE)
def test_what_cannot_be_shown_tells_nothing_of_what_is_left(name):
    """Luck does not come twice."""
    found = sparse(name)
    assert 0.05 < sum(isinstance(one, Drop) for one in found) / len(found) < 0.95
    if first := gains(found):
        assert not first & gains(sparse(name, seed=43))


def test_numbers_that_the_most_leave_possible_are_tried_as_well():
    """Of even places, those of 6 needles are shown here and those of 5 are not: else a count would be left out."""
    spec = spec_of(
        json.dumps(
            {
                "tasks": "counting",
                "grid": {"lengths": "120", "depths": "0", "trials": 100},
                "families": {"counting": {"spread": "even"}},
                "placement": {"visible_to": "linspace:6"},
            }
        )
    )
    shown = Sampled(sampler="linspace:6", length=120, frames=(5, 13, 47, 70, 90, 115))
    found = list(plan_items(spec, replace(family_world(matches=False), sampled=(shown,))))
    (reason,) = {one.reason if isinstance(one, Drop) else "" for one in found}
    assert reason.startswith("however long it stays, 5 needles, ")


def key_of(one: Item | Drop, task: str) -> tuple[object, ...]:
    """All that whether an item is dropped may depend on."""
    return (one.requested_length,) if task == "localization" else (one.requested_length, one.requested_depth)


@pytest.mark.parametrize("name", [name for name in SPARSE if not name.startswith(("ordering", "multi_value"))])
def test_all_trials_of_a_cell_are_shown_or_none_whatever_is_true(name):
    found: dict[tuple[object, ...], set[type]] = {}
    for one in sparse(name):
        found.setdefault(key_of(one, SPARSE[name]["tasks"]), set()).add(type(one))
    assert all(len(kinds) == 1 for kinds in found.values())
    assert set().union(*found.values()) == {Item, Drop}


@pytest.mark.parametrize("name", ["ordering, order or only", "ordering, even, order or only"])
def test_whether_an_order_is_shown_depends_on_how_many_are_named_and_not_on_how_many_are_there(name):
    kept: dict[tuple[int, Fraction, int], Counter[bool]] = {}
    for one in sparse(name):
        if isinstance(one, Item):
            named = max(option.count(", ") + 1 for option in one.options)
            cell = one.requested_length, one.requested_depth, named
            kept.setdefault(cell, Counter())[len(one.needles) == 1] += 1
    single = sum(counts[True] for counts in kept.values()) / sum(counts.total() for counts in kept.values())
    again = sparse_plain(name)
    assert abs(single - again) < 0.05, (single, again)


def sparse_plain(name: str) -> float:
    """The share of items that show but one, of all that were asked about."""
    asked = SPARSE[name]
    grid = {"lengths": "120", "depths": "0:1:0.25", "trials": 400}
    spec = spec_of(json.dumps({**asked, "grid": grid, "placement": {}}))
    items = [one for one in plan_items(spec, family_world(matches=False)) if isinstance(one, Item)]
    return sum(len(one.needles) == 1 for one in items) / len(items)


def listed_world() -> Facts:
    """Ready questions: how many pictures are shown, 0 to 5, all among the options 0 to 5."""
    entries = tuple(
        Listed(
            id=f"entry-{number}",
            task="counting",
            pictures=tuple(f"picture-{number}-{place}" for place in range(number % 6)),
            question=f"How many signs of kind {number} are there?",
            options=tuple(map(str, range(6))),
            answer=str(number % 6),
        )
        for number in range(120)
    )
    pictures = [still(picture) for entry in entries for picture in entry.pictures]
    return Facts(
        haystack=(film(),), stills=tuple(pictures), needles=(), listed=entries, wording=drawn(42).facts.wording
    )


def test_what_is_dropped_of_ready_questions_tells_nothing_of_how_many_there_are():
    grid = {"lengths": "120", "depths": "0", "trials": 120}
    spec = {"tasks": "counting", "grid": grid, "families": {"counting": {"spread": "even"}}}
    spec = spec_of(json.dumps(spec | {"placement": {"visible_to": "linspace:4"}}))
    found = list(plan_items(spec, seeing(spec, listed_world())))
    kept = Counter(one.answer_text for one in found if isinstance(one, Item))
    assert set(kept) in (set(), set("012345")), kept


def test_a_plan_does_not_depend_on_the_order_of_samplers_nor_on_other_lengths():
    document = document_of("multi_key", "band")
    document["placement"]["visible_to"] = ["linspace:30", "fps:1/3"]
    one = spec_of(json.dumps(document))
    document["placement"]["visible_to"].reverse()
    document["grid"] = document["grid"] | {"lengths": "127,200,90"}
    other = spec_of(json.dumps(document))
    first = {item.id: item for item in plan_items(one, seeing(one, drawn(42).facts))}
    again = {item.id: item for item in plan_items(other, seeing(other, drawn(42).facts))}
    places = lambda item: getattr(item, "needles", item.requested_length)  # noqa: E731
    assert {name: places(item) for name, item in first.items()} == {name: places(again[name]) for name in first}

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen.errors import InputError
from haystack_gen.facts import Facts, Sighting
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items
from tests.plan.worlds import film, spec_of, world

PAPER = """
haystack: {window: first}
needles: {options: listed}
grid: {lengths: 100:2900:200, depths: 0:1:0.2, trials: needles}
placement: {length: paper}
"""
PERIODIC = """
grid: {lengths: "400,800", depths: 0:1:0.25, trials: 4}
distractors: {origin: supplied, period: 199}
"""


def planned(text: str, facts: Facts | None = None) -> list[Item]:
    items = list(plan_items(spec_of(text), facts or world()))
    assert all(isinstance(item, Item) for item in items), items
    return items


def test_the_paper_grid_is_450_items_of_n_plus_1_frames():
    items = planned(PAPER)
    assert len(items) == 450
    cells = Counter((item.requested_length, item.requested_depth) for item in items)
    assert set(cells) == {(n, Fraction(d, 5)) for n in range(100, 3000, 200) for d in range(6)}
    assert set(cells.values()) == {5}
    for item in items:
        assert item.timeline.length == item.requested_length + 1
        assert item.needles[0].start == item.requested_depth * item.requested_length // 1
        assert item.options == ("right", "wrong", "false", "bad")


def test_binary_floats_cannot_misplace_a_paper_needle():
    as_floats = PAPER.replace("0:1:0.2", "[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]")
    assert planned(as_floats) == planned(PAPER)
    # int(0.29 * 100) is 28 in binary floating point
    one = planned("{grid: {lengths: 100, depths: 0.29}, placement: {length: paper}, haystack: {window: first}}")
    assert {item.needles[0].start for item in one} == {29}


def test_the_paper_distractor_grid():
    items = planned(PAPER + "distractors: {origin: supplied, period: 200, at_least: 0}")
    assert len(items) == 450
    assert {item.side for item in items} == {"before", "after", "none"}
    for item in items:
        assert item.timeline.length == item.requested_length + 1 + len(item.distractors)
        assert (item.side == "none") == (not item.distractors)
        for distractor in item.distractors:
            assert distractor.offset == (201 if item.side == "after" else -201)
            assert distractor.start == item.needles[0].start + distractor.offset


def test_positions_say_what_the_timeline_shows():
    for item in planned(PERIODIC):
        shown = {clip.start: clip for clip in item.timeline.clips}
        for placed in (*item.needles, *item.distractors):
            assert (shown[placed.start].source, shown[placed.start].length) == (placed.source, placed.length)
        assert sum(clip.role != "haystack" for clip in item.timeline.clips) == 1 + len(item.distractors)


def test_anti_phase_twins_agree_in_everything_else():
    in_phase, anti_phase = planned(PERIODIC), planned(PERIODIC.replace("199}", "199, phase: 1/2}"))
    alone = planned(PERIODIC.replace("supplied", "none"))
    for one, other, bare in zip(in_phase, anti_phase, alone, strict=True):
        assert all(distractor.offset % 199 == 0 for distractor in one.distractors)
        assert all(distractor.offset % 199 == 100 for distractor in other.distractors)
        for twin in (other, bare):
            assert replace(twin, distractors=one.distractors, timeline=one.timeline) == one
        assert haystack(one).items() >= {f: s for f, s in haystack(other).items() if f in haystack(one)}.items()
        assert len(haystack(bare)) == len(haystack(one)) + len(one.distractors)


def haystack(item: Item) -> dict[int, tuple[str, int]]:
    """The footage on show at each timeline frame."""
    return {
        clip.start + k: (clip.source, clip.source_start + k)
        for clip in item.timeline.clips
        if clip.role == "haystack"
        for k in range(clip.length)
    }


def test_an_item_does_not_depend_on_which_others_there_are():
    whole = {item.id: item for item in planned(PERIODIC)}
    part = planned(PERIODIC.replace('"400,800"', "800").replace("0:1:0.25", "[1/4]"))
    for item in part:
        twin = whole[item.id]
        # the letter follows the grid's diagonal; everything else is the item's own
        assert replace(twin, options=item.options, answer=item.answer, accepted=item.accepted) == item


def test_two_seeds_share_no_timeline():
    timelines = [{item.timeline for item in planned(f"seed: {seed}\n{PERIODIC}")} for seed in (42, 43)]
    assert not timelines[0] & timelines[1]


@pytest.mark.parametrize("trials", [4, 8])
def test_letters_are_balanced_in_every_cell_and_over_the_set(trials):
    items = planned(f"grid: {{lengths: 100:400:100, depths: 0:1:0.25, trials: {trials}}}")
    for cell in {(item.requested_length, item.requested_depth) for item in items}:
        here = [item.answer for item in items if (item.requested_length, item.requested_depth) == cell]
        assert Counter(here) == dict.fromkeys("ABCD", trials // 4)
    for item in items:
        assert item.options["ABCD".index(item.answer)] == item.answer_text == "right"
        assert sorted(item.options) == ["bad", "false", "right", "wrong"]


def test_one_trial_per_cell_is_balanced_over_lengths_and_depths():
    items = planned("grid: {lengths: 100:800:100, depths: 0:1:1/7, trials: 1}")
    for axis in ("requested_length", "requested_depth"):
        for value in {getattr(item, axis) for item in items}:
            here = Counter(item.answer for item in items if getattr(item, axis) == value)
            assert here == dict.fromkeys("ABCD", 2)


def test_trials_use_each_needle_once_before_any_again():
    items = planned("grid: {lengths: 100, depths: 0, trials: 13}")
    used = [item.needles[0].needle for item in items]
    assert len(set(used[:5])) == len(set(used[5:10])) == 5
    assert max(Counter(used).values()) == 3


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(1, 120),
    stay=st.integers(1, 5),
    depth=st.fractions(0, 1, max_denominator=10**6),
    law=st.sampled_from(["periodic", "random", "adjacent"]),
    seed=st.integers(0, 2**32),
)
def test_any_plan_is_planned_or_dropped(length, stay, depth, law, seed):
    spec = spec_of(
        f"""
        seed: {seed}
        needles: {{length: {stay}}}
        grid: {{lengths: {length}, depths: ["{depth}"], trials: 2}}
        distractors: {{origin: any, law: {law}, period: 17, count: 3, length: 2}}
        """
    )
    for item in plan_items(spec, world(film("a", 50), film("b", 80))):
        if isinstance(item, Drop):
            assert "fit beside the needle" in item.reason or "the needle stays" in item.reason
            continue
        assert item.timeline.length == length
        assert abs(item.needles[0].depth - depth) * 2 * max(1, length - stay) <= 1 or length == stay
        assert 1 <= len(item.distractors) <= 3
        assert item.repeats == 0


def test_short_footage_is_an_error_unless_it_may_repeat():
    text = "grid: {lengths: 100, depths: 1/2, trials: 1}"
    with pytest.raises(InputError, match="the haystack has 60 frames at 1 fps, and the longest clip needs 100"):
        planned(text, world(film(seconds=60)))
    (item,) = planned(f"{text}\nhaystack: {{repeat: true}}", world(film(seconds=60)))
    assert item.repeats in (1, 2)


def test_what_cannot_be_placed_is_dropped_with_the_reason():
    spec = spec_of("{grid: {lengths: 100, depths: 0, trials: 1}, distractors: {origin: any, period: 199}}")
    (drop,) = plan_items(spec, world())
    assert isinstance(drop, Drop)
    assert drop.reason == "0 of at least 1 distractors fit beside the needle"
    (drop,) = plan_items(spec, world(needles=1, matches=0))
    assert isinstance(drop, Drop)
    assert drop.reason == "no look-alike of needle needle-0 (distractors.origin: any)"


def test_no_window_shows_a_frame_that_looks_like_the_needle():
    seen = tuple(Sighting(needle="needle-0", source="film", frame=frame, similarity=0.99) for frame in (50, 700))
    text = "grid: {{lengths: 300, depths: 1/2, trials: 40}}\nmining: {{uniqueness: {}}}"
    facts = world(film(seconds=1000), needles=1, sightings=seen)
    for item in planned(text.format("move"), facts):
        assert not {50, 700} & {frame for _, frame in haystack(item).values()}
    dropped = [item for item in plan_items(spec_of(text.format("drop")), facts) if isinstance(item, Drop)]
    assert 0 < len(dropped) < 40
    assert dropped[0].reason == "every window tried has a haystack frame that looks like needle needle-0"
    assert len(planned(text.format("report"), facts)) == 40


def test_an_empty_pack_is_an_error():
    with pytest.raises(InputError, match="draw: the pack holds no needles"):
        planned(PAPER, world(needles=0))


def test_twins_take_the_same_footage_even_where_a_look_alike_would_hide_a_sighting():
    seen = tuple(
        Sighting(needle="needle-0", source="film", frame=frame, similarity=0.99) for frame in range(0, 3600, 45)
    )
    facts = world(needles=1, sightings=seen)
    windows = []
    for law in ("origin: supplied, period: 4", "origin: supplied, period: 4, phase: 1/2", "origin: none"):
        text = f"grid: {{lengths: 40, depths: '0:1:0.05', trials: 5}}\ndistractors: {{{law}}}"
        planned_or_dropped = list(plan_items(spec_of(text), facts))
        windows.append([one.window_start if isinstance(one, Item) else None for one in planned_or_dropped])
    assert windows[0] == windows[1] == windows[2]
    assert len(set(windows[0])) > 20

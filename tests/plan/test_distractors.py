from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haystack_gen.plan.distractors import Span, paper_positions, positions
from haystack_gen.plan.streams import Stream
from haystack_gen.spec import Distractors

SPANS = st.integers(1, 6)


def place(law: Distractors, needle: Span, length: int, taken: tuple[Span, ...] = ()) -> list[int]:
    return positions(law, needle, length=length, taken=taken, stream=Stream(1, "places"))


@given(
    period=st.integers(8, 60),
    phase=st.fractions(0, Fraction(99, 100), max_denominator=10**6),
    sides=st.sampled_from(["both", "before", "after"]),
    start=st.integers(0, 290),
    stay=SPANS,
)
def test_periodic_places_are_all_of_the_ladder_that_fit(period, phase, sides, start, stay):
    law = Distractors(origin="any", period=period, phase=phase, sides=sides, length=2)
    needle = Span(start=start, end=start + stay)
    places = place(law, needle, 300)
    expected = set()
    for k in range(-50, 51):
        offset = k * period + law.phase_frames
        inside = 0 <= start + offset <= 298
        side = sides == "both" or (offset > 0) == (sides == "after")
        if inside and side and offset and not (start + offset < needle.end and needle.start < start + offset + 2):
            expected.add(start + offset)
    assert set(places) == expected
    assert len(places) == len(expected)
    assert [abs(at - start) for at in places] == sorted(abs(at - start) for at in places)


def test_phase_is_rounded_to_the_nearest_frame_once():
    assert Distractors(period=199, phase="1/2").phase_frames == 100
    assert Distractors(period=200, phase="1/2").phase_frames == 100
    assert Distractors(period="qwen2-vl").period_frames == 199


def test_a_count_takes_the_nearest():
    law = Distractors(origin="any", period=50, count=3)
    assert place(law, Span(start=120, end=121), 400) == [70, 170, 20]


def test_places_stay_clear_of_what_is_taken():
    law = Distractors(origin="any", period=50)
    assert place(law, Span(start=100, end=101), 210, (Span(start=148, end=151),)) == [50, 0, 200]


@given(st.integers(0, 99), st.integers(1, 12), SPANS, st.sampled_from(["both", "before", "after"]), st.integers())
def test_random_places_do_not_overlap_and_are_as_many_as_asked_or_fit(start, count, size, sides, seed):
    law = Distractors(origin="any", law="random", count=count, length=size, sides=sides)
    needle = Span(start=start, end=start + 1)
    places = positions(law, needle, length=100, taken=(), stream=Stream(seed, "p"))
    frames = [at + k for at in places for k in range(size)]
    assert len(set(frames)) == len(frames)
    assert all(0 <= frame < 100 and frame != start for frame in frames)
    if sides != "both":
        assert all((at > start) == (sides == "after") for at in places)
    if len(places) < count:  # then nothing more fits
        room = range(start + 1, 100) if sides == "after" else range(start) if sides == "before" else range(100)
        free = [frame for frame in room if frame not in frames and frame != start]
        assert not any(all(at + k in free for k in range(size)) for at in free)


def test_adjacent_places_touch_the_needle():
    law = Distractors(origin="any", law="adjacent", count=2, length=3)
    assert place(law, Span(start=10, end=12), 100) == [12, 7]
    assert place(law, Span(start=0, end=2), 100) == [2, 5]


@pytest.mark.parametrize("length", [*range(100, 3000, 200), 199, 200, 201, 399, 400, 401])
@pytest.mark.parametrize("depth", [Fraction(k, 5) for k in range(6)])
def test_upstream_sides(length, depth):
    """The branches of the published script, written out again from its text."""
    query = int(float(depth) * length + 1e-9)
    plan = paper_positions(query, footage_length=length, period=200, stream=Stream(7, length, depth))
    if query - 200 <= 0 and query + 200 >= length:
        assert (plan.side, plan.distractor_start, plan.needle_start) == ("none", None, query)
        return
    if query < 200:
        assert plan.side == "after"
    elif query + 200 >= length:
        assert plan.side == "before"
    assert plan.distractor_start is not None
    assert abs(plan.distractor_start - plan.needle_start) == 201
    assert (plan.distractor_start > plan.needle_start) == (plan.side == "after")
    footage_before_needle = plan.needle_start - (plan.side == "before")
    assert footage_before_needle == query


def test_upstream_coin_falls_on_both_sides():
    sides = [paper_positions(1000, footage_length=2900, period=200, stream=Stream(1, k)).side for k in range(200)]
    assert 70 < sides.count("before") < 130

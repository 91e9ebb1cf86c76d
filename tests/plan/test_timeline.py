from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haystack_gen.errors import InputError
from haystack_gen.facts import sampled_length
from haystack_gen.plan.timeline import (
    Clip,
    Footage,
    Insert,
    Timeline,
    need_frames,
    overlay,
    splice_in,
)
from tests.plan.worlds import film

FOOTAGE = Footage(sources=("a", "b", "c"), ends=(7, 12, 40))


def shown(timeline: Timeline) -> list[tuple[str, int]]:
    """(source, source frame) of each timeline frame; stills stay on their frame 0."""
    return [
        (clip.source, clip.source_start + (index if clip.role == "haystack" else 0))
        for clip in timeline.clips
        for index in range(clip.length)
    ]


def footage_frames(start: int, length: int) -> list[tuple[str, int]]:
    """What the footage holds, counted one by one."""
    everything = [(name, k) for name, frames in (("a", 7), ("b", 5), ("c", 28)) for k in range(frames)]
    return [everything[(start + k) % len(everything)] for k in range(length)]


@st.composite
def inserts(draw, *, beyond: bool = False):
    """A clip length and inserts that do not overlap in it."""
    gaps = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=5))
    at, placed = 0, []
    for gap, length in gaps:
        placed.append(Insert(role="needle", source=f"n{len(placed)}", start=at + gap, length=length))
        at += gap + length
    return placed, at + draw(st.integers(0 if placed else 1, 9))


@given(inserts(), st.integers(0, 39))
def test_overlay_keeps_length_and_footage_in_place(case, start):
    placed, length = case
    timeline = overlay(FOOTAGE, start=start, length=length, inserts=placed, rate=Fraction(1))
    expected = footage_frames(start, length)
    for insert in placed:
        expected[insert.start : insert.end] = [(insert.source, 0)] * insert.length
    assert timeline.length == length
    assert shown(timeline) == expected


@given(inserts(), st.integers(0, 39))
def test_splicing_in_shows_all_footage_around_the_inserts(case, start):
    placed, total = case
    length = total - sum(insert.length for insert in placed)
    timeline = splice_in(FOOTAGE, start=start, length=length, inserts=placed, rate=Fraction(1))
    assert timeline.length == total
    assert [frame for frame in shown(timeline) if frame[0] in "abc"] == footage_frames(start, length)
    for insert in placed:
        assert shown(timeline)[insert.start : insert.end] == [(insert.source, 0)] * insert.length


def test_overlapping_inserts_are_refused():
    two = [Insert(role="needle", source="n", start=at, length=3) for at in (4, 6)]
    with pytest.raises(ValueError, match="overlaps another or leaves the timeline"):
        overlay(FOOTAGE, start=0, length=20, inserts=two, rate=Fraction(1))


def test_clips_must_tile():
    gap = Clip(role="haystack", source="a", source_start=0, start=1, length=3)
    with pytest.raises(ValueError, match="expected one from frame 0"):
        Timeline(rate=Fraction(1), clips=(gap,))


@given(
    st.fractions(min_value=Fraction(1, 1000), max_value=1000), st.fractions(min_value=Fraction(1, 10), max_value=240)
)
def test_sampled_length_counts_the_instants_before_the_end(duration_s, rate):
    frames = sampled_length(duration_s, rate)
    assert (frames - 1) / rate < duration_s <= frames / rate


def test_footage_of_films_sampled_together():
    films = [film("one", Fraction(11)), film("two", Fraction(40, 3))]
    assert Footage.of(films, Fraction(10)).ends == (110, 110 + 134)


def test_too_little_footage_names_the_ways_out():
    with pytest.raises(InputError) as error:
        need_frames(69, 100, rate=Fraction(1), repeat=False)
    assert str(error.value) == (
        "the haystack has 69 frames at 1 fps, and the longest clip needs 100; give shorter --lengths, more "
        "footage with --haystack, a higher --fps, or allow it to start again with --set haystack.repeat=true "
        "(recorded per item)"
    )
    need_frames(69, 100, rate=Fraction(1), repeat=True)

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haystack_gen.plan.streams import Stream

NAMES = st.lists(st.one_of(st.text(max_size=4), st.integers(), st.fractions()), max_size=4)


def test_draws_are_pinned_for_all_machines_and_versions():
    stream = Stream(42, "retrieval", "length", 100, "depth", Fraction(1, 5))
    assert [stream.below(1000) for _ in range(6)] == PINNED_BELOW
    assert Stream(42, "x").shuffled(range(8)) == PINNED_SHUFFLE
    assert Stream(42, "x").unit() == PINNED_UNIT


PINNED_BELOW = [474, 406, 595, 617, 403, 222]
PINNED_SHUFFLE = [3, 6, 1, 2, 5, 4, 0, 7]
PINNED_UNIT = 0.5479939947957501


@given(seed=st.integers(), names=NAMES, other_seed=st.integers(), other_names=NAMES)
def test_equal_names_draw_alike_and_different_names_do_not(seed, names, other_seed, other_names):
    here = [Stream(seed, *names).word() for _ in range(2)]
    assert here[0] == here[1]
    same = (seed, [(type(n), n) for n in names]) == (other_seed, [(type(n), n) for n in other_names])
    assert (Stream(other_seed, *other_names).word() == here[0]) == same


@pytest.mark.parametrize(
    ("one", "two"), [(("a", "b"), ("ab",)), (("a", ""), ("a",)), ((1,), ("1",)), (("1", 2), (12,))]
)
def test_names_cannot_run_together(one, two):
    assert Stream(1, *one).word() != Stream(1, *two).word()


def test_neighbouring_seeds_share_nothing():
    draws = [{Stream(seed, "item", index).word() for index in range(500)} for seed in (42, 43)]
    assert not draws[0] & draws[1]


def test_a_child_does_not_depend_on_what_its_parent_drew():
    parent = Stream(3, "a")
    before = parent.child("b").word()
    parent.word()
    assert parent.child("b").word() == before == Stream(3, "a", "b").word()


@given(st.integers(1, 2**64), st.integers())
def test_below_stays_below(bound, seed):
    assert 0 <= Stream(seed, "x").below(bound) < bound


def test_below_is_even_over_an_awkward_bound():
    stream = Stream(0, "even")
    counts = Counter(stream.below(7) for _ in range(70_000))
    chi_square = sum((count - 10_000) ** 2 / 10_000 for count in counts.values())
    assert chi_square < 22.5  # 99.9 % point of 6 degrees of freedom


@given(st.lists(st.integers(), max_size=20), st.data())
def test_samples_are_places_without_repetition(options, data):
    count = data.draw(st.integers(0, len(options)))
    drawn = Stream(5, "s").sample(options, count)
    assert len(drawn) == count
    assert not Counter(drawn) - Counter(options)


def test_every_order_is_equally_likely():
    orders = Counter(tuple(Stream(1, "order", index).shuffled("abc")) for index in range(6000))
    assert len(orders) == 6
    assert all(850 < count < 1150 for count in orders.values())


def test_impossible_draws_are_refused():
    with pytest.raises(ValueError, match=r"bound must be in \[1, 2\*\*64\], got bound = 0"):
        Stream(1, "x").below(0)
    with pytest.raises(ValueError, match="cannot draw 3 of 2 options"):
        Stream(1, "x").sample([1, 2], 3)

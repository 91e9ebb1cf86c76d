"""Nothing can be answered without the video: each family's items are planned, and guessed at by every rule of thumb.

A rule that is more than three standard errors above chance is asked again about items of another seed: luck does not
come twice.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import permutations
from typing import NamedTuple

import pytest

from haystack_gen.judge.blind import Asked, guess, size
from haystack_gen.plan.choices import ABSENT, LETTERS
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.texts import text_faults
from haystack_gen.specfile import read_spec
from tests.plan.worlds import family_world

FACTS = family_world()
KEYS = {needle.id: needle.key for needle in FACTS.needles}
FEW, MANY = 500, 10_000
# A family and what is set: on few cells with many trials or, "wide", on many cells with one trial each.
SETTINGS: dict[str, dict[str, object]] = {
    "retrieval": {},
    "retrieval, of 3 or absent": {"choices.count": 3, "choices.absent": True},
    "retrieval, wide, or absent": {"choices.absent": True},
    "retrieval, look-alikes": {"distractors.origin": "any", "distractors.period": 31, "distractors.at_least": 0},
    "multi_key": {},
    "multi_key, wide, of 5 or absent": {"choices.count": 5, "choices.absent": True},
    "multi_key, 6 needles of 3": {"choices.count": 3, "families.multi_key.needles": 6},
    "multi_value": {},
    "multi_value, values": {"families.multi_value.ask": "values"},
    "multi_value, keys": {"families.multi_value.ask": "keys"},
    "multi_value, of 3": {"choices.count": 3},
    "multi_value, wide, or absent": {"choices.absent": True},
    "multi_query": {},
    "multi_query, wide, or absent": {"choices.absent": True},
    "counting": {},
    "counting, of 3 up to 12": {"choices.count": 3, "families.counting.most": 12},
    "counting, wide, of 5 or none": {"choices.count": 5, "choices.absent": True},
    "ordering": {},
    "ordering, order or only": {"families.ordering": {"only": True, "needles": "2:4", "ask": "order"}},
    "ordering, wide, of 5 or absent": {"choices.count": 5, "choices.absent": True},
    "localization": {},
    "localization, 3 depths": {"grid.depths": "0,1/2,1"},
    "localization, 11 depths": {"grid.depths": "0:1:0.1"},
    "localization, uneven depths": {"grid.depths": "0,1/10,1/5,1/2,1"},
    "localization, wide, of 3 or absent": {"choices.count": 3, "choices.absent": True},
    "chain": {},
    "chain, wide, 2 hops, of 5 or absent": {"families.chain.hops": 2, "choices.count": 5, "choices.absent": True},
    "absent": {},
    "absent, wide, of 3": {"choices.count": 3},
    "stack": {},
    "stack, wide, or absent": {"choices.absent": True},
}
# Part of these cannot be placed, and what is dropped must not depend on what is true.
CROWDED: dict[str, dict[str, object]] = {
    "counting, crowded": {"grid.lengths": "35,40,45,80"},
    "counting, crowded with look-alikes": {
        "grid.lengths": "60,70",
        "placement": {"gap": 0, "band": "1/2"},
        "distractors": {"origin": "any", "law": "adjacent", "count": 2, "at_least": 2},
    },
    "multi_value, crowded": {"grid.lengths": "20,30", "families.multi_value.needles": "2:4"},
    "ordering, crowded, order or only": {
        "grid.lengths": "30,40",
        "families.ordering": {"only": True, "needles": 4, "ask": "order"},
    },
    "localization, crowded with look-alikes": {"distractors": {"origin": "any", "period": 40, "at_least": 3}},
    "localization, look-alikes before": {"distractors": {"origin": "any", "period": 31, "sides": "before"}},
}
PLAIN = [name for name in SETTINGS if "," not in name]
OF_NUMBERS = [name for name in SETTINGS if name.startswith(("counting", "localization"))]
OR_ABSENT = [name for name in SETTINGS if "absent" in name or "none" in name]
RARE = {
    1: 10.8,
    2: 13.8,
    3: 16.3,
    4: 18.5,
    5: 20.5,
    23: 49.7,
}  # what chi-square exceeds once in 1,000, by degrees of freedom


class Planned(NamedTuple):
    """What is read of an item: what a guesser sees; its cell; the keys it is about in order of appearance, and where
    the first of them is among all needles."""

    asked: Asked
    cell: tuple[int, Fraction]
    keys: tuple[str, ...]
    place: int


@cache
def planned(name: str, count: int = FEW, *, seed: int = 42, circular: bool = False) -> tuple[Planned, ...]:
    """At least `count` items of a setting; `circular` ones are all the turns of a question."""
    task, wide = name.partition(",")[0], ", wide" in name
    together = (3 if task == "multi_query" else 1) * (4 if circular else 1)
    overrides = {"grid.lengths": "128,400", "grid.depths": "0:1:0.1" if wide else "0:1:0.2"} | (SETTINGS | CROWDED)[
        name
    ]
    if wide:
        overrides |= {"grid.lengths": f"128:{128 + count // (11 * together)}:1", "grid.trials": 1}
    else:
        cells = 2 * {"0:1:0.2": 6, "0,1/2,1": 3, "0:1:0.1": 11, "0,1/10,1/5,1/2,1": 5}[str(overrides["grid.depths"])]
        overrides["grid.trials"] = count // (cells * together) + 1
    overrides |= {"tasks": task, "seed": seed, "choices.circular": circular}
    items = list(plan_items(read_spec("", where="test", overrides=overrides), FACTS))
    assert name in CROWDED or not any(isinstance(item, Drop) for item in items)
    return tuple(_read(item) for item in items if isinstance(item, Item))


def _read(item: Item) -> Planned:
    answer = LETTERS.index(item.answer)
    assert item.options[answer] == item.answer_text
    places = [place for place, placed in enumerate(item.needles) if placed.asked]
    return Planned(
        asked=Asked(question=item.question, options=item.options, answer=answer, group=item.circular_group),
        cell=(item.requested_length, item.requested_depth),
        keys=tuple(KEYS[item.needles[place].needle] for place in places),
        place=places[0] if places else -1,
    )


def better_than_chance(items: Iterable[Planned], *, cyclic: bool = False) -> dict[str, float]:
    """The rules that do better by more than three standard errors, and by how many."""
    scores = guess([one.asked for one in items], cyclic=cyclic)
    assert all(one.count for one in scores)
    return {one.guesser: one.excess for one in scores if one.excess > 3}


def assert_blind(name: str, count: int, *, cyclic: bool = False) -> None:
    if first := better_than_chance(planned(name, count, circular=cyclic), cyclic=cyclic):
        again = better_than_chance(planned(name, count, circular=cyclic, seed=43), cyclic=cyclic)
        assert not first.keys() & again.keys(), (first, again)


@pytest.mark.parametrize("name", SETTINGS)
def test_no_rule_of_thumb_beats_chance(name):
    assert_blind(name, FEW)


@pytest.mark.parametrize("name", CROWDED)
def test_what_is_dropped_tells_nothing_of_what_is_left(name):
    assert_blind(name, FEW)


@pytest.mark.parametrize("name", PLAIN)
def test_no_rule_of_thumb_survives_all_turns(name):
    assert_blind(name, FEW, cyclic=True)


@pytest.mark.long
@pytest.mark.parametrize("name", SETTINGS)
def test_no_rule_of_thumb_beats_chance_on_many_items(name):
    assert_blind(name, MANY)


@pytest.mark.long
@pytest.mark.parametrize("name", SETTINGS)
def test_no_rule_of_thumb_survives_all_turns_of_many_items(name):
    assert_blind(name, MANY, cyclic=True)


def test_a_wrong_option_that_names_the_key_asked_about_would_be_seen():
    def leaky(one: Planned) -> Planned:
        options = list(one.asked.options)
        options[(one.asked.answer + 1) % 4] = one.keys[0]
        return one._replace(asked=replace(one.asked, options=tuple(options)))

    items = [leaky(one) if number % 4 == 0 else one for number, one in enumerate(planned("multi_key"))]
    assert "least like the question" in better_than_chance(items)


def test_spans_that_only_the_first_depth_lets_begin_with_the_video_would_be_seen():
    def leaky(one: Planned) -> Planned:
        options = [text if one.cell[1] == 0 else text.replace("00:00-", "00:01-") for text in one.asked.options]
        return one._replace(asked=replace(one.asked, options=tuple(options)))

    assert "begins with nothing" in better_than_chance(map(leaky, planned("localization")))


def test_a_letter_that_tells_when_nothing_is_there_would_be_seen():
    def leaky(one: Planned) -> Planned:
        """Letters stay balanced, but "not in the video" is right at D and nowhere else, and D of nothing else."""
        options, answer = list(one.asked.options), one.asked.answer
        missing = options[answer] == ABSENT
        if missing != (answer == 3):
            other = 3 if missing else next(place for place in range(3) if options[place] != ABSENT)
            options[answer], options[other], answer = options[other], options[answer], other
        return one._replace(asked=replace(one.asked, options=tuple(options), answer=answer))

    items = list(map(leaky, planned("retrieval, wide, or absent")))
    assert "most often right at its place" in better_than_chance(items)


def chi_square(counts: Counter, kinds: Iterable[object]) -> float:
    """How far the counts of equally likely kinds are from equal."""
    kinds = list(kinds)
    expected = sum(counts.values()) / len(kinds)
    assert expected > 5
    return sum((counts[kind] - expected) ** 2 / expected for kind in kinds)


@pytest.mark.parametrize("name", SETTINGS)
def test_right_letters_are_balanced_in_every_cell_and_over_all(name):
    items = planned(name)
    letters = range(len(items[0].asked.options))
    cells: dict[tuple[int, Fraction], Counter[int]] = {}
    for one in items:
        cells.setdefault(one.cell, Counter())[one.asked.answer] += 1
    for counts in (*cells.values(), sum(cells.values(), Counter())):
        here = [counts[letter] for letter in letters]
        assert max(here) - min(here) <= (1 if counts in cells.values() else len(letters))


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_the_right_number_or_time_has_any_rank(name):
    ranks: Counter[int] = Counter()
    for one in planned(name):
        sizes = [size(option) for option in one.asked.options]
        known = sorted(size for size in sizes if size is not None)
        if (own := sizes[one.asked.answer]) is not None:
            ranks[known.index(own)] += 1
    assert chi_square(ranks, range(len(known))) < RARE[len(known) - 1]


@pytest.mark.parametrize("name", OR_ABSENT)
def test_not_there_is_right_as_often_as_anything_and_at_any_letter(name):
    items = planned(name)
    letters = len(items[0].asked.options)
    missing = "0" if name.startswith("counting") else ABSENT
    assert all(missing in one.asked.options for one in items)
    here = [one for one in items if one.asked.options[one.asked.answer] == missing]
    expected, error = len(items) / letters, (len(items) * (letters - 1)) ** 0.5 / letters
    assert abs(len(here) - expected) < 3 * error
    assert all(not one.keys for one in here)
    assert chi_square(Counter(one.asked.answer for one in here), range(letters)) < RARE[letters - 1]


@pytest.mark.parametrize("count", [3, 4])
def test_names_are_asked_in_any_order_whichever_is_shown(count):
    orders: Counter[tuple[int, ...]] = Counter()
    for one in (*planned("ordering"), *planned("ordering, order or only")):
        if len(one.keys) == count and all(key in one.asked.question for key in one.keys):
            said = sorted(one.keys, key=one.asked.question.index)
            orders[tuple(one.keys.index(key) for key in said)] += 1
    kinds = list(permutations(range(count)))
    assert chi_square(orders, kinds) < RARE[len(kinds) - 1]


@pytest.mark.parametrize(
    ("name", "number"), [("multi_key", 0), ("multi_query", 0), ("multi_query", 1), ("multi_query", 2)]
)
def test_questions_are_about_needles_anywhere_among_the_others(name, number):
    items = planned(name)[number :: 3 if name == "multi_query" else 1]
    assert chi_square(Counter(one.place for one in items), range(4)) < RARE[3]


@pytest.mark.parametrize("name", SETTINGS)
def test_no_option_could_be_taken_for_a_letter_or_for_another(name):
    for options in {one.asked.options for one in planned(name)}:
        assert text_faults(options) == []
        assert len(set(options)) == len(options)

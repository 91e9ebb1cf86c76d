from dataclasses import replace
from itertools import combinations, product
from math import inf

import pytest

from haystack_gen.errors import InputError
from haystack_gen.judge.blind import Asked, Score, guess, guessers, score, size
from haystack_gen.plan.choices import ABSENT, rotated
from haystack_gen.plan.streams import Stream

NAMES = ["owl", "kite", "cake", "drum", "bell", "fern", "lamp", "rake", "sock", "tent", "vase", "yarn"]


def asked(options: list[str], truth: str, *, question: str = "What?", group: str = "") -> Asked:
    return Asked(question=question, options=tuple(options), answer=options.index(truth), group=group)


def turns(one: Asked, group: str) -> list[Asked]:
    """The question once for each rotation of its options."""
    truth, turned = one.options[one.answer], (rotated(one.options, shift) for shift in range(len(one.options)))
    return [asked(list(options), truth, question=one.question, group=group) for options in turned]


def results(questions: list[Asked], *, cyclic: bool = False) -> dict[str, Score]:
    return {one.guesser: one for one in guess(questions, cyclic=cyclic)}


@pytest.mark.parametrize(
    ("rule", "question", "options", "picked"),
    [
        ("always C", "What?", ["owl", "kite", "cake", "drum"], ["cake"]),
        ("always D", "What?", ["owl", "kite", "cake"], ["owl", "kite", "cake"]),
        ("number 1 in size", "How many?", ["10", "9", "-2", "3.5"], ["-2"]),
        ("number 3 in size", "How many?", ["10", "9", "11", "12"], ["11"]),
        ("number 2 in size", "When?", ["10:00-10:09", "9:58-10:07", "1:00:00-1:00:09"], ["10:00-10:09"]),
        ("number 2 in size", "How many?", ["2", "2.0", "7"], ["2", "2.0"]),
        ("number 3 in size", "How many?", ["2", "7", ABSENT], ["2", "7", ABSENT]),
        ("number 1 in size", "How many?", ["2", "many", ABSENT], ["2", "many", ABSENT]),
        ("number 2 in the alphabet", "What?", ["owl", "Kite", "cake", "drum"], ["drum"]),
        ("middle in size", "How many?", ["10", "9", "40"], ["10"]),
        ("middle in size", "How many?", ["10", "9", "11", "12"], ["10", "11"]),
        ("middle in size", "What?", ["owl", "kite", "cake"], ["owl", "kite", "cake"]),
        ("begins with nothing", "When?", ["00:04-00:08", "00:00-00:04", "00:08-00:12"], ["00:00-00:04"]),
        ("begins with nothing", "When?", ["00:04-00:08", "00:08-00:12"], ["00:04-00:08", "00:08-00:12"]),
        ("longest", "What?", ["owl", "kite", "cake"], ["kite", "cake"]),
        ("shortest", "What?", ["owl", "kite", "cake"], ["owl"]),
        ("most like the question", "Where is the owl?", ["the owl", "the kite", "the cake"], ["the owl"]),
        ("least like the question", "Is it a kite or a cake?", ["the owl", "the kite", "the cake"], ["the owl"]),
        ("least like the question", "Where is it?", ["the owl", "the kite"], ["the owl", "the kite"]),
        (
            "order as asked",
            "In what order come the Owl, the kite and the cake?",
            ["the kite, the owl, the cake", "the owl, the kite, the cake", "only the owl"],
            ["the owl, the kite, the cake"],
        ),
        (
            "order as asked, backwards",
            "In what order come the owl, the kite and the cake?",
            ["the kite, the owl, the cake", "the owl, the kite, the cake", "the cake, the kite, the owl"],
            ["the cake, the kite, the owl"],
        ),
        ("order as asked", "What?", ["owl", "kite"], ["owl", "kite"]),
        # each wrong set has one other member, each wrong order swaps two
        ("most like the others", "Which?", ["owl, kite, ox", "owl, cake, kite", "cake, emu, owl"], ["owl, cake, kite"]),
        ("most like the others", "Order?", ["a1, b2, c3", "b2, a1, c3", "a1, c3, b2", "c3, b2, a1"], ["a1, b2, c3"]),
        ("odd one out", "What?", ["red owl", "red kite", "cake"], ["cake"]),
        ("odd one out", "How many?", ["10", "9", "40", "12"], ["40"]),
        ("most like the others", "How many?", ["10", "9", "40", ABSENT], ["10"]),
        (ABSENT, "What?", ["owl", ABSENT, "kite"], [ABSENT]),
        (ABSENT, "What?", ["owl", "kite"], ["owl", "kite"]),
    ],
)
def test_what_each_rule_picks_wherever_it_stands(rule, question, options, picked):
    for one in turns(asked(options, options[0], question=question), "g"):
        if rule.startswith("always"):
            one = asked(options, options[0])
        (pick,) = guessers(4)[rule]([one])
        assert sorted(one.options[place] for place in pick) == sorted(picked)


def fair(count: int) -> list[Asked]:
    """Nothing to be found: four different names, the right one anywhere."""
    drawn = (Stream(5, number).sample(NAMES, 4) for number in range(count))
    return [asked(options, Stream(5, "truth", number).choice(options)) for number, options in enumerate(drawn)]


def test_nothing_is_found_where_nothing_is():
    scores = guess(fair(1000))
    assert {one.chance for one in scores} == {0.25}
    assert max(one.excess for one in scores) < 3
    assert scores == sorted(scores, key=lambda one: -one.excess)


def counted_like_vnbench(count: int) -> list[Asked]:
    """Four consecutive numbers, of which the second or, more often, the third is right."""
    questions = []
    for number in range(count):
        stream = Stream(3, number)
        low, rank = stream.below(9) + 1, (1, 2, 2)[stream.below(3)]
        options = [str(low + step) for step in range(4)]
        questions.append(asked(stream.child("shown").shuffled(options), options[rank], question="How many?"))
    return questions


def test_the_third_smallest_number_survives_all_turns():
    questions = counted_like_vnbench(120)
    turned = [turn for number, one in enumerate(questions) for turn in turns(one, f"g{number}")]
    for found in (results(questions), results(turned, cyclic=True)):
        assert found["number 3 in size"].accuracy == pytest.approx(2 / 3, abs=0.1)
        assert found["middle in size"].accuracy == pytest.approx(1 / 2)
        for rule in ("number 3 in size", "middle in size"):
            assert (found[rule].chance, found[rule].count) == (0.25, 120)
            assert found[rule].excess > 6
    cyclic = results(turned, cyclic=True)
    for letter in "ABCD":
        assert cyclic[f"always {letter}"] == Score(guesser=f"always {letter}", accuracy=0, chance=0, error=0, count=120)
        assert cyclic[f"always {letter}"].excess == 0
    # turn by turn, a letter is right exactly once in four
    assert results(turned)["always B"].accuracy == 0.25


@pytest.mark.parametrize("rule", ["most frequent answer", "most often right", "most often right at its place"])
def test_a_favourite_is_learned_from_one_half_and_used_on_the_other(rule):
    questions = [asked(["owl", *Stream(1, number).sample(NAMES[1:], 3)], "owl") for number in range(200)]
    found = results(questions)[rule]
    assert (found.accuracy, found.chance, found.count) == (1, 0.25, 100)


def test_what_is_right_whenever_it_is_offered_is_learned_though_it_is_rare():
    questions = fair(400)
    for number in range(0, 400, 32):
        questions[number] = asked(["gift", *questions[number].options[:3]], "gift")
    often, most = (guessers(4)[rule](questions) for rule in ("most often right", "most frequent answer"))
    rare = [number for number in range(0, 400, 32) if often[number]]
    assert len(rare) > 3
    assert all(often[number] == {0} for number in rare)
    assert any(most[number] != {0} for number in rare)


def test_the_answer_to_the_same_question_is_learned():
    questions = []
    for number in range(120):
        key, truth = NAMES[number % 12], NAMES[-1 - number % 12]
        wrong = Stream(2, number).sample([one for one in NAMES if one != truth], 3)
        questions.append(asked([*wrong, truth], truth, question=f"What goes with the {key}?"))
    assert results(questions)["most frequent answer to the question"].accuracy == 1
    assert results(questions)["most often right"].accuracy < 0.9


def test_learning_rules_never_learn_from_the_question_itself_or_its_turns():
    turned = [turn for number, one in enumerate(fair(40)) for turn in turns(one, f"g{number}")]
    for rule in ("most frequent answer", "most often right at its place"):
        picks = guessers(4)[rule](turned)
        learned = {turn.group for turn, pick in zip(turned, picks, strict=True) if not pick}
        guessed = {turn.group for turn, pick in zip(turned, picks, strict=True) if pick}
        assert len(learned) == len(guessed) == 20
        assert not learned & guessed
        assert results(turned, cyclic=True)[rule].count == 20
        # other answers in the groups that are guessed change nothing
        moved = [replace(one, answer=0) if one.group in guessed else one for one in turned]
        assert guessers(4)[rule](moved) == picks


def test_learning_sees_through_balanced_letters():
    """Letters go round and round: of every second question, only two letters would ever be learned."""
    questions = [
        asked([NAMES[(place - number) % 4] for place in range(4)], NAMES[0], question=f"{number}?")
        for number in range(80)
    ]
    assert {one.answer for one in questions[::2]} == {0, 2}
    assert results(questions)["most often right at its place"].accuracy == 1


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 1, 3), (4, 4, 2), (1, 2, 3)])
def test_chance_and_error_are_what_all_truths_together_give(sizes):
    options = NAMES[:4]
    picks = [frozenset(range(picked)) for picked in sizes]
    worlds = [
        score("rule", [asked(options, truth) for truth in truths], picks) for truths in product(options, repeat=3)
    ]
    mean = sum(one.accuracy for one in worlds) / len(worlds)
    deviation = (sum((one.accuracy - mean) ** 2 for one in worlds) / len(worlds)) ** 0.5
    assert {(one.chance, one.count) for one in worlds} == {(0.25, 3)}
    assert mean == pytest.approx(0.25)
    assert deviation == pytest.approx(worlds[0].error)


@pytest.mark.parametrize("liked", [one for count in (1, 2, 3) for one in combinations(NAMES[:3], count)])
def test_a_rule_by_text_stands_or_falls_with_its_group(liked):
    """Over all truths, in one turn or in all: chance is 1 / n, and the error is the spread."""
    worlds = [turns(asked(NAMES[:3], truth), "g") for truth in NAMES[:3]]
    for cyclic in (False, True):
        scores = []
        for questions in worlds:
            picks = [frozenset(one.options.index(text) for text in liked) for one in questions]
            scores.append(score("rule", questions, picks, cyclic=cyclic))
        mean = sum(one.accuracy for one in scores) / 3
        deviation = (sum((one.accuracy - mean) ** 2 for one in scores) / 3) ** 0.5
        assert [one.chance for one in scores] == pytest.approx([1 / 3] * 3)
        assert mean == pytest.approx(1 / 3)
        assert deviation == pytest.approx(scores[0].error, abs=1e-9)
        assert {one.count for one in scores} == {1 if cyclic else 3}


def test_different_texts_in_different_turns_win_no_group():
    questions = turns(asked(NAMES[:4], "owl"), "g")
    half = [frozenset((0, 1)) for _ in questions]  # two letters share no text in all four turns
    assert score("rule", questions, half, cyclic=True) == Score(guesser="rule", accuracy=0, chance=0, error=0, count=1)
    others = ["kite", "cake", "drum", "kite"]
    wavering = [frozenset(map(one.options.index, ("owl", other))) for one, other in zip(questions, others, strict=True)]
    found = score("rule", questions, wavering, cyclic=True)
    assert (found.accuracy, found.chance) == (0.5, 0.125)


def test_questions_of_other_numbers_of_options_have_their_own_chance():
    questions = [asked(NAMES[:2], "owl"), asked(NAMES[:5], "owl")]
    found = results(questions)["always A"]
    assert (found.accuracy, found.chance, found.count) == (1, pytest.approx(0.35), 2)
    assert found.error == pytest.approx((1 / 4 + 4 / 25) ** 0.5 / 2)
    assert "always E" in results(questions)
    assert "always F" not in results(questions)


def test_an_empty_set_is_guessed_by_nobody():
    assert {(one.accuracy, one.chance, one.count, one.excess) for one in guess([])} == {(0, 0, 0, 0)}


def test_above_a_chance_without_error_is_infinitely_far():
    assert Score(guesser="rule", accuracy=0.5, chance=0.25, error=0, count=4).excess == inf


@pytest.mark.parametrize(
    ("options", "answer"), [(("owl", "kite"), 2), (("owl", "kite"), -1), ((), 0), (("owl", "owl"), 0)]
)
def test_an_answer_is_a_place_in_different_options(options, answer):
    with pytest.raises(InputError, match=r"'What\?': answer -?\d must be a place in different options, not \("):
        Asked(question="What?", options=options, answer=answer)


@pytest.mark.parametrize(
    "other", [asked(["owl", "kite", "drum"], "owl", group="g"), asked(["kite", "cake", "owl"], "kite", group="g")]
)
def test_a_group_is_of_one_question(other):
    questions = [asked(["owl", "kite", "cake"], "owl", group="g"), other]
    with pytest.raises(InputError, match=r"^group 'g': expected rotations of one question, got .*'cake'.* and .*"):
        guess(questions, cyclic=True)
    assert guess(questions)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("7", 7),
        ("-0.5", -0.5),
        ("00:12-00:24", 12),
        ("1:00:12.50-1:00:24.50", 3612.5),
        ("01:30", 90),
        ("seven", None),
        ("7 owls", None),
        ("1,000", None),
        ("nan", None),
        ("9" * 5000, None),
        (f"{'9' * 5000}:00", None),
        ("", None),
    ],
)
def test_what_has_a_size(option, expected):
    assert size(option) == expected

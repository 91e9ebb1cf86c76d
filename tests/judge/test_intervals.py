"""Intervals and scores: reference values, what must hold of all, and the libraries where they are installed."""

import os
from itertools import permutations, product
from math import comb

import pytest

from haystack_gen.judge.intervals import (
    CountErrors,
    Interval,
    Pairs,
    SetScore,
    at_least,
    count_errors,
    effective_length,
    kendall_tau,
    mcnemar,
    paired_difference,
    set_score,
    wilson,
)


def pairs(both: int, first: int, second: int, neither: int) -> Pairs:
    return Pairs(both=both, first=first, second=second, neither=neither)


def ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def binomial(n: int, p: float) -> list[float]:
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


# statsmodels 0.15.0: [proportion_confint(k, n, method="wilson") for k, n in ...]
WILSON = {
    (0, 5): (0.0, 0.43448246478317487),
    (5, 5): (0.5655175352168252, 1.0),
    (1, 10): (0.017876213095072924, 0.40415002679523854),
    (17, 20): (0.639581135259243, 0.9476312541037833),
    (250, 1000): (0.2241530989836914, 0.27776028025908617),
}


@pytest.mark.parametrize("trials", WILSON)
def test_wilson(trials):
    assert ends(wilson(trials[0], of=trials[1])) == pytest.approx(WILSON[trials], abs=1e-12)


def test_wilson_is_symmetric_and_holds_the_proportion():
    for of in range(1, 40):
        for right in range(of + 1):
            interval, mirrored = wilson(right, of=of), wilson(of - right, of=of)
            assert 0 <= interval.low <= right / of <= interval.high <= 1
            assert ends(mirrored) == pytest.approx((1 - interval.high, 1 - interval.low))
            assert interval.high - interval.low > 0


def test_wilson_covers_what_it_says_on_average():
    """95 % of the time over proportions; the nominal level is kept on average, not for each proportion."""
    of, covered = 20, []
    for p in (number / 200 for number in range(1, 200)):
        likely = binomial(of, p)
        covered.append(sum(likely[k] for k in range(of + 1) if wilson(k, of=of).low <= p <= wilson(k, of=of).high))
    assert sum(covered) / len(covered) == pytest.approx(0.95, abs=0.01)
    assert min(covered) > 0.83


@pytest.mark.parametrize(("right", "of"), [(0, 0), (3, 2), (-1, 4)])
def test_wilson_needs_trials(right, of):
    with pytest.raises(ValueError, match="expected at least one trial and at most as many right"):
        wilson(right, of=of)


# scipy 1.17.1: [binom.sf(k - 1, n, p) for k, n, p in ...]
TAILS = {
    (3, 10, 0.25): 0.4744071960449219,
    (10, 10, 0.25): 9.5367431640625e-07,
    (60, 100, 0.25): 1.3268346743587464e-13,
    (30, 100, 0.25): 0.14954104656657338,
    (5200, 10000, 0.5): 3.2967577993361714e-05,
    (1, 1_000_000, 1e-6): 0.632120742768355,
}


@pytest.mark.parametrize("tail", TAILS)
def test_tails_of_the_binomial(tail):
    assert at_least(tail[0], of=tail[1], chance=tail[2]) == pytest.approx(TAILS[tail], rel=1e-8)


def test_tails_are_sums_of_terms():
    for n, p in product((1, 2, 7, 30), (0.01, 0.25, 0.5, 0.9)):
        for k in range(n + 2):
            assert at_least(k, of=n, chance=p) == pytest.approx(sum(binomial(n, p)[k:]), abs=1e-12)


def test_tails_at_the_ends():
    assert at_least(0, of=0, chance=0.5) == at_least(-1, of=4, chance=0.5) == at_least(4, of=4, chance=1) == 1
    assert at_least(1, of=0, chance=0.5) == at_least(5, of=4, chance=1) == at_least(1, of=4, chance=0) == 0
    for of, chance in ((4, 1.5), (4, -0.1), (-1, 0.5)):
        with pytest.raises(ValueError, match="expected 0 or more, and a chance in"):
            at_least(1, of=of, chance=chance)


# statsmodels 0.15.0: [mcnemar([[10, b], [c, 20]], exact=True).pvalue for b, c in ...]
MCNEMAR = {(0, 6): 0.03125, (1, 9): 0.021484375, (5, 5): 1.0, (12, 3): 0.03515625, (40, 60): 0.05688793364098089}


@pytest.mark.parametrize("differing", MCNEMAR)
def test_mcnemar(differing):
    first, second = differing
    assert mcnemar(pairs(10, first, second, 20)) == pytest.approx(MCNEMAR[differing], rel=1e-10)
    assert mcnemar(pairs(10, second, first, 20)) == mcnemar(pairs(0, first, second, 999))


def test_mcnemar_keeps_its_level():
    for differing in range(1, 30):
        likely = binomial(differing, 0.5)
        false = sum(likely[k] for k in range(differing + 1) if mcnemar(pairs(0, k, differing - k, 0)) <= 0.05)
        assert false <= 0.05
    assert mcnemar(pairs(4, 0, 0, 4)) == 1


# R, contingencytables 3.1.0, which tests them: Newcombe_square_and_add_CI_paired_2x2(rbind(c(59, 6), c(16, 80))) and
# (diag(2)). The others by the steps of R's biostatUZH::confIntPairedProportion from statsmodels' Wilson intervals.
NEWCOMBE = {
    (59, 6, 16, 80): (-0.1186, -0.0046),
    (1, 0, 0, 1): (-0.5734, 0.5734),
    (36, 12, 2, 0): (0.0569, 0.3404),
    (14, 5, 0, 22): (0.0115, 0.2265),
}


@pytest.mark.parametrize("table", NEWCOMBE)
def test_paired_difference(table):
    assert ends(paired_difference(pairs(*table))) == pytest.approx(NEWCOMBE[table], abs=5e-5)


def test_paired_differences_turn_with_the_sides_and_hold_the_difference():
    for both, first, second, neither in product(range(5), repeat=4):
        if both + first + second + neither:
            interval = paired_difference(pairs(both, first, second, neither))
            turned = paired_difference(pairs(both, second, first, neither))
            assert ends(turned) == pytest.approx((-interval.high, -interval.low))
            assert -1 <= interval.low <= (first - second) / (both + first + second + neither) <= interval.high <= 1


def test_paired_differences_cover_what_they_say():
    """Over all tables of 15 pairs, for several ways in which pairs come out."""
    count = 15
    tables = [
        (a, b, c, count - a - b - c)
        for a in range(count + 1)
        for b in range(count + 1 - a)
        for c in range(count + 1 - a - b)
    ]
    found = {table: paired_difference(pairs(*table)) for table in tables}
    covered = []
    for chances in ((0.4, 0.2, 0.1, 0.3), (0.7, 0.1, 0.1, 0.1), (0.1, 0.5, 0.1, 0.3), (0.25, 0.25, 0.25, 0.25)):
        difference = chances[1] - chances[2]
        within = 0.0
        for (a, b, c, d), interval in found.items():
            if interval.low <= difference <= interval.high:
                ways = comb(count, a) * comb(count - a, b) * comb(count - a - b, c)
                within += ways * chances[0] ** a * chances[1] ** b * chances[2] ** c * chances[3] ** d
        covered.append(within)
    assert min(covered) > 0.93
    assert sum(covered) / len(covered) == pytest.approx(0.955, abs=0.02)


def test_pairs_are_counted():
    assert pairs(1, 2, 3, 4).count == 10
    with pytest.raises(ValueError, match="expected no negative numbers"):
        pairs(1, -2, 3, 4)
    with pytest.raises(ValueError, match="expected at least one trial"):
        paired_difference(pairs(0, 0, 0, 0))


def test_effective_length():
    falling = {100: 0.99, 400: 0.9, 1600: 0.8, 6400: 0.3}
    assert [effective_length(falling, threshold=at) for at in (1, 0.99, 0.85, 0.8, 0)] == [None, 100, 400, 1600, 6400]
    assert effective_length({6400: 0.9, 100: 0.95, 400: 0.5}, threshold=0.85) == 100, "a dip ends it"
    assert effective_length({}, threshold=0.5) is None


def test_set_scores():
    assert set_score(("owl", "car"), true=("owl", "car")) == SetScore(precision=1, recall=1, f1=1)
    assert set_score(("owl",), true=("owl", "car")) == SetScore(precision=1, recall=0.5, f1=pytest.approx(2 / 3))
    assert set_score(("owl", "kite", "cake", "bus"), true=("owl",)) == SetScore(precision=0.25, recall=1, f1=0.4)
    assert set_score(("owl", "owl"), true=("owl", "car")) == set_score(("owl",), true=("car", "owl"))
    assert set_score((), true=()) == SetScore(precision=1, recall=1, f1=1)
    assert set_score((), true=("owl",)) == set_score(("owl",), true=()) == SetScore(precision=0, recall=0, f1=0)


# scipy 1.17.1: [kendalltau(range(n), [said.index(x) if x in said else len(said) for x in true]).statistic ...]
TAUS = {
    ("abc", "abc"): 1.0,
    ("cba", "abc"): -1.0,
    ("acb", "abc"): 0.3333333333333333,
    ("ab", "abc"): 1.0,
    ("a", "abc"): 0.816496580927726,
    ("c", "abc"): -0.816496580927726,
    ("bd", "abcd"): -0.18257418583505539,
    ("dcab", "abcd"): -0.6666666666666667,
}


@pytest.mark.parametrize("orders", TAUS, ids="-".join)
def test_kendall_tau(orders):
    assert kendall_tau(orders[0], true=orders[1]) == pytest.approx(TAUS[orders])


def test_kendall_tau_of_names_that_are_not_true_or_said_again():
    assert kendall_tau(["x", "a", "y", "b", "c"], true="abc") == 1
    assert kendall_tau("abac", true="abc") == 1
    assert kendall_tau("xyz", true="abc") == kendall_tau("", true="abc") == 0
    assert kendall_tau("a", true="a") is None
    assert kendall_tau("a", true="") is None


def test_kendall_tau_turns_with_the_order():
    for said in permutations("abcd"):
        turned = kendall_tau(said[::-1], true="abcd")
        assert kendall_tau(said, true="abcd") == pytest.approx(-turned)
        assert kendall_tau(said, true="dcba") == pytest.approx(turned)


def test_count_errors():
    assert count_errors([3, 4, 0, 9], true=[3, 5, 0, 5]) == CountErrors(mean_absolute=1.25, within_one=0.75)
    assert count_errors([2], true=[0]) == CountErrors(mean_absolute=2, within_one=0)
    with pytest.raises(ValueError, match="expected at least one"):
        count_errors([], true=[])
    with pytest.raises(ValueError, match="zip"):
        count_errors([1], true=[1, 2])


@pytest.mark.stats
def test_agreement_with_scipy_and_statsmodels():
    """Everything that they have, over many values."""
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("scipy", reason="scipy is not installed", exc_type=ImportError)
        pytest.importorskip("statsmodels", reason="statsmodels is not installed", exc_type=ImportError)
    from scipy.stats import binom, kendalltau
    from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
    from statsmodels.stats.proportion import proportion_confint

    for of in (1, 2, 9, 50, 3000):
        for right in {*range(0, of + 1, max(1, of // 9)), of}:
            assert ends(wilson(right, of=of)) == pytest.approx(
                proportion_confint(right, of, method="wilson"), abs=1e-12
            )
            for chance in (0.01, 0.25, 0.5, 0.97):
                theirs = binom.sf(right - 1, of, chance)
                assert at_least(right, of=of, chance=chance) == pytest.approx(theirs, rel=1e-8, abs=1e-300)
    for first, second in product(range(0, 40, 3), repeat=2):
        theirs = their_mcnemar([[5, first], [second, 7]], exact=True).pvalue
        assert mcnemar(pairs(5, first, second, 7)) == pytest.approx(theirs, rel=1e-9)
    for count in range(1, 6):
        for said in permutations("abcde", count):
            ranks = [said.index(name) if name in said else count for name in "abcde"]
            assert kendall_tau(said, true="abcde") == pytest.approx(kendalltau(range(5), ranks).statistic)

"""What can be said of accuracies and their differences, and of sets, orders and counts; each with its source.

Cells have few items: everything here holds for few.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, fsum, lgamma, log, log1p, sqrt

Z_95 = 1.959963984540054
"""The 0.975 quantile of the normal distribution: half the width, in standard errors, of an interval for 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends belong to it."""

    low: float
    high: float


def wilson(right: int, *, of: int) -> Interval:
    """The interval, for 95 %, of a proportion of which `right` of `of` were seen.

    Wilson's score interval (1927, Journal of the American Statistical Association 22:209-212), which Brown, Cai and
    DasGupta (2001, Statistical Science 16:101-133) recommend for few trials: unlike the textbook's, it has a width at
    0 and 1 and never leaves [0, 1].

    Raises:
        ValueError: there are no trials, or more right than trials.
    """
    if not 0 <= right <= of or not of:
        raise ValueError(f"{right} right of {of}: expected at least one trial and at most as many right")
    share, z2 = right / of, Z_95**2
    center = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return Interval(0.0 if right == 0 else center - half, 1.0 if right == of else center + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of questions that differ in one thing, such as items and their control twins, by which were answered.

    `first` is how often only the first of a pair was right, `second` only the second.
    """

    both: int
    first: int
    second: int
    neither: int

    def __post_init__(self) -> None:
        if min(self.both, self.first, self.second, self.neither) < 0:
            raise ValueError(f"{self}: expected no negative numbers")

    @property
    def count(self) -> int:
        """All pairs."""
        return self.both + self.first + self.second + self.neither


def mcnemar(pairs: Pairs) -> float:
    """The probability that pairs differ at least so unevenly if neither side is the easier, for either side.

    McNemar's test (1947, Psychometrika 12:153-157) in its exact form: of the pairs that differ, as many are won by
    either side as heads are thrown; two-sided by doubling, at most 1. It keeps its level with any number of pairs, and
    is the most cautious form (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91).
    """
    differing = pairs.first + pairs.second
    return min(1.0, 2 * at_least(max(pairs.first, pairs.second), of=differing, chance=0.5))


def at_least(right: int, *, of: int, chance: float) -> float:
    """The probability of `right` or more successes in `of` independent trials: the upper tail of the binomial.

    A sum of its terms, each exp(log choose + logs), relative error below 1e-8 for up to a million trials.

    Raises:
        ValueError: `chance` is not in [0, 1], or there are less than no trials.
    """
    if not 0 <= chance <= 1 or of < 0:
        raise ValueError(f"{of} trials at a chance of {chance}: expected 0 or more, and a chance in [0, 1]")
    if right <= 0:
        return 1.0
    if right > of or chance == 0:
        return 0.0
    if chance == 1:
        return 1.0
    if right <= of * chance:
        return 1.0 - _terms(range(right), of, chance)
    return _terms(range(right, of + 1), of, chance)


def _terms(successes: range, of: int, chance: float) -> float:
    return min(1.0, fsum(exp(_log_choose(of, k) + k * log(chance) + (of - k) * log1p(-chance)) for k in successes))


def _log_choose(of: int, k: int) -> float:
    return lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1)


def paired_difference(pairs: Pairs) -> Interval:
    """The interval, for 95 %, of how much more often the first of a pair is right than the second.

    Newcombe's method 10 (1998, Statistics in Medicine 17:2635-2650): the distances from each proportion to the ends of
    its Wilson interval, squared and added as for correlated estimates. Tango's (1998, Statistics in Medicine
    17:891-908) is as good (Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33:2850-2875); this one needs no
    iteration and is made of the intervals that are shown beside it.

    Raises:
        ValueError: there are no pairs.
    """
    count, first, second = pairs.count, pairs.both + pairs.first, pairs.both + pairs.second
    one, other = wilson(first, of=count), wilson(second, of=count)
    share, other_share, alike = first / count, second / count, _correlation(pairs)
    below, other_above = share - one.low, other.high - other_share
    above, other_below = one.high - share, other_share - other.low
    low = sqrt(below**2 - 2 * alike * below * other_above + other_above**2)
    high = sqrt(above**2 - 2 * alike * above * other_below + other_below**2)
    difference = (pairs.first - pairs.second) / count
    return Interval(max(-1.0, difference - low), min(1.0, difference + high))


def _correlation(pairs: Pairs) -> float:
    """Phi of the fourfold table, where it is positive corrected for continuity; 0 if a margin is empty."""
    first, second, count = pairs.both + pairs.first, pairs.both + pairs.second, pairs.count
    margins = first * second * (count - first) * (count - second)
    excess = float(pairs.both * pairs.neither - pairs.first * pairs.second)
    if excess > 0:
        excess = max(0.0, excess - count / 2)
    return excess / sqrt(margins) if margins else 0.0


def effective_length(accuracies: Mapping[int, float], *, threshold: float) -> int | None:
    """The longest length up to which every length tested has an accuracy of at least `threshold`; None if none has.

    RULER (arXiv 2404.06654) takes the longest length whose accuracy exceeds that of Llama-2-7B at 4,000 tokens, 85.6 %.
    Here a length counts only if no shorter one falls short, so that recovering by luck earns nothing; the threshold is
    yours to choose and to state, because with options chance alone gives 1 / options.
    """
    longest = None
    for length in sorted(accuracies):
        if accuracies[length] < threshold:
            break
        longest = length
    return longest


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScore:
    """How well a set was named, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


def set_score(said: Collection[str], *, true: Collection[str]) -> SetScore:
    """The share of what was said that is true, of what is true that was said, and the harmonic mean of both.

    As van Rijsbergen (1979, Information Retrieval, chapter 7). Two empty sets agree, 1; one empty set scores 0.
    """
    right = len({*said} & {*true})
    if not said and not true:
        return SetScore(precision=1.0, recall=1.0, f1=1.0)
    sizes = len({*said}), len({*true})
    precision, recall = (right / size if size else 0.0 for size in sizes)
    return SetScore(precision=precision, recall=recall, f1=2 * right / sum(sizes))


def kendall_tau(said: Sequence[str], *, true: Sequence[str]) -> float | None:
    """How far an order agrees with the true one, from -1, reversed, to 1; None for fewer than two true names.

    Kendall's tau-b (1945, Biometrika 33:239-251) over the true names. Those that were not said are tied, after all that
    were, as in top-k lists (Fagin, Kumar and Sivakumar 2003, SIAM Journal on Discrete Mathematics 17:134-160); where
    all are tied it is 0. Ties are forgiven: whoever names only the first of three has 0.82. So it belongs beside
    `set_score`, which tells what was left out, and what was said and is not true.
    """
    places = {name: place for place, name in reversed(list(enumerate(said)))}
    ranks = [places.get(name, len(said)) for name in true]
    steps = [(later > earlier) - (later < earlier) for earlier, later in combinations(ranks, 2)]
    if not steps:
        return None
    apart = sum(map(abs, steps))
    return sum(steps) / sqrt(apart * len(steps)) if apart else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountErrors:
    """How far counts are off on average, and the share that is off by at most one."""

    mean_absolute: float
    within_one: float


def count_errors(said: Sequence[float], *, true: Sequence[float]) -> CountErrors:
    """The errors of counts, pairwise.

    Both are those of repetition counting (Dwibedi et al. 2020, "Counting Out Time", CVPR), but that the absolute error
    is not divided by the true count, which may be 0.

    Raises:
        ValueError: there are none, or not as many of one as of the other.
    """
    errors = [abs(one - other) for one, other in zip(said, true, strict=True)]
    if not errors:
        raise ValueError("no counts: expected at least one")
    return CountErrors(
        mean_absolute=fsum(errors) / len(errors), within_one=sum(error <= 1 for error in errors) / len(errors)
    )

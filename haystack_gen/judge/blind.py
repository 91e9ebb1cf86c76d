"""How well questions are guessed without their videos: rules of thumb that read questions and options alone.

A set whose questions can be guessed measures guessing. VNBench (arXiv 2406.09367) counts with four consecutive numbers
as options and asks each question in four turns; whoever takes the third smallest number every time is right in all four
turns of more than half of one of its subsets. So rules are scored over all turns of a question too.

A rule may be undecided: it names every option that it likes alike and shares one credit among them. So nothing is left
to luck, and where nothing gives the truth away, the credit expected for a question is 1 / number of options.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from math import fsum, inf, sqrt

from haystack_gen.errors import InputError
from haystack_gen.plan.choices import ABSENT, LETTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as a blind guesser sees it, and the place of the right option, for the score.

    `group` is common to the rotations of one question; empty if it is asked once.
    """

    question: str
    options: tuple[str, ...]
    answer: int
    group: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.answer < len(self.options) or len(set(self.options)) < len(self.options):
            raise InputError(
                f"{self.question!r}: expected the answer to be a place in different options, got {self.answer} in "
                f"{list(self.options)}"
            )


Pick = frozenset[int]
"""The places of the options that a rule likes alike; none where the rule has seen the answer."""

Guesser = Callable[[Sequence[Asked]], list[Pick]]
"""A rule of thumb: a pick for each question."""

Taste = Callable[[Asked], Sequence[float | None]]
"""How much a rule likes each option; None leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a rule earned per question, or per group of rotations; `error` is the standard error if it were chance."""

    guesser: str
    accuracy: float
    chance: float
    error: float
    count: int

    @property
    def excess(self) -> float:
        """The accuracy above chance, in standard errors."""
        above = self.accuracy - self.chance
        return above / self.error if self.error > 1e-12 else (inf if above > 1e-9 else 0.0)


def guess(questions: Sequence[Asked], *, cyclic: bool = False) -> list[Score]:
    """The score of every rule of thumb, the furthest above chance first; see `score`."""
    most = max((len(asked.options) for asked in questions), default=0)
    scores = [score(name, questions, rule(questions), cyclic=cyclic) for name, rule in guessers(most).items()]
    return sorted(scores, key=lambda one: -one.excess)


def score(guesser: str, questions: Sequence[Asked], picks: Sequence[Pick], *, cyclic: bool = False) -> Score:
    """What picks earn: the share 1 / k of a question whose right option is among k picked.

    The right one of n options is among them with probability k / n: chance is 1 / n, and the variance of the credit
    1 / (k n) - 1 / n^2. Rotations of one question may all stand or fall together, so their errors add up.

    `cyclic`: one credit for each group, earned only if every rotation of it is answered rightly by one text. Chance is
    1 / n for a rule that goes by what options say, which picks one text in all rotations, and 0 for one that goes by
    their letters. A question without group is a group by itself.

    Raises:
        InputError: `cyclic`, and the questions of a group have different options or answers.
    """
    groups = [[(questions[index], picks[index]) for index in group if picks[index]] for group in _groups(questions)]
    won = [[_all_turns(group)] if cyclic else [_outcome(*turn) for turn in group] for group in groups if group]
    outcomes = [outcome for group in won for outcome in group]
    count = max(1, len(outcomes))
    return Score(
        guesser=guesser,
        accuracy=fsum(credit for credit, _, _ in outcomes) / count,
        chance=fsum(chance for _, chance, _ in outcomes) / count,
        error=sqrt(fsum(fsum(deviation for _, _, deviation in group) ** 2 for group in won)) / count,
        count=len(outcomes),
    )


def _outcome(asked: Asked, pick: Pick) -> tuple[float, float, float]:
    """Credit, chance, and standard deviation under chance."""
    options, picked = len(asked.options), len(pick)
    variance = 1 / (picked * options) - 1 / options**2
    return (asked.answer in pick) / picked, 1 / options, sqrt(max(0.0, variance))


def _all_turns(turns: Sequence[tuple[Asked, Pick]]) -> tuple[float, float, float]:
    """Credit, chance and standard deviation of a group: of the texts that are picked in every turn."""
    first = turns[0][0]
    truth, options = first.options[first.answer], set(first.options)
    if any(asked.options[asked.answer] != truth or set(asked.options) != options for asked, _ in turns):
        raise InputError(f"group {first.group!r}: expected rotations of one question, their options or answers differ")
    agreed = options.intersection(*({asked.options[place] for place in pick} for asked, pick in turns))
    share, likely = 1 / max(len(pick) for _, pick in turns), len(agreed) / len(options)
    return (truth in agreed) * share, likely * share, share * sqrt(likely * (1 - likely))


def _groups(questions: Sequence[Asked]) -> Iterator[list[int]]:
    groups: dict[str | int, list[int]] = {}
    for index, asked in enumerate(questions):
        groups.setdefault(asked.group or index, []).append(index)
    yield from groups.values()


def guessers(most: int) -> dict[str, Guesser]:
    """Every rule of thumb by name, for questions of at most `most` options.

    "In size" goes by numbers and by where spans of time begin; "right" and "frequent" by the other questions' answers.
    """
    rules = {f"always {LETTERS[place]}": by(partial(_at, place)) for place in range(most)}
    rules |= {f"number {rank + 1} in size": by(partial(_rank, size, rank)) for rank in range(most)}
    rules |= {f"number {rank + 1} in the alphabet": by(partial(_rank, str.casefold, rank)) for rank in range(most)}
    return rules | {
        "middle in size": by(_middle),
        "begins with nothing": by(lambda asked: [size(option) == 0 for option in asked.options]),
        "longest": by(lambda asked: [len(option) for option in asked.options]),
        "shortest": by(lambda asked: [-len(option) for option in asked.options]),
        "most like the question": by(_overlap),
        "least like the question": by(partial(_opposite, _overlap)),
        "order as asked": by(_in_order),
        "order as asked, backwards": by(partial(_opposite, _in_order)),
        "most like the others": by(_likeness),
        "odd one out": by(partial(_opposite, _likeness)),
        ABSENT: by(lambda asked: [option == ABSENT for option in asked.options]),
        "most frequent option": frequent(1),
        "rarest option": frequent(-1),
        "most frequent answer": learned(_texts, lambda right, _: right),
        "most frequent answer to the question": learned(_texts_asked, lambda right, _: right),
        "most often right": learned(_texts, _rate),
        "most often right at its place": learned(lambda asked: list(enumerate(asked.options)), _rate),
        f"most often right by place and being {ABSENT!r}": learned(_absent_at, _rate),
    }


def by(taste: Taste) -> Guesser:
    """The rule that picks what it likes most; all options if it leaves every one out."""
    return lambda questions: [_liked(taste(asked)) for asked in questions]


def learned(traits: Callable[[Asked], Sequence[Hashable]], liking: Callable[[int, int], float]) -> Guesser:
    """The rule that likes an option by how often its trait was right, and was offered, in every second group.

    It picks in the other groups. Learning from all but the question's own would make the most of what chance has dealt,
    again and again, and its error could not be told.
    """

    def pick(questions: Sequence[Asked]) -> list[Pick]:
        groups = list(_groups(questions))
        known = [questions[index] for group in groups[::2] for index in group]
        right = Counter(traits(asked)[asked.answer] for asked in known)
        offered = Counter(trait for asked in known for trait in traits(asked))
        picks = [Pick()] * len(questions)
        for index in (index for group in groups[1::2] for index in group):
            picks[index] = _liked([liking(right[trait], offered[trait]) for trait in traits(questions[index])])
        return picks

    return pick


def frequent(sign: int) -> Guesser:
    """The rule that picks the option that is offered most often (1), or least often (-1), in all questions."""

    def pick(questions: Sequence[Asked]) -> list[Pick]:
        offered = Counter(option for asked in questions for option in asked.options)
        return [_liked([sign * offered[option] for option in asked.options]) for asked in questions]

    return pick


def _liked(likings: Sequence[float | None]) -> Pick:
    most = max((one for one in likings if one is not None), default=None)
    return frozenset(place for place, one in enumerate(likings) if one == most)


def _rate(right: int, offered: int) -> float:
    """How often right; a trait that was seen seldom is taken for a middling one."""
    return (right + 1) / (offered + 4)


def _texts(asked: Asked) -> Sequence[Hashable]:
    return asked.options


def _texts_asked(asked: Asked) -> Sequence[Hashable]:
    return [(asked.question, option) for option in asked.options]


def _absent_at(asked: Asked) -> Sequence[Hashable]:
    return [(place, option == ABSENT) for place, option in enumerate(asked.options)]


def _at(wanted: int, asked: Asked) -> Sequence[float | None]:
    return [place == wanted for place in range(len(asked.options))]


def _opposite(taste: Taste, asked: Asked) -> Sequence[float | None]:
    return [None if liking is None else -liking for liking in taste(asked)]


def _rank(value: Callable[[str], float | str | None], rank: int, asked: Asked) -> Sequence[float | None]:
    """The option of one rank, from 0, among those that have a value."""
    values = [value(option) for option in asked.options]
    known = sorted(one for one in values if one is not None)
    return [rank < len(known) > 1 and one == known[rank] for one in values]


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)(?:-.*)?")


@lru_cache(maxsize=100_000)
def size(option: str) -> float | None:
    """The number that an option is, or the second at which its span of time, such as `00:12-00:24`, begins."""
    if _NUMBER.fullmatch(option):
        return float(option)
    clock = _CLOCK.fullmatch(option)
    return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else None


def _middle(asked: Asked) -> Sequence[float | None]:
    """The middle one of the sizes; of an even number of them, either of the two."""
    sizes = [size(option) for option in asked.options]
    known = sorted(one for one in sizes if one is not None)
    return [None if one is None else -abs(2 * known.index(one) + 1 - len(known)) for one in sizes]


@lru_cache(maxsize=100_000)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold())) - {"the", "a", "an"}


def _overlap(asked: Asked) -> Sequence[float | None]:
    """The share of each option's words that the question has."""
    said = _words(asked.question)
    return [len(_words(option) & said) / max(1, len(_words(option))) for option in asked.options]


def _parts(option: str) -> list[str]:
    return [part.strip() for part in option.casefold().split(",")]


def _in_order(asked: Asked) -> Sequence[float | None]:
    """Of the pairs of names that each option lists, the share that the question names in the same order."""
    question, shares = asked.question.casefold(), list[float | None]()
    for option in asked.options:
        pairs = list(combinations([at for part in _parts(option) if (at := question.find(part)) >= 0], 2))
        shares.append(sum(one < other for one, other in pairs) / len(pairs) if pairs else None)
    return shares


def _likeness(asked: Asked) -> Sequence[float | None]:
    """How near each number is to the others; or of texts, how much they share, at its place or anywhere."""
    sizes = [size(option) for option in asked.options]
    if known := [one for one in sizes if one is not None]:
        return [None if one is None else -sum(abs(one - other) for other in known) for one in sizes]
    features = [_features(option) for option in asked.options]
    shared = Counter(feature for found in features for feature in found)
    return [sum(shared[feature] - 1 for feature in found) for found in features]


@lru_cache(maxsize=100_000)
def _features(option: str) -> frozenset[Hashable]:
    parts = _parts(option)
    return frozenset((*parts, *enumerate(parts))) if len(parts) > 1 else frozenset((*parts, *_words(option)))

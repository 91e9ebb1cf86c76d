"""How well questions are guessed without their videos: rules of thumb that read questions and options alone.

A set whose questions can be guessed measures guessing. VNBench (arXiv 2406.09367) counts with four consecutive numbers
as options and asks each question in four turns; whoever takes the third smallest number every time is right in all four
turns of more than half of one of its subsets. So rules are scored over all turns of a question too.

A rule may be undecided: it names every option that it likes alike and shares one credit among them. So nothing is left
to luck, and where nothing gives the truth away, the credit expected for a question is 1 / number of options.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import combinations
from math import fsum, inf, sqrt

from haystack_gen.errors import InputError
from haystack_gen.plan.choices import ABSENT, LETTERS
from haystack_gen.plan.streams import Stream


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
                f"{self.question!r}: answer {self.answer} must be a place in different options, not {self.options}"
            )


Pick = frozenset[int]  # the places of the options that a rule likes alike; none where it has learned from the answer
Guesser = Callable[[Sequence[Asked]], list[Pick]]
Taste = Callable[[Asked], Sequence[float | None]]  # how much a rule likes each option; None leaves it out


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

    The right one of n options is among them with probability p = k / n, so chance is 1 / n, and the variance of the
    credit p (1 - p) / k^2. Rotations of one question may all stand or fall together, so their errors add up.

    `cyclic`: one credit for each group, earned only if every rotation of it is answered rightly by one text. Chance is
    1 / n for a rule that goes by what options say, which picks one text in all rotations, and 0 for one that goes by
    their letters. A question without group is a group by itself.

    Raises:
        InputError: `cyclic`, and the questions of a group have different options or answers.
    """
    groups = [[(questions[index], picks[index]) for index in group if picks[index]] for group in _groups(questions)]
    won = [[_outcome(group)] if cyclic else [_outcome([turn]) for turn in group] for group in groups if group]
    outcomes = [outcome for group in won for outcome in group]
    count = max(1, len(outcomes))
    return Score(
        guesser=guesser,
        accuracy=fsum(credit for credit, _, _ in outcomes) / count,
        chance=fsum(chance for _, chance, _ in outcomes) / count,
        error=sqrt(fsum(fsum(deviation for _, _, deviation in group) ** 2 for group in won)) / count,
        count=len(outcomes),
    )


def _outcome(turns: Sequence[tuple[Asked, Pick]]) -> tuple[float, float, float]:
    """Credit, chance and standard deviation under chance: of the options that are picked in every turn."""
    asked, agreed = turns[0]
    most = len(agreed)
    for again, other in turns[1:]:
        if set(again.options) != set(asked.options) or again.options[again.answer] != asked.options[asked.answer]:
            raise InputError(f"group {asked.group!r}: expected rotations of one question, got {asked} and {again}")
        texts, most = {again.options[place] for place in other}, max(most, len(other))
        agreed = frozenset(place for place in agreed if asked.options[place] in texts)
    share, likely = 1 / most, len(agreed) / len(asked.options)
    return (asked.answer in agreed) * share, likely * share, share * sqrt(likely * (1 - likely))


def _groups(questions: Sequence[Asked]) -> list[list[int]]:
    groups: dict[str | int, list[int]] = {}
    for index, asked in enumerate(questions):
        groups.setdefault(asked.group or index, []).append(index)
    return list(groups.values())


def merged(questions: Iterable[Asked]) -> list[Asked]:
    """The questions, those that are asked again with the same options and always the same answer in one group.

    Over a grid of lengths and depths a needle's question comes once per cell. Such questions stand or fall together,
    and whoever has learned the answer to one has not found a rule.
    """
    known = list(questions)
    keys = [(asked.question, frozenset(asked.options)) for asked in known]
    answers: dict[Hashable, set[str]] = {}
    for key, asked in zip(keys, known, strict=True):
        answers.setdefault(key, set()).add(asked.options[asked.answer])
    names = {key: f"\x1f{number}" for number, key in enumerate(answers)}
    return [
        replace(asked, group=names[key]) if len(answers[key]) == 1 else asked
        for key, asked in zip(keys, known, strict=True)
    ]


def guessers(most: int) -> dict[str, Guesser]:
    """Every rule of thumb by name, for questions of at most `most` options.

    "In size" goes by numbers and by where spans of time begin; "right" and "frequent" by the other questions' answers.
    """
    rules = {f"always {letter}": by(partial(_at, letter)) for letter in LETTERS[:most]}
    rules |= {f"number {rank + 1} in size": by(partial(_rank, size, rank)) for rank in range(most)}
    rules |= {f"number {rank + 1} in the alphabet": by(partial(_rank, str.casefold, rank)) for rank in range(most)}
    return rules | {
        "middle in size": by(_middle),
        "begins with nothing": by(lambda asked: [size(option) == 0 for option in asked.options]),
        "longest": by(lambda asked: [len(option) for option in asked.options]),
        "shortest": by(lambda asked: [len(option) for option in asked.options], least=True),
        "most like the question": by(_overlap),
        "least like the question": by(_overlap, least=True),
        "order as asked": by(_in_order),
        "order as asked, backwards": by(_in_order, least=True),
        "most like the others": by(_likeness),
        "odd one out": by(_likeness, least=True),
        ABSENT: by(lambda asked: [option == ABSENT for option in asked.options]),
        "most frequent option": frequent(),
        "rarest option": frequent(least=True),
        "most frequent answer": learned(lambda asked: asked.options, rate=False),
        "most frequent answer to the question": learned(
            lambda asked: [(asked.question, option) for option in asked.options], rate=False
        ),
        "most often right": learned(lambda asked: asked.options),
        "most often right at its place": learned(lambda asked: list(enumerate(asked.options))),
    }


def by(taste: Taste, *, least: bool = False) -> Guesser:
    """The rule that picks what a taste likes most, or `least`; all options if it leaves every one out."""
    return lambda questions: [_liked(taste(asked), least=least) for asked in questions]


def frequent(*, least: bool = False) -> Guesser:
    """The rule that picks the option that all questions together offer most, or `least`, often."""

    def pick(questions: Sequence[Asked]) -> list[Pick]:
        offered = Counter(option for asked in questions for option in asked.options)
        return by(lambda asked: [offered[option] for option in asked.options], least=least)(questions)

    return pick


def learned(traits: Callable[[Asked], Sequence[Hashable]], *, rate: bool = True) -> Guesser:
    """The rule that likes an option for how often its trait was right in half of the groups, and picks in the others.

    `rate`: of how often it was offered; seldom seen is middling. The half is drawn, as balanced sets repeat themselves.
    (Learning from all groups but one's own would use the same luck again and again, and its error could not be told.)
    """

    def pick(questions: Sequence[Asked]) -> list[Pick]:
        groups = _groups(questions)
        seen = {index for group in Stream(0, "half").sample(groups, -(-len(groups) // 2)) for index in group}
        known = [(traits(questions[index]), questions[index].answer) for index in seen]
        right = Counter(found[answer] for found, answer in known)
        offered = Counter(trait for found, _ in known for trait in found) if rate else Counter()
        rates = by(lambda asked: [(right[trait] + 1) / (offered[trait] + 4) for trait in traits(asked)])
        return [Pick() if index in seen else one for index, one in enumerate(rates(questions))]

    return pick


def _liked(likings: Sequence[float | None], *, least: bool = False) -> Pick:
    liked = (min if least else max)((one for one in likings if one is not None), default=None)
    return frozenset([place for place, one in enumerate(likings) if one == liked])


def _at(letter: str, asked: Asked) -> Sequence[float | None]:
    return [letter == other for other in LETTERS[: len(asked.options)]]


def _rank(value: Callable[[str], float | str | None], rank: int, asked: Asked) -> Sequence[float | None]:
    """The option of one rank, from 0, among those that have a value."""
    values = [value(option) for option in asked.options]
    known = sorted(one for one in values if one is not None)
    return [rank < len(known) > 1 and one == known[rank] for one in values]


_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d+)?")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d\d(?:\.\d+)?)(?:-.*)?")


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


def _in_order(asked: Asked) -> Sequence[float | None]:
    """Of the pairs of names that each option lists, the share that the question names in the same order."""
    question = asked.question.casefold()
    listed = ([question.find(part) for part in option.casefold().split(", ")] for option in asked.options)
    pairs = [list(combinations(places, 2)) for places in listed]
    return [sum(-1 < one < other for one, other in found) / len(found) if found else None for found in pairs]


def _likeness(asked: Asked) -> Sequence[float | None]:
    """How near each number is to the others; or of texts, how much they share, at its place or anywhere."""
    sizes = [size(option) for option in asked.options]
    if known := [one for one in sizes if one is not None]:
        return [None if one is None else -sum(abs(one - other) for other in known) for one in sizes]
    shared = Counter(feature for option in asked.options for feature in _features(option))
    return [sum(shared[feature] - 1 for feature in _features(option)) for option in asked.options]


@lru_cache(maxsize=100_000)
def _features(option: str) -> frozenset[Hashable]:
    parts = option.casefold().split(", ")
    return frozenset((*parts, *enumerate(parts))) if len(parts) > 1 else frozenset((*parts, *_words(option)))

"""Options that give nothing away: which are offered, in what order, and when "not in the video" is the right one.

The rule behind all of it: draw the options first, alike in everything a reader can see, and only then, uniformly, the
one that is true; the video is made to fit. Whoever knows the question and the options alone can do no better than
chance, whatever the rule of thumb.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TypeVar

from haystack_gen.plan.streams import Stream
from haystack_gen.plan.texts import plain

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ABSENT = "not in the video"
_TRIES = 64

T = TypeVar("T")


def letter_place(stream: Stream, *, options: int, trial: int, diagonal: int) -> int:
    """The place of the right option, in [0, options): balanced over a cell's trials and over the cells.

    Every block of `options` consecutive trials uses each place once in an order drawn from `stream`; a cell on the next
    diagonal of the grid starts one place further (a Latin square), so that with one trial per cell every length and
    every depth still sees all places alike.
    """
    block, turn = divmod(trial, options)
    order = stream.child("letters", block).order(options)
    return (order[turn] + diagonal) % options


def arrange(options: Sequence[str], answer: str, *, place: int, stream: Stream) -> tuple[str, ...]:
    """`options` with `answer` at `place` and the others in random order."""
    others = stream.shuffled([option for option in options if option != answer])
    return (*others[:place], answer, *others[place:])


def rotated(options: Sequence[T], shift: int) -> tuple[T, ...]:
    """The options turned round: the one at `shift` comes first."""
    return (*options[shift:], *options[:shift])


def apart(options: Sequence[str]) -> bool:
    """Whether no option is, or is a part of, another: a reply that names one must not name two."""
    folded = [plain(option) for option in options]
    return all(one not in other and other not in one for one, other in combinations(folded, 2))


def some_apart(stream: Stream, pool: Sequence[str], count: int, *, beside: Sequence[str] = ()) -> list[str] | None:
    """`count` of a pool, every set that is `apart`, also from `beside`, equally likely; None if none is found."""
    if count > len(pool):
        return None
    for _ in range(_TRIES):
        chosen = stream.sample(pool, count)
        if apart([*beside, *chosen]):
            return chosen
    return None

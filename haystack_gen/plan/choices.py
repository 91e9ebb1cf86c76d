"""Options in an order that gives nothing away."""

from haystack_gen.plan.streams import Stream

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letter_place(stream: Stream, *, options: int, trial: int, diagonal: int) -> int:
    """The place of the right option, in [0, options): balanced over a cell's trials and over the cells.

    Every block of `options` consecutive trials uses each place once in an order drawn from `stream`; a cell on the next
    diagonal of the grid starts one place further (a Latin square), so that with one trial per cell every length and
    every depth still sees all places alike.
    """
    block, turn = divmod(trial, options)
    order = stream.child("letters", block).shuffled(range(options))
    return (order[turn] + diagonal) % options


def arrange(options: tuple[str, ...], answer: str, *, place: int, stream: Stream) -> tuple[str, ...]:
    """`options` with `answer` at `place` and the others in random order."""
    others = stream.shuffled([option for option in options if option != answer])
    return (*others[:place], answer, *others[place:])

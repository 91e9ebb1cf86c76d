"""The only source of randomness: draws named by a seed and a path of names.

The i-th word of a stream is BLAKE2b(seed, names, i). The same names give the same draws on any machine and Python, in
any order and in any number of workers, and different names give unrelated draws: there is no `seed + i` whose
neighbours overlap, no global generator, no default seed. Because a draw depends on its own name alone, adding or
removing other draws (distractors, controls) leaves it unchanged, which is what makes matched pairs free.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
Name = str | int | Fraction
_WORD = 1 << 64


class Stream:
    """Unbiased draws from BLAKE2b of (seed, names, counter)."""

    __slots__ = ("_counter", "_keyed", "_path")

    def __init__(self, seed: int, *names: Name) -> None:
        """Start the stream of `names`; `seed` is any integer."""
        self._start("", (seed, *names))

    def _start(self, path: str, names: tuple[Name, ...]) -> None:
        # Each part carries its type and length, so that ("a", "b") and ("ab",) or 1 and "1" cannot meet.
        for name in names:
            text = str(name)
            path += f"{name.__class__.__name__}:{len(text)}:{text}"
        self._path = path
        self._counter = -1  # hashed with the first draw: many streams only have children

    def child(self, *names: Name) -> "Stream":
        """The stream whose names continue this one's; independent of how much was drawn here."""
        stream = Stream.__new__(Stream)
        stream._start(self._path, names)
        return stream

    def word(self) -> int:
        """The next 64 bits."""
        if self._counter < 0:
            prefix = blake2b(self._path.encode(), digest_size=32).digest()
            self._keyed = blake2b(key=prefix, digest_size=8)
            self._counter = 0
        keyed = self._keyed.copy()
        keyed.update(self._counter.to_bytes(8, "big"))
        self._counter += 1
        return int.from_bytes(keyed.digest(), "big")

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound).

        Raises:
            ValueError: `bound` is not in [1, 2**64].
        """
        if not 1 <= bound <= _WORD:
            raise ValueError(f"bound must be in [1, 2**64], got {bound = }")
        word = self.word()
        while word >= _WORD - _WORD % bound:  # such words would favour the small remainders
            word = self.word()
        return word % bound

    def unit(self) -> float:
        """A uniform float in [0, 1) with 53 random bits."""
        return (self.word() >> 11) / (1 << 53)

    def between(self, low: float, high: float) -> float:
        """A uniform float in [low, high)."""
        return low + (high - low) * self.unit()

    def chance(self, probability: float) -> bool:
        """True with the given probability in [0, 1]."""
        return self.unit() < probability

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, each equally likely."""
        return options[self.below(len(options))]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different places of `options`, in random order (Fisher and Yates).

        Raises:
            ValueError: `count` exceeds the number of options.
        """
        if not 0 <= count <= len(options):
            raise ValueError(f"cannot draw {count} of {len(options)} options")
        pool = list(options)
        for place in range(min(count, len(pool) - 1)):  # the last one left is not drawn
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:count]

    def order(self, count: int) -> tuple[int, ...]:
        """The numbers below `count` in the random order that this stream begins with, whatever was drawn here.

        Remembered: neighbouring cells and trials take their places from the same orders.
        """
        return _order(self._path, count)

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All of `options` in random order."""
        return self.sample(options, len(options))


@lru_cache(maxsize=4096)
def _order(path: str, count: int) -> tuple[int, ...]:
    stream = Stream.__new__(Stream)
    stream._start(path, ())
    return tuple(stream.shuffled(range(count)))

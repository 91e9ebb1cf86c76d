"""How long work says where it is: a stage opens with a total and is told of every step done."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol, TypeVar

Part = TypeVar("Part")


class Progress(Protocol):
    """Shows stages to whoever waits."""

    def stage(self, name: str, total: int | None, unit: str = "") -> AbstractContextManager["Stage"]:
        """Open a stage of `total` steps, None when that is not known; `unit` says what a step is, in the plural."""
        ...


class Stage(Protocol):
    """One stage that is under way."""

    def step(self, count: int = 1, *, found: int = 0, failed: int = 0, size_bytes: int = 0) -> None:
        """`count` more steps are done, and wrote `size_bytes`.

        `found` more needed no work, since what they make was there; `failed` more cannot be done.
        """
        ...


class Silent:
    """Says nothing; what the library uses unless told otherwise."""

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str = "") -> Iterator["Silent"]:  # noqa: ARG002
        """See `Progress.stage`."""
        yield self

    def step(self, count: int = 1, *, found: int = 0, failed: int = 0, size_bytes: int = 0) -> None:
        """See `Stage.step`."""


class Counts(NamedTuple):
    """What came of a task, for its stage; see `Stage.step`."""

    done: int = 0
    found: int = 0
    size_bytes: int = 0

    def tell(self, stage: Stage) -> None:
        """Step by this."""
        stage.step(self.done, found=self.found, size_bytes=self.size_bytes)


def counted(parts: Iterable[Part], stage: Stage) -> Iterator[Part]:
    """Pass `parts` on, one step each."""
    for part in parts:
        yield part
        stage.step()

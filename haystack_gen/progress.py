"""How long work says where it is: a stage opens with a total and is told of every step done."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

Part = TypeVar("Part")


class Progress(Protocol):
    """Shows stages to whoever waits."""

    def stage(self, name: str, total: int | None) -> AbstractContextManager["Stage"]:
        """Open a stage of `total` steps; None when that is not known."""
        ...


class Stage(Protocol):
    """One stage that is under way."""

    def step(self, count: int = 1) -> None:
        """`count` more steps are done."""
        ...


class Silent:
    """Says nothing; what the library uses unless told otherwise."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator["Silent"]:  # noqa: ARG002
        """See `Progress.stage`."""
        yield self

    def step(self, count: int = 1) -> None:
        """See `Stage.step`."""


def counted(parts: Iterable[Part], stage: Stage) -> Iterator[Part]:
    """Pass `parts` on, one step each."""
    for part in parts:
        yield part
        stage.step()

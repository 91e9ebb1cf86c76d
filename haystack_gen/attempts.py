"""Tasks of which each is tried, whatever comes of the others: a damaged film stops nothing but what shows it."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from haystack_gen.errors import Failure, HaystackError, StorageError
from haystack_gen.executors import Executor
from haystack_gen.progress import Stage


class Task(Protocol):
    """Something to do, which has a name, and of how many steps it is."""

    @property
    def name(self) -> str: ...

    @property
    def steps(self) -> int: ...


AnyTask = TypeVar("AnyTask", bound=Task)
Result = TypeVar("Result")


class Attempts:
    """Tries the tasks of stages and remembers those that failed."""

    def __init__(self, executor: Executor) -> None:
        """Nothing was tried yet."""
        self._executor = executor
        self.failures: list[Failure] = []

    def map(
        self, function: Callable[[AnyTask], Result], tasks: Iterable[AnyTask], *, what: str, stage: Stage
    ) -> Iterator[Result]:
        """Yield what comes of the tasks that can be done; those of which our own errors come are failures of `what`.

        Raises:
            StorageError: the file system refused, as it would refuse the other tasks.
        """
        for outcome in self._executor.map(partial(_attempt, function, os.getpid()), tasks):
            for logger, level, said in outcome.said:
                logging.getLogger(logger).log(level, "%s", said)
            if isinstance(outcome.came, _Failed):
                self.failures.append(Failure(what, outcome.came.task, outcome.came.reason))
                stage.step(0, failed=outcome.came.steps)
            else:
                yield outcome.came


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why there is nothing of a task."""

    task: str
    steps: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[Result]):
    """What came of a task, and what was logged meanwhile elsewhere."""

    came: Result | _Failed
    said: tuple[tuple[str, int, str], ...]


def _attempt(function: Callable[[AnyTask], Result], home: int, task: AnyTask) -> _Outcome[Result]:
    """What runs on a worker; `home` is the process that asks for it."""
    came: Result | _Failed
    with _overheard(home) as said:
        try:
            came = function(task)
        except StorageError:
            raise
        except HaystackError as error:
            came = _Failed(task.name, task.steps, str(error))
    return _Outcome(came, tuple(said))


@contextmanager
def _overheard(home: int) -> Iterator[list[tuple[str, int, str]]]:
    """What is logged in a worker, which nobody would hear there, or only between the lines of the command."""
    said: list[tuple[str, int, str]] = []
    if os.getpid() == home:
        yield said
        return
    ours, ear = logging.getLogger("haystack_gen"), _Ear(said)
    ours.addHandler(ear)
    before, ours.propagate = ours.propagate, False
    try:
        yield said
    finally:
        ours.removeHandler(ear)
        ours.propagate = before


class _Ear(logging.Handler):
    def __init__(self, said: list[tuple[str, int, str]]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append((record.name, record.levelno, record.getMessage()))

"""Where independent tasks run: in this process, or in as many local ones as there are jobs."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol, TypeVar

from haystack_gen.errors import HaystackError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs a function over tasks that do not depend on each other."""

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the results in whatever order they come; the first error ends the run and is raised."""
        ...


class LocalExecutor:
    """`jobs` processes on this machine; with one job, this process itself."""

    def __init__(self, jobs: int = 1) -> None:
        """Start nothing yet; `jobs` is at least 1."""
        self._jobs = max(1, jobs)

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See `Executor.map`; at most two tasks per process are in flight, so that memory stays flat."""
        if self._jobs == 1:
            yield from map(function, tasks)
            return
        pool = ProcessPoolExecutor(self._jobs, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield from _bounded(pool, function, iter(tasks), in_flight=2 * self._jobs)
        except BrokenProcessPool:
            raise HaystackError(
                f"one of {self._jobs} worker processes was ended from outside, often for want of memory; run the same "
                "command again with fewer --jobs: it goes on from here"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _bounded(
    pool: ProcessPoolExecutor, function: Callable[[Task], Result], tasks: Iterator[Task], *, in_flight: int
) -> Iterator[Result]:
    running: set[Future[Result]] = set()
    for task in tasks:
        with _interrupts_kept():
            running.add(pool.submit(function, task))
        if len(running) < in_flight:
            continue
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which reaches all of a terminal's: the one that started them ends them.

    What a process ignores, its children ignore from their first instruction on.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)

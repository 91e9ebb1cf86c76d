"""Where independent tasks run: in this process, or in as many local ones as there are jobs."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Protocol, TypeVar

from haystack_gen.errors import HaystackError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs a function over tasks that do not depend on each other."""

    @property
    def kind(self) -> str:
        """`local` or `ray`."""
        ...

    @property
    def workers(self) -> int:
        """How many tasks run at a time."""
        ...

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the results in whatever order they come; the first error ends the run and is raised."""
        ...


class LocalExecutor:
    """`jobs` processes on this machine; with one job, this process itself."""

    kind = "local"

    def __init__(self, jobs: int = 1) -> None:
        """Start nothing yet; `jobs` is at least 1."""
        self._jobs = max(1, jobs)

    @property
    def workers(self) -> int:
        """See `Executor.workers`."""
        return self._jobs

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See `Executor.map`; at most two tasks per process are in flight, so that memory stays flat."""
        if self._jobs == 1:
            yield from map(function, tasks)
            return
        context = multiprocessing.get_context("spawn")
        watched, kept = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_begin, initargs=(watched,))
        try:
            yield from _bounded(pool, function, iter(tasks), in_flight=2 * self._jobs)
        except BrokenProcessPool:
            raise HaystackError(
                f"one of {self._jobs} worker processes was ended from outside, often for want of memory; run the same "
                "command again with fewer --jobs: it goes on from here"
            ) from None
        except BaseException:
            kept.close()  # nobody waits for what else is under way
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            kept.close()
            watched.close()


def _begin(watched: Connection) -> None:
    """A worker's first act: see to it that it ends with the process that started it, even if that is killed.

    That process keeps the other end of the pipe, which the kernel closes for it at the latest.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()


def _end_with(watched: Connection) -> None:
    try:
        watched.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)  # whatever the task is doing: its half-written file is swept by the next run


def _bounded(
    pool: ProcessPoolExecutor, function: Callable[[Task], Result], tasks: Iterator[Task], *, in_flight: int
) -> Iterator[Result]:
    running: set[Future[Result]] = set()
    done: set[Future[Result]] = set()
    try:
        for task in tasks:
            with _interrupts_kept():
                running.add(pool.submit(function, task))
            if len(running) < in_flight:
                continue
            done, running = wait(running, return_when=FIRST_COMPLETED)
            while done:
                yield done.pop().result()
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            while done:
                yield done.pop().result()
    finally:
        # A future keeps its error, whose traceback keeps this frame: with a name for one of them here, what the tasks
        # have open would stay open.
        running, done = set(), set()


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Hold a Ctrl-C back while processes start: it reaches all of a terminal's, and their parent ends them.

    What is blocked here is blocked in children from their first instruction on; here itself another thread may let it
    through, so that it is also noted, and taken up afterwards.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield  # Python answers in the main thread alone; Windows has no masks
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)

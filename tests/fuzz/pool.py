"""Cases over a few processes; one that hangs or dies is a fault, and its process is replaced."""

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.fuzz.sandbox import Outcome, serve

SECONDS = 20
"""Longest that all commands of a case may take."""
_START_SECONDS = 120


class _Worker:
    def __init__(self, corpus: Path, scratch: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, corpus, scratch), daemon=True)
        self.process.start()
        theirs.close()
        if not self.pipe.poll(_START_SECONDS) or self.pipe.recv() != "ready":
            raise RuntimeError("the sandbox does not start")

    def run(self, kind: str, number: int) -> Outcome | None:
        """What came of a case; None if it hung or the process died, which then is over."""
        self.pipe.send((kind, number))
        try:
            return self.pipe.recv() if self.pipe.poll(SECONDS) else None
        except EOFError:
            return None

    def end(self) -> str:
        """Stop the process; what had become of it."""
        self.process.join(0.2)
        died = self.process.exitcode
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return f"took longer than {SECONDS} s" if died is None else f"the process died of signal {-died}"


def run_cases(cases: Iterable[tuple[str, int]], *, corpus: Path, scratch: Path, workers: int = 1) -> list[Outcome]:
    """What came of each case, a kind and a number, sorted by them."""
    waiting: SimpleQueue[tuple[str, int]] = SimpleQueue()
    for case in cases:
        waiting.put(case)

    def work(place: int) -> Iterator[Outcome]:
        worker = None
        while True:
            try:
                kind, number = waiting.get_nowait()
            except Empty:
                break
            worker = worker or _Worker(corpus, scratch / f"worker-{place}")
            begun = time.monotonic()
            outcome = worker.run(kind, number)
            if outcome is None:
                outcome = Outcome(kind, number, faults=[worker.end()])
                worker = None
            outcome.seconds = time.monotonic() - begun
            yield outcome
        if worker:
            worker.pipe.send(None)
            worker.end()

    with ThreadPoolExecutor(workers) as threads:
        found = [one for some in threads.map(lambda place: list(work(place)), range(workers)) for one in some]
    return sorted(found, key=lambda one: (one.kind, one.number))

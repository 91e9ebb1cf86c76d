"""How long stages take and how fast they are: the one place that reads the clock.

What is planned or made depends on none of it. It is shown while work is under way, and a build leaves it in the one
file of a dataset that differs from run to run, `provenance/summary.json`.
"""

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

_WINDOW_S = 30.0  # over which the speed of a running stage is taken
_MOMENT_S = 0.5  # between two of its measurements


def now_s() -> float:
    """Seconds since some moment; only differences mean anything."""
    return monotonic()


@dataclass(slots=True, eq=False)
class Measured:
    """One stage: what it is of, how far it is and what that took.

    `done` steps took work, `found` ones were there already, `failed` ones cannot be done. `seconds` is None as long as
    the stage is under way; `whole` is whether it ended without an error.
    """

    name: str
    total: int | None
    unit: str
    view: "View"
    done: int = 0
    found: int = 0
    failed: int = 0
    size_bytes: int = 0
    seconds: float | None = None
    whole: bool = False
    begun_s: float = field(default_factory=now_s)
    _moments: deque[tuple[float, int]] = field(default_factory=deque)

    def step(self, count: int = 1, *, found: int = 0, failed: int = 0, size_bytes: int = 0) -> None:
        """See `progress.Stage.step`."""
        self.done += count
        self.found += found
        self.failed += failed
        self.size_bytes += size_bytes
        now = now_s()
        if not self._moments or now - self._moments[-1][0] >= _MOMENT_S:
            self._moments.append((now, self.position))
            while len(self._moments) > 2 and now - self._moments[1][0] > _WINDOW_S:
                self._moments.popleft()
        self.view.moved(self)

    def end(self, *, whole: bool) -> None:
        """There will be no more steps."""
        self.seconds, self.whole = now_s() - self.begun_s, whole
        self.view.ended(self)

    @property
    def position(self) -> int:
        """How many steps need no more work."""
        return self.done + self.found + self.failed

    @property
    def elapsed_s(self) -> float:
        """Since it began, or from its beginning to its end."""
        return now_s() - self.begun_s if self.seconds is None else self.seconds

    @property
    def rate(self) -> float | None:
        """Steps per second: of late while it is under way, of all that took work when it has ended."""
        if self.seconds is None and self._moments:
            since_s, position = self._moments[0]
            if self.position > position:
                return (self.position - position) / max(now_s() - since_s, 1e-9)
        return self.done / self.elapsed_s if self.done and self.elapsed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at this rate, where that can be told."""
        if self.total is None or self.seconds is not None or self.rate is None:
            return None
        return max(0, self.total - self.position) / self.rate

    def as_json(self) -> dict[str, Any]:
        """Everything measured."""
        return {
            "stage": self.name,
            "unit": self.unit or None,
            "total": self.total,
            "done": self.done,
            "found": self.found,
            "failed": self.failed,
            "size_bytes": self.size_bytes,
            "seconds": round(self.elapsed_s, 3),
            "rate": None if self.rate is None else round(self.rate, 3),
        }


class View(Protocol):
    """Shows stages; every call is about one of them, and several may be under way."""

    def begun(self, stage: Measured) -> None:
        """It has begun."""
        ...

    def moved(self, stage: Measured) -> None:
        """It is further than it was; called for every step, so that it has to be quick."""
        ...

    def ended(self, stage: Measured) -> None:
        """It has ended; it may have been interrupted before it was seen to begin."""
        ...


class _Nobody:
    def begun(self, stage: Measured) -> None: ...
    def moved(self, stage: Measured) -> None: ...
    def ended(self, stage: Measured) -> None: ...


class Watch:
    """Measures stages and remembers them; a `progress.Progress`."""

    def __init__(self, view: View | None = None) -> None:
        """Nothing has begun; `view` is told of what will."""
        self._view = view or _Nobody()
        self.stages: list[Measured] = []

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str = "") -> Iterator[Measured]:
        """See `progress.Progress.stage`."""
        stage = Measured(name, total, unit, self._view)
        self.stages.append(stage)
        try:
            self._view.begun(stage)
            yield stage
        except BaseException:
            stage.end(whole=False)
            raise
        stage.end(whole=True)

    @property
    def seconds(self) -> float:
        """Since the first stage began."""
        return now_s() - self.stages[0].begun_s if self.stages else 0.0

    def forget(self) -> None:
        """Remember nothing of what was measured so far."""
        self.stages.clear()


def peak_memory_bytes() -> int:
    """The most memory that this process, or any worker of it that has ended, had at a time; 0 on Windows.

    Workers of Ray are not this process's. Which one it was is not told: on Linux a worker's figure is at least what the
    process that started it had by then.
    """
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2) of either
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * unit

"""A pool of Ray Data's actors, for work that needs something costly, such as a model on a GPU.

Ray Data gives every actor its GPU, keeps few tasks in flight and starts an actor again that was lost.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from haystack_gen.errors import HaystackError

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_pool(
    ray: Any, load: Callable[[], Callable[[Task], Result]], tasks: Iterable[Task], enter: Callable[[], None]
) -> Iterator[Result]:
    """Yield what `load()` makes of each task, in any order; each actor calls `enter` and `load` once.

    An actor has a GPU where the cluster has any, else a CPU: asked for a GPU that is not there, Ray would wait.
    """
    rows = [{"task": task} for task in tasks]
    if not rows:
        return
    with _quiet():
        import ray.data as data

        has = ray.cluster_resources()
        kind = "GPU" if has.get("GPU", 0) >= 1 else "CPU"
        # Rows and not files or numbers, whose reading would be tasks that wait for a CPU behind the actors.
        done = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Loaded,
            fn_constructor_args=[load, enter],
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(len(rows), max(1, int(has.get(kind, 1))))),
            **({"num_gpus": 1} if kind == "GPU" else {"num_cpus": 1}),
        )
        for row in done.iter_rows():
            yield row["outcome"].result()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a task; an error is carried as a value, since Ray Data hides what caused its own."""

    value: Any = None
    error: HaystackError | None = None

    def result(self) -> Any:
        if self.error:
            raise self.error
        return self.value


class _Loaded:
    """A worker of a pool."""

    def __init__(self, load: Callable[[], Callable[[Any], Any]], enter: Callable[[], None]) -> None:
        self._load, self._enter = load, enter
        self._work: Callable[[Any], Any] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[_Outcome]]:
        return {"outcome": [self._outcome(task) for task in batch["task"]]}

    def _outcome(self, task: Any) -> _Outcome:
        try:
            if self._work is None:  # here and not when the worker starts, where an error would be Ray's
                self._enter()
                self._work = self._load()
            return _Outcome(value=self._work(task))
        except HaystackError as error:
            return _Outcome(error=error)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray Data's progress bars and remarks, and the deprecations inside it, from whoever waits."""
    logger = logging.getLogger("ray.data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray.data

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)

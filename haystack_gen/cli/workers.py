"""Who runs the tasks of a command: --jobs, --executor and --address."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from haystack_gen.cli.options import chosen_cache
from haystack_gen.cli.view import on_stderr, view_option
from haystack_gen.errors import InputError

jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes, or CPUs of a local Ray."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What was chosen.

    Raises:
        InputError: an option is given that would have no effect.
    """

    jobs: int = 1
    executor: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.address and self.executor != "ray":
            raise InputError(f"--address {self.address}: is of a Ray cluster; add --executor ray")
        if self.jobs > 1 and self.address not in (None, "local"):
            raise InputError(f"--jobs {self.jobs}: a cluster knows its CPUs itself; leave --jobs or --address out")

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Their executor."""
        from haystack_gen.executors import LocalExecutor
        from haystack_gen.ray_executor import ray_executor

        if self.executor == "local":
            yield LocalExecutor(self.jobs)
            return
        with ray_executor(self.address, jobs=self.jobs) as executor:
            yield executor

    @contextmanager
    def tools(self, cache: Path | str | None) -> Iterator[Any]:
        """What a command works with; what goes wrong with it names files that were fetched by their URLs."""
        from haystack_gen.gathering import Tools
        from haystack_gen.remote.fetched import urls_named

        progress = on_stderr()
        store = chosen_cache(cache, progress)
        with self.connected() as executor, urls_named(store):
            yield Tools(cache=store, executor=executor, progress=progress)


def worker_options(function: Callable[..., None]) -> Callable[..., None]:
    """Gives a command `workers`."""

    @view_option
    @jobs_option
    @click.option("--executor", type=click.Choice(["local", "ray"]), default="local", help="Where tasks run.")
    @click.option("--address", help="Of a Ray cluster: HOST:PORT, auto, or local [default: $RAY_ADDRESS or local].")
    @wraps(function)
    def called(*, jobs: int, executor: str, address: str | None, **options: Any) -> None:
        function(workers=Workers(jobs=jobs, executor=executor, address=address), **options)

    return called

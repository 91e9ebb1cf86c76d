"""Tasks on a Ray cluster, or on a Ray of this machine alone; Ray is imported here, once somebody asks for it.

Workers see the same files as the command by the same names, so all folders have to lie on a file system that the nodes
share. What a task returns is small; what it makes, it writes.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from haystack_gen import __version__
from haystack_gen.errors import HaystackError, InputError, MissingExtraError
from haystack_gen.ray_pool import in_pool
from haystack_gen.workspace import installed_version

Task = TypeVar("Task")
Result = TypeVar("Result")

_RETRIES = 3  # of a task whose worker or node was lost; our own errors are not tried again
_PER_CPU = 2  # tasks in flight, so that no worker waits for the next one
_STOP_S = 10  # what running tasks are given to clean up after themselves
_KNOCK_S = 5
_STORE_BYTES = 200_000_000  # of the object store of a Ray of our own: nothing large goes through it
_MODULES = {"av": "av", "numpy": "numpy", "pillow": "PIL", "opencv-python-headless": "cv2"}


@contextmanager
def ray_executor(address: str | None = None, *, jobs: int = 1) -> Iterator["RayExecutor"]:
    """Connect to the Ray at `address`, and disconnect at the end.

    A connection that this program has already is used and left open.

    Args:
        address: HOST:PORT, `auto` for the cluster that this machine is a node of, or `local` for one that is started
            here and ended with it; by default `$RAY_ADDRESS`, else `local`.
        jobs: CPUs of a Ray that is started here.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: no Ray answers at the address, or it refuses.
    """
    ray = _import_ray()
    if ray.is_initialized():
        yield RayExecutor(ray)
        return
    _connect(ray, address or os.environ.get("RAY_ADDRESS") or "local", jobs)
    try:
        yield RayExecutor(ray)
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray[data]", "ray", "--executor ray") from None
    return ray


def _connect(ray: Any, address: str, jobs: int) -> None:
    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a Ray of our own tells nobody of itself
        options |= {"num_cpus": jobs, "object_store_memory": _STORE_BYTES}
    elif address != "auto":
        _knock(address)
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise InputError(
            f"Ray at {address}: {_first_line(error)}; if the cluster asks for a token, set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH here as on its nodes; if none runs, start one with ray start --head "
            "or leave --address out"
        ) from None


def _knock(address: str) -> None:
    """See whether anything listens, since Ray itself tries for more than a minute."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise InputError(
            f"--address {address}: expected HOST:PORT, auto or local; with ray:// a command would not see the files "
            "that its tasks write: run it on a node of the cluster, or with ray job submit"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"Ray at {address}: nothing answers ({error}); check the address, start one with ray start --head, or "
            "leave --address out for a Ray of this machine alone"
        ) from None


@dataclass(frozen=True, slots=True)
class _Here:
    """Where the command was given and with which libraries: a worker has to have the same, or it makes other bytes."""

    folder: str = field(default_factory=lambda: str(Path.cwd()))
    versions: tuple[str, ...] = field(default_factory=lambda: tuple(_versions()))

    def enter(self) -> None:
        """Make the paths of tasks mean here what they mean there.

        Raises:
            InputError: the folder is not on this node, or a library is another version.
        """
        node = socket.gethostname()
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot be entered on the Ray node {node} ({error.strerror}); give the command in a "
                "folder on a file system that all nodes share, with --out, --cache and sources on one too"
            ) from None
        for here, there in zip(_versions(), self.versions, strict=True):
            if here != there:
                raise InputError(f"the Ray node {node} has {here}, the command {there}; install the same on all nodes")


def _versions() -> Iterator[str]:
    yield f"haystack-gen {__version__}"
    yield from (f"{name} {installed_version(name, module)}" for name, module in _MODULES.items())


def _work(function: Callable[[Task], Result], task: Task, here: _Here) -> Result:
    """What runs on a worker."""
    here.enter()
    return function(task)


class RayExecutor:
    """One task per CPU of the Ray that this program is connected to; tasks of a lost worker run again elsewhere."""

    kind = "ray"

    def __init__(self, ray: Any) -> None:
        """`ray` is the connected module; see `ray_executor`."""
        self._ray = ray

    @property
    def workers(self) -> int:
        """See `Executor.workers`; a cluster may grow or shrink."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See `Executor.map`; at most two tasks per CPU are in flight."""
        ray, here = self._ray, _Here()
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(_work)
        most = _PER_CPU * self.workers
        running: list[Any] = []
        try:
            for task in tasks:
                running.append(remote.remote(function, task, here))
                if len(running) >= most:
                    done, running = ray.wait(running)
                    yield from map(self._result, done)
            while running:
                done, running = ray.wait(running)
                yield from map(self._result, done)
        finally:
            self._stop(running)

    def map_loaded(self, load: Callable[[], Callable[[Task], Result]], tasks: Iterable[Task]) -> Iterator[Result]:
        """As `map`, for a function that is costly to have, such as a model: each worker of a pool loads it once.

        A worker has a GPU where the cluster has any, else a CPU.
        """
        try:
            yield from in_pool(self._ray, load, tasks, _Here().enter)
        except self._ray.exceptions.RayError as error:
            raise self._ours(error) from None

    def _result(self, done: Any) -> Any:
        try:
            return self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            raise self._ours(error) from None

    def _ours(self, error: Any) -> Any:
        """The error as the task raised it, or in our words what kept it from running."""
        errors = self._ray.exceptions
        cause = error.cause if isinstance(error, errors.RayTaskError) else None
        if isinstance(cause, errors.UserCodeException):
            return error  # not an error of ours, so its trace is wanted
        if isinstance(cause, Exception) and not isinstance(cause, errors.RayError):
            return cause
        if cause:
            return InputError(
                f"a Ray worker could not begin: {_first_line(cause)}; install haystack-gen and what it needs, in the "
                "same versions, on all nodes"
            )
        return HaystackError(
            f"a task was lost {1 + _RETRIES} times with its Ray worker, often for want of memory "
            f"({_first_line(error)}); run the same command again: it goes on from here"
        )

    def _stop(self, running: list[Any]) -> None:
        """Interrupt what still runs, and let it delete what it had half-written."""
        for task in running:
            self._ray.cancel(task)
        if running:
            self._ray.wait(running, num_returns=len(running), timeout=_STOP_S)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:300]

"""What a build took: its stages, time, memory, bytes and drops, in the one file that differs from run to run.

It says nothing of where it was made: no path, no name of a machine.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from haystack_gen import __version__
from haystack_gen.atomic import write_atomic
from haystack_gen.emit.tally import Tally
from haystack_gen.errors import Failure
from haystack_gen.executors import Executor
from haystack_gen.watch import Watch, peak_memory_bytes

Summary = Mapping[str, Any]


def write_summary(
    path: Path, watch: Watch, *, executor: Executor, counts: Tally, parts: Sequence[Summary] = ()
) -> Summary:
    """Write and return what was measured so far.

    Args:
        path: the file.
        watch: what measured it.
        executor: who ran the tasks.
        counts: of the plan.
        parts: the summaries of the shards that were put together.

    Raises:
        StorageError: the file system refused.
    """
    summary: dict[str, Any] = {
        "haystack-gen": __version__,
        "seconds": round(watch.seconds, 3),
        "executor": executor.kind,
        "workers": executor.workers,
        "peak_memory_bytes": peak_memory_bytes(),
        "items": counts.items,
        "videos": counts.videos,
        "dropped": dict(counts.dropped),
        "stages": [stage.as_json() for stage in watch.stages],
    }
    if parts:
        summary["shards"] = list(parts)
    write_atomic(path, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return summary


def write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write down what could not be made and why, a task to a line.

    Raises:
        StorageError: the file system refused.
    """
    lines = (json.dumps(failure._asdict(), ensure_ascii=False) + "\n" for failure in failures)
    write_atomic(path, "".join(lines))

"""Stages and builds in words: how far, how fast, how long."""

from collections.abc import Iterator, Mapping
from typing import Any

from haystack_gen.watch import Measured

_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def under_way(stage: Measured) -> str:
    """`300 of 1,200 frames, 38 frames/s, 12 s, 24 s left`."""
    parts = [_position(stage), _rate(stage), duration(stage.elapsed_s)]
    if stage.left_s is not None:
        parts.append(f"{duration(stage.left_s)} left")
    return ", ".join(filter(None, parts))


def ended(stage: Measured) -> str:
    """A line of a table: name, steps, seconds, rate, and what else there is to say."""
    if not stage.whole:
        return f"{stage.name} stopped: {', '.join(filter(None, (_position(stage), duration(stage.elapsed_s))))}"
    more = [f"{stage.found:,} there already"] if stage.found else []
    more += [f"{stage.failed:,} failed"] if stage.failed else []
    more += [size(stage.size_bytes)] if stage.size_bytes else []
    done = f"{stage.done:,} {stage.unit}".strip() if stage.done or stage.found or stage.total else ""
    line = f"{stage.name:<28}{done:>18}{duration(stage.elapsed_s):>12}{_rate(stage):>20}  {', '.join(more)}"
    return line.rstrip()


def spent(summary: Mapping[str, Any]) -> Iterator[str]:
    """What a build took altogether, after the lines about its stages."""
    yield f"{duration(summary['seconds'])} with {_workers(summary['executor'], summary['workers'])}"
    found = sum(stage["found"] for stage in summary["stages"])
    written = sum(stage["size_bytes"] for stage in summary["stages"])
    if written:
        yield f"{size(written)} of media written"
    if found:
        yield f"{found:,} steps of work were done before"
    if summary["peak_memory_bytes"]:
        yield f"at most {size(summary['peak_memory_bytes'])} of memory in a process"


def duration(seconds: float) -> str:
    """`3.1 s`, `24 s`, `3 min 05 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def size(size_bytes: int) -> str:
    """`12.3 MB`."""
    for name, unit in _UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.1f} {name}"
    return f"{size_bytes} B"


def _position(stage: Measured) -> str:
    total = "" if stage.total is None else f" of {stage.total:,}"
    return f"{stage.position:,}{total} {stage.unit}".strip() if stage.position or stage.total else ""


def _rate(stage: Measured) -> str:
    if stage.rate is None:
        return ""
    number = f"{stage.rate:,.0f}" if stage.rate >= 100 else f"{stage.rate:.3g}"
    return f"{number} {stage.unit}/s".replace(" /s", "/s")


def _workers(executor: str, workers: int) -> str:
    if executor == "ray":
        return f"{workers:,} CPUs of Ray"
    return "one process" if workers == 1 else f"{workers:,} processes"

"""What a command does as events, an object of JSON per line; docs/observability.md has the schema."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any, TextIO

import click

from haystack_gen import __version__
from haystack_gen.watch import Measured, now_s

_EVENT_S = 1.0  # between two events about the progress of one stage
_STDERR = 2
_LAST_WORDS_S = 1.0  # what others who write to stderr are given in the end


class JsonLines:
    """A `view.Screen` for programs: ASCII, so that nothing in it steers a terminal or ends a line."""

    def __init__(self, command: str) -> None:
        """Say that the command starts."""
        self._begun_s = now_s()
        self._stages: dict[Measured, tuple[int, float]] = {}
        self._count = 0
        self._lock = Lock()
        self._stream: TextIO | None = None
        self._tell("start", command=command, version=__version__)

    def begun(self, stage: Measured) -> None:
        """See `watch.View`."""
        self._count += 1
        self._stages[stage] = self._count, 0.0
        self._tell("stage", id=self._count, stage=stage.name, unit=stage.unit or None, total=stage.total)

    def moved(self, stage: Measured) -> None:
        """See `watch.View`."""
        number, shown_s = self._stages[stage]
        if stage.elapsed_s - shown_s >= _EVENT_S:
            self._stages[stage] = number, stage.elapsed_s
            left_s = None if stage.left_s is None else round(stage.left_s, 3)
            self._tell("progress", id=number, **stage.as_json(), left_s=left_s)

    def ended(self, stage: Measured) -> None:
        """See `watch.View`."""
        if known := self._stages.pop(stage, None):
            self._tell("stage_end", id=known[0], **stage.as_json(), whole=stage.whole)

    def say(self, text: str, *, level: str = "info") -> None:
        """See `view.Screen.say`."""
        self._tell("message", level=level, message=text)

    def fail(self, message: str, code: int, *, shown: str) -> None:  # noqa: ARG002
        """See `view.Screen.fail`."""
        self._tell("error", message=message, exit_code=code)

    def close(self, code: int) -> None:
        """See `view.Screen.close`."""
        self._tell("end", exit_code=code)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make messages of what others write to stderr meanwhile: libraries past Python's logs, worker processes."""
        if not _is_file(sys.stderr, _STDERR):
            yield
            return
        sys.stderr.flush()
        own, (others, end) = os.dup(_STDERR), os.pipe()
        os.dup2(end, _STDERR)
        os.close(end)
        relay = Thread(target=self._relay, args=(others,), daemon=True)
        with os.fdopen(own, "w", encoding="ascii") as self._stream:
            relay.start()
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(own, _STDERR)
                relay.join(_LAST_WORDS_S)  # a process that lives on, such as Ray's, keeps its end open
                with self._lock:
                    self._stream = None

    def _relay(self, others: int) -> None:
        with os.fdopen(others, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if self._stream and line.strip():
                    self._tell("message", level="stderr", message=line.rstrip())

    def _tell(self, event: str, **facts: Any) -> None:
        with self._lock:
            told = {"event": event, "elapsed_s": round(now_s() - self._begun_s, 3), **facts}
            click.echo(json.dumps(told, allow_nan=False), file=self._stream, err=True)


def _is_file(stream: TextIO | None, number: int) -> bool:
    try:
        return stream is not None and stream.fileno() == number
    except (OSError, ValueError):  # of a test, or closed
        return False

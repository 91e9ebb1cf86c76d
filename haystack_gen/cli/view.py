"""What a command shows on stderr: its stages, its talk and its errors, for people or, with --log-json, for programs."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from haystack_gen.cli.json_lines import JsonLines
from haystack_gen.cli.measures import ended, under_way
from haystack_gen.watch import Measured, View, Watch

Function = TypeVar("Function", bound=Callable[..., Any])

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FLAG = "--log-json"
_STORES = ("aiobotocore", "boto3", "botocore", "fsspec", "gcsfs", "s3fs")  # what they log may hold keys
_LINE_S = 30.0  # between two lines about one stage
_DRAW_S = 0.1  # between two changes of a bar

view_option = click.option(
    _FLAG,
    is_flag=True,
    expose_value=False,  # it counts wherever it stands, so that a wrong use of other options is an event, too
    help="Progress, messages and errors on stderr as JSON, an object per line.",
)


class Screen(View, Protocol):
    """Where a command shows what it does."""

    def say(self, text: str, *, level: str = "info") -> None:
        """Talk; `level` is `info` or that of a log."""
        ...

    def fail(self, message: str, code: int, *, shown: str) -> None:
        """The command ends with an exit code, since ...; `shown` is the message as people read it."""
        ...

    def close(self, code: int) -> None:
        """The command has ended."""
        ...


class Lines:
    """Stages as lines of text: where they begin, now and then how far they are, and what they took."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._shown_s: dict[Measured, float] = {}

    def begun(self, stage: Measured) -> None:
        """See `watch.View`."""
        self._shown_s[stage] = 0.0
        self.say(f"{stage.name} ...")

    def moved(self, stage: Measured) -> None:
        """See `watch.View`."""
        if stage.elapsed_s - self._shown_s[stage] >= _LINE_S:
            self._shown_s[stage] = stage.elapsed_s
            self.say(f"{stage.name}: {under_way(stage)}")

    def ended(self, stage: Measured) -> None:
        """See `watch.View`."""
        if self._shown_s.pop(stage, None) is not None:
            self.say(ended(stage))

    def say(self, text: str, *, level: str = "info") -> None:  # noqa: ARG002
        """See `Screen.say`."""
        click.echo(visible(text), err=True)

    def fail(self, message: str, code: int, *, shown: str) -> None:  # noqa: ARG002
        """See `Screen.fail`."""
        if shown:
            self.say(shown)

    def close(self, code: int) -> None:
        """See `Screen.close`."""


class Bar(Lines):
    """A bar for each stage that is under way, below a line for each that has ended."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        super().__init__()
        self._console = Console(stderr=True)
        self._bars: Bars | None = None
        self._tasks: dict[Measured, TaskID] = {}

    def begun(self, stage: Measured) -> None:
        """See `watch.View`."""
        if self._bars is None:
            columns = (TextColumn("{task.description:<28}", markup=False), BarColumn(20), _Column())
            self._bars = Bars(*columns, console=self._console, transient=True)
            self._bars.start()
        self._shown_s[stage] = 0.0
        self._tasks[stage] = self._bars.add_task(stage.name, total=stage.total, stage=stage)

    def moved(self, stage: Measured) -> None:
        """See `watch.View`."""
        if self._bars and stage.elapsed_s - self._shown_s[stage] >= _DRAW_S:
            self._shown_s[stage] = stage.elapsed_s
            self._bars.update(self._tasks[stage], completed=stage.position)

    def ended(self, stage: Measured) -> None:
        """See `watch.View`."""
        task = self._tasks.pop(stage, None)
        if self._bars and self._tasks:
            if task is not None:
                self._bars.remove_task(task)
        elif self._bars:
            self._bars.stop()
            self._bars = None
        super().ended(stage)

    def say(self, text: str, *, level: str = "info") -> None:
        """See `Screen.say`."""
        if self._bars:
            self._console.print(Text(visible(text)), soft_wrap=True)
        else:
            super().say(text, level=level)


class _Column(ProgressColumn):
    """Done of total, rate, time gone and left."""

    def render(self, task: Task) -> Text:
        return Text(under_way(task.fields["stage"]))


_SCREEN: ContextVar[Screen] = ContextVar("screen")


@contextmanager
def screen_of(arguments: list[str], command: str) -> Iterator[Screen]:
    """What the command with these arguments shows; libraries' logs go there too. It is for the caller to close."""
    with ExitStack() as stack:
        if _FLAG in arguments:
            screen: Screen = (events := JsonLines(command))
            stack.enter_context(events.alone())
            logging.captureWarnings(True)
            stack.callback(logging.captureWarnings, False)
        else:
            screen = Bar() if _is_terminal() else Lines()
        ear, root = _Ear(screen), logging.getLogger()
        root.addHandler(ear)
        stack.callback(root.removeHandler, ear)
        stack.callback(_SCREEN.reset, _SCREEN.set(screen))
        yield screen


def on_stderr() -> Watch:
    """The progress of a command."""
    return Watch(_screen())


def say(text: str) -> None:
    """Talk to the person, not to the pipe."""
    _screen().say(text)


def visible(text: str) -> str:
    """Text of others for a terminal: what would steer it, or turn the direction of writing, as escapes."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _screen() -> Screen:
    return _SCREEN.get(None) or Lines()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal


class _Ear(logging.Handler):
    """Says what is logged as a warning or worse."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _STORES:
            return
        self._screen.say(record.getMessage(), level=record.levelname.lower())

"""The group of commands, and the one place where errors become messages and exit codes."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import click

from haystack_gen import __version__
from haystack_gen.cli.cache import cache
from haystack_gen.cli.export import export
from haystack_gen.cli.index import index
from haystack_gen.cli.judge import audit
from haystack_gen.cli.look import render, rope_period, show, verify
from haystack_gen.cli.make import build, demo, init, mine, plan
from haystack_gen.cli.merge import merge
from haystack_gen.cli.push import push
from haystack_gen.cli.report import report
from haystack_gen.cli.score import score
from haystack_gen.cli.view import Screen, screen_of
from haystack_gen.errors import HaystackError

_INTERRUPTED = 130  # what shells call a process that Ctrl-C ended
_CUT_OFF = 141  # and one that wrote to a pipe whose reader had left


class _Group(click.Group):
    """Lists commands in the order of work, and prints errors of ours without a stack trace."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None  # before click writes an empty line to stderr, which would be no event

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        given = sys.argv[1:] if args is None else list(args)
        command = next((word for word in given if word in self.commands), "")
        if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")  # names need not fit the locale's encoding
        with screen_of(given, command) as screen:
            code = 0
            try:
                code = super().main(args, *rest, **options | {"standalone_mode": False}) or 0
                if sys.stdout:
                    sys.stdout.flush()
            except (SystemExit, BrokenPipeError):  # click makes the one of the other
                code = _CUT_OFF
                screen.fail("whoever read stdout left before all was written", code, shown="")
                _drop_stdout()
            except (Exception, KeyboardInterrupt) as error:
                code = _failed(error, screen)
        screen.close(code)
        sys.exit(code)


def _drop_stdout() -> None:
    """Let what is left for stdout go nowhere, or Python would try, and complain, once more at its end."""
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)


def _failed(error: BaseException, screen: Screen) -> int:
    """Show an error in the user's words, and return its exit code; what is none of the user's is raised again."""
    code, shown = HaystackError.exit_code, None
    if isinstance(error, click.ClickException):
        usage = StringIO()
        error.show(usage)
        message, code, shown = error.format_message(), error.exit_code, usage.getvalue().rstrip("\n")
    elif isinstance(error, HaystackError):
        message, code = str(error), error.exit_code
    elif isinstance(error, OSError):
        message = f"{error.filename or 'file system'}: {error.strerror or error}"
    elif isinstance(error, MemoryError):
        message = "there is not enough memory for this input; give a smaller one, or run it on a larger machine"
    elif isinstance(error, click.Abort | KeyboardInterrupt):
        message = "Stopped. The same command goes on from here."
        code, shown = _INTERRUPTED, f"\n{message}"  # below the ^C of a terminal
    else:
        raise error
    screen.fail(message, code, shown=shown or f"Error: {message}")
    return code


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="haystack-gen")
def main() -> None:
    """Make long-video needle-in-a-haystack benchmarks from your own videos.

    \b
    haystack-gen demo                                 a small dataset from nothing, verified
    haystack-gen build v-niah --haystack film.mp4 --out niah
    haystack-gen verify niah
    """


_MAKE = (demo, init, index, mine, plan, build, merge)
_JUDGE = (show, verify, audit, score, report)
_SHARE = (export, push, render, rope_period, cache)
for _command in (*_MAKE, *_JUDGE, *_SHARE):
    main.add_command(_command)

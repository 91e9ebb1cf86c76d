"""The group of commands, and the one place where errors become messages and exit codes."""

import sys
from collections.abc import Sequence
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
from haystack_gen.cli.options import say
from haystack_gen.cli.push import push
from haystack_gen.cli.report import report
from haystack_gen.cli.score import score
from haystack_gen.errors import HaystackError

_INTERRUPTED = 130  # what shells call a process that Ctrl-C ended


class _Group(click.Group):
    """Lists commands in the order of work, and prints errors of ours without a stack trace."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        try:
            code = super().main(args, *rest, **options | {"standalone_mode": False})
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except HaystackError as error:
            say(f"Error: {error}")
            code = error.exit_code
        except OSError as error:
            say(f"Error: {error.filename or 'file system'}: {error.strerror or error}")
            code = HaystackError.exit_code
        except MemoryError:
            say("Error: there is not enough memory for this input; give a smaller one, or run it on a larger machine")
            code = HaystackError.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped. The same command goes on from here.", err=True)
            code = _INTERRUPTED
        sys.exit(code)


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

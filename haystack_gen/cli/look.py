"""Commands that look at what was made: show, verify, render, rope-period."""

import json
from pathlib import Path

import click

from haystack_gen.atomic import atomic_path
from haystack_gen.cli.options import (
    ListCommand,
    LocalPath,
    OutputFile,
    PathOrUrl,
    cache_option,
    chosen_cache,
    print_table,
)
from haystack_gen.cli.view import on_stderr, say, view_option, visible
from haystack_gen.errors import InputError, StorageError
from haystack_gen.plan.rope import PRESETS, preset_period
from haystack_gen.plan.rope import rope_period as period_of
from haystack_gen.workspace import DatasetFolder

_DATASET = LocalPath(path_type=Path)
_FILE = OutputFile(path_type=Path, dir_okay=False)
_sources = click.option(
    "--source", multiple=True, type=PathOrUrl(path_type=Path), help="Where the films and pictures are now."
)


@click.command()
@click.argument("dataset", type=_DATASET)
@click.argument("item")
@click.option("-o", "--output", type=_FILE, help="Also write a picture of it: its frames and its timeline, as PNG.")
def show(dataset: Path, item: str, output: Path | None) -> None:
    """Show an item: question, options, answer, and its timeline as a ribbon.

    \b
    Example:
      haystack-gen show demo retrieval-64-d0-t0-lamp -o item.png
    """
    from haystack_gen.emit.plans import find_item
    from haystack_gen.judge.strip import draw_strip, read_chosen
    from haystack_gen.judge.words import described

    folder = DatasetFolder(dataset)
    found = find_item(folder.plan, item)
    for line in described(found):
        click.echo(visible(line))
    if output:
        with atomic_path(output) as part:
            draw_strip(found, read_chosen(folder, found)).save(part, format="PNG")
        say(f"wrote {output}")


@click.command(cls=ListCommand)
@click.argument("dataset", type=_DATASET)
@click.option("--reader", multiple=True, help="pyav, decord or opencv; by default all that are installed.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Local processes.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@view_option
def verify(dataset: Path, reader: tuple[str, ...], jobs: int, as_json: bool) -> None:
    """Decode everything and compare it with the plan; exit 1 on any difference. audit/verified.json says that it held.

    \b
    Example:
      haystack-gen verify demo --reader pyav decord opencv
    """
    from haystack_gen.executors import LocalExecutor
    from haystack_gen.judge.verify import stamp
    from haystack_gen.judge.verify import verify as verify_dataset

    folder = DatasetFolder(dataset)
    report = verify_dataset(folder, readers=reader, executor=LocalExecutor(jobs), progress=on_stderr())
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        print_table(report.as_table())
    try:
        stamp(folder, report)
    except StorageError as error:  # what was compared holds, also where it cannot be written down
        say(f"not stamped: {error}")
    report.raise_if_wrong()


@click.command(cls=ListCommand)
@click.argument("dataset", type=_DATASET)
@click.argument("item")
@click.option("-o", "--output", type=_FILE, required=True, help="The mp4 to write.")
@_sources
@cache_option
def render(dataset: Path, item: str, output: Path, source: tuple[Path | str, ...], cache: Path | str | None) -> None:
    """Render one item again, from the recipe: the plan, and the films it names.

    \b
    Example:
      haystack-gen render demo retrieval-64-d0-t0-lamp -o item.mp4
    """
    from haystack_gen.reopen import render_item

    if output.exists():
        raise InputError(f"{output}: exists already; choose another -o")
    render_item(dataset, item, output, sources=source, cache=chosen_cache(cache))
    say(f"wrote {output}")


@click.command("rope-period")
@click.argument("preset", required=False)
@click.option("--theta", type=float, help="Rotary base, such as 1000000.")
@click.option("--head-dim", type=int, help="Head dimension, such as 128.")
@click.option("--angle", type=int, help="Index of the rotary angle, such as 16.")
def rope_period(preset: str | None, theta: float | None, head_dim: int | None, angle: int | None) -> None:
    """After how many positions a rotary angle returns: 2 pi theta^(2 angle / head-dim).

    \b
    Example:
      haystack-gen rope-period qwen2-vl
      haystack-gen rope-period --theta 1000000 --head-dim 128 --angle 16
    """
    given = (theta, head_dim, angle)
    if preset and given == (None, None, None):
        click.echo(f"{preset_period(preset):.2f}")
    elif not preset and theta is not None and head_dim is not None and angle is not None:
        click.echo(f"{period_of(theta, head_dim, angle):.2f}")
    else:
        raise InputError(f"give either a preset ({', '.join(PRESETS)}) or all of --theta, --head-dim and --angle")

"""The command that writes the report."""

from pathlib import Path
from typing import get_args

import click

from haystack_gen.cli.options import LocalPath, OutputFile
from haystack_gen.cli.view import on_stderr, say, view_option
from haystack_gen.workspace import DatasetFolder


@click.command()
@click.argument("dataset", type=LocalPath(path_type=Path))
@click.argument("predictions", type=LocalPath(path_type=Path), required=False)
@click.option(
    "--parser",
    type=click.Choice(["lmms-eval", "vlmevalkit", "vnbench"]),
    help="Read letters as this evaluator does; by default as docs/parsing.md says.",
)
@click.option("--by-order", is_flag=True, help="Predictions without ids are of the manifest's rows, by their numbers.")
@click.option(
    "-o",
    "--output",
    type=OutputFile(path_type=Path, dir_okay=False),
    help="The page [default: report.html in the dataset, report-PREDICTIONS.html with predictions].",
)
@view_option
def report(dataset: Path, predictions: Path | None, parser: str | None, by_order: bool, output: Path | None) -> None:
    """Write a dataset, and what a model made of it, as one HTML page that opens from disk and needs nothing else.

    PREDICTIONS is what score takes. What audit found is on the page too: run it first.

    \b
    Example:
      haystack-gen report demo
      haystack-gen report demo predictions.jsonl -o predictions.html
    """
    from haystack_gen.judge.foreign import Parser
    from haystack_gen.judge.report import Replies, write_report

    if predictions is None and (parser or by_order):
        raise click.UsageError("--parser and --by-order say how PREDICTIONS are read, and there are none")
    chosen: Parser | None = next((one for one in get_args(Parser) if one == parser), None)
    replies = Replies(predictions, chosen, by_order) if predictions else None
    path = output or dataset / (f"report-{predictions.stem}.html" if predictions else "report.html")
    written = write_report(DatasetFolder(dataset), path, replies=replies, progress=on_stderr())
    say(f"{written.items:,} items, {written.pictures:,} pictures, {written.size_bytes / 1e6:.1f} MB")
    click.echo(written.path)

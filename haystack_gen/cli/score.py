"""The command that scores a model's replies."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from haystack_gen.atomic import atomic_path, write_atomic
from haystack_gen.cli.options import say
from haystack_gen.errors import InputError
from haystack_gen.workspace import DatasetFolder

if TYPE_CHECKING:
    from haystack_gen.judge.score import Scores

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--parser",
    type=click.Choice(["lmms-eval", "vlmevalkit", "vnbench"]),
    help="Read letters as this evaluator does; by default as docs/parsing.md says.",
)
@click.option("--by-order", is_flag=True, help="Predictions without ids are of the manifest's rows, by their numbers.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.85,
    show_default=True,
    help="Accuracy that a length needs to count as effective.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--per-item", type=_FILE, help="Write what became of each item here, one per line.")
@click.option(
    "--upstream",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each family's cells into this folder, in the form of V-NIAH's all_accuracies.json.",
)
def score(
    dataset: Path,
    predictions: Path,
    parser: str | None,
    by_order: bool,
    threshold: float,
    as_json: bool,
    per_item: Path | None,
    upstream: Path | None,
) -> None:
    """Score a model's replies: JSON Lines with id and prediction, or what lmms-eval, VLMEvalKit or VNBench write.

    \b
    Example:
      haystack-gen score demo predictions.jsonl
      haystack-gen score demo samples_haystack.jsonl --parser lmms-eval --json
    """
    from haystack_gen.cli.score_tables import score_lines
    from haystack_gen.judge.foreign import Parser
    from haystack_gen.judge.score import score as score_replies

    for path in (per_item, upstream):
        if path and path.exists():
            raise InputError(f"{path}: exists already; choose another name, or delete it")
    chosen: Parser | None = next((one for one in get_args(Parser) if one == parser), None)
    scores = score_replies(DatasetFolder(dataset), predictions, parser=chosen, by_order=by_order, threshold=threshold)
    if per_item:
        _write_items(scores, per_item)
    if upstream:
        _write_upstream(scores, upstream)
    if as_json:
        sys.stdout.write(json.dumps(scores.as_json(), indent=1, ensure_ascii=False) + "\n")
    else:
        for line in score_lines(scores):
            click.echo(line)


def _write_items(scores: "Scores", path: Path) -> None:
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for answer in scores.answers:
            out.write(json.dumps(answer.as_json(), ensure_ascii=False) + "\n")
    say(f"wrote {path}")


def _write_upstream(scores: "Scores", folder: Path) -> None:
    """A file per family; cells without a depth, or whose length is not in frames, have no place in that form."""
    from haystack_gen.judge.cells import upstream_text

    for family, grid in scores.grids.items():
        if any(depth < 0 for _, depth in grid):
            say(f"{family}: its needles lie all over the video, so there is no depth to write; left out")
        elif any(answer.question.axis != "frames" for answer in scores.families[family]):
            say(f"{family}: its lengths are of text, not frames; left out")
        else:
            path = folder / f"{family}.json"
            write_atomic(path, upstream_text(grid))
            say(f"wrote {path}")

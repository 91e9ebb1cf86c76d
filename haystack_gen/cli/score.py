"""The command that scores a model's replies, or sums up cells that V-NIAH's scripts have scored."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import click

from haystack_gen.atomic import atomic_path, write_atomic
from haystack_gen.cli.options import LocalPath
from haystack_gen.cli.view import say, visible
from haystack_gen.errors import InputError
from haystack_gen.workspace import DatasetFolder

if TYPE_CHECKING:
    from haystack_gen.judge.cells import Grid
    from haystack_gen.judge.score import Scores

Key = TypeVar("Key", int, float)

_FILE = LocalPath(path_type=Path, dir_okay=False)


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
    type=LocalPath(path_type=Path, file_okay=False),
    help="Write each family's cells into this folder, in the form of V-NIAH's all_accuracies.json.",
)
@click.option(
    "--heatmap",
    type=LocalPath(path_type=Path, file_okay=False),
    help="Draw each family's cells into this folder, as .png and .svg.",
)
def score(
    dataset: Path,
    predictions: Path | None,
    parser: str | None,
    by_order: bool,
    threshold: float,
    as_json: bool,
    per_item: Path | None,
    upstream: Path | None,
    heatmap: Path | None,
) -> None:
    """Score a model's replies: JSON Lines with id and prediction, or what lmms-eval, VLMEvalKit or VNBench write.

    Alone, a .json file of cells that V-NIAH's scripts wrote is summed up.

    \b
    Example:
      haystack-gen score demo predictions.jsonl
      haystack-gen score demo samples_haystack.jsonl --parser lmms-eval --json
      haystack-gen score all_accuracies.json --heatmap heatmaps
    """
    _expect_new(per_item, upstream, heatmap)
    if predictions is None:
        of_items = {"--parser": parser, "--by-order": by_order, "--per-item": per_item, "--upstream": upstream}
        _expect_cells(dataset, [option for option, given in of_items.items() if given])
        _score_cells(dataset, threshold, as_json, heatmap)
        return
    from haystack_gen.cli.score_tables import score_lines
    from haystack_gen.judge.foreign import Parser
    from haystack_gen.judge.score import score as score_replies

    chosen: Parser | None = next((one for one in get_args(Parser) if one == parser), None)
    scores = score_replies(DatasetFolder(dataset), predictions, parser=chosen, by_order=by_order, threshold=threshold)
    if per_item:
        _write_items(scores, per_item)
    if upstream:
        _write_upstream(scores, upstream)
    if heatmap:
        for family, grid in scores.grids.items():
            _draw(grid, heatmap / family, family, scores.families[family][0].question.axis)
    _print(scores.as_json() if as_json else score_lines(scores))


def _expect_new(per_item: Path | None, upstream: Path | None, heatmap: Path | None) -> None:
    for path in (per_item, upstream, heatmap):
        if path and path.exists():
            raise InputError(f"{path}: exists already; choose another name, or delete it")
    if heatmap and heatmap.suffix.lower() in (".png", ".svg"):
        raise InputError(f"{heatmap}: names a picture, expected a folder: every family gets a .png and a .svg in it")


def _expect_cells(path: Path, options: list[str]) -> None:
    """What stands alone has to be a file of cells, and has no items."""
    if path.suffix.lower() != ".json":
        raise InputError(
            f"{path}: stands alone and is no .json file; expected DATASET PREDICTIONS, or a file of cells such as "
            "V-NIAH's all_accuracies.json"
        )
    if options:
        raise InputError(f"{path}: has cells and no items; leave out {' and '.join(options)}")


def _score_cells(path: Path, threshold: float, as_json: bool, heatmap: Path | None) -> None:
    from haystack_gen.judge.cells import read_upstream

    grid = read_upstream(path)
    if heatmap:
        _draw(grid, heatmap / "heatmap")  # as V-NIAH's scripts name it
    _print(_cells_json(grid, threshold) if as_json else _cells_lines(grid, threshold))


def _cells_json(grid: "Grid", threshold: float) -> dict[str, Any]:
    """Means are over cells, each alike."""
    from haystack_gen.judge.cells import mean
    from haystack_gen.judge.intervals import effective_length

    at_length = _means(grid, lambda length, _: length)
    return {
        "mean": mean(grid),
        "lengths": [{"length": length, "accuracy": share} for length, share in at_length.items()],
        "cells": [{"length": length, "depth": depth, "accuracy": share} for (length, depth), share in grid.items()],
        "threshold": threshold,
        "effective_length": effective_length(at_length, threshold=threshold),
    }


def _cells_lines(grid: "Grid", threshold: float) -> Iterator[str]:
    """As a family's heat map in characters; at the ends, means over cells."""
    from haystack_gen.cli.score_tables import grid_lines

    found = _cells_json(grid, threshold)
    at_length, effective = {one["length"]: one["accuracy"] for one in found["lengths"]}, found["effective_length"]
    yield "percent right, by depth (down) and frames (across)"
    yield from grid_lines(grid, at_length, _means(grid, lambda _, depth: depth), found["mean"])
    yield f"mean of {len(grid):,} {'cell' if len(grid) == 1 else 'cells'}: {100 * found['mean']:.2f} %"
    said = "none" if effective is None else f"{effective:,} frames" + ", the longest" * (effective == max(at_length))
    yield f"effective length at {100 * threshold:g} %: {said}"


def _means(grid: "Grid", key: Callable[[int, float], Key]) -> dict[Key, float]:
    """The mean over the cells that have something in common, in the order of what that is.

    Rounded, because a threshold has to be met by what is exactly as high: 4.8 / 6 is not 0.8.
    """
    from haystack_gen.judge.cells import mean

    parts: dict[Key, dict[tuple[int, float], float]] = {}
    for cell, share in grid.items():
        parts.setdefault(key(*cell), {})[cell] = share
    return {one: round(mean(parts[one]), 12) for one in sorted(parts)}


def _draw(grid: "Grid", path: Path, name: str = "", axis: Literal["frames", "context"] = "frames") -> None:
    from haystack_gen.judge.heatmap import write_heatmap

    files = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    write_heatmap(grid, to=files, name=name, axis=axis)
    for file in files:
        say(f"wrote {file}")


def _print(found: dict[str, Any] | Iterator[str]) -> None:
    """JSON, or lines."""
    if isinstance(found, dict):
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        for line in found:
            click.echo(visible(line))


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

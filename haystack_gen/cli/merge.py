"""The command that puts the shards of a build together."""

from pathlib import Path

import click

from haystack_gen.cli.measures import spent
from haystack_gen.cli.options import ListCommand, PathOrUrl, cache_option
from haystack_gen.cli.view import say
from haystack_gen.cli.workers import Workers, worker_options


@click.command(cls=ListCommand)
@click.argument("dataset", type=PathOrUrl(path_type=Path, file_okay=False))
@click.option("--source", multiple=True, type=PathOrUrl(path_type=Path), help="Where the films and pictures are now.")
@cache_option
@worker_options
def merge(dataset: Path | str, source: tuple[Path | str, ...], cache: Path | str | None, workers: Workers) -> None:
    """Put the shards of a build together: the folder that one build would have made.

    \b
    Example:
      haystack-gen build v-niah --haystack films/ --needles my-pack --out niah --shard 1/2
      haystack-gen build v-niah --haystack films/ --needles my-pack --out niah --shard 2/2
      haystack-gen merge niah
    """
    from haystack_gen.split import merge as merge_shards
    from haystack_gen.split import merge_at

    with workers.tools(cache) as tools:
        if isinstance(dataset, str):
            built = merge_at(dataset, tools, sources=source)
        else:
            built = merge_shards(dataset, tools, sources=source)
    if built is None:
        say(f"{dataset}: is merged already")
        return
    if built.summary:
        say(", ".join(spent(built.summary)))
    here = "" if isinstance(dataset, Path) else f", and in {built.folder}"
    say(f"{built.items} items in {dataset}{here}; check them with: haystack-gen verify {built.folder}")

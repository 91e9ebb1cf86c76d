"""The command that puts the shards of a build together."""

from pathlib import Path

import click

from haystack_gen.cli.options import ListCommand, cache_option, say
from haystack_gen.cli.workers import Workers, worker_options


@click.command(cls=ListCommand)
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
@click.option("--source", multiple=True, type=click.Path(path_type=Path), help="Where the films and pictures are now.")
@cache_option
@worker_options
def merge(dataset: Path, source: tuple[Path, ...], cache: Path | None, workers: Workers) -> None:
    """Put the shards of a build together: the folder that one build would have made.

    \b
    Example:
      haystack-gen build v-niah --haystack films/ --needles my-pack --out niah --shard 1/2
      haystack-gen build v-niah --haystack films/ --needles my-pack --out niah --shard 2/2
      haystack-gen merge niah
    """
    from haystack_gen.split import merge as merge_shards

    with workers.tools(cache) as tools:
        built = merge_shards(dataset, tools, sources=source)
    say(f"{built.items} items in {dataset}; check them with: haystack-gen verify {dataset}")

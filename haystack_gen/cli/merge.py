"""The command that puts the shards of a build together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

    with workers.tools(cache) as tools:
        if isinstance(dataset, str):
            _merge_at(dataset, tools, source)
            return
        built = merge_shards(dataset, tools, sources=source)
    if built.summary:
        say(", ".join(spent(built.summary)))
    say(f"{built.items} items in {dataset}; check them with: haystack-gen verify {dataset}")


def _merge_at(url: str, tools: Any, sources: Sequence[Path | str]) -> None:
    from haystack_gen.remote.outputs import delete_shards, fetch_shards, is_merged, sent_to, shards_held
    from haystack_gen.split import merge as merge_shards

    with shards_held(url, tools.cache):
        if is_merged(url):
            delete_shards(url)
            say(f"{url}: is merged already")
            return
        with sent_to(url, tools.cache, progress=tools.progress) as place:
            fetch_shards(url, place, tools.progress)
            built = merge_shards(place, tools, sources=sources)
        delete_shards(url)
    if built.summary:
        say(", ".join(spent(built.summary)))
    say(f"{built.items} items in {url}, and in {place}; check them with: haystack-gen verify {place}")

"""The command that embeds a large pool ahead of mining, in shares if need be."""

from pathlib import Path
from typing import Any

import click

from haystack_gen.cli.options import (
    ListCommand,
    cache_option,
    chosen_cache,
    chosen_settings,
    print_table,
)
from haystack_gen.cli.view import on_stderr, say, view_option


@click.command(cls=ListCommand)
@click.option("--pool", multiple=True, required=True, help="Images and videos, or folders of them, as for mine.")
@click.option("--embedder", help="descriptor, or open_clip:MODEL/PRETRAINED (a tag or a checkpoint file).")
@click.option("--fps", help="Frames sampled per second of film.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other key of the spec.")
@click.option("--shard", default="1/1", show_default=True, metavar="I/N", help="Embed only the I-th of N shares.")
@cache_option
@view_option
def index(shard: str, cache: Path | str | None, **options: Any) -> None:
    """Embed a large pool into the cache and index it, so that mine and build need only search.

    Several machines can share the work: each embeds a share into a cache that all see, or into one of its own, whose
    folders are then copied together. The index is made by whoever comes when all shares are there.

    \b
    Example:
      haystack-gen index --pool films/ --shard 2/8
      haystack-gen mine --pool films/ --needles my-pack -o matches.jsonl
    """
    from haystack_gen.gather.big_pools import embed_missing, index_of, is_big
    from haystack_gen.gather.embed import embedder
    from haystack_gen.gather.parts import parts_of
    from haystack_gen.gather.pool import catalog_pool
    from haystack_gen.remote.fetched import urls_named
    from haystack_gen.shards import Shard
    from haystack_gen.specfile import read_spec

    number, of = Shard.parse(shard)
    overrides: dict[str, object] = {"distractors.origin": "mined", "mining.pool": list(options.pop("pool"))}
    overrides |= chosen_settings(options.pop("settings"))
    keys = {"fps": "haystack.fps", "embedder": "mining.embedder"}
    overrides |= {keys[name]: value for name, value in options.items() if value is not None}
    spec = read_spec("", where="index", overrides=overrides)
    progress = on_stderr()
    store = chosen_cache(cache, progress)
    with urls_named(store), store.in_use():
        pool = catalog_pool(spec.mining.pool, store, progress=progress)
        if not is_big(pool, spec):
            say("a pool of this size is searched as it is; it needs no index")
            return
        parts, model = parts_of(pool, rate=spec.haystack.fps), embedder(spec.mining.embedder)
        share = parts[len(parts) * (number - 1) // of : len(parts) * number // of]
        with progress.stage("embedding the pool", sum(map(len, share)), "pictures") as stage:
            count = embed_missing(share, spec, embedder=model, cache=store, stage=stage)
        say(f"{count.embedded} pictures embedded, {count.reused} known or alike")
        there = sum(part.folder(spec, embedder=model, cache=store).is_dir() for part in parts)
        rows = [("pictures", str(sum(map(len, parts)))), ("parts embedded", f"{there} of {len(parts)}")]
        if there == len(parts):
            rows.append(("lists", str(index_of(parts, spec, embedder=model, cache=store).lists)))
        print_table(rows)

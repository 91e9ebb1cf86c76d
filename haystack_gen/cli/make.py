"""Commands that make something: demo, init, mine, plan, build."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from haystack_gen.atomic import atomic_path, write_atomic
from haystack_gen.cli.measures import spent
from haystack_gen.cli.options import (
    ListCommand,
    LocalPath,
    OutputFile,
    PathOrUrl,
    cache_option,
    chosen_cache,
    chosen_recipe,
    chosen_settings,
    chosen_spec,
    presets,
    print_table,
    spec_options,
)
from haystack_gen.cli.places import place_of
from haystack_gen.cli.view import on_stderr, say, view_option
from haystack_gen.cli.workers import Workers, jobs_option, worker_options
from haystack_gen.errors import InputError
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, published
from haystack_gen.workspace import DatasetFolder, package_folder

_OUT = LocalPath(path_type=Path, file_okay=False)
_OUT_HELP = "Dataset folder: new, or one begun with the same command; or an s3:// or gs:// URL."
_FILE = OutputFile(path_type=Path, dir_okay=False)
_MOST_REMARKS = 20


@click.command()
@click.option("--out", type=_OUT, default=Path("haystack-demo"), show_default=True, help="Folder to build in.")
@cache_option
@jobs_option
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of every draw.")
@view_option
def demo(out: Path, cache: Path | str | None, jobs: int, seed: int) -> None:
    """Build a small dataset from nothing and verify it: drawn films, drawn needles, no downloads.

    \b
    Example:
      haystack-gen demo --out demo
    """
    from haystack_gen.build import build
    from haystack_gen.judge.verify import stamp, verify
    from haystack_gen.specfile import read_spec_file

    spec = read_spec_file(package_folder("templates") / "specs" / "tiny.yaml", overrides={"seed": seed})
    folder = DatasetFolder(out)
    folder.expect_spec(dump_spec(published(spec)), remedy="choose another --out")
    with Workers(jobs=jobs).tools(cache) as tools:
        built = build(spec, out, tools)
        report = verify(folder, executor=tools.executor, progress=tools.progress)
    stamp(folder, report)
    report.raise_if_wrong()
    say(f"\n{built.items} items in {out}, every frame verified with {report.said_by}. Look at:")
    first = next(iter(sorted((out / "videos").rglob("*.mp4"))))
    print_table(
        [
            ("a picture", folder.picture),
            ("a video", first),
            ("the manifest", folder.manifest),
            ("one item", f"haystack-gen show {out} {first.stem}"),
        ]
    )


@click.command()
@click.argument("preset")
@click.option("-o", "--output", type=_FILE, help="File to write; otherwise stdout.")
def init(preset: str, output: Path | None) -> None:
    """Write a commented spec to edit.

    \b
    Example:
      haystack-gen init v-niah-d -o my.yaml
    """
    if preset not in presets():
        raise InputError(f"no preset {preset!r}; there are {', '.join(presets())}")
    text = (package_folder("templates") / "specs" / f"{preset}.yaml").read_text(encoding="utf-8")
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists():
        raise InputError(f"{output}: exists already; choose another -o")
    write_atomic(output, text)
    say(f"wrote {output}; edit it, then: haystack-gen plan {output} --dry-run")


@click.command(cls=ListCommand)
@click.option("--needles", required=True, help="Needle pack: a folder, an upstream JSON file, hub:USER/NAME, or draw.")
@click.option("--images", help="Folder of the pack's images, where they do not lie beside its list.")
@click.option("--pool", multiple=True, required=True, help="Images and videos, or folders of them, to search.")
@click.option("--embedder", help="descriptor, or open_clip:MODEL/PRETRAINED (a tag or a checkpoint file).")
@click.option("--band", help="Cosines to accept, LOW:HIGH; above HIGH a picture may be the needle itself.")
@click.option("--top-k", type=int, help="Matches to keep per needle.")
@click.option("--fps", help="Frames sampled per second of film.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other key of the spec.")
@click.option("-o", "--output", type=_FILE, required=True, help="File of matches; their pictures go beside it.")
@cache_option
@view_option
def mine(output: Path, cache: Path | str | None, **options: Any) -> None:
    """Search a pool of images and videos for look-alikes of a pack's needles.

    \b
    Example:
      haystack-gen mine --needles my-pack --pool films/ -o matches.jsonl
      haystack-gen build v-niah-d --needles my-pack --matches matches.jsonl --haystack film.mp4 --out niah-d
    """
    from haystack_gen.gather.big_pools import mine_catalog
    from haystack_gen.gather.elsewhere import in_cache
    from haystack_gen.gather.pool import catalog_pool, pool_size, save_mined, stills_beside
    from haystack_gen.gather.world import gather_pack
    from haystack_gen.remote.fetched import urls_named
    from haystack_gen.specfile import read_spec

    keys = {"needles": "needles.pack", "images": "needles.images", "fps": "haystack.fps"}
    overrides: dict[str, object] = {"distractors.origin": "mined", "mining.pool": list(options.pop("pool"))}
    overrides |= chosen_settings(options.pop("settings"))
    given = {name: value for name, value in options.items() if value is not None}
    overrides |= {keys.get(name, f"mining.{name}"): value for name, value in given.items()}
    spec = read_spec("", where="mine", overrides=overrides)
    if output.exists() or stills_beside(output).exists():
        raise InputError(f"{output}: exists already; choose another -o, or delete it and {stills_beside(output).name}")
    progress = on_stderr()
    store = chosen_cache(cache, progress)
    with urls_named(store), store.in_use():
        pack = gather_pack(in_cache(spec, store), store)
        pool = catalog_pool(spec.mining.pool, store, progress=progress)
        with progress.stage("mining look-alikes", pool_size(pool, spec.haystack.fps), "pictures") as stage:
            mined = mine_catalog(spec, pack, pool, cache=store, stage=stage)
    save_mined(mined.matches, mined.sources, output, remarks=mined.remarks)
    _say_remarks(mined.remarks)
    found = Counter(match.needle for match in mined.matches)
    say(f"{mined.count.embedded} pictures embedded, {mined.count.reused} known or alike")
    print_table([(needle, f"{found[needle]} matches, nearest {mined.nearest[needle]:.4f}") for needle in mined.nearest])


@click.command(cls=ListCommand)
@spec_options
@click.option("-o", "--output", type=_FILE, help="Write the plan here, one item per line.")
@click.option("--dry-run", is_flag=True, help="Only say what would be planned; the haystack is not looked through.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
@cache_option
@worker_options
def plan(
    output: Path | None, dry_run: bool, as_json: bool, cache: Path | str | None, workers: Workers, **options: Any
) -> None:
    """Plan items without making media: cells, drops with their reasons, expected size.

    \b
    Example:
      haystack-gen plan v-niah --haystack film.mp4 --needles my-pack -o plan.jsonl
      haystack-gen plan v-niah-d --lengths 400:2000:400 --dry-run
    """
    from haystack_gen.cli.summary import Summary
    from haystack_gen.emit.plans import plan_line
    from haystack_gen.gathering import gather
    from haystack_gen.plan.items import Item
    from haystack_gen.plan.planner import plan_items

    if dry_run and output:
        say(f"a dry run: {output} is not written")
        output = None
    if recipe := chosen_recipe(options):
        spec, facts = _recorded(recipe)
    else:
        spec = chosen_spec(options)
        if dry_run:
            mining = spec.mining.model_copy(update={"uniqueness": "off"})
            spec = spec.model_copy(update={"mining": mining})
        with workers.tools(cache) as tools, tools.cache.in_use():
            world = gather(spec, tools)
        _say_remarks(world.remarks)
        facts = world.facts
    summary = Summary(spec)
    if output is None:
        for planned in plan_items(spec, facts):
            summary.add(planned)
    else:
        with atomic_path(output) as part, part.open("w", encoding="utf-8", newline="\n") as out:
            for planned in plan_items(spec, facts):
                summary.add(planned)
                if isinstance(planned, Item):
                    out.write(plan_line(planned))
        say(f"wrote {output}")
    if as_json:
        click.echo(json.dumps(summary.as_json(), indent=1))
    else:
        print_table(summary.as_table())


@click.command(cls=ListCommand)
@spec_options
@click.option("--out", type=PathOrUrl(path_type=Path, file_okay=False), required=True, help=_OUT_HELP)
@click.option("--replace", is_flag=True, help="Let --out hold a finished dataset of another spec, which is replaced.")
@click.option("--media", type=click.Choice(["video", "frames", "none"]), help="What to write; none: the recipe only.")
@click.option("--allow-guessable", is_flag=True, help="Build it also if a rule of thumb answers it without the videos.")
@click.option("--shard", metavar="I/N", help="Make only the I-th of N parts; haystack-gen merge puts them together.")
@cache_option
@worker_options
def build(
    out: Path | str,
    replace: bool,
    media: str | None,
    allow_guessable: bool,
    shard: str | None,
    cache: Path | str | None,
    workers: Workers,
    **options: Any,
) -> None:
    """Build a dataset; running the same command again finishes one that was interrupted.

    \b
    Example:
      haystack-gen build v-niah --haystack film.mp4 --needles my-pack --out niah
      haystack-gen build v-niah-d --haystack films/ --pool photos/ --set distractors.phase=1/2 --out anti-phase
      haystack-gen build hf://ann/long-videos --haystack films/ --needles my-pack --out again
      haystack-gen build my.yaml --out big --executor ray --address auto
    """
    from haystack_gen.build import build as build_dataset
    from haystack_gen.shards import Shard
    from haystack_gen.split import build_shard

    if media:
        options["settings"] = (*options["settings"], f"output.media={media}")
    make = build_dataset if shard is None else partial(build_shard, shard=Shard.parse(shard))
    make = partial(make, allow_guessable=allow_guessable)
    recipe = chosen_recipe(options)
    opened = _opened(recipe[0]) if recipe else None
    spec = opened.spec if opened else chosen_spec(options)
    where = partial(place_of, shard=Shard.parse(shard).name if shard else "", spec=None if replace else spec)
    with workers.tools(cache) as tools, where(out, tools) as place:
        built = _rebuild(opened, recipe[1], place, tools, make=make) if recipe else make(spec, place, tools)
    made = DatasetFolder(built.folder)
    _say_remarks(built.remarks, where=f" in {made.remarks}")
    _say_remarks([f"can be guessed: {leak}" for leak in built.leaks], where=f" in {made.audit('blind.json')}")
    for reason, count in built.dropped.items():
        say(f"dropped {count}: {reason}")
    if built.summary:
        say(", ".join(spent(built.summary)))
    if shard and made.root != Shard.parse(shard).folder(Path(place)):
        say(f"{out} is finished already, so shard {shard} of it is not made")
    elif shard:
        say(f"shard {shard} is in {made.root}; when all are made: haystack-gen merge {out}")
    elif isinstance(out, str):
        say(f"{built.items} items in {out}, and in {place}; check them with: haystack-gen verify {place}")
    else:
        say(f"{built.items} items in {out}; check them with: haystack-gen verify {out}")


def _recorded(recipe: tuple[str, list[str]]) -> tuple[Spec, Any]:
    """The spec and the facts of a recipe, which make the plan that it has; no source is needed for that."""
    from haystack_gen.recipe import check_plan, open_recipe

    opened = open_recipe(recipe[0])
    check_plan(opened, on_stderr())
    return opened.spec, opened.facts


def _opened(name: str) -> Any:
    from haystack_gen.recipe import open_recipe

    return open_recipe(name)


def _rebuild(opened: Any, places: Sequence[str], out: Path, tools: Any, *, make: Callable[..., Any]) -> Any:
    """Build a recipe, or a shard of it, as it was recorded."""
    from haystack_gen.recipe import outcome, recipe_world

    if out.resolve() == opened.folder.root.resolve():
        raise InputError(f"{out}: is the recipe itself; choose another --out")
    world = recipe_world(opened, places, tools)
    built = make(opened.spec, out, tools, world=world)
    if built.folder == out:
        say(outcome(opened, out))
    return built


def _say_remarks(remarks: Sequence[str], *, where: str = "") -> None:
    """Say what was noticed about the inputs, the first few of it; `where` is where the rest stands."""
    for remark in remarks[:_MOST_REMARKS]:
        say(remark)
    if len(remarks) > _MOST_REMARKS:
        say(f"... and {len(remarks) - _MOST_REMARKS} more{where}")

"""Commands that look after the cache: what is in it, and what may go."""

import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import click

from haystack_gen.cache import Cache
from haystack_gen.cli.measures import size
from haystack_gen.cli.options import cache_option, chosen_cache, print_table
from haystack_gen.cli.view import say
from haystack_gen.errors import InputError

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@click.group()
def cache() -> None:
    """Look after the cache: artefacts that builds share and can make again.

    \b
    Example:
      haystack-gen cache info
      haystack-gen cache prune --older-than 30d --max-size 20GB
    """


@cache.command()
@cache_option
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def info(cache: Path | str | None, as_json: bool) -> None:
    """Say where the cache lies, and how much of what is in it."""
    from haystack_gen.cache_care import KINDS, entries

    chosen = chosen_cache(cache)
    counts, sizes = Counter[str](), Counter[str]()
    for entry in entries(chosen):
        counts[entry.kind] += 1
        sizes[entry.kind] += entry.size_bytes
    if as_json:
        kinds = {kind: {"entries": counts[kind], "size_bytes": sizes[kind]} for kind in KINDS}
        whole = {"cache": str(chosen.root), "size_bytes": sizes.total(), "kinds": kinds}
        click.echo(json.dumps(whole, indent=1))
        return
    rows = [(kind, f"{size(sizes[kind]):>9}  {counts[kind]:>7,}  {what}") for kind, what in KINDS.items()]
    print_table([("cache", chosen.root), *rows, ("together", f"{size(sizes.total()):>9}  {counts.total():>7,}")])
    _say_where_else(chosen)


@cache.command()
@cache_option
@click.option("--older-than", metavar="AGE", help="Delete what was not used for so long, such as 12h, 30d or 8w.")
@click.option(
    "--max-size", metavar="SIZE", help="Delete what was used longest ago until so much is left, such as 20GB."
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(cache: Path | str | None, older_than: str | None, max_size: str | None, dry_run: bool) -> None:
    """Delete what has not been used for long. Builds make again what they need.

    Refuses while a build uses the cache; a build that starts meanwhile waits.

    \b
    Example:
      haystack-gen cache prune --older-than 30d --dry-run
    """
    from haystack_gen.cache_care import prune as prune_cache

    if older_than is None and max_size is None:
        raise InputError("what may go is not said; give --older-than 30d, or --max-size 20GB, or both")
    chosen = chosen_cache(cache)
    gone = prune_cache(
        chosen,
        older_than_s=None if older_than is None else _measure("--older-than", older_than, _SECONDS),
        most_bytes=None if max_size is None else _measure("--max-size", max_size, _BYTES),
        dry_run=dry_run,
    )
    for kind, count in Counter(entry.kind for entry in gone).items():
        total = sum(entry.size_bytes for entry in gone if entry.kind == kind)
        print_table([(f"{kind:<10}", f"{size(total):>9}  {count:>7,}")])
    verb = "would be deleted" if dry_run else "deleted"
    say(f"{len(gone):,} entries, {size(sum(entry.size_bytes for entry in gone))}, {verb} of {chosen.root}")
    _say_where_else(chosen)


def _say_where_else(chosen: Cache) -> None:
    """Of a cache at a URL only the copy of this machine is looked after."""
    if url := getattr(chosen, "url", ""):
        say(f"this is the copy that this machine has of {url}; what lies there is neither counted nor deleted")


def _measure(option: str, given: str, units: dict[str, int]) -> int:
    """`30d` or `1.5GB` in seconds or bytes."""
    known = {unit.lower(): factor for unit, factor in units.items()}
    number = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([A-Za-z]+)", given, re.ASCII)
    if not number or number[2].lower() not in known:
        raise InputError(f"{option} {given}: expected a number and one of {', '.join(units)}")
    return int(Fraction(number[1]) * known[number[2].lower()])

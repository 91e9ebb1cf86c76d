"""The command that publishes a dataset, or its recipe, on the Hub."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from haystack_gen.cli.options import LocalPath, print_table
from haystack_gen.cli.view import on_stderr, say, view_option
from haystack_gen.workspace import DatasetFolder

if TYPE_CHECKING:
    from haystack_gen.publish.changes import Change
    from haystack_gen.publish.repository import Repository

_FATES = {
    "goes": "goes",
    "new": "new",
    "changed": "changed",
    "unchanged": "unchanged, not sent again",
    "stale": "deleted there: not of this dataset any more",
    "kept": "left alone there: not part of a dataset",
    "left": "stays here",
}


@click.command()
@click.argument("dataset", type=LocalPath(path_type=Path))
@click.argument("repository", metavar="USER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--revision", metavar="BRANCH", help="The branch to write to [default: main].")
@click.option("--recipe-only", is_flag=True, help="Everything needed to build it again, and no media.")
@click.option("--dry-run", is_flag=True, help="Check it and say what would go; the Hub is not asked.")
@click.option("--json", "as_json", is_flag=True, help="What happens to every file, as JSON.")
@view_option
def push(
    dataset: Path, repository: str, private: bool, revision: str | None, recipe_only: bool, dry_run: bool, as_json: bool
) -> None:
    """Publish a verified dataset on the Hub, so that `datasets` loads it from there; or its recipe alone.

    The Hub's token is taken from where hf auth login puts it, or from HF_TOKEN. An interrupted push, run again, goes on
    from what was sent; readers see the dataset when all of it is there.

    \b
    Example:
      haystack-gen push demo ann/long-videos --dry-run
      haystack-gen push demo ann/long-videos
      haystack-gen push demo ann/long-videos-recipe --recipe-only
    """
    from haystack_gen.publish.changes import changes
    from haystack_gen.publish.hub import look, send
    from haystack_gen.publish.outgoing import recipe_alone, whole
    from haystack_gen.publish.parcel import check_media
    from haystack_gen.publish.repository import check_target, named

    place, folder, progress = named(repository, revision), DatasetFolder(dataset), on_stderr()
    with TemporaryDirectory(prefix="haystack-recipe-") as scratch:
        parcel = recipe_alone(folder, place, Path(scratch)) if recipe_only else whole(folder, place)
        remote = None if dry_run else look(place)
        if remote:
            check_target(place, remote, private=private, recipe=recipe_only)
        check_media(parcel, progress)
        if dry_run:
            _show(changes(parcel, None), place, as_json=as_json)
            say("a dry run: the Hub was not asked, and nothing was sent")
            return
        planned = changes(parcel, remote.files if remote else {})
        if not as_json:
            _show(planned, place, as_json=False)
        commit = send(place, parcel.files, remote, private=private, progress=progress)
    if as_json:
        _show(planned, place, as_json=True, commit=commit)
    _say_done(place, planned, recipe_only=recipe_only)


def _say_done(place: "Repository", planned: "Sequence[Change]", *, recipe_only: bool) -> None:
    from haystack_gen.publish.hub import address_of

    sent = sum(change.fate in ("new", "changed", "stale") for change in planned)
    say(f"{'its files are there, checked by their hashes' if sent else 'nothing was to be sent'}: {address_of(place)}")
    if recipe_only:
        say(f"rebuild it with: haystack-gen build {place} --haystack FILMS --needles PACK --out DIR")
    else:
        revision = f', revision="{place.revision}"' if place.revision else ""
        say(f'load it with: load_dataset("{place.name}", split="test"{revision})')


def _show(planned: "Sequence[Change]", place: "Repository", *, as_json: bool, commit: str = "") -> None:
    """Every file as JSON; for people by folder and by what happens."""
    if as_json:
        report = {"repository": place.name, "revision": place.revision or "main", "commit": commit or None}
        files = [change._asdict() for change in planned]
        click.echo(json.dumps({**report, "files": files}, indent=1, ensure_ascii=False))
        return
    from haystack_gen.emit.card_header import one_line

    count: Counter[tuple[str, str]] = Counter()
    size: Counter[tuple[str, str]] = Counter()
    for change in planned:
        name = one_line(change.name.rstrip("/"))
        where = f"{name.rpartition('/')[0]}/" if "/" in name else name
        row = (where, _FATES[change.fate] + (f": {change.why}" if change.why else ""))
        count[row] += 1
        size[row] += change.size_bytes
    rows = [(where, f"{count[where, what]:>7,}  {_size(size[where, what]):>9}  {what}") for where, what in count]
    goes = [change for change in planned if change.fate in ("goes", "new", "changed")]
    total = f"{len(goes):>7,}  {_size(sum(change.size_bytes for change in goes)):>9}  to {place}"
    print_table([*rows, ("to send", total)])


def _size(size_bytes: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes} B"

"""A dataset without its media: what it was planned from, its plan, and a card that says how to rebuild it."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

from haystack_gen import __version__
from haystack_gen.atomic import write_atomic
from haystack_gen.emit.card_header import cell, header, one_line
from haystack_gen.emit.provenance import catalogued
from haystack_gen.emit.tally import Tally, tally
from haystack_gen.errors import InputError
from haystack_gen.facts import Match, Source
from haystack_gen.publish.inventory import MANIFEST, MORE_RECORDS, RECIPE, RECORDS
from haystack_gen.records import load, parse_json, read_text
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, package_folder, sha256_of

_DRAWN = ("draw", "draw:families")
_MOST_SOURCES = 200


def write_recipe(folder: DatasetFolder, out: Path, *, address: str) -> list[str]:
    """Write the recipe of a complete dataset to an empty folder; returns the names of its files.

    There are no media in it, not a still: they are made again from the sources.

    Args:
        folder: the dataset's.
        out: an empty folder.
        address: what the card tells `haystack-gen build` to take the recipe from.

    Raises:
        InputError: the dataset is not complete.
    """
    if not folder.manifest.is_file():
        raise InputError(f"{folder.root}: is not complete, it has no {MANIFEST}; run the same haystack-gen build again")
    names = [name for name in (*RECORDS, *MORE_RECORDS) if name in RECORDS or (folder.root / name).is_file()]
    for name in names:
        file = folder.root / name
        if not file.is_file() or file.is_symlink():
            raise InputError(f"{file}: is missing, or a link; run the same haystack-gen build again")
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, out / name)
    recipe = DatasetFolder(out)
    spec, counts = read_spec_file(recipe.spec), tally(recipe.plan, recipe.dropped)
    write_atomic(recipe.card, _card(recipe, spec, counts, address))
    made = {"haystack-gen": __version__, "items": counts.items, "manifest_sha256": sha256_of(folder.manifest)}
    write_atomic(out / RECIPE, json.dumps(made, indent=1) + "\n")
    return [*names, recipe.card.name, RECIPE]


def file_names(folder: DatasetFolder) -> dict[str, str]:
    """What the file of each source was called, by the source's id.

    Raises:
        InputError: a catalogue is damaged.
    """
    names: dict[str, str] = {}
    for catalog in filter(Path.is_file, (folder.catalog, folder.films)):
        for number, line in enumerate(read_text(catalog).splitlines(), start=1):
            source = parse_json(line, f"{catalog}:{number}")
            names[str(source["id"])] = one_line(str(source["name"]))
    return names


def _card(recipe: DatasetFolder, spec: Spec, counts: Tally, address: str) -> str:
    sources = catalogued(recipe)  # also those that no video shows: a rebuild wants all of them
    top = header(spec.name, items=counts.items, families=list(counts.families), sources=sources, layout="none")
    template = Template((package_folder("templates") / "recipe_card.md").read_text(encoding="utf-8"))
    versions = parse_json(read_text(recipe.versions), str(recipe.versions))
    return template.substitute(
        header=top.partition("\nconfigs:")[0] + "\nviewer: false",
        name=cell(spec.name) or "haystack",
        items=f"{counts.items:,}",
        videos=f"{counts.videos:,}",
        families=", ".join(f"{name} {family.items:,}" for name, family in counts.families.items()),
        options="".join(f"\\\n    {option} " for option in _options(spec, mined=_is_mined(recipe))),
        address=address,
        versions=", ".join(f"{name} {cell(str(said))}" for name, said in versions.items() if name != "encoder"),
        sources="\n".join(_ledger(sources, file_names(recipe))),
    )


def _is_mined(recipe: DatasetFolder) -> bool:
    return any(match.origin == "mined" for match in load(recipe.matches, Match))


def _options(spec: Spec, *, mined: bool) -> Iterator[str]:
    """Where a rebuild is told to look for what is not drawn."""
    if any(source not in _DRAWN for source in spec.haystack.sources) or spec.families.stack.questions:
        yield "--haystack FILMS"
    if spec.needles.pack not in _DRAWN or spec.needles.lists:
        yield f"--needles {spec.needles.pack if spec.needles.pack.startswith('hub:') else 'PACK'}"
    if mined:
        yield "--pool POOL"


def _ledger(sources: Sequence[Source], names: Mapping[str, str]) -> Iterator[str]:
    yield "| file | kind | licence | SHA-256 |"
    yield "|---|---|---|---|"
    for source in sorted(sources, key=lambda source: source.kind != "video")[:_MOST_SOURCES]:
        made = f"taken from `{cell(source.origin)}`" if "@" in source.origin else f"`{source.sha256}`"
        yield f"| {cell(names[source.id])} | {source.kind} | {cell(source.license) or 'unknown'} | {made} |"
    if len(sources) > _MOST_SOURCES:
        yield ""
        yield f"And {len(sources) - _MOST_SOURCES:,} more; `provenance/catalog.jsonl` lists all of them."

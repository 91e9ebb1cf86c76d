"""A dataset built again from its recipe: all that was recorded is taken as it is, and only the media are looked for.

Recipes come from others. Nothing that one names is opened: its paths are names to show, and every source is told by its
SHA-256.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NoReturn

from haystack_gen import __version__
from haystack_gen.emit.card_header import one_line
from haystack_gen.emit.plans import plan_line
from haystack_gen.emit.provenance import read_facts, versions
from haystack_gen.errors import InputError
from haystack_gen.facts import Facts, Source
from haystack_gen.gather.finding import Wanted, find_sources, places_of
from haystack_gen.gather.world import remember_places
from haystack_gen.gathering import Gathered, Tools
from haystack_gen.media import Media, encoding_of
from haystack_gen.plan.items import Drop
from haystack_gen.plan.planner import plan_items
from haystack_gen.progress import Progress, counted
from haystack_gen.publish.hub import fetch
from haystack_gen.publish.inventory import MANIFEST, MORE_RECORDS, RECIPE, RECORDS
from haystack_gen.publish.recipe import file_names
from haystack_gen.publish.repository import HUB, addressed
from haystack_gen.records import LARGEST_BYTES, expect_file, parse_json, read_text
from haystack_gen.spec import Spec
from haystack_gen.specfile import LARGEST_SPEC_BYTES, read_spec
from haystack_gen.workspace import DatasetFolder, sha256_of

_NAMES = (*RECORDS, *MORE_RECORDS, RECIPE, MANIFEST)
_LARGEST = dict.fromkeys(_NAMES, LARGEST_BYTES) | {
    RECORDS[0]: LARGEST_SPEC_BYTES,
    "provenance/noise.jsonl": 1 << 30,
    "provenance/plan.jsonl": 1 << 32,
    "provenance/dropped.jsonl": 1 << 32,
    MANIFEST: 1 << 32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a dataset was planned from, and what came of it; `name` is what the person called it."""

    name: str
    folder: DatasetFolder
    spec: Spec
    facts: Facts
    versions: Mapping[str, str]
    manifest_sha256: str


def open_recipe(name: str) -> Recipe:
    """The recipe at `hf://USER/NAME[@REVISION]`, or in a folder: a recipe's alone, or a whole dataset's.

    Raises:
        InputError: there is none, it is not complete, or damaged.
        HubError: the Hub refused, or could not be reached.
    """
    if name.startswith(HUB):
        folder = DatasetFolder(fetch(addressed(name), _NAMES, _LARGEST))
    else:
        folder = DatasetFolder(Path(name))
        _refuse_links(folder)
    if not any((folder.root / made).is_file() for made in (MANIFEST, RECIPE)):
        raise InputError(f"{name}: is no recipe, it has neither {MANIFEST} nor {RECIPE}; expected a finished dataset")
    spec = read_spec(read_text(folder.spec, largest=LARGEST_SPEC_BYTES), where=str(folder.spec))
    facts = read_facts(folder)
    _refuse_strangers(name, facts)
    made_with = parse_json(read_text(folder.versions), str(folder.versions))
    if not isinstance(made_with, dict):
        raise InputError(f"{folder.versions}: expected an object of names and versions; the recipe was damaged")
    return Recipe(
        name=name,
        folder=folder,
        spec=spec,
        facts=facts,
        versions={one_line(str(key)): one_line(str(value)) for key, value in made_with.items()},
        manifest_sha256=_manifest_sha256(folder),
    )


def check_plan(recipe: Recipe, progress: Progress) -> None:
    """Plan from what was recorded, and compare with the plan that was.

    Raises:
        InputError: another plan comes out; the message names versions.
    """
    folder = recipe.folder
    with expect_file(folder.plan).open("rb") as items, expect_file(folder.dropped).open("rb") as drops:
        with progress.stage("planning", None, "items") as stage:
            try:
                for planned in counted(plan_items(recipe.spec, recipe.facts), stage):
                    line = plan_line(planned).encode()
                    if (drops if isinstance(planned, Drop) else items).read(len(line)) != line:
                        _refuse_plan(recipe, planned.id)
            except (KeyError, IndexError, ValueError, TypeError, ArithmeticError) as error:
                raise InputError(f"{recipe.name}: nothing can be planned from it ({error!r}); it was damaged") from None
        if items.read(1) or drops.read(1):
            _refuse_plan(recipe, "the end")


def recipe_world(recipe: Recipe, given: Sequence[str], tools: Tools) -> Gathered:
    """What a build of the recipe needs to know, once every source is found and the plan is the recorded one.

    Args:
        recipe: from `open_recipe`.
        given: files and folders in which to look for the sources, or `hub:USER/NAME` for a pack of the Hub.
        tools: what work is done with.

    Raises:
        InputError: a source is missing or has other bytes, or another plan comes out.
    """
    spec, facts = recipe.spec, recipe.facts
    wanted = Wanted(whose=recipe.name, sources=_sources(facts), names=file_names(recipe.folder))
    # What a whole dataset has of its mined pictures need not be taken again.
    places = chain(
        places_of(given, spec, tools.cache), [recipe.folder.provenance / f"{recipe.folder.matches.stem}.stills"]
    )
    sources = find_sources(wanted, places, cache=tools.cache, progress=tools.progress)
    check_plan(recipe, tools.progress)
    remember_places(sources.values(), tools.cache)
    facts = replace(
        facts,
        haystack=tuple(sources[film.id] for film in facts.haystack),
        stills=tuple(sources[still.id] for still in facts.stills),
        needle_films=tuple(sources[film.id] for film in facts.needle_films),
    )
    return Gathered(facts=facts, media=Media(spec, sources, tools.cache), remarks=tuple(_remarks(recipe)))


def outcome(recipe: Recipe, out: Path) -> str:
    """Whether the manifest is, byte for byte, the recorded one, and if not, why that may be."""
    if sha256_of(DatasetFolder(out).manifest) == recipe.manifest_sha256:
        return "the manifest is byte for byte the recorded one"
    here = json.loads(versions(encoding_of(recipe.spec).key))
    others = [
        f"{name} {was} (here {here.get(name, 'none')})"
        for name, was in recipe.versions.items()
        if was != here.get(name)
    ]
    return (
        "the plan is the recorded one, and the manifest is not byte for byte: "
        + (
            f"it was made with {', '.join(others)}, and videos are coded otherwise"
            if others
            else "by the same versions"
        )
        + f"; haystack-gen verify {out} shows that all frames are as planned"
    )


def _sources(facts: Facts) -> list[Source]:
    return list({one.id: one for one in (*facts.haystack, *facts.needle_films, *facts.stills)}.values())


def _remarks(recipe: Recipe) -> Iterator[str]:
    if recipe.folder.remarks.is_file():
        yield from map(one_line, read_text(recipe.folder.remarks).splitlines())


def _refuse_links(folder: DatasetFolder) -> None:
    for path in (folder.provenance, *(folder.root / name for name in _NAMES)):
        if path.is_symlink():
            raise InputError(f"{path}: is a link, and what it leads to may be another's; put the file itself there")


def _refuse_strangers(name: str, facts: Facts) -> None:
    """Every record has to be about sources and needles that are there."""
    stills, films = {one.id for one in facts.stills}, {one.id for one in facts.haystack}
    needles, asked = {one.id for one in facts.needles}, {one.id for one in facts.needle_films}
    shown = {one.source for one in facts.needles} | {one.source for one in facts.matches}
    shown |= {alike.source for one in facts.needles for alike in one.distractors}
    shown |= {picture for one in facts.listed for picture in one.pictures}
    strange = (shown - stills) | ({one.source for one in facts.questions} - asked) | (stills & (films | asked))
    strange |= ({match.needle for match in facts.matches} | {seen.needle for seen in facts.sightings}) - needles
    strange |= {seen.source for seen in facts.sightings} - films
    if strange:
        raise InputError(f"{name}: its records disagree about {min(strange)!r}; it was damaged")


def _manifest_sha256(folder: DatasetFolder) -> str:
    made = folder.root / RECIPE
    if not made.is_file():
        return sha256_of(folder.manifest)
    said = parse_json(read_text(made), str(made))
    digest = said.get("manifest_sha256") if isinstance(said, dict) else None
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(f"{made}: expected the manifest's SHA-256 under manifest_sha256; the recipe was damaged")
    return digest


def _refuse_plan(recipe: Recipe, item: str) -> NoReturn:
    was = recipe.versions.get("haystack-gen", "unknown")
    remedy = "it was damaged" if was == __version__ else f"install haystack-gen {was}"
    raise InputError(
        f"{recipe.name}: another plan comes out than was recorded, from {item} on; it was planned by haystack-gen "
        f"{was}, and this is {__version__}: {remedy}"
    )

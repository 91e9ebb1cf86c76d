"""A dataset, or its recipe alone, made ready for one repository."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from haystack_gen.publish.inventory import walk
from haystack_gen.publish.parcel import Outgoing, Parcel, parcel_from, parcel_of
from haystack_gen.publish.recipe import write_recipe
from haystack_gen.publish.repository import Repository
from haystack_gen.records import read_text
from haystack_gen.workspace import DatasetFolder

_REBUILD = "haystack-gen build path/to/this/folder "
_LOAD = re.compile(r'load_dataset\("path/to/this/folder"([^()\n]*)\)')


def whole(folder: DatasetFolder, place: Repository) -> Parcel:
    """A complete, verified dataset; its card says to load it from where it goes.

    Raises:
        InputError: it is not complete or not verified, or more than a repository may hold.
    """
    parcel = parcel_of(folder)
    card = load_from(read_text(folder.card), place).encode()
    return replace(parcel, files=tuple(_carded(parcel, folder.card.name, card)))


def recipe_alone(folder: DatasetFolder, place: Repository, scratch: Path) -> Parcel:
    """The recipe of a complete dataset, verified or not, written to the empty folder `scratch`.

    Raises:
        InputError: it is not complete.
    """
    names = write_recipe(folder, scratch, address=str(place))
    ours, left = walk(folder.root)
    left |= dict.fromkeys(ours - set(names), "made again by a rebuild")
    return replace(parcel_from(scratch, sorted(names)), root=folder.root, left=left)


def load_from(card: str, place: Repository) -> str:
    """A card whose lines that load or rebuild the dataset from its folder do so from its repository."""
    revision = f', revision="{place.revision}"' if place.revision else ""
    card = _LOAD.sub(lambda call: f'load_dataset("{place.name}"{call[1]}{revision})', card)
    return card.replace(_REBUILD, f"haystack-gen build {place} ")


def _carded(parcel: Parcel, name: str, card: bytes) -> Iterator[Outgoing]:
    for file in parcel.files:
        yield replace(file, text=card) if file.name == name else file

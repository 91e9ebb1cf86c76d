"""What a spec names by URL, put into the cache, and the spec with the paths that it has there.

Films and the pool stay URLs: they are large, and fetched when their pictures are wanted.
"""

from pathlib import Path

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.remote.fetched import bring, file_at, folder_at
from haystack_gen.remote.store import checked, is_url, last_name, listing, parent
from haystack_gen.spec import Spec


def in_cache(spec: Spec, cache: Cache) -> Spec:
    """The spec with paths in place of URLs, but for films and the pool.

    Of a pack there is its list as yet; the pictures that the list names are fetched by whoever reads it.

    Raises:
        InputError: a URL is not of a known kind, or nothing is there.
        StorageError: the store refused or could not be reached.
    """
    needles, mining, stack = spec.needles, spec.mining, spec.families.stack
    if is_url(mining.embedder.partition("/")[2]):
        raise InputError("mining.embedder: names a checkpoint by a URL; copy the file here and give its path")
    needles = needles.model_copy(
        update={
            "pack": _pack(needles.pack, cache),
            "images": _folder(needles.images, cache),
            "distractor_list": _file(needles.distractor_list, cache),
            "lists": {family: _listed(path, cache) for family, path in needles.lists.items()},
        }
    )
    mining = mining.model_copy(
        update={"matches": _matches(mining.matches, cache), "sightings": _file(mining.sightings, cache)}
    )
    stack = stack.model_copy(
        update={
            "tokenizer": _file(stack.tokenizer, cache),
            "noise": _file(stack.noise, cache),
            "questions": _listed(stack.questions, cache),
            "videos": _folder(stack.videos, cache),
        }
    )
    families = spec.families.model_copy(update={"stack": stack})
    return spec.model_copy(update={"needles": needles, "mining": mining, "families": families})


def _file(place: str | None, cache: Cache) -> str | None:
    return str(file_at(place, cache)) if place and is_url(place) else place


def _folder(place: str | None, cache: Cache) -> str | None:
    return str(folder_at(place, cache)) if place and is_url(place) else place


def _pack(place: str, cache: Cache) -> str:
    """A folder with its list, or a published list with the one of its distractors."""
    if not is_url(place):
        return place
    if place.lower().endswith(".json"):
        return str(_listed(place, cache))
    folder = folder_at(place, cache)
    bring(folder, ["needles.jsonl", "pack.yaml"])
    return str(folder)


def _listed(place: str | None, cache: Cache) -> str | None:
    """A list in a folder that stands for the one at the URL: what it names is looked for beside it."""
    if not place or not is_url(place):
        return place
    file = _beside(place, cache)
    bring(file.parent, [file.name, f"{file.stem}_interrupt.json"])
    return str(file)


def _matches(place: str | None, cache: Cache) -> str | None:
    """A file of matches with its remarks and pictures."""
    if not place or not is_url(place):
        return place
    file = _beside(place, cache)
    stills = f"{file.stem}.stills"
    pictures = [f"{stills}/{name}" for name in listing(f"{parent(checked(place))}/{stills}")]
    bring(file.parent, [file.name, f"{file.stem}.remarks.txt", *pictures])
    return str(file)


def _beside(place: str, cache: Cache) -> Path:
    """Where a file lies in the folder that stands for the one around it.

    Raises:
        InputError: it lies in no folder.
    """
    url = checked(place)
    if parent(url).endswith(("/", ":")):
        raise InputError(f"{url}: expected a file in a bucket")
    return folder_at(parent(url), cache) / last_name(url)

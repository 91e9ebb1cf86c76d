"""Needle packs: pictures, what is asked about them, and their distractors.

A pack is a folder with `needles.jsonl` or `pack.yaml`, a needle list as V-NIAH or V-NIAH-D publish it, or a dataset on
the Hub. Whatever it is, its images must lie in its folder and be whole.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from haystack_gen.errors import InputError
from haystack_gen.facts import Lookalike, Needle, Source
from haystack_gen.gather.catalog import distinct_ids, image_source
from haystack_gen.gather.entries import Entry, brief, folder_entries
from haystack_gen.gather.images import read_image
from haystack_gen.gather.prompts import meant
from haystack_gen.gather.upstream import hub_entries, list_entries
from haystack_gen.plan.pools import bare
from haystack_gen.plan.texts import text_faults
from haystack_gen.remote.fetched import bring
from haystack_gen.workspace import sha256_of, slug

HUB_PREFIX = "hub:"
_EXAMPLES = {"image": "zoo.png", "video": "zoo.mp4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Needles and the pictures they and their distractors name, in the order in which the pack first names them.

    `remarks` are no errors, but worth a reader's while; each begins with its place.
    """

    name: str
    needles: tuple[Needle, ...]
    stills: tuple[Source, ...]
    remarks: tuple[str, ...] = ()


def read_pack(
    location: Path | str,
    *,
    images: Path | None = None,
    distractor_list: Path | None = None,
    scratch: Path | None = None,
) -> Pack:
    """Read a pack and prove that every image it names is there and can be shown.

    Args:
        location: a folder, a published list (`.json`), or `hub:USER/NAME[:split]`.
        images: where a published list's images are; by default beside it.
        distractor_list: a published list's distractors; by default `<stem>_interrupt.json` beside it, if there.
        scratch: where a Hub dataset's images are written.

    Raises:
        InputError: the pack is not of a known form, contradicts itself, names a path outside its folder or an image
            that is missing or damaged.
        MissingExtraError: a Hub dataset is named and `datasets` is not installed.
    """
    path = Path(location)
    hub = str(location).startswith(HUB_PREFIX)
    published = path.suffix.lower() == ".json" and not path.is_dir() and not hub
    if not published and (images or distractor_list):
        raise InputError(f"{location}: a separate image folder or distractor list goes with a .json list only")
    if hub:
        if scratch is None:
            raise InputError(f"{location}: needs a folder for the images of the Hub dataset")
        return _pack(str(location).removeprefix(HUB_PREFIX), scratch, hub_entries(str(location), scratch))
    if path.is_dir():
        name, entries = folder_entries(path)
        return _pack(name, path, entries, remarks=_text_remarks(path, entries))
    if published:
        return _pack(path.stem, images or path.parent, list_entries(path, distractor_list))
    fault = "is not a pack" if path.exists() else "no such pack"
    raise InputError(f"{location}: {fault}; expected a folder with needles.jsonl, a .json list or hub:USER/NAME")


def locate(folder: Path, named: Sequence[tuple[str, str]], *, what: str = "image") -> dict[str, Path]:
    """The file behind each name, links resolved; all that are missing are named in one error.

    Args:
        folder: where the files must lie, at any depth.
        named: the place that an error mentions, and the name as it stands there.
        what: what a file is called in errors, `image` or `video`.

    Raises:
        InputError: there is no such folder, a name leads out of it, or a file is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected the folder that holds the pack's {what}s")
    root = folder.resolve()
    files = {name: _inside(root, name, where, what) for where, name in named}
    bring(root, [file.relative_to(root).as_posix() for file in files.values()])
    if missing := [name for name, file in files.items() if not file.is_file()]:
        listed = "".join(f"\n  {name}" for name in missing)
        raise InputError(f"{folder}: {len(missing)} of {len(files)} {what}s are missing; put them there:{listed}")
    return files


def stills_of(files: Mapping[str, Path], *, origin: str, licenses: Mapping[Path, str]) -> dict[Path, Source]:
    """One source per file, whatever the names by which it is called, in the order in which they are first named.

    Raises:
        InputError: a file is not a whole image, or two would have the same id.
    """
    distinct = list(dict.fromkeys(files.values()))
    hashes = [sha256_of(file) for file in distinct]
    stills = {}
    for file, digest, name in zip(distinct, hashes, distinct_ids(distinct, hashes), strict=True):
        read_image(file)
        license = licenses.get(file, "unknown")
        stills[file] = image_source(file, id=name, sha256=digest, license=license, origin=origin)
    return stills


def _pack(name: str, folder: Path, entries: Sequence[Entry], *, remarks: Iterable[str] = ()) -> Pack:
    files = locate(folder, [(entry.where, image) for entry in entries for image in _images_of(entry)])
    stills = stills_of(files, origin=name, licenses=_licenses(files, entries))
    ids = _needle_ids(entries)
    needles = [_needle(id, entry, files, stills) for id, entry in zip(ids, entries, strict=True)]
    found = [remark for entry in entries for remark in entry.remarks]
    found += [*remarks, *_shared_pictures(entries, needles, {still.id: still.sha256 for still in stills.values()})]
    return Pack(name=name, needles=tuple(needles), stills=tuple(stills.values()), remarks=tuple(found))


def _images_of(entry: Entry) -> tuple[str, ...]:
    return entry.image, *(image for image, _ in entry.distractors)


def _inside(root: Path, name: str, where: str, what: str) -> Path:
    """`name` as a file below `root`; a pack may come from anyone and must not reach other files of this machine."""
    plain, shown = PurePosixPath(name), brief(name)
    if not name.strip() or re.search(r"[\x00-\x1f\x7f\\]", name) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name):
        raise InputError(
            f"{where}: {what} {shown} is not a plain path; expected one inside the pack, such as {_EXAMPLES[what]}"
        )
    if plain.is_absolute() or ".." in plain.parts:
        raise InputError(
            f"{where}: {what} {shown} leaves the pack; move the file into {root.name!r} and name it from there"
        )
    try:
        file = (root / plain).resolve()
        file.is_file()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its links go in a circle"
        raise InputError(f"{where}: {what} {shown} cannot be followed ({reason}); give the file itself") from error
    if not file.is_relative_to(root):
        raise InputError(f"{where}: {what} {shown} is a link out of the pack; copy the file into it (cp -L)")
    return file


def _licenses(files: Mapping[str, Path], entries: Sequence[Entry]) -> dict[Path, str]:
    licenses: dict[Path, str] = {}
    for entry in entries:
        for file in (files[image] for image in _images_of(entry)):
            if entry.license and licenses.setdefault(file, entry.license) != entry.license:
                raise InputError(
                    f"{entry.where}: {file.name} is under {entry.license!r} here, {licenses[file]!r} before"
                )
    return licenses


def _text_remarks(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """What makes answers hard to tell apart, said once each, where it is first seen."""
    values: dict[str, dict[str, None]] = {}
    places: list[tuple[str, Sequence[str]]] = []
    for entry in entries:
        places += [(entry.where, entry.options), (entry.where, [entry.value] if entry.value.strip() else [])]
        if entry.attribute.strip() and entry.value.strip():
            values.setdefault(entry.attribute, {})[entry.value] = None
    places += [(f"{folder}: values of {attribute!r}", list(found)) for attribute, found in values.items()]
    said: set[str] = set()
    for where, texts in places:
        for fault in text_faults(texts):
            if fault not in said:
                said.add(fault)
                yield f"{where}: {fault}"


def _shared_pictures(entries: Sequence[Entry], needles: Sequence[Needle], hashes: Mapping[str, str]) -> Iterator[str]:
    """Refuse distractors that show a needle of the same key, and remark on those of which it cannot be told."""
    owners: dict[str, dict[str, str]] = {}
    for needle in needles:
        owners.setdefault(hashes[needle.source], {}).setdefault(bare(needle.key), needle.id)
    for entry, needle in zip(entries, needles, strict=True):
        key = bare(needle.key)
        for (image, _), lookalike in zip(entry.distractors, needle.distractors, strict=True):
            shown = owners.get(hashes[lookalike.source], {})
            if key and key in shown:
                raise InputError(
                    f"{entry.where}: distractor {image!r} is the picture of needle {shown[key]}, whose key is "
                    f"{needle.key!r} too; a distractor must fail the key: choose another"
                )
            if shown and (not key or "" in shown):
                other = shown.get("") or next(iter(shown.values()))
                yield f"{entry.where}: distractor {image!r} is the picture of needle {other} too; give both a key"


def _needle_ids(entries: Sequence[Entry]) -> list[str]:
    """The ids given, and for the others the image's stem, with -2, -3, … where it is taken."""
    given: dict[str, str] = {}
    for entry in entries:
        if entry.id and entry.id != slug(entry.id):
            raise InputError(f"{entry.where}: id {entry.id!r} cannot name a file; use {slug(entry.id)!r}")
        if entry.id and entry.id in given:
            raise InputError(f"{entry.where}: id {entry.id!r} is taken by {given[entry.id]}; give each needle its own")
        given[entry.id] = entry.where
    taken = set(given)
    ids = []
    for entry in entries:
        stem, number = slug(PurePosixPath(entry.image).stem), 1
        name = entry.id or stem
        while not entry.id and name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        ids.append(name)
    return ids


def _needle(id: str, entry: Entry, files: dict[str, Path], stills: dict[Path, Source]) -> Needle:
    try:
        answer = entry.value if entry.answer is None else meant(entry.answer, entry.options)
        return Needle(
            id=id,
            source=stills[files[entry.image]].id,
            question=entry.question,
            answer=answer,
            options=entry.options,
            key=entry.key,
            value=entry.value,
            attribute=entry.attribute,
            instruction=entry.instruction,
            count=entry.count,
            distractors=tuple(_lookalikes(entry, answer, files, stills)),
        )
    except InputError as error:
        raise InputError(f"{entry.where}: {error}") from error


def _lookalikes(entry: Entry, answer: str, files: dict[str, Path], stills: dict[Path, Source]) -> Iterator[Lookalike]:
    seen = {stills[files[entry.image]].sha256: entry.image}
    for image, given in entry.distractors:
        source, lure = stills[files[image]], meant(given, entry.options)
        if source.sha256 in seen:
            raise InputError(f"distractor {image!r} is the same picture as {seen[source.sha256]!r}; choose another")
        if lure and (lure == answer or (entry.options and lure not in entry.options)):
            wrong = [option for option in entry.options if option != answer] or f"other than {answer!r}"
            raise InputError(f"distractor {image!r} has lure {given!r}, expected a wrong answer: {wrong}")
        seen[source.sha256] = image
        yield Lookalike(source=source.id, lure=lure)

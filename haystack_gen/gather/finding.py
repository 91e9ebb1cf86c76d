"""Recorded sources found again on this machine: by their bytes, wherever they lie and whatever they are called."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Source
from haystack_gen.gather.catalog import hash_of
from haystack_gen.gather.drawn import DRAWN, DRAWN_FAMILIES, blank_still, drawn_film, drawn_pack
from haystack_gen.gather.packs import HUB_PREFIX, read_pack
from haystack_gen.gather.pool import save_pictures, stills_beside
from haystack_gen.gather.probe import probe
from haystack_gen.progress import Progress
from haystack_gen.remote.fetched import arrive_all, at_url, is_there, look_into
from haystack_gen.remote.store import is_safe, is_url
from haystack_gen.spec import Spec
from haystack_gen.workspace import content_key, sha256_of

_MOST_SHOWN = 5
_TAKEN = re.compile(r"([0-9a-f]{64})(?:@([0-9]{1,12}(?:/[1-9][0-9]{0,11})?))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Sources as recorded, without paths, and what their files were called, by id; `whose` names the recipe."""

    whose: str
    sources: Sequence[Source]
    names: Mapping[str, str]


def find_sources(wanted: Wanted, places: Iterable[Path], *, cache: Cache, progress: Progress) -> dict[str, Source]:
    """Every source by its id, with the path of a file that has its bytes; mined pictures are taken again.

    Args:
        wanted: what is looked for.
        places: files, and folders that are searched to the bottom; a later one is looked at if one before lacks any.
        cache: remembers hashes; pictures that are taken again are kept in it.
        progress: who is told.

    Raises:
        InputError: a source is in none of the places, or is not what was recorded of it.
    """
    sizes = {source.size_bytes for source in wanted.sources}
    found: dict[str, Source] = {}
    files: list[Path] = []
    by_hash: dict[str, Path] = {}
    with progress.stage("looking for the sources", len(wanted.sources), "sources") as stage:
        for place in places:
            new = list(_files_in(place))
            files += new
            by_hash |= {hash_of(file, cache): file for file in new if file.stat().st_size in sizes}
            for source in wanted.sources:
                if source.id not in found and source.sha256 in by_hash:
                    found[source.id] = _at(source, by_hash[source.sha256])
                    stage.step()
            if len(found) == len(wanted.sources):
                return found
        lacking = [source for source in wanted.sources if source.id not in found]
        found |= _taken_again([source for source in lacking if taken_from(source)], files, cache)
    if lacking := [source for source in wanted.sources if source.id not in found]:
        raise InputError(_refusal(wanted, lacking, files, cache))
    return found


def places_of(given: Sequence[str], spec: Spec, cache: Cache) -> Iterator[Path]:
    """Where to look: what was given, at a URL the files of a folder and not of its folders; then what is drawn.

    Raises:
        InputError: a place does not exist, or a pack on the Hub cannot be had.
    """
    for name in given:
        path = Path(name)
        if is_url(name):
            found = at_url(name, cache, wanted=is_safe)
            files = [found] if isinstance(found, Path) else found
            arrive_all(files)
            yield from files
        elif name.startswith(HUB_PREFIX):
            scratch = cache.hub_folder(content_key("hub", name))
            read_pack(name, scratch=scratch)
            yield scratch
        elif name not in (DRAWN, DRAWN_FAMILIES):
            if not path.exists():
                raise InputError(f"{path}: no such file or folder; check the name")
            yield path.parent if path.suffix.lower() == ".json" and path.is_file() else path
    if DRAWN in spec.haystack.sources:
        yield drawn_film(spec, cache)
    if spec.needles.pack in (DRAWN, DRAWN_FAMILIES):
        yield drawn_pack(spec, cache)
    if "blanked" in spec.controls:
        yield Path(blank_still(spec, cache).path)


def located(sources: Sequence[Source], given: Sequence[Path | str], spec: Spec, cache: Cache) -> tuple[Source, ...]:
    """Sources of a finished dataset with the path of the file that still has their bytes; "" where none is found.

    Args:
        sources: as read from a dataset's catalogue, without paths.
        given: files, or folders of files, to look at first; paths or URLs.
        spec: of the dataset; what it lets be drawn is drawn again if it is nowhere.
        cache: remembers where each source was seen last.
    """
    look_into(cache)
    found = _among(sources, given, cache)
    found = tuple(source if source.path else replace(source, path=_last_seen(source, cache)) for source in found)
    return found if all(source.path for source in found) else _among(found, list(places_of((), spec, cache)), cache)


def taken_from(still: Source) -> tuple[str, Fraction | None] | None:
    """The SHA-256 of the file that a mined picture was taken from and, of a film, the time; None for other sources."""
    found = _TAKEN.fullmatch(still.origin)
    return (found[1], Fraction(found[2]) if found[2] else None) if found else None


def _files_in(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, _, names in os.walk(place):
        yield from (file for file in (Path(folder) / name for name in sorted(names)) if file.is_file())


def _at(source: Source, file: Path) -> Source:
    """The source in its place, if it is what was recorded: a recipe may state any length for a film."""
    if source.kind == "video":
        facts = probe(file)
        is_so = (facts.frames, facts.rate, facts.duration_s, facts.width, facts.height)
        recorded = (source.frames, source.rate, source.duration_s, source.width, source.height)
        if is_so != recorded or source.at_s is not None:
            raise InputError(
                f"{file}: is {facts.width} x {facts.height} and lasts {float(facts.duration_s):.3f} s, and is recorded "
                f"as {source.width} x {source.height} and {float(source.duration_s):.3f} s; the recipe was damaged, or "
                "made by another version of haystack-gen"
            )
    return replace(source, path=str(file.absolute()))


def _taken_again(lacking: Sequence[Source], files: Sequence[Path], cache: Cache) -> dict[str, Source]:
    """Mined pictures, from the films and pictures that they were taken from, as far as those are among `files`."""
    origins = {source.id: origin for source in lacking if (origin := taken_from(source))}
    missing = {digest for digest, _ in origins.values()}
    by_hash: dict[str, Path] = {}
    for file in files:
        if missing and (digest := hash_of(file, cache)) in missing:
            missing.discard(digest)
            by_hash[digest] = file
    taken = []
    for source in lacking:
        digest, at_s = origins[source.id]
        if digest in by_hash:
            still = replace(source, path=str(by_hash[digest].absolute()), at_s=at_s)
            if at_s is not None:
                film = probe(by_hash[digest])
                still = replace(still, width=film.width, height=film.height)
            taken.append(still)
    folder = stills_beside(cache.mined_file(content_key("taken again", *((one.id, one.origin) for one in taken))))
    if taken:
        save_pictures(taken, folder)
    recorded = {source.id: source for source in lacking}
    return {one.id: _as_file(recorded[one.id], folder / f"{one.id}.png") for one in taken}


def _as_file(source: Source, file: Path) -> Source:
    return replace(source, path=str(file.absolute()), sha256=sha256_of(file), size_bytes=file.stat().st_size)


def _refusal(wanted: Wanted, lacking: Sequence[Source], files: Sequence[Path], cache: Cache) -> str:
    """What is not there, and which files of the same names are others."""
    lines = []
    for source in lacking[:_MOST_SHOWN]:
        name, origin = wanted.names.get(source.id, source.id), taken_from(source)
        alike = next((file for file in files if file.name == name), None)
        if origin:
            lines.append(f"{name}: was taken from a file with SHA-256 {origin[0]}, which is in none of the places")
        elif alike:
            lines.append(f"{alike}: SHA-256 is {hash_of(alike, cache)}, recorded is {source.sha256}")
        else:
            lines.append(f"{name}: SHA-256 {source.sha256}, {source.size_bytes:,} bytes, is in none of the places")
    if len(lacking) > _MOST_SHOWN:
        lines.append(f"... and {len(lacking) - _MOST_SHOWN} more")
    listed = "".join(f"\n  {line}" for line in lines)
    return (
        f"{wanted.whose}: {len(lacking)} of the {len(wanted.sources)} films and pictures it was made from are not "
        f"there; give those very files, under any name, with --haystack, --needles or --pool:{listed}"
    )


def _among(sources: Sequence[Source], given: Sequence[Path | str], cache: Cache) -> tuple[Source, ...]:
    """Those sources that are in a place with their paths, the others as they were."""
    files = [file for place in given for file in _files_at(place, cache)]
    by_hash = {hash_of(file, cache): str(file.absolute()) for file in files}
    return tuple(replace(source, path=by_hash.get(source.sha256, source.path)) for source in sources)


def _files_at(place: Path | str, cache: Cache) -> list[Path]:
    if is_url(place):
        found = at_url(str(place), cache, wanted=is_safe)
        return [found] if isinstance(found, Path) else found
    path = Path(place)
    return [file for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]


def _last_seen(source: Source, cache: Cache) -> str:
    try:
        path = Path(json.loads(cache.place_file(source.sha256).read_text(encoding="utf-8"))["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return str(path) if is_there(path) and hash_of(path, cache) == source.sha256 else ""

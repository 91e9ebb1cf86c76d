"""Files and folders to the sources they hold, each with an id, a hash and what was measured of it."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from haystack_gen.atomic import refusals_explained, write_atomic
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Source
from haystack_gen.gather.images import IMAGE_SUFFIXES, image_size
from haystack_gen.gather.probe import probe
from haystack_gen.progress import Progress
from haystack_gen.records import dump, load
from haystack_gen.remote.fetched import arrive, arrive_all, at_url, is_there, origin_of
from haystack_gen.remote.store import is_url
from haystack_gen.workspace import content_key, installed_version, sha256_of, slug

_FACTS = 1  # raised with every change of what is found out about films
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".ts", ".mpg")


def catalog_videos(
    paths: Sequence[Path | str],
    *,
    cache: Cache,
    licenses: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> tuple[Source, ...]:
    """The films at `paths`: files in the order given, a folder's own films (not those of its folders) sorted by name.

    A film at a URL is fetched unless it is remembered; then it is when its pictures are wanted.

    Args:
        paths: video files, and folders of files named `*.mp4` and the like, or URLs of either.
        cache: remembers hashes and what films hold.
        licenses: licence by file name, for example {"city.mp4": "CC-BY-4.0"}; "unknown" for the others.
        progress: who is told of what is fetched.

    Raises:
        InputError: a file is missing, not a video or given twice, two hold the same bytes, a folder has no video, or
            `licenses` names a file that is not there.
    """
    files = _files(paths, VIDEO_SUFFIXES, "videos", cache)
    arrive_all((file for file in files if not _known_unseen(file, cache)), progress)
    hashes = [hash_of(file, cache) for file in files]
    first: dict[str, Path] = {}
    for file, digest in zip(files, hashes, strict=True):
        if digest in first:
            raise InputError(f"{file} and {first[digest]} hold the same video; give one of them")
        first[digest] = file
    return tuple(_film(*row, cache=cache) for row in _rows(files, hashes, licenses or {}))


def catalog_stills(
    paths: Sequence[Path | str],
    *,
    cache: Cache,
    licenses: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> tuple[Source, ...]:
    """The pictures at `paths`, as `catalog_videos` finds films. Equal pictures under different names are all kept.

    Raises:
        InputError: as `catalog_videos`, but for equal bytes.
    """
    files = _files(paths, IMAGE_SUFFIXES, "images", cache)
    arrive_all(files, progress)
    rows = _rows(files, [hash_of(file, cache) for file in files], licenses or {})
    return tuple(image_source(file, id=name, sha256=digest, license=license) for name, file, digest, license in rows)


def image_source(file: Path, *, id: str, sha256: str, license: str, origin: str = "") -> Source:
    """The source of one image file.

    Raises:
        InputError: as `image_size`.
    """
    width, height = image_size(file)
    return Source(
        id=id,
        kind="image",
        path=str(file.absolute()),
        sha256=sha256,
        size_bytes=file.stat().st_size,
        width=width,
        height=height,
        license=license,
        origin=origin,
    )


def hash_of(path: Path, cache: Cache) -> str:
    """SHA-256 of a file in hex, remembered until its size or a time of its last change is another.

    Of a file that was not fetched yet, it is the one that its URL had with the same version, if that is remembered.

    Raises:
        InputError: there is no such file, or it was written to while it was read.
    """
    origin = origin_of(path)
    if origin and not path.is_file():
        if known := _known_unseen(path, cache):
            return known
        arrive(path)
    digest = _hash_of_file(path, cache)
    origin = origin if path.suffix.lower() in VIDEO_SUFFIXES else None  # pictures are fetched in any case
    if origin and not (unseen := cache.facts_file(origin.key)).is_file():
        write_atomic(unseen, json.dumps({"sha256": digest}) + "\n")
    return digest


def expect_unchanged(source: Source, cache: Cache) -> None:
    """Called after a source was read: what was read is what its catalogue says.

    Raises:
        InputError: it was written to since it was catalogued, or is gone.
    """
    if hash_of(Path(source.path), cache) != source.sha256:
        raise InputError(f"{source.path}: has changed since it was catalogued; run the command again to start from it")


def _hash_of_file(path: Path, cache: Cache) -> str:
    with refusals_explained(path):
        if not path.is_file():
            raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}; check the name")
        place = str(path.resolve())
        if not place.isprintable() and re.search("[\ud800-\udfff]", place):
            raise InputError(f"{str(path)!a}: its name, or a folder's above it, is not UTF-8; rename it")
        before = path.stat()
        remembered = cache.hash_file(content_key(place, *_written(before)))
        if known := _remembered(remembered):
            return known
        digest = sha256_of(path)
        after = path.stat()
    if _written(before) != _written(after):
        raise InputError(f"{path}: changed while it was read; wait until it is complete")
    write_atomic(remembered, json.dumps({"sha256": digest}) + "\n")
    return digest


def _written(file: os.stat_result) -> tuple[int, int, int]:
    """What a file cannot be written to without changing: times of content can be set back, the inode's cannot."""
    return file.st_size, file.st_mtime_ns, file.st_ctime_ns


def distinct_ids(files: Sequence[Path], hashes: Sequence[str]) -> tuple[str, ...]:
    """An id for each file: the slug of its stem, and the hash's first 8 digits where stems agree.

    Raises:
        InputError: two files have the same stem and the same bytes.
    """
    stems = [slug(file.stem) for file in files]
    count = Counter(stems)
    ids = [stem if count[stem] == 1 else f"{stem}-{digest[:8]}" for stem, digest in zip(stems, hashes, strict=True)]
    first: dict[str, Path] = {}
    for file, name in zip(files, ids, strict=True):
        if name in first:
            raise InputError(f"{file} and {first[name]} would both be called {name!r}; rename or leave out one of them")
        first[name] = file
    return tuple(ids)


def _known_unseen(path: Path, cache: Cache) -> str | None:
    """The remembered hash of a film at a URL."""
    origin = origin_of(path) if path.suffix.lower() in VIDEO_SUFFIXES else None
    return _remembered(cache.facts_file(origin.key)) if origin else None


def _remembered(file: Path) -> str | None:
    try:
        known = json.loads(file.read_text())["sha256"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return known if isinstance(known, str) and re.fullmatch(r"[0-9a-f]{64}", known) else None


def _files(paths: Sequence[Path | str], suffixes: tuple[str, ...], what: str, cache: Cache) -> list[Path]:
    files = [file for path in paths for file in _at(path, suffixes, what, cache)]
    given: dict[Path, Path] = {}
    for file in files:
        if not is_there(file):
            raise InputError(f"{file}: no such file; check the name")
        if (place := file.resolve()) in given:
            raise InputError(f"{file}: is given twice (also as {given[place]}); give it once")
        given[place] = file
    return files


def _at(place: Path | str, suffixes: tuple[str, ...], what: str, cache: Cache) -> list[Path]:
    """A file, or those files of a folder that are of the kind, both also at a URL."""

    def fits(name: str) -> bool:
        return Path(name).suffix.lower() in suffixes and not name.startswith(".")

    if is_url(place):
        found = at_url(str(place), cache, wanted=fits)
        if isinstance(found, Path):
            return [found]
        files = found
    elif not Path(place).is_dir():
        return [Path(place)]
    else:
        with refusals_explained(Path(place)):
            files = [file for file in Path(place).iterdir() if fits(file.name)]
        if folder := next((file for file in sorted(files) if file.is_dir()), None):
            raise InputError(f"{folder}: is a folder with the name of a file; rename it, or move it elsewhere")
    if not files:
        raise InputError(
            f"{place}: holds no {what} ({', '.join(suffixes)}); folders inside it must be given themselves"
        )
    return sorted(files, key=_natural)


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Sorts "clip 2" before "clip 10"."""
    parts = re.split(r"([0-9]+)", file.name.casefold())
    return [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(parts)], file.name


def _rows(
    files: Sequence[Path], hashes: Sequence[str], licenses: Mapping[str, str]
) -> Iterator[tuple[str, Path, str, str]]:
    """Id, file, hash and licence of each file."""
    if strange := sorted(licenses.keys() - {file.name for file in files}):
        raise InputError(f"licence given for {strange[0]!r}, which is not among the files; correct the name")
    for name, file, digest in zip(distinct_ids(files, hashes), files, hashes, strict=True):
        yield name, file, digest, licenses.get(file.name, "unknown")


def _film(name: str, file: Path, digest: str, license: str, *, cache: Cache) -> Source:
    """A film as it was found to be when all of it was read, which is remembered of its bytes."""
    noted = cache.facts_file(content_key("film", _FACTS, installed_version("av", "av"), digest))
    try:
        (known,) = load(noted, Source)
    except (InputError, ValueError):  # nothing yet, or it is damaged
        facts = probe(arrive(file))
        known = Source(
            id="film",
            kind="video",
            path="",
            sha256=digest,
            size_bytes=file.stat().st_size,
            width=facts.width,
            height=facts.height,
            frames=facts.frames,
            rate=facts.rate,
            duration_s=facts.duration_s,
            license="unknown",
        )
        expect_unchanged(replace(known, path=str(file.absolute())), cache)
        write_atomic(noted, dump([known]))
    return replace(known, id=name, path=str(file.absolute()), sha256=digest, license=license)

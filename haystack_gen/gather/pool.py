"""The pool that look-alikes are mined from, and what was mined, kept as files.

    matches.jsonl             one match per line
    matches.stills/           the pictures they name, as `<source id>.png`, with their catalog.jsonl
    matches.remarks.txt       of a large pool: what the search may have missed, a remark per line

Embeddings differ in the last digits between machines; what was mined is therefore an input that travels with a dataset.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from PIL import Image

from haystack_gen.atomic import atomic_folder, write_atomic
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Match, Source, sampled_length
from haystack_gen.gather.catalog import VIDEO_SUFFIXES, catalog_stills, catalog_videos, expect_unchanged
from haystack_gen.gather.embed import embedder
from haystack_gen.gather.fit import Fit
from haystack_gen.gather.images import IMAGE_SUFFIXES, Pixels, fit_image, read_image
from haystack_gen.gather.mine import Mined, mine
from haystack_gen.gather.neighbours import MatchRules
from haystack_gen.gather.packs import Pack
from haystack_gen.gather.video import sample, still
from haystack_gen.progress import Progress
from haystack_gen.records import dump, load, read_text
from haystack_gen.remote.store import checked, is_url, listing, stored
from haystack_gen.spec import Spec
from haystack_gen.workspace import sha256_of


def catalog_pool(paths: Sequence[str], cache: Cache, *, progress: Progress | None = None) -> tuple[Source, ...]:
    """Images and films to search: files, or folders of either.

    Raises:
        InputError: a path is missing, or holds neither.
    """
    images: list[str] = []
    films: list[str] = []
    for path in paths:
        endings = {Path(name).suffix.lower() for name in _names(path)}
        if endings & set(VIDEO_SUFFIXES):
            films.append(path)
        if endings & set(IMAGE_SUFFIXES) or not endings & set(VIDEO_SUFFIXES):
            images.append(path)
    stills = catalog_stills(images, cache=cache, progress=progress)
    return (*stills, *catalog_videos(films, cache=cache, progress=progress))


def _names(place: str) -> list[str]:
    """The names of the files of a folder, or of the one file that it is."""
    if is_url(place):
        return [place] if stored(checked(place)) else list(listing(place))
    return [file.name for file in Path(place).iterdir()] if Path(place).is_dir() else [place]


def pool_pictures(pool: Sequence[Source], spec: Spec) -> Iterator[tuple[Source, Pixels]]:
    """Every still of the pool at frame size: images as they are, films sampled at the haystack's rate."""
    rate, size, fit = spec.haystack.fps, spec.haystack.size, spec.haystack.fit
    for source in pool:
        if source.kind == "image":
            yield source, still_pixels(source, size=size, fit=fit)
            continue
        frames = sample(Path(source.path), rate=rate, size=size, fit=fit)
        for number, picture in enumerate(frames):
            yield frame_of(source, number, rate=rate), picture


def frame_of(film: Source, number: int, *, rate: Fraction) -> Source:
    """One still of a film of the pool."""
    return replace(film, id=f"{film.id}-f{number:06d}", at_s=Fraction(number) / rate)


def pool_size(pool: Sequence[Source], rate: Fraction) -> int:
    """How many stills `pool_pictures` yields."""
    return sum(1 if source.kind == "image" else sampled_length(source.duration_s, rate) for source in pool)


def still_pixels(source: Source, *, size: tuple[int, int], fit: Fit) -> Pixels:
    """A still fitted to the frame: uint8 RGB of shape (height, width, 3)."""
    if source.at_s is not None:
        return still(Path(source.path), at_s=source.at_s, size=size, fit=fit)
    return fit_image(read_image(Path(source.path)), size=size, fit=fit)


def mine_pool(spec: Spec, pack: Pack, pictures: Iterator[tuple[Source, Pixels]], cache: Cache) -> Mined:
    """Search pictures for look-alikes of a pack's needles, by the rules of the spec; all vectors are held in memory."""
    return mine(
        needle_pixels(spec, pack, cache),
        pictures,
        embedder=embedder(spec.mining.embedder),
        rules=match_rules(spec),
        cache=cache,
    )


def needle_pixels(spec: Spec, pack: Pack, cache: Cache) -> dict[str, Pixels]:
    """The picture of each needle of a pack at frame size, by its id.

    Raises:
        InputError: one has changed since the pack was read.
    """
    stills = {still.id: still for still in pack.stills}
    size, fit = spec.haystack.size, spec.haystack.fit
    pixels = {needle.id: still_pixels(stills[needle.source], size=size, fit=fit) for needle in pack.needles}
    for needle in pack.needles:
        expect_unchanged(stills[needle.source], cache)
    return pixels


def match_rules(spec: Spec) -> MatchRules:
    """What the spec lets through as a look-alike."""
    rules = spec.mining
    return MatchRules(
        low=rules.band[0],
        high=rules.band[1],
        top_k=rules.top_k,
        diversity=rules.diversity,
        sharpness=rules.sharpness,
    )


def save_mined(
    matches: Sequence[Match], pictures: Sequence[Source], path: Path, *, remarks: Sequence[str] = ()
) -> None:
    """Write matches to `path`, after their pictures and remarks.

    Raises:
        StorageError: the file system refused.
    """
    save_pictures(pictures, stills_beside(path))
    if remarks:
        write_atomic(_remarks_beside(path), "".join(f"{one}\n" for one in remarks))
    write_atomic(path, dump(matches))


def save_pictures(sources: Sequence[Source], folder: Path) -> None:
    """Write stills, at their own size, and their catalogue; what `folder` held before is replaced if it differs."""
    catalog = folder / "catalog.jsonl"
    if catalog.is_file() and catalog.read_text(encoding="utf-8") == dump(sources):
        return
    catalog.unlink(missing_ok=True)  # first, lest what a killed build deleted half looks whole
    shutil.rmtree(folder, ignore_errors=True)
    with atomic_folder(folder) as part:
        for source in sources:
            with (part / f"{source.id}.png").open("wb") as written:
                _own_picture(source).save(written, format="PNG")
        write_atomic(part / "catalog.jsonl", dump(sources))


def load_mined(path: Path) -> tuple[tuple[Match, ...], tuple[Source, ...]]:
    """Matches and their pictures, from what `save_mined` wrote.

    Raises:
        InputError: a file is missing, is not of that form, or a match names a picture that is not there.
    """
    folder = stills_beside(path)
    matches = tuple(match for match in load(path, Match) if match.origin == "mined")
    described = {source.id: source for source in load(folder / "catalog.jsonl", Source)}
    stills = []
    for name in sorted({match.source for match in matches}):
        file = folder / f"{name}.png"
        if name not in described or not file.is_file():
            raise InputError(f"{path}: names the still {name!r}, which is not in {folder}; mine again")
        width, height = read_image(file).size
        size = file.stat().st_size
        stills.append(
            replace(
                described[name],
                kind="image",
                path=str(file.absolute()),
                sha256=sha256_of(file),
                size_bytes=size,
                width=width,
                height=height,
                at_s=None,
                origin=_taken_from(described[name]),
            )
        )
    return matches, tuple(stills)


def mined_remarks(path: Path) -> tuple[str, ...]:
    """The remarks that `save_mined` wrote beside the matches, if there were any."""
    file = _remarks_beside(path)
    return tuple(read_text(file).splitlines()) if file.is_file() else ()


def _remarks_beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.remarks.txt")


def _taken_from(still: Source) -> str:
    """Where a picture was taken: the SHA-256 of a file of the pool and, of a film, the time; kept once it is said."""
    return still.origin or still.sha256 + ("" if still.at_s is None else f"@{still.at_s}")


def stills_beside(path: Path) -> Path:
    """The folder of the pictures that a file of matches names."""
    return path.with_name(f"{path.stem}.stills")


def _own_picture(source: Source) -> Image.Image:
    if source.at_s is None:
        return read_image(Path(source.path))
    even = (source.width // 2 * 2, source.height // 2 * 2)
    return Image.fromarray(still(Path(source.path), at_s=source.at_s, size=even, fit="stretch"))

"""From a spec to what the world holds: films, needles, and the pictures supplied with them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from haystack_gen import __version__
from haystack_gen.errors import InputError
from haystack_gen.facts import Match, Source
from haystack_gen.gather.catalog import catalog_videos, hash_of
from haystack_gen.gather.packs import HUB_PREFIX, Pack, read_pack
from haystack_gen.spec import Spec
from haystack_gen.specfile import load_yaml
from haystack_gen.workspace import Cache, atomic_folder, content_key, package_folder, write_atomic

DRAWN = "draw"
DRAWN_LICENSE = "CC0-1.0"
DRAWN_NEEDLES = 5
_SLACK = Fraction(3, 2)  # a drawn film outlasts the longest clip, so that windows differ


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What was found: films, a pack, and the look-alikes that came with it."""

    films: tuple[Source, ...]
    pack: Pack
    supplied: tuple[Match, ...]


def gather_world(spec: Spec, cache: Cache) -> World:
    """Read, or draw, the haystack and the pack that a spec names.

    Raises:
        InputError: a file is missing or unfit; the message names it.
    """
    pack = gather_pack(spec, cache)  # first: it is quick to read, and quick to be wrong
    films = gather_films(spec, cache)
    if both := {film.id for film in films} & {still.id for still in pack.stills}:
        raise InputError(
            f"{sorted(both)[0]!r} names both a haystack film and a picture of the pack; rename one of them"
        )
    supplied = tuple(
        Match(needle=needle.id, source=lookalike.source, lure=lookalike.lure, origin="supplied")
        for needle in pack.needles
        for lookalike in needle.distractors
    )
    return World(films=films, pack=pack, supplied=supplied)


def gather_films(spec: Spec, cache: Cache) -> tuple[Source, ...]:
    """The haystack's films, in the order of the spec; `draw` is one film drawn from the seed."""
    paths = [_drawn_film(spec, cache) if name == DRAWN else Path(name) for name in spec.haystack.sources]
    films = catalog_videos(paths, cache=cache, licenses=spec.haystack.licenses)
    drawn = cache.root.absolute()
    return tuple(
        replace(film, license=DRAWN_LICENSE) if Path(film.path).is_relative_to(drawn) else film for film in films
    )


def gather_pack(spec: Spec, cache: Cache) -> Pack:
    """The spec's needles, cut down to `needles.count`, each with an instruction."""
    wanted = spec.needles
    if wanted.pack == DRAWN:
        pack = read_pack(_drawn_pack(spec, cache))
    elif wanted.pack.startswith(HUB_PREFIX):
        pack = read_pack(wanted.pack, scratch=cache.hub_folder(content_key("hub", wanted.pack)))
    else:
        pack = read_pack(
            wanted.pack,
            images=Path(wanted.images) if wanted.images else None,
            distractor_list=Path(wanted.distractor_list) if wanted.distractor_list else None,
        )
    if wanted.count and wanted.count > len(pack.needles):
        raise InputError(f"{wanted.pack}: holds {len(pack.needles)} needles, needles.count asks for {wanted.count}")
    return _with_instructions(replace(pack, needles=pack.needles[: wanted.count]))


def _with_instructions(pack: Pack) -> Pack:
    file = package_folder("templates") / "questions" / "instructions.yaml"
    defaults = load_yaml(file.read_text(encoding="utf-8"), where=str(file))
    needles = (
        replace(needle, instruction=needle.instruction or defaults["mcq" if needle.options else "short"])
        for needle in pack.needles
    )
    return replace(pack, needles=tuple(needles), stills=_shown(pack))


def _shown(pack: Pack) -> tuple[Source, ...]:
    """The pictures that the remaining needles and their look-alikes use."""
    used = {needle.source for needle in pack.needles}
    used |= {lookalike.source for needle in pack.needles for lookalike in needle.distractors}
    return tuple(still for still in pack.stills if still.id in used)


def _drawn_film(spec: Spec, cache: Cache) -> Path:
    from haystack_gen.draw.films import draw_film

    frames = _SLACK * max(spec.grid.lengths)
    seconds = -(-frames / spec.haystack.fps // 1)
    key = content_key("film", __version__, spec.seed, seconds, spec.haystack.fps, spec.haystack.size)
    folder = cache.drawn_folder(key)
    if not folder.is_dir():
        with atomic_folder(folder) as part:
            draw_film(
                part / f"film-s{spec.seed}.mp4",
                seed=spec.seed,
                seconds=seconds,
                rate=spec.haystack.fps,
                size=spec.haystack.size,
            )
    return folder / f"film-s{spec.seed}.mp4"


def _drawn_pack(spec: Spec, cache: Cache) -> Path:
    from haystack_gen.draw.pack import draw_pack

    count = spec.needles.count or DRAWN_NEEDLES
    folder = cache.drawn_folder(content_key("pack", __version__, spec.seed, count))
    if not folder.is_dir():
        with atomic_folder(folder) as part:
            draw_pack(part, seed=spec.seed, count=count)
    return folder


def sources_by_id(*groups: Sequence[Source]) -> dict[str, Source]:
    """Sources of several kinds under their ids.

    Raises:
        InputError: two different pictures or films share an id.
    """
    found: dict[str, Source] = {}
    for source in (source for group in groups for source in group):
        if found.setdefault(source.id, source).sha256 != source.sha256:
            raise InputError(f"two different files are both called {source.id!r}; rename one of them")
    return found


def remember_places(sources: Iterable[Source], cache: Cache) -> None:
    """Note where each source lies on this machine, so that `render` and `open_item` find it again."""
    for source in sources:
        file = cache.place_file(source.sha256)
        text = json.dumps({"path": source.path})
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            write_atomic(file, text)


def located(sources: Sequence[Source], given: Sequence[Path], cache: Cache) -> tuple[Source, ...]:
    """Sources of a finished dataset with the path of the file that still has their bytes; "" where none is found.

    Args:
        sources: as read from a dataset's catalogue, without paths.
        given: files, or folders of files, to look at first.
        cache: remembers where each source was seen last.
    """
    files = [file for path in given for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]
    by_hash = {hash_of(file, cache): str(file.absolute()) for file in files}
    return tuple(replace(source, path=by_hash.get(source.sha256) or _last_seen(source, cache)) for source in sources)


def _last_seen(source: Source, cache: Cache) -> str:
    try:
        path = Path(json.loads(cache.place_file(source.sha256).read_text(encoding="utf-8"))["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return str(path) if path.is_file() and hash_of(path, cache) == source.sha256 else ""

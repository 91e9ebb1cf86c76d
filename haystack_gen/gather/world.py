"""From a spec to what the world holds: films, needles, ready questions, noise, and the pictures that go with them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from haystack_gen.atomic import write_atomic
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import Listed, Match, Noise, Source, VideoQuestion, Wording
from haystack_gen.gather.catalog import catalog_videos
from haystack_gen.gather.drawn import DRAWN, DRAWN_FAMILIES, DRAWN_LICENSE, blank_still, drawn_film, drawn_pack
from haystack_gen.gather.noise import gather_noise
from haystack_gen.gather.packs import HUB_PREFIX, Pack, read_pack
from haystack_gen.gather.v_ruler import read_listed, read_questions
from haystack_gen.progress import Progress
from haystack_gen.spec import Spec
from haystack_gen.wording import read_wording
from haystack_gen.workspace import content_key


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What was found. `stills` are all pictures; `remarks` is what a person should know of it.

    `supplied` are the look-alikes that came with the pack; `needle_films` are what `questions` are about.
    """

    films: tuple[Source, ...]
    pack: Pack
    supplied: tuple[Match, ...]
    stills: tuple[Source, ...]
    wording: Wording
    listed: tuple[Listed, ...] = ()
    questions: tuple[VideoQuestion, ...] = ()
    needle_films: tuple[Source, ...] = ()
    noise: Noise | None = None
    remarks: tuple[str, ...] = ()


def gather_world(spec: Spec, cache: Cache, *, progress: Progress | None = None) -> World:
    """Read, or draw, everything that a spec names.

    Raises:
        InputError: a file is missing or unfit; the message names it.
    """
    pack = gather_pack(spec, cache)  # first: it is quick to read, and quick to be wrong
    images = Path(spec.needles.images) if spec.needles.images else None
    lists = [read_listed(Path(path), task=task, images=images) for task, path in sorted(spec.needles.lists.items())]
    questions, needle_films, about_films = _questions(spec, cache)
    noise = _noise(spec)
    films = gather_films(spec, cache, progress=progress)
    blank = (blank_still(spec, cache),) if "blanked" in spec.controls else ()
    groups = (pack.stills, *(listed.stills for listed in lists), blank)
    stills = tuple(sources_by_id(*groups).values())
    if both := {film.id for film in (*films, *needle_films)} & {still.id for still in stills}:
        raise InputError(f"{sorted(both)[0]!r} names both a film and a picture of the pack; rename one of them")
    return World(
        films=films,
        pack=pack,
        supplied=_supplied(pack),
        stills=stills,
        wording=read_wording(),
        listed=tuple(question for listed in lists for question in listed.listed),
        questions=questions,
        needle_films=needle_films,
        noise=noise,
        remarks=(*pack.remarks, *(remark for listed in lists for remark in listed.remarks), *about_films),
    )


def _supplied(pack: Pack) -> tuple[Match, ...]:
    return tuple(
        Match(needle=needle.id, source=lookalike.source, lure=lookalike.lure, origin="supplied")
        for needle in pack.needles
        for lookalike in needle.distractors
    )


def _noise(spec: Spec) -> Noise | None:
    """Sentences enough for the longest stack."""
    if "stack" not in spec.tasks:
        return None
    rules = spec.families.stack
    tokenizer = Path(rules.tokenizer) if rules.tokenizer else None
    return gather_noise(rules.noise, seed=spec.seed, at_least=max(rules.lengths), tokenizer=tokenizer)


def _questions(spec: Spec, cache: Cache) -> tuple[tuple[VideoQuestion, ...], tuple[Source, ...], tuple[str, ...]]:
    """Supplied questions about films, the films, and remarks."""
    rules = spec.families.stack
    if "stack" not in spec.tasks or not rules.questions:
        return (), (), ()
    found = read_questions(Path(rules.questions), videos=Path(rules.videos) if rules.videos else None)
    films = catalog_videos(found.films, cache=cache, licenses=spec.haystack.licenses)
    ids = {Path(film.path): film.id for film in films}
    questions = tuple(
        VideoQuestion(
            id=asked.id,
            source=ids[asked.path.absolute()],
            question=asked.question,
            options=asked.options,
            answer=asked.answer,
        )
        for asked in found.asked
    )
    return questions, films, found.remarks


def gather_films(spec: Spec, cache: Cache, *, progress: Progress | None = None) -> tuple[Source, ...]:
    """The haystack's films, in the order of the spec; `draw` is one film drawn from the seed."""
    paths = [drawn_film(spec, cache) if name == DRAWN else name for name in spec.haystack.sources]
    films = catalog_videos(paths, cache=cache, licenses=spec.haystack.licenses, progress=progress)
    drawn = cache.root.absolute() / "drawn"
    return tuple(
        replace(film, license=DRAWN_LICENSE) if Path(film.path).is_relative_to(drawn) else film for film in films
    )


def gather_pack(spec: Spec, cache: Cache) -> Pack:
    """The spec's needles, cut down to `needles.count`; none where all that is asked is listed ready-made."""
    wanted = spec.needles
    ready = set(wanted.lists) | ({"stack"} if spec.families.stack.questions else set())
    if set(spec.tasks) <= ready:
        return Pack(name="listed", needles=(), stills=())
    if wanted.pack in (DRAWN, DRAWN_FAMILIES):
        pack = read_pack(drawn_pack(spec, cache))
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
    pack = replace(pack, needles=pack.needles[: wanted.count])
    return replace(pack, stills=_shown(pack))


def _shown(pack: Pack) -> tuple[Source, ...]:
    """The pictures that the remaining needles and their look-alikes use."""
    used = {needle.source for needle in pack.needles}
    used |= {lookalike.source for needle in pack.needles for lookalike in needle.distractors}
    return tuple(still for still in pack.stills if still.id in used)


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

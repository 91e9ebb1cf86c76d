"""All that a spec names, looked at: films, needles, look-alikes, sightings and samplers become facts for planning."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from haystack_gen.ahead import embed_films, film_tasks
from haystack_gen.atomic import atomic_folder, write_atomic
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.executors import Executor, LocalExecutor
from haystack_gen.facts import Facts, Match, Sampled, Sighting, Source
from haystack_gen.gather.big_pools import mine_catalog
from haystack_gen.gather.elsewhere import in_cache
from haystack_gen.gather.embed import embed_cached, embedder, shelf
from haystack_gen.gather.mine import embed_needles
from haystack_gen.gather.neighbours import sightings
from haystack_gen.gather.packs import Pack
from haystack_gen.gather.pool import catalog_pool, load_mined, mined_remarks, pool_size, save_mined
from haystack_gen.gather.world import World, gather_world, remember_places, sources_by_id
from haystack_gen.judge.samplers import sampler
from haystack_gen.media import Media
from haystack_gen.ray_executor import RayExecutor
from haystack_gen.records import dump, load
from haystack_gen.remote.fetched import urls_named, with_urls
from haystack_gen.spec import Spec
from haystack_gen.watch import Watch
from haystack_gen.workspace import content_key

_LOOKING = "looking for needles in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What work is done with: where artefacts are cached, who runs tasks, what measures them."""

    cache: Cache
    executor: Executor
    progress: Watch = field(default_factory=Watch)

    @classmethod
    def local(cls, *, cache: Cache | None = None, jobs: int = 1) -> "Tools":
        """The usual cache and `jobs` processes of this machine."""
        return cls(cache=cache or Cache.default(), executor=LocalExecutor(jobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything planning needs to know, the media behind it, and remarks for whoever gave it."""

    facts: Facts
    media: Media
    remarks: tuple[str, ...]


def gather(spec: Spec, tools: Tools) -> Gathered:
    """Look at all that a spec names: films, needles, look-alikes, footage that could be taken for a needle.

    Raises:
        InputError: the world does not hold what the spec names.
    """
    with urls_named(tools.cache):
        return _gathered(in_cache(spec, tools.cache), tools)


def _gathered(spec: Spec, tools: Tools) -> Gathered:
    with tools.progress.stage("looking at the sources", None):
        world = gather_world(spec, tools.cache, progress=tools.progress)
    mined, pictures, remarks = _mined(spec, world, tools)
    sources = sources_by_id(world.films, world.needle_films, world.stills, pictures)
    remember_places(sources.values(), tools.cache)
    media = Media(spec, sources, tools.cache)
    facts = Facts(
        haystack=world.films,
        stills=tuple(source for source in sources.values() if source.is_still),
        needles=world.pack.needles,
        matches=(*world.supplied, *mined),
        sightings=_sightings(spec, world, media, tools),
        sampled=tuple(_sampled(spec)),
        needle_films=world.needle_films,
        listed=world.listed,
        questions=world.questions,
        noise=world.noise,
        wording=world.wording,
    )
    said = (with_urls(remark, tools.cache) for remark in (*world.remarks, *remarks))
    return Gathered(facts=facts, media=media, remarks=tuple(said))


def _mined(spec: Spec, world: World, tools: Tools) -> tuple[tuple[Match, ...], tuple[Source, ...], tuple[str, ...]]:
    """Look-alikes from a file, or from a search of the pool that is made once and kept in the cache; and remarks."""
    rules, haystack = spec.mining, spec.haystack
    if spec.distractors.origin not in ("mined", "any") or not (rules.matches or rules.pool):
        return (), (), ()
    if rules.matches:
        given = Path(rules.matches)
        return *_for_pack(load_mined(given), world.pack, rules.matches), mined_remarks(given)
    pool = catalog_pool(rules.pool, tools.cache, progress=tools.progress)
    looks = (embedder(rules.embedder).name, haystack.fps, haystack.size, haystack.fit)
    asked = [(needle.id, needle.source) for needle in world.pack.needles]
    pictured = [(source.id, source.sha256) for source in (*world.pack.stills, *pool)]
    file = tools.cache.mined_file(content_key(rules.model_dump_json(), *looks, *asked, *pictured))
    pictures, known = pool_size(pool, haystack.fps), file.is_file()
    with tools.progress.stage("mining look-alikes", pictures, "pictures") as stage:
        if known:
            stage.step(0, found=pictures)
        else:
            mined = mine_catalog(spec, world.pack, pool, cache=tools.cache, stage=stage)
    if not known:
        with atomic_folder(file.parent) as part:
            save_mined(mined.matches, mined.sources, part / file.name, remarks=mined.remarks)
    return *load_mined(file), mined_remarks(file)


def _for_pack(
    mined: tuple[tuple[Match, ...], tuple[Source, ...]], pack: Pack, file: str
) -> tuple[tuple[Match, ...], tuple[Source, ...]]:
    """What was mined, if it was mined for this pack."""
    strangers = {match.needle for match in mined[0]} - {needle.id for needle in pack.needles}
    if strangers:
        raise InputError(f"{file}: is for the needle {sorted(strangers)[0]!r}, which {pack.name} has not; mine again")
    return mined


def _sightings(spec: Spec, world: World, media: Media, tools: Tools) -> tuple[Sighting, ...]:
    """Haystack frames that could be taken for a needle: all footage is looked through, once per film and pack."""
    if spec.mining.uniqueness == "off":
        return ()
    if spec.mining.sightings:
        return _for_world(load(Path(spec.mining.sightings), Sighting), world, spec.mining.sightings)
    model = embedder(spec.mining.embedder)
    asked = {needle.id: needle.source for needle in world.pack.needles}
    named = (*asked.items(), *((film.id, film.sha256) for film in world.films))
    chunks = (media.key(source) for source in (*asked.values(), *(film.id for film in world.films)))
    key = content_key(*named, *chunks, model.name, spec.mining.band[1])
    file = tools.cache.sightings_file(key)
    lengths = {film.id: media.length(film.id) for film in world.films}
    frames = sum(lengths.values())
    if file.is_file():
        with tools.progress.stage(_LOOKING, frames, "frames") as stage:
            stage.step(0, found=frames)
        return load(file, Sighting)
    media.encode(lengths, executor=tools.executor, progress=tools.progress, what="encoding the haystack")
    if isinstance(tools.executor, RayExecutor):
        tasks = film_tasks(world.films, media, lengths)
        embed_films(
            tasks, name=spec.mining.embedder, cache=tools.cache, executor=tools.executor, progress=tools.progress
        )
    needles, _ = embed_needles(
        {needle: media.still(source) for needle, source in asked.items()}, embedder=model, cache=tools.cache
    )
    queries = dict(zip(asked, needles, strict=True))
    seen: list[Sighting] = []
    with tools.progress.stage(_LOOKING, frames, "frames") as stage:
        for film in world.films:
            pictures = media.store(film.id).read(0, lengths[film.id])
            memory = shelf(film, embedder=model, cache=tools.cache)
            vectors, _ = embed_cached(pictures, embedder=model, file=memory, film=True, stage=stage)
            seen += sightings(queries, {film.id: vectors}, ceiling=spec.mining.band[1])
    found = tuple(sorted(seen, key=lambda one: (one.needle, one.source, one.frame)))
    write_atomic(file, dump(found))
    return found


def _for_world(seen: tuple[Sighting, ...], world: World, file: str) -> tuple[Sighting, ...]:
    """What was seen, if it was seen of this pack in these films: otherwise nothing would have been looked for."""
    strange = {sighting.needle for sighting in seen} - {needle.id for needle in world.pack.needles}
    strange |= {sighting.source for sighting in seen} - {film.id for film in world.films}
    if strange:
        raise InputError(
            f"{file}: names {sorted(strange)[0]!r}, which is neither a needle of the pack nor a film of the haystack; "
            "leave mining.sightings out to look again"
        )
    return seen


def _sampled(spec: Spec) -> Iterator[Sampled]:
    """What the samplers that needles are to be visible to show of clips of each length."""
    for name in spec.placement.visible_to:
        try:
            chosen = sampler(name)
        except InputError as error:
            raise InputError(f"placement.visible_to: {error}") from None
        for length in spec.grid.lengths:
            yield chosen.of_clip(length, spec.haystack.fps)

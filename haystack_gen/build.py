"""The straight line: gather facts, plan purely, emit media. The one module that knows every room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from haystack_gen.atomic import atomic_folder, atomic_path, write_atomic
from haystack_gen.emit.card import Tally, tally, write_card
from haystack_gen.emit.fingerprints import cuts_of, write_fingerprints
from haystack_gen.emit.frames import frame_paths, frames_tasks, write_frames
from haystack_gen.emit.manifest import write_manifest, write_metadata
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import Records, fact_records, prune, settle, versions
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places, Video, distinct_videos
from haystack_gen.errors import InputError
from haystack_gen.executors import Executor, LocalExecutor
from haystack_gen.facts import Facts, Match, Sighting, Source
from haystack_gen.gather.embed import embed_cached, embedder, shelf
from haystack_gen.gather.mine import embed_needles
from haystack_gen.gather.neighbours import sightings
from haystack_gen.gather.packs import Pack
from haystack_gen.gather.pool import (
    catalog_pool,
    load_mined,
    mine_pool,
    pool_pictures,
    pool_size,
    save_mined,
    save_pictures,
    stills_beside,
)
from haystack_gen.gather.world import World, gather_world, remember_places, sources_by_id
from haystack_gen.judge.strip import chosen_frames, draw_strip
from haystack_gen.media import ItemFrames, Media, needed_frames, render, save_still
from haystack_gen.plan.planner import plan_items
from haystack_gen.progress import Progress, Silent, counted
from haystack_gen.records import dump, load
from haystack_gen.spec import Spec
from haystack_gen.specfile import published, without_folders
from haystack_gen.workspace import Cache, DatasetFolder, content_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What work is done with: where artefacts are cached, who runs tasks, who watches."""

    cache: Cache
    executor: Executor
    progress: Progress

    @classmethod
    def local(cls, *, cache: Cache | None = None, jobs: int = 1, progress: Progress | None = None) -> "Tools":
        """The usual cache and `jobs` processes of this machine."""
        return cls(cache=cache or Cache.default(), executor=LocalExecutor(jobs), progress=progress or Silent())


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything planning needs to know, the media behind it, and remarks for whoever gave it."""

    facts: Facts
    media: Media
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build left behind: how many items, how many were dropped for each reason, what was noticed."""

    folder: Path
    items: int
    dropped: Mapping[str, int]
    remarks: tuple[str, ...]


def build(spec: Spec, out: Path, tools: Tools) -> Built:
    """Build a complete dataset in `out`, or finish the one that was begun there.

    Raises:
        InputError: the spec asks for what the world does not hold, or `out` is something else.
        StorageError: the file system refused; the same build goes on from there.
    """
    folder = DatasetFolder(out)
    folder.claim()
    world = gather(spec, tools)
    with tools.progress.stage("planning", None) as stage:
        planned = counted(plan_items(spec, world.facts), stage)
        settle(folder, published(spec), records=_records(folder, spec, world, tools), planned=planned)
    counts = tally(folder.plan, folder.dropped)
    if not counts.items:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in counts.dropped.items())
        total = sum(counts.dropped.values())
        raise InputError(f"{out}: no item of {total} can be placed ({reasons}); change the grid or the spec")
    if not _is_complete(folder, spec):
        folder.manifest.unlink(missing_ok=True)
        _emit(folder, spec, world, tools, counts)
    return Built(folder=out, items=counts.items, dropped=counts.dropped, remarks=world.remarks)


def gather(spec: Spec, tools: Tools) -> Gathered:
    """Look at all that a spec names: films, needles, look-alikes, footage that could be taken for a needle.

    Raises:
        InputError: the world does not hold what the spec names.
    """
    world = gather_world(spec, tools.cache)
    mined, pictures = _mined(spec, world, tools)
    sources = sources_by_id(world.films, world.needle_films, world.stills, pictures)
    remember_places(sources.values(), tools.cache)
    media = Media(spec, sources, tools.cache)
    facts = Facts(
        haystack=world.films,
        stills=tuple(source for source in sources.values() if source.is_still),
        needles=world.pack.needles,
        matches=(*world.supplied, *mined),
        sightings=_sightings(spec, world, media, tools),
        needle_films=world.needle_films,
        listed=world.listed,
        questions=world.questions,
        noise=world.noise,
        wording=world.wording,
    )
    return Gathered(facts=facts, media=media, remarks=world.remarks)


def _mined(spec: Spec, world: World, tools: Tools) -> tuple[tuple[Match, ...], tuple[Source, ...]]:
    """Look-alikes from a file, or from a search of the pool that is made once and kept in the cache."""
    rules, haystack = spec.mining, spec.haystack
    if spec.distractors.origin not in ("mined", "any") or not (rules.matches or rules.pool):
        return (), ()
    if rules.matches:
        return _for_pack(load_mined(Path(rules.matches)), world.pack, rules.matches)
    pool = catalog_pool(rules.pool, tools.cache)
    looks = (embedder(rules.embedder).name, haystack.fps, haystack.size, haystack.fit)
    asked = [(needle.id, needle.source) for needle in world.pack.needles]
    pictured = [(source.id, source.sha256) for source in (*world.pack.stills, *pool)]
    file = tools.cache.mined_file(content_key(rules.model_dump_json(), *looks, *asked, *pictured))
    if not file.is_file():
        with tools.progress.stage("mining look-alikes", pool_size(pool, haystack.fps)) as stage:
            mined = mine_pool(spec, world.pack, counted(pool_pictures(pool, spec), stage), tools.cache)
        with atomic_folder(file.parent) as part:
            save_mined(mined.matches, mined.sources, part / file.name)
    return load_mined(file)


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
    chunks = (media.folder(source).name for source in (*asked.values(), *(film.id for film in world.films)))
    key = content_key(*named, *chunks, model.name, spec.mining.band[1])
    file = tools.cache.sightings_file(key)
    if file.is_file():
        return load(file, Sighting)
    lengths = {film.id: media.length(film.id) for film in world.films}
    media.encode(lengths, executor=tools.executor, progress=tools.progress, what="encoding the haystack")
    vectors = {}
    with tools.progress.stage("looking for needles in it", sum(lengths.values())) as stage:
        for film in world.films:
            pictures = counted(media.store(film.id).read(0, lengths[film.id]), stage)
            memory = shelf(film, embedder=model, cache=tools.cache)
            vectors[film.id], _ = embed_cached(pictures, embedder=model, file=memory, film=True)
    needles, _ = embed_needles(
        {needle: media.still(source) for needle, source in asked.items()}, embedder=model, cache=tools.cache
    )
    seen = sightings(dict(zip(asked, needles, strict=True)), vectors, ceiling=spec.mining.band[1])
    write_atomic(file, dump(seen))
    return seen


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


def _records(folder: DatasetFolder, spec: Spec, world: Gathered, tools: Tools) -> Records:
    """The text of everything the plan was made from, by file; remarks name files without their folders."""
    remarks = (" ".join(remark.split()) + "\n" for remark in world.remarks)
    placeless = "".join(without_folders(remark, spec) for remark in remarks).replace(f"{tools.cache.root}/", "")
    return fact_records(folder, world.facts) | {
        folder.versions: versions(world.media.encoding.key),
        folder.remarks: placeless or None,
    }


def _emit(folder: DatasetFolder, spec: Spec, world: Gathered, tools: Tools, counts: Tally) -> None:
    """Media, then what describes them, the manifest last."""
    facts, media = world.facts, world.media
    shown = needed_frames(video.timeline for video in _videos(folder))
    whole = {source: stop for source, (_, stop) in shown.items()}
    media.encode(whole, executor=tools.executor, progress=tools.progress, what="encoding")
    hashes = _emit_media(folder, spec, media, shown, tools)
    cuts = cuts_of((video.timeline for video in _videos(folder)), media.encoding.gop)
    write_fingerprints(folder.fingerprints, {source: media.store(source) for source in shown}, spans=shown, cuts=cuts)
    catalogued = {source.id: source for source in (*facts.haystack, *facts.needle_films, *facts.stills)}
    sources = [source for source in catalogued.values() if source.id in shown]
    for still in (source for source in sources if source.is_still):
        save_still(media.still(still.id), folder.still(still.id))
    mined = {match.source for match in facts.matches if match.origin == "mined"}
    if mined:
        save_pictures([still for still in facts.stills if still.id in mined], stills_beside(folder.matches))
    places = Places(folder, spec.output.media, {video.id: video.number for video in _videos(folder)})
    writer = RowWriter(spec, needles=facts.needles, sources=sources, places=places, noise=facts.noise)
    write_metadata(_rows(folder, writer, hashes), folder.metadata, media=spec.output.media)
    write_card(folder.card, spec, sources=sources, tally=counts, picture=_picture(folder, media))
    write_manifest(_rows(folder, writer, hashes), folder.manifest)


def _videos(folder: DatasetFolder) -> Iterator[Video]:
    return distinct_videos(read_plan(folder.plan))


def _emit_media(
    folder: DatasetFolder, spec: Spec, media: Media, shown: Mapping[str, tuple[int, int]], tools: Tools
) -> Mapping[str, str]:
    """Videos, frames, or nothing but the recipe; returns the SHA-256 of each video by its id."""
    if spec.output.media == "video":
        return _emit_videos(folder, media, tools)
    if spec.output.media == "frames":
        _emit_frames(folder, media, shown, tools)
    else:
        prune(folder, set())
    return {}


def _emit_videos(folder: DatasetFolder, media: Media, tools: Tools) -> dict[str, str]:
    """Splice every video; returns the SHA-256 of each file by its id."""
    tasks = (media.render_task(video.timeline, folder.video(video.number, video.id)) for video in _videos(folder))
    hashes: dict[Path, str] = {}
    with tools.progress.stage("splicing videos", sum(1 for _ in _videos(folder))) as stage:
        hashes.update(counted(tools.executor.map(render, tasks), stage))
    prune(folder, set(hashes))
    return {path.stem: digest for path, digest in hashes.items()}


def _emit_frames(folder: DatasetFolder, media: Media, shown: Mapping[str, tuple[int, int]], tools: Tools) -> None:
    """Write every frame that is shown, once."""
    tasks = [
        task for source, span in shown.items() for task in frames_tasks(source, media.store(source), span, folder.root)
    ]
    with tools.progress.stage("writing frames", sum(task.stop - task.start for task in tasks)) as stage:
        for count in tools.executor.map(write_frames, tasks):
            stage.step(count)
    prune(folder, {folder.frame(task.source, at) for task in tasks for at in range(task.start, task.stop)})


def _is_complete(folder: DatasetFolder, spec: Spec) -> bool:
    """Whether a manifest was written and nothing that it promises has been lost since."""
    if not all(path.is_file() for path in (folder.manifest, folder.metadata, folder.card, folder.fingerprints)):
        return False
    for video in _videos(folder):
        stills = {folder.still(clip.source) for clip in video.timeline.clips if clip.role != "haystack"}
        files = [folder.video(video.number, video.id)] if spec.output.media == "video" else []
        if spec.output.media == "frames":
            files = [folder.root / path for path in set(frame_paths(video.timeline, folder))]
        if not all(path.is_file() for path in (*files, *stills)):
            return False
    return True


def _rows(folder: DatasetFolder, writer: RowWriter, hashes: Mapping[str, str]) -> Iterator[Row]:
    return (writer.row(item, sha256=hashes.get(item.video, "")) for item in read_plan(folder.plan))


def _picture(folder: DatasetFolder, media: Media) -> str:
    """A picture of one item for the card: of one with a needle, as near to the middle as there is."""
    items = islice(read_plan(folder.plan), 500)
    middle = Fraction(1, 2)
    item = min(items, key=lambda item: (not item.needles, abs(item.requested_depth - middle)))
    frames = ItemFrames(item.timeline, media)
    with atomic_path(folder.picture) as part:
        draw_strip(item, {at: frames[at] for at in chosen_frames(item)}).save(part, format="PNG")
    return folder.picture.name

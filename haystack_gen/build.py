"""The straight line: gather facts, plan purely, see whether it can be guessed, emit media; it knows every room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.card import write_card
from haystack_gen.emit.fingerprints import cuts_of, write_fingerprints
from haystack_gen.emit.frames import frame_paths, frames_tasks, write_frames
from haystack_gen.emit.manifest import write_manifest, write_metadata
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import Records, fact_records, prune, settle, versions
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.tally import Tally, tally
from haystack_gen.emit.videos import Places, Video, distinct_videos
from haystack_gen.errors import CheckError, InputError
from haystack_gen.facts import Facts, Source
from haystack_gen.gather.pool import (
    save_pictures,
    stills_beside,
)
from haystack_gen.gathering import Gathered, Tools, gather
from haystack_gen.judge.leaks import guess_rows, read_leaks, write_guessed
from haystack_gen.judge.strip import chosen_frames, draw_strip
from haystack_gen.media import ItemFrames, Media, needed_frames, render, save_still
from haystack_gen.plan.planner import plan_items
from haystack_gen.progress import counted
from haystack_gen.spec import Spec
from haystack_gen.specfile import published, without_folders
from haystack_gen.workspace import DatasetFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build left behind: how many items, how many were dropped for each reason, what was noticed, what leaks."""

    folder: Path
    items: int
    dropped: Mapping[str, int]
    remarks: tuple[str, ...]
    leaks: tuple[str, ...]


def build(
    spec: Spec, out: Path, tools: Tools, *, allow_guessable: bool = False, world: Gathered | None = None
) -> Built:
    """Build a complete dataset in `out`, or finish the one that was begun there.

    Before any video is made, blind guessers try the questions; what they earned stands in `audit/blind.json`.
    `world` is what a recipe recorded, where there is one; otherwise it is gathered.

    Raises:
        InputError: the spec asks for what the world does not hold, or `out` is something else.
        CheckError: the questions can be answered without the videos, and that is not allowed.
        StorageError: the file system refused; the same build goes on from there.
    """
    folder = DatasetFolder(out)
    folder.claim()
    world = world or gather(spec, tools)
    with tools.progress.stage("planning", None) as stage:
        planned = counted(plan_items(spec, world.facts), stage)
        settle(folder, published(spec), records=_records(folder, spec, world, tools), planned=planned)
    counts = tally(folder.plan, folder.dropped)
    if not counts.items:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in counts.dropped.items())
        total = sum(counts.dropped.values())
        raise InputError(f"{out}: no item of {total} can be placed ({reasons}); change the grid or the spec")
    writer, complete = _row_writer(folder, spec, world.facts), _is_complete(folder, spec, counts)
    if not complete:
        folder.manifest.unlink(missing_ok=True)
    leaks = _leaks(folder, writer, tools)
    if leaks and not allow_guessable:
        folder.manifest.unlink(missing_ok=True)
        listed = "".join(f"\n  {leak}" for leak in leaks)
        raise CheckError(
            f"{out}: is not complete, since its questions can be answered without their videos; change the pack or the "
            f"spec, or build it with --allow-guessable:{listed}"
        )
    if not complete:
        _emit(folder, spec, world, tools, counts=counts, writer=writer)
    return Built(folder=out, items=counts.items, dropped=counts.dropped, remarks=world.remarks, leaks=tuple(leaks))


def _row_writer(folder: DatasetFolder, spec: Spec, facts: Facts) -> RowWriter:
    places = Places(folder, spec.output.media, {video.id: video.number for video in _videos(folder)})
    return RowWriter(spec, needles=facts.needles, sources=_sources(facts), places=places, noise=facts.noise)


def _sources(facts: Facts) -> list[Source]:
    """Every film and picture, each once."""
    return list({source.id: source for source in (*facts.haystack, *facts.needle_films, *facts.stills)}.values())


def _leaks(folder: DatasetFolder, writer: RowWriter, tools: Tools) -> list[str]:
    """Rules that answer the questions without the videos; what an audit of the same plan found is not asked again."""
    file = folder.audit("blind.json")
    if not file.exists():
        write_guessed(guess_rows(_rows(folder, writer, {}), progress=tools.progress), file)
    return read_leaks(file)


def _records(folder: DatasetFolder, spec: Spec, world: Gathered, tools: Tools) -> Records:
    """The text of everything the plan was made from, by file; remarks name files without their folders."""
    remarks = (" ".join(remark.split()) + "\n" for remark in world.remarks)
    placeless = "".join(without_folders(remark, spec) for remark in remarks).replace(f"{tools.cache.root}/", "")
    return fact_records(folder, world.facts) | {
        folder.versions: versions(world.media.encoding.key),
        folder.remarks: placeless or None,
    }


def _emit(
    folder: DatasetFolder, spec: Spec, world: Gathered, tools: Tools, *, counts: Tally, writer: RowWriter
) -> None:
    """Media, then what describes them, the manifest last."""
    facts, media = world.facts, world.media
    shown = needed_frames(video.timeline for video in _videos(folder))
    whole = {source: stop for source, (_, stop) in shown.items()}
    media.encode(whole, executor=tools.executor, progress=tools.progress, what="encoding")
    hashes = _emit_media(folder, spec, media, shown, tools)
    cuts = cuts_of((video.timeline for video in _videos(folder)), media.encoding.gop)
    write_fingerprints(folder.fingerprints, {source: media.store(source) for source in shown}, spans=shown, cuts=cuts)
    sources = [source for source in _sources(facts) if source.id in shown]
    for still in (source for source in sources if source.is_still):
        save_still(media.still(still.id), folder.still(still.id))
    mined = {match.source for match in facts.matches if match.origin == "mined"}
    if mined:
        save_pictures([still for still in facts.stills if still.id in mined], stills_beside(folder.matches))
    write_metadata(_rows(folder, writer, hashes), folder.metadata, media=spec.output.media)
    _draw_picture(folder, media)
    write_card(folder, spec, sources=sources, tally=counts)
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


def _is_complete(folder: DatasetFolder, spec: Spec, counts: Tally) -> bool:
    """Whether a manifest was written and nothing that it promises has been lost since."""
    tables = (folder.manifest, folder.metadata, *map(folder.family, counts.families))
    if not all(path.is_file() for path in (*tables, folder.card, folder.fingerprints)):
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


def _draw_picture(folder: DatasetFolder, media: Media) -> None:
    """A picture of one item for the card: of one with a needle, as near to the middle as there is."""
    items = islice(read_plan(folder.plan), 500)
    middle = Fraction(1, 2)
    item = min(items, key=lambda item: (not item.needles, abs(item.requested_depth - middle)))
    frames = ItemFrames(item.timeline, media)
    with atomic_path(folder.picture) as part:
        draw_strip(item, {at: frames[at] for at in chosen_frames(item)}).save(part, format="PNG", compress_level=3)

"""The straight line: gather facts, plan purely, see whether it can be guessed, emit media; it knows every room."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.card import write_card
from haystack_gen.emit.fingerprints import cuts_of, write_fingerprints
from haystack_gen.emit.manifest import write_manifest, write_metadata
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import Records, fact_records, settle, versions
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.summary import Summary, write_failures, write_summary
from haystack_gen.emit.tally import tally
from haystack_gen.emit.videos import Places, distinct_videos
from haystack_gen.errors import CheckError, InputError, UnfinishedError
from haystack_gen.facts import Facts, Source
from haystack_gen.gather.pool import (
    save_pictures,
    stills_beside,
)
from haystack_gen.gathering import Gathered, Tools, gather
from haystack_gen.judge.leaks import guess_rows, read_leaks, write_guessed
from haystack_gen.judge.strip import chosen_frames, draw_strip
from haystack_gen.making import Work, make_media, media_files
from haystack_gen.media import ItemFrames, Media, needed_frames, save_still
from haystack_gen.plan.planner import plan_items
from haystack_gen.progress import counted
from haystack_gen.spec import Spec
from haystack_gen.specfile import published, without_folders
from haystack_gen.workspace import DatasetFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build left behind: how many items, how many were dropped for each reason, what was noticed, what leaks.

    `summary` is what it took, None if nothing had to be made.
    """

    folder: Path
    items: int
    dropped: Mapping[str, int]
    remarks: tuple[str, ...]
    leaks: tuple[str, ...]
    summary: Summary | None


def build(
    spec: Spec, out: Path, tools: Tools, *, allow_guessable: bool = False, world: Gathered | None = None
) -> Built:
    """Build a complete dataset in `out`, or finish the one that was begun there.

    Before any video is made, blind guessers try the questions; what they earned stands in `audit/blind.json`.
    `world` is what a recipe recorded, where there is one; otherwise it is gathered.

    Raises:
        InputError: the spec asks for what the world does not hold, or `out` is something else.
        CheckError: the questions can be answered without the videos, and that is not allowed.
        UnfinishedError: some media cannot be made, all others are; the same build tries those again.
        StorageError: the file system refused; the same build goes on from there.
    """
    with holding(out, tools) as folder:
        return finish(prepare(folder, spec, world or gather(spec, tools), tools), allow_guessable=allow_guessable)


@contextmanager
def holding(out: Path, tools: Tools) -> Iterator[DatasetFolder]:
    """A dataset folder that no other build writes into meanwhile, and a cache from which nothing is pruned.

    Tasks that fail are written down in the folder, until they do not. What the tools measured is forgotten in the end.

    Raises:
        InputError: something else is in the folder, as the cache would be, or another build is at work in it.
    """
    folder = DatasetFolder(out)
    expect_apart(tools.cache.root, out)
    with folder.held(), tools.cache.in_use():
        try:
            yield folder
            if folder.failed.exists():
                folder.failed.unlink()
        except UnfinishedError as error:
            write_failures(folder.failed, error.failures)
            raise UnfinishedError(error.failures, folder.failed) from None
        finally:
            tools.progress.forget()


def expect_apart(cache: Path, out: Path) -> None:
    """Keep the cache out of the dataset's folder, where a build that goes on would take it for files of others.

    Raises:
        InputError: it lies in it.
    """
    if cache.resolve().is_relative_to(out.resolve()):
        raise InputError(f"{cache}: the cache lies in the dataset's folder {out}; choose another --cache")


def prepare(folder: DatasetFolder, spec: Spec, world: Gathered, tools: Tools) -> Work:
    """Plan, and write down what the dataset is made of; media of an earlier build stay if they are still right.

    Raises:
        InputError: no item can be placed.
    """
    with tools.progress.stage("planning", None, "items") as stage:
        planned = counted(plan_items(spec, world.facts), stage)
        settle(folder, published(spec), records=_records(folder, spec, world, tools), planned=planned)
    counts = tally(folder.plan, folder.dropped)
    if not counts.items:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in counts.dropped.items())
        total = sum(counts.dropped.values())
        raise InputError(f"{folder.root}: no item of {total} can be placed ({reasons}); change the grid or the spec")
    writer = _row_writer(folder, spec, world.facts)
    return Work(folder=folder, spec=spec, world=world, tools=tools, counts=counts, writer=writer)


def finish(work: Work, *, allow_guessable: bool = False) -> Built:
    """Make what is missing of a dataset, the manifest last.

    Raises:
        CheckError: see `build`.
        UnfinishedError: see `build`.
    """
    complete = _is_complete(work)
    if not complete:
        work.folder.manifest.unlink(missing_ok=True)
        work.folder.summary.unlink(missing_ok=True)
    leaks = leaks_of(work, allow_guessable=allow_guessable)
    return told(work, leaks, None if complete else _emit(work))


def told(work: Work, leaks: Sequence[str], summary: Summary | None) -> Built:
    """What to tell of a build."""
    return Built(
        folder=work.folder.root,
        items=work.counts.items,
        dropped=work.counts.dropped,
        remarks=work.world.remarks,
        leaks=tuple(leaks),
        summary=summary,
    )


def leaks_of(work: Work, *, allow_guessable: bool) -> list[str]:
    """Rules that answer the questions without the videos; what an audit of the same plan found is not asked again.

    Raises:
        CheckError: there are some, and that is not allowed.
    """
    file = work.folder.audit("blind.json")
    if not file.exists():
        write_guessed(guess_rows(work.rows({}), progress=work.tools.progress), file)
    leaks = read_leaks(file)
    if leaks and not allow_guessable:
        work.folder.manifest.unlink(missing_ok=True)
        listed = "".join(f"\n  {leak}" for leak in leaks)
        raise CheckError(
            f"{work.folder.root}: is not complete, since its questions can be answered without their videos; change "
            f"the pack or the spec, or build it with --allow-guessable:{listed}"
        )
    return leaks


def _row_writer(folder: DatasetFolder, spec: Spec, facts: Facts) -> RowWriter:
    places = Places(
        folder, spec.output.media, {video.id: video.number for video in distinct_videos(read_plan(folder.plan))}
    )
    return RowWriter(spec, needles=facts.needles, sources=_sources(facts), places=places, noise=facts.noise)


def _sources(facts: Facts) -> list[Source]:
    """Every film and picture, each once."""
    return list({source.id: source for source in (*facts.haystack, *facts.needle_films, *facts.stills)}.values())


def _records(folder: DatasetFolder, spec: Spec, world: Gathered, tools: Tools) -> Records:
    """The text of everything the plan was made from, by file; remarks name files without their folders."""
    remarks = (" ".join(remark.split()) + "\n" for remark in world.remarks)
    placeless = "".join(without_folders(remark, spec) for remark in remarks).replace(f"{tools.cache.root}/", "")
    return fact_records(folder, world.facts) | {
        folder.versions: versions(world.media.encoding.key),
        folder.remarks: placeless or None,
    }


def _emit(work: Work) -> Summary:
    """Media, then what describes them, the manifest last; returns what that took."""
    folder, tools, hashes = work.folder, work.tools, make_media(work)
    with tools.progress.stage("describing the media", None):
        _describe(work, hashes)
    summary = write_summary(
        folder.summary, tools.progress, executor=tools.executor, counts=work.counts, parts=work.parts
    )
    with tools.progress.stage("writing the manifest", work.counts.items, "items") as stage:
        write_manifest(counted(work.rows(hashes), stage), folder.manifest)
    return summary


def _describe(work: Work, hashes: Mapping[str, str]) -> None:
    """Write everything but the manifest of which the media are made."""
    folder, spec, facts, media = work.folder, work.spec, work.world.facts, work.world.media
    shown = needed_frames(video.timeline for video in work.videos())
    cuts = cuts_of((video.timeline for video in work.videos()), media.encoding.gop)
    write_fingerprints(folder.fingerprints, {source: media.store(source) for source in shown}, spans=shown, cuts=cuts)
    sources = [source for source in _sources(facts) if source.id in shown]
    for still in (source for source in sources if source.is_still):
        save_still(media.still(still.id), folder.still(still.id))
    for old in (file for file in folder.stills.glob("*.png") if file.stem not in shown):
        old.unlink()
    mined = {match.source for match in facts.matches if match.origin == "mined"}
    pictures = stills_beside(folder.matches)
    if mined:
        save_pictures([still for still in facts.stills if still.id in mined], pictures)
    elif pictures.is_dir():
        shutil.rmtree(pictures)
    write_metadata(work.rows(hashes), folder.metadata, media=spec.output.media)
    _draw_picture(folder, media)
    write_card(folder, spec, sources=sources, tally=work.counts)


def _is_complete(work: Work) -> bool:
    """Whether a manifest was written and nothing that it promises has been lost since."""
    folder = work.folder
    tables = (folder.manifest, folder.metadata, *map(folder.family, work.counts.families))
    if not all(path.is_file() for path in (*tables, folder.card, folder.picture, folder.fingerprints)):
        return False
    for video in work.videos():
        stills = {folder.still(clip.source) for clip in video.timeline.clips if clip.role != "haystack"}
        files = media_files(folder, video, work.spec.output.media)
        if not all(path.is_file() for path in (*files, *stills)):
            return False
    return True


def _draw_picture(folder: DatasetFolder, media: Media) -> None:
    """A picture of one item for the card: of one with a needle, as near to the middle as there is."""
    items = islice(read_plan(folder.plan), 500)
    middle = Fraction(1, 2)
    item = min(items, key=lambda item: (not item.needles, abs(item.requested_depth - middle)))
    frames = ItemFrames(item.timeline, media)
    with atomic_path(folder.picture) as part, part.open("wb") as file:
        draw_strip(item, {at: frames[at] for at in chosen_frames(item)}).save(file, format="PNG", compress_level=3)

"""A build split among the tasks of a batch scheduler, and put together again.

Every task plans the same dataset and makes every n-th of its media, in a folder beside the dataset's:

    niah.shards/1-of-4/    provenance as in the dataset, and videos 0, 4, 8, ... of the plan
    niah.shards/2-of-4/    videos 1, 5, 9, ...

No two tasks write into one folder, so none waits for another, and one that was killed is run again. Merging compares
the provenance, moves the media to where one build would have made them, and lets that build do the rest.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from filecmp import cmp
from pathlib import Path
from typing import TypeVar

from haystack_gen.atomic import TEMPORARY_MARK, refusals_explained, temporary
from haystack_gen.build import (
    Built,
    expect_apart,
    finish,
    holding,
    leaks_of,
    prepare,
    told,
)
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.provenance import catalogued, read_facts
from haystack_gen.emit.summary import Summary, write_summary
from haystack_gen.emit.tally import tally
from haystack_gen.emit.videos import distinct_videos
from haystack_gen.errors import InputError
from haystack_gen.executors import Executor
from haystack_gen.gather.finding import located
from haystack_gen.gathering import Gathered, Tools, gather
from haystack_gen.judge.leaks import read_leaks
from haystack_gen.making import Work, make_media, media_files
from haystack_gen.media import Media
from haystack_gen.progress import counted
from haystack_gen.records import read_text
from haystack_gen.remote.outputs import delete_shards, fetch_shards, is_merged, sent_to, shards_held
from haystack_gen.shards import Shard, beside, entered, expect_all, is_whole, shard_names, summaries
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, expect_no_link

Task = TypeVar("Task")
Result = TypeVar("Result")


def build_shard(
    spec: Spec, out: Path, tools: Tools, shard: Shard, *, allow_guessable: bool = False, world: Gathered | None = None
) -> Built:
    """Make one part of the media of the dataset `out`, or finish the part that was begun; see `build.build`.

    If the dataset is finished, and this would be a part of it, nothing is made.

    Raises:
        InputError: as `build`; or the spec has no media.
        CheckError: as `build`.
        UnfinishedError: as `build`.
    """
    if spec.output.media == "none":
        raise InputError(
            f"--shard {shard.number}/{shard.total}: output.media is none, so there is nothing to share out"
        )
    place, tools = shard.folder(out), replace(tools, executor=_Rotated(tools.executor, shard))
    expect_apart(tools.cache.root, out)
    with holding(place, tools) as folder:
        work = prepare(folder, spec, world or gather(spec, tools), tools)
        if _is_merged(out, [folder.root]):
            return _finished(DatasetFolder(out), leftover=[folder.root])
        leaks = leaks_of(work, allow_guessable=allow_guessable)
        work = replace(work, first=shard.number - 1, step=shard.total)
        make_media(work)
        return told(work, leaks, _summed_up(work))


def _summed_up(work: Work) -> Summary | None:
    """What a shard took, unless all of it was there."""
    tools = work.tools
    if work.folder.summary.is_file() and not any(stage.size_bytes for stage in tools.progress.stages):
        return None
    return write_summary(work.folder.summary, tools.progress, executor=tools.executor, counts=work.counts)


def merge(out: Path, tools: Tools, *, sources: Sequence[Path | str] = ()) -> Built:
    """Put the parts of the dataset `out` together: the folder that one build would have made, and no parts any more.

    A finished dataset without parts is left as it is; some parts of it that were made once more, or are left of those
    that a merge deleted when it was killed, are deleted.

    Args:
        out: the dataset's folder, as the parts were told.
        tools: the cache should be the one that the parts used, or all is encoded again.
        sources: paths or URLs of films and pictures, if they are not where the parts found them.

    Raises:
        InputError: parts are missing, unfinished, being made, or of different datasets.
        StorageError: the file system refused; the same call goes on from there.
    """
    shards = [beside(out) / name for name in shard_names(path.name for path in beside(out).glob("*"))]
    for shard in shards:
        expect_no_link(shard)
    with entered((DatasetFolder(shard).held() for shard in shards), where=beside(out)):
        if _is_merged(out, shards) and not is_whole([shard.name for shard in shards]):
            return _finished(DatasetFolder(out), leftover=shards)
        expect_all([shard.name for shard in shards], str(out))
        first = DatasetFolder(shards[0])
        spec = read_spec_file(first.spec)
        _refuse_different(shards)
        _refuse_unfinished(out, shards, spec)
        DatasetFolder(out).expect_spec(read_text(first.spec), remedy="delete it, or rename it")
        world = _recorded(first, spec, tools, sources)
        with holding(out, tools) as folder:
            work = prepare(folder, spec, world, tools)
            work = replace(work, parts=tuple(summaries(shards, work.counts.dropped)))
            with tools.progress.stage("taking the media of the shards", None, "files") as stage:
                _take(counted(_media(shards), stage), out)
            # What can be guessed was allowed, or no shard would have made media.
            built = finish(work, allow_guessable=True)
            _delete(shards, out)
    return built


def merge_at(url: str, tools: Tools, *, sources: Sequence[Path | str] = ()) -> Built | None:
    """As `merge`, of shards at a URL, where the dataset is put, too; None if it is there and has no shards any more.

    Raises:
        InputError: as `merge`.
        StorageError: as `merge`, or by the store.
    """
    with shards_held(url, tools.cache):
        built = None
        if not is_merged(url):
            with sent_to(url, tools.cache, progress=tools.progress) as place:
                fetch_shards(url, place, tools.progress)
                built = merge(place, tools, sources=sources)
        delete_shards(url)
    return built


def _finished(folder: DatasetFolder, *, leftover: Sequence[Path]) -> Built:
    """What a merge that was done left behind; parts that it has no use for are deleted."""
    if leftover:
        with folder.held():
            _delete(leftover, folder.root)
    counts, guessed = tally(folder.plan, folder.dropped), folder.audit("blind.json")
    return Built(
        folder=folder.root,
        items=counts.items,
        dropped=counts.dropped,
        remarks=_remarks(folder),
        leaks=tuple(read_leaks(guessed)) if guessed.is_file() else (),
        summary=None,
    )


def _take(media: Iterable[tuple[Path, Path]], out: Path) -> None:
    with refusals_explained(out):
        for shard, made in media:
            place = out / made.relative_to(shard)
            place.parent.mkdir(parents=True, exist_ok=True)
            made.replace(place)


def _delete(shards: Sequence[Path], out: Path) -> None:
    """Delete the parts: all are out of the way in one step, so that no merge finds some of them.

    A build or merge of the dataset deletes what is left if this is killed.
    """
    folder = beside(out)
    with refusals_explained(folder):
        names = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY_MARK)}
        only_ours = names == {shard.name for shard in shards}
        for path in (folder,) if only_ours else shards:
            gone = temporary(out / path.name)
            path.replace(gone)
            shutil.rmtree(gone)


def _refuse_different(shards: Sequence[Path]) -> None:
    """Parts of one dataset were made from the same spec, sources and plan by the same versions."""
    records = [_records(shard) for shard in shards]
    for shard, files in zip(shards, records, strict=True):
        for name in sorted(records[0] | files):
            if not (name in records[0] & files and cmp(shards[0] / name, shard / name, shallow=False)):
                raise InputError(
                    f"{shard / name}: is not what {shards[0].name} has, so the two are parts of different datasets; "
                    "build all shards with the same spec, sources and versions"
                )


def _records(shard: Path) -> set[str]:
    folder = DatasetFolder(shard)
    files = {path for path in folder.provenance.glob("*") if path.is_file()} - {folder.summary, folder.failed}
    return {f"provenance/{path.name}" for path in files if not path.name.startswith(TEMPORARY_MARK)}


def _is_merged(out: Path, shards: Sequence[Path]) -> bool:
    """Whether the dataset is finished and lacks nothing, and these are parts of it."""
    dataset = DatasetFolder(out)
    if not dataset.manifest.is_file():
        return False
    same = all(
        (out / name).is_file() and cmp(out / name, shard / name, shallow=False)
        for shard in shards
        for name in _records(shard)
    )
    return same and not any(_not_made(out, [out], dataset.plan, read_spec_file(dataset.spec)))


def _refuse_unfinished(out: Path, shards: Sequence[Path], spec: Spec) -> None:
    """Every video is there: with the part that makes it, or in the dataset, where a merge that was stopped took it."""
    for number, file in _not_made(out, [out, *shards], DatasetFolder(shards[0]).plan, spec):
        where = f"{shards[number % len(shards)]}: " if spec.output.media == "video" else ""
        raise InputError(
            f"{where}{file} is not made yet; run that shard again, and merge when it has ended without an error"
        )


def _not_made(out: Path, roots: Sequence[Path], plan: Path, spec: Spec) -> Iterator[tuple[int, Path]]:
    """Media of a plan that none of the folders has, by their names in a dataset, each after the number of its video."""
    for video in distinct_videos(read_plan(plan)):
        files = (file.relative_to(out) for file in media_files(DatasetFolder(out), video, spec.output.media))
        yield from ((video.number, file) for file in files if not any((root / file).is_file() for root in roots))


def _recorded(first: DatasetFolder, spec: Spec, tools: Tools, given: Sequence[Path | str]) -> Gathered:
    """What the parts were planned from, with its sources where they were seen last."""
    facts = read_facts(first)
    sources = {source.id: source for source in located(catalogued(first), given, spec, tools.cache)}
    facts = replace(
        facts,
        haystack=tuple(sources[film.id] for film in facts.haystack),
        stills=tuple(sources[still.id] for still in facts.stills),
        needle_films=tuple(sources[film.id] for film in facts.needle_films),
    )
    return Gathered(facts=facts, media=Media(spec, sources, tools.cache), remarks=_remarks(first))


def _remarks(folder: DatasetFolder) -> tuple[str, ...]:
    return tuple(read_text(folder.remarks).splitlines()) if folder.remarks.is_file() else ()


def _media(shards: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Each file of media, after the part that made it."""
    for shard in shards:
        for files in ("videos/[0-9]*/*.mp4", "frames/*/[0-9]*/[0-9]*.jpg"):
            yield from ((shard, path) for path in shard.glob(files))


class _Rotated:
    """Starts each shard at another place of a list of tasks, so that shards that begin together share the encoding."""

    def __init__(self, executor: Executor, shard: Shard) -> None:
        self._executor, self._shard = executor, shard

    @property
    def kind(self) -> str:
        return self._executor.kind

    @property
    def workers(self) -> int:
        return self._executor.workers

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See `Executor.map`; tasks that are made one by one keep their order, and are not held in memory."""
        if isinstance(tasks, Sequence):
            start = len(tasks) * (self._shard.number - 1) // self._shard.total
            tasks = (*tasks[start:], *tasks[:start])
        return self._executor.map(function, tasks)

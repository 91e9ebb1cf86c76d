"""The straight line from a finished dataset to its page: choose pictures, tell every item, read pictures, write.

Manifest and plan are read side by side and an item at a time; what is kept of an item is a few numbers, its texts once,
and its details, compressed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan, read_reasons
from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.judge.foreign import Parser
from haystack_gen.judge.marking import Answer
from haystack_gen.judge.predictions import read_predictions
from haystack_gen.judge.report.audits import read_blind, read_visibility
from haystack_gen.judge.report.details import detail
from haystack_gen.judge.report.index import Index
from haystack_gen.judge.report.overview import Overview
from haystack_gen.judge.report.page import Blocks, is_report, write_page
from haystack_gen.judge.report.pictures import Album, album_of
from haystack_gen.judge.score import Scores, read_asked, score
from haystack_gen.plan.items import Item
from haystack_gen.progress import Progress, Silent, counted
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder


class Replies(NamedTuple):
    """A model's replies, and how they are to be read: see `haystack_gen.judge.score.score`."""

    path: Path
    parser: Parser | None = None
    by_order: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The page that was written."""

    path: Path
    items: int
    pictures: int
    size_bytes: int


def write_report(
    folder: DatasetFolder, path: Path, *, replies: Replies | None = None, progress: Progress | None = None
) -> Report:
    """Write the page of a finished dataset; of a model's replies to it, if there are some. Same inputs, same bytes.

    Args:
        folder: the dataset. Its media are read where they are there; a page without pictures says so.
        path: where to; an earlier report there is replaced.
        replies: what a model answered.
        progress: is told of the items and pictures.

    Raises:
        InputError: the folder is no complete dataset, or damaged; the replies are not of it; something else is at
            `path`.
        MissingExtraError: replies are a workbook, and openpyxl is not installed.
        StorageError: the file system refused.
    """
    if path.exists() and not is_report(path):
        raise InputError(f"{path}: exists and is no report; choose another name, or delete it")
    scores = score(folder, replies.path, parser=replies.parser, by_order=replies.by_order) if replies else None
    told = progress or Silent()
    spec = _spec(folder)
    answers = (
        scores.answers if scores else tuple(Answer(question=one, reading=None) for one in read_asked(folder).values())
    )
    said = _said(replies, [answer.question.id for answer in answers]) if replies else {}
    visibility = read_visibility(folder)
    with told.stage("choosing pictures", len(answers), "items") as stage:
        album = album_of(folder, counted(read_plan(folder.plan), stage), media=spec.output.media)
    overview, index, blocks = Overview(spec, scored=scores is not None), Index(scored=scores is not None), Blocks()
    with told.stage("telling items", len(answers), "items") as stage:
        for row, item, answer in counted(_together(folder, answers), stage):
            audit = visibility.seen(row) if visibility else None
            overview.add(row, answer)
            index.add(row, answer)
            blocks.add(detail(row, item, answer, reply=said.get(row.id), audit=audit, album=album))
    with told.stage("reading pictures", len(album), "pictures") as stage:
        pictures = list(counted(album.read(), stage))
    data = _data(overview, index, album, scores) | {
        "predictions": replies.path.name if replies else None,
        "visibility": visibility.as_json() if visibility else None,
        "blind": read_blind(folder),
        "dropped": Counter(read_reasons(folder.dropped)) if folder.dropped.is_file() else {},
    }
    size = write_page(path, data, blocks=blocks.finished(), pictures=pictures)
    return Report(path=path, items=len(answers), pictures=len(pictures), size_bytes=size)


def _data(overview: Overview, index: Index, album: Album, scores: Scores | None) -> dict[str, Any]:
    return {
        **overview.as_json(),
        "scores": scores.as_json() if scores else None,
        "items": index.as_json(),
        "pictures": album.as_json(),
        "block": Blocks.SIZE,
    }


def _spec(folder: DatasetFolder) -> Spec:
    if not folder.spec.is_file():
        raise InputError(
            f"{folder.root}: is no dataset, it has no {folder.spec.relative_to(folder.root)}; expected a folder made "
            "by haystack-gen build"
        )
    return read_spec_file(folder.spec)


def _said(replies: Replies, names: Sequence[str]) -> dict[str, str]:
    """The replies as they were given, by item; `score` has refused what does not fit."""
    return {one.id or names[one.place]: one.reply for one in read_predictions(replies.path)}


def _together(folder: DatasetFolder, answers: Sequence[Answer]) -> Iterator[tuple[Row, Item, Answer]]:
    """Manifest, plan and answers, which have the same items in the same order."""
    pairs = zip_longest(read_manifest(folder.manifest), read_plan(folder.plan))
    for (row, item), answer in zip(pairs, answers, strict=True):
        if row is None or item is None or row.id != item.id:
            found = [one.id if one else "nothing" for one in (row, item)]
            raise InputError(
                f"{folder.manifest}: has {found[0]} where {folder.plan} has {found[1]}; the dataset was damaged: run "
                "haystack-gen verify, and build it again"
            )
        _check(row, folder.manifest)
        yield row, item, answer


def _check(row: Row, manifest: Path) -> None:
    """What a row may say, and JSON or a clock cannot."""
    if row.fps_num < 1 or row.fps_den < 1:
        raise InputError(f"{manifest}: item {row.id} has {row.fps_num}/{row.fps_den} frames a second; build it again")
    for one in row.distractors:
        if one.similarity is not None and not isfinite(one.similarity):
            raise InputError(f"{manifest}: item {row.id} has a similarity of {one.similarity}; build it again")

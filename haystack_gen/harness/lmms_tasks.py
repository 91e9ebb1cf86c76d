"""What the tasks that `haystack-gen export DIR lmms-eval` writes do inside lmms-eval: show, ask, mark.

lmms-eval hands over a row of `metadata.parquet` as a dictionary, a `doc`. This module, and the
oracle, need no more than NumPy, Pillow and pydantic, which lmms-eval needs too: so `pip install --no-deps haystack-gen`
will do, and what else haystack-gen requires stays out of an environment whose versions lmms-eval pins.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from PIL import Image

from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.judge.marking import Answer, question_of, read

Doc = Mapping[str, Any]


def row_of(doc: Doc) -> Row:
    """The row that a doc is.

    Raises:
        InputError: it is none.
    """
    media = {"video": doc.get("video_path"), "frames": doc.get("frames_file_names") or []}
    try:
        return Row.model_validate({name: doc[name] for name in Row.model_fields if name in doc} | media)
    except ValueError as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(f"doc {doc.get('id')!r}: is no row of a dataset of haystack-gen: {detail}") from None


def visuals(doc: Doc, root: Path) -> list[str | Image.Image]:
    """What a model is shown: the video's path, or every frame as a picture; of a stack, all its videos in order.

    Raises:
        InputError: a file is missing, or is no picture.
    """
    return [shown for part in _parts(doc) if part["type"] == "video" for shown in _shown(part, root)]


def text(doc: Doc) -> str:
    """What a model is asked; before it stands the text of a stack, for models that cannot be told where videos lie."""
    return "\n".join([*(part["text"] for part in _parts(doc) if part["type"] == "text"), doc["prompt"]])


def messages(doc: Doc, root: Path) -> list[dict[str, Any]]:
    """What a chat model is told: videos and text in their order, then the question."""
    content: list[dict[str, Any]] = []
    for part in _parts(doc):
        if part["type"] == "text":
            content.append({"type": "text", "text": part["text"]})
        else:
            content += [
                {"type": "video" if isinstance(one, str) else "image", "url": one} for one in _shown(part, root)
            ]
    return [{"role": "user", "content": [*content, {"type": "text", "text": doc["prompt"]}]}]


def marks(doc: Doc, reply: str) -> dict[str, Any]:
    """What becomes of a reply, read as `haystack-gen score` reads it: for each metric, what its aggregation needs.

    That of `haystack_acc` says all that a table or heat map of samples needs; its `id` joins them with the manifest.
    """
    row = row_of(doc)
    question = question_of(row)
    answer = Answer(question=question, reading=read(question, reply, None))
    places = {"axis": question.axis, "video_id": row.video_id, "group": row.group}
    turn = {"circular_group": row.circular_group, "circular_shift": row.circular_shift}
    return {
        "haystack_acc": {**answer.as_json(), **places, **turn, "score": float(answer.right)},
        "haystack_unparsed": float(answer.verdict == "unparsed"),
    }


def marks_in_turns(doc: Doc, reply: str) -> dict[str, Any]:
    """The same, and `haystack_all_rotations`, of questions that are asked once for each rotation of their options.

    A turn has no `score`, of which lmms-eval would take the standard error: turns are not what is counted.
    """
    found = marks(doc, reply)
    turn = {"circular_group": doc["circular_group"], "right": found["haystack_acc"]["score"] == 1}
    return {**found, "haystack_all_rotations": turn}


def accuracy(items: Sequence[Doc]) -> float:
    """The share of items that are right."""
    return fmean(item["score"] for item in items)


def all_rotations(items: Iterable[Doc]) -> float:
    """The share of questions that are right in every turn of their options; open questions have none and are left out.

    0 if there is none: with `--limit`, where only open ones came.
    """
    turns: defaultdict[str, list[bool]] = defaultdict(list)
    for item in items:
        if item["circular_group"]:
            turns[item["circular_group"]].append(item["right"])
    return sum(map(all, turns.values())) / max(1, len(turns))


def _parts(doc: Doc) -> list[dict[str, Any]]:
    """The context of a stack, or the one video of any other item."""
    own = {"type": "video", "video": doc["video_path"], "frames": doc.get("frames_file_names")}
    return list(doc["context"]) or [own]


def _shown(part: Doc, root: Path) -> Iterator[str | Image.Image]:
    """A video as it lies under `root`: its path, or its frames."""
    if part["video"]:
        yield str(_there(root / part["video"]))
    for frame in part["frames"] or ():
        path = _there(root / frame)
        try:
            with Image.open(path) as picture:  # closed again: a video may have more frames than files may be open
                yield picture.convert("RGB")
        except OSError as error:
            raise InputError(f"{path}: cannot be read as a picture: {error}") from None


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; the tasks expect the dataset's files around their folder, or in the folder that "
            "the environment variable HAYSTACK_ROOT names"
        )
    return path

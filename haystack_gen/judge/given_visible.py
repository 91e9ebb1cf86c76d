"""Accuracy given visible: a needle whose frames a model was never handed tells nothing about the model.

`haystack-gen audit` writes which needles frame samplers miss, a line for each (`haystack_gen.judge.visibility`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen.errors import InputError
from haystack_gen.judge.cells import share_json
from haystack_gen.judge.marking import Answer

_COLUMNS = ("id", "needle_id", "sampler", "frames_hit")
_AGAIN = "run haystack-gen audit again"


def given_visible(answers: Sequence[Answer], visibility: Path) -> list[dict[str, Any]]:
    """For every sampler: the accuracy among items of which every asked needle is shown, and among the others.

    A needle is shown if a frame of it is sampled, as the audit counts it: one that is only near a sampled frame, which
    other processors may show, is not. Items without a needle that is asked about and on show are in neither.

    Raises:
        InputError: the table is unreadable, or of other items than these.
    """
    places = {answer.question.id: place for place, answer in enumerate(answers) if answer.question.asked}
    audited: dict[str, bytearray] = {}
    missed: dict[str, bytearray] = {}
    for name, needle, sampler, hits in _rows(visibility):
        place = places.get(name)
        if place is None or needle not in answers[place].question.asked:
            continue
        audited.setdefault(sampler, bytearray(len(answers)))[place] = 1
        missed.setdefault(sampler, bytearray(len(answers)))[place] |= not hits
    for sampler, known in audited.items():
        if left_out := [name for name, place in places.items() if not known[place]]:
            raise InputError(
                f"{visibility}: says nothing of {len(left_out)} items under {sampler}, such as {left_out[0]}; {_AGAIN}"
            )
    if places and not audited:
        raise InputError(f"{visibility}: says nothing of the items of this dataset; {_AGAIN}")
    return [
        {
            "sampler": sampler,
            "visible": _share([answers[place] for place in places.values() if not missed[sampler][place]]),
            "missed": _share([answers[place] for place in places.values() if missed[sampler][place]]),
        }
        for sampler in sorted(audited)
    ]


def _share(answers: Sequence[Answer]) -> dict[str, Any]:
    return share_json(sum(answer.right for answer in answers), of=len(answers))


def _rows(path: Path) -> Iterator[tuple[str, str, str, list[int]]]:
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(columns=list(_COLUMNS)):
                if set(batch.schema.names) != set(_COLUMNS):
                    raise InputError(f"{path}: expected the columns {', '.join(_COLUMNS)}; {_AGAIN}")
                yield from zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: is not a readable table ({str(error)[:200]}); {_AGAIN}") from None

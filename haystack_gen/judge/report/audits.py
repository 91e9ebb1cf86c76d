"""What audits found, read back from the dataset's `audit/` folder: what samplers show, and what is guessed blindly."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from haystack_gen.emit.rows import Row
from haystack_gen.errors import InputError
from haystack_gen.judge.visibility import State, Tally, attainable
from haystack_gen.records import parse_json, read_text
from haystack_gen.workspace import DatasetFolder

_COLUMNS = ("id", "sampler", "state", "frames_hit", "min_frames_to_see")
_AGAIN = "run haystack-gen audit again"


class Visibility:
    """The audit's table by item; ceilings are counted while items are looked up, each once."""

    def __init__(self, path: Path) -> None:
        """Read the table.

        Raises:
            InputError: it is damaged.
        """
        self._path = path
        self._tallies: dict[str, Tally] = {}
        self._shown: dict[str, dict[str, list[tuple[State, bool]]]] = {}
        self._enough: dict[str, int] = {}
        for name, sampler, state, hits, enough in _lines(path):
            self._tallies.setdefault(sampler, Tally())
            self._shown.setdefault(name, {}).setdefault(sampler, []).append((state, bool(hits)))
            self._enough[name] = enough

    def seen(self, row: Row) -> dict[str, Any]:
        """Which samplers show all that an item asks about, null where it asks about nothing that is there.

        Raises:
            InputError: the table says nothing of the item.
        """
        shown = self._shown.pop(row.id, {})
        if set(shown) != set(self._tallies):
            raise InputError(f"{self._path}: does not say of item {row.id} what each sampler shows of it; {_AGAIN}")
        seen: list[bool | None] = []
        for sampler, tally in self._tallies.items():
            needles = [(state, hit) for state, hit in shown[sampler] if state != "absent"]
            everything = all(hit for _, hit in needles)
            seen.append(everything if needles else None)
            if row.control == "none":
                tally.items += 1
                tally.absent += not needles
                tally.seen += bool(needles) and everything
                tally.credit += attainable(row, seen=everything)
                tally.states.update(state for state, _ in needles)
        return {"seen": seen, "enough": self._enough[row.id]}

    def as_json(self) -> list[dict[str, Any]]:
        """By sampler, of the items that were looked up and are no twins."""
        return [{"sampler": name, **tally.as_json()} for name, tally in self._tallies.items()]


def read_visibility(folder: DatasetFolder) -> Visibility | None:
    """What `haystack-gen audit --sampler` wrote; None where it did not run."""
    path = folder.audit("visibility.parquet")
    return Visibility(path) if path.is_file() else None


def _lines(path: Path) -> Iterator[tuple[str, str, State, list[int], int]]:
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(columns=list(_COLUMNS)):
                if set(batch.schema.names) != set(_COLUMNS):
                    raise InputError(f"{path}: expected the columns {', '.join(_COLUMNS)}; {_AGAIN}")
                yield from zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: is not a readable table ({str(error)[:200]}); {_AGAIN}") from None


def read_blind(folder: DatasetFolder) -> dict[str, Any] | None:
    """The verdict of `haystack-gen audit`, with the best rule of each part and every leak; None where it did not run.

    Raises:
        InputError: the file is damaged.
    """
    path = folder.audit("blind.json")
    if not path.is_file():
        return None
    found = parse_json(read_text(path), str(path))
    try:
        parts = [
            {
                "part": str(part["part"]),
                "turns": str(part["turns"]),
                "questions": int(part["questions"]),
                "scores": [_score(one) for one in [one for one in part["scores"] if one["leak"]] or part["scores"][:1]],
            }
            for part in found["parts"]
        ]
        left_out = Counter({str(why): int(count) for why, count in found["left_out"].items()})
        return {"verdict": str(found["verdict"]), "left_out": dict(left_out), "parts": parts}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is not what haystack-gen audit writes ({error!r}); {_AGAIN}") from None


def _score(one: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: float(one[name]) for name in ("accuracy", "low", "high", "chance")}
    return {"rule": str(one["rule"]), **numbers, "leak": bool(one["leak"])}

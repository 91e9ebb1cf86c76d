"""What models replied, as evaluators write it down: one file, one reply per line or row.

haystack-gen  JSON Lines  {"id": ..., "prediction": ...}
lmms-eval     JSON Lines  {"doc_id": 0, "filtered_resps": ..., "target": ..., "<metric>": {"id": ..., ...}}
VNBench       JSON Lines  {"question_id": ..., "pred": ..., "gt": ...}
VLMEvalKit    .tsv, .xlsx with columns id or index, prediction, and perhaps answer

lmms-eval's file is that of `--log_samples`, as release 0.7.3 writes it; it has no id of a row unless a task's metrics
do. VLMEvalKit's (at e8e78f0) is its table of questions with a column more; `index` is a number it gives itself unless
the table has one.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haystack_gen.errors import InputError
from haystack_gen.judge.sheets import SHEETS, sheet_rows
from haystack_gen.records import lines_of, parse_line

_OURS = '{"id": ..., "prediction": ...}'
_FORMS = f"{_OURS}, lmms-eval's filtered_resps, or VNBench's question_id and pred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A reply. Where a file does not say which item's, `id` is empty and `place` the number of its row, from 0.

    `truth` is the right answer as the file has it: a letter, an option, its number; None where it has none.
    """

    where: str
    reply: str
    id: str = ""
    place: int = -1
    truth: str | int | None = None


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The replies of a file, one at a time, in its order; its form is told by its suffix and its keys.

    Raises:
        InputError: no such file, nothing in it, or a line that is none of the forms; the line's number is given.
        MissingExtraError: it is a workbook, and openpyxl is not installed.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {found}, expected predictions: JSON Lines, or VLMEvalKit's .tsv or .xlsx")
    rows = sheet_rows(path) if path.suffix.lower() in SHEETS else _objects(path)
    reader = _from_sheet if path.suffix.lower() in SHEETS else _from_object
    number = 0
    for number, record in rows:
        yield reader(record, f"{path}:{number}")
    if not number:
        raise InputError(f"{path}: holds no predictions, expected a line such as {_OURS} for each")


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of JSON Lines, with the numbers of their lines."""
    for number, (where, line) in enumerate(lines_of(path), start=1):
        record = parse_line(line, where)
        if not isinstance(record, dict):
            raise InputError(f"{where}: expected an object such as {_OURS}, got {_brief(record)}")
        yield number, record


def _from_object(record: Mapping[str, Any], where: str) -> Prediction:
    for key, read in _READERS.items():
        if key in record:
            return read(record, where)
    raise InputError(f"{where}: has {_keys(record)}; expected {_FORMS}")


def _keys(record: Mapping[str, Any]) -> str:
    return f"the keys {', '.join(record)}" if record else "no keys"


def _own(record: Mapping[str, Any], where: str) -> Prediction:
    reply = record["prediction"]
    if reply is None:
        raise InputError(f"{where}: prediction is null, expected text; leave the line out where there is no reply")
    return Prediction(where=where, id=_id(record, "id", where), reply=_text(reply, "prediction", where))


def _lmms_eval(record: Mapping[str, Any], where: str) -> Prediction:
    """A sample; the id is in whatever dict of it has one: a metric's."""
    reply = record["filtered_resps"]
    while isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    if isinstance(reply, list):
        raise InputError(f"{where}: filtered_resps has {len(reply)} replies, expected one; run without repeats")
    names = {part["id"] for part in record.values() if isinstance(part, dict) and isinstance(part.get("id"), str)}
    if len(names) > 1:
        raise InputError(f"{where}: its metrics name several items, {' and '.join(sorted(names))}; expected one id")
    place = record.get("doc_id", -1)
    if type(place) is not int or (place < 0 and not names):
        raise InputError(f"{where}: doc_id is {_brief(record.get('doc_id'))}, expected a number from 0")
    text, truth = _text(reply, "filtered_resps", where), record.get("target")
    return Prediction(where=where, id="".join(names), place=place, reply=text, truth=_truth(truth, "target", where))


def _vnbench(record: Mapping[str, Any], where: str) -> Prediction:
    """A result row; its `pred` may be null, where a model gave nothing."""
    reply, truth = record["pred"], _truth(record.get("gt"), "gt", where)
    reply = "" if reply is None else _text(reply, "pred", where)
    return Prediction(where=where, id=_id(record, "question_id", where), reply=reply, truth=truth)


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Prediction]] = {
    "prediction": _own,
    "filtered_resps": _lmms_eval,
    "pred": _vnbench,
}


def _from_sheet(record: Mapping[str, Any], where: str) -> Prediction:
    """A row of a table; an empty cell is an empty reply, since tables do not tell it from none."""
    key = "id" if "id" in record else "index"
    if "prediction" not in record or key not in record:
        raise InputError(f"{where}: has the columns {', '.join(record)}; expected prediction, and id or index")
    name, reply = _cell(record[key], key, where), _cell(record["prediction"], "prediction", where)
    truth = _cell(record.get("answer"), "answer", where) or None
    if key == "index" and name.isdecimal() and len(name) < 20:  # int() refuses thousands of digits
        return Prediction(where=where, place=int(name), reply=reply, truth=truth)
    return Prediction(where=where, id=_id({key: name}, key, where), reply=reply, truth=truth)


def _cell(value: Any, key: str, where: str) -> str:
    """What a cell says; numbers as they are written."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    raise InputError(f"{where}: {key} is {_brief(value)}, expected text; format the column as text")


def _id(record: Mapping[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: {key} is {_brief(value)}, expected the id of a row of manifest.jsonl")
    return value


def _text(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} is {_brief(value)}, expected text")
    return value


def _truth(value: Any, key: str, where: str) -> str | int | None:
    if value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InputError(f"{where}: {key} is {_brief(value)}, expected the right answer as text, or its number from 0")


def _brief(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= 80 else f"{said[:80]}..."

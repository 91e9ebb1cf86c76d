"""Records to JSON Lines and back, and the strict reading of JSON and text that packs share.

One object per line, keys in field order, every key in every line; fractions as "a/b" (whole ones as "a"), tuples as
lists. Equal facts give equal bytes.
"""

import json
import math
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass, replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from haystack_gen.atomic import refusals_explained
from haystack_gen.errors import InputError
from haystack_gen.facts import Listed, Match, Needle, Noise, Sampled, Sighting, Source, VideoQuestion

Record = TypeVar("Record", Source, Needle, Match, Sighting, Sampled, Listed, VideoQuestion, Noise)

LARGEST_BYTES = 64 << 20
_RENAMED = {"path": "name"}
_FRACTION = re.compile(r"-?[0-9]{1,400}(/0*[1-9][0-9]{0,400})?")
_MEANINGS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def dump(records: Iterable[Record]) -> str:
    """The records as JSON Lines. A source's path stays on this machine: only the file's `name` is written."""
    return "".join(json.dumps(_plain(record), ensure_ascii=False, allow_nan=False) + "\n" for record in records)


def load(
    source: Path | str,
    kind: type[Record],
    *,
    paths: Mapping[str, str] | None = None,
    largest: int = LARGEST_BYTES,
) -> tuple[Record, ...]:
    """Read back what `dump` wrote, from a file or from the text itself.

    Args:
        source: a `Path` to a file, or the text.
        kind: the record that every line holds.
        paths: where each `Source` lies on this machine, by id; the path of one not named is "".
        largest: more bytes than this are not read from a file.

    Raises:
        InputError: a line is not such a record; the message names file, line, key and value.
    """
    name, text = (str(source), read_text(source, largest=largest)) if isinstance(source, Path) else ("text", source)
    records: list[Record] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        where = f"{name}:{number}"
        record = as_record(parse_json(line, where), kind, where)
        records.append(replace(record, path=paths.get(record.id, "")) if paths and kind is Source else record)
    return tuple(records)


def read_text(path: Path, *, largest: int = LARGEST_BYTES) -> str:
    """The UTF-8 text of a file of at most `largest` bytes.

    Raises:
        InputError: the file is missing, too large or not UTF-8.
    """
    expect_file(path, remedy=", expected a text file")
    with refusals_explained(path), path.open("rb") as stream:
        # Room is made for as much as is asked for, so no more than the file seems to have is.
        content = stream.read(min(largest, path.stat().st_size) + 1)
    if len(content) > largest:
        raise InputError(f"{path}: is larger than {largest:,} bytes; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = content[error.start : error.start + 1].hex()
        raise InputError(f"{path}: byte {error.start} (0x{found}) is not UTF-8; save the file as UTF-8") from error


def expect_file(path: Path, *, remedy: str = ", expected a file") -> Path:
    """The path of a file that may be opened: of a pipe or a device there might be no end.

    Raises:
        InputError: it is another thing, or there is none; `remedy` ends the message.
    """
    if not path.is_file():
        found = "no such file" if not path.exists() else "is a folder" if path.is_dir() else "is a pipe or a device"
        raise InputError(f"{path}: {found}{remedy}")
    return path


def lines_of(path: Path, *, remedy: str = ", expected JSON Lines") -> Iterator[tuple[str, bytes]]:
    """Every line of a file, with its place for messages; bytes, so that one that is not UTF-8 can be named.

    Raises:
        InputError: no such file, or a line is longer than `LARGEST_BYTES`.
    """
    expect_file(path, remedy=remedy)
    with refusals_explained(path), path.open("rb") as stream:
        for number, line in enumerate(iter(partial(stream.readline, LARGEST_BYTES), b""), start=1):
            where = f"{path}:{number}"
            if len(line) == LARGEST_BYTES:
                raise InputError(f"{where}: is longer than {LARGEST_BYTES:,} bytes; is it JSON Lines?")
            yield where, line.removeprefix(BOM_UTF8) if number == 1 else line


def parse_line(line: bytes, where: str) -> Any:
    """The value of a line of JSON Lines; `where` names it in errors.

    Raises:
        InputError: it is not UTF-8, or as `parse_json`.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        found = line[error.start : error.start + 1].hex()
        raise InputError(f"{where}: byte 0x{found} is not UTF-8; save the file as UTF-8") from None
    return parse_json(text.rstrip("\r\n"), where)


def parse_json(text: str, where: str) -> Any:
    """The value of a JSON text; `where` names it in errors.

    Raises:
        InputError: not JSON, NaN or infinite numbers, a key given twice, half a surrogate pair, nested too deep.
    """
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_finite, parse_float=_finite)
        if "\\u" in text:  # the only way to write half a pair in UTF-8
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{where}: is not JSON at {place}: {error.msg}; correct it") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: text holds half a surrogate pair, which is no character; correct it") from error
    except RecursionError as error:
        raise InputError(f"{where}: is nested too deep; expected a list of objects") from error
    except ValueError as error:
        raise InputError(f"{where}: {error}; correct it") from error
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {twice!r} is given twice in one object")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is not a finite number")
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if not is_dataclass(value):
        return value
    record: Any = value
    plain = {key: _plain(getattr(record, key)) for key in _keys(record.__class__)}
    return {_RENAMED.get(key, key): Path(part).name if key in _RENAMED else part for key, part in plain.items()}


class _Misfit(Exception):
    """A value that is not of its type; `place` grows from the inside out, such as `: distractors[0]: lure`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message, self.place = message, ""


def as_record(value: Any, kind: Any, where: str) -> Any:
    """A JSON object as a record of this dataclass; records within it may be made already.

    Raises:
        InputError: a key is missing or unknown, or a value is of another type; `where` begins the message.
    """
    try:
        return _reader(kind)(value)
    except _Misfit as misfit:
        raise InputError(f"{where}{misfit.place}: {misfit.message}") from misfit.__cause__


@cache
def _keys(kind: type) -> dict[str, Any]:
    """The fields of a record, in order, and their types."""
    return get_type_hints(kind)


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What turns a value, as JSON has it, into the type that `hint` states, or raises a `_Misfit`."""
    if is_dataclass(hint):
        return _record_reader(hint)
    if get_origin(hint) is tuple:
        return _list_reader(_reader(get_args(hint)[0]))
    if get_origin(hint) is UnionType:
        some = _reader(get_args(hint)[0])
        return lambda value: None if value is None else some(value)
    if get_origin(hint) is Literal:
        return lambda value: _one_of(value, get_args(hint))
    if hint is Fraction:
        return _fraction
    return lambda value: value if type(value) is hint else _other_type(value, hint)


def _record_reader(kind: Any) -> Callable[[Any], Any]:
    readers = {_RENAMED.get(key, key): _reader(hint) for key, hint in _keys(kind).items()}
    known = f"a {kind.__name__} has {', '.join(readers)}"

    def read(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if not isinstance(value, dict):
            raise _Misfit(f"expected an object, got {value!r}")
        if strange := sorted(value.keys() - readers.keys()):
            raise _Misfit(f"unknown key {strange[0]!r}; {known}")
        if missing := [key for key in readers if key not in value]:
            raise _Misfit(f"key {missing[0]!r} is missing; {known}")
        parts = {}
        key = ""
        try:
            for key, part in readers.items():
                parts[key] = part(value[key])
        except _Misfit as misfit:
            misfit.place = f": {key}{misfit.place}"
            raise
        if parts.pop("name", None) is not None:
            parts["path"] = ""
        try:
            return kind(**parts)
        except InputError as error:
            raise _Misfit(str(error)) from error

    return read


def _list_reader(part: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _Misfit(f"expected a list, got {value!r}")
        parts: list[Any] = []
        try:
            for one in value:
                parts.append(part(one))
        except _Misfit as misfit:
            misfit.place = f"[{len(parts)}]{misfit.place}"
            raise
        return tuple(parts)

    return read


def _one_of(value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise _Misfit(f"expected one of {', '.join(allowed)}, got {value!r}")
    return value


def _other_type(value: Any, hint: Any) -> Any:
    if hint is float and type(value) is int and abs(value) < 1 << 53:
        return float(value)
    raise _Misfit(f"expected {_MEANINGS[hint]}, got {value!r}")


def _fraction(value: Any) -> Fraction:
    if not isinstance(value, str) or not _FRACTION.fullmatch(value):
        raise _Misfit(f'expected a fraction such as "30000/1001" or "25", got {value!r}')
    return Fraction(value)

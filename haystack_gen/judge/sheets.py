"""Tables in files: tab-separated text as pandas writes it, and the first sheet of a workbook."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

from haystack_gen.atomic import refusals_explained
from haystack_gen.errors import InputError, MissingExtraError

SHEETS = (".tsv", ".xlsx")
LARGEST_UNPACKED = 128 << 20  # bytes: a workbook's texts are held in memory, and a small file can unpack to any size
MOST_ROWS, MOST_CELLS = 1 << 20, 20_000_000  # cells may state any place, and those before them are made up


def sheet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows below a table's header, by its columns, with the numbers of their lines or rows.

    Cells of text are strings; those of a workbook are what openpyxl makes of them, None if empty.

    Raises:
        InputError: it is no such table, columns share a name, or a row has more or fewer cells than the header.
        MissingExtraError: it is a workbook, and openpyxl is not installed.
    """
    rows = _workbook(path) if path.suffix.lower() == ".xlsx" else _separated(path)
    header: list[str] = []
    for number, cells in rows:
        if not header:
            header = [str(name or "") for name in cells]
            if len(set(header)) < len(header):
                raise InputError(f"{path}:{number}: the header names a column twice: {', '.join(header)}; rename one")
            continue
        if len(cells) != len(header):
            raise InputError(f"{path}:{number}: has {len(cells)} cells, the header {len(header)}; correct the row")
        yield number, dict(zip(header, cells, strict=True))


def _separated(path: Path) -> Iterator[tuple[int, list[Any]]]:
    with refusals_explained(path), path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", strict=True)
        try:
            for row in rows:
                yield rows.line_num, row
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: is not UTF-8 ({error.reason}); save the file as UTF-8") from None
        except csv.Error as error:
            raise InputError(f"{path}:{rows.line_num}: is not tab-separated text: {error}; correct it") from None


def _workbook(path: Path) -> Iterator[tuple[int, list[Any]]]:
    try:
        import defusedxml.ElementTree  # noqa: F401  openpyxl reads with it where it is there: no entities, so no bombs
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError((error.name or "openpyxl").split(".")[0], "xlsx", f"reading {path.name}") from None
    try:
        with path.open("rb") as file:  # ours to close: openpyxl leaves it open where it fails
            with ZipFile(file) as archive:
                size = sum(part.file_size for part in archive.infolist())
            if size > LARGEST_UNPACKED:
                raise InputError(
                    f"{path}: unpacks to {size:,} bytes, expected at most {LARGEST_UNPACKED:,}; save it as .tsv"
                )
            sheet = load_workbook(file, read_only=True, data_only=True).worksheets[0]
            sheet.reset_dimensions()  # what a file says of its size may be wrong, and would be believed
            width = cells = 0
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                width, cells = width or len(row), cells + len(row)
                if number > MOST_ROWS or cells > MOST_CELLS:
                    raise InputError(
                        f"{path}: has more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells, most of them empty or made "
                        "up; save it as .tsv"
                    )
                if any(cell is not None for cell in row):
                    yield number, [*row, *[None] * (width - len(row))]
    except _DAMAGED as error:
        cause = error.__context__ or error  # openpyxl raises one that says less
        detail = " ".join(str(cause).split())[:200] or type(cause).__name__
        raise InputError(f"{path}: is not a readable workbook ({detail}); save it as .xlsx or .tsv") from None


# What openpyxl and what it reads with raise at files that are damaged; SyntaxError is how XML that is none is reported.
_DAMAGED = (
    *(BadZipFile, ZlibError, KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError, EOFError),
    *(OSError, RuntimeError),
)

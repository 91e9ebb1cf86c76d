"""Predictions are read from every form that evaluators write, and what is wrong with a file is said with its line."""

import json
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from haystack_gen.errors import InputError, MissingExtraError
from haystack_gen.judge import sheets
from haystack_gen.judge.predictions import Prediction, read_predictions

PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"


def written(folder: Path, *lines: object, name: str = "p.jsonl") -> Path:
    """A file of lines: text as it is, all else as JSON."""
    path = folder / name
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def only(path: Path) -> Prediction:
    (found,) = read_predictions(path)
    return found


def refused(path: Path) -> str:
    """What is said of a file, after its name."""
    with pytest.raises(InputError) as caught:
        list(read_predictions(path))
    assert str(caught.value).startswith(str(path))
    return str(caught.value)[len(str(path)) :].removeprefix(":").strip()


# ---------------------------------------------------------------------------------------------------- the forms


def test_our_own_form(tmp_path):
    path = written(tmp_path, {"id": "a", "prediction": "B"}, {"id": "b", "prediction": "", "seconds": 1.5})
    assert list(read_predictions(path)) == [
        Prediction(where=f"{path}:1", id="a", reply="B"),
        Prediction(where=f"{path}:2", id="b", reply=""),
    ]


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "prediction": "B"}\r\n{"id": "b", "prediction": "C"}')
    assert [one.id for one in read_predictions(path)] == ["a", "b"]


@pytest.mark.parametrize("replies", ["B. tiger", ["B. tiger"], [["B. tiger"]]])
def test_samples_of_lmms_eval(tmp_path, replies):
    metric = {"id": "a", "score": 1.0, "depth": 0.5}
    sample = {"doc_id": 7, "doc_hash": "0", "target": "B", "filtered_resps": replies, "input": "?"}
    path = written(tmp_path, sample | {"haystack_acc": metric, "other": metric})
    assert only(path) == Prediction(where=f"{path}:1", id="a", place=7, reply="B. tiger", truth="B")
    bare = written(tmp_path, sample | {"acc": 1.0}, name="bare.jsonl")
    assert only(bare) == Prediction(where=f"{bare}:1", place=7, reply="B. tiger", truth="B")


@pytest.mark.parametrize(("pred", "gt"), [("B", "B"), ("B", 1), ("B.", "tiger"), (None, 1)])
def test_results_of_vnbench(tmp_path, pred, gt):
    row = {"question_id": "a", "pred": pred, "gt": gt, "type": "ret_insert1", "try": 0, "prompt": "?"}
    path = written(tmp_path, row)
    assert only(path) == Prediction(where=f"{path}:1", id="a", reply=pred or "", truth=gt)


def test_tables_of_vlmevalkit(tmp_path):
    path = written(
        tmp_path,
        '"index"\t"id"\t"question"\t"answer"\t"prediction"',
        '"0"\t"a"\t"What?"\t"B"\t"B"',
        '"1"\t"b"\t"Say ""hello""\n\tand more"\t"C"\t""',
        name="p.tsv",
    )
    assert list(read_predictions(path)) == [
        Prediction(where=f"{path}:2", id="a", reply="B", truth="B"),
        Prediction(where=f"{path}:4", id="b", reply="", truth="C"),
    ]


def test_an_index_is_a_number_or_an_id(tmp_path):
    path = written(tmp_path, "index\tprediction", "3\tB", "retrieval-5-d0\tC", name="p.tsv")
    assert [(one.id, one.place, one.truth) for one in read_predictions(path)] == [
        ("", 3, None),
        ("retrieval-5-d0", -1, None),
    ]


def library() -> ModuleType:
    """What reads workbooks; the tests that need it are skipped where it is not installed."""
    pytest.importorskip("defusedxml")
    return pytest.importorskip("openpyxl")


def workbook(path: Path, *rows: tuple[object, ...]) -> Path:
    openpyxl = library()
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_workbooks_of_vlmevalkit(tmp_path):
    path = workbook(
        tmp_path / "p.xlsx",
        ("index", "id", "answer", "prediction"),
        (0, "a", "B", "B"),
        (1, "b", 7, 7.0),
        (2, "c", 12.5, None),
        (None, None, None, None),
    )
    assert list(read_predictions(path)) == [
        Prediction(where=f"{path}:2", id="a", reply="B", truth="B"),
        Prediction(where=f"{path}:3", id="b", reply="7", truth="7"),
        Prediction(where=f"{path}:4", id="c", reply="", truth="12.5"),
    ]


def test_the_examples_on_the_page_are_read(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    found = {}
    for language, block in re.findall(r"```(json|tsv)\n(.*?)```", text, re.DOTALL):
        path = tmp_path / f"{len(found)}.{'tsv' if language == 'tsv' else 'jsonl'}"
        path.write_text(block, encoding="utf-8")
        found[path.name] = [(one.id or one.place, one.reply, one.truth) for one in read_predictions(path)]
    name = "retrieval-48-d1_2-t0-elephant-company-rabbit"
    assert list(found.values()) == [
        [(name, "B. rabbit", None)],
        [(name, "B", "B")],
        [(name, "B", "B")],
        [(name, "B", "B")],
    ]


# --------------------------------------------------------------------------------------------------- what is none


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "2: is not JSON at line 1, column 1: Expecting value; correct it"),
        ('{"id": "b", "prediction": "B"', "2: is not JSON at line 1, column 30: Expecting ',' delimiter; correct it"),
        ("{'id': 'b'}", "2: is not JSON at line 1, column 2: Expecting property name enclosed in double quotes"),
        ("[" * 100_000, "2: is nested too deep; expected a list of objects"),
        ('["b", "B"]', '2: expected an object such as {"id": ..., "prediction": ...}, got ["b", "B"]'),
        ('{"id": "b", "id": "c", "prediction": "B"}', "2: key 'id' is given twice in one object; correct it"),
        (
            '{"id": "b", "response": "B"}',
            '2: has the keys id, response; expected {"id": ..., "prediction": ...}, lmms-eval\'s filtered_resps, or '
            "VNBench's question_id and pred",
        ),
        ("{}", "2: has no keys; expected {"),
        ('{"prediction": "B"}', "2: id is null, expected the id of a row of manifest.jsonl"),
        ('{"id": "", "prediction": "B"}', '2: id is "", expected the id of a row of manifest.jsonl'),
        ('{"id": 7, "prediction": "B"}', "2: id is 7, expected the id of a row of manifest.jsonl"),
        ('{"id": "b", "prediction": 7}', "2: prediction is 7, expected text"),
        ('{"id": "b", "prediction": ["B"]}', '2: prediction is ["B"], expected text'),
        (
            '{"id": "b", "prediction": null}',
            "2: prediction is null, expected text; leave the line out where there is no reply",
        ),
        ('{"question_id": 7, "pred": "B"}', "2: question_id is 7, expected the id of a row of manifest.jsonl"),
        ('{"question_id": "b", "pred": 7}', "2: pred is 7, expected text"),
        (
            '{"question_id": "b", "pred": "B", "gt": ["B"]}',
            '2: gt is ["B"], expected the right answer as text, or its number from 0',
        ),
        ('{"doc_id": 0, "filtered_resps": 7}', "2: filtered_resps is 7, expected text"),
        (
            '{"doc_id": 0, "filtered_resps": ["A", "B"]}',
            "2: filtered_resps has 2 replies, expected one; run without repeats",
        ),
        ('{"filtered_resps": "B"}', "2: doc_id is null, expected a number from 0"),
        ('{"doc_id": -3, "filtered_resps": "B"}', "2: doc_id is -3, expected a number from 0"),
        ('{"doc_id": true, "filtered_resps": "B"}', "2: doc_id is true, expected a number from 0"),
        (
            '{"doc_id": 0, "filtered_resps": "B", "one": {"id": "x"}, "two": {"id": "y"}}',
            "2: its metrics name several items, x and y; expected one id",
        ),
    ],
)
def test_lines_that_are_no_prediction(tmp_path, line, message):
    assert refused(written(tmp_path, {"id": "a", "prediction": "B"}, line)).startswith(message)


def test_what_comes_before_a_bad_line_is_given_before_it_is_refused(tmp_path):
    found = read_predictions(written(tmp_path, {"id": "a", "prediction": "B"}, "{"))
    assert next(found).id == "a"
    with pytest.raises(InputError, match=r"p\.jsonl:2: is not JSON"):
        next(found)


def test_bytes_that_are_not_utf_8(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"id": "a", "prediction": "B"}\n{"id": "b", "prediction": "\xff"}\n')
    assert refused(path) == "2: byte 0xff is not UTF-8; save the file as UTF-8"
    path = tmp_path / "p.tsv"
    path.write_bytes(b"id\tprediction\na\t\xff\n")
    assert refused(path).endswith("is not UTF-8 (invalid start byte); save the file as UTF-8")


@pytest.mark.parametrize("name", ["p.jsonl", "p.tsv"])
def test_nothing_at_all(tmp_path, name):
    expected = 'holds no predictions, expected a line such as {"id": ..., "prediction": ...} for each'
    assert refused(written(tmp_path, name=name)) == expected
    if name == "p.tsv":
        assert refused(written(tmp_path, "id\tprediction", name=name)) == expected


def test_no_file(tmp_path):
    expected = "expected predictions: JSON Lines, or VLMEvalKit's .tsv or .xlsx"
    assert refused(tmp_path / "gone.jsonl") == f"no such file, {expected}"
    assert refused(tmp_path) == f"is a folder, {expected}"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["question\tprediction", "?\tB"], "2: has the columns question, prediction; expected prediction, and id or"),
        (["id\tanswer", "a\tB"], "2: has the columns id, answer; expected prediction, and id or index"),
        (["id\tid\tprediction", "a\tb\tB"], "1: the header names a column twice: id, id, prediction; rename one"),
        (["id\tprediction", "a"], "2: has 1 cells, the header 2; correct the row"),
        (["id\tprediction", "a\tB", ""], "3: has 0 cells, the header 2; correct the row"),
        (["id\tprediction", "\tB"], '2: id is "", expected the id of a row of manifest.jsonl'),
        (["id\tprediction", 'a\t"B" or C'], "2: is not tab-separated text: '\t' expected after '\"'; correct it"),
        (["id\tprediction", 'a\t"B'], "2: is not tab-separated text: unexpected end of data; correct it"),
        (["id\tprediction", f"a\t{'x' * 140_000}"], "2: is not tab-separated text: field larger than field limit"),
    ],
)
def test_tables_that_are_none(tmp_path, lines, message):
    assert refused(written(tmp_path, *lines, name="p.tsv")).startswith(message)


def test_a_workbook_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    (tmp_path / "p.xlsx").write_bytes(b"")
    told = r"reading p\.xlsx needs defusedxml, which is not installed; pip install 'haystack-gen\[xlsx\]'"
    with pytest.raises(MissingExtraError, match=told):
        list(read_predictions(tmp_path / "p.xlsx"))


def test_workbooks_that_are_none(tmp_path):
    library()
    path = tmp_path / "p.xlsx"
    path.write_bytes(b"id,prediction\n")
    assert refused(path) == "is not a readable workbook (File is not a zip file); save it as .xlsx or .tsv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    assert refused(path).startswith("is not a readable workbook (")
    workbook(path, ("id", "prediction"), ("a", True))
    assert refused(path) == "2: prediction is true, expected text; format the column as text"
    path.write_bytes(path.read_bytes()[:-200])
    assert refused(path).startswith("is not a readable workbook (")


def test_workbooks_that_unpack_to_too_much(tmp_path, monkeypatch):
    path = workbook(tmp_path / "p.xlsx", ("id", "prediction"), ("a", "B" * 30_000))
    monkeypatch.setattr(sheets, "LARGEST_UNPACKED", 30_000)
    assert path.stat().st_size < 30_000
    assert re.fullmatch(r"unpacks to \d\d,\d\d\d bytes, expected at most 30,000; save it as .tsv", refused(path))


def test_workbooks_whose_xml_explodes(tmp_path):
    """Entities of entities are refused, not expanded."""
    path = workbook(tmp_path / "p.xlsx", ("id", "prediction"), ("a", "TEXT"))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (name,) = (name for name, content in parts.items() if b"TEXT" in content)
    entities = "".join(f'<!ENTITY e{k + 1} "{f"&e{k};" * 10}">' for k in range(9))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]>'.encode() + parts[name].replace(b"TEXT", b"&e9;")
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in (parts | {name: bomb}).items():
            archive.writestr(part, content)
    assert refused(path).startswith("is not a readable workbook (EntitiesForbidden(name='e0'")

"""What mutated input has broken, in its smallest form, and what is said of it now."""

import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from fractions import Fraction
from pathlib import Path

import pytest
from openpyxl import Workbook

from haystack_gen.cache import Cache
from haystack_gen.cli.options import print_table
from haystack_gen.cli.view import say, visible
from haystack_gen.emit.fingerprints import read_fingerprints
from haystack_gen.emit.plans import read_plan, read_reasons
from haystack_gen.errors import InputError
from haystack_gen.gather.catalog import catalog_videos
from haystack_gen.gather.images import read_image
from haystack_gen.gather.packs import read_pack
from haystack_gen.gather.probe import probe
from haystack_gen.judge import sheets
from haystack_gen.judge.readers import open_digests, open_film, read_picture
from haystack_gen.plan.distractors import Span, positions
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import need_frames
from haystack_gen.records import parse_json, read_text
from haystack_gen.spec import Distractors
from haystack_gen.specfile import load_yaml, read_spec, read_spec_file
from tests.cli.commands import run
from tests.counter_video import write_counter
from tests.fuzz.media import png

HERE = "test"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1\n", r"dropped\.jsonl:1: is no drop with its reason; build the dataset again"),
        (b'{"reason": "a"}\n{}\n', r"dropped\.jsonl:2: is no drop with its reason"),
        (b'{"reason": ["a"]}\n', r"dropped\.jsonl:1: is no drop with its reason"),
        (b"{}}\n", r"dropped\.jsonl:1: is not JSON at line 1, column 3: Extra data"),
        (b"[" * 100_000 + b"\n", r"dropped\.jsonl:1: is nested too deep"),
        (b"\xff\n", r"dropped\.jsonl:1: byte 0xff is not UTF-8"),
    ],
)
def test_drops_that_are_none(tmp_path, content, message):
    path = tmp_path / "dropped.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_reasons(path))


def test_a_missing_list_of_drops(tmp_path):
    with pytest.raises(InputError, match=r"dropped\.jsonl: no such file; expected a dataset folder"):
        list(read_reasons(tmp_path / "dropped.jsonl"))


def test_room_is_made_for_what_is_there_and_not_for_what_might_be(tmp_path):
    path = tmp_path / "small.txt"
    path.write_text("small")
    tracemalloc.start()
    assert read_text(path, largest=1 << 30) == "small"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_pipe_is_not_waited_for(tmp_path):
    for name in ("plan.jsonl", "dropped.jsonl", "fingerprints.parquet"):
        os.mkfifo(tmp_path / name)
    expected = "is a pipe or a device; expected a dataset folder made by haystack-gen build"
    with pytest.raises(InputError, match=rf"plan\.jsonl: {expected}"):
        list(read_plan(tmp_path / "plan.jsonl"))
    with pytest.raises(InputError, match=rf"dropped\.jsonl: {expected}"):
        list(read_reasons(tmp_path / "dropped.jsonl"))
    with pytest.raises(InputError, match=rf"fingerprints\.parquet: {expected}"):
        read_fingerprints(tmp_path / "fingerprints.parquet")


@pytest.mark.parametrize("name", ["needles.jsonl", "pack.yaml"])
def test_a_list_that_is_a_link_out_of_its_pack(tmp_path, name):
    (tmp_path / "pack").mkdir()
    (tmp_path / "private").write_text("{}")
    (tmp_path / "pack" / name).symlink_to(tmp_path / "private")
    with pytest.raises(InputError, match=rf"{name}: is a link out of the pack; copy the file into it \(cp -L\)"):
        read_pack(tmp_path / "pack")
    (tmp_path / "pack" / name).unlink()
    (tmp_path / "pack" / name).symlink_to(name)
    with pytest.raises(InputError, match=rf"{name}: its links go in a circle; give the file itself"):
        read_pack(tmp_path / "pack")


def test_a_list_of_distractors_that_is_a_link(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "list.json").write_text(json.dumps([{"path": "a.png", "prompt": "What?", "answer": "b"}]))
    (tmp_path / "pack" / "list_interrupt.json").symlink_to(tmp_path / "private")
    with pytest.raises(InputError, match=r"list_interrupt\.json: is a link out of the pack"):
        read_pack(tmp_path / "pack" / "list.json")


# ------------------------------------------------------------------------------------------------------- documents


def test_a_key_given_twice_is_found_among_many():
    keys = ", ".join(f'"k{number}": 0' for number in range(200_000))
    with pytest.raises(InputError, match="key 'k199999' is given twice in one object"):
        parse_json(f'{{{keys}, "k199999": 1}}', HERE)


def test_many_unknown_keys_are_told_in_brief():
    text = "".join(f"k{number}: 0\n" for number in range(3000))
    with pytest.raises(InputError, match=r"unknown key 'k19'; .*; and 2,980 more$") as caught:
        read_spec(text, where=HERE)
    assert len(str(caught.value)) < 10_000


def test_a_long_value_is_told_in_brief():
    with pytest.raises(InputError) as caught:
        read_spec(f"grid: {list(range(30_000))}", where=HERE)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("escape", [r"\0", r"\ud800"])
def test_text_that_no_path_and_no_file_can_hold(escape):
    with pytest.raises(InputError, match=r"test: not readable as YAML: text holds '.*', which is no character"):
        load_yaml(f'haystack: {{sources: "a{escape}"}}', where=HERE)


def test_a_spec_has_a_largest_size(tmp_path):
    path = tmp_path / "spec.yaml"
    with path.open("wb") as stream:
        stream.truncate((1 << 20) + 1)
    with pytest.raises(InputError, match=r"spec\.yaml: is larger than 1,048,576 bytes; split it"):
        read_spec_file(path)


# ------------------------------------------------------------------------------------------------- plans without end


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {lengths: '2147483648'}", "should be less than or equal to 10000000"),
        ("needles: {length: 2147483648}", "needles.length is 2147483648: should be less than or equal to 10000000"),
        ("distractors: {count: 1000000}", "distractors.count is 1000000: should be less than or equal to 10000"),
    ],
)
def test_numbers_too_large_to_be_meant(text, message):
    with pytest.raises(InputError, match=message):
        read_spec(text, where=HERE)


def test_more_cells_than_can_be_planned(tmp_path):
    done = run("plan", "fixture", "--trials", "2147483648", "--dry-run", "--cache", tmp_path)
    assert done.exit_code == 2
    expected = "retrieval: lengths x depths x trials are 12,884,901,888, expected at most 10,000,000; shorten the grid"
    assert expected in done.stderr


def test_footage_that_would_start_again_for_ever():
    with pytest.raises(InputError, match="it would start again more than 10,000 times; give shorter --lengths"):
        need_frames(16, 2_000_000, rate=Fraction(1), repeat=True)
    need_frames(200, 2_000_000, rate=Fraction(1), repeat=True)


def test_no_more_places_beside_a_needle_than_there_are_frames():
    law = Distractors(law="adjacent", count=10_000)
    found = positions(law, Span(start=4, end=5), length=9, taken=(), stream=Stream(1))
    assert sorted(found) == [0, 1, 2, 3, 5, 6, 7, 8]


# ------------------------------------------------------------------------------------------------------------ media


def test_a_picture_that_would_start_a_program(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    path = tmp_path / "000000.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n")
    with pytest.raises(InputError, match=r"000000\.jpg: is no picture \(cannot identify image file"):
        read_picture(path)


@pytest.mark.parametrize(
    "content", [b"#EXTM3U\n#EXTINF:10,\nother.mp4\n", b"ffconcat version 1.0\nfile other.mp4\n", b""]
)
@pytest.mark.parametrize("reader", ["pyav", "decord", "opencv"])
def test_a_playlist_called_mp4_is_not_followed(tmp_path, content, reader):
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"video\.mp4: begins with b'.*', which no mp4 does; the file is damaged"):
        open_film(path, reader)
    with pytest.raises(InputError, match="which no mp4 does"):
        list(open_digests(path))


def test_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"film\xff.mp4")
    try:
        (tmp_path / name).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(InputError, match=r"film\\udcff\.mp4': its name, or a folder's above it, is not UTF-8; rename"):
        catalog_videos([tmp_path], cache=Cache(tmp_path / "cache"))


def test_a_title_in_another_encoding_is_no_reason_to_refuse_a_film(tmp_path):
    film = write_counter(tmp_path / "film.mkv", frames=6, rate=Fraction(3), size=(64, 36))
    changed = film.read_bytes().replace(b"Lavf", b"L\xe1vf")
    assert changed != film.read_bytes()
    film.write_bytes(changed)
    assert probe(film).frames == 6


def test_times_by_which_a_small_film_would_fill_a_disk(tmp_path):
    film = write_counter(tmp_path / "still.mp4", frames=3, size=(64, 36), pts=[0, 90_000, 90_000 * 601])
    assert probe(film).frames == 3
    film = write_counter(tmp_path / "film.mp4", frames=3, size=(64, 36), pts=[0, 90_000, 90_000 * 602])
    with pytest.raises(InputError, match=r"film\.mp4: shows one picture for 601 s, expected at most 600") as caught:
        probe(film)
    assert "its times are damaged, or it is no film: repair it" in str(caught.value)
    slow = tmp_path / "slow.y4m"
    slow.write_bytes(b"YUV4MPEG2 W64 H36 F1:1000000000 Ip C420\n" + (b"FRAME\n" + bytes(64 * 36 * 3 // 2)) * 2)
    with pytest.raises(InputError, match=r"slow\.y4m: shows one picture for 1,000,000,000 s, expected at most 600"):
        probe(slow)


@pytest.mark.parametrize("place", ['r="1000000000000"', 'r="2"'])
def test_rows_and_cells_that_a_workbook_makes_up(tmp_path, monkeypatch, place):
    monkeypatch.setattr(sheets, "MOST_CELLS", 1000)
    book = Workbook()
    for row in range(3):
        book.active.append([f"a{row}", f"b{row}"])
    book.save(tmp_path / "fine.xlsx")
    with zipfile.ZipFile(tmp_path / "fine.xlsx") as fine, zipfile.ZipFile(tmp_path / "p.xlsx", "w") as made:
        for name in fine.namelist():
            text = fine.read(name).replace(b'r="2"', place.encode())
            made.writestr(name, text.replace(b'r="B2"', b'r="XFD2"') if place == 'r="2"' else text)
    with pytest.raises(InputError, match=r"p\.xlsx: has more than 1,048,576 rows or 1,000 cells, most of them empty"):
        list(sheets.sheet_rows(tmp_path / "p.xlsx"))


def test_a_picture_for_which_memory_does_not_suffice_is_not_called_damaged(tmp_path, monkeypatch):
    def greedy(*_: object) -> None:
        raise MemoryError

    path = tmp_path / "large.png"
    path.write_bytes(png(8, 8))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", greedy)
    with pytest.raises(InputError, match=r"large\.png: there is not enough memory for its pixels; scale it down"):
        read_image(path)


# --------------------------------------------------------------------------------------------------------- terminal


def test_text_of_others_does_not_steer_the_terminal(capsys):
    hostile = "a\x1b]0;x\x07\u202eb\x9b2J\r\tc\n"
    expected = "a\\x1b]0;x\\x07\\u202eb\\x9b2J\\r\tc\n"
    assert visible(hostile) == expected
    say(hostile)
    print_table([("name", hostile)])
    shown = capsys.readouterr()
    assert shown.err == f"{expected}\n"
    assert shown.out == f"name  {expected}\n"


def test_memory_that_runs_out_is_no_stack_trace(monkeypatch):
    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("haystack_gen.emit.plans.find_item", greedy)
    done = run("show", "anything", "item")
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: there is not enough memory for this input; give a smaller one, or run it on a larger machine\n"
    )


# ---------------------------------------------------------------------------------------------------- the harness


def test_the_sandbox_notices(tmp_path):
    """Faults of every kind are found: what is always quiet proves nothing."""
    code = """
import os, socket, subprocess, sys
from pathlib import Path
from tests.fuzz.sandbox import Guard
guard = Guard()
guard.allowed, guard.on = (sys.argv[1] + '/out/',), True
for act in (
    lambda: socket.create_connection(('127.0.0.1', 9)),
    lambda: subprocess.run(['true']),
    lambda: open(sys.argv[1] + '/other.txt', 'w'),
    lambda: os.mkdir(sys.argv[1] + '/out/../more'),
    lambda: os.rename(sys.argv[1] + '/out/a', sys.argv[1] + '/b'),
    lambda: os.symlink('x', sys.argv[1] + '/link'),
):
    try:
        act()
    except PermissionError:
        continue
    raise SystemExit(f'{act} went through')
os.mkdir(sys.argv[1] + '/out')
Path(sys.argv[1], 'out', 'fine.txt').write_text('x')
raise SystemExit(len(guard.faults))
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

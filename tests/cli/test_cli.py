"""The command line as a person meets it: help that holds, errors in words, data on stdout and talk on stderr."""

import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import click
import pytest
from PIL import Image

from haystack_gen import __version__
from haystack_gen.cli import main
from haystack_gen.cli.options import ListCommand, presets
from haystack_gen.emit.plans import read_plan
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, package_folder
from tests.cli.commands import run
from tests.counter_video import draw_number, ffmpeg, write_counter
from tests.small_world import SIZE, SmallWorld, make_world, tree

PROGRAM = (sys.executable, "-c", "from haystack_gen.cli import main; main(prog_name='haystack-gen')")
SPECS = package_folder("templates") / "specs"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_world(tmp_path_factory.mktemp("world"), seconds=20, needles=2, lures=1)


@pytest.fixture
def given(world) -> tuple[str, ...]:
    """What every plan of the small world is called with."""
    size = f"{SIZE[0]}x{SIZE[1]}"
    asked = ("--haystack", world.film, "--needles", world.pack, "--size", size, "--set", "mining.uniqueness=off")
    return tuple(map(str, asked))


def refused(*arguments: object) -> str:
    """The message with which a command refuses what it was given."""
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    start = done.stderr.index("Error: ")
    return done.stderr[start + len("Error: ") :].removesuffix("\n")


# ----------------------------------------------------------------------------------------------------- help

COMMANDS = list(main.commands)


def examples(command: click.Command) -> list[str]:
    text = command.help or ""
    return [line.strip() for line in text.partition("Example:")[2].splitlines() if line.strip()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    done = run(name, "--help")
    assert done.exit_code == 0
    assert f"Usage: haystack-gen {name} " in done.stdout
    assert "Example:\n    haystack-gen " in done.stdout
    assert all(option.help for option in main.commands[name].params if isinstance(option, click.Option))
    assert run(name, "-h").stdout == done.stdout


@pytest.mark.parametrize("example", [line for command in main.commands.values() for line in examples(command)])
def test_every_example_can_be_parsed(example):
    program, name, *arguments = shlex.split(example)
    assert program == "haystack-gen"
    command = main.commands[name]
    while isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    context = command.make_context(name, arguments)
    flags = [word for word in arguments if word.startswith("-")]
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert set(flags) <= known
    assert sum(bool(value) for value in context.params.values()) >= len(set(flags))


def test_the_program_lists_its_commands_in_the_order_of_work():
    done = run("--help")
    listed = re.findall(r"^  ([a-z-]+)  +[A-Z]", done.stdout.partition("Commands:")[2], re.MULTILINE)
    making = ["demo", "init", "index", "mine", "plan", "build", "merge"]
    judging = ["show", "verify", "audit", "score", "report", "export", "push", "render"]
    assert listed == COMMANDS == [*making, *judging, "rope-period", "cache"]
    for line in re.findall(r"^  haystack-gen .*", done.stdout, re.MULTILINE):
        _, name, *_ = shlex.split(line)
        assert name in COMMANDS
    assert run("--version").stdout == f"haystack-gen, version {__version__}\n"


def test_help_is_quick_because_it_imports_nothing_heavy():
    code = (
        "import sys, haystack_gen.cli; print([m for m in ('av','cv2','numpy','pyarrow','faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_lists_after_one_flag():
    command = ListCommand("x", params=[click.Option(["--haystack"], multiple=True), click.Argument(["name"])])
    for words, expected in (
        (["p", "--haystack", "a", "b", "c"], ("a", "b", "c")),
        (["p", "--haystack", "a", "--haystack", "b", "c"], ("a", "b", "c")),
        (["p", "--haystack=a", "--haystack", "b"], ("a", "b")),
        (["--haystack=a", "p"], ("a",)),
    ):
        context = command.make_context("x", words)
        assert (context.params["haystack"], context.params["name"]) == (expected, "p")


# --------------------------------------------------------------------------------------------------- errors


def _audio(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", str(path))


def _cut(world: SmallWorld, share: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(world.film.read_bytes()[: int(world.film.stat().st_size * share)]) and None


def test_films_that_are_none(world, tmp_path):
    makers: dict[str, tuple[Callable[[Path], object], str]] = {
        "gone": (lambda path: None, "no such file; check the name"),
        "empty": (lambda path: path.touch(), "is empty (0 bytes), expected a video file; get it again"),
        "text": (lambda path: path.write_text("not a film\n" * 9), "is not a readable video (moov atom not found); "),
        "cut": (_cut(world, 0.5), "is not a readable video (moov atom not found); expected an .mp4, .mkv, "),
        "audio": (_audio, "holds no video, only audio; expected a film"),
    }
    for name, (make, message) in makers.items():
        path = tmp_path / f"{name}.mp4"
        make(path)
        found = refused("plan", "v-niah", "--haystack", path, "--needles", world.pack, "--dry-run")
        assert found.startswith(f"{path}: {message}"), found
    folder = tmp_path / "nothing here"
    folder.mkdir()
    found = refused("plan", "v-niah", "--haystack", folder, "--needles", world.pack, "--dry-run")
    assert found.startswith(f"{folder}: holds no videos (.mp4, .mkv, ")


def test_a_film_whose_end_is_missing(world, tmp_path):
    whole, cut = tmp_path / "front.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", str(world.film), "-c", "copy", "-movflags", "+faststart", str(whole))
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    found = refused(
        "build", "v-niah", "--haystack", cut, "--needles", world.pack, "--lengths", "5", "--out", tmp_path / "o"
    )
    assert found.startswith(f"{cut}: ")
    assert "the file is damaged or cut off: repair it (ffmpeg -i IN -c:v libx264 OUT.mp4)" in found


def test_a_film_that_is_too_short_comes_with_remedies(given):
    assert refused("plan", "v-niah", *given, "--lengths", "10,21") == (
        "the haystack has 20 frames at 1 fps, and the longest clip needs 21; give shorter --lengths, more footage with "
        "--haystack, a higher --fps, or allow it to start again with --set haystack.repeat=true (recorded per item)"
    )
    for remedy in (["--fps", "2"], ["--set", "haystack.repeat=true"]):
        assert run("plan", "v-niah", *given, "--lengths", "10,21", *remedy).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "distractor.period=4"], "v-niah: unknown key 'distractor'; did you mean 'distractors'?"),
        (
            ["--set", "distractors.perod=4"],
            "v-niah: unknown key 'distractors.perod'; did you mean 'distractors.period'?",
        ),
        (
            ["--set", "haystack.zzz=4"],
            "v-niah: unknown key 'haystack.zzz'; known keys: sources, fps, size, fit, sampling",
        ),
        (["--set", "haystack.repeat"], "--set haystack.repeat: expected KEY=VALUE such as haystack.repeat=true"),
        (["--set", "=4"], "--set =4: expected KEY=VALUE such as haystack.repeat=true"),
        (["--set", "grid.trials=["], "--set grid.trials: not readable as YAML: "),
        (["--depths", "0,1.5"], "v-niah: grid.depths.1 is 3/2: should be less than or equal to 1"),
        (["--depths", "-1/2"], "v-niah: grid.depths.0 is -1/2: should be greater than or equal to 0"),
        (["--depths", "x"], "v-niah: grid.depths is 'x': expected a number such as 0.2 or 1/5, got 'x'"),
        (["--lengths", "10:5:1"], "v-niah: grid.lengths is '10:5:1': expected START <= STOP and STEP > 0 in '10:5:1'"),
        (["--lengths", "5:10"], "v-niah: grid.lengths is '5:10': expected START:STOP:STEP, got '5:10'"),
        (["--lengths", "0"], "v-niah: grid.lengths.0 is 0: should be greater than 0"),
        (["--lengths", "10.5"], "v-niah: grid.lengths.0 is 21/2: should be a valid integer"),
        (["--seed", "x"], "v-niah: seed is 'x': should be a valid integer"),
        (["--fps", "0"], "v-niah: haystack.fps is '0': should be greater than 0"),
        (["--fps", "1/0"], "v-niah: haystack.fps is '1/0': expected a number such as 0.2 or 1/5, got '1/0'"),
        (["--size", "wide"], "v-niah: haystack.size is 'wide': expected WIDTHxHEIGHT such as 448x252, got 'wide'"),
        (["--size", "35x64"], "v-niah: haystack.size.0 is 35: should be a multiple of 2"),
        (["--trials", "0"], "v-niah: grid.trials is '0': should be greater than 0, or should be 'needles'"),
        (
            ["--set", "distractors.origin=supplied", "--set", "distractors.period=3", "--set", "needles.length=3"],
            "v-niah: distractors.period is 3 frames and needles.length 3: a distractor would cover its needle; "
            "raise the period or shorten the needle",
        ),
        (
            ["--set", "distractors.origin=supplied", "--set", "distractors.period=gpt"],
            "v-niah: no rotary preset 'gpt'; there are qwen2-vl, qwen2.5-vl; or give theta, head_dim and angle",
        ),
        (["--needles", "nowhere"], "nowhere: no such pack; expected a folder with needles.jsonl, a .json list or hub:"),
        (["--needles", "hub:x"], "hub:x: expected hub:USER/NAME or hub:USER/NAME:SPLIT"),
        (["--set", "needles.count=9"], "holds 2 needles, needles.count asks for 9"),
        (
            ["--matches", "nowhere.jsonl", "--set", "distractors.origin=mined"],
            "nowhere.jsonl: no such file, expected a text file",
        ),
    ],
)
def test_options_that_cannot_be(given, options, message):
    found = refused("plan", "v-niah", *given, "--lengths", "10", *options)
    assert message in found
    assert found.startswith(message) or message.startswith("holds")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "my-key=3"], "v-niah: unknown key 'my-key'; known keys: name, tasks, seed, haystack, needles"),
        (["--set", "haystack.my-key=3"], "v-niah: unknown key 'haystack.my-key'; known keys: sources, fps, size"),
        (["--lengths", "10,10"], "v-niah: grid.lengths is '10,10': 10 is given twice; give each once, and more items"),
        (["--depths", "0,1/2,0.5"], "v-niah: grid.depths is '0,1/2,0.5': 1/2 is given twice; give each once"),
        (
            [
                "--set",
                "distractors.origin=supplied",
                "--set",
                "distractors.period={rope: {theta: inf, head_dim: 8, angle: 1}}",
            ],
            "v-niah: theta is inf, expected more than 1",
        ),
    ],
)
def test_options_that_are_not_refused_as_they_should_be(given, options, message):
    assert refused("plan", "v-niah", *given, "--lengths", "10", *options).startswith(message)


@pytest.mark.parametrize("name", ["v-nia", "specs/v-niah", "../v-niah"])
def test_an_unknown_preset(name):
    assert refused("plan", name) == (
        f"{name}: no such spec file, and no preset of that name; see haystack-gen init --help"
    )
    assert refused("init", name) == f"no preset {name!r}; there are {', '.join(presets())}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "byte 0 (0xff) is not UTF-8; save the file as UTF-8"),
        (b"- 1\n", "holds a list, expected keys such as 'seed:' and 'haystack:'"),
        (b"a: &x [1]\nb: *x\n", "not readable as YAML: aliases (*name) are not supported; write the value out"),
        (
            b"seed: !!python/object/apply:os.getcwd []\n",
            "not readable as YAML: tags (tag:yaml.org,2002:python/",
        ),
        (b"haystack: 3\n", "haystack is 3: should be a valid dictionary"),
        (b"[" * 5000, "not readable as YAML: "),
        (b"sed: 4\n", "unknown key 'sed'; did you mean 'seed'?"),
    ],
)
def test_a_spec_file_that_is_none(tmp_path, content, message):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    assert refused("plan", path).startswith(f"{path}: {message}")


def _pack(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    Image.fromarray(draw_number(7, SIZE)).save(folder / "a.png")
    entry = {"image": "a.png", "question": "Which?", "options": ["dog", "cat"], "answer": "dog"} | changes
    (folder / "needles.jsonl").write_text(json.dumps(entry) + "\n")
    return folder


def _bomb(path: Path) -> None:
    """A PNG of a few hundred bytes that says it is 60,000 x 60,000."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def _link(path: Path) -> None:
    outside = path.parent.parent / "outside.png"
    Image.fromarray(draw_number(8, SIZE)).save(outside)
    path.unlink()
    path.symlink_to(outside)


@pytest.mark.parametrize(
    ("changes", "spoil", "message"),
    [
        (
            {"answer": "hen"},
            None,
            "{pack}/needles.jsonl:1: needle a: answer 'hen' is not among its options ['dog', 'cat']; correct either",
        ),
        (
            {"image": "../a.png"},
            None,
            "{pack}/needles.jsonl:1: image '../a.png' leaves the pack; move the file into 'pack' and name it",
        ),
        (
            {"image": "/etc/hostname"},
            None,
            "{pack}/needles.jsonl:1: image '/etc/hostname' leaves the pack; move the file",
        ),
        ({}, _link, "{pack}/needles.jsonl:1: image 'a.png' is a link out of the pack; copy the file into it (cp -L)"),
        ({}, _bomb, "{pack}/a.png: image has 3,600,000,000 pixels, expected at most 178,956,970; scale it down"),
        (
            {},
            lambda path: path.write_text("no image"),
            "{pack}/a.png: is not an image, expected a PNG, JPEG, WebP, GIF",
        ),
        (
            {},
            lambda path: path.write_bytes(path.read_bytes()[:200]),
            "{pack}/a.png: image is damaged or cut short (",
        ),
        (
            {},
            lambda path: path.write_bytes(b""),
            "{pack}/a.png: is empty, expected a PNG, JPEG, WebP, GIF, BMP or TIFF",
        ),
        ({}, lambda path: path.unlink(), "{pack}: 1 of 1 images are missing; put them there:\n  a.png"),
        ({"colour": "red"}, None, "{pack}/needles.jsonl:1: unknown key 'colour'; known are id, image, question"),
    ],
)
def test_packs_that_cannot_be_used(given, tmp_path, changes, spoil, message):
    pack = _pack(tmp_path / "pack", **changes)
    if spoil:
        spoil(pack / "a.png")
    found = refused("build", "v-niah", *given, "--needles", pack, "--lengths", "10", "--out", tmp_path / "out")
    assert found.startswith(message.format(pack=pack)), found


def test_images_missing_from_an_upstream_list_are_each_named(given, tmp_path):
    prompt = "\nFind the zoo.\nA. lion\nB. tiger\nAnswer with the option's letter."
    rows = [{"path": f"{name}.png", "prompt": prompt, "answer": "B"} for name in ("zoo", "balloon", "bear")]
    upstream = tmp_path / "niah.json"
    upstream.write_text(json.dumps(rows))
    Image.fromarray(draw_number(1, SIZE)).save(tmp_path / "balloon.png")
    found = refused("plan", "v-niah", *given, "--needles", upstream)
    assert found == f"{tmp_path}: 2 of 3 images are missing; put them there:\n  zoo.png\n  bear.png"


def test_images_missing_from_the_published_list(given, shared_data, tmp_path):
    published = shared_data / "upstream" / "v_niah_dataset.json"
    found = refused("plan", "v-niah-paper", *given, "--needles", published, "--images", shared_data / "needles")
    names = ["selenium_green.jpg", "panda_scientist.png", "teddy_bear_times_square.png"]
    listed = "".join(f"\n  {name}" for name in names)
    assert found == f"{shared_data / 'needles'}: 3 of 5 images are missing; put them there:{listed}"


def test_output_folders_that_are_something_else(given, tmp_path):
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("mine")
    build = ("build", "v-niah", *given, "--lengths", "10", "--out")
    assert refused(*build, thesis) == (
        f"{thesis}: holds files that are not a dataset of haystack-gen; choose another --out"
    )
    assert refused(*build, thesis / "thesis.tex").startswith("Invalid value for '--out': ")
    for command in (["init", "tiny"], ["render", thesis, "x"]):
        found = refused(*command, "-o", thesis / "thesis.tex")
        assert found == f"{thesis / 'thesis.tex'}: exists already; choose another -o"
    assert [path.name for path in thesis.iterdir()] == ["thesis.tex"]
    assert (thesis / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("command", ["mine", "plan"])
def test_clip_without_the_clip_extra(world, given, tmp_path, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    model = "open_clip:ViT-B-32/x"
    if command == "mine":
        found = refused(
            "mine", "--needles", world.pack, "--pool", world.film, "--embedder", model, "-o", tmp_path / "m.jsonl"
        )
    else:
        uniqueness = ("--set", "mining.uniqueness=move", "--set", f"mining.embedder={model}")
        found = refused("plan", "v-niah", *given, "--lengths", "10", *uniqueness)
    assert found == (
        "embedding with CLIP needs open_clip_torch, which is not installed; pip install 'haystack-gen[clip]'"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "haystack.size"], "--set haystack.size: expected KEY=VALUE such as haystack.repeat=true"),
        (["--set", "=3"], "--set =3: expected KEY=VALUE such as haystack.repeat=true"),
        (["--band", "0.9:0.1"], "mine: mining.band is (0.9, 0.1), expected LOW:HIGH with LOW not above HIGH"),
        (["--top-k", "0"], "mine: mining.top_k is 0: should be greater than 0"),
        (["--embedder", "dino"], "embedder 'dino' does not exist; expected 'descriptor', or 'open_clip:MODEL/WEIGHTS'"),
        (["--pool", "nowhere"], "nowhere: no such file; check the name"),
    ],
)
def test_mine_of_what_cannot_be(world, tmp_path, options, message):
    found = refused("mine", "--needles", world.pack, "--pool", world.film, "-o", tmp_path / "m.jsonl", *options)
    assert found.startswith(message)
    assert not (tmp_path / "m.jsonl").exists()


@pytest.mark.parametrize("command", [["verify"], ["show", "item"], ["render", "item", "-o", "x.mp4"]])
def test_folders_that_are_no_dataset(tmp_path, command):
    name, *more = command
    for place in (tmp_path, tmp_path / "nowhere"):
        found = refused(name, place, *more)
        assert found.startswith(str(place))
        assert "haystack-gen build" in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "No such command 'nothing'."),
        (["plan"], "Missing argument 'PRESET_OR_SPEC'."),
        (["plan", "v-niah", "--nope"], "No such option '--nope'"),
        (["build", "v-niah"], "Missing option '--out'."),
        (
            ["build", "v-niah", "--out", "x", "--jobs", "0"],
            "Invalid value for '--jobs': 0 is not in the range 1<=x<=256.",
        ),
        (
            ["build", "v-niah", "--out", "x", "--media", "gif"],
            "Invalid value for '--media': 'gif' is not one of 'video'",
        ),
    ],
)
def test_wrong_usage(arguments, message):
    assert refused(*arguments).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either a preset (qwen2-vl, qwen2.5-vl) or all of --theta, --head-dim and --angle"),
        (["qwen2-vl", "--theta", "9"], "give either a preset (qwen2-vl, qwen2.5-vl) or all of"),
        (["--theta", "9"], "give either a preset (qwen2-vl, qwen2.5-vl) or all of"),
        (["gpt"], "no rotary preset 'gpt'; there are qwen2-vl, qwen2.5-vl"),
        (["--theta", "-4", "--head-dim", "128", "--angle", "16"], "theta is -4.0, expected more than 1"),
        (["--theta", "9", "--head-dim", "127", "--angle", "16"], "head-dim is 127, expected a positive even number"),
        (["--theta", "9", "--head-dim", "128", "--angle", "64"], "angle is 64, expected 0 to 63"),
    ],
)
def test_rope_period_of_what_cannot_be(arguments, message):
    assert refused("rope-period", *arguments).startswith(message)


def test_rope_period():
    assert run("rope-period", "qwen2-vl").stdout == "198.69\n"
    assert run("rope-period", "--theta", "1000000", "--head-dim", "128", "--angle", "16").stdout == "198.69\n"
    assert run("rope-period", "--theta", "10000", "--head-dim", "64", "--angle", "0").stdout == "6.28\n"


# ---------------------------------------------------------------------------------------------- what works


@pytest.mark.parametrize("name", presets())
def test_init_writes_a_spec_that_reads_back(tmp_path, name):
    path = tmp_path / "my.yaml"
    done = run("init", name, "-o", path)
    assert (done.stdout, done.stderr) == ("", f"wrote {path}; edit it, then: haystack-gen plan {path} --dry-run\n")
    assert read_spec_file(path) == read_spec_file(SPECS / f"{name}.yaml")
    assert run("init", name).stdout == path.read_text() == (SPECS / f"{name}.yaml").read_text()


def test_options_override_the_spec(given, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("seed: 5\nname: mine\ngrid: {lengths: 4, depths: '0', trials: 1}\n")
    for options, expected in (
        ([], {"name": "mine", "seed": 5, "lengths": [4], "depths": ["0"], "items": 1}),
        (["--seed", "-3", "--trials", "3"], {"seed": -3, "items": 3}),
        (
            ["--lengths", "4:8:2", "--depths", "0:1:0.25"],
            {"lengths": [4, 6, 8], "depths": ["0", "1/4", "1/2", "3/4", "1"]},
        ),
        (["--set", "grid.trials=needles", "--set", "name=other"], {"name": "other", "items": 2}),
    ):
        summary = json.loads(run("plan", mine, *given, *options, "--json").stdout)
        assert {key: summary[key] for key in expected} == expected


def test_plan_puts_data_on_stdout_and_talk_on_stderr(given, tmp_path):
    done = run("plan", "v-niah", *given, "--lengths", "10", "--depths", "0,1", "--json", "-o", tmp_path / "plan.jsonl")
    summary = json.loads(done.stdout)
    assert (summary["items"], summary["cells"], summary["frames"], summary["dropped"]) == (4, 2, 40, {})
    *stages, last = done.stderr.splitlines()
    assert last == f"wrote {tmp_path / 'plan.jsonl'}"
    assert stages
    assert all(line.startswith("looking at the sources") for line in stages)
    assert len(list(read_plan(tmp_path / "plan.jsonl"))) == 4
    table = run("plan", "v-niah", *given, "--lengths", "10", "--depths", "0,1")
    assert len(table.stderr.splitlines()) == len(stages)
    assert dict(line.split(maxsplit=1) for line in table.stdout.splitlines()) == {
        "preset": "v-niah, seed 42",
        "lengths": "10",
        "depths": "0 1",
        "cells": "2 of 2 items",
        "items": "4",
        "distractors": "0",
        "frames": "40 (0.0 hours of video)",
        "size": "about 0.00 GB as video",
    }


def test_a_dry_run_writes_nothing(given, tmp_path):
    done = run("plan", "v-niah", *given, "--lengths", "10", "--dry-run", "-o", tmp_path / "plan.jsonl")
    assert done.exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_drops_are_said_with_their_reason(given):
    lures = ("--set", "distractors.origin=supplied", "--set", "distractors.period=15")
    done = run("plan", "v-niah", *given, "--lengths", "10", *lures, "--json")
    summary = json.loads(done.stdout)
    assert summary["items"] == 0
    assert sum(summary["dropped"].values()) == 12
    assert "dropped" in run("plan", "v-niah", *given, "--lengths", "10", *lures).stdout


def test_several_films_after_one_flag(world, given, tmp_path):
    second = write_counter(tmp_path / "second.mp4", frames=30, rate=Fraction(1), size=(64, 36), first=9000)
    plan = tmp_path / "plan.jsonl"
    run("plan", "v-niah", *given, "--lengths", "45", "--haystack", world.film, second, "-o", plan)
    assert refused("plan", "v-niah", *given, "--haystack", second, world.film).endswith("; give it once")
    asked = ("--needles", world.pack, "--set", "mining.uniqueness=off", "--lengths", "45", "-o", plan)
    assert run("plan", "v-niah", "--haystack", world.film, second, *asked).exit_code == 0
    shown = {clip.source for item in read_plan(plan) for clip in item.timeline.clips if clip.role == "haystack"}
    assert shown == {"film", "second"}


def test_build_show_verify_render(given, tmp_path):
    out = tmp_path / "out"
    built = run("build", "v-niah", *given, "--lengths", "10", "--depths", "1/2", "--out", out)
    assert built.stdout == ""
    assert built.stderr.splitlines()[-1] == f"2 items in {out}; check them with: haystack-gen verify {out}"
    verified = run("verify", out, "--reader", "opencv", "pyav")
    assert verified.exit_code == 0
    assert "differences                 0\n" in verified.stdout
    assert json.loads(run("verify", out, "--json").stdout)["items"] == 2
    item = next(read_plan(DatasetFolder(out).plan)).id
    rendered = run("render", out, item, "-o", tmp_path / "again.mp4")
    assert (rendered.stdout, rendered.stderr) == ("", f"wrote {tmp_path / 'again.mp4'}\n")
    assert (tmp_path / "again.mp4").read_bytes() == (out / "videos" / "000" / f"{item}.mp4").read_bytes()
    (out / "videos" / "000" / f"{item}.mp4").unlink()
    wrong = run("verify", out)
    assert wrong.exit_code == 1
    assert (
        f"Error: 1 differences between the dataset and its plan:\n  videos/000/{item}.mp4: no such file" in wrong.stderr
    )


def test_media_are_chosen_on_the_command_line(given, tmp_path):
    run("build", "v-niah", *given, "--lengths", "10", "--depths", "0", "--media", "none", "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "videos").exists()
    assert read_spec_file(DatasetFolder(tmp_path / "out").spec).output.media == "none"


# ----------------------------------------------------------------------------------------- the paper's grid

PAPER_LENGTHS = list(range(100, 3000, 200))


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Arguments for a film of 3,000 seconds at a frame per second, and five needles with a distractor each."""
    folder = tmp_path_factory.mktemp("paper")
    world = make_world(folder, seconds=1, needles=5, lures=1)
    film = write_counter(folder / "long.mp4", frames=3000, rate=Fraction(1), size=(64, 36), gop=3000)
    return ("--haystack", str(film), "--needles", str(world.pack), "--size", "64x36")


def test_the_grid_of_the_paper(paper, tmp_path):
    done = run("plan", "v-niah-paper", *paper, "-o", tmp_path / "plan.jsonl", "--json")
    summary = json.loads(done.stdout)
    assert (summary["items"], summary["cells"], summary["dropped"], summary["distractors"]) == (450, 90, {}, 0)
    assert summary["lengths"] == PAPER_LENGTHS
    assert summary["frames"] == sum(length + 1 for length in PAPER_LENGTHS) * 30
    items = list(read_plan(tmp_path / "plan.jsonl"))
    cells = Counter((item.requested_length, item.requested_depth) for item in items)
    assert set(cells) == {(length, Fraction(step, 5)) for length in PAPER_LENGTHS for step in range(6)}
    assert set(cells.values()) == {5}
    for item in items:
        (needle,) = item.needles
        assert needle.start == int(item.requested_depth * item.requested_length)
        assert item.timeline.length == item.requested_length + 1
        assert item.window_start == 0
        assert item.answer == "A", "options as listed"


def test_the_grid_of_the_paper_with_distractors(paper, tmp_path):
    done = run("plan", "v-niah-d-paper", *paper, "-o", tmp_path / "plan.jsonl", "--json")
    assert json.loads(done.stdout)["items"] == 450
    tossed: Counter[str] = Counter()
    for item in read_plan(tmp_path / "plan.jsonl"):
        length, query = item.requested_length, int(item.requested_depth * item.requested_length)
        (needle,) = item.needles
        if query <= 200 and query + 200 >= length:
            assert item.side == "none"
        elif query < 200:
            assert item.side == "after"
        elif query + 200 >= length:
            assert item.side == "before"
        else:
            tossed[item.side] += 1
        assert len(item.distractors) == (item.side != "none")
        assert item.timeline.length == length + 1 + len(item.distractors)
        assert needle.start == query + (item.side == "before")
        for distractor in item.distractors:
            assert distractor.start - needle.start == distractor.offset == {"before": -201, "after": 201}[item.side]
    assert set(tossed) == {"before", "after"}
    assert 0.35 < tossed["before"] / sum(tossed.values()) < 0.65


# ---------------------------------------------------------------------------------------------- processes


def test_the_program_as_a_process(given, tmp_path):
    fine = subprocess.run([*PROGRAM, "rope-period", "qwen2-vl"], capture_output=True, text=True, check=False)
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "198.69\n", "")
    wrong = subprocess.run([*PROGRAM, "plan", "nowhere"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("Error: nowhere: no such spec file, and no preset of that name")
    plan = [*PROGRAM, "plan", "v-niah", *given, "--lengths", "10", "--json", "-o", str(tmp_path / "plan.jsonl")]
    planned = subprocess.run(plan, capture_output=True, text=True, check=False)
    assert (planned.returncode, planned.stderr.splitlines()[-1]) == (0, f"wrote {tmp_path / 'plan.jsonl'}")
    assert json.loads(planned.stdout)["items"] == 12


def _interrupted(command: list[str], *, at: str, everyone: bool) -> tuple[int, str]:
    """Start a build, send it Ctrl-C once it says `at`, and return its exit code and what it said."""
    said = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        for line in process.stderr:
            said += line
            if line.startswith(at):
                time.sleep(0.3 if everyone else 0)  # until its processes are on their way
                (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
                break
        said += process.stderr.read()
        return process.wait(timeout=60), said


@pytest.mark.parametrize("at", [pytest.param("planning", marks=pytest.mark.slow), "encoding", "splicing"])
def test_ctrl_c_leaves_a_folder_from_which_it_goes_on(given, tmp_path, at):
    options = [*given, "--lengths", "2:20:2", "--depths", "0:1:0.1", "--cache", str(tmp_path / "cache")]
    command = [*PROGRAM, "build", "v-niah", *options, "--out", str(tmp_path / "out")]
    code, said = _interrupted(command, at=at, everyone=False)
    assert code not in (0, 2)
    assert said.endswith("Stopped. The same command goes on from here.\n")
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    assert run(*command[len(PROGRAM) :]).exit_code == 0
    run("build", "v-niah", *options, "--out", tmp_path / "never stopped")
    assert tree(tmp_path / "out") == tree(tmp_path / "never stopped")


@pytest.mark.parametrize("at", ["encoding", "splicing"])
def test_ctrl_c_in_a_terminal_reaches_every_process_and_none_complains(given, tmp_path, at):
    options = [*given, "--lengths", "2:20:2", "--depths", "0:1:0.1", "--cache", str(tmp_path / "cache"), "--jobs", "2"]
    code, said = _interrupted(
        [*PROGRAM, "build", "v-niah", *options, "--out", str(tmp_path / "o")], at=at, everyone=True
    )
    assert code not in (0, 2)
    assert said.endswith("Stopped. The same command goes on from here.\n")
    assert "Traceback" not in said


def test_a_finished_dataset_is_not_replaced_by_mistake(given, tmp_path):
    options = [*given, "--out", tmp_path / "out", "--cache", tmp_path / "cache"]
    assert run("build", "v-niah", *options, "--lengths", "5", "--depths", "0").exit_code == 0
    before = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    said = refused("build", "v-niah", *options, "--lengths", "6", "--depths", "0")
    assert (
        said == f"{tmp_path / 'out'}: holds a finished dataset of another spec; choose another --out, or --replace it"
    )
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == before
    assert "holds a finished dataset of another spec" in refused("demo", "--out", tmp_path / "out")
    assert run("build", "v-niah", *options, "--lengths", "6", "--depths", "0", "--replace").exit_code == 0
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() != before


# -------------------------------------------------------------------------------- what a person may come to type


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "tiny", "--out", "x", "--seed=--5"], "tiny: seed is '--5': should be a valid integer"),
        (["build", "tiny", "--out", "x", "--seed=²"], "tiny: seed is '²': should be a valid integer"),
        (["build", "tiny", "--out", "x", "--seed=" + "9" * 5000], "seed"),
        (["build", "tiny", "--out", "x", "--shard", ""], "--shard : expected I/N with I from 1 to N"),
        (["build", "tiny", "--out", "/", "--shard", "1/2"], "/: is where everything is; name a folder for the dataset"),
        (["merge", "/"], "/: is where everything is; name a folder for the dataset"),
        (["merge", "."], "holds no shards; make them with haystack-gen build"),
        (
            ["build", "tiny", "--out", "x", "--cache", ""],
            "--cache: is empty, expected a path; name one, or leave it out",
        ),
        (["build", "tiny", "--out", ""], "--out: is empty, expected a path"),
        (["cache", "info", "--cache", "~nobody-of-this-name/x"], "there is no such home folder; say with --cache"),
        (["plan", "tiny", "--dry-run", "--set", "haystack=1", "--set", "haystack.fps=2"], "the first holds the second"),
        (["init", "tiny", "-o", "/proc/self/x.yaml"], "/proc/self/"),
        (["init", "tiny", "-o", "file/x.yaml"], "a file lies where a folder is expected; choose another place"),
        (
            ["plan", "tiny", "-o", "pipe"],
            "pipe: is a link, a pipe or a device, expected a file to write; choose another",
        ),
        (["plan", "tiny", "-o", "link"], "link: is a link, a pipe or a device"),
        (["plan", "tiny", "-o", "/dev/null"], "/dev/null: is a link, a pipe or a device"),
        (["show", "x", "y", "-o", "/dev/stdout"], "/dev/stdout: is a link, a pipe or a device"),
    ],
)
def test_mistakes_are_told_and_harm_nothing(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("file").write_text("mine")
    Path("link").symlink_to("file")
    assert said in refused(*arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "pipe"]
    assert Path("link").is_symlink()
    assert Path("pipe").is_fifo()
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_streams_that_are_closed_are_done_without(tmp_path, closed):
    words = [*PROGRAM, "cache", "info", "--cache", str(tmp_path)]
    assert subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words], check=False).returncode == 0


@pytest.mark.parametrize(("name", "encoding", "shown"), [("ЖЖ", "ascii", "ЖЖ"), ("\udcff", "utf-8", r"\udcff")])
def test_names_that_the_terminal_cannot_show_are_shown_somehow(tmp_path, name, encoding, shown):
    words = [*PROGRAM, "cache", "info", "--cache", os.fsencode(tmp_path / name)]
    done = subprocess.run(words, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=True)
    assert f"/{shown}\n".encode() in done.stdout


@pytest.mark.parametrize("as_events", [False, True])
def test_whoever_stops_reading_is_told_by_the_exit_code(tmp_path, as_events):
    """One of 1 would say that something does not hold."""
    reader, writer = os.pipe()
    os.close(reader)
    file = tmp_path / "questions.jsonl"
    file.write_text('{"question": "?", "options": ["a", "b"], "answer": "A"}\n')
    words = [*PROGRAM, "audit", str(file), *["--log-json"] * as_events]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    if as_events:
        *_, error, end = map(json.loads, done.stderr.splitlines())
        assert (error["event"], error["exit_code"], end["event"], end["exit_code"]) == ("error", 141, "end", 141)
        assert error["message"] == "whoever read stdout left before all was written"

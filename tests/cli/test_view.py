"""What a command shows on stderr, for people and for programs."""

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from haystack_gen import watch
from haystack_gen.cli import main, measures
from haystack_gen.cli.json_lines import JsonLines
from haystack_gen.cli.view import Lines, on_stderr, say, screen_of
from haystack_gen.specfile import dump_spec
from haystack_gen.watch import Watch
from tests.cli.commands import run
from tests.small_world import make_world

SPEC = "{grid: {lengths: '8', depths: '0,1'}}"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"), seconds=16, needles=2, lures=1)


@pytest.fixture
def spec(world, tmp_path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(dump_spec(world.spec(SPEC)))
    return path


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch, "monotonic", clock)
    return clock


def events(text: str) -> list[dict]:
    """Every line of it, which is an object of JSON in ASCII, or this fails."""
    assert text.isascii()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def test_lines_begin_go_on_every_half_minute_and_end(clock, capsys):
    with Watch(Lines()).stage("encoding", 100, "frames") as stage:
        stage.step(0, found=20)
        for _ in range(7):
            clock.now += 10
            stage.step(10, size_bytes=1_000_000)
    shown = capsys.readouterr().err
    assert shown.splitlines() == [
        "encoding ...",
        "encoding: 50 of 100 frames, 1 frames/s, 30 s, 50 s left",
        "encoding: 80 of 100 frames, 1 frames/s, 1 min 00 s, 20 s left",
        "encoding                             70 frames  1 min 10 s          1 frames/s  20 there already, 7.0 MB",
    ]
    assert "\r" not in shown


def test_the_rate_is_of_late_and_in_the_end_of_all_that_took_work(clock):
    shown = Watch()
    with shown.stage("splicing", 1000, "videos") as stage:
        stage.step(0, found=500)
        assert (stage.rate, stage.left_s) == (None, None)
        for _ in range(100):
            clock.now += 1
            stage.step(1)
        assert (stage.rate, stage.left_s) == (pytest.approx(1), pytest.approx(400))
        for _ in range(40):
            clock.now += 1
            stage.step(9)
        assert stage.rate == pytest.approx(9)
        assert stage.left_s == pytest.approx(40 / 9)
        stage.step(0, failed=40)
    assert shown.stages[0].as_json() == {
        **{"stage": "splicing", "unit": "videos", "total": 1000, "done": 460, "found": 500, "failed": 40},
        **{"size_bytes": 0, "seconds": 140.0, "rate": round(460 / 140, 3)},
    }


def test_one_long_step_has_a_rate_too(clock):
    with Watch().stage("encoding", 3, "frames") as stage:
        clock.now += 10
        stage.step(2)
        assert (stage.rate, stage.left_s) == (pytest.approx(0.2), pytest.approx(5))


def test_a_stage_without_a_total_or_that_is_stopped(clock, capsys):
    with Watch(Lines()).stage("planning", None, "items") as stage:
        clock.now += 40
        stage.step(80)
        assert stage.left_s is None
    with suppress(KeyboardInterrupt), Watch(Lines()).stage("verifying", 10, "videos") as stage:
        stage.step(3)
        clock.now += 4000
        raise KeyboardInterrupt
    assert capsys.readouterr().err.splitlines() == [
        "planning ...",
        "planning: 80 items, 2 items/s, 40 s",
        "planning                              80 items        40 s           2 items/s",
        "verifying ...",
        "verifying stopped: 3 of 10 videos, 1 h 06 min",
    ]


def test_stages_within_others_and_beside_them(clock, capsys):
    shown = Watch(Lines())
    with shown.stage("outer", 2) as outer:
        with shown.stage("inner", 1, "files") as inner:
            clock.now += 2
            inner.step()
            outer.step()
        outer.step()
        clock.now += 2
    assert [(one.name, one.position, one.elapsed_s) for one in shown.stages] == [("outer", 2, 4.0), ("inner", 1, 2.0)]
    inside, outside = capsys.readouterr().err.splitlines()[2:]
    assert inside.split() == ["inner", "1", "files", "2.0", "s", "0.5", "files/s"]
    assert outside.split() == ["outer", "2", "4.0", "s", "0.5/s"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (7384, "2 h 03 min")]
)
def test_durations(seconds, said):
    assert measures.duration(seconds) == said


def test_events_of_a_stage(clock, capsys):
    with Watch(JsonLines("build")).stage("encoding", 100, "frames") as stage:
        for _ in range(8):
            clock.now += 0.25
            stage.step(5, size_bytes=10)
    told = events(capsys.readouterr().err)
    assert told[0] == {"event": "start", "elapsed_s": 0.0, "command": "build", "version": told[0]["version"]}
    assert told[1] == {"event": "stage", "elapsed_s": 0, "id": 1, "stage": "encoding", "unit": "frames", "total": 100}
    same = {"id": 1, "stage": "encoding", "unit": "frames", "total": 100, "found": 0, "failed": 0}
    rate = {"rate": 20.0, "seconds": 2.0, "size_bytes": 80}
    assert [one["event"] for one in told[2:]] == ["progress", "progress", "stage_end"], "one a second, and the end"
    assert told[3] == {"event": "progress", "elapsed_s": 2.0, **same, **rate, "done": 40, "left_s": 3.0}
    assert told[4] == {"event": "stage_end", "elapsed_s": 2.0, **same, **rate, "done": 40, "whole": True}


def test_a_build_tells_events_and_its_talk_among_them(spec, tmp_path):
    done = run("build", spec, "--out", tmp_path / "out", "--cache", tmp_path / "cache", "--log-json")
    assert (done.exit_code, done.stdout) == (0, "")
    told = events(done.stderr)
    assert [one["event"] for one in (told[0], told[-1])] == ["start", "end"]
    assert (told[0]["command"], told[-1]["exit_code"]) == ("build", 0)
    begun = {one["id"]: one["stage"] for one in told if one["event"] == "stage"}
    ended = {one["id"]: one["stage"] for one in told if one["event"] == "stage_end"}
    assert begun == ended
    assert list(begun.values()) == [
        *("looking at the sources", "planning", "guessing", "encoding", "splicing videos"),
        *("describing the media", "writing the manifest"),
    ]
    assert all(one["whole"] for one in told if one["event"] == "stage_end")
    said = [one["message"] for one in told if one["event"] == "message"]
    assert said[-1] == f"4 items in {tmp_path / 'out'}; check them with: haystack-gen verify {tmp_path / 'out'}"
    assert [one["elapsed_s"] for one in told] == sorted(one["elapsed_s"] for one in told)


def test_data_stay_on_stdout(spec, tmp_path):
    done = run("plan", spec, "--cache", tmp_path / "cache", "--json", "--log-json")
    assert json.loads(done.stdout)["items"] == 4
    assert {one["event"] for one in events(done.stderr)} >= {"start", "stage", "stage_end", "end"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["build", "no\x1b[31m\u202esuch", "--out", "{out}"], 2, "no\x1b[31m\u202esuch: no such spec file"),
        (["build", "tiny", "--out", "{out}", "--set", "seed"], 2, "--set seed: expected KEY=VALUE"),
        (["build", "tiny"], 2, "Missing option '--out'"),
        (["verify", "{out}", "--nonsense"], 2, "No such option '--nonsense'"),
        (["verify", "{out}"], 2, "manifest.jsonl"),
    ],
)
def test_errors_are_events_with_the_exit_code(tmp_path, arguments, code, message):
    done = run(*(one.format(out=tmp_path / "out") for one in arguments), "--log-json")
    *_, error, end = events(done.stderr)
    assert (error["event"], error["exit_code"], end["event"], end["exit_code"]) == ("error", code, "end", code)
    assert done.exit_code == code
    assert message in error["message"]
    assert not error["message"].startswith("Error")


def test_what_does_not_hold_is_an_error_too(tmp_path):
    file = tmp_path / "questions.jsonl"
    rows = ({"question": f"{n}?", "options": ["a", "b", "c", "d"], "answer": "A"} for n in range(60))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("audit", file, "--json", "--log-json")
    *_, error, end = events(done.stderr)
    assert (done.exit_code, error["event"], error["exit_code"], end["exit_code"]) == (1, "error", 1, 1)
    assert json.loads(done.stdout)["blind"]


def test_an_interrupt_is_an_error_with_its_code(monkeypatch, spec, tmp_path):
    from haystack_gen import build

    def interrupted(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "gather", interrupted)
    done = run("build", spec, "--out", tmp_path / "out", "--log-json")
    assert done.exit_code == 130
    assert events(done.stderr)[-2]["message"] == "Stopped. The same command goes on from here."
    done = run("build", spec, "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr) == (130, "\nStopped. The same command goes on from here.\n")


def test_what_libraries_log_is_said_once(capsys):
    with screen_of(["--log-json"], "build"):
        logging.getLogger("some.library").warning("bad \x1b[31m thing")
        logging.getLogger("some.library").info("nothing")
        say("talk")
    message, talk = events(capsys.readouterr().err)[1:]
    assert (message["level"], message["message"]) == ("warning", "bad \x1b[31m thing")
    assert (talk["level"], talk["message"]) == ("info", "talk")
    with screen_of([], "build"):
        logging.getLogger("some.library").warning("bad \x1b[31m thing")
    assert capsys.readouterr().err == "bad \\x1b[31m thing\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_workers_log_is_an_event_of_the_command(spec, tmp_path, jobs):
    """A second generation of frames, kept beside the spans, is found damaged while a video is spliced."""
    cached = ("--cache", tmp_path / "cache", "--set", "haystack.fps=10", "--set", "grid.lengths=24")
    cut = ("--set", "haystack.window=random", "--allow-guessable")
    assert run("build", spec, "--out", tmp_path / "one", *cached, *cut).exit_code == 0
    tables = list((tmp_path / "cache" / "chunks").rglob("cut-*.npy"))
    assert tables
    for table in tables:
        table.write_bytes(table.read_bytes()[:-10])
    done = run("build", spec, "--out", tmp_path / "two", *cached, *cut, "--jobs", jobs, "--log-json")
    assert done.exit_code == 0
    warned = [one["message"] for one in events(done.stderr) if one.get("level") == "warning"]
    assert len(warned) == len(tables)
    assert all("is damaged (" in message and "cut-" in message for message in warned)


def test_every_command_that_shows_progress_has_the_option():
    with_option = {
        name for name, command in main.commands.items() if "log_json" in {one.name for one in command.params}
    }
    assert with_option == {
        *("demo", "index", "mine", "plan", "build", "merge", "verify", "audit", "report", "export", "push")
    }


RAW = r"""
import os, subprocess, sys
from haystack_gen.cli.view import say, screen_of
with screen_of(["--log-json"], "x") as screen:
    os.write(2, b"past Python \xff\n\n")
    subprocess.run(["sh", "-c", "echo of another process >&2"], check=True)
    sys.stderr.write("unfinished")
screen.close(3)
"""


def test_what_others_write_to_stderr_is_an_event_too():
    done = subprocess.run([sys.executable, "-c", RAW], capture_output=True, text=True, check=True, env=_environment())
    start, *said, end = events(done.stderr)
    assert (start["event"], end["event"], end["exit_code"]) == ("start", "end", 3)
    assert [(one["level"], one["message"]) for one in said] == [
        ("stderr", "past Python \ufffd"),
        ("stderr", "of another process"),
        ("stderr", "unfinished"),
    ]


def test_ctrl_c_is_told_as_an_event_whatever_the_workers_do(spec, tmp_path):
    options = (
        "--set",
        "haystack.fps=30",
        "--set",
        "grid.lengths=2:200:2",
        "--jobs",
        "2",
        "--cache",
        tmp_path / "cache",
    )
    command = ("build", spec, "--out", tmp_path / "out", *options, "--log-json")
    program = (sys.executable, "-c", "from haystack_gen.cli import main; main()")
    with subprocess.Popen(
        [*program, *map(str, command)], stderr=subprocess.PIPE, text=True, env=_environment(), start_new_session=True
    ) as process:
        said = ""
        for line in process.stderr:
            said += line
            if json.loads(line).get("stage") == "splicing videos":
                os.killpg(process.pid, signal.SIGINT)
                break
        said += process.stderr.read()
        assert process.wait(60) == 130
    *_, error, end = events(said)
    assert (error["event"], error["exit_code"], end["exit_code"]) == ("error", 130, 130)
    ended = [one for one in events(said) if one["event"] == "stage_end"]
    assert (ended[-1]["stage"], ended[-1]["whole"]) == ("splicing videos", False)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


LIVE = """
import time
from haystack_gen.cli.view import on_stderr, say, screen_of
with screen_of([], "x"):
    shown = on_stderr()
    with shown.stage("outer work", None, "items") as outer:
        outer.step(3)
        with shown.stage("inner work", 4, "frames") as inner:
            for _ in range(4):
                inner.step()
                time.sleep(0.15)
            say("something [bold]else[/bold] \\x1b]0;title")
    say("after")
"""


def test_a_terminal_has_a_bar_for_what_is_under_way_and_a_line_for_what_ended():
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", LIVE],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env=_environment() | {"TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(theirs)
        drawn = b""
        while block := _read(ours):
            drawn += block
        assert process.wait() == 0
    os.close(ours)
    text = drawn.decode()
    assert "\x1b]" not in text, "the talk steers the terminal"
    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert re.search(r"inner work +[━╺╸ ]+[1-3] of 4 frames, \S+ frames/s, 0\.\d s, 0\.\d s left", bare)
    assert re.search(r"outer work +[━╺╸ ]+3 items", bare)
    assert "something [bold]else[/bold] \\x1b]0;title" in bare
    lasting = [line.rstrip().split("\r")[-1] for line in bare.split("\n")]
    assert [line for line in lasting if line.startswith("inner work   ") and line.endswith("frames/s")]
    assert lasting[-2:] == ["after", ""]
    assert "\x1b[?25h" in text, "the cursor is shown again"


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:  # Linux's way of saying that nobody writes any more
        return b""


def test_a_command_called_by_itself_shows_lines(capsys):
    with on_stderr().stage("planning", None):
        pass
    assert capsys.readouterr().err.startswith("planning ...\nplanning ")

"""A process in which a case may do its worst: no network, no writing but where it may, bounded memory, all seen."""

import contextlib
import io
import os
import re
import resource
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MEMORY_BYTES = 3 << 30
LARGEST_FILE_BYTES = 256 << 20
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What changes files: which arguments are paths, and which the folders, by descriptor, that they are relative to.
_CHANGES = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.symlink": ((1, 2),),
    "os.link": ((1, 3),),
    "os.truncate": ((0, 9),),
    "os.chmod": ((0, 2),),
}
_NET = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn"}
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # what terminals obey, but for tab, line end
_ALLOWED_EXITS = (0, 1, 2)


@dataclass
class Outcome:
    """What came of a case: the exit code of each command, what was said, and every fault."""

    kind: str
    number: int
    exits: list[int] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    said: str = ""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether all commands said no."""
        return bool(self.exits) and all(code == 2 for code in self.exits)


@dataclass
class Case:
    """Where a case lies: `input` is of the stranger, `out` may be written, `secret` is nobody's business."""

    root: Path
    port: int

    def __getattr__(self, name: str) -> Path:
        if name in ("input", "out", "secret", "home", "cwd", "tmp"):
            return self.root / name
        raise AttributeError(name)

    def write(self, name: str, content: bytes) -> Path:
        """A file of the input, with the port of the trap filled in."""
        path = self.input / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(b"{port}", str(self.port).encode()))
        return path


class Guard:
    """Listens to what Python does, and stops what is not allowed."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] = ()
        self.faults: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _NET:
            self._stop(f"network: {event} {str(args[1:])[:100]}")
        elif event in _STARTS:
            self._stop(f"started a process: {str(args)[:100]}")
        elif event == "open" and isinstance(args[2], int) and args[2] & _WRITES:
            self._check(args[0], "opened for writing")
        for path, folder in _CHANGES.get(event, ()):
            self._check(args[path], event, args[folder] if folder < len(args) else -1)

    def _check(self, path: Any, what: str, folder: int = -1) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str | os.PathLike):
            return
        base = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()  # noqa: PTH109, PTH115
        place = os.path.normpath(os.path.join(base, path))  # noqa: PTH118  strings, so that nothing is looked up
        if place != os.devnull and not f"{place}/".startswith(self.allowed):
            self._stop(f"{what} outside of the output: {place}")

    def _stop(self, fault: str) -> None:
        self.faults.append(fault)
        raise PermissionError(13, fault)


def serve(connection: Connection, corpus: Path, scratch: Path) -> None:
    """Run one case after another until told to stop; the parent ends this process if one takes too long."""
    scratch.mkdir(parents=True, exist_ok=True)
    log = os.open(scratch / "native.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(log, number)  # what C libraries print
    os.environ.update(HAYSTACK_CACHE=str(scratch / "cache"), MPLCONFIGDIR=str(scratch / "mpl"), HF_HUB_OFFLINE="1")
    sys.dont_write_bytecode = True
    trap = socket.create_server(("127.0.0.1", 0))
    trap.setblocking(False)
    from tests.fuzz import cases  # imports everything before memory is bounded

    cases.warm_up(corpus, scratch)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE_BYTES, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    guard = Guard()
    connection.send("ready")
    while (order := connection.recv()) is not None:
        kind, number = order
        connection.send(_run(kind, number, corpus, scratch, guard, trap))


def _run(kind: str, number: int, corpus: Path, scratch: Path, guard: Guard, trap: socket.socket) -> Outcome:
    from tests.fuzz import cases

    outcome = Outcome(kind, number)
    case = Case(scratch / "case", trap.getsockname()[1])
    cases.clear(case.root)
    for name in ("input", "out", "secret", "home", "cwd", "tmp"):
        (case.root / name).mkdir(parents=True)
    os.environ.update(HOME=str(case.home), TMPDIR=str(case.tmp))
    tempfile.tempdir = str(case.tmp)
    os.chdir(case.cwd)
    commands = cases.make(kind, number, case, corpus)
    secrets = cases.hide_secrets(case, corpus)
    guard.allowed = tuple(f"{path}/" for path in (case.out, case.tmp, scratch / "cache", scratch / "mpl"))
    before, guard.faults = _tree(case.root), []
    for command in commands:
        outcome.commands.append(command)
        _one_command(command, outcome, guard)
    outcome.faults += guard.faults
    after = _tree(case.root)
    strange = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    strange = {path for path in strange if path.split("/")[0] not in ("out", "tmp")}
    outcome.faults += [f"changed outside of the output: {path}" for path in sorted(strange)]
    if kind in cases.CLOSED:
        outcome.faults += [
            f"read {path.name}, which is none of its own" for path in secrets if path.stat().st_atime > 2
        ]
    with contextlib.suppress(BlockingIOError):
        trap.accept()[0].close()
        outcome.faults.append("network: the trap was called")
    return outcome


def _one_command(command: Sequence[str], outcome: Outcome, guard: Guard) -> None:
    from haystack_gen.cli import main

    out, said = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=how) for how in ("strict", "backslashreplace"))
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr, guard.on = out, said, True
    try:
        main.main(list(command), prog_name="haystack-gen")
        outcome.exits.append(0)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 99
        outcome.exits.append(code)
        if code not in _ALLOWED_EXITS:
            outcome.faults.append(f"exit code {stop.code!r}")
    except BaseException as error:
        guard.on = False
        where = "".join(traceback.format_exception(error)[-6:])
        outcome.exits.append(99)
        outcome.faults.append(f"stack trace: {type(error).__name__}: {str(error)[:300]}\n{where[-2500:]}")
    finally:
        guard.on = False
        sys.stdout, sys.stderr = kept
    texts = []
    for stream in (out, said):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "replace"))
    outcome.said += texts[1][-1500:]
    if "Traceback (most recent call last)" in texts[1]:
        outcome.faults.append(f"printed a stack trace: {texts[1][-1500:]}")
    for text, name in zip(texts, ("stdout", "stderr"), strict=True):
        if found := _STEERING.search(text):
            near = text[max(0, found.start() - 60) : found.end() + 20]
            outcome.faults.append(f"{name} steers the terminal: {near!r}")


def _tree(root: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder, with its size and the time of its last change."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)  # noqa: PTH118  names of cases are not always paths
            state = os.lstat(path)
            size = 0 if name in folders else state.st_size
            found[os.path.relpath(path, root)] = (size, 0 if name in folders else state.st_mtime_ns)
    return found

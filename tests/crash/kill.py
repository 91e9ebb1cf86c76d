"""Builds killed at moments drawn from a seed, run again, and compared with one that was never killed.

    python -m tests.crash.kill --kills 60 --interrupts 24 --seed 1

A round starts a build in an empty folder with an empty cache, waits for a stage that it says to begin on stderr, and
then for a random part of the time that the stage took undisturbed. Whatever is left is built again, and must have the
same files as the undisturbed build, byte by byte, with nothing half-written in dataset or cache.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Thread

from haystack_gen.plan.streams import Stream
from tests.counter_video import write_counter
from tests.small_world import SIZE, make_facts, tree

SPEC = """
tasks: [retrieval, counting, ordering]
haystack: {{sources: ["{films}"], size: "{size}", fps: 10}}
needles: {{pack: "{pack}"}}
grid: {{lengths: "24", depths: 0:1:1/3, trials: 1}}
distractors: {{origin: any, period: 9, count: 2, at_least: 0}}
mining: {{pool: ["{pool}"], band: "-1:1", sharpness: 0, uniqueness: report}}
"""
COMMAND = (sys.executable, "-c", "from haystack_gen.cli import main; main()")
STARTING = "starting ..."  # before anything is said; Python itself answers an interrupt then
SETTINGS = ((1, "video"), (2, "video"), (2, "frames"), (1, "frames"))
KILLS = ("kill all", "kill parent")
INTERRUPTS = ("interrupt all", "interrupt parent")
GOODBYE = "Stopped. The same command goes on from here."
# A Ctrl-C inside Python's own open() leaves a file that nobody can close, of which people are not told either.
WARNINGS = "error,ignore::ResourceWarning"
PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class World:
    """A spec on disk, what it names, and where a round builds."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def clear(self) -> None:
        """Forget everything that was built."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.rmtree(self.cache, ignore_errors=True)


def make_world(root: Path) -> World:
    """Two films, a pack that every family can ask about, and a film to mine."""
    films, pool = root / "films", root / "pool"
    for folder, name, frames in ((films, "one", 700), (films, "two", 660), (pool, "three", 60)):
        folder.mkdir(parents=True, exist_ok=True)
        write_counter(folder / f"{name}.mp4", frames=frames, rate=Fraction(10), size=SIZE, gop=40)
    pack = make_facts(root / "pack")
    spec = SPEC.format(films=films, pool=pool, pack=pack, size=f"{SIZE[0]}x{SIZE[1]}")
    (root / "spec.yaml").write_text(spec, encoding="utf-8")
    return World(root=root)


class Running:
    """A build in a session of its own; each line of its stderr is kept with the moment at which it came."""

    def __init__(self, world: World, *, jobs: int, media: str) -> None:
        options = ("--out", world.out, "--cache", world.cache, "--jobs", jobs, "--media", media, "--allow-guessable")
        window = "first" if media == "frames" else "random"  # few frames to write, many places to cut
        spec = (world.root / "spec.yaml", "--set", f"haystack.window={window}")
        self.begun_s = time.monotonic()
        self.process = subprocess.Popen(
            [*COMMAND, "build", *map(str, spec), *map(str, options)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": WARNINGS},
        )
        self.lines: list[tuple[float, str]] = [(0.0, STARTING)]
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append((time.monotonic() - self.begun_s, line.rstrip("\n")))

    def wait_for(self, stage: str) -> bool:
        """Wait for a stage to begin; False if the build ended before."""
        while stage not in (line for _, line in self.lines):
            if self.process.poll() is not None:
                return False
            time.sleep(0.002)
        return True

    def end(self) -> int:
        """Wait for the end; returns the exit code."""
        with self.process:
            code = self.process.wait(PATIENCE_S)
            self._reader.join(PATIENCE_S)
        return code

    def survivors(self) -> list[int]:
        """Living processes of the session."""
        return [pid for pid in living() if session_of(pid) == self.process.pid]

    def stages(self) -> list[tuple[str, float]]:
        """What a finished build said it did, and for how long it did that."""
        ends = [*(at for at, _ in self.lines[1:]), time.monotonic() - self.begun_s]
        return [(line, end - at) for (at, line), end in zip(self.lines, ends, strict=True) if line.endswith("...")]

    @property
    def said(self) -> str:
        return "\n".join(line for _, line in self.lines)


def living() -> Iterator[int]:
    """Ids of processes that have not ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                yield int(folder.name)


def session_of(pid: int) -> int | None:
    with suppress(OSError):
        return os.getsid(pid)
    return None


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What an undisturbed build leaves, and the stages it went through."""

    dataset: dict[str, bytes]
    cache: dict[str, bytes]
    stages: list[tuple[str, float]]


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of one disturbance: `wrong` is empty if all is as it should be."""

    stage: str
    how: str
    stopped_s: float
    wrong: tuple[str, ...]


def artefacts(cache: Path) -> dict[str, bytes]:
    """What a cache holds, but for the hashes of its own files, which are named by the time of their writing.

    Vectors are compared by name: those saved before and after an interruption may stand in another order.
    """
    return {
        name: b"" if name.startswith("embeddings/") else content
        for name, content in tree(cache).items()
        if not name.startswith("hashes/")
    }


def undisturbed(world: World, *, jobs: int, media: str) -> Whole:
    """Build from nothing."""
    world.clear()
    running = Running(world, jobs=jobs, media=media)
    if running.end():
        raise AssertionError(running.said)
    return Whole(dataset=tree(world.out), cache=artefacts(world.cache), stages=running.stages())


def disturb(world: World, whole: Whole, draw: Stream, *, how: str, jobs: int, media: str, stage: str) -> Round | None:
    """Disturb a build once and build again; None if it had ended before the moment came.

    `how`: "kill all" (SIGKILL to the whole group), "kill parent" (to the first process alone: workers are to notice),
    "interrupt all" (SIGINT to the group, as a terminal's Ctrl-C) or "interrupt parent".
    """
    world.clear()
    running = Running(world, jobs=jobs, media=media)
    wait_s = dict(whole.stages)[stage] * draw.unit()
    if not running.wait_for(stage):
        running.end()
        return None
    time.sleep(wait_s)
    if running.process.poll() is not None:
        running.end()
        return None
    sent_s = time.monotonic()
    number = signal.SIGKILL if how.startswith("kill") else signal.SIGINT
    (os.killpg if how.endswith("all") else os.kill)(running.process.pid, number)
    code = running.end()
    while running.survivors() and time.monotonic() - sent_s < PATIENCE_S:
        time.sleep(0.01)
    stopped_s = time.monotonic() - sent_s
    wrong = [f"{pid} lives on" for pid in running.survivors()]
    if number == signal.SIGINT:
        if code == 0 and "items in" in running.said:
            return None  # it had just ended
        if code != 130 or "Traceback" in running.said or not running.said.endswith(GOODBYE):
            wrong.append(f"exit code {code}: {running.said}")
    wrong += again(world, whole, jobs=jobs, media=media)
    return Round(stage=stage, how=how, stopped_s=stopped_s, wrong=tuple(wrong))


def again(world: World, whole: Whole, *, jobs: int, media: str) -> Iterator[str]:
    """Build once more; yields every difference from the undisturbed build."""
    manifest = world.out / "manifest.jsonl"
    if manifest.exists() and manifest.read_bytes() != whole.dataset["manifest.jsonl"]:
        yield "a manifest was there that is not the whole one"
    running = Running(world, jobs=jobs, media=media)
    if running.end():
        yield f"cannot be built again: {running.said}"
    for what, expected, found in (
        ("dataset", whole.dataset, tree(world.out)),
        ("cache", whole.cache, artefacts(world.cache)),
    ):
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                missing = "missing" if name not in found else "stray" if name not in expected else "different"
                yield f"{what}: {name} is {missing}"
    yield from (f"cache: {path} is stray" for path in world.cache.rglob(".part-*"))


def rounds(
    world: World, seed: int, *, hows: Sequence[str], count: int, settings: Sequence[tuple[int, str]] = SETTINGS
) -> Iterator[Round]:
    """Disturbances spread over all stages, and over the settings in turn."""
    wholes = {(jobs, media): undisturbed(world, jobs=jobs, media=media) for jobs, media in settings}
    done = tries = 0
    while done < count:
        if tries > 5 * count + 20:
            raise AssertionError(f"only {done} of {tries} builds were still at work when their moment came")
        tries += 1
        draw = Stream(seed, "crash", tries)
        jobs, media = settings[done % len(settings)]
        names = [name for name, _ in wholes[jobs, media].stages if hows[0].startswith("kill") or name != STARTING]
        turn = Stream(seed, "stages").shuffled(range(len(names)))[done // len(settings) % len(names)]
        how, whole = draw.choice(hows), wholes[jobs, media]
        if found := disturb(world, whole, draw, how=how, jobs=jobs, media=media, stage=names[turn]):
            done += 1
            yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--interrupts", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder))
        for hows, count in (
            (KILLS, given.kills),
            (INTERRUPTS, given.interrupts),
        ):
            print(table(list(told(rounds(world, given.seed, hows=hows, count=count)))) if count else "")


def told(found: Iterator[Round]) -> Iterator[Round]:
    for one in found:
        wrong = "; ".join(one.wrong) or "as it should be"
        print(f"{one.stage:<28} {one.how:<16} {one.stopped_s:6.2f} s  {wrong}", flush=True)
        yield one


def table(found: Sequence[Round]) -> str:
    """Rounds by stage: how many, how many of them right, and the longest time to stop."""
    lines = []
    for stage, count in Counter(one.stage for one in found).items():
        mine = [one for one in found if one.stage == stage]
        right = sum(not one.wrong for one in mine)
        lines.append(f"{stage:<28} {right} of {count}, stopped within {max(one.stopped_s for one in mine):.2f} s")
    right = sum(not one.wrong for one in found)
    return "\n".join([*lines, f"{'together':<28} {right} of {len(found)}"])


if __name__ == "__main__":
    main()

"""A set whose questions can be answered without their videos is not completed, unless that is asked for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import Result
from PIL import Image

from haystack_gen import build as line
from haystack_gen.build import build
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.errors import CheckError, InputError, StorageError
from haystack_gen.gathering import Tools
from haystack_gen.spec import Spec
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.counter_video import draw_number
from tests.small_world import SIZE, SmallWorld, make_world, tree

COUNT = 16
ANIMALS = ("dog", "cat", "cow", "hen")
SPEC = "grid: {lengths: 8, depths: 1/2, trials: needles}\ndistractors: {origin: none}\n"
SMALL = (("--lengths", "8"), ("--depths", "1/2"), ("--set", "distractors.origin=none"))


def pack_of(folder: Path, options: Sequence[Sequence[str]], answers: Sequence[str], *, said: str = "picture") -> Path:
    """Needles that differ in their number, with the options and answers given."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (offered, answer) in enumerate(zip(options, answers, strict=True)):
        Image.fromarray(draw_number(500_000 + number, SIZE)).save(folder / f"needle-{number}.png")
        question = f"Which animal is in {said} {number}?"
        lines.append(
            {"image": f"needle-{number}.png", "question": question, "options": list(offered), "answer": answer}
        )
    (folder / "needles.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def fair(folder: Path) -> Path:
    return pack_of(folder, [ANIMALS] * COUNT, [ANIMALS[number % 4] for number in range(COUNT)])


def longest(folder: Path) -> Path:
    """The right option is the longest one, each animal alike often."""
    answers = [ANIMALS[number % 4] for number in range(COUNT)]
    options = [[f"{one} there" if one == answer else one for one in ANIMALS] for answer in answers]
    return pack_of(folder, options, [f"{answer} there" for answer in answers])


def uneven(folder: Path) -> Path:
    """It is a dog whatever is asked."""
    return pack_of(folder, [ANIMALS] * COUNT, ["dog"] * COUNT)


PACKS = {"longest": longest, "uneven": uneven, "fair": fair}
RULES = {"longest": "longest", "uneven": "most frequent answer"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_world(tmp_path_factory.mktemp("guessable") / "world", seconds=20, needles=1, lures=1)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packs")
    return {name: pack(folder / name) for name, pack in PACKS.items()}


@pytest.fixture(scope="module")
def finished(world: SmallWorld, packs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fair dataset without media; copy it."""
    out = tmp_path_factory.mktemp("finished") / "out"
    build(spec_of(world, packs["fair"], **{"output.media": "none"}), out, Tools.local())
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished dataset."""
    return Path(copytree(finished, tmp_path / "copy"))


def spec_of(world: SmallWorld, pack: Path, text: str = SPEC, **overrides: object) -> Spec:
    return world.spec(text, **{"needles.pack": str(pack)}, **overrides)


def made(world: SmallWorld, pack: Path, out: Path, *more: str) -> Result:
    size = (
        "--set",
        f"haystack.size={SIZE[0]}x{SIZE[1]}",
        "--set",
        "mining.uniqueness=off",
        "--set",
        "grid.trials=needles",
    )
    small = [part for option in SMALL for part in option]
    return run(
        "build", "v-niah", "--haystack", world.film, "--needles", pack, *small, *size, "--fps", "1", "--out", out, *more
    )


def media(out: Path) -> list[Path]:
    return sorted(out.glob("videos/**/*.mp4"))


@pytest.mark.parametrize("name", RULES)
def test_a_set_that_can_be_guessed_is_refused_before_any_video_is_made(world, packs, tmp_path, name):
    out = tmp_path / "out"
    done = made(world, packs[name], out)
    assert done.exit_code == 1
    first, *leaks = done.stderr.partition("Error: ")[2].splitlines()
    assert first == (
        f"{out}: is not complete, since its questions can be answered without their videos; change the pack or the "
        "spec, or build it with --allow-guessable:"
    )
    rule = f"  retrieval, each turns: {RULES[name]!r} is right in 100.0%, chance is 25.0%"
    assert rule in leaks
    assert all(leak.startswith(("  retrieval, each turns: ", "  all, each turns: ")) for leak in leaks)
    assert {path.name for path in out.iterdir()} == {"audit", "provenance"}
    found = json.loads((out / "audit" / "blind.json").read_text())
    assert found["verdict"].startswith("LEAKS: ")
    assert {part["part"] for part in found["parts"]} >= {"retrieval"}
    assert sum(score["leak"] for part in found["parts"] for score in part["scores"]) == len(leaks)
    assert run("audit", out).exit_code == 2, "there is nothing that could be audited"
    assert run("verify", out).exit_code == 2


def test_it_is_built_if_that_is_asked_for_and_refused_again_if_it_is_not(world, packs, tmp_path):
    out = tmp_path / "out"
    assert made(world, packs["longest"], out).exit_code == 1
    allowed = made(world, packs["longest"], out, "--allow-guessable")
    assert allowed.exit_code == 0, allowed.stderr
    said = "can be guessed: retrieval, each turns: 'longest' is right in 100.0%, chance is 25.0%"
    assert said in allowed.stderr.splitlines()
    assert len(list(read_manifest(out / "manifest.jsonl"))) == COUNT == len(media(out))
    files = tree(out)

    again = made(world, packs["longest"], out, "--allow-guessable")
    assert again.exit_code == 0
    assert said in again.stderr.splitlines(), "it is said each time"
    assert tree(out) == files

    refused = made(world, packs["longest"], out)
    assert refused.exit_code == 1
    assert "is not complete, since its questions can be answered without their videos" in refused.stderr
    assert not (out / "manifest.jsonl").exists()

    assert made(world, packs["longest"], out, "--allow-guessable").exit_code == 0
    assert tree(out) == files, "as it was"
    assert run("verify", out).exit_code == 0


def test_a_fair_set_is_built_in_silence(world, packs, tmp_path):
    out = tmp_path / "out"
    done = made(world, packs["fair"], out)
    assert done.exit_code == 0, done.stderr
    assert "can be guessed" not in done.stderr + done.stdout
    found = json.loads((out / "audit" / "blind.json").read_text())
    assert found["verdict"].startswith("no leak found")
    assert found["parts"][0]["questions"] == COUNT
    files = tree(out)
    flagged = made(world, packs["fair"], out, "--allow-guessable")
    assert (flagged.exit_code, "can be guessed" in flagged.stderr) == (0, False)
    assert tree(out) == files, "the flag is not part of a set"
    assert run("audit", out).exit_code == 0
    assert json.loads((out / "audit" / "blind.json").read_text()) == found, "an audit finds the same"


def test_what_a_build_finds_is_what_an_audit_finds(world, packs, tmp_path):
    out = tmp_path / "out"
    spec = spec_of(world, packs["longest"], **{"output.media": "none"})
    built = build(spec, out, Tools.local(), allow_guessable=True)
    found = (out / "audit" / "blind.json").read_bytes()
    assert run("audit", out).exit_code == 1
    assert (out / "audit" / "blind.json").read_bytes() == found
    assert len(built.leaks) == sum(score["leak"] for part in json.loads(found)["parts"] for score in part["scores"]) > 0
    assert "retrieval, each turns: 'longest' is right in 100.0%, chance is 25.0%" in built.leaks


def test_a_set_with_nothing_to_choose_from_cannot_be_guessed(world, packs, tmp_path):
    spec = spec_of(world, packs["longest"], SPEC + "choices: {form: open}\noutput: {media: none}\n")
    assert build(spec, tmp_path / "out", Tools.local()).leaks == ()
    found = json.loads((tmp_path / "out" / "audit" / "blind.json").read_text())
    assert found["verdict"] == "nothing to guess: no question has options"
    assert found["left_out"] == {"open questions": COUNT}


def test_twins_are_not_asked(world, packs, tmp_path):
    """In some of them the answer is always that nothing is there."""
    text = SPEC + "choices: {absent: true}\ncontrols: haystack_only, blanked\noutput: {media: none}\n"
    build(spec_of(world, packs["fair"], text), tmp_path / "out", Tools.local())
    found = json.loads((tmp_path / "out" / "audit" / "blind.json").read_text())
    assert found["left_out"]["control twins"] > COUNT


def test_rules_that_hold_in_every_turn_are_said_so(world, packs, tmp_path):
    spec = spec_of(world, packs["longest"], SPEC + "choices: {circular: true}\noutput: {media: none}\n")
    with pytest.raises(CheckError) as refused:
        build(spec, tmp_path / "out", Tools.local())
    assert "\n  retrieval, all turns: 'longest' is right in 100.0%, chance is 25.0%" in str(refused.value)


@pytest.mark.parametrize("of", ["none", "frames"])
def test_other_media_are_refused_as_well(world, packs, tmp_path, of):
    with pytest.raises(CheckError, match=r"is not complete, since .* --allow-guessable:\n  retrieval, each turns: "):
        build(spec_of(world, packs["uneven"], **{"output.media": of}), tmp_path / "out", Tools.local())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"audit", "provenance"}


def test_questions_are_tried_before_anything_is_encoded(world, packs, tmp_path, monkeypatch):
    monkeypatch.setattr(line, "_emit", lambda *_, **__: pytest.fail("emitted"))
    monkeypatch.setattr("haystack_gen.media.Media.encode", lambda *_, **__: pytest.fail("encoded"))
    with pytest.raises(CheckError):
        build(spec_of(world, packs["uneven"]), tmp_path / "out", Tools.local())


# ------------------------------------------------------------------------------------------ what was found before


def counted_guesses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    guess_rows = line.guess_rows

    def counting(rows, **options):
        calls.append(1)
        return guess_rows(rows, **options)

    monkeypatch.setattr(line, "guess_rows", counting)
    return calls


def test_nothing_is_guessed_twice_for_one_plan(world, packs, out, monkeypatch):
    calls, spec = counted_guesses(monkeypatch), spec_of(world, packs["fair"], **{"output.media": "none"})
    files = tree(out)
    build(spec, out, Tools.local())
    assert (calls, tree(out)) == ([], files)
    (out / "audit" / "blind.json").unlink()
    build(spec, out, Tools.local())
    assert (len(calls), tree(out)) == (1, files)


@pytest.mark.parametrize(
    "change",
    [{"seed": 7}, {"choices.absent": True}, {"grid.lengths": "9"}, {"output.media": "frames"}, {"choices.count": 3}],
    ids=str,
)
def test_another_spec_is_guessed_at_anew(world, packs, out, monkeypatch, change):
    calls = counted_guesses(monkeypatch)
    build(spec_of(world, packs["fair"], **({"output.media": "none"} | change)), out, Tools.local())
    assert len(calls) == 1


def test_a_verdict_of_another_pack_is_not_taken_for_this_ones(world, packs, tmp_path):
    """Fair, then leaky in the same folder, and back: the pack's own file changes, the spec's text does not."""
    pack, out = tmp_path / "pack", tmp_path / "out"
    spec = spec_of(world, fair(pack), **{"output.media": "none"})
    build(spec, out, Tools.local())
    verdict = (out / "audit" / "blind.json").read_bytes()
    uneven(pack)
    with pytest.raises(CheckError, match="is not complete"):
        build(spec, out, Tools.local())
    assert not DatasetFolder(out).manifest.exists()
    fair(pack)
    assert build(spec, out, Tools.local()).leaks == ()
    assert DatasetFolder(out).manifest.exists()
    assert (out / "audit" / "blind.json").read_bytes() == verdict


def test_a_build_that_was_stopped_after_planning_is_tried_all_the_same(world, packs, tmp_path, monkeypatch):
    out, spec = tmp_path / "out", spec_of(world, packs["uneven"], **{"output.media": "none"})
    with monkeypatch.context() as patch:
        patch.setattr(line, "guess_rows", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build(spec, out, Tools.local())
    assert not (out / "audit" / "blind.json").exists()
    with pytest.raises(CheckError, match="is not complete"):
        build(spec, out, Tools.local())


DAMAGED = {
    "empty": "",
    "cut off": '{"verdict": "no leak',
    "a list": "[]",
    "null": "null",
    "nothing": "{}",
    "parts no list": '{"parts": 3}',
    "no scores": '{"parts": [{"part": "all", "turns": "each"}]}',
    "no verdict on a score": '{"parts": [{"part": "all", "turns": "each", "scores": [{"rule": "longest"}]}]}',
    "a text for a number": json.dumps(
        {
            "parts": [
                {
                    "part": "all",
                    "turns": "each",
                    "scores": [{"leak": True, "rule": "longest", "accuracy": "much", "chance": 0.25}],
                }
            ]
        }
    ),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_verdict_is_an_error_that_names_it(world, packs, out, text):
    verdict = out / "audit" / "blind.json"
    verdict.write_text(text)
    with pytest.raises(InputError, match="delete it, and it is made again") as refused:
        build(spec_of(world, packs["fair"], **{"output.media": "none"}), out, Tools.local())
    assert str(refused.value).startswith(f"{verdict}: ")
    assert verdict.read_text() == text, "nothing is repaired unasked"


def test_a_damaged_verdict_is_made_again_once_deleted(world, packs, out, finished):
    verdict = out / "audit" / "blind.json"
    verdict.write_bytes(b"\xff\xfe\x00")
    spec = spec_of(world, packs["fair"], **{"output.media": "none"})
    with pytest.raises(InputError, match=r"blind\.json: byte 0 \(0xff\) is not UTF-8"):
        build(spec, out, Tools.local())
    verdict.unlink()
    assert build(spec, out, Tools.local()).items == COUNT
    assert tree(out) == tree(finished)


def test_a_folder_in_the_place_of_the_verdict(world, packs, out):
    (out / "audit" / "blind.json").unlink()
    (out / "audit" / "blind.json").mkdir()
    with pytest.raises((InputError, StorageError), match=r"blind\.json"):
        build(spec_of(world, packs["fair"], **{"output.media": "none"}), out, Tools.local())


# ------------------------------------------------------------------------------------------------- what is said


def test_leaks_are_said_however_much_else_there_is_to_remark_on(world, packs, tmp_path, monkeypatch):
    gather = line.gather

    def talkative(spec, tools):
        gathered = gather(spec, tools)
        return replace(gathered, remarks=tuple(f"remark {number}" for number in range(40)))

    monkeypatch.setattr(line, "gather", talkative)
    done = made(world, packs["longest"], tmp_path / "out", "--allow-guessable", "--media", "none")
    assert done.exit_code == 0
    assert "can be guessed: retrieval, each turns: 'longest' is right in 100.0%" in done.stderr
    more = [one for one in done.stderr.splitlines() if one.startswith("... and ")]
    remarks = (tmp_path / "out" / "provenance" / "remarks.txt").read_text().splitlines()
    said = [one for one in done.stderr.splitlines() if one.startswith("remark ")]
    assert all(
        one == f"... and {len(remarks) - len(said)} more in {DatasetFolder(tmp_path / 'out').remarks}" for one in more
    )


def test_the_help_names_the_flag():
    assert "--allow-guessable" in run("build", "--help").stdout

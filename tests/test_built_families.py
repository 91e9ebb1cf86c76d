"""Datasets of many families: several items to a video, several videos to an item, twins, lists and noise."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from haystack_gen import build as line
from haystack_gen import open_item
from haystack_gen.cli import main
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import distinct_videos
from haystack_gen.errors import InputError
from haystack_gen.facts import BLANK
from haystack_gen.families import Control
from haystack_gen.judge.readers import open_film
from haystack_gen.judge.verify import verify
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.spec import Spec
from haystack_gen.specfile import without_folders
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import draw_number, read_number, write_counter
from tests.small_world import SIZE, SmallWorld, built, make_facts, make_world, tree

SHARED = """
tasks: multi_query
grid: {lengths: "20", depths: "0,1", trials: 1}
choices: {form: both, circular: true, absent: %s}
distractors: {origin: supplied, period: 6, at_least: 0, count: 1}
placement: {band: 1}
"""
TWINS = ", ".join(get_args(Control))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    folder = tmp_path_factory.mktemp("families")
    return replace(make_world(folder / "world", seconds=30, needles=1, lures=1), pack=make_facts(folder / "facts"))


def shown(world: SmallWorld, timeline: Timeline) -> list[int]:
    """The number of every frame, -1 for blanks."""
    clips = [clip for clip in timeline.clips for _ in range(clip.length)]
    blank = {at for at, clip in enumerate(clips) if clip.source == BLANK}
    video = SimpleNamespace(timeline=timeline)
    return [-1 if at in blank else world.number(video, at) for at in range(timeline.length)]


@lru_cache
def read(path: Path) -> list[int]:
    """The number that every frame of a file shows, -1 where it is blank."""
    frames = list(open_film(path, "pyav").frames)
    return [-1 if np.ptp(frame.reshape(-1, 3), axis=0).max() <= 2 else read_number(frame) for frame in frames]


def rows_of(folder: DatasetFolder) -> list[tuple[Row, Item]]:
    return list(zip(read_manifest(folder.manifest), read_plan(folder.plan), strict=True))


def test_items_about_one_video_share_its_file(world, tmp_path):
    folder = built(world.spec(SHARED % "false"), tmp_path / "out")
    rows = rows_of(folder)
    videos = sorted((folder.root / "videos").rglob("*.mp4"))
    assert (len(rows), len(videos)) == (2 * 3 * (4 + 1), 2)
    for row, item in rows:
        assert row.video_id == item.video == Path(row.video).stem
        assert read(folder.root / row.video) == shown(world, item.timeline)
    assert len({row.id for row, _ in rows}) == len(rows)
    assert len({row.video_sha256 for row, _ in rows}) == 2
    report = verify(folder)
    assert (report.items, report.videos, report.frames, report.differences) == (30, 2, 2 * 20 * len(report.readers), ())
    asked = Counter(tuple(one.asked for one in row.needles) for row, _ in rows)
    assert all(sum(which) == 1 for which in asked)
    assert {row.question_type for row, _ in rows} == {"mcq", "short"}


def test_twins_of_every_control_are_what_they_say(world, tmp_path):
    text = f"{SHARED % 'true'}controls: {TWINS}".replace("circular: true", "circular: false")
    grid = {"grid.depths": "1/2", "grid.trials": 4}
    folder = built(world.spec(text, **grid), tmp_path / "out")
    assert not verify(folder).differences
    rows = rows_of(folder)
    assert {row.control for row, _ in rows} == {"none", *TWINS.split(", ")}
    for row, item in rows:
        numbers = read(folder.root / row.video)
        assert numbers == shown(world, item.timeline), row.id
        needles, lures = [n for n in numbers if 500_000 <= n < 600_000], [n for n in numbers if n >= 600_000]
        assert len(needles) == row.num_needles
        assert len(lures) == row.num_distractors
        assert (-1 in numbers) == (row.control == "blanked")
        if row.control == "needle_only":
            assert (row.haystack_sources, numbers) == ([], needles)
        if row.control in ("haystack_only", "blanked") or row.answer_text == "not in the video":
            assert (row.answer_text, sum(one.asked for one in row.needles)) == ("not in the video", 0)
    assert folder.still(BLANK).is_file()
    assert len(list((folder.root / "videos").rglob("*.mp4"))) < len(rows) / 2


STACK = """
tasks: stack
grid: {lengths: "12", depths: "0,1", trials: 1}
families: {stack: {lengths: "60,90", per_context: 3}}
output: {media: %s}
"""


def test_stacks_have_videos_of_their_own_and_videos_beside(world, tmp_path):
    folder = built(world.spec(STACK % "video"), tmp_path / "out")
    assert not verify(folder).differences
    noise = json.loads(folder.noise.read_text())
    videos = list(distinct_videos(read_plan(folder.plan)))
    assert len(videos) == 4 * 3 == len(list((folder.root / "videos").rglob("*.mp4")))
    for video in videos:
        assert read(folder.video(video.number, video.id)) == shown(world, video.timeline)
    for row, item in rows_of(folder):
        assert sum(part.type == "video" for part in row.context) == 3
        for part in row.context:
            assert (folder.root / part.video).is_file() if part.type == "video" else part.text.endswith(".")
        words = sum(len(part.text.split()) for part in row.context)
        assert words == row.context_cost <= row.context_length in (60, 90)
        assert words > row.context_length - max(noise["costs"])
        assert row.video in [part.video for part in row.context]
        lazily = open_item(folder.root, item.beside[0].video)
        assert [read_number(lazily[at]) for at in range(12)] == shown(world, item.beside[0].timeline)


def test_a_video_beside_is_rendered_again_by_its_own_name(world, tmp_path):
    folder = built(world.spec(STACK % "none"), tmp_path / "out")
    assert not verify(folder).differences
    row, item = rows_of(folder)[0]
    assert {part.video for part in row.context} == {""}
    beside = item.beside[1]
    done = CliRunner().invoke(main, ["render", str(folder.root), beside.video, "-o", str(tmp_path / "b.mp4")])
    assert done.exit_code == 0, done.output
    assert read(tmp_path / "b.mp4") == shown(world, beside.timeline)


def test_stacks_as_frames(world, tmp_path):
    folder = built(world.spec(STACK % "frames"), tmp_path / "out")
    assert not verify(folder).differences
    for row, item in rows_of(folder):
        timelines = dict(item.videos)
        for part in row.context:
            if part.type == "video":
                numbers = [read_number(cv2.imread(str(folder.root / path))) for path in part.frames]
                assert numbers == shown(world, timelines[part.video_id])


@pytest.fixture(scope="module")
def lists(world, tmp_path_factory) -> Path:
    """A list of countings, one of them of nothing and one that makes no sense, and a list of questions about films."""
    folder = tmp_path_factory.mktemp("lists of mine")
    for number in range(3):
        Image.fromarray(draw_number(500_100 + number, SIZE)).save(folder / f"picture-{500_100 + number - 500_000}.png")
    write_counter(folder / "talk.mp4", frames=8, rate=Fraction(1), size=SIZE, first=9000)
    ask = "How many?\nA. 0\nB. 1\nC. 2\nD. 3\nAnswer with the option's letter."
    counted = [
        {"path": ["picture-100.png", "picture-100.png", "picture-101.png"], "prompt": ask, "answer": "D"},
        {"path": [], "prompt": ask, "answer": "A"},
        {"path": ["picture-102.png"], "prompt": ask, "answer": "Z"},
    ]
    (folder / "counted.json").write_text(json.dumps(counted))
    film = {
        "video_path": "talk.mp4",
        "question": "Who talks?",
        "candidates": ["Ann", "Bob"],
        "correct_choice": 1,
        "id": "q",
    }
    (folder / "films.json").write_text(json.dumps([film]))
    return folder


def listed(world: SmallWorld, lists: Path) -> Spec:
    text = """
    tasks: counting, stack
    grid: {lengths: "14", depths: "1/2", trials: 2}
    families: {stack: {lengths: "60"}}
    placement: {band: 1}
    """
    given = {"needles.lists": {"counting": str(lists / "counted.json")}}
    stack = {"families.stack.questions": str(lists / "films.json"), "families.stack.noise": str(lists / "text.txt")}
    (lists / "text.txt").write_text("A first sentence. And a second one of more words.\n")
    return world.spec(text, **given, **stack)


def test_listed_questions_and_films_travel_with_the_dataset(world, lists, tmp_path):
    folder = built(listed(world, lists), tmp_path / "out")
    assert not verify(folder).differences
    rows = rows_of(folder)
    counted = [(row, item) for row, item in rows if row.task == "counting"]
    assert sorted(row.num_needles for row, _ in counted) == [0, 3]
    for row, item in counted:
        assert read(folder.root / row.video) == shown(world, item.timeline)
        assert {(one.key, one.content, one.count) for one in row.needles} <= {("", "", 1)}
    for row, _ in rows:
        if row.task == "stack":
            assert read(folder.root / row.video) == list(range(9000, 9008))
            assert (row.haystack_sources, row.num_needles, row.answer_text) == (["talk"], 0, "Bob")
    for path, lines in ((folder.listed, 2), (folder.questions, 1), (folder.films, 1), (folder.noise, 1)):
        assert len(path.read_text().splitlines()) == lines, path


def test_a_film_that_is_asked_about_is_found_again_through_its_sources(world, lists, tmp_path, monkeypatch):
    folder = built(listed(world, lists), tmp_path / "out")
    row = next(row for row, _ in rows_of(folder) if row.task == "stack")
    monkeypatch.setenv("HAYSTACK_CACHE", str(tmp_path / "another cache"))
    with pytest.raises(InputError, match="talk: the source is not where this cache knows one; put it back, or say"):
        open_item(folder.root, row.id)
    assert [read_number(frame) for frame in open_item(folder.root, row.id, sources=[lists])] == list(range(9000, 9008))


def test_remarks_are_kept_without_the_folders_of_this_machine(world, lists, tmp_path, monkeypatch):
    monkeypatch.chdir(lists.parent)
    spec = listed(world, Path(lists.name))
    report = line.build(spec, tmp_path / "out", line.Tools.local())
    folder = DatasetFolder(tmp_path / "out")
    (remark,) = report.remarks
    assert "item left out" in remark
    assert folder.remarks.read_text() == f"{remark.removeprefix(f'{lists.name}/')}\n"
    for name, content in tree(folder.root).items():
        for path in (tmp_path, lists, world.film.parent, Path(lists.name) / "counted.json"):
            assert str(path).encode() not in content, (name, path)
    published = folder.spec.read_text()
    for kept in ("counting: counted.json", "questions: films.json", "noise: text.txt", "videos: null"):
        assert kept in published


def test_what_a_dataset_no_longer_has_is_not_left_behind(world, lists, tmp_path):
    folder = built(listed(world, lists), tmp_path / "out")
    plain = world.spec("{grid: {lengths: '14', depths: '1/2', trials: 2}}")
    built(plain, folder.root)
    for path in (folder.listed, folder.questions, folder.films, folder.noise, folder.remarks):
        assert not path.exists()
    assert tree(folder.root) == tree(built(plain, tmp_path / "fresh").root)
    built(listed(world, lists), folder.root)
    assert tree(folder.root) == tree(built(listed(world, lists), tmp_path / "lists").root)


def test_remarks_keep_the_names_of_hub_datasets(world):
    spec = world.spec("{needles: {pack: 'hub:someone/animals'}, mining: {sightings: given/seen.jsonl}}")
    said = without_folders("hub:someone/animals row 3: question, given/seen.jsonl", spec)
    assert said == "hub:someone/animals row 3: question, seen.jsonl"


def test_the_commands_say_remarks_and_no_more_than_twenty(world, lists, tmp_path, monkeypatch):
    rows = json.loads((lists / "counted.json").read_text())
    crowded = tmp_path / "crowded.json"
    crowded.write_text(json.dumps([rows[1], *[rows[2]] * 25]))
    given = ["--haystack", str(world.film), "--needles", str(world.pack), "--size", f"{SIZE[0]}x{SIZE[1]}"]
    given += ["--lengths", "10", "--depths", "0", "--trials", "1", "--set", "tasks=counting"]
    given += ["--set", f"needles.lists={{counting: {crowded}}}", "--set", "mining.uniqueness=off"]
    planned = CliRunner().invoke(main, ["plan", "v-niah", *given])
    assert planned.exit_code == 0, planned.output
    assert planned.stderr.count("item left out") == 20
    assert planned.stderr.endswith("\n... and 5 more\n")
    assert "item left out" not in planned.stdout
    made = CliRunner().invoke(main, ["build", "v-niah", *given, "--out", str(tmp_path / "out")])
    assert made.exit_code == 0, made.output
    remarks = DatasetFolder(tmp_path / "out").remarks
    assert f"\n... and 5 more in {remarks}\n" in made.stderr
    assert len(remarks.read_text().splitlines()) == 25
    assert remarks.read_text().startswith("crowded.json: item 2")


def test_two_timelines_of_one_name_are_refused_before_any_video(world, tmp_path, monkeypatch):
    from haystack_gen.plan.planner import plan_items

    def clashing(spec, facts) -> Iterator[object]:
        first, second, *_ = (one for one in plan_items(spec, facts) if isinstance(one, Item))
        yield first
        yield replace(second, video=first.video)

    monkeypatch.setattr(line, "plan_items", clashing)
    spec = world.spec("{grid: {lengths: '10', depths: '0,1', trials: 1}}")
    with pytest.raises(
        InputError, match=r"^retrieval-10-d1-.*: shows other clips as video 'retrieval-10-d0-.*' than ret"
    ):
        built(spec, tmp_path / "out")
    folder = DatasetFolder(tmp_path / "out")
    assert not folder.manifest.exists()
    assert not (folder.root / "videos").exists()


def test_videos_survive_a_change_of_their_questions(world, tmp_path):
    text = "{grid: {lengths: '10', depths: '0,1', trials: 2}, choices: {form: %s}}"
    folder = built(world.spec(text % "options"), tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.mp4")}
    assert len(times) == 4
    built(world.spec(text % "both"), folder.root)
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.mp4")} == times
    assert len(list(read_manifest(folder.manifest))) == 8
    assert tree(folder.root) == tree(built(world.spec(text % "both"), tmp_path / "fresh").root)


def test_what_was_lost_of_a_stack_is_made_again(world, tmp_path):
    folder = built(world.spec(STACK % "video"), tmp_path / "out")
    complete = tree(folder.root)
    beside = next(read_plan(folder.plan)).beside[0].video
    lost = next(path for path in folder.root.rglob("*.mp4") if path.stem == beside)
    for path in (lost, folder.noise):
        path.unlink()
        assert verify(folder).differences
        built(world.spec(STACK % "video"), folder.root)
        assert tree(folder.root) == complete


def test_the_card_says_which_families_there_are(world, lists, tmp_path):
    card = built(listed(world, lists), tmp_path / "out").card.read_text()
    assert "| families | counting 2, stack 2 |" in card
    assert "| controls | none |" in card
    assert "| videos | 4, shared" in card
    assert "build path/to/this/folder --haystack FILMS --needles PACK --out AGAIN" in card
    twins = world.spec("{grid: {lengths: '10', depths: '0', trials: 1}, controls: needle_only}")
    card = built(twins, tmp_path / "twins").card.read_text()
    assert "| families | retrieval 2 |" in card
    assert "| controls | needle_only 1 |" in card


def test_the_summary_counts_families_and_each_video_once(world, tmp_path):
    given = ["--haystack", str(world.film), "--needles", str(world.pack), "--size", f"{SIZE[0]}x{SIZE[1]}"]
    given += ["--lengths", "20", "--depths", "0,1", "--trials", "1", "--set", "mining.uniqueness=off"]
    tasks = ["--set", "tasks=multi_query, retrieval", "--set", "placement.band=1"]
    done = CliRunner().invoke(main, ["plan", "v-niah", *given, *tasks, "--json"])
    summary = json.loads(done.stdout)
    assert (summary["items"], summary["families"]) == (8, {"multi_query": 6, "retrieval": 2})
    assert (summary["videos"], summary["frames"], summary["cells"]) == (4, 80, 4)
    table = CliRunner().invoke(main, ["plan", "v-niah", *given, *tasks]).stdout.splitlines()
    values = dict(line.split(maxsplit=1) for line in table)
    assert (values["items"], values["multi_query"], values["retrieval"], values["videos"]) == ("8", "6", "2", "4")
    one = CliRunner().invoke(main, ["plan", "v-niah", *given]).stdout
    assert "videos" not in one, "as many as items"
    assert "retrieval" not in one, "one family is not worth a line"

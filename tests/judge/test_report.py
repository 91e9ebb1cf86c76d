"""The report as a file: what is in it, that it is true, and that nothing of others can be more than text in it."""

import json
import re
import shutil
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from haystack_gen.build import Tools, build
from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.emit.plans import plan_line, read_plan
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places
from haystack_gen.errors import InputError
from haystack_gen.facts import BLANK
from haystack_gen.judge.cells import tally
from haystack_gen.judge.leaks import guess_rows
from haystack_gen.judge.report import Replies, write_report
from haystack_gen.judge.report.footage import MOST, choose
from haystack_gen.judge.report.page import script_json
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.score import score
from haystack_gen.judge.visibility import audit_visibility
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Clip, Timeline
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import read_number
from tests.made_items import distractor, film_of, made, needle, showing, source
from tests.plan.worlds import family_world, spec_of
from tests.small_world import SmallWorld, make_world

LAW = "distractors: {origin: any, law: periodic, period: 12, count: 2, at_least: 0}"
MIXED = f"""
name: mixed
tasks: [retrieval, counting, stack]
grid: {{lengths: "64,128", depths: "0,1/2,1", trials: 4}}
{LAW}
choices: {{form: both}}
controls: [anti_phase, no_distractors]
families: {{stack: {{lengths: "300"}}, counting: {{spread: even}}}}
output: {{media: none}}
"""


class Page(HTMLParser):
    """A page taken apart: its elements, its text outside of scripts, and what it holds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[tuple[str, dict[str, str | None], str]] = []
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        held = {attributes["id"]: text for _, attributes, text in self.contents if "id" in attributes}
        self.data: dict[str, Any] = json.loads(held["data"])
        self.pictures = held["pictures"].split()
        self.blocks = [
            json.loads(zlib.decompress(b64decode(text)))
            for _, attributes, text in self.contents
            if attributes.get("class") == "block"
        ]
        details = [detail for block in self.blocks for detail in block]
        self.details = dict(zip(self.data["items"]["id"], details, strict=True))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.contents.append((*self._open, data))

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def column(self, name: str) -> list[str]:
        items = self.data["items"]
        return [items["texts"][name][place] for place in items[name]]


def planned(folder: Path, text: str) -> DatasetFolder:
    """What a build writes before media: spec, plan and manifest."""
    dataset, spec, facts = DatasetFolder(folder), spec_of(text), family_world()
    sources = (*facts.haystack, *facts.stills, source(BLANK))
    writer = RowWriter(
        spec, needles=facts.needles, sources=sources, places=Places(dataset, "none", {}), noise=facts.noise
    )
    items = [one for one in plan_items(spec, facts) if isinstance(one, Item)]
    return _written(dataset, spec, items, [writer.row(item) for item in items])


def made_up(folder: Path, *items: Item, text: str = "output: {media: none}", **changes: Any) -> DatasetFolder:
    """Items made by hand; `changes` are made to every row."""
    dataset, spec = DatasetFolder(folder), spec_of(text)
    names = [one.source for item in items for one in (*item.needles, *item.distractors)]
    sources = [source(name) for name in ("film", BLANK, *names)]
    writer = RowWriter(spec, needles=(), sources=sources, places=Places(dataset, "none", {}))
    return _written(dataset, spec, items, [writer.row(item).model_copy(update=changes) for item in items])


def _written(dataset: DatasetFolder, spec: Spec, items: Any, rows: list[Row]) -> DatasetFolder:
    dataset.provenance.mkdir(parents=True)
    dataset.spec.write_text(dump_spec(spec))
    dataset.plan.write_text("".join(map(plan_line, items)), encoding="utf-8")
    dataset.dropped.write_text("")
    write_manifest(rows, dataset.manifest)
    return dataset


def reported(dataset: DatasetFolder, predictions: Path | None = None, name: str = "page.html") -> Page:
    path = dataset.root / name
    write_report(dataset, path, replies=Replies(predictions) if predictions else None)
    return Page(path)


def some_replies(dataset: DatasetFolder, name: str = "p.jsonl") -> Path:
    """Right, wrong, lured, unreadable and missing."""
    lines = []
    for row in read_manifest(dataset.manifest):
        draw = Stream(7, "a model", row.id)
        wrong = "ABCD"[(row.answer_index + 1) % 4] if row.options else "zebra"
        reply = draw.choice([f"The answer is {row.answer}.", row.answer, wrong, wrong, "I cannot tell.", None])
        if reply is not None:
            lines.append(json.dumps({"id": row.id, "prediction": reply}) + "\n")
    path = dataset.root / name
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return planned(tmp_path_factory.mktemp("mixed") / "set", MIXED)


@pytest.fixture(scope="module")
def scored(mixed: DatasetFolder) -> Page:
    return reported(mixed, some_replies(mixed))


# ---------------------------------------------------------------------------------------------------- what it holds


def test_figures_are_those_of_the_score(mixed, scored):
    scores = score(mixed, mixed.root / "p.jsonl")
    assert scored.data["scores"] == json.loads(json.dumps(scores.as_json()))
    cells = [cell for cell in scored.data["cells"] if cell["family"]]
    whole = [cell for cell in cells if cell["length"] is not None and cell["depth"] is not None]
    assert whole == json.loads(json.dumps(scores.as_json()["cells"]))
    totals = {cell["family"]: cell for cell in scored.data["cells"] if cell["length"] is None and cell["depth"] is None}
    assert set(totals) == {"", "counting", "retrieval", "stack"}
    for one in scores.as_json()["families"]:
        assert totals[one["family"]] | one == totals[one["family"]]
    in_frames = [answer for answer in scores.items if answer.question.axis == "frames"]
    assert totals[""]["right"] == tally(in_frames).right
    of_length = [cell for cell in cells if cell["length"] is not None and cell["depth"] is None]
    assert of_length == [{**one, "depth": None} for one in scores.as_json()["lengths"]]


def test_every_item_is_there_with_what_became_of_it(mixed, scored):
    scores = score(mixed, mixed.root / "p.jsonl")
    rows = list(read_manifest(mixed.manifest))
    assert scored.data["items"]["id"] == [row.id for row in rows]
    assert scored.column("verdict") == [answer.verdict for answer in scores.answers]
    assert scored.data["items"]["lured"] == [int(answer.lured is True) for answer in scores.answers]
    assert scored.column("question") == [row.question for row in rows]
    assert scored.column("control") == [row.control for row in rows]
    said = {one["id"]: one["prediction"] for one in map(json.loads, (mixed.root / "p.jsonl").read_text().splitlines())}
    for row, answer in zip(rows, scores.answers, strict=True):
        detail = scored.details[row.id]
        assert (detail["options"], detail["frames"]) == (row.options, row.num_frames)
        assert detail.get("reply") == said.get(row.id)
        assert ["ABCD"[place] for place in detail["lures"]] == list(answer.question.lures)
        if answer.reading and answer.reading.kind == "letter":
            assert "ABCD"[detail["chosen"]] == answer.reading.value
        if answer.verdict == "unparsed":
            assert detail["reason"] == answer.reading.reason
    assert {"right", "wrong", "unparsed", "missing"} == set(scored.column("verdict"))


def test_without_replies_there_are_counts_and_no_verdicts(mixed):
    page = reported(mixed, name="bare.html")
    assert (page.data["scores"], page.data["predictions"]) == (None, None)
    assert (page.data["items"]["verdict"], page.data["items"]["lured"]) == ([], [])
    assert all(set(cell) == {"family", "axis", "length", "depth", "count"} for cell in page.data["cells"])
    rows = [row for row in read_manifest(mixed.manifest) if row.control == "none"]
    total = next(cell for cell in page.data["cells"] if cell["family"] == "retrieval" and cell["length"] is None)
    assert sum(row.task == "retrieval" for row in rows) == 48
    assert total["count"] == 16  # of depth 0
    assert all("reply" not in detail for detail in page.details.values())


def test_blocks_are_bounded_and_in_order(tmp_path):
    items = [made(f"i{number}", video="v", question=f"Question {number}?") for number in range(251)]
    page = reported(made_up(tmp_path / "set", *items))
    assert [len(block) for block in page.blocks] == [250, 1]
    assert page.data["block"] == 250
    assert page.column("question") == [f"Question {number}?" for number in range(251)]


def test_what_the_dataset_is(mixed, scored):
    facts = dict(scored.data["facts"])
    assert facts["items"] == "112"
    assert facts["control twins"] == "112 anti_phase, 112 no_distractors"
    assert (facts["families"], facts["films"], facts["frame size"], facts["seed"]) == ("3", "1", "448 × 252", "42")
    assert (scored.data["name"], scored.data["predictions"], scored.data["period"]) == ("mixed", "p.jsonl", 12)


def test_drops_are_on_the_page_with_their_reasons(tmp_path):
    dataset = made_up(tmp_path / "set", made())
    dataset.dropped.write_text('{"reason":"no room"}\n{"reason":"no room"}\n{"reason":"<b>"}\n')
    assert reported(dataset).data["dropped"] == {"no room": 2, "<b>": 1}


def test_long_replies_are_cut_and_it_is_said(tmp_path):
    dataset = made_up(tmp_path / "set", made())
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "x", "prediction": "dog " * 2000}))
    detail = reported(dataset, path).details["x"]
    assert (len(detail["reply"]), detail["characters"]) == (4000, 8000)


# ------------------------------------------------------------------------------------------- look-alikes and audits


def looked(name: str, offset: int, *, similarity: float | None = None, **changes: Any) -> Item:
    """A needle at frame 30 of 60, with a look-alike some frames off."""
    one = replace(distractor("lure", 30 + offset, of="n", offset=offset), similarity=similarity)
    stills = sorted([(30, "needle", "n"), (30 + offset, "distractor", "lure")])
    return made(
        name,
        needles=(needle("n", 30),),
        distractors=(one,),
        timeline=showing(60, [(role, still, at, 1) for at, role, still in stills]),
        video=name,
        **changes,
    )


def test_phases_and_similarities(tmp_path):
    dataset = made_up(
        tmp_path / "set",
        looked("a", 8, similarity=0.61, group="a"),
        looked("b", -16, similarity=0.649, group="b"),
        looked("c", 4, similarity=0.65, group="c"),
        looked("d", 5, group="d"),
        made("e"),
        looked("a2", 12, control="anti_phase", group="a"),
        made("a3", control="no_distractors", group="a"),
        looked("a4", 8, control="shuffled", group="a"),
        text="{distractors: {origin: any, period: 8}, output: {media: none}}",
    )
    page = reported(dataset)
    assert [(one["name"], one["count"]) for one in page.data["phases"]] == [
        ("5 of 8 frames off", 1),
        ("anti-phase", 1),
        ("in phase", 2),
        ("no look-alike", 1),
        ("anti-phase, twins", 1),
        ("no look-alike, twins", 1),
    ]
    assert [(one["name"], one["count"]) for one in page.data["similarity"]] == [
        ("0.60 to 0.65", 2),
        ("0.65 to 0.70", 1),
        ("no look-alike", 1),
        ("similarity not known", 1),
    ]


def test_phases_of_upstreams_arithmetic_and_of_other_laws(tmp_path):
    both = (looked("a", 9, group="a"), looked("b", -9, group="b"))
    paper = "{placement: {length: paper}, distractors: {origin: any, period: 8}, output: {media: none}}"
    assert [one["name"] for one in reported(made_up(tmp_path / "1", *both, text=paper)).data["phases"]] == ["in phase"]
    other = "{distractors: {origin: any, law: random, count: 1}, output: {media: none}}"
    page = reported(made_up(tmp_path / "2", *both, text=other))
    assert [one["name"] for one in page.data["phases"]] == ["no period: random"]
    assert page.data["period"] is None


def test_accuracies_by_look_alike_are_of_those_items(mixed, scored):
    rows = {row.id: row for row in read_manifest(mixed.manifest)}
    scores = score(mixed, mixed.root / "p.jsonl")
    twins = [answer for answer in scores.answers if rows[answer.question.id].control == "anti_phase"]
    found = next(one for one in scored.data["phases"] if one["name"] == "anti-phase, twins")
    assert found == {"name": "anti-phase, twins", **json.loads(json.dumps(tally(twins).as_json()))}


def test_audits_are_those_that_were_made(mixed, tmp_path):
    shutil.copytree(mixed.root, tmp_path / "set")
    dataset = DatasetFolder(tmp_path / "set")
    assert (reported(dataset).data["visibility"], reported(dataset).data["blind"]) == (None, None)
    outlooks = audit_visibility(dataset, [sampler("linspace:8"), sampler("qwen2_5-vl")])
    guessed = guess_rows(read_manifest(dataset.manifest))
    dataset.audit("blind.json").write_text(json.dumps(guessed.as_json()))
    page = reported(dataset)
    assert [one["sampler"] for one in page.data["visibility"]] == [one.sampler.name for one in outlooks]
    for found, outlook in zip(page.data["visibility"], outlooks, strict=True):
        assert found == {"sampler": outlook.sampler.name, **outlook.total.as_json()}
    assert page.data["blind"]["verdict"] == guessed.verdict
    assert [part["part"] for part in page.data["blind"]["parts"]] == [part.name for part in guessed.parts]
    assert {len(part["scores"]) for part in page.data["blind"]["parts"]} == {1}
    for row in read_manifest(dataset.manifest):
        audit = page.details[row.id]["audit"]
        assert len(audit["seen"]) == 2
        shown = {int(at * (row.num_frames - 1) / 7) for at in range(8)}
        asked = [one for one in row.needles if one.asked]
        if asked:
            assert audit["seen"][0] == all(shown & {*range(one.start_frame, one.end_frame)} for one in asked), row.id


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("visibility.parquet", b"PAR1", r"visibility\.parquet: is not a readable table \(.*\); run haystack-gen audit"),
        ("blind.json", b"{", r"blind\.json: is not JSON at line 1"),
        ("blind.json", b'{"verdict": "x"}', r"is not what haystack-gen audit writes \(KeyError\('parts'\)\); run"),
        ("blind.json", b"[]", r"is not what haystack-gen audit writes \(TypeError"),
    ],
)
def test_damaged_audits(tmp_path, name, content, message):
    dataset = made_up(tmp_path / "set", made())
    dataset.audit(name).parent.mkdir()
    dataset.audit(name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        reported(dataset)


def test_an_audit_of_other_items(tmp_path):
    dataset = made_up(tmp_path / "set", made("a"))
    audit_visibility(dataset, [sampler("linspace:8")])
    shutil.copytree(dataset.root / "audit", made_up(tmp_path / "other", made("b")).root / "audit")
    with pytest.raises(
        InputError, match=r"does not say of item b what each sampler shows of it; run haystack-gen audi"
    ):
        reported(DatasetFolder(tmp_path / "other"))


# ---------------------------------------------------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return make_world(tmp_path_factory.mktemp("world"), seconds=40, needles=2, lures=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, world: SmallWorld) -> dict[str, DatasetFolder]:
    home = tmp_path_factory.mktemp("pictured")
    text = "{grid: {lengths: '12,30', depths: '1/2'}, distractors: {origin: supplied, period: 3}, output: {media: %s}}"
    for media in ("video", "frames", "none"):
        build(world.spec(text % media), home / media, Tools.local())
    return {media: DatasetFolder(home / media) for media in ("video", "frames", "none")}


def numbered(picture: str) -> int:
    """The number that a picture shows."""
    return read_number(np.asarray(Image.open(BytesIO(b64decode(picture))).convert("RGB")))


@pytest.mark.parametrize("media", ["video", "frames"])
def test_every_picture_is_the_frame_that_it_stands_for(folders, world, media):
    page = reported(folders[media])
    shown = set()
    for item in read_plan(folders[media].plan):
        shots = page.details[item.id]["shots"]
        assert [shot["at"] for shot in shots] == sorted(shot["at"] for shot in shots)
        assert [shot["kind"] for shot in shots].count("haystack") == 4
        for shot in shots:
            assert numbered(page.pictures[shot["picture"]]) == world.number(item, shot["at"]), (item.id, shot)
            shown.add(shot["picture"])
    assert shown == set(range(len(page.pictures)))
    assert Image.open(BytesIO(b64decode(page.pictures[0]))).size == (192, 108)


def test_frames_inside_a_group_of_pictures_are_found(world, tmp_path):
    text = "{grid: {lengths: '75', depths: '1/2'}, distractors: {origin: supplied, period: 31}}"
    build(world.spec(text, fps=10), tmp_path / "set", Tools.local())
    page = reported(DatasetFolder(tmp_path / "set"))
    for item in read_plan(DatasetFolder(tmp_path / "set").plan):
        shots = page.details[item.id]["shots"]
        assert any(shot["at"] % 10 for shot in shots if shot["kind"] == "haystack")
        assert [numbered(page.pictures[shot["picture"]]) for shot in shots] == [
            world.number(item, shot["at"]) for shot in shots
        ]


def test_a_recipe_shows_stills_and_says_why_there_is_no_footage(folders):
    page = reported(folders["none"])
    assert page.data["pictures"] == {
        "footage": 0,
        "remark": "The dataset is a recipe without media, so there are no pictures of its footage.",
    }
    kinds = {shot["kind"] for detail in page.details.values() for shot in detail["shots"]}
    assert kinds == {"needle", "distractor"}


def copied(dataset: DatasetFolder, folder: Path) -> DatasetFolder:
    shutil.copytree(dataset.root, folder)
    return DatasetFolder(folder)


def test_a_dataset_without_its_videos_is_reported_and_says_so(folders, tmp_path):
    dataset = copied(folders["video"], tmp_path / "set")
    shutil.rmtree(dataset.root / "videos")
    assert "videos are not beside" in reported(dataset).data["pictures"]["remark"]


def test_media_that_are_damaged(folders, tmp_path):
    dataset = copied(folders["video"], tmp_path / "set")
    video = max(dataset.root.glob("videos/000/*.mp4"), key=lambda path: path.stat().st_size)
    content = video.read_bytes()
    video.write_bytes(content[:4000])
    with pytest.raises(InputError, match=r"mp4: cannot be read \(.*\); the file is damaged, build the dataset again"):
        reported(dataset)
    video.write_text("#EXTM3U\n#EXTINF:1,\nhttp://localhost/x.ts\n")
    with pytest.raises(InputError, match=r"mp4: cannot be read"):
        reported(dataset)
    video.unlink()
    with pytest.raises(InputError, match=r"mp4: no such file; the plan names it, so the dataset was damaged"):
        reported(dataset)
    still = next(dataset.stills.glob("*.png"))
    video.write_bytes(content)
    still.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"png: is no picture"):
        reported(dataset)


def test_a_video_that_is_too_short(folders, tmp_path):
    dataset = copied(folders["video"], tmp_path / "set")
    short, long = sorted(dataset.root.glob("videos/000/*.mp4"), key=lambda path: path.stat().st_size)[::3]
    shutil.copy(short, long)
    with pytest.raises(InputError, match=r"it has no frame \d+"):
        reported(dataset)


@st.composite
def films(draw: st.DrawFn) -> list[Item]:
    """Items that show windows of two films, with inserts."""
    items = []
    for number in range(draw(st.integers(1, 12))):
        length = draw(st.integers(1, 90))
        inserts = draw(st.lists(st.integers(0, length - 1), unique=True, max_size=4))
        first, film = draw(st.integers(0, 3000)), draw(st.sampled_from(["f", "g"]))
        cut = showing(length, [("needle", "n", at, 1) for at in sorted(inserts)], source=film, first=first)
        items.append(made(f"i{number}", timeline=cut, video=f"i{number}"))
    return items


@settings(max_examples=100, deadline=None)
@given(films())
def test_footage_is_where_the_timeline_has_it(items):
    footage = choose(items)
    assert len(footage.places) <= MOST
    for item in items:
        frames = [clip for clip in item.timeline.clips if clip.role == "haystack"]
        shown = footage.of(item.timeline)
        assert [one.at for one in shown] == sorted({one.at for one in shown})
        assert len(shown) == min(4, sum(clip.length for clip in frames))  # so few items get all they want
        for at, film, frame in shown:
            clip = next(clip for clip in frames if clip.start <= at < clip.end)
            assert (clip.source, clip.source_start + at - clip.start) == (film, frame)


def test_many_items_share_their_footage():
    items = [
        made(f"i{number}", timeline=film_of(200, first=Stream(1, "window", number).below(20_000)), video=f"i{number}")
        for number in range(2000)
    ]
    footage = choose(items)
    assert footage.step == 128
    assert MOST / 2 < len(footage.places) <= MOST
    assert min(len(footage.of(item.timeline)) for item in items) >= 1
    videos = [item.video for item in items]
    for (film, frame), place in footage.places.items():
        assert videos[place.number] == place.video
        clip = items[place.number].timeline.clips[0]
        assert (film, frame) == ("film", clip.source_start + place.at)


def test_a_haystack_in_pieces_of_a_frame():
    clips = tuple(Clip(role="haystack", source="f", source_start=99 - at, start=at, length=1) for at in range(100))
    footage = choose([made(timeline=Timeline(rate=Fraction(1), clips=clips))])
    assert [(one.at, one.frame) for one in footage.of(Timeline(rate=Fraction(1), clips=clips))] == [
        (12, 87),
        (37, 62),
        (62, 37),
        (87, 12),
    ]


def test_a_blank_has_no_picture_and_many_needles_are_counted(tmp_path):
    stills = [("needle", f"n{number}", 2 * number, 1) for number in range(20)] + [("needle", BLANK, 41, 1)]
    item = made(timeline=showing(60, stills), needles=tuple(needle(f"n{number}", 2 * number) for number in range(20)))
    detail = reported(made_up(tmp_path / "set", item)).details["x"]
    kinds = [shot["kind"] for shot in detail["shots"]]
    assert (kinds.count("needle"), kinds.count("blank"), detail["more"]) == (16, 1, {"needle": 4})
    assert len(detail["spans"]) == 21
    assert next(shot["picture"] for shot in detail["shots"] if shot["kind"] == "blank") == -1


# ------------------------------------------------------------------------------------------------- the file as such

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(3)>",
    "\u2028\u2029 \u202eevil\u202c &lt;b&gt; ${x} $data {{y}}",
    "w" * 5000,
]


def hostile_items() -> list[Item]:
    return [
        made(
            f"i{number}",
            question=text,
            options=(text, f"{text}!", "c", "d"),
            form="mcq",
            answer="A",
            answer_text=text,
            accepted=("A", text),
            group=f"i{number}",
            video="v",
        )
        for number, text in enumerate(HOSTILE)
    ]


def hostile_set(folder: Path) -> tuple[DatasetFolder, Path]:
    """A dataset of hostile texts, and replies that say them."""
    text = json.dumps({"name": HOSTILE[1], "output": {"media": "none"}})
    dataset = made_up(folder, *hostile_items(), text=text)
    path = dataset.root / "p.jsonl"
    lines = [json.dumps({"id": f"i{number}", "prediction": said}) for number, said in enumerate(HOSTILE)]
    path.write_text("\n".join(lines))
    return dataset, path


def test_texts_of_others_stay_texts(tmp_path):
    page = reported(*hostile_set(tmp_path / "set"))
    plain = reported(made_up(tmp_path / "plain", made("a", group="a"), made("b", group="b")))
    assert [name for name, _ in page.elements] == [name for name, _ in plain.elements]
    assert page.column("question") == HOSTILE
    assert [page.details[f"i{number}"]["reply"][:4000] for number in range(6)] == [text[:4000] for text in HOSTILE]
    assert page.data["name"] == HOSTILE[1]
    assert "alert(1)" not in page.text.replace(r"\u003cscript\u003ealert(1)", "")


@given(st.text())
def test_embedded_json_means_nothing_to_html(text):
    written = script_json({text: [text]})
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == {text: [text]}


def test_the_page_loads_nothing_and_runs_only_its_own_scripts(mixed, scored):
    policy = next(a["content"] for _, a in scored.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    for name, attributes, text in scored.contents:
        if name == "style" or "type" not in attributes:
            digest = b64encode(sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    for name, attributes in scored.elements:
        assert not any(key.startswith("on") or key in ("src", "style") for key in attributes), (name, attributes)
        assert attributes.get("href", "#")[:1] == "#" or attributes["href"] == "data:,"
    links = set(re.findall(r"[a-z]+://[^\s\"'`)]+", scored.text))
    assert links == {"http://www.w3.org/2000/svg"}


def test_scripts_use_no_way_to_make_html_of_text():
    folder = Path(__file__).parents[2] / "templates" / "report"
    for script in folder.glob("*.js"):
        text = script.read_text()
        assert text.startswith('"use strict";\n// '), script
        for banned in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "fetch(",
        ):
            assert banned not in text, (script, banned)


def test_same_inputs_same_bytes(folders, mixed, tmp_path):
    path = mixed.root / "p.jsonl"
    some_replies(mixed)
    for dataset, predictions in ((folders["video"], None), (mixed, path)):
        twin = copied(dataset, tmp_path / dataset.root.name)
        first, second = reported(dataset, predictions, "1.html"), reported(twin, predictions, "2.html")
        assert first.text == second.text


# ------------------------------------------------------------------------------------------------------------ errors


def test_a_folder_that_is_no_dataset(tmp_path):
    with pytest.raises(InputError, match=r"is no dataset, it has no provenance.spec\.yaml; expected a folder made by"):
        reported(DatasetFolder(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_is_not_finished(tmp_path):
    dataset = made_up(tmp_path / "set", made())
    dataset.manifest.unlink()
    with pytest.raises(InputError, match=r"manifest\.jsonl: no manifest, so the dataset is not complete"):
        reported(dataset)
    dataset.manifest.write_text("")
    with pytest.raises(InputError, match=r"manifest\.jsonl: has no items; build the dataset again"):
        reported(dataset)


def test_rows_that_cannot_be_asked(tmp_path):
    dataset = made_up(tmp_path / "twice", made("a"), made("a"))
    with pytest.raises(InputError, match=r"manifest\.jsonl: has item a twice; build the dataset again"):
        reported(dataset)
    dataset = made_up(tmp_path / "letter", made("a", form="mcq", options=("x", "y"), answer="A"), answer="Z")
    with pytest.raises(InputError, match=r"manifest\.jsonl: item a: its answer is 'Z', the letter of no option"):
        reported(dataset)


def test_a_manifest_and_a_plan_that_do_not_belong_together(tmp_path):
    dataset = made_up(tmp_path / "set", made("a"), made("b"))
    lines = dataset.plan.read_text().splitlines(keepends=True)
    for damaged, found in ((lines[:1], "has b where .* has nothing"), (lines[::-1], "has a where .* has b")):
        dataset.plan.write_text("".join(damaged))
        with pytest.raises(InputError, match=rf"manifest\.jsonl: {found}; the dataset was damaged: run haystack-gen v"):
            reported(dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps_num": 0}, r"item x has 0/1 frames a second; build it again"),
        ({"fps_den": -1}, r"item x has 1/-1 frames a second; build it again"),
    ],
)
def test_rows_that_no_clock_can_show(tmp_path, changes, message):
    dataset = made_up(tmp_path / "set", made(), **changes)
    with pytest.raises(InputError, match=message):
        reported(dataset)


def test_a_similarity_that_is_none(tmp_path):
    dataset = made_up(tmp_path / "set", looked("a", 8))
    dataset.manifest.write_text(dataset.manifest.read_text().replace(r"\"similarity\":null", r"\"similarity\":NaN"))
    with pytest.raises(InputError, match=r":1: not a manifest row: distractors_json: NaN is not a finite number"):
        reported(dataset)


def test_what_is_no_report_is_never_replaced(tmp_path):
    dataset = made_up(tmp_path / "set", made())
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><p>mine")
    with pytest.raises(InputError, match=r"page\.html: exists and is no report; choose another name, or delete it"):
        write_report(dataset, path)
    assert path.read_text() == "<!doctype html><p>mine"
    path.unlink()
    first = write_report(dataset, path)
    assert first == write_report(dataset, path)
    assert first.size_bytes == path.stat().st_size

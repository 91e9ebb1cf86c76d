"""Rows: what an evaluator is told of each kind of item, and that both tables say the same."""

import json
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from haystack_gen.emit import manifest
from haystack_gen.emit.manifest import read_manifest, schema, write_manifest, write_metadata
from haystack_gen.emit.row_writer import RowWriter, noise_text
from haystack_gen.emit.rows import AS_JSON, Row, json_schema, plain
from haystack_gen.emit.videos import Places
from haystack_gen.errors import InputError
from haystack_gen.facts import BLANK, Needle
from haystack_gen.plan.items import NO_DEPTH, Beside, Item, Part
from haystack_gen.specfile import read_spec
from haystack_gen.workspace import DatasetFolder
from tests.made_items import NOISE, distractor, film_of, made, needle, showing, source

OWLS = Needle(
    id="owls", source="owls", question="", answer="three", key="the owls", value="three", attribute="count", count=3
)
PLAIN = Needle(id="plain", source="plain", question="What?", answer="dog")
SOURCES = [
    source("film"),
    source("other-film", license="CC-BY-4.0"),
    *(source(name) for name in ("owls", "plain", "lure", "picture", BLANK)),
]
DISTRACTORS = "distractors: {origin: supplied, period: 8, phase: 1/4}"


def row_of(item: Item, *, media: str = "video", spec: str = "", noise=NOISE) -> Row:
    places = Places(DatasetFolder(Path("/d")), media, {video: k for k, (video, _) in enumerate(item.videos)})
    writer = RowWriter(
        read_spec(spec, where="test"), needles=[OWLS, PLAIN], sources=SOURCES, places=places, noise=noise
    )
    return writer.row(item)


def test_an_open_question():
    row = row_of(
        made(
            "x-open",
            task="localization",
            variant="span",
            form="seconds",
            answer="4.5",
            answer_text="4.5",
            accepted=("4.5", "4.50"),
            tolerance=Fraction(1, 4),
            video="x",
        )
    )
    assert (row.task, row.task_type, row.question_type) == ("localization", "localization/span", "seconds")
    assert (row.answer, row.answer_index, row.options) == ("4.5", -1, [])
    assert (row.accepted_answers, row.answer_tolerance) == (["4.5", "4.50"], 0.25)
    assert (row.id, row.video_id, row.video, row.video_path) == ("x-open", "x", *["videos/000/x.mp4"] * 2)
    assert row_of(made(accepted=())).accepted_answers == ["dog"], "never empty"


def test_rotations_of_one_question():
    asked = made(
        "x-r1",
        options=("cat", "dog"),
        form="mcq",
        answer="B",
        accepted=("B", "dog", "B. dog"),
        circular_group="x",
        circular_shift=1,
    )
    row = row_of(asked)
    assert (row.circular_group, row.circular_shift, row.answer_index) == ("x", 1, 1)
    assert row.accepted_answers == ["B", "dog", "B. dog"]
    assert row_of(made()).circular_group == ""


def test_needles_say_what_they_show_and_whether_they_are_asked_about():
    item = made(
        timeline=showing(6, [("needle", "owls", 1, 1), ("needle", "plain", 3, 1)]),
        needles=(needle("plain", 3, depth="3/5"), needle("owls", 1, asked=False, depth="1/5")),
        requested_depth=Fraction(1, 2),
    )
    row = row_of(item)
    owls, plain_one = row.needles
    assert (owls.key, owls.content, owls.count, owls.asked, owls.order) == ("the owls", "three", 3, False, 0)
    assert (plain_one.key, plain_one.content, plain_one.count, plain_one.asked) == ("", "dog", 1, True)
    assert (owls.start_frame, owls.end_frame, owls.start_s) == (1, 2, 1.0)
    assert (row.num_needles, row.depth, row.requested_depth) == (2, 0.6, 0.5), "the depth of the one asked about"


@pytest.mark.parametrize(
    ("asked", "requested", "expected"),
    [
        ((True, True), "1/2", (0.5, 0.5, "0.50")),
        ((False, False), "1/2", (0.5, 0.5, "0.50")),
        ((True, False), "1/2", (0.2, 0.5, "0.50")),
        ((True, True), "-1", (-1.0, -1.0, "all")),
        ((True, False), "-1", (0.2, -1.0, "all")),
        ((), "1/3", (1 / 3, 1 / 3, "0.33")),
        ((), "-1", (-1.0, -1.0, "all")),
    ],
)
def test_depths_of_items_with_several_needles_or_none(asked, requested, expected):
    needles = tuple(needle("plain", k + 1, asked=one, depth="1/5") for k, one in enumerate(asked))
    row = row_of(made(needles=needles, requested_depth=Fraction(requested)))
    assert (row.depth, row.requested_depth, row.depth_bucket) == expected
    assert Fraction(-1) == NO_DEPTH


def test_listed_pictures_say_nothing_of_themselves():
    row = row_of(made(needles=(needle("picture", 1), needle("picture", 3))))
    assert {(one.needle_id, one.key, one.content, one.count) for one in row.needles} == {("picture", "", "", 1)}


def test_a_video_of_needles_alone():
    item = made(timeline=showing(1, [("needle", "owls", 0, 1)]), needles=(needle("owls", 0),), control="needle_only")
    row = row_of(item, spec=DISTRACTORS)
    assert (row.num_frames, row.haystack_sources, row.license, row.depth) == (1, [], "CC0-1.0", 0.0)
    assert json.loads(row.params_json)["distractor_law"] == "none"


def test_a_blanked_item_has_the_picture_and_not_the_needle():
    row = row_of(made(timeline=showing(6, [("needle", BLANK, 2, 1)]), control="blanked"))
    assert (row.needles, row.num_needles, row.depth) == ([], 0, 0.5)


@pytest.mark.parametrize(
    ("control", "law", "phase", "phase_frames"),
    [
        ("none", "periodic", "1/4", 2),
        ("anti_phase", "periodic", "3/4", 6),
        ("shuffled", "periodic", "1/4", 2),
        ("no_distractors", "none", "1/4", None),
        ("haystack_only", "none", "1/4", None),
    ],
)
def test_the_law_that_a_control_follows_is_its_own(control, law, phase, phase_frames):
    params = json.loads(row_of(made(control=control), spec=DISTRACTORS).params_json)
    assert (params["distractor_law"], params["phase"], params["phase_frames"]) == (law, phase, phase_frames)


def stack(**changes: object) -> Item:
    parts = (Part(first=1, count=4), Part(video="own"), Part(first=5, count=1), Part(video="beside"))
    return made(
        "own",
        task="stack",
        context=parts,
        beside=(Beside(video="beside", timeline=film_of(3, source="other-film")),),
        context_length=40,
        context_cost=39,
        context_depth=Fraction(1, 4),
        **changes,
    )


def test_a_context_of_text_and_videos():
    row = row_of(stack())
    assert (row.context_length, row.context_cost, row.context_depth) == (40, 39, 0.25)
    first, own, second, beside = row.context
    assert (first.type, first.text) == ("text", "Two two. Three three three. One. Two two.")
    assert (own.type, own.video_id, own.video) == ("video", "own", "videos/000/own.mp4")
    assert (second.text, second.video_id, second.video, second.frames) == ("Three three three.", "", "", [])
    assert (beside.type, beside.video, beside.text) == ("video", "videos/000/beside.mp4", "")
    assert row.video == own.video
    assert row.license == "CC-BY-4.0; CC0-1.0", "of all videos"
    assert row.haystack_sources == ["film"]
    assert json.loads(row.params_json)["context_unit"] == "words"
    assert (row_of(made()).context, row_of(made()).context_depth) == ([], -1.0)


def test_a_context_of_frames_and_of_a_recipe():
    row = row_of(stack(), media="frames")
    assert row.context[1].frames == row.frames == [f"frames/film/000/{k:06d}.jpg" for k in range(6)]
    assert row.context[3].frames == [f"frames/other-film/000/{k:06d}.jpg" for k in range(3)]
    assert (row.video, row.context[1].video) == ("", "")
    row = row_of(stack(), media="none")
    assert {(one.video, tuple(one.frames)) for one in row.context} == {("", ())}
    assert [one.video_id for one in row.context] == ["", "own", "", "beside"]


def test_a_context_without_noise_is_a_contradiction():
    with pytest.raises(ValueError, match="its context has text, and there is no noise"):
        row_of(stack(), noise=None)


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [
        (0, 1, "One."),
        (2, 2, "Three three three. One."),
        (4, 1, "Two two."),
        (1, 6, "Two two. Three three three. One. Two two. Three three three. One."),
    ],
)
def test_noise_goes_round(first, count, expected):
    assert noise_text(NOISE, first=first, count=count) == expected


KINDS = [
    made("plain"),
    made("asked", needles=(needle("owls", 2),), distractors=(distractor("lure", 4, lure="two"),)),
    stack(),
]


@pytest.mark.parametrize("media", ["video", "frames", "none"])
def test_both_tables_have_the_same_rows(tmp_path, media):
    rows = [row_of(item, media=media) for item in KINDS]
    write_manifest(rows, tmp_path / "manifest.jsonl")
    assert list(read_manifest(tmp_path / "manifest.jsonl")) == rows
    write_metadata(rows, tmp_path / "metadata.parquet", media=media)
    table = pq.read_table(tmp_path / "metadata.parquet")
    assert table.schema.equals(schema(media))
    for typed, row in zip(table.to_pylist(), rows, strict=True):
        written = row.model_dump() | {"file_name": row.video, "frames_file_names": row.frames}
        assert typed == {key: written[key] for key in typed}
        assert typed["context"] == [one.model_dump() for one in row.context]


def test_a_line_has_one_type_for_each_key():
    lines = [plain(row_of(item)) for item in KINDS]
    for key in lines[0]:
        assert len({type(line[key]) for line in lines}) == 1, key
    assert {f"{name}_json" for name in AS_JSON} < lines[0].keys()
    assert set(json_schema()["required"]) == lines[0].keys()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question_type", "essay"),
        ("answer_tolerance", -1),
        ("accepted_answers", []),
        ("context_json", '[{"type": "song"}]'),
        ("context_json", '[{"type": "text", "text": "a"}]'),
        ("needles_json", '[{"needle_id": "n"}]'),
    ],
)
def test_what_is_no_row_is_refused(tmp_path, field, value):
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps(plain(row_of(made())) | {field: value}) + "\n")
    with pytest.raises(InputError, match=r"manifest\.jsonl:1: not a manifest row"):
        list(read_manifest(path))


def test_long_contexts_make_small_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "_TEXT_PER_GROUP", 100)
    write_metadata([row_of(stack())] * 6 + [row_of(made())] * 9, tmp_path / "m.parquet", media="video")
    table = pq.ParquetFile(tmp_path / "m.parquet")
    assert [table.metadata.row_group(k).num_rows for k in range(table.num_row_groups)] == [2, 2, 2, 9]

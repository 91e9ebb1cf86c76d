"""What models are shown: states against brute force, and the ceiling against an oracle that looks at decoded frames."""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import decord
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.emit.row_writer import RowWriter
from haystack_gen.emit.rows import Row
from haystack_gen.emit.videos import Places
from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.judge import visibility
from haystack_gen.judge.samplers import SAMPLERS, sampler
from haystack_gen.judge.visibility import Outlook, Span, attainable, audit_visibility, glimpse, min_frames_to_see
from haystack_gen.plan.choices import ABSENT
from haystack_gen.specfile import read_spec
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import read_number
from tests.made_items import made, needle, showing, source
from tests.small_world import KEYS, VALUES, SmallWorld, built, make_facts, make_world


def shows(indices: Sequence[int], start: int, end: int, *, frames: int = 100, tolerance: int = 0) -> tuple:
    return glimpse(np.array(indices, np.int64), Span(start, end), frames=frames, tolerance=tolerance)


@pytest.mark.parametrize(
    ("indices", "start", "end", "exact", "tolerant"),
    [
        ([5], 5, 6, "robust", "edge"),
        ([5], 4, 7, "robust", "robust"),
        ([5], 5, 8, "robust", "edge"),
        ([5], 3, 6, "robust", "edge"),
        ([4, 5], 4, 6, "robust", "edge"),  # both may be off to the outside
        ([4, 5, 6], 4, 7, "robust", "robust"),
        ([5], 6, 9, "missed", "edge"),
        ([5], 2, 5, "missed", "edge"),
        ([5], 7, 9, "missed", "missed"),
        ([5], 2, 4, "missed", "missed"),
        ([2, 9], 4, 8, "missed", "missed"),
        ([2, 5, 9], 4, 8, "robust", "robust"),
        ([0], 0, 1, "robust", "edge"),  # it may be 1, though never -1
        ([0], 0, 2, "robust", "robust"),
        ([99], 98, 100, "robust", "robust"),
        ([], 4, 8, "missed", "missed"),
    ],
)
def test_states(indices, start, end, exact, tolerant):
    hits = [index for index in indices if start <= index < end]
    assert shows(indices, start, end) == (exact, hits)
    assert shows(indices, start, end, tolerance=1) == (tolerant, hits)


spans = st.integers(1, 40).flatmap(
    lambda frames: st.tuples(
        st.just(frames),
        st.integers(0, frames - 1).flatmap(lambda start: st.tuples(st.just(start), st.integers(start + 1, frames))),
    )
)


@given(spans, st.sets(st.integers(0, 39), max_size=8))
def test_robust_is_shown_wherever_each_index_strays_and_missed_nowhere(span, indices):
    """Every index by itself is where it is, or one off, as far as there are frames."""
    frames, (start, end) = span
    picked = sorted(index for index in indices if index < frames)
    state, _ = shows(picked, start, end, frames=frames, tolerance=1)
    strays = [{max(index - 1, 0), index, min(index + 1, frames - 1)} for index in picked]
    inside = set(range(start, end))
    expected = "missed"
    if any(places & inside for places in strays):
        expected = "robust" if any(places <= inside for places in strays) else "edge"
    assert state == expected


@pytest.mark.parametrize("frames", [1, 2, 3, 12, 31, 61, 121, 150])
def test_fewest_frames_are_those_from_which_on_linspace_never_misses(frames):
    """Against the sampler itself, for each n; 13 times 30 / 26 is rounded down to 14, and there are others."""
    shown = {n: set(sampler(f"linspace:{n}").indices(frames, Fraction(1)).tolist()) for n in range(1, frames + 1)}
    for length in (1, 2, 5):
        for start in range(frames - length + 1):
            inside = set(range(start, start + length))
            misses = [n for n, indices in shown.items() if not indices & inside]
            found = min_frames_to_see([Span(start, start + length)], frames=frames)
            assert found == max(misses, default=0) + 1 <= frames, (start, length)


def test_fewest_frames_of_long_videos_and_several_needles(monkeypatch):
    one, other = Span(7_001, 7_002), Span(50_000, 50_060)
    frames = 100_000
    counts = {span: min_frames_to_see([span], frames=frames) for span in (one, other)}
    for (start, end), count in counts.items():
        for n, hit in ((count - 1, False), *((count + more, True) for more in (0, 1, 2, 10, 500))):
            indices = sampler(f"linspace:{n}").indices(frames, Fraction(30))
            assert bool(((indices >= start) & (indices < end)).any()) == hit, (n, start)
    assert min_frames_to_see([one, other], frames=frames) == max(counts.values())
    assert counts[other] <= (frames - 1) / 60 + 2
    assert min_frames_to_see([], frames=frames) == 0
    assert min_frames_to_see([Span(0, 1)], frames=frames) == 1
    assert min_frames_to_see([Span(frames - 1, frames)], frames=frames) == 2
    visibility._last_miss.cache_clear()
    monkeypatch.setattr(visibility, "_COUNTS_AT_ONCE", 3)
    assert min_frames_to_see([other], frames=frames) == counts[other], "it is looked for block by block"
    visibility._last_miss.cache_clear()


# ------------------------------------------------------------------------------------------ rows made by hand

FOUR = ("dog", "cat", "cow", "hen")


def row_of(name: str = "x", **changes: object) -> Row:
    """A row of a question with four options about 100 frames with one needle at 50, changed as wanted."""
    asked = needle("n", 50)
    facts = {
        "timeline": showing(100, [("needle", "n", 50, 1)]),
        "needles": (asked,),
        "options": FOUR,
        "form": "mcq",
        "answer": "A",
        "answer_text": "dog",
        "requested_length": 100,
    }
    row = {key: changes.pop(key) for key in list(changes) if key in Row.model_fields and key not in facts}
    spec = read_spec("output: {media: none}", where="test")
    places = Places(DatasetFolder(Path("/d")), "none", {})
    known = [Needle(id="n", source="n", question="Which?", answer="dog")]
    writer = RowWriter(spec, needles=known, sources=[source("film"), source("n")], places=places)
    item = {key: row.pop(key) for key in ("task", "control") if key in row}
    return writer.row(made(name, **(facts | item | changes))).model_copy(update=row)


def looked_at(folder: Path, rows: Sequence[Row], *names: str) -> list[Outlook]:
    write_manifest(rows, folder / "manifest.jsonl")
    return audit_visibility(DatasetFolder(folder), [sampler(name) for name in names])


def lines(folder: Path) -> list[dict]:
    return pq.read_table(folder / "audit" / "visibility.parquet").to_pylist()


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, 0.25),
        ({"options": (*FOUR[:3], ABSENT)}, 0),
        ({"options": FOUR[:2]}, 0.5),
        ({"options": (), "form": "short", "answer": "dog"}, 0),
        ({"options": ("1", "2", "3", "4"), "task": "counting"}, 0.25),
        ({"options": ("1", "2", "3", "0"), "task": "counting"}, 0),
        ({"options": ("1", "2", "3", "0")}, 0.25),  # zero is nothing to a question of another family
    ],
)
def test_what_is_attainable(changes, missed):
    row = row_of(**changes)
    assert attainable(row, seen=True) == 1
    assert attainable(row, seen=False) == missed


def test_every_needle_that_is_asked_about_has_to_be_seen(tmp_path):
    """Of frames 0, 33, 66, 99, and of a needle that is not asked about."""
    clips = showing(100, [("needle", "n", at, 1) for at in (20, 33, 66)])
    both = (needle("n", 33), needle("n", 66), needle("n", 20, asked=False))
    one = (needle("n", 20), needle("n", 33))
    rows = [row_of("both", timeline=clips, needles=both), row_of("one", timeline=clips, needles=one)]
    (found,) = looked_at(tmp_path, rows, "linspace:4")
    assert (found.total.items, found.total.seen, found.total.absent) == (2, 1, 0)
    assert found.total.ceiling == (1 + 0.25) / 2
    assert dict(found.total.states) == {"robust": 3, "missed": 1}
    table = lines(tmp_path)
    assert [(line["id"], line["start_frame"], line["state"], line["frames_hit"]) for line in table] == [
        ("both", 33, "robust", [33]),
        ("both", 66, "robust", [66]),
        ("one", 20, "missed", []),
        ("one", 33, "robust", [33]),
    ]
    assert {line["needle_id"] for line in table} == {"n"}
    fewest = {line["id"]: line["min_frames_to_see"] for line in table}
    assert fewest == {
        "both": min_frames_to_see([Span(33, 34), Span(66, 67)], frames=100),
        "one": min_frames_to_see([Span(20, 21), Span(33, 34)], frames=100),
    }


def test_what_asks_about_nothing_is_answered_by_seeing_nothing(tmp_path):
    hidden = row_of("hidden", needles=(needle("n", 50, asked=False),), options=(*FOUR[:3], ABSENT), answer="D")
    none = row_of("none", needles=())
    outlooks = looked_at(tmp_path, [hidden, none], "linspace:1", "hf-default:200")
    for one in outlooks:
        assert (one.total.ceiling, one.total.seen, one.total.absent, dict(one.total.states)) == (1, 0, 2, {})
    assert [bool(one.refusal) for one in outlooks] == [False, True]
    assert {(line["needle_id"], line["start_frame"], line["state"]) for line in lines(tmp_path)} == {("", -1, "absent")}
    assert {line["min_frames_to_see"] for line in lines(tmp_path)} == {0}


def test_a_video_that_is_refused_is_not_seen_and_why_is_said_once(tmp_path):
    rows = [
        row_of("a"),
        row_of("b"),
        row_of("c", timeline=showing(200, []), needles=(needle("n", 51),), requested_length=200),
    ]
    (found,) = looked_at(tmp_path, rows, "hf-default:150")
    assert found.refusal.startswith("would take 150 of 100 frames, which the library refuses")
    assert dict(found.total.states) == {"refused": 2, "missed": 1}
    assert found.total.ceiling == 0.25
    assert [line["state"] for line in lines(tmp_path)] == ["refused", "refused", "missed"]
    assert found.by["length"]["100"].states["refused"] == 2
    assert found.as_json()["refusal"] == found.refusal


def test_ceilings_by_family_and_length_and_twins_apart(tmp_path):
    rows = [
        row_of("a"),
        row_of("b", task="counting", needles=(needle("n", 0),)),
        row_of("c", timeline=showing(30, []), needles=(needle("n", 0),), requested_length=30),
        row_of(
            "a-only", control="needle_only", timeline=showing(1, [("needle", "n", 0, 1)]), needles=(needle("n", 0),)
        ),
    ]
    (found,) = looked_at(tmp_path, rows, "linspace:2")
    assert found.total.items == 3
    assert {name: one.ceiling for name, one in found.by["family"].items()} == {"counting": 1, "retrieval": 1.25 / 2}
    assert list(found.by["length"]) == ["30", "100"]
    assert {name: one.ceiling for name, one in found.by["control"].items()} == {"needle_only": 1}
    assert json.loads(json.dumps(found.as_json()))["by"]["length"]["30"] == {
        "ceiling": 1,
        "items": 1,
        "seen": 1,
        "absent": 0,
        "needles": {"robust": 1, "edge": 0, "missed": 0, "refused": 0},
    }


def test_tables_are_written_in_blocks_that_change_nothing(tmp_path, monkeypatch):
    rows = [row_of(f"x{number}", needles=(needle("n", number),)) for number in range(100)]
    whole = looked_at(tmp_path, rows, "linspace:9", "fps:1/3", "qwen2-vl:10")
    table = lines(tmp_path)
    assert len(table) == 300
    assert {line["sampler"] for line in table} == {"linspace:9", "fps:1/3", "qwen2-vl:10"}
    assert {line["state"] for line in table} == {"robust", "missed", "edge"}
    monkeypatch.setattr(visibility, "_LINES_AT_ONCE", 7)
    again = looked_at(tmp_path, rows, "linspace:9", "fps:1/3", "qwen2-vl:10")
    assert pq.ParquetFile(tmp_path / "audit" / "visibility.parquet").num_row_groups > 30
    assert lines(tmp_path) == table
    assert [one.as_json() for one in again] == [one.as_json() for one in whole]


def test_frames_are_sampled_once_for_each_length_and_rate(tmp_path, monkeypatch):
    asked = []
    original = type(sampler("linspace:4")).indices
    monkeypatch.setattr(
        "haystack_gen.judge.samplers.Sampler.indices",
        lambda self, frames, rate: asked.append((self.name, frames, rate)) or original(self, frames, rate),
    )
    longer = {"timeline": showing(120, []), "requested_length": 120}
    rows = [row_of(f"x{number}", **(longer if number % 2 else {})) for number in range(50)]
    looked_at(tmp_path, rows, "linspace:4", "fps:1")
    assert sorted(asked) == sorted((name, frames, 1) for name in ("linspace:4", "fps:1") for frames in (100, 120))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_frames": 50}, r"^x: has a needle at frames \[50, 51\), and 50 frames in all; the dataset was damaged"),
        ({"fps_den": 0}, r"^x: has 1/0 frames a second; the dataset was damaged"),
        ({"fps_num": -1}, r"^x: has -1/1 frames a second"),
    ],
)
def test_rows_that_cannot_be(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        looked_at(tmp_path, [row_of(**changes)], "linspace:4")
    assert not (tmp_path / "audit" / "visibility.parquet").exists(), "all or nothing"


def test_every_sampler_can_be_asked(tmp_path):
    settings = {"hf-default": ":fps=1", "hf4-default": ":fps=1", "fps": ":2", "vlmevalkit": ":8"}
    bare = {name for name, kind in SAMPLERS.items() if any(None not in form.settings.values() for form in kind.forms)}
    names = [name if name in bare else name + settings.get(name, ":8") for name in SAMPLERS]
    for one in looked_at(tmp_path, [row_of()], *names):
        assert one.total.items == 1
        assert one.total.ceiling in (0.25, 1)


# ------------------------------------------------------------------------ an oracle that looks at decoded frames

SPEC = """
tasks: retrieval, multi_key, ordering
grid: {lengths: "24,40", depths: "0,1/3,1", trials: 2}
needles: {length: 2}
placement: {band: "2/3"}
distractors: {period: 6, at_least: 0, count: 1}
choices: {form: both, absent: %s}
families: {ordering: {ask: order}}
controls: needle_only
"""


@pytest.fixture(scope="module", params=["true", "false"], ids=["or absent", "always there"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    folder = tmp_path_factory.mktemp("oracle")
    world: SmallWorld = replace(make_world(folder / "world", seconds=45), pack=make_facts(folder / "facts"))
    return built(world.spec(SPEC % request.param), folder / "out")


def reply(row: Row, numbers: Sequence[int]) -> str:
    """What a perfect reader says of the frames it is given; "?" where it can only guess.

    It reads pictures of the pack by their numbers, knows what each shows, and answers what is asked about keys that the
    question names: of one its color, of several their order.
    """
    named = [number for number, key in enumerate(KEYS) if f"the {key}" in row.question]
    seen = [number - 500_000 for number in dict.fromkeys(numbers) if number - 500_000 in named]
    if len(seen) == len(named):
        return VALUES[seen[0]] if len(named) == 1 else ", ".join(f"the {KEYS[number]}" for number in seen)
    return ABSENT if not row.options or ABSENT in row.options else "?"


def credit(row: Row, numbers: Sequence[int]) -> float:
    said = reply(row, numbers)
    return 1 / len(row.options) if said == "?" else float(said in (row.answer_text, *row.accepted_answers))


@lru_cache
def shown_of(path: Path, name: str) -> dict[int, int]:
    """The numbers on the frames that decord returns for what the sampler asks, by index."""
    film = decord.VideoReader(str(path), num_threads=1)
    rate = Fraction(film.get_avg_fps()).limit_denominator(100_000)
    indices = sampler(name).indices(len(film), rate).tolist()
    frames = film.get_batch(indices).asnumpy()
    return {index: read_number(frame) for index, frame in zip(indices, frames, strict=True)}


@pytest.mark.parametrize("name", ["linspace:12", "qwen2-vl:fps=1/3", "vlmevalkit:9"])
def test_an_oracle_scores_the_ceiling(dataset, name):
    (found,) = audit_visibility(dataset, [sampler(name)])
    said = {(line["id"], line["needle_id"]): line for line in lines(dataset.root)}
    credits: dict[tuple[str, str], list[float]] = {}
    for row in read_manifest(dataset.manifest):
        numbers = shown_of(dataset.root / row.video, name)
        where = (("control", row.control),) if row.control != "none" else (("family", row.task), ("all", ""))
        for part in where:
            credits.setdefault(part, []).append(credit(row, list(numbers.values())))
        for one in row.needles:
            if one.asked:
                picture = 500_000 + int(one.source.rsplit("-", 1)[1])
                hits = [index for index, number in numbers.items() if number == picture]
                assert said[row.id, one.needle_id]["frames_hit"] == hits
    means = {part: sum(earned) / len(earned) for part, earned in credits.items()}
    predicted = {("all", ""): found.total.ceiling} | {
        (kind, part): one.ceiling for kind in ("family", "control") for part, one in found.by[kind].items()
    }
    assert means == pytest.approx(predicted, abs=1e-12)
    assert 0.1 < means["all", ""] < 0.95, "some is seen and some is not"
    assert len(credits["all", ""]) > 40

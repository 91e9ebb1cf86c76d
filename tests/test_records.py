import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen import records
from haystack_gen.errors import InputError
from haystack_gen.facts import Listed, Lookalike, Match, Needle, Noise, Sighting, Source, VideoQuestion

text = st.text(max_size=8)
name = st.text("abcxyz019-_", min_size=1, max_size=8)
question = st.text(max_size=8).map(lambda tail: f"What? {tail}")
fraction = st.fractions(min_value=Fraction(1, 10**9), max_value=10**9)
cosine = st.floats(-1, 1)

films = st.builds(
    Source,
    id=name,
    kind=st.just("video"),
    path=name.map(lambda stem: f"/films/{stem}.mp4"),
    sha256=text,
    size_bytes=st.integers(0),
    width=st.integers(1),
    height=st.integers(1),
    frames=st.integers(1),
    rate=fraction,
    duration_s=fraction,
    at_s=st.none() | fraction,
    license=text,
    origin=text,
)
pictures = st.builds(
    Source,
    id=name,
    kind=st.just("image"),
    path=name.map(lambda stem: f"/pictures/{stem}.png"),
    sha256=text,
    size_bytes=st.integers(0),
    width=st.integers(1),
    height=st.integers(1),
)
word_needles = st.builds(
    Needle,
    id=name,
    source=name,
    question=question,
    answer=question,
    options=st.just(()),
    key=text,
    value=st.just(""),
    attribute=text,
    instruction=text,
    distractors=st.lists(st.builds(Lookalike, source=name, lure=text), max_size=3).map(tuple),
)
choice_needles = st.lists(question, min_size=2, max_size=5, unique=True).map(
    lambda options: Needle(id="n", source="s", question="q", answer=options[-1], options=tuple(options))
)
matches = st.builds(
    Match,
    needle=name,
    source=name,
    similarity=st.none() | cosine,
    embedder=text,
    lure=text,
    origin=st.sampled_from(["supplied", "mined"]),
)
sightings = st.builds(Sighting, needle=name, source=name, frame=st.integers(0), similarity=cosine)
fact_needles = st.builds(
    lambda fact, **more: Needle(question="", answer=fact, value=fact, **more),
    fact=question,
    id=name,
    source=name,
    key=question,
    attribute=question,
    count=st.integers(1, 1000),
)
choices = st.lists(question, min_size=1, max_size=5, unique=True).map(tuple)
listed = st.builds(
    lambda options, **more: Listed(options=options, answer=options[0], **more),
    options=choices,
    id=name,
    task=st.sampled_from(["multi_value", "counting", "ordering"]),
    pictures=st.lists(name, max_size=4).map(tuple),
    question=question,
    instruction=text,
)
film_questions = st.builds(VideoQuestion, id=name, source=name, question=question, options=st.just(()), answer=question)
noises = st.lists(st.tuples(text, st.integers(1)), min_size=1, max_size=4).map(
    lambda pairs: Noise(sentences=tuple(one for one, _ in pairs), costs=tuple(cost for _, cost in pairs), unit="words")
)


@settings(deadline=None)
@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        (Source, films | pictures),
        (Needle, word_needles | choice_needles | fact_needles),
        (Match, matches),
        (Sighting, sightings),
        (Listed, listed),
        (VideoQuestion, film_questions),
        (Noise, noises),
    ],
)
@given(data=st.data())
def test_what_was_dumped_is_loaded(kind, strategy, data):
    written = tuple(
        data.draw(st.lists(strategy, max_size=4, unique_by=lambda record: getattr(record, "id", id(record))))
    )
    dumped = records.dump(written)
    paths = {record.id: record.path for record in written} if kind is Source else None
    assert records.load(dumped, kind, paths=paths) == written
    assert records.dump(records.load(dumped, kind, paths=paths)) == dumped
    assert dumped.count("\n") == len(written)


def film(**changes):
    facts = {"path": "/home/someone/films/city.mp4", "sha256": "ab", "size_bytes": 7, "width": 4, "height": 2}
    times = {"frames": 100, "rate": Fraction(30000, 1001), "duration_s": Fraction(4)}
    return Source(**{"id": "city", "kind": "video", **facts, **times, **changes})


def test_the_bytes_of_a_source_are_these():
    assert records.dump([film()]) == (
        '{"id": "city", "kind": "video", "name": "city.mp4", "sha256": "ab", "size_bytes": 7, "width": 4, "height": 2, '
        '"frames": 100, "rate": "30000/1001", "duration_s": "4", "at_s": null, "license": "unknown", "origin": ""}\n'
    )


def test_the_bytes_of_a_needle_are_these():
    needle = Needle(
        id="zoo", source="zoo", question="动物?", answer="b", options=("a", "b"), distractors=(Lookalike(source="x"),)
    )
    assert records.dump([needle]) == (
        '{"id": "zoo", "source": "zoo", "question": "动物?", "answer": "b", "options": ["a", "b"], "key": "", '
        '"value": "", "attribute": "", "instruction": "", "count": 1, "distractors": [{"source": "x", "lure": ""}]}\n'
    )


def test_the_bytes_of_questions_and_noise_are_these():
    counted = Listed(
        id="l-1", task="counting", pictures=("x", "x"), question="How many?", options=("1", "2"), answer="2"
    )
    assert records.dump([counted]) == (
        '{"id": "l-1", "task": "counting", "pictures": ["x", "x"], "question": "How many?", "options": ["1", "2"], '
        '"answer": "2", "instruction": ""}\n'
    )
    about = VideoQuestion(id="q", source="film", question="Who?", options=(), answer="Ann")
    assert records.dump([about]) == (
        '{"id": "q", "source": "film", "question": "Who?", "options": [], "answer": "Ann"}\n'
    )
    noise = Noise(sentences=("One.", "Zwölf\nBoxkämpfer."), costs=(1, 2), unit="words")
    assert records.dump([noise]) == (
        '{"sentences": ["One.", "Zwölf\\nBoxkämpfer."], "costs": [1, 2], "unit": "words"}\n'
    )


def test_a_path_is_not_written_and_comes_back_only_when_given():
    dumped = records.dump([film()])
    assert "someone" not in dumped
    assert records.load(dumped, Source)[0].path == ""
    assert records.load(dumped, Source, paths={"other": "x"})[0].path == ""
    assert records.load(dumped, Source, paths={"city": "/films/city.mp4"})[0].path == "/films/city.mp4"


def test_a_file_is_read_and_named_in_errors(tmp_path):
    path = tmp_path / "catalog.jsonl"
    path.write_text(records.dump([film(), film(id="town")]))
    assert [source.id for source in records.load(path, Source)] == ["city", "town"]
    path.write_text(records.dump([film()]) + "{}\n")
    with pytest.raises(InputError, match=r"catalog.jsonl:2: key 'id' is missing; a Source has id, kind, name, sha256"):
        records.load(path, Source)


def row(**changes):
    return json.dumps({**json.loads(records.dump([film()])), **changes})


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (row(colour="red"), "text:1: unknown key 'colour'; a Source has id, kind, name"),
        (row(path="/etc/passwd"), "text:1: unknown key 'path'"),
        (row(name=3), "text:1: name: expected text, got 3"),
        (row(frames="3"), "text:1: frames: expected a whole number, got '3'"),
        (row(frames=True), "text:1: frames: expected a whole number, got True"),
        (row(frames=3.0), "text:1: frames: expected a whole number, got 3.0"),
        (row(kind="music"), "text:1: kind: expected one of video, image, got 'music'"),
        (row(rate=25), 'text:1: rate: expected a fraction such as "30000/1001" or "25", got 25'),
        (row(rate="1/0"), "text:1: rate: expected a fraction .*, got '1/0'"),
        (row(rate="1e99999999"), "text:1: rate: expected a fraction .*, got '1e99999999'"),
        (row(width=0), "text:1: city: picture is 0 x 2, expected positive"),
        ("[]", r"text:1: expected an object, got \[\]"),
        ("", "text:1: is not JSON at line 1, column 1"),
        ('{"id": 1, "id": 2}', "text:1: key 'id' is given twice in one object"),
        ('{"id": NaN}', "text:1: NaN is not a finite number"),
        ('{"id": 1e999}', "text:1: 1e999 is not a finite number"),
        ('{"id": "\\ud800"}', "text:1: text holds half a surrogate pair"),
        ("[" * 100_000, "text:1: is nested too deep"),
        ("9" * 5000, "text:1: Exceeds the limit"),
    ],
)
def test_lines_that_are_not_a_source_say_why(line, fault):
    with pytest.raises(InputError, match=fault):
        records.load(line + "\n", Source)


@pytest.mark.parametrize(
    ("kind", "line", "fault"),
    [
        (
            Sighting,
            '{"needle": "n", "source": "s", "frame": 1, "similarity": "x"}',
            "similarity: expected a number, got 'x'",
        ),
        (
            Sighting,
            f'{{"needle": "n", "source": "s", "frame": 1, "similarity": {10**400}}}',
            "similarity: expected a number",
        ),
        (Match, '{"needle": "n"}', "key 'source' is missing; a Match has needle, source"),
        (Noise, '{"sentences": ["a"], "costs": ["1"], "unit": ""}', r"costs\[0\]: expected a whole number, got '1'"),
        (Noise, '{"sentences": ["a"], "costs": [0], "unit": ""}', "text:1: every sentence of the noise costs at least"),
        (Noise, '{"sentences": ["a"], "costs": [], "unit": ""}', "text:1: every sentence of the noise costs at least"),
        (VideoQuestion, '{"id": "../x"}', "key 'source' is missing; a VideoQuestion has id, source, question"),
    ],
)
def test_other_records_say_why_too(kind, line, fault):
    with pytest.raises(InputError, match=fault):
        records.load(line, kind)


def test_wrong_parts_of_a_needle_are_named():
    line = json.loads(records.dump([Needle(id="n", source="s", question="q", answer="a")]))
    for changes, fault in (
        ({"options": "ab"}, "options: expected a list, got 'ab'"),
        ({"options": ["a", 3]}, r"options\[1\]: expected text, got 3"),
        ({"distractors": [{"source": "s"}]}, r"distractors\[0\]: key 'lure' is missing; a Lookalike has source, lure"),
        ({"distractors": [7]}, r"distractors\[0\]: expected an object, got 7"),
        ({"options": ["b", "c"]}, "answer 'a' is not among its options"),
    ):
        with pytest.raises(InputError, match=fault):
            records.load(json.dumps({**line, **changes}), Needle)


def test_hostile_listed_questions_are_refused():
    fine = json.loads(
        records.dump([Listed(id="l", task="ordering", pictures=(), question="q", options=("a",), answer="a")])
    )
    for changes, fault in (
        ({"pictures": ["../../etc/passwd"]}, "text:1: source id '../../etc/passwd' cannot be a file name"),
        ({"id": "a/b"}, "text:1: listed question id 'a/b' cannot be a file name"),
        ({"task": "stack"}, "task: expected one of multi_value, counting, ordering, got 'stack'"),
        ({"answer": "b"}, "answer 'b' must be one of different options"),
    ):
        with pytest.raises(InputError, match=fault):
            records.load(json.dumps({**fine, **changes}), Listed)


def test_a_file_of_noise_may_be_larger_than_others(tmp_path):
    path = tmp_path / "noise.jsonl"
    path.write_text(records.dump([Noise(sentences=("word " * 20,), costs=(20,), unit="words")]))
    with pytest.raises(InputError, match="is larger than 50 bytes"):
        records.load(path, Noise, largest=50)
    assert records.load(path, Noise, largest=500)[0].costs == (20,)


def test_files_that_are_not_text_say_why(tmp_path):
    (tmp_path / "latin.jsonl").write_bytes("{'café'}".encode("latin-1"))
    (tmp_path / "long.jsonl").write_text("x" * 11)
    for path, fault in (
        (tmp_path / "none.jsonl", "none.jsonl: no such file, expected a text file"),
        (tmp_path, "is a folder, expected a text file"),
        (tmp_path / "latin.jsonl", r"latin.jsonl: byte 5 \(0xe9\) is not UTF-8; save the file as UTF-8"),
        (tmp_path / "long.jsonl", "long.jsonl: is larger than 10 bytes; split it"),
    ):
        with pytest.raises(InputError, match=fault):
            records.read_text(path, largest=10)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "windows.jsonl").write_bytes(b"\xef\xbb\xbf" + records.dump([film()]).replace("\n", "\r\n").encode())
    assert records.load(tmp_path / "windows.jsonl", Source)[0].id == "city"

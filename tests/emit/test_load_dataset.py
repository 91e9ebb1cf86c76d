"""The folder as `datasets` sees it, with nothing but `load_dataset(DIR)`."""

from pathlib import Path

import pytest

from haystack_gen.emit.manifest import read_manifest
from tests.small_world import built, make_facts, make_world

pytestmark = pytest.mark.hub


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.mark.parametrize("media", ["video", "frames", "none"])
@pytest.mark.parametrize("needles", [1, 3])
@pytest.mark.parametrize("streaming", [False, True])
def test_load_dataset(tmp_path, offline, media, needles, streaming):
    from datasets import Image, List, Sequence, Value, Video, load_dataset

    world = make_world(tmp_path / "world", seconds=30, needles=needles)
    text = "{grid: {lengths: '12', depths: '1/2'}, distractors: {origin: supplied, period: 5}, output: {media: %s}}"
    folder = built(world.spec(text % media), tmp_path / "out")
    loaded = load_dataset(str(folder.root), split="test", streaming=streaming, cache_dir=str(tmp_path / "hf"))
    features = loaded.features
    if media == "video":
        assert isinstance(features["video"], Video)
        loaded = loaded.cast_column("video", Video(decode=False))
    elif media == "frames":
        assert isinstance(features["frames"], List | Sequence)
        assert isinstance(features["frames"].feature, Image)
    assert features["answer"] == Value("string")
    assert features["needles"].feature["start_frame"] == Value("int64")
    assert features["distractors"].feature["similarity"] == Value("float64")
    rows = list(loaded)
    written = list(read_manifest(folder.manifest))
    assert [row["id"] for row in rows] == [row.id for row in written]
    for row, expected in zip(rows, written, strict=True):
        assert row["answer"] == expected.answer
        assert row["options"] == expected.options
        assert row["needles"] == [one.model_dump() for one in expected.needles]
        assert row["distractors"] == [one.model_dump() for one in expected.distractors]
        if media == "video":
            assert Path(row["video"]["path"]).read_bytes() == (folder.root / expected.video).read_bytes()
        elif media == "frames":
            assert [image.size for image in row["frames"]] == [(128, 72)] * 12


@pytest.mark.parametrize("media", ["video", "frames", "none"])
@pytest.mark.parametrize("streaming", [False, True])
def test_shared_videos_and_contexts(tmp_path, offline, media, streaming):
    from datasets import Value, Video, load_dataset

    world = make_world(tmp_path / "world", seconds=30, needles=1)
    text = """
    tasks: retrieval, stack
    grid: {lengths: "12", depths: "0", trials: 2}
    choices: {form: both, circular: true}
    families: {stack: {lengths: "60"}}
    output: {media: %s}
    """
    folder = built(world.spec(text % media, **{"needles.pack": str(make_facts(tmp_path / "facts"))}), tmp_path / "out")
    loaded = load_dataset(str(folder.root), split="test", streaming=streaming, cache_dir=str(tmp_path / "hf"))
    assert loaded.features["needles"].feature["asked"] == Value("bool")
    assert loaded.features["context"].feature["text"] == Value("string")
    assert loaded.features["answer_tolerance"] == Value("float64")
    if media == "video":
        assert isinstance(loaded.features["video"], Video)
        loaded = loaded.cast_column("video", Video(decode=False))
    rows, written = list(loaded), list(read_manifest(folder.manifest))
    assert [row["id"] for row in rows] == [row.id for row in written]
    assert len({row.video_id for row in written}) < len(written) == 2 * 2 * 5
    for row, expected in zip(rows, written, strict=True):
        assert row["context"] == [one.model_dump() for one in expected.context]
        assert row["accepted_answers"] == expected.accepted_answers
        if media == "video":
            assert Path(row["video"]["path"]).name == Path(expected.video).name


def test_the_manifest_loads_as_json_lines(tmp_path, offline):
    """Also where the first rows have nothing in lists that later rows fill."""
    from datasets import load_dataset

    world = make_world(tmp_path / "world", seconds=30, needles=1)
    text = "{tasks: 'retrieval, stack', grid: {lengths: '12', trials: 3}, families: {stack: {lengths: '60'}}}"
    folder = built(world.spec(text, **{"needles.pack": str(make_facts(tmp_path / "facts"))}), tmp_path / "out")
    loaded = load_dataset(
        "json", data_files=str(folder.manifest), split="train", cache_dir=str(tmp_path / "hf"), chunksize=4000
    )
    assert [row["context_json"] == "[]" for row in loaded] == [row["task"] == "retrieval" for row in loaded]

"""The folder as `datasets` sees it, with nothing but `load_dataset(DIR)`."""

from pathlib import Path

import pytest

from haystack_gen.emit.manifest import read_manifest
from tests.small_world import built, make_world

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

"""The folder as `datasets` sees it, offline, with nothing but `load_dataset(DIR)`: every config, streaming and not.

`datasets` decodes videos with torchcodec. It is not importable here: it lies in the folder `torchcodec` of the
environment, and tests that decode run a second Python with that folder. The FFmpeg it wants is the one that comes with
PyAV, under the names that it asks for.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from haystack_gen.build import build
from haystack_gen.emit.manifest import read_manifest, schema
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.rows import Row
from haystack_gen.export.webdataset import write_webdataset
from haystack_gen.gathering import Tools
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import read_number
from tests.small_world import SIZE, SmallWorld, built, make_facts, make_world

pytestmark = pytest.mark.hub

MIXED = """
tasks: retrieval, counting, ordering, stack
grid: {lengths: "12", depths: "0", trials: 2}
placement: {band: 1}
choices: {form: both, circular: true}
families: {stack: {lengths: "60"}}
output: {media: %s}
"""
LARGE = """
tasks: multi_query, ordering
grid: {lengths: "12", depths: "0", trials: 125}
placement: {band: 1}
choices: {circular: true}
families: {multi_query: {needles: 4, questions: 4}, ordering: {needles: 3, ask: order}}
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> tuple[SmallWorld, dict[str, str]]:
    """A world, and the pack of it that every family can ask about."""
    folder = tmp_path_factory.mktemp("facts")
    return make_world(folder / "world", seconds=30, needles=1), {"needles.pack": str(make_facts(folder / "pack"))}


@pytest.fixture(scope="module", params=["video", "frames", "none"])
def mixed(request, facts, tmp_path_factory) -> tuple[str, DatasetFolder]:
    """Four families, some of whose items share videos, with open questions and with contexts."""
    world, pack = facts
    spec = world.spec(MIXED % request.param, **pack)
    return request.param, built(spec, tmp_path_factory.mktemp("mixed") / "out")


@pytest.fixture(scope="module")
def large(facts, tmp_path_factory) -> DatasetFolder:
    """2,500 items about 250 videos."""
    world, pack = facts
    out = tmp_path_factory.mktemp("large") / "out"
    build(world.spec(LARGE, **pack, **{"haystack.size": "64x36"}), out, Tools.local(jobs=1), allow_guessable=True)
    return DatasetFolder(out)


def load(folder: DatasetFolder, tmp_path: Path, config: str | None = None, **options: object):
    from datasets import load_dataset

    return load_dataset(str(folder.root), config, split="test", cache_dir=str(tmp_path / "hf"), **options)


def declared(media: str):
    """The features that the typed table declares, its files as media."""
    from datasets import Features, Image, List, Video

    features = Features.from_arrow_schema(schema(media))
    if "file_name" in features:
        features["video"] = Video()
        del features["file_name"]
    if "frames_file_names" in features:
        features["frames"] = List(Image())
        del features["frames_file_names"]
    return features


def undecoded(loaded, media: str):
    from datasets import Image, List, Video

    kinds = {"video": ("video", Video(decode=False)), "frames": ("frames", List(Image(decode=False)))}
    return loaded.cast_column(*kinds[media]) if media in kinds else loaded


def assert_says(found: dict, row: Row, folder: DatasetFolder) -> None:
    """Every field of a loaded row is the manifest's, and its media are the files that the manifest names."""
    expected = row.model_dump()
    video, frames = expected.pop("video"), expected.pop("frames")
    found = dict(found)
    if "video" in found:
        assert Path(found.pop("video")["path"]).samefile(folder.root / video)
    if "frames" in found:
        loaded = [Path(frame["path"]) for frame in found.pop("frames")]
        assert [path.relative_to(folder.root).as_posix() for path in loaded] == frames
    assert found == expected


@pytest.mark.parametrize("media", ["video", "frames", "none"])
@pytest.mark.parametrize("needles", [1, 3])
@pytest.mark.parametrize("streaming", [False, True])
def test_sets_of_one_and_three_items(tmp_path, media, needles, streaming):
    """Where there are as many tables as videos, or more."""
    world = make_world(tmp_path / "world", seconds=30, needles=needles)
    text = "{grid: {lengths: '12', depths: '1/2'}, distractors: {origin: supplied, period: 5}, output: {media: %s}}"
    folder = built(world.spec(text % media), tmp_path / "out")
    written = list(read_manifest(folder.manifest))
    assert len(written) == needles
    for config in (None, "default", "retrieval"):
        loaded = load(folder, tmp_path, config, streaming=streaming)
        assert loaded.features == declared(media)
        assert str(loaded.split) == "test"
        for found, row in zip(undecoded(loaded, media), written, strict=True):
            assert_says(found, row, folder)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_config_for_each_family(tmp_path, mixed, streaming):
    from datasets import get_dataset_config_names, get_dataset_split_names

    media, folder = mixed
    written = list(read_manifest(folder.manifest))
    families = list(dict.fromkeys(row.task for row in written))
    assert families == ["retrieval", "counting", "ordering", "stack"]
    assert len({row.video_id for row in written}) < len(written)
    assert any(row.context for row in written)
    assert not all(row.options for row in written)
    assert get_dataset_config_names(str(folder.root)) == ["default", *families]
    for config in (None, *families):
        assert get_dataset_split_names(str(folder.root), config) == ["test"]
        loaded = load(folder, tmp_path, config, streaming=streaming)
        assert loaded.features == declared(media)
        asked = [row for row in written if config in (None, row.task)]
        for found, row in zip(undecoded(loaded, media), asked, strict=True):
            assert_says(found, row, folder)
            assert isinstance(found["answer"], str)


def test_pictures_of_frames_are_decoded(tmp_path, mixed):
    media, folder = mixed
    if media == "frames":
        (row, *_) = load(folder, tmp_path, "ordering")
        assert [picture.size for picture in row["frames"]] == [SIZE] * 12


@pytest.mark.parametrize("streaming", [False, True])
def test_a_set_of_2500_items(tmp_path, large, streaming):
    written = list(read_manifest(large.manifest))
    assert Counter(row.task for row in written) == {"multi_query": 2000, "ordering": 500}
    for config in (None, "multi_query", "ordering"):
        loaded = undecoded(load(large, tmp_path, config, streaming=streaming), "video")
        asked = [row for row in written if config in (None, row.task)]
        for found, row in zip(loaded, asked, strict=True):
            assert_says(found, row, large)


def test_the_manifest_loads_as_json_lines(tmp_path, mixed):
    """Also where the first rows have nothing in lists that later rows fill."""
    from datasets import load_dataset

    _, folder = mixed
    loaded = load_dataset(
        "json", data_files=str(folder.manifest), split="train", cache_dir=str(tmp_path / "hf"), chunksize=4000
    )
    assert [row["context_json"] == "[]" for row in loaded] == [row["task"] != "stack" for row in loaded]
    assert {type(row["answer"]) for row in loaded} == {str}


def test_a_folder_built_anew_has_no_config_of_a_family_that_is_gone(tmp_path, facts):
    from datasets import get_dataset_config_names

    world, pack = facts
    out = tmp_path / "out"
    for tasks in ("retrieval, counting", "counting"):
        text = f"{{tasks: '{tasks}', grid: {{lengths: '12', depths: '0', trials: 1}}, placement: {{band: 1}}}}"
        folder = built(world.spec(text, **pack), out)
    assert get_dataset_config_names(str(out)) == ["default", "counting"]
    assert not folder.family("retrieval").exists()


@pytest.mark.parametrize("streaming", [False, True])
def test_archives_load(tmp_path, facts, streaming):
    """Every video once, whole, with all items about it; the first have no options, the last have."""
    from datasets import Value, Video

    world, pack = facts
    folder = built(world.spec(MIXED % "video", **pack), tmp_path / "out")
    packed = tmp_path / "packed"
    write_webdataset(folder, packed, shard_bytes=60_000)
    assert len(list(packed.glob("shards/*.tar"))) > 3
    loaded = load(DatasetFolder(packed), tmp_path, streaming=streaming)
    assert isinstance(loaded.features["mp4"], Video)
    assert loaded.features["json"]["items_json"] == Value("string")
    items, videos = [], []
    for sample in loaded.cast_column("mp4", Video(decode=False)):
        about = sample["json"]
        videos.append(about["video"])
        assert sample["__key__"] == about["video"].removesuffix(".mp4")
        assert sample["mp4"]["bytes"] == (folder.root / about["video"]).read_bytes()
        items += json.loads(about["items_json"])
    assert sorted(videos) == sorted(path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*.mp4"))
    lines = [json.loads(line) for line in folder.manifest.read_text().splitlines()]
    assert sorted(items, key=lambda item: item["id"]) == sorted(lines, key=lambda item: item["id"])


def test_without_torchcodec_everything_but_the_pixels_is_there(tmp_path, mixed):
    media, folder = mixed
    if media != "video":
        return
    loaded = load(folder, tmp_path)
    with pytest.raises(ImportError, match="torchcodec"):
        loaded[0]
    assert loaded.remove_columns("video")[0]["id"] == next(read_manifest(folder.manifest)).id


DECODE = """
import json, sys
import numpy as np
from datasets import load_dataset

folder, cache, streaming, column, out = sys.argv[1:]
loaded = load_dataset(folder, split="test", cache_dir=cache, streaming=bool(int(streaming)))
decoded = {}
for row in loaded:
    name = row["id"] if "id" in row else row["__key__"].split("/")[-1]
    decoded[name] = np.stack([frame.numpy().transpose(1, 2, 0) for frame in row[column]])
np.savez(out, **decoded)
"""


@pytest.fixture(scope="module")
def with_torchcodec(tmp_path_factory) -> dict[str, str]:
    """The surroundings of a Python that has torchcodec and, under the names it asks for, PyAV's FFmpeg."""
    torchcodec = Path(sys.prefix) / "torchcodec"
    if not (torchcodec / "torchcodec").is_dir():
        missing = f"{torchcodec}: no torchcodec; pip install --no-deps --target {torchcodec} torchcodec==0.13.0"
        if os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
            pytest.fail(missing)
        pytest.skip(missing)
    links = tmp_path_factory.mktemp("ffmpeg")
    for library in Path(av.__file__).parents[1].glob("av.libs/lib*"):
        (links / library.name).symlink_to(library)
        if plain := re.fullmatch(r"(lib(?:av|sw)\w+)-[0-9a-f]+\.so\.(\d+)[.\d]*", library.name):
            (links / f"{plain[1]}.so.{plain[2]}").symlink_to(library)
    return {"PYTHONPATH": str(torchcodec), "LD_LIBRARY_PATH": str(links)}


def decode(folder: Path, out: Path, surroundings: dict[str, str], *, streaming: bool, column: str = "video"):
    """The frames of every sample of a set, RGB, by item or video; from a Python of its own."""
    arguments = [str(folder), str(out.parent / "hf"), str(int(streaming)), column, str(out)]
    done = subprocess.run(
        [sys.executable, "-c", DECODE, *arguments], env=os.environ | surroundings, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr[-3000:]
    return np.load(out)


def assert_shows(frames: np.ndarray, item, world: SmallWorld, file: Path) -> None:
    """Frame by frame the number that the plan puts there, and what PyAV decodes, but for rounding to RGB."""
    assert [read_number(frame) for frame in frames] == [world.number(item, at) for at in range(item.timeline.length)]
    with av.open(str(file)) as container:
        expected = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    apart = np.abs(frames.astype(np.int16) - expected)
    assert frames.shape == expected.shape
    assert apart.max() <= 3, apart.max()


@pytest.mark.parametrize("streaming", [False, True])
def test_decoded_frames_are_the_planned_ones(tmp_path, with_torchcodec, streaming):
    world = make_world(tmp_path / "world", seconds=30, needles=3)
    text = "{grid: {lengths: '12', depths: '0,1/2'}, distractors: {origin: supplied, period: 5}}"
    folder = built(world.spec(text), tmp_path / "out")
    decoded = decode(folder.root, tmp_path / "decoded.npz", with_torchcodec, streaming=streaming)
    items = list(read_plan(folder.plan))
    assert sorted(decoded) == sorted(item.id for item in items)
    for item in items:
        assert_shows(decoded[item.id], item, world, next(folder.root.rglob(f"{item.video}.mp4")))


def test_frames_decoded_from_archives_are_the_planned_ones(tmp_path, with_torchcodec):
    world = make_world(tmp_path / "world", seconds=30, needles=2)
    folder = built(world.spec("{grid: {lengths: '12', depths: '0,1'}, choices: {circular: true}}"), tmp_path / "out")
    write_webdataset(folder, tmp_path / "packed")
    decoded = decode(tmp_path / "packed", tmp_path / "decoded.npz", with_torchcodec, streaming=True, column="mp4")
    items = {item.video: item for item in read_plan(folder.plan)}
    assert sorted(decoded) == sorted(items)
    for video, item in items.items():
        assert_shows(decoded[video], item, world, next(folder.root.rglob(f"{video}.mp4")))

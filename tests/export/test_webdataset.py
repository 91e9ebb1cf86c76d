"""Datasets in tar archives: everything of the original, byte for byte, and nothing else; whatever happens midway."""

import json
import os
import shutil
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest

from haystack_gen.atomic import atomic_path
from haystack_gen.emit.card_audit import Shown, refresh_audit
from haystack_gen.emit.manifest import read_manifest, write_manifest
from haystack_gen.errors import InputError
from haystack_gen.export import webdataset
from haystack_gen.export.webdataset import write_webdataset
from haystack_gen.judge.verify import stamp, verify
from haystack_gen.workspace import DatasetFolder
from tests.small_world import built, make_facts, make_world, tree

SMALL = 120_000


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    """Items that share videos, stacks with videos that no item of their own asks about, and an audit."""
    folder = tmp_path_factory.mktemp("original")
    world = make_world(folder / "world", seconds=30)
    text = """
    tasks: retrieval, stack
    grid: {lengths: "12", depths: "0,1", trials: 2}
    choices: {form: both, circular: true}
    families: {stack: {lengths: "60"}}
    """
    dataset = built(world.spec(text, **{"needles.pack": str(make_facts(folder / "facts"))}), folder / "out")
    stamp(dataset, verify(dataset, readers=("pyav",)))
    return dataset


@pytest.fixture
def dataset(original: DatasetFolder, tmp_path: Path) -> DatasetFolder:
    """A copy to spoil."""
    shutil.copytree(original.root, tmp_path / "set")
    return DatasetFolder(tmp_path / "set")


def shards(out: Path) -> list[Path]:
    return sorted(out.glob("shards/*"))


def members(out: Path) -> list[tarfile.TarInfo]:
    found = []
    for shard in shards(out):
        with tarfile.open(shard) as archive:
            found += archive.getmembers()
    return found


def test_unpacked_it_is_the_original(original, tmp_path):
    out = tmp_path / "packed"
    written = write_webdataset(original, out, shard_bytes=SMALL)
    assert sorted(written) == sorted(path for path in out.rglob("*") if path.is_file() and path.name != "packed.json")
    for shard in shards(out):
        with tarfile.open(shard) as archive:
            archive.extractall(out, filter="data")
    before, after = tree(original.root), tree(out)
    assert {name: after.get(name) for name in before if name != "README.md"} == {
        name: content for name, content in before.items() if name != "README.md"
    }
    more = {name for name in after.keys() - before.keys() if not name.startswith("shards/")}
    assert more == {"provenance/packed.json"} | {name.replace(".mp4", ".json") for name in before if ".mp4" in name}
    assert not verify(DatasetFolder(out), readers=("pyav",)).differences


def test_every_item_stands_with_its_video_and_every_video_is_there_once(original, tmp_path):
    write_webdataset(original, tmp_path / "packed", shard_bytes=SMALL)
    names = [member.name for member in members(tmp_path / "packed")]
    assert len(names) == len(set(names))
    assert [name.rpartition(".")[2] for name in names] == ["json", "mp4"] * (len(names) // 2)
    lines = [json.loads(line) for line in original.manifest.read_text().splitlines()]
    for shard in shards(tmp_path / "packed"):
        with tarfile.open(shard) as archive:
            for member in archive:
                if member.name.endswith(".json"):
                    about = json.load(archive.extractfile(member))
                    assert about["video"] == member.name.replace(".json", ".mp4")
                    assert about["video_id"] == Path(member.name).stem
                    asked = [line for line in lines if line["video"] == about["video"]]
                    assert json.loads(about["items_json"]) == asked
                    lines = [line for line in lines if line["video"] != about["video"]]
    assert not lines
    beside = {part.video for row in read_manifest(original.manifest) for part in row.context if part.video}
    assert beside - {row.video for row in read_manifest(original.manifest)}, "videos that nobody asks about"
    assert beside <= set(names)


def test_the_same_bytes_each_time_of_nobody_and_no_time(original, tmp_path):
    write_webdataset(original, tmp_path / "one", shard_bytes=SMALL)
    copied = tmp_path / "elsewhere" / "set"
    shutil.copytree(original.root, copied)
    for path in copied.rglob("*.mp4"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    before = os.umask(0o077)
    try:
        write_webdataset(DatasetFolder(copied), tmp_path / "two", shard_bytes=SMALL)
    finally:
        os.umask(before)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    for member in members(tmp_path / "one"):
        assert (member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) == (
            0,
            0,
            0,
            "",
            "",
            0o644,
        )
        assert member.isreg()


@pytest.mark.parametrize("limit", [1, SMALL, 1 << 40])
def test_archives_are_as_large_as_they_may_be(original, tmp_path, limit):
    write_webdataset(original, tmp_path / "packed", shard_bytes=limit)
    videos = len(list(original.root.rglob("*.mp4")))
    names = [shard.name for shard in shards(tmp_path / "packed")]
    assert names == [f"test-{number:05d}.tar" for number in range(len(names))]
    if limit == 1:
        assert len(names) == videos
    elif limit > SMALL:
        assert len(names) == 1
    else:
        sizes = []
        for shard in shards(tmp_path / "packed"):
            with tarfile.open(shard) as archive:
                sizes.append([member.size for member in archive])
        assert 2 < len(sizes) < videos
        for here, following in pairwise(sizes):
            assert sum(here) <= limit < sum(here) + sum(following[:2])


def test_an_audit_stays_on_the_card(dataset, tmp_path):
    refresh_audit(dataset, [Shown("linspace:8", 20, 5, 0.25)])
    write_webdataset(dataset, tmp_path / "packed")
    card = (tmp_path / "packed" / "README.md").read_text()
    assert "| linspace:8 | 20 | 5 | 25.0% |" in card
    assert "shards/test-*.tar" in card
    assert "metadata_filenames" not in card


def test_an_interrupted_one_goes_on_with_what_is_missing(original, tmp_path, monkeypatch):
    complete, out = tmp_path / "complete", tmp_path / "out"
    write_webdataset(original, complete, shard_bytes=SMALL)
    begun = []

    def refuse(path):
        begun.append(path)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return atomic_path(path)

    monkeypatch.setattr(webdataset, "atomic_path", refuse)
    with pytest.raises(KeyboardInterrupt):
        write_webdataset(original, out, shard_bytes=SMALL)
    monkeypatch.undo()
    assert len(shards(out)) == 2
    assert not (out / "manifest.jsonl").exists()
    (out / "shards" / ".part-0123456789ab-test-00002.tar").write_bytes(b"half")
    kept = {shard: shard.stat().st_ino for shard in shards(out)[1:]}
    write_webdataset(original, out, shard_bytes=SMALL)
    assert tree(out) == tree(complete)
    assert {shard: shard.stat().st_ino for shard in shards(out)[:2]} == {
        shard: inode for shard, inode in kept.items() if not shard.name.startswith(".")
    }


def test_archives_of_other_contents_are_made_anew(original, dataset, tmp_path):
    out = tmp_path / "out"
    write_webdataset(original, out, shard_bytes=1)
    (out / "notes.txt").write_text("mine")
    (out / "provenance" / "noise.jsonl").write_text("stale")
    (out / "ordering.parquet").write_text("stale")
    write_webdataset(original, out, shard_bytes=SMALL)
    assert (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").unlink()
    write_webdataset(original, tmp_path / "fresh", shard_bytes=SMALL)
    assert tree(out) == tree(tmp_path / "fresh")


def _no_manifest(dataset: DatasetFolder) -> None:
    dataset.manifest.unlink()


def _no_video(dataset: DatasetFolder) -> None:
    next(dataset.root.rglob("*.mp4")).unlink()


def _other_video(dataset: DatasetFolder) -> None:
    row = next(read_manifest(dataset.manifest))
    path = dataset.root / row.video
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def _linked_video(dataset: DatasetFolder) -> None:
    path = next(dataset.root.rglob("*.mp4"))
    path.rename(dataset.root / "elsewhere.mp4")
    path.symlink_to(dataset.root / "elsewhere.mp4")


def _linked_folder(dataset: DatasetFolder) -> None:
    (dataset.root / "videos").rename(dataset.root.parent / "elsewhere")
    (dataset.root / "videos").symlink_to(dataset.root.parent / "elsewhere")


def _linked_provenance(dataset: DatasetFolder) -> None:
    dataset.matches.unlink()
    dataset.matches.symlink_to("/etc/hostname")


def _renamed(video: str):
    def edit(dataset: DatasetFolder) -> None:
        rows = list(read_manifest(dataset.manifest))
        write_manifest([rows[0].model_copy(update={"video": video}), *rows[1:]], dataset.manifest)

    return edit


def _two_hashes(dataset: DatasetFolder) -> None:
    rows = list(read_manifest(dataset.manifest))
    write_manifest([rows[0].model_copy(update={"video_sha256": "0" * 64}), *rows[1:]], dataset.manifest)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_manifest, r"manifest\.jsonl: no manifest, so the dataset is not complete"),
        (_no_video, r"\.mp4: no such file; run the same haystack-gen build again"),
        (_other_video, r"\.mp4: SHA-256 is not what the manifest has; delete it and build the dataset again"),
        (_linked_video, r"\.mp4: is a link, and what it leads to may be another's"),
        (_linked_folder, r"\.mp4: is a link, and what it leads to may be another's"),
        (_linked_provenance, r"matches\.jsonl: is a link, and what it leads to may be another's"),
        (_renamed("../../etc/passwd"), r"'\.\./\.\./etc/passwd' is no name of a video of a dataset"),
        (_renamed("/etc/passwd.mp4"), r"'/etc/passwd\.mp4' is no name of a video of a dataset"),
        (_renamed("videos/000/a.b.mp4"), r"'videos/000/a\.b\.mp4' is no name of a video of a dataset"),
        (_renamed("videos/000/x.mp4\n"), r"is no name of a video of a dataset; the manifest was damaged"),
        (_two_hashes, r"the manifest states 2 different SHA-256; build the dataset again"),
    ],
)
def test_what_is_damaged_is_refused_and_nothing_claims_to_be_complete(dataset, tmp_path, spoil, said):
    spoil(dataset)
    with pytest.raises(InputError, match=said):
        write_webdataset(dataset, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    assert not any(path.name.startswith(".part-") for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize(("media", "said"), [("frames", "holds frames"), ("none", "holds no media")])
def test_sets_without_videos_are_refused(tmp_path, media, said):
    world = make_world(tmp_path / "world", seconds=20, needles=1)
    folder = built(world.spec(f"{{grid: {{lengths: '8'}}, output: {{media: {media}}}}}"), tmp_path / "set")
    with pytest.raises(InputError, match=f"{said}, and archives are made of videos; build it with --media video"):
        write_webdataset(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_others_is_left_alone(original, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"holds files that are not a packed dataset of haystack-gen; choose another -o"
    ):
        write_webdataset(original, tmp_path)
    with pytest.raises(InputError, match="holds files that are not a packed dataset"):
        write_webdataset(original, original.root)
    with pytest.raises(InputError, match=r"notes\.txt: is a file or a link, expected a new or empty folder"):
        write_webdataset(original, tmp_path / "notes.txt")
    assert tree(tmp_path) == {"notes.txt": b"mine"}

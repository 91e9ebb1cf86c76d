"""How stores other than S3 are spoken to, with a store in memory that stands for them: gs:// and hf://."""

import shutil
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from haystack_gen.cache import Cache
from haystack_gen.errors import Failure, InputError, StorageError, UnfinishedError
from haystack_gen.gather.catalog import catalog_videos, hash_of
from haystack_gen.progress import Silent
from haystack_gen.remote.fetched import arrive, at_url, bring, folder_at, is_there, origin_of, urls_named, with_urls
from haystack_gen.remote.outputs import delete_shards, fetch_shards, is_merged, sent_to, shards_held
from haystack_gen.remote.sending import ChangedError, Journal, send_all
from haystack_gen.remote.store import checked, fetch, send, stored
from haystack_gen.workspace import DatasetFolder

pytestmark = pytest.mark.remote
HUB = "hf://datasets/ann/films@main"


@pytest.fixture
def memory(monkeypatch):
    """What lies in memory, under both schemes."""
    registry = pytest.importorskip("fsspec.registry")
    memory = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem

    class Stand(memory):
        """Says of every object which content it has, as stores do."""

        cachable = False

        def info(self, path, **options):
            said = super().info(path, **options)
            content = self.cat_file(path) if said["type"] == "file" else b""
            return said | {"blob_id": sha256(content).hexdigest()}

        def ls(self, path, detail=True, **options):
            return [self.info(one["name"]) if detail else one for one in super().ls(path, detail=detail, **options)]

        def find(self, path, **options):
            return {name: self.info(name) for name in super().find(path)}

    Stand.store, Stand.pseudo_dirs = {}, [""]
    for scheme in ("hf", "gs"):
        monkeypatch.setitem(registry._registry, scheme, Stand)
    return Stand()


def test_files_of_the_hub_are_films(memory, world, tmp_path):
    for name in ("one", "two"):
        memory.pipe_file(f"datasets/ann/films@main/data/{name}.mp4", (world / f"films/{name}.mp4").read_bytes())
    memory.pipe_file("datasets/ann/films@main/data/notes.txt", b"no film")
    memory.pipe_file("datasets/ann/films@main/data/deeper/three.mp4", b"not looked at")
    cache = Cache(tmp_path)
    here = catalog_videos([world / "films"], cache=cache)
    there = catalog_videos([f"{HUB}/data/"], cache=cache)
    assert [(film.id, film.sha256, film.frames, film.duration_s) for film in there] == [
        (film.id, film.sha256, film.frames, film.duration_s) for film in here
    ]
    [one] = catalog_videos([f"{HUB}/data/one.mp4"], cache=cache)
    assert one.id == "one"


def test_a_remembered_film_is_fetched_when_its_pictures_are_wanted(memory, world, tmp_path):
    memory.pipe_file("bucket/one.mp4", (world / "films/one.mp4").read_bytes())
    cache = Cache(tmp_path)
    [film] = catalog_videos(["gs://bucket/one.mp4"], cache=cache)
    path = at_url("gs://bucket/one.mp4", cache, wanted=lambda name: True)
    path.unlink()
    assert catalog_videos(["gs://bucket/one.mp4"], cache=cache) == (film,)
    assert is_there(path)
    assert not path.is_file()
    assert hash_of(path, cache) == film.sha256
    assert arrive(path).read_bytes() == (world / "films/one.mp4").read_bytes()


def test_another_version_is_another_file(memory, tmp_path):
    cache = Cache(tmp_path)
    memory.pipe_file("bucket/a.txt", b"first")
    first = at_url("gs://bucket/a.txt", cache, wanted=lambda name: True)
    arrive(first)
    memory.pipe_file("bucket/a.txt", b"other")
    second = at_url("gs://bucket/a.txt", cache, wanted=lambda name: True)
    assert (first.read_bytes(), arrive(second).read_bytes()) == (b"first", b"other")
    assert first.name == second.name == "a.txt"


def test_large_objects_come_block_by_block(memory, tmp_path, monkeypatch):
    monkeypatch.setattr("haystack_gen.remote.store.BLOCK", 1000)
    content = bytes(range(256)) * 20
    memory.pipe_file("bucket/a.bin", content)
    fetch("gs://bucket/a.bin", stored("gs://bucket/a.bin"), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content
    memory.pipe_file("bucket/empty.bin", b"")
    fetch("gs://bucket/empty.bin", stored("gs://bucket/empty.bin"), tmp_path / "empty.bin")
    assert (tmp_path / "empty.bin").read_bytes() == b""
    assert send(tmp_path / "a.bin", "gs://bucket/b.bin").size_bytes == len(content)
    memory.pipe_file("bucket/b.bin", content[::-1])
    with pytest.raises(InputError, match=r"gs://bucket/b.bin: is gone, or changed while it was fetched"):
        fetch("gs://bucket/b.bin", stored("gs://bucket/a.bin"), tmp_path / "b.bin")
    assert not (tmp_path / "b.bin").exists()


def test_a_folder_is_brought_as_far_as_it_is_wanted(memory, tmp_path):
    for name in ("list.json", "pictures/a.png", "pictures/b.png"):
        memory.pipe_file(f"bucket/pack/{name}", name.encode())
    cache = Cache(tmp_path)
    folder = folder_at("gs://bucket/pack", cache)
    bring(folder, ["pictures/a.png", "pictures/c.png", "../../etc/passwd"])
    assert folder.name == "pack"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["a.png"]
    assert origin_of(folder).url == "gs://bucket/pack"
    bring(tmp_path, ["any"])  # of other folders nothing is known
    said = f"{folder}/pictures/a.png is no picture"
    assert with_urls(said, cache) == "gs://bucket/pack/pictures/a.png is no picture"
    with pytest.raises(InputError, match=r"^gs://bucket/pack/x: is wrong$"), urls_named(cache):
        raise InputError(f"{folder}/x: is wrong")


def test_notes_outside_of_the_cache_count_for_nothing(memory, world, tmp_path):
    """A pack from anyone could bring a note that has us fetch what its author likes."""
    memory.pipe_file("bucket/pack/more.png", b"any")
    folder = folder_at("gs://bucket/pack", Cache(tmp_path / "cache"))
    stranger = tmp_path / "downloads" / Path(*folder.parts[-4:])
    shutil.copytree(folder.parents[1], stranger.parents[1])
    bring(stranger, ["more.png"])
    assert origin_of(folder)
    assert origin_of(stranger) is None
    assert not (stranger / "more.png").exists()


def made(cache: Cache, key: str, *names: str) -> None:
    folder = cache.chunk_folder(key)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"{key} {name}")


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def test_a_cache_is_shared_as_far_as_it_is_whole(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one"))
    one = Cache.at("gs://bucket/cache")
    whole, growing, begun = "a" * 32, "b" * 32, "c" * 32
    made(one, whole, "span-000000.mp4", "span-000000.npy")
    made(one, growing, "span-000000.mp4", "span-000000.npy", "span-000600.mp4", ".part-x")  # a span is under way
    made(one, begun, "span-000000.mp4")
    with one.in_use():
        one.sightings_file(whole).parent.mkdir(parents=True)
        one.sightings_file(whole).write_text("seen")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    two = Cache.at("gs://bucket/cache")
    assert two.root != one.root
    assert (
        names_in(two.chunk_folder(whole))
        == names_in(two.chunk_folder(growing))
        == [
            "span-000000.mp4",
            "span-000000.npy",
        ]
    )
    assert not two.chunk_folder(begun).exists()
    assert two.sightings_file(whole).read_text() == "seen"
    made(one, growing, "span-000600.npy")
    made(one, begun, "span-000000.npy")
    one.send()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "three"))
    three = Cache.at("gs://bucket/cache")
    assert len(names_in(three.chunk_folder(growing))) == 4
    assert len(names_in(three.chunk_folder(begun))) == 2


def test_what_was_sent_in_part_is_not_there_and_then_is(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one"))
    one = Cache.at("gs://bucket/cache")
    made(one, "a" * 32, "span-000000.mp4", "span-000000.npy")
    put = type(memory).put_file

    def fail(self, here, there, **options):
        if there.endswith(".list"):
            raise PermissionError
        put(self, here, there, **options)

    monkeypatch.setattr(type(memory), "put_file", fail)
    with pytest.raises(StorageError, match="may not be written"):
        one.send()
    monkeypatch.setattr(type(memory), "put_file", put)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    assert not Cache.at("gs://bucket/cache").chunk_folder("a" * 32).exists()
    Cache.at("gs://bucket/cache").in_use()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one"))
    Cache.at("gs://bucket/cache").send()  # by another run, which has nothing new
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    two = Cache.at("gs://bucket/cache")
    assert len(names_in(two.chunk_folder("a" * 32))) == 2
    monkeypatch.setattr(type(memory), "put_file", None)  # nothing is sent back
    two.send()


@pytest.mark.parametrize("change", ["gone", "grown", "of another"])
def test_what_changes_while_it_is_sent_is_left_for_the_next_run(memory, tmp_path, monkeypatch, change):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one"))
    one = Cache.at("gs://bucket/cache")
    made(one, "a" * 32, "span-000000.mp4", "span-000000.npy", "span-000600.mp4", "span-000600.npy")
    changing = one.chunk_folder("a" * 32) / "span-000600.npy"
    put = type(memory).put_file

    def meanwhile(self, here, there, **options):
        if here == str(changing) and change == "gone":
            changing.unlink()
        put(self, here, there, **options)
        if here == str(changing) and change == "grown":
            changing.write_text("longer than it was before")
        if here == str(changing) and change == "of another":
            self.pipe_file(there, b"what another machine sent")
            self.store[f"/{there}"].seek(0)

    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", meanwhile)
        with one.in_use():
            pass
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    assert names_in(Cache.at("gs://bucket/cache").chunk_folder("a" * 32)) == [
        "span-000000.mp4",
        "span-000000.npy",
        "span-000600.mp4",
    ]
    changing.write_text("again")
    one.send()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "three"))
    three = Cache.at("gs://bucket/cache").chunk_folder("a" * 32)
    assert (three / "span-000600.npy").read_text() == "again"


def test_an_own_file_that_changes_while_it_is_sent_is_an_error(memory, tmp_path):
    stage, journal = Silent().stage("sending", 1, "files"), Journal(tmp_path / "sent.jsonl")
    with (
        stage as told,
        pytest.raises(ChangedError, match=r"gone\.txt: changed while it was sent; run the same command"),
    ):
        send_all({"gone.txt": tmp_path / "gone.txt"}, "gs://bucket/x", journal=journal, stage=told)


PARTS = ("provenance/spec.yaml", "provenance/plan.jsonl", "videos/000/a.mp4")


def shards_there(memory, *, total: int = 2) -> None:
    for number in range(1, total + 1):
        for name in PARTS:
            memory.pipe_file(f"bucket/niah.shards/{number}-of-{total}/{name}", b"tasks: [retrieval]")


def test_shards_are_not_fetched_over_one_that_is_being_made(memory, tmp_path):
    shards_there(memory)
    cache = Cache(tmp_path)
    with sent_to("gs://bucket/niah", cache, progress=Silent(), shard="2-of-2") as place:
        mine = place.with_name("niah.shards") / "2-of-2"
        for name in PARTS:
            (mine / name).parent.mkdir(parents=True, exist_ok=True)
            (mine / name).write_text("made in an hour")
        with (
            pytest.raises(InputError, match=r"niah\.shards/2-of-2: another build of this machine is at it; wait until"),
            shards_held("gs://bucket/niah", cache),
        ):
            pass
        with (
            DatasetFolder(mine).held(),
            pytest.raises(InputError, match="2-of-2: another build is writing into this folder"),
        ):
            fetch_shards("gs://bucket/niah", place, Silent())
        assert (mine / PARTS[2]).read_text() == "made in an hour"
    with shards_held("gs://bucket/niah", cache):
        fetch_shards("gs://bucket/niah", place, Silent())
    assert [(place.with_name("niah.shards") / f"{n}-of-2" / PARTS[2]).is_file() for n in (1, 2)] == [True, True]


def test_nothing_is_fetched_before_all_shards_are_there(memory, tmp_path):
    memory.pipe_file("bucket/niah.shards/1-of-2/provenance/spec.yaml", b"")
    mine = tmp_path / "niah.shards" / "2-of-2" / PARTS[2]
    mine.parent.mkdir(parents=True)
    mine.write_text("made in an hour")
    with pytest.raises(InputError, match=r"^gs://bucket/niah\.shards: lacks shard 2 of 2; build what is missing first"):
        fetch_shards("gs://bucket/niah", tmp_path / "niah", Silent())
    assert mine.is_file()


def test_deleting_shards_can_be_stopped_anywhere(memory, monkeypatch):
    url, whole, remove = "gs://bucket/niah", 2 * len(PARTS), type(memory).rm_file
    for count in range(whole + 1):
        shards_there(memory)
        memory.pipe_file("bucket/niah/manifest.jsonl", b"{}")
        memory.pipe_file("bucket/niah/provenance/spec.yaml", b"tasks: [retrieval]")
        left = [None] * count

        def some(self, path, left=left):
            if not left:
                raise KeyboardInterrupt
            left.pop()
            remove(self, path)

        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(type(memory), "rm_file", some)
            delete_shards(url)
        assert is_merged(url) == (count > 0)  # with all of them there, the merge is done once more
        if count < whole:
            memory.pipe_file("bucket/niah/provenance/spec.yaml", b"another")
            assert not is_merged(url)
        delete_shards(url)
        assert not memory.find("bucket/niah.shards")
    memory.rm_file("bucket/niah/manifest.jsonl")
    assert not is_merged(url)


def test_only_sources_are_limited_in_number(memory, tmp_path, monkeypatch):
    shards_there(memory)
    monkeypatch.setattr("haystack_gen.remote.store.MOST_LISTED", 3)
    with pytest.raises(InputError, match="holds more than 3 files; give a folder further down"):
        folder_at("gs://bucket/niah.shards", Cache(tmp_path))
    fetch_shards("gs://bucket/niah", tmp_path / "niah", Silent())


def test_what_is_not_sent_is_named_where_it_is(memory, tmp_path):
    at_it = sent_to("gs://bucket/niah", Cache(tmp_path), progress=Silent(), shard="1-of-2")
    place = at_it.__enter__()
    failed = DatasetFolder(place.with_name("niah.shards") / "1-of-2").failed
    error = UnfinishedError([Failure("splicing videos", "b", f"{place}/b is bad")], failed)
    at_it.__exit__(type(error), error, None)
    assert f"{failed} lists it" in str(error)
    assert str(error).startswith("gs://bucket/niah/b is bad")


def test_a_damaged_list_of_a_cache_counts_for_nothing(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for number, text in enumerate((b"[]", b"{", b'{"../x": ["v", 1]}', b'{"a": 1}', b'{"a": ["other", 3]}')):
        key = f"{number}" * 32
        memory.pipe_file(f"bucket/cache/chunks/{key[:2]}/{key}.list", text)
        memory.pipe_file(f"bucket/cache/chunks/{key[:2]}/{key}/a", b"abc")
        folder = Cache.at("gs://bucket/cache").chunk_folder(key)
        assert not folder.exists()
    assert not list(tmp_path.rglob("x"))


def test_what_a_store_does_not_say_is_asked_for(memory, monkeypatch):
    memory.pipe_file("bucket/a.txt", b"first")
    monkeypatch.setattr(type(memory), "info", lambda self, path, **_: {"name": path, "type": "file", "size": 5})
    with pytest.raises(StorageError, match=r"gs://bucket/a.txt: the store tells neither size nor version of a.txt"):
        stored("gs://bucket/a.txt")


def test_an_error_without_a_name_repeats_nothing(memory, monkeypatch):
    def fail(self, path, **_):
        raise RuntimeError("token hush was not good")

    monkeypatch.setattr(type(memory), "info", fail)
    with pytest.raises(
        StorageError, match=r"^gs://bucket/a: the store cannot be reached, or broke off \(RuntimeError\)"
    ):
        stored("gs://bucket/a")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "expected s3://BUCKET/KEY"),
        ("s3:///key", "expected s3://BUCKET/KEY"),
        ("s3://bucket//key", "no part of the key is empty"),
        ("s3://bucket/a\nb", r"'s3://bucket/a\\nb': expected s3://BUCKET/KEY"),
        ("file:///etc/passwd", "file:///etc/passwd: expected a path of this machine, or a URL s3://, gs:// or hf://"),
        ("ftp://me:hush@host/x", r"ftp://\.\.\.: has a user name or password in it"),
    ],
)
def test_urls_that_cannot_be(url, said):
    with pytest.raises(InputError, match=said) as error:
        checked(url)
    assert "hush" not in str(error.value)


def test_urls_that_can_be():
    assert checked("s3://bucket/a key/b.mp4/") == "s3://bucket/a key/b.mp4"
    assert checked(HUB) == HUB

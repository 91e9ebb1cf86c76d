"""Pools too large for memory: shards, lists, the search in them, and parts that are embedded one by one."""

import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import faiss
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from haystack_gen.cache import Cache
from haystack_gen.cli.index import index
from haystack_gen.errors import InputError, StorageError
from haystack_gen.facts import Needle, Source, sampled_length
from haystack_gen.gather import big_pools, sharded
from haystack_gen.gather import parts as division
from haystack_gen.gather.big_pools import embed_missing, index_of, is_big, mine_catalog
from haystack_gen.gather.descriptor import Descriptor
from haystack_gen.gather.embed import EmbeddingCount
from haystack_gen.gather.lists import Lists
from haystack_gen.gather.neighbours import Index
from haystack_gen.gather.packs import Pack
from haystack_gen.gather.parts import Part, parts_of
from haystack_gen.gather.pool import catalog_pool, load_mined, mined_remarks, save_mined
from haystack_gen.gather.sharded import ShardedIndex
from haystack_gen.gather.shards import SHARD_PICTURES, Shards, open_shard, write_shard
from haystack_gen.progress import Silent
from haystack_gen.spec import Spec
from tests.benchmarks.bench_pools import CEILING_MB, measured
from tests.counter_video import write_counter
from tests.gather.test_embed import no_space, scene
from tests.gather.test_neighbours import changed, clusters


def stored(folder: Path, ids: Sequence[str], rows: np.ndarray, sizes: Sequence[int]) -> tuple[list[Path], np.ndarray]:
    """Shards of some sizes, the last with what is left; and their ids."""
    folders = []
    for number, block in enumerate(np.split(rows, np.cumsum(sizes))):
        folders.append(folder / f"shard{number}")
        write_shard(folders[-1], block, sharpness=np.arange(len(block)), embedder="e")
    return folders, np.array(ids, np.bytes_)


def opened(folders: Sequence[Path], ids: np.ndarray, file: Path) -> ShardedIndex:
    return ShardedIndex(Shards(folders, embedder="e"), ids, file=file)


@pytest.fixture(scope="module")
def pool() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Ids, rows with exact ties among them, and queries, of which the first has many ties."""
    ids, rows = clusters(3000)
    rows[700:800] = rows[0]
    queries = np.concatenate([rows[:1], clusters(19, seed=3)[1]])
    return ids, rows, queries


# --- the search ---


def test_it_finds_what_comparing_all_in_memory_finds(tmp_path, pool) -> None:
    ids, rows, queries = pool
    index = opened(*stored(tmp_path, ids, rows, [1000, 7, 1200]), tmp_path / "i.npz")
    for k in (1, 30, 2999, 5000):
        exact = Index.build(ids, rows).search(queries[:3], k=k)
        assert [[cosine for _, cosine in hits] for hits in index.search(queries[:3], k=k)] == [
            pytest.approx([cosine for _, cosine in hits], abs=1.01e-4) for hits in exact
        ]
    assert [one for one, _ in index.search(queries[:1], k=5)[0]] == ["s00000", "s00700", "s00701", "s00702", "s00703"]
    np.testing.assert_array_equal(index.vector("s01003"), rows[1003])
    assert (index.sharpness("s01003"), index.sharpness("s01007")) == (3, 0)
    assert index.number("s02999") == 2999
    assert len(index) == 3000


def test_similarities_are_exact_inner_products(tmp_path, pool) -> None:
    ids, rows, queries = pool
    index = opened(*stored(tmp_path, ids, rows, [1500]), tmp_path / "i.npz")
    index.measure(queries)
    exact = rows.astype(np.float64) @ queries.T.astype(np.float64)
    for number, hits in enumerate(index.search(queries, k=20)):
        assert [cosine for _, cosine in hits] == [round(exact[int(one[1:]), number], 4) + 0.0 for one, _ in hits]


def test_shards_embedded_on_several_machines_give_what_one_gives(tmp_path, pool) -> None:
    ids, rows, queries = pool
    folders, names = stored(tmp_path / "one", ids, rows, [1000, 7, 1200])
    one = opened(folders, names, tmp_path / "one.npz")
    order = [2, 0, 3, 1]
    elsewhere = [tmp_path / f"machine{number % 2}" / f"shard{number}" for number in order]
    for number, folder in zip(order, elsewhere, strict=True):
        shutil.copytree(folders[number], folder)
    blocks = np.split(names, [1000, 1007, 2207])
    merged = opened(elsewhere, np.concatenate([blocks[number] for number in order]), tmp_path / "merged.npz")
    assert merged.search(queries, k=40) == one.search(queries, k=40)
    assert merged.measure(queries) == one.measure(queries)
    assert merged.lists < 54
    assert merged.search(queries, k=40) == one.search(queries, k=40)
    assert one.search(queries[5:6], k=40) == one.search(queries, k=40)[5:6]  # whatever else is searched


def test_index_is_made_once_and_the_same_whatever_the_threads(tmp_path, pool, monkeypatch) -> None:
    ids, rows, _ = pool
    folders, names = stored(tmp_path, ids, rows, [2000])
    before = faiss.omp_get_max_threads()
    made = []
    for threads in (1, 4):
        faiss.omp_set_num_threads(threads)
        opened(folders, names, tmp_path / f"{threads}.npz")
        assert faiss.omp_get_max_threads() == threads
        made.append((tmp_path / f"{threads}.npz").read_bytes())
    faiss.omp_set_num_threads(before)
    assert made[0] == made[1]
    monkeypatch.setattr(sharded, "build_lists", None)
    opened(folders, names, tmp_path / "1.npz")


def test_recall_is_measured_and_said_of_queries_that_were_not_chosen_by(tmp_path, pool) -> None:
    ids, rows, queries = pool
    index = opened(*stored(tmp_path, ids, rows, [1500]), tmp_path / "i.npz")
    exact = index.search(queries, k=sharded.RECALL_AT)
    recall = index.measure(queries)
    assert (recall.queries, recall.of, recall.lists) == (10, 54, index.lists)
    assert 0 < recall.lists < recall.of
    found = index.search(queries, k=sharded.RECALL_AT)
    shares = [len(set(one) & set(other)) / len(one) for one, other in zip(exact, found, strict=True)]
    assert np.mean(shares[::2]) >= 0.995
    # Few lists hold more than was asked for, and then a search finds what lists beyond the chosen ones have.
    assert np.mean(shares[1::2]) >= recall.share > 0.9
    alone = index.measure(queries[:1])
    assert (alone.queries, alone.share) == (1, 1.0)


def test_lists_that_hold_too_few_are_not_all_that_is_searched(tmp_path, pool) -> None:
    ids, rows, queries = pool
    index = opened(*stored(tmp_path, ids, rows, [1500]), tmp_path / "i.npz")
    index.lists = 1
    assert {len(hits) for hits in index.search(queries, k=700)} == {700}
    assert {len(hits) for hits in index.search(queries, k=3000)} == {3000}


# --- what is damaged, foreign, or there twice ---


def test_pictures_of_one_id_are_refused(tmp_path) -> None:
    ids, rows = clusters(100)
    folders, _ = stored(tmp_path, ids, rows, [50])
    with pytest.raises(InputError, match="two pictures of the pool have the id 's00003', expected different ids"):
        opened(folders, np.array([*ids[:99], ids[3]], np.bytes_), tmp_path / "i.npz")
    with pytest.raises(InputError, match="its shards hold 100 pictures, expected 99"):
        opened(folders, np.array(ids[:99], np.bytes_), tmp_path / "i.npz")
    with pytest.raises(InputError, match="there is no picture to search"):
        Shards([], embedder="e")


def test_shard_of_another_embedder_is_refused(tmp_path) -> None:
    folders, _ = stored(tmp_path, *clusters(100), [50])
    with pytest.raises(InputError, match=r"shard0: holds vectors of e, expected descriptor-1; embed the pool with it"):
        Shards(folders, embedder="descriptor-1")
    write_shard(tmp_path / "short", np.eye(3, dtype=np.float32), sharpness=[1, 1, 1], embedder="e")
    with pytest.raises(InputError, match=r"short: is damaged .*\(vectors of 3 numbers, expected 16\)"):
        Shards([*folders, tmp_path / "short"], embedder="e")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def object_vectors(file: Path) -> None:
    np.save(file, np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("vectors.npy", Path.unlink, r"shard1: has no vectors\.npy; delete it and it is embedded again"),
        ("pictures.npz", Path.unlink, r"shard1: has no pictures\.npz; delete it"),
        ("vectors.npy", cut, r"shard1: is damaged or not a shard of embeddings \(mmap length is greater"),
        ("pictures.npz", cut, r"shard1: is damaged"),
        ("vectors.npy", lambda file: file.write_bytes(b""), r"shard1: is damaged"),
        ("vectors.npy", lambda file: file.write_bytes(b"text" * 99), r"shard1: is damaged .*magic"),
        ("vectors.npy", object_vectors, r"shard1: is damaged"),
        ("vectors.npy", lambda file: np.save(file, np.zeros((50, 16))), r"shard1: is damaged .*float64 vectors"),
        ("vectors.npy", lambda file: np.save(file, np.zeros((9, 16), np.float32)), r"shard1: is damaged .*\(9, 16\)"),
        ("vectors.npy", lambda file: np.save(file, np.float32(1)), r"shard1: is damaged"),
        ("pictures.npz", lambda file: np.savez(file, embedder="e"), r"shard1: is damaged"),
    ],
)
def test_damaged_shard_is_named(tmp_path, name: str, damage: Callable[[Path], object], message: str) -> None:
    folders, _ = stored(tmp_path, *clusters(100), [50])
    damage(folders[1] / name)
    with pytest.raises(InputError, match=message):
        Shards(folders, embedder="e")


def test_damage_that_only_reading_shows_is_named(tmp_path) -> None:
    ids, rows = clusters(100)
    folders, names = stored(tmp_path, ids, rows, [50])
    opened(folders, names, tmp_path / "whole.npz")
    file = folders[1] / "vectors.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match=r"shard1: is damaged .*\(its vectors are not the ones that were written\)"):
        opened(folders, names, tmp_path / "i.npz")
    assert not (tmp_path / "i.npz").exists()
    for bad in (np.nan, np.inf, 0.0, 3e38):
        file.write_bytes(whole[:-64] + np.full(16, bad, np.float32).tobytes())
        index = opened(folders, names, tmp_path / "whole.npz")
        with pytest.raises(InputError, match=r"shard1: is damaged .*\(holds a vector whose length is not 1\)"):
            index.search(rows[:1], k=100)
        with pytest.raises(InputError, match="length is not 1"):
            index.vector("s00099")


def test_damaged_or_foreign_index_is_named(tmp_path) -> None:
    ids, rows = clusters(100)
    folders, names = stored(tmp_path, ids, rows, [50])
    file = tmp_path / "i.npz"
    opened(folders, names, file)
    whole = file.read_bytes()
    for damaged in (b"", b"text", whole[:-300], whole[:900] + b"\1" * 64 + whole[964:]):
        file.write_bytes(damaged)
        with pytest.raises(
            InputError, match=r"i\.npz: is damaged or not an index of a pool; delete it and it is built"
        ):
            opened(folders, names, file)
    file.write_bytes(whole)
    for other in (opened, lambda shards, ids, file: opened(shards[::-1], ids, file)):
        with pytest.raises(InputError, match=r"i\.npz: is the index of another pool; delete it"):
            other(folders, names[::-1], file)
    lists = Lists.load(file, pool=(key := sharded.pool_key(Shards(folders, embedder="e"), names)), shape=(100, 16))
    for centres, labels in (
        (lists.centres, lists.labels[1:]),
        (lists.centres, lists.labels + 2),
        (lists.centres, lists.labels - 1),
        (lists.centres, lists.labels.astype(np.int64)),
        (lists.centres * np.float32(np.nan), lists.labels),
        (lists.centres[:, 1:], lists.labels),
        (lists.centres[:0], lists.labels),
    ):
        Lists(centres, labels).save(file, pool=key)
        with pytest.raises(InputError, match=r"i\.npz: does not fit the 100 pictures of its pool; delete it"):
            opened(folders, names, file)


def test_shard_and_index_that_do_not_fit_on_the_disk_are_explained(tmp_path, monkeypatch) -> None:
    ids, rows = clusters(100)
    folders, names = stored(tmp_path, ids, rows, [50])
    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(StorageError, match=r"i\.npz: no space left"):
        opened(folders, names, tmp_path / "i.npz")
    with pytest.raises(StorageError, match=r"new: no space left"):
        write_shard(tmp_path / "new", rows, sharpness=np.ones(100), embedder="e")
    assert not (tmp_path / "new").exists()


# --- parts ---


def film(name: str, seconds: int) -> Source:
    fields = {"path": f"/{name}.mp4", "sha256": name, "size_bytes": 1, "width": 64, "height": 36}
    return Source(id=name, kind="video", duration_s=Fraction(seconds), frames=1, **fields)


def picture(name: str) -> Source:
    return Source(id=name, kind="image", path=f"/{name}", sha256=name, size_bytes=1, width=64, height=36)


@given(st.lists(st.one_of(st.just(None), st.integers(1, 3 * SHARD_PICTURES)), max_size=30), st.sampled_from([1, 2]))
def test_parts_hold_every_picture_once_in_order(lengths: list[int | None], rate: int) -> None:
    pool = [picture(f"i{n}") if s is None else film(f"f{n}", s) for n, s in enumerate(lengths)]
    parts = parts_of(pool, rate=Fraction(rate))
    assert all(0 < len(part) <= SHARD_PICTURES for part in parts)
    spans = [(span.source.id, span.start, span.stop) for part in parts for span in part.spans]
    for source in pool:
        ends = [(start, stop) for name, start, stop in spans if name == source.id]
        length = sampled_length(source.duration_s, Fraction(rate)) if source.kind == "video" else 1
        assert [start for start, _ in ends] == [0, *(stop for _, stop in ends[:-1])]
        assert ends[-1][1] == length
    assert [name for name, _, _ in spans] == sorted((name for name, _, _ in spans), key=[one.id for one in pool].index)


def test_parts_name_their_pictures(tmp_path) -> None:
    part = Part((division.Span(film("f", 9), 2, 4), division.Span(picture("i"), 0, 1)))
    assert part.ids(Fraction(2)).tolist() == [b"f-f000002", b"f-f000003", b"i"]
    stills = [part.still(place, rate=Fraction(2)) for place in range(3)]
    assert [(still.id, still.at_s) for still in stills] == [
        ("f-f000002", Fraction(1)),
        ("f-f000003", Fraction(3, 2)),
        ("i", None),
    ]


def test_a_picture_more_changes_its_own_part_and_no_other() -> None:
    pool = [picture(f"i{number:05d}") for number in range(30_000)]
    before = parts_of(pool, rate=Fraction(1))
    after = parts_of([*pool[:9000], picture("new"), *pool[9000:]], rate=Fraction(1))
    assert len(before) > 9
    assert len(set(after) - set(before)) <= 3


# --- mining ---


class Counting(Descriptor):
    """The descriptor, out of order after so many pictures."""

    def __init__(self, most: int = 10**9) -> None:
        self.most, self.embedded = most, 0

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.embedded += len(images)
        if self.embedded > self.most:
            raise KeyboardInterrupt
        return super().embed(images)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Spec, Pack, tuple[Source, ...], Cache]:
    """Two needles and a pool of 90 pictures of which some resemble them, in parts of at most 16."""
    pictures, needles = tmp_path / "pictures", tmp_path / "needles"
    for folder in (pictures, needles):
        folder.mkdir()
    for number in range(66):
        Image.fromarray(changed(scene(1 + number % 3), number)).save(pictures / f"p{number:02d}.png")
    for seed in (1, 2):
        Image.fromarray(scene(seed)).save(needles / f"n{seed}.png")
    write_counter(tmp_path / "film.mp4", frames=24, rate=Fraction(1))
    cache = Cache(tmp_path / "cache")
    stills = catalog_pool([str(needles)], cache)
    pack = Pack(
        name="p",
        needles=tuple(Needle(id=one.id, source=one.id, question="q", answer="a") for one in stills),
        stills=stills,
    )
    spec = Spec.model_validate(
        {
            "haystack": {"size": "112x64", "fit": "stretch"},
            "mining": {"band": "0.3:0.99", "top_k": 5, "diversity": 0.999},
        }
    )
    monkeypatch.setattr(division, "SHARD_PICTURES", 16)
    monkeypatch.setattr(division, "_USUAL_PICTURES", 8)
    return spec, pack, catalog_pool([str(pictures), str(tmp_path / "film.mp4")], cache), cache


def mined(world: tuple[Spec, Pack, tuple[Source, ...], Cache]):
    spec, pack, pool, cache = world
    return mine_catalog(spec, pack, pool, cache=cache, stage=Silent())


def test_a_big_pool_yields_what_a_small_one_does(world, tmp_path, monkeypatch) -> None:
    small = mined(world)
    assert [len([m for m in small.matches if m.needle == one]) for one in ("n1", "n2")] == [5, 5]
    assert small.remarks == ()
    assert not list(world[3].root.glob("shards"))
    monkeypatch.setattr(big_pools, "EXACT_LIMIT", 89)
    assert is_big(world[2], world[0])
    big = mined(world)
    assert (big.matches, big.sources, big.nearest) == (small.matches, small.sources, small.nearest)
    assert big.remarks == (
        "mining.pool: 90 pictures were searched in 2 of 2 lists; recall@50 against comparing all is 1.0000, "
        "measured on 1 of the needles",
    )
    assert len(list(world[3].root.glob("shards/*/*"))) > 7
    save_mined(big.matches, big.sources, tmp_path / "m.jsonl", remarks=big.remarks)
    assert mined_remarks(tmp_path / "m.jsonl") == big.remarks
    assert load_mined(tmp_path / "m.jsonl")[0] == small.matches
    assert mined_remarks(tmp_path / "other.jsonl") == ()


def test_frames_of_a_film_are_found_at_their_times(world, monkeypatch) -> None:
    spec, pack, pool, cache = world
    sought = pool[-1]
    assert sought.kind == "video"
    still = Source(**{name: getattr(sought, name) for name in sought.__slots__} | {"id": "n1", "at_s": Fraction(19)})
    monkeypatch.setattr(big_pools, "EXACT_LIMIT", 0)
    asked = Pack(name="p", needles=pack.needles[:1], stills=(still,))
    wide = spec.model_copy(update={"mining": spec.mining.model_copy(update={"band": (0.9999, 1.0), "diversity": 1.0})})
    found = mine_catalog(wide, asked, pool, cache=cache, stage=Silent())
    assert (found.sources[0].id, found.sources[0].at_s) == (f"{sought.id}-f000019", Fraction(19))


def test_what_was_embedded_is_neither_embedded_nor_decoded_again(world, monkeypatch) -> None:
    spec, _, pool, cache = world
    parts = parts_of(pool, rate=spec.haystack.fps)
    with pytest.raises(KeyboardInterrupt):
        embed_missing(parts, spec, embedder=Counting(most=50), cache=cache, stage=Silent())
    done = sum(part.folder(spec, embedder=Counting(), cache=cache).is_dir() for part in parts)
    assert 0 < done < len(parts)
    model = Counting()
    count = embed_missing(parts, spec, embedder=model, cache=cache, stage=Silent())
    assert model.embedded == count.embedded < 66
    assert count.embedded + count.reused == 90
    monkeypatch.setattr(division, "sample", None)
    monkeypatch.setattr(division, "still_pixels", None)
    again = embed_missing(parts, spec, embedder=Counting(most=0), cache=cache, stage=Silent())
    assert again == EmbeddingCount(embedded=0, reused=90)


def test_caches_of_two_machines_put_together_are_one(world, tmp_path) -> None:
    spec, _, pool, cache = world
    parts, model = parts_of(pool, rate=spec.haystack.fps), Descriptor()
    other = Cache(tmp_path / "other")
    embed_missing(parts, spec, embedder=model, cache=cache, stage=Silent())
    half = len(parts) // 2
    shutil.rmtree(cache.root / "lists", ignore_errors=True)
    whole = index_of(parts, spec, embedder=model, cache=cache)
    embed_missing(parts[half:], spec, embedder=model, cache=other, stage=Silent())
    third = Cache(tmp_path / "third")
    embed_missing(parts[:half], spec, embedder=model, cache=third, stage=Silent())
    shutil.copytree(other.root, third.root, dirs_exist_ok=True)
    merged = index_of(parts, spec, embedder=model, cache=third)
    queries = model.embed([scene(1), scene(2)])
    assert merged.search(queries, k=90) == whole.search(queries, k=90)
    files = {file.relative_to(cache.root): file.read_bytes() for file in cache.root.glob("[sl]*/*/**/*.np?")}
    assert files == {file.relative_to(third.root): file.read_bytes() for file in third.root.glob("[sl]*/*/**/*.np?")}


def test_like_frames_of_a_film_are_embedded_once(world, tmp_path) -> None:
    spec, _, _, cache = world
    still = np.stack([scene(5, height=64)] * 9)
    import av

    with av.open(str(tmp_path / "still.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 112, 64, "yuv420p"
        for rgb in still:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    parts = parts_of(catalog_pool([str(tmp_path / "still.mp4")], cache), rate=Fraction(1))
    model = Counting()
    count = embed_missing(parts, spec, embedder=model, cache=cache, stage=Silent())
    assert model.embedded == count.embedded < 9 - 4
    assert count.embedded + count.reused == 9
    shard = open_shard(parts[0].folder(spec, embedder=model, cache=cache), embedder=model.name, whole=True)
    assert len(shard) == len(parts[0])


def test_matches_beyond_the_deepest_look_are_said_to_be_missing(world, monkeypatch) -> None:
    monkeypatch.setattr(big_pools, "EXACT_LIMIT", 0)
    monkeypatch.setattr("haystack_gen.gather.mine._REACH", 2)
    whole = mined(world)
    assert len(whole.remarks) == 1
    monkeypatch.setattr(big_pools, "_DEEPEST", 2)
    shallow = mined(world)
    assert len(shallow.matches) == 4
    assert shallow.remarks[1:] == tuple(
        f"mining.pool: of 5 look-alikes of {one}, 2 are among the 2 pictures nearest to it; those further down were "
        "not looked at"
        for one in ("n1", "n2")
    )


def test_shares_are_embedded_apart_and_indexed_by_the_last(world, tmp_path, monkeypatch) -> None:
    spec, _, pool, cache = world
    words = ["--pool", str(tmp_path / "pictures"), "--pool", str(tmp_path / "film.mp4"), "--cache", str(cache.root)]
    words += ["--set", "haystack.size=112x64", "--set", "haystack.fit=stretch"]

    def said(*more: str) -> str:
        done = CliRunner().invoke(index, [*words, *more], catch_exceptions=False)
        assert done.exit_code == 0
        return " ".join(done.output.split())

    assert "it needs no index" in said()
    monkeypatch.setattr(big_pools, "EXACT_LIMIT", 89)
    total = len(parts_of(pool, rate=spec.haystack.fps))
    assert f"pictures 90 parts embedded {total // 3} of {total}" in said("--shard", "1/3")
    assert "lists" not in said("--shard", "3/3")
    assert f"parts embedded {total} of {total} lists 2" in said("--shard", "2/3")
    assert "0 pictures embedded, 90 known or alike" in said()
    monkeypatch.setattr(division, "embed_cached", None)
    assert len(mined(world).matches) == 10
    for wrong in ("0/3", "4/3", "1", "1/0", "a/b", "-1/3"):
        with pytest.raises(InputError, match=r"--shard .*: expected I/N with I from 1 to N, such as 1/8"):
            said(f"--shard={wrong}")


@pytest.mark.long
def test_recall_and_memory_of_two_hundred_thousand_pictures(tmp_path) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        share, peak_mb = alone.submit(measured, 200_000, tmp_path).result()
    assert share >= 0.99
    assert peak_mb < CEILING_MB * 0.6

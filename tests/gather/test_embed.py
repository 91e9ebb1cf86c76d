"""Embedders, the descriptor, and the memory of vectors."""

import errno
import io
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from weakref import WeakSet

import av
import cv2
import numpy as np
import pytest

from haystack_gen.atomic import TEMPORARY_MARK
from haystack_gen.cache import Cache
from haystack_gen.errors import InputError, MissingExtraError, StorageError
from haystack_gen.facts import Source
from haystack_gen.gather import embed
from haystack_gen.gather.descriptor import Descriptor
from haystack_gen.gather.embed import EmbeddingCount, embed_cached, embedder, shelf


def scene(seed: int, *, height: int = 63, width: int = 112) -> np.ndarray:
    """A picture of a few coloured blobs on a gradient."""
    draw = np.random.default_rng(seed)
    top, bottom = draw.integers(0, 256, (2, 3))
    picture = np.linspace(top, bottom, height)[:, None].repeat(width, 1).astype(np.uint8)
    for _ in range(6):
        x, y, colour = draw.integers(0, width), draw.integers(0, height), draw.integers(0, 256, 3)
        cv2.circle(picture, (int(x), int(y)), int(draw.integers(4, 20)), colour.tolist(), -1)
    return picture


class Counting:
    """The descriptor, noting what it was asked."""

    name, dimensions = Descriptor.name, Descriptor.dimensions

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.batches.append(len(images))
        return Descriptor().embed(images)


# --- names ---


def test_descriptor_by_name() -> None:
    assert isinstance(embedder("descriptor"), Descriptor)


@pytest.mark.parametrize("name", ["", "clip", "open_clip", "open_clip:ViT-B-32", "open_clip:/openai", "open_clip:x/"])
def test_unknown_embedder_says_which_exist(name: str) -> None:
    with pytest.raises(InputError, match=r"does not exist; expected 'descriptor', or 'open_clip:MODEL/WEIGHTS'"):
        embedder(name)


def test_missing_extra_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match=r"needs open_clip_torch, .* pip install 'haystack-gen\[clip\]'"):
        embedder("open_clip:ViT-B-32/openai")


def test_open_clip_that_does_not_import_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "open_clip"
    package.mkdir()
    package.joinpath("__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "open_clip", raising=False)
    with pytest.raises(InputError, match=r"does not import \(operator torchvision::nms does not exist\).* reinstall"):
        embedder("open_clip:ViT-B-32/openai")


# --- the descriptor ---


def test_rows_have_length_one_and_their_order() -> None:
    rows = Descriptor().embed([scene(seed) for seed in range(5)])
    assert rows.shape == (5, Descriptor.dimensions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert Descriptor().embed([]).shape == (0, Descriptor.dimensions)


def test_row_is_the_same_in_any_batch() -> None:
    pictures = [scene(seed) for seed in range(9)]
    together = Descriptor().embed(pictures)
    alone = np.concatenate([Descriptor().embed([picture]) for picture in pictures])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (63, 112), (1080, 1920)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_of_any_size_have_a_row(shape: tuple[int, int], level: int) -> None:
    row = Descriptor().embed([np.full((*shape, 3), level, np.uint8)])
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_colour_edges_and_layout_each_count() -> None:
    picture = scene(3)
    rotated_hues = picture[..., [1, 2, 0]]
    striped = picture.copy()
    striped[:, ::8] = 255
    original, recoloured, edged, turned = Descriptor().embed([picture, rotated_hues, striped, picture[::-1]])
    assert original @ recoloured < 0.9
    assert original @ edged < 0.9
    assert original @ turned < 0.9


def test_recompressed_and_rescaled_pictures_stay_near() -> None:
    for seed in range(8):
        picture = scene(seed, height=252, width=448)
        jpeg = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
        half = cv2.resize(picture, (224, 126), interpolation=cv2.INTER_AREA)
        original, compressed, smaller = Descriptor().embed([picture, jpeg, half])
        assert original @ compressed > 0.97
        assert original @ smaller > 0.99


def frames_of(file: Path, every: int) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        frames = [frame for number, frame in enumerate(container.decode(video=0)) if number % every == 0]
        return [frame.to_ndarray(format="rgb24") for frame in frames]


def test_real_scenes_are_told_apart(shared_data: Path) -> None:
    films = [frames_of(file, 60) for file in sorted((shared_data / "videos").glob("*.mp4"))]
    images = [[cv2.imread(str(file))[..., ::-1]] for file in sorted((shared_data / "needles").glob("*.png"))]
    groups = [Descriptor().embed(pictures) for pictures in films + images]
    strangers = np.concatenate([(one @ other.T).ravel() for one, other in combinations(groups, 2)])
    fellows = np.concatenate([(one @ one.T)[np.triu_indices(len(one), 1)] for one in groups[: len(films)]])
    assert abs(np.median(strangers)) < 0.15
    assert strangers.max() < 0.5 < fellows.min()


# --- the memory ---


def test_second_run_embeds_nothing(tmp_path: Path) -> None:
    pictures, file, counting = [scene(seed) for seed in range(5)], tmp_path / "v.npz", Counting()
    first, count = embed_cached(pictures, embedder=counting, file=file, film=False)
    assert count == EmbeddingCount(embedded=5, reused=0)
    again, count = embed_cached(pictures, embedder=counting, file=file, film=False)
    assert count == EmbeddingCount(embedded=0, reused=5)
    assert counting.batches == [5]
    assert first.tobytes() == again.tobytes()


def test_only_what_is_new_is_embedded_and_added(tmp_path: Path) -> None:
    file = tmp_path / "v.npz"
    embed_cached([scene(1), scene(2)], embedder=Descriptor(), file=file, film=False)
    rows, count = embed_cached([scene(2), scene(3), scene(2)], embedder=Descriptor(), file=file, film=False)
    assert count == EmbeddingCount(embedded=1, reused=2)
    assert rows.tobytes() == Descriptor().embed([scene(2), scene(3), scene(2)]).tobytes()
    _, count = embed_cached([scene(1), scene(3)], embedder=Descriptor(), file=file, film=False)
    assert count.embedded == 0


def test_equal_pictures_in_one_batch_are_embedded_once(tmp_path: Path) -> None:
    _, count = embed_cached([scene(1)] * 4, embedder=Descriptor(), file=tmp_path / "v.npz", film=False)
    assert count == EmbeddingCount(embedded=1, reused=3)


def test_pictures_of_equal_bytes_and_other_shape_differ(tmp_path: Path) -> None:
    picture = scene(1, height=40, width=60)
    pictures = [picture, picture.reshape(60, 40, 3)]
    _, count = embed_cached(pictures, embedder=Descriptor(), file=tmp_path / "v.npz", film=False)
    assert count.embedded == 2


def test_pictures_are_held_by_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_BATCH", 4)
    counting = Counting()
    rows, count = embed_cached(
        (scene(seed) for seed in range(10)), embedder=counting, file=tmp_path / "v.npz", film=True
    )
    assert counting.batches == [4, 4, 2]
    assert count.embedded == 10
    assert rows.tobytes() == Descriptor().embed([scene(seed) for seed in range(10)]).tobytes()


def test_pictures_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_BATCH", 4)
    alive = WeakSet()
    most = 0

    class Watched(np.ndarray):
        __hash__ = object.__hash__

    def watched() -> Iterator[np.ndarray]:
        nonlocal most
        for seed in range(40):
            picture = scene(seed).view(Watched)
            alive.add(picture)
            most = max(most, len(alive))
            yield picture

    embed_cached(watched(), embedder=Descriptor(), file=tmp_path / "v.npz", film=True)
    assert most <= 6


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-3, 4, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def test_frames_of_a_film_that_look_the_same_are_embedded_once(tmp_path: Path) -> None:
    still = [noisy(scene(1, height=252, width=448), seed) for seed in range(4)]
    moved = scene(2, height=252, width=448)
    film = [*still, moved, still[2]]
    rows, count = embed_cached(film, embedder=Descriptor(), file=tmp_path / "v.npz", film=True)
    assert count == EmbeddingCount(embedded=3, reused=3)
    expected = Descriptor().embed([still[0]] * 4 + [moved, still[2]])
    assert rows.tobytes() == expected.tobytes()
    _, count = embed_cached(film, embedder=Descriptor(), file=tmp_path / "w.npz", film=False)
    assert count.embedded == 5  # only equal pixels are shared outside films


def test_slow_fade_does_not_drift(tmp_path: Path) -> None:
    fade = [np.full((36, 64, 3), level, np.uint8) for level in range(40)]
    rows, count = embed_cached(fade, embedder=Descriptor(), file=tmp_path / "v.npz", film=True)
    assert count.embedded == 14  # a new one as soon as a frame is three levels from the last embedded
    assert rows[-1].tobytes() == Descriptor().embed([fade[39]])[0].tobytes()


def test_small_change_is_seen(tmp_path: Path) -> None:
    before = scene(1, height=252, width=448)
    after = before.copy()
    after[100:108, 200:208] = 255 - after[100:108, 200:208]
    _, count = embed_cached([before, after], embedder=Descriptor(), file=tmp_path / "v.npz", film=True)
    assert count.embedded == 2


def test_same_vectors_with_any_batch_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = [noisy(scene(number // 3, height=252, width=448), number) for number in range(12)]
    embed_cached(film[1::2], embedder=Descriptor(), file=tmp_path / "warm.npz", film=True)
    cold, _ = embed_cached(film, embedder=Descriptor(), file=tmp_path / "cold.npz", film=True)
    monkeypatch.setattr(embed, "_BATCH", 1)
    warm, _ = embed_cached(film, embedder=Descriptor(), file=tmp_path / "warm.npz", film=True)
    assert warm.tobytes() == cold.tobytes()


def as_npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


GOOD = {
    "embedder": np.array(Descriptor.name),
    "keys": np.zeros((2, 16), np.uint8),
    "vectors": np.zeros((2, Descriptor.dimensions), np.float32),
}


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"no archive",
        as_npz(**GOOD)[:-400],
        as_npz(**GOOD)[:500] + b"\xff" * 40 + as_npz(**GOOD)[540:],
        as_npz(vectors=GOOD["vectors"]),
        as_npz(**GOOD | {"embedder": np.array("another")}),
        as_npz(**GOOD | {"keys": np.zeros((3, 16), np.uint8)}),
        as_npz(**GOOD | {"vectors": np.zeros((2, 7), np.float32)}),
        as_npz(**GOOD | {"keys": np.array(3, np.uint8), "vectors": np.array(1, np.float32)}),
        as_npz(**GOOD | {"vectors": np.full((2, Descriptor.dimensions), np.nan, np.float32)}),
        as_npz(**GOOD | {"vectors": np.array({"pickled": 1}, object)}),
    ],
    ids=[
        "empty",
        "text",
        "cut",
        "overwritten",
        "incomplete",
        "other",
        "keys",
        "dimensions",
        "scalars",
        "nan",
        "pickle",
    ],
)
def test_unusable_file_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "v.npz"
    file.write_bytes(damaged)
    rows, count = embed_cached([scene(1)], embedder=Descriptor(), file=file, film=False)
    assert count.embedded == 1
    assert rows.tobytes() == Descriptor().embed([scene(1)]).tobytes()
    _, count = embed_cached([scene(1)], embedder=Descriptor(), file=file, film=False)
    assert count.embedded == 0


def test_what_was_embedded_before_an_error_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_BATCH", 2)

    def broken():
        yield from (scene(1), scene(2), scene(3))
        raise InputError("film.mp4: frame 3 is damaged")

    with pytest.raises(InputError, match="frame 3"):
        embed_cached(broken(), embedder=Descriptor(), file=tmp_path / "v.npz", film=True)
    _, count = embed_cached([scene(1), scene(2)], embedder=Descriptor(), file=tmp_path / "v.npz", film=True)
    assert count.embedded == 0
    assert not list(tmp_path.glob(f"{TEMPORARY_MARK}*"))


def test_long_runs_save_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_BATCH", 2)
    monkeypatch.setattr(embed, "_SAVE_EVERY", 4)
    file = tmp_path / "v.npz"
    saved = []

    def watched():
        for seed in range(10):
            saved.append(len(np.load(file)["keys"]) if file.exists() else 0)
            yield scene(seed)

    embed_cached(watched(), embedder=Descriptor(), file=file, film=False)
    assert saved == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]
    assert len(np.load(file)["keys"]) == 10


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_is_explained_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "v.npz"
    embed_cached([scene(1)], embedder=Descriptor(), file=file, film=False)
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(StorageError, match=r"v\.npz: no space left"):
        embed_cached([scene(2)], embedder=Descriptor(), file=file, film=False)
    assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == [("v.npz", before)]


def film(**changes) -> Source:
    fields = {"id": "a", "kind": "video", "path": "/films/a.mp4", "sha256": "00", "size_bytes": 1, "width": 4}
    fields |= {"height": 4, "duration_s": Fraction(1)}
    return Source(**fields | changes)


def test_a_film_has_one_shelf_wherever_it_lies(tmp_path: Path) -> None:
    def put(source: Source) -> Path:
        return shelf(source, embedder=Descriptor(), cache=Cache(tmp_path))

    assert put(film()) == put(film(id="a-f3", path="/elsewhere/b.mp4", at_s=Fraction(3)))
    assert put(film()) != put(film(sha256="01"))
    images = [film(kind="image", path=path, sha256=path) for path in ("/pool/1.png", "/pool/2.png", "/other/1.png")]
    assert put(images[0]) == put(images[1]) != put(images[2])
    assert put(film()).suffix == ".npz"
    assert tmp_path in put(film()).parents

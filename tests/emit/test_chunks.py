import weakref
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from haystack_gen.emit.chunks import ChunkStore, encode_span, fingerprint, thumbnail
from haystack_gen.emit.encoding import Encoding, rgb_pictures, yuv_frames
from haystack_gen.errors import InputError
from haystack_gen.judge.readers import open_film
from tests.counter_video import draw_number, read_numbers

SIZE = (96, 64)
STILLS = Encoding(size=SIZE, rate=Fraction(1))
MOTION = Encoding(size=SIZE, rate=Fraction(6))


def pictures(start: int, stop: int) -> Iterator[np.ndarray]:
    return (draw_number(number, SIZE) for number in range(start, stop))


def filled(folder: Path, encoding: Encoding, *bounds: int) -> ChunkStore:
    """A store of spans from each bound to the next; every frame shows its own number."""
    for start, stop in pairwise(bounds):
        assert encode_span(pictures(start, stop), folder=folder, start=start, encoding=encoding) == stop - start
    return ChunkStore(folder, encoding)


def samples(store: ChunkStore, start: int, stop: int) -> list[bytes]:
    return [bytes(sample) for run in store.clip(start, stop - start) for sample in run.samples()]


@pytest.mark.parametrize("encoding", [STILLS, MOTION], ids=["gop 1", "gop 6"])
def test_a_frame_is_coded_the_same_whatever_span_it_is_in(tmp_path: Path, encoding: Encoding):
    whole = filled(tmp_path / "whole", encoding, 0, 60)
    parts = filled(tmp_path / "parts", encoding, 0, 24, 30, 60)
    assert samples(whole, 0, 60) == samples(parts, 0, 60)
    for column in ("size", "flip", "digest", "thumb"):
        assert np.array_equal(whole.rows(0, 60)[column], parts.rows(0, 60)[column])


@pytest.mark.parametrize("encoding", [STILLS, MOTION], ids=["gop 1", "gop 6"])
def test_spans_are_ordinary_films_whose_frames_have_the_recorded_fingerprints(tmp_path: Path, encoding: Encoding):
    store = filled(tmp_path, encoding, 0, 18)
    with av.open(str(store.first)) as film:
        decoded = list(film.decode(video=0))
        assert film.streams.video[0].average_rate == encoding.rate
    rows = store.rows(0, 18)
    assert [fingerprint(frame)[0] for frame in decoded] == rows["digest"].tolist()
    assert len(set(rows["digest"].tolist())) == 18
    assert np.array_equal([fingerprint(frame)[1] for frame in decoded], rows["thumb"])
    assert [frame.key_frame for frame in decoded] == (rows["flip"] >= 0).tolist()
    assert (rows["flip"] >= 0).tolist() == [index % encoding.gop == 0 for index in range(18)]
    assert read_numbers(frame.to_ndarray(format="rgb24") for frame in decoded) == list(range(18))


@pytest.mark.parametrize("encoding", [STILLS, MOTION], ids=["gop 1", "gop 6"])
def test_reading_starts_anywhere(tmp_path: Path, encoding: Encoding):
    store = filled(tmp_path, encoding, 0, 12, 20)
    for start, stop in [(0, 20), (0, 1), (5, 6), (7, 15), (12, 13), (17, 20)]:
        assert read_numbers(store.read(start, stop)) == list(range(start, stop))


class Tracked(np.ndarray):
    __hash__ = object.__hash__


def test_pictures_are_taken_one_at_a_time(tmp_path: Path):
    alive: weakref.WeakSet[Tracked] = weakref.WeakSet()
    most = 0

    def watched() -> Iterator[np.ndarray]:
        nonlocal most
        for number in range(40):
            picture = draw_number(number, SIZE).view(Tracked)
            alive.add(picture)
            most = max(most, len(alive))
            yield picture

    encode_span(watched(), folder=tmp_path, start=0, encoding=MOTION)
    assert most <= 4


def test_nothing_but_pictures_is_stored(tmp_path: Path):
    store = filled(tmp_path, MOTION, 0, 12)
    content = store.first.read_bytes()
    assert b"x264" not in content
    assert b"Lavf" not in content
    assert all(bytes(sample)[4] & 31 == 9 for sample in samples(store, 0, 12))  # an access unit delimiter comes first


def test_the_same_pictures_give_the_same_files(tmp_path: Path):
    one, two = (filled(tmp_path / name, MOTION, 0, 9).folder for name in ("one", "two"))
    assert {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in two.iterdir()
    }


def test_only_what_is_missing_remains_to_be_done(tmp_path: Path):
    encoding = Encoding(size=SIZE, rate=Fraction(300))
    store = ChunkStore(tmp_path, encoding)
    assert (encoding.gop, encoding.span) == (300, 600)
    assert store.missing(1300) == [(0, 600), (600, 1200), (1200, 1300)]
    assert store.length == 0
    encode_span(pictures(0, 600), folder=tmp_path, start=0, encoding=encoding)
    encode_span(pictures(1200, 1210), folder=tmp_path, start=1200, encoding=encoding)
    (tmp_path / "span-001200.npy").unlink()  # killed before the table was written
    assert store.missing(1300) == [(600, 1200), (1200, 1300)]
    assert ChunkStore(tmp_path, encoding).length == 600


def test_spans_beyond_a_gap_do_not_count(tmp_path: Path):
    encode_span(pictures(6, 12), folder=tmp_path, start=6, encoding=MOTION)
    assert ChunkStore(tmp_path, MOTION).length == 0


def test_a_clip_that_starts_inside_a_group_shows_the_right_frames(tmp_path: Path):
    store = filled(tmp_path, MOTION, 0, 12, 20)
    for start, length in [(0, 20), (6, 5), (1, 3), (4, 2), (4, 10), (11, 1), (13, 7), (19, 1)]:
        runs = store.clip(start, length)
        rows = np.concatenate([run.rows for run in runs])
        assert len(rows) == length
        assert rows["flip"][0] >= 0
        second_generation = min(-start % 6, length, 20 - start)
        source = store.rows(start, start + length)
        assert rows["digest"][second_generation:].tolist() == source["digest"][second_generation:].tolist()
        thumbs = np.abs(rows["thumb"].astype(int) - source["thumb"])
        assert thumbs.max() <= 3


def test_a_cut_is_made_once_and_always_the_same(tmp_path: Path):
    stores = [filled(tmp_path / name, MOTION, 0, 20) for name in ("one", "two")]
    files = []
    for store in stores:
        store.clip(8, 2)
        cut = store.folder / "cut-000008.mp4"
        made = cut.stat().st_mtime_ns
        store.clip(8, 11)  # a longer clip from the same frame: the same cut
        assert cut.stat().st_mtime_ns == made
        assert len(list(store.folder.glob("cut-*.mp4"))) == 1
        files.append(cut.read_bytes())
    assert files[0] == files[1]


def test_groups_of_one_frame_are_never_encoded_again(tmp_path: Path):
    store = filled(tmp_path, STILLS, 0, 9)
    assert samples(store, 3, 8) == samples(store, 0, 9)[3:8]
    assert not list(tmp_path.glob("cut-*"))


def test_a_still_stays_as_long_as_asked(tmp_path: Path):
    for encoding in (STILLS, MOTION):
        store = filled(tmp_path / str(encoding.rate), encoding, 0, 1)
        assert samples(store, 0, 4) == samples(store, 0, 1) * 4


def test_other_sources_have_the_same_decoder_configuration(tmp_path: Path):
    film = filled(tmp_path / "film", MOTION, 0, 20)
    encode_span([np.zeros((64, 96, 3), np.uint8)], folder=tmp_path / "still", start=0, encoding=MOTION)
    film.clip(3, 5)
    with av.open(str(tmp_path / "film" / "cut-000003.mp4")) as cut:
        assert bytes(cut.streams.video[0].codec_context.extradata) == film.extradata
    assert ChunkStore(tmp_path / "still", MOTION).extradata == film.extradata


def test_what_is_not_there_is_refused(tmp_path: Path):
    store = filled(tmp_path / "film", MOTION, 0, 12)
    for bounds in [(0, 13), (12, 13), (-1, 3), (4, 4)]:
        with pytest.raises(InputError, match=r"asked for, expected within \[0, 12\); encode the source to that length"):
            store.rows(*bounds)
    with pytest.raises(InputError, match=r"frames \[11, 14\) asked for"):
        store.clip(11, 3)
    with pytest.raises(InputError, match="holds no encoded frames; encode the source first"):
        _ = ChunkStore(tmp_path / "nothing", MOTION).first


def test_a_still_starts_at_its_only_frame(tmp_path: Path):
    with pytest.raises(InputError, match=r"frames \[1, 3\) asked for"):
        filled(tmp_path, STILLS, 0, 1).clip(1, 2)


@pytest.mark.parametrize("damage", ["cut short", "another table", "no table", "mp4 cut short", "mp4 gone"])
def test_a_damaged_cache_is_reported(tmp_path: Path, damage: str):
    store = filled(tmp_path, STILLS, 0, 3)
    table = tmp_path / "span-000000.npy"
    if damage == "cut short":
        table.write_bytes(table.read_bytes()[:-9])
    elif damage == "another table":
        np.save(table, np.arange(3))
    elif damage == "no table":
        table.write_bytes(b"")
    elif damage == "mp4 cut short":
        store.first.write_bytes(store.first.read_bytes()[:900])
    else:
        (tmp_path / "span-000000.mp4").unlink()
    with pytest.raises(InputError, match=r"span-000000.npy: unusable \(.*\); delete .* and run again"):
        _ = ChunkStore(tmp_path, STILLS).length


def test_a_source_that_fails_midway_leaves_nothing(tmp_path: Path):
    def failing() -> Iterator[np.ndarray]:
        yield from pictures(0, 3)
        raise InputError("the film is damaged")

    with pytest.raises(InputError, match="the film is damaged"):
        encode_span(failing(), folder=tmp_path / "new", start=0, encoding=STILLS)
    assert list((tmp_path / "new").iterdir()) == []


def test_no_pictures_are_no_span(tmp_path: Path):
    with pytest.raises(InputError, match=r"span-000000.mp4: there are no frames to encode; the source is shorter"):
        encode_span([], folder=tmp_path, start=0, encoding=STILLS)
    assert list(tmp_path.iterdir()) == []


def test_misuse_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="starts on a group boundary, got frame 7 with groups of 6"):
        encode_span(pictures(7, 9), folder=tmp_path, start=7, encoding=MOTION)
    with pytest.raises(ValueError, match=r"expected uint8 pictures of shape \(64, 96, 3\), got float64"):
        encode_span([np.zeros((64, 96, 3))], folder=tmp_path, start=0, encoding=MOTION)
    with pytest.raises(ValueError, match=r"got uint8 of shape \(96, 64, 3\)"):
        encode_span([np.zeros((96, 64, 3), np.uint8)], folder=tmp_path, start=0, encoding=MOTION)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"size": (95, 64)}, "size is 95x64; both sides must be even and at least 16 pixels"),
        ({"size": (96, 8)}, "size is 96x8; both sides must be even"),
        ({"qp": 0}, r"qp is 0; expected 1 \(large files\) to 51"),
        ({"qp": 52}, "qp is 52; expected"),
        ({"rate": Fraction(0)}, "rate is 0 frames per second; expected more than 0"),
        ({"rate": Fraction("29.97002997")}, "whose numerator is at most 1,000,000, such as 30000/1001"),
    ],
)
def test_encodings_that_cannot_be_are_refused(settings: dict[str, object], complaint: str):
    with pytest.raises(InputError, match=complaint):
        Encoding(**{"size": SIZE, "rate": Fraction(1), **settings})


def test_groups_follow_from_the_rate():
    groups = {
        rate: Encoding(size=SIZE, rate=Fraction(rate)).gop for rate in ("1/2", "1", "2", "5/2", "30000/1001", "60")
    }
    assert groups == {"1/2": 1, "1": 1, "2": 1, "5/2": 2, "30000/1001": 30, "60": 60}
    assert Encoding(size=SIZE, rate=Fraction(1000)).span == 1000


def test_the_key_tells_apart_what_is_coded_differently():
    keys = {
        Encoding(size=size, rate=rate, qp=qp).key
        for size in (SIZE, (64, 96))
        for rate in (Fraction(1), Fraction(2))
        for qp in (20, 21)
    }
    assert len(keys) == 8


def test_large_and_fast_films_claim_a_level_that_allows_them():
    levels = {
        (size, rate): Encoding(size=size, rate=Fraction(rate)).options()["level"]
        for size, rate in [((448, 252), 30), ((1920, 1080), 30), ((1920, 1080), 60), ((3840, 2160), 1)]
    }
    assert list(levels.values()) == ["4.0", "4.0", "5.2", "5.2"]


CHART = [
    (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255),
    (255, 255, 0), (0, 255, 255), (255, 0, 255), (200, 120, 40), (30, 90, 160), (90, 160, 60),
]  # fmt: skip


def chart() -> np.ndarray:
    return np.array(CHART, np.uint8).reshape(3, 4, 3).repeat(32, axis=0).repeat(32, axis=1)


def patches(picture: np.ndarray) -> np.ndarray:
    """The mean colour of the middle of every patch."""
    blocks = picture.reshape(3, 32, 4, 32, 3)[:, 8:24, :, 8:24]
    return blocks.mean(axis=(1, 3)).reshape(-1, 3)


def test_colours_survive_in_every_reader(tmp_path: Path):
    """At this size readers that ignore tags assume BT.601; a film in BT.709 would be off by up to 30 levels."""
    decord = pytest.importorskip("decord")
    encoding = Encoding(size=(128, 96), rate=Fraction(1), qp=10)
    encode_span([chart()], folder=tmp_path, start=0, encoding=encoding)
    store = ChunkStore(tmp_path, encoding)
    with av.open(str(store.first)) as film:
        frame = next(film.decode(video=0))
    assert (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 6, 6, 6)
    read = {
        "store": next(store.read(0, 1)),
        "pyav": frame.to_ndarray(format="rgb24"),
        "decord": decord.VideoReader(str(store.first))[0].asnumpy(),
        "opencv": cv2.VideoCapture(str(store.first)).read()[1][..., ::-1],
    }
    for reader, picture in read.items():
        assert np.abs(patches(picture) - CHART).max() <= 3, reader


def test_colours_are_converted_by_the_letter_of_bt_601():
    rng = np.random.default_rng(1)
    picture = np.kron(rng.integers(0, 256, (32, 48, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    planes = next(yuv_frames([picture], STILLS)).to_ndarray()
    red, green, blue = (picture[..., channel].astype(float) / 255 for channel in range(3))
    luma = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    assert np.abs(planes[:64] - luma).max() <= 0.6
    blue_difference = (128 - 37.797 * red - 74.203 * green + 112 * blue)[::2, ::2]
    assert np.abs(planes[64:80].reshape(32, 48) - blue_difference).max() <= 1.1
    grey = np.full((64, 96, 3), 77, np.uint8)
    there_and_back = next(rgb_pictures(yuv_frames([grey], STILLS)))
    assert np.abs(there_and_back.astype(int) - 77).max() <= 1  # readers' fast conversion rounds down


def test_pictures_are_what_readers_show(tmp_path: Path):
    """Byte for byte what PyAV, decord and OpenCV give for the same file."""
    rng = np.random.default_rng(4)
    pictures = [np.kron(rng.integers(0, 256, (16, 24, 3)), np.ones((4, 4, 1))).astype(np.uint8) for _ in range(5)]
    encode_span(pictures, folder=tmp_path, start=0, encoding=STILLS)
    store = ChunkStore(tmp_path, STILLS)
    ours = list(store.read(0, 5))
    for reader in ("pyav", "decord", "opencv"):
        theirs = list(open_film(store.first, reader).frames)
        assert len(theirs) == 5
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True)), reader


@pytest.mark.parametrize("shape", [(9, 16), (64, 96), (63, 101), (252, 448)])
def test_thumbnails_are_means_of_areas(shape: tuple[int, int]):
    rng = np.random.default_rng(2)
    luma = rng.integers(0, 256, shape, dtype=np.uint8)
    small = thumbnail(luma)
    height, width = shape
    for row in range(9):
        for column in range(16):
            area = luma[row * height // 9 : (row + 1) * height // 9, column * width // 16 : (column + 1) * width // 16]
            assert abs(float(small[row, column]) - area.mean()) <= 0.5

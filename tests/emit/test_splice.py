import re
import struct
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from haystack_gen.atomic import refusals_explained
from haystack_gen.emit import h264
from haystack_gen.emit.chunks import ChunkStore, encode_span, fingerprint, thumbnail
from haystack_gen.emit.encoding import Encoding
from haystack_gen.emit.splice import Piece, planned_rows, splice
from haystack_gen.errors import InputError, StorageError
from tests.counter_video import draw_number, read_number, read_numbers

SIZE = (96, 64)
RATES = [Fraction(1), Fraction(6), Fraction(30_000, 1001)]
FIRST_NEEDLE = 1000


def store_of(folder: Path, encoding: Encoding, numbers: Sequence[int], span: int = 60) -> ChunkStore:
    for start in range(0, len(numbers), span):
        drawn = (draw_number(number, SIZE) for number in numbers[start : start + span])
        encode_span(drawn, folder=folder, start=start, encoding=encoding)
    return ChunkStore(folder, encoding)


class Scene:
    """A film whose frames show 0, 1, 2, …, three stills that show 1000, 1001 and 1002, and a film made of all."""

    def __init__(self, folder: Path, rate: Fraction) -> None:
        self.encoding = Encoding(size=SIZE, rate=rate)
        self.film = store_of(folder / "film", self.encoding, range(150))
        self.stills = [store_of(folder / f"still-{k}", self.encoding, [FIRST_NEEDLE + k]) for k in range(3)]
        one, two, three = self.stills
        self.pieces = [
            Piece(one, 0, 1),  # a film may begin with a needle
            Piece(self.film, 0, 37),
            Piece(two, 0, 1),  # single inserts, next to each other and to a repeated one
            Piece(three, 0, 1),
            Piece(one, 0, 4),
            Piece(self.film, 37, 1),
            Piece(two, 0, 1),
            Piece(self.film, 38, 75),
            Piece(three, 0, 2),
            Piece(three, 0, 1),
            Piece(self.film, 20, 3),  # back in time
            Piece(self.film, 149, 1),
            Piece(one, 0, 3),
        ]
        self.numbers = [
            number
            for piece in self.pieces
            for number in (
                range(piece.start, piece.start + piece.length)
                if piece.store is self.film
                else [FIRST_NEEDLE + self.stills.index(piece.store)] * piece.length
            )
        ]
        self.path = folder / "spliced.mp4"
        splice(self.pieces, self.path)


@pytest.fixture(scope="module", params=RATES, ids=str)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"), request.param)


def samples_of(path: Path) -> tuple[list[bytes], bytes]:
    with av.open(str(path)) as film:
        extradata = bytes(film.streams.video[0].codec_context.extradata)
        return [bytes(packet) for packet in film.demux(video=0) if packet.size], extradata


def boxes(content: bytes) -> list[str]:
    """The names of an mp4's top-level boxes."""
    names, at = [], 0
    while at < len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        names.append(name.decode())
        at += size
    return names


def run_ffmpeg(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_pyav_shows_the_planned_frames_bit_for_bit(scene: Scene):
    with av.open(str(scene.path)) as film:
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        assert (stream.frames, stream.average_rate) == (len(scene.numbers), scene.encoding.rate)
        assert stream.duration * stream.time_base == len(scene.numbers) / scene.encoding.rate
        assert [frame.pts * frame.time_base for frame in frames] == [
            index / scene.encoding.rate for index in range(len(scene.numbers))
        ]
    assert read_numbers(frame.to_ndarray(format="rgb24") for frame in frames) == scene.numbers
    planned = planned_rows(scene.pieces)
    assert [fingerprint(frame)[0] for frame in frames] == planned["digest"].tolist()
    assert [frame.key_frame for frame in frames] == (planned["flip"] >= 0).tolist()


def test_opencv_shows_the_planned_frames(scene: Scene):
    film = cv2.VideoCapture(str(scene.path))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == len(scene.numbers)
    assert Fraction(film.get(cv2.CAP_PROP_FPS)).limit_denominator(1001) == scene.encoding.rate
    shown = []
    while (read := film.read())[0]:
        shown.append(read[1][..., ::-1])
    assert read_numbers(shown) == scene.numbers


def test_decord_shows_the_planned_frames_in_any_order(scene: Scene):
    decord = pytest.importorskip("decord")
    film = decord.VideoReader(str(scene.path), num_threads=1)
    assert len(film) == len(scene.numbers)
    assert Fraction(film.get_avg_fps()).limit_denominator(1001) == scene.encoding.rate
    assert read_numbers(film[index].asnumpy() for index in range(len(film))) == scene.numbers
    order = np.random.default_rng(5).permutation(len(film))[:40].tolist()
    assert [read_number(film[index].asnumpy()) for index in order] == [scene.numbers[index] for index in order]
    batch = film.get_batch(sorted(order)).asnumpy()
    assert read_numbers(batch) == [scene.numbers[index] for index in sorted(order)]
    planned = planned_rows(scene.pieces)["thumb"]
    weights = np.array([65.481, 128.553, 24.966]) / 255
    for index in order[:10]:
        seen = thumbnail((film[index].asnumpy() @ weights + 16).round().astype(np.uint8))
        assert np.abs(seen.astype(int) - planned[index]).max() <= 3


def test_opencv_finds_any_frame(scene: Scene):
    film = cv2.VideoCapture(str(scene.path))
    for index in (120, 3, 41, 77, 0, len(scene.numbers) - 1):
        film.set(cv2.CAP_PROP_POS_FRAMES, index)
        assert read_number(film.read()[1][..., ::-1]) == scene.numbers[index]


def test_no_two_idr_pictures_in_a_row_share_their_id(scene: Scene):
    samples, extradata = samples_of(scene.path)
    layout = h264.layout_of(extradata)
    ids = [h264.idr_pic_id(sample, layout) for sample in samples]
    of_idr_pictures = [number for number in ids if number is not None]
    assert of_idr_pictures == [1 + index % 2 for index in range(len(of_idr_pictures))]
    assert ids[0] == 1
    log = run_ffmpeg("-i", str(scene.path), "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-")
    assert [int(value) for value in re.findall(r"idr_pic_id\s.*= (\d+)", log)] == of_idr_pictures


def test_ffmpeg_has_nothing_to_complain_of(scene: Scene):
    assert run_ffmpeg("-v", "warning", "-i", str(scene.path), "-f", "null", "-") == ""
    assert run_ffmpeg("-v", "warning", "-err_detect", "explode", "-i", str(scene.path), "-f", "null", "-") == ""


def test_only_stored_samples_are_in_the_file_but_for_the_flipped_bit(scene: Scene):
    stored = {bytes(sample) for piece in scene.pieces for run in piece.store.clip(piece.start, piece.length)
              for sample in run.samples()}  # fmt: skip
    samples, extradata = samples_of(scene.path)
    layout = h264.layout_of(extradata)
    for sample, row in zip(samples, planned_rows(scene.pieces), strict=True):
        flipped = row["flip"] >= 0 and h264.idr_pic_id(sample, layout) == 2
        assert (bytes(h264.flipped(sample, int(row["flip"]))) if flipped else sample) in stored


def test_the_index_comes_first_and_no_edit_list_shifts_time(scene: Scene):
    content = scene.path.read_bytes()
    order = boxes(content)
    assert order.index("moov") < order.index("mdat")
    index = content[: content.index(b"mdat")]
    assert b"elst" not in index
    assert b"btrt" not in index
    assert b"Lavf" not in content


def test_the_same_pieces_give_the_same_bytes(scene: Scene, tmp_path: Path):
    splice(scene.pieces, tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == scene.path.read_bytes()
    other = Scene(tmp_path, scene.encoding.rate)
    assert other.path.read_bytes() == scene.path.read_bytes()


@pytest.mark.parametrize("repeats", [1, 2, 700])
def test_the_space_for_the_index_suffices_at_any_length(tmp_path: Path, repeats: int):
    """The index is largest where sample sizes differ and nearly all frames are keyframes."""
    encoding = Encoding(size=(16, 16), rate=Fraction(6), qp=40)
    film = [np.full((16, 16, 3), level, np.uint8) for level in (9, 200)]
    encode_span(film, folder=tmp_path / "film", start=0, encoding=encoding)
    encode_span([draw_number(5, (64, 36))[:16, :16]], folder=tmp_path / "still", start=0, encoding=encoding)
    pieces = [
        Piece(ChunkStore(tmp_path / "still", encoding), 0, 30),
        Piece(ChunkStore(tmp_path / "film", encoding), 0, 2),
    ]
    splice(pieces * repeats, tmp_path / "out.mp4")
    assert boxes((tmp_path / "out.mp4").read_bytes()).index("moov") == 1
    with av.open(str(tmp_path / "out.mp4")) as spliced:
        assert spliced.streams.video[0].frames == 32 * repeats


def test_frames_larger_than_the_muxer_gathers_are_spliced(tmp_path: Path):
    encoding = Encoding(size=(1024, 768), rate=Fraction(1), qp=1)
    noise = np.random.default_rng(3).integers(0, 256, (768, 1024, 3), dtype=np.uint8)
    encode_span([noise], folder=tmp_path / "noise", start=0, encoding=encoding)
    store = ChunkStore(tmp_path / "noise", encoding)
    assert store.rows(0, 1)["size"][0] > 2**20
    splice([Piece(store, 0, 9)], tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert [packet.size for packet in film.demux(video=0) if packet.size] == [store.rows(0, 1)["size"][0]] * 9


def test_what_was_encoded_otherwise_is_refused(scene: Scene, tmp_path: Path):
    other = store_of(tmp_path / "other", Encoding(size=SIZE, rate=scene.encoding.rate, qp=21), [5])
    with pytest.raises(InputError, match=r"other and .*film were encoded with different settings or encoders .*qp=21"):
        splice([Piece(scene.film, 0, 3), Piece(other, 0, 1)], tmp_path / "out.mp4")
    mislabelled = ChunkStore(tmp_path / "other", scene.encoding)
    with pytest.raises(InputError, match="different settings or encoders"):
        splice([Piece(scene.film, 0, 3), Piece(mislabelled, 0, 1)], tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_a_film_of_nothing_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"out.mp4: nothing to splice; a video needs at least one frame"):
        splice([], tmp_path / "out.mp4")


def test_a_clip_beyond_its_source_is_refused(scene: Scene, tmp_path: Path):
    with pytest.raises(InputError, match=r"frames \[140, 151\) asked for, expected within \[0, 150\)"):
        splice([Piece(scene.film, 140, 11)], tmp_path / "out.mp4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full exists on Linux")
def test_a_full_disk_is_noticed(scene: Scene):
    full = Path("/dev/full")
    with pytest.raises(StorageError, match="no space left"), refusals_explained(full):
        splice(scene.pieces, full)

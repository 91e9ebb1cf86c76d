import shutil
from fractions import Fraction
from functools import cache
from hashlib import shake_128
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haystack_gen.errors import InputError
from haystack_gen.facts import sampled_length
from haystack_gen.gather.probe import probe
from haystack_gen.gather.video import sample, still
from tests.counter_video import ffmpeg, read_number, read_numbers, write_counter

SIZE = (128, 72)
B_FRAMES = {"preset": "fast", "crf": "16", "bf": "3"}
OPEN_GOP = B_FRAMES | {"x264-params": "open-gop=1:scenecut=0"}
NTSC = Fraction(30_000, 1001)
VFR = [45_000 + 3000 * index + (index % 3) * 700 + (index > 20) * 30_000 for index in range(40)]

# name: (file, how it is written, variable rate)
FILMS = {
    "h264": ("a.mp4", {}, False),
    "ntsc": ("a.mp4", {"rate": NTSC}, False),
    "odd rate": ("a.mp4", {"rate": Fraction(179, 6)}, False),
    "b-frames": ("a.mp4", {"options": B_FRAMES}, False),
    "open gop": ("a.ts", {"options": OPEN_GOP}, False),
    "open gop mp4": ("a.mp4", {"options": OPEN_GOP}, False),
    "every frame a key": ("a.mp4", {"gop": 1}, False),
    "vfr": ("a.mp4", {"pts": VFR}, True),
    "vfr, b-frames": ("a.mp4", {"pts": VFR, "options": B_FRAMES}, True),
    "start offset": ("a.ts", {"pts": [900_000 + 3000 * index for index in range(40)]}, False),
    "mpeg-ts": ("a.ts", {"options": B_FRAMES}, False),
    "matroska": ("a.mkv", {"options": B_FRAMES, "rate": NTSC}, False),
    "vp9": ("a.webm", {"codec": "libvpx-vp9"}, False),
    "mpeg4": ("a.mp4", {"codec": "mpeg4"}, False),
    "mpeg4 avi": ("a.avi", {"codec": "mpeg4", "options": {"bf": "2", "b": "2M"}}, False),
    "h264 avi": ("a.avi", {"options": B_FRAMES}, False),
    "raw": ("a.h264", {"options": B_FRAMES}, False),
    "mpeg2": ("a.mpg", {"codec": "mpeg2video", "options": {"bf": "2", "b": "4M"}}, False),
    "mjpeg": ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}, False),
    "hevc 10 bit": ("a.mp4", {"codec": "libx265", "pix_fmt": "yuv420p10le"}, False),
    "h264 10 bit": ("a.mkv", {"pix_fmt": "yuv420p10le"}, False),
    "4:2:2": ("a.mp4", {"pix_fmt": "yuv422p"}, False),
    "grey": ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray"}, False),
    "alpha": ("a.mov", {"codec": "qtrle", "pix_fmt": "argb"}, False),
    "odd size": ("a.mkv", {"codec": "ffv1", "pix_fmt": "yuv420p", "size": (131, 77)}, False),
    "flv": ("a.flv", {}, False),
}
FRAMES = 40


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory):
    """Written once each, by name."""

    @cache
    def write(name: str) -> Path:
        file, how, _ = FILMS[name]
        return write_counter(tmp_path_factory.mktemp("film") / file, frames=FRAMES, **({"size": SIZE} | how))

    return write


def starts_of(name: str) -> list[Fraction]:
    """When each frame is shown, from how the film was written."""
    how = FILMS[name][1]
    if "pts" in how:
        return [Fraction(ticks - how["pts"][0], 90_000) for ticks in how["pts"]]
    return [index / how.get("rate", Fraction(30)) for index in range(FRAMES)]


def expected(name: str, rate: Fraction, span: range) -> list[int]:
    starts = starts_of(name)
    return [max(index for index, start in enumerate(starts) if start <= k / rate) for k in span]


@pytest.mark.parametrize("name", FILMS)
def test_every_kind_of_film_is_probed_and_sampled_exactly(film, name):
    path, (_, how, variable) = film(name), FILMS[name]
    facts, starts = probe(path), starts_of(name)
    assert facts.frames == FRAMES
    assert facts.variable_rate is variable
    assert (facts.width, facts.height) == how.get("size", SIZE)
    assert facts.rate == facts.frames / facts.duration_s
    assert 0 < facts.duration_s - starts[-1] < Fraction(1, 10)
    if not variable:
        assert facts.rate == how.get("rate", 30)
    for rate in (facts.rate, Fraction(7), Fraction(100)):
        length = sampled_length(facts.duration_s, rate)
        shown = read_numbers(sample(path, rate=rate, size=SIZE, fit="stretch"))
        assert shown == expected(name, rate, range(length))


def test_facts_name_codec_format_and_keyframes(film):
    facts = probe(film("hevc 10 bit"))
    assert (facts.codec, facts.pixel_format, facts.rotation, facts.keyframes) == ("hevc", "yuv420p10le", 0, 4)
    assert probe(film("vp9")).codec == "vp9"


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_rate_and_span_shows_the_frame_of_the_arithmetic(film, data):
    name = data.draw(st.sampled_from(["ntsc", "b-frames", "open gop", "vfr, b-frames", "matroska", "mpeg4 avi"]))
    rate = Fraction(data.draw(st.integers(1, 90)), data.draw(st.integers(1, 7)))
    length = sampled_length(probe(film(name)).duration_s, rate)
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    shown = read_numbers(sample(film(name), rate=rate, size=SIZE, span=(start, stop)))
    assert shown == expected(name, rate, range(start, stop))


@pytest.mark.parametrize(
    "name", ["h264", "b-frames", "open gop", "open gop mp4", "matroska", "vp9", "hevc 10 bit", "raw"]
)
def test_a_late_span_is_the_same_to_the_bit(film, name):
    whole = list(sample(film(name), rate=Fraction(30), size=SIZE))
    for start in (1, 11, 12, 13, 29, 39):
        part = list(sample(film(name), rate=Fraction(30), size=SIZE, span=(start, min(40, start + 3))))
        assert len(part) == min(40, start + 3) - start
        assert all(np.array_equal(one, other) for one, other in zip(part, whole[start:], strict=False))


@pytest.mark.parametrize("name", ["h264", "b-frames", "open gop", "open gop mp4", "mpeg-ts", "matroska", "vp9"])
def test_a_late_span_does_not_read_what_lies_before(film, name, tmp_path):
    """Destroy frames of the second group of pictures: what comes after still decodes, because it is sought."""
    path = tmp_path / film(name).name
    packets = _packets(film(name))
    keys = [number for number, packet in enumerate(packets) if packet[1]]
    damage(film(name), path, *packets[keys[1] + 1 : keys[2]])
    last = packets[keys[2]][0]
    start = sum(1 for packet in packets if packet[0] < last)
    rate = probe(path).rate
    assert read_numbers(sample(path, rate=rate, size=SIZE, span=(start, FRAMES))) == list(range(start, FRAMES))
    with pytest.raises(InputError, match="cannot be decoded, shown at"):
        list(sample(path, rate=rate, size=SIZE))


def _packets(path: Path) -> list[tuple[int, bool, int, int]]:
    with av.open(str(path)) as container:
        packets = container.demux(video=0)
        return [(p.pts, p.is_keyframe, p.pos, p.size) for p in packets if p.size]


def damage(source: Path, target: Path, *packets: tuple[int, bool, int, int]) -> None:
    """Copy a film with the inside of packets overwritten, their framing left whole."""
    content = bytearray(source.read_bytes())
    for _, _, position, size in packets:
        if source.suffix == ".ts":  # a packet is spread over transport packets of 188 bytes
            for start in range(position, position + size, 188):
                kept = 60 if start == position else 4
                content[start + kept : start + 188] = bytes(188 - kept)
        else:
            content[position + 12 : position + size] = bytes(size - 12)
    target.write_bytes(content)


def test_pictures_belong_to_the_caller(film):
    pictures = sample(film("h264"), rate=Fraction(60), size=SIZE)
    first = next(pictures)
    first[:] = 0
    assert read_number(next(pictures)) == 0


@pytest.mark.parametrize("name", ["h264", "b-frames", "open gop", "open gop mp4", "vfr, b-frames", "matroska", "vp9"])
def test_keyframes_mode_shows_the_nearest_keyframe(film, name):
    path, starts = film(name), starts_of(name)
    pts = sorted(packet[0] for packet in _packets(path))
    keys = [pts.index(packet[0]) for packet in _packets(path) if packet[1]]
    assert 1 < len(keys) < FRAMES
    assert probe(path).keyframes == len(keys)
    for rate in (Fraction(30), Fraction(5), Fraction(11, 3)):
        length = sampled_length(probe(path).duration_s, rate)
        for span in ((0, length), (length // 2, length - 1)):
            shown = read_numbers(sample(path, rate=rate, size=SIZE, mode="keyframes", span=span))
            tick = Fraction(1, 1000) if path.suffix in (".mkv", ".webm") else 0
            for k, number in zip(range(*span), shown, strict=True):
                assert number in keys
                nearest = min(abs(starts[key] - k / rate) for key in keys)
                assert abs(starts[number] - k / rate) <= nearest + tick


def test_of_two_keyframes_equally_near_the_earlier_is_shown(tmp_path):
    path = write_counter(tmp_path / "a.mp4", frames=9, rate=Fraction(8), gop=4)
    shown = read_numbers(sample(path, rate=Fraction(8), size=SIZE, mode="keyframes"))
    assert shown == [0, 0, 0, 4, 4, 4, 4, 8, 8]


def test_keyframes_mode_needs_presentation_times(film):
    for name in ("raw", "mpeg4 avi"):
        with pytest.raises(InputError, match="has no presentation times, which keyframe sampling needs; use exact"):
            sample(film(name), rate=Fraction(1), size=SIZE, mode="keyframes")


def test_keyframes_mode_needs_only_keyframes(film, tmp_path):
    """All other packets can be rubbish."""
    packets = _packets(film("h264"))
    damage(film("h264"), tmp_path / "a.mp4", *(packet for packet in packets if not packet[1]))
    shown = read_numbers(sample(tmp_path / "a.mp4", rate=Fraction(30), size=SIZE, mode="keyframes", span=(20, 40)))
    assert shown == [24] * 11 + [36] * 9
    damage(film("h264"), tmp_path / "b.mp4", next(packet for packet in packets[20:] if packet[1]))
    with pytest.raises(InputError, match=r"a keyframe cannot be decoded, shown at 0\.800 s"):
        list(sample(tmp_path / "b.mp4", rate=Fraction(30), size=SIZE, mode="keyframes"))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_followed(tmp_path, rotation):
    path = write_counter(tmp_path / "a.mp4", frames=5, size=SIZE, rotation=rotation)
    facts = probe(path)
    upright = SIZE if rotation == 180 else SIZE[::-1]
    assert (facts.width, facts.height, facts.rotation) == (*upright, rotation)
    assert read_numbers(sample(path, rate=Fraction(30), size=(72, 128), fit="stretch")) == list(range(5))


def test_pixel_shape_is_followed(tmp_path):
    path = write_counter(tmp_path / "a.mp4", frames=3, size=(90, 72), sar=Fraction(64, 45))
    assert (probe(path).width, probe(path).height) == (128, 72)
    boxed = next(sample(path, rate=Fraction(30), size=(256, 256)))
    assert read_number(boxed, (0, 56, 256, 144)) == 0
    assert not boxed[:54].any()
    assert not boxed[202:].any()


def test_letterbox_crop_and_stretch_put_the_picture_where_they_say(film):
    def shown(size, fit):
        return still(film("h264"), at_s=Fraction(1), size=size, fit=fit)

    assert read_number(shown((160, 200), "letterbox"), (0, 54, 160, 90)) == 30
    assert not shown((160, 200), "letterbox")[[*range(53), *range(146, 200)]].any()
    assert read_number(shown((300, 72), "letterbox"), (86, 0, 128, 72)) == 30
    assert read_number(shown((144, 144), "crop"), (-56, 0, 256, 144)) == 30
    assert read_number(shown((256, 108), "crop"), (0, -18, 256, 144)) == 30
    assert read_number(shown((90, 200), "stretch")) == 30
    assert read_number(shown((64, 36), "stretch")) == 30


def test_rotated_films_are_boxed_and_cropped_upright(tmp_path):
    path = write_counter(tmp_path / "a.mp4", frames=1, size=SIZE, rotation=90)
    assert read_number(still(path, at_s=Fraction(0), size=(256, 144)), (88, 0, 81, 144)) == 0
    assert read_number(still(path, at_s=Fraction(0), size=(144, 144), fit="crop"), (0, -56, 144, 256)) == 0


def test_an_edit_list_hides_frames_and_shifts_time(film, tmp_path):
    path = tmp_path / "cut.mp4"
    ffmpeg("-ss", "0.5", "-i", str(film("b-frames")), "-c", "copy", str(path))
    with av.open(str(path)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0)), "the film tests nothing"
    facts = probe(path)
    assert (facts.frames, facts.rate) == (25, 30)
    assert read_numbers(sample(path, rate=Fraction(30), size=SIZE)) == list(range(15, 40))
    assert read_number(still(path, at_s=Fraction(1, 2), size=SIZE)) == 30
    assert read_numbers(sample(path, rate=Fraction(30), size=SIZE, mode="keyframes", span=(0, 2))) == [24, 24]


def test_a_recording_that_begins_between_keyframes_starts_at_the_first_that_decodes(film, tmp_path):
    path = tmp_path / "tuned in late.ts"
    packets = _packets(film("open gop"))
    path.write_bytes(film("open gop").read_bytes()[packets[5][2] // 188 * 188 :])
    first = next(packet for packet in packets[5:] if packet[1])[0]
    start = sum(1 for packet in packets if packet[0] < first)
    assert probe(path).frames == FRAMES - start
    assert read_numbers(sample(path, rate=Fraction(30), size=SIZE)) == list(range(start, FRAMES))


def test_interlaced_films_are_shown_as_they_are(tmp_path):
    source = write_counter(tmp_path / "a.mp4", frames=10, size=SIZE, gop=5)
    path = tmp_path / "interlaced.mp4"
    ffmpeg("-i", str(source), "-c:v", "libx264", "-flags", "+ildct+ilme", "-x264opts", "tff=1", str(path))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame, "the film tests nothing"
    assert read_numbers(sample(path, rate=Fraction(30), size=SIZE)) == list(range(10))


def test_a_change_of_picture_size_is_followed(tmp_path):
    parts = [
        write_counter(tmp_path / f"{first}.ts", frames=6, first=first, size=size, gop=6)
        for first, size in ((0, (128, 72)), (6, (96, 96)))
    ]
    raw = tmp_path / "a.h264"
    with raw.open("wb") as joined:
        for part in parts:
            ffmpeg("-i", str(part), "-c", "copy", str(part.with_suffix(".h264")))
            joined.write(part.with_suffix(".h264").read_bytes())
    pictures = list(sample(raw, rate=Fraction(30), size=(144, 144)))
    assert read_numbers(pictures[:6], (0, 32, 144, 81)) == list(range(6))
    assert read_numbers(pictures[6:]) == list(range(6, 12))


COLOURS = {"red": (200, 30, 40), "green": (20, 180, 60), "blue": (40, 60, 210), "grey": (128, 128, 128)}


@pytest.mark.parametrize(
    ("matrix", "height", "tagged"),
    [("bt709", 72, True), ("smpte170m", 72, True), ("bt709", 720, False), ("smpte170m", 72, False)],
)
@pytest.mark.parametrize("value_range", ["tv", "pc"])
def test_colours_follow_matrix_and_range(tmp_path, matrix, height, tagged, value_range):
    stripes = np.zeros((height, 64, 3), np.uint8)
    for place, colour in enumerate(COLOURS.values()):
        stripes[:, 16 * place : 16 * place + 16] = colour
    raw, path = tmp_path / "raw.rgb", tmp_path / "a.mkv"
    raw.write_bytes(stripes.tobytes())
    names = {"bt709": "bt709", "smpte170m": "bt601"}
    scale = f"scale=out_color_matrix={names[matrix]}:out_range={value_range}:flags=accurate_rnd+full_chroma_int"
    tags = ["-colorspace", matrix if tagged else "unknown", "-color_range", value_range]
    picture = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"64x{height}", "-i", str(raw)]
    convert = f"{scale},format=yuv444p,setparams=colorspace={tags[1]}"
    ffmpeg(*picture, "-vf", convert, "-c:v", "libx264", "-qp", "0", *tags, str(path))
    shown = still(path, at_s=Fraction(0), size=(64, 72), fit="stretch")
    for place, colour in enumerate(COLOURS.values()):
        assert np.abs(shown[36, 16 * place + 8].astype(int) - colour).max() <= 3


def test_the_first_and_last_instants_can_be_shown(film):
    path = film("vfr, b-frames")
    facts = probe(path)
    assert read_number(still(path, at_s=Fraction(0), size=SIZE)) == 0
    assert read_number(still(path, at_s=facts.duration_s - Fraction(1, 10**6), size=SIZE)) == FRAMES - 1
    for at_s in (Fraction(-1, 1000), facts.duration_s):
        with pytest.raises(InputError, match="expected a time from 0 up to the end of the film"):
            still(path, at_s=at_s, size=SIZE)


@pytest.mark.parametrize(("duration_s", "rate", "length"), [(3, 1, 3), ("3.1", 1, 4), ("2.9", 1, 3), (0, 5, 0)])
def test_sampled_length_counts_instants_before_the_end(duration_s, rate, length):
    assert sampled_length(Fraction(duration_s), Fraction(rate)) == length


@given(st.fractions(0, 100, max_denominator=999), st.fractions(Fraction(1, 9), 90, max_denominator=99))
def test_sampled_length_is_the_smallest_instant_not_before_the_end(duration_s, rate):
    length = sampled_length(duration_s, rate)
    assert length / rate >= duration_s
    assert length == 0 or (length - 1) / rate < duration_s


def test_a_film_of_one_frame_is_a_film(tmp_path):
    path = write_counter(tmp_path / "a.mkv", frames=1, rate=Fraction(25))
    assert (probe(path).frames, probe(path).duration_s, probe(path).variable_rate) == (1, Fraction(1, 25), False)
    assert read_numbers(sample(path, rate=Fraction(100), size=SIZE)) == [0, 0, 0, 0]


def test_a_file_that_changes_is_read_again(tmp_path):
    path = write_counter(tmp_path / "a.mp4", frames=4)
    assert probe(path).frames == 4
    write_counter(path, frames=7)
    assert probe(path).frames == 7


# What is refused, and how


@pytest.mark.parametrize("read", [probe, lambda path: next(sample(path, rate=Fraction(1), size=SIZE))])
def test_what_is_not_a_film_is_refused_by_name(tmp_path, read):
    (tmp_path / "text.mp4").write_text("not a film at all\n" * 200)
    (tmp_path / "empty.mp4").write_bytes(b"")
    for path, message in (
        (tmp_path / "none.mp4", r"none\.mp4: no such file; check the path"),
        (tmp_path, r": is a folder, expected a video file"),
        (tmp_path / "empty.mp4", r"empty\.mp4: is empty \(0 bytes\)"),
        (tmp_path / "text.mp4", r"text\.mp4: is not a readable video \(.+\); expected an \.mp4"),
    ):
        with pytest.raises(InputError, match=message):
            read(path)


def test_a_film_without_pictures_is_refused(tmp_path):
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "aac", str(tmp_path / "sound.mp4"))
    with pytest.raises(InputError, match="holds no video, only audio; expected a film"):
        probe(tmp_path / "sound.mp4")


def test_cover_art_is_no_film(tmp_path):
    ffmpeg("-f", "lavfi", "-i", "color=c=red:s=64x36:d=0.1:r=10", "-frames:v", "1", str(tmp_path / "cover.png"))
    song = ["-f", "lavfi", "-i", "sine=d=0.2", "-i", str(tmp_path / "cover.png"), "-map", "0", "-map", "1"]
    ffmpeg(*song, "-c:v", "png", "-disposition:v:0", "attached_pic", str(tmp_path / "song.m4a"))
    with pytest.raises(InputError, match="holds no video, only audio and cover art"):
        probe(tmp_path / "song.m4a")


def test_an_mp4_without_its_index_is_refused(film, tmp_path):
    (tmp_path / "cut.mp4").write_bytes(film("h264").read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"cut\.mp4: is not a readable video \(moov atom not found\)"):
        probe(tmp_path / "cut.mp4")


def test_a_film_of_no_frames_is_refused(tmp_path):
    with av.open(str(tmp_path / "none.mp4"), "w", container_options={"movflags": "empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height = SIZE
        container.start_encoding()
    with pytest.raises(InputError, match="holds no frame that can be shown"):
        probe(tmp_path / "none.mp4")


def test_enormous_pictures_are_refused(tmp_path):
    with av.open(str(tmp_path / "wide.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.width, stream.height, stream.pix_fmt = 16_400, 16, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(16_400, 16, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="pictures of 16400 x 16 pixels, expected at most 16384 on a side"):
        probe(tmp_path / "wide.mkv")
    path = write_counter(tmp_path / "flat.mp4", frames=1, size=(256, 72), sar=Fraction(70))
    with pytest.raises(InputError, match="pictures of 17920 x 72 pixels"):
        probe(path)


def test_a_playlist_does_not_open_other_files(film, tmp_path):
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{film('h264')}'\n")
    with pytest.raises(InputError, match="is not a readable video"):
        probe(tmp_path / "list.mp4")


@pytest.mark.parametrize("name", ["matroska", "vp9", "flv", "h264 avi", "mpeg2"])
@pytest.mark.parametrize("kept", [0.4, 0.75])
def test_a_film_cut_off_is_refused(film, tmp_path, name, kept):
    path = tmp_path / film(name).name
    content = film(name).read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"at \d\.\d{3} s; the file is damaged or cut off: repair it"):
        list(sample(path, rate=Fraction(30), size=SIZE))


def test_an_mp4_cut_off_after_its_index_is_refused(film, tmp_path):
    whole, path = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", str(film("b-frames")), "-c", "copy", "-movflags", "+faststart", str(whole))
    packets = _packets(whole)
    for end in (packets[25][2] + 50, packets[25][2]):
        path.write_bytes(whole.read_bytes()[:end])
        with pytest.raises(InputError, match="the file is damaged or cut off"):
            probe(path)


@pytest.mark.parametrize("name", ["matroska", "vp9", "mpeg-ts", "flv"])
def test_a_hole_in_the_file_is_refused(film, tmp_path, name):
    path, content = tmp_path / film(name).name, bytearray(film(name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"at \d\.\d{3} s; the file is damaged"):
        list(sample(path, rate=Fraction(30), size=SIZE))


def test_a_damaged_frame_is_an_error_at_its_time_and_never_another_picture(film, tmp_path):
    path = tmp_path / "a.mp4"
    damage(film("h264"), path, _packets(film("h264"))[15])
    pictures = sample(path, rate=Fraction(30), size=SIZE)
    assert read_numbers(next(pictures) for _ in range(15)) == list(range(15))
    with pytest.raises(InputError, match=r"frame 16 of 40 cannot be decoded, shown at 0\.500 s; the file is damaged"):
        next(pictures)


@pytest.mark.parametrize("name", ["b-frames", "hevc 10 bit", "vp9", "mpeg4"])
def test_damage_is_found_by_every_decoder(film, tmp_path, name):
    path = tmp_path / film(name).name
    damage(film(name), path, *_packets(film(name))[14:18])
    pictures, read = sample(path, rate=Fraction(30), size=SIZE), []
    with pytest.raises(InputError, match=r"frame \d+ of \d+ cannot be decoded, shown at 0\.\d{3} s"):
        read.extend(read_number(picture) for picture in pictures)
    assert 4 < len(read) < 18
    assert read == list(range(len(read)))


@pytest.mark.parametrize("kind", [0, 1])
def test_damage_is_found_before_any_picture_that_it_spoils_is_shown(film, tmp_path, kind):
    """A frame refers to later ones, too: all that were decoded before it must be whole before it is handed out."""
    whole = list(sample(film("b-frames"), rate=Fraction(30), size=SIZE))
    caught = 0
    for number, (_, _, position, size) in enumerate(_packets(film("b-frames"))[3:36:2]):
        content, path = bytearray(film("b-frames").read_bytes()), tmp_path / f"{number}.mp4"
        rubbish = bytes(size - 12) if kind == 0 else shake_128(bytes([number])).digest(size - 12)
        content[position + 12 : position + size] = rubbish
        path.write_bytes(content)
        shown = []
        try:
            shown.extend(sample(path, rate=Fraction(30), size=SIZE))
        except InputError:
            caught += 1
            assert all(np.array_equal(one, other) for one, other in zip(shown, whole, strict=False))
    assert caught > 8  # some rubbish makes a picture like any other


def test_a_span_beyond_the_film_is_refused(film):
    for span in ((0, 41), (-1, 3), (5, 4), (41, None)):
        with pytest.raises(InputError, match=r"expected a span within 0 to 40: the film lasts 1\.333 s"):
            sample(film("h264"), rate=Fraction(30), size=SIZE, span=span)
    assert list(sample(film("h264"), rate=Fraction(30), size=SIZE, span=(40, None))) == []


@pytest.mark.parametrize("size", [(127, 72), (128, 71), (0, 72)])
def test_odd_sizes_are_refused(film, size):
    with pytest.raises(InputError, match="both sides must be even"):
        sample(film("h264"), rate=Fraction(1), size=size)


def test_a_crop_that_blows_up_a_strip_is_refused(tmp_path):
    path = write_counter(tmp_path / "a.mp4", frames=1, size=(128, 72), sar=Fraction(70))
    with pytest.raises(InputError, match="8960 x 72 pixels is too long and narrow to be cropped to 448 x 252"):
        still(path, at_s=Fraction(0), size=(448, 252), fit="crop")


def test_a_slanted_display_matrix_is_refused(film, tmp_path):
    path = tmp_path / "slanted.mp4"
    ffmpeg("-display_rotation", "30", "-i", str(film("h264")), "-c", "copy", str(path))
    with pytest.raises(InputError, match="asks to be shown turned by -29 degrees, expected a multiple of 90"):
        probe(path)


# Real films


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("bottle-detection.mp4", (1189, Fraction(179, 6), 640, 360)),
        ("dc_demo.mp4", (216, Fraction(20), 1280, 720)),
        ("jobs.mp4", (524, Fraction(30), 576, 1024)),
    ],
)
def test_real_films(shared_data, tmp_path, name, facts):
    path = shutil.copyfile(shared_data / "videos" / name, tmp_path / name)
    found = probe(path)
    assert (found.frames, found.rate, found.width, found.height) == facts
    length = sampled_length(found.duration_s, Fraction(1))
    with av.open(str(path)) as container:
        frames = [(frame.pts, frame.time_base) for frame in container.decode(video=0)]
    assert len(frames) == found.frames
    pictures = list(sample(path, rate=Fraction(1), size=(96, 54)))
    assert len(pictures) == length
    for k in (1, length // 2, length - 1):
        assert np.array_equal(pictures[k], still(path, at_s=Fraction(k), size=(96, 54)))
    keys = list(sample(path, rate=Fraction(1), size=(96, 54), mode="keyframes"))
    assert len(keys) == length
    assert np.array_equal(keys[0], pictures[0])

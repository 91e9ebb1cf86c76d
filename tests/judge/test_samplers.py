import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen.errors import InputError
from haystack_gen.judge.grids import Extent, torch_arange, torch_linspace
from haystack_gen.judge.samplers import SAMPLERS, sampler

NTSC = "30000/1001"

# What the libraries themselves return; test_samplers_against_libraries.py asks them again.
RECORDED: list[tuple[str, int, str, list[int]]] = [
    ("linspace:8", 1000, "25", [0, 142, 285, 428, 570, 713, 856, 999]),
    ("linspace:4", 3, "25", [0, 0, 1, 2]),
    ("llava-video:fps=1,max_frames=8", 200, "25", [0, 25, 50, 75, 100, 125, 150, 175]),
    ("llava-video:fps=1,max_frames=8", 201, "25", [0, 28, 57, 85, 114, 142, 171, 200]),
    ("llava-video:fps=2", 12, "5", [0, 2, 4, 6, 8, 10]),
    ("qwen-vl-utils:7", 1000, "25", [0, 143, 285, 428, 571, 714, 856, 999]),
    ("qwen-vl-utils:fps=1/4", 1000, "25", [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]),
    ("qwen-vl-utils:fps=1/4,min_frames=11", 900, "25", [0, 82, 163, 245, 327, 409, 490, 572, 654, 736, 817, 899]),
    ("qwen-vl-utils", 5, "30", [0, 1, 3, 4]),
    ("qwen2-vl:6", 100, "25", [0, 16, 33, 50, 66, 83]),
    ("qwen2-vl:fps=1/4,min_frames=11", 1000, "25", [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]),
    ("qwen2_5-vl:fps=2,max_frames=7", 1000, NTSC, [0, 166, 333, 500, 666, 833]),
    ("qwen3-vl:fps=1/2", 450, NTSC, [0, 75, 150, 224, 299, 374, 449]),
    ("qwen3-vl", 3, "30", [0, 1, 2]),
    ("qwen3-vl:5", 3, "30", [0, 0, 1, 2, 2]),
    ("videollama3:fps=1/2", 300, "25", [0, 50, 100, 150, 200, 250]),
    ("hf-default:7", 17, "1", [0, 2, 4, 7, 9, 12, 14]),
    ("hf-default:fps=1", 300, NTSC, [0, 30, 60, 90, 120, 150, 180, 210, 240, 270]),
    ("hf-default:fps=1", 3, "30", [0]),
    ("hf4-default:3", 7, "1", [0, 2, 4]),
    ("internvl:8", 1000, "25", [62, 187, 312, 437, 562, 686, 811, 936]),
    ("internvl:7", 12, "25", [0, 2, 3, 5, 6, 8, 9]),
    ("internvl:4", 1, "25", [0, 0, 0, 0]),
    ("internvl:2", 336_948, "1", [25_000, 75_000]),
    ("glm4v", 3, "2", [0, 1, 2, 2]),
    ("glm4v:fps=1/2", 301, NTSC, [0, 60, 120, 180, 240, 240]),
    ("glm4v:fps=1/60", 18_000, "60", [0, 3600, 7200, 10800, 14400, 14400]),
    ("glm4v:fps=1/60", 36_000, "60", [0, 9000, 18000, 27000, 35999, 35999]),
    ("glm4v", 400, "1", list(range(400))),
    ("smolvlm:fps=1,max_frames=8", 250, "25", [0, 35, 71, 106, 142, 177, 213, 249]),
    ("smolvlm:fps=1,max_frames=8", 251, "25", [25, 53, 82, 111, 139, 168, 197, 226]),
    ("smolvlm", 3, "1", [0, 1, 2]),
    ("molmo2:nframes=8,max_fps=2", 1000, "25", [0, 125, 250, 375, 500, 625, 750, 875]),
    ("molmo2:8", 75, "25", [0, 12, 25, 37, 50, 62]),
    ("molmo2:8", 20, "2", [0, 2, 5, 7, 10, 12, 15, 17]),
    ("molmo2", 1, "25", [0]),
    ("vlmevalkit:4", 1000, "25", [200, 400, 600, 800]),
    ("vlmevalkit:4", 2, "25", [0, 0, 1, 1]),
    ("vlmevalkit:fps=1", 100, NTSC, [0, 29, 59]),
    ("vlmevalkit:fps=1", 20, "25", []),
    ("longvideobench:8", 1000, "30", [0, 125, 250, 375, 500, 625, 750, 875]),
    ("longvideobench", 100, NTSC, [0, 33, 66]),
    ("longvideobench", 29, "30", []),
    # Where rounding shows: doubles would come to 122 for 123 and 5 for 6, and whole numbers to no 16.
    ("hf4-default:20", 164, "1", [0, 8, 16, 24, 32, 41, 49, 57, 65, 73, 82, 90, 98, 106, 114, 123, 131, 139, 147, 155]),
    ("hf-internvl:7", 12, "25", [0, 2, 4, 6, 7, 9, 11]),
    ("videollama3:7", 17, "1", [0, 2, 4, 7, 9, 12, 14, 16]),
]


@pytest.mark.parametrize(("text", "frames", "rate", "expected"), RECORDED)
def test_indices_are_the_librarys(text, frames, rate, expected):
    found = sampler(text).indices(frames, Fraction(rate))
    assert found.tolist() == expected
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("nframes", "frames", "place", "index"), [(32, 280_233, 29, 262_152), (64, 136_853, 61, 132_508)]
)
def test_torch_linspace_is_rounded_to_32_bits(nframes, frames, place, index):
    assert sampler(f"qwen-vl-utils:{nframes}").indices(frames, Fraction(25))[place] == index
    exact = Fraction(frames - 1, nframes - 1) * place
    assert round(exact) != index


def test_torch_grids_are_pinned_to_the_bit():
    assert torch_linspace(0, 280_232, 32)[[1, 15, 29]].tolist() == [9039.7421875, 135596.125, 262152.5]
    assert np.float32(280_232 / 31 * 29) == 262152.53125
    assert torch_linspace(0, 360_450, 23)[11] == 180224.984375  # the middle counts down from the end
    assert torch_linspace(3, 9, 1).tolist() == [3]
    step = 399_989 / 37
    assert torch_arange(0, 399_989, step)[[19, 31, 36]].tolist() == [205399.765625, 335125.9375, 389178.5]
    assert [np.float32(step * place) for place in (19, 31, 36)] == [205399.75, 335125.90625, 389178.5]
    assert torch_arange(0, 300_000, 300_000 / 27)[21] == 233333.328125  # one by one, since a whole pair is not left


def test_a_float_grid_too_long_for_one_thread_is_not_promised():
    with pytest.raises(InputError, match=r"hf4-default:40000: would take 40000 frames; known is only .* up to 32768"):
        sampler("hf4-default:40000").indices(50_000, Fraction(1))


@pytest.mark.parametrize(
    ("fps", "frames", "rate", "expected"),
    [
        ("1", 100, NTSC, [0, 29, 59, 89]),
        ("1/2", 10, "1", [0, 2, 4, 6, 8]),
        ("1", 26, "25", [0, 25]),
        ("30", 5, "2", [0, 1, 2, 3, 4]),
    ],
)
def test_fps_shows_what_a_viewer_sees_at_every_tick(fps, frames, rate, expected):
    assert sampler(f"fps:{fps}").indices(frames, Fraction(rate)).tolist() == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("linspace:64", "linspace:64"),
        ("linspace:nframes=064", "linspace:64"),
        ("fps:0.5", "fps:1/2"),
        ("vlmevalkit:8", "vlmevalkit:8"),
        ("vlmevalkit:fps=1", "vlmevalkit:fps=1"),
        ("qwen2_5-vl:max_frames=64,fps=2", "qwen2_5-vl:fps=2,min_frames=4,max_frames=64"),
        ("qwen2-vl", "qwen2-vl:fps=2,min_frames=4,max_frames=768"),
        ("qwen-vl-utils", "qwen-vl-utils:fps=2,min_frames=4,max_frames=768"),
        ("qwen3-vl:nframes=9", "qwen3-vl:9"),
        ("qwen3-vl", "qwen3-vl:fps=2,min_frames=4,max_frames=768"),
        ("videollama3", "videollama3:fps=1,min_frames=4,max_frames=180"),
        ("llava-video", "llava-video:fps=1,max_frames=64"),
        ("longvideobench", "longvideobench:16"),
        ("molmo2", "molmo2:nframes=64,max_fps=2"),
        ("smolvlm:fps=2", "smolvlm:fps=2,max_frames=64"),
        ("glm4v", "glm4v:2"),
    ],
)
def test_names_write_out_what_is_set(text, name):
    assert sampler(text).name == name
    assert sampler(name) == sampler(text)
    assert hash(sampler(name)) == hash(sampler(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linspce:64", "no sampler 'linspce'; did you mean linspace[?] known are linspace, fps, llava-video,"),
        ("Qwen3-VL", "no sampler 'Qwen3-VL'; did you mean qwen3-vl,"),
        ("", "no sampler ''; known are linspace"),
        ("linspace", "sampler 'linspace': expected linspace:nframes=[.]{3}$"),
        ("linspace:", "sampler 'linspace:': nframes: expected a number such as .*, got ''"),
        ("linspace:64,", "nframes: expected a number such as .*, got ''"),
        ("linspace:many", "nframes: expected a number such as .*, got 'many'"),
        ("linspace:0", "sampler 'linspace:0': nframes is 0, expected 1 to 1000000"),
        ("linspace:9999999", "nframes is 9999999, expected 1 to 1000000"),
        ("linspace:1.5", "nframes is 1.5, expected a whole number of frames"),
        ("linspace:64,64", "sampler 'linspace:64,64': nframes is given twice; give it once"),
        ("fps:-1", "fps is -1, expected 1/1000 to 1000"),
        ("llava-video:fps=1/1001", "fps is 1/1001, expected 1/1000 to 1000"),
        ("fps:1e3", "fps: expected a number such as .*, got '1e3'"),
        (
            "qwen2-vl:max_frame=4",
            "no setting 'max_frame'; did you mean 'max_frames'[?] expected qwen2-vl:nframes=[.]{3} or",
        ),
        ("qwen2-vl:=4", "sampler 'qwen2-vl:=4': no setting ''; expected"),
        ("qwen2-vl:fps=1=2", "no setting 'fps=1'; did you mean 'fps'"),
        ("qwen2-vl:8,fps=2", "nframes=[.]{3} or qwen2-vl:fps=2,min_frames=4,max_frames=768$"),
        ("vlmevalkit", "expected vlmevalkit:nframes=[.]{3} or vlmevalkit:fps=[.]{3}$"),
        ("molmo2:fps=2", "no setting 'fps'; did you mean 'max_fps'[?] expected molmo2:nframes=64,max_fps=2"),
    ],
)
def test_what_is_no_sampler_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        sampler(text)


@pytest.mark.parametrize(
    ("text", "frames", "rate", "message"),
    [
        ("qwen-vl-utils", 1, "25", "qwen-vl-utils:fps=2,min_frames=4,max_frames=768: would take 0 of 1 frames"),
        ("qwen-vl-utils:1", 9, "25", "would take 0 of 9 frames, which the library refuses: it takes 2 or more"),
        ("qwen-vl-utils:64", 63, "25", "qwen-vl-utils:64: would take 64 of 63 frames"),
        ("qwen2-vl:64", 63, "25", "would take 64 of 63 frames, which the library refuses: it takes 1 or more"),
        ("qwen2-vl:max_frames=1", 63, "25", "would take 0 of 63 frames.*; ask for another number of frames"),
        ("hf-default:32", 31, "25", "hf-default:32: would take 32 of 31 frames"),
        ("hf4-default:fps=1", 3, "30", "would take 0 of 3 frames"),
        ("hf-internvl:8", 7, "25", "would take 8 of 7 frames"),
        ("llava-video:fps=2", 9, "1", "fails at rates up to half of 2, this is 1; ask for a smaller fps"),
        ("linspace:4", 0, "25", "linspace:4: expected a video of frames at a rate, got 0 frames at 25 a second"),
        ("linspace:4", 9, "0", "expected a video of frames at a rate, got 9 frames at 0 a second"),
    ],
)
def test_videos_that_a_library_refuses_are_refused(text, frames, rate, message):
    with pytest.raises(InputError, match=message):
        sampler(text).indices(frames, Fraction(rate))


ALL = [
    *(
        "linspace:16",
        "fps:2",
        "qwen-vl-utils:16",
        "qwen-vl-utils",
        "qwen2-vl:16",
        "qwen2_5-vl",
        "qwen3-vl:16",
        "qwen3-vl",
    ),
    *(
        "llava-video",
        "videollama3:16",
        "videollama3",
        "hf-default:16",
        "hf-default:fps=1",
        "hf4-default:16",
        "internvl:16",
    ),
    *("hf4-default:fps=1/2", "hf-internvl:16", "glm4v", "smolvlm", "molmo2", "vlmevalkit:16", "vlmevalkit:fps=1"),
    "longvideobench",
]


def test_every_form_of_every_sampler_is_tried():
    forms = [form.formula for kind in SAMPLERS.values() for form in kind.forms]
    assert {sampler(text).formula for text in ALL} == set(forms)
    assert {text.partition(":")[0] for text, *_ in RECORDED} | {"fps"} == set(SAMPLERS)


@pytest.mark.parametrize("text", ALL)
@settings(max_examples=40)
@given(
    frames=st.one_of(st.integers(1, 40), st.integers(1, 20_000)),
    rate=st.sampled_from([Fraction(rate) for rate in ("1", "2", "15/2", "25", "24000/1001", NTSC, "60")]),
)
def test_indices_lie_in_the_video_in_order(text, frames, rate):
    try:
        found = sampler(text).indices(frames, rate)
    except InputError:
        assert frames < 120  # too few for sixteen, or for one at every second second
        return
    assert found.ndim == 1
    assert np.all((found >= 0) & (found < frames))
    assert np.all(np.diff(found) >= 0)
    assert len(found) or frames < rate


def test_only_what_processors_disagree_about_is_inexact():
    inexact = {text for text in ALL if sampler(text).tolerance}
    assert inexact == {text for text in ALL if not sampler(text).exact}
    by_arange = (
        "qwen2-vl:16 qwen2_5-vl videollama3:16 videollama3 hf4-default:16 hf4-default:fps=1/2 hf-internvl:16 molmo2"
    )
    assert inexact == set(by_arange.split())


def test_samplers_travel_between_processes():
    one = sampler("qwen3-vl")
    assert pickle.loads(pickle.dumps(one)) == one


def test_every_sampler_says_where_it_is_from():
    for name, kind in SAMPLERS.items():
        assert any(word in kind.source for word in (".", "project's own")), name
    assert "transformers 5.23.0" in sampler("qwen3-vl").source


def test_a_rate_is_the_double_that_decoders_report():
    video = Extent(15_000, Fraction(30_000, 1001))
    assert (video.fps, video.seconds) == (30_000 / 1001, 15_000 / (30_000 / 1001))

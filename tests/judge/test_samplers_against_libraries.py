"""Samplers beside the libraries that they stand for: thousands of drawn videos, not one index may differ.

Libraries differ from version to version: run this with those that `SAMPLERS` names.
"""

import os
from collections.abc import Callable, Iterable
from fractions import Fraction
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from haystack_gen.errors import InputError
from haystack_gen.judge.grids import torch_arange, torch_linspace
from haystack_gen.judge.samplers import sampler
from haystack_gen.plan.streams import Stream
from tests.judge.test_samplers import RECORDED

pytestmark = [
    pytest.mark.samplers,
    # A torchvision without its compiled part says so when imported; that part is not used.
    pytest.mark.filterwarnings("ignore:Failed to load image Python extension:UserWarning"),
]

RATES = [Fraction(rate) for rate in ("1", "2", "15/2", "12", "24", "25", "30", "60", "24000/1001", "30000/1001")]
SPEEDS = [Fraction(fps) for fps in ("1/4", "1/2", "1", "2", "4", "1/3", "30")]
LENGTHS = (2, 40, 2_000, 20_000, 400_000)
COUNTS = (2, 16, 64, 768)
CASES = 2_000


@pytest.fixture(scope="module", autouse=True)
def libraries() -> None:
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        for library in ("torch", "torchvision", "transformers", "qwen_vl_utils"):
            pytest.importorskip(library, reason="the samplers' libraries are not installed", exc_type=ImportError)


def up_to(stream: Stream, bounds: tuple[int, ...]) -> int:
    """As often a small number as a large one."""
    return 1 + stream.below(stream.choice(bounds))


def videos(name: str) -> Iterable[tuple[Stream, int, Fraction]]:
    """A stream for settings, a number of frames and a rate; half of the videos last whole seconds."""
    for case in range(CASES):
        stream = Stream(1, "sampler", name, case)
        frames, rate = up_to(stream, LENGTHS), stream.choice(RATES)
        yield stream, int(max(1, round(frames / rate)) * rate) if stream.chance(0.5) else frames, rate


def number(value: Fraction) -> int | float:
    """As users write it."""
    return int(value) if value.denominator == 1 else float(value)


class Case(SimpleNamespace):
    """A video, and the settings that are drawn for it."""

    frames: int
    rate: Fraction
    settings: dict[str, Any]

    @property
    def numbers(self) -> dict[str, int | float]:
        return {key: number(Fraction(value)) for key, value in self.settings.items()}

    @property
    def metadata(self) -> Any:
        from transformers.video_utils import VideoMetadata

        fps = float(self.rate)
        return VideoMetadata(total_num_frames=self.frames, fps=fps, duration=self.frames / fps)


def processor(model: str, name: str, **attributes: object) -> Any:
    """A video processor as it comes, with attributes where the sampler reads them there."""
    made = getattr(import_module(f"transformers.models.{model}.video_processing_{model}"), f"{name}VideoProcessor")()
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


def named(model: str, name: str) -> Callable[[Case], Any]:
    """A processor that takes every setting from its caller."""
    made = processor(model, name)

    def sampled(case: Case) -> Any:
        others = {key: value for key, value in case.numbers.items() if key != "nframes"}
        count = {"num_frames": case.settings["nframes"]} if "nframes" in case.settings else {}
        return made.sample_frames(case.metadata, **count, **others)

    return sampled


def qwen3(case: Case) -> Any:
    settings = {key: value for key, value in case.numbers.items() if key in ("min_frames", "max_frames")}
    made = processor("qwen3_vl", "Qwen3VL", **settings)
    return made.sample_frames(case.metadata, num_frames=case.settings.get("nframes"), fps=case.numbers.get("fps"))


def smolvlm(case: Case) -> Any:
    made = processor("smolvlm", "SmolVLM")
    return made.sample_frames(case.metadata, num_frames=case.settings["max_frames"], fps=case.numbers["fps"])


def qwen_utils(case: Case) -> Any:
    import torch
    from qwen_vl_utils.vision_process import smart_nframes

    count = smart_nframes(case.numbers, total_frames=case.frames, video_fps=float(case.rate))
    return torch.linspace(0, case.frames - 1, count).round().long()


def hf_default(case: Case) -> Any:
    from transformers.video_utils import default_sample_indices_fn

    return default_sample_indices_fn(case.metadata, case.settings.get("nframes"), case.numbers.get("fps"))


def hf4_default(case: Case) -> Any:
    """The formula of transformers 4.57.6, which is not installed beside 5."""
    import torch

    count = case.settings.get("nframes") or int(case.frames / float(case.rate) * case.numbers["fps"])
    if count > case.frames:
        raise ValueError("as the library does")
    return torch.arange(0, case.frames, case.frames / count).int()


def linspace(case: Case) -> Any:
    return np.linspace(0, case.frames - 1, case.settings["nframes"], dtype=int)


QWEN2, VIDEOLLAMA3 = ("qwen2_vl", "Qwen2VL"), ("video_llama_3", "VideoLlama3")
LIBRARIES: dict[tuple[str, str], Callable[[], Callable[[Case], Any]]] = {
    ("linspace", "nframes"): lambda: linspace,
    ("qwen-vl-utils", "nframes"): lambda: qwen_utils,
    ("qwen-vl-utils", "fps,min_frames,max_frames"): lambda: qwen_utils,
    ("qwen2-vl", "nframes"): lambda: named(*QWEN2),
    ("qwen2-vl", "fps,min_frames,max_frames"): lambda: named(*QWEN2),
    ("qwen2_5-vl", "fps"): lambda: named(*QWEN2),
    ("qwen3-vl", "nframes"): lambda: qwen3,
    ("qwen3-vl", "fps,min_frames,max_frames"): lambda: qwen3,
    ("qwen3-vl", ""): lambda: qwen3,
    ("videollama3", "nframes"): lambda: named(*VIDEOLLAMA3),
    ("videollama3", "fps,min_frames,max_frames"): lambda: named(*VIDEOLLAMA3),
    ("hf-default", "nframes"): lambda: hf_default,
    ("hf-default", "fps"): lambda: hf_default,
    ("hf4-default", "nframes"): lambda: hf4_default,
    ("hf4-default", "fps"): lambda: hf4_default,
    ("hf-internvl", "nframes"): lambda: named("internvl", "InternVL"),
    ("glm4v", ""): lambda: named("glm4v", "Glm4v"),
    ("glm4v", "fps"): lambda: named("glm4v", "Glm4v"),
    ("smolvlm", "fps,max_frames"): lambda: smolvlm,
    ("molmo2", ""): lambda: named("molmo2", "Molmo2"),
    ("molmo2", "nframes,max_fps"): lambda: named("molmo2", "Molmo2"),
}


def drawn(stream: Stream, key: str) -> int | Fraction:
    return stream.choice(SPEEDS) if key in ("fps", "max_fps") else up_to(stream, COUNTS)


@pytest.mark.parametrize(("name", "keys"), LIBRARIES, ids=lambda part: part or "as it comes")
def test_every_index_is_the_librarys(name: str, keys: str) -> None:
    library = LIBRARIES[name, keys]()
    alike, refused, ended, different = 0, 0, 0, list[str]()
    for stream, frames, rate in videos(f"{name}:{keys}"):
        settings = {key: drawn(stream, key) for key in keys.split(",") if key}
        if "max_frames" not in settings and frames / rate * settings.get("fps", 0) > 32_768:
            continue  # more than is known of torch
        one = sampler(f"{name}:{','.join(f'{key}={value}' for key, value in settings.items())}".rstrip(":"))
        try:
            theirs = np.asarray(library(Case(frames=frames, rate=rate, settings=settings)))
        except (ValueError, ZeroDivisionError):  # by zero frames
            refused += 1
            with pytest.raises(InputError, match="the library refuses"):
                one.indices(frames, rate)
            continue
        ended += bool(len(theirs) and theirs[-1] == frames)
        if np.array_equal(np.minimum(theirs, frames - 1), one.indices(frames, rate)):
            alike += 1
        else:
            different.append(f"{one.name} of {frames} frames at {rate}")
    print(f"{name}:{keys}: {alike} alike, {ended} of them past the end, {refused} refused, {len(different)} different")
    assert alike > CASES / 2
    assert not different


PACKAGED = {name: library for (name, _), library in LIBRARIES.items()}


@pytest.mark.parametrize(
    ("text", "frames", "rate", "expected"), [known for known in RECORDED if known[0].partition(":")[0] in PACKAGED]
)
def test_what_is_recorded_is_the_librarys(text: str, frames: int, rate: str, expected: list[int]) -> None:
    one = sampler(text)
    library = PACKAGED[text.partition(":")[0]]
    theirs = library()(Case(frames=frames, rate=Fraction(rate), settings=dict(one.settings)))
    assert np.minimum(np.asarray(theirs), frames - 1).tolist() == expected


def test_torch_rounds_as_it_is_told_here() -> None:
    """Every float, not only the frame that it falls into."""
    import torch

    different = list[str]()
    for stream, frames, _ in videos("torch"):
        count = min(frames, up_to(stream, COUNTS))
        step, first = frames / count, stream.below(frames)
        pairs = {
            "linspace": (torch.linspace(first, frames - 1, count), torch_linspace(first, frames - 1, count)),
            "arange": (torch.arange(0, frames, step), torch_arange(0, frames, step)),
            "middle": (torch.arange(step / 2, frames, step), torch_arange(step / 2, frames, step)),
        }
        different += [
            f"{name} {count} of {frames}"
            for name, (theirs, ours) in pairs.items()
            if not np.array_equal(theirs.numpy().view(np.uint32), ours.view(np.uint32))
        ]
    assert not different


def test_torch_does_not_share_ranges_that_are_promised_among_threads() -> None:
    import torch

    for count in (32_767, 32_768):
        step = 400_000.3 / count
        assert np.array_equal(torch.arange(0, 400_000.3, step).numpy(), torch_arange(0, 400_000.3, step))

"""Samplers by name: which frames of a video a model is shown.

`linspace:64`, `qwen2_5-vl:fps=2,max_frames=768`, `qwen3-vl`: a name of `SAMPLERS`, then settings as `key=value`, or a
lone number for the first setting. What is not set is the library's default.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from haystack_gen import notation
from haystack_gen.errors import InputError
from haystack_gen.facts import Sampled
from haystack_gen.judge import grids
from haystack_gen.judge.grids import Extent, Indices

Setting = int | Fraction

_RATES = ("fps", "max_fps")
_FRAMES = Fraction(1), Fraction(1_000_000)
_PER_SECOND = Fraction(1, 1_000), Fraction(1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to use a sampler: its formula, and the settings it takes with their defaults; None has none.

    `exact` is false if processors disagree: the frames are those of x86-64, and at most one off on others.
    """

    formula: Callable[..., Indices]
    settings: Mapping[str, Setting | None]
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A sampler of some library: where it was read, in which version, and how it can be called."""

    source: str
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """A sampler with all its settings; `name` writes them out, and gives the same sampler again."""

    name: str
    formula: Callable[..., Indices]
    settings: tuple[tuple[str, Setting], ...]
    source: str
    exact: bool

    @property
    def tolerance(self) -> int:
        """By how many frames an index may be wrong on another processor than x86-64."""
        return 0 if self.exact else 1

    def indices(self, frames: int, rate: Fraction) -> Indices:
        """The frames that are shown, in [0, frames), in the library's order; some twice where the library does so.

        `torch.arange` may end on `frames` itself. Decoders fail at that or leave it out; here the last frame stands for
        it, as in vLLM.

        Raises:
            InputError: the video has no frames, or the library refuses it.
        """
        try:
            found = self.formula(Extent(frames, rate), **dict(self.settings))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None
        return np.minimum(found, frames - 1)

    def of_clip(self, frames: int, rate: Fraction) -> Sampled:
        """The frames that are shown of a clip, for planning: sorted, each once; or why the library refuses it."""
        try:
            shown = np.unique(self.indices(frames, rate)).tolist()
        except InputError as error:
            reason = str(error).removeprefix(f"{self.name}: ")
            return Sampled(sampler=self.name, length=frames, frames=(), refusal=reason)
        return Sampled(sampler=self.name, length=frames, frames=tuple(shown), tolerance=self.tolerance)


def sampler(text: str) -> Sampler:
    """The sampler that is written as `name`, `name:number` or `name:key=value,...`.

    Raises:
        InputError: no such name or setting, a setting that is missing, or given twice, or no number in range.
    """
    name, colon, written = text.partition(":")
    if name not in SAMPLERS:
        near = get_close_matches(name.lower(), SAMPLERS, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise InputError(f"no sampler {name!r}; {hint}known are {', '.join(SAMPLERS)}")
    kind = SAMPLERS[name]
    given: dict[str, Setting] = {}
    for key, value in _written(text, kind, written) if colon else ():
        number = _number(text, key, value)
        if key in given:
            raise InputError(f"sampler {text!r}: {key} is given twice; give it once")
        given[key] = number
    form = _form(text, kind, given)
    settings = {key: given.get(key, default) for key, default in form.settings.items()}
    known = tuple((key, value) for key, value in settings.items() if value is not None)
    return Sampler(
        name=_canonical(name, kind, known), formula=form.formula, settings=known, source=kind.source, exact=form.exact
    )


def _written(text: str, kind: Kind, written: str) -> Iterator[tuple[str, str]]:
    """Keys and values; a number without key is the first setting's."""
    known = dict.fromkeys(key for form in kind.forms for key in form.settings)
    for part in written.split(","):
        key, _, value = part.rpartition("=")
        key = key if "=" in part else next(iter(known))
        if key not in known:
            near = "".join(f"did you mean {one!r}? " for one in get_close_matches(key, known, n=1))
            raise InputError(f"sampler {text!r}: no setting {key!r}; {near}{_usage(text, kind)}")
        yield key, value


def _number(text: str, key: str, value: str) -> Setting:
    """Frames are counted in whole numbers, rates may be fractions."""
    try:
        number = notation.exact(value)
    except ValueError as error:
        raise InputError(f"sampler {text!r}: {key}: {error}") from None
    least, most = _PER_SECOND if key in _RATES else _FRAMES
    if not least <= number <= most:
        raise InputError(f"sampler {text!r}: {key} is {value}, expected {least} to {most}")
    if key in _RATES:
        return number
    if number.denominator != 1:
        raise InputError(f"sampler {text!r}: {key} is {value}, expected a whole number of frames")
    return int(number)


def _form(text: str, kind: Kind, given: Mapping[str, Setting]) -> Form:
    """The form that knows all settings that are given, and needs no other."""
    for form in kind.forms:
        needed = {key for key, default in form.settings.items() if default is None}
        if needed <= given.keys() <= form.settings.keys():
            return form
    raise InputError(f"sampler {text!r}: {_usage(text, kind)}")


def _usage(text: str, kind: Kind) -> str:
    """How to write each form, with what it takes where nothing is set."""
    name = text.partition(":")[0]
    written = (",".join(f"{key}={default or '...'}" for key, default in form.settings.items()) for form in kind.forms)
    return f"expected {' or '.join(f'{name}:{settings}' for settings in written)}"


def _canonical(name: str, kind: Kind, settings: tuple[tuple[str, Setting], ...]) -> str:
    if len(settings) == 1 and settings[0][0] == next(iter(kind.forms[0].settings)):
        return f"{name}:{settings[0][1]}"
    return f"{name}:{','.join(f'{key}={value}' for key, value in settings)}"


def _count(formula: Callable[..., Indices], *, exact: bool = True) -> Form:
    return Form(formula=formula, settings={"nframes": None}, exact=exact)


def _rate(formula: Callable[..., Indices], fps: int | None = None, *, exact: bool = True, **others: int) -> Form:
    default = None if fps is None else Fraction(fps)
    return Form(formula=formula, settings={"fps": default, **others}, exact=exact)


_QWEN2 = Kind(
    source="Qwen2VLVideoProcessor of transformers 5.23.0 and 4.57.6, which takes fps or num_frames from its caller",
    forms=(
        _count(grids.qwen2_count, exact=False),
        _rate(grids.qwen2, 2, min_frames=4, max_frames=768, exact=False),
    ),
)

SAMPLERS: Mapping[str, Kind] = MappingProxyType(
    {
        "linspace": Kind(
            source="numpy.linspace of LLaVA-NeXT (df17966), its force_sample, and load_video_decord of lmms-eval 0.7.3",
            forms=(_count(grids.linspace),),
        ),
        "fps": Kind(source="this project's own: the frames that a viewer sees", forms=(_rate(grids.each_second),)),
        "llava-video": Kind(
            source="llava/utils.py of LLaVA-NeXT (df17966), process_video_with_decord",
            forms=(_rate(grids.llava_video, 1, max_frames=64),),
        ),
        "qwen-vl-utils": Kind(
            source="qwen_vl_utils/vision_process.py of qwen-vl-utils 0.0.14",
            forms=(
                _count(grids.qwen_utils_count),
                _rate(grids.qwen_utils, 2, min_frames=4, max_frames=768),
            ),
        ),
        "qwen2-vl": _QWEN2,
        "qwen2_5-vl": _QWEN2,
        "qwen3-vl": Kind(
            source="Qwen3VLVideoProcessor of transformers 5.23.0 and 4.57.6",
            forms=(_count(grids.qwen3_count), _rate(grids.qwen3, 2, min_frames=4, max_frames=768)),
        ),
        "videollama3": Kind(
            source="VideoLlama3VideoProcessor of transformers 5.23.0, which takes fps or num_frames from its caller",
            forms=(
                _count(grids.shares, exact=False),
                _rate(grids.videollama3, 1, min_frames=4, max_frames=180, exact=False),
            ),
        ),
        "hf-default": Kind(
            source="BaseVideoProcessor of transformers 5.23.0: LLaVA-OneVision and others without their own sampler",
            forms=(_count(grids.whole_shares), _rate(grids.whole_shares_by_rate)),
        ),
        "hf4-default": Kind(
            source="BaseVideoProcessor of transformers 4.57.6",
            forms=(_count(grids.shares, exact=False), _rate(grids.shares_by_rate, exact=False)),
        ),
        "internvl": Kind(
            source="get_index in README.md of InternVL (2410d1d), and in internvl3.py of lmms-eval 0.7.3",
            forms=(_count(grids.internvl),),
        ),
        "hf-internvl": Kind(
            source="InternVLVideoProcessor of transformers 5.23.0 and 4.57.6",
            forms=(_count(grids.shares_middle, exact=False),),
        ),
        "glm4v": Kind(
            source="Glm4vVideoProcessor of transformers 5.23.0",
            forms=(_rate(grids.glm4v, 2),),
        ),
        "smolvlm": Kind(
            source="SmolVLMVideoProcessor of transformers 5.23.0 and 4.57.6, with the settings of SmolVLM2",
            forms=(_rate(grids.smolvlm, 1, max_frames=64),),
        ),
        "molmo2": Kind(
            source="Molmo2VideoProcessor of transformers 5.23.0",
            forms=(Form(formula=grids.molmo2, settings={"nframes": 64, "max_fps": Fraction(2)}, exact=False),),
        ),
        "vlmevalkit": Kind(
            source="vlmeval/dataset/video_base.py of VLMEvalKit (e8e78f0)",
            forms=(_count(grids.between), _rate(grids.spaced)),
        ),
        "longvideobench": Kind(
            source="tasks/longvideobench/utils.py of lmms-eval 0.7.3, its load_video for interleaved questions",
            forms=(Form(formula=grids.longvideobench, settings={"max_frames": 16}),),
        ),
    }
)
"""Every sampler by name, with the library, version and place that it was read in and compared with."""

"""Haystack films that need no download: procedural shots of land, water, weather and light.

They hold no text and none of the things that drawn needles show. A film is a function of its seed alone; each shot is
drawn from its own stream, so that no two shots of a film are alike.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from haystack_gen.atomic import atomic_path
from haystack_gen.draw import views_land, views_light, views_water
from haystack_gen.draw.stage import Stage, View, white_noise
from haystack_gen.errors import InputError
from haystack_gen.plan.streams import Stream

VIEWS = (
    views_land.hills,
    views_land.dunes,
    views_land.forest,
    views_land.snowfall,
    views_land.meadow,
    views_water.sea,
    views_water.underwater,
    views_water.rain,
    views_light.aurora,
    views_light.city,
    views_light.nebula,
    views_light.flow,
    views_light.aerial,
)
_SHORTEST_S, _LONGEST_S = 3, 8
_BT601 = 6  # SMPTE 170M in ITU-T H.273: matrix, primaries and transfer of standard definition
_LIMITED = 1
# x264's macroblock tree takes other decisions from run to run where its fast paths meet unaligned memory.
_SAME_BYTES = "mbtree=0:cpu-independent=1"
# libswscale's SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT: without the last, bytes depend on how memory is aligned.
_BITEXACT = 0x20 | 0x40000 | 0x80000


def draw_film(
    path: Path, *, seed: int, seconds: int, rate: Fraction = Fraction(1), size: tuple[int, int] = (448, 252)
) -> None:
    """Write a film of `seconds` seconds as H.264 in mp4; `size` is (width, height), both even.

    Raises:
        InputError: the size is odd or the film has no frame.
        StorageError: the file system refused.
    """
    if min(size) < 2 or size[0] % 2 or size[1] % 2:
        raise InputError(f"size {size[0]}x{size[1]} cannot be encoded as video; both sides must be even")
    if seconds < 1 or rate <= 0:
        raise InputError(f"a film of {seconds} s at {rate} frames per second has no frame; both must be positive")
    with atomic_path(path) as part, av.open(str(part), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = max(1, round(rate * _LONGEST_S))
        stream.codec_context.thread_count = 1  # the bytes must not depend on the number of cores
        stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = _BT601
        stream.codec_context.color_range = _LIMITED
        stream.codec_context.options = {"preset": "veryfast", "crf": "20", "x264-params": _SAME_BYTES}
        painter = VideoReformatter()
        for picture in film_pictures(seed=seed, seconds=seconds, rate=rate, size=size):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = _yuv(painter, frame)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _yuv(painter: VideoReformatter, frame: av.VideoFrame) -> av.VideoFrame:
    """Full-range RGB to limited-range BT.601."""
    return painter.reformat(
        frame,
        format="yuv420p",
        interpolation=_BITEXACT,
        src_colorspace=Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )


def film_pictures(*, seed: int, seconds: int, rate: Fraction, size: tuple[int, int]) -> Iterator[npt.NDArray[np.uint8]]:
    """The pictures of a film in order, uint8 RGB of shape (height, width, 3)."""
    frame, spans = 0, shots(seed=seed, seconds=seconds)
    for shot, ((start, end), kind) in enumerate(zip(spans, _views(seed, len(spans)), strict=True)):
        stream = Stream(seed, "film", shot)
        stage = Stage(width=size[0], height=size[1], stream=stream.child("view"))
        view, camera = kind(stage), _Camera(stage, stream.child("camera"))
        while frame / rate < end:
            yield camera.filmed(view, float(frame / rate - start))
            frame += 1


def shots(*, seed: int, seconds: int) -> list[tuple[int, int]]:
    """Half-open spans, in seconds, that tile the film: 3 to 8 s each, the last up to 10 s, or less in short films."""
    stream, cuts = Stream(seed, "film", "cuts"), [0]
    while cuts[-1] < seconds:
        length = _SHORTEST_S + stream.below(_LONGEST_S - _SHORTEST_S + 1)
        left = seconds - cuts[-1]
        cuts.append(seconds if left - length < _SHORTEST_S else cuts[-1] + length)
    return list(pairwise(cuts))


def _views(seed: int, count: int) -> list[Callable[[Stage], View]]:
    """What each shot shows: all kinds in turn, shuffled anew each time round, none twice in a row."""
    order: list[Callable[[Stage], View]] = []
    while len(order) < count:
        turn = Stream(seed, "film", "order", len(order)).shuffled(VIEWS)
        order += [*turn[1:], turn[0]] if order and turn[0] is order[-1] else turn
    return order[:count]


class _Camera:
    """Zooms slowly, sways a little, sees the world in its own colours or mirrored, and follows a changing light."""

    def __init__(self, stage: Stage, draw: Stream) -> None:
        self.stage = stage
        self.zoom, self.pull = draw.between(1.04, 1.16), draw.between(-0.012, 0.012)
        self.sway, self.phase = draw.between(0, 0.008), draw.between(0, 6)
        self.light, self.pace = draw.between(0.02, 0.09), draw.between(0.3, 0.9)
        away = np.hypot(stage.across / stage.aspect - 0.5, stage.down - 0.5)
        self.shade = np.asarray(1.03 - 0.42 * away**2, np.float32)
        self.colors, self.mirrored = _grade(draw), draw.chance(0.5)
        # Half a grey step of noise keeps smooth skies from breaking into bands.
        self.grain = (white_noise(draw, stage.height, stage.width) - 0.5) * 2.5

    def filmed(self, view: View, t: float) -> npt.NDArray[np.uint8]:
        """The picture at `t` seconds of the shot."""
        light = 1 + self.light * math.sin(self.pace * t + self.phase)
        picture = np.clip(view(t) * (self.shade * np.float32(255 * light)) + self.grain, 0, 255).astype(np.uint8)
        zoom = max(1.02, self.zoom + self.pull * t)
        width, height = self.stage.width, self.stage.height
        x = width * (zoom - 1) / 2 + self.sway * height * math.sin(1.3 * t + self.phase)
        y = height * (zoom - 1) / 2 + self.sway * height * math.sin(0.9 * t)
        across = [-zoom, 0, width + x] if self.mirrored else [zoom, 0, -x]
        matrix = np.array([across, [0, zoom, -y]], np.float32)
        interleaved = cv2.transform(np.ascontiguousarray(picture.transpose(1, 2, 0)), self.colors)
        moved = cv2.warpAffine(
            interleaved, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(moved, np.uint8)


def _grade(draw: Stream) -> npt.NDArray[np.float32]:
    """A matrix on RGB: hue turned by up to 18 degrees about grey, saturation and white balance shifted."""
    turn, saturation = math.radians(draw.between(-18, 18)), draw.between(0.8, 1.15)
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    hue = grey + saturation * (math.cos(turn) * (np.eye(3) - grey) + math.sin(turn) * cross)
    balance = np.diag([draw.between(0.94, 1.06), draw.between(0.97, 1.03), draw.between(0.94, 1.06)])
    return np.asarray(balance @ hue, np.float32)

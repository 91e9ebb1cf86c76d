"""Pictures to H.264 samples and back, in such a way that samples of different encodes can be joined.

Frames come in groups of `Encoding.gop`, each of which starts with an IDR picture and decodes on its own. The quantiser
is constant and the encoder looks neither ahead nor back beyond a group, so that the bytes of a frame depend on its
group alone, whatever it was encoded together with.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from haystack_gen.emit import h264
from haystack_gen.errors import InputError

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

SPAN_FRAMES = 600
# Settings of the mp4 muxer: nothing that tells when or by what a file was written; no edit list (frame 0 is shown at
# 0 s); no bit rate box (that of a spliced file would be its template's).
MP4 = {"fflags": "+bitexact", "use_editlist": "0", "write_btrt": "0"}
_PRESET = "veryfast"
_X264 = {
    "aud": 1,  # access unit delimiters
    "bframes": 0,  # presentation order is coding order: no edit list, and any prefix of a group decodes
    "ref": 1,
    "open-gop": 0,
    "scenecut": 0,
    "mbtree": 0,
    "rc-lookahead": 0,
    "sync-lookahead": 0,
    "weightp": 0,
    "ipratio": 1,
    "cabac": 1,
    "slices": 1,
    "threads": 1,
    "cpu-independent": 1,
}
# BT.601 with 525 lines, limited range, by the numbers of ITU-T H.273. Readers that ignore tags assume it too.
_SMPTE170M, _LIMITED_RANGE = 6, 1
_FINEST_RATE = 1_000_000  # an mp4 counts time in ticks of 32 bits
# Flags of libswscale as numbers, since older versions of PyAV name only some. To YUV: AREA | ACCURATE_RND | BITEXACT,
# chroma becomes the mean of 2 x 2 pixels. To RGB: BILINEAR | BITEXACT, the pixels that PyAV, decord and OpenCV show.
_RGB_TO_YUV = 0x20 | 0x40000 | 0x80000
_YUV_TO_RGB = 0x2 | 0x80000


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How pictures become H.264; what was encoded alike can be spliced together.

    Args:
        size: width and height in pixels, even and at least 16.
        rate: frames per second, exact.
        qp: the constant quantiser, 1 (large) to 51 (coarse). At 20, footage at 448 x 252 keeps a luma PSNR above 44 dB.
    """

    size: tuple[int, int]
    rate: Fraction
    qp: int = 20

    def __post_init__(self) -> None:
        if any(side < 16 or side % 2 for side in self.size):
            raise InputError(f"size is {self.size[0]}x{self.size[1]}; both sides must be even and at least 16 pixels")
        if not 1 <= self.qp <= 51:
            raise InputError(f"qp is {self.qp}; expected 1 (large files) to 51 (coarse pictures)")
        if self.rate <= 0 or self.rate.numerator > _FINEST_RATE:
            raise InputError(
                f"rate is {self.rate} frames per second; expected more than 0, as a fraction whose numerator is at "
                f"most {_FINEST_RATE:,}, such as 30000/1001"
            )

    @property
    def gop(self) -> int:
        """Frames to a group: one up to 2 per second, where neighbours have little in common; else a second of them."""
        return 1 if self.rate <= 2 else round(self.rate)

    @property
    def span(self) -> int:
        """Frames to a span file: whole groups, at most 600 frames unless one group has more."""
        return self.gop * max(1, SPAN_FRAMES // self.gop)

    @property
    def key(self) -> str:
        """All that the coded bytes of a given picture depend on, to name a cache folder by."""
        settings = " ".join(f"{name}={value}" for name, value in self.options().items())
        codecs, scaler = (".".join(map(str, av.library_versions[name])) for name in ("libavcodec", "libswscale"))
        return f"chunks-1 {self.size[0]}x{self.size[1]} {self.rate} {settings} libavcodec={codecs} libswscale={scaler}"

    def options(self) -> dict[str, str]:
        """Settings of libx264 as libavcodec takes them."""
        settings = {**_X264, "qp": self.qp, "keyint": self.gop, "min-keyint": self.gop}
        parameters = ":".join(f"{name}={value}" for name, value in settings.items())
        return {"preset": _PRESET, "profile": "high", "level": self._level(), "x264-params": parameters}

    def _level(self) -> str:
        """4.0 serves up to 1920 x 1088 at 30 per second and plays everywhere; beyond it 5.2 (H.264, table A-1)."""
        blocks = -(-self.size[0] // 16) * -(-self.size[1] // 16)
        return "4.0" if blocks <= 8192 and blocks * self.rate <= 245_760 else "5.2"


def yuv_frames(pictures: Iterable[Pixels], encoding: Encoding) -> Iterator[VideoFrame]:
    """Turn full-range RGB pictures, uint8 of shape (height, width, 3), into what the encoder takes."""
    painter = VideoReformatter()
    shape = (encoding.size[1], encoding.size[0], 3)
    for picture in pictures:
        if picture.shape != shape or picture.dtype != np.uint8:
            raise ValueError(f"expected uint8 pictures of shape {shape}, got {picture.dtype} of shape {picture.shape}")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        yield _converted(painter, frame, to_rgb=False)


def rgb_pictures(frames: Iterable[VideoFrame]) -> Iterator[Pixels]:
    """The reverse of `yuv_frames`."""
    painter = VideoReformatter()
    for frame in frames:
        yield cast(Pixels, _converted(painter, frame, to_rgb=True).to_ndarray())


def _converted(painter: VideoReformatter, frame: VideoFrame, *, to_rgb: bool) -> VideoFrame:
    """Between full-range RGB and limited-range BT.601, whatever the frame says of itself."""
    return painter.reformat(
        frame,
        format="rgb24" if to_rgb else "yuv420p",
        interpolation=_YUV_TO_RGB if to_rgb else _RGB_TO_YUV,
        src_colorspace=Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.MPEG if to_rgb else ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if to_rgb else ColorRange.MPEG,
        threads=1,
    )


def encode(frames: Iterable[VideoFrame], path: Path, encoding: Encoding) -> int:
    """Write yuv420p frames to an mp4, one at a time; returns their number.

    All IDR pictures carry the `idr_pic_id` that `h264.flip_bit` expects.
    """
    with av.open(str(path), "w", format="mp4", container_options=MP4) as container:
        stream = container.add_stream("libx264", rate=encoding.rate, options=encoding.options())
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = *encoding.size, "yuv420p"
        stream.time_base = context.time_base = 1 / encoding.rate
        context.thread_count = 1
        context.color_primaries = context.color_trc = context.colorspace = _SMPTE170M
        context.color_range = _LIMITED_RANGE
        container.start_encoding()
        sets = {h264.nal_type(nal): nal for nal in h264.split_start_codes(bytes(context.extradata or b""))}
        layout = h264.read_layout(sets[h264.SEQUENCE_SET], sets[h264.PICTURE_SET])
        count = 0
        for packet in _packets(stream, frames):
            sample = av.Packet(_normalised(bytes(packet), layout))
            sample.stream, sample.time_base = stream, 1 / encoding.rate
            sample.pts = sample.dts = count
            sample.duration, sample.is_keyframe = 1, packet.is_keyframe
            container.mux_one(sample)
            count += 1
        return count


def _packets(stream: Any, frames: Iterable[VideoFrame]) -> Iterator[Any]:
    for index, frame in enumerate(frames):
        frame.pts, frame.time_base = index, stream.codec_context.time_base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _normalised(packet: bytes, layout: h264.Layout) -> bytes:
    """One picture without what depends on where in an encode it stood: signatures and `idr_pic_id`."""
    nals = []
    for nal in h264.split_start_codes(packet):
        kind = h264.nal_type(nal)
        if kind == h264.IDR_SLICE:
            nal = h264.with_idr_pic_id(nal, h264.STORED_ID, layout)
        if kind in (h264.SLICE, h264.IDR_SLICE):
            nal = h264.with_last_bit_set(nal)
        if kind != h264.SEI:
            nals.append(nal)
    return h264.join_start_codes(nals)


def decode(samples: Iterable[bytes | memoryview], extradata: bytes) -> Iterator[VideoFrame]:
    """Decode mp4 samples, the first of which is an IDR picture, given the decoder configuration of their mp4."""
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata, decoder.thread_count = extradata, 1
    for sample in samples:
        packet = av.Packet(len(sample))  # one of its own: decoders read beyond the end, into padding
        packet.update(cast(bytes, sample))
        yield from decoder.decode(packet)
    yield from decoder.decode(None)

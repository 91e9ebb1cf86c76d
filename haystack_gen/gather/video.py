"""Pictures of a film at exact times: the frame on screen at k / rate, as RGB of one size.

What is on screen at a time is the last frame whose presentation time is not later. Frame rates that vary, start
offsets, edit lists, rotation and pixel shape are followed as a player follows them. Interlaced films are shown as by a
player that does not deinterlace; an alpha channel is ignored; HDR is not tone-mapped.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from haystack_gen.errors import InputError
from haystack_gen.facts import sampled_length
from haystack_gen.gather.fit import Fit, place
from haystack_gen.gather.probe import (
    LARGEST_SIDE,
    check_size,
    damaged,
    displayed_size,
    opened,
    read_timetable,
    rotation_of,
)
from haystack_gen.gather.timetable import Timetable

Mode = Literal["exact", "keyframes"]
Picture = npt.NDArray[np.uint8]
# From the values of AVColorSpace (ITU-T H.273) to the names of libswscale's matrices.
_MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
_FULL_RANGE = 2
# Flags of libswscale (swscale.h): bicubic, chroma interpolated to full width, accurate rounding, bit-exact. Without the
# last, pixels depend on how the decoder's buffers happen to be aligned.
_SCALING = 0x4 | 0x2000 | 0x40000 | 0x80000


def sample(
    path: Path,
    *,
    rate: Fraction,
    size: tuple[int, int],
    fit: Fit = "letterbox",
    mode: Mode = "exact",
    span: tuple[int, int | None] = (0, None),
) -> Iterator[Picture]:
    """Yield what a film shows at k / `rate` seconds for every k in the half-open `span` (to the end if None).

    Pictures are uint8 RGB, full range, of shape (height, width, 3) for `size` (width, height), both even; each array is
    the caller's own. A late span is reached by seeking and gives the same pictures as decoding all of the film.

    `exact` decodes every frame of the span. `keyframes` decodes only keyframes and shows the one nearest in time to
    k / `rate`, the earlier of two equally near; it is many times faster and made for looking for pictures.

    Raises:
        InputError: the file is not a readable film; the span reaches beyond it; a frame in the span is damaged or
            missing (raised when it is reached, naming its time: no other picture takes its place).
    """
    table = read_timetable(path)
    length = sampled_length(table.facts.duration_s, rate)
    start, stop = span[0], length if span[1] is None else span[1]
    if not 0 <= start <= stop <= length:
        raise InputError(
            f"{path}: samples {start} to {stop} asked for at {rate} per second, "
            f"expected a span within 0 to {length}: the film lasts {float(table.facts.duration_s):.3f} s"
        )
    times = (k / rate for k in range(start, stop))
    painter = _Painter(path, table.pixel_shape, size=size, fit=fit)
    if mode == "exact":
        return _exact(path, table, map(table.shown_at, times), painter)
    if not table.stamped or not len(table.keys):
        lack = "keyframes that are shown" if table.stamped else "presentation times"
        raise InputError(
            f"{path}: has no {lack}, which keyframe sampling needs; "
            "use exact sampling or rewrite it (ffmpeg -i IN -c:v libx264 OUT.mp4)"
        )
    return _keyframes(path, table, map(table.nearest_key, times), painter)


def still(path: Path, *, at_s: Fraction, size: tuple[int, int], fit: Fit = "letterbox") -> Picture:
    """The picture that a film shows at one instant, as `sample` would give it.

    Raises:
        InputError: as `sample`; `at_s` is before the first frame or after the end of the last.
    """
    table = read_timetable(path)
    if not 0 <= at_s < table.facts.duration_s:
        raise InputError(
            f"{path}: a still at {float(at_s):.3f} s asked for, expected a time from 0 up to the end of the film "
            f"at {float(table.facts.duration_s):.3f} s"
        )
    painter = _Painter(path, table.pixel_shape, size=size, fit=fit)
    return next(_exact(path, table, iter([table.shown_at(at_s)]), painter))


def _exact(path: Path, table: Timetable, wanted: Iterator[int], painter: "_Painter") -> Iterator[Picture]:
    """Pictures of frames by index, ascending; a frame that is shown several times is decoded and scaled once."""
    frames: Iterator[tuple[int, VideoFrame]] | None = None
    for index, repeats in groupby(wanted):
        frames = frames if frames is not None else _decoded(path, table, index)
        picture = painter.paint(next(frame for at, frame in frames if at == index))
        for _ in repeats:
            yield picture.copy()


def _decoded(path: Path, table: Timetable, first: int) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from index `first` on, each with its index: none missing, and none whose references are damaged."""
    entry = table.entry(int(table.times[first]))
    if entry is not None:
        frames = _decoded_from(path, table, first, entry)
        try:
            head = next(frames)
        except InputError:
            pass  # some streams cannot be entered at what they call a keyframe; from the start they can
        else:
            yield head
            yield from frames
            return
    yield from _decoded_from(path, table, first, None)


def _decoded_from(path: Path, table: Timetable, first: int, entry: int | None) -> Iterator[tuple[int, VideoFrame]]:
    held: deque[tuple[int, VideoFrame]] = deque()
    for index, frame in _in_order(path, table, first, entry):
        held.append((index, frame))
        while held and table.proven[held[0][0]] <= index:
            yield held.popleft()


def _in_order(path: Path, table: Timetable, first: int, entry: int | None) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from index `first` on as they come out of a decoder that starts at a seek stamp."""
    index, count = first, -1
    with opened(path) as (container, stream):
        # Where FFmpeg's log goes to Python (torchvision turns that on), a frame thread that logs waits for Python's
        # lock, and whoever frees the decoder holds that lock while it waits for the thread.
        stream.thread_type = "AUTO" if av.logging.get_level() is None else "SLICE"
        if entry is not None:
            container.seek(entry, stream=stream)
        try:
            for packet in _from_keyframe(container.demux(stream)):
                for frame in packet.decode():
                    count += 1
                    time = frame.pts if table.stamped else table.times[min(count, len(table.times) - 1)]
                    if time is None or time < table.times[index]:
                        continue
                    if time > table.times[index] or frame.is_corrupt:
                        raise _missing(path, table, index)
                    check_size(path, frame.width, frame.height)
                    yield index, frame
                    index += 1
                    if index == len(table.times):
                        return
        except av.FFmpegError as error:
            raise _missing(path, table, index) from error
    raise _missing(path, table, index)


def _from_keyframe(packets: "Iterable[av.Packet[Any]]") -> "Iterator[av.Packet[Any]]":
    """Packets from the first keyframe on, without those that hold nothing, and the final one that flushes."""
    started = False
    for packet in packets:
        started = started or packet.is_keyframe
        if started and (packet.size or packet.dts is None):
            yield packet


def _missing(path: Path, table: Timetable, index: int) -> InputError:
    what = f"frame {index + 1} of {len(table.times)} cannot be decoded, shown"
    return damaged(path, table.seconds(int(table.times[index])), what)


def _keyframes(path: Path, table: Timetable, wanted: Iterator[int], painter: "_Painter") -> Iterator[Picture]:
    """Pictures of keyframes by presentation time, ascending; each is decoded alone, so that no other is needed."""
    targets = groupby(wanted)
    target, repeats = next(targets, (None, iter(())))
    if target is None:
        return
    with opened(path) as (container, stream):
        stream.thread_type = "SLICE"  # frame threads would only wait: one frame at a time
        entry = table.entry(target)
        if entry is not None:
            container.seek(entry, stream=stream)
        for packet in container.demux(stream):
            if packet.pts != target or not packet.size:
                continue
            frame = _alone(stream.codec_context, packet)
            if frame is None:
                break
            picture = painter.paint(frame)
            for _ in repeats:
                yield picture.copy()
            target, repeats = next(targets, (None, iter(())))
            if target is None:
                return
    raise damaged(path, table.seconds(target), "a keyframe cannot be decoded, shown")


def _alone(context: VideoCodecContext, packet: "av.Packet[Any]") -> VideoFrame | None:
    """The one frame of a keyframe packet; None if it cannot be had."""
    try:
        frames = [*context.decode(packet), *context.decode(None)]
        context.flush_buffers()
    except av.FFmpegError:
        return None
    return frames[0] if len(frames) == 1 and not frames[0].is_corrupt else None


class _Painter:
    """Makes pictures of one size from frames of any; keeps one scaler, whose tables are costly to build."""

    def __init__(self, path: Path, pixel_shape: Fraction, *, size: tuple[int, int], fit: Fit) -> None:
        if min(size) < 2 or size[0] % 2 or size[1] % 2:
            raise InputError(f"size {size[0]}x{size[1]} cannot be encoded as video; both sides must be even")
        self.path, self.pixel_shape, self.size, self.fit = path, pixel_shape, size, fit
        self.scaler = VideoReformatter()

    def paint(self, frame: VideoFrame) -> Picture:
        """The frame upright, scaled once and placed on black."""
        rotation = rotation_of(self.path, frame)
        shown = displayed_size(self.path, frame, self.pixel_shape, rotation)
        placement = place(shown, self.size, self.fit)
        (cut_left, cut_top, cut_width, cut_height), (width, height) = placement.crop, placement.scaled
        whole = (round(shown[0] * width / cut_width), round(shown[1] * height / cut_height))
        if max(whole) > LARGEST_SIDE:
            raise InputError(
                f"{self.path}: a picture of {shown[0]} x {shown[1]} pixels is too long and narrow to be cropped "
                f"to {width} x {height}; use letterbox"
            )
        picture = np.rot90(self._scaled(frame, whole if rotation % 180 == 0 else whole[::-1]), -rotation // 90)
        left = min(round(cut_left * width / cut_width), whole[0] - width)
        top = min(round(cut_top * height / cut_height), whole[1] - height)
        canvas = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        x, y = placement.offset
        canvas[y : y + height, x : x + width] = picture[top : top + height, left : left + width]
        return canvas

    def _scaled(self, frame: VideoFrame, size: tuple[int, int]) -> Picture:
        """Full-range RGB by the matrix and range that the frame is tagged with, else by the usual conventions."""
        settings: dict[str, Any] = {}
        if not frame.format.is_rgb:
            settings["src_colorspace"] = _MATRICES.get(frame.colorspace, "ITU709" if frame.height >= 720 else "ITU601")
            full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
            settings["src_color_range"] = "JPEG" if full else "MPEG"
        scaled = self.scaler.reformat(
            frame, *size, "rgb24", interpolation=_SCALING, dst_color_range="JPEG", threads=1, **settings
        )
        return np.asarray(scaled.to_ndarray(), np.uint8)

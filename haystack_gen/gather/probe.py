"""What a film holds: when each of its frames is shown, found by reading every packet and decoding one frame.

Headers are not believed: frame counts and durations in them are often missing and sometimes wrong. Reading all packets
costs about as much as copying the file and needs no decoding.
"""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from haystack_gen.errors import InputError
from haystack_gen.gather.timetable import Times, Timetable, VideoFacts, duration_of, grid_of
from haystack_gen.remote.fetched import arrive

LARGEST_SIDE = 16_384
LONGEST_STAY_S = 600
"""How long a film may show one picture, in seconds."""
# Playlists and concatenation scripts are left out on purpose: they make the reader open other files.
_FORMATS = (
    "3gp,apng,asf,avi,dv,flv,gif,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,"
    "webm,yuv4mpegpipe"
)
_REENCODE = "repair it (ffmpeg -i IN -c:v libx264 OUT.mp4), get it again, or leave it out"


def probe(path: Path) -> VideoFacts:
    """Facts about a film.

    A transport stream cut off at its end cannot be told from one that was meant to end there.

    Raises:
        InputError: it is not a readable film, holds no frame, is damaged or cut off, or is unreasonably large.
    """
    return read_timetable(path).facts


def read_timetable(path: Path) -> Timetable:
    """The times of all frames; remembered for as long as the file does not change.

    Raises:
        InputError: as `probe`.
    """
    if not arrive(path).exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a video file")
    state = path.stat()
    if not state.st_size:
        raise InputError(f"{path}: is empty (0 bytes), expected a video file; get it again")
    return _scan(path, state.st_size, state.st_mtime_ns)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a film at its video stream, the one that a player would choose.

    Raises:
        InputError: it is not a film that can be decoded here.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        container = av.open(str(path.absolute()), options=options, metadata_errors="replace")  # titles in any encoding
    except av.FFmpegError as error:
        raise InputError(
            f"{path}: is not a readable video ({_reason(error)}); expected an .mp4, .mkv, .webm, .ts, .avi or similar"
        ) from error
    with container:
        moving = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not moving:
            raise InputError(f"{path}: holds no video, only {_others(container)}; expected a film")
        best = container.streams.best("video")
        stream = best if best in moving else moving[0]
        if stream.codec_context is None:
            raise InputError(f"{path}: no decoder for its video codec; convert it (ffmpeg -i IN -c:v libx264 OUT.mp4)")
        check_size(path, stream.width, stream.height)
        if stream.codec_context.name == "hevc":  # other decoders mark a damaged frame or fail; this one must be told to
            stream.codec_context.options = {"err_detect": "explode"}
        yield container, stream


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse pictures so large that they are a mistake or an attack."""
    if max(width, height) > LARGEST_SIDE:
        raise InputError(f"{path}: pictures of {width} x {height} pixels, expected at most {LARGEST_SIDE} on a side")


def rotation_of(path: Path, frame: VideoFrame) -> int:
    """The clockwise turn, in degrees, that the display matrix of a frame asks for; mirroring is not read."""
    right_angles = round(-frame.rotation / 90)
    if abs(-frame.rotation - right_angles * 90) > 1:  # whole degrees, rounded down by the reader
        raise InputError(f"{path}: asks to be shown turned by {-frame.rotation} degrees, expected a multiple of 90")
    return right_angles % 4 * 90


def displayed_size(path: Path, frame: VideoFrame, pixel_shape: Fraction, rotation: int) -> tuple[int, int]:
    """Width and height of a frame on screen: square pixels, upright."""
    width, height = max(1, round(frame.width * pixel_shape)), frame.height
    check_size(path, width, height)
    return (width, height) if rotation % 180 == 0 else (height, width)


def damaged(path: Path, at_s: float, what: str) -> InputError:
    """The error for a film of which a part cannot be shown."""
    return InputError(f"{path}: {what} at {at_s:.3f} s; the file is damaged or cut off: {_REENCODE}")


@contextmanager
def _listening() -> Iterator[list[tuple[int, str, str]]]:
    """Collect FFmpeg's own error messages: a demuxer that skips damage tells nobody else."""
    level, merging = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # the same message about the next file counts, too
    try:
        with av.logging.Capture() as messages:
            yield messages
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(merging)


def _reason(error: av.FFmpegError) -> str:
    return str(error.log[-1] if error.log else error.strerror).strip().rstrip(".")


def _others(container: InputContainer) -> str:
    kinds = {"cover art" if stream.type == "video" else stream.type for stream in container.streams}
    return " and ".join(sorted(kinds)) or "nothing"


class _Packets:
    """What the packets say, in decoding order, from the first keyframe on."""

    def __init__(self) -> None:
        self.pts, self.seeks, self.durations = array("q"), array("q"), array("q")
        self.key, self.shown = array("b"), array("b")
        self.stamped = True

    def add(self, packet: "av.Packet[Any]", *, seek_by_pts: bool) -> None:
        if packet.pts is None:
            self.stamped = False
        pts = packet.pts if packet.pts is not None else len(self.pts)
        self.pts.append(pts)
        self.seeks.append(pts if seek_by_pts or packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        self.key.append(packet.is_keyframe)
        self.shown.append(not packet.is_discard)


@lru_cache(maxsize=16)
def _scan(path: Path, _size: int, _changed_ns: int) -> Timetable:
    with _listening() as messages, opened(path) as (container, stream):
        heard, found, packets, first, broken = len(messages), 0, _Packets(), None, None
        matroska = "matroska" in container.format.name  # indexed by presentation time; all others by decoding time
        try:
            for packet in container.demux(stream):
                found += packet.dts is not None
                started = packets.pts or packet.is_keyframe
                if packet.size and started:
                    packets.add(packet, seek_by_pts=matroska)
                    broken = packet.pts if broken is None and packet.is_corrupt else broken
                if first is None and (packet.size or packet.dts is None) and started:
                    first = next(iter(packet.decode()), None)
        except av.FFmpegError as error:
            raise InputError(f"{path}: cannot be read or decoded ({_reason(error)}); {_REENCODE}") from error
        if first is None:
            raise InputError(f"{path}: holds no frame that can be shown; expected a film")
        table = _timetable(path, stream, packets, first)
        complaints = [text.strip() for _, name, text in messages[heard:] if name == container.format.name]
        if complaints:
            raise damaged(
                path, float(table.facts.duration_s), f"{complaints[0]!r} before the last frame found, which ends"
            )
        if broken is not None and broken >= table.times[0]:
            raise damaged(path, table.seconds(broken), "incomplete data")
        if (announced := _announced(stream)) > found:
            missing = f"{announced} frames announced and {found} found, the last ending"
            raise damaged(path, float(table.facts.duration_s), missing)
        return table


def _announced(stream: VideoStream) -> int:
    """How many packets the index of the file lists; 0 where there is none that can be trusted."""
    name = stream.container.format.name
    if name == "avi":
        return stream.frames
    return len(stream.index_entries) if name.startswith("mov") else 0


def _check_stays(path: Path, times: Times, tick: Fraction, duration_s: Fraction) -> None:
    """Refuse times by which a small file would fill a disk: every second of a film is sampled."""
    span_s = (int(times[-1]) - int(times[0])) * tick  # more than int64 holds, if times are absurd
    steps = len(times) - 1
    is_likely = 0 < span_s <= steps * LONGEST_STAY_S
    stay_s = max(int(np.diff(times).max()) * tick if is_likely else span_s, duration_s - span_s)
    if stay_s > LONGEST_STAY_S:
        raise InputError(
            f"{path}: shows one picture for {float(stay_s):,.0f} s, expected at most {LONGEST_STAY_S}; its times are "
            f"damaged, or it is no film: {_REENCODE}"
        )


def _timetable(path: Path, stream: VideoStream, packets: _Packets, first: VideoFrame) -> Timetable:
    """Order the packets by presentation; time 0 is the first frame that came out of the decoder."""
    key = np.frombuffer(packets.key, np.int8) > 0
    shown = np.frombuffer(packets.shown, np.int8) > 0
    pts = np.frombuffer(packets.pts, np.int64) if packets.stamped else np.arange(len(key))
    guess = stream.guessed_rate or stream.average_rate or Fraction(25)
    tick = stream.time_base if packets.stamped and stream.time_base else 1 / guess
    stamped = packets.stamped and first.pts is not None and stream.container.format.name != "avi"
    if stamped and first.pts is not None:
        shown = shown & (pts >= first.pts)
    times, keys = np.unique(pts[shown]), np.unique(pts[shown & key])
    proven = np.empty_like(times)
    proven[np.searchsorted(times, pts[shown])] = np.searchsorted(times, np.maximum.accumulate(pts[shown]))
    grid = grid_of(times, tick, (guess, stream.average_rate))
    last = np.frombuffer(packets.durations, np.int64)[np.flatnonzero(pts == times[-1])[-1]] if packets.stamped else 1
    duration_s = duration_of(times, tick, last_s=int(last) * tick, grid=grid, guess=guess)
    _check_stays(path, times, tick, duration_s)
    rotation = rotation_of(path, first)
    pixel_shape = stream.sample_aspect_ratio or Fraction(1)
    width, height = displayed_size(path, first, pixel_shape, rotation)
    facts = VideoFacts(
        frames=len(times),
        rate=len(times) / duration_s,
        duration_s=duration_s,
        width=width,
        height=height,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=first.format.name,
        rotation=rotation,
        variable_rate=grid is None,
        keyframes=len(keys),
    )
    entries = np.stack([pts[key], np.frombuffer(packets.seeks, np.int64)[key]], axis=1)
    return Timetable(
        facts=facts,
        tick=tick,
        times=times,
        keys=keys,
        entries=entries,
        proven=proven,
        stamped=stamped,
        grid=grid,
        pixel_shape=pixel_shape,
    )

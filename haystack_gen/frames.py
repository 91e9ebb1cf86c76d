"""The frames of one video, wherever they come from: a sequence of arrays with the methods of decord's reader."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import overload

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from haystack_gen.emit.encoding import Pixels, rgb_pictures
from haystack_gen.errors import InputError

# A dataset may come from anyone: a playlist named .mp4 would make the reader open other files.
_MP4_ONLY = {"protocol_whitelist": "file"}


class Frames(Sequence[Pixels]):
    """`len(frames)`, `frames[k]` and `frames[a:b]`: RGB uint8 arrays of shape (height, width, 3), in display order.

    `get_batch` and `get_avg_fps` are there for code that was written for decord's `VideoReader`.
    """

    def __init__(self, pictures: Sequence[Pixels], rate: Fraction) -> None:
        """`pictures` are read one by one when asked for, `rate` of them to a second."""
        self._pictures, self.rate = pictures, rate

    def __len__(self) -> int:
        return len(self._pictures)

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | list[Pixels]:
        """Frame `index`; a negative one is counted from the end.

        Raises:
            IndexError: the video is shorter.
            InputError: the file is damaged.
        """
        if isinstance(index, slice):
            return [self._pictures[at] for at in range(len(self))[index]]
        return self._pictures[range(len(self))[index]]

    def get_batch(self, indices: Sequence[int]) -> Pixels:
        """Several frames, in any order and repeated if asked: uint8 of shape (count, height, width, 3)."""
        if not len(indices):
            raise InputError("get_batch was asked for no frames, expected at least one index")
        return np.stack([self[int(index)] for index in indices])

    def get_avg_fps(self) -> float:
        """Frames per second; `rate` has it exactly."""
        return float(self.rate)

    def pil(self, index: int) -> Image.Image:
        """Frame `index` as a Pillow image."""
        return Image.fromarray(self[index])


class VideoFile(Sequence[Pixels]):
    """The frames of a dataset's mp4, to the bit those of the recipe; whatever is asked for in order is decoded once."""

    def __init__(self, path: Path, *, rate: Fraction) -> None:
        """Open the file, whose frame k is shown at k / `rate`.

        Raises:
            InputError: there is no such file, or it is no video.
        """
        self._path, self._rate = path, rate
        self._group = 1 if rate <= 2 else round(rate)  # frames from one keyframe to the next, at most
        try:
            self._container = av.open(str(path), format="mp4", options=_MP4_ONLY, metadata_errors="replace")
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, IndexError, OSError) as error:
            raise self._damaged(error) from error
        self._stream.codec_context.thread_count = 1
        self._length = self._stream.frames
        self._decoded: Iterator[VideoFrame] = iter(())
        self._next: int | None = None

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | list[Pixels]:
        """See `Frames`."""
        if isinstance(index, slice):
            return [self[at] for at in range(self._length)[index]]
        try:
            (picture,) = rgb_pictures([self._frame(range(self._length)[index])])
        except (av.FFmpegError, OSError) as error:
            self._next = None
            raise self._damaged(error) from error
        return picture

    def _frame(self, at: int) -> VideoFrame:
        """Decode on from where the last frame was if `at` is near, else from the keyframe before it."""
        if self._next is None or not 0 <= at - self._next < self._group:
            self._container.seek(self._ticks(at), stream=self._stream)
            self._decoded = self._container.decode(self._stream)
        for frame in self._decoded:
            if frame.pts is None or frame.pts >= self._ticks(at):
                if frame.pts != self._ticks(at):
                    break
                self._next = at + 1
                return frame
        self._next = None
        raise InputError(
            f"{self._path}: has no frame {at} of {self._length} at {float(at / self._rate):.3f} s; it is damaged: "
            "build the dataset again"
        )

    def _ticks(self, at: int) -> int:
        """When frame `at` is shown, in the stream's time base."""
        return round(at / self._rate / (self._stream.time_base or 1))

    def _damaged(self, error: Exception) -> InputError:
        words = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        return InputError(f"{self._path}: cannot be read as video ({words}); it is damaged: build the dataset again")

"""Single frames of a finished video, by number: found by seeking, which costs a group of pictures instead of a film."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from haystack_gen.errors import InputError
from haystack_gen.judge.readers import Rgb

# A dataset may come from anyone: a playlist named .mp4 would make the reader open other files.
_MP4_ONLY = {"protocol_whitelist": "file", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2"}


def frames_at(path: Path, wanted: Iterable[int]) -> Iterator[tuple[int, Rgb]]:
    """Frames of a video by their numbers, in order, each with its number; frame k is shown at k / rate.

    Raises:
        InputError: there is no such file, it is damaged, or has no frame of a number.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; the plan names it, so the dataset was damaged: build it again")
    try:
        with av.open(str(path), options=_MP4_ONLY) as container:
            stream = container.streams.video[0]
            tick = Fraction(stream.average_rate or 0) * (stream.time_base or 0)
            if not tick:
                raise ValueError("it has no rate")
            for number in sorted(wanted):
                container.seek(round(number / tick), stream=stream)
                frames = ((round((frame.pts or 0) * tick), frame) for frame in container.decode(stream))
                at, frame = next((pair for pair in frames if pair[0] >= number), (-1, None))
                if at != number or frame is None:
                    raise ValueError(f"it has no frame {number}")
                yield number, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, ValueError, ArithmeticError, LookupError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read ({detail}); the file is damaged, build the dataset again") from error

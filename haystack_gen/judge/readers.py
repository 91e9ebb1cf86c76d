"""Other people's video readers: what evaluators will see when they open a file.

Each yields RGB uint8 arrays of shape (height, width, 3) in display order. None is given anything but the file.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from haystack_gen.emit.chunks import fingerprint
from haystack_gen.errors import InputError

Rgb = np.ndarray[Any, np.dtype[np.uint8]]


class Film(NamedTuple):
    """A file as one reader sees it; `frames` is consumed once."""

    length: int
    rate: Fraction
    frames: Iterator[Rgb]


def _pyav(path: Path) -> Film:
    import av

    container = av.open(str(path))
    stream = container.streams.video[0]

    def frames() -> Iterator[Rgb]:
        with container:
            for frame in container.decode(stream):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)

    return Film(stream.frames, Fraction(stream.average_rate or 0), frames())


def open_digests(path: Path) -> Iterator[int]:
    """The digest of every decoded frame's planes, through PyAV: equal digests, equal pixels."""
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield fingerprint(frame)[0]


def open_frames(paths: Sequence[Path], rate: Fraction) -> Film:
    """Image files in order, as one film."""

    def frames() -> Iterator[Rgb]:
        for path in paths:
            if not path.is_file():
                raise InputError(f"{path}: no such file; the manifest names it: build the dataset again")
            with Image.open(path) as image:
                yield np.asarray(image.convert("RGB"))

    return Film(len(paths), rate, frames())


def _decord(path: Path) -> Film:
    import decord

    film = decord.VideoReader(str(path), num_threads=1)
    rate = Fraction(float(film.get_avg_fps())).limit_denominator(100_000)
    return Film(len(film), rate, (film[index].asnumpy() for index in range(len(film))))


def _opencv(path: Path) -> Film:
    import cv2

    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not film.isOpened():
        raise InputError(f"{path}: OpenCV cannot open it; the file is damaged, render it again")

    def frames() -> Iterator[Rgb]:
        try:
            while (read := film.read())[0]:
                yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)  # type: ignore[misc]
        finally:
            film.release()

    rate = Fraction(film.get(cv2.CAP_PROP_FPS)).limit_denominator(100_000)
    return Film(int(film.get(cv2.CAP_PROP_FRAME_COUNT)), rate, frames())


# name: (module, distribution, function)
_READERS: dict[str, tuple[str, str, Callable[[Path], Film]]] = {
    "pyav": ("av", "av", _pyav),
    "decord": ("decord", "decord", _decord),
    "opencv": ("cv2", "opencv-python-headless", _opencv),
}


def installed_readers(wanted: tuple[str, ...] = ()) -> dict[str, str]:
    """Readers on this machine and their versions: those wanted, or all that import.

    Raises:
        InputError: a wanted reader does not exist or is not installed.
    """
    found = {}
    for name in wanted or tuple(_READERS):
        if name not in _READERS:
            raise InputError(f"no reader {name!r}; there are {', '.join(_READERS)}")
        module, distribution, _ = _READERS[name]
        try:
            importlib.import_module(module)
        except ImportError:
            if wanted:
                raise InputError(
                    f"reader {name} is not installed; pip install {distribution}, or leave it out"
                ) from None
            continue
        found[name] = version(distribution)
    return found


def open_film(path: Path, reader: str) -> Film:
    """A rendered file through one reader.

    Raises:
        InputError: there is no such file, or the reader refuses it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; the manifest names it, so the dataset was damaged: render it again")
    try:
        return _READERS[reader][2](path)
    except InputError:
        raise
    except Exception as error:  # each library has errors of its own, with no common base
        detail = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: {reader} cannot read it ({detail}); the file is damaged, render it again") from error

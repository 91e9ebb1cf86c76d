"""Other people's video readers: what evaluators will see when they open a file.

Each yields RGB uint8 arrays of shape (height, width, 3) in display order. None is given anything but the file.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from haystack_gen.atomic import refusals_explained
from haystack_gen.emit.chunks import fingerprint
from haystack_gen.errors import InputError
from haystack_gen.workspace import installed_version

Rgb = np.ndarray[Any, np.dtype[np.uint8]]


# A dataset may come from anyone: a playlist named .mp4 would make the reader open other files.
_MP4_ONLY = {"protocol_whitelist": "file", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2"}


class Film(NamedTuple):
    """A file as one reader sees it; `frames` is consumed once."""

    length: int
    rate: Fraction
    frames: Iterator[Rgb]


def _pyav(path: Path) -> Film:
    import av

    container = av.open(str(path), options=_MP4_ONLY, metadata_errors="replace")
    stream = container.streams.video[0]

    def frames() -> Iterator[Rgb]:
        with container:
            for frame in container.decode(stream):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)

    return Film(stream.frames, Fraction(stream.average_rate or 0), frames())


def open_digests(path: Path) -> Iterator[int]:
    """The digest of every decoded frame's planes, through PyAV: equal digests, equal pixels.

    Raises:
        InputError: as the frames of `open_film`.
    """
    import av

    _expect_mp4(path)
    with _explained(path, "pyav"), av.open(str(path), options=_MP4_ONLY, metadata_errors="replace") as container:
        for frame in container.decode(video=0):
            yield fingerprint(frame)[0]


def open_frames(paths: Sequence[Path], rate: Fraction) -> Film:
    """Image files in order, as one film; its frames raise what `read_picture` raises."""
    return Film(len(paths), rate, map(read_picture, paths))


def read_picture(path: Path) -> Rgb:
    """An image file of a dataset.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; the dataset was damaged: build it again")
    try:
        # Of what Pillow reads, EPS would start Ghostscript, whatever the file is called.
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # decoders fail in a dozen ways on damaged bytes
        raise InputError(f"{path}: is no picture ({_words(error)}); delete it and build the dataset again") from error


def _decord(path: Path) -> Film:
    import decord

    film = decord.VideoReader(str(path), num_threads=1)
    rate = Fraction(float(film.get_avg_fps())).limit_denominator(100_000)
    return Film(len(film), rate, (film[index].asnumpy() for index in range(len(film))))


def _opencv(path: Path) -> Film:
    import cv2

    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not film.isOpened():
        raise ValueError("it does not open")

    def frames() -> Iterator[Rgb]:
        try:
            while (read := film.read())[0]:
                yield np.asarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), np.uint8)
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
        found[name] = installed_version(distribution, module)
    return found


def open_film(path: Path, reader: str) -> Film:
    """A rendered file through one reader.

    Raises:
        InputError: there is no such file, or the reader refuses it: now, or when its frames are read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; the manifest names it, so the dataset was damaged: render it again")
    _expect_mp4(path)
    with _explained(path, reader):
        film = _READERS[reader][2](path)

    def frames() -> Iterator[Rgb]:
        with _explained(path, reader):
            yield from film.frames

    return film._replace(frames=frames())


def _expect_mp4(path: Path) -> None:
    """Refuse what decord and OpenCV would take for a playlist and follow: they cannot be told which formats to read."""
    with refusals_explained(path), path.open("rb") as file:
        head = file.read(8)
    if head[4:] != b"ftyp":
        raise InputError(f"{path}: begins with {head!r}, which no mp4 does; the file is damaged, render it again")


@contextmanager
def _explained(path: Path, reader: str) -> Iterator[None]:
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own, with no common base
        raise InputError(
            f"{path}: {reader} cannot read it ({_words(error)}); the file is damaged, render it again"
        ) from error


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:200]

"""The pictures of a page, each once however many items show it: needles and look-alikes, and frames of the footage."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import groupby
from typing import Any

from PIL import Image

from haystack_gen.facts import BLANK
from haystack_gen.judge.readers import Rgb, read_picture
from haystack_gen.judge.report.films import frames_at
from haystack_gen.judge.report.footage import Footage, Place, Shown, choose
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.workspace import DatasetFolder

_WIDTH, _QUALITY = 192, 75
_SMALL_WIDTH, _MANY = 96, 1500  # stills, above which they are shown small
NO_PICTURE = -1
_REMARKS = {
    "none": "The dataset is a recipe without media, so there are no pictures of its footage.",
    "away": "The dataset's videos are not beside its manifest, so there are no pictures of its footage.",
}


class Album:
    """Which pictures the page has, by the numbers that stand for them: of whatever was asked for."""

    def __init__(self, folder: DatasetFolder, media: str, footage: Footage) -> None:
        """`media` is the spec's, or `away` if they are not there."""
        self._folder, self._media, self._footage = folder, media, footage
        self._numbers: dict[tuple[str, int], int] = {}  # stills as (source, -1), footage as (source, frame)
        self._stills: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def still(self, source: str) -> int:
        """The number of a needle's or look-alike's picture, `NO_PICTURE` of a blank or where there is none."""
        if source not in self._stills:
            there = source != BLANK and self._folder.still(source).is_file()
            self._stills[source] = self._number(source, -1) if there else NO_PICTURE
        return self._stills[source]

    def footage(self, timeline: Timeline) -> Iterator[tuple[Shown, int]]:
        """Frames of the footage that a timeline shows, in order, and the numbers of their pictures."""
        for shown in self._footage.of(timeline):
            yield shown, self._number(shown.source, shown.frame)

    def _number(self, source: str, frame: int) -> int:
        return self._numbers.setdefault((source, frame), len(self._numbers))

    def as_json(self) -> dict[str, Any]:
        """What the page says of its pictures."""
        return {"footage": sum(frame >= 0 for _, frame in self._numbers), "remark": _REMARKS.get(self._media, "")}

    def read(self) -> Iterator[str]:
        """Every picture as base64 of a JPEG, in order of their numbers.

        Raises:
            InputError: a file is missing or damaged.
        """
        stills = sum(frame < 0 for _, frame in self._numbers)
        width = _SMALL_WIDTH if stills > _MANY else _WIDTH
        films = {(source, frame): self._footage.places[source, frame] for source, frame in self._numbers if frame >= 0}
        frames = {place: _jpeg(frame, width) for place, frame in self._frames(films)}
        for source, frame in self._numbers:
            if frame >= 0:
                yield frames[source, frame]
            else:
                yield _jpeg(read_picture(self._folder.still(source)), width)

    def _frames(self, films: dict[tuple[str, int], Place]) -> Iterator[tuple[tuple[str, int], Rgb]]:
        """The frames of films, video by video."""
        if self._media == "frames":
            yield from ((key, read_picture(self._folder.frame(*key))) for key in films)
            return
        for (number, video), some in groupby(sorted(films, key=films.__getitem__), key=lambda key: films[key][:2]):
            at = {films[key].at: key for key in some}
            yield from ((at[number], frame) for number, frame in frames_at(self._folder.video(number, video), at))


def album_of(folder: DatasetFolder, items: Iterable[Item], *, media: str) -> Album:
    """An empty album of a dataset; its plan's `items` decide which footage can be in it."""
    if media != "none" and not (folder.root / {"video": "videos"}.get(media, media)).is_dir():
        media = "away"
    footage = choose(items)
    return Album(folder, media, footage if media in ("video", "frames") else Footage(footage.step, {}))


def _jpeg(picture: Rgb, width: int) -> str:
    image = Image.fromarray(picture)
    size = (width, max(1, round(width * image.height / image.width)))
    written = BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(written, format="JPEG", quality=_QUALITY, optimize=True)
    return b64encode(written.getvalue()).decode("ascii")

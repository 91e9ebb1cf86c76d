"""One item as a picture: its question, its timeline, and the frames that matter, read back from the finished file."""

from collections.abc import Mapping
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from haystack_gen.emit.frames import frame_paths
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.videos import distinct_videos
from haystack_gen.errors import InputError
from haystack_gen.judge.readers import Rgb, open_film, open_frames
from haystack_gen.judge.ribbon import shown
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import Item
from haystack_gen.workspace import DatasetFolder

_TILE, _GAP, _COLUMNS, _ROWS = (224, 126), 12, 4, 3
_LONGEST = 34  # characters of a caption
_COLORS = {
    "haystack": "#b8bec7",
    "needle": "#e0492f",
    "other": "#e8a23a",
    "blank": "#1d232b",
    "distractor": "#3b7dd8",
}
_INK, _PAPER, _FAINT = "#1d232b", "#ffffff", "#6b7480"


def chosen_frames(item: Item) -> dict[int, str]:
    """Timeline frame and kind of the pictures to show, in order.

    Needles first of all those that are asked about, then the nearest distractors, and haystack evenly between.
    """
    clips = list(shown(item))
    places = _COLUMNS * _ROWS
    chosen: dict[int, str] = {}
    for kind in ("needle", "blank", "other"):
        left = places // 2 - len(chosen)
        chosen |= dict([(clip.start, kind) for clip, its in clips if its == kind][:left])
    nearest = sorted(item.distractors, key=lambda placed: abs(placed.offset))
    chosen |= {placed.start: "distractor" for placed in nearest[: places // 3]}
    footage = sorted(clip.start + k for clip, kind in clips if kind == "haystack" for k in range(clip.length))
    wanted = min(places - len(chosen), len(footage))
    chosen |= {footage[(2 * k + 1) * len(footage) // (2 * wanted)]: "haystack" for k in range(wanted)}
    return dict(sorted(chosen.items()))


def read_chosen(folder: DatasetFolder, item: Item) -> dict[int, Rgb]:
    """Those frames, from the item's finished media.

    Raises:
        InputError: the dataset has no media, or they cannot be read.
    """
    wanted = chosen_frames(item)
    videos = distinct_videos(read_plan(folder.plan))
    number = next(video.number for video in videos if video.id == item.video)
    video, frames = folder.video(number, item.video), frame_paths(item.timeline, folder)
    if video.is_file():
        film = open_film(video, "pyav")
    elif (folder.root / frames[0]).is_file():
        film = open_frames([folder.root / name for name in frames], item.timeline.rate)
    else:
        raise InputError(f"{folder.root}: has no media of {item.id} to show; render it with haystack-gen render")
    return {at: frame for at, frame in enumerate(film.frames) if at in wanted}


def draw_strip(item: Item, frames: Mapping[int, Rgb]) -> Image.Image:
    """The picture; `frames` has the RGB array of every frame that `chosen_frames` names."""
    width = _COLUMNS * (_TILE[0] + _GAP) + _GAP
    title, small = ImageFont.load_default(size=18), ImageFont.load_default(size=13)
    question = wrap(item.question, 84)
    options = "   ".join(f"{letter}. {text}" for letter, text in zip(LETTERS, item.options, strict=False))
    answer = wrap(f"{options}   (answer: {item.answer})".strip(), 140)
    head = _GAP + 24 * len(question) + 18 * len(answer) + 8 + 34
    rows = -(-len(frames) // _COLUMNS)
    picture = Image.new("RGB", (width, head + rows * (_TILE[1] + 30) + _GAP), _PAPER)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(question):
        draw.text((_GAP, _GAP + 24 * number), line, _INK, font=title)
    below = _GAP + 24 * len(question)
    for number, line in enumerate(answer):
        draw.text((_GAP, below + 18 * number), line, _FAINT, font=small)
    _draw_ribbon(draw, item, top=below + 18 * len(answer) + 8, width=width)
    for place, (at, kind) in enumerate(chosen_frames(item).items()):
        row, column = divmod(place, _COLUMNS)
        left, top = _GAP + column * (_TILE[0] + _GAP), head + row * (_TILE[1] + 30)
        tile = Image.fromarray(frames[at]).resize(_TILE, Image.Resampling.LANCZOS)
        picture.paste(tile, (left, top))
        draw.rectangle((left - 2, top - 2, left + _TILE[0] + 1, top + _TILE[1] + 1), outline=_COLORS[kind], width=3)
        draw.text((left, top + _TILE[1] + 4), _caption(item, at, kind), _FAINT, font=small)
    return picture


def _caption(item: Item, at: int, kind: str) -> str:
    words = f"frame {at}  " + ("other needle" if kind == "other" else kind)
    if kind == "distractor":
        placed = next(placed for placed in item.distractors if placed.start == at)
        words += f" {placed.offset:+d}" + (f", {placed.lure}" if placed.lure else "")
    elif len(item.needles) > 1:
        words += "".join(f" {placed.needle}" for placed in item.needles if placed.start == at)
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 4]} ..."


def _draw_ribbon(draw: ImageDraw.ImageDraw, item: Item, *, top: int, width: int) -> None:
    scale = (width - 2 * _GAP) / item.timeline.length
    draw.rectangle((_GAP, top, width - _GAP, top + 14), fill="#e7eaee")
    for clip, kind in shown(item):
        if kind == "haystack":
            continue
        left = _GAP + clip.start * scale
        draw.rectangle((left, top, max(left + 3, _GAP + clip.end * scale), top + 14), fill=_COLORS[kind])

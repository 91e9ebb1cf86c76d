"""What is drawn where a spec names no files: a film, a pack of needles, and the blank picture of `blanked` twins."""

from fractions import Fraction
from pathlib import Path

from PIL import Image

from haystack_gen import __version__
from haystack_gen.atomic import atomic_folder
from haystack_gen.cache import Cache
from haystack_gen.facts import BLANK, Source
from haystack_gen.gather.catalog import image_source
from haystack_gen.spec import Spec
from haystack_gen.workspace import content_key, sha256_of

DRAWN = "draw"
DRAWN_FAMILIES = "draw:families"
DRAWN_LICENSE = "CC0-1.0"
DRAWN_NEEDLES = 5
_SLACK = Fraction(3, 2)  # a drawn film outlasts the longest clip, so that windows differ
_GREY = (128, 128, 128)


def drawn_film(spec: Spec, cache: Cache) -> Path:
    """A film drawn from the seed, half as long again as the longest clip."""
    frames = _SLACK * max(spec.grid.lengths)
    seconds = -(-frames / spec.haystack.fps // 1)
    key = content_key("film", __version__, spec.seed, seconds, spec.haystack.fps, spec.haystack.size)
    folder = cache.drawn_folder(key)
    if not folder.is_dir():
        from haystack_gen.draw.films import draw_film

        with atomic_folder(folder) as part:
            draw_film(
                part / f"film-s{spec.seed}.mp4",
                seed=spec.seed,
                seconds=seconds,
                rate=spec.haystack.fps,
                size=spec.haystack.size,
            )
    return folder / f"film-s{spec.seed}.mp4"


def drawn_pack(spec: Spec, cache: Cache) -> Path:
    """A pack drawn from the seed: needles that each ask one thing, or, by name, what all families need."""
    families = spec.needles.pack == DRAWN_FAMILIES
    size, count = spec.haystack.size, spec.needles.count or DRAWN_NEEDLES
    few = () if spec.needles.count is None else (spec.needles.count,)
    key = content_key("pack", __version__, spec.seed, *(("families", *size, *few) if families else (count,)))
    folder = cache.drawn_folder(key)
    if not folder.is_dir():
        from haystack_gen.draw.families import draw_family_pack
        from haystack_gen.draw.pack import draw_pack

        with atomic_folder(folder) as part:
            if families:
                draw_family_pack(part, seed=spec.seed, size=size, count=spec.needles.count)
            else:
                draw_pack(part, seed=spec.seed, count=count)
    return folder


def blank_still(spec: Spec, cache: Cache) -> Source:
    """A plain grey picture of the dataset's frame size."""
    folder = cache.drawn_folder(content_key("blank", *spec.haystack.size))
    file = folder / f"{BLANK}.png"
    if not folder.is_dir():
        with atomic_folder(folder) as part:
            Image.new("RGB", spec.haystack.size, _GREY).save(part / file.name)
    return image_source(file, id=BLANK, sha256=sha256_of(file), license=DRAWN_LICENSE, origin="drawn")

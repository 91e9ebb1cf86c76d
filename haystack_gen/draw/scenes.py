"""A scene: one kind of object, in a color and number, in a place, perhaps with company and a sign."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from PIL import Image

from haystack_gen.draw import places, places_built
from haystack_gen.draw.colors import COLORS
from haystack_gen.draw.kinds import KINDS, Kind
from haystack_gen.draw.light import cast, emboss, vignette
from haystack_gen.draw.paint import SHADED, Color, Pen, lit
from haystack_gen.draw.shapes import box, oval
from haystack_gen.errors import InputError
from haystack_gen.plan.streams import Stream


@dataclass(frozen=True, slots=True)
class Place:
    """A place: the words that put a thing there, what paints it, and whether it is dark."""

    where: str
    paint: Callable[[Pen, Stream, float, float], None]
    dark: bool = False


PLACES = {
    "beach": Place("on the beach", places.beach),
    "desert": Place("in the desert", places.desert),
    "snowfield": Place("in the snow", places.snow),
    "city": Place("in the city", places_built.city, dark=True),
    "meadow": Place("in the meadow", places.meadow),
    "mountains": Place("in the mountains", places.mountains),
    "living room": Place("in the living room", places_built.living_room),
    "seabed": Place("on the seabed", places_built.seabed),
    "moon": Place("on the moon", places_built.moon, dark=True),
}
MOST_OBJECTS = 6  # objects that can be counted at a glance, and told apart in a small picture
_SMOOTHING = 2  # painted this many times larger, then scaled down
_WOOD: Color = (150, 104, 66)
_BOARD: Color = (252, 244, 222)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one picture shows.

    `count` objects of `kind` in `color` (1 to 6; several leave no room for company or a sign), `sign` is the word on
    a signboard or empty, `company` another kind beside them or empty, in `company_color`. `layout` draws the
    composition and `variant` only its accidents: scenes with the same layout look alike.
    """

    kind: str
    color: str
    place: str
    layout: int
    variant: int = 0
    count: int = 1
    sign: str = ""
    company: str = ""
    company_color: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_OBJECTS:
            raise InputError(f"a scene shows 1 to {MOST_OBJECTS} objects, got count = {self.count}")
        if self.count > 1 and (self.sign or self.company):
            raise InputError(f"{self.count} objects leave no room for a sign or company; show one object or neither")
        names = ((self.kind, KINDS), (self.color, COLORS), (self.place, PLACES))
        company = ((self.company, KINDS), (self.company_color, COLORS)) if self.company else ()
        for name, known in (*names, *company):
            if name not in known:
                raise InputError(f"a scene cannot show {name!r}, expected one of: {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where something stands: its middle, its foot, and how wide and tall it may be; `lift` off the ground."""

    x: float
    y: float
    wide: float
    tall: float
    lift: float = 0.0


def draw_scene(scene: Scene, size: tuple[int, int] = (896, 504)) -> Image.Image:
    """Paint a scene, `size` = (width, height) in pixels, made for about 16:9."""
    image = Image.new("RGB", (size[0] * _SMOOTHING, size[1] * _SMOOTHING))
    scale = image.height / 100
    pen, wide = Pen(image, (0, image.height), scale), image.width / scale
    place = PLACES[scene.place]
    place.paint(pen, Stream(scene.layout, "place", scene.variant), wide, 56.0 if scene.count > 3 else 40.0)
    kind = KINDS[scene.kind]
    spots, sides = _spots(scene, wide)
    if scene.company:
        beside = KINDS[scene.company]
        spot = replace(sides.pop(), lift=22.0 if beside.airborne else 0.0)
        _stand(pen, beside, scene.company_color, spot, dark=place.dark)
    if scene.sign:
        _cut_out(pen, partial(_signboard, word=scene.sign.upper()), (52.0, 44.0), sides.pop(), dark=place.dark)
    for spot in spots:
        _stand(pen, kind, scene.color, spot, dark=place.dark)
    image = image.resize(size, Image.Resampling.LANCZOS)
    edges = vignette().resize(size, Image.Resampling.BILINEAR)
    image.paste((20, 14, 50), (0, 0), edges)
    return image


def _spots(scene: Scene, wide: float) -> tuple[list[_Spot], list[_Spot]]:
    """Where the objects go, and where what stands beside them goes."""
    stream = Stream(scene.layout, "spots", scene.variant)
    mirrored = Stream(scene.layout, "side").chance(0.5)
    lift = 13.0 if KINDS[scene.kind].airborne else 0.0
    jitter = stream.between(-0.02, 0.02)
    extras = bool(scene.company) + bool(scene.sign)
    if scene.count > 1:
        return _rows(scene.count, stream, wide, lift), []
    if extras == 0:
        return [_Spot(wide * (0.5 + 5 * jitter), stream.between(7, 10), wide * 0.6, 78 - lift, lift)], []
    if extras == 2:
        sides = [_Spot(wide * x, stream.between(8, 12), wide * 0.24, 44) for x in (0.14, 0.86)]
        key = _Spot(wide * (0.5 + jitter), stream.between(6, 9), wide * 0.44, 74 - lift, lift)
        return [key], sides if mirrored else sides[::-1]
    x = 0.36 + jitter
    key = _Spot(wide * (1 - x if mirrored else x), stream.between(6, 9), wide * 0.52, 76 - lift, lift)
    return [key], [_Spot(wide * (0.18 if mirrored else 0.82), stream.between(8, 12), wide * 0.29, 48)]


def _rows(count: int, stream: Stream, wide: float, lift: float) -> list[_Spot]:
    """Up to three in one row; more in two, the farther one first so that the nearer is painted over it."""
    rows = [count] if count <= 3 else [count // 2, count - count // 2]
    single = len(rows) == 1
    places: list[_Spot] = []
    for row, number in enumerate(rows):
        foot, tall = (12.0, 62.0 if number == 2 else 50.0) if single else ((45.0, 41.0), (4.0, 36.0))[row]
        for index in range(number):
            x = wide * (index + 0.5) / number + stream.between(-0.015, 0.015) * wide
            rise = lift * (stream.between(0.6, 1.4) if single else 0.1)
            places.append(_Spot(x, foot + stream.between(-2.0, 2.0), wide / number * 0.84, tall, rise))
    return places


def _stand(pen: Pen, kind: Kind, color: str, spot: _Spot, *, dark: bool) -> None:
    _cut_out(pen, lambda sheet: kind.draw(sheet, COLORS[color]), (kind.wide, kind.tall), spot, dark=dark)


def _cut_out(pen: Pen, paint: Callable[[Pen], None], size: tuple[float, float], spot: _Spot, *, dark: bool) -> None:
    """Paint something of `size` on a sheet of its own, round its edges, and lay it down over its shadow."""
    wide, tall = size
    unit = pen.scale * min(spot.wide / wide, spot.tall / tall)
    margin = round(8 * unit)
    sheet = Image.new("RGBA", (round(wide * unit) + 2 * margin, round(tall * unit) + 2 * margin))
    paint(Pen(sheet, (sheet.width / 2, sheet.height - margin), unit))
    emboss(sheet, 1.1 * pen.scale)
    if not spot.lift:
        pen.shadow(oval(spot.x + 1, spot.y - 0.3, wide * unit / pen.scale * 0.46, 2.2), blur=1.4, alpha=0.42)
    foot = pen.pixel((spot.x, spot.y + spot.lift))
    corner = (round(foot[0]) - sheet.width // 2, round(foot[1]) - sheet.height + margin)
    # On dark ground a shadow does not show: a pale halo sets the object off instead.
    tone, alpha, shift = ((226, 222, 255), 0.5, 0.0) if dark else (SHADED, 0.4, 1.2)
    cast(pen.image, sheet, corner, blur=1.8 * pen.scale, shift=shift * pen.scale, color=tone, alpha=alpha)
    pen.image.paste(sheet, corner, sheet)


def _signboard(pen: Pen, word: str) -> None:
    """A word on a board that two posts carry."""
    for x in (-17, 17):
        pen.fill(box(x - 1.6, 0, x + 1.6, 42, radius=1), _WOOD, form="tube")
    pen.fill(box(-26, 16, 26, 38, radius=2.5), lit(_WOOD, -0.12))
    pen.fill(box(-24, 18, 24, 36, radius=1.5), _BOARD)
    pen.text(0, 26.8, word, height=14, width=43, color=(66, 40, 40))

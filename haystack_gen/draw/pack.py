"""Drawn needles: what each asks, what each shows, and the lures that go with it; written as an ordinary pack."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import yaml

from haystack_gen.atomic import refusals_explained
from haystack_gen.draw.colors import CONFUSABLE
from haystack_gen.draw.kinds import BYSTANDERS, KEYS, KINDS, Kind
from haystack_gen.draw.scenes import PLACES, Scene, draw_scene
from haystack_gen.errors import InputError
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import package_folder, slug

ATTRIBUTES = ("color", "count", "sign", "place", "company")
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
WORDS = (
    *("apple", "bread", "candy", "dance", "eagle", "flame", "grape", "honey", "jelly", "lemon", "magic", "music"),
    *("ocean", "olive", "pearl", "piano", "pizza", "queen", "river", "robot", "salad", "storm", "sugar", "tiger"),
)
MOST = len(KEYS) * len(PLACES)  # needles in a pack: no kind is the key twice in one place


@dataclass(frozen=True, slots=True, kw_only=True)
class Lure:
    """A scene like a needle's in which the key is missing and something else shows the wrong `option`."""

    option: str
    scene: Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnNeedle:
    """What a needle asks and shows, before anything is painted; `lures` go with the wrong options, one each."""

    id: str
    key: str
    attribute: str
    value: str
    question: str
    options: tuple[str, ...]
    scene: Scene
    lures: tuple[Lure, ...]


def draw_pack(folder: Path, *, seed: int, count: int, size: tuple[int, int] = (896, 504)) -> None:
    """Paint `count` needles of `size` (width, height) and their lures into an existing folder, and list them.

    The list, `needles.jsonl`, is the ordinary format of a pack. `plan_needle` says what each needle depends on.

    Raises:
        InputError: `count` is not in [1, MOST].
        StorageError: the file system refused.
    """
    rows = []
    for needle in [plan_needle(seed, index, count=count) for index in range(_checked(count))]:
        images = [f"{needle.id}.png", *(f"{needle.id}-lure-{n + 1}.png" for n in range(len(needle.lures)))]
        scenes = [needle.scene, *(lure.scene for lure in needle.lures)]
        for image, scene in zip(images, scenes, strict=True):
            save_scene(folder / image, scene, size)
        rows.append(_row(needle, images))
    save_list(folder, rows)


def save_scene(path: Path, scene: Scene, size: tuple[int, int]) -> None:
    """Paint a scene of `size` (width, height) into a PNG.

    Raises:
        StorageError: the file system refused.
    """
    with refusals_explained(path):  # level 3: half the time of level 6, a sixth more bytes
        draw_scene(scene, size).save(path, compress_level=3)


def save_list(folder: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write the rows of a pack as its `needles.jsonl`.

    Raises:
        StorageError: the file system refused.
    """
    with refusals_explained(folder):
        (folder / "needles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _checked(count: int) -> int:
    if not 1 <= count <= MOST:
        raise InputError(f"count ({count}) must be in [1, {MOST}]: beyond, keys would repeat; draw two packs instead")
    return count


def _row(needle: DrawnNeedle, images: Sequence[str]) -> dict[str, object]:
    lures = zip(images[1:], needle.lures, strict=True)
    return {
        "id": needle.id,
        "image": images[0],
        "key": needle.key,
        "attribute": needle.attribute,
        "value": needle.value,
        "question": needle.question,
        "options": list(needle.options),
        "answer": needle.value,
        "distractors": [{"image": image, "lure": lure.option} for image, lure in lures],
        "license": "CC0-1.0",
    }


def plan_needle(seed: int, index: int, *, count: int = 1) -> DrawnNeedle:
    """The needle at `index` of a pack of `count`; the pack's size matters only beyond one needle of each kind.

    Each kind is the key once before any returns. In a pack where some return, every key also says where
    ("the lighthouse in the desert"), no kind is twice in one place, and no needle asks for the place.

    Raises:
        InputError: the pack is larger than there are kinds and places, or empty.
    """
    total = _checked(max(count, index + 1))
    turn, position = divmod(index, len(KEYS))
    kind = KINDS[Stream(seed, "draw", "kinds", turn).shuffled(KEYS)[position]]
    stream = Stream(seed, "draw", "needle", index)
    qualified = total > len(KEYS)
    # Every five needles in a row ask about five different attributes.
    block, step = divmod(index, len(ATTRIBUTES))
    attribute = Stream(seed, "draw", "attributes", block).shuffled(ATTRIBUTES)[step]
    if qualified and attribute == "place":  # the key gives the place away
        attribute = stream.child("attribute").choice([name for name in ATTRIBUTES if name != "place"])
    place = Stream(seed, "draw", "places", kind.name).shuffled(list(PLACES))[turn]
    scene = _scene(stream.child("scene"), kind, attribute, place)
    value = _shown(scene, attribute)
    options = _options(stream.child("options"), value, _pool(scene, attribute))
    noun = kind.plural if attribute == "count" else kind.name
    key = f"the {noun} {PLACES[place].where}" if qualified else f"the {noun}"
    wording = stream.child("wording").choice(_wordings()[attribute])
    return DrawnNeedle(
        id=slug(f"{kind.name} {place}" if qualified else kind.name),
        key=key,
        attribute=attribute,
        value=value,
        question=wording.format(key=key, plural=kind.plural, is_colored=kind.is_colored),
        options=options,
        scene=scene,
        lures=_lures(stream.child("lures"), scene, attribute, [option for option in options if option != value]),
    )


@lru_cache(maxsize=1)
def _wordings() -> dict[str, list[str]]:
    text = (package_folder("templates") / "questions" / "drawn.yaml").read_text(encoding="utf-8")
    wordings: dict[str, list[str]] = yaml.safe_load(text)
    return wordings


def _scene(stream: Stream, kind: Kind, attribute: str, place: str) -> Scene:
    """What is asked about is there; of the rest, some, but no sign beside company that is asked about."""
    company, sign, count = "", "", 1
    if attribute == "count":
        count = stream.child("count").choice(list(NUMBERS.values()))
    elif attribute == "company" or stream.child("has company").chance(0.4):
        company = stream.child("company").choice(BYSTANDERS)
    if attribute == "sign" or (attribute in ("color", "place") and stream.child("has sign").chance(0.3)):
        sign = stream.child("sign").choice(WORDS)
    return Scene(
        kind=kind.name,
        color=stream.child("color").choice(kind.colors),
        place=place,
        layout=stream.child("layout").word(),
        count=count,
        sign=sign,
        company=company,
        company_color=stream.child("company color").choice(KINDS[company].colors) if company else "",
    )


def _shown(scene: Scene, attribute: str) -> str:
    """The value of an attribute in a scene, as an answer says it."""
    if attribute == "count":
        return next(word for word, number in NUMBERS.items() if number == scene.count)
    shown: str = getattr(scene, attribute)
    return shown


def _pool(scene: Scene, attribute: str) -> Sequence[str]:
    """What could stand in the options beside the value shown."""
    pools: dict[str, Sequence[str]] = {
        "color": KINDS[scene.kind].colors,
        "count": tuple(NUMBERS),
        "sign": WORDS,
        "place": tuple(PLACES),
        "company": BYSTANDERS,
    }
    return pools[attribute]


def _options(stream: Stream, value: str, pool: Sequence[str]) -> tuple[str, ...]:
    """The value and three wrong ones in random order.

    No two are hard to tell apart, so that the value does not give itself away as the one unlike all others, and none
    is part of another.
    """
    others = stream.shuffled([other for other in pool if other != value])
    chosen = next(four for wrong in combinations(others, 3) if _apart(four := (value, *wrong)))
    return tuple(stream.shuffled(chosen))


def _apart(options: Sequence[str]) -> bool:
    pairs = combinations(options, 2)
    return all(
        frozenset(pair) not in CONFUSABLE and pair[0] not in pair[1] and pair[1] not in pair[0] for pair in pairs
    )


def _lures(stream: Stream, scene: Scene, attribute: str, wrong: Sequence[str]) -> tuple[Lure, ...]:
    """One scene for each wrong option, with a bystander in the place of the key."""
    lures: list[Lure] = []
    for number, option in enumerate(wrong, 1):
        taken = {scene.company, *wrong, _shown(scene, attribute)}
        wanted = option if attribute == "color" else ""
        seen = {lure.scene.kind for lure in lures}
        free = [KINDS[name] for name in BYSTANDERS if name not in taken]
        free = [kind for kind in free if not wanted or wanted in kind.colors]
        impostor = _impostor(stream.child("impostor", number), KINDS[scene.kind], free, seen)
        kept = scene.color if scene.color in impostor.colors else ""
        color = wanted or kept or stream.child("color", number).choice(impostor.colors)
        lure = replace(scene, kind=impostor.name, color=color, variant=number)
        if attribute == "company":
            colors = KINDS[option].colors
            tint = scene.company_color if scene.company_color in colors else colors[0]
            lure = replace(lure, company=option, company_color=tint)
        elif attribute == "count":
            lure = replace(lure, count=NUMBERS[option])
        elif attribute == "sign":
            lure = replace(lure, sign=option)
        elif attribute == "place":
            lure = replace(lure, place=option)
        lures.append(Lure(option=option, scene=lure))
    return tuple(lures)


def _impostor(stream: Stream, key: Kind, free: Sequence[Kind], seen: set[str]) -> Kind:
    """A bystander to stand for the key: of its family if any is free, a new one if possible; or else as airborne."""
    family = [kind for kind in free if kind.family == key.family]
    fresh = [kind for kind in family if kind.name not in seen]
    alike = [kind for kind in free if kind.airborne == key.airborne]
    return stream.choice(fresh or family or alike or free)

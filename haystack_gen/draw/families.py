"""A drawn pack that feeds every family of questions, written as an ordinary pack.

Each attribute is a full cross: every key with every value, once. So whichever needles are drawn, a value is the answer
as often as any other, and nothing can be guessed from the question. Questions and options are left to the planner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from haystack_gen.draw.kinds import BYSTANDERS, KEYS, KINDS
from haystack_gen.draw.pack import WORDS, save_list, save_scene
from haystack_gen.draw.scenes import PLACES, Scene
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import slug

FAMILY_ATTRIBUTES = ("clue", "number", "place", "sign", "company")
_BEST_OF_FEW = ("place", "company", "sign", "number", "clue")  # places are told apart in the smallest pictures
FAMILY_NUMBERS = ("1", "2", "3", "4")
KEYS_EACH = 6  # and as many values; a clue's keys are its values too, but no key names itself, so it has one more
# Names that a sign can bear: a longer one shrinks on the board, and videos are often shown smaller still.
_SIGNABLE = tuple(kind for kind in KEYS if kind.isalpha() and len(kind) <= 6)
# Values that a careless eye could take for each other: no attribute has both.
LOOKALIKES = frozenset(
    frozenset(pair)
    for pair in (("snowfield", "mountains"), ("city", "moon"), ("drum", "barrel"), ("mailbox", "gift box"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Impostor:
    """A scene like the needles' of one attribute that shows `value`, with a bystander in the place of the key."""

    id: str
    value: str
    scene: Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyNeedle:
    """A fact and the scene that shows it, before anything is painted.

    `lures` are the impostors of the attribute that show another value that the key might have; needles share them.
    """

    id: str
    key: str
    attribute: str
    value: str
    scene: Scene
    lures: tuple[Impostor, ...]


def draw_family_pack(folder: Path, *, seed: int, size: tuple[int, int] = (448, 252), count: int | None = None) -> None:
    """Paint the needles of `plan_families` and their lures, of `size` (width, height), into an existing folder.

    The list, `needles.jsonl`, is the ordinary format of a pack, without questions. With a `count`, only so many are
    painted, and of their lures only what they need: see `plan_few`.

    Raises:
        StorageError: the file system refused.
    """
    needles = plan_families(seed) if count is None else plan_few(seed, count)
    scenes = {needle.id: needle.scene for needle in needles}
    scenes |= {lure.id: lure.scene for needle in needles for lure in needle.lures}
    for name, scene in scenes.items():
        save_scene(folder / f"{name}.png", scene, size)
    save_list(folder, [_row(needle) for needle in needles])


def _row(needle: FamilyNeedle) -> dict[str, object]:
    return {
        "id": needle.id,
        "image": f"{needle.id}.png",
        "key": needle.key,
        "attribute": needle.attribute,
        "value": needle.value,
        "count": needle.scene.count,
        "distractors": [{"image": f"{lure.id}.png", "lure": lure.value} for lure in needle.lures],
        "license": "CC0-1.0",
    }


def plan_families(seed: int) -> tuple[FamilyNeedle, ...]:
    """All needles of the pack of a seed, by attribute, then key, then value.

    - "sign": the word on the sign beside the key
    - "place": where the key is
    - "company": what stands beside the key
    - "number": how many of the key there are, in digits
    - "clue": the name, on the sign beside the key, of another key that has such a sign too

    A key has one attribute only, so that no other needle shows it; kinds suffice for all but a few of the keys of
    "company", which are keys of "sign" too.
    """
    stream = Stream(seed, "draw families")
    keys = _keys(stream.child("keys"))
    needles: list[FamilyNeedle] = []
    for attribute in FAMILY_ATTRIBUTES:
        values = _values(stream.child("values", attribute), attribute, keys)
        impostors = _impostors(stream.child("impostors", attribute), attribute, values)
        for kind in keys[attribute]:
            own = stream.child("needles", attribute, kind)
            needles += _needles(own, kind, attribute, [value for value in values if value != kind], impostors)
    return tuple(needles)


def plan_few(seed: int, count: int) -> tuple[FamilyNeedle, ...]:
    """The first `count` needles of the pack, all if it has fewer, in an order in which a few go a long way.

    Attribute by attribute, each key comes once before any comes again, and so does each value: the cross is read along
    its diagonals. Each needle keeps two lures, one for either side of it.
    """
    crosses: dict[str, dict[str, list[FamilyNeedle]]] = {attribute: {} for attribute in _BEST_OF_FEW}
    for needle in plan_families(seed):
        crosses[needle.attribute].setdefault(needle.key, []).append(needle)
    diagonals = (
        row[(turn + place) % len(row)]
        for cross in crosses.values()
        for turn in range(max(map(len, cross.values())))
        for place, row in enumerate(cross.values())
    )
    return tuple(replace(needle, lures=needle.lures[:2]) for needle in islice(diagonals, count))


def _keys(stream: Stream) -> dict[str, tuple[str, ...]]:
    """The kinds that are keys of each attribute."""
    keys = {"clue": _distinct(stream.child("clue").shuffled(_SIGNABLE), KEYS_EACH + 1)}
    for attribute in FAMILY_ATTRIBUTES[1:]:
        taken = {kind for kinds in keys.values() for kind in kinds}
        free = [kind for kind in KEYS if kind not in taken]
        # One key may well have a sign in one scene and company in another: neither answers for the other.
        spare = keys["sign"] if attribute == "company" else ()
        keys[attribute] = _distinct([*stream.child(attribute).shuffled(free), *spare], KEYS_EACH)
    return keys


def _values(stream: Stream, attribute: str, keys: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if attribute == "clue":
        return keys["clue"]
    if attribute == "number":
        return FAMILY_NUMBERS
    pools: dict[str, Sequence[str]] = {"place": tuple(PLACES), "sign": WORDS, "company": BYSTANDERS}
    return _distinct(stream.shuffled(pools[attribute]), KEYS_EACH)


def _distinct(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The first `count` names of which no two could be taken for each other."""
    chosen: list[str] = []
    for name in names:
        if len(chosen) < count and not any(_alike(name, other) for other in chosen):
            chosen.append(name)
    return tuple(chosen)


def _alike(one: str, other: str) -> bool:
    """Whether one is part of the other, or reads like it (fewer than three letters differ), or looks like it."""
    if one in other or other in one or frozenset((one, other)) in LOOKALIKES:
        return True
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) < 3


def _needles(
    stream: Stream, kind: str, attribute: str, values: Sequence[str], impostors: Sequence[Impostor]
) -> list[FamilyNeedle]:
    """The needles of one key, one for each value."""
    return [
        FamilyNeedle(
            id=_name(kind, attribute, value),
            key=f"the {kind}",
            attribute=attribute,
            value=value,
            scene=scene,
            lures=tuple(impostor for impostor in impostors if impostor.value in values and impostor.value != value),
        )
        for value, scene in zip(values, _scenes(stream, [(kind, value) for value in values], attribute), strict=True)
    ]


def _impostors(stream: Stream, attribute: str, values: Sequence[str]) -> list[Impostor]:
    """One impostor for each value, two for each of the few numbers; each another bystander, and none itself a value."""
    shown = [value for value in values for _ in range(2 if attribute == "number" else 1)]
    free = [kind for kind in BYSTANDERS if kind not in values]
    pairs = list(zip(stream.child("kinds").sample(free, len(shown)), shown, strict=True))
    return [
        Impostor(id=f"lure-{_name(kind, attribute, value)}", value=value, scene=scene)
        for (kind, value), scene in zip(pairs, _scenes(stream, pairs, attribute), strict=True)
    ]


def _name(kind: str, attribute: str, value: str) -> str:
    return slug(f"{kind} {attribute} {value}")


def _scenes(stream: Stream, pairs: Sequence[tuple[str, str]], attribute: str) -> list[Scene]:
    """A scene for each kind and value, no two in one place, so that scenes of one key are not mixed up."""
    places = [value for _, value in pairs] if attribute == "place" else stream.child("places").shuffled(list(PLACES))
    return [
        _scene(stream.child(kind, value), kind, attribute, value, place)
        for (kind, value), place in zip(pairs, places, strict=False)
    ]


def _scene(stream: Stream, kind: str, attribute: str, value: str, place: str) -> Scene:
    """What is asked about is there and nothing else beside the kind; all else is drawn whatever the value is."""
    company = value if attribute == "company" else ""
    return Scene(
        kind=kind,
        color=stream.child("color").choice(KINDS[kind].colors),
        place=place,
        layout=stream.child("layout").word(),
        count=int(value) if attribute == "number" else 1,
        sign=value if attribute in ("sign", "clue") else "",
        company=company,
        company_color=stream.child("company color").choice(KINDS[company].colors) if company else "",
    )

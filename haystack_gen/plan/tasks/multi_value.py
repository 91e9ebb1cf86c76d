"""Multi-value: needles that share a key, each with its own value; or, turned, a value, each with its own key.

Options are sets of one size. Either all have a common core and each one member more, or each takes one of two pairs
beside the core: so the truth differs from the others by one or two members, and nothing tells it from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import ABSENT, apart
from haystack_gen.plan.draws import Draw, Open, Question
from haystack_gen.plan.places import places
from haystack_gen.plan.pools import alike, bare
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import shots_at

_TRIES = 32
_SPELLED_OUT = 4  # sets up to this size have every order among their accepted answers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Needles of one attribute that share a key (`values` are asked) or a value (`keys` are asked).

    `members` are what differs among them, `universe` what differs among all needles of the attribute.
    """

    variant: str
    attribute: str
    shared: str
    members: dict[str, list[Needle]]
    universe: tuple[str, ...]


class MultiValue:
    """Draws all needles of one key and some others, or all of one value; the set of what differs is asked."""

    def __init__(self, setting: Setting) -> None:
        """Find the groups with enough members for a set and its wrong ones.

        Raises:
            InputError: the pack has none.
        """
        self._setting, self._rules = setting, setting.spec.families.multi_value
        self._sets = setting.spec.choices.count - setting.spec.choices.absent
        least, most = self._rules.needles[0], self._rules.needles[0] + self._sets - 1
        self._groups = [
            group
            for group in _groups(setting)
            if self._rules.ask in (group.variant, "both")
            and len(group.members) >= least
            and len(group.universe) >= most
        ]
        if not self._groups:
            raise InputError(
                f"{setting.spec.needles.pack}: multi_value needs {least} needles that share a key or a value, and "
                f"{most} values or keys of their attribute in all, the pack has none; add needles, lower "
                "families.multi_value.needles or choices.count, or use the pack draw:families"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """Needles of a group, others that show a wrong member, and the question about the group."""
        group, sets = self._choose(stream)
        needles = [stream.child("picture", member).choice(group.members[member]) for member in sets[0]]
        needles += self._others(group, sets, needles, stream)
        sites = places(self._setting, cell, len(needles), stream)
        order = stream.child("order").shuffled(range(len(needles)))
        asked = frozenset(place for place, number in enumerate(order) if number < len(sets[0]))
        shots = shots_at([needles[number] for number in order], sites)
        forbidden = group.shared if group.variant == "keys" else ""
        questions = (self._question(cell, group, sets, asked, stream),)
        return Draw(shots=shots, questions=questions, forbidden=forbidden)

    def _choose(self, stream: Stream) -> tuple[_Group, list[tuple[str, ...]]]:
        """A group, and option sets of which the first is true."""
        low, high = self._rules.needles
        for attempt in range(_TRIES):
            tried = stream.child("try", attempt)
            group = tried.child("group").choice(self._groups)
            size = low + tried.child("size").below(high - low + 1)
            sets = _option_sets(group, size, self._sets, tried)
            members = dict.fromkeys(member for one in sets for member in one)
            told = not any(alike(bare(one), bare(other)) for one, other in combinations(members, 2))
            if sets and told and apart([", ".join(one) for one in sets]):
                return group, sets
        raise Obstacle(
            f"found no {self._sets} sets of {low} to {high} values that are told apart; add needles that share a key "
            "or a value, or lower families.multi_value.needles"
        )

    def _others(
        self, group: _Group, sets: Sequence[tuple[str, ...]], needles: Sequence[Needle], stream: Stream
    ) -> list[Needle]:
        """Needles outside the group that show what a wrong option says of it."""
        pools, count = self._setting.pools, self._rules.others
        if not count:
            return []
        wrong = {member for one in sets[1:] for member in one} - set(sets[0])
        found = pools.attributes[group.attribute]
        if group.variant == "values":
            pool = [needle for needle in found if needle.value in wrong]
            return pools.strangers(stream.child("others"), pool, count=count, keys={group.shared})
        pool = [needle for needle in found if needle.value != group.shared and needle.key in wrong]
        keys = {pools.key_of[needle.id] for needle in needles}
        return pools.strangers(stream.child("others"), pool, count=count, keys=keys)

    def _question(
        self, cell: Cell, group: _Group, sets: Sequence[tuple[str, ...]], asked: frozenset[int], stream: Stream
    ) -> Question:
        setting, absent = self._setting, self._setting.spec.choices.absent
        options = tuple(", ".join(one) for one in sets) + ((ABSENT,) if absent else ())
        hidden = absent and setting.hides(cell, options=len(options))
        name = setting.pools.names[group.shared] if group.variant == "values" else group.shared
        orders = permutations(sets[0]) if len(sets[0]) <= _SPELLED_OUT else ()
        text = paraphrase(
            setting, "multi_value", group.variant, stream, key=name, value=name, attribute=group.attribute
        )
        return Question(
            text=text,
            asked=asked,
            answer=ABSENT if hidden else options[0],
            options=options,
            open=Open(answer=options[0], form="set", accepted=tuple(", ".join(order) for order in orders)),
            variant=group.variant,
            hidden=hidden,
        )


def _groups(setting: Setting) -> Iterator[_Group]:
    pools = setting.pools
    for (attribute, key), found in pools.shared_key.items():
        members: dict[str, list[Needle]] = {}
        for needle in found:
            members.setdefault(needle.value, []).append(needle)
        universe = tuple(value for value in pools.values[attribute] if bare(value) != key)
        yield _Group(variant="values", attribute=attribute, shared=key, members=members, universe=universe)
    for (attribute, value), found in pools.valued.items():
        members = {}
        for needle in found:
            members.setdefault(pools.names[pools.key_of[needle.id]], []).append(needle)
        keys = dict.fromkeys(pools.key_of[needle.id] for needle in pools.attributes[attribute])
        names = [pools.names[key] for key in keys if key != bare(value)]
        yield _Group(variant="keys", attribute=attribute, shared=value, members=members, universe=tuple(names))


def _option_sets(group: _Group, size: int, count: int, stream: Stream) -> list[tuple[str, ...]]:
    """`count` sets of `size`, each in alphabetical order, the true one first; none if the group is too small."""
    pairs = count == 4 and size >= 2 and stream.child("scheme").chance(0.5)
    if pairs:
        sets = _by_pairs(group, size, stream)
        if sets:
            return sets
    members, core = list(group.members), size - 1
    if len(members) < size or len(group.universe) < core + count:
        return []
    shown = stream.child("members").sample(members, size)
    rest = [member for member in group.universe if member not in shown]
    extras = [shown[-1], *stream.child("extras").sample(rest, count - 1)]
    return [tuple(sorted((*shown[:core], extra))) for extra in extras]


def _by_pairs(group: _Group, size: int, stream: Stream) -> list[tuple[str, ...]]:
    """Four sets: a core, and one of {a, b}, and one of {c, d}; what is true is a and c."""
    if len(group.members) < size or len(group.universe) < size + 2:
        return []
    *core, a, c = stream.child("members").sample(list(group.members), size)
    b, d = stream.child("extras").sample([one for one in group.universe if one not in (*core, a, c)], 2)
    return [tuple(sorted((*core, one, other))) for one, other in product((a, b), (c, d))]

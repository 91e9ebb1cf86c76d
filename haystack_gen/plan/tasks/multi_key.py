"""Multi-key: needles with different keys and one attribute; the question names one key, the others are hard negatives.

The values in the options are drawn first, then which of them is true: as many of the others as there is room for are
shown too, each with a key of its own.
"""

from collections.abc import Sequence

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.choices import ABSENT, some_apart
from haystack_gen.plan.draws import Draw
from haystack_gen.plan.places import places
from haystack_gen.plan.pools import Pools, bare
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import question_of, shots_at

_TRIES = 16


class MultiKey:
    """Draws needles of one attribute, one of them asked about."""

    def __init__(self, setting: Setting) -> None:
        """Find the attributes with enough keys and values.

        Raises:
            InputError: the pack has none.
        """
        self._setting, choices = setting, setting.spec.choices
        self._count, self._options = setting.spec.families.multi_key.needles, choices.count - choices.absent
        pools = setting.pools
        self._attributes = [
            attribute
            for attribute, needles in pools.attributes.items()
            if len(pools.values[attribute]) >= max(2, self._options)
            and len({pools.key_of[needle.id] for needle in needles}) >= self._count
        ]
        if not self._attributes:
            raise InputError(
                f"{setting.spec.needles.pack}: multi_key needs an attribute with {self._count} keys and "
                f"{self._options} values, the pack has none; add needles (key, attribute, value), lower "
                "families.multi_key.needles or choices.count, or use the pack draw:families"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """The values of the options, needles that show them, and the question about the first."""
        setting, absent = self._setting, self._setting.spec.choices.absent
        values, needles = self._choose(stream)
        sites = places(setting, cell, self._count, stream)
        order = stream.child("order").shuffled(range(self._count))
        options = (*values, ABSENT) if absent else tuple(values)
        question = question_of(setting, cell, needles[0], stream, place=order.index(0), options=options)
        return Draw(shots=shots_at([needles[number] for number in order], sites), questions=(question,))

    def _choose(self, stream: Stream) -> tuple[list[str], list[Needle]]:
        pools = self._setting.pools
        for attempt in range(_TRIES):
            tried = stream.child("try", attempt)
            attribute = tried.child("attribute").choice(self._attributes)
            values = some_apart(tried.child("values"), pools.values[attribute], self._options)
            needles = values and _needles(pools, attribute, values, self._count, tried)
            # a value that names the asked key is never right, so it may not be offered either
            if values and needles and pools.key_of[needles[0].id] not in map(bare, values):
                return values, needles
        raise Obstacle(
            f"found no {self._count} needles of one attribute whose keys differ, with {self._options} values that are "
            "told apart; add needles or lower families.multi_key.needles"
        )


def _needles(pools: Pools, attribute: str, values: Sequence[str], count: int, stream: Stream) -> list[Needle]:
    """The asked needle, which has the first value, then others whose values are options, then any others; or none."""
    chosen: list[Needle] = []
    keys: set[str] = set()
    for number, value in enumerate(values[:count]):
        found = pools.strangers(stream.child("needle", number), pools.valued[attribute, value], count=1, keys=keys)
        chosen += found
        keys |= {pools.key_of[needle.id] for needle in found}
    if not chosen or chosen[0].value != values[0]:
        return []
    pool = (
        [needle for needle in pools.attributes[attribute] if needle.value != values[0]] if len(chosen) < count else []
    )
    chosen += pools.strangers(stream.child("more"), pool, count=count - len(chosen), keys=keys)
    return chosen if len(chosen) == count else []

"""Ordering: in what order needles with different keys appear, or what comes first, last, right before or after.

What is shown is drawn apart from how it is asked: the keys are named in an order of their own, and all orders in the
options are as likely to be the one shown.
"""

from collections.abc import Sequence
from math import factorial

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import ABSENT, apart
from haystack_gen.plan.draws import Draw, Open, Question
from haystack_gen.plan.places import places, some_places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.multi_query import need_keys
from haystack_gen.plan.tasks.retrieval import shots_at

_TRIES = 32


class Ordering:
    """Draws needles with different keys, and a question about their order."""

    def __init__(self, setting: Setting) -> None:
        """Check that there are enough keys and enough orders.

        Raises:
            InputError: the pack has too few keys, or so few needles have fewer orders than there are options.
        """
        self._setting, self._rules = setting, setting.spec.families.ordering
        self._count = setting.spec.choices.count - setting.spec.choices.absent
        low, high = self._rules.needles
        need_keys(setting, "ordering", max(high, self._count + 1), pool=setting.pools.plain)
        if low < 2 or high > 6:
            raise InputError(f"families.ordering.needles is {low}:{high}, expected between 2 and 6")
        if "order" in self._rules.ask and factorial(low) + (low if self._rules.only else 0) < self._count:
            raise InputError(
                f"families.ordering.needles is {low}:{high}: {low} needles have {factorial(low)} orders, and "
                f"{self._count} are needed for the options; raise it, set families.ordering.only to true, or lower "
                "choices.count"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """Needles in random order, and one of the questions the spec has."""
        low, high = self._rules.needles
        count = low + stream.child("size").below(high - low + 1)
        needles = self._needles(max(count, self._count + 1), stream)
        variant = stream.child("variant").choice(self._rules.ask)
        shown, spare = needles[:count], needles[count:]
        hidden = self._hidden(cell)
        if variant == "order":
            return self._order(cell, shown, hidden, stream)
        return self._neighbour(cell, variant, shown, spare, hidden, stream)

    def _needles(self, count: int, stream: Stream) -> list[Needle]:
        """Needles whose keys are told apart, also as texts."""
        pools = self._setting.pools
        for attempt in range(_TRIES):
            found = pools.strangers(stream.child("needles", attempt), pools.plain, count=count, keys=set())
            if len(found) == count and apart([needle.key for needle in found]):
                return found
        raise Obstacle(f"found no {count} needles whose keys are told apart; add needles with other keys")

    def _hidden(self, cell: Cell) -> bool:
        choices = self._setting.spec.choices
        return choices.absent and self._setting.hides(cell, options=choices.count)

    def _order(self, cell: Cell, needles: Sequence[Needle], hidden: bool, stream: Stream) -> Draw:
        """Which order: different orders, and if asked "only ...", of which the first drawn is the one shown."""
        orders = self._orders(len(needles), stream.child("orders"))
        options = tuple(_said([needles[place] for place in order]) for order in orders)
        if not apart(options):
            raise Obstacle(f"orders of {len(needles)} needles are not told apart: {list(options)}")
        shown = [needles[place] for place in orders[0]]
        sites = some_places(self._setting, cell, len(shown), len(needles), stream)
        named = stream.child("named").shuffled(needles)
        question = Question(
            text=paraphrase(self._setting, "ordering", "order", stream, keys=_joined(named)),
            asked=frozenset(range(len(shown))),
            answer=ABSENT if hidden else options[0],
            options=self._with_absent(options),
            open=Open(answer=options[0], form="order"),
            variant="order",
            hidden=hidden,
        )
        shots, keys = shots_at(shown, sites), self._named(needles)
        return Draw(shots=shots, questions=(question,), named=keys, lenient=self._rules.only)

    def _orders(self, count: int, stream: Stream) -> list[tuple[int, ...]]:
        """Different orders of `count` needles, each an order of all or, if asked, a single one."""
        single = self._rules.only and (self._count > factorial(count) or stream.child("only").chance(0.5))
        alone = max(1, self._count - factorial(count)) if single else 0
        orders: list[tuple[int, ...]] = [(place,) for place in stream.child("alone").sample(range(count), alone)]
        while len(orders) < self._count:
            order = tuple(stream.child("order", len(orders)).shuffled(range(count)))
            tries = 0
            while order in orders:
                tries += 1
                order = tuple(stream.child("order", len(orders), tries).shuffled(range(count)))
            orders.append(order)
        return stream.child("true").shuffled(orders)

    def _neighbour(
        self,
        cell: Cell,
        variant: str,
        shown: Sequence[Needle],
        spare: Sequence[Needle],
        hidden: bool,
        stream: Stream,
    ) -> Draw:
        """What comes first or last of all, or right before or after one: the others shown, and some not shown."""
        place = stream.child("place").below(len(shown) - 1)
        truth = {"first": 0, "last": len(shown) - 1, "before": place, "after": place + 1}[variant]
        beside = {"before": place + 1, "after": place}.get(variant)
        wrong = [needle.key for number, needle in enumerate(shown) if number not in (truth, beside)]
        wrong = (stream.child("shown").shuffled(wrong) + [needle.key for needle in spare])[: self._count - 1]
        keys = _joined(stream.child("named").shuffled(shown))
        key = "" if beside is None else shown[beside].key
        sites = places(self._setting, cell, len(shown), stream)
        question = Question(
            text=paraphrase(self._setting, "ordering", variant, stream, key=key, keys=keys),
            asked=frozenset(range(len(shown))),
            answer=ABSENT if hidden else shown[truth].key,
            options=self._with_absent((shown[truth].key, *wrong)),
            open=Open(
                answer=shown[truth].key,
                form="short",
                question=paraphrase(self._setting, "ordering", f"{variant} of", stream, key=key, keys=keys),
            ),
            variant=variant,
            hidden=hidden,
        )
        return Draw(shots=shots_at(shown, sites), questions=(question,), named=self._named((*shown, *spare)))

    def _named(self, needles: Sequence[Needle]) -> frozenset[str]:
        return frozenset(self._setting.pools.key_of[needle.id] for needle in needles)

    def _with_absent(self, options: tuple[str, ...]) -> tuple[str, ...]:
        return (*options, ABSENT) if self._setting.spec.choices.absent else options


def _said(needles: Sequence[Needle]) -> str:
    keys = ", ".join(needle.key for needle in needles)
    return f"only {keys}" if len(needles) == 1 else keys


def _joined(needles: Sequence[Needle]) -> str:
    """`the owl, the kite and the cake`."""
    *most, last = (needle.key for needle in needles)
    return f"{', '.join(most)} and {last}" if most else last

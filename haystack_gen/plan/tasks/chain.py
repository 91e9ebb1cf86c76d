"""Chain: each frame names what to look for next; the question asks for the last name (RULER's variable tracking).

    the owl [sign: KITE] -> the kite [sign: CAKE] -> the cake [sign: DRUM]        "drum", after 3 signs
    a wrong branch: the car [sign: SHIP], where nothing leads

A needle continues another when its key is the other's value, article aside, under the same attribute.
"""

from collections.abc import Sequence

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import ABSENT, apart
from haystack_gen.plan.draws import Draw, Open, Question
from haystack_gen.plan.places import places
from haystack_gen.plan.pools import bare
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import shots_at

_TRIES = 32


class Chain:
    """Draws a walk from frame to frame, and frames that lead elsewhere."""

    def __init__(self, setting: Setting) -> None:
        """Find the attributes whose values name keys.

        Raises:
            InputError: the pack has none with enough keys.
        """
        self._setting, self._rules, pools = setting, setting.spec.families.chain, setting.pools
        self._options = setting.spec.choices.count - setting.spec.choices.absent
        self._attributes = []
        for attribute, needles in pools.attributes.items():
            keys = {pools.key_of[needle.id] for needle in needles}
            linked = [needle for needle in needles if bare(needle.value) in keys]
            if len(linked) >= self._rules.hops - 1 and len(keys) >= self._rules.hops:
                self._attributes.append(attribute)
        if not self._attributes or all(len(pools.values[one]) < self._options for one in self._attributes):
            raise InputError(
                f"{setting.spec.needles.pack}: chain needs an attribute whose values name other keys, with at least "
                f"{self._rules.hops} keys and {self._options} values, the pack has none; add such needles, lower "
                "families.chain.hops or choices.count, or use the pack draw:families"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """The frames of the chain and of its branches in random order, and the question about its end."""
        setting, rules = self._setting, self._rules
        walk, branches, options = self._choose(stream)
        needles = [*walk, *branches]
        sites = places(setting, cell, len(needles), stream)
        order = stream.child("order").shuffled(range(len(needles)))
        absent = setting.spec.choices.absent
        hidden = absent and setting.hides(cell, options=setting.spec.choices.count)
        words = {"key": walk[0].key, "attribute": walk[0].attribute, "hops": str(rules.hops)}
        question = Question(
            text=paraphrase(setting, "chain", "last", stream, **words),
            asked=frozenset(place for place, number in enumerate(order) if number < len(walk)),
            answer=ABSENT if hidden else options[0],
            options=(*options, ABSENT) if absent else tuple(options),
            open=Open(answer=options[0], form="short"),
            hidden=hidden,
        )
        return Draw(shots=shots_at([needles[number] for number in order], sites), questions=(question,))

    def _choose(self, stream: Stream) -> tuple[list[Needle], list[Needle], list[str]]:
        """The chain, the wrong branches, and the options, of which the first is right."""
        for attempt in range(_TRIES):
            tried = stream.child("try", attempt)
            attribute = tried.child("attribute").choice(self._attributes)
            walk = self._walk(attribute, tried)
            branches = walk and self._branches(attribute, walk, tried)
            if not walk or branches is None or len(branches) < self._rules.branches:
                continue
            options = self._offered(attribute, walk, branches, tried)
            if options:
                return walk, branches, options
        raise Obstacle(
            f"found no chain of {self._rules.hops} frames with {self._rules.branches} wrong branches in the pack; add "
            "needles whose values name other keys, or lower families.chain.hops or branches"
        )

    def _walk(self, attribute: str, stream: Stream) -> list[Needle]:
        """Needles of which each names the next, and the last something that is not shown; empty at a dead end."""
        pools = self._setting.pools
        walk = [stream.child("start").choice(pools.attributes[attribute])]
        keys = {pools.key_of[walk[0].id]}
        while len(walk) < self._rules.hops:
            following = pools.shared_key.get((attribute, bare(walk[-1].value)), ())
            free = [needle for needle in following if not pools.clash(needle, keys) and bare(needle.value) not in keys]
            if not free:
                return []
            walk.append(stream.child("step", len(walk)).choice(free))
            keys.add(pools.key_of[walk[-1].id])
        return [] if bare(walk[-1].value) in keys else walk

    def _branches(self, attribute: str, walk: Sequence[Needle], stream: Stream) -> list[Needle]:
        """Needles off the chain that name neither what is on it nor where it ends, and that it does not name."""
        pools = self._setting.pools
        keys = {pools.key_of[needle.id] for needle in walk}
        said = keys | {bare(walk[-1].value)}
        pool = [needle for needle in pools.attributes[attribute] if bare(needle.value) not in said]
        found = pools.strangers(stream.child("branches"), pool, count=self._rules.branches, keys=said)
        named = {bare(needle.value) for needle in found}
        return [] if named & {pools.key_of[needle.id] for needle in found} else found

    def _offered(self, attribute: str, walk: Sequence[Needle], branches: Sequence[Needle], stream: Stream) -> list[str]:
        """The last value, those of the branches, those on the way, and others of the attribute, as many as wanted."""
        truth, start = walk[-1].value, bare(walk[0].key)
        shown = [needle.value for needle in branches] + stream.child("way").shuffled([one.value for one in walk[:-1]])
        rest = stream.child("rest").shuffled(self._setting.pools.values[attribute])
        pool = [value for value in dict.fromkeys((*shown, *rest)) if value != truth and bare(value) != start]
        options = [truth, *pool[: self._options - 1]]
        return options if len(options) == self._options and apart(options) else []

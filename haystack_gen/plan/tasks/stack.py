"""Stack: one question about one of several videos in a long text (V-RULER's lengthy multimodal stack).

    text ... text [video] text ... text [the video asked about] text ...

The depth of a cell is the place of the video asked about in the text: 0 before all of it, 1 after. (Upstream's depth
runs the other way: `eval_v_ruler_lengthy_multimodal_stack.py` puts floor(m (1 - depth)) sentences before the video.)
The text fills what the videos leave of the context; its sentences follow each other in the noise from a drawn one on.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle, Noise
from haystack_gen.plan.draws import Draw, Shot
from haystack_gen.plan.items import Beside, Drop, Item, Part
from haystack_gen.plan.placement import Place
from haystack_gen.plan.places import places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.staging import stage, timeline
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import question_about
from haystack_gen.plan.visible import Bounds


class Stack:
    """Draws a needle in a video, and builds the context that the video stands in."""

    def __init__(self, setting: Setting) -> None:
        """Add up what sentences and videos cost.

        Raises:
            InputError: no noise, no needles, or a context that its videos alone fill.
        """
        if setting.facts.noise is None:
            raise InputError("stack needs noise text, and none was gathered; set families.stack.noise")
        self._setting, self._rules, self._noise = setting, setting.spec.families.stack, setting.facts.noise
        self._upto = [0, *accumulate(self._noise.costs)]
        if not setting.facts.questions and not setting.needles:
            raise InputError(f"{setting.spec.needles.pack}: the pack holds no needles, expected at least one")
        frames = 0 if setting.facts.questions else max(setting.spec.grid.lengths)
        self._fits(frames, self._rules.per_context)

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """The trial's needle somewhere in its video, and its question."""
        needle = self._setting.of_turn(cell, self._setting.needles)
        site = self._site(cell, stream)
        absent = self._setting.spec.choices.absent
        question = question_about(self._setting, cell, needle, stream, absent=absent)
        return Draw(shots=(Shot(needle=needle, place=site),), questions=(question,))

    def _site(self, cell: Cell, stream: Stream) -> Place:
        """Anywhere in a video, at a drawn depth: where in it a needle lies is not what a stack varies."""
        inside = replace(cell, depth=Fraction(stream.child("depth in the video").below(101), 100))
        (site,) = places(self._setting, inside, 1, stream, within=Bounds(0, cell.length))
        return site

    def around(self, cell: Cell, planned: Iterator[Item | Drop]) -> Iterator[Item | Drop]:
        """The cell's items in their context, which they share but for their own video."""
        stream = cell.stream(self._setting.spec.seed).child("context")
        beside: tuple[Beside, ...] | None = None
        frames = 0  # of the item itself, whose text its twins share, also where their video is shorter
        for one in planned:
            if isinstance(one, Drop):
                yield one
                continue
            try:
                if beside is None:
                    beside, frames = self._beside(cell, stream), one.timeline.length
                yield self._in_context(cell, one, beside, frames, stream)
            except Obstacle as obstacle:
                yield cell.drop(obstacle, suffix=one.id.removeprefix(cell.item_id()))

    def _beside(self, cell: Cell, stream: Stream) -> tuple[Beside, ...]:
        """Other videos, each with a needle of its own whose key is another."""
        if self._setting.facts.questions or self._rules.per_context == 1:
            return ()
        asked = self._setting.of_turn(cell, self._setting.needles)
        named = self._setting.pools.shows.get(asked.source, frozenset())
        videos = []
        for number, needle in enumerate(self._other_needles(asked, stream)):
            own = stream.child("beside", number)
            site = self._site(cell, own)
            draw = Draw(shots=(Shot(needle=needle, place=site),), questions=(), named=named)
            cut = stage(self._setting, cell, draw, own)
            name = f"{cell.item_id()}-beside-{number}"
            videos.append(Beside(video=name, timeline=timeline(self._setting, cut)))
        return tuple(videos)

    def _other_needles(self, asked: Needle, stream: Stream) -> list[Needle]:
        pools, count = self._setting.pools, self._rules.per_context - 1
        if asked.id in pools.key_of:
            pool = [needle for needle in self._setting.needles if needle.id in pools.key_of]
            found = pools.strangers(stream.child("needles"), pool, count=count, keys=set(pools.shows[asked.source]))
        else:
            others = [needle for needle in self._setting.needles if needle.source != asked.source]
            found = stream.child("needles").sample(others, min(count, len(others)))
        if len(found) < count:
            raise Obstacle(
                f"a stack of {count + 1} videos needs as many needles with different keys; lower "
                "families.stack.per_context or add needles",
                needle=asked.id,
            )
        return found

    def _in_context(self, cell: Cell, item: Item, beside: tuple[Beside, ...], frames: int, stream: Stream) -> Item:
        """The parts: text up to the depth, the item's video, the rest; other videos anywhere between sentences."""
        others = sum(self._cost(one.timeline.length) for one in beside)
        cost = self._cost(frames) + others
        if cost > cell.context:
            raise Obstacle(
                f"the videos of a stack of {cell.context} {_unit(self._noise)} take {cost} alone; ask for longer ones "
                "(families.stack.lengths), or lower families.stack.frame_cost or video_cost"
            )
        first = stream.child("first sentence").below(len(self._noise.sentences))
        count = self._sentences(first, cell.context - cost)
        total = self._spent(first, count)
        before = self._sentences(first, (cell.requested_depth * total).__floor__())
        cuts = [(before, 0, item.video)]
        for number, one in enumerate(beside):
            cuts.append((stream.child("place", number).below(count + 1), number + 1, one.video))
        parts: list[Part] = []
        at = 0
        for sentence, _, video in sorted(cuts):
            parts += [Part(first=first + at, count=sentence - at)] if sentence > at else []
            parts.append(Part(video=video))
            at = sentence
        parts += [Part(first=first + at, count=count - at)] if count > at else []
        depth = Fraction(self._spent(first, before), total) if total else Fraction(0)
        spent = total + self._cost(item.timeline.length) + others
        return replace(item, context=tuple(parts), context_depth=depth, context_cost=spent, beside=beside)

    def _sentences(self, first: int, cost: int) -> int:
        """How many sentences from `first` on cost at most so much; past the last it goes on with the first."""
        rounds, rest = divmod(self._upto[first] + cost, self._upto[-1])
        return rounds * len(self._noise.costs) + bisect_right(self._upto, rest) - 1 - first

    def _spent(self, first: int, count: int) -> int:
        rounds, place = divmod(first + count, len(self._noise.costs))
        return rounds * self._upto[-1] + self._upto[place] - self._upto[first]

    def _cost(self, frames: int) -> int:
        return min(frames * self._rules.frame_cost, self._rules.video_cost)

    def _fits(self, frames: int, videos: int) -> None:
        cost, shortest = self._cost(frames) * videos, min(self._rules.lengths)
        if cost >= shortest:
            raise InputError(
                f"families.stack.lengths has {shortest} {_unit(self._noise)}, and {videos} videos of {frames} frames "
                f"alone take {cost}; ask for longer stacks, shorter clips (grid.lengths), fewer videos "
                "(families.stack.per_context), or a lower families.stack.frame_cost"
            )


def _unit(noise: Noise) -> str:
    return noise.unit.partition(":")[0]

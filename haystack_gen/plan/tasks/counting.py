"""Counting: how often something appears in all, where a frame that shows several counts as several, or as none.

The options are drawn first, any set of numbers that the pack can show alike, and one of them, any alike, is made true
by the frames that are shown: the truth is no more often the smallest, the middle or the largest number.
"""

from collections.abc import Sequence

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import some_apart
from haystack_gen.plan.draws import Draw, Open, Question
from haystack_gen.plan.places import some_places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import shots_at


class Counting:
    """Draws frames of one key whose numbers add up to the answer, and frames of other keys."""

    def __init__(self, setting: Setting) -> None:
        """Work out which totals the pictures of each key can add up to.

        Raises:
            InputError: no key can be shown in enough different numbers.
        """
        self._setting, self._rules = setting, setting.spec.families.counting
        self._options = setting.spec.choices.count
        self._frames = {
            key: _least_frames({needle.count for needle in needles}, self._rules.most)
            for key, needles in setting.pools.keyed.items()
        }
        self._totals = {
            key: tuple(total for total, frames in enumerate(least) if frames <= self._rules.frames)
            for key, least in self._frames.items()
        }
        self._keys = [
            key
            for key, totals in self._totals.items()
            if totals[-1] == self._rules.most and len(totals) >= self._options
        ]
        if not self._keys:
            most = max((totals[-1] for totals in self._totals.values()), default=0)
            raise InputError(
                f"{setting.spec.needles.pack}: counting up to {self._rules.most} with {self._options} options needs "
                f"a key whose pictures can show that many, and so many numbers, in {self._rules.frames} frames; the "
                f"pack can show up to {most}; add pictures with a higher count, raise families.counting.frames, lower "
                "families.counting.most or choices.count, or use the pack draw:families"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """Frames that add up to the answer, frames of other keys among them, and the question."""
        setting, pools = self._setting, self._setting.pools
        key = stream.child("key").choice(self._keys)
        numbers, truth, hidden = self._numbers(cell, key, stream)
        frames = self._add_up(key, truth, stream.child("frames"))
        others = pools.strangers(stream.child("others"), pools.plain, count=self._rules.others, keys={key})
        needles = [*frames, *others]
        sites = some_places(setting, cell, len(needles), self._rules.frames + self._rules.others, stream)
        order = stream.child("order").shuffled(range(len(needles)))
        question = Question(
            text=paraphrase(setting, "counting", "count", stream, key=pools.names[key]),
            asked=frozenset(place for place, number in enumerate(order) if number < len(frames)),
            answer="0" if hidden else str(truth),
            options=tuple(map(str, numbers)),
            open=Open(answer=str(truth), form="count"),
            hidden=hidden,
            counts=True,
        )
        shots = shots_at([needles[number] for number in order], sites)
        return Draw(shots=shots, questions=(question,), named=frozenset((key,)), lenient=True)

    def _numbers(self, cell: Cell, key: str, stream: Stream) -> tuple[list[int], int, bool]:
        """The options, the number that is shown, and whether it is to be hidden: then 0, an option, is true."""
        totals, absent = self._totals[key], self._setting.spec.choices.absent
        pool = [text for text in map(str, totals) if not absent or "0" not in text]  # none of which "0" is a part
        chosen = some_apart(stream.child("numbers"), pool, self._options - absent)
        if chosen is None:
            raise Obstacle(f"found no {self._options} numbers up to {totals[-1]} of which none is part of another")
        numbers = [int(number) for number in chosen]
        hidden = absent and self._setting.hides(cell, options=self._options)
        return [*numbers, 0] if absent else numbers, numbers[0], hidden

    def _add_up(self, key: str, total: int, stream: Stream) -> list[Needle]:
        """Pictures of a key, drawn one by one, that show `total` in all within the frames there are."""
        frames: list[Needle] = []
        least, pictures = self._frames[key], self._setting.pools.keyed[key]
        while total:
            left = self._rules.frames - len(frames) - 1
            fitting = [one for one in pictures if one.count <= total and least[total - one.count] <= left]
            unseen = [one for one in fitting if one not in frames]
            frames.append(stream.child(len(frames)).choice(unseen or fitting))
            total -= frames[-1].count
        return frames


def _least_frames(counts: Sequence[int] | set[int], most: int) -> list[int]:
    """For each total up to `most` the fewest pictures that show it; more than `most` where there are none."""
    least = [0] + [most + 1] * most
    for total in range(1, most + 1):
        least[total] = min((least[total - count] + 1 for count in counts if count <= total), default=most + 1)
    return least

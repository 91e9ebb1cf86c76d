"""Absent: a question about a needle that may not be there; "not in the video" is right in one of n items."""

from haystack_gen.plan.draws import Draw
from haystack_gen.plan.places import places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.multi_query import need_keys
from haystack_gen.plan.tasks.retrieval import question_about, shots_at


class Absent:
    """Draws a needle among others with other keys, and the question about it."""

    def __init__(self, setting: Setting) -> None:
        """Check that there are enough keys.

        Raises:
            InputError: the pack has too few.
        """
        self._setting, self._count = setting, setting.spec.families.absent.others + 1
        need_keys(setting, "absent", self._count)

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """The shots, of which the one asked about may be hidden."""
        setting, pools = self._setting, self._setting.pools
        needles = pools.strangers(stream.child("needles"), pools.facts, count=self._count, keys=set())
        if len(needles) < self._count:
            raise Obstacle(f"found no {self._count} needles with different keys; lower families.absent.others")
        sites = places(setting, cell, self._count, stream)
        place = stream.child("asked").below(self._count)
        question = question_about(setting, cell, needles[place], stream.child("question"), absent=True, place=place)
        return Draw(shots=shots_at(needles, sites), questions=(question,))

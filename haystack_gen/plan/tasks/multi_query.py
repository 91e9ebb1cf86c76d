"""Multi-query: several questions on one video, each about another of its needles."""

from collections.abc import Sequence

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.draws import Draw
from haystack_gen.plan.places import places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import question_about, shots_at


class MultiQuery:
    """Draws needles with different keys, of any attributes, and questions about some of them in random order."""

    def __init__(self, setting: Setting) -> None:
        """Check that there are enough keys.

        Raises:
            InputError: the pack has too few.
        """
        self._setting, self._rules = setting, setting.spec.families.multi_query
        need_keys(setting, "multi_query", self._rules.needles)

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """So many shots and so many questions."""
        setting, count = self._setting, self._rules.questions
        needles = setting.pools.strangers(
            stream.child("needles"), setting.pools.facts, count=self._rules.needles, keys=set()
        )
        if len(needles) < self._rules.needles:
            raise Obstacle(
                f"found no {self._rules.needles} needles with different keys; lower families.multi_query.needles"
            )
        sites = places(setting, cell, len(needles), stream)
        questions = tuple(
            question_about(
                setting,
                cell,
                needles[place],
                stream.child("question", number),
                absent=setting.spec.choices.absent,
                place=place,
                turn=cell.trial * count + number,
            )
            for number, place in enumerate(stream.child("asked").sample(range(len(needles)), count))
        )
        return Draw(shots=shots_at(needles, sites), questions=questions)


def need_keys(setting: Setting, task: str, count: int, *, pool: Sequence[Needle] | None = None) -> None:
    """Check that a family finds its needles.

    Raises:
        InputError: the pool, by default all needles that say key, attribute and value, has fewer than `count` keys.
    """
    keys = {setting.pools.key_of[needle.id] for needle in (setting.pools.facts if pool is None else pool)}
    if len(keys) < count:
        raise InputError(
            f"{setting.spec.needles.pack}: {task} needs {count} needles with different keys that say key, "
            f"attribute and value, the pack has {len(keys)}; add some, ask for fewer, or use the pack draw:families"
        )

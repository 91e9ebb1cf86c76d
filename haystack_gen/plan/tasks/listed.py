"""Listed: ready questions about several pictures, as V-RULER publishes them, placed as the family's spread says."""

from haystack_gen.facts import Listed, Needle
from haystack_gen.plan.draws import Draw, Question
from haystack_gen.plan.places import some_places
from haystack_gen.plan.setting import Cell, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import shots_at


class ListedQuestions:
    """Takes the questions of one family's list in turn: each once before any comes again."""

    def __init__(self, setting: Setting, task: str) -> None:
        """Take the list."""
        self._setting = setting
        self._listed = tuple(question for question in setting.facts.listed if question.task == task)
        self._most = max(len(question.pictures) for question in self._listed)

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """The listed pictures in their order, and the listed question."""
        listed = self._setting.of_turn(cell, self._listed)
        needles = [_pictured(listed, picture) for picture in listed.pictures]
        sites = some_places(self._setting, cell, len(needles), self._most, stream)
        question = Question(
            text=listed.question,
            asked=frozenset(range(len(needles))),
            answer=listed.answer,
            options=listed.options,
            instruction=listed.instruction,
            needle=listed.id,
            in_order=self._setting.spec.needles.options == "listed",
        )
        return Draw(shots=shots_at(needles, sites), questions=(question,))


def _pictured(listed: Listed, picture: str) -> Needle:
    """A listed picture as a needle: the list says nothing of it but the question about all."""
    return Needle(id=picture, source=picture, question=listed.question, answer=listed.answer)

"""Ready questions about whole films, such as LongVideoBench's, for stacks: nothing is inserted."""

from collections.abc import Iterator

from haystack_gen.plan.asking import items_of
from haystack_gen.plan.draws import Draw, Open, Question, Stage
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.timeline import Footage, overlay


class FilmQuestions:
    """Takes the supplied questions in turn: each once before any comes again."""

    def __init__(self, setting: Setting) -> None:
        """Index the films."""
        self._setting = setting
        self._films = {film.id: film for film in setting.facts.needle_films}

    def plan(self, cell: Cell) -> Iterator[Item | Drop]:
        """The item of a cell: a film from its begin to its end, and the question about it."""
        setting = self._setting
        asked = setting.of_turn(cell, setting.facts.questions)
        footage = Footage.of((self._films[asked.source],), setting.spec.haystack.fps)
        clips = overlay(footage, start=0, length=footage.length, inserts=(), rate=setting.spec.haystack.fps)
        cut = Stage(length=footage.length, window=0, shots={}, distractors=())
        question = Question(
            text=asked.question,
            asked=frozenset(),
            answer=asked.answer,
            options=asked.options,
            open=None if asked.options else Open(answer=asked.answer, form="short"),
            needle=asked.id,
            in_order=setting.spec.needles.options == "listed",
        )
        yield from items_of(setting, cell, Draw(shots=(), questions=(question,)), cut, clips)
        for control in setting.spec.controls:
            reason = f"{control}: a supplied film has no needle of ours to take away or to surround"
            yield cell.drop(Obstacle(reason, needle=asked.id), suffix=f"-{control}")

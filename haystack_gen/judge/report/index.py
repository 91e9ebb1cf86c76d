"""What the page has to know of all items at once, to list and filter them: columns, each text once."""

from typing import Any

from haystack_gen.emit.rows import Row
from haystack_gen.judge.marking import Answer


class _Texts:
    """Texts by the numbers that stand for them."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    def as_json(self) -> list[str]:
        return list(self._places)


class Index:
    """Grows by an item at a time, in the order in which the page lists them."""

    _CODED = ("family", "control", "question", "answer", "group", "turns", "verdict")
    _PLAIN = ("id", "length", "depth", "lured")

    def __init__(self, *, scored: bool) -> None:
        """Nothing is in it yet; where nothing was `scored` it has no verdicts."""
        self._scored = scored
        self._texts = {name: _Texts() for name in self._CODED}
        self._columns: dict[str, list[Any]] = {name: [] for name in (*self._CODED, *self._PLAIN)}

    def add(self, row: Row, answer: Answer) -> None:
        """One item more."""
        asked = answer.question
        coded = {
            "family": asked.family,
            "control": asked.control,
            "question": row.question,
            "answer": row.answer_text,
            "group": asked.group,
            "turns": asked.rotations,
        }
        if self._scored:
            coded["verdict"] = answer.verdict
            self._columns["lured"].append(int(answer.lured is True))
        for name, text in coded.items():
            self._columns[name].append(self._texts[name].place(text))
        self._columns["id"].append(row.id)
        self._columns["length"].append(asked.length)
        self._columns["depth"].append(asked.depth)

    def as_json(self) -> dict[str, Any]:
        """Columns by name; those of texts have their numbers, and the texts lie in `texts`."""
        return {**self._columns, "texts": {name: texts.as_json() for name, texts in self._texts.items()}}

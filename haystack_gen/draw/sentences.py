"""Drawn prose: sentences about everyday matters that have nothing to do with any question."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from string import Formatter
from typing import Any

import yaml

from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import package_folder


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence with gaps, `{when}, {person} ...`, and what may fill each; its fillings are numbered."""

    text: str
    slots: dict[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        """How many ways there are to fill it."""
        return prod(map(len, self.slots.values()))

    def fill(self, number: int) -> str:
        """The sentence of a `number` in [0, size): its digits, one per slot, choose the fillings."""
        chosen = {}
        for slot, fillings in self.slots.items():
            number, digit = divmod(number, len(fillings))
            chosen[slot] = fillings[digit]
        sentence = self.text.format_map(chosen)
        return sentence[0].upper() + sentence[1:]


def template_sentence() -> str:
    """The sentence for noise that repeats a single one."""
    return str(_vocabulary()["template"])


def draw_sentences(seed: int) -> Iterator[str]:
    """Sentences of 8 to 14 words, none twice, as many as are asked for: there are over a hundred million."""
    stream = Stream(seed, "noise")
    drawn: set[str] = set()
    forms = frames()
    sizes = [frame.size for frame in forms]
    while True:
        form = stream.below(len(forms))
        sentence = forms[form].fill(stream.below(sizes[form]))
        if sentence not in drawn:
            drawn.add(sentence)
            yield sentence


@lru_cache(maxsize=1)
def frames() -> tuple[Frame, ...]:
    """Every frame, with its fillings."""
    vocabulary = _vocabulary()
    return tuple(
        Frame(text, {slot: tuple(vocabulary["slots"][slot]) for _, slot, _, _ in Formatter().parse(text) if slot})
        for text in vocabulary["frames"]
    )


def _vocabulary() -> dict[str, Any]:
    vocabulary: dict[str, Any] = yaml.safe_load(
        (package_folder("templates") / "noise.yaml").read_text(encoding="utf-8")
    )
    return vocabulary

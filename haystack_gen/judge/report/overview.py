"""The figures of the page that no score has: what the dataset holds, and accuracies by look-alikes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from haystack_gen.emit.rows import Row
from haystack_gen.judge.cells import tally
from haystack_gen.judge.figures import ITEM
from haystack_gen.judge.marking import Answer
from haystack_gen.spec import Spec

Key = TypeVar("Key", bound=tuple[Any, ...])

_BIN = Fraction(1, 20)  # of cosine similarities
_COMPARED = ("anti_phase", "no_distractors")  # twins that differ from their items in their look-alikes alone
NO_LOOKALIKE, NO_SIMILARITY = "no look-alike", "similarity not known"


class Overview:
    """Grows by an item at a time."""

    def __init__(self, spec: Spec, *, scored: bool) -> None:
        """Nothing is counted yet; `scored` items have been answered, or count as missing."""
        self._spec, self._scored = spec, scored
        self._items: list[Answer] = []
        self._similar: dict[str, list[Answer]] = {}
        self._phases: dict[str, list[Answer]] = {}
        self._counts: dict[str, Counter[Any]] = {
            name: Counter() for name in ("control", "video", "film", "fps", "size")
        }
        self._version = ""

    def add(self, row: Row, answer: Answer) -> None:
        """Count an item, or a twin."""
        seen = {"control": [row.control], "video": [row.video_id], "film": row.haystack_sources}
        seen |= {"fps": [f"{row.fps:g}"], "size": [f"{row.width} × {row.height}"]}
        for name, values in seen.items():
            self._counts[name].update(values)
        self._version = row.generator_version
        if row.control == ITEM:
            self._items.append(answer)
            self._similar.setdefault(_similarity(row), []).append(answer)
        if row.control in (ITEM, *_COMPARED):
            self._phases.setdefault(self._phase(row), []).append(answer)

    def _phase(self, row: Row) -> str:
        """Where in the period the look-alikes of an item lie."""
        law = self._spec.distractors
        if not row.distractors:
            return f"{NO_LOOKALIKE}, twins" if row.control != ITEM else NO_LOOKALIKE
        if law.law != "periodic":
            return f"no period: {law.law}"
        period, places = law.period_frames, set()
        for one in row.distractors:
            offset = one.offset_frames
            if self._spec.placement.length == "paper":  # which counts in footage, that the needle pushed apart
                offset -= (offset > 0) - (offset < 0)
            places.add(offset % period)
        place = places.pop()
        names = {0: "in phase", _half(period): "anti-phase"}
        name = "several phases" if places else names.get(place, f"{place} of {period} frames off")
        return name if row.control == ITEM else f"{name}, twins"

    def as_json(self) -> dict[str, Any]:
        """Everything, for the page."""
        law = self._spec.distractors
        return {
            "name": self._spec.name,
            "facts": list(self._facts()),
            "cells": [cell for family in self._families() for cell in self._cells(*family)],
            "similarity": self._table(self._similar),
            "phases": sorted(self._table(self._phases), key=lambda one: str(one["name"]).endswith(", twins")),
            "period": law.period_frames if law.law == "periodic" and law.origin != "none" else None,
        }

    def _facts(self) -> Iterator[tuple[str, str]]:
        counts = self._counts
        yield "items", f"{len(self._items):,}"
        if twins := {name: count for name, count in sorted(counts["control"].items()) if name != ITEM}:
            yield "control twins", ", ".join(f"{count:,} {name}" for name, count in twins.items())
        yield "families", f"{len({answer.question.family for answer in self._items}):,}"
        yield "videos", f"{len(counts['video']):,}"
        yield "films", f"{len(counts['film']):,}"
        yield "frames a second", ", ".join(sorted(counts["fps"]))
        yield "frame size", ", ".join(sorted(counts["size"]))
        yield "seed", str(self._spec.seed)
        yield "made by", f"haystack-gen {self._version}"

    def _families(self) -> Iterator[tuple[str, str, list[Answer]]]:
        """All items whose lengths are in frames as family "", if there are several; then each family."""
        families = _by(self._items, lambda one: (one.question.family, one.question.axis))
        in_frames = [some for (_, axis), some in families.items() if axis == "frames"]
        if len(in_frames) > 1:
            yield "", "frames", [answer for some in in_frames for answer in some]
        for (family, axis), some in families.items():
            yield family, axis, some

    def _cells(self, family: str, axis: str, answers: Sequence[Answer]) -> Iterator[dict[str, Any]]:
        """Every cell; with a length or depth of null what all of that length or depth, or all in all, come to."""
        keys: tuple[Callable[[Answer], tuple[int | None, float | None]], ...] = (
            lambda one: (one.question.length, one.question.depth),
            lambda one: (one.question.length, None),
            lambda one: (None, one.question.depth),
            lambda _: (None, None),
        )
        for key in keys:
            for (length, depth), some in _by(answers, key).items():
                yield {"family": family, "axis": axis, "length": length, "depth": depth, **self._share(some)}

    def _table(self, parts: Mapping[str, Sequence[Answer]]) -> list[dict[str, Any]]:
        return [{"name": name, **self._share(some)} for name, some in sorted(parts.items())]

    def _share(self, answers: Sequence[Answer]) -> dict[str, Any]:
        return tally(answers).as_json() if self._scored else {"count": len(answers)}


def _half(period: int) -> int:
    """The phase of anti-phase twins of items in phase: see `Distractors.phase_frames`."""
    return (Fraction(period, 2) + Fraction(1, 2)).__floor__()


def _similarity(row: Row) -> str:
    """The bin of the look-alike that is most like its needle."""
    known = [one.similarity for one in row.distractors if one.similarity is not None]
    if not known:
        return NO_SIMILARITY if row.distractors else NO_LOOKALIKE
    low = Fraction(max(known)) // _BIN * _BIN
    return f"{float(low):.2f} to {float(low + _BIN):.2f}"


def _by(answers: Sequence[Answer], key: Callable[[Answer], Key]) -> dict[Key, list[Answer]]:
    """The answers by what they have in common, in the order of the keys."""
    found: dict[Key, list[Answer]] = {}
    for answer in answers:
        found.setdefault(key(answer), []).append(answer)
    return dict(sorted(found.items(), key=lambda pair: [(part is not None, part) for part in pair[0]]))

"""What a plan amounts to, counted in one pass: items by family and form, twins, videos, sources on show, drops."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from haystack_gen.emit.plans import read_plan, read_reasons
from haystack_gen.emit.videos import Videos
from haystack_gen.plan.items import Form, Item


@dataclass(slots=True)
class FamilyTally:
    """The items of a family: all, those that are twins, and how they are answered.

    `by_chance` is what blind picks earn, expected, over all items with options.
    """

    items: int = 0
    twins: int = 0
    forms: Counter[Form] = field(default_factory=Counter)
    by_chance: Fraction = Fraction(0)

    def add(self, item: Item) -> None:
        """Count one more item."""
        self.items += 1
        self.twins += item.control != "none"
        self.forms[item.form] += 1
        if item.options:
            self.by_chance += Fraction(1, len(item.options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A plan's items by family, in its order, and twins by control; distinct videos, their length in all; drops.

    `shown` has the id of every film and picture that some video shows.
    """

    families: Mapping[str, FamilyTally]
    controls: Mapping[str, int]
    videos: int
    duration_s: Fraction
    shown: frozenset[str]
    dropped: Mapping[str, int]

    @property
    def items(self) -> int:
        """All items."""
        return sum(family.items for family in self.families.values())


def tally(plan: Path, dropped: Path) -> Tally:
    """Count a `plan.jsonl` and a `dropped.jsonl`.

    Raises:
        InputError: one video id stands for two timelines.
    """
    families: dict[str, FamilyTally] = {}
    controls: Counter[str] = Counter()
    shown: set[str] = set()
    met, videos, duration_s = Videos(), 0, Fraction(0)
    for item in read_plan(plan):
        families.setdefault(item.task, FamilyTally()).add(item)
        if item.control != "none":
            controls[item.control] += 1
        for video in met.new_of(item):
            videos += 1
            duration_s += video.timeline.length / video.timeline.rate
            shown |= {clip.source for clip in video.timeline.clips}
    return Tally(
        families=families,
        controls=controls,
        videos=videos,
        duration_s=duration_s,
        shown=frozenset(shown),
        dropped=Counter(read_reasons(dropped)),
    )

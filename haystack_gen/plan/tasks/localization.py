"""Localization: when a needle appears; options are spans of one length, an open answer is in seconds.

Each option is the span of a depth of the grid: of the cell's own, which holds the needle, and of others. All depths are
asked equally often, so that whichever spans are offered, each is as likely to be the right one. (Spans drawn around
the needle give it away: at depth 0 only the one that begins with the clip can hold it.)
"""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import ABSENT
from haystack_gen.plan.draws import Draw, Open, Question, Shot
from haystack_gen.plan.placement import Place, needle_start
from haystack_gen.plan.places import places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.visible import Bounds


class Localization:
    """Draws a needle and spans of time, one of which holds it."""

    def __init__(self, setting: Setting) -> None:
        """Check that there are places to tell apart, and keys to ask for.

        Raises:
            InputError: the grid has one depth, or no needle says its key.
        """
        self._setting = setting
        self._depths = sorted(setting.spec.grid.depths)
        self._spans = min(setting.spec.choices.count - setting.spec.choices.absent, len(self._depths))
        if setting.spec.choices.count - setting.spec.choices.absent < 2 and setting.spec.choices.form != "open":
            raise InputError(
                "choices.count is 2 and choices.absent true: one span of time is no choice; raise the count"
            )
        if self._spans < 2 and setting.spec.choices.form != "open":
            raise InputError(
                f"localization needs at least 2 depths to tell times apart, grid.depths has {len(self._depths)}; give "
                "more, or choices.form: open"
            )
        self._widths = {length: self._width(length) for length in setting.spec.grid.lengths}
        if missing := [needle.id for needle in setting.needles if not needle.key.strip()]:
            raise InputError(
                f"{setting.spec.needles.pack}: needle {missing[0]!r} has no key, so localization cannot ask when it "
                "appears; add the key to the pack"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """One shot and one question."""
        needle = self._setting.of_turn(cell, self._setting.needles)
        site = self._site(cell, stream)
        question = self._question(cell, needle, site.start, stream)
        return Draw(shots=(Shot(needle=needle, place=site),), questions=(question,), lenient=True)

    def _site(self, cell: Cell, stream: Stream) -> Place:
        """Where the needle goes: with samplers to be visible to, within the span of its depth.

        Raises:
            Obstacle: it does not fit, or one of a depth could not be shown: then spans of that depth would never be
                right.
        """
        width = self._widths[cell.length] if self._spans > 1 else 0
        sites = {}
        for depth in self._depths if self._setting.sights else (cell.depth or Fraction(0),):
            low = needle_start(depth, length=cell.length, needle_length=width)
            within = Bounds(low, low + width) if width else None
            (sites[depth],) = places(self._setting, replace(cell, depth=depth), 1, stream, within=within)
        return sites[cell.depth or Fraction(0)]

    def _question(self, cell: Cell, needle: Needle, start: int, stream: Stream) -> Question:
        setting, choices, rate = self._setting, self._setting.spec.choices, self._setting.spec.haystack.fps
        options: tuple[str, ...] = ()
        if self._spans > 1:
            bounds = self._bounds(cell)
            options = tuple(span_text(low, high, length=cell.length, rate=rate) for low, high in bounds)
            if len(set(options)) < len(options) or any(len(set(text.split("-"))) < 2 for text in options):
                raise Obstacle(
                    f"spans of {bounds[0][1] - bounds[0][0]} frames at {rate} fps read alike; use longer clips"
                )
        options += (ABSENT,) if choices.absent and options else ()
        hidden = choices.absent and setting.hides(cell, options=max(2, len(options)))
        seconds = _decimal(Fraction(start) / rate)
        return Question(
            text=paraphrase(setting, "localization", "span", stream, key=needle.key),
            asked=frozenset((0,)),
            answer=ABSENT if hidden else (options[0] if options else seconds),
            options=options,
            open=Open(
                answer=seconds,
                form="seconds",
                question=paraphrase(setting, "localization", "seconds", stream, key=needle.key),
                tolerance=setting.spec.families.localization.tolerance_s,
            ),
            needle=needle.id,
            hidden=hidden,
            about_time=True,
        )

    def _bounds(self, cell: Cell) -> list[tuple[int, int]]:
        """Spans [low, high) in frames, none of which meets another; the first holds the needle.

        Raises:
            Obstacle: the clip is too short for the depths, whichever they are.
        """
        width = self._widths[cell.length]
        if not width:
            raise Obstacle(
                f"the spans of {len(self._depths)} depths meet in {cell.length} frames; use longer clips or fewer "
                "depths"
            )
        own = cell.depth or Fraction(0)
        # the same steps away for all depths: whichever of these spans is right, the same are offered with it
        steps = self._setting.stream(cell.task, "spans", cell.length, cell.trial)
        away = steps.sample(range(1, len(self._depths)), self._spans - 1)
        place = self._depths.index(own)
        chosen = [own, *(self._depths[(place + step) % len(self._depths)] for step in away)]
        lows = [needle_start(depth, length=cell.length, needle_length=width) for depth in chosen]
        return [(low, low + width) for low in lows]

    def _width(self, length: int) -> int:
        """The length of a span: the longest at which those of all depths are apart, at most half of an equal share.

        0 if even the shortest meet.
        """
        stay = self._setting.spec.needles.length
        for width in range(max(stay, length // (2 * self._spans)), stay - 1, -1):
            lows = [needle_start(depth, length=length, needle_length=width) for depth in self._depths]
            if all(later - earlier >= width for earlier, later in pairwise(lows)):
                return width
        return 0


def span_text(low: int, high: int, *, length: int, rate: Fraction) -> str:
    """`00:12-00:24`: minutes and seconds of frames [low, high), all of one width so that none is part of another."""
    return "-".join(
        _clock(Fraction(frame) / rate, longest=Fraction(length) / rate, whole=rate == 1) for frame in (low, high)
    )


def _clock(at_s: Fraction, *, longest: Fraction, whole: bool) -> str:
    hundredths = (at_s * 100 + Fraction(1, 2)).__floor__()
    seconds, part = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02}:{seconds:02}" + ("" if whole else f".{part:02}")
    return f"{hours}:{text}" if longest >= 3600 else text


def _decimal(at_s: Fraction) -> str:
    """Seconds to the hundredth, without trailing zeros."""
    text = f"{float(at_s):.2f}".rstrip("0").rstrip(".")
    return text or "0"

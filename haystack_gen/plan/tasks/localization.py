"""Localization: when a needle appears; options are spans of one length, an open answer is in seconds.

A needle near the begin can only lie in an early span. So that the right span is still no more often the first or the
last in time, the depths of the grid share its ranks: of D depths and n spans, the i-th depth has the ranks
floor(n (i + u) / D) for a uniform u in [0, 1), which over all depths are uniform. Fewer depths than options give as
many spans as depths.
"""

from fractions import Fraction

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import ABSENT, absent_here
from haystack_gen.plan.draws import Draw, Open, Question, Shot
from haystack_gen.plan.places import places
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.tasks.retrieval import needle_of_turn


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
        if self._spans < 2 and setting.spec.choices.form != "open":
            raise InputError(
                f"localization needs at least 2 depths to tell times apart, grid.depths has {len(self._depths)}; give "
                "more, or choices.form: open"
            )
        if missing := [needle.id for needle in setting.needles if not needle.key.strip()]:
            raise InputError(
                f"{setting.spec.needles.pack}: needle {missing[0]!r} has no key, so localization cannot ask when it "
                "appears; add the key to the pack"
            )

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """One shot and one question."""
        setting, needle = self._setting, needle_of_turn(self._setting, cell)
        (start,) = places(setting, cell, 1, stream)
        question = self._question(cell, needle, start, stream)
        return Draw(shots=(Shot(needle=needle, start=start),), questions=(question,))

    def _question(self, cell: Cell, needle: Needle, start: int, stream: Stream) -> Question:
        setting, choices, rate = self._setting, self._setting.spec.choices, self._setting.spec.haystack.fps
        options: tuple[str, ...] = ()
        if self._spans > 1:
            bounds = self._bounds(cell, start, stream)
            options = tuple(span_text(low, high, length=cell.length, rate=rate) for low, high in bounds)
        options += (ABSENT,) if choices.absent and options else ()
        hidden = choices.absent and absent_here(
            setting.stream(cell.task, "absent"), max(2, len(options)), cell.trial, cell.diagonal
        )
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

    def _bounds(self, cell: Cell, start: int, stream: Stream) -> list[tuple[int, int]]:
        """Spans [low, high) in frames, of equal length on one lattice; the first holds the needle.

        Raises:
            Obstacle: the clip is too short for so many.
        """
        stay, count = self._setting.spec.needles.length, self._spans
        width = max(stay, cell.length // (2 * count))
        rank = self._rank(cell, stream)
        low = max(0, start + stay - width, rank * width)
        high = min(start, cell.length - width, cell.length - width - (count - 1 - rank) * width)
        if low > high:
            raise Obstacle(
                f"{count} spans of {width} frames do not fit around a needle at frame {start} of {cell.length}; use "
                "longer clips, evenly spaced depths, or fewer options (choices.count)"
            )
        true = low + stream.child("true span").below(high - low + 1)
        before = stream.child("before").sample(range(true // width), rank)
        after = stream.child("after").sample(range((cell.length - true) // width - 1), count - 1 - rank)
        lows = [true, *(true - (step + 1) * width for step in before), *(true + (step + 1) * width for step in after)]
        return [(one, one + width) for one in lows]

    def _rank(self, cell: Cell, stream: Stream) -> int:
        """How many spans come before the right one."""
        place = self._depths.index(cell.depth or Fraction(0))
        share = stream.child("rank").below(1 << 32)
        return self._spans * (place * (1 << 32) + share) // (len(self._depths) << 32)


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

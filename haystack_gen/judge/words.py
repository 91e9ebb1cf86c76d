"""One item in words: its question, its answer, its timeline as a ribbon, and where everything lies."""

from collections.abc import Iterator

from haystack_gen.judge.ribbon import legend, ribbon
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import Item, PlacedDistractor, PlacedNeedle


def described(item: Item) -> Iterator[str]:
    """The lines that `haystack-gen show` prints."""
    yield item.question
    yield from _answers(item)
    yield ""
    yield from _context(item)
    yield f"0 {ribbon(item)} {item.timeline.length}"
    yield f"  {legend(item)}"
    yield ""
    rate = item.timeline.rate
    for role, one, more in _placed(item):
        yield (
            f"  {role:<10}  frames [{one.start}, {one.start + one.length})  {float(one.start / rate):.2f} s  "
            f"{one.source}{more}"
        )


def _answers(item: Item) -> Iterator[str]:
    for letter, option in zip(LETTERS, item.options, strict=False):
        yield f"  {letter}. {option}" + ("   <- answer" if letter == item.answer else "")
    if not item.options:
        tolerance = f" ± {float(item.tolerance):g} s" if item.tolerance else ""
        also = [accepted for accepted in item.accepted if accepted != item.answer]
        yield f"  answer: {item.answer}{tolerance}" + (f"   or: {', '.join(also)}" if also else "")


def _context(item: Item) -> Iterator[str]:
    """The parts of a stack, in order."""
    timelines = dict(item.videos)
    for part in item.context:
        if part.video:
            own = "   <- asked about" if part.video == item.video else ""
            yield f"  video       {timelines[part.video].length} frames  {part.video}{own}"
        else:
            yield f"  text        {part.count} sentences from number {part.first}"
    if item.context:
        yield ""


def _placed(item: Item) -> Iterator[tuple[str, PlacedNeedle | PlacedDistractor, str]]:
    for needle in item.needles:
        yield "needle", needle, "" if needle.asked else "  not asked about"
    for one in item.distractors:
        yield "distractor", one, f"  {one.offset:+d}" + (f"  shows {one.lure}" if one.lure else "")

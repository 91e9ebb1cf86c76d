"""Scores for people: tables, and a heat map of every family in characters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from haystack_gen.judge.cells import Grid, by, grid_of, tally

if TYPE_CHECKING:
    from haystack_gen.judge.marking import Answer
    from haystack_gen.judge.score import Scores

_Row = Mapping[str, str]

_SHADES = " ░▒▓█"  # of percentages from 0, 25, 50 and 75; and of 100
_NOTHING = "–"


def score_lines(scores: "Scores") -> Iterator[str]:
    """Everything that is printed."""
    found = scores.as_json()
    yield from _table("items", _accuracies(found))
    for family, answers in scores.families.items():
        yield ""
        yield from heatmap(family, answers)
        yield _effective(found["effective_lengths"][family], answers, scores.threshold)
    several = {
        "open answers": map(_open, found["open"]),
        "rotations": map(_rotation, found["rotations"]),
        "twins": map(_pair, found["pairs"]),
        "lured": _lured(found),
        "given visible": map(_visible, found["visible"] or ()),
        "not read": ({"": reason, "replies": str(count)} for reason, count in found["unparsed"].items()),
    }
    for title, rows in several.items():
        if lines := list(_table(title, [*rows])):
            yield ""
            yield from lines


def _table(title: str, rows: Sequence[_Row]) -> Iterator[str]:
    """Aligned columns under their names, all but the first to the right; the first column's name is the title."""
    if not rows:
        return
    header = {name: name or title for name in rows[0]}
    widths = {name: max(len(row[name]) for row in (header, *rows)) for name in header}
    for row in (header, *rows):
        yield "  ".join(f"{row[name]:{'>' if name else '<'}{width}}" for name, width in widths.items()).rstrip()


def _accuracies(found: Mapping[str, Any]) -> list[_Row]:
    """All items, then by family if there are several, by form if a family has several, and twins by control."""
    rows = [("all", found["overall"])] if found["overall"] else []
    if len(found["families"]) > 1:
        rows += [(one["family"], one) for one in found["families"]]
    if len(found["forms"]) > len(found["families"]):
        rows += [(f"{one['family']}, {one['form']}", one) for one in found["forms"]]
    rows += [(f"{one['control']} twins", one) for one in found["controls"] if one["control"] != "none"]
    return [
        {
            "": name,
            "n": f"{one['count']:,}",
            "right": _percent(one["accuracy"]),
            "95 %": _interval(one),
            "unparsed": f"{one['unparsed']:,}",
            "missing": f"{one['missing']:,}",
        }
        for name, one in rows
    ]


def heatmap(family: str, answers: Sequence["Answer"]) -> Iterator[str]:
    """Percentages right by depth, down, and by length, across, shaded; at the ends, those of all."""
    grid, axis = grid_of(answers), answers[0].question.axis
    at_length = {one: tally(some).accuracy for one, some in by(answers, lambda one: one.question.length).items()}
    at_depth = {one: tally(some).accuracy for one, some in by(answers, lambda one: one.question.depth).items()}
    yield f"{family}: percent right, by depth (down) and {'frames' if axis == 'frames' else 'context'} (across)"
    yield from grid_lines(grid, at_length, at_depth, tally(answers).accuracy)


def grid_lines(
    grid: Grid, at_length: Mapping[int, float], at_depth: Mapping[float, float], of_all: float
) -> Iterator[str]:
    """A grid of cells between its lengths and its depths; at the ends, what is given for each of those and for all."""
    names = [*map(str, at_length), "all"]
    widths = [max(len(name), 3) for name in names]
    yield (" " * 6 + "".join(f"{name:>{width}}    " for name, width in zip(names, widths, strict=True))).rstrip()
    for depth, at_any in at_depth.items():
        cells = (grid.get((length, depth)) for length in at_length)
        yield _heat_row("any" if depth < 0 else f"{depth:.2f}", [*cells, at_any], widths)
    if len(at_depth) > 1:
        yield _heat_row("all", [*at_length.values(), of_all], widths)


def _heat_row(name: str, accuracies: Sequence[float | None], widths: Sequence[int]) -> str:
    cells = (
        f"{_NOTHING:>{width}}   " if share is None else f"{100 * share:>{width}.0f} {_SHADES[int(4 * share)] * 2}"
        for share, width in zip(accuracies, widths, strict=True)
    )
    return f"{name:<6}{' '.join(cells)}".rstrip()


def _effective(length: int | None, answers: Sequence["Answer"], threshold: float) -> str:
    unit = "frames" if answers[0].question.axis == "frames" else "of context"
    longest = max(answer.question.length for answer in answers)
    said = "none" if length is None else f"{length:,} {unit}" + (", the longest" if length == longest else "")
    return f"effective length at {100 * threshold:g} %: {said}"


def _open(one: Mapping[str, Any]) -> _Row:
    return {
        "": f"{one['family']}, {one['form']}",
        "n": f"{one['count']:,}",
        "right": _percent(one["accuracy"]),
        "95 %": _interval(one),
        "beside": _beside(one),
    }


def _beside(one: Mapping[str, Any]) -> str:
    """What a form's measure says."""
    if one["form"] == "count":
        return f"mean error {_number(one['mean_absolute_error'])}, within one {_percent(one['within_one'])}"
    if one["form"] == "seconds":
        return f"mean error {_number(one['mean_absolute_error_s'])} s"
    if one["form"] == "set":
        return ", ".join(f"{name} {one[key]:.2f}" for name, key in _SET)
    return f"Kendall's tau {_number(one['kendall_tau'])}" if one["form"] == "order" else ""


_SET = (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))


def _rotation(one: Mapping[str, Any]) -> _Row:
    return {
        "": one["family"],
        "questions": f"{one['count']:,}",
        "all right": _percent(one["share"]),
        "95 %": _interval(one),
        "mean": _percent(one["mean"]),
    }


def _pair(one: Mapping[str, Any]) -> _Row:
    return {
        "": f"{one['control']}, {one['family'] or 'all'}",
        "pairs": f"{one['pairs']:,}",
        "item": _percent(one["item"]),
        "twin": _percent(one["twin"]),
        "item - twin": _percent(one["difference"]),
        "95 %": _interval(one),
        "p": _NOTHING if one["p"] is None else "<0.001" if one["p"] < 0.001 else f"{one['p']:.3f}",
        "left out": f"{one['unanswered'] + one['unpaired']:,}",
    }


def _lured(found: Mapping[str, Any]) -> Iterator[_Row]:
    """Where wrong choices could have been lures: all items, families if there are several, twins by control."""
    tallies = [("all", found["overall"])] if found["overall"] else []
    tallies += [(one["family"], one) for one in found["families"] if len(found["families"]) > 1]
    tallies += [(f"{one['control']} twins", one) for one in found["controls"] if one["control"] != "none"]
    for name, one in tallies:
        if lured := one["lured"]:
            yield {
                "": name,
                "wrong choices": f"{lured['count']:,}",
                "lures": _percent(lured["rate"]),
                "95 %": _interval(lured),
                "by chance": _percent(lured["chance"]),
            }


def _visible(one: Mapping[str, Any]) -> _Row:
    visible, missed = one["visible"], one["missed"]
    return {
        "": one["sampler"],
        "visible": f"{visible['count']:,}",
        "right": _percent(visible["accuracy"]),
        "95 %": _interval(visible),
        "missed": f"{missed['count']:,}",
        "right then": _percent(missed["accuracy"]),
    }


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.2f}"


def _interval(one: Mapping[str, Any]) -> str:
    return _NOTHING if one["low"] is None else f"{100 * one['low']:.1f} to {100 * one['high']:.1f}"

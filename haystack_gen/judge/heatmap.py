"""Accuracies by depth and length as pictures, on the axes of V-NIAH's heat maps.

Depth runs down from the video's start, length across. The scale is always 0 to 100 %, so that pictures can be compared,
and viridis (van der Walt and Smith 2015): even steps of lightness, for the colour-blind and in print, which V-NIAH's
red, yellow and green are not. A cell without items is hatched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from haystack_gen.atomic import atomic_path
from haystack_gen.errors import InputError
from haystack_gen.judge.cells import Grid, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_AXES = {"frames": "number of frames", "context": "length of context"}
_FORMATS = ("png", "svg")
_MOST = 400  # lengths or depths: beyond, a cell is no wider than its border
_DPI = 150

# Inches.
_LARGEST_CELL, _LARGEST, _SMALLEST = (0.62, 0.46), (10.0, 6.0), (2.6, 1.0)
_LEFT, _RIGHT, _BOTTOM, _SLANTED = 0.85, 1.15, 0.75, 0.3
_TITLE, _NAME = 0.55, 0.3
_NUMBER, _LABEL, _CHARACTER = (0.34, 0.22), 0.17, 0.09

_INK, _PAPER, _FAINT, _NOTHING, _HATCH = "#14181d", "#ffffff", "#59626d", "#f4f5f7", "#b9c0c9"
_STYLE = {
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # the first comes with matplotlib
    "hatch.linewidth": 0.7,
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and edited
    "svg.hashsalt": "haystack-gen",  # otherwise ids are drawn anew each time
}


def write_heatmap(
    grid: Grid, *, to: Sequence[Path], name: str = "", axis: Literal["frames", "context"] = "frames"
) -> None:
    """Draw a heat map; the same grid gives the same bytes with the same release of matplotlib.

    Args:
        grid: accuracies of 0 to 1 by length and depth; a depth of -1 stands for needles all over the video.
        to: files, each in the format of its suffix, .png or .svg.
        name: what the picture is of, such as a family; the mean over cells is beside it anyway.
        axis: what lengths count.

    Raises:
        InputError: another suffix, or more lengths or depths than a picture has room for.
    """
    from matplotlib import style

    for path in to:
        if path.suffix.lower().removeprefix(".") not in _FORMATS:
            raise InputError(f"{path}: ends in {path.suffix or 'no suffix'}, expected .png or .svg")
    layout = _layout(grid, str(to[0]))
    title = f"mean of {len(grid):,} {'cell' if len(grid) == 1 else 'cells'}: {100 * mean(grid):.2f} %"
    with style.context(["default", _STYLE]):  # whatever the user's matplotlibrc says
        figure = _drawn(grid, layout, (name, title), _AXES[axis])
        for path in to:
            kind = path.suffix.lower().removeprefix(".")
            unsaid = {"png": ("Software",), "svg": ("Date", "Creator")}[kind]
            metadata = {"Title": f"{name}, {title}".removeprefix(", "), **dict.fromkeys(unsaid)}
            with atomic_path(path) as part:
                figure.savefig(part, format=kind, dpi=_DPI, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The lengths across and depths down, and the size of a cell in inches."""

    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    cell: tuple[float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of all cells together."""
        return self.cell[0] * len(self.lengths), self.cell[1] * len(self.depths)

    @property
    def slanted(self) -> bool:
        """Whether lengths are too long to be written level, side by side."""
        return len(str(self.lengths[-1])) * _CHARACTER + 0.06 > self.cell[0]

    @property
    def numbered(self) -> bool:
        """Whether a number fits into a cell."""
        return all(side >= least for side, least in zip(self.cell, _NUMBER, strict=True))


def _layout(grid: Grid, where: str) -> _Layout:
    lengths = tuple(sorted({length for length, _ in grid}))
    depths = tuple(sorted({depth for _, depth in grid}))
    if not grid or max(len(lengths), len(depths)) > _MOST:
        raise InputError(
            f"{where}: is to show {len(lengths):,} lengths and {len(depths):,} depths, expected 1 to {_MOST} of each; "
            "score fewer of them"
        )
    sides = zip((len(lengths), len(depths)), _LARGEST_CELL, _LARGEST, _SMALLEST, strict=True)
    width, height = (max(smallest / n, min(cell, largest / n)) for n, cell, largest, smallest in sides)
    return _Layout(lengths=lengths, depths=depths, cell=(width, height))


def _drawn(grid: Grid, layout: _Layout, titles: tuple[str, str], across: str) -> "Figure":
    """The figure: heat map, title, colour bar and, if there are empty cells, what they are."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    colours = colormaps["viridis"]
    (width, height), bottom = layout.size, _BOTTOM + _SLANTED * layout.slanted
    name, title = titles
    whole = (_LEFT + width + _RIGHT, bottom + height + _TITLE + _NAME * bool(name))

    def box(x: float, y: float, wide: float, high: float) -> tuple[float, float, float, float]:
        """Inches from the lower left corner of the cells, as shares of the figure."""
        return (_LEFT + x) / whole[0], (bottom + y) / whole[1], wide / whole[0], high / whole[1]

    figure = Figure(figsize=whole, facecolor=_PAPER)
    axes = figure.add_axes(box(0, 0, width, height))
    _cells(axes, grid, layout, colours)
    _labels(axes, layout, across)
    for up, text, size, ink in ((0.17, title, 11, _FAINT if name else _INK), (0.43, name, 13, _INK)):
        weight = "bold" if text == name else "normal"
        figure.text(*box(0, height + up, 0, 0)[:2], text, fontsize=size, color=ink, weight=weight, parse_math=False)

    scale = figure.colorbar(ScalarMappable(cmap=colours), cax=figure.add_axes(box(width + 0.2, 0, 0.16, height)))
    scale.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    scale.set_label("accuracy (%)", color=_INK)
    scale.ax.tick_params(length=0, labelsize=9, labelcolor=_INK)
    scale.outline.set_visible(False)
    if len(grid) < len(layout.lengths) * len(layout.depths):
        empty = figure.add_axes(box(width + 0.2, -0.33, 0.16, 0.16), xticks=[], yticks=[])
        _hatched(empty)
        empty.text(1.4, 0.5, "no items", fontsize=9, color=_INK, va="center", transform=empty.transAxes)
    return figure


def _cells(axes: "Axes", grid: Grid, layout: _Layout, colours: "Colormap") -> None:
    """Colours on hatched ground, white lines between, and percentages where they fit."""
    columns, rows = len(layout.lengths), len(layout.depths)
    shares = [[grid.get((length, depth), float("nan")) for length in layout.lengths] for depth in layout.depths]
    _hatched(axes)
    axes.pcolormesh(range(columns + 1), range(rows + 1), shares, cmap=colours, vmin=0, vmax=1, clip_on=False)
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    border = min(1.6, 72 * 0.12 * min(layout.cell))
    axes.vlines(range(1, columns), 0, rows, color=_PAPER, linewidth=border, clip_on=False)
    axes.hlines(range(1, rows), 0, columns, color=_PAPER, linewidth=border, clip_on=False)
    if layout.numbered:
        for (length, depth), share in sorted(grid.items()):
            x, y = layout.lengths.index(length) + 0.5, layout.depths.index(depth) + 0.5
            ink = _legible(colours(share))
            axes.text(x, y, f"{100 * share:.0f}", fontsize=9, color=ink, ha="center", va="center_baseline")


def _labels(axes: "Axes", layout: _Layout, across: str) -> None:
    """A label for every column and row, or for every second, third, ... where there is no room."""
    every = [ceil(_LABEL / side) for side in layout.cell]
    columns, rows = range(0, len(layout.lengths), every[0]), range(0, len(layout.depths), every[1])
    axes.set_xticks([k + 0.5 for k in columns], [str(layout.lengths[k]) for k in columns])
    axes.set_yticks([k + 0.5 for k in rows], [_percent(layout.depths[k]) for k in rows])
    if layout.slanted:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, pad=5, labelsize=9, labelcolor=_INK)
    axes.set_xlabel(across, color=_INK, labelpad=6)
    axes.set_ylabel("depth (%)", color=_INK, labelpad=6)


def _hatched(axes: "Axes") -> None:
    axes.spines[:].set_visible(False)
    axes.patch.set(facecolor=_NOTHING, edgecolor=_HATCH, hatch="////", linewidth=0)


def _percent(depth: float) -> str:
    return "any" if depth < 0 else f"{round(100 * depth, 2):g}"


def _legible(colour: tuple[float, float, float, float]) -> str:
    """The ink of the higher contrast, by relative luminance (WCAG 2.2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"

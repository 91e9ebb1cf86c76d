"""A picture's colours, edges and layout as one vector: the embedder that needs no weights.

It sees what a thumbnail shows: where it is bright, which colours are where, how edges run. It knows nothing of objects
or scenes and is no substitute for CLIP; it is there so that everything can be tried, tested and repeated anywhere.

Each of the three blocks is centred, so that pictures which share nothing but being photographs come out near 0, and
scaled to the same length, so that none outweighs the others; the whole has length 1.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from haystack_gen.gather.images import Pixels

Floats = NDArray[np.floating[Any]]
Wholes = NDArray[np.int64]

_SIDE = 64  # the picture is squeezed to a square of this many pixels
_COLOUR_CELLS, _EDGE_CELLS = 2, 4  # per side
_HUES, _GREYS, _DIRECTIONS = 8, 4, 8
_LIGHT_WAVES, _COLOUR_WAVES = 7, 4  # per side
_CHROMATIC = 40.0  # Lab chroma from which a pixel is all colour and no grey
# What photographs share, measured on a handful of unlike ones: the root of the share of a cell that one hue or grey
# fills, and the length of each block before scaling.
_USUAL_ROOTS = np.repeat([0.2, 0.4], [_HUES, _GREYS])
_USUAL_COLOURS, _USUAL_EDGES, _USUAL_LAYOUT = 1.3, 11.0, 38.0
_FAINT = 0.1  # part of its usual length below which a block is mostly noise and fades out


def _cells(per_side: int) -> Wholes:
    """The cell that each pixel of the square lies in, row by row, on a grid of `per_side` x `per_side`."""
    along = np.arange(_SIDE) * per_side // _SIDE
    return (along[:, None] * per_side + along).ravel()


def _wave_weights(count: int) -> Floats:
    """Natural pictures have amplitudes that fall as 1 / frequency; this evens them out half-way."""
    frequency = np.hypot(*np.mgrid[:count, :count])
    return np.asarray(np.sqrt(np.maximum(frequency, 1)), np.float32)


_COLOUR_CELL, _EDGE_CELL = _cells(_COLOUR_CELLS), _cells(_EDGE_CELLS)
_LIGHT_WEIGHTS, _COLOUR_WEIGHTS = _wave_weights(_LIGHT_WAVES), _wave_weights(_COLOUR_WAVES)


class Descriptor:
    """Colour, edges and layout. `name` carries a version, raised whenever the numbers change."""

    name = "descriptor-1"
    dimensions = (
        _COLOUR_CELLS**2 * (_HUES + _GREYS) + _EDGE_CELLS**2 * _DIRECTIONS + _LIGHT_WAVES**2 + 2 * _COLOUR_WAVES**2
    )

    def embed(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """One row of length 1 for each picture (uint8, height x width x RGB); a row depends on its picture alone."""
        rows = np.empty((len(images), self.dimensions), np.float32)
        for row, image in zip(rows, images, strict=True):
            row[:] = _describe(image)
        return rows


def thumbnail(image: Pixels, *, size: tuple[int, int]) -> Pixels:
    """The picture shrunk to `size` (width, height) by averaging, its shape ignored."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _describe(image: Pixels) -> Floats:
    small = thumbnail(image, size=(_SIDE, _SIDE)).astype(np.float32) / 255
    lab: Floats = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2Lab), np.float32)
    vector = np.concatenate([_colours(lab), _edges(lab[..., 0]), _layout(lab)])
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _colours(lab: Floats) -> Floats:
    """The hues and greys of each quarter of the picture."""
    light, a, b = (lab[..., channel].ravel() for channel in range(3))
    chromatic = np.minimum(np.hypot(a, b) / _CHROMATIC, 1)
    hue = np.arctan2(b, a) * (_HUES / (2 * np.pi))
    grey = np.clip(light / 100, 0, 1) * (_GREYS - 1)
    hues = _histograms(hue, weight=chromatic, cell=_COLOUR_CELL, bins=_HUES)
    greys = _histograms(grey, weight=1 - chromatic, cell=_COLOUR_CELL, bins=_GREYS)
    return _scaled(np.hstack([hues, greys]) - _USUAL_ROOTS, usual=_USUAL_COLOURS)


def _edges(light: Floats) -> Floats:
    """How much edge runs in which direction in each cell."""
    across, down = (np.asarray(cv2.Sobel(light, cv2.CV_32F, dx, 1 - dx)).ravel() for dx in (1, 0))
    direction = np.arctan2(down, across) * (_DIRECTIONS / np.pi)  # a step up and a step down are the same edge
    roots = _histograms(direction, weight=np.hypot(across, down), cell=_EDGE_CELL, bins=_DIRECTIONS)
    return _scaled(roots - roots.mean(), usual=_USUAL_EDGES)


def _layout(lab: Floats) -> Floats:
    """The slowest cosine waves of lightness and colour: a blurred thumbnail."""
    light = _slow_waves(lab[..., 0] - 50, _LIGHT_WEIGHTS)
    colours = [_slow_waves(lab[..., channel], _COLOUR_WEIGHTS) for channel in (1, 2)]
    return _scaled(np.concatenate([light, *colours]), usual=_USUAL_LAYOUT)


def _slow_waves(plane: Floats, weights: Floats) -> Floats:
    count = len(weights)
    return (np.asarray(cv2.dct(plane))[:count, :count] * weights).ravel() / _SIDE


def _histograms(position: Floats, *, weight: Floats, cell: Wholes, bins: int) -> Floats:
    """Roots of weighted, circular histograms, one row per cell; a pixel counts for the two bins it lies between."""
    below = np.floor(position)
    share_above = (position - below) * weight
    lower = below.astype(np.int64)
    amount = (int(cell[-1]) + 1) * bins
    counts = np.bincount(cell * bins + lower % bins, weight - share_above, amount)
    counts += np.bincount(cell * bins + (lower + 1) % bins, share_above, amount)
    pixels_per_cell = len(cell) * bins / amount
    return np.sqrt(np.maximum(counts, 0).reshape(-1, bins) / pixels_per_cell)


def _scaled(block: Floats, *, usual: float) -> Floats:
    flat = block.ravel().astype(np.float32)
    return np.asarray(flat / np.hypot(np.linalg.norm(flat), _FAINT * usual), np.float32)

"""Outlines as lists of points: pure geometry, x to the right, y upwards, in the unit of whoever draws them."""

from collections.abc import Sequence
from math import cos, pi, sin

Point = tuple[float, float]
Outline = list[Point]
_STEPS = 10  # straight pieces per knot of a curve


def box(left: float, bottom: float, right: float, top: float, *, radius: float = 0.0) -> Outline:
    """A rectangle, its corners rounded by `radius` (at most half the shorter side)."""
    radius = min(radius, (right - left) / 2, (top - bottom) / 2)
    if radius <= 0:
        return [(left, bottom), (right, bottom), (right, top), (left, top)]
    corners = [(right, top, 0), (left, top, 90), (left, bottom, 180), (right, bottom, 270)]
    outline: Outline = []
    for x, y, start in corners:
        inner_x = x - radius if x == right else x + radius
        inner_y = y - radius if y == top else y + radius
        outline += arc((inner_x, inner_y), (radius, radius), start=start, end=start + 90)
    return outline


def oval(x: float, y: float, across: float, up: float | None = None) -> Outline:
    """An ellipse about (x, y) with radii `across` and `up`; a circle without `up`."""
    return arc((x, y), (across, across if up is None else up), start=0, end=360)


def arc(center: Point, radii: Point, *, start: float, end: float) -> Outline:
    """Points along an ellipse from `start` to `end` degrees, counter-clockwise from the right."""
    count = max(3, round(abs(end - start) / 6))
    angles = [(start + (end - start) * step / count) * pi / 180 for step in range(count + 1)]
    return [(center[0] + radii[0] * cos(angle), center[1] + radii[1] * sin(angle)) for angle in angles]


def curve(knots: Sequence[Point], *, closed: bool = True) -> Outline:
    """A smooth line through `knots`: uniform Catmull-Rom, so tangents follow the neighbouring knots."""
    count = len(knots)
    outline: Outline = []
    for index in range(count if closed else count - 1):
        if closed:
            p, q, r, s = (knots[(index + offset) % count] for offset in (-1, 0, 1, 2))
        else:
            p, q, r, s = (knots[min(max(index + offset, 0), count - 1)] for offset in (-1, 0, 1, 2))
        for step in range(_STEPS):
            t = step / _STEPS
            outline.append((_catmull(p[0], q[0], r[0], s[0], t), _catmull(p[1], q[1], r[1], s[1], t)))
    return outline if closed else [*outline, knots[-1]]


def _catmull(p: float, q: float, r: float, s: float, t: float) -> float:
    return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)))


def star(x: float, y: float, outer: float, inner: float, *, tips: int = 5) -> Outline:
    """A star with one tip straight up."""
    outline: Outline = []
    for step in range(2 * tips):
        radius, angle = (inner if step % 2 else outer), pi / 2 + pi * step / tips
        outline.append((x + radius * cos(angle), y + radius * sin(angle)))
    return outline


def mirrored(outline: Sequence[Point]) -> Outline:
    """The same outline on the other side of x = 0."""
    return [(-x, y) for x, y in outline]


def moved(outline: Sequence[Point], by: Point) -> Outline:
    """The outline shifted by (x, y)."""
    return [(x + by[0], y + by[1]) for x, y in outline]

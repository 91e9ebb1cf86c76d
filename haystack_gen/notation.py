"""How a spec writes numbers: fractions, grids, sizes, bands; and the strict section that they stand in.

Numbers that must be exact (rates, depths, phases) are fractions: `0.2`, `1/5` and `"0.2"` all mean one fifth. A grid is
a list or a range `A:B:S`: A, A + S, ... up to and including B. A count that an item draws is `4` or `2:4`.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


def exact(value: object) -> Fraction:
    """A fraction from `1/5`, `0.2`, `"0.2"` or `3`: decimals are taken as written, not as binary floats.

    Raises:
        ValueError: not a number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Fraction):
        raise ValueError(f"expected a number such as 0.2 or 1/5, got {value!r}")
    if len(str(value)) > 40 or "e" in str(value).lower():
        raise ValueError(f"expected a number such as 0.2 or 1/5, got {str(value)[:40]!r}")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"expected a number such as 0.2 or 1/5, got {value!r}") from None


def grid(value: object) -> list[Fraction]:
    """The numbers of `A:B:S`, of `a,b,c`, or of a list.

    Raises:
        ValueError: not a grid, a step that is not positive, or more than 100,000 numbers.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [exact(one) for one in value]
    text = str(value)
    if ":" not in text:
        return [exact(one.strip()) for one in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"expected START:STOP:STEP, got {text!r}")
    start, stop, step = map(exact, parts)
    if step <= 0 or stop < start:
        raise ValueError(f"expected START <= STOP and STEP > 0 in {text!r}")
    count = (stop - start) // step + 1
    if count > 100_000:
        raise ValueError(f"{text!r} has {count} numbers, at most 100000 are allowed")
    return [start + index * step for index in range(count)]


def distinct(numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    """A number that comes twice would make two items of one name."""
    seen: set[Any] = set()
    for number in numbers:
        if number in seen:
            more = "" if isinstance(number, str) else ", and more items per cell with trials"
            raise ValueError(f"{number} is given twice; give each once{more}")
        seen.add(number)
    return numbers


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    width, times, height = value.lower().partition("x")
    if not (times and width.isdigit() and height.isdigit()):
        raise ValueError(f"expected WIDTHxHEIGHT such as 448x252, got {value!r}")
    return int(width), int(height)


def _pair(value: object) -> object:
    return tuple(value.split(":")) if isinstance(value, str) else value


def _span(value: object) -> object:
    """`4` is `4:4`."""
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return tuple((value if ":" in value else f"{value}:{value}").split(":")) if isinstance(value, str) else value


def _rising(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    if pair[0] > pair[1]:
        raise ValueError(f"expected LOW:HIGH with LOW not above HIGH, got {pair[0]}:{pair[1]}")
    return pair


def many(value: object) -> object:
    """A single text as a list of one."""
    return (value,) if isinstance(value, str) else value


def names(value: object) -> object:
    """`a, b` as a list of names."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def listed(value: object) -> object:
    """Numbers of a grid, or none."""
    return grid(value) if value not in ("", None) else []


Exact = Annotated[Fraction, BeforeValidator(exact), PlainSerializer(str, return_type=str)]
MOST_FRAMES = 10_000_000
"""Frames of a clip, or units of a context: four months of video at 1 fps, and more than any model reads."""
Length = Annotated[int, Field(gt=0, le=MOST_FRAMES)]
Lengths = Annotated[tuple[Length, ...], BeforeValidator(grid), AfterValidator(distinct), Field(min_length=1)]
Depths = Annotated[
    tuple[Annotated[Exact, Field(ge=0, le=1)], ...],
    BeforeValidator(grid),
    AfterValidator(distinct),
    Field(min_length=1),
]
Paths = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(many)]
Even = Annotated[int, Field(ge=32, le=7680, multiple_of=2)]  # decord misreads pictures 16 pixels wide
Size = Annotated[
    tuple[Even, Even], BeforeValidator(_size), PlainSerializer(lambda size: f"{size[0]}x{size[1]}", return_type=str)
]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Cosines = Annotated[tuple[Cosine, Cosine], BeforeValidator(_pair)]
Counts = Annotated[
    tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=0, le=100)]],
    BeforeValidator(_span),
    AfterValidator(_rising),
    PlainSerializer(lambda pair: f"{pair[0]}:{pair[1]}", return_type=str),
]


class Section(BaseModel):
    """A part of a spec: an unknown key is an error, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

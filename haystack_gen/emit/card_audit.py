"""What a dataset's card says of its audits: what guessing earns, and what frame samplers show."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from haystack_gen.atomic import write_atomic
from haystack_gen.emit.card_header import cell
from haystack_gen.errors import InputError
from haystack_gen.records import parse_json, read_text
from haystack_gen.workspace import DatasetFolder

_AUDIT = re.compile(r"(<!-- audit: [^\n]* -->\n)(.*?)(\n<!-- end of audit -->)", re.DOTALL)


class Shown(NamedTuple):
    """What a frame sampler shows of a dataset's `items`: the needles of how many, and the best score it leaves."""

    sampler: str
    items: int
    seen: int
    ceiling: float


def refresh_audit(folder: DatasetFolder, shown: Sequence[Shown]) -> None:
    """Put what an audit found into the card, between its two marks; a card without them is left as it is."""
    if folder.card.is_file():
        _put(folder.card, audit_section(folder, shown))


def carry_audit(card: Path, into: Path) -> None:
    """Let a card say of its audits what another card of the same items does, if that says anything."""
    if card.is_file() and (marked := _AUDIT.search(read_text(card))):
        _put(into, marked[2])


def _put(path: Path, audit: str) -> None:
    card = read_text(path)
    fresh = _AUDIT.sub(lambda marked: marked[1] + audit + marked[3], card)
    if fresh != card:
        write_atomic(path, fresh)


def audit_section(folder: DatasetFolder, shown: Sequence[Shown]) -> str:
    """What guessing earns, and what frame samplers show, as far as either was looked into."""
    lines = [*_guessing(folder.audit("blind.json")), ""]
    if not shown:
        lines.append(
            "Which needles a model is shown when its library samples frames: not audited yet. "
            "`haystack-gen audit DIR --sampler linspace:64` finds out, and writes it here."
        )
        return "\n".join(lines)
    lines += ["| sampler | items | needles all shown | best possible score |", "|---|---|---|---|"]
    lines += [f"| {cell(one.sampler)} | {one.items:,} | {one.seen:,} | {one.ceiling:.1%} |" for one in shown]
    return "\n".join((*lines, "", "The needles themselves are listed in `audit/visibility.parquet`."))


def _guessing(file: Path) -> Iterator[str]:
    if not file.is_file():
        yield "Whether the questions can be answered without the videos: not audited."
        return
    found = parse_json(read_text(file), str(file))
    try:
        best = [
            (part["part"], part["turns"], part["questions"], part["scores"][0])
            for part in found["parts"]
            if part["scores"]
        ]
        yield f"Answering without the videos: {cell(found['verdict'])}."
        if best:
            yield from ("", "| questions | number | best rule of thumb | right | chance |", "|---|---|---|---|---|")
        for name, turns, count, score in best:
            part = f"{name}, in all turns" if turns == "all" else name
            rates = f"{score['accuracy']:.1%} | {score['chance']:.1%}"
            yield f"| {cell(part)} | {count:,} | {cell(score['rule'])} | {rates} |"
    except (KeyError, TypeError, ValueError, IndexError):
        raise InputError(f"{file}: is not what an audit writes; delete it, and it is made again") from None

"""The command that asks how far a dataset can be trusted: audit."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haystack_gen.cli.options import ListCommand, LocalPath
from haystack_gen.cli.view import on_stderr, say, view_option, visible
from haystack_gen.errors import InputError
from haystack_gen.workspace import DatasetFolder

if TYPE_CHECKING:
    from haystack_gen.judge.leaks import Guessed
    from haystack_gen.judge.visibility import Outlook

_FIELDS = ("question", "options", "answer", "group")


@click.command(cls=ListCommand)
@click.argument("subject", type=LocalPath(path_type=Path))
@click.option(
    "--sampler", multiple=True, help="Which frames a model is shown, such as linspace:64. Several may follow."
)
@click.option("--question-field", metavar="KEY", help="Of a JSONL file: the key of the question [default: question].")
@click.option("--options-field", metavar="KEY", help="The key of its options, a list [default: options].")
@click.option("--answer-field", metavar="KEY", help="The key of its answer: letter, text or place [default: answer].")
@click.option(
    "--group-field", metavar="KEY", help="The key that the rotations of one question share, if there are any."
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@view_option
def audit(subject: Path, sampler: tuple[str, ...], as_json: bool, **fields: str | None) -> None:
    """Which needles do models get to see, and what is guessed without the video? Exit 1 if the answers leak.

    SUBJECT is a dataset folder, whose audit/ gets the details, or a JSONL file of multiple-choice questions.

    \b
    Example:
      haystack-gen audit demo --sampler linspace:8 qwen2_5-vl:fps=2,max_frames=768
      haystack-gen audit questions.jsonl --options-field choices --answer-field gt
    """
    from haystack_gen.judge.leaks import guess_parts
    from haystack_gen.judge.questions import Fields, read_questions

    named = {name: key for name in _FIELDS if (key := fields[f"{name}_field"]) is not None}
    outlooks: Sequence[Outlook] = ()
    if subject.is_dir():
        if named:
            raise InputError(f"{subject}: is a dataset folder, whose fields are known; leave --*-field out")
        from haystack_gen.judge.audit import audit as audit_dataset

        found = audit_dataset(DatasetFolder(subject), sampler, progress=on_stderr())
        outlooks, guessed = found.outlooks, found.guessed
    elif sampler:
        raise InputError(f"{subject}: is no folder, and frames are sampled of datasets alone; leave --sampler out")
    else:
        guessed = guess_parts({"all": list(read_questions(subject, Fields(**named)))}, progress=on_stderr())
    if as_json:
        report = {"visibility": [one.as_json() for one in outlooks], "blind": guessed.as_json()}
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        _print_columns(_seen_table(outlooks))
        _print_columns(_guessed_table(guessed))
        click.echo(f"verdict  {guessed.verdict}")
    for one in outlooks:
        if one.refusal:
            say(f"{one.sampler.name} refuses some videos: {one.refusal}")
    guessed.raise_if_leaky()


def _seen_table(outlooks: Iterable["Outlook"]) -> Iterator[Sequence[str]]:
    """A block for each sampler: all items, then by family and by length; twins by control."""
    for one in outlooks:
        yield one.sampler.name, "ceiling", "items", "seen", "absent", "needles:", "robust", "edge", "missed", "refused"
        parts = [("all", one.total)]
        parts += [(f"{kind} {name}", tally) for kind, found in one.by.items() for name, tally in found.items()]
        for name, tally in parts:
            states = (f"{tally.states[state]:,}" for state in ("robust", "edge", "missed", "refused"))
            counts = (f"{count:,}" for count in (tally.items, tally.seen, tally.absent))
            yield f"  {name}", f"{tally.ceiling:.3f}", *counts, "", *states
        yield ()


def _guessed_table(guessed: "Guessed") -> Iterator[Sequence[str]]:
    """The best rule of each part, and every one that leaks."""
    from haystack_gen.judge.leaks import interval

    if guessed.parts:
        yield "blind", "questions", "different", "rule", "right", "95 %", "chance"
    leaks = guessed.leaks
    for part in guessed.parts:
        found = [score for of, score in leaks if of is part]
        for score in found or part.scores[:1]:
            name = f"  {part.name}" + (", in all turns" if part.turns == "all" else "")
            sure = interval(score)
            shown = (f"{score.accuracy:.3f}", f"{sure.low:.3f} to {sure.high:.3f}", f"{score.chance:.3f}")
            yield name, f"{part.questions:,}", f"{part.different:,}", score.guesser, *shown, "LEAK" if found else ""
    for why, count in guessed.left_out.items():
        yield f"  left out: {why}", f"{count:,}"
    if guessed.parts or guessed.left_out:
        yield ()


def _print_columns(rows: Iterable[Sequence[str]]) -> None:
    """Names to the left, all else to the right, each column as wide as what stands in it."""
    table = [list(row) for row in rows]
    columns = max(map(len, table), default=0)
    widths = [max(len(row[place]) for row in table if place < len(row)) for place in range(columns)]
    for row in table:
        cells = [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        click.echo(visible("  ".join(cells).rstrip()))

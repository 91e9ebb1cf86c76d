"""From a stage and its questions to items: options in their order, answers, rotations, open forms."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from haystack_gen.plan.choices import ABSENT, LETTERS, arrange, letter_place, rotated
from haystack_gen.plan.draws import Draw, Open, Question, Stage
from haystack_gen.plan.items import Item, PlacedDistractor, PlacedNeedle
from haystack_gen.plan.placement import realised_depth
from haystack_gen.plan.setting import Cell, Setting
from haystack_gen.plan.streams import Stream
from haystack_gen.plan.timeline import Timeline


def items_of(
    setting: Setting, cell: Cell, draw: Draw, cut: Stage, clips: Timeline, *, control: str = "none"
) -> Iterator[Item]:
    """Every item about a stage: each question in each form and rotation that the spec asks for."""
    choices = setting.spec.choices
    suffix = "" if control == "none" else f"-{control}"
    for number, question in enumerate(draw.questions):
        base = cell.item_id(question.needle) + (f"-q{number}" if len(draw.questions) > 1 else "")
        shown = {
            "timeline": clips,
            "needles": tuple(_placed(question, cut, clips)),
            "control": control,
            "window_start": cut.window,
            "repeats": (cut.window + cell.length - 1) // setting.footage.length,
            "side": cut.side,
            "distractors": cut.distractors if len(draw.questions) == 1 else tuple(_lures_of(draw, question, cut)),
        }
        if question.options and (choices.form != "open" or question.open is None):
            options = _ordered(setting, cell, question, number, len(draw.questions))
            for shift in range(len(options)) if choices.circular else (0,):
                group = base + (f"-r{shift}" if shift else "")
                asked = _with_options(setting, question, rotated(options, shift))
                if choices.circular:
                    asked |= {"circular_group": base + suffix, "circular_shift": shift}
                yield _item(cell, question, group + suffix, group, shown | asked)
        if question.open is not None and (choices.form != "options" or not question.options):
            both = bool(question.options) and choices.form == "both"
            group = f"{base}-open" if both else base
            yield _item(cell, question, group + suffix, group, shown | _opened(setting, question, question.open))


def _item(cell: Cell, question: Question, name: str, group: str, fields: dict[str, Any]) -> Item:
    return Item(
        id=name,
        task=cell.task,
        variant=question.variant,
        video=name,
        requested_length=cell.length,
        requested_depth=cell.requested_depth,
        trial=cell.trial,
        group=group,
        context_length=cell.context,
        **fields,
    )


def _placed(question: Question, cut: Stage, clips: Timeline) -> Iterator[PlacedNeedle]:
    for number, shot in sorted(cut.shots.items(), key=lambda pair: pair[1].start):
        yield PlacedNeedle(
            needle=shot.needle.id,
            source=shot.needle.source,
            start=shot.start,
            length=shot.place.length,
            depth=realised_depth(shot.start, length=clips.length, needle_length=shot.place.length),
            asked=number in question.asked,
            moved=shot.place.moved,
            added=shot.place.added,
        )


def _ordered(setting: Setting, cell: Cell, question: Question, number: int, questions: int) -> tuple[str, ...]:
    """The options with the right one at its balanced place."""
    if question.in_order:
        return question.options
    count = len(question.options)
    letters = setting.stream(cell.task, "letters", count)
    place = letter_place(letters, options=count, trial=cell.trial * questions + number, diagonal=cell.diagonal)
    stream = cell.stream(setting.spec.seed).child("options", number)
    return arrange(question.options, question.placed or question.answer, place=place, stream=stream)


def _lures_of(draw: Draw, question: Question, cut: Stage) -> Iterator[PlacedDistractor]:
    """The look-alikes, of which those of needles that another question is about lure to nothing here."""
    own = {draw.shots[place].needle.id for place in question.asked}
    for one in cut.distractors:
        yield one if one.needle in own or not one.lure else replace(one, lure="")


def _with_options(setting: Setting, question: Question, options: tuple[str, ...]) -> dict[str, Any]:
    letter = LETTERS[options.index(question.answer)]
    return {
        "question": question.text,
        "options": options,
        "instruction": question.instruction or _instruction(setting, "mcq"),
        "form": "mcq",
        "answer": letter,
        "answer_text": question.answer,
        "accepted": (letter, question.answer, f"{letter}. {question.answer}"),
        "tolerance": Fraction(0),
    }


def _opened(setting: Setting, question: Question, free: Open) -> dict[str, Any]:
    """The question asked without options."""
    answer = question.answer if question.hidden else free.answer
    own = "" if question.options else question.instruction  # with options, it says to answer with a letter
    instruction = own or _instruction(setting, free.form)
    if ABSENT in question.options or (setting.spec.choices.absent and not question.counts):
        instruction += f" {_instruction(setting, 'absent')}"
    return {
        "question": free.question or question.text,
        "options": (),
        "instruction": instruction,
        "form": free.form,
        "answer": answer,
        "answer_text": answer,
        "accepted": tuple(dict.fromkeys((answer, *(() if question.hidden else free.accepted)))),
        "tolerance": Fraction(0) if question.hidden else free.tolerance,
    }


def _instruction(setting: Setting, form: str) -> str:
    return setting.facts.wording["instructions"][form][0]


def paraphrase(setting: Setting, family: str, form: str, stream: Stream, **words: str) -> str:
    """One of a family's wordings for a form of its question; `form.attribute`, where there is one, goes first."""
    wordings = setting.facts.wording[family]
    chosen = wordings.get(f"{form}.{words.get('attribute', '')}") or wordings[form]
    return stream.child("wording", form).choice(chosen).format(**words)

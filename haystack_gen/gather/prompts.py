"""Prompts as published lists write them: question, options as lines "A. lion", and lines that say how to answer."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from haystack_gen.errors import InputError
from haystack_gen.gather.entries import brief
from haystack_gen.plan.texts import plain

_LETTERED = re.compile(r"\s*(?:\(([A-Z])\)|([A-Z])[.)])")
_INSTRUCTION = re.compile(
    r"\s*(answer (with|using|by|in|the question (using|with|by|in))|(respond|reply) (with|using|in)"
    r"|please ((provide|give|state) (your|the) answer|(answer|respond|reply) (with|using|by|in)))\b[^?]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt taken apart: option lists and instruction lines in order, each as often as it stands there.

    Question, options and instruction, joined by line ends, are the prompt again: to the byte for prompts that keep this
    order, write options as "A. lion" and repeat nothing; line ends around the question are not kept.
    """

    question: str
    lists: tuple[tuple[str, ...], ...]
    instructions: tuple[str, ...]

    @property
    def instruction(self) -> str:
        """How to answer; a line that stands there more than once counts once."""
        return "\n".join(dict.fromkeys(self.instructions))


def split_prompt(prompt: str, where: str) -> Prompt:
    """Question, option lists and instructions of a prompt, whether or not they agree with each other.

    Raises:
        InputError: there is no question, or options skip a letter or are broken by other lines; `where` begins the
            message.
    """
    question: list[str] = []
    instructions: list[str] = []
    lists: list[list[str]] = []
    after_option = False
    for line in prompt.split("\n"):
        letter, option = lettered(line)
        if letter == "A":
            lists.append([option])
        elif letter and lists:
            if not after_option or letter != ascii_uppercase[len(lists[-1]) :][:1]:
                raise InputError(f"{where}: option {letter!r} does not follow {lists[-1]}; expected lines A, B, C, …")
            lists[-1].append(option)
        elif _INSTRUCTION.fullmatch(line) or (lists and line.strip()):
            instructions.append(line)
        elif not lists:
            question.append(line)
        after_option = bool(letter and lists)
    if not "".join(question).strip():
        raise InputError(f"{where}: holds no question, only {brief(prompt)}")
    return Prompt(
        question="\n".join(question).strip("\n"),
        lists=tuple(tuple(found) for found in lists),
        instructions=tuple(instructions),
    )


def one_list(prompt: Prompt, where: str) -> tuple[str, ...]:
    """The options of a prompt, () where it has none; the same list written twice counts once.

    Raises:
        InputError: its option lists differ, or hold a single option.
    """
    first, *others = prompt.lists or [()]
    if conflicting := [other for other in others if other != first]:
        raise InputError(f"{where}: has two option lists, {list(first)} and {list(conflicting[0])}; keep one of them")
    if len(first) == 1:
        raise InputError(f"{where}: has 1 option, {list(first)}, expected at least 2, or none for a word answer")
    return first


def agreed_list(prompt: Prompt, answer: str, where: str) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """The options of a prompt with the right one and remarks, even if it has several lists that differ.

    The first of the longest lists counts, provided that the answer means the same in all, case and spaces overlooked.

    Raises:
        InputError: there are no options, they repeat, the answer is not among them or means something else in another
            list.
    """
    if not prompt.lists:
        raise InputError(f"{where} has no options; write each on a line of its own, 'A. lion'")
    options = max(prompt.lists, key=len)
    right, remarks = _chosen(answer, options, where), []
    if len(options) < 2 or len(set(options)) < len(options):
        raise InputError(f"{where} has options {brief(list(options))}, expected at least 2, all different")
    if right is None:
        raise InputError(f"{where}: answer {brief(answer)} is not among its options {brief(list(options))}")
    if len(set(prompt.lists)) > 1:
        meanings = [_chosen(answer, found, where) for found in prompt.lists]
        if {plain(meaning or "") for meaning in meanings} != {plain(right)}:
            raise InputError(
                f"{where} has {len(meanings)} option lists that differ, and answer {brief(answer)} means "
                f"{' or '.join(brief(meaning) if meaning else 'nothing' for meaning in meanings)}"
            )
        sizes = " and ".join(str(len(found)) for found in prompt.lists)
        remarks.append(
            f"{where} has {len(meanings)} option lists that differ, of {sizes}; {brief(list(options))} is kept, as "
            f"answer {brief(answer)} means {brief(right)} in all"
        )
    return options, right, tuple(remarks)


def prompt_remarks(prompt: Prompt, where: str) -> tuple[str, ...]:
    """What a prompt says more than once, or in two ways, each with `where` in front."""
    times = Counter(prompt.instructions)
    remarks = [
        f"{where} has the line {brief(line)} {count} times; it counts once"
        for line, count in times.items()
        if count > 1
    ]
    ways = [line for line in times if _INSTRUCTION.fullmatch(line)]
    if len(ways) > 1:
        remarks.append(
            f"{where} says how to answer in {len(ways)} ways, {' and '.join(map(brief, ways))}; all are kept"
        )
    if len(prompt.lists) > 1 and len(set(prompt.lists)) == 1:
        remarks.append(f"{where} has the same options {len(prompt.lists)} times; they count once")
    return tuple(remarks)


def meant(text: str, options: Sequence[str]) -> str:
    """An option given as itself or by its letter; a word answer as it is.

    Raises:
        InputError: the text is an option and the letter of another.
    """
    letters = dict(zip(ascii_uppercase, options, strict=False))
    if text in options and letters.get(text, text) != text:
        raise InputError(f"{text!r} is an option and also the letter of {letters[text]!r}; put such options in order")
    return letters.get(text, text)


def lettered(line: str) -> tuple[str, str]:
    """Letter and text of an option such as "A. lion" or "(A) lion"; both "" where a line is none."""
    found = _LETTERED.match(line)
    option = line[found.end() :].strip() if found else ""
    return (found[1] or found[2], option) if found and option else ("", "")


def _chosen(answer: str, options: Sequence[str], where: str) -> str | None:
    """The option that is the answer or has it as its letter; None where none does."""
    try:
        right = meant(answer, options)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return right if right in options else None

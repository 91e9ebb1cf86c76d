"""V-RULER's lists as they are published: questions about several pictures, and questions about whole films.

A list of pictures is a JSON array of {"path", "prompt", "answer"} in which `path` is a list of names, or text that
holds one as Python writes it. A list of films is a JSON array in LongVideoBench's form. A flaw in an item is remarked
on; an item that makes no sense is left out, and a remark says why. Nothing that a list holds is ever run.
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from haystack_gen.errors import InputError
from haystack_gen.facts import MOST_OPTIONS, Listed, ListedTask, Source
from haystack_gen.gather.entries import brief, list_of, text_of
from haystack_gen.gather.packs import locate, stills_of
from haystack_gen.gather.prompts import agreed_list, lettered, prompt_remarks, split_prompt
from haystack_gen.gather.upstream import LIST_KEYS, rows_of
from haystack_gen.plan.texts import plain
from haystack_gen.workspace import slug

MOST_PICTURES = 1000
_LONGEST_PATH = 10_000  # a longer text, deeply nested, could exhaust the stack of Python's parser
_SURROGATE = re.compile("[\ud800-\udfff]")
_USUAL_OPTIONS = 4
_MOST_SAID = 10
_LEFT_OUT = "item left out"
_FILM_KEYS = ("video_path", "question", "candidates", "correct_choice", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPack:
    """Ready questions and the pictures they name, in the order in which they are first named.

    `remarks` tell every flaw of the list, those of items left out among them; each begins with its place.
    """

    name: str
    listed: tuple[Listed, ...]
    stills: tuple[Source, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFilm:
    """A ready question about a film that has not been catalogued yet: it lies at `path`. `answer` is an option."""

    path: Path
    id: str
    question: str
    options: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPack:
    """Ready questions and the films they are about, each film once, in the order in which they are first named.

    `remarks` are as a `ListedPack`'s.
    """

    name: str
    asked: tuple[AskedFilm, ...]
    films: tuple[Path, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A question that makes sense by itself; `names` are of pictures or of a film, not yet proven to be there."""

    where: str
    id: str
    names: tuple[str, ...]
    question: str
    options: tuple[str, ...]
    answer: str
    instruction: str = ""


def read_listed(path: Path, *, task: ListedTask, images: Path | None = None) -> ListedPack:
    """Read V-RULER's list for one family and prove that every picture it names is there and can be shown.

    Args:
        path: the list.
        task: the family that its questions belong to; in `counting` an item may have no pictures.
        images: where the pictures are; by default beside the list.

    Raises:
        InputError: not such a list, none of its items can be used, or a picture's name leads out of its folder or the
            picture is missing or damaged.
    """
    items: list[_Item] = []
    remarks: list[str] = []
    for number, (where, row) in enumerate(rows_of(path, needed=LIST_KEYS, noun="question"), start=1):
        try:
            item, flaws = _listed_item(row, where, task=task, id=f"{slug(path.stem)}-{number}")
        except InputError as error:
            remarks.append(f"{error}: {_LEFT_OUT}")
            continue
        items.append(item)
        remarks += flaws
    _check_some(items, remarks, path)
    files = locate(images or path.parent, [(item.where, name) for item in items for name in item.names])
    stills = stills_of(files, origin=path.stem, licenses={})
    listed = (
        Listed(
            id=item.id,
            task=task,
            pictures=tuple(stills[files[name]].id for name in item.names),
            question=item.question,
            options=item.options,
            answer=item.answer,
            instruction=item.instruction,
        )
        for item in items
    )
    return ListedPack(name=path.stem, listed=tuple(listed), stills=tuple(stills.values()), remarks=tuple(remarks))


def read_questions(path: Path, *, videos: Path | None = None) -> FilmPack:
    """Read questions about whole films in LongVideoBench's form and prove that each film is there; none is opened.

    An item has `video_path`, `question`, `candidates`, `correct_choice` (from 0) and `id`; V-RULER's also has `answer`,
    such as "(D) red", which must agree. Whatever else it has is overlooked.

    Args:
        path: the list.
        videos: where the films are; by default beside the list.

    Raises:
        InputError: not such a list, none of its items can be used, or a film's name leads out of its folder or the film
            is missing.
    """
    items: list[_Item] = []
    remarks: list[str] = []
    taken: set[str] = set()
    for number, (where, row) in enumerate(rows_of(path, needed=_FILM_KEYS, optional=None, noun="question"), start=1):
        try:
            item = _film_item(row, where)
        except InputError as error:
            remarks.append(f"{error}: {_LEFT_OUT}")
            continue
        if item.id in taken:
            free = _free_id(item.id, number, taken)
            remarks.append(f"{where}: id {item.id!r} is taken by an earlier item; this one is called {free!r}")
            item = replace(item, id=free)
        taken.add(item.id)
        items.append(item)
    _check_some(items, remarks, path)
    files = locate(videos or path.parent, [(item.where, item.names[0]) for item in items], what="video")
    asked = (
        AskedFilm(
            path=files[item.names[0]], id=item.id, question=item.question, options=item.options, answer=item.answer
        )
        for item in items
    )
    films = tuple(dict.fromkeys(files.values()))
    return FilmPack(name=path.stem, asked=tuple(asked), films=films, remarks=tuple(remarks))


def _check_some(items: Sequence[_Item], remarks: Sequence[str], path: Path) -> None:
    if not items:
        said = "".join(f"\n  {remark}" for remark in remarks[:_MOST_SAID])
        more = f"\n  and {len(remarks) - _MOST_SAID:,} more" if len(remarks) > _MOST_SAID else ""
        raise InputError(f"{path}: none of its {len(remarks):,} questions can be used:{said}{more}")


def _free_id(name: str, number: int, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}-{number}"
    return name


def _listed_item(row: Mapping[str, Any], where: str, *, task: ListedTask, id: str) -> tuple[_Item, tuple[str, ...]]:
    """One item of a list of pictures, and its flaws."""
    names = _names(row["path"], where, task)
    answer = text_of(row, "answer", where).strip()
    place = f"{where}: prompt"
    prompt = split_prompt(text_of(row, "prompt", where), place)
    options, right, flaws = agreed_list(prompt, answer, place)
    item = _Item(where, id, names, prompt.question, options, right, prompt.instruction)
    if len(options) < _USUAL_OPTIONS:
        flaws += (
            f"{place} has {len(options)} options, where V-RULER has {_USUAL_OPTIONS}; guesses are right more often",
        )
    return item, (*prompt_remarks(prompt, place), *flaws)


def _names(value: object, where: str, task: ListedTask) -> tuple[str, ...]:
    names = _literal(value) if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and not _SURROGATE.search(name) for name in names):
        raise InputError(f"{where}: path is {brief(value)}, expected a list of picture names")
    if len(names) > MOST_PICTURES:
        raise InputError(f"{where}: path names {len(names):,} pictures, expected at most {MOST_PICTURES:,}")
    if not names and task != "counting":
        raise InputError(f"{where}: path names no picture, which only counting allows")
    return tuple(names)


def _literal(text: str) -> object:
    """The constant that a text holds in Python's notation; None where it holds none. Nothing is run."""
    if len(text) > _LONGEST_PATH:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _film_item(row: Mapping[str, Any], where: str) -> _Item:
    """One item of a list of films."""
    texts = {key: text_of(row, key, where).strip() for key in ("id", "video_path", "question", "answer")}
    if blank := [key for key in ("id", "question") if not texts[key]]:
        raise InputError(f"{where}: {blank[0]} is empty")
    candidates, choice = list_of(row, "candidates", where), row["correct_choice"]
    options = tuple(each.strip() if isinstance(each, str) else "" for each in candidates)
    if not 2 <= len(options) <= MOST_OPTIONS or not all(options) or len(set(options)) < len(options):
        raise InputError(f"{where}: candidates are {brief(candidates)}, expected 2 to {MOST_OPTIONS} different texts")
    if type(choice) is not int or not 0 <= choice < len(options):
        raise InputError(f"{where}: correct_choice is {brief(choice)}, expected a number from 0 to {len(options) - 1}")
    if texts["answer"] and not _agrees(texts["answer"], options, choice):
        raise InputError(
            f"{where}: answer {brief(texts['answer'])} contradicts correct_choice {choice}, {brief(options[choice])}"
        )
    return _Item(where, slug(texts["id"]), (row["video_path"],), texts["question"], options, options[choice])


def _agrees(answer: str, options: Sequence[str], choice: int) -> bool:
    """Whether an answer such as "(D) red", "D" or "red" says the same as the number of the right option."""
    right, letter = plain(options[choice]), ascii_uppercase[choice]
    if plain(answer) == right or answer.strip("(). ") == letter:
        return True
    said, text = lettered(answer)
    return said == letter and plain(text) == right

"""Datasets' places on the Hub by name, before anything is asked there."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from haystack_gen.errors import InputError
from haystack_gen.publish.changes import Kept
from haystack_gen.publish.inventory import SPEC, is_medium

HUB = "hf://"
_PART = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_PART}/{_PART}")
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]{0,198}[A-Za-z0-9_-])?")


class Repository(NamedTuple):
    """A dataset's place on the Hub; `revision` is a branch to write to, or anything to read from. None is `main`."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{HUB}{self.name}" + (f"@{self.revision}" if self.revision else "")


class Remote(NamedTuple):
    """What a repository holds: its newest commit, and its files."""

    head: str
    files: Mapping[str, Kept]
    private: bool
    has_branch: bool = True


def named(name: str, revision: str | None = None) -> Repository:
    """A repository by its name, `USER/NAME`.

    Raises:
        InputError: the Hub cannot have one of that name, or no such branch.
    """
    if not _NAME.fullmatch(name) or re.search(r"--|\.\.|\.git$", name):
        raise InputError(f"{name!r}: is no name of a dataset on the Hub; expected USER/NAME, such as ann/long-videos")
    if revision is not None and (not _BRANCH.fullmatch(revision) or re.search(r"\.\.|//|/\.|\.lock$|\.$", revision)):
        raise InputError(f"{revision!r}: cannot be a revision; expected the name of a branch, such as v1")
    return Repository(name, None if revision == "main" else revision)


def addressed(address: str) -> Repository:
    """The repository of `hf://USER/NAME[@REVISION]`.

    Raises:
        InputError: as `named`.
    """
    name, at, revision = address.removeprefix(HUB).partition("@")
    return named(name, revision if at else None)


def check_target(place: Repository, remote: Remote, *, private: bool, recipe: bool) -> None:
    """Refuse to write over what is no dataset of ours, and to show it to more people, or less of it, than was meant.

    Raises:
        InputError: see above.
    """
    others = remote.files.keys() - {".gitattributes", "README.md"}
    if ".gitignore" in others:
        raise InputError(f"{place}: holds a .gitignore, by which the Hub leaves files out; delete it there first")
    if others and SPEC not in others:
        raise InputError(f"{place}: holds {min(others)} and no dataset of haystack-gen; choose another USER/NAME")
    if private and not remote.private:
        raise InputError(f"{place}: is public; make it private in its settings first, or leave --private out")
    if recipe and any(map(is_medium, others)):
        raise InputError(
            f"{place}: holds a dataset with its media, which --recipe-only would delete there; choose another "
            "USER/NAME or --revision"
        )

"""The folders of the parts of a build: which there are, who is at work in them, and what each took."""

import errno
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from haystack_gen.emit.summary import Summary
from haystack_gen.errors import InputError
from haystack_gen.records import parse_json, read_text
from haystack_gen.workspace import DatasetFolder, expect_no_link

_GIVEN = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_NAME = re.compile(r"([1-9][0-9]{0,5})-of-([1-9][0-9]{0,5})")


def beside(out: Path) -> Path:
    """The folder of all parts of the dataset `out`.

    Raises:
        InputError: `out` has no name beside which they could be, or the folder is a link.
    """
    named = out.resolve() if out.name in ("", "..") else out
    if not named.name:
        raise InputError(f"{out}: is where everything is; name a folder for the dataset")
    folder = named.with_name(f"{named.name}.shards")
    expect_no_link(folder)
    return folder


class Shard(NamedTuple):
    """The `number`-th of `total` parts of a build, counted from 1."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `number/total`.

        Raises:
            InputError: it is not that, or the number is none of 1 to total.
        """
        given = _GIVEN.fullmatch(text)
        shard = cls(*map(int, given.groups())) if given else cls(0, 0)
        if not 1 <= shard.number <= shard.total:
            raise InputError(f"--shard {text}: expected I/N with I from 1 to N, such as 1/8 for the first of eight")
        return shard

    def folder(self, out: Path) -> Path:
        """Where its part of the dataset `out` is made."""
        folder = beside(out) / self.name
        expect_no_link(folder)
        return folder

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.number}-of-{self.total}"


def shard_names(names: Iterable[str]) -> list[str]:
    """Those among names that folders of parts have, such as `1-of-4`, in the order of the parts."""
    matches = filter(None, map(_NAME.fullmatch, names))
    return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), int(match[2])))]


def is_whole(names: Sequence[str]) -> bool:
    """Whether these are the names of all parts of one split, and of no other."""
    return bool(names) and {name.partition("-of-")[2] for name in names} == {str(len(names))}


def expect_all(names: Sequence[str], out: str) -> Sequence[str]:
    """The same names, if they are of all parts of the dataset at the path or URL `out`.

    Raises:
        InputError: there are none, or not all, or parts of different splits.
    """
    where = f"{out}.shards"
    if not names:
        raise InputError(f"{where}: holds no shards; make them with haystack-gen build ... --out {out} --shard I/N")
    totals = sorted({int(name.partition("-of-")[2]) for name in names})
    if len(totals) > 1:
        raise InputError(
            f"{where}: holds shards of a build split in {totals[0]} and of one split in {totals[1]}; delete those "
            "that are not wanted"
        )
    there = set(names)
    if missing := [str(number) for number in range(1, totals[0] + 1) if f"{number}-of-{totals[0]}" not in there]:
        raise InputError(f"{where}: lacks shard {', '.join(missing)} of {totals[0]}; build what is missing first")
    return names


@contextmanager
def entered(locks: Iterable[AbstractContextManager[object]], *, where: Path | str) -> Iterator[None]:
    """Hold the locks of all parts at the same time.

    Raises:
        InputError: one is taken, or there are more than files may be open.
    """
    with ExitStack() as stack:
        try:
            for one in locks:
                stack.enter_context(one)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            raise InputError(
                f"{where}: holds more shards than files may be open at a time; allow more with ulimit -n"
            ) from None
        yield


def summaries(shards: Sequence[Path], dropped: Mapping[str, int]) -> Iterator[Summary]:
    """What each part took; one that cannot be read, or says what no build says, such as a path, does not count.

    Args:
        shards: the folders.
        dropped: why items of the plan that they share were dropped, in which alone anything may stand.
    """
    for file in (DatasetFolder(shard).summary for shard in shards):
        with suppress(InputError):
            summary = parse_json(read_text(file), str(file))
            if not isinstance(summary, dict) or summary.pop("dropped", None) != dropped:
                continue
            if not re.search(r"[/\\]", json.dumps(summary, ensure_ascii=False)):
                yield summary | {"dropped": dict(dropped)}

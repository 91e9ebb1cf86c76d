"""Where a command builds: in a folder, or in one that goes to a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from haystack_gen.errors import InputError
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, published
from haystack_gen.workspace import DatasetFolder


@contextmanager
def place_of(out: Path | str, tools: Any, *, shard: str, spec: Spec | None) -> Iterator[Path]:
    """The folder to build in; without a `spec` to compare with, what is there may be replaced."""
    if isinstance(out, Path):
        if spec:
            refuse_another(DatasetFolder(out), spec)
        yield out
        return
    from haystack_gen.remote.outputs import sent_to

    expected = dump_spec(published(spec)) if spec else None
    with sent_to(out, tools.cache, progress=tools.progress, shard=shard, spec=expected) as place:
        if spec:
            refuse_another(DatasetFolder(place), spec)
        yield place


def refuse_another(folder: DatasetFolder, spec: Spec) -> None:
    """Keep a finished dataset from being replaced by mistake."""
    if folder.manifest.is_file() and folder.spec.is_file():
        finished = folder.spec.read_text(encoding="utf-8", errors="replace")
        if finished != dump_spec(published(spec)):
            raise InputError(
                f"{folder.root}: holds a finished dataset of another spec; choose another --out, or --replace it"
            )

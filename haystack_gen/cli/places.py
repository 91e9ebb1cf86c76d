"""Where a command builds: in a folder, or in one that goes to a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, published
from haystack_gen.workspace import DatasetFolder

OR_REPLACE = "choose another --out, or --replace it"


@contextmanager
def place_of(out: Path | str, tools: Any, *, shard: str, spec: Spec | None) -> Iterator[Path]:
    """The folder to build in; without a `spec` to compare with, what is there may be replaced."""
    expected = dump_spec(published(spec)) if spec else None
    if isinstance(out, Path):
        if expected:
            DatasetFolder(out).expect_spec(expected, remedy=OR_REPLACE)
        yield out
        return
    from haystack_gen.remote.outputs import sent_to

    with sent_to(out, tools.cache, progress=tools.progress, shard=shard, spec=expected) as place:
        if expected:
            DatasetFolder(place).expect_spec(expected, remedy=OR_REPLACE)
        yield place

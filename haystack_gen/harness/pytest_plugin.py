"""Real datasets for tests of evaluators, small enough to be built by the test that asks for one.

pytest loads this module in every run where haystack-gen is installed, so nothing heavy is imported until a test asks
for a dataset. `pytest -p no:haystack-gen` leaves it out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from haystack_gen.cache import Cache
    from haystack_gen.dataset import Dataset
    from haystack_gen.emit.encoding import Pixels
    from haystack_gen.emit.rows import Row


class MakeDataset(Protocol):
    """What the fixture `haystack_dataset` gives."""

    def __call__(self, preset: str = "fixture", **keys: object) -> Dataset:
        """A dataset of a preset or spec file with some keys changed, as `haystack_gen.load_spec` takes them.

        The same one for the same spec: tests share it, and should not write into its folder.
        """
        ...


@pytest.fixture(scope="session")
def haystack_dataset(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> MakeDataset:
    """Build datasets from nothing: `haystack_dataset()`, `haystack_dataset(seed=7, tasks=["counting"])`.

    Each is built once in a session. Pictures drawn and encoded for it stay in pytest's cache, so that the next session
    builds faster. Whether questions can be guessed is not asked of so few.
    """
    built: dict[str, Dataset] = {}

    def make(preset: str = "fixture", **keys: object) -> Dataset:
        from haystack_gen.api import load_spec
        from haystack_gen.build import build
        from haystack_gen.dataset import Dataset
        from haystack_gen.gathering import Tools
        from haystack_gen.specfile import dump_spec

        spec = load_spec(preset, **keys)
        text = dump_spec(spec)
        if text not in built:
            cache, folder = _cache(pytestconfig, tmp_path_factory), tmp_path_factory.mktemp("haystack")
            build(spec, folder, Tools.local(cache=cache), allow_guessable=True)
            built[text] = Dataset(folder, cache=cache)
        return built[text]

    return make


def read_frame(dataset: Dataset, item_id: str, frame: int) -> Pixels:
    """One frame of an item's video as the dataset has it, RGB uint8 of shape (height, width, 3): to compare with."""
    return dataset.frames(item_id)[frame]


def oracle_answer(row: Row, *, sampler: str = "") -> str:
    """The right reply to an item: a letter where there are options, else an answer that is accepted.

    With a `sampler`, such as "linspace:8", the right one only if that shows all that is asked about: else that nothing
    is there, if it is offered, or a guess, the same each time.
    """
    from haystack_gen.harness.oracle import Oracle
    from haystack_gen.judge.samplers import sampler as sampler_named

    return Oracle(sampler_named(sampler) if sampler else None).reply(row)


def _cache(config: pytest.Config, scratch: pytest.TempPathFactory) -> Cache:
    """`$HAYSTACK_CACHE`, else a folder in pytest's cache, else, where there is none or it is read-only, a new one."""
    from haystack_gen.cache import Cache

    if os.environ.get("HAYSTACK_CACHE"):
        return Cache.default()
    pytests = getattr(config, "cache", None)  # it is a plugin, and may be off
    if pytests is not None:
        try:
            folder = pytests.mkdir("haystack-gen")
        except OSError:
            return Cache(scratch.mktemp("haystack-cache"))
        if os.access(folder, os.W_OK):
            return Cache(folder)
    return Cache(scratch.mktemp("haystack-cache"))

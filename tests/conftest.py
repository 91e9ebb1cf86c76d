"""What every test shares: the real clips when they are there, and a guard on global randomness."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def shared_data() -> Path:
    """Real videos and needle images beside the checkout; their absence is a failure where it is required."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        if os.environ.get("HAYSTACK_REQUIRE_SHARED"):
            pytest.fail(f"{folder} is missing and HAYSTACK_REQUIRE_SHARED is set")
        pytest.skip("the real clips are not on this machine")
    return folder


@pytest.fixture(autouse=True)
def untouched_global_randomness(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose code draws from a global generator; hypothesis seeds them itself and is left out."""
    if hasattr(request.function, "hypothesis"):
        yield
        return
    before = random.getstate(), np.random.get_state()[1].tobytes()
    yield
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before, "drew from a global random generator"


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the whole session shares and nobody else sees."""
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("HAYSTACK_CACHE", str(cache))
    return cache

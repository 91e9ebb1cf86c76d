"""A Hub for each test, and this process's client pointed at it and at nothing else."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.hub.loopback import LoopbackHub


@pytest.fixture(scope="session")
def client() -> None:
    """The real client; its absence is a failure where the extras are required."""
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("huggingface_hub", reason="the hub extra is not installed", exc_type=ImportError)


@pytest.fixture
def hub(client: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A fresh, empty Hub; `huggingface_hub` knows no other endpoint, no token and an empty cache."""
    from huggingface_hub import close_session, constants

    with LoopbackHub() as hub:
        home = tmp_path / "hf-home"
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {
            "ENDPOINT": hub.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_XET_CACHE": str(home / "xet"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_TELEMETRY": True,
            "HF_HUB_DISABLE_PROGRESS_BARS": True,
            "HF_HUB_OFFLINE": False,
        }.items():
            monkeypatch.setattr(constants, name, value)
        close_session()
        yield hub
        close_session()
    assert hub.mistakes == []


@pytest.fixture
def naps(client: None, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, in seconds, that the client takes between its attempts; they are noted and not waited for."""
    from huggingface_hub import file_download
    from huggingface_hub.utils import _http

    waits: list[float] = []
    stopped = SimpleNamespace(sleep=waits.append, time=time.time, monotonic=time.monotonic)
    for module in (file_download, _http):
        monkeypatch.setattr(module, "time", stopped)
    return waits

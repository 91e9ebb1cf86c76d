"""A real browser for the tests that are marked `browser`."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Opener = Callable[..., AbstractContextManager[Any]]


def _missing(what: str) -> None:
    if os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.fail(f"{what}, and HAYSTACK_REQUIRE_EXTRAS is set")
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window: that of $HAYSTACK_CHROMIUM, or the first that is installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    path = os.environ.get("HAYSTACK_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        _missing(f"there is no browser: set HAYSTACK_CHROMIUM, or install one of {', '.join(_NAMES)}")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, headless=True, args=list(_QUIET))
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any) -> Opener:
    """Opens a file as a page, and fails if it says anything on the console or asks for anything but itself."""

    @contextmanager
    def open_page(path: Path, *, width: int = 1280, height: int = 900, hash: str = "", **options: Any) -> Iterator[Any]:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.set_default_timeout(10_000)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + hash)
        page.wait_for_selector("html[data-ready=true]")
        page.wait_for_selector("#item-title")
        yield page
        page.wait_for_timeout(50)
        assert said == []
        others = [url for url in asked if not url.startswith("data:image/jpeg;base64,") and url != "data:,"]
        assert {url.partition("#")[0] for url in others} == {path.as_uri()}
        context.close()

    return open_page

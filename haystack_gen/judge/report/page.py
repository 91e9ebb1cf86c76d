"""The page as a file: styles, scripts, figures, items and pictures in one HTML text that asks nothing of any network.

What is not ours (questions, names, replies) is in it as JSON in which no character means anything to HTML, or
compressed; the scripts put it on the page as text. A content security policy lets nothing run but our own scripts, by
their hashes, and nothing load but pictures that the page itself holds.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from haystack_gen.atomic import atomic_path
from haystack_gen.workspace import package_folder

_MARK = '<!doctype html>\n<html lang="en" data-made-by="haystack-gen report">'
_SCRIPTS = ("dom.js", "figures.js", "heatmap.js", "detail.js", "browser.js", "page.js")
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class Blocks:
    """Details of items, compressed some at a time, so that the page unpacks only what is looked at."""

    SIZE = 250

    def __init__(self) -> None:
        """There are none yet."""
        self._open: list[Any] = []
        self._packed: list[str] = []

    def add(self, detail: Any) -> None:
        """One item more."""
        self._open.append(detail)
        if len(self._open) == self.SIZE:
            self._pack()

    def finished(self) -> list[str]:
        """All blocks: base64 of zlib of a JSON list each."""
        if self._open:
            self._pack()
        return self._packed

    def _pack(self) -> None:
        self._packed.append(b64encode(zlib.compress(_json(self._open).encode(), 9)).decode("ascii"))
        self._open = []


def is_report(path: Path) -> bool:
    """Whether a file is a page that this module wrote."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()


def write_page(path: Path, data: dict[str, Any], *, blocks: Sequence[str], pictures: Iterable[str]) -> int:
    """Write the page, and return its size in bytes."""
    folder = package_folder("templates") / "report"
    style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", *_SCRIPTS))
    page = Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{data['name']} · haystack-gen"),
        policy=_policy(style, scripts),
        style=style,
        data=script_json(data),
        blocks="\n".join(f'<script type="text/plain" class="block">{block}</script>' for block in blocks),
        pictures="\n".join(pictures),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )
    with atomic_path(path) as part:
        part.write_text(_MARK + page, encoding="utf-8", newline="\n")
        return part.stat().st_size


def script_json(data: Any) -> str:
    """JSON that cannot end the script element it stands in, nor begin a comment in it, whatever it says."""
    return _json(data).translate(_ESCAPES)


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _policy(style: str, scripts: Iterable[str]) -> str:
    hashes = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"

"""Wrong values, wrong texts and wrong bytes, drawn from a seed: what a careless or a hostile author might send."""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

TRAP = "http://127.0.0.1:{port}/trap"
"""A URL at which the sandbox listens; `{port}` is filled in when a case is written."""

TEXTS = (
    *("", " ", "\n", "\0", "a\0b", "\ud800", "\udfff x", "\u202eabc\u202c", "\u2028", "\ufeff", "\x1b[2J\x1b]0;x\x07"),
    *("../../secret/film.mp4", "../secret/still.png", "/etc/passwd", "~/x", "C:\\x.png", "..\\x", "a/../../../x", "."),
    *(
        "..",
        "/",
        "/dev/zero",
        "/dev/stdin",
        "file:///etc/passwd",
        TRAP,
        f"{TRAP}.mp4",
        "hub:a/b",
        "hf://a/b",
        "s3://b/k",
    ),
    *("concat:a|b", "subfile,,start,0,end,9,,:/etc/passwd", "data:text/plain,x", "pipe:0", "-", "--help", "@file"),
    *("%s%n%x", "{0.__class__}", "${HOME}", "$(id)", "`id`", "=1+1", "@SUM(A1)", "<script>alert(1)</script>", "]]>"),
    *("null", "true", "no", "NaN", "-Infinity", "1e999", "9" * 5000, "1/0", "0/0", "1/3", "1e-30", "0x10", "²", "١٢"),
    *("0:1:0.00001", "1:2", "5:1:1", "1,1", "1,,2", "1,2,x", "a,b", "A", "B.", "A. x\nB. y", "(A) x\n(C) y", "draw"),
    *("qwen2_5-vl:fps=0", "linspace:-1", "linspace:99999999999", "descriptor:x", "open_clip:x/y", "a.b.c", "__class__"),
    *("x" * 300, "x" * 100_000, "é" * 200, "\n" * 3000, " " * 30_000, "(" * 5000, "A. " * 5000, "is " * 8000),
)
NUMBERS = (
    *(
        0,
        1,
        -1,
        2,
        3,
        27,
        101,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        -(2**63),
        10**12,
        10**30,
        -(10**30),
    ),
    *(0.0, -0.0, 0.5, 1.0, -0.5, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")),
)


def nested(depth: int, *, mapping: bool = False) -> Any:
    """Lists or mappings in one another."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if mapping else [value]
    return value


class Mutator:
    """Changes documents, texts and bytes; the same seed makes the same changes."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw

    def wrong(self) -> Any:
        """A value that nobody expects here."""
        kind = self.draw.randrange(10)
        if kind < 4:
            return self.draw.choice(TEXTS)
        if kind < 7:
            return self.draw.choice(NUMBERS)
        some = (None, True, False, [], {}, [[]], [None], {"": ""}, ["a", "a"], {"a": {"b": [1]}}, [1, "a", None, {}])
        return self.draw.choice((*some, nested(50), nested(400, mapping=True), list(range(3000))))

    def document(self, document: Any) -> Any:
        """A copy with one to three changes anywhere in it."""
        document = copy.deepcopy(document)
        for _ in range(self.draw.choice((1, 1, 1, 2, 3))):
            places = list(_places(document))
            if not places:
                return self.wrong()
            document = self._change(document, *self.draw.choice(places), places)
        return document

    def _change(self, document: Any, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> Any:
        kind = self.draw.randrange(14)
        value = parent[key]
        if kind > 11:  # hardly wrong, so that it goes further
            parent[key] = self._near(value)
        elif kind < 5:
            parent[key] = self.wrong()
        elif kind == 5:
            del parent[key]
        elif kind == 6:
            other, at = self.draw.choice(places)
            parent[key] = copy.deepcopy(other[at])
        elif kind == 7 and isinstance(parent, dict):
            parent[self.draw.choice((*TEXTS[:12], "unknown", "id", "class"))] = value
        elif kind == 7:
            parent.insert(0, copy.deepcopy(value))
        elif kind == 8:
            parent[key] = [value]
        elif kind == 9 and isinstance(value, int | float) and not isinstance(value, bool):
            parent[key] = self.draw.choice((-value, value + 1, value - 1, value * 2, str(value), float(value)))
        elif kind == 10 and isinstance(value, list) and value:
            parent[key] = (value * self.draw.choice((2, 30)))[:300]
        elif isinstance(value, str):
            parent[key] = self.text(value)
        else:
            parent[key] = self.wrong()
        return document

    def _near(self, value: Any) -> Any:
        """A value of the same type, and not far off."""
        if isinstance(value, bool):
            return not value
        if isinstance(value, int | float):
            return self.draw.choice((value + 1, value * 2, value // 2, value * 10, 1))
        if isinstance(value, str):
            return self.draw.choice((value.swapcase(), value[:-1], f"{value}1", "1", "2:3", "a,b", "4", "1/2"))
        return value[:1] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """A text with something put into it, cut off, or repeated."""
        at = self.draw.randrange(len(text) + 1)
        made: tuple[Callable[[], str], ...] = (
            lambda: text[:at] + self.draw.choice(TEXTS) + text[at:],
            lambda: text[:at],
            lambda: text[at:],
            lambda: text * self.draw.choice((2, 50)),
            lambda: text.upper(),
            lambda: text[::-1],
            lambda: f"../{text}",
            lambda: f"{text}/",
        )
        return self.draw.choice(made)()

    def content(self, content: bytes) -> bytes:
        """Bytes cut off, turned, repeated, blanked, or replaced."""
        size = len(content)
        at, run = self.draw.randrange(size + 1), self.draw.choice((1, 2, 4, 16, 300))
        kind = self.draw.randrange(8)
        if kind == 0:
            return content[:at]
        if kind == 1:
            return content[at:]
        if kind == 2:
            return content[:at] + self.draw.randbytes(run) + content[at + run :]
        if kind == 3:
            return content[:at] + bytes(run) + content[at + run :]
        if kind == 4:
            return content[:at] + content[at : at + run] * 3 + content[at + run :]
        if kind == 5 and self.draw.random() < 0.2:
            return self.draw.choice((b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", self.draw.randbytes(200), b"\n" * 50))
        return self.flipped(content, self.draw.choice((1, 1, 3, 20)))

    def flipped(self, content: bytes, count: int, *, low: int = 0, high: int | None = None) -> bytes:
        """With so many bits turned over in [low, high)."""
        changed, high = bytearray(content), min(len(content), high or len(content))
        for _ in range(count if high > low else 0):
            changed[self.draw.randrange(low, high)] ^= 1 << self.draw.randrange(8)
        return bytes(changed)

    def json_text(self, document: Any) -> bytes:
        """A document as JSON; now and then as JSON that no library writes."""
        text = json.dumps(document, ensure_ascii=self.draw.random() < 0.5)
        kind = self.draw.randrange(24)
        if kind == 0 and "{" in text:
            at = text.index("{") + 1
            text = text[:at] + '"id": 1, "id": "a", ' * self.draw.choice((1, 2000)) + text[at:]
        elif kind == 1:
            text = "[" * self.draw.choice((50, 100_000)) + text
        elif kind == 2:
            text = text.replace('"', "'")
        elif kind == 3:
            text += self.draw.choice(("}", ",", "\0", " NaN", "// x", text))
        data = text.encode("utf-8", "surrogatepass")
        if kind == 4:
            return text.encode(self.draw.choice(("utf-16", "utf-32", "utf-8-sig")), "surrogatepass")
        return self.content(data) if kind in (5, 6) else data


def _places(document: Any, limit: int = 4000) -> Any:
    """(container, key) of everything in a document."""
    stack = [document]
    while stack and limit > 0:
        one = stack.pop()
        inside = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, value in inside:
            limit -= 1
            yield one, key
            if isinstance(value, dict | list):
                stack.append(value)

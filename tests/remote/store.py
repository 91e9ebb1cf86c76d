"""An S3 server on loopback that counts what it is asked, and the world of a test in it."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-c", "from haystack_gen.cli import main; main()")
BUCKET = "longvideos"
KEY_ID, SECRET, TOKEN = (
    "AKIAXUNMISTAKABLE234",
    "sEcReT+wJalr/K7MDENGbPxRfiCYEXAMPLE=",
    "tOkEn//FwoGZXIvYXdzEBYaDNOTREAL+/==",
)
SPEC = """
tasks: [retrieval, counting, ordering]
haystack: {{sources: ["{films}"], size: "128x72", fps: 10}}
needles: {{pack: "{pack}"}}
grid: {{lengths: "24", depths: 0:1:1/2, trials: 1}}
distractors: {{origin: any, period: 9, count: 2, at_least: 0}}
mining: {{pool: ["{pool}"], band: "-1:1", sharpness: 0, uniqueness: report}}
"""


@dataclass
class Store:
    """The server's address, the objects it has, and the requests that reached it."""

    endpoint: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuse: Any = None

    @property
    def backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends["123456789012"]["aws"]

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Keys below a prefix, without it, and what is there."""
        keys = self.backend.buckets[BUCKET].keys
        return {key[len(prefix) :]: bytes(keys[key].value) for key in sorted(keys) if key.startswith(prefix)}

    def put(self, key: str, content: bytes) -> None:
        self.backend.put_object(BUCKET, key, content)

    def delete(self, key: str) -> None:
        self.backend.delete_object(BUCKET, key)

    def upload(self, path: Path, key: str) -> None:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        for file in files:
            self.put(f"{key}/{file.relative_to(path).as_posix()}" if path.is_dir() else key, file.read_bytes())

    def counted(self) -> Counter[str]:
        """Requests by method since the last call; GETs of lists are LISTs."""
        asked, self.asked = self.asked, []
        return Counter("LIST" if method == "GET" and "list-type" in query else method for method, query in asked)

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """What a command is started with: secrets that nothing may repeat, and a home of its own."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR")}
        return (
            kept
            | {
                "HOME": str(home),
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_SESSION_TOKEN": TOKEN,
                "AWS_MAX_ATTEMPTS": "1",
            }
            | more
        )


def run(*arguments: object, env: dict[str, str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    """One command in a process of its own; it never ends in a stack trace."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], env=env, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done

"""Writes the golden plan of the tiny preset and the facts it is made from.

    python tests/golden/regenerate.py

Run it only when planned bytes are meant to change, with a line under *Output changes* in CHANGELOG.md.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from haystack_gen.build import build
from haystack_gen.cache import Cache
from haystack_gen.gathering import Tools
from haystack_gen.specfile import read_spec
from haystack_gen.workspace import DatasetFolder, package_folder

GOLDEN = Path(__file__).parent
KEPT = ("catalog.jsonl", "needles.jsonl", "matches.jsonl", "sightings.jsonl", "plan.jsonl", "dropped.jsonl")


def main() -> None:
    text = (package_folder("templates") / "specs" / "tiny.yaml").read_text(encoding="utf-8")
    with TemporaryDirectory() as scratch:
        tools = Tools.local(cache=Cache(Path(scratch) / "cache"))
        spec = read_spec(text, where="tiny", overrides={"output.media": "none"})
        build(spec, Path(scratch) / "tiny", tools)
        folder = DatasetFolder(Path(scratch) / "tiny")
        for name in KEPT:
            (GOLDEN / f"tiny.{name}").write_bytes((folder.provenance / name).read_bytes())


if __name__ == "__main__":
    main()

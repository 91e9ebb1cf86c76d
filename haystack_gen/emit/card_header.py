"""The head of a dataset card: what `datasets` needs to load the folder, and the Hub to file it; and text of others."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import yaml

from haystack_gen.facts import Source

Layout = Literal["video", "frames", "none", "webdataset"]

_MEDIA_FILES = {"video": "videos/**/*.mp4", "frames": "frames/**/*.jpg"}
_SHARDS = "shards/test-*.tar"
# Those of the Hub's list that fit footage and pictures; anything else is `other` there.
_KNOWN_LICENSES = """
    apache-2.0 mit unlicense odc-by odbl pddl cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0
    cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0
"""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def header(name: str, *, items: int, families: Sequence[str], sources: Iterable[Source], layout: Layout) -> str:
    """The YAML between the card's two lines of dashes."""
    document: dict[str, Any] = {
        "pretty_name": one_line(name) or "haystack",
        "language": ["en"],
        "license": common_license(source.license for source in sources),
        "annotations_creators": ["machine-generated"],
        "task_categories": ["video-text-to-text", "visual-question-answering"],
        "tags": ["needle-in-a-haystack", "long-video", "long-context", "benchmark", "haystack-gen", "video"],
        "size_categories": [next((size for limit, size in _SIZES if items < limit), "1M<n<10M")],
        "configs": _configs(families, layout),
    }
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1_000_000)).rstrip()


def _configs(families: Sequence[str], layout: Layout) -> list[dict[str, Any]]:
    """All items, and each family by itself.

    `datasets` chooses its reader by the first of them, whose table has to have the standard name for that. The name of
    another table is an option that only the readers of media folders have; that of tables takes any.
    """
    if layout == "webdataset":
        return [_config("default", [_SHARDS], default=True)]
    media = [_MEDIA_FILES[layout]] if layout != "none" else []
    configs = [_config("default", ["metadata.parquet", *media], default=True)]
    for family in families:
        named = {"metadata_filenames": [f"{family}.parquet"]} if media else {}
        configs.append(_config(family, [f"{family}.parquet", *media]) | named)
    return configs


def _config(name: str, paths: list[str], *, default: bool = False) -> dict[str, Any]:
    chosen = {"default": True} if default else {}
    return {"config_name": name, **chosen, "data_files": [{"split": "test", "path": paths}]}


def common_license(licenses: Iterable[str]) -> str:
    """The Hub's name of the licence that all agree on; `unknown` if none is known, `other` for all else."""
    found = {"-".join(one.lower().split()) or "unknown" for one in licenses} or {"unknown"}
    if len(found) == 1 and found <= {"unknown", *_KNOWN_LICENSES.split()}:
        return found.pop()
    return "other"


def one_line(text: str) -> str:
    """Text of others without line breaks and what cannot be seen."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def cell(text: str) -> str:
    """Text of others that cannot break out of a table cell, start HTML, or show pictures and links."""
    plain = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]()!|#])", r"\\\1", plain)

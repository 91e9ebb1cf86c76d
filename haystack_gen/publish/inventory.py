"""Which files of a folder are a dataset's: what build, audit and export write there, told by name.

A folder gathers more: predictions, reports on them, caches of evaluators. What is not known is not the dataset's.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import get_args

from haystack_gen.atomic import TEMPORARY_MARK
from haystack_gen.families import Task
from haystack_gen.workspace import EXPORTS

MANIFEST = "manifest.jsonl"
SPEC = "provenance/spec.yaml"
RECIPE = "provenance/recipe.json"
_NEEDED_LISTS = ("plan", "dropped", "catalog", "needles", "matches", "sightings")
_LISTS = (*_NEEDED_LISTS, "sampled", "listed", "questions", "films", "noise")
RECORDS = (SPEC, "provenance/versions.json", *(f"provenance/{name}.jsonl" for name in _NEEDED_LISTS))
"""What every dataset was made from."""
MORE_RECORDS = (*(f"provenance/{name}.jsonl" for name in _LISTS[6:]), "provenance/remarks.txt")
"""The same, where there is something to say."""
NEEDED = (MANIFEST, "README.md", "metadata.parquet", "provenance/fingerprints.parquet", *RECORDS)

_TABLES = ("metadata.parquet", *(f"{task}.parquet" for task in get_args(Task)))
LAST = frozenset((MANIFEST, "README.md", RECIPE, *_TABLES))
"""What makes a folder, or a repository, look like a whole dataset: taken away first, and sent last."""
_AUDITS = ("audit/visibility.parquet", "audit/blind.json", "audit/verified.json")
_NAMES = {*NEEDED, *MORE_RECORDS, *LAST, *_AUDITS, "picture.png", "provenance/packed.json"}
_ID = "[a-z0-9_-]{1,160}"
_MEDIA = rf"videos/[0-9]{{3,}}/{_ID}\.mp4|frames/{_ID}/[0-9]{{3,}}/[0-9]{{6,}}\.jpg|shards/test-[0-9]{{5}}\.tar"
_PICTURES = rf"provenance/(stills/{_ID}\.png|matches\.stills/({_ID}\.png|catalog\.jsonl))"
_EXPORTS = "|".join(EXPORTS)
_FOLDERS = (
    rf"videos(/[0-9]{{3,}})?|frames(/{_ID}(/[0-9]{{3,}})?)?|shards|audit|provenance(/(matches\.)?stills)?|{_EXPORTS}"
)


def is_medium(name: str) -> bool:
    """Whether a file of this name, relative to its dataset, is a video, a frame or an archive of videos."""
    return bool(re.fullmatch(_MEDIA, name))


def is_ours(name: str) -> bool:
    """Whether a dataset may have a file of this name; media of another manifest too."""
    if name in _NAMES or is_medium(name) or re.fullmatch(_PICTURES, name):
        return True
    return bool(re.fullmatch(rf"({_EXPORTS})/[^./][^/]*", name)) and not name.endswith((".lock", ".pyc"))


def walk(root: Path) -> tuple[set[str], dict[str, str]]:
    """The names of all files that a dataset may have, and why others stay; folders of others are not looked into."""
    ours: set[str] = set()
    left: dict[str, str] = {}
    for place, folders, files in os.walk(root):
        here = Path(place).relative_to(root)
        for name in sorted(folders):
            path = (here / name).as_posix()
            if (root / path).is_symlink() or not re.fullmatch(_FOLDERS, path):
                left[f"{path}/"] = _why(root / path)
                folders.remove(name)
        for name in files:
            path = (here / name).as_posix()
            if is_ours(path) and (root / path).is_file() and not (root / path).is_symlink():
                ours.add(path)
            else:
                left[path] = _why(root / path)
    return ours, left


def _why(path: Path) -> str:
    name = PurePosixPath(path).name
    if path.is_symlink():
        return "a link"
    if name.startswith(TEMPORARY_MARK):
        return "half-written by a run that was stopped"
    if name.startswith("."):
        return "hidden"
    if name.startswith("report") and name.endswith(".html"):
        return "a report, which may show a model's replies"
    if PurePosixPath(path).parts[-2:] == ("provenance", "summary.json"):
        return "about the machine that built it"
    if name == "__pycache__" or name.endswith((".lock", ".pyc")):
        return "a cache"
    return "not part of the dataset"

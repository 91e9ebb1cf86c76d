"""What a dataset is made of, written down before any media; and what of an earlier build may stay.

Everything is compared before anything is replaced: a build that is run again and finds its spec, sources and plan as
they were goes on from what is there, and one that finds a difference keeps only the media that it would make again.
"""

import filecmp
import json
import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from haystack_gen import __version__
from haystack_gen.emit.plans import item_id_of, plan_line
from haystack_gen.errors import InputError
from haystack_gen.plan.items import Drop, Item
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, read_spec_file
from haystack_gen.workspace import TEMPORARY_MARK, DatasetFolder, refusals_explained, write_atomic


def settle(folder: DatasetFolder, spec: Spec, *, records: dict[Path, str], planned: Iterable[Item | Drop]) -> None:
    """Write spec, records, plan and drops; drop the manifest and stale media of an earlier, different build.

    Args:
        folder: the dataset's.
        spec: as built from.
        records: the text of each further file of the provenance.
        planned: the plan, streamed.
    """
    plan, dropped = (path.with_name(f"{TEMPORARY_MARK}new-{path.name}") for path in (folder.plan, folder.dropped))
    with refusals_explained(folder.provenance):
        _write_plan(planned, plan, dropped)
        same_media = _same_media(folder, spec) and _reads(folder.catalog, records[folder.catalog])
        same = same_media and _reads(folder.spec, dump_spec(spec)) and _same_file(plan, folder.plan)
        if not (same and all(_reads(path, text) for path, text in records.items())):
            folder.manifest.unlink(missing_ok=True)
            _discard_stale(folder, plan, same_media=same_media)
        for path, text in ({folder.spec: dump_spec(spec)} | records).items():
            if not _reads(path, text):
                write_atomic(path, text)
        plan.replace(folder.plan)
        dropped.replace(folder.dropped)


def _write_plan(planned: Iterable[Item | Drop], plan: Path, dropped: Path) -> None:
    with plan.open("w", encoding="utf-8", newline="\n") as items, dropped.open("w", encoding="utf-8") as drops:
        for one in planned:
            (items if isinstance(one, Item) else drops).write(plan_line(one))


def _same_media(folder: DatasetFolder, spec: Spec) -> bool:
    """Whether the earlier build encoded its pictures as this one does."""
    with suppress(InputError):
        before = read_spec_file(folder.spec)
        looks = ("fps", "size", "fit", "sampling")
        return before.output == spec.output and all(
            getattr(before.haystack, look) == getattr(spec.haystack, look) for look in looks
        )
    return False


def _discard_stale(folder: DatasetFolder, plan: Path, *, same_media: bool) -> None:
    """Delete every video that would come out differently now."""
    valid: set[Path] = set()
    if same_media and folder.plan.is_file():
        before = dict(_videos(folder, folder.plan))
        valid = {path for path, line in _videos(folder, plan) if before.get(path) == line}
    prune(folder, valid)


def prune(folder: DatasetFolder, valid: set[Path]) -> None:
    """Delete media that are not among `valid`, and folders left empty."""
    for root in (folder.root / "videos", folder.root / "frames"):
        for path in sorted(root.rglob("*"), reverse=True):
            if path.is_dir():
                with suppress(OSError):  # not empty
                    path.rmdir()
            elif path not in valid:
                path.unlink()
        with suppress(OSError):
            root.rmdir()


def _videos(folder: DatasetFolder, plan: Path) -> Iterator[tuple[Path, bytes]]:
    """Where each item of a plan is rendered to, and a digest of its line."""
    with plan.open("rb") as lines:
        for number, line in enumerate(lines):
            yield folder.video(number, item_id_of(line)), blake2b(line, digest_size=16).digest()


def _reads(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _same_file(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def versions() -> str:
    """What the media were made with, as JSON: their bytes are promised for the same versions on the same machine."""
    names = ("av", "numpy", "pillow", "opencv-python-headless", "faiss-cpu", "pyarrow")
    libraries = {name: version(name) for name in names}
    made_with = {"haystack-gen": __version__, "python": platform.python_version(), **libraries}
    return json.dumps(made_with, indent=1) + "\n"

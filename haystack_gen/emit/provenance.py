"""What a dataset is made of, written down before any media; and what of an earlier build may stay.

Everything is compared before anything is replaced: a build that is run again and finds its spec, sources and plan as
they were goes on from what is there, and one that finds a difference keeps only the media that it would make again.
"""

import filecmp
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from haystack_gen import __version__
from haystack_gen.emit.plans import item_id_of, plan_line
from haystack_gen.errors import InputError
from haystack_gen.plan.items import Drop, Item
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, read_spec_file
from haystack_gen.workspace import TEMPORARY_MARK, DatasetFolder, installed_version, refusals_explained, write_atomic


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
        same_media = _same_media(folder, spec, records)
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
        for file in (items, drops):
            file.flush()
            os.fsync(file.fileno())


def _same_media(folder: DatasetFolder, spec: Spec, records: dict[Path, str]) -> bool:
    """Whether the earlier build encoded the same pictures with the same encoder as this one does."""
    if not all(_reads(path, records[path]) for path in (folder.catalog, folder.versions)):
        return False
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
        with suppress(ValueError):  # an earlier plan that cannot be read says nothing of what lies there
            before = dict(_videos(folder, folder.plan))
            valid = {path for path, line in _videos(folder, plan) if before.get(path) == line}
    prune(folder, valid)
    if not same_media:
        shutil.rmtree(folder.stills, ignore_errors=True)


def prune(folder: DatasetFolder, valid: set[Path]) -> None:
    """Delete media of ours that are not among `valid`, and folders left empty; other files are left alone."""
    ours = (*folder.root.glob("videos/[0-9]*/*.mp4"), *folder.root.glob("frames/*/[0-9]*/[0-9]*.jpg"))
    for path in ours:
        if path not in valid:
            path.unlink()
    for root in (folder.root / "videos", folder.root / "frames"):
        for path in sorted((*root.rglob("*"), root), reverse=True):
            if path.is_dir() and not path.is_symlink():
                with suppress(OSError):  # not empty
                    path.rmdir()


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


def versions(encoder: str) -> str:
    """What the media were made with, as JSON: their bytes are promised for the same versions on the same machine.

    `encoder` names the encoder's settings and libraries, on which every coded byte depends.
    """
    modules = {"av": "av", "numpy": "numpy", "pillow": "PIL", "opencv-python-headless": "cv2", "pyarrow": "pyarrow"}
    libraries = {name: installed_version(name, module) for name, module in modules.items()}
    made_with = {"haystack-gen": __version__, "python": platform.python_version(), **libraries, "encoder": encoder}
    return json.dumps(made_with, indent=1) + "\n"

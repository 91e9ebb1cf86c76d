"""A dataset as tasks of lmms-eval: a folder for its `--include_path`, with a task per family and a group of them.

The folder holds no data. Its tasks read `metadata.parquet` and the media where they lie, at a path relative to the
folder itself, so that a dataset can be moved, downloaded, or linked to with it. Control twins are tasks of their own,
with a group per control, since no accuracy mixes them with items.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from haystack_gen import __version__
from haystack_gen.atomic import write_atomic
from haystack_gen.export.shown import rows_shown
from haystack_gen.progress import Progress
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder, package_folder, slug

_ITEM = "none"
_BASE, _ROTATIONS, _CODE = "haystack_base", "haystack_rotations", "utils"
_WRITTEN = "# Written by haystack-gen export."

Parts = Mapping[str, Mapping[str, bool]]
"""By control and family: whether some question is asked once for each rotation of its options."""


def write_lmms_eval(folder: DatasetFolder, out: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write the tasks of a dataset to `out`, and delete what an earlier export left there; returns what was written.

    Raises:
        InputError: the dataset is not complete, has no media, or lacks a file.
        StorageError: the file system refused.
    """
    parts: dict[str, dict[str, bool]] = {}
    for row in rows_shown(folder, progress=progress):
        of_control = parts.setdefault(row.control, {})
        of_control[row.task] = of_control.get(row.task, False) or bool(row.circular_group)
    name = slug(read_spec_file(folder.spec).name).replace("-", "_")
    root = Path(os.path.relpath(folder.root, out))
    texts = dict(_texts(f"haystack_{name}", parts, root, root / folder.metadata.name))
    for file, content in texts.items():
        write_atomic(out / file, content)
    for stale in set(out.glob("*.yaml")) - {out / file for file in texts}:
        if stale.read_text(encoding="utf-8", errors="replace").startswith(_WRITTEN):
            stale.unlink()
    return [out / file for file in texts]


def _texts(name: str, parts: Parts, root: Path, table: Path) -> Iterator[tuple[str, str]]:
    """Every file with its content; `root` and `table` are relative to them."""
    yield f"{_CODE}.py", _filled(_CODE, root=root.as_posix())
    yield _BASE, _filled(_BASE, version=__version__)
    if any(turned for families in parts.values() for turned in families.values()):
        yield _ROTATIONS, _filled(_ROTATIONS)
    for control, families in parts.items():
        group = name if control == _ITEM else f"{name}_{control}"
        for family, turned in families.items():
            yield (
                f"{group}_{family}.yaml",
                _filled(
                    "task",
                    base=_ROTATIONS if turned else _BASE,
                    task=f"{group}_{family}",
                    table=table.as_posix(),
                    family=family,
                    control=control,
                ),
            )
        tasks = [f"{group}_{family}" for family in families]
        yield f"{group}.yaml", _filled("group", group=group, tasks=tasks, version=__version__)


def _filled(template: str, **values: str | list[str]) -> str:
    """A template with its values as JSON, which YAML and Python read alike, whatever a path holds."""
    text = (package_folder("templates") / "lmms_eval" / template).read_text(encoding="utf-8")
    return Template(text).substitute({key: json.dumps(value, ensure_ascii=False) for key, value in values.items()})

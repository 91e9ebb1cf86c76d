"""What a dataset is made of, written down before any media; and what of an earlier build may stay.

Everything is compared before anything is replaced: a build that is run again and finds its spec, sources and plan as
they were goes on from what is there, and one that finds a difference keeps only the media that it would make again.
"""

import filecmp
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from haystack_gen import __version__
from haystack_gen.atomic import begun, refusals_explained, write_atomic
from haystack_gen.emit.plans import plan_line, read_plan
from haystack_gen.emit.videos import distinct_videos, timeline_digest
from haystack_gen.errors import InputError
from haystack_gen.facts import Facts, Listed, Match, Needle, Noise, Sampled, Sighting, Source, VideoQuestion
from haystack_gen.plan.items import Drop, Item
from haystack_gen.records import LARGEST_BYTES, Record, dump, load, read_text
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, read_spec_file
from haystack_gen.wording import read_wording
from haystack_gen.workspace import EXPORTS, DatasetFolder, installed_version

Records = Mapping[Path, str | None]
_LARGEST_NOISE_BYTES = 1 << 30


def fact_records(folder: DatasetFolder, facts: Facts) -> dict[Path, str | None]:
    """The text of every file that `read_facts` reads; None for those that are not to be, having nothing to say."""
    return {
        folder.catalog: dump((*facts.haystack, *facts.stills)),
        folder.needles: dump(facts.needles),
        folder.matches: dump(facts.matches),
        folder.sightings: dump(facts.sightings),
        folder.sampled: dump(facts.sampled) or None,
        folder.listed: dump(facts.listed) or None,
        folder.questions: dump(facts.questions) or None,
        folder.films: dump(facts.needle_films) or None,
        folder.noise: dump([facts.noise]) if facts.noise else None,
    }


def read_facts(folder: DatasetFolder) -> Facts:
    """What a finished dataset was planned from; how questions are worded comes with the program.

    Raises:
        InputError: a file is missing or damaged.
    """
    sources = load(folder.catalog, Source)
    noise = _there(folder.noise, Noise, largest=_LARGEST_NOISE_BYTES)
    return Facts(
        haystack=tuple(source for source in sources if not source.is_still),
        stills=tuple(source for source in sources if source.is_still),
        needles=load(folder.needles, Needle),
        matches=load(folder.matches, Match),
        sightings=load(folder.sightings, Sighting),
        sampled=_there(folder.sampled, Sampled),
        needle_films=_there(folder.films, Source),
        listed=_there(folder.listed, Listed),
        questions=_there(folder.questions, VideoQuestion),
        noise=noise[0] if noise else None,
        wording=read_wording(),
    )


def catalogued(folder: DatasetFolder) -> tuple[Source, ...]:
    """Every film and picture of a finished dataset.

    Raises:
        InputError: a file is missing or damaged.
    """
    return (*load(folder.catalog, Source), *_there(folder.films, Source))


def _there(path: Path, kind: type[Record], *, largest: int = LARGEST_BYTES) -> tuple[Record, ...]:
    """The records of a file that exists where there are any."""
    return load(path, kind, largest=largest) if path.exists() else ()


def settle(folder: DatasetFolder, spec: Spec, *, records: Records, planned: Iterable[Item | Drop]) -> None:
    """Write spec, records, plan and drops; drop the manifest and stale media of an earlier, different build.

    Args:
        folder: the dataset's.
        spec: as built from.
        records: the text of each further file of the provenance; None for a file that is not to be.
        planned: the plan, streamed.
    """
    with refusals_explained(folder.provenance), begun(folder.plan) as plan, begun(folder.dropped) as dropped:
        _write_plan(planned, plan, dropped)
        same = _reads(folder.spec, dump_spec(spec)) and _same_file(plan, folder.plan)
        if not (same and all(_reads(path, text) for path, text in records.items())):
            folder.manifest.unlink(missing_ok=True)
            _discard_stale(folder, plan, changed=_changed_sources(folder, spec, records))
        for path, text in {folder.spec: dump_spec(spec), **records}.items():
            if text is None:
                path.unlink(missing_ok=True)
            elif not _reads(path, text):
                write_atomic(path, text)
        for part, path in ((plan, folder.plan), (dropped, folder.dropped)):
            if not _same_file(part, path):
                part.replace(path)


def _write_plan(planned: Iterable[Item | Drop], plan: Path, dropped: Path) -> None:
    with plan.open("w", encoding="utf-8", newline="\n") as items, dropped.open("w", encoding="utf-8") as drops:
        for one in planned:
            (items if isinstance(one, Item) else drops).write(plan_line(one))
        for file in (items, drops):
            file.flush()
            os.fsync(file.fileno())


def _changed_sources(folder: DatasetFolder, spec: Spec, records: Records) -> frozenset[str] | None:
    """The sources whose pictures may come out differently than in the earlier build; None if that goes for all."""
    if not _reads(folder.versions, records[folder.versions]):
        return None
    with suppress(InputError, ValueError, LookupError, TypeError):  # it cannot be read, so it says nothing
        before, looks = read_spec_file(folder.spec), ("fps", "size", "fit", "sampling")
        if before.output == spec.output and all(
            getattr(before.haystack, look) == getattr(spec.haystack, look) for look in looks
        ):
            tables = (folder.catalog, folder.films)
            was = {line for path in tables if path.exists() for line in read_text(path).splitlines()}
            now = {line for path in tables for line in (records[path] or "").splitlines()}
            return frozenset(json.loads(line)["id"] for line in was ^ now)
    return None


def _discard_stale(folder: DatasetFolder, plan: Path, *, changed: frozenset[str] | None) -> None:
    """Delete every video that would come out differently now, what was audited of them, and what was exported."""
    for name in ("visibility.parquet", "blind.json", "verified.json"):
        folder.audit(name).unlink(missing_ok=True)
    valid: set[Path] = set()
    if changed is not None and folder.plan.is_file():
        with suppress(InputError):  # an earlier plan that cannot be read says nothing of what lies there
            before = dict(_videos(folder, folder.plan, but=changed))
            valid = {path for path, digest in _videos(folder, plan, but=changed) if before.get(path) == digest}
    prune(folder, valid)
    for still in folder.stills.glob("*.png"):
        if changed is None or still.stem in changed:
            still.unlink()
    for form in EXPORTS:
        shutil.rmtree(folder.export(form), ignore_errors=True)


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


def _videos(folder: DatasetFolder, plan: Path, *, but: frozenset[str]) -> Iterator[tuple[Path, bytes]]:
    """Where each video of a plan that shows none of some sources is rendered to, and a digest of its timeline."""
    for video in distinct_videos(read_plan(plan)):
        if not any(clip.source in but for clip in video.timeline.clips):
            yield folder.video(video.number, video.id), timeline_digest(video.timeline)


def _reads(path: Path, text: str | None) -> bool:
    """Whether a file has this text, or is not there where None is expected."""
    if text is None:
        return not path.exists()
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

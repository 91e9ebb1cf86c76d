"""Datasets at URLs: built in a folder of the cache, and then sent, the manifest last.

    outputs/5e/5e21.../niah/          the dataset, as in a folder of this machine
    outputs/5e/5e21.../sent.jsonl     what of it is at the URL

Whoever reads the URL never sees a manifest whose files are not all there. The folder stays: a build that is run again
goes on from it, and sends what has changed.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from haystack_gen.atomic import atomic_folder, refusals_explained, temporary
from haystack_gen.cache import Cache
from haystack_gen.errors import HaystackError, InputError
from haystack_gen.locks import lock_file
from haystack_gen.progress import Progress, Stage
from haystack_gen.publish.inventory import MANIFEST, SPEC, is_ours, walk
from haystack_gen.records import LARGEST_BYTES
from haystack_gen.remote.sending import Journal, send_all
from haystack_gen.remote.store import (
    Stored,
    checked,
    delete,
    each_of,
    fetch,
    is_safe,
    last_name,
    listing,
    parent,
    read_text,
    stored,
)
from haystack_gen.shards import entered, expect_all, is_whole, shard_names
from haystack_gen.specfile import LARGEST_SPEC_BYTES
from haystack_gen.workspace import DatasetFolder, content_key

_PLAN = "provenance/plan.jsonl"
_FOLLOWS = (_PLAN, "provenance/dropped.jsonl")  # from all other records


@contextmanager
def sent_to(url: str, cache: Cache, *, progress: Progress, shard: str = "", spec: str | None = None) -> Iterator[Path]:
    """The folder in which to build what is to be at the URL; it is sent in the end, if nothing goes wrong.

    Args:
        url: of the dataset.
        cache: holds the folder.
        progress: who is told.
        shard: `1-of-4` for one part of the dataset, which goes beside it as its folder does.
        spec: the text of the spec, where a finished dataset of another is not to be replaced.

    Raises:
        InputError: it cannot be there, since something else is; or another build of this machine is at it.
        StorageError: the store refused or could not be reached.
    """
    url = _expect_folder(url)
    place = _place(url, cache)
    built, target = place, url
    if shard:
        built, target = place.with_name(f"{place.name}.shards") / shard, f"{url}.shards/{shard}"
    there = listing(target, deep=True, ours=True)
    journal = Journal(place.parent / f"sent{shard}.jsonl")
    if there and SPEC not in there:
        raise InputError(f"{target}: holds files that are not a dataset of haystack-gen; choose another --out")
    if spec is not None and MANIFEST in there and not _is_there(journal, SPEC, built / SPEC, there):
        _refuse_another(target, there, spec)
    with cache.locked(shared=True), _locked(place, shard, target):
        try:
            yield place
        except HaystackError as error:
            failed = str(DatasetFolder(built).failed)  # which is not sent
            error.args = (failed.join(part.replace(str(place), url) for part in str(error).split(failed)),)
            raise
        _send(built, target, there, journal, progress)


@contextmanager
def shards_held(url: str, cache: Cache) -> Iterator[None]:
    """Keep builds of this machine out of all parts of a dataset.

    Raises:
        InputError: one is being made.
        StorageError: the store refused or could not be reached.
    """
    url = _expect_folder(url)
    place = _place(url, cache)
    beside = place.with_name(f"{place.name}.shards")
    names = {path.name for path in beside.glob("*")} | _by_shard(_of_shards(url)).keys()
    locks = (_locked(place, name, f"{url}.shards/{name}") for name in shard_names(names))
    with cache.locked(shared=True), entered(locks, where=f"{url}.shards"):
        yield


def is_merged(url: str) -> bool:
    """Whether the dataset is finished, and has no parts of which it lacks anything.

    They may be what is left of those that `delete_shards` began with, or some that were made once more.

    Raises:
        InputError: a spec is no text.
        StorageError: the store refused or could not be reached.
    """
    url = _expect_folder(url)
    spec = stored(f"{url}/{SPEC}")
    if not spec or not stored(f"{url}/{MANIFEST}"):
        return False
    there = _of_shards(url)
    parts = _by_shard(there)
    if all(_PLAN in files for files in parts.values()):
        return not is_whole(shard_names(parts)) and all(_is_made_from(url, name, parts[name]) for name in parts)
    specs = {name: one for name, one in there.items() if name.endswith(f"/{SPEC}")}
    finished = read_text(f"{url}/{SPEC}", spec, largest=LARGEST_SPEC_BYTES)
    return bool(specs) and all(
        read_text(f"{url}.shards/{name}", one, largest=LARGEST_SPEC_BYTES) == finished for name, one in specs.items()
    )


def _is_made_from(url: str, shard: str, files: Mapping[str, Stored]) -> bool:
    """Whether a part has the records of the dataset; of those too large to be read, whether they are as large."""
    for name, one in files.items():
        if name.rpartition("/")[0] == "provenance" and name not in _FOLLOWS:
            own = stored(f"{url}/{name}")
            if own is None or own.size_bytes != one.size_bytes:
                return False
            if (
                one.size_bytes <= LARGEST_BYTES
                and len(
                    {
                        read_text(f"{url}/{name}", own, largest=LARGEST_BYTES),
                        read_text(f"{url}.shards/{shard}/{name}", one, largest=LARGEST_BYTES),
                    }
                )
                > 1
            ):
                return False
    return True


def fetch_shards(url: str, place: Path, progress: Progress) -> None:
    """Fetch all parts of a dataset, for `split.merge` to put together beside `place`; see `shards_held`.

    Raises:
        InputError: there are none, or not all, or the dataset itself is a finished one of another spec.
        StorageError: the store refused or could not be reached.
    """
    url, beside = _expect_folder(url), place.with_name(f"{place.name}.shards")
    there = _of_shards(url)
    names = expect_all(shard_names(_by_shard(there)), url)
    finished = listing(url, deep=True, ours=True)
    if MANIFEST in finished and (spec := there.get(f"{names[0]}/{SPEC}")):
        text = read_text(f"{url}.shards/{names[0]}/{SPEC}", spec, largest=LARGEST_SPEC_BYTES)
        _refuse_another(url, finished, text)
    for name in shard_names(path.name for path in beside.glob("*")):
        _clear(beside / name)
    with progress.stage("fetching shards", len(there), "files") as stage:
        for name, files in _by_shard(there).items():
            _fetch_folder(f"{url}.shards/{name}", files, beside / name, stage)


def _fetch_folder(url: str, files: Mapping[str, Stored], folder: Path, stage: Stage) -> None:
    with atomic_folder(folder) as part:

        def one(name: str) -> int:
            fetch(f"{url}/{name}", files[name], part / name)
            return files[name].size_bytes

        for size_bytes in each_of(one, files):
            stage.step(size_bytes=size_bytes)


def _clear(shard: Path) -> None:
    """Delete what this machine made of a part, unless it is at it; the part is whole, or not there."""
    with DatasetFolder(shard).held(), refusals_explained(shard):
        gone = temporary(shard)
        shard.replace(gone)
        shutil.rmtree(gone)


def delete_shards(url: str) -> None:
    """Delete the parts of a dataset: first their plans, last their specs, by which `is_merged` knows what is left.

    Raises:
        StorageError: the store refused or could not be reached.
    """
    url = _expect_folder(url)
    names = sorted(_of_shards(url), key=lambda name: (name.endswith(f"/{SPEC}"), not name.endswith(f"/{_PLAN}")))
    delete([f"{url}.shards/{name}" for name in names])


def _of_shards(url: str) -> dict[str, Stored]:
    found = listing(f"{url}.shards", deep=True, ours=True)
    return {name: one for name, one in found.items() if _is_of_shard(name)}


def _by_shard(there: Mapping[str, Stored]) -> dict[str, dict[str, Stored]]:
    """The files of each part, by their names in it."""
    parts: dict[str, dict[str, Stored]] = {}
    for name, one in there.items():
        shard, _, file = name.partition("/")
        parts.setdefault(shard, {})[file] = one
    return parts


def _place(url: str, cache: Cache) -> Path:
    return cache.output_folder(content_key("output", url)) / last_name(url)


@contextmanager
def _locked(place: Path, shard: str, target: str) -> Iterator[None]:
    with refusals_explained(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(place.parent / f"lock{shard}") as held:
        if held == "taken":
            raise InputError(f"{target}: another build of this machine is at it; wait until it has ended")
        yield


def _is_of_shard(name: str) -> bool:
    shard, _, file = name.partition("/")
    return is_safe(name) and bool(shard_names([shard])) and is_ours(file)


def _expect_folder(url: str) -> str:
    url = checked(url)
    if url.startswith("hf://"):
        raise InputError(f"{url}: cannot be built into; build into a folder, then put it there with haystack-gen push")
    if parent(url).endswith("/"):
        raise InputError(f"{url}: is a whole bucket; name a folder in it, such as {url}/niah")
    return url


def _refuse_another(url: str, there: Mapping[str, Stored], spec: str) -> None:
    finished = read_text(f"{url}/{SPEC}", there[SPEC], largest=LARGEST_SPEC_BYTES)
    if finished != spec:
        raise InputError(f"{url}: holds a finished dataset of another spec; choose another --out, or --replace it")


def _send(folder: Path, url: str, there: Mapping[str, Stored], journal: Journal, progress: Progress) -> None:
    """Make what is at the URL what is in the folder: first it loses its manifest, last it gets one."""
    files = {name: folder / name for name in sorted(walk(folder)[0], key=lambda name: (name != SPEC, name))}
    new = {name: path for name, path in files.items() if not _is_there(journal, name, path, there)}
    stale = [name for name in there if is_ours(name) and name not in files]
    if not new and not stale:
        return
    if MANIFEST in there:
        delete([f"{url}/{MANIFEST}"])
    last = {MANIFEST: files[MANIFEST]} if MANIFEST in files else {}
    with progress.stage("sending", len(new.keys() | last.keys()), "files") as stage:
        rest = new.keys() - {SPEC, _PLAN, MANIFEST}
        for part in ({SPEC}, {_PLAN}, rest):  # a part of a dataset without a plan is one that is being deleted
            send_all({name: new[name] for name in new if name in part}, url, journal=journal, stage=stage)
        delete([f"{url}/{name}" for name in stale if name != MANIFEST])
        send_all(last, url, journal=journal, stage=stage)


def _is_there(journal: Journal, name: str, path: Path, there: Mapping[str, Stored]) -> bool:
    sent = journal.sent(name, path) if path.is_file() else None
    return sent is not None and sent.stored == there.get(name)

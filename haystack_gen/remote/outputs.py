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

from haystack_gen.atomic import refusals_explained
from haystack_gen.cache import Cache
from haystack_gen.errors import HaystackError, InputError
from haystack_gen.locks import lock_file
from haystack_gen.progress import Progress
from haystack_gen.publish.inventory import MANIFEST, SPEC, is_ours, walk
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
)
from haystack_gen.specfile import LARGEST_SPEC_BYTES
from haystack_gen.workspace import content_key


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
    place = cache.output_folder(content_key("output", url)) / last_name(url)
    built, target = place, url
    if shard:
        built, target = place.with_name(f"{place.name}.shards") / shard, f"{url}.shards/{shard}"
    there = listing(target, deep=True)
    journal = Journal(place.parent / f"sent{shard}.jsonl")
    if there and SPEC not in there:
        raise InputError(f"{target}: holds files that are not a dataset of haystack-gen; choose another --out")
    if spec is not None and MANIFEST in there and not _is_there(journal, SPEC, built / SPEC, there):
        _refuse_another(target, there, spec)
    with refusals_explained(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    with cache.locked(shared=True), lock_file(place.parent / f"lock{shard}") as held:
        if held == "taken":
            raise InputError(f"{target}: another build of this machine is at it; wait until it has ended")
        try:
            yield place
        except HaystackError as error:
            error.args = (str(error).replace(str(place), url),)
            raise
        _send(built, target, there, journal, progress)


def fetch_shards(url: str, place: Path, progress: Progress) -> None:
    """Fetch all parts of a dataset, for `split.merge` to put together beside `place`.

    Raises:
        InputError: there are none, or the dataset itself is a finished one of another spec.
        StorageError: the store refused or could not be reached.
    """
    shards, beside = f"{_expect_folder(url)}.shards", place.with_name(f"{place.name}.shards")
    there = {name: one for name, one in listing(shards, deep=True).items() if _is_of_shard(name)}
    if not there:
        raise InputError(f"{shards}: holds no shards; make them with haystack-gen build ... --out {url} --shard I/N")
    shutil.rmtree(beside, ignore_errors=True)

    def one(name: str) -> int:
        fetch(f"{shards}/{name}", there[name], beside / name)
        return there[name].size_bytes

    with progress.stage("fetching shards", len(there), "files") as stage:
        for size_bytes in each_of(one, there):
            stage.step(size_bytes=size_bytes)
    finished = listing(url, deep=True)
    if MANIFEST in finished and (specs := sorted(beside.glob(f"*/{SPEC}"))):
        _refuse_another(checked(url), finished, specs[0].read_text(encoding="utf-8"))


def delete_shards(url: str) -> None:
    """Delete the parts of a dataset.

    Raises:
        StorageError: the store refused or could not be reached.
    """
    shards = f"{_expect_folder(url)}.shards"
    delete([f"{shards}/{name}" for name in listing(shards, deep=True) if _is_of_shard(name)])


def _is_of_shard(name: str) -> bool:
    return is_safe(name) and is_ours(name.partition("/")[2])


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
        first = {name: path for name, path in new.items() if name == SPEC}
        rest = {name: path for name, path in new.items() if name not in (SPEC, MANIFEST)}
        for part in (first, rest):
            send_all(part, url, journal=journal, stage=stage)
        delete([f"{url}/{name}" for name in stale if name != MANIFEST])
        send_all(last, url, journal=journal, stage=stage)


def _is_there(journal: Journal, name: str, path: Path, there: Mapping[str, Stored]) -> bool:
    sent = journal.sent(name, path) if path.is_file() else None
    return sent is not None and sent.stored == there.get(name)

"""Datasets on the Hub: the one place that talks to it.

Whoever reads a dataset must never see half of one. Large files are sent ahead, which no reader sees, and one commit
then shows all. What is too much for one commit loses first, and gets last, what makes it look like a dataset.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from haystack_gen import __version__
from haystack_gen.errors import CheckError, InputError
from haystack_gen.progress import Progress, Stage
from haystack_gen.publish.changes import Kept
from haystack_gen.publish.hub_trouble import AGAIN, HubError, explained
from haystack_gen.publish.inventory import LAST, SPEC, is_ours
from haystack_gen.publish.parcel import Outgoing
from haystack_gen.publish.repository import Remote, Repository

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MOST_PER_COMMIT = 1000
_BATCH_FILES, _BATCH_BYTES = 100, 1 << 30


def look(place: Repository) -> Remote | None:
    """What a repository holds; None if there is none that the token may see.

    Raises:
        InputError: there is no token, or the revision is no branch.
        HubError: the Hub refused, or could not be reached.
    """
    with explained(place):
        from huggingface_hub import get_token
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        if not get_token():
            raise InputError(f"{place}: the Hub wants a token of whoever writes; run hf auth login, or set HF_TOKEN")
        api = _api()
        try:
            info = api.repo_info(place.name, repo_type="dataset", revision=place.revision)
        except RevisionNotFoundError:
            info = api.repo_info(place.name, repo_type="dataset")
            return Remote(str(info.sha), _files(api, place, info.sha), bool(info.private), has_branch=False)
        except RepositoryNotFoundError:
            return None
        branches = {branch.name for branch in api.list_repo_refs(place.name, repo_type="dataset").branches}
        if place.revision and place.revision not in branches:
            raise InputError(f"{place}: is a tag or a commit, which nothing can be added to; give a branch's name")
        return Remote(str(info.sha), _files(api, place, info.sha), bool(info.private))


def send(
    place: Repository, files: Sequence[Outgoing], remote: Remote | None, *, private: bool, progress: Progress
) -> str:
    """Make a repository hold these files and no others of a dataset; returns the commit that does.

    Args:
        place: the repository, which is made if there is none.
        files: all of them; those that it holds already are not sent again.
        remote: what it held when it was looked at.
        private: whether a new one is for its owner alone.
        progress: who is told.

    Raises:
        InputError: a file changed meanwhile.
        HubError: the Hub refused, or could not be reached; run again, it goes on.
        CheckError: what arrived is not what was sent.
    """
    with explained(place):
        api = _api()
        if remote is None:
            api.create_repo(place.name, repo_type="dataset", private=private or None, exist_ok=True)
            remote = look(place)
            if remote is None:
                raise HubError(f"{place}: was made, and cannot be seen; check that the token may read it")
        if not remote.has_branch:
            api.create_branch(place.name, repo_type="dataset", branch=str(place.revision), exist_ok=True)
        commits = list(_commits(files, remote.files))
        head, there = remote.head, remote.files
        with progress.stage("sending files", sum(len(add) for add, _ in commits), "files") as stage:
            for number, (add, delete) in enumerate(commits, start=1):
                part = f" (part {number} of {len(commits)})" if len(commits) > 1 else ""
                head = _commit(api, place, add, delete, parent=head, part=part, stage=stage)
        if commits:
            there = _files(api, place, head)
    lost = [file.name for file in files if file.name not in there or not there[file.name].holds(file)]
    if lost:
        raise CheckError(f"{place}: {len(lost)} files are not as they were sent, such as {lost[0]}; {AGAIN}")
    return head


def fetch(place: Repository, names: Sequence[str], largest: Mapping[str, int]) -> Path:
    """A folder with those of these files that a repository has, from the cache of `huggingface_hub`.

    Raises:
        InputError: one is larger than it may be.
        HubError: the Hub refused, or could not be reached.
    """
    with explained(place):
        from huggingface_hub import snapshot_download
        from huggingface_hub.hf_api import RepoFile

        api = _api()
        sha = api.repo_info(place.name, repo_type="dataset", revision=place.revision).sha
        entries = api.get_paths_info(place.name, list(names), repo_type="dataset", revision=sha)
        sizes = {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}
        for name, size in sizes.items():
            if size > largest[name]:
                raise InputError(
                    f"{place}: {name} has {size:,} bytes, expected at most {largest[name]:,}; do not use it"
                )
        if not sizes:
            raise InputError(f"{place}: holds no dataset of haystack-gen; check the name")
        got = snapshot_download(place.name, repo_type="dataset", revision=sha, allow_patterns=sorted(sizes))
        return Path(got)


def address_of(place: Repository) -> str:
    """Where people find it."""
    from huggingface_hub import constants

    branch = f"/tree/{quote(place.revision)}" if place.revision else ""
    return f"{constants.ENDPOINT}/datasets/{place.name}{branch}"


def _api() -> "HfApi":
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars

    if not are_progress_bars_disabled():
        disable_progress_bars()
    return HfApi()


def _files(api: "HfApi", place: Repository, revision: str | None) -> dict[str, Kept]:
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(place.name, recursive=True, revision=revision, repo_type="dataset")
    return {
        entry.path: Kept(entry.size, entry.lfs.sha256 if entry.lfs else "", entry.blob_id)
        for entry in tree
        if isinstance(entry, RepoFile)
    }


def _commits(
    files: Sequence[Outgoing], there: Mapping[str, Kept]
) -> Iterator[tuple[Sequence[Outgoing], Sequence[str]]]:
    """What each commit adds and deletes: one, if it can take all."""
    add = [file for file in files if file.name not in there or not there[file.name].holds(file)]
    delete = [name for name in sorted(there.keys() - {file.name for file in files}) if is_ours(name)]
    if len(add) + len(delete) <= MOST_PER_COMMIT:
        if add or delete:
            yield add, delete
        return
    add = sorted((file for file in add if file.name not in LAST), key=lambda file: (file.name != SPEC, file.name))
    delete = [*sorted(LAST & there.keys()), *(name for name in delete if name not in LAST)]
    for start in range(0, len(add) + len(delete), MOST_PER_COMMIT):
        stop = start + MOST_PER_COMMIT
        yield add[max(0, start - len(delete)) : max(0, stop - len(delete))], delete[start:stop]
    yield [file for file in files if file.name in LAST], []


def _commit(
    api: "HfApi",
    place: Repository,
    add: Sequence[Outgoing],
    delete: Sequence[str],
    *,
    parent: str,
    part: str,
    stage: Stage,
) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [CommitOperationDelete(name) for name in delete]
    for batch in _batches(add):
        known = [file.sha256 for file in batch]
        sent = [CommitOperationAdd(file.name, str(file.path) if file.text is None else file.text) for file in batch]
        api.preupload_lfs_files(place.name, sent, repo_type="dataset", revision=place.revision)
        for file, digest, one in zip(batch, known, sent, strict=True):
            if one.upload_info.sha256.hex() != digest:
                raise InputError(f"{file.path}: changed while it was sent; run the same command again")
        operations += sent
        stage.step(len(batch))
    commit: str = api.create_commit(
        place.name,
        operations,
        commit_message=f"Push with haystack-gen {__version__}{part}",
        repo_type="dataset",
        revision=place.revision,
        parent_commit=parent,
    ).oid
    return commit


def _batches(files: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """A few files at a time: what was sent of them stays there, whatever happens to the next."""
    batch: list[Outgoing] = []
    for file in files:
        batch.append(file)
        if len(batch) == _BATCH_FILES or sum(one.size_bytes for one in batch) >= _BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch

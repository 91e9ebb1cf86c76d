"""What a Hub keeps of one repository: blobs, trees and commits named by their content as git names them.

A commit never changes; branches and tags are names for commits. Large files are kept beside a small pointer, as
git-lfs keeps them, and are named by the SHA-256 of their content.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from hashlib import sha1, sha256
from types import MappingProxyType

FIRST_COMMIT_AT = datetime(2020, 1, 1, tzinfo=timezone.utc)


def git_name(kind: str, content: bytes) -> str:
    """The SHA-1 by which git knows an object."""
    return sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


class Refusal(Exception):
    """A request that the Hub answers with an error; `code` is what clients tell kinds of 404 apart by."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Blob:
    """A file's content; `large` ones are in the tree as a pointer."""

    content: bytes = field(repr=False)
    large: bool

    @cached_property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        )

    @cached_property
    def oid(self) -> str:
        return git_name("blob", self.pointer if self.large else self.content)

    @property
    def etag(self) -> str:
        """What clients compare with their own file: the SHA-256 of a large file, git's name of another."""
        return self.sha256 if self.large else self.oid


@dataclass(frozen=True, kw_only=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    message: str
    author: str
    at: datetime
    files: Mapping[str, Blob]
    folders: Mapping[str, str]
    """Every folder's path, and git's name of its tree; the root is ''."""

    def under(self, folder: str, *, recursive: bool) -> Iterator[str]:
        """Paths of the files and folders below a folder, sorted."""
        prefix = f"{folder}/" if folder else ""
        for path in sorted({*self.files, *self.folders} - {""}):
            if path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :]):
                yield path


@dataclass(kw_only=True)
class Repository:
    name: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Large files by SHA-256, once uploaded, committed or not."""

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or a commit's name stands for."""
        short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        oid = self.branches.get(short) or self.tags.get(short) or revision
        if oid not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def keep(self, oid: str, content: bytes) -> None:
        """Store a large file, if it is the one that was announced."""
        found = sha256(content).hexdigest()
        if found != oid:
            raise Refusal(400, f"content has SHA-256 {found}, announced was {oid}")
        self.objects[oid] = content

    def commit(self, branch: str, files: Mapping[str, Blob], *, author: str, title: str, message: str = "") -> Commit:
        """Make `files` the whole content of a branch; the branch moves only if all of it is sound."""
        check_paths(files)
        parent = self.branches.get(branch)
        at = FIRST_COMMIT_AT + timedelta(seconds=len(self.commits))
        folders = tree_names(files)
        lines = [f"tree {folders['']}", *([f"parent {parent}"] if parent else [])]
        lines += [f"{role} {author} <{author}@hub.test> {at.timestamp():.0f} +0000" for role in ("author", "committer")]
        text = "\n".join([*lines, "", title, *(["", message] if message else []), ""])
        made = Commit(
            oid=git_name("commit", text.encode()),
            parent=parent,
            title=title,
            message=message,
            author=author,
            at=at,
            files=MappingProxyType(dict(files)),
            folders=MappingProxyType(folders),
        )
        self.commits[made.oid] = made
        self.branches[branch] = made.oid
        return made

    def history(self, revision: str) -> Iterator[Commit]:
        """Commits from `revision` back to the first."""
        oid: str | None = self.at(revision).oid
        while oid is not None:
            yield self.commits[oid]
            oid = self.commits[oid].parent


def check_paths(paths: Iterable[str]) -> None:
    """Refuse what could not be checked out: a way out of the repository, git's own folder, a file within a file."""
    names = set(paths)
    for path in names:
        parts = path.split("/")
        if "" in parts or {".", "..", ".git"} & set(parts) or "\\" in path or "\0" in path:
            raise Refusal(400, f"{path!r} is not a path for a file in a repository")
        for length in range(1, len(parts)):
            if "/".join(parts[:length]) in names:
                raise Refusal(400, f"{path!r} lies below {'/'.join(parts[:length])!r}, which is a file")


def tree_names(files: Mapping[str, Blob]) -> dict[str, str]:
    """Git's names of the trees of all folders, the root's under ''."""
    entries: dict[str, dict[str, tuple[str, str]]] = {"": {}}
    for path, blob in files.items():
        parent, _, name = path.rpartition("/")
        entries.setdefault(parent, {})[name] = ("100644", blob.oid)
        while parent:
            parent = parent.rpartition("/")[0]
            entries.setdefault(parent, {})
    names: dict[str, str] = {}
    for folder in sorted(entries, key=lambda path: (-path.count("/") - bool(path), path)):
        # Git sorts a folder as if its name ended in a slash.
        rows = sorted(entries[folder].items(), key=lambda row: row[0].encode() + b"/" * (row[1][0] == "40000"))
        body = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for name, (mode, oid) in rows)
        names[folder] = git_name("tree", body)
        if folder:
            parent, _, name = folder.rpartition("/")
            entries[parent][name] = ("40000", names[folder])
    return names

"""The routes that change something: repositories, references, uploads of large files, commits."""

import base64
import fnmatch
import json
import re
from collections import Counter
from collections.abc import Mapping
from math import ceil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tests.hub.protocol import (
    REPOSITORY,
    STORAGE,
    Answer,
    Request,
    Ticket,
    etag,
    may_write,
    owner_of,
    route,
    sender,
    writable,
)
from tests.hub.repository import Blob, Refusal, Repository

if TYPE_CHECKING:
    from tests.hub.loopback import LoopbackHub

LARGE_SUFFIXES = (
    *("7z", "gz", "bz2", "tar", "zip", "zst", "arrow", "bin", "npy", "npz", "parquet"),
    *("gif", "jpeg", "jpg", "png", "webp", "avi", "mkv", "mov", "mp4", "webm", "mp3"),
)
LARGE_BYTES = 10_000_000
ATTRIBUTES = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE_SUFFIXES).encode()
NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[\w])?", re.ASCII)


@route("POST", "/api/repos/create")
def create_repository(hub: "LoopbackHub", request: Request) -> Answer:
    asked, account = request.json(), sender(hub, request)
    owner = asked.get("organization") or (account.name if account else "")
    may_write(account, owner)
    name = f"{owner}/{asked['name']}"
    if asked.get("type") != "dataset" or not NAME.fullmatch(asked["name"]):
        raise Refusal(400, f"{name}: only datasets are kept here, under names of letters, digits, '-', '_' and '.'")
    url = {"url": f"{hub.url}/datasets/{name}", "name": name, "id": name}
    if name in hub.repositories:
        return Answer.of({"error": "You already created this dataset repo", **url}, 409)
    # Older clients say private, newer ones visibility.
    private = asked.get("visibility", "private" if asked.get("private") else "public") == "private"
    repository = Repository(name=name, private=private)
    repository.commit("main", {".gitattributes": Blob(ATTRIBUTES, large=False)}, author=owner, title="initial commit")
    hub.repositories[name] = repository
    return Answer.of(url)


@route("DELETE", "/api/repos/delete")
def delete_repository(hub: "LoopbackHub", request: Request) -> Answer:
    asked, account = request.json(), sender(hub, request)
    name = f"{asked.get('organization') or (account.name if account else '')}/{asked['name']}"
    writable(hub, request, name)
    del hub.repositories[name]
    return Answer.of({})


@route("PUT", f"{REPOSITORY}/settings")
def change_settings(hub: "LoopbackHub", request: Request, name: str) -> Answer:
    repository = writable(hub, request, name)
    repository.private = request.json().get("visibility", "public") == "private"
    return Answer.of({})


@route("POST DELETE", f"{REPOSITORY}/branch/([^/]+)")
def change_branch(hub: "LoopbackHub", request: Request, name: str, branch: str) -> Answer:
    repository = writable(hub, request, name)
    if request.method == "DELETE":
        return forget(repository.branches, branch)
    if branch in repository.branches:
        raise Refusal(409, f"Reference already exists: {branch}")
    repository.branches[branch] = repository.at(request.json().get("startingPoint") or "main").oid
    return Answer.of({})


@route("POST", f"{REPOSITORY}/tag/([^/]+)")
def create_tag(hub: "LoopbackHub", request: Request, name: str, revision: str) -> Answer:
    repository, tag = writable(hub, request, name), request.json()["tag"]
    if tag in repository.tags:
        raise Refusal(409, f"Tag reference exists already: {tag}")
    repository.tags[tag] = repository.at(revision).oid
    return Answer.of({})


@route("DELETE", f"{REPOSITORY}/tag/([^/]+)")
def delete_tag(hub: "LoopbackHub", request: Request, name: str, tag: str) -> Answer:
    return forget(writable(hub, request, name).tags, tag)


def forget(references: dict[str, str], name: str) -> Answer:
    if references.pop(name, None) is None:
        raise Refusal(404, f"Reference not found: {name}", "RevisionNotFound")
    return Answer.of({})


# Before a commit: which files are large, and which the repository has already


@route("POST", f"{REPOSITORY}/preupload/([^/]+)")
def sort_files(hub: "LoopbackHub", request: Request, name: str, revision: str) -> Answer:
    commit = writable(hub, request, name).at(revision)
    asked = request.json()
    kept = commit.files.get(".gitignore")
    ignored = asked.get("gitIgnore", kept.content.decode() if kept else "").split()
    answers = []
    for file in asked["files"]:
        path, here = file["path"], commit.files.get(file["path"])
        answers.append(
            {
                "path": path,
                "uploadMode": "lfs" if is_large(path, file["size"], base64.b64decode(file["sample"])) else "regular",
                "shouldIgnore": any(matches(path, pattern) for pattern in ignored),
                "oid": here.etag if here else None,
            }
        )
    return Answer.of({"files": answers})


def is_large(path: str, size: int, sample: bytes) -> bool:
    """Large by name, by size, or because it is not text."""
    return path.rpartition(".")[2].lower() in LARGE_SUFFIXES or size > LARGE_BYTES or b"\0" in sample


def matches(path: str, pattern: str) -> bool:
    """A line of .gitignore, without its finer points: a folder, or a name with wildcards."""
    parts = path.split("/")
    if pattern.endswith("/"):
        return pattern[:-1] in parts[:-1]
    return any(fnmatch.fnmatch(part, pattern) for part in parts)


@route("POST", r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch")
def announce(hub: "LoopbackHub", request: Request, name: str) -> Answer:
    repository, asked = writable(hub, request, name), request.json()
    new = {file["oid"]: file["size"] for file in asked["objects"] if file["oid"] not in repository.objects}
    if hub.kept_bytes(owner_of(name)) + sum(new.values()) > hub.quota_bytes:
        raise Refusal(403, f"Storage limit reached: {owner_of(name)} may keep {hub.quota_bytes} bytes")
    objects = []
    for file in asked["objects"]:
        said = {"oid": file["oid"], "size": file["size"]}
        if file["oid"] in new:
            said["actions"] = actions(hub, name, file["oid"], file["size"], "multipart" in asked.get("transfers", []))
        objects.append(said)
    return Answer.of({"transfer": "basic", "objects": objects})


def actions(hub: "LoopbackHub", name: str, oid: str, size: int, multipart: bool) -> dict[str, object]:
    """Where to send a large file, whole or in parts, and where to ask afterwards whether it arrived."""
    ticket, in_parts = f"{len(hub.tickets):06}", multipart and size > hub.part_bytes
    hub.tickets[ticket] = Ticket(repository=name, oid=oid, in_parts=in_parts)
    upload: dict[str, object] = {"href": f"{hub.storage_url}/upload/{ticket}/1"}
    if in_parts:
        numbers = range(1, ceil(size / hub.part_bytes) + 1)
        parts = {f"{number:05}": f"{hub.storage_url}/upload/{ticket}/{number}" for number in numbers}
        upload = {"href": f"{hub.url}/upload/{ticket}/complete", "header": {"chunk_size": str(hub.part_bytes), **parts}}
    return {"upload": upload, "verify": {"href": f"{hub.url}/datasets/{name}.git/info/lfs/verify"}}


@route("PUT", r"/upload/(\d{6})/([1-9]\d*)", STORAGE)
def receive(hub: "LoopbackHub", request: Request, ticket: str, number: str) -> Answer:
    leave = leave_of(hub, ticket)
    leave.parts[int(number)] = request.body
    if not leave.in_parts:
        hub.repositories[leave.repository].keep(leave.oid, request.body)
    return Answer(headers={"ETag": etag(request.body)})


@route("POST", r"/upload/(\d{6})/complete")
def complete(hub: "LoopbackHub", request: Request, ticket: str) -> Answer:
    leave = leave_of(hub, ticket)
    named = [(part["partNumber"], part["etag"]) for part in request.json()["parts"]]
    there = [(number, etag(leave.parts[number])) for number in sorted(leave.parts)]
    if named != there:
        raise Refusal(400, f"parts named {named}, received {there}")
    hub.repositories[leave.repository].keep(leave.oid, b"".join(leave.parts[number] for number, _ in there))
    return Answer.of({})


def leave_of(hub: "LoopbackHub", ticket: str) -> Ticket:
    if ticket not in hub.tickets or hub.tickets[ticket].repository not in hub.repositories:
        raise Refusal(403, "this address is not signed")
    return hub.tickets[ticket]


@route("POST", r"/datasets/([^/]+/[^/]+)\.git/info/lfs/verify")
def confirm(hub: "LoopbackHub", request: Request, name: str) -> Answer:
    repository, asked = writable(hub, request, name), request.json()
    if len(repository.objects.get(asked["oid"], b"")) != asked["size"]:
        raise Refusal(404, f"{asked['oid']} has not arrived")
    return Answer.of({})


# Commits


@route("POST", f"{REPOSITORY}/commit/([^/]+)")
def commit(hub: "LoopbackHub", request: Request, name: str, branch: str) -> Answer:
    repository, account = writable(hub, request, name), sender(hub, request)
    if "create_pr" in request.query:
        raise Refusal(400, "the loopback Hub has no pull requests")
    if branch not in repository.branches:
        raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    header, *operations = lines_of(request)
    before, said = repository.at(branch), header["value"]
    if header["key"] != "header" or not said.get("summary"):
        raise Refusal(400, "a commit begins with its header and has a summary")
    if said.get("parentCommit") not in (None, before.oid):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(before.files)
    for operation in operations:
        apply(files, repository, operation["key"], operation["value"])
    check_folders(files, hub.folder_entries)
    made = repository.commit(
        branch, files, author=account.name if account else "", title=said["summary"], message=said["description"]
    )
    return Answer.of(
        {"success": True, "commitOid": made.oid, "commitUrl": f"{hub.url}/datasets/{name}/commit/{made.oid}"}
    )


def lines_of(request: Request) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in request.body.splitlines()]
    except ValueError as error:
        raise Refusal(400, f"a line of the commit is not JSON: {error}") from error
    if not lines:
        raise Refusal(400, "the commit is empty")
    return lines


def apply(files: dict[str, Blob], repository: Repository, key: str, value: dict[str, Any]) -> None:
    """Carry out one line of a commit on the files of the branch."""
    path = value["path"]
    if key == "file":
        files[path] = Blob(base64.b64decode(value["content"]), large=False)
    elif key == "lfsFile":
        content = repository.objects.get(value["oid"])
        if content is None or len(content) != value.get("size", len(content)):
            raise Refusal(400, f"{path}: LFS object {value['oid']} was not uploaded")
        files[path] = Blob(content, large=True)
    elif key in ("deletedFile", "deletedFolder"):
        gone = [path] if key == "deletedFile" else [name for name in files if name.startswith(path.rstrip("/") + "/")]
        if not gone or gone[0] not in files:
            raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
        for name in gone:
            del files[name]
    else:
        raise Refusal(400, f"unknown operation {key!r}")


def check_folders(files: Mapping[str, Blob], most: int) -> None:
    """Refuse a folder with more files and folders than the Hub keeps in one."""
    entries = {path for file in files for path in (file, *(str(parent) for parent in PurePosixPath(file).parents[:-1]))}
    for folder, count in Counter(path.rpartition("/")[0] for path in entries).items():
        if count > most:
            raise Refusal(400, f"{folder or 'the root'} has {count} entries, a folder may have {most}")

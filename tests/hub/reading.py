"""The routes that tell: accounts, what a repository holds, the files themselves.

The fields are those that `huggingface_hub` and `datasets` ask for; what they never read is left out.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import yaml

from tests.hub.protocol import REPOSITORY, STORAGE, Answer, Request, etag, owner_of, readable, route, sender, writable
from tests.hub.repository import Blob, Commit, Refusal, Repository

if TYPE_CHECKING:
    from tests.hub.loopback import LoopbackHub


@route("GET", "/api/whoami-v2")
def whoami(hub: "LoopbackHub", request: Request) -> Answer:
    account = sender(hub, request)
    if account is None:
        raise Refusal(401, "Invalid username or password.")
    token = {"displayName": "loopback", "role": account.role}
    return Answer.of(
        {"type": "user", "name": account.name, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
    )


@route("GET", f"{REPOSITORY}/auth-check(/write)?")
def check_rights(hub: "LoopbackHub", request: Request, name: str, write: str) -> Answer:
    (writable if write else readable)(hub, request, name)
    return Answer.of({})


@route("GET", f"{REPOSITORY}(?:/revision/([^/]+))?")
def describe(hub: "LoopbackHub", request: Request, name: str, revision: str) -> Answer:
    repository = readable(hub, request, name)
    commit = repository.at(revision or "main")
    card = commit.files.get("README.md")
    return Answer.of(
        {
            "id": name,
            "author": owner_of(name),
            "sha": commit.oid,
            "lastModified": date(commit),
            "private": repository.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "cardData": front_matter(card.content.decode()) if card else None,
            "siblings": [sibling(path, commit.files[path], "blobs" in request.query) for path in sorted(commit.files)],
        }
    )


def sibling(path: str, blob: Blob, detailed: bool) -> dict[str, object]:
    if not detailed:
        return {"rfilename": path}
    said: dict[str, object] = {"rfilename": path, "size": len(blob.content), "blobId": blob.oid}
    if blob.large:
        said["lfs"] = {"sha256": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
    return said


def date(commit: Commit) -> str:
    return commit.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def front_matter(text: str) -> dict[str, Any] | None:
    """The YAML at the head of a card.

    Raises:
        Refusal: it is not YAML, or not a mapping.
    """
    found = re.match(r"---\r?\n(.*?)\r?\n---(?:\r?\n|$)", text, re.DOTALL)
    if not found:
        return None
    try:
        said = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise Refusal(400, f"README.md: {error}") from error
    if not isinstance(said, dict):
        raise Refusal(400, "README.md: its YAML is not a mapping")
    plain: dict[str, Any] = json.loads(json.dumps(said, default=str))
    return plain


@route("POST", "/api/validate-yaml")
def validate_card(_hub: "LoopbackHub", request: Request) -> Answer:
    try:
        said = front_matter(request.json()["content"])
    except Refusal as refusal:
        return Answer.of({"errors": [{"message": refusal.message}], "warnings": []}, 400)
    missing = [] if said else [{"message": "empty or missing yaml metadata in repo card"}]
    return Answer.of({"errors": [], "warnings": missing})


def entry(commit: Commit, path: str) -> dict[str, object]:
    """A file or folder as the tree's listing says it."""
    if path in commit.folders:
        return {"type": "directory", "oid": commit.folders[path], "size": 0, "path": path}
    blob = commit.files[path]
    said: dict[str, object] = {"type": "file", "oid": blob.oid, "size": len(blob.content), "path": path}
    if blob.large:
        said["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
    return said


def expanded(repository: Repository, commit: Commit, path: str) -> dict[str, object]:
    """An entry with the commit that last changed it."""
    name, last = entry(commit, path)["oid"], commit
    for older in repository.history(commit.oid):
        if path not in {**older.files, **older.folders} or entry(older, path)["oid"] != name:
            break
        last = older
    return entry(commit, path) | {"lastCommit": {"id": last.oid, "title": last.title, "date": date(last)}}


@route("GET", f"{REPOSITORY}/tree/([^/]+)(?:/(.+))?")
def list_tree(hub: "LoopbackHub", request: Request, name: str, revision: str, folder: str) -> Answer:
    repository = readable(hub, request, name)
    commit = repository.at(revision)
    if folder not in commit.folders:
        raise Refusal(404, f"{folder} does not exist on {revision!r}", "EntryNotFound")
    paths = list(commit.under(folder, recursive=request.query.get("recursive", "").lower() in ("1", "true")))
    start = int(request.query.get("cursor", "0"))
    page = paths[start : start + hub.page_entries]
    headers = {}
    if start + len(page) < len(paths):
        query = urlencode({**request.query, "cursor": start + len(page)})
        headers["Link"] = f'<{hub.url}{request.path}?{query}>; rel="next"'
    if request.query.get("expand", "").lower() in ("1", "true"):
        return Answer.of([expanded(repository, commit, path) for path in page], headers=headers)
    return Answer.of([entry(commit, path) for path in page], headers=headers)


@route("POST", f"{REPOSITORY}/paths-info/([^/]+)")
def describe_paths(hub: "LoopbackHub", request: Request, name: str, revision: str) -> Answer:
    repository = readable(hub, request, name)
    commit = repository.at(revision)
    if request.headers.get("content-type", "").startswith("application/json"):
        asked = request.json()
        paths, expand = asked["paths"], bool(asked.get("expand"))
    else:
        fields = [pair.partition("=") for pair in request.body.decode().replace("+", " ").split("&")]
        paths = [unquote(value) for key, _, value in fields if key == "paths"]
        expand = any((key, value.lower()) in (("expand", "true"), ("expand", "1")) for key, _, value in fields)
    known = [path for path in dict.fromkeys(paths) if path in commit.files or (path and path in commit.folders)]
    return Answer.of([expanded(repository, commit, path) if expand else entry(commit, path) for path in known])


@route("GET", f"{REPOSITORY}/refs")
def list_references(hub: "LoopbackHub", request: Request, name: str) -> Answer:
    repository = readable(hub, request, name)

    def said(kind: str, names: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid} for name, oid in sorted(names.items())
        ]

    branches, tags = said("heads", repository.branches), said("tags", repository.tags)
    return Answer.of({"branches": branches, "tags": tags, "converts": [], "pullRequests": []})


@route("GET", f"{REPOSITORY}/commits/([^/]+)")
def list_commits(hub: "LoopbackHub", request: Request, name: str, revision: str) -> Answer:
    history = readable(hub, request, name).history(revision)
    return Answer.of(
        [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": commit.message,
                "authors": [{"user": commit.author}],
                "date": date(commit),
            }
            for commit in history
        ]
    )


@route("GET HEAD", r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
def resolve(hub: "LoopbackHub", request: Request, name: str, revision: str, path: str) -> Answer:
    commit = readable(hub, request, name).at(revision)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if path not in commit.files:
        return Answer.error(Refusal(404, f"{path}: no such file at {revision}", "EntryNotFound"), headers)
    blob = commit.files[path]
    headers["ETag"] = f'"{blob.etag}"'
    if not blob.large:
        return part_of(blob.content, request, headers)
    headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.content))}
    headers["Location"] = f"{hub.storage_url}/{name}/{blob.sha256}"
    return Answer(status=302, headers=headers)


@route("GET HEAD", r"/([^/]+/[^/]+)/([0-9a-f]{64})", STORAGE)
def fetch(hub: "LoopbackHub", request: Request, name: str, oid: str) -> Answer:
    content = hub.repositories[name].objects.get(oid) if name in hub.repositories else None
    if content is None:
        raise Refusal(404, f"the storage has no {oid}")
    return part_of(content, request, {"ETag": etag(content)})


def part_of(content: bytes, request: Request, headers: Mapping[str, str]) -> Answer:
    """The content, or the range of it that the request names."""
    asked = request.headers.get("range")
    if asked is None:
        return Answer(body=content, headers=headers)
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
    if not found or not any(found.groups()):
        raise Refusal(416, f"cannot read the range {asked!r}")
    first, last = found.groups()
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(len(content), int(last) + 1) if first and last else len(content)
    if start >= end:
        refused = Refusal(416, f"{asked} of {len(content)} bytes")
        return Answer.error(refused, {**headers, "Content-Range": f"bytes */{len(content)}"})
    said = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
    return Answer(status=206, body=content[start:end], headers=said)

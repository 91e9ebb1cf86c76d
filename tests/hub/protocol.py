"""What a route of the loopback Hub gets and gives, and who may do what.

A route is a function of the hub and a request whose path matched; it gives an answer or raises `Refusal`. A repository
that may not be seen is answered as one that does not exist, as the Hub does.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.hub.repository import Refusal, Repository

if TYPE_CHECKING:
    from tests.hub.loopback import LoopbackHub

REPOSITORY = r"/api/datasets/([^/]+/[^/]+)"


@dataclass(frozen=True, kw_only=True)
class Account:
    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Leave to send a large file to the storage: whole as part 1, or in several parts that a last request joins."""

    repository: str
    oid: str
    in_parts: bool
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(400, f"the request's body is not JSON: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> "Answer":
        said = {"Content-Type": "application/json", **(headers or {})}
        return cls(status=status, body=json.dumps(value).encode(), headers=said)

    @classmethod
    def error(cls, refusal: Refusal, headers: Mapping[str, str] | None = None) -> "Answer":
        in_a_header = refusal.message.replace("\n", " ").encode("ascii", "backslashreplace").decode()
        said = {"X-Error-Message": in_a_header, **(headers or {})}
        if refusal.code:
            said["X-Error-Code"] = refusal.code
        return cls.of({"error": refusal.message}, refusal.status, said)


Route = Callable[..., Answer]
API: list[tuple[str, re.Pattern[str], Route]] = []
STORAGE: list[tuple[str, re.Pattern[str], Route]] = []


def route(methods: str, path: str, table: list[tuple[str, re.Pattern[str], Route]] = API) -> Callable[[Route], Route]:
    """Serve a path; its groups, unquoted, are the arguments after hub and request."""

    def add(function: Route) -> Route:
        table.extend((method, re.compile(path), function) for method in methods.split())
        return function

    return add


def answer_to(hub: "LoopbackHub", request: Request, table: list[tuple[str, re.Pattern[str], Route]]) -> Answer:
    for method, path, function in table:
        found = path.fullmatch(request.path)
        if found and method == request.method:
            return function(hub, request, *(unquote(part) if part else "" for part in found.groups()))
    raise Refusal(404, f"the loopback Hub has no {request.method} {request.path}")


def etag(content: bytes) -> str:
    """As the storage names what it keeps."""
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


# Who may do what


def sender(hub: "LoopbackHub", request: Request) -> Account | None:
    """The account of the request's token, None without one."""
    said = request.headers.get("authorization")
    if said is None:
        return None
    account = hub.accounts.get(said.removeprefix("Bearer "))
    if account is None:
        raise Refusal(401, "Invalid credentials in Authorization header")
    return account


def readable(hub: "LoopbackHub", request: Request, name: str) -> Repository:
    account, repository = sender(hub, request), hub.repositories.get(name)
    if repository and (not repository.private or (account and owner_of(name) == account.name)):
        return repository
    if account is None:
        raise Refusal(401, "Invalid username or password.", "RepoNotFound")
    raise Refusal(404, "Repository not found", "RepoNotFound")


def writable(hub: "LoopbackHub", request: Request, name: str) -> Repository:
    repository = readable(hub, request, name)
    may_write(sender(hub, request), owner_of(name))
    return repository


def may_write(account: Account | None, owner: str) -> None:
    if account is None:
        raise Refusal(401, "Invalid username or password.")
    if account.name != owner or account.role != "write":
        raise Refusal(403, f"Forbidden: this token may not write below {owner}")


def owner_of(name: str) -> str:
    return name.partition("/")[0]

"""A Hub on this machine's loopback: enough of its protocol for the real client, with faults on order.

    with LoopbackHub() as hub:
        token = hub.token("ann")
        HfApi(endpoint=hub.url, token=token).create_repo("ann/set", repo_type="dataset")
        hub.fail("POST", "/commit/", status=503, times=2)
        hub.drop("/resolve/", after_bytes=1000)

Two servers run, as at the Hub: one answers the API, the other is the storage that large files go to and come from by
addresses that need no token. Everything is in memory; names and dates follow from content and order alone.
"""

import math
import re
from pathlib import Path
from threading import RLock
from types import TracebackType

from tests.hub import reading, writing
from tests.hub.protocol import Account, Answer, Ticket
from tests.hub.repository import Commit, Refusal, Repository
from tests.hub.wire import Fault, Logged, Server

ROUTES = (reading, writing)
"""The modules whose routes are served."""


class LoopbackHub:
    """A running Hub; use it as a context manager.

    Attributes:
        part_bytes: large files above this are uploaded in parts of it.
        page_entries: entries per page of a tree's listing.
        quota_bytes: large files an account may keep, in all its repositories.
        folder_entries: entries that a folder may have.
        log: every request, in the order in which they ended.
        mistakes: exceptions of this server's own code; a test that leaves one here has not tested what it says.
    """

    def __init__(self) -> None:
        self.part_bytes = 5 << 20
        self.page_entries = 1000
        self.quota_bytes: float = math.inf
        self.folder_entries = 10_000
        self.log: list[Logged] = []
        self.mistakes: list[BaseException] = []
        self.repositories: dict[str, Repository] = {}
        self.tickets: dict[str, Ticket] = {}
        self.accounts: dict[str, Account] = {}
        self.lock = RLock()
        self._faults: list[Fault] = []
        self._servers = {origin: Server(self, origin) for origin in ("api", "storage")}
        ports = [server.server_address[1] for server in self._servers.values()]
        # Another name for the same machine: by the name, clients tell the Hub, which gets their token, from a storage.
        self.url, self.storage_url = f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}"

    def __enter__(self) -> "LoopbackHub":
        for server in self._servers.values():
            server.thread.start()
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.hang_up()
            server.server_close()
            server.thread.join()

    def token(self, user: str, *, role: str = "write") -> str:
        """A token of a user, of role `write` or `read`; users may write below their own name."""
        token = f"hf_loopbackSecretOf{user}{role}"
        self.accounts[token] = Account(name=user, role=role)
        return token

    def fail(
        self,
        method: str | None,
        path: str,
        *,
        status: int,
        times: float = 1,
        skip: int = 0,
        retry_after: int | None = None,
        message: str = "ordered by the test",
    ) -> None:
        """Answer matching requests with an error instead of doing them.

        Args:
            method: None for any.
            path: a regular expression, searched in the path, which is unquoted and has no query.
            status: of the answer.
            times: how many requests fail; `math.inf` for all of them.
            skip: how many matching requests go well before.
            retry_after: seconds, sent the two ways the Hub does.
            message: the error's text.
        """
        headers = {}
        if retry_after is not None:
            headers = {"Retry-After": str(retry_after), "RateLimit": f'"api";r=0;t={retry_after}'}
        answer = Answer.error(Refusal(status, message), headers)
        self._faults.append(Fault(method=method, path=re.compile(path), times=times, skip=skip, answer=answer))

    def drop(self, path: str, *, method: str = "GET", after_bytes: int = 0, times: float = 1, skip: int = 0) -> None:
        """Cut the connection after so many bytes of the body: of the answer to a GET, else of the request."""
        fault = Fault(method=method, path=re.compile(path), times=times, skip=skip, after_bytes=after_bytes)
        self._faults.append(fault)

    def lose_answer(self, method: str, path: str, *, times: float = 1, skip: int = 0) -> None:
        """Do what matching requests ask, then cut the connection without a word."""
        self._faults.append(Fault(method=method, path=re.compile(path), times=times, skip=skip, lose_answer=True))

    def heal(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def requests(self, method: str, path: str = "") -> list[Logged]:
        """What was logged of a method, with a path in which the regular expression is found."""
        with self.lock:
            return [entry for entry in self.log if entry.method == method and re.search(path, entry.path)]

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """A repository's content, as its readers would see it."""
        return {path: blob.content for path, blob in self.repositories[name].at(revision).files.items()}

    def history(self, name: str, revision: str = "main") -> list[Commit]:
        """Its commits, the newest first."""
        return list(self.repositories[name].history(revision))

    def kept_bytes(self, owner: str) -> int:
        """What an account's large files take."""
        mine = [kept for name, kept in self.repositories.items() if name.startswith(f"{owner}/")]
        return sum(len(content) for repository in mine for content in repository.objects.values())

    def environment(self, home: Path, *, token: str | None = None) -> dict[str, str]:
        """Environment variables by which a new process talks to this Hub and no other, with its caches in `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            **({"HF_TOKEN": token} if token else {}),
        }

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            return next((fault for fault in self._faults if fault.strikes(method, path)), None)

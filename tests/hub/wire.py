"""How the loopback Hub's requests travel: bodies, faults on the wire, the log."""

import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from tests.hub.protocol import API, STORAGE, Answer, Request, answer_to
from tests.hub.repository import Refusal

if TYPE_CHECKING:
    from tests.hub.loopback import LoopbackHub

WAIT_FOR_CLIENT_S = 20
BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A request as it went; whether it had a token, never which one."""

    method: str
    path: str
    origin: str
    """`api` or `storage`."""
    authorized: bool
    received_bytes: int
    sent_bytes: int
    status: int | None
    """None where the connection was cut before an answer was complete."""


@dataclass(kw_only=True)
class Fault:
    """What shall happen to the next `times` matching requests after `skip` of them."""

    method: str | None
    path: re.Pattern[str]
    times: float
    skip: int
    answer: Answer | None = None
    after_bytes: int | None = None
    lose_answer: bool = False

    def strikes(self, method: str, path: str) -> bool:
        if self.times <= 0 or self.method not in (None, method) or not self.path.search(path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: "LoopbackHub", origin: str) -> None:
        self.hub, self.origin = hub, origin
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open for their next request."""
        for connection in list(self._open):
            hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away at any time; all else is a mistake of this server."""
        error = sys.exc_info()[1]
        if error and not isinstance(error, ConnectionError | TimeoutError):
            self.hub.mistakes.append(error)


def hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Cut(Exception):
    """The connection ends here, as ordered."""


@dataclass
class _Exchange:
    """What has gone over the wire for one request."""

    received_bytes: int = 0
    sent_bytes: int = 0
    status: int | None = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = BLOCK_BYTES
    disable_nagle_algorithm = True
    timeout = WAIT_FOR_CLIENT_S
    server: Server

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal; `LoopbackHub.log` has it."""

    def _serve(self) -> None:
        target, _, query = self.path.partition("?")
        fault = self.server.hub.fault_for(self.command, unquote(target))
        cut = fault.after_bytes if fault else None
        exchange = _Exchange()
        try:
            body = self._received(exchange, cut if self.command != "GET" else None)
            answer = fault.answer if fault and fault.answer else self._answer(target, query, body)
            if fault and fault.lose_answer:
                raise _Cut
            exchange.sent_bytes = 0 if self.command == "HEAD" else len(answer.body[:cut])
            exchange.status = answer.status if cut is None else None
        except (_Cut, ConnectionError, TimeoutError):
            self._log(exchange)
            self._end()
            return
        # Before the client can know of the answer, so that a test finds in the log what it has seen happen.
        self._log(exchange)
        self._send(answer, exchange.sent_bytes)
        if cut is not None:
            self._end()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _log(self, exchange: _Exchange) -> None:
        entry = Logged(
            method=self.command,
            path=unquote(self.path.partition("?")[0]),
            origin=self.server.origin,
            authorized="authorization" in self.headers,
            received_bytes=exchange.received_bytes,
            sent_bytes=exchange.sent_bytes,
            status=exchange.status,
        )
        with self.server.hub.lock:
            self.server.hub.log.append(entry)

    def _end(self) -> None:
        self.close_connection = True
        hang_up(self.connection)

    def _answer(self, target: str, query: str, body: bytes) -> Answer:
        hub = self.server.hub
        request = Request(
            method=self.command,
            path=target,
            query={key: values[-1] for key, values in parse_qs(query).items()},
            headers={key.lower(): value for key, value in self.headers.items()},
            body=body,
        )
        try:
            with hub.lock:
                return answer_to(hub, request, API if self.server.origin == "api" else STORAGE)
        except Refusal as refusal:
            return Answer.error(refusal)
        except Exception as mistake:
            hub.mistakes.append(mistake)
            return Answer.error(Refusal(500, f"the loopback Hub is wrong: {mistake!r}"))

    def _received(self, exchange: _Exchange, cut: int | None) -> bytes:
        """The request's body; with `cut`, so many bytes of it are taken, then the connection ends."""
        body = bytearray()
        for block in self._blocks() if cut != 0 else ():
            body += block
            exchange.received_bytes = len(body) if cut is None else min(len(body), cut)
            if exchange.received_bytes == cut:
                break
        if cut is not None:
            raise _Cut
        return bytes(body)

    def _blocks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while length := int(self.rfile.readline().split(b";")[0], 16):
                yield self._read(length)
                self.rfile.readline()
            self.rfile.readline()
            return
        missing = int(self.headers.get("Content-Length") or 0)
        while missing:
            block = self._read(min(missing, BLOCK_BYTES))
            missing -= len(block)
            yield block

    def _read(self, length: int) -> bytes:
        block = self.rfile.read(length)
        if len(block) < length:
            raise ConnectionResetError("the client went away in the middle of its request")
        return block

    def _send(self, answer: Answer, sent_bytes: int) -> None:
        self.send_response(answer.status)
        for key, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(key, value)
        self.end_headers()
        try:
            self.wfile.write(answer.body[:sent_bytes])
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

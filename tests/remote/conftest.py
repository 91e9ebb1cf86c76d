"""The server, and a small world on it."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import Lock, Thread

import pytest

from tests.counter_video import write_counter
from tests.remote.store import BUCKET, KEY_ID, SPEC, Store
from tests.small_world import SIZE, make_facts


@pytest.fixture(scope="session")
def server() -> Iterator[Store]:
    """A real HTTP server that speaks S3."""
    for name in ("moto", "s3fs"):
        if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
            pytest.importorskip(name)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: object, **__: object) -> None:
            """The store counts for itself."""

    store, one_at_a_time = Store(""), Lock()  # moto closes an object that is replaced while another request reads it
    moto = DomainDispatcherApplication(create_backend_app)

    def counting(environ, start_response):
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if store.refuse and (refusal := store.refuse(method, path)):
            status, code = refusal
            body = f"<Error><Code>{code}</Code><Message>Key {KEY_ID} is not known</Message></Error>".encode()
            start_response(status, [("Content-Length", str(len(body))), ("Content-Type", "application/xml")])
            return [b"" if method == "HEAD" else body]
        store.asked.append((method, query or path))
        with one_at_a_time:
            return moto(environ, start_response)

    http = make_server("127.0.0.1", 0, counting, threaded=True, request_handler=Quiet)
    store.endpoint = f"http://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield store
    http.shutdown()
    thread.join()


@pytest.fixture
def store(server: Store) -> Iterator[Store]:
    """The server with one empty bucket."""
    server.backend.reset()
    server.backend.create_bucket(BUCKET, "us-east-1")
    server.asked.clear()
    server.refuse = None
    yield server
    server.refuse = None


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films, a pack that every family can ask about, a film to mine, and a spec that names them by folder."""
    root = tmp_path_factory.mktemp("world")
    for folder, name, frames in (("films", "one", 400), ("films", "two", 380), ("pool", "three", 60)):
        (root / folder).mkdir(exist_ok=True)
        write_counter(root / folder / f"{name}.mp4", frames=frames, rate=Fraction(10), size=SIZE, gop=40)
    pack = make_facts(root / "pack")
    (root / "spec.yaml").write_text(SPEC.format(films=root / "films", pack=pack, pool=root / "pool"))
    return root


@pytest.fixture
def away(store: Store, world: Path, tmp_path: Path) -> Path:
    """The same world in the bucket, and a spec that names it there; the folder is where commands run."""
    for name in ("films", "pack", "pool"):
        store.upload(world / name, f"src/{name}")
    here = tmp_path / "here"
    here.mkdir()
    url = f"s3://{BUCKET}/src"
    (here / "spec.yaml").write_text(SPEC.format(films=f"{url}/films", pack=f"{url}/pack", pool=f"{url}/pool"))
    return here

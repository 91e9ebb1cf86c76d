"""The loopback Hub against the real client: what is pushed is what is read, and every ordered fault is met."""

import json
import math
import os
import subprocess
import sys
from hashlib import sha256
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.hub.repository import Blob, Repository, git_name, tree_names

pytestmark = [
    pytest.mark.hub,
    # The client's own, at every upload: httpx wants another word for a body.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

NAME = "ann/set"
CARD = """---
configs:
- config_name: default
  data_files: [{split: test, path: [metadata.parquet, "videos/**/*.mp4"]}]
---
Two videos.
"""


@pytest.fixture
def ann(hub):
    """A client of the Hub with Ann's token, and her empty dataset."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=hub.token("ann"))
    api.create_repo(NAME, repo_type="dataset")
    return api


@pytest.fixture
def folder(tmp_path):
    """Five files: two small, three that are large by name, one of them in a folder of a folder."""
    root = tmp_path / "folder"
    (root / "videos" / "000").mkdir(parents=True)
    (root / "README.md").write_text(CARD)
    (root / "plan.jsonl").write_text('{"id": 1}\n')
    for number, path in enumerate(["metadata.parquet", "videos/000/a.mp4", "videos/000/b é.mp4"]):
        (root / path).write_bytes(noise(number, 20_000 + number))
    return root


def noise(seed: int, length: int) -> bytes:
    """Bytes that look like a video's."""
    blocks = (sha256(f"{seed} {number}".encode()).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def content(root: Path) -> dict[str, bytes]:
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(".cache/")}


def push(api, folder, **more):
    return api.upload_folder(repo_id=NAME, folder_path=folder, repo_type="dataset", commit_message="push", **more)


def pushed(hub, revision: str = "main") -> dict[str, bytes]:
    """A repository's files, less the one that it was born with."""
    return {path: blob for path, blob in hub.files(NAME, revision).items() if path != ".gitattributes"}


def download(api, to: Path, revision: str | None = None) -> dict[str, bytes]:
    api.snapshot_download(NAME, repo_type="dataset", revision=revision, local_dir=to)
    return {path: blob for path, blob in content(to).items() if path != ".gitattributes"}


def uploads(hub) -> list[int | None]:
    return [entry.status for entry in hub.requests("PUT", "^/upload/")]


def ask(hub, method, path, body=None, token=None, origin="api", **headers):
    """A request as no client would make it."""
    url = hub.url if origin == "api" else hub.storage_url
    connection = HTTPConnection(url.removeprefix("http://"), timeout=5)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def failed_with(raised) -> tuple[int, str]:
    return raised.value.response.status_code, str(raised.value)


# What a repository keeps


def test_objects_have_the_names_that_git_gives_them():
    """`git init; printf 'hello\\n' > hello; ...; git write-tree` gave these."""
    assert git_name("blob", b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    files = {path: Blob(b"hello\n", large=False) for path in ("a-b/x", "a.txt", "a/b/x", "a/y", "a0")}
    assert tree_names(files) == {
        "": "00dfc346a717ac6854d27692898cd893121b4f5e",
        "a": "849cd06ce5c189d2e78ddf54624e741e309e6c55",
        "a/b": "e31a96220fbfbe7601ecc086a36b96dc27a8867e",
        "a-b": "e31a96220fbfbe7601ecc086a36b96dc27a8867e",
    }


def test_commits_have_them_too():
    """`git commit-tree` gave these, on the tree of a file and on the tree of it and a large file's pointer."""
    repository = Repository(name=NAME, private=False)
    files = {"hello": Blob(b"hello\n", large=False)}
    first = repository.commit("main", files, author="ann", title="first")
    assert first.oid == "7067f134ecc095e3910736ba6cc414b7b5dba2ef"
    files["large.mp4"] = Blob(b"hello\n", large=True)
    second = repository.commit("main", files, author="ann", title="second", message="why")
    assert second.oid == "169346fbbba0325b79219f5ca66f64917105d698"
    assert set(first.files) == {"hello"}
    with pytest.raises(TypeError):
        first.files["more"] = files["hello"]


# Pushing and reading


def test_a_folder_comes_back_byte_for_byte(hub, ann, folder, tmp_path):
    commit = push(ann, folder)
    assert pushed(hub) == content(folder)
    assert [made.title for made in hub.history(NAME)] == ["push", "initial commit"]
    assert commit.oid == hub.history(NAME)[0].oid
    assert download(ann, tmp_path / "fresh") == content(folder)
    assert len(uploads(hub)) == 3
    api, storage = ([entry for entry in hub.log if entry.origin == origin] for origin in ("api", "storage"))
    assert all(entry.authorized for entry in api)
    assert storage
    assert not any(entry.authorized for entry in storage), "the token left the Hub"
    assert "hf_loopback" not in repr(hub.log)


def test_the_tree_as_the_client_sees_it(hub, ann, folder):
    push(ann, folder)
    hub.page_entries = 2
    tree = {entry.path: entry for entry in ann.list_repo_tree(NAME, repo_type="dataset", recursive=True, expand=True)}
    assert set(tree) == {*content(folder), ".gitattributes", "videos", "videos/000"}
    assert len(hub.requests("GET", "/tree/")) == 4
    video = tree["videos/000/a.mp4"]
    data = (folder / "videos/000/a.mp4").read_bytes()
    assert (video.size, video.lfs.sha256) == (len(data), sha256(data).hexdigest())
    assert (tree["plan.jsonl"].lfs, tree["plan.jsonl"].last_commit.title) == (None, "push")
    assert tree[".gitattributes"].last_commit.title == "initial commit"
    paths = ["videos", "plan.jsonl", "videos/000/b é.mp4", "nowhere"]
    found = ann.get_paths_info(NAME, paths, repo_type="dataset", expand=True)
    assert [entry.path for entry in found] == paths[:3]
    info = ann.dataset_info(NAME, files_metadata=True)
    assert {file.rfilename for file in info.siblings} == set(hub.files(NAME))
    assert info.sha == hub.history(NAME)[0].oid
    assert info.card_data["configs"][0]["config_name"] == "default"
    assert [commit.title for commit in ann.list_repo_commits(NAME, repo_type="dataset")] == ["push", "initial commit"]


def test_a_second_push_sends_only_what_changed(hub, ann, folder):
    first = push(ann, folder)
    hub.log.clear()
    assert push(ann, folder).oid == first.oid
    assert (uploads(hub), hub.requests("POST", "/commit/")) == ([], [])
    (folder / "videos/000/a.mp4").write_bytes(b"another")
    (folder / "plan.jsonl").write_text("[]")
    push(ann, folder)
    assert [entry.received_bytes for entry in hub.requests("PUT")] == [7]
    assert pushed(hub) == content(folder)
    ann.delete_file("plan.jsonl", NAME, repo_type="dataset")
    ann.delete_folder("videos/000", NAME, repo_type="dataset")
    assert set(pushed(hub)) == {"README.md", "metadata.parquet"}


def test_an_interrupted_push_goes_on_where_it_was(hub, ann, folder, tmp_path, naps):
    hub.fail("PUT", "^/upload/", status=500, times=math.inf, skip=2)
    with pytest.raises(RuntimeError, match="Error while uploading '") as raised:
        push(ann, folder)
    assert raised.value.__cause__.response.status_code == 500
    assert uploads(hub) == [200, 200, *[500] * 6]
    assert pushed(hub) == {}, "readers see nothing of half a push"
    hub.heal()
    hub.log.clear()
    push(ann, folder)
    assert uploads(hub) == [200]
    assert download(ann, tmp_path / "fresh") == content(folder)


def test_content_sent_ahead_shows_with_the_commit_only(hub, ann, folder, naps):
    """Large files by and by, then everything in one commit: a reader has all of it or nothing."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    def operations():
        return [CommitOperationAdd(path, str(folder / path)) for path in sorted(content(folder))]

    hub.fail("PUT", "^/upload/", status=503, times=math.inf, skip=1)
    with pytest.raises(RuntimeError, match="Error while uploading '"):
        ann.preupload_lfs_files(NAME, operations(), repo_type="dataset", num_threads=1)
    hub.heal()
    again = operations()
    ann.preupload_lfs_files(NAME, again, repo_type="dataset", num_threads=1)
    assert [entry.status for entry in hub.requests("PUT")].count(200) == 3
    assert pushed(hub) == {}
    hub.log.clear()
    again.append(CommitOperationDelete(".gitattributes"))
    parent = hub.history(NAME)[0].oid
    ann.create_commit(NAME, again, commit_message="all", repo_type="dataset", parent_commit=parent)
    assert (uploads(hub), hub.files(NAME)) == ([], content(folder))


def test_large_files_go_in_parts(hub, ann, folder, tmp_path, naps):
    hub.part_bytes = 6_000
    hub.fail("PUT", "/2$", status=503)
    push(ann, folder)
    assert len(uploads(hub)) == 3 * 4 + 1
    assert len(hub.requests("POST", "/complete$")) == 3
    assert download(ann, tmp_path / "fresh") == content(folder)


@pytest.mark.parametrize("part_bytes", [5 << 20, 6_000])
def test_what_arrives_must_be_what_was_announced(hub, ann, part_bytes):
    hub.part_bytes = part_bytes
    data, token = noise(1, 10_000), hub.token("ann")
    announced = {"transfers": ["basic", "multipart"], "objects": [{"oid": sha256(data).hexdigest(), "size": 10_000}]}
    batch = f"/datasets/{NAME}.git/info/lfs/objects/batch"
    status, _, answer = ask(hub, "POST", batch, json.dumps(announced), token)
    assert status == 200
    upload = json.loads(answer)["objects"][0]["actions"]["upload"]
    wrong = noise(2, 10_000)
    if part_bytes > len(data):
        status, _, answer = ask(hub, "PUT", path_of(upload["href"]), wrong, origin="storage")
    else:
        size = int(upload["header"]["chunk_size"])
        parts = []
        for number in (1, 2):
            block = wrong[(number - 1) * size : number * size]
            _, headers, _ = ask(hub, "PUT", path_of(upload["header"][f"{number:05}"]), block, origin="storage")
            parts.append({"partNumber": number, "etag": headers["ETag"]})
        status, _, answer = ask(hub, "POST", path_of(upload["href"]), json.dumps({"parts": parts[:1]}))
        assert (status, b"received" in answer) == (400, True)
        status, _, answer = ask(hub, "POST", path_of(upload["href"]), json.dumps({"parts": parts}))
    assert (status, b"announced was" in answer) == (400, True)
    verify = f"/datasets/{NAME}.git/info/lfs/verify"
    assert ask(hub, "POST", verify, json.dumps(announced["objects"][0]), token)[0] == 404
    line = {"key": "lfsFile", "value": {"path": "a.mp4", "oid": sha256(data).hexdigest(), "size": 10_000}}
    assert commit_raw(hub, line) == (400, f"a.mp4: LFS object {sha256(data).hexdigest()} was not uploaded")


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def commit_raw(hub, *lines) -> tuple[int, str]:
    header = {"key": "header", "value": {"summary": "raw", "description": ""}}
    body = "\n".join(json.dumps(line) for line in (header, *lines))
    status, _, answer = ask(hub, "POST", f"/api/datasets/{NAME}/commit/main", body, hub.token("ann"))
    return status, json.loads(answer).get("error", "")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../out", "'../out' is not a path for a file in a repository"),
        ("/etc/passwd", "'/etc/passwd' is not a path for a file in a repository"),
        (".git/config", "'.git/config' is not a path for a file in a repository"),
        (".gitattributes/x", "'.gitattributes/x' lies below '.gitattributes', which is a file"),
    ],
)
def test_a_commit_cannot_hold_any_path(hub, ann, path, message):
    assert commit_raw(hub, {"key": "file", "value": {"path": path, "content": ""}}) == (400, message)
    assert len(hub.history(NAME)) == 1


def test_a_cards_yaml_is_checked_before_anything_is_sent(hub, ann, folder):
    (folder / "README.md").write_text("---\ntags: [video\n---\n")
    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md"):
        push(ann, folder)
    assert (uploads(hub), len(hub.history(NAME))) == ([], 1)


def test_what_gitignore_names_is_left_out(hub, ann, folder):
    (folder / ".gitignore").write_text("videos/\n*.jsonl\n")
    push(ann, folder)
    assert set(pushed(hub)) == {".gitignore", "README.md", "metadata.parquet"}


# Rights


def test_who_is_who(hub, ann):
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    assert ann.whoami()["name"] == "ann"
    assert (
        HfApi(endpoint=hub.url, token=hub.token("ann", role="read")).whoami()["auth"]["accessToken"]["role"] == "read"
    )
    with pytest.raises(LocalTokenNotFoundError):
        HfApi(endpoint=hub.url).whoami()
    with pytest.raises(HfHubHTTPError) as raised:
        HfApi(endpoint=hub.url, token="hf_wrong").whoami()
    assert failed_with(raised)[0] == 401
    assert "hf_wrong" not in failed_with(raised)[1]


@pytest.mark.parametrize(
    ("user", "role", "status"), [("ann", "read", 403), ("bob", "write", 403), (None, None, 401), ("?", None, 401)]
)
def test_writing_needs_a_token_that_may(hub, ann, folder, user, role, status):
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    token = {None: False, "?": "hf_wrong"}.get(user) if role is None else hub.token(user, role=role)
    stranger = HfApi(endpoint=hub.url, token=token)
    if user != "?":
        stranger.create_repo(NAME, repo_type="dataset", exist_ok=True)
    for attempt in (
        lambda: push(stranger, folder),
        lambda: stranger.create_branch(NAME, branch="mine", repo_type="dataset"),
        lambda: stranger.create_tag(NAME, tag="mine", repo_type="dataset"),
        lambda: stranger.delete_repo(NAME, repo_type="dataset"),
        lambda: stranger.create_repo("ann/other", repo_type="dataset", exist_ok=True),
    ):
        with pytest.raises(HfHubHTTPError) as raised:
            attempt()
        assert failed_with(raised)[0] == status
    assert (set(hub.repositories), pushed(hub), hub.requests("PUT")) == ({NAME}, {}, [])


def test_a_private_dataset_is_for_its_owner(hub, ann, folder, tmp_path):
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    push(ann, folder)
    anyone = HfApi(endpoint=hub.url, token=False)
    assert download(anyone, tmp_path / "public") == content(folder)
    ann.update_repo_settings(NAME, repo_type="dataset", private=True)
    assert ann.dataset_info(NAME).private
    assert download(HfApi(endpoint=hub.url, token=hub.token("ann", role="read")), tmp_path / "own") == content(folder)
    for stranger, status in ((anyone, 401), (HfApi(endpoint=hub.url, token=hub.token("bob")), 404)):
        for attempt in (
            lambda api=stranger: api.dataset_info(NAME),
            lambda api=stranger: api.list_repo_files(NAME, repo_type="dataset"),
            lambda api=stranger: api.hf_hub_download(NAME, "README.md", repo_type="dataset"),
            lambda api=stranger: api.snapshot_download(NAME, repo_type="dataset", local_dir=tmp_path / "no"),
        ):
            with pytest.raises(RepositoryNotFoundError) as raised:
                attempt()
            assert failed_with(raised)[0] == status


def test_a_new_dataset(hub, ann):
    from huggingface_hub.errors import HfHubHTTPError

    made = ann.create_repo("ann/hidden", repo_type="dataset", private=True)
    assert (made.repo_id, made.repo_type) == ("ann/hidden", "dataset")
    assert ann.dataset_info("ann/hidden").private
    assert ann.create_repo("ann/hidden", repo_type="dataset", exist_ok=True).repo_id == "ann/hidden"
    assert ann.dataset_info("ann/hidden").private, "exist_ok leaves it as it is"
    with pytest.raises(HfHubHTTPError) as raised:
        ann.create_repo("ann/hidden", repo_type="dataset")
    assert failed_with(raised)[0] == 409
    assert ann.repo_exists("ann/hidden", repo_type="dataset")
    ann.delete_repo("ann/hidden", repo_type="dataset")
    assert not ann.repo_exists("ann/hidden", repo_type="dataset")


# Limits and faults


def test_limits_refuse_a_push_as_a_whole(hub, ann, folder):
    from huggingface_hub.errors import BadRequestError, HfHubHTTPError

    hub.quota_bytes = 60_002
    with pytest.raises(HfHubHTTPError, match="Storage limit reached: ann may keep 60002 bytes") as raised:
        push(ann, folder)
    assert failed_with(raised)[0] == 403
    hub.quota_bytes, hub.folder_entries = 60_003, 4
    with pytest.raises(BadRequestError, match="the root has 5 entries, a folder may have 4"):
        push(ann, folder)
    assert pushed(hub) == {}
    hub.folder_entries = 5
    push(ann, folder)
    assert pushed(hub) == content(folder)


def test_too_many_requests_are_tried_again_when_the_hub_says(hub, ann, folder, naps):
    hub.fail("POST", "/preupload/", status=429, times=2, retry_after=30)
    push(ann, folder)
    assert (pushed(hub), naps) == (content(folder), [31.0, 31.0])
    hub.fail(None, "", status=429, retry_after=7)
    status, headers, _ = ask(hub, "GET", "/api/whoami-v2")
    assert (status, headers["Retry-After"], headers["RateLimit"]) == (429, "7", '"api";r=0;t=7')


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_commit_is_asked_for_once(hub, ann, folder, naps, status):
    from huggingface_hub.errors import HfHubHTTPError

    hub.fail("POST", "/commit/", status=status, message="not now")
    with pytest.raises(HfHubHTTPError, match="not now") as raised:
        push(ann, folder)
    assert (failed_with(raised)[0], naps, pushed(hub)) == (status, [], {})
    hub.log.clear()
    push(ann, folder)
    assert (uploads(hub), pushed(hub)) == ([], content(folder))


def test_errors_on_the_way_to_the_storage_are_tried_again(hub, ann, folder, naps):
    hub.fail("PUT", "^/upload/", status=500, times=2)
    hub.drop("^/upload/", method="PUT", after_bytes=5_000)
    hub.drop("/objects/batch$", method="POST")
    push(ann, folder)
    assert pushed(hub) == content(folder)
    assert sorted(map(str, uploads(hub))) == ["200", "200", "200", "500", "500", "None"]
    assert [entry.received_bytes for entry in hub.requests("PUT") if entry.status is None] == [5_000]
    assert len(naps) == 4


@pytest.mark.parametrize(("block_bytes", "status", "last_bytes"), [(1_000, 206, 6_001), (10 << 20, 200, 20_001)])
def test_a_dropped_download_goes_on_where_it_was(
    hub, ann, folder, tmp_path, naps, monkeypatch, block_bytes, status, last_bytes
):
    """As far as the client kept what had come: it keeps whole blocks, of 10 MiB as it is installed."""
    push(ann, folder)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", block_bytes)
    video = "videos/000/a.mp4"
    hub.drop(f"^/{NAME}/", after_bytes=7_000, times=2)
    path = ann.hf_hub_download(NAME, video, repo_type="dataset", local_dir=tmp_path / "fresh")
    assert Path(path).read_bytes() == content(folder)[video]
    taken = hub.requests("GET", f"^/{NAME}/")
    assert [(entry.status, entry.sent_bytes) for entry in taken] == [(None, 7_000)] * 2 + [(status, last_bytes)]
    assert len(naps) == 2


def test_a_download_that_never_gets_through_leaves_no_file(hub, ann, folder, tmp_path, naps):
    push(ann, folder)
    hub.fail("GET", f"^/{NAME}/", status=500, times=math.inf)
    with pytest.raises(Exception, match="500") as raised:
        download(ann, tmp_path / "fresh")
    assert failed_with(raised)[0] == 500
    assert not list((tmp_path / "fresh").rglob("*.mp4"))


def test_a_commit_whose_answer_is_lost_is_there(hub, ann, folder):
    hub.lose_answer("POST", "/commit/")
    with pytest.raises(Exception, match="disconnected"):
        push(ann, folder)
    assert pushed(hub) == content(folder)
    push(ann, folder)
    assert len(hub.history(NAME)) == 2, "the second push finds nothing to do"


# Revisions


def test_a_revision_stays_what_it_was(hub, ann, folder, tmp_path):
    from huggingface_hub.errors import RevisionNotFoundError

    first, before = push(ann, folder), content(folder)
    ann.create_tag(NAME, tag="v1", repo_type="dataset")
    ann.create_branch(NAME, branch="next/one", repo_type="dataset")
    (folder / "videos/000/a.mp4").write_bytes(b"second")
    push(ann, folder, revision="next/one")
    assert pushed(hub) == before
    second, after = push(ann, folder), content(folder)
    for number, (revision, files) in enumerate(
        {"v1": before, first.oid: before, "main": after, second.oid: after, "next/one": after}.items()
    ):
        assert download(ann, tmp_path / str(number), revision) == files
        path = ann.hf_hub_download(NAME, "videos/000/a.mp4", repo_type="dataset", revision=revision)
        assert Path(path).read_bytes() == files["videos/000/a.mp4"]
    references = ann.list_repo_refs(NAME, repo_type="dataset")
    assert {branch.name for branch in references.branches} == {"main", "next/one"}
    assert [(tag.name, tag.target_commit) for tag in references.tags] == [("v1", first.oid)]
    for revision in ("nowhere", "0" * 40):
        with pytest.raises(RevisionNotFoundError):
            ann.dataset_info(NAME, revision=revision)
    with pytest.raises(RevisionNotFoundError):
        push(ann, folder, revision="nowhere")


def test_references_are_made_once_and_commits_on_what_they_know(hub, ann, folder):
    from huggingface_hub.errors import HfHubHTTPError

    first = hub.history(NAME)[0].oid
    for make in (ann.create_branch, ann.create_tag):
        kind = "branch" if make == ann.create_branch else "tag"
        make(NAME, **{kind: "v1"}, repo_type="dataset")
        make(NAME, **{kind: "v1"}, repo_type="dataset", exist_ok=True)
        with pytest.raises(HfHubHTTPError) as raised:
            make(NAME, **{kind: "v1"}, repo_type="dataset")
        assert failed_with(raised)[0] == 409
    ann.delete_tag(NAME, tag="v1", repo_type="dataset")
    ann.delete_branch(NAME, branch="v1", repo_type="dataset")
    push(ann, folder, parent_commit=first)
    (folder / "plan.jsonl").write_text("")
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as raised:
        push(ann, folder, parent_commit=first)
    assert failed_with(raised)[0] == 412


# Other readers


def test_the_file_system_reads_ranges(hub, ann, folder):
    from huggingface_hub import HfFileSystem

    push(ann, folder)
    files = HfFileSystem(endpoint=hub.url, token=hub.token("ann"), skip_instance_cache=True)
    root = f"datasets/{NAME}"
    assert files.glob(f"{root}/videos/**/*.mp4") == [f"{root}/videos/000/a.mp4", f"{root}/videos/000/b é.mp4"]
    assert files.read_text(f"{root}/plan.jsonl") == '{"id": 1}\n'
    data = (folder / "videos/000/a.mp4").read_bytes()
    hub.log.clear()
    with files.open(f"{root}/videos/000/a.mp4", block_size=100) as video:
        video.seek(5_000)
        assert video.read(50) == data[5_000:5_050]
    assert [(entry.status, entry.sent_bytes) for entry in hub.requests("GET", f"^/{NAME}/")] == [(206, 150)]
    assert files.cat_file(f"{root}/videos/000/a.mp4", start=-10) == data[-10:]
    with pytest.raises(FileNotFoundError):
        files.info(f"{root}/nowhere")


def test_ranges(hub, ann, folder):
    push(ann, folder)
    path = f"/datasets/{NAME}/resolve/main/plan.jsonl"
    for asked, status, body, said in (
        ("bytes=2-5", 206, b'id":', "bytes 2-5/10"),
        ("bytes=8-", 206, b"}\n", "bytes 8-9/10"),
        ("bytes=-3", 206, b"1}\n", "bytes 7-9/10"),
        ("bytes=5-500", 206, b": 1}\n", "bytes 5-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
    ):
        got, headers, content = ask(hub, "GET", path, Range=asked)
        assert (got, headers["Content-Range"]) == (status, said), asked
        assert body in (None, content)


LOAD = """
import sys
from datasets import Video, load_dataset

name, revision, stranger = sys.argv[1:]
try:
    load_dataset(name, revision=revision, token=stranger)
except Exception as error:
    print(type(error).__name__)
for streaming in (False, True):
    rows = load_dataset(name, split="test", revision=revision, streaming=streaming)
    rows = rows.decode(False) if streaming else rows.cast_column("video", Video(decode=False))
    print([(row["question"], row["video"]["path"].rsplit("/", 1)[1]) for row in rows])
"""


def test_datasets_loads_from_it(hub, ann, folder, tmp_path):
    """In a process of its own: `datasets` reads the endpoint when it is imported."""
    import pyarrow
    import pyarrow.parquet

    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS") and find_spec("datasets") is None:
        pytest.skip("datasets is not installed")
    videos = ["videos/000/a.mp4", "videos/000/b é.mp4"]
    table = pyarrow.table({"file_name": videos, "question": ["one?", "two?"]})
    pyarrow.parquet.write_table(table, folder / "metadata.parquet")
    ann.update_repo_settings(NAME, repo_type="dataset", private=True)
    commit = push(ann, folder)
    (folder / "README.md").write_text("---\nconfigs: []\n---\n")
    push(ann, folder)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, NAME, commit.oid, hub.token("bob")],
        env={"PATH": "", **hub.environment(tmp_path / "home", token=hub.token("ann", role="read"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    rows = "[('one?', 'a.mp4'), ('two?', 'b é.mp4')]"
    assert done.stdout.splitlines() == ["DatasetNotFoundError", rows, rows], done.stderr


# The server itself


def test_a_mistake_of_the_server_is_not_taken_for_an_answer(hub, ann):
    hub.repositories["ann/broken"] = object()
    status, _, answer = ask(hub, "GET", "/api/datasets/ann/broken")
    assert (status, b"the loopback Hub is wrong" in answer) == (500, True)
    assert isinstance(hub.mistakes.pop(), AttributeError)
    assert not hub.mistakes


def test_what_it_does_not_know_it_says(hub, ann):
    assert b"has no GET /api/models/a/b" in ask(hub, "GET", "/api/models/a/b")[2]
    assert ask(hub, "PUT", "/upload/999999/1", b"", origin="storage")[0] == 403
    assert ask(hub, "POST", "/api/repos/create", "{", hub.token("ann"))[0] == 400
    status, _, answer = ask(hub, "POST", f"/api/datasets/{NAME}/commit/main?create_pr=1", "{}", hub.token("ann"))
    assert (status, b"no pull requests" in answer) == (400, True)


def test_two_hubs_with_the_same_history_are_the_same(hub, ann, folder):
    from huggingface_hub import HfApi

    from tests.hub.loopback import LoopbackHub

    push(ann, folder)
    with LoopbackHub() as other:
        api = HfApi(endpoint=other.url, token=other.token("ann"))
        api.create_repo(NAME, repo_type="dataset")
        push(api, folder)
        assert [commit.oid for commit in other.history(NAME)] == [commit.oid for commit in hub.history(NAME)]

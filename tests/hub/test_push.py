"""Publishing with the real client: what arrives is what was verified, all of it or nothing that looks like it."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from haystack_gen.export.webdataset import write_webdataset
from haystack_gen.judge.verify import stamp, verify
from haystack_gen.publish import hub as emit_hub
from haystack_gen.publish import parcel
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.small_world import built, make_world, tree

pytestmark = [
    pytest.mark.hub,
    # The client's own, at every upload: httpx wants another word for a body.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

NAME = "ann/set"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Verified datasets of four short videos, as videos and as frames."""
    folder = tmp_path_factory.mktemp("push")
    world = make_world(folder / "world", seconds=12, needles=2, lures=1)
    for media in ("video", "frames"):
        text = f"{{grid: {{lengths: '6', depths: '0,1'}}, output: {{media: {media}}}}}"
        one = built(world.spec(text), folder / media)
        stamp(one, verify(one))
    return folder


@pytest.fixture
def dataset(made, tmp_path) -> Path:
    shutil.copytree(made / "video", tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def ann(hub, monkeypatch) -> str:
    """Ann's token, where the client looks for it."""
    token = hub.token("ann")
    monkeypatch.setenv("HF_TOKEN", token)
    return token


def pushed(*arguments) -> str:
    """A push that succeeds; what it said."""
    done = run("push", *arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments, code: int = 2) -> str:
    done = run("push", *arguments)
    assert done.exit_code == code, done.output
    return done.stderr


def there(hub, revision: str = "main") -> dict[str, bytes]:
    """What readers see, less the file that every repository is born with."""
    files = hub.files(NAME, revision)
    return {path: content for path, content in files.items() if path != ".gitattributes"}


def expected(dataset: Path, load_from: str = f'load_dataset("{NAME}"') -> dict[str, bytes]:
    files = tree(dataset)
    card = files["README.md"].replace(b'load_dataset("path/to/this/folder"', load_from.encode())
    files["README.md"] = card.replace(b"build path/to/this/folder ", f"build hf://{NAME} ".encode())
    return files


# What arrives


def test_a_fresh_download_is_the_dataset_and_verifies(hub, ann, dataset, tmp_path):
    from huggingface_hub import snapshot_download

    said = pushed(dataset, NAME)
    assert f"{hub.url}/datasets/{NAME}" in said
    assert f'load_dataset("{NAME}", split="test")' in said
    assert there(hub) == expected(dataset)
    assert [commit.title for commit in hub.history(NAME)] == ["Push with haystack-gen 0.1.0", "initial commit"]
    got = Path(snapshot_download(NAME, repo_type="dataset", local_dir=tmp_path / "got"))
    shutil.rmtree(got / ".cache")
    (got / ".gitattributes").unlink()
    assert tree(got) == expected(dataset)
    assert run("verify", got).exit_code == 0


@pytest.mark.skipif(
    not find_spec("datasets") and not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"), reason="datasets is not installed"
)
def test_datasets_loads_it_by_its_name(hub, ann, dataset, tmp_path):
    pushed(dataset, NAME, "--private")
    assert hub.repositories[NAME].private
    code = f"""
from datasets import Video, load_dataset
items = load_dataset("{NAME}", split="test").cast_column("video", Video(decode=False))
family = load_dataset("{NAME}", "retrieval", split="test")
print(len(items), len(family), items[0]["answer_text"], items[0]["video"]["path"].rpartition("/")[2])
"""
    environment = {**os.environ, **hub.environment(tmp_path / "home", token=ann)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "4 4 dog retrieval-6-d0-t0-needle-0.mp4\n", done.stderr


def test_frames_and_archives_go_too(hub, ann, made, dataset, tmp_path):
    write_webdataset(DatasetFolder(dataset), tmp_path / "packed", shard_bytes=40_000)
    for folder in (made / "frames", tmp_path / "packed"):
        pushed(folder, NAME)
        assert there(hub) == expected(folder)
    assert len([name for name in there(hub) if name.startswith("shards/")]) > 1


def test_a_branch_is_made_and_named(hub, ann, dataset):
    pushed(dataset, NAME, "--revision", "v1")
    files = expected(dataset)
    card = files["README.md"].replace(b'split="test")', b'split="test", revision="v1")')
    files["README.md"] = card.replace(f"hf://{NAME} ".encode(), f"hf://{NAME}@v1 ".encode())
    assert there(hub, "v1") == files
    assert there(hub) == {}
    assert there(hub, "v1") == files


def test_a_second_push_sends_what_changed_and_deletes_what_is_stale(hub, ann, dataset):
    pushed(dataset, NAME)
    hub.log.clear()
    assert "nothing was to be sent" in pushed(dataset, NAME)
    assert (len(hub.history(NAME)), hub.requests("PUT"), hub.requests("POST", "/commit/")) == (2, [], [])
    (dataset / "provenance" / "remarks.txt").write_text("new\n")
    (dataset / "provenance" / "versions.json").write_text("{}\n")
    (dataset / "picture.png").unlink()
    planned = json.loads(run("push", dataset, NAME, "--json").stdout)
    fates = {change["name"]: change["fate"] for change in planned["files"]}
    assert {name: fate for name, fate in fates.items() if fate != "unchanged"} == {
        ".gitattributes": "kept",
        "provenance/remarks.txt": "new",
        "provenance/versions.json": "changed",
        "picture.png": "stale",
        "provenance/summary.json": "left",
    }
    assert planned["commit"] == hub.history(NAME)[0].oid
    assert there(hub) == expected(dataset)


def test_what_is_not_the_datasets_stays_here(hub, ann, dataset, tmp_path):
    files = expected(dataset)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    reasons = {
        "predictions.jsonl": "not part of the dataset",
        "report-mine.html": "a report, which may show a model's replies",
        "videos/000/retrieval-6-d0-t0-needle-0.mp4.lock": "a cache",
        "videos/000/other.mp4": "not among the media of this manifest",
        "provenance/.part-0123-plan.jsonl": "half-written by a run that was stopped",
        ".DS_Store": "hidden",
        "lmms_eval/tasks.lock": "a cache",
    }
    (dataset / "lmms_eval" / "__pycache__").mkdir(parents=True)
    (dataset / "lmms_eval" / "__pycache__" / "utils.pyc").write_text("x")
    (dataset / "lmms_eval" / "haystack.yaml").write_text("task: x\n")
    (dataset / ".git").mkdir()
    (dataset / ".git" / "config").write_text("x")
    (dataset / "results").mkdir()
    (dataset / "results" / "README.md").write_text("x")
    (dataset / "audit" / "visibility.parquet").symlink_to(secret)
    for name in reasons:
        (dataset / name).write_text("x")
    planned = json.loads(run("push", dataset, NAME, "--json").stdout)
    left = {change["name"]: change["why"] for change in planned["files"] if change["fate"] == "left"}
    assert left == reasons | {
        "lmms_eval/__pycache__/": "a cache",
        ".git/": "hidden",
        "results/": "not part of the dataset",
        "audit/visibility.parquet": "a link",
        "provenance/summary.json": "about the machine that built it",
    }
    assert there(hub) == files | {"lmms_eval/haystack.yaml": b"task: x\n"}


# A dry run


def test_a_dry_run_sends_nothing_and_needs_no_token(hub, dataset):
    said = pushed(dataset, NAME, "--dry-run")
    assert "a dry run: the Hub was not asked, and nothing was sent" in said
    files = tree(dataset)
    assert f"{len(files):>7,}" in said.split("to send")[1]
    planned = json.loads(run("push", dataset, NAME, "--dry-run", "--json").stdout)
    assert {change["name"] for change in planned["files"] if change["fate"] == "goes"} == set(files)
    assert (planned["repository"], planned["revision"], planned["commit"]) == (NAME, "main", None)
    pushed(dataset, NAME, "--dry-run", "--recipe-only")
    assert (hub.log, hub.repositories) == ([], {})


# Interrupted


def test_an_interrupted_push_shows_nothing_and_goes_on(hub, ann, dataset, naps, monkeypatch):
    monkeypatch.setattr(emit_hub, "_BATCH_FILES", 2)
    hub.drop("^/upload/", method="PUT", after_bytes=100, times=float("inf"), skip=6)
    said = refused(dataset, NAME)
    assert "the connection" in said
    assert "run the same command again: it goes on from what was sent" in said
    assert there(hub) == {}
    hub.heal()
    before = len(hub.repositories[NAME].objects)
    assert before >= 5
    hub.log.clear()
    pushed(dataset, NAME)
    assert there(hub) == expected(dataset)
    assert len(hub.requests("PUT", "^/upload/")) == len(hub.repositories[NAME].objects) - before


def test_a_set_of_many_files_never_looks_whole_before_it_is(hub, ann, made, dataset, monkeypatch):
    monkeypatch.setattr(emit_hub, "MOST_PER_COMMIT", 7)
    pushed(dataset, NAME)
    history = hub.history(NAME)
    assert len(history) > 3
    tables = {"README.md", "manifest.jsonl", "metadata.parquet", "retrieval.parquet"}
    assert not any(set(commit.files) & tables for commit in history[1:])
    assert set(history[0].files) >= tables
    # Replaced by another, and stopped on the way: what is there is neither of them.
    hub.fail("POST", "/commit/", status=500, skip=2)
    assert "the Hub answered 500 (ordered by the test); run the same command again" in refused(made / "frames", NAME)
    assert not set(there(hub)) & tables
    pushed(made / "frames", NAME)
    assert there(hub) == expected(made / "frames")


def test_a_lost_answer_is_no_lost_push(hub, ann, dataset):
    hub.lose_answer("POST", "/commit/")
    assert "the connection broke off" in refused(dataset, NAME)
    assert "nothing was to be sent" in pushed(dataset, NAME)
    assert (there(hub), len(hub.history(NAME))) == (expected(dataset), 2)


def test_what_arrives_otherwise_is_said(hub, ann, dataset, monkeypatch):
    whole = emit_hub._files
    monkeypatch.setattr(
        emit_hub, "_files", lambda *asked: {name: kept for name, kept in whole(*asked).items() if "d1" not in name}
    )
    assert "2 files are not as they were sent, such as videos/000/retrieval-6-d1-" in refused(dataset, NAME, code=1)


def test_a_file_that_changes_meanwhile_is_not_committed(hub, ann, dataset, monkeypatch):
    from huggingface_hub import HfApi

    sent = HfApi.preupload_lfs_files

    def changing(self, *arguments, **more):
        with (dataset / "provenance" / "plan.jsonl").open("a") as plan:
            plan.write("{}\n")
        return sent(self, *arguments, **more)

    monkeypatch.setattr(HfApi, "preupload_lfs_files", changing)
    assert "plan.jsonl: changed while it was sent; run the same command again" in refused(dataset, NAME)
    assert there(hub) == {}


# Refusals: nothing is sent


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("manifest.jsonl", "no manifest, so the dataset is not complete"),
        ("audit/verified.json", "was not verified, there is no audit/verified.json; first: haystack-gen verify"),
        (
            "videos/000/retrieval-6-d0-t0-needle-0.mp4",
            "is not complete, videos/000/.* of 17 files missing; run the same",
        ),
        ("metadata.parquet", "is not complete, metadata.parquet of 17 files missing"),
        ("retrieval.parquet", "is not complete, retrieval.parquet of"),
        ("provenance/fingerprints.parquet", "is not complete, provenance/fingerprints.parquet of"),
        ("README.md", "is not complete, README.md of"),
    ],
)
def test_an_incomplete_or_unverified_folder_is_refused(hub, ann, dataset, lost, message):
    import re

    (dataset / lost).unlink()
    for more in ((), ("--dry-run",)):
        assert re.search(message, " ".join(refused(dataset, NAME, *more).split()))
    assert (hub.requests("POST"), hub.repositories) == ([], {})


def test_a_folder_that_is_none_is_refused(hub, ann, tmp_path):
    assert "no manifest, so the dataset is not complete" in refused(tmp_path, NAME)
    assert "no manifest, so the dataset is not complete" in refused(tmp_path / "none", NAME, "--dry-run")
    assert hub.log == []


def test_another_manifest_than_the_verified_one_is_refused(hub, ann, dataset):
    with (dataset / "manifest.jsonl").open("a") as manifest:
        manifest.write((dataset / "manifest.jsonl").read_text().splitlines()[0] + "\n")
    assert "was verified with another manifest than it has now; first: haystack-gen verify" in refused(dataset, NAME)
    (dataset / "audit" / "verified.json").write_text("[]")
    assert "was verified with another manifest than it has now" in refused(dataset, NAME)
    assert hub.log == []


def test_another_video_than_the_manifests_is_refused(hub, ann, dataset, tmp_path):
    write_webdataset(DatasetFolder(dataset), tmp_path / "packed")
    video = dataset / "videos/000/retrieval-6-d0-t0-needle-0.mp4"
    content = bytearray(video.read_bytes())
    content[-1] ^= 1
    video.write_bytes(content)
    for more in ((), ("--dry-run",)):
        said = refused(dataset, NAME, *more)
        assert "retrieval-6-d0-t0-needle-0.mp4: has SHA-256" in said
        assert "by the manifest; delete it and run" in said
    shard = tmp_path / "packed" / "shards" / "test-00000.tar"
    shard.write_bytes(shard.read_bytes().replace(bytes(content[:-1]), bytes(content[:-1][::-1])))
    assert "test-00000.tar/videos/000/retrieval-6-d0-t0-needle-0.mp4: has SHA-256" in refused(tmp_path / "packed", NAME)
    shard.write_bytes(shard.read_bytes()[:2000])
    assert "test-00000.tar: is no whole archive" in refused(tmp_path / "packed", NAME)
    shard.unlink()
    assert "no archive holds videos/000/" in refused(tmp_path / "packed", NAME)
    assert (hub.requests("POST"), hub.repositories) == ([], {})


def test_links_in_place_of_media_are_refused(hub, ann, dataset, tmp_path):
    (dataset / "videos").rename(tmp_path / "elsewhere")
    (dataset / "videos").symlink_to(tmp_path / "elsewhere")
    assert "is, or lies behind, a link, and what it leads to may be another's; copy" in refused(dataset, NAME)
    assert hub.log == []


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("MOST_FILES", 10, "files, and the Hub keeps up to 10; pack its videos into archives: haystack-gen export"),
        ("MOST_ENTRIES", 3, "000: has 4 entries, and the Hub keeps up to 3 in a folder; pack its videos"),
        ("LARGEST_FILE_BYTES", 1000, "bytes, and the Hub takes files of up to 1,000; make it smaller"),
    ],
)
def test_what_the_hub_would_not_keep_is_refused(hub, ann, dataset, monkeypatch, limit, most, message):
    if limit == "MOST_ENTRIES":
        shutil.rmtree(dataset / "provenance" / "stills")
        most = 12
        for number in range(12):
            (dataset / "messages").mkdir(exist_ok=True)
            (dataset / "messages" / f"{number}.jsonl").write_text("{}\n")
        (dataset / "messages" / "more.jsonl").write_text("{}\n")
        message = "messages: has 13 entries, and the Hub keeps up to 12 in a folder; pack its videos"
    monkeypatch.setattr(parcel, limit, most)
    assert message in refused(dataset, NAME, "--dry-run")
    assert hub.log == []


@pytest.mark.parametrize(
    "name", ["set", "ann/", "/set", "ann/a/b", "ann/-x", "ann/x--y", "ann/x y", "ann/x.git", "../x"]
)
def test_a_name_that_is_none_is_refused(hub, ann, dataset, name):
    assert "is no name of a dataset on the Hub; expected USER/NAME" in refused(dataset, "--", name)
    assert hub.log == []


@pytest.mark.parametrize("revision", ["", "a..b", "/x", "x/", "x.lock", "a b", "-x"])
def test_a_revision_that_is_none_is_refused(hub, ann, dataset, revision):
    assert "cannot be a revision; expected the name of a branch" in refused(dataset, NAME, f"--revision={revision}")
    assert hub.log == []


def test_tags_and_commits_are_no_branches(hub, ann, dataset):
    from huggingface_hub import HfApi

    pushed(dataset, NAME)
    HfApi().create_tag(NAME, tag="v1", repo_type="dataset")
    for revision in ("v1", hub.history(NAME)[0].oid):
        assert "is a tag or a commit, which nothing can be added to" in refused(dataset, NAME, "--revision", revision)


def test_without_a_token_nothing_is_asked(hub, dataset):
    said = refused(dataset, NAME)
    assert "the Hub wants a token of whoever writes; run hf auth login, or set HF_TOKEN" in said
    assert hub.log == []


@pytest.mark.parametrize(
    ("user", "role", "message"),
    [
        (
            "ann",
            "read",
            "the Hub answered 403 (Forbidden: this token may not write below ann); the token may not do that",
        ),
        (
            "bob",
            "write",
            "the Hub answered 403 (Forbidden: this token may not write below ann); the token may not do that",
        ),
        (
            "?",
            "write",
            "the Hub answered 401 (Invalid credentials in Authorization header); it does not know the token",
        ),
    ],
)
def test_a_token_that_may_not(hub, dataset, monkeypatch, user, role, message):
    monkeypatch.setenv("HF_TOKEN", "hf_unknownSecret" if user == "?" else hub.token(user, role=role))
    assert message in refused(dataset, NAME)
    assert hub.repositories == {}


def test_other_peoples_repositories_are_left_alone(hub, ann, dataset):
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(NAME, repo_type="dataset")
    api.upload_file(path_or_fileobj=b"x", path_in_repo="model.bin", repo_id=NAME, repo_type="dataset")
    said = refused(dataset, NAME)
    assert "holds model.bin and no dataset of haystack-gen; choose another USER/NAME" in said
    assert set(there(hub)) == {"model.bin"}


def test_what_people_added_to_a_dataset_stays(hub, ann, dataset):
    from huggingface_hub import HfApi

    pushed(dataset, NAME)
    HfApi().upload_file(path_or_fileobj=b"MIT", path_in_repo="LICENSE", repo_id=NAME, repo_type="dataset")
    pushed(dataset, NAME)
    assert there(hub) == expected(dataset) | {"LICENSE": b"MIT"}
    HfApi().upload_file(path_or_fileobj=b"*.mp4", path_in_repo=".gitignore", repo_id=NAME, repo_type="dataset")
    assert "holds a .gitignore, by which the Hub leaves files out; delete it there first" in refused(dataset, NAME)


def test_a_public_dataset_does_not_become_private(hub, ann, dataset):
    pushed(dataset, NAME)
    assert "is public; make it private in its settings first" in refused(dataset, NAME, "--private")


# What the Hub, or the way there, may do


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/repos/create", 429, "the Hub answered 429 (ordered by the test); these were too many requests"),
        ("POST", "/commit/", 429, "the Hub answered 429 (ordered by the test); these were too many requests"),
        ("POST", "/commit/", 409, "the Hub answered 409 (ordered by the test); something else was going on there"),
        ("POST", "/commit/", 412, "the Hub answered 412 (ordered by the test); somebody committed there meanwhile"),
        ("POST", "/preupload/", 500, "the Hub answered 500 (ordered by the test); run the same command again"),
        ("POST", "/objects/batch", 403, "the Hub answered 403 (ordered by the test); the token may not do that"),
        ("GET", "/tree/", 404, "the Hub answered 404 (ordered by the test); there is no such dataset"),
        ("GET", "/api/datasets/ann/set$", 500, "the Hub answered 500 (ordered by the test); run the same command"),
        ("POST", "/validate-yaml", 400, "ordered by the test"),
        ("PUT", "^/upload/", 500, "the Hub answered 500"),
        ("PUT", "^/upload/", 403, "the Hub answered 403"),
    ],
)
def test_what_the_hub_refuses_is_explained(hub, ann, dataset, naps, method, path, status, message):
    hub.fail(method, path, status=status, times=float("inf"))
    said = refused(dataset, NAME)
    assert said.splitlines()[-1].startswith(f"Error: hf://{NAME}: ")
    assert message in said
    assert NAME not in hub.repositories or there(hub) == {}
    assert ann not in said


def test_somebody_else_commits_meanwhile(hub, ann, dataset, monkeypatch):
    from huggingface_hub import HfApi

    sent = HfApi.preupload_lfs_files

    def racing(self, *arguments, **more):
        monkeypatch.setattr(HfApi, "preupload_lfs_files", sent)
        HfApi().upload_file(path_or_fileobj=b"x", path_in_repo="LICENSE", repo_id=NAME, repo_type="dataset")
        return sent(self, *arguments, **more)

    monkeypatch.setattr(HfApi, "preupload_lfs_files", racing)
    assert "the Hub answered 412" in refused(dataset, NAME)
    assert set(there(hub)) == {"LICENSE"}


@pytest.mark.parametrize("path", ["/api/", "/commit/", "/preupload/"])
def test_a_connection_that_breaks_is_explained(hub, ann, dataset, naps, path):
    hub.drop(path, method="POST", times=float("inf"))
    assert "the connection broke off" in refused(dataset, NAME)
    assert NAME not in hub.repositories or there(hub) == {}


def test_a_hub_that_is_not_there_is_explained(hub, ann, dataset, monkeypatch, naps):
    from huggingface_hub import close_session, constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    close_session()
    assert "the connection broke off (ConnectError: " in refused(dataset, NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    assert "HF_HUB_OFFLINE is set" in refused(dataset, NAME)


def test_without_the_extra_it_is_said_which(hub, ann, dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "needs huggingface_hub, which is not installed; pip install 'haystack-gen[hub]'" in refused(dataset, NAME)
    pushed(dataset, NAME, "--dry-run")


def test_the_token_is_nowhere(hub, ann, dataset, tmp_path, naps):
    said = pushed(dataset, NAME)
    hub.fail("POST", "/commit/", status=400, message=f"your token {ann} is odd")
    (dataset / "provenance" / "remarks.txt").write_text("x")
    said += refused(dataset, NAME)
    assert "your token <token> is odd" in said
    assert ann not in said
    written = [*tree(tmp_path).values(), *there(hub).values()]
    assert not any(ann.encode() in content for content in written)

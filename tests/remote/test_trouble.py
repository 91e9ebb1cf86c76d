"""What goes wrong between here and a store: told by URL and remedy; no stack trace, no secret, no stray file."""

from importlib.util import find_spec

import pytest

from tests.remote.store import BUCKET, KEY_ID, SECRET, TOKEN, Store, run
from tests.small_world import tree

pytestmark = pytest.mark.remote
FILMS = f"s3://{BUCKET}/src/films"


def plan(store: Store, here, *more: object, **env: str):
    arguments = ("plan", "spec.yaml", "--dry-run", "--cache", here / "cache", *more)
    done = run(*arguments, env=store.environment(here / "home", **env), cwd=here)
    for secret in (KEY_ID, SECRET, TOKEN):
        assert secret not in done.stdout + done.stderr
    return done


def refused(store: Store, here, *more: object, **env: str) -> str:
    done = plan(store, here, *more, **env)
    assert done.returncode == 2, done.stderr
    return done.stderr[done.stderr.index("Error: ") :]


@pytest.mark.parametrize(
    ("films", "said"),
    [
        (f"s3://{BUCKET}/src/none", f"s3://{BUCKET}/src/none: nothing is there; check the name"),
        ("s3://nosuchbucket/films", "s3://nosuchbucket/films: there is no such bucket or object; check the name"),
        (f"s3://{BUCKET}/src/pack", "holds no videos (.mp4"),
        ("s3://AKIAKEY:hush@bucket/films", "s3://...: has a user name or password in it, which would be written down"),
        ("s3://bucket/films?X-Amz-Signature=hush", "s3://bucket/films: goes on with ? or #, expected bucket and key"),
        ("https://user:hush@example.org/films", "https://...: has a user name or password in it"),
        ("https://example.org/film.mp4", "https://example.org/film.mp4: expected a path of this machine, or a URL s3"),
        ("s3://bucket/a/../b", "expected s3://BUCKET/KEY, where no part of the key is empty, . or .."),
        ("hf://ann/films", "hf://ann/films: expected hf://datasets/USER/NAME[@REVISION]/PATH"),
        pytest.param(
            f"gs://{BUCKET}/films",
            "gs:// needs gcsfs, which is not installed; pip install 'haystack-gen[gs]'",
            marks=pytest.mark.skipif(bool(find_spec("gcsfs")), reason="gcsfs is installed"),
        ),
    ],
)
def test_names_that_cannot_be(store, away, films, said):
    message = refused(store, away, "--haystack", films)
    assert said in message
    assert "hush" not in message


def test_no_credentials(store, away):
    message = refused(store, away, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="true")
    assert (
        "no credentials were found (NoCredentialsError); set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SEC" in message
    )


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken"])
def test_wrong_credentials(store, away, code):
    store.refuse = lambda method, path: ("403 Forbidden", code)
    message = refused(store, away)
    assert "may not be read with the credentials that were found (" in message
    assert "use others: set AWS_PROFILE" in message


def test_nobody_answers(store, away):
    assert "hush" not in refused(store, away, AWS_ENDPOINT_URL="http://user:hush@127.0.0.1:9")
    message = refused(store, away, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (
        f"s3://{BUCKET}/src/pack: the store cannot be reached, or broke off (EndpointConnectionError); check the "
        "network and AWS_ENDPOINT_URL, then run the same command again: it goes on from here" in message
    )


def test_an_output_that_may_not_be_written(store, away, tmp_path):
    store.refuse = lambda method, path: ("403 Forbidden", "AccessDenied") if method == "PUT" else None
    out = f"s3://{BUCKET}/made/niah"
    arguments = ("build", "spec.yaml", "--out", out, "--cache", tmp_path / "cache", "--allow-guessable")
    done = run(*arguments, env=store.environment(tmp_path / "home"), cwd=away)
    assert done.returncode == 2
    assert "may not be written with the credentials that were found (PermissionError, AccessDenied)" in done.stderr
    store.refuse = None
    store.counted()
    again = run(*arguments, env=store.environment(tmp_path / "home"), cwd=away)
    assert again.returncode == 0, again.stderr
    assert "0 videos" in again.stderr or "splicing" not in again.stderr  # what was built is only sent


def test_a_film_that_changes_while_it_is_fetched(store, away):
    films = store.objects("src/films/")

    def change(method, path):
        if method == "GET" and path.endswith("/two.mp4"):
            store.put("src/films/two.mp4", films["one.mp4"] + b"\0" * 9)

    store.refuse = change
    message = refused(store, away)
    assert f"{FILMS}/two.mp4: is gone, or changed while it was fetched; run the same command again to start" in message
    store.refuse = None
    store.put("src/films/two.mp4", films["two.mp4"])
    assert plan(store, away).returncode == 0


def test_a_film_that_goes_midway(store, away):
    films = store.objects("src/films/")

    def go(method, path):
        if method == "GET" and path.endswith("/two.mp4") and "two.mp4" in store.objects("src/films/"):
            store.delete("src/films/two.mp4")

    store.refuse = go
    assert f"{FILMS}/two.mp4: is gone, or changed while it was fetched" in refused(store, away)
    store.put("src/films/two.mp4", films["two.mp4"])


def test_a_film_that_is_none_is_called_by_its_url(store, away):
    store.put("src/films/zoo.mp4", b"no film")
    message = refused(store, away)
    assert f"{FILMS}/zoo.mp4: is not a readable video" in message
    assert "fetched" not in message


HOSTILE = ("../x.mp4", "/abs.mp4", "new\nline.mp4", "..\\up.mp4", "deep/../../../up.mp4", "a//b.mp4")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_keys_write_nothing_outside_of_the_cache(store, away, tmp_path, name):
    before = tree(tmp_path)
    for folder in ("films", "pack", "pool"):
        store.put(f"src/{folder}/{name}", b"no film")
    done = plan(store, away)
    if done.returncode:
        assert "cannot be the name of a file here; rename it" in done.stderr
    inside = ("here/cache/", "here/home/")
    assert {file for file in tree(tmp_path) if not file.startswith(inside)} == set(before)
    assert not [file for file in tree(tmp_path) if "abs.mp4" in file or "up.mp4" in file or "x.mp4" in file]


def test_a_key_that_is_a_file_and_a_folder(store, away):
    pictures = store.objects("src/pack/")
    store.put("src/pack/needle-0.png/more.png", pictures["needle-0.png"])
    message = refused(store, away)
    assert f"s3://{BUCKET}/src/pack/needle-0.png: is a file and a folder at the same time; rename one" in message


def test_a_pack_may_not_name_what_is_outside_of_it(store, away):
    lines = store.objects("src/pack/")["needles.jsonl"]
    store.put("src/secret.png", store.objects("src/pack/")["needle-0.png"])
    store.put("src/pack/needles.jsonl", lines.replace(b'"needle-0.png"', b'"../secret.png"'))
    message = refused(store, away)
    assert f"s3://{BUCKET}/src/pack/needles.jsonl" in message
    assert "leaves the pack" in message


def test_of_a_pack_only_what_its_list_names_is_fetched(store, away):
    store.put("src/pack/unused.png", b"never read")
    store.put("src/pack/needle-0.png.bak", b"never read")
    store.counted()
    assert plan(store, away).returncode == 0
    assert not [path for _, path in store.asked if "unused" in path or ".bak" in path]
    assert not [name for name in tree(away / "cache") if "unused" in name]


def test_broken_connections_are_taken_up_again(store, away):
    broken = []

    def once(method, path):
        if method == "GET" and path.endswith(".mp4") and path not in broken:
            broken.append(path)
            return "503 Slow Down", "SlowDown"
        return None

    store.refuse = once
    done = plan(store, away)
    assert done.returncode == 0, done.stderr
    assert len(broken) == 3

"""Sources, pack, pool, cache and output on an S3 server: the same bytes, and no secret anywhere."""

import base64
import re
import signal
import subprocess
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import quote

import pytest

from tests.remote.store import BUCKET, COMMAND, KEY_ID, SECRET, TOKEN, Store, run
from tests.small_world import tree

pytestmark = pytest.mark.remote
OUT, CACHE = f"s3://{BUCKET}/made/niah", f"s3://{BUCKET}/cache"


def dataset(files: dict[str, bytes]) -> dict[str, bytes]:
    """What belongs to a dataset: all but how long its build took here."""
    return {name: content for name, content in files.items() if name != "provenance/summary.json"}


def secrets() -> list[bytes]:
    plain = [KEY_ID, SECRET, TOKEN]
    turned = [base64.b64encode(text.encode()).decode() for text in plain]
    return [form.encode() for text in (*plain, *turned) for form in {text, text.rstrip("="), quote(text, safe="")}]


def assert_no_secret(where: str, content: bytes) -> None:
    for secret in secrets():
        assert secret not in content, f"{where} holds {secret!r}"


def build(store: Store, here: Path, home: Path, *more: object, out: str = OUT, **env: str):
    arguments = ("build", "spec.yaml", "--out", out, "--cache", CACHE, "--allow-guessable", *more)
    return run(*arguments, env=store.environment(home, **env), cwd=here)


@pytest.fixture(scope="session")
def reference(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The dataset built with nothing but local paths."""
    root = tmp_path_factory.mktemp("local")
    done = run(
        "build", world / "spec.yaml", "--out", root / "niah", "--cache", root / "cache", "--allow-guessable",
        env=Store("http://127.0.0.1:9").environment(root), cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dataset(tree(root / "niah"))


def test_the_same_bytes_and_no_secret_anywhere(store, away, reference, tmp_path):
    home = tmp_path / "home"
    done = build(store, away, home, "--log-json")
    assert done.returncode == 0, done.stderr
    assert store.objects("made/niah/") == reference
    assert {name.split("/")[0] for name in store.objects("cache/")} >= {"chunks", "embeddings", "mined", "sightings"}
    plan = run("plan", "spec.yaml", "--json", "--cache", CACHE, env=store.environment(home), cwd=away)
    assert plan.returncode == 0, plan.stderr
    for what, done_what in (("build", done), ("plan", plan)):
        assert_no_secret(f"stdout of {what}", done_what.stdout.encode())
        assert_no_secret(f"stderr of {what}", done_what.stderr.encode())
    for name, content in (tree(tmp_path) | store.objects()).items():
        assert_no_secret(name, content)
        if name.startswith("made/"):
            assert b"s3://" not in content
            assert b"fetched/" not in content, name


def test_a_finished_build_sends_and_fetches_nothing(store, away, tmp_path):
    assert build(store, away, tmp_path / "home").returncode == 0
    store.counted()
    again = build(store, away, tmp_path / "home")
    assert again.returncode == 0, again.stderr
    asked = store.counted()
    assert set(asked) <= {"HEAD", "LIST"}, asked
    assert sum(asked.values()) < 20, asked


def test_a_second_machine_takes_all_work_from_the_cache(store, away, reference, tmp_path):
    assert build(store, away, tmp_path / "one").returncode == 0
    store.refuse = lambda method, path: ("403 Forbidden", "AccessDenied") if "/src/films/" in path else None
    again = build(store, away, tmp_path / "two", out=f"s3://{BUCKET}/made/second")
    assert again.returncode == 0, again.stderr  # not a byte of a film was read
    assert store.objects("made/second/") == reference
    for stage in ("looking for needles in it", "mining look-alikes", "encoding"):
        [ended] = re.findall(rf"^{stage} +(.*)$", again.stderr.replace(f"{stage} ...\n", ""), re.MULTILINE)
        assert ended.startswith("0 "), f"{stage}: {ended}"


def test_killed_while_it_sends_it_goes_on(store, away, reference, tmp_path):
    arguments = ("build", "spec.yaml", "--out", OUT, "--cache", str(tmp_path / "cache"), "--allow-guessable")
    env = store.environment(tmp_path / "home")
    process = subprocess.Popen([*COMMAND, *arguments], env=env, cwd=away, stderr=subprocess.DEVNULL)
    deadline = monotonic() + 120
    while sum(method == "PUT" for method, _ in list(store.asked)) < 20 and monotonic() < deadline:
        sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sent = store.objects("made/niah/")
    assert len(sent) >= 10
    assert "manifest.jsonl" not in sent
    assert "provenance/spec.yaml" in sent
    store.counted()
    again = run(*arguments, env=env, cwd=away)
    assert again.returncode == 0, again.stderr
    assert store.objects("made/niah/") == reference
    assert store.counted()["PUT"] <= len(reference) - len(sent) + 5  # what was under way


def test_what_changes_is_sent_again_and_what_went_is_deleted(store, away, tmp_path):
    assert build(store, away, tmp_path / "home").returncode == 0
    before = store.objects("made/niah/")
    store.put("made/niah/report.html", b"another's")
    refused = build(store, away, tmp_path / "home", "--set", "grid.depths=1/2")
    assert refused.returncode == 2
    assert f"{OUT}: holds a finished dataset of another spec; choose another --out, or --replace it" in refused.stderr
    store.counted()
    order = []
    store.refuse = lambda method, path: (
        order.append((method, path.partition("/made/niah/")[2])) if "/made/" in path else None
    )
    again = build(store, away, tmp_path / "home", "--set", "grid.depths=1/2", "--replace")
    assert again.returncode == 0, again.stderr
    changes = [(method, name) for method, name in order if method in ("PUT", "DELETE")]
    assert changes[0] == ("DELETE", "manifest.jsonl")
    assert changes[1] == ("PUT", "provenance/spec.yaml")
    assert changes[-1] == ("PUT", "manifest.jsonl")
    after = store.objects("made/niah/")
    assert after.pop("report.html") == b"another's"
    [staged] = (tmp_path / "home").rglob("outputs/*/*/niah")
    assert after == dataset(tree(staged))
    assert len(after) < len(before)


def test_a_prefix_of_others_is_refused(store, away, tmp_path):
    store.put("made/niah/thesis.tex", b"years of work")
    done = build(store, away, tmp_path / "home")
    assert done.returncode == 2
    assert f"Error: {OUT}: holds files that are not a dataset of haystack-gen; choose another --out" in done.stderr
    assert store.objects("made/") == {"niah/thesis.tex": b"years of work"}


def test_shards_are_merged_there(store, away, reference, tmp_path):
    for shard, home in (("1/2", "one"), ("2/2", "two")):
        done = build(store, away, tmp_path / home, "--shard", shard)
        assert done.returncode == 0, done.stderr
    assert {name.split("/")[0] for name in store.objects("made/niah.shards/")} == {"1-of-2", "2-of-2"}
    merged = run("merge", OUT, "--cache", CACHE, env=store.environment(tmp_path / "two"), cwd=away)
    assert merged.returncode == 0, merged.stderr
    assert store.objects("made/niah/") == reference
    assert store.objects("made/niah.shards/") == {}
    assert "/niah; check them with: haystack-gen verify /" in merged.stderr  # of URLs nothing is verified
    again = run("merge", OUT, "--cache", CACHE, env=store.environment(tmp_path / "three"), cwd=away)
    assert again.returncode == 0, again.stderr
    assert f"{OUT}: is merged already" in again.stderr
    assert store.objects("made/niah/") == reference
    once_more = build(store, away, tmp_path / "four", "--shard", "2/2")  # as a scheduler may do
    assert once_more.returncode == 0, once_more.stderr
    assert store.objects("made/niah.shards/")
    again = run("merge", OUT, "--cache", CACHE, env=store.environment(tmp_path / "five"), cwd=away)
    assert f"{OUT}: is merged already" in again.stderr
    assert store.objects("made/niah.shards/") == {}
    assert store.objects("made/niah/") == reference


def test_a_recipe_and_one_item_are_made_from_urls(store, away, reference, tmp_path):
    first = run(
        "build", "spec.yaml", "--out", "niah", "--cache", tmp_path / "one", "--allow-guessable",
        env=store.environment(tmp_path), cwd=away,
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    src = f"s3://{BUCKET}/src"
    again = run(
        "build", "niah", "--haystack", f"{src}/films", "--needles", f"{src}/pack", "--pool", f"{src}/pool/three.mp4",
        "--out", "again", "--cache", tmp_path / "two", env=store.environment(tmp_path), cwd=away,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "the manifest is byte for byte the recorded one" in again.stderr
    video = next(name for name in reference if name.endswith(".mp4"))
    sources = (f"{src}/films", f"{src}/pack", "niah/provenance/matches.stills")
    rendered = run(
        *("render", "niah", Path(video).stem, "-o", "item.mp4", "--source", *sources, "--cache", tmp_path / "three"),
        env=store.environment(tmp_path),
        cwd=away,
    )
    assert rendered.returncode == 0, rendered.stderr
    assert (away / "item.mp4").read_bytes() == reference[video]


def test_look_alikes_and_single_files_come_from_urls(store, away, world, tmp_path):
    env = store.environment(tmp_path)
    src = f"s3://{BUCKET}/src"
    mined = run(
        "mine", "--needles", f"{src}/pack", "--pool", f"{src}/pool", "--band=-1:1", "--set", "mining.sharpness=0",
        "-o", "matches.jsonl", "--cache", CACHE, env=env, cwd=away,
    )  # fmt: skip
    assert mined.returncode == 0, mined.stderr
    for name in ("matches.jsonl", "matches.stills"):
        store.upload(away / name, f"src/mined/{name}")
    made = []
    for films, pack, matches in (
        (f"{src}/films/one.mp4", f"{src}/pack", f"{src}/mined/matches.jsonl"),
        (world / "films/one.mp4", world / "pack", "matches.jsonl"),
    ):
        made.append(away / f"made{len(made)}")
        done = run(
            "build", "spec.yaml", "--haystack", films, "--needles", pack, "--matches", matches, "--out", made[-1],
            "--set", "mining.pool=[]", "--cache", away / f"cache{len(made)}", "--allow-guessable", env=env, cwd=away,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert dataset(tree(made[0])) == dataset(tree(made[1]))


def test_two_builds_share_a_cache_at_the_same_time(store, away, reference, tmp_path):
    outs = {name: f"s3://{BUCKET}/made/{name}" for name in ("one", "two")}
    builds = [
        subprocess.Popen(
            [*COMMAND, "build", "spec.yaml", "--out", out, "--cache", CACHE, "--allow-guessable"],
            env=store.environment(tmp_path / name),
            cwd=away,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, out in outs.items()
    ]
    for build in builds:
        _, said = build.communicate(timeout=200)
        assert build.returncode == 0, said
    for name in outs:
        assert store.objects(f"made/{name}/") == reference

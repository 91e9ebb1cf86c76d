"""A recipe published and built again elsewhere, with the real client."""

import json
import shutil
from pathlib import Path

import pytest

from haystack_gen.judge.verify import verify
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.hub.test_push import NAME, ann, dataset, made, pushed, refused, there
from tests.small_world import tree

__all__ = ["ann", "dataset", "made"]

pytestmark = [
    pytest.mark.hub,
    # The client's own, at every upload: httpx wants another word for a body.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


def rebuilt(address: str, out: Path, *places: Path, code: int = 0) -> str:
    given = ["--haystack", *places] if places else []
    done = run("build", address, *given, "--out", out, "--cache", out.with_name("fresh-cache"), "--allow-guessable")
    assert done.exit_code == code, done.output
    return " ".join(done.stderr.split())


@pytest.fixture
def sources(made, tmp_path) -> Path:
    """Film and pictures, as another person has them."""
    shutil.copytree(made / "world", tmp_path / "theirs")
    (tmp_path / "theirs" / "film.mp4").rename(tmp_path / "theirs" / "downloaded (1).mp4")
    return tmp_path / "theirs"


def test_a_recipe_makes_the_round_trip(hub, ann, dataset, sources, tmp_path):
    (dataset / "audit" / "verified.json").unlink()  # a recipe need not be verified
    said = pushed(dataset, NAME, "--recipe-only")
    assert f"haystack-gen build hf://{NAME} --haystack FILMS" in said
    assert not [name for name in there(hub) if name.endswith((".mp4", ".png", ".jpg", ".parquet", ".tar"))]
    assert f"haystack-gen build hf://{NAME}" in there(hub)["README.md"].decode()
    said = rebuilt(f"hf://{NAME}", tmp_path / "again", sources)
    assert "the manifest is byte for byte the recorded one" in said
    before, after = tree(dataset), tree(tmp_path / "again")
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {"provenance/catalog.jsonl"}, "the film has another name here"
    assert not verify(DatasetFolder(tmp_path / "again")).differences


def test_a_whole_dataset_is_its_recipe_too_and_its_media_are_not_fetched(hub, ann, dataset, sources, tmp_path):
    pushed(dataset, NAME, "--revision", "v1")
    hub.log.clear()
    assert "byte for byte" in rebuilt(f"hf://{NAME}@v1", tmp_path / "again", sources)
    fetched = {entry.path.rpartition("/v1/")[2] for entry in hub.requests("GET", "/resolve/")}
    assert not [path for path in fetched if path.endswith((".mp4", ".png", ".parquet"))]
    assert "the Hub answered 404" in rebuilt(f"hf://{NAME}@v2", tmp_path / "other", sources, code=2)


def test_a_source_that_differs_in_a_byte_is_refused(hub, ann, dataset, sources, tmp_path):
    pushed(dataset, NAME, "--recipe-only")
    film = sources / "film.mp4"
    (sources / "downloaded (1).mp4").rename(film)
    content = bytearray(film.read_bytes())
    content[1000] ^= 1
    film.write_bytes(content)
    said = rebuilt(f"hf://{NAME}", tmp_path / "again", sources, code=2)
    assert f"Error: hf://{NAME}: 1 of the 5 films and pictures it was made from are not there" in said
    assert f"{film}: SHA-256 is " in said
    assert ", recorded is " in said
    assert not (tmp_path / "again").exists()


def test_media_are_not_deleted_by_a_recipe(hub, ann, dataset):
    pushed(dataset, NAME, "--recipe-only")
    pushed(dataset, NAME)
    assert "provenance/recipe.json" not in there(hub)
    before = there(hub)
    assert "holds a dataset with its media, which --recipe-only would delete there" in refused(
        dataset, NAME, "--recipe-only"
    )
    assert there(hub) == before


def test_an_incomplete_dataset_has_no_recipe(hub, ann, dataset):
    (dataset / "manifest.jsonl").unlink()
    assert "is not complete, it has no manifest.jsonl" in refused(dataset, NAME, "--recipe-only")
    assert hub.log == []


def test_a_private_recipe_is_for_its_owner(hub, ann, dataset, sources, tmp_path, monkeypatch):
    pushed(dataset, NAME, "--recipe-only", "--private")
    monkeypatch.delenv("HF_TOKEN")
    said = rebuilt(f"hf://{NAME}", tmp_path / "again", sources, code=2)
    assert "the Hub answered 401" in said
    assert "or not for this token: check the name, or run hf auth login" in said
    monkeypatch.setenv("HF_TOKEN", ann)
    assert "byte for byte" in rebuilt(f"hf://{NAME}", tmp_path / "again", sources)


@pytest.mark.parametrize("address", ["hf://set", "hf://", "hf://ann/set@", "hf://ann/a/b", "hf://ann/set@../x"])
def test_an_address_that_is_none_is_refused(hub, address, tmp_path):
    said = rebuilt(address, tmp_path / "again", code=2)
    assert "is no name of a dataset on the Hub" in said or "cannot be a revision" in said
    assert hub.log == []


def test_what_is_no_recipe_there_is_refused(hub, ann, tmp_path):
    from huggingface_hub import HfApi

    assert "the Hub answered 404" in rebuilt("hf://ann/nothing", tmp_path / "again", code=2)
    HfApi().create_repo(NAME, repo_type="dataset")
    assert "holds no dataset of haystack-gen; check the name" in rebuilt(f"hf://{NAME}", tmp_path / "again", code=2)
    HfApi().upload_file(
        path_or_fileobj=b" " * ((1 << 20) + 1), path_in_repo="provenance/spec.yaml", repo_id=NAME, repo_type="dataset"
    )
    said = rebuilt(f"hf://{NAME}", tmp_path / "again", code=2)
    assert "provenance/spec.yaml has 1,048,577 bytes, expected at most 1,048,576; do not use it" in said
    assert not hub.requests("GET", "/resolve/")


def test_a_half_pushed_dataset_is_no_recipe(hub, ann, dataset, sources, tmp_path, monkeypatch):
    from haystack_gen.publish import hub as emit_hub

    monkeypatch.setattr(emit_hub, "MOST_PER_COMMIT", 5)
    hub.fail("POST", "/commit/", status=500, skip=3)
    refused(dataset, NAME)
    assert "provenance/plan.jsonl" in there(hub)
    assert "is no recipe, it has neither manifest.jsonl nor" in rebuilt(f"hf://{NAME}", tmp_path / "x", sources, code=2)


def test_a_download_that_breaks_is_explained(hub, ann, dataset, sources, tmp_path, naps):
    pushed(dataset, NAME, "--recipe-only")
    hub.drop("/resolve/", times=float("inf"))
    said = rebuilt(f"hf://{NAME}", tmp_path / "again", sources, code=2)
    assert f"Error: hf://{NAME}: " in said
    assert "run the same command again" in said
    assert not (tmp_path / "again").exists()
    hub.heal()
    assert "byte for byte" in rebuilt(f"hf://{NAME}", tmp_path / "again", sources)


def test_the_plan_of_a_recipe_needs_no_sources(hub, ann, dataset, tmp_path):
    pushed(dataset, NAME, "--recipe-only")
    done = run("plan", f"hf://{NAME}", "-o", tmp_path / "plan.jsonl", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["items"] == 4
    assert (tmp_path / "plan.jsonl").read_bytes() == there(hub)["provenance/plan.jsonl"]

"""The wheel alone, in an empty environment, far from the checkout: what a user gets."""

import os
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_what_it_reads(wheel):
    names = ZipFile(wheel).namelist()
    for wanted in ("haystack_gen/templates/specs/tiny.yaml", "haystack_gen/templates/dataset_card.md"):
        assert wanted in names
    for folder, inside in (("templates", "haystack_gen/templates"), ("assets", "haystack_gen/assets")):
        here = {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {f"{inside}/{name}" for name in here} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "docs"))]


@pytest.mark.slow
def test_the_installed_wheel_runs_the_demo(wheel, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HAYSTACK"))}
    done = subprocess.run(
        [str(python.with_name("haystack-gen")), "demo", "--out", "demo"],
        cwd=home,
        env=kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (home / "demo" / "manifest.jsonl").is_file()
    assert "Traceback" not in done.stderr

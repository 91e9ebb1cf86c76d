"""`haystack-gen export`: each form through the command line, and what it refuses, before it writes anything."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from haystack_gen import atomic
from haystack_gen.cli.export import export
from haystack_gen.errors import InputError
from haystack_gen.judge.verify import Report, stamp
from haystack_gen.workspace import DatasetFolder
from tests.small_world import built, make_world, tree


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    folder = tmp_path_factory.mktemp("export")
    world = make_world(folder / "world", seconds=20, needles=2)
    return built(world.spec("{grid: {lengths: '8', depths: '0,1'}, choices: {circular: true}}"), folder / "set")


def run(*arguments: object) -> Result:
    """One command; the group turns errors of ours into messages, so here they come out as they are."""
    done = CliRunner().invoke(export, [str(argument) for argument in arguments])
    if isinstance(done.exception, InputError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done


@pytest.mark.parametrize("form", ["lmms-eval", "vlmevalkit", "vnbench", "messages", "inspect"])
def test_each_form_is_written_into_the_dataset(dataset, form):
    before = tree(dataset.root)
    done = run(dataset.root, form)
    assert not done.exit_code
    assert "wrote " in done.stderr
    out = dataset.root / form.replace("-", "_")
    assert any(out.iterdir())
    kept = {name: content for name, content in tree(dataset.root).items() if not name.startswith(f"{out.name}/")}
    assert kept == {name: content for name, content in before.items() if not name.startswith(f"{out.name}/")}
    assert not run(dataset.root, form).exit_code, "again, over itself"


def test_archives_are_written_beside_the_dataset(dataset, tmp_path):
    done = run(dataset.root, "webdataset")
    out = dataset.root.with_name("set-webdataset")
    assert done.stderr.splitlines()[-1].endswith(f"files to {out.resolve()}")
    assert (out / "shards" / "test-00000.tar").is_file()
    assert not run(dataset.root, "webdataset", "-o", tmp_path / "packed").exit_code
    assert not run(dataset.root, "webdataset", "-o", tmp_path / "packed").exit_code, "goes on from there"
    assert tree(tmp_path / "packed") == tree(out)


def test_a_form_that_there_is_not(dataset):
    done = run(dataset.root, "parquet")
    assert done.exit_code == 2
    assert "'parquet' is not one of 'lmms-eval', 'vlmevalkit', 'vnbench', 'messages', 'inspect', " in done.stderr


@pytest.mark.parametrize("form", ["messages", "webdataset"])
def test_a_dataset_that_is_not_complete(tmp_path, form):
    with pytest.raises(
        InputError, match=r"begun/manifest\.jsonl: no manifest, so the dataset is not complete; run the"
    ):
        run(tmp_path / "begun", form, "-o", tmp_path / "out")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "manifest.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"manifest\.jsonl:1: not a manifest row"):
        run(tmp_path / "begun", form, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _full(out: Path) -> None:
    out.mkdir()
    (out / "notes.txt").write_text("mine")


@pytest.mark.parametrize("form", ["messages", "webdataset"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda out: out.write_text("mine"),
            "out: is a file or a link, expected a new or empty folder; choose another",
        ),
        (lambda out: out.symlink_to(out.parent), "out: is a file or a link, expected a new or empty folder"),
        (
            _full,
            "out: holds files (already; choose a new|that are not a packed dataset of haystack-gen; choose another)",
        ),
    ],
)
def test_a_place_that_is_something_else_is_left_alone(dataset, tmp_path, form, make: Callable[[Path], None], said):
    make(tmp_path / "out")
    before = tree(tmp_path)
    with pytest.raises(InputError, match=said):
        run(dataset.root, form, "-o", tmp_path / "out")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("form", ["messages", "webdataset"])
@pytest.mark.parametrize("place", ["provenance", "videos/000", "new", ".", ".."])
def test_a_place_in_the_dataset_or_around_it(dataset, form, place):
    before = tree(dataset.root)
    with pytest.raises(InputError, match="lies in the dataset or around it; choose another -o, or leave it out"):
        run(dataset.root, form, "-o", dataset.root / place)
    assert tree(dataset.root) == before


def test_the_usual_place_may_be_named(dataset):
    assert not run(dataset.root, "messages", "-o", dataset.root / "messages").exit_code


@pytest.mark.parametrize("form", ["lmms-eval", "vlmevalkit", "vnbench", "messages", "inspect", "webdataset"])
def test_after_a_full_disk_the_same_command_does_it(dataset, tmp_path, monkeypatch, form):
    stamp(dataset, Report(items=1, videos=1, frames=1, alike=0, readers={}, differences=()))
    flush, files = atomic._flush, []

    def full(file: Path) -> None:
        files.append(file)
        if len(files) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(file))
        flush(file)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_flush", full)
        done = CliRunner().invoke(export, [str(dataset.root), form, "-o", str(tmp_path / "out")])
    if len(files) > 1:  # a form of a single file is there or not
        assert "no space left" in str(done.exception)
        assert not run(dataset.root, form, "-o", tmp_path / "out").exit_code
    run(dataset.root, form, "-o", tmp_path / "fresh")
    assert tree(tmp_path / "out").keys() == tree(tmp_path / "fresh").keys()


def test_what_lies_in_the_usual_place_outlasts_an_error(dataset, monkeypatch):
    """However that place is spelled."""
    notes = dataset.export("messages") / "notes.txt"
    notes.parent.mkdir(exist_ok=True)
    notes.write_text("mine")

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_flush", full)
        patch.chdir(dataset.root)
        done = CliRunner().invoke(export, [".", "messages", "-o", f"../{dataset.root.name}/messages"])
    assert "no space left" in str(done.exception)
    assert notes.read_text() == "mine"
    notes.unlink()

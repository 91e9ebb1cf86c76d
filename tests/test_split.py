"""A build made in shards is the build made in one go, and a merge takes nothing that is not whole or of another set."""

import errno
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from haystack_gen import split
from haystack_gen.build import build
from haystack_gen.cache import Cache
from haystack_gen.cache_care import prune
from haystack_gen.cli.merge import merge as merge_command
from haystack_gen.emit.plans import read_plan
from haystack_gen.errors import CheckError, HaystackError, InputError
from haystack_gen.gathering import Tools
from haystack_gen.reopen import render_item
from haystack_gen.shards import beside, entered
from haystack_gen.specfile import dump_spec, read_spec
from haystack_gen.split import Shard, build_shard, merge
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.small_world import make_world, tree

VIDEOS = "{grid: {lengths: '8', depths: '0:1:1/4'}}"
FRAMES = "{grid: {lengths: '8', depths: '0,1'}, output: {media: frames}}"
SEEN = "{grid: {lengths: '8', depths: '0,1'}, choices: {absent: true}, controls: [blanked]}"
MINED = """
grid: {lengths: '8', depths: '0,1'}
distractors: {origin: mined, period: 3}
mining: {band: '0:1', sharpness: 0, top_k: 2, diversity: 1}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"), seconds=16, needles=2, lures=1)


def made(spec, out: Path, *, total: int, cache: Cache | None = None) -> Path:
    for number in range(1, total + 1):
        build_shard(spec, out, Tools.local(cache=cache), Shard(number, total))
    return out


@pytest.mark.parametrize("total", [1, 3, 4, 15])
def test_shards_merged_are_the_dataset_built_in_one_go(world, tmp_path, total):
    build(world.spec(VIDEOS), tmp_path / "whole", Tools.local())
    merged = merge(made(world.spec(VIDEOS), tmp_path / "split", total=total), Tools.local())
    assert merged.items == 10
    assert tree(tmp_path / "split") == tree(tmp_path / "whole")
    assert not (tmp_path / "split.shards").exists()


@pytest.mark.parametrize(("text", "more"), [(FRAMES, {}), (SEEN, {"mining.uniqueness": "report"}), (MINED, {})])
def test_so_are_frames_controls_and_what_was_mined(world, tmp_path, text, more):
    more |= {"mining.pool": [str(world.pack)]} if text == MINED else {}
    spec = world.spec(text, **more)
    build(spec, tmp_path / "whole", Tools.local())
    merge(made(spec, tmp_path / "split", total=3), Tools.local())
    assert tree(tmp_path / "split") == tree(tmp_path / "whole")


def test_each_shard_makes_its_own_videos_and_no_manifest(world, tmp_path):
    made(world.spec(VIDEOS), tmp_path / "split", total=3)
    videos = [
        {path.name for path in (tmp_path / "split.shards" / f"{number}-of-3").rglob("*.mp4")} for number in (1, 2, 3)
    ]
    assert [len(names) for names in videos] == [4, 3, 3]
    assert len(set.union(*videos)) == 10
    assert not list((tmp_path / "split.shards").rglob("manifest.jsonl"))


def test_a_shard_that_was_killed_is_run_again(world, tmp_path, monkeypatch):
    build(world.spec(VIDEOS), tmp_path / "whole", Tools.local())
    made(world.spec(VIDEOS), tmp_path / "split", total=2)
    lost = next((tmp_path / "split.shards" / "2-of-2").rglob("*.mp4"))
    lost.unlink()
    with pytest.raises(InputError, match=rf"2-of-2: videos/000/{lost.name} is not made yet; run that shard again"):
        merge(tmp_path / "split", Tools.local())
    assert not (tmp_path / "split").exists()
    build_shard(world.spec(VIDEOS), tmp_path / "split", Tools.local(), Shard(2, 2))
    merge(tmp_path / "split", Tools.local())
    assert tree(tmp_path / "split") == tree(tmp_path / "whole")


@pytest.mark.parametrize("stopped", ["finish", "_media"])
def test_a_merge_that_was_stopped_goes_on(world, tmp_path, monkeypatch, stopped):
    build(world.spec(VIDEOS), tmp_path / "whole", Tools.local())
    made(world.spec(VIDEOS), tmp_path / "split", total=3)
    whole = split._media

    def some(shards):
        for number, one in enumerate(whole(shards)):
            if number == 3:
                raise KeyboardInterrupt
            yield one

    def none(work, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(split, stopped, some if stopped == "_media" else none)
        with pytest.raises(KeyboardInterrupt):
            merge(tmp_path / "split", Tools.local())
    assert not DatasetFolder(tmp_path / "split").manifest.exists()
    merge(tmp_path / "split", Tools.local())
    assert tree(tmp_path / "split") == tree(tmp_path / "whole")


def test_shards_of_different_datasets_are_not_merged(world, tmp_path):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=2)
    build_shard(world.spec(VIDEOS, seed=7), out, Tools.local(), Shard(2, 2))
    with pytest.raises(InputError, match=r"2-of-2/provenance/\w+\.\w+: is not what 1-of-2 has, .* the same spec"):
        merge(out, Tools.local())


def test_what_is_missing_is_said(world, tmp_path):
    out = tmp_path / "split"
    with pytest.raises(InputError, match=r"split\.shards: holds no shards; make them with .* --shard I/N"):
        merge(out, Tools.local())
    build_shard(world.spec(VIDEOS), out, Tools.local(), Shard(2, 3))
    with pytest.raises(InputError, match="lacks shard 1, 3 of 3; build what is missing first"):
        merge(out, Tools.local())
    build_shard(world.spec(VIDEOS), out, Tools.local(), Shard(1, 2))
    with pytest.raises(InputError, match="a build split in 2 and of one split in 3; delete those that are not wanted"):
        merge(out, Tools.local())


def test_a_dataset_of_another_spec_is_not_replaced(world, tmp_path):
    out = tmp_path / "split"
    build(world.spec(FRAMES), out, Tools.local())
    before = tree(out)
    made(world.spec(VIDEOS), out, total=2)
    with pytest.raises(InputError, match="holds a finished dataset of another spec; delete it, or rename it"):
        merge(out, Tools.local())
    assert tree(out) == before


@pytest.mark.parametrize("given", ["0/4", "5/4", "1/0", "1", "1/4/2", "-1/4", "a/b", "1 /2"])
def test_a_shard_that_cannot_be_is_refused(given):
    with pytest.raises(InputError, match="expected I/N with I from 1 to N, such as 1/8 for the first of eight"):
        Shard.parse(given)


def test_a_recipe_without_media_has_no_shards(world, tmp_path):
    with pytest.raises(InputError, match=r"output\.media is none, so there is nothing to share out"):
        build_shard(world.spec("{output: {media: none}}"), tmp_path / "out", Tools.local(), Shard(1, 2))


def test_a_set_that_can_be_guessed_makes_no_video(world, tmp_path, monkeypatch):
    def leaky(work, *, allow_guessable):
        raise CheckError("can be guessed")

    monkeypatch.setattr(split, "leaks_of", leaky)
    with pytest.raises(HaystackError, match="can be guessed"):
        build_shard(world.spec(VIDEOS), tmp_path / "out", Tools.local(), Shard(1, 2))
    assert not list(tmp_path.rglob("*.mp4"))


def test_shards_that_begin_together_begin_to_encode_at_different_places():
    order = [[*split._Rotated(Tools.local().executor, Shard(number, 3)).map(int, range(6))] for number in (1, 2, 3)]
    assert order == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 0, 1], [4, 5, 0, 1, 2, 3]]


def test_tasks_that_are_made_one_by_one_are_not_listed():
    taken = []
    tasks = (taken.append(number) or number for number in range(100))
    next(split._Rotated(Tools.local().executor, Shard(2, 3)).map(str, tasks))
    assert taken == [0]


@pytest.mark.parametrize("others", [(), ("notes.txt",)])
def test_a_merge_that_is_killed_while_it_deletes_can_be_run_again(world, tmp_path, monkeypatch, others):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=3)
    for name in others:
        (tmp_path / "split.shards" / name).write_text("mine")

    really = shutil.rmtree

    def killed(path, **options):
        if path.name.endswith("-split.shards"):
            raise KeyboardInterrupt
        really(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(split.shutil, "rmtree", killed)
        if not others:
            with pytest.raises(KeyboardInterrupt):
                merge(out, Tools.local())
            assert not (tmp_path / "split.shards").exists()
    again = merge(out, Tools.local())
    assert again.items == 10
    build(world.spec(VIDEOS), out, Tools.local())  # sweeps what was left
    build(world.spec(VIDEOS), tmp_path / "whole", Tools.local())
    assert tree(out) == tree(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.glob("split*/*.txt")) == list(others)
    assert not [path for path in tmp_path.rglob("*") if ".part-" in path.name or "-of-" in path.name]


def test_a_finished_merge_run_again_does_nothing(world, tmp_path):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=2)
    first, before = merge(out, Tools.local()), tree(out)
    again = merge(out, Tools.local())
    assert (again.items, again.dropped, again.remarks, again.leaks) == (
        first.items,
        first.dropped,
        first.remarks,
        first.leaks,
    )
    assert again.summary is None
    assert tree(out) == before


def test_a_shard_of_what_is_merged_already_is_not_made(world, tmp_path):
    """As when a scheduler runs a task once more."""
    out = made(world.spec(VIDEOS), tmp_path / "split", total=3)
    shutil.copytree(tmp_path / "split.shards", tmp_path / "copy")
    merge(out, Tools.local())
    before = tree(out)
    again = build_shard(world.spec(VIDEOS), out, Tools.local(), Shard(2, 3))
    assert (again.folder, again.summary) == (out, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "split"]
    shutil.copytree(tmp_path / "copy" / "3-of-3", tmp_path / "split.shards" / "3-of-3")  # or a merge was killed
    (tmp_path / "split.shards" / "slurm-1.out").write_text("mine")
    assert merge(out, Tools.local()).summary is None
    assert [path.name for path in (tmp_path / "split.shards").iterdir()] == ["slurm-1.out"]
    assert tree(out) == before


def test_shards_of_what_is_not_what_was_merged_are_kept(world, tmp_path):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=2)
    merge(out, Tools.local())
    build_shard(world.spec(VIDEOS.replace("1/4", "1/3")), out, Tools.local(), Shard(1, 2))
    with pytest.raises(InputError, match=r"split\.shards: lacks shard 2 of 2; build what is missing first"):
        merge(out, Tools.local())
    next(out.rglob("*.mp4")).unlink()  # and what the dataset has lost is made
    build_shard(world.spec(VIDEOS), out, Tools.local(), Shard(1, 2))
    assert list((tmp_path / "split.shards" / "1-of-2").rglob("*.mp4"))


@pytest.mark.parametrize("place", ["split.shards", "split.shards/1-of-2", "split.shards/1-of-2/videos/000/x.mp4"])
def test_shards_lead_nowhere(world, tmp_path, place):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=2)
    (tmp_path / "theirs").mkdir()
    if (tmp_path / place).exists():
        (tmp_path / place).rename(tmp_path / "theirs" / "it")
    (tmp_path / place).symlink_to(tmp_path / "theirs" / "it")
    for again in (
        lambda: merge(out, Tools.local()),
        lambda: build_shard(world.spec(VIDEOS), out, Tools.local(), Shard(1, 2)),
    ):
        with pytest.raises(InputError, match=f"{place}: is a link, and what it leads to may be another's"):
            again()


def test_a_dataset_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        beside(Path()) == beside(Path("../") / tmp_path.name).resolve() == tmp_path.with_name(f"{tmp_path.name}.shards")
    )
    assert beside(Path("..")) == tmp_path.parent.with_name(f"{tmp_path.parent.name}.shards")
    with pytest.raises(InputError, match=r"^/: is where everything is; name a folder for the dataset"):
        beside(Path("/"))


@pytest.mark.slow
def test_what_a_pruned_cache_has_forgotten_is_drawn_again(tmp_path):
    """Films of the user are found where they were; what was drawn lay in the cache."""
    cache = Cache(tmp_path / "cache")
    spec = read_spec("{grid: {lengths: '8', depths: '0', trials: 1}, haystack: {size: 64x36}}", where="drawn")
    build(spec, tmp_path / "whole", Tools.local(cache=cache))
    made_there = made(spec, tmp_path / "split", total=2, cache=cache)
    prune(cache, older_than_s=None, most_bytes=0)
    merge(made_there, Tools.local(cache=cache))
    assert tree(tmp_path / "split") == tree(tmp_path / "whole")
    shutil.rmtree(cache.root)
    item = next(read_plan(DatasetFolder(tmp_path / "split").plan)).id
    render_item(tmp_path / "split", item, tmp_path / "item.mp4", sources=(), cache=cache)
    assert (tmp_path / "item.mp4").read_bytes() == next((tmp_path / "split").rglob(f"{item}.mp4")).read_bytes()


def test_a_shard_that_is_being_made_is_not_touched(world, tmp_path):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=2)
    before = tree(tmp_path / "split.shards")
    with (
        DatasetFolder(tmp_path / "split.shards" / "2-of-2").held(),
        pytest.raises(InputError, match="2-of-2: another build is writing into this folder; wait until it has ended"),
    ):
        merge(out, Tools.local())
    assert tree(tmp_path / "split.shards") == before
    assert not out.exists()


def test_more_shards_than_files_may_be_open_are_refused(tmp_path):
    @contextmanager
    def lock():
        raise OSError(errno.EMFILE, "Too many open files")
        yield

    with (
        pytest.raises(InputError, match=r"niah\.shards: holds more shards than files may be open .* ulimit -n"),
        entered([lock()], where=tmp_path / "niah.shards"),
    ):
        pass


@pytest.mark.parametrize("text", ['{"seconds":', '{"seconds": NaN}', "[]", '{"seconds": 1, "made": "/home/ann"}', None])
def test_a_summary_that_is_damaged_or_another_s_is_left_out(world, tmp_path, text):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=2)
    file = DatasetFolder(tmp_path / "split.shards" / "1-of-2").summary
    if text is None:
        text = json.dumps(json.loads(file.read_text()) | {"made": "/home/ann"})
    file.write_text(text)
    merge(out, Tools.local())
    summary = DatasetFolder(out).summary.read_text()
    assert len(json.loads(summary)["shards"]) == 1
    assert "/home" not in summary


def test_remarks_that_are_damaged_are_told(world, tmp_path):
    out = made(world.spec(VIDEOS), tmp_path / "split", total=1)
    DatasetFolder(tmp_path / "split.shards" / "1-of-1").remarks.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"remarks\.txt: byte 0 \(0xff\) is not UTF-8"):
        merge(out, Tools.local())


def test_the_command_line_builds_shards_and_merges_them(world, tmp_path):
    out = tmp_path / "niah"
    spec = tmp_path / "spec.yaml"
    spec.write_text(dump_spec(world.spec(VIDEOS)))
    names = (spec,)
    whole = run("build", *names, "--out", tmp_path / "whole")
    assert whole.exit_code == 0, whole.stderr
    for number in (1, 2):
        done = run("build", *names, "--out", out, "--shard", f"{number}/2")
        assert done.exit_code == 0, done.stderr
        assert f"when all are made: haystack-gen merge {out}" in done.stderr
    assert run("build", *names, "--out", out, "--shard", "3/2").exit_code == 2
    done = CliRunner().invoke(merge_command, [str(out)])
    assert f"10 items in {out}; check them with: haystack-gen verify {out}" in done.stderr
    assert tree(out) == tree(tmp_path / "whole")
    done = run("build", *names, "--out", out, "--shard", "2/2")
    assert done.exit_code == 0, done.stderr
    assert f"{out} is finished already, so shard 2/2 of it is not made\n" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--address", "auto"], "--address auto: is of a Ray cluster; add --executor ray"),
        (["--executor", "ray", "--address", "a:1", "--jobs", "2"], "--jobs 2: a cluster knows its CPUs itself"),
    ],
)
def test_options_without_an_effect_are_refused(tmp_path, options, message):
    done = run("build", "tiny", "--out", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_cache_of_one_s_own_only_costs_time(world, tmp_path):
    build(world.spec(VIDEOS), tmp_path / "whole", Tools.local())
    for number in (1, 2):
        tools = Tools.local(cache=Cache(tmp_path / f"cache-{number}"))
        build_shard(world.spec(VIDEOS), tmp_path / "split", tools, Shard(number, 2))
    shutil.rmtree(tmp_path / "cache-1")
    merge(tmp_path / "split", Tools.local(cache=Cache(tmp_path / "cache-2")))
    assert tree(tmp_path / "split") == tree(tmp_path / "whole")

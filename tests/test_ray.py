"""Builds on a real Ray, of one node and of several, are byte for byte the local ones; its errors are ours."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from haystack_gen import ray_executor as module
from haystack_gen.build import build
from haystack_gen.cache import Cache
from haystack_gen.errors import HaystackError, InputError, MissingExtraError
from haystack_gen.executors import LocalExecutor
from haystack_gen.gathering import Tools
from haystack_gen.judge.verify import verify
from haystack_gen.ray_executor import ray_executor
from haystack_gen.specfile import dump_spec
from haystack_gen.split import Shard, build_shard, merge
from haystack_gen.workspace import DatasetFolder
from tests.small_world import make_world, tree

SPEC = "{grid: {lengths: '8', depths: '0:1:1/4'}}"
FRAMES = "{grid: {lengths: '8', depths: '0,1'}, output: {media: frames}}"
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"), seconds=16, needles=2, lures=1)


def doubled(number: int) -> int:
    return 2 * number


def refused(number: int) -> int:
    if number == 3:
        raise InputError(f"{number} is refused")
    return number


def lacking(number: int) -> int:
    raise MissingExtraError("a library", "extra", "this")


def lost_once(marker: Path) -> int:
    """End the worker the first time, as the kernel does when memory runs out."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return 7
    os._exit(1)


def lost_always(number: int) -> int:
    os._exit(1)


def want_ray() -> None:
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("ray")


class Loader:
    """Stands for a model."""

    def __init__(self, fails: bool = False) -> None:
        if fails:
            raise MissingExtraError("a model", "extra", "this")

    def __call__(self, number: int) -> tuple[int, int]:
        return refused(number), os.getpid()


def failing_loader() -> Loader:
    return Loader(fails=True)


@pytest.fixture(scope="module")
def connected():
    want_ray()
    with ray_executor("local", jobs=2) as executor:
        yield executor


@pytest.fixture
def executor(connected):
    return connected


def tools(executor, cache: Path) -> Tools:
    return Tools(cache=Cache(cache), executor=executor)


@pytest.mark.ray
def test_results_are_those_of_the_function(executor):
    assert sorted(executor.map(doubled, range(100))) == list(range(0, 200, 2))
    assert list(executor.map(doubled, [])) == []


@pytest.mark.ray
def test_few_tasks_are_taken_ahead(executor):
    taken = []
    results = executor.map(doubled, (taken.append(number) or number for number in range(1000)))
    next(results)
    assert len(taken) <= 4
    results.close()


@pytest.mark.ray
def test_our_errors_arrive_as_themselves(executor):
    with pytest.raises(InputError, match=r"^3 is refused$"):
        list(executor.map(refused, range(10)))
    with pytest.raises(MissingExtraError, match=r"this needs a library, .* 'haystack-gen\[extra\]'"):
        list(executor.map(lacking, range(2)))


@pytest.mark.ray
def test_a_lost_worker_s_task_runs_again(executor, tmp_path):
    assert list(executor.map(lost_once, [tmp_path / "marker"])) == [7]


@pytest.mark.ray
def test_a_task_that_is_always_lost_ends_the_run(executor):
    with pytest.raises(
        HaystackError, match=r"a task was lost 4 times with its Ray worker, .* run the same command again"
    ):
        list(executor.map(lost_always, [1]))


@pytest.mark.ray
def test_a_pool_loads_once_for_each_worker(executor):
    results = list(executor.map_loaded(Loader, [0, 1, 2, 4, 5, 6, 7, 8]))
    assert sorted(number for number, _ in results) == [0, 1, 2, 4, 5, 6, 7, 8]
    assert len({worker for _, worker in results}) <= 2
    with pytest.raises(InputError, match=r"^3 is refused$"):
        list(executor.map_loaded(Loader, range(5)))
    with pytest.raises(MissingExtraError, match="this needs a model"):
        list(executor.map_loaded(failing_loader, [1]))


@pytest.mark.ray
def test_a_worker_with_another_version_is_refused(executor, monkeypatch):
    monkeypatch.setattr(module, "__version__", "0.0.0")
    with pytest.raises(InputError, match=r"has haystack-gen .*, the command haystack-gen 0\.0\.0; install the same"):
        list(executor.map(doubled, [1]))


@pytest.mark.ray
def test_a_folder_that_a_node_lacks_is_refused(executor, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getcwd", lambda: str(tmp_path / "gone"))
    with pytest.raises(
        InputError, match=r"gone: cannot be entered on the Ray node .* a file system that all nodes share"
    ):
        list(executor.map(doubled, [1]))


@pytest.mark.ray
@pytest.mark.parametrize("text", [SPEC, FRAMES])
def test_one_node_builds_the_bytes_of_a_local_build(world, executor, tmp_path, text):
    build(world.spec(text), tmp_path / "local", tools(LocalExecutor(), tmp_path / "cache-1"))
    build(world.spec(text), tmp_path / "ray", tools(executor, tmp_path / "cache-2"))
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    cached = [set(tree(tmp_path / f"cache-{number}" / "chunks").items()) for number in (1, 2)]
    assert cached[0] == cached[1]
    report = verify(DatasetFolder(tmp_path / "ray"), executor=executor)
    assert not report.differences


@pytest.mark.ray
def test_footage_embedded_by_a_pool_shows_the_same_sightings(world, executor, tmp_path):
    spec = world.spec(SPEC, **{"mining.uniqueness": "report"})
    build(spec, tmp_path / "local", tools(LocalExecutor(), tmp_path / "cache-1"))
    build(spec, tmp_path / "ray", tools(executor, tmp_path / "cache-2"))
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    assert tree(tmp_path / "cache-2" / "embeddings").keys() == tree(tmp_path / "cache-1" / "embeddings").keys()


@pytest.mark.ray
def test_relative_folders_mean_the_same_on_workers(world, executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build(world.spec(SPEC), Path("out"), tools(executor, Path("cache")))
    assert not verify(DatasetFolder(Path("out")), executor=LocalExecutor()).differences


@pytest.mark.ray
def test_a_connection_of_somebody_else_stays_open(connected):
    import ray

    with ray_executor("127.0.0.1:1") as executor:
        assert list(executor.map(doubled, [4])) == [8]
    assert ray.is_initialized()


def apart(command: list[str], *, env: dict[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run in a process group of its own: when who started a Ray is killed, Ray ends all processes of that group."""
    return subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=300, start_new_session=True
    )


_CLUSTER = """
import sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from haystack_gen.build import build
from haystack_gen.gathering import Tools
from haystack_gen.ray_executor import ray_executor
from haystack_gen.cache import Cache
from tests.small_world import SmallWorld
from tests.test_ray import SPEC, tools, where

film, pack, out = map(Path, sys.argv[1:])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1)
cluster.add_node(num_cpus=1)
with ray_executor(cluster.address) as executor:
    print(len([node for node in ray.nodes() if node["Alive"]]), len(set(executor.map(where, range(30)))))
    build(SmallWorld(film=film, pack=pack).spec(SPEC), out, tools(executor, out.parent / "cluster-cache"))
assert not ray.is_initialized()
cluster.shutdown()
"""


def where(number: int) -> str:
    import ray

    time.sleep(0.1)
    return ray.get_runtime_context().get_node_id()


@pytest.mark.ray
def test_several_nodes_build_the_bytes_of_a_local_build(world, tmp_path):
    want_ray()
    build(world.spec(SPEC), tmp_path / "local", tools(LocalExecutor(2), tmp_path / "cache"))
    done = apart(
        [sys.executable, "-c", _CLUSTER, *map(str, (world.film, world.pack, tmp_path / "ray"))],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 3"
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    for number in range(1, 5):
        build_shard(world.spec(SPEC), tmp_path / "split", tools(LocalExecutor(), tmp_path / "cache"), Shard(number, 4))
    merge(tmp_path / "split", tools(LocalExecutor(), tmp_path / "cache"))
    assert tree(tmp_path / "split") == tree(tmp_path / "local")


_STRANGER = """
import subprocess, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
code = f"import sys; sys.path[:0] = {sys.argv[1:]!r}; from tests.test_ray import meet; meet({cluster.address!r})"
done = subprocess.run([sys.executable, "-c", code])
cluster.shutdown()
sys.exit(done.returncode)
"""


def meet(address: str) -> None:
    """What a person sees whose cluster lacks the package."""
    refusal = r"could not begin: .*No module named .*; install haystack-gen and"
    with pytest.raises(InputError, match=refusal), ray_executor(address) as executor:
        list(executor.map(doubled, [1]))


@pytest.mark.ray
def test_a_cluster_without_the_package_is_refused(tmp_path):
    want_ray()
    strange = tmp_path / "strange" / "haystack_gen.py"  # before an installed one
    strange.parent.mkdir()
    strange.write_text("raise ModuleNotFoundError(\"No module named 'haystack_gen'\")\n")
    env = os.environ | {"PYTHONPATH": str(strange.parent)}
    here = [sys.executable, "-c", _STRANGER, str(Path(module.__file__).parents[1])]
    done = apart(here, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.ray
def test_an_interrupt_ends_a_build_soon_and_leaves_nothing_half_written(world, tmp_path):
    want_ray()
    spec, out = tmp_path / "spec.yaml", tmp_path / "out"
    spec.write_text(dump_spec(world.spec("{grid: {lengths: '8', depths: '0:1:1/100', trials: 20}}")))
    command = [sys.executable, "-c", "from haystack_gen.cli import main; main()", "build", spec, "--out", out]
    with subprocess.Popen(
        [*command, "--executor", "ray", "--address", "local"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while not list(out.rglob("*.mp4")):
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=20) == 130
        assert "Stopped. The same command goes on from here." in running.stderr.read()
    assert not list(out.rglob(".part-*"))


def test_without_ray_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(MissingExtraError, match=r"--executor ray needs ray\[data\], .* 'haystack-gen\[ray\]'"),
        ray_executor(),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "Ray at 127.0.0.1:1: nothing answers .*Connection refused.* start one with ray start --head"),
        ("ray://127.0.0.1:1", "expected HOST:PORT, auto or local; with ray:// a command would not see the files"),
        ("cluster", "--address cluster: expected HOST:PORT, auto or local"),
    ],
)
def test_an_address_where_nothing_is_is_refused_at_once(monkeypatch, address, message):
    class NoRay:
        """Asked only whether it is connected."""

        @staticmethod
        def is_initialized() -> bool:
            return False

    monkeypatch.setitem(sys.modules, "ray", NoRay())
    began = time.monotonic()
    with pytest.raises(InputError, match=message), ray_executor(address):
        pass
    assert time.monotonic() - began < 5


def test_a_refusal_names_the_token(monkeypatch):
    class Refusing:
        """Refuses as Ray does when a token is missing or wrong."""

        class exceptions:
            RayError = RuntimeError

        @staticmethod
        def is_initialized() -> bool:
            return False

        @staticmethod
        def init(**options: object) -> None:
            raise ConnectionError("Unauthenticated: InvalidAuthToken.\nmore")

    monkeypatch.setitem(sys.modules, "ray", Refusing())
    refusal = r"Ray at auto: .*InvalidAuthToken; .* set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
    with pytest.raises(InputError, match=refusal), ray_executor("auto"):
        pass

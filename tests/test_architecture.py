"""What the folder listing promises, read from the imports: who knows whom, and which library lives where."""

import ast
from functools import cache
from pathlib import Path

import pytest

import haystack_gen

PACKAGE = Path(haystack_gen.__file__).parent
MODULES = {
    ".".join(("haystack_gen", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

ABOVE = ("gathering", "ahead", "making", "build", "recipe", "split", "api", "cli", "harness")


@cache
def imports(module: str) -> frozenset[str]:
    """Every module, or name in a module, that a module imports anywhere: at its top, in functions, for types."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively; write the whole name"
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            found.add("importlib.<something>")
    return frozenset(found)


def room(module: str) -> str:
    """The folder of the package, or the module beside the folders."""
    return [*module.split("."), ""][1]


def known(name: str, *modules: str) -> bool:
    """Whether an import is one of these modules or comes from one of them."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def users_of(*libraries: str) -> set[str]:
    """Modules that import any of these; the room that draws counts as one."""
    users = {module for module in MODULES for name in imports(module) if known(name, *libraries)}
    return {"draw" if room(module) == "draw" else module.removeprefix("haystack_gen.") for module in users}


def in_room(*rooms: str) -> list[str]:
    return [module for module in MODULES if room(module) in rooms]


@pytest.mark.parametrize("module", in_room("plan"))
def test_planning_is_pure(module):
    import sys

    for name in imports(module):
        ours = known(name, *(f"haystack_gen.{part}" for part in ("plan", "spec", "facts", "errors")))
        assert ours or name.split(".")[0] in sys.stdlib_module_names, f"{module} imports {name}"
        assert not known(name, "os", "pathlib", "io", "subprocess", "socket", "tempfile"), f"{module} imports {name}"


@pytest.mark.parametrize(
    ("rooms", "strangers"),
    [
        (("gather",), ("emit", "judge", *ABOVE, "media", "reopen")),
        (("emit",), ("gather", "judge", "export", "publish", *ABOVE, "media", "reopen", "draw")),
        (("export", "publish"), ("gather", "judge", *ABOVE, "media", "reopen", "draw")),
        (("draw",), ("gather", "emit", "judge", *ABOVE, "media", "reopen")),
        (("judge",), ("gather", *ABOVE, "media", "reopen", "draw")),
        (("media", "reopen"), ("judge", *ABOVE, "draw")),
        (("facts", "errors"), ("gather", "emit", "judge", *ABOVE, "media", "reopen", "draw", "plan", "spec")),
        (
            ("atomic", "cache", "locks", "workspace", "executors", "progress"),
            ("gather", "emit", "judge", *ABOVE, "media", "plan", "spec", "specfile"),
        ),
        (("remote",), ("gather", "judge", "plan", *ABOVE, "media", "reopen", "draw")),
        (("watch", "attempts", "shards"), ("gather", "judge", "plan", *ABOVE, "media", "reopen", "draw")),
        (("spec", "specfile"), ("gather", "emit", "judge", *ABOVE, "media", "reopen", "draw", "facts")),
    ],
)
def test_rooms_know_only_what_comes_before_them(rooms, strangers):
    for module in in_room(*rooms):
        for name in imports(module):
            assert not known(name, *(f"haystack_gen.{stranger}" for stranger in strangers)), f"{module} imports {name}"


def test_only_who_runs_the_whole_line_knows_it():
    assert {user.split(".")[0] for user in users_of("haystack_gen.build")} == {"api", "cli", "harness", "split"}
    assert {user.split(".")[0] for user in users_of("haystack_gen.gathering")} == {
        *("api", "build", "cli", "harness", "making", "recipe", "split")
    }
    assert users_of("haystack_gen.cli") <= {module.removeprefix("haystack_gen.") for module in in_room("cli")}
    assert {user.split(".")[0] for user in users_of("click", "rich")} == {"cli"}


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        (
            "av",
            "draw emit.chunks emit.encoding emit.splice frames gather.probe gather.video judge.readers "
            "judge.report.films",
        ),
        ("decord", "judge.readers"),
        ("cv2", "draw gather.descriptor gather.images judge.readers"),
        ("torch", "gather.clip"),
        ("open_clip", "gather.clip"),
        ("ray", "ray_executor ray_pool"),
        ("fcntl", "locks"),
        ("faiss", "gather.lists gather.neighbours"),
        ("tokenizers", "gather.noise"),
        ("openpyxl", "judge.sheets"),
        (
            "pyarrow",
            "emit.fingerprints emit.manifest judge.given_visible judge.report.audits judge.tables judge.visibility",
        ),
        ("matplotlib", "judge.heatmap"),
        ("datasets", "gather.upstream"),
        ("huggingface_hub", "publish.hub publish.hub_trouble"),
        ("fsspec", "remote.store"),
        (
            "PIL",
            "draw emit.frames frames gather.clip gather.drawn gather.images gather.pool harness.lmms_tasks "
            "judge.readers judge.report.pictures judge.strip media",
        ),
        ("pydantic", "emit.manifest emit.rows families notation spec specfile"),
        ("yaml", "draw emit.card_header gather.entries specfile"),
        ("subprocess", ""),
        ("pickle", ""),
        ("importlib.<something>", "haystack_gen judge.readers workspace"),
        ("pytest", "harness.pytest_plugin"),
        ("lmms_eval", "harness.lmms_oracle"),
    ],
)
def test_each_library_has_its_home(library, homes):
    assert users_of(library) == set(homes.split()), f"{library} moved: a new home is a decision, write it down here"


@pytest.mark.parametrize(
    "library", ["torch", "open_clip", "datasets", "decord", "tokenizers", "openpyxl", "matplotlib", "fsspec"]
)
def test_optional_libraries_are_imported_where_they_are_needed(library):
    for module in MODULES:
        top = [
            node
            for node in ast.parse(MODULES[module].read_text()).body
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        names = {name.name for node in top if isinstance(node, ast.Import) for name in node.names}
        names |= {node.module for node in top if isinstance(node, ast.ImportFrom)}
        assert not any(known(name, library) for name in names), f"{module} imports {library} at its top"


def test_nothing_draws_from_a_global_generator_or_reads_the_clock():
    banned = ("random", "secrets", "time", "datetime", "numpy.random")
    assert users_of(*banned) == {"watch"}, "how long work takes, which is shown and summed up and nothing depends on"
    assert {name for name in imports("haystack_gen.watch") if known(name, *banned)} == {"time.monotonic"}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert not known(ast.unparse(node), "np.random", "numpy.random", "os.urandom"), (
                    f"{module}:{node.lineno}"
                )
    assert users_of("uuid") == {"atomic"}, "names of temporary files, which no output depends on"


def test_nothing_is_evaluated():
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "print", "input"), f"{module}:{node.lineno}"


def test_modules_say_what_they_are_and_stay_small():
    for module, path in MODULES.items():
        assert path.stem not in ("utils", "util", "common", "helpers", "base", "misc"), module
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 300, f"{module} has {lines} lines; split it by what it does"
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), module


def test_the_package_imports_late_what_it_promises():
    import subprocess
    import sys

    code = (
        "import sys, haystack_gen; print('numpy' in sys.modules, callable(haystack_gen.open_item), 'av' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True True\n"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        haystack_gen.nothing  # noqa: B018

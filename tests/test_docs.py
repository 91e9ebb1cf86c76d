"""What is documented is so: generated pages are current, links lead somewhere, and the README's commands run."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from docs import generate
from haystack_gen.cli import main
from haystack_gen.emit.rows import Row, json_schema
from tests.small_world import make_world

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_current():
    for path, text in generate.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python docs/generate.py"


def test_every_command_is_documented_with_an_example():
    page = (ROOT / "docs" / "cli.md").read_text()
    for name, command in main.commands.items():
        assert f"## haystack-gen {name}" in page
        assert f"Example:\n\n\b\n  haystack-gen {name}" in command.help or f"  haystack-gen {name}" in command.help


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def readme_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme_runs(tmp_path, monkeypatch):
    """Every command of the README's console blocks, in order, in one folder; what it prints is what the page shows."""
    world = make_world(tmp_path, seconds=120)
    world.pack.rename(tmp_path / "my-pack")
    monkeypatch.chdir(tmp_path)
    shown = [line for block in readme_blocks("console") for line in block.splitlines()]
    commands = [line[2:] for line in shown if line.startswith("$ haystack-gen")]
    assert len(commands) >= 5
    for command in commands:
        done = CliRunner().invoke(main, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}: {done.output}"
        start = shown.index(f"$ {command}") + 1
        for line in shown[start:]:
            if line.startswith("$"):
                break
            if line and not line.startswith(("...", "readers")):
                assert line in done.output, f"{command} prints {done.output}"


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["demo", "--out", "demo"]).exit_code == 0
    for block in readme_blocks("python"):
        if "load_dataset" not in block:
            exec(block, {})


def test_the_readmes_row_is_a_row(tmp_path):
    written = json.loads(golden_line())
    (shown,) = (json.loads(block) for block in readme_blocks("json"))
    assert shown.items() <= written.items()


def golden_line() -> str:
    """The README's row, from the plan that is pinned."""
    from haystack_gen.emit.plans import read_plan
    from haystack_gen.emit.row_writer import RowWriter
    from haystack_gen.emit.rows import plain
    from haystack_gen.emit.videos import Places
    from haystack_gen.facts import Needle, Source
    from haystack_gen.records import load
    from haystack_gen.specfile import read_spec_file
    from haystack_gen.workspace import DatasetFolder

    golden = Path(__file__).parent / "golden"
    spec = read_spec_file(ROOT / "templates" / "specs" / "tiny.yaml")
    needles, sources = load(golden / "tiny.needles.jsonl", Needle), load(golden / "tiny.catalog.jsonl", Source)
    item = next(read_plan(golden / "tiny.plan.jsonl"))
    places = Places(DatasetFolder(golden), "video", {item.video: 0})
    row = RowWriter(spec, needles=needles, sources=sources, places=places).row(item)
    return json.dumps(plain(row))


def test_the_published_schema_describes_a_row():
    schema = json_schema()
    assert set(schema["required"]) == set(schema["properties"])
    assert len(schema["properties"]) == len(Row.model_fields)
    assert json.loads((ROOT / "docs" / "row.schema.json").read_text()) == schema

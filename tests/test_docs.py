"""What is documented is so: generated pages are current, links lead somewhere, and the README's commands run."""

import json
import re
import shlex
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from PIL import Image

from docs import generate
from haystack_gen.cli import main
from haystack_gen.emit.rows import Row, json_schema
from haystack_gen.families import Families, Task
from haystack_gen.gather.entries import entry_of
from haystack_gen.gather.packs import read_pack
from haystack_gen.plan.choices import ABSENT
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.specfile import read_spec_file
from tests.small_world import make_world

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FAMILY_PAGES = ROOT / "docs" / "families"


def test_generated_pages_are_current():
    for path, text in generate.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python docs/generate.py"


def test_nothing_made_from_the_code_is_stale():
    assert [path.name for path in generate.stale()] == [], "run python docs/generate.py --pictures"


def test_every_family_has_a_page_with_its_settings_and_an_example():
    index = (FAMILY_PAGES / "README.md").read_text(encoding="utf-8")
    assert {page.stem for page in FAMILY_PAGES.glob("*.md")} == {*get_args(Task), "controls", "README"}
    for family in (*get_args(Task), "controls"):
        page = (FAMILY_PAGES / f"{family}.md").read_text(encoding="utf-8")
        assert f"({family}.md)" in index
        assert f"<!-- generated: example {family} -->" in page
        assert (f"<!-- generated: settings {family} -->" in page) == hasattr(Families(), family)


def test_every_page_names_the_item_its_picture_was_drawn_of():
    for page, example in generate.EXAMPLES.items():
        build, item = example.split()
        text = (FAMILY_PAGES / f"{page}.md").read_text(encoding="utf-8")
        assert f"\n$ haystack-gen show {build} {item}\n{generate.example(page).question}\n" in text
        picture = FAMILY_PAGES / f"{page}.jpg"
        assert f"]({picture.name})" in text
        assert picture.stat().st_size <= generate.LARGEST_PICTURE
        assert generate.stamp_in(picture).split()[0] == item


def test_examples_show_what_their_pages_say():
    assert generate.example("absent").answer_text == ABSENT
    assert generate.example("controls").control == "blanked"
    assert not any(needle.asked for needle in generate.example("controls").needles)
    assert generate.example("stack").beside


def test_a_picture_of_another_item_is_stale(monkeypatch):
    before = set(generate.stale())
    other = next(item for item in generate.planned("families") if item.startswith("counting"))
    monkeypatch.setitem(generate.EXAMPLES, "counting", f"families {other}")
    assert {path.name for path in set(generate.stale()) - before} == {"counting.md", "counting.jpg"}


def test_an_example_that_is_not_planned_any_more_is_an_error(monkeypatch):
    monkeypatch.setitem(generate.EXAMPLES, "chain", "families chain-48-d1-t99")
    with pytest.raises(SystemExit, match=r"no such item any more; choose another in .*: chain-48-d1-t"):
        generate.example("chain")


def test_a_setting_nobody_explains_is_an_error(monkeypatch):
    monkeypatch.setitem(generate.MEANINGS, "chain", {"hops": "names to read"})
    with pytest.raises(SystemExit, match=r"explains \['hops', 'spread'\], the code has \['branches', "):
        generate.settings("chain", Families().chain)


def test_a_generated_part_without_an_end_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: settings chain -->\nby hand\n<!-- generated: twins -->\n<!-- end -->\n")
    with pytest.raises(SystemExit, match="each generated part needs a line"):
        generate.filled(page)


def test_the_numbers_on_the_index_are_the_presets():
    preset = read_spec_file(ROOT / "templates" / "specs" / "v-ruler.yaml").families
    assert preset == Families(), "docs/families/README.md says that its numbers are defaults"


@pytest.mark.parametrize("preset", ["v-ruler", "v-ruler-paper", "v-ruler-stack-paper"])
def test_the_readme_counts_the_items_of_a_preset(preset):
    file = ROOT / "templates" / "specs" / f"{preset}.yaml"
    spec = read_spec_file(file, overrides={"grid.trials": 1})
    items = sum(isinstance(one, Item) for one in plan_items(spec, generate.facts_of(spec)))
    items *= read_spec_file(file).grid.trials
    assert f"| `{preset}` | {items:,} |" in (ROOT / "README.md").read_text(encoding="utf-8")


def write_facts(folder: Path) -> Path:
    """The pack that docs/packs.md lists, as pictures of one color each."""
    text = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")
    listed = re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0]
    folder.mkdir()
    (folder / "needles.jsonl").write_text(listed, encoding="utf-8")
    for shade, name in enumerate(re.findall(r'"image": "([^"]+)"', listed)):
        Image.new("RGB", (64, 36), (shade, 0, 0)).save(folder / name)
    return folder


def test_the_pack_on_the_page_feeds_every_family(tmp_path):
    pack = read_pack(write_facts(tmp_path / "pack"))
    assert pack.remarks == ()
    for form, absent in product(("options", "open"), (False, True)):
        spec = read_spec_file(
            ROOT / "templates" / "specs" / "v-ruler.yaml",
            overrides={"grid.lengths": [128], "grid.trials": 4, "choices.form": form, "choices.absent": absent},
        )
        facts = replace(generate.facts_of(spec), needles=pack.needles, matches=())
        planned = list(plan_items(spec, facts))
        assert [one.reason for one in planned if isinstance(one, Drop)] == []
        assert {one.task for one in planned} == set(get_args(Task))


def test_the_question_on_the_page_is_an_entry():
    text = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")
    _, own = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert entry_of(json.loads(own), "here").answer == "tiger"


def test_every_command_is_documented_with_an_example():
    page = (ROOT / "docs" / "cli.md").read_text()
    for name, command in main.commands.items():
        assert f"## haystack-gen {name}" in page
        _, example = command.help.split("Example:")
        assert f"  haystack-gen {name}" in example


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def readme_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_readme_runs(tmp_path, monkeypatch):
    """Every command of the README's console blocks, in order, in one folder; what it prints is what the page shows.

    Then its Python, there.
    """
    world = make_world(tmp_path, seconds=120)
    world.pack.rename(tmp_path / "my-pack")
    write_facts(tmp_path / "my-facts")
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

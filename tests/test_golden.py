"""The plan of the tiny preset, byte for byte, from facts that were written down: the same on every machine."""

from pathlib import Path

from haystack_gen.cache import Cache
from haystack_gen.emit.plans import plan_line
from haystack_gen.facts import Facts, Match, Needle, Sighting, Source
from haystack_gen.gather.world import gather_pack
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.records import load
from haystack_gen.specfile import read_spec_file
from haystack_gen.wording import read_wording
from haystack_gen.workspace import package_folder

GOLDEN = Path(__file__).parent / "golden"
TINY = package_folder("templates") / "specs" / "tiny.yaml"
ADVICE = "planned bytes changed: if that is meant, run tests/golden/regenerate.py and say so under Output changes"


def golden(name: str) -> Path:
    return GOLDEN / f"tiny.{name}.jsonl"


def test_the_plan_of_tiny_is_pinned():
    sources = load(golden("catalog"), Source)
    facts = Facts(
        haystack=tuple(source for source in sources if source.kind == "video"),
        stills=tuple(source for source in sources if source.kind == "image"),
        needles=load(golden("needles"), Needle),
        matches=load(golden("matches"), Match),
        sightings=load(golden("sightings"), Sighting),
        wording=read_wording(),
    )
    planned = list(plan_items(read_spec_file(TINY), facts))
    lines = "".join(plan_line(one) for one in planned if isinstance(one, Item))
    assert lines == golden("plan").read_text(encoding="utf-8"), ADVICE
    assert len(lines.splitlines()) == 18


def test_what_is_drawn_from_the_seed_asks_the_golden_questions(tmp_path):
    """Needles, keys, options and lures come from the seed alone; only pixels may differ between machines."""
    assert gather_pack(read_spec_file(TINY), Cache(tmp_path)).needles == load(golden("needles"), Needle), ADVICE

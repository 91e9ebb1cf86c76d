"""How fast planning is, and whether its memory grows with the number of items.

python tests/benchmarks/bench_plan.py [--items 100000]
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable

from haystack_gen.emit.plans import plan_line
from haystack_gen.facts import Facts
from haystack_gen.plan.planner import plan_items
from haystack_gen.spec import Spec
from haystack_gen.specfile import read_spec
from haystack_gen.workspace import package_folder
from tests.plan.worlds import family_world, film, spec_of, world

NIAH_D = """
grid: {{lengths: "400:3000:200", depths: "0:1:1/5", trials: {trials}}}
distractors: {{origin: supplied, period: qwen2-vl}}
"""


def niah_d(items: int) -> Spec:
    """About so many items of V-NIAH-D: 84 cells."""
    return spec_of(NIAH_D.format(trials=-(-items // 84)))


def v_ruler(items: int) -> Spec:
    """About so many items of the preset v-ruler: ten families in 15 cells, one of which asks three times."""
    text = (package_folder("templates") / "specs" / "v-ruler.yaml").read_text(encoding="utf-8")
    return read_spec(text, where="v-ruler", overrides={"grid.trials": -(-items // 180)})


def measure(name: str, spec_for: Callable[[int], Spec], facts: Facts, wanted: int) -> None:
    """One row for a tenth of the items and one for all."""
    for count in (wanted // 10, wanted):
        spec = spec_for(count)
        start = time.perf_counter()
        items = sum(1 for _ in plan_items(spec, facts))
        planned_s = time.perf_counter() - start
        start = time.perf_counter()
        written = sum(len(plan_line(item)) for item in plan_items(spec, facts))
        written_s = time.perf_counter() - start
        tracemalloc.start()
        for item in plan_items(spec_for(count // 10), facts):
            plan_line(item)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rates = f"{items / planned_s:,.0f} | {items / written_s:,.0f}"
        print(f"| {name} | {items:,} | {rates} | {peak / 1e3:,.0f} |", flush=True)
        assert written


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    wanted = parser.parse_args().items
    print("| preset | planned items | items/s | with plan.jsonl, items/s | peak memory, kB |")
    print("|---|---|---|---|---|")
    measure("v-niah-d", niah_d, world(film(seconds=36_000)), wanted)
    measure("v-ruler", v_ruler, family_world(film(seconds=36_000)), wanted)


if __name__ == "__main__":
    main()

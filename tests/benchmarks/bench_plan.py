"""How fast planning is, and whether its memory grows with the number of items.

python tests/benchmarks/bench_plan.py [--items 100000]
"""

import argparse
import time
import tracemalloc

from haystack_gen.emit.plans import plan_line
from haystack_gen.plan.planner import plan_items
from tests.plan.worlds import film, spec_of, world

SPEC = """
grid: {{lengths: "400:3000:200", depths: "0:1:1/5", trials: {trials}}}
distractors: {{origin: supplied, period: qwen2-vl}}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    wanted = parser.parse_args().items
    spec, facts = spec_of(SPEC.format(trials=-(-wanted // 84))), world(film(seconds=36_000))
    print("| planned items | items/s | with plan.jsonl, items/s | peak memory, kB |")
    print("|---|---|---|---|")
    for count in (wanted // 10, wanted):
        start = time.perf_counter()
        items = sum(1 for _, _ in zip(range(count), plan_items(spec, facts), strict=False))
        planned_s = time.perf_counter() - start
        start = time.perf_counter()
        written = sum(len(plan_line(item)) for _, item in zip(range(count), plan_items(spec, facts), strict=False))
        written_s = time.perf_counter() - start
        tracemalloc.start()
        for _, item in zip(range(count // 10), plan_items(spec, facts), strict=False):
            plan_line(item)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"| {items:,} | {items / planned_s:,.0f} | {items / written_s:,.0f} | {peak / 1e3:,.0f} |", flush=True)
        assert written


if __name__ == "__main__":
    main()

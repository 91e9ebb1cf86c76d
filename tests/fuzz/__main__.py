"""Run cases by hand: `python -m tests.fuzz KIND [FIRST [STOP]]`; prints what was accepted, refused and at fault."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.corpus import make_corpus
from tests.fuzz.pool import run_cases


def run(kind: str, first: int, stop: int, *, folder: Path, workers: int) -> None:
    """Print every fault, then counts."""
    corpus = folder / "corpus"
    if not corpus.is_dir():
        make_corpus(corpus)
    cases = [(kind, number) for number in range(first, stop)]
    outcomes = run_cases(cases, corpus=corpus, scratch=folder / f"scratch-{kind}", workers=workers)
    for one in outcomes:
        for fault in one.faults:
            print(f"--- {kind} {one.number} {one.exits} {one.commands}\n{fault}")
        if stop - first == 1:
            print(one.commands, one.exits, one.said, sep="\n")
    count = Counter("fault" if one.faults else "refused" if one.refused else "accepted" for one in outcomes)
    slow = sorted(outcomes, key=lambda one: -one.seconds)[:5]
    print(kind, dict(count), "slowest", [(one.number, round(one.seconds, 1)) for one in slow])


if __name__ == "__main__":
    begin = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    end = int(sys.argv[3]) if len(sys.argv) > 3 else begin + 1
    place = Path(tempfile.gettempdir()) / "haystack-fuzz"
    run(sys.argv[1], begin, end, folder=place, workers=2)

"""Whatever a stranger sends: no stack trace, no hang, no file but where it may be, no network, bounded memory."""

from itertools import groupby

import pytest

from tests.fuzz.cases import KINDS
from tests.fuzz.corpus import make_corpus
from tests.fuzz.pool import run_cases

FEW, MANY = 24, 1000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("fuzz") / "corpus")


def expect_harmless(outcomes, *, share: float) -> None:
    """No fault, and of each kind enough that is refused, and enough that went further than the first check.

    Faults name the case to run again by hand.
    """
    faults = [f"python -m tests.fuzz {one.kind} {one.number}: {fault}" for one in outcomes for fault in one.faults]
    assert not faults, "\n\n".join(faults[:10])
    for kind, of_kind in groupby(outcomes, key=lambda one: one.kind):
        refused = [one.refused for one in of_kind]
        assert len(refused) * share <= sum(refused) <= len(refused) * (1 - share), kind


def test_a_few_of_each_kind(corpus, tmp_path):
    cases = [(kind, number) for kind in KINDS for number in range(FEW)]
    expect_harmless(run_cases(cases, corpus=corpus, scratch=tmp_path), share=1 / FEW)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_of_each_kind(kind, corpus, tmp_path):
    cases = [(kind, number) for number in range(MANY)]
    expect_harmless(run_cases(cases, corpus=corpus, scratch=tmp_path, workers=2), share=0.05)

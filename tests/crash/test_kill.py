"""Builds stopped from outside; see `kill`."""

import sys

import pytest

from tests.crash.kill import INTERRUPTS, KILLS, World, make_world, rounds, table, told

SECONDS = 10.0  # to stop in, on a machine with other work

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.mark.slow
def test_a_build_killed_and_run_again_is_as_one_that_was_not(world):
    for one in rounds(world, 7, hows=KILLS, count=1, settings=[(2, "video")]):
        assert not one.wrong, one
        assert one.stopped_s < SECONDS, one


@pytest.mark.slow
def test_a_build_interrupted_stops_soon_and_goes_on(world):
    for one in rounds(world, 7, hows=INTERRUPTS, count=1, settings=[(2, "video")]):
        assert not one.wrong, one
        assert one.stopped_s < SECONDS, one


@pytest.mark.long
@pytest.mark.parametrize(("hows", "count"), [(KILLS, 60), (INTERRUPTS, 28)])
def test_so_it_is_at_every_stage_with_any_workers(world, hows, count):
    found = list(told(rounds(world, 1, hows=hows, count=count)))
    print(table(found))
    assert not [one for one in found if one.wrong or one.stopped_s > SECONDS]
    assert len({one.stage for one in found}) >= 8

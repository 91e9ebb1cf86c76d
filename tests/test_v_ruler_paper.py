"""The published lists of V-RULER through the paper presets, with stand-ins for their pictures and films."""

import json
from collections import Counter
from fractions import Fraction

import pytest
from PIL import Image

from haystack_gen.cache import Cache
from haystack_gen.gathering import Tools, gather
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.specfile import read_spec
from haystack_gen.workspace import package_folder
from tests.counter_video import write_counter

LISTS = {"multi_value": "multi_key_multi_value", "counting": "counting", "ordering": "ordering"}


@pytest.fixture
def upstream(shared_data, tmp_path):
    """The folder of the lists, a folder with a picture or film under every name in them, and a film as haystack."""
    lists, media = shared_data / "upstream", tmp_path / "media"
    media.mkdir()
    rows = [row for name in LISTS.values() for row in json.loads((lists / f"v_ruler_{name}.json").read_text())]
    rows += json.loads((lists / "v_ruler_v_niah_d.json").read_text())
    for row in rows:
        path = row["path"]
        names = path if isinstance(path, list) else json.loads(path.replace("'", '"')) if path[0] == "[" else [path]
        for name in (*names, *filter(None, [row.get("interrupt_path")])):
            Image.new("RGB", (8 + len(name), 6), tuple(name.encode()[:3])).save(media / name)
    for number, row in enumerate(json.loads((lists / "v_ruler_lengthy_multimodal_stack.json").read_text())):
        write_counter(media / row["video_path"], frames=90, size=(64, 36), first=100 * number)
    write_counter(tmp_path / "film.mp4", frames=3000, rate=Fraction(1), size=(64, 36))
    return lists, media, tmp_path / "film.mp4"


def planned(preset, tmp_path, **overrides):
    text = (package_folder("templates") / "specs" / f"{preset}.yaml").read_text()
    overrides = {key.replace("__", "."): value for key, value in overrides.items()}
    spec = read_spec(text, where=preset, overrides={"mining.uniqueness": "off", "haystack.size": "64x36"} | overrides)
    found = gather(spec, Tools.local(cache=Cache(tmp_path / "cache")))
    plan = list(plan_items(spec, found.facts))
    return (
        [one for one in plan if isinstance(one, Item)],
        [one for one in plan if isinstance(one, Drop)],
        found.remarks,
    )


def frames_of(item):
    return [clip.start for clip in item.timeline.clips if clip.role == "needle"]


def test_upstreams_lists_give_upstreams_grid(upstream, tmp_path):
    lists, media, film = upstream
    items, drops, remarks = planned(
        "v-ruler-paper",
        tmp_path,
        haystack__sources=str(film),
        needles__pack=str(lists / "v_ruler_v_niah_d.json"),
        needles__images=str(media),
        needles__lists={task: str(lists / f"v_ruler_{name}.json") for task, name in LISTS.items()},
    )
    # 15 lengths x 6 depths x 5 needles; no band at depth 1; no depth for counting and ordering
    assert Counter(item.task for item in items) == {
        "retrieval": 450,
        "multi_value": 375,
        "counting": 75,
        "ordering": 75,
    }
    assert Counter(drop.task for drop in drops) == {"multi_value": 75}
    assert {item.requested_length for item in items} == set(range(100, 3000, 200))
    for item in items:
        inserted = len(frames_of(item)) + len(item.distractors)
        assert item.timeline.length == item.requested_length + inserted
        assert item.answer_text in (item.options or (item.answer,))
        if item.task == "retrieval":
            assert len(item.distractors) <= 1
        else:
            assert not item.distractors
    for item in (item for item in items if item.task in ("counting", "ordering")):
        shown, n = frames_of(item), item.requested_length
        steps = max(1, len(shown) - 1)
        assert shown == [
            place * (n - 1) // steps + 1 + place for place in range(len(shown))
        ]  # after linspace(0, n-1, k)
    for item in (item for item in items if item.task == "multi_value"):
        first = [start - place for place, start in enumerate(frames_of(item))]  # before which haystack frame
        low = item.requested_depth * item.requested_length
        assert all(low // 1 <= at < (low + Fraction(item.requested_length, 5)) // 1 for at in first)
    assert len([remark for remark in remarks if "option lists that differ" in remark]) == 1
    assert len([remark for remark in remarks if "2 times; it counts once" in remark]) == 13


def test_the_stack_list_is_asked_in_upstreams_contexts(upstream, tmp_path):
    lists, media, film = upstream
    items, drops, _ = planned(
        "v-ruler-stack-paper",
        tmp_path,
        haystack__sources=str(film),
        families__stack__questions=str(lists / "v_ruler_lengthy_multimodal_stack.json"),
        families__stack__videos=str(media),
    )
    assert not drops
    assert len(items) == 10 * 6 * 5  # contexts, depths, questions
    assert {item.context_length for item in items} == set(range(224_000, 296_001, 8_000))
    for item in items:
        assert [clip.role for clip in item.timeline.clips] == ["haystack"]
        assert item.context_length - 20 < item.context_cost <= item.context_length
        before, after = (
            sum(part.count for part in parts if not part.video)
            for parts in (item.context[: video_at(item)], item.context[video_at(item) :])
        )
        assert abs(Fraction(before, before + after) - item.requested_depth) < Fraction(1, 1000)


def video_at(item):
    return next(place for place, part in enumerate(item.context) if part.video == item.video)

"""Plans as files: what was written is read back, and what is no item is refused by name."""

import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen.emit.plans import find_timeline, plan_line, read_plan
from haystack_gen.errors import InputError
from haystack_gen.plan.items import Beside, Part, PlacedDistractor, PlacedNeedle
from haystack_gen.plan.timeline import Clip, Timeline
from tests.made_items import distractor, film_of, made, needle, showing

name = st.text("abcxyz019-_", min_size=1, max_size=8)
text = st.text(max_size=8)
share = st.fractions(min_value=0, max_value=1)
few = {"max_size": 3}


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    clips, at = [], 0
    for role in draw(st.lists(st.sampled_from(["haystack", "needle", "distractor"]), min_size=1, max_size=5)):
        length = draw(st.integers(1, 9))
        start = draw(st.integers(0, 99)) if role == "haystack" else 0
        clips.append(Clip(role=role, source=draw(name), source_start=start, start=at, length=length))
        at += length
    return Timeline(rate=draw(st.fractions(min_value=Fraction(1, 100), max_value=240)), clips=tuple(clips))


needles = st.builds(
    PlacedNeedle,
    needle=name,
    source=name,
    start=st.integers(0, 99),
    length=st.integers(1, 9),
    depth=share,
    asked=st.booleans(),
)
distractors = st.builds(
    PlacedDistractor,
    needle=name,
    source=name,
    start=st.integers(0, 99),
    length=st.integers(1, 9),
    offset=st.integers(-99, 99),
    similarity=st.none() | st.floats(-1, 1),
    lure=text,
)


@st.composite
def items(draw: st.DrawFn) -> object:
    beside = tuple(Beside(video=f"beside-{k}", timeline=draw(timelines())) for k in range(draw(st.integers(0, 2))))
    videos = [Part(video=video) for video in ("own", *(one.video for one in beside))]
    texts = draw(st.lists(st.builds(Part, first=st.integers(0, 99), count=st.integers(1, 9)), **few))
    return made(
        draw(name),
        task=draw(st.sampled_from(["retrieval", "stack"])),
        variant=draw(st.sampled_from(["", "order"])),
        question=draw(text),
        options=tuple(draw(st.lists(text, **few))),
        form=draw(st.sampled_from(["mcq", "short", "count", "order", "set", "seconds"])),
        accepted=tuple(draw(st.lists(text, **few))),
        tolerance=draw(share),
        timeline=draw(timelines()),
        video="own",
        needles=tuple(draw(st.lists(needles, **few))),
        distractors=tuple(draw(st.lists(distractors, **few))),
        requested_depth=draw(share | st.just(Fraction(-1))),
        circular_group=draw(text),
        circular_shift=draw(st.integers(0, 9)),
        context_length=draw(st.integers(0, 9)),
        context_depth=draw(share),
        context=tuple(draw(st.permutations([*videos, *texts]))) if draw(st.booleans()) else (),
        beside=beside,
    )


@settings(deadline=None, max_examples=25)
@given(planned=st.lists(items(), max_size=2))
def test_what_was_written_is_read_back(tmp_path_factory, planned):
    path = tmp_path_factory.mktemp("plan") / "plan.jsonl"
    path.write_text("".join(plan_line(item) for item in planned), encoding="utf-8")
    assert list(read_plan(path)) == planned


STACK = made(
    "own",
    needles=(needle("n", 2, depth="2/5"),),
    distractors=(distractor("d", 4),),
    timeline=showing(6, [("needle", "n", 2, 1), ("distractor", "d", 4, 1)]),
    beside=(Beside(video="other", timeline=film_of(3)),),
    context=(Part(first=4, count=2), Part(video="own"), Part(video="other")),
)


def changed(path: str, value: object) -> str:
    """The stack's line with the value at a dotted path replaced, or without it."""
    record = json.loads(plan_line(STACK))
    *parents, last = path.split(".")
    place = record
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    if value is KeyError:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(record) + "\n"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("variant", 3, "item: variant: expected text, got 3"),
        ("form", "essay", "item: form: expected one of mcq, short, count, order, set, seconds, got 'essay'"),
        ("accepted", "dog", "item: accepted: expected a list, got 'dog'"),
        ("accepted.0", None, r"item: accepted\[0\]: expected text, got None"),
        ("tolerance", 5, "item: tolerance: expected a fraction such as .*, got 5"),
        ("tolerance", "1/0", "item: tolerance: expected a fraction"),
        ("video", "../../etc/passwd", "video id .* cannot be a file name"),
        ("video", "Upper", "video id 'Upper' cannot be a file name"),
        ("beside.0.video", "a/b", "video id 'a/b' cannot be a file name"),
        ("id", "a/b", "item id 'a/b' cannot be a file name"),
        ("needles.0.source", "a/b", "source id 'a/b' cannot be a file name"),
        ("needles.0.asked", 1, r"item: needles\[0\]: asked: expected true or false, got 1"),
        ("needles.0.asked", KeyError, r"item: needles\[0\]: key 'asked' is missing"),
        ("needles.0.strange", 1, r"item: needles\[0\]: unknown key 'strange'"),
        ("distractors.0.similarity", "x", r"item: distractors\[0\]: similarity: expected a number, got 'x'"),
        ("circular_shift", "1", "item: circular_shift: expected a whole number, got '1'"),
        ("circular_shift", True, "item: circular_shift: expected a whole number, got True"),
        ("circular_group", KeyError, "item: key 'circular_group' is missing"),
        ("strange", 1, "item: unknown key 'strange'"),
        ("context_length", 1.5, "item: context_length: expected a whole number, got 1.5"),
        ("context.0.count", 0, "neither text nor a video of the item"),
        ("context.0.first", -1, "neither text nor a video of the item"),
        ("context.1.video", "elsewhere", "neither text nor a video of the item"),
        ("timeline.clips.0.2", "0", "clip of 'film' has a frame number that is none"),
        ("timeline.clips.0.2", True, "clip of 'film' has a frame number that is none"),
        ("timeline.clips.0.0", "star", "a clip has the role 'star'"),
        ("timeline.clips.0.1", "../film", "source id '../film' cannot be a file name"),
        ("timeline.clips.1.3", 4, "clips must tile the timeline"),
        ("beside.0.timeline.clips", [], "a timeline has no clips or no rate"),
        ("beside.0.timeline.rate", "0", "a timeline has no clips or no rate"),
        ("beside.0.timeline", KeyError, "KeyError: 'timeline'"),
        ("beside", 3, "not iterable"),
    ],
)
def test_a_line_that_is_no_item_says_why(tmp_path, path, value, fault):
    file = tmp_path / "plan.jsonl"
    file.write_text(plan_line(STACK) + changed(path, value))
    with pytest.raises(
        InputError, match=rf"plan\.jsonl:2: not an item of a plan \(.*{fault}.*; build the dataset again"
    ):
        list(read_plan(file))


def test_a_timeline_is_found_by_item_or_by_video(tmp_path):
    file = tmp_path / "plan.jsonl"
    asked_again = made("again", video="own", timeline=STACK.timeline)
    named_like_a_video = made("other", timeline=film_of(9))
    file.write_text(plan_line(STACK) + plan_line(asked_again))
    assert find_timeline(file, "own") == find_timeline(file, "again") == STACK.timeline
    assert find_timeline(file, "other") == film_of(3)
    file.write_text(plan_line(STACK) + plan_line(named_like_a_video))
    assert find_timeline(file, "other") == film_of(9), "an item's own name goes first"
    with pytest.raises(InputError, match="no item 'otter' among 2; did you mean other"):
        find_timeline(file, "otter")

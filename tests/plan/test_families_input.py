"""What a user is told of a spec or a pack that a family of questions cannot serve."""

import re
from dataclasses import replace
from typing import get_args

import pytest

from haystack_gen.errors import InputError
from haystack_gen.facts import Facts, Needle
from haystack_gen.families import LISTABLE, Task
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items
from tests.plan.worlds import family_world, film, spec_of, world

FACTS = family_world()
GRID = 'grid: {lengths: 128, depths: "0,1/2,1", trials: 4}\n'
TASKS = get_args(Task)
SPREAD = [task for task in TASKS if task not in ("retrieval", "localization", "stack")]


def planned(text: str, facts: Facts = FACTS) -> list[Item | Drop]:
    return list(plan_items(spec_of(text), facts))


def refused(text: str, facts: Facts = FACTS) -> str:
    """What the user reads; `text` is a whole spec, or goes beside a small grid."""
    with pytest.raises(InputError) as caught:
        planned(text if "grid:" in text else GRID + text, facts)
    return str(caught.value)


def all_planned(text: str, facts: Facts = FACTS) -> bool:
    """Whether there are items, and nothing was dropped."""
    found = planned(text, facts)
    return bool(found) and all(isinstance(one, Item) for one in found)


def all_dropped(text: str, facts: Facts = FACTS) -> set[str]:
    """The reasons why not one item could be had."""
    dropped = planned(text if "grid:" in text else GRID + text, facts)
    assert dropped
    assert all(isinstance(one, Drop) for one in dropped), next(one for one in dropped if isinstance(one, Item))
    return {one.reason for one in dropped}


def some(*, keys: int = 99, attribute: str = "sign", values: int = 99) -> Facts:
    """The family pack with one attribute, the first of its keys and the first of its values."""
    found = [needle for needle in FACTS.needles if needle.attribute == attribute]
    first_keys = list(dict.fromkeys(needle.key for needle in found))[:keys]
    first_values = list(dict.fromkeys(needle.value for needle in found))[:values]
    return replace(
        FACTS,
        needles=tuple(needle for needle in found if needle.key in first_keys and needle.value in first_values),
        matches=(),
    )


# What the spec alone tells


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("grid: {trials: 0}", "grid.trials", "0: should be greater than 0, or should be 'needles'"),
        ("grid: {trials: some}", "grid.trials", "'some': should be .*, or should be 'needles'"),
        ("grid: {depths: 0:2:1}", "grid.depths.2", "2: should be less than or equal to 1"),
        ("tasks: multikey", "tasks.0", "'multikey': should be 'retrieval', 'multi_key', .* 'absent' or 'stack'"),
        ("tasks: chain, chain", "tasks", "'chain, chain': chain is given twice; give each once"),
        ("controls: blank", "controls.0", "'blank': should be 'needle_only', .*, 'shuffled' or 'blanked'"),
        ("controls: [blanked, blanked]", "controls", ".*: blanked is given twice; give each once"),
        ("choices: {count: 1}", "choices.count", "1: should be greater than or equal to 2"),
        ("choices: {count: 27}", "choices.count", "27: should be less than or equal to 26"),
        ("choices: {form: mcq}", "choices.form", "'mcq': should be 'options', 'open' or 'both'"),
        ("families: {counting: {most: 2}}", "families.counting.most", "2: should be greater than or equal to 3"),
        ("families: {chain: {hops: 1}}", "families.chain.hops", "1: should be greater than or equal to 2"),
        (
            "families: {multi_key: {needles: 1}}",
            "families.multi_key.needles",
            "1: should be greater than or equal to 2",
        ),
        ("families: {absent: {spread: far}}", "families.absent.spread", "'far': should be 'band', 'even' or 'at'"),
        (
            'families: {multi_value: {needles: "5:2"}}',
            "families.multi_value.needles",
            "'5:2': expected LOW:HIGH with LOW not above HIGH, got 5:2",
        ),
        (
            'families: {ordering: {needles: "5:2"}}',
            "families.ordering.needles",
            "'5:2': expected LOW:HIGH with LOW not above HIGH, got 5:2",
        ),
        ("families: {ordering: {needles: two}}", "families.ordering.needles.0", "'two': should be a valid integer"),
        (
            "families: {ordering: {ask: middle}}",
            "families.ordering.ask.0",
            "'middle': should be 'order', .* or 'after'",
        ),
        (
            "families: {multi_query: {needles: 2, questions: 3}}",
            "families.multi_query",
            ".*: questions is 3 and needles 2: each asks about another needle",
        ),
        ("families: {stack: {lengths: 0}}", "families.stack.lengths.0", "0: should be greater than 0"),
        ("placement: {band: 0}", "placement.band", "0: should be greater than 0"),
        ("placement: {gap: -1}", "placement.gap", "-1: should be greater than or equal to 0"),
        ('placement: {at: "0,2"}', "placement.at.1", "2: should be less than or equal to 1"),
    ],
)
def test_a_key_out_of_range_is_named_with_its_value_and_what_is_expected(text, key, said):
    with pytest.raises(InputError, match=f"^test.yaml: {key} is {said}"):
        spec_of(text)


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("choices: {abent: true}", "choices.abent", "choices.absent"),
        ("families: {count: {most: 4}}", "families.count", "families.counting"),
        ("families: {counting: {mots: 4}}", "families.counting.mots", "families.counting.most"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_one(text, key, near):
    with pytest.raises(InputError, match=rf"^test.yaml: unknown key '{key}'; did you mean '{near}'\?$"):
        spec_of(text)


@pytest.mark.parametrize("control", ["haystack_only", "blanked"])
def test_controls_that_take_the_needle_away_need_an_option_that_says_so(control):
    assert refused(f"controls: [needle_only, {control}]") == (
        f"test.yaml: controls has {control}, which takes the needle away, and choices.absent is false: the right "
        "answer would not be among the options; set choices.absent to true"
    )


@pytest.mark.parametrize("distractors", ["{origin: none}", "{origin: any, law: random, count: 2}"])
def test_anti_phase_needs_look_alikes_at_a_period(distractors):
    assert refused(f"controls: anti_phase\ndistractors: {distractors}") == (
        "test.yaml: controls has anti_phase, which needs look-alikes at a period; set distractors.origin and law: "
        "periodic"
    )


@pytest.mark.parametrize("task", [task for task in TASKS if task not in LISTABLE])
def test_one_item_per_needle_has_no_meaning_where_an_item_has_several(task):
    assert refused(f"tasks: [retrieval, {task}]\ngrid: {{lengths: 128, depths: 0.5, trials: needles}}") == (
        f"test.yaml: grid.trials is 'needles', which {task} has no use for; give a number of items per cell"
    )


@pytest.mark.parametrize("task", sorted(LISTABLE))
def test_one_item_per_needle_where_that_has_a_meaning(task):
    items = planned(f'tasks: {task}\ngrid: {{lengths: 128, depths: "0,1", trials: needles}}')
    assert len(items) == 2 * len(FACTS.needles)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: localization\nplacement: {length: paper}", "tasks has localization, which was never published"),
        ("tasks: absent\nplacement: {length: paper}", "tasks has absent, which was never published"),
        ("choices: {absent: true}\nplacement: {length: paper}", "which has no controls and no absent needles"),
        ("controls: shuffled\nplacement: {length: paper}", "which has no controls and no absent needles"),
    ],
)
def test_the_published_arithmetic_has_only_what_was_published(text, said):
    assert re.fullmatch(rf"test.yaml: placement.length is 'paper', .*{said}; use exact", refused(text))


# What the pack cannot show


@pytest.mark.parametrize("task", TASKS)
def test_a_pack_without_needles(task):
    empty = replace(FACTS, needles=(), matches=())
    assert refused(f"tasks: {task}", empty) == "draw: the pack holds no needles, expected at least one"


@pytest.mark.parametrize("task", [task for task in TASKS if task not in ("retrieval", "stack")])
def test_a_pack_of_ready_questions_without_facts_says_what_is_missing(task):
    said = refused(f"tasks: {task}", world())
    assert said.startswith("draw: ")
    assert task in said
    assert "key" in said
    assert re.search(r"; add ", said), said
    assert "draw:families" in said or task == "localization"


@pytest.mark.parametrize("task", ["retrieval", "stack"])
def test_a_pack_of_ready_questions_serves_who_asks_about_one_needle(task):
    facts = replace(world(), noise=FACTS.noise)
    assert all_planned(f"{GRID}tasks: {task}", facts)


def test_a_stack_without_text():
    assert refused("tasks: stack", replace(FACTS, noise=None)) == (
        "stack needs noise text, and none was gathered; set families.stack.noise"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "tasks: multi_key\nchoices: {count: 9}",
            "draw: multi_key needs an attribute with 4 keys and 9 values, the pack has none; add needles (key, "
            "attribute, value), lower families.multi_key.needles or choices.count, or use the pack draw:families",
        ),
        (
            "tasks: multi_key\nfamilies: {multi_key: {needles: 8}}",
            "draw: multi_key needs an attribute with 8 keys and 4 values, the pack has none; add needles (key, "
            "attribute, value), lower families.multi_key.needles or choices.count, or use the pack draw:families",
        ),
        (
            "tasks: multi_value\nfamilies: {multi_value: {needles: 9}}",
            "draw: multi_value needs 9 needles that share a key or a value, and 12 values or keys of their attribute "
            "in all, the pack has none; add needles, lower families.multi_value.needles or choices.count, or use the "
            "pack draw:families",
        ),
        (
            "tasks: multi_query\nfamilies: {multi_query: {needles: 26}}",
            "draw: multi_query needs 26 needles with different keys that say key, attribute and value, the pack has 6; "
            "add some, ask for fewer, or use the pack draw:families",
        ),
        (
            "tasks: ordering\nchoices: {count: 6}",
            "draw: ordering needs 7 needles with different keys that say key, attribute and value, the pack has 6; add "
            "some, ask for fewer, or use the pack draw:families",
        ),
        (
            "tasks: absent\nfamilies: {absent: {others: 6}}",
            "draw: absent needs 7 needles with different keys that say key, attribute and value, the pack has 6; add "
            "some, ask for fewer, or use the pack draw:families",
        ),
        (
            "tasks: chain",
            "draw: chain needs an attribute whose values name other keys, with at least 3 keys and 4 values, the pack "
            "has none; add such needles, lower families.chain.hops or choices.count, or use the pack draw:families",
        ),
    ],
)
def test_too_few_keys_or_values_are_told_with_how_many_are_needed(text, said):
    assert refused(text, some()) == said


@pytest.mark.parametrize("task", ["retrieval", "multi_query", "absent", "stack"])
def test_items_whose_attribute_has_too_few_values_are_dropped(task):
    needed = 3 if task == "absent" else 4  # beside "not in the video"
    assert all_dropped(f"tasks: {task}", some(values=2)) == {
        f"attribute 'sign' has 2 values in the pack, and {needed} that are told apart are needed for the options; add "
        "needles with other values, or lower choices.count"
    }


@pytest.mark.parametrize(
    ("rules", "options", "shown"),
    [("most: 200", 4, 16), ("most: 13, frames: 3", 4, 12), ("most: 6", 9, 6)],
)
def test_counts_above_what_the_pack_can_show(rules, options, shown):
    said = refused(f"tasks: counting\nchoices: {{count: {options}}}\nfamilies: {{counting: {{{rules}}}}}")
    assert re.match(
        rf"draw: counting up to \d+ with {options} options needs a key whose pictures can show that many", said
    )
    assert f"the pack can show up to {shown}; add pictures with a higher count, raise families.counting.frames" in said
    assert "lower families.counting.most" in said


@pytest.mark.parametrize("rules", ["hops: 7", "branches: 5"])
def test_chains_longer_than_the_pack_has_are_dropped(rules):
    (reason,) = all_dropped(f"tasks: chain\nfamilies: {{chain: {{{rules}}}}}")
    assert re.fullmatch(
        r"found no chain of \d frames with \d wrong branches in the pack; add needles whose values name other keys, or "
        r"lower families.chain.hops or branches",
        reason,
    )


def test_localization_asks_by_the_key():
    nameless = replace(FACTS, needles=(*FACTS.needles, Needle(id="x", source="x", question="What is x?", answer="y")))
    assert refused("tasks: localization", nameless) == (
        "draw: needle 'x' has no key, so localization cannot ask when it appears; add the key to the pack"
    )


# What does not go together


@pytest.mark.parametrize("needles", ["7", '"2:7"', "0", '"1:3"'])
def test_orders_are_of_two_to_six(needles):
    low, high = (needles.strip('"').split(":") * 2)[:2]
    assert refused(f"tasks: ordering\nfamilies: {{ordering: {{needles: {needles}}}}}") == (
        f"families.ordering.needles is {low}:{high}, expected between 2 and 6"
    )


@pytest.mark.parametrize("needles", ["0", '"0:3"'])
def test_a_set_has_members(needles):
    said = refused(f"tasks: multi_value\nfamilies: {{multi_value: {{needles: {needles}}}}}")
    assert re.fullmatch(
        r"test.yaml: families.multi_value is \{.*\}: needles is 0:\d: a set of values has at least 1; give 2:3", said
    )


def test_few_needles_have_few_orders():
    rules = "families: {ordering: {needles: 2%s}}"
    assert refused(f"tasks: ordering\n{rules % ''}") == (
        "families.ordering.needles is 2:2: 2 needles have 2 orders, and 4 are needed for the options; raise it, set "
        "families.ordering.only to true, or lower choices.count"
    )
    for remedy in (rules % ", only: true", f"{rules % ''}\nchoices: {{count: 2}}", rules % ", ask: [first, last]"):
        assert all_planned(f"{GRID}tasks: ordering\n{remedy}")


def test_one_depth_leaves_no_times_to_tell_apart():
    one = "tasks: localization\ngrid: {lengths: 128, depths: 0.5, trials: 4}"
    assert refused(one) == (
        "localization needs at least 2 depths to tell times apart, grid.depths has 1; give more, or choices.form: open"
    )
    assert all_planned(f"{one}\nchoices: {{form: open}}")


def test_one_span_beside_not_in_the_video_leaves_no_times_to_tell_apart():
    assert refused("tasks: localization\nchoices: {count: 2, absent: true}") == (
        "choices.count is 2 and choices.absent true: one span of time is no choice; raise the count"
    )


def test_a_stack_shorter_than_its_videos():
    assert refused("tasks: stack\nfamilies: {stack: {lengths: 500, frame_cost: 2}}") == (
        "families.stack.lengths has 500 words, and 2 videos of 128 frames alone take 512; ask for longer stacks, "
        "shorter clips (grid.lengths), fewer videos (families.stack.per_context), or a lower families.stack.frame_cost"
    )


def test_clips_longer_than_the_haystack():
    short = family_world(film(seconds=100))
    assert refused("tasks: multi_key", short).startswith(
        "the haystack has 100 frames at 1 fps, and the longest clip needs 128; give shorter --lengths, more footage"
    )


# What does not fit


@pytest.mark.parametrize("task", SPREAD)
def test_needles_too_many_for_the_band_are_dropped(task):
    for text, frames, gap in (
        (f"tasks: {task}\nplacement: {{gap: 1000}}", "26 of 128", 1000),
        (f"tasks: {task}\ngrid: {{lengths: 4, depths: 0.5, trials: 2}}", "1 of 4", 1),
    ):
        for reason in all_dropped(text):
            assert re.match(
                rf"\d needles of 1 frames, {gap} apart, do not fit into a band of {frames} frames; use longer clips, a "
                r"wider placement.band",
                reason,
            ), reason


@pytest.mark.parametrize("task", SPREAD)
def test_needles_too_many_for_the_clip_are_dropped(task):
    text = f"tasks: {task}\nfamilies: {{{task}: {{spread: even}}}}\ngrid: {{lengths: 2, trials: 2}}"
    for reason in all_dropped(text):
        assert re.match(
            r"\d needles of 1 frames, 1 apart, do not fit into 2 frames \(spread: even\); use longer clips", reason
        )


@pytest.mark.parametrize("at", ['"0,1/2,1"', '""', "0:1:0.1"])
def test_depths_that_are_not_one_for_each_needle(at):
    (reason,) = all_dropped(f"tasks: multi_key\nfamilies: {{multi_key: {{spread: at}}}}\nplacement: {{at: {at}}}")
    assert re.fullmatch(r"placement.at gives \d+ depths, the item has 4 needles; give one for each", reason)


@pytest.mark.parametrize("at", ['"0,0,1/2,1"', '"0,0.001,1/2,1"'])
def test_depths_too_close_for_needles_beside_each_other(at):
    (reason,) = all_dropped(f"tasks: multi_key\nfamilies: {{multi_key: {{spread: at}}}}\nplacement: {{at: {at}}}")
    assert reason.startswith(
        "4 needles of 1 frames, 1 apart, do not fit into 128 frames (placement.at); use longer clips"
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_needle_that_stays_longer_than_its_clip(task):
    (reason,) = all_dropped(f"tasks: {task}\ngrid: {{lengths: 4, trials: 2}}\nneedles: {{length: 9}}")
    assert reason.startswith("the needle stays 9 frames, the clip has 4; use longer clips (grid.lengths)")


def test_depths_too_many_for_spans_that_are_told_apart():
    (reason,) = all_dropped("tasks: localization\ngrid: {lengths: 20, depths: 0:1:0.04, trials: 1}")
    assert reason == "the spans of 26 depths meet in 20 frames; use longer clips or fewer depths"


@pytest.mark.parametrize("task", TASKS)
def test_look_alikes_that_are_demanded_and_missing(task):
    text, bare = f"tasks: {task}\ndistractors: {{origin: any, period: 31}}", replace(FACTS, matches=())
    if task in ("counting", "localization"):  # where a drop would tell the truth, they are taken as they fit
        assert all_planned(GRID + text, bare)
        assert not any(one.distractors for one in planned(GRID + text, bare))
        return
    for reason in all_dropped(text, bare):
        assert re.fullmatch(r"no look-alike of needle [a-z0-9-]+ \(distractors.origin: any\)", reason)

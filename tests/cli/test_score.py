"""`haystack-gen score` as a person and as a machine meet it."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from haystack_gen.cli import main
from haystack_gen.emit.rows import Row
from haystack_gen.judge.score import THRESHOLD
from haystack_gen.plan.streams import Stream
from haystack_gen.workspace import DatasetFolder
from tests.cli.commands import run
from tests.judge.test_score import LAW, Model, answers, lures_of, made_dataset, replies, rows_of, tigers, write_dataset

PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"
OF_THE_PAGE = f"""
tasks: [retrieval, counting]
grid: {{lengths: "64,128,256", depths: "0:1:0.25", trials: 10}}
{LAW}
choices: {{form: both}}
controls: [anti_phase]
families: {{counting: {{spread: even}}}}
"""


def of_the_page(row: Row) -> str | None:
    """A model that finds needles up to 128 frames; beyond, or less often without a common phase, takes look-alikes."""
    draw = Stream(1, "a model", row.id)
    if draw.chance(0.01):
        return None
    if row.requested_length <= 128 or draw.chance(0.7 if row.control == "anti_phase" else 0.4):
        return f"The answer is {row.answer}."
    if draw.chance(0.1):
        return "I cannot tell."
    if not row.options:
        return str(int(row.answer) + draw.choice((-1, 1, 2))) if row.question_type == "count" else "zebra"
    return draw.choice(lures_of(row) if lures_of(row) and draw.chance(0.6) else "ABCD")


@pytest.fixture(scope="module")
def paged(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return write_dataset(tmp_path_factory.mktemp("paged"), OF_THE_PAGE)


def test_what_the_page_shows_is_what_is_printed(paged):
    (shown,) = re.findall(
        r"```console\n\$ haystack-gen score niah predictions.jsonl\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    done = run("score", paged.root, replies(paged, of_the_page))
    assert (done.exit_code, done.stdout) == (0, shown)


def test_numbers_of_the_page_are_all_explained(paged):
    """Every key of the JSON is named on the page."""
    text = PAGE.read_text()

    def keys(value: object) -> Iterator[str]:
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from keys(part)
        if isinstance(value, dict):
            yield from value

    turns = [tigers(f"t{k}", circular_group="t", circular_shift=k) for k in range(2)]
    found = json.loads(run("score", paged.root, replies(paged, of_the_page), "--json").stdout)
    turned = made_dataset(paged.root / "turned", *turns)
    found["rotations"] = json.loads(run("score", turned.root, replies(turned, answers("B", "B")), "--json").stdout)[
        "rotations"
    ]
    of_replies = {*found["unparsed"], *found["effective_lengths"]}
    assert {key for key in keys(found) if key not in of_replies and f"`{key}`" not in text} == set()


@pytest.fixture
def small(tmp_path) -> DatasetFolder:
    return made_dataset(tmp_path / "set", *(tigers(f"t{k}", group=f"t{k}") for k in range(4)))


def scored(dataset: DatasetFolder, *options: object, model: Model | None = None) -> Result:
    path = dataset.root / "p.jsonl"
    if not path.exists():
        replies(dataset, model or answers("B", "C", "", None))
    return run("score", dataset.root, path, *options)


def test_tables_for_people(small):
    done = scored(small)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "items  n   right         95 %  unparsed  missing",
        "all    4  25.0 %  4.6 to 69.9         1        1",
        "",
        "retrieval: percent right, by depth (down) and frames (across)",
        "        6    all",
        "0.50   25 ░░  25 ░░",
        "effective length at 85 %: none",
        "",
        "not read      replies",
        "says nothing        1",
    ]


def test_json_for_machines(small):
    done = scored(small, "--json", "--threshold", "0.2")
    found = json.loads(done.stdout)
    assert (found["overall"]["right"], found["overall"]["missing"], found["threshold"]) == (1, 1, 0.2)
    assert found["effective_lengths"] == {"retrieval": 6}
    assert done.stderr == ""


def test_what_became_of_each_item(small, tmp_path):
    out = tmp_path / "items.jsonl"
    done = scored(small, "--per-item", out)
    assert done.stderr == f"wrote {out}\n"
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["id"], line["verdict"], line["reading"], line["reason"]) for line in lines] == [
        ("t0", "right", "B", ""),
        ("t1", "wrong", "C", ""),
        ("t2", "unparsed", None, "says nothing"),
        ("t3", "missing", None, ""),
    ]
    again = scored(small, "--per-item", out)
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == f"Error: {out}: exists already; choose another name, or delete it\n"


def test_predictions_are_never_overwritten(small):
    path = replies(small, answers("B", "B", "B", "B"))
    before = path.read_bytes()
    assert scored(small, "--per-item", path).exit_code == 2
    assert path.read_bytes() == before


def test_cells_in_upstreams_form(paged, tmp_path):
    out = tmp_path / "upstream"
    done = scored(paged, "--upstream", out, model=of_the_page)
    assert done.stderr.splitlines() == [
        "counting: its needles lie all over the video, so there is no depth to write; left out",
        f"wrote {out}/retrieval.json",
    ]
    cells = json.loads((out / "retrieval.json").read_text())
    assert len(cells) == 3 * 5
    assert {cell["Frame Depth"] for cell in cells} == {0, 25, 50, 75, 100}
    assert list(cells[0]) == ["Num. Frame", "Frame Depth", "Score"]


def test_lengths_of_text_are_not_frames(tmp_path):
    stacks = write_dataset(
        tmp_path / "set",
        'tasks: stack\ngrid: {lengths: "16", depths: "0,1", trials: 1}\nfamilies: {stack: {lengths: "300"}}',
    )
    done = scored(stacks, "--upstream", tmp_path / "upstream", model=lambda row: row.answer)
    assert done.stderr == "stack: its lengths are of text, not frames; left out\n"
    assert "stack: percent right, by depth (down) and context (across)" in done.stdout
    assert "effective length at 85 %: 300 of context, the longest" in done.stdout


def texts_of(svg: Path) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg.read_text())


def test_heat_maps_of_every_family(paged, tmp_path):
    out = tmp_path / "pictures"
    done = scored(paged, "--heatmap", out, "--json", model=of_the_page)
    names = ("counting.png", "counting.svg", "retrieval.png", "retrieval.svg")
    assert done.stderr == "".join(f"wrote {out}/{name}\n" for name in names)
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in names[::2])
    cells = [one for one in json.loads(done.stdout)["cells"] if one["family"] == "retrieval"]
    texts = texts_of(out / "retrieval.svg")
    assert texts[:9] == ["64", "128", "256", "number of frames", "0", "25", "50", "75", "100"]
    in_cells = sorted(cells, key=lambda one: (one["length"], one["depth"]))
    assert texts[10:25] == [f"{100 * one['accuracy']:.0f}" for one in in_cells]
    mean = sum(one["accuracy"] for one in cells) / len(cells)
    assert {"retrieval", f"mean of 15 cells: {100 * mean:.2f} %"} <= {*texts}
    assert "any" in texts_of(out / "counting.svg")


def test_heat_maps_of_stacks_are_by_context(tmp_path):
    stacks = write_dataset(
        tmp_path / "set",
        'tasks: stack\ngrid: {lengths: "16", depths: "0,1", trials: 1}\nfamilies: {stack: {lengths: "300"}}',
    )
    scored(stacks, "--heatmap", tmp_path / "pictures", model=lambda row: row.answer)
    assert "length of context" in texts_of(tmp_path / "pictures" / "stack.svg")


def test_pictures_are_drawn_into_a_new_folder(small, tmp_path):
    done = scored(small, "--heatmap", tmp_path / "map.PNG")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: {tmp_path}/map.PNG: names a picture, expected a folder: every family gets a .png and a .svg in it\n"
    )
    done = scored(small, "--heatmap", small.root)
    assert done.stderr == f"Error: {small.root}: exists already; choose another name, or delete it\n"


# -------------------------------------------------------------------------------------------------------- cells alone

CELLS = [(100, 0.0, 1), (100, 50.0, 0.9), (300, 0.0, 0.8), (300, 50.0, 0.4), (100, 100.0, 1.0)]


@pytest.fixture
def cells(tmp_path) -> Path:
    """As V-NIAH's scripts write them; one cell is missing."""
    path = tmp_path / "all_accuracies.json"
    rows = [{"Num. Frame": length, "Frame Depth": depth, "Score": share} for length, depth, share in CELLS]
    path.write_text(json.dumps(rows))
    return path


def test_cells_alone_are_summed_up(cells):
    done = run("score", cells)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "percent right, by depth (down) and frames (across)",
        "      100    300    all",
        "0.00  100 ██  80 ▓▓  90 ▓▓",
        "0.50   90 ▓▓  40 ░░  65 ▒▒",
        "1.00  100 ██   –    100 ██",
        "all    97 ▓▓  60 ▒▒  82 ▓▓",
        "mean of 5 cells: 82.00 %",
        "effective length at 85 %: 100 frames",
    ]


@pytest.mark.parametrize(("threshold", "said"), [("0.9999", "none"), ("0.6", "300 frames, the longest")])
def test_effective_length_of_cells(cells, threshold, said):
    last = run("score", cells, "--threshold", threshold).stdout.splitlines()[-1]
    assert last == f"effective length at {100 * float(threshold):g} %: {said}"


def test_cells_that_meet_the_threshold_exactly(cells):
    rows = [
        {"Num. Frame": 9, "Frame Depth": 20 * k, "Score": share} for k, share in enumerate([1, 1, 1, 0.6, 0.6, 0.6])
    ]
    cells.write_text(json.dumps(rows))
    assert run("score", cells, "--threshold", "0.8").stdout.endswith("at 80 %: 9 frames, the longest\n")


def test_cells_for_machines(cells):
    found = json.loads(run("score", cells, "--json", "--threshold", "0.5").stdout)
    assert found["cells"] == [
        {"length": length, "depth": percent / 100, "accuracy": share} for length, percent, share in CELLS
    ]
    assert [(one["length"], round(one["accuracy"], 9)) for one in found["lengths"]] == [(100, 0.966666667), (300, 0.6)]
    assert (round(found["mean"], 9), found["threshold"], found["effective_length"]) == (0.82, 0.5, 300)
    text = PAGE.read_text()
    assert [key for key in found if f"`{key}`" not in text] == []


def test_the_published_cells(shared_data, tmp_path):
    path = shared_data / "upstream" / "v_niah_all_accuracies_m_rope.json"
    done = run("score", path, "--heatmap", tmp_path / "m_rope")
    assert done.stdout.splitlines()[-2:] == ["mean of 90 cells: 78.67 %", "effective length at 85 %: 300 frames"]
    assert done.stderr == "".join(f"wrote {tmp_path}/m_rope/heatmap.{kind}\n" for kind in ("png", "svg"))
    texts = texts_of(tmp_path / "m_rope" / "heatmap.svg")
    assert texts[:16] == [*map(str, range(100, 3000, 200)), "number of frames"]
    assert texts[16:23] == ["0", "20", "40", "60", "80", "100", "depth (%)"]
    assert texts[-1] == "mean of 90 cells: 78.67 %"


def test_what_cannot_stand_alone(small, cells, tmp_path):
    path = replies(small, answers(*"BBBB"))
    for alone in (small.root, path):
        done = run("score", alone)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            f"Error: {alone}: stands alone and is no .json file; expected DATASET PREDICTIONS, or a file of cells such "
            "as V-NIAH's all_accuracies.json\n"
        )
    done = run("score", tmp_path / "none.json")
    assert done.stderr == f"Error: {tmp_path}/none.json: no such file, expected a text file\n"
    cells.write_text('{"accuracy": 1}')
    done = run("score", cells)
    assert done.stderr == f"Error: {cells}: expected a list of cells with Num. Frame, Frame Depth, Score\n"


def test_cells_have_no_items(cells, tmp_path):
    done = run("score", cells, "--by-order", "--upstream", tmp_path / "new", "--threshold", "0.5")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"Error: {cells}: has cells and no items; leave out --by-order and --upstream\n"


def test_letters_as_another_evaluator_reads_them(small):
    replies(small, answers(*["Answer: B"] * 4))
    accuracies = {
        parser: json.loads(scored(small, "--json", *options).stdout)["overall"]["accuracy"]
        for parser, *options in (("ours",), ("lmms-eval", "--parser", "lmms-eval"), ("vnbench", "--parser", "vnbench"))
    }
    assert accuracies == {"ours": 1.0, "lmms-eval": 1.0, "vnbench": 0.0}


def test_joining_by_order(small):
    lines = [{"doc_id": place, "filtered_resps": "B", "target": "B", "acc": 1} for place in (3, 0)]
    (small.root / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    refused = scored(small)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {small.root}/p.jsonl:1: has no id of an item, only the number 3; put the")
    assert json.loads(scored(small, "--by-order", "--json").stdout)["overall"]["right"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--parser", "mine"],
            "Invalid value for '--parser': 'mine' is not one of 'lmms-eval', 'vlmevalkit', 'vnbench'.",
        ),
        (["--threshold", "85"], "Invalid value for '--threshold': 85.0 is not in the range 0<=x<=1."),
    ],
)
def test_options_that_cannot_be(small, options, message):
    done = scored(small, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_swapped_arguments(small):
    path = replies(small, answers(*"BBBB"))
    done = run("score", path, small.root)
    assert done.exit_code == 2
    assert (
        done.stderr
        == f"Error: {path}: is no dataset, it has no manifest.jsonl; expected a folder made by haystack-gen build\n"
    )


def test_the_threshold_is_the_librarys():
    (option,) = (one for one in main.commands["score"].params if one.name == "threshold")
    assert option.default == THRESHOLD


def test_commands_on_the_page_can_be_parsed():
    commands = re.findall(r"^\$? ?(haystack-gen score .*)$", PAGE.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        main.commands["score"].make_context("score", shlex.split(command)[2:])


def test_all_rows_of_the_page_are_answered_but_a_few(paged):
    said = [of_the_page(row) for row in rows_of(paged)]
    assert 0 < said.count(None) < len(said) / 50

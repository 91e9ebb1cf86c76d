"""What is true before it is changed: films, packs, lists, specs, datasets, a recipe and replies, all small."""

import json
from fractions import Fraction
from pathlib import Path

from PIL import Image

from haystack_gen.emit.manifest import read_manifest
from haystack_gen.judge.verify import stamp, verify
from haystack_gen.publish.recipe import write_recipe
from haystack_gen.specfile import dump_spec
from haystack_gen.workspace import DatasetFolder
from tests.counter_video import draw_number, write_counter
from tests.small_world import SIZE, built, make_facts, make_world

LETTERED = "Answer with the option's letter from the given choices directly."
_PLAIN = "{grid: {lengths: '8', depths: '0,1'}, distractors: {origin: supplied, period: 3}}"
_FAMILIES = """
tasks: [retrieval, counting, ordering, multi_key, localization]
grid: {lengths: '12', depths: '0,1', trials: 1}
distractors: {origin: supplied, period: 5, at_least: 0}
choices: {absent: true, form: both}
controls: [needle_only, blanked]
"""
_STACK = """
tasks: [stack]
grid: {lengths: '8', depths: '1/2', trials: 1}
families: {stack: {lengths: '300', frame_cost: 4}}
"""


def make_corpus(root: Path) -> Path:
    """Write everything into `root`."""
    world = make_world(root, seconds=16, needles=2, lures=1)
    facts = make_facts(root / "facts")
    _lists(root, facts)
    _films(root / "films")
    (root / "pool").mkdir()
    Image.fromarray(draw_number(700_000, SIZE)).save(root / "pool" / "photo.png")
    on_facts = {"needles.pack": str(facts)}
    specs = {
        "plain": world.spec(_PLAIN),
        "families": world.spec(_FAMILIES, **on_facts),
        "frames": world.spec(_PLAIN, **{"output.media": "frames"}),
        "stack": world.spec(_STACK, **on_facts),
    }
    (root / "specs").mkdir()
    for name, spec in specs.items():
        (root / "specs" / f"{name}.yaml").write_text(dump_spec(spec), encoding="utf-8")
        folder = built(spec, root / "datasets" / name)
        stamp(folder, verify(folder, readers=("pyav",)))
    (root / "recipe").mkdir()
    write_recipe(DatasetFolder(root / "datasets" / "plain"), root / "recipe", address="recipe")
    (root / "predictions").mkdir()
    for name in ("plain", "families"):
        _replies(root / "predictions", name, root / "datasets" / name)
    return root


def _lists(root: Path, facts: Path) -> None:
    """Lists as V-NIAH and V-RULER publish them, beside their pictures, and questions of films."""
    prompt = "Which color is the owl?\nA. red\nB. blue\nC. green\nD. pink\n" + LETTERED
    one = [{"path": f"needle-{at}.png", "prompt": prompt, "answer": "A"} for at in range(3)]
    several = [{"path": "['needle-0.png', 'needle-1.png']", "prompt": prompt, "answer": "B"} for _ in range(3)]
    asked = {"question": "What?", "candidates": ["a", "b"], "correct_choice": 0, "id": "q", "answer": "(A) a"}
    films = [{"video_path": "film.mp4", **asked}]
    lists = {"list": one, "list_interrupt": [row | {"path": "lure-1.png"} for row in one], "several": several}
    for name, rows in lists.items():
        (facts / f"{name}.json").write_text(json.dumps(rows))
    (root / "films.json").write_text(json.dumps(films))


def _films(folder: Path) -> None:
    """A short film in each of the usual containers."""
    folder.mkdir()
    small = {"frames": 20, "rate": Fraction(10), "size": (64, 36), "gop": 5}
    write_counter(folder / "h264.mp4", **small)
    write_counter(folder / "other.mov", **small, first=50)
    write_counter(folder / "vfr.mp4", frames=6, size=(64, 36), pts=[0, 9000, 90_000, 99_000, 180_000, 200_000])
    write_counter(folder / "turned.mp4", frames=10, size=SIZE, rotation=90)
    write_counter(folder / "h264.mkv", **small)
    write_counter(folder / "h264.ts", **small)
    write_counter(folder / "mpeg4.avi", **small, codec="mpeg4")
    write_counter(folder / "jpeg.avi", **small, codec="mjpeg", pix_fmt="yuvj420p")
    write_counter(folder / "vp9.webm", **small, codec="libvpx-vp9")


def _replies(folder: Path, name: str, dataset: Path) -> None:
    """Replies to a dataset in every form that is read, and its questions as a list for blind guessers."""
    rows = list(read_manifest(dataset / "manifest.jsonl"))
    forms = {
        "own": [{"id": row.id, "prediction": row.answer} for row in rows],
        "lmms": [
            {"doc_id": at, "filtered_resps": [row.answer], "target": row.answer, "m": {"id": row.id}}
            for at, row in enumerate(rows)
        ],
        "vnbench": [{"question_id": row.id, "pred": row.answer, "gt": row.answer} for row in rows],
        "questions": [{"question": row.question, "options": row.options, "answer": "A", "group": "g"} for row in rows],
    }
    for form, lines in forms.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}-{form}.jsonl").write_text(text, encoding="utf-8")
    table = "id\tprediction\tanswer\n" + "".join(f"{row.id}\t{row.answer}\t{row.answer}\n" for row in rows)
    (folder / f"{name}-sheet.tsv").write_text(table, encoding="utf-8")
    from openpyxl import Workbook

    book = Workbook()
    for line in table.splitlines():
        book.active.append(line.split("\t"))
    book.save(folder / f"{name}-sheet.xlsx")
    cells = [{"Num. Frame": length, "Frame Depth": depth, "Score": 1.0} for length in (8, 16) for depth in (0, 100)]
    (folder / f"{name}-cells.json").write_text(json.dumps(cells))

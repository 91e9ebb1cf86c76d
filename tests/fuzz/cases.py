"""What a stranger may send, by kind, and the commands that it is given to."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.fuzz import media
from tests.fuzz.mutation import TEXTS, Mutator, nested
from tests.fuzz.sandbox import Case

Commands = list[list[str]]

CLOSED = frozenset({"packs", "manifests", "predictions", "recipes"})
"""Kinds that have no business outside of their folder; a spec may name any file of its user's."""
_RECORDS = ("plan", "dropped", "catalog", "needles", "matches", "sightings")
_FORMS = ("lmms-eval", "vlmevalkit", "vnbench", "messages", "inspect", "webdataset")
_LINKS = ("/etc/passwd", "/dev/zero", "/", ".", "loop")


_WHOLE = (0, 1, 2, 3, 26, 27, 100, 101, 1000, 10**6, 2**31, 2**63, 10**30)
_SHARES = ("0", "1", "1/2", "1/1000000007", "0.999999999999", "-1/2", "7", "99999999999999999999/7", "1e-9")
_GRIDS = (
    "8",
    "1",
    "2",
    "16",
    "8,9,10",
    "2:16:1",
    "1:100000:1",
    "8000000",
    "2147483648",
    "9" * 30,
    "0:1:1/1000",
    "0,1/3",
)
_ENTRIES: dict[str, tuple[Any, ...]] = {
    "seed": _WHOLE,
    "tasks": (
        "retrieval",
        "chain",
        "absent",
        "multi_value",
        "multi_query",
        "stack",
        "counting, ordering",
        "localization",
    ),
    "controls": ("needle_only", "haystack_only, no_distractors", "anti_phase", "shuffled", "blanked"),
    "grid.lengths": _GRIDS,
    "grid.depths": _GRIDS,
    "grid.trials": (0, 1, 2, 100, 2**31, 2**63, 10**30, "needles"),
    "haystack.fps": (*_SHARES, "30000/1001", "240", "239.999", "0.0001"),
    "haystack.size": ("32x32", "7680x7680", "64x36", "7680x32", "33x33"),
    "haystack.fit": ("crop", "stretch"),
    "haystack.sampling": ("keyframes",),
    "haystack.window": ("first",),
    "haystack.licenses": ({"film.mp4": "CC0-1.0"}, {"other.mp4": "MIT"}),
    "needles.count": _WHOLE,
    "needles.length": _WHOLE,
    "needles.options": ("listed",),
    "placement.length": ("paper",),
    "placement.band": _SHARES,
    "placement.gap": _WHOLE,
    "placement.at": ("0,1/2,1", "0:1:1/100", "1/3"),
    "placement.visible_to": (
        "linspace:4",
        "linspace:64, qwen2_5-vl:fps=2",
        "qwen2_5-vl:fps=1e-9",
        "linspace:9999999999",
    ),
    "distractors.origin": ("none", "any", "mined"),
    "distractors.law": ("random", "adjacent"),
    "distractors.period": (*_WHOLE, "qwen2-vl", {"rope": {"theta": 1e300, "head_dim": 2, "angle": 300}}),
    "distractors.phase": _SHARES,
    "distractors.count": _WHOLE,
    "distractors.length": _WHOLE,
    "distractors.at_least": _WHOLE,
    "mining.uniqueness": ("move", "drop", "report"),
    "mining.band": ("-1:1", "0:0", "0.9:0.1"),
    "mining.top_k": _WHOLE,
    "mining.sharpness": (0, 1e300),
    "output.media": ("frames", "none"),
    "output.qp": (1, 51),
    "choices.form": ("open", "both"),
    "choices.count": _WHOLE,
    "choices.absent": (True,),
    "choices.circular": (True,),
    "families.counting.most": _WHOLE,
    "families.counting.frames": _WHOLE,
    "families.counting.others": _WHOLE,
    "families.ordering.needles": ("0:0", "1:100", "4"),
    "families.multi_value.needles": ("1:1", "1:100", "4"),
    "families.multi_value.others": _WHOLE,
    "families.multi_key.spread": ("even", "at"),
    "families.multi_query.spread": ("even", "at"),
    "families.localization.tolerance_s": _SHARES,
    "families.chain.hops": _WHOLE,
    "families.chain.branches": _WHOLE,
    "families.absent.others": _WHOLE,
    "families.stack.lengths": (*_GRIDS, "300"),
    "families.stack.frame_cost": _WHOLE,
    "families.stack.video_cost": _WHOLE,
    "families.stack.noise": ("template", "/etc/passwd", "/dev/zero", "x" * 5000),
    "families.stack.per_context": _WHOLE,
}
"""What may stand in a spec, some of it out of range: what is in range can still be too much."""


def make(kind: str, number: int, case: Case, corpus: Path) -> Commands:
    """Write case `number` of a kind; returns the commands to be run on it."""
    draw = Random(f"{kind} {number}")
    return [[str(word) for word in command] for command in KINDS[kind](Mutator(draw), case, corpus)]


def warm_up(corpus: Path, scratch: Path) -> None:
    """Import what commands import, and sample what cases share, before anything is measured."""
    from click.testing import CliRunner

    from haystack_gen.cli import main

    out = scratch / "warm"
    for name in ("plain", "families"):
        CliRunner().invoke(main, ["build", str(corpus / "specs" / f"{name}.yaml"), "--out", str(out / name)])
    CliRunner().invoke(main, ["verify", str(out / "plain")])
    CliRunner().invoke(main, ["audit", str(out / "plain"), "--sampler", "linspace:4"])
    CliRunner().invoke(main, ["score", str(out / "plain"), str(corpus / "predictions" / "plain-sheet.xlsx")])
    CliRunner().invoke(main, ["report", str(out / "plain")])
    cells = str(corpus / "predictions" / "plain-cells.json")
    CliRunner().invoke(main, ["score", cells, "--heatmap", str(out / "maps")])
    pool = ["--pool", str(corpus / "pool"), "-o", str(out / "matches.jsonl")]
    CliRunner().invoke(main, ["mine", "--needles", str(corpus / "pack"), *pool])


def clear(folder: Path) -> None:
    """Delete a case, whatever lies there."""
    shutil.rmtree(folder, ignore_errors=True)


def hide_secrets(case: Case, corpus: Path) -> list[Path]:
    """Files that nothing in a case may lead to, whose times tell whether they were read."""
    secrets = [case.secret / "film.mp4", case.secret / "still.png"]
    for path, source in zip(secrets, (corpus / "film.mp4", corpus / "pool" / "photo.png"), strict=True):
        shutil.copyfile(source, path)
        os.utime(path, (1, 2))
    return secrets


def _specs(mutator: Mutator, case: Case, corpus: Path) -> Commands:
    draw = mutator.draw
    seed = draw.choice(sorted((corpus / "specs").glob("*.yaml")))
    document = yaml.safe_load(seed.read_text(encoding="utf-8"))
    if draw.random() < 0.6:
        document["haystack"]["repeat"] = draw.random() < 0.5
        for key in draw.sample(sorted(_ENTRIES), draw.choice((1, 1, 2, 2, 3, 5))):
            *parents, last = key.split(".")
            section = document
            for parent in parents:
                section = section[parent]
            section[last] = draw.choice(_ENTRIES[key])
        spec = case.write("spec.yaml", yaml.safe_dump(document).encode())
    else:
        spec = case.write("spec.yaml", _yaml(mutator, mutator.document(document)))
    shown = [["plan", spec, "--dry-run"], ["plan", spec, "-o", case.out / "plan.jsonl", "--json"]]
    return [draw.choice((*shown, ["build", spec, "--out", case.out / "made"]))]


def _yaml(mutator: Mutator, document: Any) -> bytes:
    """A document as YAML; now and then YAML that wants more than data."""
    draw = mutator.draw
    try:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=draw.random() < 0.5)
    except (yaml.YAMLError, RecursionError, ValueError):
        return mutator.json_text(document)
    kind = draw.randrange(30)
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    odd = (
        text + laughs,
        text + "more: !!python/object/apply:os.system ['id']\n",
        text + "more: !!timestamp 2001-01-01\n",
        "<<: {seed: 1}\n" + text,
        text + text,
        text + "".join(f"k{n}: {n}\n" for n in range(draw.choice((30, 30_000)))),
        text + "deep: " + "[" * draw.choice((100, 5000)) + "\n",
        text + f"deep: {json.dumps(nested(draw.choice((60, 300)), mapping=True))}\n",
        text + "---\n" + text,
        text.replace("  ", "\t", 1),
        "%YAML 9.9\n---\n" + text,
        text + "? [a, b]\n: c\n? {a: b}\n: c\n",
        text + "x: " + "9" * 6000 + "\n",
        text + "x: |\n  " + "y" * 200_000 + "\n",
    )
    if kind < len(odd):
        return odd[kind].encode("utf-8", "surrogatepass")
    data = text.encode("utf-8", "surrogatepass")
    return mutator.content(data) if kind < 18 else data


def _lines(mutator: Mutator, path: Path, content: bytes) -> bytes:
    """JSON Lines, or JSON, with one of its documents changed."""
    draw = mutator.draw
    if draw.random() < 0.1:
        return mutator.content(content)
    if path.suffix == ".json":
        return mutator.json_text(mutator.document(json.loads(content)))
    lines = content.splitlines() or [b"{}"]
    at = draw.randrange(len(lines))
    document = json.loads(lines[at])
    for key in [key for key in document if key.endswith("_json") and draw.random() < 0.3]:
        document[key] = json.dumps(mutator.document(json.loads(document[key])))
    lines[at] = mutator.json_text(mutator.document(document))
    if draw.random() < 0.05:
        lines = lines * 2
    return b"\n".join(lines) + b"\n"


def _packs(mutator: Mutator, case: Case, corpus: Path) -> Commands:
    draw = mutator.draw
    seed = draw.choice(("pack", "facts", "facts"))
    pack = case.input / "pack"
    shutil.copytree(corpus / seed, pack)
    spec = corpus / "specs" / ("plain.yaml" if seed == "pack" else "families.yaml")
    given, extra, changed = pack, [], pack / "needles.jsonl"
    kind = draw.randrange(10)
    if kind < 2:
        rows = [json.loads(line) for line in changed.read_text().splitlines()]
        changed.unlink()
        document = mutator.document({"name": "p", "license": "CC0-1.0", "needles": rows})
        case.write("pack/pack.yaml", _yaml(mutator, document))
    elif kind < 5 and seed == "facts":
        given = changed = pack / "list.json"
        changed = draw.choice((changed, pack / "list_interrupt.json"))
        case.write(f"pack/{changed.name}", _lines(mutator, changed, changed.read_bytes()))
    elif kind < 7 and seed == "facts":
        changed = pack / "several.json"
        case.write("pack/several.json", _lines(mutator, changed, changed.read_bytes()))
        extra = ["--set", f"needles.lists.{draw.choice(('counting', 'ordering', 'multi_value'))}={changed}"]
    elif kind == 7:
        shutil.copyfile(corpus / "film.mp4", pack / "film.mp4")
        films = corpus / "films.json"
        case.write("pack/films.json", _lines(mutator, films, films.read_bytes()))
        spec = corpus / "specs" / "stack.yaml"
        extra = ["--set", f"families.stack.questions={pack / 'films.json'}", f"--set=families.stack.videos={pack}"]
    elif kind == 8:
        picture = draw.choice(sorted(pack.glob("*.png")))
        case.write(f"pack/{picture.name}", media.picture(picture.read_bytes(), mutator))
    else:
        case.write("pack/needles.jsonl", _lines(mutator, changed, changed.read_bytes()))
    if draw.random() < 0.1:
        _linked(draw, draw.choice(sorted(pack.iterdir())), targets=(*_LINKS, *_secrets(case)))
    if draw.random() < 0.1 and not extra:
        return [["mine", "--needles", given, "--pool", corpus / "pool", "-o", case.out / "matches.jsonl"]]
    if draw.random() < 0.1:
        return [["build", spec, "--needles", given, *extra, "--out", case.out / "made"]]
    return [["plan", spec, "--needles", given, "--dry-run", *extra]]


def _secrets(case: Case) -> list[str]:
    return [str(case.secret / name) for name in ("film.mp4", "still.png", ".")]


def _linked(draw: Random, path: Path, targets: Sequence[str] = _LINKS) -> None:
    """In place of a file a link, a folder, or a pipe on which a careless reader would wait for ever."""
    clear(path)
    path.unlink(missing_ok=True)
    kind = draw.randrange(6)
    if kind == 0:
        path.mkdir()
    elif kind < 3:
        os.mkfifo(path)
    else:
        target = draw.choice(targets)
        path.symlink_to(path.name if target == "loop" else target)


def _manifests(mutator: Mutator, case: Case, corpus: Path) -> Commands:
    draw = mutator.draw
    name = draw.choice(("plain", "plain", "families", "frames", "stack"))
    data = case.out / "data"
    shutil.copytree(corpus / "datasets" / name, data)
    kind = draw.randrange(12)
    if kind < 5:
        changed = data / "manifest.jsonl"
    elif kind < 8:
        changed = data / "provenance" / f"{draw.choice((*_RECORDS, 'plan', 'plan'))}.jsonl"
    else:
        changed = draw.choice(sorted(path for path in data.rglob("*") if path.is_file()))
    _change_file(mutator, changed, changed.read_bytes())
    if draw.random() < 0.06:
        _linked(draw, changed)
    item = json.loads((corpus / "datasets" / name / "manifest.jsonl").read_text().splitlines()[0])["id"]
    replies = corpus / "predictions" / f"{'families' if name == 'families' else 'plain'}-own.jsonl"
    commands: Sequence[list[Any]] = (
        ["verify", data, "--reader", "pyav", "opencv"],
        ["verify", data, "--json"],
        ["show", data, item, "-o", case.out / "item.png"],
        ["audit", data, "--sampler", "linspace:4", "qwen2_5-vl:fps=2,max_frames=8"],
        ["audit", data, "--json"],
        ["score", data, replies, "--by-order"],
        ["score", data, replies, "--json", "--per-item", case.out / "items.jsonl", "--upstream", case.out / "cells"],
        ["report", data, "-o", case.out / "page.html"],
        ["report", data, replies, "-o", case.out / "page.html"],
        ["render", data, item, "-o", case.out / "item.mp4", "--source", corpus / "film.mp4", corpus / "pack"],
        ["plan", data, "-o", case.out / "plan.jsonl"],
        ["build", data, "--haystack", corpus / "film.mp4", "--needles", corpus / "pack", "--out", case.out / "again"],
        ["push", data, "a/b", "--dry-run"],
        ["push", data, "a/b", "--dry-run", "--recipe-only", "--json"],
        *(["export", data, form, "-o", case.out / "export"] for form in _FORMS),
    )
    return draw.sample(commands, 2)


def _change_file(mutator: Mutator, path: Path, content: bytes) -> None:
    """A file of a dataset, changed as what it is."""
    draw = mutator.draw
    if path.suffix in (".jsonl", ".json"):
        content = _lines(mutator, path, content)
    elif path.suffix == ".yaml":
        content = _yaml(mutator, mutator.document(yaml.safe_load(content)))
    elif path.suffix == ".parquet" and draw.random() < 0.5:
        content = _parquet(draw, content)
    elif path.suffix == ".mp4":
        content = media.film(content, mutator)
    elif path.suffix in (".png", ".jpg"):
        content = media.picture(content, mutator)
    else:
        content = mutator.content(content)
    path.write_bytes(content)


def _parquet(draw: Random, content: bytes) -> bytes:
    """A table with a column left out, of another type, or with rows missing or repeated."""
    table = pq.read_table(BytesIO(content))
    name = draw.choice(table.column_names)
    at = table.column_names.index(name)
    kind = draw.randrange(6)
    if kind == 0:
        table = table.drop_columns([name])
    elif kind == 1:
        table = table.set_column(at, name, pa.array([draw.choice(("x", "\0", "../x"))] * len(table)))
    elif kind == 2:
        table = table.set_column(at, name, pa.nulls(len(table), table.schema.field(name).type))
    elif kind == 3:
        table = table.slice(draw.randrange(len(table) + 1))
    elif kind == 4:
        table = pa.concat_tables([table] * 3)
    else:
        numbers = pa.array([draw.choice((-1, 0, 2**62))] * len(table), pa.int64())
        table = table.set_column(at, name, numbers)
    written = BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


def _predictions(mutator: Mutator, case: Case, corpus: Path) -> Commands:
    draw = mutator.draw
    seed = draw.choice(sorted((corpus / "predictions").iterdir()))
    data = corpus / "datasets" / seed.name.partition("-")[0]
    content = seed.read_bytes()
    if seed.suffix == ".xlsx":
        content = _workbook(mutator, content)
    elif seed.suffix == ".tsv":
        content = _sheet(mutator, content)
    else:
        content = _lines(mutator, seed, content)
    given = case.write(seed.name, content)
    if draw.random() < 0.02:
        _linked(draw, given, targets=("loop", ".", "/dev/zero"))  # where its user's file leads is its user's business
    if "questions" in seed.name:
        more = draw.choice(([], ["--group-field", "group"], ["--json"]))
        return [["audit", given, *more]]
    if "cells" in seed.name:
        return [["score", given, "--heatmap", case.out / "maps"]]
    parser = draw.choice(([], [], ["--parser", "lmms-eval"], ["--parser", "vlmevalkit"], ["--parser", "vnbench"]))
    by_order = draw.choice(([], ["--by-order"]))
    if draw.random() < 0.15:
        return [["report", data, given, *parser, *by_order, "-o", case.out / "page.html"]]
    more = draw.choice(([], ["--json"], ["--per-item", case.out / "items.jsonl"], ["--upstream", case.out / "cells"]))
    return [["score", data, given, *parser, *by_order, *more]]


def _sheet(mutator: Mutator, content: bytes) -> bytes:
    draw = mutator.draw
    if draw.random() < 0.3:
        return mutator.content(content)
    rows = [line.split("\t") for line in content.decode().splitlines()]
    for _ in range(draw.choice((1, 2, 5))):
        row = draw.choice(rows)
        if row:
            row[draw.randrange(len(row))] = draw.choice((*TEXTS, '"', "a\tb", '"a\nb"', "index"))
    return "\n".join("\t".join(row) for row in rows).encode("utf-8", "surrogatepass")


_SHEET = "xl/worksheets/sheet1.xml"


def _workbook(mutator: Mutator, content: bytes) -> bytes:
    """A workbook with one of its parts changed, or that unpacks to more than it seems."""
    draw = mutator.draw
    if draw.random() < 0.2:
        return mutator.content(content)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice((_SHEET, _SHEET, *parts))
    text = parts[name].decode()
    laughs = '<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    odd: tuple[Callable[[], bytes], ...] = (
        lambda: mutator.content(parts[name]),
        lambda: (laughs + text.replace("<v>", "<v>&b;", 1)).encode(),
        lambda: text.replace('r="2"', f'r="{draw.choice((-1, 0, 10**6, 10**12, "x"))}"', 1).encode(),
        lambda: text.replace('r="B2"', f'r="{draw.choice(("XFD2", "ZZZZZZ2", "2", "", "B99999999"))}"', 1).encode(),
        lambda: text.replace("<v>", f"<v>{draw.choice((10**9, -1, 'x', '1e999', '9' * 5000))}", 1).encode(),
        lambda: text.replace('t="inlineStr"', f't="{draw.choice("sdben")}"', 1).encode(),
        lambda: text.replace("</sheetData>", '<row r="9"><c/></row>' * 20_000 + "</sheetData>").encode(),
        lambda: text.replace(">", ">" + "<a>" * draw.choice((50, 20_000)), 1).encode(),
        lambda: text.encode() + b" " * draw.choice((1000, 80 << 20)),
    )
    parts[name] = draw.choice(odd)()
    if draw.random() < 0.1:
        parts.pop(draw.choice(list(parts)))
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return written.getvalue()


def _videos(mutator: Mutator, case: Case, corpus: Path) -> Commands:
    draw = mutator.draw
    seed = draw.choice(sorted((corpus / "films").iterdir()))
    film = case.write(f"film{seed.suffix}", media.film(seed.read_bytes(), mutator))
    if draw.random() < 0.02:
        _linked(draw, film)
    grid = ["--lengths", "2", "--set=haystack.repeat=true"]
    spec = corpus / "specs" / "plain.yaml"
    kind = draw.randrange(6)
    if kind < 2:
        return [["plan", spec, "--haystack", film, *grid, "--set=mining.uniqueness=move"]]
    if kind == 2:
        return [["mine", "--needles", corpus / "pack", "--pool", film, "-o", case.out / "matches.jsonl"]]
    if kind == 3:
        return [["plan", spec, "--haystack", film, *grid, "--fps", draw.choice(("1/3", "24", "240"))]]
    if kind == 4:
        more = draw.choice((["--set=haystack.sampling=keyframes"], ["--media", "frames"], ["--set=haystack.fit=crop"]))
        return [["build", spec, "--haystack", film, *grid, *more, "--out", case.out / "made"]]
    shutil.copytree(corpus / "datasets" / "plain", case.out / "data")
    one = draw.choice(sorted((case.out / "data" / "videos").rglob("*.mp4")))
    one.write_bytes(media.film(one.read_bytes(), mutator))
    return [["verify", case.out / "data", *draw.choice(([], ["--reader", "pyav"]))]]


def _recipes(mutator: Mutator, case: Case, corpus: Path) -> Commands:
    draw = mutator.draw
    recipe = case.input / "recipe"
    shutil.copytree(corpus / "recipe", recipe)
    changed = draw.choice(sorted(path for path in recipe.rglob("*") if path.is_file() and path.name != "README.md"))
    _change_file(mutator, changed, changed.read_bytes())
    if draw.random() < 0.1:
        _linked(draw, changed, targets=(*_LINKS, *_secrets(case)))
    sources = ["--haystack", corpus / "film.mp4", "--needles", corpus / "pack"]
    if draw.random() < 0.5:
        return [["plan", recipe, "-o", case.out / "plan.jsonl"]]
    return [["build", recipe, *sources, "--out", case.out / "made"]]


KINDS: dict[str, Callable[[Mutator, Case, Path], Sequence[Sequence[Any]]]] = {
    "specs": _specs,
    "packs": _packs,
    "manifests": _manifests,
    "predictions": _predictions,
    "videos": _videos,
    "recipes": _recipes,
}

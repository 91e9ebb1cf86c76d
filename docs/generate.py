"""Writes what is made from the code: the command line, a row's schema, samplers, families' settings and examples.

python docs/generate.py             write the pages
python docs/generate.py --check     exit 1 if a page or a picture is out of date
python docs/generate.py --pictures  also build the examples and draw them; takes a minute

audit.md and the pages in docs/families are written by hand, but for the parts between `<!-- generated: ... -->` and
`<!-- end -->`.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from fractions import Fraction
from functools import cache, partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from PIL import Image

from haystack_gen.build import build
from haystack_gen.cli import main
from haystack_gen.cli.options import chosen_spec
from haystack_gen.draw.families import plan_families
from haystack_gen.emit.plans import find_item, plan_line
from haystack_gen.emit.rows import json_schema
from haystack_gen.facts import Facts, Match, Needle, Source
from haystack_gen.families import Choices, Families
from haystack_gen.gather.noise import gather_noise
from haystack_gen.gathering import Tools
from haystack_gen.judge.ribbon import ribbon
from haystack_gen.judge.samplers import SAMPLERS
from haystack_gen.judge.strip import chosen_frames, draw_strip, read_chosen
from haystack_gen.judge.words import described
from haystack_gen.notation import Section
from haystack_gen.plan.items import Item
from haystack_gen.plan.planner import plan_items
from haystack_gen.spec import Spec
from haystack_gen.specfile import load_yaml
from haystack_gen.wording import read_wording
from haystack_gen.workspace import DatasetFolder

DOCS = Path(__file__).parent
_PAGES = load_yaml((DOCS / "families" / "pages.yaml").read_text(encoding="utf-8"), where="docs/families/pages.yaml")
BUILDS: dict[str, str] = _PAGES["builds"]
EXAMPLES: dict[str, str] = _PAGES["examples"]
MEANINGS: dict[str, dict[str, str]] = _PAGES["settings"]
LARGEST_PICTURE = 80_000
_REGION = re.compile(r"(<!-- generated: ([\w ]+) -->\n)(?:(?!<!-- generated).)*?(?=<!-- end -->)", re.DOTALL)


def _group() -> click.Context:
    return click.Context(main, info_name="haystack-gen", terminal_width=100, **main.context_settings)


def cli_page() -> str:
    """Every command's help, as the terminal shows it."""
    parts = ["# Command line\n\nMade by `python docs/generate.py` from the commands themselves.\n"]
    group = _group()
    parts.append(f"```\n{main.get_help(group)}\n```\n")
    for name in main.list_commands(group):
        command = main.commands[name]
        context = click.Context(command, info_name=name, parent=group, terminal_width=100)
        parts.append(f"## haystack-gen {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def spec_of(name: str) -> Spec:
    """What one of `BUILDS` asks for, read as the command line reads it."""
    context = main.commands["plan"].make_context("plan", shlex.split(BUILDS[name]), parent=_group())
    return chosen_spec(dict(context.params))


@cache
def planned(name: str) -> dict[str, Item]:
    """The items of one of `BUILDS`, planned from what its drawn pack and film will be, without painting them."""
    spec = spec_of(name)
    return {one.id: one for one in plan_items(spec, facts_of(spec)) if isinstance(one, Item)}


def facts_of(spec: Spec) -> Facts:
    """What gathering would find; drawing the pictures proves it, since what is built must be what is planned."""
    needles, matches = drawn_pack(spec.seed)
    return Facts(
        haystack=(_film(spec),),
        stills=(),
        needles=needles,
        matches=matches,
        noise=gather_noise(spec.families.stack.noise, seed=spec.seed, at_least=max(spec.families.stack.lengths)),
        wording=read_wording(),
    )


def drawn_pack(seed: int) -> tuple[tuple[Needle, ...], tuple[Match, ...]]:
    """The needles of the drawn family pack and their look-alikes, as they are gathered."""
    drawn = plan_families(seed)
    needles = tuple(
        Needle(
            id=one.id,
            source=one.id,
            question="",
            key=one.key,
            attribute=one.attribute,
            value=one.value,
            answer=one.value,
            count=one.scene.count,
        )
        for one in drawn
    )
    return needles, tuple(
        Match(needle=one.id, source=lure.id, origin="supplied", lure=lure.value) for one in drawn for lure in one.lures
    )


def _film(spec: Spec) -> Source:
    """The drawn film, half as long again as the longest clip, in whole seconds."""
    fps, (width, height) = spec.haystack.fps, spec.haystack.size
    seconds = -(-Fraction(3, 2) * max(spec.grid.lengths) / fps // 1)
    return Source(
        id=f"film-s{spec.seed}",
        kind="video",
        path="",
        sha256="",
        size_bytes=1,
        width=width,
        height=height,
        frames=int(seconds * fps),
        rate=fps,
        duration_s=Fraction(seconds),
    )


def build_of(page: str) -> str:
    """Which of `BUILDS` a page's example is from."""
    return EXAMPLES[page].split()[0]


def example(page: str) -> Item:
    """The item that a page shows.

    Raises:
        SystemExit: it is not planned any more.
    """
    items, (_, chosen) = planned(build_of(page)), EXAMPLES[page].split()
    if chosen not in items:
        near = get_close_matches(chosen, items, n=5)
        sys.exit(f"{chosen}: no such item any more; choose another in docs/families/pages.yaml: {', '.join(near)}")
    return items[chosen]


def shown(page: str) -> str:
    """An example: its picture, and the item as `haystack-gen show` prints it, with options and without."""
    item, items = example(page), planned(build_of(page))
    more = [one for one in items.values() if one.video == item.video and one.form == item.form and one != item]
    open_form = [items[f"{item.id}-open"]] if f"{item.id}-open" in items else []
    parts = [f"![{item.question} {', '.join(item.options)}]({page}.jpg)\n", _console(page, item, whole=True)]
    parts += [_console(page, one, whole=False) for one in (*(more if item.control == "none" else ()), *open_form)]
    return "\n".join(parts)


def _console(page: str, item: Item, *, whole: bool) -> str:
    lines = list(described(item))
    lines = lines if whole else [*lines[: lines.index("")], "..."]
    told = f"How to answer: “{item.instruction}”"
    return "\n".join(["```console", f"$ haystack-gen show {build_of(page)} {item.id}", *lines, "```", "", told, ""])


def twins() -> str:
    """The example of the controls and its twins, a line each."""
    one = example("controls")
    group = [item for item in planned(build_of("controls")).values() if item.group == one.group]
    lines = [f"{item.control:<15}{ribbon(item):<50}{item.answer}. {item.answer_text}" for item in group]
    return "\n".join(["```", group[0].question, "", *lines, "```", ""])


def settings(name: str, section: Section) -> str:
    """A table of a section's keys: names, values and defaults from the code, meanings from `MEANINGS`.

    Raises:
        SystemExit: a key has no meaning, or a meaning no key.
    """
    fields, defaults = section.model_json_schema()["properties"], section.model_dump(mode="json")
    meanings = {key: said for key, said in MEANINGS["common"].items() if key in fields} | MEANINGS[name]
    if set(fields) != set(meanings):
        sys.exit(f"{name}: docs/families/pages.yaml explains {sorted(meanings)}, the code has {sorted(fields)}")
    path = name if name == "choices" else f"families.{name}"
    rows = [
        f"| `{path}.{key}` | {_default(defaults[key])} | {_takes(field)} | {meanings[key]} |"
        for key, field in fields.items()
    ]
    return "\n".join(["| key | default | takes | means |", "|---|---|---|---|", *rows, ""])


def _default(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    return "none" if value is None else f"`{str(value).lower()}`"


def _takes(field: dict[str, Any]) -> str:
    """What a key may be, from its JSON Schema."""
    if names := field.get("enum"):
        return ", ".join(f"`{name}`" for name in names)
    if "prefixItems" in field:
        return "a number, or `LOW:HIGH` to draw from"
    if field.get("type") == "integer":
        low = field.get("minimum", field.get("exclusiveMinimum", -1) + 1)
        return f"{low} to {field['maximum']}" if "maximum" in field else f"{low} or more"
    if field.get("type") == "array":
        return "any of these" if "enum" in field["items"] else "numbers, or `START:STOP:STEP`"
    return {"boolean": "`true`, `false`"}.get(field.get("type", ""), "a number" if "ge" in field else "text")


def samplers() -> str:
    """A table of the samplers: how each is written, with its defaults, and where it was read."""
    rows = ["| sampler | written | may be off by | as in |", "|---|---|---|---|"]
    for name, kind in SAMPLERS.items():
        forms = (",".join(f"{key}={default or 'N'}" for key, default in form.settings.items()) for form in kind.forms)
        written = "<br>".join(f"`{name}:{settings}`" for settings in forms)
        off = " or ".join(dict.fromkeys("0" if form.exact else "1 frame" for form in kind.forms))
        rows.append(f"| {name} | {written} | {off} | {kind.source} |")
    return "\n".join([*rows, ""])


def part(name: str) -> str:
    """The generated part of that name: `settings X`, `example X`, `command X`, `twins` or `samplers`."""
    kind, _, which = name.partition(" ")
    if kind == "settings":
        return settings(which, Choices() if which == "choices" else getattr(Families(), which))
    if kind == "command":
        return f"```sh\nhaystack-gen build {BUILDS[which]} --out {which}\n```\n"
    return {"example": partial(shown, which), "twins": twins, "samplers": samplers}[kind]()


def filled(page: Path) -> str:
    """A page written by hand, its generated parts made anew.

    Raises:
        SystemExit: a part has no end, and what follows it would be lost.
    """
    text = page.read_text(encoding="utf-8")
    made, parts = _REGION.subn(lambda region: f"{region[1]}\n{part(region[2])}\n", text)
    if parts != text.count("<!-- generated"):
        sys.exit(f"{page}: each generated part needs a line '<!-- generated: NAME -->' and a line '<!-- end -->'")
    return made


def pages() -> dict[Path, str]:
    """The text of every page that is generated or has generated parts."""
    return {
        DOCS / "cli.md": cli_page(),
        DOCS / "row.schema.json": json.dumps(json_schema(), indent=1) + "\n",
        **{page: filled(page) for page in (DOCS / "audit.md", *sorted((DOCS / "families").glob("*.md")))},
    }


def stamp(page: str) -> str:
    """What a page's picture was drawn from: the item, with everything planned about it, and the scenes in it."""
    item = example(page)
    drawn = plan_families(spec_of(build_of(page)).seed)
    scenes = {one.id: one.scene for needle in drawn for one in (needle, *needle.lures)}
    sources = sorted({clip.source for clip in item.timeline.clips} & set(scenes))
    seen = [plan_line(item), repr(chosen_frames(item)), *(repr(scenes[source]) for source in sources)]
    return f"{item.id} {sha256(''.join(seen).encode()).hexdigest()[:16]}"


def stamp_in(path: Path) -> str:
    """The stamp that a picture carries as its comment."""
    with Image.open(path) as picture:
        return str(picture.info.get("comment", b""), "utf-8")


def stale() -> Iterator[Path]:
    """Every page and picture that is not what it would be if it were made now."""
    for path, text in pages().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path
    for page in EXAMPLES:
        path = DOCS / "families" / f"{page}.jpg"
        if not path.is_file() or stamp_in(path) != stamp(page):
            yield path


def draw_pictures() -> None:
    """Build what the examples are from, and draw each.

    Raises:
        SystemExit: what was built is not what was planned without painting.
    """
    with TemporaryDirectory() as temporary:
        for name in BUILDS:
            folder = DatasetFolder(Path(temporary) / name)
            build(spec_of(name), folder.root, Tools.local())
            for page in (page for page in EXAMPLES if build_of(page) == name):
                item = find_item(folder.plan, example(page).id)
                if plan_line(item) != plan_line(example(page)):
                    sys.exit(f"{item.id}: was built otherwise than docs/generate.py plans it; mend facts_of")
                picture = draw_strip(item, read_chosen(folder, item))
                (DOCS / "families" / f"{page}.jpg").write_bytes(_jpeg(picture, stamp(page)))


def _jpeg(picture: Image.Image, comment: str) -> bytes:
    """The picture in the best quality that is small enough."""
    for quality in range(90, 30, -4):
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True, comment=comment)
        if file.tell() <= LARGEST_PICTURE:
            return file.getvalue()
    sys.exit(f"{comment}: takes more than {LARGEST_PICTURE:,} bytes")


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        old = [path.name for path in stale()]
        sys.exit(f"out of date: {', '.join(old)}" if old else 0)
    if "--pictures" in sys.argv[1:]:
        draw_pictures()
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")

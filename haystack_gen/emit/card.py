"""The dataset card: what a reader needs to load the folder, to trust it, and to know whose pictures are in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from string import Template

from haystack_gen.atomic import write_atomic
from haystack_gen.emit.card_audit import audit_section
from haystack_gen.emit.card_header import Layout, cell, header
from haystack_gen.emit.tally import FamilyTally, Tally
from haystack_gen.errors import InputError
from haystack_gen.facts import Source
from haystack_gen.records import parse_json, read_text
from haystack_gen.spec import Spec
from haystack_gen.workspace import DatasetFolder, package_folder

_MOST_SOURCES = 200
_MEDIA: Mapping[Layout, str] = {
    "video": "H.264 mp4 files",
    "frames": "JPEG frames, shared between items",
    "none": "none: the recipe alone, to be rendered with `haystack-gen render`",
    "webdataset": "H.264 mp4 files in tar archives, each video once",
}
_FORMS = {
    "mcq": "options",
    "short": "a word",
    "count": "a number",
    "order": "an order",
    "set": "a set",
    "seconds": "seconds",
}
_CONTROLS = {
    "needle_only": "the frames asked about, one after the other",
    "haystack_only": "the footage alone; right is that it is not in the video",
    "no_distractors": "without look-alikes and needles not asked about",
    "anti_phase": "look-alikes half a period further",
    "shuffled": "the footage in another order",
    "blanked": "a grey picture in place of the needles asked about; right is that it is not in the video",
}


def write_card(
    folder: DatasetFolder, spec: Spec, *, sources: Iterable[Source], tally: Tally, layout: Layout | None = None
) -> None:
    """Write `README.md`, once provenance, blind audit and picture are there.

    Args:
        folder: the dataset's.
        spec: as built from.
        sources: all films and pictures; those that some video shows are listed.
        tally: of the plan.
        layout: how the media lie, if not as the spec has it.

    Raises:
        InputError: the blind audit or the list of versions is damaged.
    """
    layout = layout or spec.output.media
    shown = [source for source in sources if source.id in tally.shown]
    width, height = spec.haystack.size
    families = list(tally.families)
    template = Template((package_folder("templates") / "dataset_card.md").read_text(encoding="utf-8"))
    text = template.substitute(
        header=header(spec.name, items=tally.items, families=families, sources=shown, layout=layout),
        name=cell(spec.name) or "haystack",
        items=f"{tally.items:,}",
        dropped=f"{sum(tally.dropped.values()):,}",
        families=", ".join(f"{name} {family.items:,}" for name, family in tally.families.items()),
        controls=", ".join(f"{name} {count:,}" for name, count in tally.controls.items()) or "none",
        videos=f"{tally.videos:,}",
        duration=_duration(tally.duration_s),
        needle_length=_plural(spec.needles.length, "frame"),
        lengths_from_to=_from_to(spec.grid.lengths),
        rate=f"{_plural(spec.haystack.fps, 'frame')} per second",
        picture=_picture(folder),
        lengths=_numbers(spec.grid.lengths),
        depths=_numbers(spec.grid.depths),
        needles=cell(spec.needles.pack if _is_public(spec.needles.pack) else Path(spec.needles.pack).name),
        distractors=_distractors(spec),
        frame_size=f"{width} x {height}",
        media=_MEDIA[layout],
        seed=spec.seed,
        contexts=_contexts(spec),
        family_table="\n".join(_family_table(tally.families)),
        twins=_twins(tally.controls),
        loading=_loading(layout, family=families[0]),
        places=_places(spec),
        versions=_versions(folder),
        audit=audit_section(folder, ()),
        sources=_ledger(shown),
        limits="\n".join(f"- {limit}" for limit in _limits(spec)),
    )
    write_atomic(folder.card, text)


def _family_table(families: Mapping[str, FamilyTally]) -> Iterator[str]:
    yield "| family | items | twins | answered by | chance |"
    yield "|---|---|---|---|---|"
    for name, family in families.items():
        forms = ", ".join(f"{_FORMS[form]} {count:,}" for form, count in family.forms.items())
        chance = f"{float(family.by_chance / family.forms['mcq']):.1%}" if family.forms["mcq"] else "none"
        yield f"| {name} | {family.items:,} | {family.twins:,} | {forms} | {chance} |"


def _twins(controls: Mapping[str, int]) -> str:
    if not controls:
        return "There are no twins."
    lines = [
        "*Twins* ask an item's question with one thing changed; leave them out of headline figures (`control` is "
        "`none` for all others).",
        "",
        "| control | items | the twin has |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {count:,} | {_CONTROLS[name]} |" for name, count in controls.items()]
    return "\n".join(lines)


def _limits(spec: Spec) -> Iterator[str]:
    needle, longest = spec.needles.length, max(spec.grid.lengths)
    yield (
        "Questions about pictures inserted into footage: they measure whether a model finds and reads what was shown, "
        "not whether it understands a film."
    )
    enough = -(-(longest - 1) // needle) + 1
    yield (
        f"A sampler that skips a needle's frames makes its item unanswerable. Needles stay for "
        f"{_plural(needle, 'frame')}: to be sure of each in {longest:,} frames, a model has to be given {enough:,} of "
        "them, evenly spaced."
    )
    if spec.placement.visible_to:
        samplers = ", ".join(map(cell, spec.placement.visible_to))
        yield f"Needles were moved, or stay longer, until {samplers} show all of them: their depths are not even."
    if spec.mining.uniqueness == "off":
        yield "It was not checked whether the footage itself shows something that looks like a needle."
    elif not spec.mining.embedder.startswith("open_clip:"):
        yield (
            "Similarity of pictures was judged by colours, edges and layout, not by a model of what they mean: "
            "`similarity`, and the check that the footage shows no needle, are no better than that."
        )
    yield (
        "Items of one `group` differ in a control alone, items of one `circular_group` in the order of their options, "
        "and items about one video are not independent: count them as groups."
    )
    yield "An item's `id` and the name of its file tell needle and depth: show them to no model."


def _places(spec: Spec) -> str:
    """The options that say where a rebuild finds its inputs; what was drawn is drawn again."""
    places = {
        "--haystack FILMS": spec.haystack.sources != ("draw",) or spec.families.stack.questions is not None,
        "--needles PACK": not spec.needles.pack.startswith("draw"),
        "--pool POOL": bool(spec.mining.pool or spec.mining.matches),
    }
    return "".join(f"{option} " for option, needed in places.items() if needed)


def _distractors(spec: Spec) -> str:
    law = spec.distractors
    if law.origin == "none":
        return "none"
    origin = f"{law.origin}, " if law.origin != "any" else ""
    if spec.placement.length == "paper":
        return (
            f"{origin}at most one, {law.period_frames} haystack frames before or after the needle "
            "(upstream's arithmetic)"
        )
    if law.law != "periodic":
        return f"{origin}{law.law}, {law.count}, sides: {law.sides}"
    return f"{origin}periodic, every {law.period_frames} frames, phase {law.phase}, sides: {law.sides}"


def _contexts(spec: Spec) -> str:
    """A line of the table, where videos stand in text."""
    if "stack" not in spec.tasks:
        return ""
    stack = spec.families.stack
    unit = f"tokens of {cell(Path(stack.tokenizer).name)}" if stack.tokenizer else "words"
    return f"\n| contexts of stack | {_numbers(stack.lengths)} {unit} |"


def _ledger(sources: Sequence[Source]) -> str:
    """Films and pictures by licence, then each of them, films first; unknown is said, not guessed."""
    ordered = sorted(sources, key=lambda source: source.kind != "video")
    by_license = Counter(source.license.strip() or "unknown" for source in ordered)
    unknown = by_license["unknown"]
    count = _plural(len(ordered), "film or picture", "films and pictures")
    lines = [
        f"{count}; the licence of **{unknown:,}** is unknown." if unknown else f"{count}, each with a stated licence.",
        "",
    ]
    lines += ["| licence | films and pictures |", "|---|---|"]
    lines += [f"| {cell(license)} | {number:,} |" for license, number in by_license.most_common()]
    lines += ["", "| source | kind | licence | SHA-256 |", "|---|---|---|---|"]
    lines += [
        f"| {cell(source.id)} | {source.kind} | {cell(source.license) or 'unknown'} | `{source.sha256[:16]}` |"
        for source in ordered[:_MOST_SOURCES]
    ]
    if len(ordered) > _MOST_SOURCES:
        lines += ["", f"And {len(ordered) - _MOST_SOURCES:,} more; `provenance/catalog.jsonl` lists all of them."]
    return "\n".join(lines)


def _picture(folder: DatasetFolder) -> str:
    name = folder.picture.name
    return f"![needle, distractors and haystack of one item]({name})" if folder.picture.is_file() else ""


def _loading(layout: Layout, *, family: str) -> str:
    template = Template((package_folder("templates") / "card" / f"{layout}.md").read_text(encoding="utf-8"))
    return template.substitute(family=family).rstrip()


def _versions(folder: DatasetFolder) -> str:
    found = parse_json(read_text(folder.versions), str(folder.versions))
    if not isinstance(found, dict):
        raise InputError(f"{folder.versions}: expected an object of names and versions; build the dataset again")
    return ", ".join(f"{name} {version}" for name, version in found.items() if name != "encoder")


def _duration(seconds: Fraction) -> str:
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{float(seconds / size):,.1f} {unit}"
    return f"{float(seconds):.3g} seconds"


def _plural(count: Fraction | int, one: str, many: str = "") -> str:
    number = f"{count:,}" if isinstance(count, int) else str(count)
    return f"{number} {one if count == 1 else many or one + 's'}"


def _from_to(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _numbers(numbers: Sequence[object]) -> str:
    shown = [str(number) for number in numbers]
    return ", ".join(shown) if len(shown) <= 8 else f"{', '.join(shown[:3])}, ... {shown[-1]} ({len(shown)})"


def _is_public(pack: str) -> bool:
    return pack == "draw" or pack.startswith(("hub:", "draw:"))

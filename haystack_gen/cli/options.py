"""What commands share: options that override a spec, lists after one flag, tables."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from haystack_gen.cache import Cache
from haystack_gen.cli.view import visible
from haystack_gen.errors import InputError
from haystack_gen.progress import Progress
from haystack_gen.remote.store import checked, is_url
from haystack_gen.spec import Spec
from haystack_gen.specfile import load_yaml, read_spec, read_spec_file
from haystack_gen.workspace import package_folder

Function = TypeVar("Function", bound=Callable[..., Any])

# option name, spec key, help
_OVERRIDES = (
    ("--needles", "needles.pack", "Needle pack: a folder, an upstream JSON file, hub:USER/NAME, draw, draw:families."),
    ("--images", "needles.images", "Folder of the pack's images, where they do not lie beside its list."),
    ("--distractor-list", "needles.distractor_list", "Upstream's parallel list of distractors."),
    ("--matches", "mining.matches", "Look-alikes found by haystack-gen mine."),
    ("--lengths", "grid.lengths", "Clip lengths in frames: 100:3000:200 (up to and including) or 64,128."),
    ("--depths", "grid.depths", "Needle depths: 0:1:0.2 or 0,1/2,1; 0 is the first frame, 1 the last."),
    ("--trials", "grid.trials", "Items per cell, or 'needles' for one per needle."),
    ("--seed", "seed", "Seed of every draw."),
    ("--fps", "haystack.fps", "Frames sampled per second of film."),
    ("--size", "haystack.size", "Frame size, such as 448x252."),
)
_COPY = {
    "s3": "copy to or from it with aws s3 cp or sync",
    "gs": "copy to or from it with gcloud storage cp or rsync",
    "hf": "copy from it with hf download, and to it with haystack-gen push",
}
_PLACES = ("haystack", "needles", "images", "pool")
_WHOLE = re.compile("-?[0-9]{1,30}")


class ListCommand(click.Command):
    """Lets some options take several values after one flag, so that the shell's `*.mp4` works: --haystack a b c."""

    lists = ("--haystack", "--pool", "--reader", "--source", "--task", "--sampler")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the flag before each further value."""
        spread: list[str] = []
        flag = None
        for word in args:
            if word.startswith("-"):
                flag = word if word in self.lists else None
                spread.append(word)
                first = True
                continue
            if flag and not first:
                spread.append(flag)
            spread.append(word)
            first = False
        return super().parse_args(ctx, spread)


def spec_options(function: Function) -> Function:
    """The options of `plan` and `build` that override a spec, and the spec itself as the first argument."""
    decorators = [
        click.argument("preset_or_spec"),
        click.option("--haystack", multiple=True, help="Videos, folders of videos, or URLs. Several may follow."),
        *(click.option(name, help=text) for name, _, text in _OVERRIDES),
        click.option("--task", multiple=True, help="Question families, such as retrieval counting ordering."),
        click.option("--pool", multiple=True, help="Images and videos to mine for look-alikes."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other key of the spec."),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


class PathOrUrl(click.Path):
    """A path, or the text of a URL, which is none: a `Path` would make one slash of two."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return checked(value) if is_url(value) else super().convert(_named(value, param), param, ctx)


class LocalPath(click.Path):
    """A path of this machine; a URL is refused for what it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_url(value):
            name = "" if param is None else f"{param.human_readable_name}: "
            raise InputError(f"{name}{checked(value)} is a URL, expected a path of this machine; {_COPY[value[:2]]}")
        return super().convert(_named(value, param), param, ctx)


class OutputFile(LocalPath):
    """A file to write; what is there and is none, such as a device or a link, would be replaced by it, and is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise InputError(f"{path}: is a link, a pipe or a device, expected a file to write; choose another")
        return path


def _named(value: Any, param: click.Parameter | None) -> Any:
    """The same path, unless it is empty, which would be the folder that one is in."""
    if not str(value):
        raise InputError(
            f"{param.opts[0] if param else 'a path'}: is empty, expected a path; name one, or leave it out"
        )
    return value


def cache_option(function: Function) -> Function:
    """Where artefacts that can be made again are kept."""
    return click.option(
        "--cache",
        type=PathOrUrl(path_type=Path, file_okay=False),
        help="Cache: a folder, or an s3:// or gs:// URL [default: $HAYSTACK_CACHE or ~/.cache/haystack-gen].",
    )(function)


def chosen_cache(cache: Path | str | None, progress: Progress | None = None) -> Cache:
    """The cache named by `--cache`, or the usual one; `progress` is told of what comes and goes if it is at a URL."""
    return Cache.at(cache, progress) if cache else Cache.default(progress)


def chosen_spec(options: dict[str, Any]) -> Spec:
    """The spec of a preset or file with the given options on top; takes its own options out of `options`."""
    name = options.pop("preset_or_spec")
    overrides: dict[str, object] = {}
    if haystack := options.pop("haystack"):
        overrides["haystack.sources"] = list(haystack)
    if pool := options.pop("pool"):
        overrides["mining.pool"] = list(pool)
    if tasks := options.pop("task"):
        overrides["tasks"] = [name for task in tasks for name in task.split(",")]
    for option, key, _ in _OVERRIDES:
        value = options.pop(option.lstrip("-").replace("-", "_"))
        if value is not None:
            overrides[key] = int(value) if key == "seed" and _WHOLE.fullmatch(value) else value
    overrides |= chosen_settings(options.pop("settings"))
    if (preset := _preset(name)).is_file():
        return read_spec(preset.read_text(encoding="utf-8"), where=name, overrides=overrides)
    if is_url(name):
        raise InputError(f"{checked(name)}: is a URL, expected a preset or a spec file of this machine; copy it here")
    return read_spec_file(Path(name), overrides=overrides)


def chosen_recipe(options: dict[str, Any]) -> tuple[str, list[str]] | None:
    """The recipe that the first argument names, and where its sources are looked for; None for a preset or spec.

    Raises:
        InputError: an option is given that would change what a recipe is of.
    """
    name = options["preset_or_spec"]
    if _preset(name).is_file() or not (name.startswith("hf://") or Path(name).is_dir()):
        return None
    given = {key: value for key, value in options.items() if value and key != "preset_or_spec"}
    places = [place for key in _PLACES for place in _several(given.pop(key, ()))]
    if given:
        option = "set" if "settings" in given else min(given).replace("_", "-")
        raise InputError(
            f"--{option}: {name} is a recipe, which is built as it is; --haystack, --needles, --images and --pool say "
            "where its sources are. To build something else, copy its provenance/spec.yaml and edit that"
        )
    return name, places


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _preset(name: str) -> Path:
    """Where a preset of this name comes with the package; a path has none."""
    return package_folder("templates") / "specs" / ("" if "/" in name else f"{name}.yaml")


def chosen_settings(settings: Sequence[str]) -> dict[str, object]:
    """Keys and values of `--set`."""
    chosen: dict[str, object] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise InputError(f"--set {setting}: expected KEY=VALUE such as haystack.repeat=true")
        chosen[key] = load_yaml(value, where=f"--set {key}")
    for key in chosen:
        if inner := next((one for one in chosen if one.startswith(f"{key}.")), None):
            raise InputError(f"--set {key} and --set {inner}: the first holds the second; set each key once")
    return chosen


def presets() -> list[str]:
    """The names of the specs that come with the package."""
    return sorted(path.stem for path in (package_folder("templates") / "specs").glob("*.yaml"))


def print_table(rows: Sequence[tuple[str, object]]) -> None:
    """Aligned names and values on stdout."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(visible(f"{name:<{width}}  {value}"))

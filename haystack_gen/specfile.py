"""Specs as text: YAML in, with overrides on top and errors a person can act on; YAML out, byte for byte."""

import re
import reprlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from haystack_gen.errors import InputError
from haystack_gen.notation import Section
from haystack_gen.records import read_text
from haystack_gen.remote.store import is_url
from haystack_gen.spec import Spec

LARGEST_SPEC_BYTES = 1 << 20
"""YAML is read hundreds of times more slowly than JSON."""

_MOST_SAID = 20
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200

_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_NO_PATHS = ("draw", "template")  # what a spec says in place of a path


class PlainYaml(yaml.SafeLoader):
    """YAML that is data and nothing else: every scalar is the text that was written, so `answer: No` is "No".

    No aliases, of which a few lines can stand for gigabytes; no tags; no key twice, since one of the two would be lost.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases (*name) are not supported; write the value out", event)
        if getattr(event, "tag", None):
            raise _refusal(f"tags ({event.tag}) are not supported; write the plain value", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise _refusal(f"key {key.value!r} is given twice; leave one out", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


PlainYaml.yaml_implicit_resolvers = {}


def _refusal(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


class _Yaml(PlainYaml):
    """The same with numbers, true, false and null, as people mean them: `0:1:0.2` is a grid, `off` a word."""

    def construct_scalar(self, node: Any) -> Any:
        """Refuse what neither a path nor a file of text can hold."""
        value = super().construct_scalar(node)
        if isinstance(value, str) and (found := _NO_CHARACTER.search(value)):
            raise yaml.YAMLError(f"text holds {found[0]!r}, which is no character; leave it out")
        return value


for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False", "tfTF"),
    ("null", r"~|null|", ["~", "n", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Yaml.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def load_yaml(text: str, *, where: str) -> Any:
    """The document in `text`: plain values, lists and mappings.

    Raises:
        InputError: not YAML, or YAML that wants more than data; `where` names the file.
    """
    try:
        return yaml.load(text, Loader=_Yaml)  # a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{where}: not readable as YAML: {' '.join(str(error).split())[:300]}") from None


def read_spec(text: str, *, where: str, overrides: Mapping[str, object] | None = None) -> Spec:
    """A spec from YAML text; `overrides` are dotted keys and their values, which win.

    Raises:
        InputError: not YAML, unknown keys, or values out of range; `where` names the file or preset.
    """
    document = load_yaml(text, where=where)
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise InputError(f"{where}: holds a {type(document).__name__}, expected keys such as 'seed:' and 'haystack:'")
    for dotted, value in (overrides or {}).items():
        _override(document, dotted, value)
    try:
        return Spec.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{where}: {_explain(error.errors())}") from None
    except InputError as error:  # a rotary preset that does not exist, found while checking
        raise InputError(f"{where}: {error}") from None


def read_spec_file(path: Path, *, overrides: Mapping[str, object] | None = None) -> Spec:
    """A spec from a YAML file; see `read_spec`."""
    try:
        exists = path.exists()
    except OSError as error:  # such as a name too long for one
        raise InputError(f"{path}: cannot be read as a spec: {error.strerror}") from None
    if not exists:
        raise InputError(f"{path}: no such spec file, and no preset of that name; see haystack-gen init --help")
    return read_spec(read_text(path, largest=LARGEST_SPEC_BYTES), where=str(path), overrides=overrides)


def dump_spec(spec: Spec) -> str:
    """The spec as YAML, every key written out, the same bytes for the same spec."""
    return str(yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100))


def published(spec: Spec) -> Spec:
    """The spec without its maker's paths: files and folders by their last name, enough to find them again."""
    haystack, needles, mining, stack = spec.haystack, spec.needles, spec.mining, spec.families.stack
    kind, _, which = mining.embedder.partition(":")
    model, _, weights = which.partition("/")
    embedder = f"{kind}:{model}/{Path(weights).name}" if weights else mining.embedder
    lists = {family: _last_name(path) for family, path in needles.lists.items()}
    return spec.model_copy(
        update={
            "haystack": haystack.model_copy(update={"sources": tuple(map(_last_name, haystack.sources))}),
            "needles": needles.model_copy(
                update=_last_names(needles, "pack", "images", "distractor_list") | {"lists": lists}
            ),
            "mining": mining.model_copy(
                update=_last_names(mining, "matches", "sightings")
                | {"pool": tuple(map(_last_name, mining.pool)), "embedder": embedder}
            ),
            "families": spec.families.model_copy(
                update={
                    "stack": stack.model_copy(update=_last_names(stack, "tokenizer", "noise", "questions", "videos"))
                }
            ),
        }
    )


def without_folders(text: str, spec: Spec) -> str:
    """`text` with every path of the spec, as written or in full, by its last name."""
    needles, mining, stack = spec.needles, spec.mining, spec.families.stack
    named = (*spec.haystack.sources, needles.pack, needles.images, needles.distractor_list, *needles.lists.values())
    named += (*mining.pool, mining.matches, mining.sightings)
    named += (stack.tokenizer, stack.noise, stack.questions, stack.videos)
    forms = {
        str(form): Path(path).resolve().name
        for path in named
        if path and _is_path(path)
        for form in ([path.rstrip("/")] if is_url(path) else [Path(path), Path(path).absolute(), Path(path).resolve()])
    }
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, forms[form]) if len(Path(form).parts) > 1 else text
    return text


def _last_names(section: Section, *keys: str) -> dict[str, Any]:
    return {key: _last_name(getattr(section, key)) for key in keys}


def _is_path(text: str) -> bool:
    """Whether a spec means a file or folder by `text`: the name of a Hub dataset has a slash and is none."""
    return text not in _NO_PATHS and not text.startswith("hub:")


def _last_name(path: str | None) -> str | None:
    if path is None or not _is_path(path):
        return path
    return Path(path).resolve().name or path


def _override(document: dict[str, Any], dotted: str, value: object) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        section = document.get(parent)
        if not isinstance(section, dict):
            section = document[parent] = {}
        document = section
    document[last] = value


def _explain(errors: Sequence[Any]) -> str:
    """One sentence per key, of the first few: what it is, and what it should be (for a union: any of its members)."""
    wrong: dict[str, list[str]] = {}
    found: dict[str, object] = {}
    for error in errors[:_MOST_SAID]:
        # members of a union stand among the keys as "constrained-int" or "RopePeriod"; nobody wrote those
        *parents, last = error["loc"] or ("",)
        path = [str(part) for part in parents if isinstance(part, int) or str(part).isidentifier()]
        path = [part for part in path if not part[0].isupper()]
        if error["type"] == "extra_forbidden":
            key = ".".join([*path, str(last)])
            known = _keys_at(path)
            near = get_close_matches(str(last), known, n=1)
            hint = f"did you mean {'.'.join([*path, *near])!r}?" if near else f"known keys: {', '.join(known)}"
            wrong[f"unknown key {key!r}; {hint}"] = []
            continue
        if isinstance(last, int) or (str(last).isidentifier() and not last[:1].isupper()):
            path.append(str(last))
        key = ".".join(path)
        message = error["msg"].removeprefix("Value error, ")
        wrong.setdefault(key, []).append(message.removeprefix("Input ").removeprefix("input "))
        value = error["input"]
        found[key] = str(value) if isinstance(value, Fraction) else _SHORT.repr(value)
    said = "; ".join(
        f"{key} is {found[key]}: {', or '.join(messages)}"
        if key in found and key
        else ", ".join([key, *messages]).strip(", ")
        for key, messages in wrong.items()
    )
    return said + (f"; and {len(errors) - _MOST_SAID:,} more" if len(errors) > _MOST_SAID else "")


def _keys_at(path: Sequence[str]) -> list[str]:
    model: type[BaseModel] = Spec
    for part in path:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)

"""What programs call: specs, plans, builds and judgements, the twins of the commands of the same names."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from haystack_gen.build import build
from haystack_gen.dataset import Dataset, open_dataset
from haystack_gen.errors import InputError
from haystack_gen.executors import LocalExecutor
from haystack_gen.gathering import Tools, gather
from haystack_gen.judge.audit import Audit
from haystack_gen.judge.audit import audit as audit_folder
from haystack_gen.judge.foreign import Parser
from haystack_gen.judge.marking import Answer, question_of, read
from haystack_gen.judge.score import THRESHOLD, Scores
from haystack_gen.judge.score import score as score_file
from haystack_gen.judge.verify import Report, stamp
from haystack_gen.judge.verify import verify as verify_folder
from haystack_gen.notation import Section
from haystack_gen.plan.items import Drop, Item
from haystack_gen.plan.planner import plan_items as planned_items
from haystack_gen.spec import Spec
from haystack_gen.specfile import dump_spec, published, read_spec, read_spec_file
from haystack_gen.workspace import DatasetFolder, package_folder


def load_spec(name: str | PathLike[str], **keys: object) -> Spec:
    """A preset, or the spec in a YAML file, with some keys changed.

        load_spec("v-ruler", seed=7, tasks=["counting"], grid={"lengths": [128, 256], "trials": 4})

    Args:
        name: of a preset, such as "tiny", or of a file.
        keys: keys of the spec, as YAML would have their values; of a section only those that are to change.

    Raises:
        InputError: there is neither, or a key or value that a spec cannot have.
    """
    overrides = dict(_dotted(keys, Spec))
    preset = package_folder("templates") / "specs" / f"{name}.yaml"
    if isinstance(name, str) and "/" not in name and preset.is_file():
        return read_spec(preset.read_text(encoding="utf-8"), where=name, overrides=overrides)
    return read_spec_file(Path(name), overrides=overrides)


def plan_items(spec: Spec) -> Iterator[Item | Drop]:
    """Every item of a spec, or why it cannot be had; no media are made.

    What the spec names is looked at first: films are catalogued, and, unless `mining.uniqueness` is off, searched for
    what could be taken for a needle; what is drawn is drawn into the cache.

    Raises:
        InputError: a file is missing or unfit, or no item could ever be had.
    """
    return planned_items(spec, gather(spec, Tools.local()).facts)


def build_dataset(spec: Spec, out: str | Path, *, jobs: int = 1, allow_guessable: bool = False) -> Dataset:
    """Build a dataset in the folder `out`, or finish the one that was begun there.

    Args:
        spec: what to build.
        out: a new or empty folder, or one that a build of the same spec made or began.
        jobs: processes; with more than one, a script needs the usual `if __name__ == "__main__":`.
        allow_guessable: build it also if a rule of thumb answers its questions without the videos.

    Raises:
        InputError: the spec asks for what there is not, or `out` holds something else.
        CheckError: the questions can be guessed, and that is not allowed.
        StorageError: the file system refused; the same call goes on from there.
    """
    folder = DatasetFolder(Path(out))
    folder.expect_spec(dump_spec(published(spec)), remedy="choose another folder, or delete it")
    build(spec, folder.root, Tools.local(jobs=jobs), allow_guessable=allow_guessable)
    return open_dataset(folder.root)


def score(
    dataset: Dataset | str | Path,
    predictions: Mapping[str, str] | str | Path,
    *,
    parser: Parser | None = None,
    by_order: bool = False,
    threshold: float = THRESHOLD,
) -> Scores:
    """Mark a model's replies; an item without one counts as missing.

    Args:
        dataset: the dataset or its folder.
        predictions: replies by the ids of items, or a file as `haystack-gen score` takes it.
        parser: whose rules read letters; those of this project if None.
        by_order: what a file has without an id is of the row whose number it has.
        threshold: the accuracy that a length needs to count as effective.

    Raises:
        InputError: the dataset is not complete, or predictions are none of its items or no text.
    """
    folder = _folder(dataset)
    if not isinstance(predictions, Mapping):
        return score_file(folder, Path(predictions), parser=parser, by_order=by_order, threshold=threshold)
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}, expected an accuracy of 0 to 1")
    questions = {row.id: question_of(row) for row in open_dataset(folder.root)}
    for name, reply in predictions.items():
        if name not in questions:
            near = get_close_matches(str(name), questions, n=1)
            hint = f", the nearest is {near[0]!r}" if near else ""
            raise InputError(
                f"predictions[{name!r}]: the manifest has no such item{hint}; expected ids of {folder.manifest}"
            )
        if not isinstance(reply, str):
            raise InputError(f"predictions[{name!r}]: is {reply!r}, expected text; leave it out if there is no reply")
    readings = {name: read(questions[name], reply, parser) for name, reply in predictions.items()}
    visibility = folder.audit("visibility.parquet")
    return Scores(
        answers=tuple(Answer(question=one, reading=readings.get(one.id)) for one in questions.values()),
        parser=parser,
        threshold=threshold,
        visibility=visibility if visibility.is_file() else None,
    )


def verify(dataset: Dataset | str | Path, *, readers: tuple[str, ...] = (), jobs: int = 1) -> Report:
    """Decode everything and compare it with the plan; a report without `differences` is noted in the dataset.

    Args:
        dataset: the dataset or its folder.
        readers: pyav, decord or opencv; all that are installed if none is named.
        jobs: processes.

    Raises:
        InputError: the dataset is not complete, or a reader is not installed.
    """
    folder = _folder(dataset)
    report = verify_folder(folder, readers=readers, executor=LocalExecutor(jobs))
    stamp(folder, report)
    return report


def audit(dataset: Dataset | str | Path, *, samplers: tuple[str, ...] = ()) -> Audit:
    """Which needles models get to see, and what is guessed without the videos; details go into the dataset's audit/.

    Args:
        dataset: the dataset or its folder.
        samplers: which frames models are shown, such as "linspace:64"; see docs/audit.md.

    Raises:
        InputError: the dataset is not complete, or there is no such sampler.
    """
    return audit_folder(_folder(dataset), samplers)


def _folder(dataset: Dataset | str | Path) -> DatasetFolder:
    return DatasetFolder(dataset.path if isinstance(dataset, Dataset) else Path(dataset))


def _dotted(keys: Mapping[str, object], section: type[Section], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of nested sections as the dotted ones of `--set`, so that what is not given stays as it is."""
    for key, value in keys.items():
        field = section.model_fields.get(key)
        inner = field.annotation if field else None
        if isinstance(value, Mapping) and isinstance(inner, type) and issubclass(inner, Section):
            yield from _dotted(value, inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _plain(value)


def _plain(value: object) -> object:
    """Paths as text."""
    if isinstance(value, PathLike):
        return fspath(value)
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value

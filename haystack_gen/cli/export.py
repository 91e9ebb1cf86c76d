"""The command that writes a dataset as other programs read it: export."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from haystack_gen.cli.options import LocalPath
from haystack_gen.cli.view import on_stderr, say, view_option
from haystack_gen.errors import InputError
from haystack_gen.workspace import DatasetFolder

Writer = Callable[..., list[Path]]

_FORMS = ("lmms-eval", "vlmevalkit", "vnbench", "messages", "inspect", "webdataset")


@click.command()
@click.argument("dataset", type=LocalPath(path_type=Path))
@click.argument("form", type=click.Choice(_FORMS))
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="Folder to write, new or empty [default: DATASET/FORM; of webdataset, DATASET-webdataset beside it].",
)
@view_option
def export(dataset: Path, form: str, output: Path | None) -> None:
    """Write a dataset in the FORM that another program reads.

    \b
    lmms-eval   a folder of tasks for lmms-eval's --include_path
    vlmevalkit  a table and a dataset class for VLMEvalKit
    vnbench     the JSON of VNBench
    messages    requests in the form of OpenAI's chat API
    inspect     a task for Inspect
    webdataset  a dataset folder whose videos lie in tar archives of about 1 GB

    \b
    Example:
      haystack-gen export demo messages
      haystack-gen export demo webdataset -o demo-packed
    """
    from haystack_gen.emit.manifest import read_manifest

    folder = DatasetFolder(dataset)
    next(read_manifest(folder.manifest), None)  # says so if the dataset is not complete
    usual = _usual(folder, form)
    out = output or usual
    _refuse_another(folder, out, usual=usual, goes_on=form == "webdataset")
    begins = form != "webdataset" and not (out.is_dir() and any(out.iterdir()))
    with _whole(out) if begins else nullcontext():
        written = _writer(form)(folder, out, progress=on_stderr())
    say(f"wrote {len(written):,} {'file' if len(written) == 1 else 'files'} to {out}")


def _usual(folder: DatasetFolder, form: str) -> Path:
    """In the dataset; where the export is a dataset itself, beside it."""
    if form == "webdataset":
        root = folder.root.resolve()
        return root.with_name(f"{root.name}-webdataset")
    return folder.export(form.replace("-", "_"))


def _refuse_another(folder: DatasetFolder, out: Path, *, usual: Path, goes_on: bool) -> None:
    """Refuse a place in or around the dataset but the usual one, and a folder of other files unless `goes_on` knows."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out}: is a file or a link, expected a new or empty folder; choose another -o")
    root, place = folder.root.resolve(), out.resolve()
    if place == usual.resolve():
        return
    if place.is_relative_to(root) or root.is_relative_to(place):
        raise InputError(f"{out}: lies in the dataset or around it; choose another -o, or leave it out")
    if not goes_on and out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: holds files already; choose a new or empty folder as -o, or delete it first")


@contextmanager
def _whole(out: Path) -> Iterator[None]:
    """Leave a new or empty folder empty after an error, so that the same command begins again."""
    try:
        yield
    except BaseException:
        for path in out.iterdir() if out.is_dir() else ():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()
        raise


def _writer(form: str) -> Writer:
    """The function that writes a form; only its own module is loaded."""
    if form == "lmms-eval":
        from haystack_gen.export.lmms_eval import write_lmms_eval

        return write_lmms_eval
    if form == "vlmevalkit":
        from haystack_gen.export.vlmevalkit import write_vlmevalkit

        return write_vlmevalkit
    if form == "vnbench":
        from haystack_gen.export.vnbench import write_vnbench

        return write_vnbench
    if form == "messages":
        from haystack_gen.export.messages import write_messages

        return write_messages
    if form == "inspect":
        from haystack_gen.export.inspect_ai import write_inspect

        return write_inspect
    from haystack_gen.export.webdataset import write_webdataset

    return write_webdataset

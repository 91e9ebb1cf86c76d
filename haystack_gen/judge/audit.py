"""Both audits of a dataset, and where they are written down: its `audit/` folder, and its card."""

from collections.abc import Sequence
from dataclasses import dataclass

from haystack_gen.emit.card_audit import Shown, refresh_audit
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.judge.leaks import Guessed, guess_rows, write_guessed
from haystack_gen.judge.samplers import sampler
from haystack_gen.judge.visibility import Outlook, audit_visibility
from haystack_gen.progress import Progress
from haystack_gen.workspace import DatasetFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What each sampler lets a model see of a dataset, and what guessers earn at it without its videos."""

    outlooks: tuple[Outlook, ...]
    guessed: Guessed


def audit(folder: DatasetFolder, samplers: Sequence[str], *, progress: Progress | None = None) -> Audit:
    """Audit a dataset under the samplers of these names, each once.

    Raises:
        InputError: the dataset is not complete, or there is no such sampler.
        StorageError: the file system refused.
    """
    folder.expect_no_links("audit")
    chosen = list({one.name: one for one in map(sampler, samplers)}.values())
    outlooks = audit_visibility(folder, chosen, progress=progress) if chosen else []
    guessed = guess_rows(read_manifest(folder.manifest), progress=progress)
    write_guessed(guessed, folder.audit("blind.json"))
    if outlooks:
        tallies = ((one.sampler.name, one.total) for one in outlooks)
        refresh_audit(folder, [Shown(name, total.items, total.seen, total.ceiling) for name, total in tallies])
    return Audit(outlooks=tuple(outlooks), guessed=guessed)

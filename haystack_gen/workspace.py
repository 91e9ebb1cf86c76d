"""The paths of a dataset and of what comes with the package; and what artefacts are named by."""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from haystack_gen.atomic import TEMPORARY_MARK, refusals_explained, sweep, swept
from haystack_gen.errors import InputError
from haystack_gen.locks import lock_file


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    digest = sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_key(*parts: object) -> str:
    """32 hex digits that name a cached artefact by everything its bytes depend on."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def installed_version(distribution: str, module: str) -> str:
    """The version of a library: of its distribution, or, where another provides it, of the module itself."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return str(getattr(import_module(module), "__version__", "unknown"))


def slug(name: str) -> str:
    """`name` as lower-case ASCII letters, digits, `-` and `_`; never empty, at most 60 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")[:60] or "source"


def package_folder(name: str) -> Path:
    """The installed `templates` or `assets` folder; in a source checkout, the one beside the package."""
    installed = Path(str(files("haystack_gen"))) / name
    return installed if installed.is_dir() else Path(str(files("haystack_gen"))).parent / name


def expect_no_link(path: Path) -> None:
    """Keep hands off what may be another's.

    Raises:
        InputError: it is a link.
    """
    if path.is_symlink():
        raise InputError(
            f"{path}: is a link, and what it leads to may be another's; put a file or folder of its own there"
        )


def _links(path: Path) -> Iterator[Path]:
    """The path, or what lies below it, as far as it is links; they are not followed."""
    if path.is_symlink():
        yield path
    elif path.is_dir():
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_symlink() or entry.is_dir():
                    yield from _links(Path(entry.path))


EXPORTS = ("lmms_eval", "vlmevalkit", "vnbench", "messages", "inspect")
"""Folders of a dataset in which other programs find it in their forms."""


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """The paths of one dataset; `manifest` is written last, so its existence means complete.

    Raises:
        InputError: a URL was taken for a path.
    """

    root: Path

    def __post_init__(self) -> None:
        if found := re.match("(s3|gs|hf):/", str(self.root)):
            raise InputError(
                f"{found[1]}://{str(self.root)[4:].lstrip('/')}: is a URL, expected a folder of this machine; "
                "haystack-gen build alone writes to URLs; copy the dataset here first to read it"
            )

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.jsonl"

    @property
    def metadata(self) -> Path:
        return self.root / "metadata.parquet"

    def family(self, task: str) -> Path:
        """The rows of one family, typed."""
        return self.root / f"{task}.parquet"

    def export(self, form: str) -> Path:
        """What another program reads: `lmms_eval`, `vlmevalkit` and the like."""
        return self.root / form

    @property
    def card(self) -> Path:
        return self.root / "README.md"

    @property
    def provenance(self) -> Path:
        return self.root / "provenance"

    @property
    def spec(self) -> Path:
        return self.provenance / "spec.yaml"

    @property
    def plan(self) -> Path:
        return self.provenance / "plan.jsonl"

    @property
    def dropped(self) -> Path:
        return self.provenance / "dropped.jsonl"

    @property
    def failed(self) -> Path:
        """What could not be made in the last run, and why; a complete dataset has none."""
        return self.provenance / "failed.jsonl"

    @property
    def summary(self) -> Path:
        """What the last run that made anything took: about the machine, so it is never compared or published."""
        return self.provenance / "summary.json"

    @property
    def catalog(self) -> Path:
        return self.provenance / "catalog.jsonl"

    @property
    def needles(self) -> Path:
        return self.provenance / "needles.jsonl"

    @property
    def matches(self) -> Path:
        return self.provenance / "matches.jsonl"

    @property
    def sightings(self) -> Path:
        return self.provenance / "sightings.jsonl"

    @property
    def sampled(self) -> Path:
        return self.provenance / "sampled.jsonl"

    @property
    def listed(self) -> Path:
        return self.provenance / "listed.jsonl"

    @property
    def questions(self) -> Path:
        return self.provenance / "questions.jsonl"

    @property
    def films(self) -> Path:
        return self.provenance / "films.jsonl"

    @property
    def noise(self) -> Path:
        return self.provenance / "noise.jsonl"

    @property
    def remarks(self) -> Path:
        return self.provenance / "remarks.txt"

    @property
    def stills(self) -> Path:
        """Needles and distractors as they were before encoding, fitted to the frame: `<source id>.png`."""
        return self.provenance / "stills"

    def still(self, source_id: str) -> Path:
        return self.stills / f"{source_id}.png"

    def audit(self, name: str) -> Path:
        """What an audit found: `visibility.parquet`, `blind.json`, `verified.json`."""
        return self.root / "audit" / name

    @property
    def picture(self) -> Path:
        return self.root / "picture.png"

    @property
    def fingerprints(self) -> Path:
        return self.provenance / "fingerprints.parquet"

    @property
    def versions(self) -> Path:
        return self.provenance / "versions.json"

    def video(self, number: int, video_id: str) -> Path:
        """The `number`-th distinct video, at most 1,000 to a folder."""
        return self.root / "videos" / f"{number // 1000:03d}" / f"{video_id}.mp4"

    def frame(self, source_id: str, frame: int) -> Path:
        """One stored frame, shared by all items that show it."""
        return self.root / "frames" / source_id / f"{frame // 1000:03d}" / f"{frame:06d}.jpg"

    def _claim(self) -> None:
        """Make the folder, or accept one that this program began.

        Raises:
            InputError: something else is there.
        """
        if self.root.is_symlink() and not self.root.exists():
            raise InputError(
                f"{self.root}: is a link to nothing; make the folder that it names, or choose another --out"
            )
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"{self.root}: is a file, expected a new or empty folder; choose another --out")
        if self.root.is_dir() and any(self.root.iterdir()) and not (self.spec.is_file() or self._only_begun()):
            raise InputError(f"{self.root}: holds files that are not a dataset of haystack-gen; choose another --out")
        self.expect_no_links()
        with refusals_explained(self.root):
            self.provenance.mkdir(parents=True, exist_ok=True)

    def expect_no_links(self, *names: str) -> None:
        """Keep what is written here from going elsewhere, where a link below one of these folders leads.

        Raises:
            InputError: there is a link; by default, in any folder that a build writes into.
        """
        for name in names or ("provenance", "audit", "videos", "frames"):
            for link in _links(self.root / name):
                expect_no_link(link)

    def _only_begun(self) -> bool:
        """Whether a build stopped before it wrote anything."""
        begun = list(self.root.iterdir()) == [self.provenance]
        return begun and all(
            path.name.startswith(TEMPORARY_MARK) or path == self.failed for path in self.provenance.iterdir()
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Claim the folder, keep every other build out of it, and clear away what a killed one left.

        Raises:
            InputError: something else is there, or another build is at work in it.
        """
        self._claim()
        with ExitStack() as stack:
            with refusals_explained(self.root):
                held = stack.enter_context(lock_file(self.provenance / f"{TEMPORARY_MARK}lock"))
            if held == "taken":
                raise InputError(
                    f"{self.root}: another build is writing into this folder; wait until it has ended, or choose "
                    "another --out"
                )
            stack.enter_context(swept(self.root))
            yield

    def expect_spec(self, text: str, *, remedy: str) -> None:
        """Keep a finished dataset of another spec than the one with this text from being replaced by mistake.

        Raises:
            InputError: it is one.
        """
        is_finished = self.manifest.is_file() and self.spec.is_file()
        if is_finished and self.spec.read_text(encoding="utf-8", errors="replace") != text:
            raise InputError(f"{self.root}: holds a finished dataset of another spec; {remedy}")

    def sweep(self) -> None:
        """Delete what a killed run left half-written."""
        sweep(self.root)

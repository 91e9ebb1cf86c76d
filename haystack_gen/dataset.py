"""A finished dataset, opened to be read: its rows, and the frames of its videos."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import overload

from haystack_gen.cache import Cache
from haystack_gen.emit.encoding import Pixels
from haystack_gen.emit.manifest import read_manifest, read_row
from haystack_gen.emit.plans import read_reasons
from haystack_gen.emit.rows import PartRow, Row
from haystack_gen.errors import InputError
from haystack_gen.frames import Frames, VideoFile
from haystack_gen.judge.readers import read_picture
from haystack_gen.reopen import recipe_frames
from haystack_gen.workspace import DatasetFolder


def open_dataset(path: str | Path) -> "Dataset":
    """Open the folder of a finished dataset.

    Raises:
        InputError: it is none, or its build was not finished.
    """
    return Dataset(Path(path))


class Dataset:
    """The rows of a dataset, in the manifest's order and by id: `for row in dataset`, `dataset[id]`, `len(dataset)`.

    Rows are read from the disk when asked for and checked; in memory there are only their places in the file.
    """

    def __init__(self, path: Path, *, cache: Cache | None = None) -> None:
        """Look whether it is complete; `cache` is where it was built from, if not the usual one.

        Raises:
            InputError: as `open_dataset`.
        """
        self.path = path
        self._folder, self._cache = DatasetFolder(path), cache or Cache.default()
        if not self._folder.manifest.is_file():
            begun = self._folder.spec.is_file()
            is_what = "is not complete" if begun else "is no dataset"
            remedy = "build it again: that goes on from here" if begun else "expected a folder that a build made"
            raise InputError(f"{path}: {is_what}, it has no {self._folder.manifest.name}; {remedy}")

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r})"

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Row]:
        return read_manifest(self._folder.manifest)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._offsets

    def __getitem__(self, item_id: str) -> Row:
        """The row with this id.

        Raises:
            InputError: there is none; the nearest ids are given.
        """
        if item_id not in self._offsets:
            near = ", ".join(get_close_matches(str(item_id), self._offsets, n=3, cutoff=0.3))
            raise InputError(
                f"{self._folder.manifest}: no item {item_id!r} among {len(self)}; "
                + (f"did you mean {near}?" if near else f"the first is {next(iter(self._offsets), 'missing')}")
            )
        with self._folder.manifest.open("rb") as manifest:
            manifest.seek(self._offsets[item_id])
            return read_row(manifest.readline(), f"{self._folder.manifest}: {item_id}")

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many items were planned and could not be had, by reason."""
        return Counter(read_reasons(self._folder.dropped)) if self._folder.dropped.is_file() else Counter()

    def frames(self, of: str | Row | PartRow) -> Frames:
        """The frames of an item's video, or of a video among the parts of its context.

        They are read from the dataset's media; where those are missing, and in a dataset of the recipe alone, they come
        from the sources, as `open_item` finds them.

        Raises:
            InputError: no such item, a part without a video, or media that are damaged or outside of the dataset.
        """
        row = self[of] if isinstance(of, str) else of
        if isinstance(row, PartRow) and not row.video_id:
            raise InputError(f"{row.text[:40]!r}: is a part of type {row.type}, which has no frames; pass a video part")
        files = [self._inside(name) for name in ([row.video] if row.video else row.frames)]
        if not files or not all(file.is_file() for file in files):
            return recipe_frames(self.path, row.id if isinstance(row, Row) else row.video_id, cache=self._cache)
        pictures = VideoFile(files[0], rate=self._rate) if row.video else _Pictures(files)
        if isinstance(row, Row) and len(pictures) != row.num_frames:
            raise InputError(
                f"{files[0]}: has {len(pictures)} frames, and {row.id} {row.num_frames} by the manifest; the dataset "
                "was damaged: build it again"
            )
        return Frames(pictures, self._rate)

    @cached_property
    def _offsets(self) -> dict[str, int]:
        """Where each item's line begins in the manifest, in its order."""
        offsets: dict[str, int] = {}
        offset = 0
        with self._folder.manifest.open("rb") as lines:
            for line, row in zip(lines, self, strict=True):
                if row.id in offsets:
                    raise InputError(f"{self._folder.manifest}: has item {row.id} twice; build the dataset again")
                offsets[row.id] = offset
                offset += len(line)
        return offsets

    @cached_property
    def _rate(self) -> Fraction:
        """Frames per second, the same for all videos."""
        row = next(iter(self))
        if row.fps_num < 1 or row.fps_den < 1:
            raise InputError(
                f"{self._folder.manifest}: {row.id} has {row.fps_num}/{row.fps_den} frames a second; the dataset was "
                "damaged: build it again"
            )
        return Fraction(row.fps_num, row.fps_den)

    def _inside(self, name: str) -> Path:
        """A file that the manifest names: a dataset may come from anyone, and name what is none of its own."""
        file = self.path / name
        try:
            inside = file.resolve().is_relative_to(self.path.resolve())
        except (OSError, RuntimeError, ValueError):  # links in a circle, or what is no path at all
            inside = False
        if not inside:
            raise InputError(f"{self._folder.manifest}: names {name!r}, which is outside of the dataset; do not use it")
        return file


class _Pictures(Sequence[Pixels]):
    """The frames of a video that lie in a file each."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | list[Pixels]:
        """See `Frames`."""
        return (
            list(map(read_picture, self._files[index]))
            if isinstance(index, slice)
            else read_picture(self._files[index])
        )

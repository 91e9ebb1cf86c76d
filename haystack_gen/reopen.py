"""A finished dataset opened again: items read lazily, or rendered once more, from the recipe."""

from collections.abc import Sequence
from pathlib import Path

from haystack_gen.cache import Cache
from haystack_gen.emit.plans import find_timeline
from haystack_gen.emit.provenance import catalogued
from haystack_gen.executors import LocalExecutor
from haystack_gen.frames import Frames
from haystack_gen.gather.finding import located
from haystack_gen.media import ItemFrames, Media, needed_frames, render
from haystack_gen.plan.timeline import Timeline
from haystack_gen.progress import Silent
from haystack_gen.specfile import read_spec_file
from haystack_gen.workspace import DatasetFolder


def open_item(dataset: str | Path, item_id: str, *, sources: Sequence[str | Path] = ()) -> Frames:
    """The frames of an item's video, without rendering it: `len(frames)`, `frames[k]` as RGB uint8 (height, width, 3).

    Works for any dataset, whatever its media, as long as the chunk cache or the sources are there. Where the media are
    there, `open_dataset(dataset).frames(item_id)` reads those.

    Args:
        dataset: the dataset's folder.
        item_id: an item of its manifest, or a video of some item's context.
        sources: where films and pictures are now, paths or URLs, if not where they were when the dataset was built.

    Raises:
        InputError: no such item, or a source can be found neither in the cache nor on disk.
    """
    return recipe_frames(Path(dataset), item_id, sources=sources, cache=Cache.default())


def recipe_frames(dataset: Path, name: str, *, sources: Sequence[str | Path] = (), cache: Cache) -> Frames:
    """As `open_item`, from a cache of one's own.

    Raises:
        InputError: as `open_item`.
    """
    with cache.in_use():
        timeline, media = _prepared(dataset, name, sources, cache)
    return Frames(ItemFrames(timeline, media), timeline.rate)


def render_item(dataset: Path, item_id: str, output: Path, *, sources: Sequence[str | Path], cache: Cache) -> None:
    """Write an item's video, or one of a context, to `output`, the same bytes as the build wrote.

    Raises:
        InputError: as `open_item`.
    """
    with cache.in_use():
        timeline, media = _prepared(dataset, item_id, sources, cache)
        render(media.render_task(timeline, output))


def _prepared(dataset: Path, name: str, given: Sequence[str | Path], cache: Cache) -> tuple[Timeline, Media]:
    """A timeline and its encoded sources; only what is missing from the cache is looked for and encoded."""
    folder = DatasetFolder(dataset)
    timeline = find_timeline(folder.plan, name)
    spec = read_spec_file(folder.spec)
    shown = {clip.source for clip in timeline.clips}
    catalog = [source for source in catalogued(folder) if source.id in shown]
    sources = {source.id: source for source in located(catalog, given, spec, cache)}
    media = Media(spec, sources, cache)
    whole = {source: stop for source, (_, stop) in needed_frames([timeline]).items()}
    media.encode(whole, executor=LocalExecutor(), progress=Silent(), what="encoding")
    return timeline, media

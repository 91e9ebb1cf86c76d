"""From an item to its row: what it refers to is looked up, positions become seconds, parts become text and files."""

import json
from collections.abc import Iterator, Mapping, Sequence

from haystack_gen import __version__
from haystack_gen.emit.rows import DistractorRow, NeedleRow, PartRow, Row
from haystack_gen.emit.videos import Place, Places
from haystack_gen.facts import Needle, Noise, Source
from haystack_gen.plan.choices import LETTERS
from haystack_gen.plan.items import NO_DEPTH, Item
from haystack_gen.plan.timeline import Timeline
from haystack_gen.spec import Distractors, Spec

_ALL_DEPTHS = "all"
_BARE = ("needle_only", "haystack_only", "no_distractors")


def compose_prompt(question: str, options: Sequence[str], instruction: str) -> str:
    """Question, lettered options and instruction, a line each: ready to send to a model."""
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join(part for part in (question, *lines, instruction) if part)


def noise_text(noise: Noise, *, first: int, count: int) -> str:
    """`count` sentences from the one numbered `first` on, joined by spaces; after the last comes the first again."""
    return " ".join(noise.sentences[(first + k) % len(noise.sentences)] for k in range(count))


class RowWriter:
    """Turns items into rows, given what they refer to."""

    def __init__(
        self,
        spec: Spec,
        *,
        needles: Sequence[Needle],
        sources: Sequence[Source],
        places: Places,
        noise: Noise | None = None,
    ) -> None:
        """Index the needles and all sources, films and stills alike, by id; `places` knows where videos lie."""
        self._spec, self._places, self._noise = spec, places, noise
        self._needles: Mapping[str, Needle] = {needle.id: needle for needle in needles}
        self._sources: Mapping[str, Source] = {source.id: source for source in sources}

    def row(self, item: Item, *, sha256: str = "") -> Row:
        """The row of an item; `sha256` is of its video's file.

        Raises:
            KeyError: the item names a source or video that is not known.
            ValueError: the item contradicts itself.
        """
        timeline, rate = item.timeline, item.timeline.rate
        place = self._places.of(item.video, timeline)
        width, height = self._spec.haystack.size
        depth = float(item.requested_depth)
        return Row(
            id=item.id,
            video_id=item.video,
            video=place.video,
            video_path=place.video,
            frames=list(place.frames),
            split="test",
            task=item.task,
            task_type="/".join(filter(None, (item.task, item.variant))),
            question_type=item.form,
            question=item.question,
            options=list(item.options),
            answer=item.answer,
            answer_index=LETTERS.index(item.answer) if item.options else -1,
            answer_text=item.answer_text,
            accepted_answers=list(item.accepted) or [item.answer],
            answer_tolerance=float(item.tolerance),
            prompt=compose_prompt(item.question, item.options, item.instruction),
            circular_group=item.circular_group,
            circular_shift=item.circular_shift,
            control=item.control,
            group=item.group,
            duration_s=float(timeline.length / rate),
            fps=float(rate),
            fps_num=rate.numerator,
            fps_den=rate.denominator,
            num_frames=timeline.length,
            width=width,
            height=height,
            requested_length=item.requested_length,
            length_bucket=str(item.requested_length),
            depth=_depth(item),
            requested_depth=depth,
            depth_bucket=_ALL_DEPTHS if item.requested_depth == NO_DEPTH else f"{depth:.2f}",
            num_needles=len(item.needles),
            needles=list(self._needle_rows(item)),
            num_distractors=len(item.distractors),
            distractors=list(_distractor_rows(item)),
            distractor_side=item.side,
            haystack_sources=haystack_sources(timeline),
            haystack_start_frame=item.window_start,
            haystack_repeats=item.repeats,
            context_length=item.context_length,
            context_cost=item.context_cost,
            context_depth=float(item.context_depth),
            context=list(self._part_rows(item)),
            seed=self._spec.seed,
            generator="haystack-gen",
            generator_version=__version__,
            params_json=self._params(item),
            license=self._licenses(item),
            video_sha256=sha256,
        )

    def _needle_rows(self, item: Item) -> Iterator[NeedleRow]:
        """The needles in order of appearance; a picture of a listed question says neither key nor content."""
        rate = item.timeline.rate
        for order, placed in enumerate(sorted(item.needles, key=lambda needle: needle.start)):
            needle = self._needles.get(placed.needle)
            end = placed.start + placed.length
            yield NeedleRow(
                needle_id=placed.needle,
                kind="image",
                key=needle.key if needle else "",
                content=(needle.value or needle.answer) if needle else "",
                count=needle.count if needle else 1,
                asked=placed.asked,
                source=placed.source,
                start_frame=placed.start,
                end_frame=end,
                start_s=float(placed.start / rate),
                end_s=float(end / rate),
                depth=float(placed.depth),
                moved_frames=placed.moved,
                added_frames=placed.added,
                order=order,
            )

    def _part_rows(self, item: Item) -> Iterator[PartRow]:
        timelines = dict(item.videos)
        for part in item.context:
            if part.video:
                place = self._places.of(part.video, timelines[part.video])
                yield _part(video_id=part.video, place=place)
            elif self._noise is None:
                raise ValueError("its context has text, and there is no noise")
            else:
                yield _part(text=noise_text(self._noise, first=part.first, count=part.count))

    def _params(self, item: Item) -> str:
        law = _law_of(self._spec.distractors, item.control)
        periodic = law.law == "periodic" and law.origin != "none"
        params = {
            "trial": item.trial,
            "requested_depth": str(item.requested_depth),
            "placement": self._spec.placement.length,
            "distractor_law": law.law if law.origin != "none" else "none",
            "period_frames": law.period_frames if periodic else None,
            "phase": str(law.phase),
            "phase_frames": law.phase_frames if periodic else None,
            "context_unit": self._noise.unit if self._noise and item.context else None,
        }
        return json.dumps(params, separators=(",", ":"))

    def _licenses(self, item: Item) -> str:
        shown = {self._sources[clip.source].license for _, timeline in item.videos for clip in timeline.clips}
        return "; ".join(sorted(shown))


def _depth(item: Item) -> float:
    """As realised, where one needle on show is asked about; otherwise as requested."""
    asked = [needle for needle in item.needles if needle.asked]
    return float(asked[0].depth if len(asked) == 1 else item.requested_depth)


def _law_of(law: Distractors, control: str) -> Distractors:
    """The law that a control's twin follows in place of the spec's."""
    if control in _BARE:
        return law.model_copy(update={"origin": "none"})
    if control == "anti_phase":
        return law.anti_phase
    return law


def _part(*, text: str = "", video_id: str = "", place: Place | None = None) -> PartRow:
    video, frames = place or Place()
    return PartRow(type="video" if video_id else "text", text=text, video_id=video_id, video=video, frames=list(frames))


def _distractor_rows(item: Item) -> Iterator[DistractorRow]:
    for number, placed in enumerate(item.distractors):
        yield DistractorRow(
            distractor_id=f"{item.id}-x{number}",
            needle_id=placed.needle,
            start_frame=placed.start,
            end_frame=placed.start + placed.length,
            offset_frames=placed.offset,
            similarity=placed.similarity,
            source=placed.source,
            lure=placed.lure,
        )


def haystack_sources(timeline: Timeline) -> list[str]:
    """The films on show, in order of first appearance."""
    return list(dict.fromkeys(clip.source for clip in timeline.clips if clip.role == "haystack"))

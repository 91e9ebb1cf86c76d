"""A model that knows the manifest: what it says of what it was shown, and of what it was not."""

from fractions import Fraction
from functools import lru_cache

from haystack_gen.emit.rows import Row
from haystack_gen.judge.samplers import Sampler
from haystack_gen.plan.choices import ABSENT, LETTERS
from haystack_gen.plan.streams import Stream

_VIDEOS_REMEMBERED = 64


class Oracle:
    """Answers every item rightly; with a sampler, only those of which it sees all that is asked about.

    What it has not seen it answers as the ceiling of `haystack-gen audit` assumes: that nothing is there, if that is
    offered; without options, with nothing; else it guesses a letter, each equally likely, the same in all rotations of
    a question. So its accuracy is the ceiling exactly where every question that can be guessed comes in all rotations,
    since each letter is right in one of them; elsewhere the ceiling is its expectation over seeds.
    """

    def __init__(self, sampler: Sampler | None = None, *, seed: int = 0) -> None:
        """Without a sampler, everything is seen."""
        self._sampler, self._seed = sampler, seed
        self._shown = lru_cache(_VIDEOS_REMEMBERED)(self._sampled)

    def reply(self, row: Row) -> str:
        """What it says to an item."""
        if self.sees(row):
            return row.answer
        if not row.options:
            return ""
        for nothing in (ABSENT, "0") if row.task == "counting" else (ABSENT,):
            if nothing in row.options:
                return LETTERS[row.options.index(nothing)]
        return Stream(self._seed, "oracle", row.circular_group or row.id).choice(LETTERS[: len(row.options)])

    def sees(self, row: Row) -> bool:
        """Whether the sampler shows a frame of every needle that is asked about; of none, it is shown all of them."""
        asked = [range(needle.start_frame, needle.end_frame) for needle in row.needles if needle.asked]
        if self._sampler is None or not asked:
            return True
        shown = self._shown(row.num_frames, Fraction(row.fps_num, row.fps_den))
        return all(not shown.isdisjoint(frames) for frames in asked)

    def _sampled(self, frames: int, rate: Fraction) -> frozenset[int]:
        """The frames that are shown of a video; none if the sampler's library refuses it."""
        return frozenset(self._sampler.of_clip(frames, rate).frames) if self._sampler else frozenset()

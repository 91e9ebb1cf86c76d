"""Retrieval: one needle and one question, the way all families ask about one; with look-alikes, V-NIAH-D."""

from collections.abc import Sequence

from haystack_gen.errors import InputError
from haystack_gen.facts import Needle
from haystack_gen.plan.asking import paraphrase
from haystack_gen.plan.choices import ABSENT, some_apart
from haystack_gen.plan.draws import Draw, Open, Question, Shot
from haystack_gen.plan.placement import Place
from haystack_gen.plan.places import places
from haystack_gen.plan.pools import bare
from haystack_gen.plan.setting import Cell, Obstacle, Setting
from haystack_gen.plan.streams import Stream


class Retrieval:
    """Draws the trial's needle, and the question about it."""

    def __init__(self, setting: Setting) -> None:
        """Check that there is a needle.

        Raises:
            InputError: the pack has only ready questions.
        """
        self._setting = setting
        if not setting.needles:
            raise InputError(f"{setting.spec.needles.pack}: the pack holds no needles, expected at least one")

    def draw(self, cell: Cell, stream: Stream) -> Draw:
        """One shot and one question."""
        needle = self._setting.of_turn(cell, self._setting.needles)
        (site,) = places(self._setting, cell, 1, stream)
        absent = self._setting.spec.choices.absent
        question = question_about(self._setting, cell, needle, stream, absent=absent)
        return Draw(shots=(Shot(needle=needle, place=site),), questions=(question,))


def shots_at(needles: Sequence[Needle], sites: Sequence[Place]) -> tuple[Shot, ...]:
    """Needles in order of appearance at sorted places."""
    return tuple(Shot(needle=needle, place=site) for needle, site in zip(needles, sites, strict=True))


def question_about(
    setting: Setting, cell: Cell, needle: Needle, stream: Stream, *, absent: bool, place: int = 0, turn: int = -1
) -> Question:
    """What is asked about one needle, the shot number `place` of its video; see `question_of` for `turn`.

    Raises:
        Obstacle: the pack has too few values for the options.
    """
    options = _options(setting, needle, stream, absent=absent)
    return question_of(setting, cell, needle, stream, place=place, options=options, turn=turn)


def question_of(
    setting: Setting,
    cell: Cell,
    needle: Needle,
    stream: Stream,
    *,
    place: int,
    options: tuple[str, ...],
    turn: int = -1,
) -> Question:
    """The question about the shot number `place` with these options.

    Where "not in the video" is one of them, it is right in one of n questions: `turn` counts them, the cell's trial
    unless a trial asks several.
    """
    text = needle.question
    if not text or (needle.is_fact and cell.task != "retrieval" and bare(needle.key) not in bare(text)):
        # beside other needles, a question of the pack's own has to say which one it is about
        text = paraphrase(setting, "retrieval", "value", stream, key=needle.key, attribute=needle.attribute)
    hidden = ABSENT in options and setting.hides(cell, options=len(options), turn=turn)
    return Question(
        text=text,
        asked=frozenset((place,)),
        answer=ABSENT if hidden else needle.answer,
        options=options,
        open=Open(answer=needle.answer, form="short"),
        instruction=needle.instruction,
        needle=needle.id,
        hidden=hidden,
        in_order=setting.spec.needles.options == "listed" and options == needle.options,
    )


def _options(setting: Setting, needle: Needle, stream: Stream, *, absent: bool) -> tuple[str, ...]:
    """The pack's own options, or the needle's value among others of its attribute; none for a word answer."""
    if needle.options:
        if not absent:
            return needle.options
        wrong = stream.child("left out").shuffled([one for one in needle.options if one != needle.answer])
        return (needle.answer, *wrong[1:], ABSENT)
    if needle.question and not absent:
        return ()
    return (needle.answer, *other_values(setting, needle, stream, absent=absent))


def other_values(setting: Setting, needle: Needle, stream: Stream, *, absent: bool) -> tuple[str, ...]:
    """Wrong options for a needle from the values of its attribute, and "not in the video" if it is to be among them.

    Raises:
        Obstacle: the pack has too few values.
    """
    # a value that names the key itself is never right: whoever knows that has one option less to choose from
    values = [value for value in setting.pools.values.get(needle.attribute, ()) if bare(value) != bare(needle.key)]
    count = setting.spec.choices.count - absent
    others = [value for value in values if value != needle.answer]
    wrong = some_apart(stream.child("values"), others, count - 1, beside=(needle.answer,))
    if wrong is None:
        raise Obstacle(
            f"attribute {needle.attribute!r} has {len(values)} values in the pack, and {count} that are told apart are "
            "needed for the options; add needles with other values, or lower choices.count",
            needle=needle.id,
        )
    return (*wrong, ABSENT) if absent else tuple(wrong)

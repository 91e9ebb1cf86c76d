"""Drawn prose never repeats, reads as sentences do, and says nothing that a needle could show."""

import re
from itertools import islice

import pytest
import yaml

from haystack_gen.draw.colors import COLORS
from haystack_gen.draw.kinds import KINDS
from haystack_gen.draw.pack import NUMBERS, WORDS
from haystack_gen.draw.scenes import PLACES
from haystack_gen.draw.sentences import Frame, draw_sentences, frames, template_sentence
from haystack_gen.gather.noise import MOST_DRAWN
from haystack_gen.workspace import package_folder

VOCABULARY = yaml.safe_load((package_folder("templates") / "noise.yaml").read_text(encoding="utf-8"))
SLOTS = VOCABULARY["slots"]
NUMERALS = (
    "zero one two three four five six seven eight nine ten eleven twelve hundred thousand million "
    "first second third fourth fifth sixth last once twice half double triple single both pair couple dozen"
)
ABOUT_VIDEOS = "video film clip movie camera frame picture image photo scene color colour key needle sign word count"
GRAMMAR = {"is", "are", "it", "its", "the", "in", "on"}


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def shown() -> set[str]:
    """Every word for something that a drawn picture shows or a question about it asks for."""
    kinds = [text for kind in KINDS.values() for text in (kind.name, kind.plural, kind.is_colored)]
    places = [text for name, place in PLACES.items() for text in (name, place.where)]
    texts = [*kinds, *places, *COLORS, *NUMBERS, *WORDS, NUMERALS, ABOUT_VIDEOS]
    return {word for text in texts for word in words(text)} - GRAMMAR


def tells(word: str, banned: str) -> bool:
    """Whether `word` is `banned` or a form of it; "car" is no part of "carpet", but "sign" is one of "signed"."""
    plurals = (f"{banned}s", f"{banned}es", f"{banned[:-1]}ies")
    return word in (banned, *plurals) or (len(banned) >= 4 and word.startswith(banned))


def test_the_banned_words_are_those_of_the_packs() -> None:
    assert {"lighthouse", "lighthouses", "balloon", "snowmen", "scarf", "snow", "moon", "room"} <= shown()
    assert {"red", "six", "tiger", "video"} <= shown()
    assert tells("penguins", "penguin")
    assert tells("boxes", "box")
    assert tells("candies", "candy")
    assert tells("signed", "sign")
    assert not tells("carpet", "car")


def test_no_entry_says_what_a_needle_could_show() -> None:
    texts = [VOCABULARY["template"], *(filling for fillings in SLOTS.values() for filling in fillings)]
    texts += [re.sub(r"{\w+}", "", frame) for frame in VOCABULARY["frames"]]
    told = {(word, banned) for text in texts for word in words(text) for banned in shown() if tells(word, banned)}
    assert told == set()


def test_every_entry_is_plain_text_used_once() -> None:
    for slot, fillings in SLOTS.items():
        assert all(
            isinstance(filling, str) and re.fullmatch(r"[A-Za-z]+( [A-Za-z]+)*", filling) for filling in fillings
        )
        assert len(set(fillings)) == len(fillings), slot
    assert {slot for frame in frames() for slot in frame.slots} == SLOTS.keys()
    assert len({frame.text for frame in frames()}) == len(frames()) == len(VOCABULARY["frames"])


def test_every_sentence_has_eight_to_fourteen_words() -> None:
    for frame in frames():
        fixed = len(re.sub(r"{\w+}", "", frame.text).replace(",", "").replace(".", "").split())
        lengths = [[len(filling.split()) for filling in fillings] for fillings in frame.slots.values()]
        assert fixed + sum(map(min, lengths)) >= 8, frame.text
        assert fixed + sum(map(max, lengths)) <= 14, frame.text
    assert 8 <= len(template_sentence().split()) <= 14


def test_sentences_are_pinned() -> None:
    assert list(islice(draw_sentences(7), 3)) == [
        "The tailor filed the long timetable because the weather was changing.",
        "Nobody understood that the librarian had moved the spare stool at the library.",
        "Nobody mentioned that my grandmother had moved the spare carpet at the hotel.",
    ]


def test_no_sentence_comes_twice() -> None:
    sentences = list(islice(draw_sentences(0), 100_000))
    assert len(set(sentences)) == 100_000
    assert all(re.fullmatch(r"[A-Z][a-z]*,?( [A-Za-z]+,?)+\.", sentence) for sentence in sentences[:5000])


def test_a_sentence_that_would_repeat_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    few = (Frame("{a} {b}.", {"a": ("x", "y", "z"), "b": ("p", "q")}), Frame("{a} p.", {"a": ("x", "w")}))
    monkeypatch.setattr("haystack_gen.draw.sentences.frames", lambda: few)
    seven = list(islice(draw_sentences(3), 7))
    assert sorted(seven) == ["W p.", "X p.", "X q.", "Y p.", "Y q.", "Z p.", "Z q."]


def test_there_are_many_more_than_are_ever_drawn() -> None:
    assert sum(frame.size for frame in frames()) > 100_000_000
    assert min(frame.size for frame in frames()) > 1_000_000
    assert sum(frame.size for frame in frames()) > 2 * MOST_DRAWN


def test_the_numbers_of_a_frame_are_all_its_sentences() -> None:
    frame = Frame("a {x} {y}, {z}.", {"x": ("b", "c"), "y": ("d", "e", "f"), "z": ("g", "h")})
    sentences = {frame.fill(number) for number in range(frame.size)}
    assert len(sentences) == frame.size == 12
    assert sentences >= {"A b d, g.", "A c f, h."}


def test_the_seed_alone_decides_and_seeds_share_hardly_a_sentence() -> None:
    ours, again, others = (list(islice(draw_sentences(seed), 2000)) for seed in (1, 1, 2))
    assert ours == again
    assert len(set(ours) & set(others)) < 5


def test_all_of_the_vocabulary_turns_up() -> None:
    text = "\n".join(islice(draw_sentences(5), 20_000)).lower()
    assert [filling for fillings in SLOTS.values() for filling in fillings if filling.lower() not in text] == []
    openings = [sum(line.startswith(start) for line in text.split("\n")) for start in ("nobody", "it took", "although")]
    assert all(abs(count - 20_000 / len(frames())) < 200 for count in openings)

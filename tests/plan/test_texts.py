import pytest

from haystack_gen.plan.texts import text_faults


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["lion", "tiger", "200 mg", "x-ray", "i’ll wait", "t_1", "3", "4", "aardvark", "(dog)"],
        ["red", "read", "hot-air balloon", "balloons"],
    ],
)
def test_texts_that_cannot_be_mistaken_have_no_faults(texts):
    assert text_faults(texts) == []


@pytest.mark.parametrize("text", ["Lion", "times Square", "aB", "Éclair"])
def test_capital_letters_are_faults(text):
    assert text_faults([text]) == [f"{text!r} has a capital letter, which can be taken for an option's; use lower case"]


@pytest.mark.parametrize("text", ["a tiger", "b) lion", "(c) dog", " d", "e.g. this", "a, b", "f:", "z"])
def test_a_letter_that_stands_alone_at_the_beginning_is_a_fault(text):
    assert text_faults([text]) == [f"{text!r} begins like an option's letter; put another word first"]


def test_pairs_are_told_once_for_each_text_that_is_too_much_like_another():
    faults = text_faults(["red", "dark red", "dark  RED wine", "blue", "Blue", "bored"])
    assert faults == [
        "'dark  RED wine' has a capital letter, which can be taken for an option's; use lower case",
        "'Blue' has a capital letter, which can be taken for an option's; use lower case",
        "'Blue' and 'blue' are the same to a parser; leave one out",
        "'red' is part of 'dark red', so a reply may seem to say both; reword one",
        "'red' is part of 'dark  RED wine', so a reply may seem to say both; reword one",
        "'red' is part of 'bored', so a reply may seem to say both; reword one",
    ]


def test_numbers_within_numbers_are_faults():
    assert text_faults([str(number) for number in range(1, 11)]) == [
        "'1' is part of '10', so a reply may seem to say both; reword one"
    ]


def test_long_texts_are_told_and_not_compared():
    long = "so " * 100_000
    faults = text_faults(["so", long, f"{'so ' * 66}so"])
    assert len(faults) == 2
    assert faults[0].endswith("has 300,000 characters, more than 200, and is not compared; shorten it")
    assert faults[1].startswith("'so' is part of 'so so so ")
    assert all(len(fault) < 250 for fault in faults)


def test_many_texts_take_no_long_time():
    texts = [f"{number:05d} {'x' * (number % 30)} word" for number in range(5_000)]
    assert text_faults(texts) == []

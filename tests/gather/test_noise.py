"""Noise is what it was asked to be, never lost a word, and costs what a tokenizer says of the whole text."""

import errno
import json
import os
import re
import sys
from itertools import accumulate, islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haystack_gen.draw.sentences import draw_sentences, template_sentence
from haystack_gen.errors import InputError, MissingExtraError, StorageError
from haystack_gen.gather import noise
from haystack_gen.gather.noise import MOST_DRAWN, gather_noise, split_sentences
from haystack_gen.workspace import sha256_of


def test_drawn_noise_is_as_much_as_wanted_and_half_again() -> None:
    drawn = gather_noise("draw", seed=4, at_least=50_001)
    assert drawn.unit == "words"
    assert drawn.costs == tuple(len(sentence.split()) for sentence in drawn.sentences)
    assert sum(drawn.costs) >= 75_002 > sum(drawn.costs[:-1])
    assert sum(drawn.costs) == len(" ".join(drawn.sentences).split())
    assert len(set(drawn.sentences)) == len(drawn.sentences)


def test_drawn_noise_depends_on_the_seed_and_more_of_it_goes_on() -> None:
    some, more = (gather_noise("draw", seed=4, at_least=cost).sentences for cost in (3000, 60_000))
    assert gather_noise("draw", seed=4, at_least=3000).sentences == some == more[: len(some)]
    assert more == tuple(islice(draw_sentences(4), len(more)))
    assert gather_noise("draw", seed=5, at_least=3000).sentences[:3] != some[:3]


@pytest.mark.parametrize("at_least", [0, 1])
def test_there_is_always_a_sentence(at_least: int) -> None:
    assert len(gather_noise("draw", seed=4, at_least=at_least).sentences) == 1


def test_too_much_is_refused_before_it_is_drawn() -> None:
    with pytest.raises(
        InputError, match=r"^a context of 10,000,001 words is too long to draw; shorten it to at most 1"
    ):
        gather_noise("draw", seed=4, at_least=MOST_DRAWN + 1)


def test_the_template_is_one_sentence_whatever_the_seed() -> None:
    one = gather_noise("template", seed=1, at_least=100_000)
    assert one.sentences == (template_sentence(),) == gather_noise("template", seed=2, at_least=5).sentences
    assert one.costs == (len(template_sentence().split()),)


# Files


def test_a_file_gives_all_it_has(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeffIt rained.  It\tstopped!\r\n\r\nThen what?\rA heading\nEnd".encode())
    found = gather_noise(str(file), seed=0, at_least=1_000_000)
    assert found.sentences == ("It rained.", "It stopped!", "Then what?", "A heading", "End")
    assert (found.costs, found.unit) == ((2, 2, 2, 2, 1), "words")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ('He said: "No!" She left.', ['He said: "No!"', "She left."]),
        ("(Really?) Yes… (No.) Well", ["(Really?)", "Yes…", "(No.)", "Well"]),
        ("Pi is 3.14 at v1.2.0, see a.b.c!d", ["Pi is 3.14 at v1.2.0, see a.b.c!d"]),
        ("What?! No... Oh", ["What?!", "No...", "Oh"]),
        ("他走了。她说：“不！”然后呢？！好", ["他走了。", "她说：“不！”", "然后呢？！", "好"]),
        ("「はい。」と言った。 a｡b", ["「はい。」", "と言った。", "a｡", "b"]),
        ("کیا؟ ہاں वह गया। फिर", ["کیا؟", "ہاں वह गया।", "फिर"]),
        ("one\u2028two\x0cthree\x85four", ["one", "two", "three", "four"]),
        (". ! \u00a0 ?", [".", "!", "?"]),
        ('"\n”', ['"', "”"]),
        (" \n\t\r\n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    assert list(split_sentences(text)) == sentences


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.text(alphabet="ab.!?…。！？」\")' \n\r\t\u2028\u3000\x1c")))
def test_no_character_is_lost(text: str) -> None:
    sentences = list(split_sentences(text))
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == " ".join(sentence.split()) != "" for sentence in sentences)


def test_hostile_text_is_split_in_linear_time() -> None:
    text = "." * 300_000 + "x " + '"' * 300_000 + " " + "。" * 300_000 + "」" * 300_000 + "a\n" * 100_000
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"text\.txt: holds no sentence; give a text with at least one"),
        (b"\xef\xbb\xbf \n\t \n", r"text\.txt: holds no sentence; give a text with at least one"),
        (b"caf\xe9 is open.", r"text\.txt: byte 3 \(0xe9\) is not UTF-8; save the file as UTF-8"),
        ("plain".encode("utf-16-le"), r"text\.txt: holds NUL characters, which text does not; save the file as UTF-8"),
        (
            b"Fine. " + b"ab " * 3334,
            r"text\.txt: the sentence that begins with 'ab ab .{34}' has 10,001 characters, at most 10,000 make a "
            r"sentence; break it into lines",
        ),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        gather_noise(str(file), seed=0, at_least=100)


def test_a_larger_file_than_is_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    with file.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match=r"large\.txt: is larger than 67,108,864 bytes; split it"):
        gather_noise(str(file), seed=0, at_least=100)


@pytest.mark.parametrize("name", ["drawn", "a/b.txt", "Some text instead of a file. " * 100])
def test_an_unknown_kind_says_which_exist(name: str) -> None:
    with pytest.raises(
        InputError, match=r"cannot be found; noise is 'draw', 'template' or the path of a text file"
    ) as refused:
        gather_noise(name, seed=0, at_least=100)
    assert str(refused.value).startswith(name[:200])
    assert len(str(refused.value)) < 300


def test_a_folder_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder, expected a text file"):
        gather_noise(str(tmp_path), seed=0, at_least=100)


# Tokenizers


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        MissingExtraError,
        match=r"tokens with t\.json needs tokenizers, .* pip install 'haystack-gen\[tokenizers\]'",
    ):
        gather_noise("draw", seed=0, at_least=100, tokenizer=Path("t.json"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Small tokenizers of the common sorts, trained on drawn noise: the library, and a file for each."""
    if not os.environ.get("HAYSTACK_REQUIRE_EXTRAS"):
        pytest.importorskip("tokenizers", reason="the tokenizers extra is not installed", exc_type=ImportError)
    import tokenizers
    from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

    folder = tmp_path_factory.mktemp("tokenizers")
    sentences = list(islice(draw_sentences(99), 1500))
    quiet = {"show_progress": False, "vocab_size": 400}
    byte_level = {**quiet, "initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}

    def trained(name, model, trainer, pre_tokenizer):
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.train_from_iterator(sentences, trainer)
        tokenizer.save(str(folder / f"{name}.json"))
        return tokenizer

    for name, prefix in (("bytes", True), ("bytes-bare", False)):
        trained(name, models.BPE(), trainers.BpeTrainer(**byte_level), pre_tokenizers.ByteLevel(prefix))
    special = {"special_tokens": ["<unk>", "<s>"]}
    model, trainer = models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(**quiet, **special)
    words = trained("words", model, trainer, pre_tokenizers.Whitespace())
    words.post_processor = processors.TemplateProcessing(single="<s> $A <s>", special_tokens=[("<s>", 1)])
    words.enable_truncation(4)
    words.enable_padding(length=64)
    words.save(str(folder / "words.json"))
    model, trainer = models.Unigram(), trainers.UnigramTrainer(**quiet, **special, unk_token="<unk>")
    trained("unigram", model, trainer, pre_tokenizers.Metaspace())
    # The older sort has no words: each text gets a mark in front, also one that begins with a space.
    model, trainer = models.BPE(unk_token="<unk>"), trainers.BpeTrainer(**quiet, **special)
    marked = trained("marked", model, trainer, pre_tokenizers.Metaspace())
    whole = tokenizers.Tokenizer(marked.model)
    whole.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    whole.save(str(folder / "marked.json"))
    return SimpleNamespace(folder=folder, load=lambda file: tokenizers.Tokenizer.from_file(str(file)))


def whole_length(made: SimpleNamespace, file: Path, text: str) -> int:
    tokenizer = made.load(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return len(tokenizer.encode(text, add_special_tokens=False))


@pytest.mark.tokenizers
def test_costs_with_a_space_before_each_add_up_exactly(made: SimpleNamespace) -> None:
    file = made.folder / "bytes.json"
    drawn = gather_noise("draw", seed=4, at_least=40_000, tokenizer=file)
    assert re.fullmatch(r"tokens:[0-9a-f]{12}", drawn.unit)
    assert drawn.unit == f"tokens:{sha256_of(file)[:12]}"
    assert sum(drawn.costs) == whole_length(made, file, " ".join(drawn.sentences))
    assert sum(drawn.costs) >= 60_000 > sum(drawn.costs[:-1])
    totals = list(accumulate(drawn.costs))
    for count in (1, 2, 77, 500):  # also of any stretch of it
        assert totals[count - 1] == whole_length(made, file, " ".join(drawn.sentences[:count]))
        assert sum(drawn.costs[count : 2 * count]) == whole_length(
            made, file, " ".join(drawn.sentences[count : 2 * count])
        )


@pytest.mark.tokenizers
@pytest.mark.parametrize("name", ["bytes-bare", "words", "unigram", "marked"])
def test_costs_add_up_closely_whatever_the_sort(made: SimpleNamespace, name: str) -> None:
    file = made.folder / f"{name}.json"
    drawn = gather_noise("draw", seed=4, at_least=20_000, tokenizer=file)
    whole = whole_length(made, file, " ".join(drawn.sentences))
    assert abs(sum(drawn.costs) - whole) <= 2  # only the text's beginning may differ; far below one in a hundred
    assert whole > 20_000


@pytest.mark.tokenizers
@pytest.mark.parametrize("name", ["bytes", "bytes-bare", "unigram"])
def test_costs_of_a_file_with_all_sorts_of_sentences_add_up(made: SimpleNamespace, name: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    lines = ["“Why?” he asked... nobody knew!", "他走了。她说：“不！”", "- 3.14 (no.) [x]", "Été, naïve ☃ end", "* * *"]
    text.write_text("\n".join(f"{line} {number}" for number in range(60) for line in lines), encoding="utf-8")
    found = gather_noise(str(text), seed=0, at_least=0, tokenizer=made.folder / f"{name}.json")
    whole = whole_length(made, made.folder / f"{name}.json", " ".join(found.sentences))
    assert sum(found.costs) == pytest.approx(whole, rel=0.01)


@pytest.mark.tokenizers
def test_many_batches_cost_what_one_does(made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    file = made.folder / "bytes-bare.json"
    one = gather_noise("draw", seed=4, at_least=5000, tokenizer=file)
    monkeypatch.setattr(noise, "_BATCH", 7)
    assert gather_noise("draw", seed=4, at_least=5000, tokenizer=file) == one


@pytest.mark.tokenizers
def test_the_template_is_counted_too(made: SimpleNamespace) -> None:
    one = gather_noise("template", seed=4, at_least=5000, tokenizer=made.folder / "words.json")
    assert one.costs == (len(re.findall(r"\w+|[^\w\s]", template_sentence())),)


@pytest.mark.tokenizers
def test_a_tokenizer_that_splits_by_lot_counts_without(made: SimpleNamespace, tmp_path: Path) -> None:
    content = json.loads((made.folder / "bytes.json").read_text())
    content["model"]["dropout"] = 0.9
    (tmp_path / "lot.json").write_text(json.dumps(content))
    costs = [
        gather_noise("draw", seed=4, at_least=500, tokenizer=file).costs
        for file in (made.folder / "bytes.json", tmp_path / "lot.json")
    ]
    assert costs[0] == costs[1]


@pytest.mark.tokenizers
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"Cannot instantiate Tokenizer from buffer: EOF"),
        (b"\x0a\x0e\x0a\x05<unk>\xff", r"Cannot instantiate Tokenizer from buffer: expected value"),
        (b'{"the": 0, "of": 1}', r"Cannot instantiate Tokenizer from buffer"),
        (b'{"tokenizer_class": "LlamaTokenizer", "model_max_length": 4096}', r"Cannot instantiate Tokenizer"),
        (b'{"version": "1.0", "model": {"type": "BPE", "vocab": {}}}', r"Cannot instantiate Tokenizer"),
        (b'{"model": ' + b"[" * 100_000, r"Cannot instantiate Tokenizer from buffer: recursion limit exceeded"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(made, tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(content)
    remedy = r".*\); give the tokenizer\.json that comes with a model$"
    with pytest.raises(InputError, match=rf"other\.json: is not a tokenizer \({reason}{remedy}"):
        gather_noise("draw", seed=0, at_least=100, tokenizer=file)


@pytest.mark.tokenizers
def test_a_cut_tokenizer_is_refused(made: SimpleNamespace, tmp_path: Path) -> None:
    content = (made.folder / "bytes.json").read_bytes()
    (tmp_path / "cut.json").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cut\.json: is not a tokenizer \(Cannot instantiate .*EOF while parsing"):
        gather_noise("draw", seed=0, at_least=100, tokenizer=tmp_path / "cut.json")


@pytest.mark.tokenizers
def test_a_panic_of_the_library_is_explained(made: SimpleNamespace, tmp_path: Path) -> None:
    content = json.loads((made.folder / "bytes.json").read_text())
    content["model"]["continuing_subword_prefix"] = "longer than a token"
    (tmp_path / "panic.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"panic\.json: is not a tokenizer \(.+\); give the tokenizer\.json"):
        gather_noise("draw", seed=0, at_least=100, tokenizer=tmp_path / "panic.json")


@pytest.mark.tokenizers
def test_an_interrupt_is_no_fault_of_the_file(made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("tokenizers.Tokenizer", SimpleNamespace(from_buffer=interrupted))
    with pytest.raises(KeyboardInterrupt):
        gather_noise("draw", seed=0, at_least=100, tokenizer=made.folder / "bytes.json")


@pytest.mark.tokenizers
def test_words_that_a_tokenizer_does_not_know_are_explained(made: SimpleNamespace, tmp_path: Path) -> None:
    content = json.loads((made.folder / "words.json").read_text())
    del content["model"]["vocab"]["<unk>"]
    content["post_processor"], content["added_tokens"], content["padding"] = None, [], None
    file, text = tmp_path / "unknown.json", tmp_path / "text.txt"
    file.write_text(json.dumps(content))
    text.write_text("Zyzzyva.")
    with pytest.raises(InputError, match=r"unknown\.json: cannot count the tokens of the noise \(WordLevel .*\); give"):
        gather_noise(str(text), seed=0, at_least=100, tokenizer=file)


@pytest.mark.tokenizers
def test_a_sentence_without_tokens_is_explained(made: SimpleNamespace, tmp_path: Path) -> None:
    content = json.loads((made.folder / "marked.json").read_text())
    content["model"]["unk_token"], content["normalizer"] = None, None
    del content["model"]["vocab"]["▁"]
    content["model"]["merges"] = []
    file, text = tmp_path / "deaf.json", tmp_path / "text.txt"
    file.write_text(json.dumps(content))
    text.write_text("Fine.\n他走了\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"deaf\.json: makes no token of '他走了'; give a tokenizer for the noise's"):
        gather_noise(str(text), seed=0, at_least=100, tokenizer=file)


@pytest.mark.tokenizers
def test_a_tokenizer_that_is_no_file_is_refused(made: SimpleNamespace, tmp_path: Path) -> None:
    remedy = r"; give the tokenizer\.json that comes with a model$"
    with pytest.raises(InputError, match=rf"none\.json: no such file{remedy}"):
        gather_noise("draw", seed=0, at_least=100, tokenizer=tmp_path / "none.json")
    with pytest.raises(InputError, match=rf": is a folder{remedy}"):
        gather_noise("draw", seed=0, at_least=100, tokenizer=tmp_path)
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(
        InputError, match=rf"huge\.json: is larger than 67,108,864 bytes, which no tokenizer is{remedy}"
    ):
        gather_noise("draw", seed=0, at_least=100, tokenizer=tmp_path / "huge.json")


@pytest.mark.tokenizers
def test_a_tokenizer_that_may_not_be_read_is_explained(made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(StorageError, match=r"bytes\.json: permission denied"):
        gather_noise("draw", seed=0, at_least=100, tokenizer=made.folder / "bytes.json")

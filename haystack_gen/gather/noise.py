"""The text around the videos of a stack: drawn, one sentence that repeats, or the sentences of a file."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path

from haystack_gen.atomic import refusals_explained
from haystack_gen.draw.sentences import draw_sentences, template_sentence
from haystack_gen.errors import InputError, MissingExtraError
from haystack_gen.facts import Noise
from haystack_gen.records import LARGEST_BYTES, read_text

MOST_DRAWN = 10_000_000  # units of the longest context that noise is drawn for; more than models read
LONGEST = 10_000  # characters of a sentence: contexts are filled with whole ones

_Count = Callable[[Sequence[str]], list[int]]
_BATCH = 4096  # sentences counted at once
_WIDE_END = re.compile(r"[。！？｡]+[」』”’）)]*")
_NARROW_ENDS = (".", "!", "?", "…", "؟", "।")
_CLOSERS = "\"'”’»›)]」』）"
_REMEDY = "give the tokenizer.json that comes with a model"
_TEXT_BEFORE = "."


def gather_noise(kind: str, *, seed: int, at_least: int, tokenizer: Path | None = None) -> Noise:
    """The sentences that contexts are filled with, and what each costs with the space before it.

    Joined by spaces they are the text. Drawn sentences depend on the seed alone: more of them continue the same text.

    Args:
        kind: `draw` for drawn sentences, `template` for one that repeats, else the path of a UTF-8 text file. In a
            file, sentences end with punctuation or the line; white space inside them becomes single spaces.
        seed: of drawn sentences.
        at_least: the cost of the longest context. Half as much again is drawn, of at most `MOST_DRAWN`, so that
            contexts can start at different sentences; the other kinds give what they have.
        tokenizer: a `tokenizer.json` of the Hugging Face `tokenizers` library that counts, without special tokens.
            None counts words, as spaces part them: text in a script without spaces needs a tokenizer.

    Raises:
        InputError: a file is missing, unreadable or not what it should be, or more is to be drawn than can be.
        MissingExtraError: `tokenizers` is needed and not installed.
        StorageError: the file system refused.
    """
    unit, count = _tokens(tokenizer) if tokenizer else ("words", _words)
    if kind == "draw":
        pairs = _enough(_counted(draw_sentences(seed), count), _wanted(at_least, unit))
    elif kind == "template":
        pairs = list(_counted([template_sentence()], count))
    else:
        pairs = list(_counted(_file_sentences(kind), count))
    sentences, costs = zip(*pairs, strict=True)
    return Noise(sentences=sentences, costs=costs, unit=unit)


def _wanted(at_least: int, unit: str) -> int:
    if at_least > MOST_DRAWN:
        raise InputError(f"a context of {at_least:,} {unit} is too long to draw; shorten it to at most {MOST_DRAWN:,}")
    return at_least + (at_least + 1) // 2


def _counted(sentences: Iterable[str], count: _Count) -> Iterator[tuple[str, int]]:
    rest = iter(sentences)
    while batch := list(islice(rest, _BATCH)):
        yield from zip(batch, count(batch), strict=True)


def _enough(pairs: Iterator[tuple[str, int]], wanted: int) -> list[tuple[str, int]]:
    """The first pairs, at least one, that together cost what is wanted."""
    taken = [next(pairs)]
    total = taken[0][1]
    while total < wanted:
        taken.append(next(pairs))
        total += taken[-1][1]
    return taken


def _words(sentences: Sequence[str]) -> list[int]:
    return [len(sentence.split()) for sentence in sentences]


def _file_sentences(name: str) -> list[str]:
    path = Path(name)
    try:
        exists = path.exists()
    except OSError:  # too long for a name: most likely the text itself
        exists = False
    if not exists:
        raise InputError(f"{name[:200]}: cannot be found; noise is 'draw', 'template' or the path of a text file")
    text = read_text(path)
    if "\0" in text:
        raise InputError(f"{name}: holds NUL characters, which text does not; save the file as UTF-8")
    sentences = list(split_sentences(text))
    if not sentences:
        raise InputError(f"{name}: holds no sentence; give a text with at least one")
    if len(longest := max(sentences, key=len)) > LONGEST:
        raise InputError(
            f"{name}: the sentence that begins with {longest[:40]!r} has {len(longest):,} characters, at most "
            f"{LONGEST:,} make a sentence; break it into lines"
        )
    return sentences


def split_sentences(text: str) -> Iterator[str]:
    """The sentences of a text, in order: every character but white space is in one of them.

    A sentence ends with its line, at a full-width mark, or with a word that ends in a narrow one (".", "!", "?", "…"),
    and takes closing quotes and brackets with it. So "3.14" stays whole, while "Dr. Who" is parted, which joining by a
    space undoes; after a full-width mark, joining adds one.
    """
    for line in _WIDE_END.sub(r"\g<0>\n", text).splitlines():
        sentence: list[str] = []
        for word in line.split():
            sentence.append(word)
            if word.rstrip(_CLOSERS).endswith(_NARROW_ENDS):
                yield " ".join(sentence)
                sentence = []
        if sentence:
            yield " ".join(sentence)


def _tokens(path: Path) -> tuple[str, _Count]:
    """The unit's name and the function that counts in it."""
    try:
        from tokenizers import Tokenizer
        from tokenizers.models import BPE
    except ImportError:
        raise MissingExtraError("tokenizers", "tokenizers", f"counting tokens with {path}") from None
    content = _content(path)
    with _library_errors(f"{path}: is not a tokenizer"):
        tokenizer = Tokenizer.from_buffer(content)
        # A file may keep what it was trained with: inputs cut, filled up, or split by lot. What is counted is whole.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if isinstance(tokenizer.model, BPE):
            tokenizer.model.dropout = None

    def lengths(texts: Sequence[str]) -> list[int]:
        with _library_errors(f"{path}: cannot count the tokens of the noise"):
            return [len(encoding) for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def count(sentences: Sequence[str]) -> list[int]:
        # What a sentence adds to a text: encoded by itself it would begin one, which some tokenizers mark.
        before, *together = lengths([_TEXT_BEFORE, *(f"{_TEXT_BEFORE} {sentence}" for sentence in sentences)])
        costs = [cost - before for cost in together]
        if (least := min(costs)) < 1:
            sentence = sentences[costs.index(least)]
            raise InputError(f"{path}: makes no token of {sentence[:40]!r}; give a tokenizer for the noise's language")
        return costs

    return f"tokens:{sha256(content).hexdigest()[:12]}", count


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}; {_REMEDY}")
    with refusals_explained(path), path.open("rb") as stream:
        content = stream.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{path}: is larger than {LARGEST_BYTES:,} bytes, which no tokenizer is; {_REMEDY}")
    return content


@contextmanager
def _library_errors(what: str) -> Iterator[None]:
    """Explain whatever `tokenizers` raises: it has no common type, and a panic of its Rust is no `Exception`."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise InputError(f"{what} ({reason}); {_REMEDY}") from error

"""Reading a model's reply strictly: one answer that is told apart from everything else, or none.

What a reply is read as depends on the question's form and options alone, never on the right answer. So nothing is
credited for being found somewhere in a reply, and what cannot be read is counted apart from what is wrong.
"""

from collections.abc import Sequence
from functools import partial

from haystack_gen.judge.replies.letters import read_option
from haystack_gen.judge.replies.names import read_order, read_set, read_short
from haystack_gen.judge.replies.quantities import read_count, read_seconds
from haystack_gen.judge.replies.text import (
    LONGEST,
    NOTHING,
    UNFINISHED,
    Reading,
    after_thinking,
    agreed,
    clean,
    marked,
    unparsed,
)
from haystack_gen.plan.items import Form

__all__ = ["Reading", "read_reply"]

_READERS = {
    "short": read_short,
    "count": read_count,
    "seconds": read_seconds,
    "set": read_set,
    "order": read_order,
}


def read_reply(reply: str, *, form: Form, options: Sequence[str] = ()) -> Reading:
    r"""What a reply answers to a question of a form; `options` are those of a question that is `mcq`.

    Thinking is left out, and of what is longer than `LONGEST` characters all but the end. Answers that the reply itself
    marks (`\boxed{B}`, `<answer>B</answer>`, `{"answer": "B"}`) go before all else it says.

    Raises:
        ValueError: the form is `mcq` and there are no options, or another and there are some.
    """
    if (form == "mcq") != bool(options):
        raise ValueError(f"form {form!r} with options {list(options)}: options are for mcq, and mcq needs some")
    said = after_thinking(reply)
    if said is None:
        return unparsed(UNFINISHED)
    said = said.strip()[-LONGEST:]
    read = _READERS[form] if form != "mcq" else partial(read_option, options=options)
    answers = dict.fromkeys(clean(answer) for answer in marked(said))
    if found := agreed(read(answer) if answer else unparsed(NOTHING) for answer in answers):
        return found
    text = clean(said)
    return read(text) if text else unparsed(NOTHING)

"""Replies as models give them, what they have to be read as, and what three evaluators in use read.

python -m tests.judge.replies_table    write the table of docs/parsing.md anew
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from haystack_gen.judge.replies.letters import AMBIGUOUS, CONTRADICTS, NONE, OUTSIDE
from haystack_gen.judge.replies.names import DISORDERED, RELATES, REPEATS
from haystack_gen.judge.replies.quantities import A_BOUND, NO_COUNT, NO_NUMBER, NO_TIME
from haystack_gen.judge.replies.text import HEDGES, NOTHING, REFUSES, SEVERAL, UNCLEAR, UNFINISHED
from haystack_gen.plan.items import Form

ANIMALS = ("lion", "tiger", "horse", "dog")
SHAPES = ("red cube", "blue sphere", "green cone", "not in the video")
NUMBERS = ("4", "2", "7", "0")
SPANS = ("00:12-00:24", "01:00-01:12", "00:36-00:48", "not in the video")
ORDERS = ("the owl, the kite, the cake", "the kite, the owl, the cake", "the cake, the kite, the owl", "only the owl")
LETTERED = ("X", "A", "K", "B")


@dataclass(frozen=True)
class Case:
    """A reply to a question with options.

    `read` is a letter or the reason why there is none. `others` are the letters of lmms-eval, VLMEvalKit and VNBench as
    their own code gave them, at the versions that `haystack_gen.judge.foreign` names; `-` is none.
    """

    reply: str
    read: str
    others: str
    why: str
    options: tuple[str, ...] = ANIMALS


CASES = (
    # one letter, in any dress
    Case("B", "B", "BBB", "a letter alone"),
    Case("(B)", "B", "BBB", "in parentheses"),
    Case("B.", "B", "BBB", "with a full stop"),
    Case("b", "B", "---", "in lower case, alone"),
    Case("**B**", "B", "BBB", "bold"),
    Case("`B`", "B", "B-B", "as code"),
    Case("```B```", "B", "B-B", "as a block of code"),
    Case("<B>", "B", "B-B", "in angle brackets"),
    Case('"B"', "B", "B-B", "quoted"),
    Case("['B']", "B", "B-B", "as a list of one"),
    Case("B?", "B", "B-B", "unsure of it, but of nothing else"),
    Case("B ✅", "B", "BBB", "with a tick"),
    Case("\u200bB\u200b", "B", "B-B", "between characters without width"),
    Case("B\x00\x00", "B", "B-B", "before NULs"),
    Case("\uff08\uff22\uff09", "B", "---", "full width"),
    Case("Ⓑ", "B", "---", "in a circle"),
    Case("B<|im_end|>", "B", "B-B", "with a token that ends the turn"),
    Case("option B", "B", "BBB", "named as an option"),
    Case("Option (b)", "B", "---", "likewise, in lower case"),
    # a letter and its text
    Case("B. tiger", "B", "BBB", "letter and text as they were offered"),
    Case("B) tiger", "B", "BBB", "likewise"),
    Case("B.tiger", "B", "BBB", "without the space"),
    Case("B: The tiger.", "B", "BBB", "with an article"),
    Case("B tiger", "B", "BBB", "with nothing between them"),
    Case("tiger (B)", "B", "BBB", "the text first"),
    Case("A lion", "A", "AAA", "letter and text, or article and text: the same option"),
    Case("B. 2", "B", "BBB", "a number as text", NUMBERS),
    # the text alone
    Case("tiger", "B", "-B-", "the text alone"),
    Case("TIGER.", "B", "-B-", "in capitals"),
    Case("It is a tiger.", "B", "-B-", "introduced"),
    Case("A tiger", "B", "AAA", "this A is an article"),
    Case("A blue sphere", "B", "AAA", "this A is an article", SHAPES),
    Case("blue sphere", "B", "-B-", "the text alone", SHAPES),
    Case("not in the video", "D", "-D-", "the text alone", SHAPES),
    Case("Not in the video.", "D", "-D-", "the text alone", SHAPES),
    Case("7", "C", "-C-", "a number that is an option's text", NUMBERS),
    Case("1,000", "A", "---", "thousands set off", ("1000", "200", "30", "4")),
    Case("seven", "C", "---", "the same in a word", NUMBERS),
    Case("01:00 – 01:12", "B", "---", "a span of time, spaced otherwise", SPANS),
    Case("The kite, the owl, the cake", "B", "-B-", "an order", ORDERS),
    Case("kite, owl, cake", "B", "---", "an order without articles", ORDERS),
    # the answer is
    Case("Answer: B", "B", "BBA", "said to be the answer"),
    Case("The answer is B.", "B", "BBB", "said to be the answer"),
    Case("The correct answer is (B) tiger.", "B", "BBB", "said to be the answer, with its text"),
    Case("The answer is tiger.", "B", "-B-", "the text said to be the answer"),
    Case("Answer: A blue sphere", "B", "AAA", "after a colon this A may be an article; the text is not A's", SHAPES),
    Case("A blue sphere appears, so the answer is B", "B", "ABA", "this A is an article", SHAPES),
    Case("The answer is B because A and C are not in the video.", "B", "CBA", "the other letters are explained away"),
    Case("The answer is A because the frame shows a lion.", "A", "AAA", "this A is no article: a reason follows"),
    Case("Answer: **C**\nExplanation: A and B are wrong", "C", "B-A", "only C is said to be the answer"),
    Case("My answer is b.", "B", "-B-", "lower case after a cue"),
    Case("I would choose B.", "B", "BBB", "chosen"),
    Case("B is the correct answer.", "B", "B-B", "the letter first"),
    Case("So the final answer is:\n\nB", "B", "BBB", "on a line of its own"),
    Case("### Answer\n\nB. tiger", "B", "BBA", "under a heading"),
    Case("The final answer is $\\boxed{B}$.", "B", "BBB", "boxed"),
    Case("Both look alike. \\boxed{\\text{C}} horse", "C", "CCB", "boxed, with text around it"),
    Case('{"answer": "B", "reason": "A and C are seen elsewhere"}', "B", "CCA", "in JSON"),
    Case('```json\n{"answer": "B"}\n```', "B", "B-B", "in JSON, fenced"),
    Case("<answer>B</answer>", "B", "B-B", "in tags"),
    Case("<|begin_of_box|>B<|end_of_box|>", "B", "B-B", "in the tokens of a box"),
    Case("答案\uff1a\uff22", "B", "---", "Chinese, full width"),
    Case("选B。因为A是狮子", "B", "A-A", "Chinese: choose B, because A is a lion"),
    Case("정답은 B입니다.", "B", "B-B", "Korean"),
    Case("La respuesta correcta es la B.", "B", "BBB", "Spanish"),
    Case("Die richtige Antwort ist B.", "B", "BBA", "German"),
    # reasoning first
    Case("<think>A? The sign says B. No, C.</think>\n\nB", "B", "B-A", "thinking does not count"),
    Case("The sign was there for A. It left.</think>B", "B", "BAA", "thinking that the prompt began"),
    Case("A lion is near the bus.\nThe tiger is outside the shop.\nAnswer: B", "B", "A-A", "the last line says it"),
    Case("Let me see. Option A is a lion, option C a horse.\n\nB", "B", "B--", "the last line is a letter"),
    Case("B\n\nThe tiger is outside the shop; A and C are elsewhere.", "B", "B-A", "the first line is a letter"),
    Case("A. lion\nB. tiger\nC. horse\nD. dog\n\nAnswer: D", "D", "A-A", "the options are only repeated"),
    Case("A. lion - no\nB. tiger - yes\nThe answer is B", "B", "ABA", "the options are gone through"),
    Case("B\n\nWhy:\nA. The lion is inside.\nC. The horse is far.", "B", "B-A", "a letter alone, then the others"),
    Case('"answer": "B", "reason": "The sign', "B", "B-B", "JSON that was cut off"),
    Case("ASSISTANT: B", "B", "BBA", "with the speaker's name"),
    Case("Of all of them, B is the most likely.", "B", "B-B", "the letter first"),
    Case("C. Because Alice said so.", "C", "C-C", "a letter and a reason"),
    # two answers
    Case("A or B", SEVERAL, "A-A", "two letters"),
    Case("A, B", SEVERAL, "A-A", "two letters"),
    Case("A/B", SEVERAL, "A-A", "two letters"),
    Case("Both A and B", SEVERAL, "B-A", "two letters"),
    Case("The answer is A or C.", SEVERAL, "CAA", "two letters said to be the answer"),
    Case("A, but maybe C", HEDGES, "A-A", "A is taken back"),
    Case("The answer is B. Wait, the answer is C.", HEDGES, "CBB", "B is taken back"),
    Case("Answer: B\n\nThe sign is outside.\n\nAnswer: C", SEVERAL, "C-A", "two lines say different answers"),
    Case("Well.\nAnswer: B\nIt is outside.\nAnswer: C", SEVERAL, "C--", "two lines say different answers"),
    Case("B. As I said, the answer is C", SEVERAL, "BCB", "one line says different answers"),
    Case("A: B", SEVERAL, "A-A", "an answer B, or option A with text B"),
    Case("B\nC", SEVERAL, "B-B", "two lines"),
    Case("A. lion, B. tiger", SEVERAL, "A-A", "two options in full"),
    Case("A. lion\nB. tiger\nC. horse\nD. dog", SEVERAL, "A-A", "the options are repeated, and none is chosen"),
    Case('{"answer": "B"} {"answer": "C"}', SEVERAL, "C-B", "two marks"),
    Case("tiger or lion", NONE, "---", "two texts"),
    # letter and text at odds
    Case("B. lion", CONTRADICTS, "BBB", "the letter is tiger's"),
    Case("The answer is B, the lion.", CONTRADICTS, "BBB", "the letter is tiger's"),
    Case("B. 7", CONTRADICTS, "BBB", "the letter is 2's", NUMBERS),
    Case("lion (B)", CONTRADICTS, "BBB", "the letter is tiger's"),
    Case("A", AMBIGUOUS, "AAA", "A is the first option's letter and the second's text", LETTERED),
    # no answer
    Case("E", OUTSIDE, "---", "there are four options"),
    Case("E. giraffe", OUTSIDE, "---", "there are four options"),
    Case("The answer is not B.", NONE, "BBB", "says what it is not"),
    Case("The wrong answer is B.", NONE, "BBB", "says what it is not"),
    Case("If the answer is B, it must be day.", NONE, "BBB", "supposed, not said"),
    Case("Options: A. lion", NONE, "AAA", "an option repeated, and cut off"),
    Case("不选A", NONE, "A-A", "Chinese: do not choose A"),
    Case("A.M. on a sunny day", NONE, "A-A", "no letter alone"),
    Case("None of the above", NONE, "---", "names no option"),
    Case("giraffe", NONE, "---", "no option's text"),
    Case("The animal outside the shop is a tiger.", NONE, "---", "a sentence, not an option's text"),
    Case("Because Alice said so: B", NONE, "BBA", "nothing says that B is the answer"),
    Case("A dog is seen near a lion and a tiger.", NONE, "A-A", "a description; this A is an article"),
    Case("I cannot see the video.", REFUSES, "---", "a refusal; this I is a word"),
    Case("I'm sorry, but I can't determine the answer.", REFUSES, "---", "a refusal"),
    Case("", NOTHING, "---", "empty"),
    Case(" \n\t\u200b", NOTHING, "---", "nothing that can be seen"),
    Case("<think>The sign says B, so B", UNFINISHED, "BBB", "cut off while thinking"),
    Case("Based on the video", NONE, "B-B", "cut off before the answer"),
)
"""Every kind of reply to a question with options."""


@dataclass(frozen=True)
class OpenCase:
    """A reply to a question without options, and the value it is read as; None if the reason is `why`."""

    form: Form
    reply: str
    read: str | Fraction | tuple[str, ...] | None
    why: str


ABSENT = "not in video"
OPEN = (
    OpenCase("short", "tiger", "tiger", "a word"),
    OpenCase("short", "The Tiger.", "tiger", "case, article and full stop do not count"),
    OpenCase("short", "hot-air balloon", "hot air balloon", "a hyphen is a space"),
    OpenCase("short", "three", "3", "a number word is its digits"),
    OpenCase("short", "It's a tiger.", "tiger", "introduced"),
    OpenCase("short", "The animal is a tiger.", "tiger", "one verb, and what follows it"),
    OpenCase("short", "The sign says CASTLE.", "castle", "one verb, and what follows it"),
    OpenCase("short", "It is in the desert.", "desert", "a place without its preposition"),
    OpenCase("short", "Answer: tiger\nThe sign is behind it.", "tiger", "said to be the answer"),
    OpenCase("short", "The answer is tiger, because it is striped.", "tiger", "without its reason"),
    OpenCase("short", "<think>lion?</think>tiger", "tiger", "thinking does not count"),
    OpenCase("short", "The lighthouse does not appear in the video.", ABSENT, "says that it is not there"),
    OpenCase("short", "A rabbit is next to it.", None, UNCLEAR),
    OpenCase("short", "The lighthouse is red and its door is white.", None, UNCLEAR),
    OpenCase("short", "A lion.\nA tiger.", None, UNCLEAR),
    OpenCase("short", "The answer is that the lion is old.", None, UNCLEAR),
    OpenCase("short", "The roof isn't red.", None, UNCLEAR),
    OpenCase("short", "red or blue", None, HEDGES),
    OpenCase("short", "Maybe it does not appear in the video.", None, HEDGES),
    OpenCase("short", "I cannot tell from the video.", None, REFUSES),
    OpenCase("short", "Answer: red\nAnswer: blue", None, SEVERAL),
    OpenCase("short", "...", None, UNCLEAR),
    OpenCase("short", "", None, NOTHING),
    OpenCase("count", "3", Fraction(3), "a number"),
    OpenCase("count", "\uff13", Fraction(3), "a digit of full width"),
    OpenCase("count", "twenty", Fraction(20), "a word"),
    OpenCase("count", "three (3)", Fraction(3), "twice the same"),
    OpenCase("count", "There are 3 of them.", Fraction(3), "the one number of a sentence"),
    OpenCase("count", "2 + 5 = 7", Fraction(7), "what the sum equals"),
    OpenCase("count", "The total is 7 (2 + 5).", Fraction(7), "a sum in parentheses is how it came about"),
    OpenCase("count", "I saw 2, then 5.\nAnswer: 7", Fraction(7), "said to be the answer"),
    OpenCase("count", "The answer is clear. I count 3.", Fraction(3), "what is said to be the answer is no number"),
    OpenCase("count", "1,000", Fraction(1000), "thousands set off"),
    OpenCase("count", "none", Fraction(0), "none is no time at all"),
    OpenCase("count", "It does not appear in the video.", Fraction(0), "says that it is not there"),
    OpenCase("count", "3 or 4", None, SEVERAL),
    OpenCase("count", "3-4", None, SEVERAL),
    OpenCase("count", "twenty-one", None, SEVERAL),
    OpenCase("count", "at least 5", None, A_BOUND),
    OpenCase("count", "5+", None, A_BOUND),
    OpenCase("count", "about five", None, A_BOUND),
    OpenCase("count", "3.5", None, NO_COUNT),
    OpenCase("count", "-3", None, NO_COUNT),
    OpenCase("count", "Answer: -3", None, NO_COUNT),
    OpenCase("count", "frame 3", None, NO_COUNT),
    OpenCase("count", "three hundred", None, NO_NUMBER),
    OpenCase("count", "第3个", None, NO_NUMBER),
    OpenCase("count", "the 3rd", None, NO_NUMBER),
    OpenCase("count", "9" * 500, None, NO_NUMBER),
    OpenCase("count", "I don't know.", None, REFUSES),
    OpenCase("seconds", "12.5", Fraction(25, 2), "a number"),
    OpenCase("seconds", "12,5 s", Fraction(25, 2), "a decimal comma"),
    OpenCase("seconds", "at about 12 seconds", Fraction(12), "an estimate: answers have a tolerance"),
    OpenCase("seconds", "00:12", Fraction(12), "minutes and seconds"),
    OpenCase("seconds", "1:02:03", Fraction(3723), "hours too"),
    OpenCase("seconds", "00:00:12,500", Fraction(25, 2), "as subtitles have it"),
    OpenCase("seconds", "1 min 5 s", Fraction(65), "units"),
    OpenCase("seconds", "two minutes", Fraction(120), "a word and a unit"),
    OpenCase("seconds", "1.5 minutes", Fraction(90), "a part of a minute"),
    OpenCase("seconds", "12 seconds (00:12)", Fraction(12), "twice the same"),
    OpenCase("seconds", "1分5秒", Fraction(65), "Chinese units"),
    OpenCase("seconds", "not in the video", ABSENT, "says that there is no such time"),
    OpenCase("seconds", "12-15 s", None, SEVERAL),
    OpenCase("seconds", "00:12-00:24", None, SEVERAL),
    OpenCase("seconds", "12 seconds into the 3 minute video", None, SEVERAL),
    OpenCase("seconds", "less than 12 s", None, A_BOUND),
    OpenCase("seconds", "frame 12", None, NO_TIME),
    OpenCase("seconds", "1500 ms", None, NO_TIME),
    OpenCase("seconds", "minute 2", None, NO_TIME),
    OpenCase("seconds", "-5 s", None, NO_TIME),
    OpenCase("seconds", "12:75", None, NO_NUMBER),
    OpenCase("seconds", "near the end", None, NO_NUMBER),
    OpenCase("set", "owl, car and house", ("car", "house", "owl"), "a list, in alphabetical order"),
    OpenCase("set", "- The car\n- the owl", ("car", "owl"), "lines"),
    OpenCase("set", "1. car\n2. owl", ("car", "owl"), "numbered lines"),
    OpenCase("set", "The signs say car, house, and owl.", ("car", "house", "owl"), "one verb, and what follows it"),
    OpenCase("set", '{"answer": ["car", "owl"]}', ("car", "owl"), "JSON"),
    OpenCase("set", "car (00:12), owl (00:20)", ("car", "owl"), "parentheses do not count"),
    OpenCase("set", "two, 4", ("2", "4"), "numbers"),
    OpenCase("set", "car, car", ("car",), "said twice"),
    OpenCase("set", "none", ABSENT, "says that there is nothing"),
    OpenCase("set", "car or owl", None, HEDGES),
    OpenCase("set", "The car is red. The owl is near it.", None, UNCLEAR),
    OpenCase("set", "I can't say.", None, REFUSES),
    OpenCase("order", "owl, kite, cake", ("owl", "kite", "cake"), "a list"),
    OpenCase("order", "First the owl, then the kite, and finally the cake.", ("owl", "kite", "cake"), "in words"),
    OpenCase("order", "The owl appears first, followed by the kite and the cake.", ("owl", "kite", "cake"), "in words"),
    OpenCase("order", "1. owl 2. kite 3. cake", ("owl", "kite", "cake"), "numbered"),
    OpenCase("order", "owl -> kite → cake", ("owl", "kite", "cake"), "arrows"),
    OpenCase("order", "The order is:\n1. the owl\n2. the kite", ("owl", "kite"), "a heading and numbered lines"),
    OpenCase("order", "First: owl. Second: kite. Third: cake.", ("owl", "kite", "cake"), "numbered in words"),
    OpenCase("order", "only the owl", ("owl",), "one alone"),
    OpenCase("order", "not in the video", ABSENT, "says that it is not there"),
    OpenCase("order", "The cake appears last, the owl first.", None, DISORDERED),
    OpenCase("order", "Last: cake. First: owl.", None, DISORDERED),
    OpenCase("order", "The kite appears after the owl.", None, RELATES),
    OpenCase("order", "owl, kite, owl", None, REPEATS),
    OpenCase("order", "owl or kite", None, HEDGES),
    OpenCase("order", "00:12 owl, 00:20 kite", None, UNCLEAR),
)
"""Every kind of reply to a question without options."""

PAGE = Path(__file__).parents[2] / "docs" / "parsing.md"
_TABLE = re.compile(r"(<!-- generated: readings -->\n).*?(?=<!-- end -->)", re.DOTALL)


def table() -> str:
    """The replies with options that not all four readings read alike, as Markdown."""
    head = "| reply | options | haystack-gen | lmms-eval | VLMEvalKit | VNBench | |\n|---|---|---|---|---|---|---|\n"
    rows = (
        f"| {_cell(case.reply)} | {' / '.join(case.options)} | {case.read if len(case.read) == 1 else '–'} "
        f"| {' | '.join(case.others.replace('-', '–'))} | {case.why} |\n"
        for case in CASES
        if {*case.others} != {case.read if len(case.read) == 1 else "-"}
    )
    return head + "".join(rows)


def _cell(reply: str) -> str:
    """A reply as code that stays in its cell: what cannot be seen escaped, line ends shown."""
    shown = reply.replace("\n", "⏎")
    shown = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in shown)
    return f"`` {shown.replace('|', chr(92) + '|')} ``" if "`" in shown else f"`{shown.replace('|', chr(92) + '|')}`"


def page() -> str:
    """The text of docs/parsing.md with its table made anew."""
    return _TABLE.sub(lambda region: f"{region[1]}{table()}", PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

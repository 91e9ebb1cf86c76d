import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from haystack_gen.errors import InputError, MissingExtraError
from haystack_gen.facts import Lookalike
from haystack_gen.gather import entries
from haystack_gen.gather.packs import read_pack
from haystack_gen.gather.prompts import one_list, prompt_remarks, split_prompt
from haystack_gen.workspace import sha256_of

ZOO = {"image": "zoo.png", "question": "Which animal?", "options": ["lion", "tiger"], "answer": "tiger"}
WORD = {"image": "pills.png", "question": "How many mg?", "answer": "200"}
FACT = {"image": "lion.png", "key": "the cage", "attribute": "animal inside", "value": "lion"}


def draw(folder, *names):
    """Pictures that differ from each other, by name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), tuple(name.encode()[:3])).resize((8 + len(name), 6)).save(folder / name)


def lines(folder, *rows):
    (folder / "needles.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def composed(needle):
    options = (f"{letter}. {option}" for letter, option in zip("ABCDEFGH", needle.options, strict=False))
    return "\n".join((needle.question, *options, *filter(None, [needle.instruction])))


@pytest.fixture
def folder(tmp_path):
    draw(tmp_path, "zoo.png", "pills.png", "lion.png")
    return tmp_path


# A folder of our own


def test_a_folder_with_lines_is_a_pack(folder):
    lines(
        folder,
        {**ZOO, "distractors": [{"image": "lion.png", "lure": "lion"}], "license": "CC0-1.0", "key": "the zoo shop"},
        {**WORD, "attribute": "dose", "value": "200 mg", "instruction": "One word.", "distractors": ["lion.png"]},
    )
    pack = read_pack(folder)
    zoo, pills = pack.needles
    assert pack.name == folder.name
    assert (zoo.id, zoo.source, zoo.answer, zoo.options, zoo.key) == (
        "zoo",
        "zoo",
        "tiger",
        ("lion", "tiger"),
        "the zoo shop",
    )
    assert zoo.distractors == (Lookalike(source="lion", lure="lion"),)
    assert (pills.attribute, pills.value, pills.instruction) == ("dose", "200 mg", "One word.")
    assert pills.distractors == (Lookalike(source="lion"),)
    assert [(still.id, still.license) for still in pack.stills] == [
        ("zoo", "CC0-1.0"),
        ("lion", "CC0-1.0"),
        ("pills", "unknown"),
    ]
    still = pack.stills[0]
    assert (still.kind, still.width, still.height, still.origin) == ("image", 15, 6, folder.name)
    assert still.sha256 == sha256_of(folder / "zoo.png")
    assert Path(still.path) == (folder / "zoo.png").resolve()


def test_a_pack_yaml_names_the_pack_and_its_licence(folder):
    (folder / "pack.yaml").write_text(
        "name: My zoo\nlicense: CC-BY-4.0\nneedles:\n"
        "- image: zoo.png\n  question: 'Open today?'\n  options: [Yes, No]\n  answer: No\n"
        "- {image: pills.png, question: 'How many mg?', answer: 200, license: MIT}\n"
    )
    pack = read_pack(folder)
    assert pack.name == "My zoo"
    assert (pack.needles[0].options, pack.needles[0].answer, pack.needles[1].answer) == (("Yes", "No"), "No", "200")
    assert [still.license for still in pack.stills] == ["CC-BY-4.0", "MIT"]


def test_a_fact_needs_neither_question_nor_answer_nor_options(folder):
    lines(folder, {**FACT, "count": 12, "distractors": [{"image": "pills.png", "lure": "dog"}]}, ZOO)
    fact, zoo = read_pack(folder).needles
    assert (fact.question, fact.answer, fact.options, fact.count) == ("", "lion", (), 12)
    assert fact.is_fact
    assert fact.distractors == (Lookalike(source="pills", lure="dog"),)
    assert (zoo.count, zoo.is_fact) == (1, False)
    lines(
        folder, {**FACT, "question": "Who?", "options": ["lion", "tiger"]}, {**FACT, "answer": "lion", "question": " "}
    )
    found = read_pack(folder).needles
    assert [(needle.answer, needle.question) for needle in found] == [("lion", "Who?"), ("lion", "")]


def test_a_value_is_never_taken_for_a_letter(folder):
    lines(folder, {**FACT, "value": "B", "options": ["lion", "tiger"]})
    with pytest.raises(
        InputError, match=r"jsonl:1: needle lion: answer 'B' is not among its options \['lion', 'tiger'\]"
    ):
        read_pack(folder)


def test_counts_are_written_as_numbers_or_in_yaml_as_text(folder):
    (folder / "pack.yaml").write_text(
        "needles:\n- {image: lion.png, key: the lions, attribute: number, value: 3, count: 3}\n"
        "- {image: zoo.png, key: the zoo, attribute: sign, value: none, count: 1000}\n"
    )
    pack = read_pack(folder)
    assert [(needle.count, needle.answer) for needle in pack.needles] == [(3, "3"), (1000, "none")]


@pytest.mark.parametrize("count", [0, -1, 1001, 10**30, 2.0, True, None, "0", "03", "+3", " 3", "٣", "3.0", "", [3]])
def test_other_counts_are_errors(folder, count):
    lines(folder, WORD, {**FACT, "count": count})
    with pytest.raises(InputError, match=r"needles.jsonl:2: count must be a whole number from 1 to 1000, got "):
        read_pack(folder)


def test_a_pack_yaml_may_only_head_the_lines(folder):
    (folder / "pack.yaml").write_text("name: Zoo\nlicense: MIT\n")
    lines(folder, ZOO)
    pack = read_pack(folder)
    assert (pack.name, pack.stills[0].license) == ("Zoo", "MIT")


def test_an_answer_or_lure_may_be_a_letter(folder):
    lines(folder, {**ZOO, "answer": "B", "distractors": [{"image": "lion.png", "lure": "A"}]})
    (needle,) = read_pack(folder).needles
    assert (needle.answer, needle.distractors[0].lure) == ("tiger", "lion")


def test_ids_come_from_stems_and_stay_unique(folder):
    draw(folder, "sub/zoo.png")
    lines(folder, ZOO, {**ZOO, "question": "And outside?"}, {**WORD, "id": "zoo-2"}, {**ZOO, "image": "sub/zoo.png"})
    pack = read_pack(folder)
    assert [needle.id for needle in pack.needles] == ["zoo", "zoo-3", "zoo-2", "zoo-4"]
    hashes = [sha256_of(folder / name) for name in ("zoo.png", "sub/zoo.png")]
    assert [still.id for still in pack.stills] == [f"zoo-{hashes[0][:8]}", "pills", f"zoo-{hashes[1][:8]}"]
    assert pack.needles[3].source == f"zoo-{hashes[1][:8]}"


def test_one_file_under_two_names_is_one_still(folder):
    (folder / "link.png").symlink_to("zoo.png")
    lines(folder, ZOO, {**ZOO, "image": "./zoo.png"}, {**ZOO, "image": "link.png"})
    assert [still.id for still in read_pack(folder).stills] == ["zoo"]


def test_order_and_blank_lines_do_not_matter_to_line_numbers(folder):
    (folder / "needles.jsonl").write_text(f"{json.dumps(ZOO)}\r\n\r\n{json.dumps({**WORD, 'colour': 'red'})}\r\n")
    with pytest.raises(InputError, match=r"needles.jsonl:3: unknown key 'colour'; known are id, image"):
        read_pack(folder)


def test_images_without_a_list_are_an_error_that_shows_the_format(folder):
    with pytest.raises(InputError) as caught:
        read_pack(folder)
    message = str(caught.value)
    assert "has 3 images but neither needles.jsonl nor pack.yaml, so nothing says what to ask" in message
    example = json.loads(message.splitlines()[-1])
    assert example["image"] == "lion.png"
    lines(folder, example)
    assert read_pack(folder).needles[0].id == "lion"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ([], "needles.jsonl:1: expected an object with image, question, answer"),
        (
            {**ZOO, "answer": "dog"},
            r"needles.jsonl:1: needle zoo: answer 'dog' is not among its options \['lion', 'tiger'\]",
        ),
        ({**ZOO, "answer": "C"}, "needles.jsonl:1: needle zoo: answer 'C' is not among its options"),
        ({**ZOO, "answer": ""}, "needle zoo: the answer is empty"),
        ({**ZOO, "answer": 200}, "needles.jsonl:1: answer must be text, got 200; put it in quotes"),
        ({**ZOO, "question": " \n"}, "needle zoo: the question is empty"),
        ({**ZOO, "question": None}, "question must be text, got None"),
        ({**ZOO, "options": ["tiger"]}, "has 1 option, expected at least 2, or none for a word answer"),
        ({**ZOO, "options": ["tiger", "tiger"]}, "options .* repeat; each must be different"),
        ({**ZOO, "options": ["tiger", 7]}, "options must be text"),
        ({**ZOO, "options": ["tiger", ""]}, "options must be text"),
        ({**ZOO, "options": "tiger"}, "options must be a list, got 'tiger'; put it in brackets"),
        ({**ZOO, "options": ["B", "A"], "answer": "A"}, "needles.jsonl:1: 'A' is an option and also the letter of 'B'"),
        (
            {"image": "zoo.png", "answer": "x"},
            "'question' is missing; every needle has image, question, answer, or image, key, attribute, value$",
        ),
        (
            {"question": "q", "answer": "x"},
            "'image' is missing; every needle has image, question, answer, or image, key",
        ),
        (
            {"image": "zoo.png", "question": "q", "value": "x"},
            r"'answer' is missing; .* attribute, value \('key' is mis",
        ),
        ({**FACT, "attribute": " "}, r"'question' is missing; .* key, attribute, value \('attribute' is missing\)$"),
        ({**FACT, "key": 5}, "key must be text, got 5; put it in quotes"),
        ({key: FACT[key] for key in ("key", "attribute", "value")}, "'image' is missing; every needle has image$"),
        ({**FACT, "answer": ""}, "needle lion: the answer is empty"),
        ({**FACT, "question": 5}, "question must be text, got 5"),
        ({**ZOO, "id": "../zoo"}, "id '../zoo' cannot name a file; use 'zoo'"),
        ({**ZOO, "distractors": [3]}, "distractors: expected an object with image, got 3"),
        ({**ZOO, "distractors": [{"image": "lion.png", "name": "x"}]}, "unknown key 'name'; known are image, lure"),
        (
            {**ZOO, "distractors": [{"image": "lion.png", "lure": "tiger"}]},
            "'lion.png' has lure 'tiger', expected a wrong",
        ),
        (
            {**ZOO, "distractors": [{"image": "lion.png", "lure": "dog"}]},
            r"lure 'dog', expected a wrong answer: \['lion'\]",
        ),
        ({**WORD, "distractors": [{"image": "lion.png", "lure": "200"}]}, "expected a wrong answer: other than '200'"),
        ({**ZOO, "distractors": ["zoo.png"]}, "distractor 'zoo.png' is the same picture as 'zoo.png'; choose another"),
        ({**ZOO, "distractors": ["copy.png"]}, "distractor 'copy.png' is the same picture as 'zoo.png'"),
        ({**ZOO, "distractors": ["lion.png", "lion.png"]}, "distractor 'lion.png' is the same picture as 'lion.png'"),
    ],
)
def test_a_wrong_entry_says_where_and_why(folder, row, fault):
    (folder / "copy.png").write_bytes((folder / "zoo.png").read_bytes())
    lines(folder, row)
    with pytest.raises(InputError, match=fault):
        read_pack(folder)


def test_ids_licences_and_lists_must_agree(folder):
    lines(folder, {**ZOO, "id": "a"}, {**WORD, "id": "a"})
    with pytest.raises(InputError, match=r"needles.jsonl:2: id 'a' is taken by .*needles.jsonl:1"):
        read_pack(folder)
    lines(folder, {**ZOO, "license": "MIT"}, {**ZOO, "license": "CC0-1.0"})
    with pytest.raises(InputError, match=r"needles.jsonl:2: zoo.png is under 'CC0-1.0' here, 'MIT' before"):
        read_pack(folder)
    (folder / "pack.yaml").write_text("needles: [{image: zoo.png, question: q, answer: a}]")
    with pytest.raises(InputError, match=r"both needles.jsonl and pack.yaml list needles; keep one"):
        read_pack(folder)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\n", "lists 0 needles, expected 1 to 100,000"),
        (b"{", "needles.jsonl:1: is not JSON at line 1, column 2"),
        (b'{"image": "a", "image": "b"}', "needles.jsonl:1: key 'image' is given twice"),
        (b'{"image": NaN}', "needles.jsonl:1: NaN is not a finite number"),
        (b"[" * 200_000, "needles.jsonl:1: is nested too deep"),
        (b'{"image": "\xff"}', r"needles.jsonl: byte 11 \(0xff\) is not UTF-8"),
        (b'{"image": "\\udcff"}', "needles.jsonl:1: text holds half a surrogate pair"),
    ],
)
def test_broken_lines_are_errors(folder, content, fault):
    (folder / "needles.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=fault):
        read_pack(folder)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nneedles: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "pack.yaml: has no needles; list them there, or in needles.jsonl beside it"),
        ("needles: []", "lists 0 needles"),
        ("needles:\n", "pack.yaml: needles must be a list, got ''"),
        ("- a", r"pack.yaml: expected an object with name, license, needles, got \['a'\]"),
        ("title: x", "pack.yaml: unknown key 'title'; known are name, license, needles"),
        (
            "name: [x]\nneedles: [{image: zoo.png, question: q, answer: a}]",
            r"pack.yaml: name must be text, got \['x'\]",
        ),
        (
            "needles:\n- image: zoo.png\n  question: q\n  answer: a\n- image: x\n  colour: y",
            "pack.yaml:5: 'question' is missing",
        ),
        ("name: a\nname: b", "pack.yaml:2: key 'name' is given twice; leave one out"),
        ("name: [a\n", "pack.yaml:2: expected ',' or ']'"),
        ("name: a\x07", "pack.yaml: unacceptable character"),
        (BOMB, r"pack.yaml:2: aliases \(\*name\) are not supported; write the value out"),
        (
            "name: !!python/object/apply:os.getcwd []",
            r"pack.yaml:1: tags \(tag:yaml.org,2002:python/object/apply:os.getcwd\) are not supported",
        ),
        ("name: " + "[" * 3000, "pack.yaml: is nested too deep"),
        ('name: "\\ud800"', "pack.yaml: text holds half a surrogate pair"),
        ("? [a, b]\n: c", "pack.yaml:1: found unhashable key"),
    ],
)
def test_broken_yaml_is_an_error(folder, content, fault):
    (folder / "pack.yaml").write_text(content)
    with pytest.raises(InputError, match=fault):
        read_pack(folder)


@pytest.mark.parametrize("depth", [50, 300, 600, 900, 930, 960, 990])
def test_no_depth_of_nesting_ends_in_a_stack_trace(folder, depth):
    nested = "[" * depth + "]" * depth
    (folder / "needles.jsonl").write_text(f'{{"image": "zoo.png", "question": "q", "answer": {nested}}}\n')
    with pytest.raises(InputError, match=r"needles.jsonl:1: (answer must be text|is nested too deep)"):
        read_pack(folder)


def test_lists_have_a_largest_size(folder, monkeypatch):
    lines(folder, ZOO, WORD)
    monkeypatch.setattr(entries, "MOST_ENTRIES", 1)
    with pytest.raises(InputError, match="lists 2 needles, expected 1 to 1"):
        read_pack(folder)
    (folder / "needles.jsonl").unlink()
    with (folder / "pack.yaml").open("wb") as stream:
        stream.truncate((1 << 18) + 1)
    with pytest.raises(InputError, match=r"pack.yaml: is larger than 262,144 bytes; split it"):
        read_pack(folder)
    with (folder / "list.json").open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match=r"list.json: is larger than 67,108,864 bytes; split it"):
        read_pack(folder / "list.json")


# Paths


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("/etc/passwd", "image '/etc/passwd' leaves the pack"),
        ("../outside.png", "image '../outside.png' leaves the pack"),
        ("sub/../../outside.png", "leaves the pack"),
        ("sub/../zoo.png", "leaves the pack"),
        ("..\\outside.png", "is not a plain path"),
        ("C:\\outside.png", "is not a plain path"),
        ("C:outside.png", "is not a plain path"),
        ("file:///etc/passwd", "is not a plain path"),
        ("https://example.org/zoo.png", "is not a plain path"),
        ("zoo.png\0.jpg", "is not a plain path"),
        ("zoo\n.png", "is not a plain path"),
        ("", "is not a plain path"),
        (" ", "is not a plain path"),
        ("link.png", "image 'link.png' is a link out of the pack; copy the file into it"),
        ("door/outside.png", "image 'door/outside.png' is a link out of the pack"),
        ("dangling.png", "image 'dangling.png' is a link out of the pack"),
        ("loop.png", "image 'loop.png' cannot be followed|1 of 1 images are missing"),
        ("x" * 300 + ".png", "cannot be followed|1 of 1 images are missing"),
        (".", "1 of 1 images are missing"),
        ("pipe.png", "1 of 1 images are missing"),
    ],
)
@pytest.mark.parametrize("role", ["needle", "distractor"])
def test_images_may_not_lie_outside_the_pack(tmp_path, name, fault, role):
    pack = tmp_path / "pack"
    draw(tmp_path, "outside.png", "pack/zoo.png")
    (pack / "link.png").symlink_to(tmp_path / "outside.png")
    (pack / "door").symlink_to(tmp_path)
    (pack / "dangling.png").symlink_to(tmp_path / "none.png")
    (pack / "loop.png").symlink_to("loop.png")
    os.mkfifo(pack / "pipe.png")
    lines(pack, {**ZOO, "image": name} if role == "needle" else {**ZOO, "distractors": [name]})
    with pytest.raises(InputError, match=fault.replace("1 of 1", "1 of .")):
        read_pack(pack)


def test_a_pack_reached_through_a_link_is_read(folder, tmp_path_factory):
    lines(folder, ZOO)
    link = tmp_path_factory.mktemp("elsewhere") / "pack"
    link.symlink_to(folder)
    assert read_pack(link).needles[0].source == "zoo"


def test_every_missing_image_is_named_at_once(folder):
    lines(folder, ZOO, {**WORD, "image": "a/b.png", "distractors": ["c.png"]}, {**WORD, "image": "d.png"})
    with pytest.raises(
        InputError, match=r"3 of 4 images are missing; put them there:\n  a/b.png\n  c.png\n  d.png$"
    ) as caught:
        read_pack(folder)
    assert str(folder) in str(caught.value)


def test_a_damaged_image_is_an_error(folder):
    Image.effect_noise((64, 64), 50).save(folder / "zoo.jpg")
    (folder / "zoo.jpg").write_bytes((folder / "zoo.jpg").read_bytes()[:-500])
    lines(folder, {**ZOO, "image": "zoo.jpg"})
    with pytest.raises(InputError, match=r"zoo.jpg: image is damaged or cut short \(image file is truncated"):
        read_pack(folder)


def test_the_same_picture_twice_under_one_name_is_an_error(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "zoo.png").write_bytes((folder / "zoo.png").read_bytes())
    lines(folder, ZOO, {**ZOO, "image": "sub/zoo.png"})
    with pytest.raises(InputError, match=r"would both be called 'zoo-[0-9a-f]{8}'; rename or leave out one"):
        read_pack(folder)


# What a reader should know


def test_texts_that_answer_parsers_stumble_over_are_remarked_on_once(folder):
    lines(
        folder,
        {**ZOO, "options": ["Lion", "a tiger", "lion cub"], "answer": "a tiger"},
        {**ZOO, "options": ["Lion", "horse"], "answer": "horse"},
        {**FACT, "value": "tiger"},
        {**FACT, "value": "white tiger"},
        {**FACT, "image": "zoo.png", "value": "tiger"},
        {**FACT, "attribute": "company", "value": "tigers"},
    )
    needles = folder / "needles.jsonl"
    assert read_pack(folder).remarks == (
        f"{needles}:1: 'Lion' has a capital letter, which can be taken for an option's; use lower case",
        f"{needles}:1: 'a tiger' begins like an option's letter; put another word first",
        f"{needles}:1: 'Lion' is part of 'lion cub', so a reply may seem to say both; reword one",
        f"{folder}: values of 'animal inside': 'tiger' is part of 'white tiger', so a reply may seem to say both; "
        "reword one",
    )


def test_a_sound_pack_has_no_remarks(folder):
    lines(folder, ZOO, WORD, FACT, {**FACT, "value": "tiger"}, {**FACT, "image": "zoo.png"})
    assert read_pack(folder).remarks == ()


def test_a_distractor_may_not_show_a_needle_of_the_same_key(folder):
    other = {**FACT, "image": "zoo.png", "value": "tiger"}
    (folder / "copy.png").write_bytes((folder / "lion.png").read_bytes())
    for picture in ("lion.png", "copy.png"):
        lines(folder, FACT, {**other, "key": "The  Cage", "distractors": ["pills.png", picture]})
        with pytest.raises(
            InputError,
            match=rf"jsonl:2: distractor '{picture}' is the picture of needle lion, whose key is 'The  Cage' too; "
            "a distractor must fail the key: choose another",
        ):
            read_pack(folder)
    lines(folder, FACT, {**other, "key": "the cave", "distractors": ["lion.png"]})
    assert read_pack(folder).remarks == ()


@pytest.mark.parametrize(("mine", "theirs"), [("the cage", ""), ("", "the cage"), ("", "")])
def test_a_distractor_that_shows_a_needle_without_keys_is_remarked_on(folder, mine, theirs):
    lines(folder, {**ZOO, "key": theirs}, {**WORD, "key": mine, "distractors": ["zoo.png"]})
    remark = f"{folder}/needles.jsonl:2: distractor 'zoo.png' is the picture of needle zoo too; give both a key"
    assert read_pack(folder).remarks == (remark,)


# Published lists


def copy_list(shared_data, folder, name):
    rows = json.loads((shared_data / "upstream" / f"{name}.json").read_text())
    draw(folder, *(row[key] for row in rows for key in ("path", "interrupt_path") if key in row))
    (folder / f"{name}.json").write_text(json.dumps(rows))
    return folder / f"{name}.json", rows


def test_v_niah_is_read_as_published_and_its_prompts_come_back(shared_data, tmp_path):
    path, rows = copy_list(shared_data, tmp_path, "v_niah_dataset")
    pack = read_pack(path)
    assert pack.name == "v_niah_dataset"
    assert [needle.id for needle in pack.needles] == [
        "zoo", "sora_balloon", "selenium_green", "panda_scientist", "teddy_bear_times_square",
    ]  # fmt: skip
    assert [needle.answer for needle in pack.needles] == ["tiger", "Yellow", "200", "Panda", "Times Square"]
    assert pack.needles[0].options == ("lion", "tiger", "horse", "dog")
    assert pack.needles[0].question == "Find the frame with the word 'zoo'. What is the animal outside the zoo shop?"
    assert pack.needles[2].instruction == "Answer the question using a single word or phrase."
    # Upstream's prompts begin with the line end that separates them from the frames.
    assert ["\n" + composed(needle) for needle in pack.needles] == [row["prompt"] for row in rows]


def test_v_niah_d_pairs_two_lists(shared_data, tmp_path):
    path, _ = copy_list(shared_data, tmp_path, "v_niah_dataset")
    parallel, _ = copy_list(shared_data, tmp_path, "v_niah_d_dataset_interrupt")
    assert not any(needle.distractors for needle in read_pack(path).needles)
    pack = read_pack(path, distractor_list=parallel)
    assert [needle.distractors[0].source for needle in pack.needles] == [
        f"{needle.id}_interrupt" for needle in pack.needles
    ]
    assert len(pack.stills) == 10
    (tmp_path / "v_niah_dataset_interrupt.json").write_bytes(parallel.read_bytes())
    assert read_pack(path) == pack


def test_the_published_pictures_are_found_in_a_folder_of_their_own(shared_data, tmp_path):
    rows = json.loads((shared_data / "upstream" / "v_niah_dataset.json").read_text())
    others = json.loads((shared_data / "upstream" / "v_niah_d_dataset_interrupt.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps(rows[:2]))
    (tmp_path / "dataset_interrupt.json").write_text(json.dumps(others[:2]))
    pack = read_pack(tmp_path / "dataset.json", images=shared_data / "needles")
    assert [still.id for still in pack.stills] == ["zoo", "zoo_interrupt", "sora_balloon", "sora_balloon_interrupt"]
    names = r"\n  selenium_green.jpg\n  panda_scientist.png\n  teddy_bear_times_square.png$"
    with pytest.raises(InputError, match=rf"needles: 3 of 5 images are missing.*:{names}"):
        read_pack(shared_data / "upstream" / "v_niah_dataset.json", images=shared_data / "needles")


def test_v_ruler_v_niah_d_names_its_distractors(shared_data, tmp_path):
    path, _ = copy_list(shared_data, tmp_path, "v_ruler_v_niah_d")
    pack = read_pack(path)
    assert [needle.answer for needle in pack.needles] == ["200", "blue", "helmet", "trash bin", "Times Square"]
    assert [needle.distractors[0].source for needle in pack.needles] == [
        f"{needle.id}_interrupt" for needle in pack.needles
    ]
    letters = "Answer with the option's letter from the given choices directly."
    assert pack.needles[1].instruction == letters
    assert pack.needles[1].question == "Find the beach umbrella. What color is the towel under it?"
    both = f"Please provide your answer by stating the letter followed by the full option.\n{letters}"
    assert pack.needles[4].instruction == both
    assert pack.remarks == (
        *(f"{path}: item {number}: prompt has the line {letters!r} 2 times; it counts once" for number in (2, 3, 4)),
        f"{path}: item 5: prompt says how to answer in 2 ways, {both.splitlines()[0]!r} and {letters!r}; all are kept",
    )


def test_v_niah_has_nothing_to_remark_on(shared_data, tmp_path):
    path, _ = copy_list(shared_data, tmp_path, "v_niah_dataset")
    assert read_pack(path).remarks == ()


@pytest.mark.parametrize("name", ["counting", "ordering", "multi_key_multi_value"])
def test_lists_of_several_needles_are_refused(shared_data, name):
    fault = (
        r"item 1: path is a list, .*; questions about several pictures go in needles.lists by family, "
        "for example --set needles.lists.counting=FILE$"
    )
    with pytest.raises(InputError, match=fault):
        read_pack(shared_data / "upstream" / f"v_ruler_{name}.json")


def test_other_published_json_is_refused(shared_data):
    with pytest.raises(
        InputError, match=r"stack.json: item 1: 'path' is missing; every needle has path, prompt, answer"
    ):
        read_pack(shared_data / "upstream" / "v_ruler_lengthy_multimodal_stack.json")
    with pytest.raises(InputError, match=r"m_rope.json: item 1: 'path' is missing"):
        read_pack(shared_data / "upstream" / "v_niah_all_accuracies_m_rope.json")


PROMPT = {"path": "zoo.png", "prompt": "Which?\nA. lion\nB. tiger\nAnswer with the option's letter.", "answer": "B"}


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ({}, "list.json: expected an array of objects with path, prompt and answer"),
        ([], "list.json: lists 0 needles"),
        ([3], "list.json: item 1: expected an object with path, prompt, answer, got 3"),
        ([PROMPT, {**PROMPT, "id": 1}], "list.json: item 2: unknown key 'id'"),
        ([{**PROMPT, "path": None}], "item 1: path must be text, got None"),
        ([{**PROMPT, "path": "__import__('os').getcwd()"}], r"images are missing; .*\n  __import__"),
        ([{**PROMPT, "path": "['a.png', 'b.png']"}], "path is a list"),
        ([{**PROMPT, "interrupt_path": ["a.png"]}], "path is a list"),
        ([{**PROMPT, "answer": 2}], "item 1: answer must be text, got 2"),
        ([{**PROMPT, "answer": "D"}], "item 1: needle zoo: answer 'D' is not among its options"),
        (
            [{**PROMPT, "prompt": "Which? A. lion B. tiger"}],
            "item 1: asks for an option, but none was found; write each on",
        ),
        ([{**PROMPT, "prompt": "Which?\nAnswer with the option's letter.", "answer": "lion"}], "asks for an option"),
    ],
)
def test_wrong_published_lists_say_where_and_why(folder, rows, fault):
    (folder / "list.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=fault):
        read_pack(folder / "list.json")


def test_distractor_lists_must_be_parallel(folder):
    path, parallel = folder / "list.json", folder / "others.json"
    path.write_text(json.dumps([PROMPT, {**PROMPT, "path": "pills.png"}]))
    lure = {**PROMPT, "path": "lion.png"}
    for others, fault in (
        ([lure], "others.json: has 1 items, expected 2 as in the list of needles"),
        (
            [lure, {**lure, "prompt": "Else?"}],
            r"others.json: item 2: prompt 'Else\?' differs from .Which.*list.json: item 2",
        ),
        ([lure, {**lure, "path": ["x"]}], "others.json: item 2: path is a list"),
    ):
        parallel.write_text(json.dumps(others))
        with pytest.raises(InputError, match=fault):
            read_pack(path, distractor_list=parallel)
    path.write_text(json.dumps([{**PROMPT, "interrupt_path": "pills.png"}]))
    parallel.write_text(json.dumps([lure]))
    with pytest.raises(
        InputError, match=r"list.json: item 1: has interrupt_path, and .*others.json lists distractors too"
    ):
        read_pack(path, distractor_list=parallel)


def test_locations_that_are_no_pack_say_so(folder):
    (folder / "notes.txt").write_text("x")
    for location, arguments, fault in (
        (
            folder / "none",
            {},
            "none: no such pack; expected a folder with needles.jsonl, a .json list or hub:USER/NAME",
        ),
        (folder / "none.json", {}, "none.json: no such file"),
        (folder / "notes.txt", {}, "notes.txt: is not a pack; expected a folder"),
        (folder, {"images": folder}, "a separate image folder or distractor list goes with a .json list only"),
        ("hub:a/b", {"images": folder, "scratch": folder}, "goes with a .json list only"),
        ("hub:a/b", {}, "hub:a/b: needs a folder for the images"),
        ("hub:../secrets", {"scratch": folder}, "hub:../secrets: expected hub:USER/NAME or hub:USER/NAME:SPLIT"),
    ):
        with pytest.raises(InputError, match=fault):
            read_pack(location, **arguments)
    (folder / "list.json").write_text(json.dumps([PROMPT]))
    with pytest.raises(InputError, match="nowhere: no such folder; expected the folder that holds the pack's images"):
        read_pack(folder / "list.json", images=folder / "nowhere")


# Prompts


@pytest.mark.parametrize("style", ["{}. {}", "{}.{}", "{}) {}", "({}) {}", "  ({})  {} "])
def test_options_are_read_in_every_style(style):
    prompt = "\n".join(["Which?", *(style.format(letter, name) for letter, name in zip("ABC", "xyz", strict=True))])
    assert split_prompt(prompt, "p").lists == (("x", "y", "z"),)
    assert split_prompt(prompt, "p").question == "Which?"


@pytest.mark.parametrize(
    ("prompt", "question", "options", "instruction"),
    [
        ("\nTwo\nlines?\n\nA. x\nB. y", "Two\nlines?", ["x", "y"], ""),
        ("I. Newton or A?\nA. x\nB. y", "I. Newton or A?", ["x", "y"], ""),
        ("Please answer: which word is it?", "Please answer: which word is it?", [], ""),
        ("Q?\nA. x\nB. y\nOnly the letter.\n", "Q?", ["x", "y"], "Only the letter."),
        ("Q?\nAnswer with a word.\nAnswer with a word.", "Q?", [], "Answer with a word."),
        (
            "Q?\nA. x\nB. y\nAnswer with A or B.\nA. x\nB. y\nAnswer with A or B.",
            "Q?",
            ["x", "y"],
            "Answer with A or B.",
        ),
    ],
)
def test_prompts_are_taken_apart(prompt, question, options, instruction):
    parts = split_prompt(prompt, "p")
    assert (parts.question, list(one_list(parts, "p")), parts.instruction) == (question, options, instruction)


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("A. x\nB. y", "p: holds no question"),
        ("", "p: holds no question, only ''"),
        ("Q?\nA. x", r"p: has 1 option, \['x'\], expected at least 2"),
        ("Q?\nA. x\nC. y", r"p: option 'C' does not follow \['x'\]; expected lines A, B, C"),
        ("Q?\nA. x\nand more\nB. y", r"p: option 'B' does not follow \['x'\]"),
        ("Q?\nA. x\nB. y\nA. y\nB. x", r"p: has two option lists, \['x', 'y'\] and \['y', 'x'\]; keep one"),
    ],
)
def test_prompts_that_contradict_themselves_say_why(prompt, fault):
    with pytest.raises(InputError, match=fault):
        one_list(split_prompt(prompt, "p"), "p")


def test_the_conflicting_lists_of_v_ruler_are_found(shared_data):
    row = json.loads((shared_data / "upstream" / "v_ruler_multi_key_multi_value.json").read_text())[0]
    with pytest.raises(
        InputError, match=r"two option lists, \['jumping, cleaning, singing', .* and \['chatting, jumping"
    ):
        one_list(split_prompt(row["prompt"], "p"), "p")


def test_a_prompt_says_what_it_says_twice():
    prompt = "Q?\nSay one.\nAnswer with a letter.\nA. x\nB. y\nAnswer with a letter.\nA. x\nB. y\nReply in words."
    assert prompt_remarks(split_prompt(prompt, "p"), "p") == (
        "p has the line 'Answer with a letter.' 2 times; it counts once",
        "p says how to answer in 2 ways, 'Answer with a letter.' and 'Reply in words.'; all are kept",
        "p has the same options 2 times; they count once",
    )
    assert prompt_remarks(split_prompt("Q?\nA. x\nB. y\nThink.\nAnswer with a letter.", "p"), "p") == ()


def test_a_long_hostile_prompt_takes_no_long_time():
    assert split_prompt("Q?\nA. x" + " " * 1_000_000 + "y\nB. z", "p").lists[0][1] == "z"
    split_prompt("Q?" + "".join(f"\nAnswer with {number}." for number in range(20_000)), "p")


# The Hub


def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingExtraError, match=r"reading hub:a/b needs datasets, .* pip install 'haystack-gen\[hub\]'"
    ):
        read_pack("hub:a/b", scratch=tmp_path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Writes a split of `someone/needles`, in the folder where `datasets` looks before it asks the Hub."""
    import datasets

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    text = datasets.Value("string")
    features = datasets.Features(image=datasets.Image(), question=text, answer=text)

    def write(split, *rows):
        Path("someone/needles").mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list(list(rows), features=features).to_parquet(f"someone/needles/{split}.parquet")

    return write


def stored(path, name=None):
    return {"bytes": path.read_bytes(), "path": name}


@pytest.mark.hub
@pytest.mark.filterwarnings("default")
def test_a_hub_dataset_is_a_pack(hub, tmp_path):
    draw(tmp_path / "drawn", "zoo.png", "pills.png")
    rows = (
        {"image": stored(tmp_path / "drawn" / "zoo.png", "zoo.png"), "question": PROMPT["prompt"], "answer": "B"},
        {"image": stored(tmp_path / "drawn" / "pills.png"), "question": "\nHow many mg?", "answer": "200"},
    )
    hub("test", *rows)
    pack = read_pack("hub:someone/needles", scratch=tmp_path / "scratch")
    hashes = [sha256_of(tmp_path / "drawn" / name) for name in ("zoo.png", "pills.png")]
    assert pack.name == "someone/needles"
    assert [needle.answer for needle in pack.needles] == ["tiger", "200"]
    assert [still.sha256 for still in pack.stills] == hashes
    assert [needle.id for needle in pack.needles] == [f"zoo-{hashes[0][:16]}", f"row-2-{hashes[1][:16]}"]
    again = read_pack("hub:someone/needles:test", scratch=tmp_path / "scratch")
    assert (again.name, again.needles) == ("someone/needles:test", pack.needles)
    hub("train", *rows)
    with pytest.raises(InputError, match=r"has splits .*; name one, such as hub:someone/needles:t"):
        read_pack("hub:someone/needles", scratch=tmp_path / "scratch")
    with pytest.raises(InputError, match=r"hub:someone/needles:dev: cannot be loaded \(ValueError: "):
        read_pack("hub:someone/needles:dev", scratch=tmp_path / "scratch")


@pytest.mark.hub
@pytest.mark.filterwarnings("default")
def test_a_hub_dataset_cannot_reach_files_by_path(hub, tmp_path):
    draw(tmp_path, "private.png")
    hub("train", {"image": str(tmp_path / "private.png"), "question": "What?", "answer": "x"})
    with pytest.raises(InputError, match=r"hub:someone/needles row 1: image holds no bytes; download the dataset"):
        read_pack("hub:someone/needles", scratch=tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()


@pytest.mark.hub
@pytest.mark.filterwarnings("default")
def test_other_hub_datasets_say_what_they_lack(hub, tmp_path):
    Path("someone/texts").mkdir(parents=True)
    Path("someone/texts/train.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    with pytest.raises(
        InputError, match=r"hub:someone/texts: has no column 'image', expected image, question and answer"
    ):
        read_pack("hub:someone/texts", scratch=tmp_path / "scratch")

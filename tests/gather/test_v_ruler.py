import json
import os

import pytest
from PIL import Image

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.facts import VideoQuestion
from haystack_gen.gather import v_ruler
from haystack_gen.gather.catalog import catalog_videos
from haystack_gen.gather.packs import read_pack
from haystack_gen.gather.v_ruler import AskedFilm, read_listed, read_questions
from haystack_gen.workspace import sha256_of
from tests.counter_video import write_counter

LISTS = {
    "counting": "v_ruler_counting.json",
    "ordering": "v_ruler_ordering.json",
    "multi_value": "v_ruler_multi_key_multi_value.json",
}
STACK = "v_ruler_lengthy_multimodal_stack.json"
LETTERS = "Answer with the option's letter from the given choices directly."
TWICE = f'prompt has the line "{LETTERS}" 2 times; it counts once'
PROMPT = "How many?\nA. 1\nB. 2\nC. 3\nD. 4"
ROW = {"path": ["zoo.png"], "prompt": PROMPT, "answer": "B"}
FILM = {"video_path": "f.mp4", "question": "What?", "candidates": ["red", "blue"], "correct_choice": 1, "id": "f_0"}


def draw(folder, *names):
    """Pictures that differ from each other, by name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8 + len(name), 6), tuple(name.encode()[:3])).save(folder / name)


def write(folder, rows, name="list.json"):
    (folder / name).write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return folder / name


def short(remarks, path):
    """Remarks without the path that each begins with."""
    assert all(remark.startswith(f"{path}: item ") for remark in remarks)
    return [remark.removeprefix(f"{path}: ") for remark in remarks]


@pytest.fixture
def folder(tmp_path):
    draw(tmp_path, "zoo.png", "lion.png")
    return tmp_path


# The published lists, as they are; their pictures and films are drawn


@pytest.fixture
def published(shared_data, tmp_path):
    """The folder of the published lists, and one with a picture or film under every name that they mention."""
    upstream, media = shared_data / "upstream", tmp_path / "media"
    for name in LISTS.values():
        for row in json.loads((upstream / name).read_text()):
            path = row["path"]
            draw(media, *(path if isinstance(path, list) else json.loads(path.replace("'", '"'))))
    rows = json.loads((upstream / "v_ruler_v_niah_d.json").read_text())
    draw(media, *(row[key] for row in rows for key in ("path", "interrupt_path")))
    for number, row in enumerate(json.loads((upstream / STACK).read_text())):
        write_counter(media / row["video_path"], frames=3, size=(64, 36), first=10 * number)
    return upstream, media


def test_counting_is_read_as_published(published):
    upstream, media = published
    path = upstream / LISTS["counting"]
    pack = read_listed(path, task="counting", images=media)
    assert pack.name == "v_ruler_counting"
    assert [item.id for item in pack.listed] == [f"v_ruler_counting-{number}" for number in range(1, 6)]
    assert [item.pictures for item in pack.listed] == [
        (),
        ("balloons_1",),
        ("cakes_1",),
        ("balloons_1", "balloons_1"),
        ("balloons_2", "balloons_1"),
    ]
    assert [item.answer for item in pack.listed] == ["0", "1", "1", "2", "3"]
    assert pack.listed[0].options == ("2", "3", "0", "1")
    assert pack.listed[0].question.startswith("Find frames with ballons. If one frame")
    assert {item.instruction for item in pack.listed} == {LETTERS}
    assert {item.task for item in pack.listed} == {"counting"}
    assert [(still.id, still.sha256, still.origin) for still in pack.stills] == [
        (name, sha256_of(media / f"{name}.png"), "v_ruler_counting") for name in ("balloons_1", "cakes_1", "balloons_2")
    ]
    assert short(pack.remarks, path) == [f"item {number}: {TWICE}" for number in range(1, 6)]


def test_ordering_is_read_as_published(published):
    upstream, media = published
    pack = read_listed(upstream / LISTS["ordering"], task="ordering", images=media)
    assert [item.pictures for item in pack.listed] == [
        ("balloons", "cakes"),
        ("balloons", "cakes", "shoes"),
        ("flowers", "shoes"),
        ("cakes", "balloons", "flowers", "shoes"),
        ("flowers", "shoes", "cakes", "balloons"),
    ]
    assert pack.listed[0].options == ("balloon, cake", "cake, balloon", "only balloon", "I don't know")
    assert pack.listed[0].question == (
        "Find the frames about balloon, cake. What is the order of their appearance in the video?"
    )
    assert [item.answer for item in pack.listed] == [
        "balloon, cake",
        "balloon, cake, shoes",
        "flowers, shoes",
        "cake, balloon, flowers, shoes",
        "flowers, shoes, cake, balloon",
    ]
    assert pack.remarks == ()


def test_multi_key_multi_value_is_read_as_published(published):
    upstream, media = published
    path = upstream / LISTS["multi_value"]
    pack = read_listed(path, task="multi_value", images=media)
    assert [len(item.pictures) for item in pack.listed] == [3, 3, 3, 3, 4]
    assert pack.listed[0].pictures == ("balloon_jumping", "balloon_cleaning", "balloon_working")
    assert pack.listed[0].options == (
        "jumping, cleaning, singing",
        "cleaning, singing, working",
        "jumping, cleaning, working",
        "chatting, jumping, working",
    )
    assert [item.answer for item in pack.listed] == [
        "jumping, cleaning, working",
        "juggling, fishing, playing violin",
        "playing drums, making pizza, doing magic trick",
        "basketball player, goat, boy",
        "businessman, chimpanzee, grandma, teenage girl",
    ]
    assert short(pack.remarks, path) == [
        f"item 1: {TWICE}",
        "item 1: prompt has 2 option lists that differ, of 4 and 3; ['jumping, cleaning, singing', "
        "'cleaning, singing, working', 'jumping, cleaning, working', 'chatting, jumping, working'] is kept, as answer "
        "'C' means 'jumping, cleaning, working' in all",
        *(f"item {number}: {TWICE}" for number in (2, 3, 4, 5)),
    ]


def test_v_niah_d_is_a_pack_as_published(published):
    upstream, media = published
    pack = read_pack(upstream / "v_ruler_v_niah_d.json", images=media)
    assert len(pack.needles) == 5
    assert len(pack.stills) == 10
    assert len(pack.remarks) == 4


def test_the_stack_list_is_read_as_published(published, tmp_path):
    upstream, media = published
    found = read_questions(upstream / STACK, videos=media)
    assert found.name == "v_ruler_lengthy_multimodal_stack"
    assert found.remarks == ()
    assert [film.id for film in found.asked] == [
        "ajf13ukvqa0_1",
        "9yqv0t5meo4_0",
        "sket024gdle_0",
        "jess-morg-7079970495499717934_0",
        "tiffycooks-7194857776877817094_0",
    ]
    assert found.asked[0].options[3] == found.asked[0].answer == "All are black"
    assert found.asked[0].path == found.films[0] == (media / "AjF13uKVQa0.mp4").resolve()
    films = catalog_videos(found.films, cache=Cache(tmp_path / "cache"))
    source = {film.path: film.id for film in films}
    questions = [
        VideoQuestion(
            id=film.id,
            source=source[str(film.path)],
            question=film.question,
            options=film.options,
            answer=film.answer,
        )
        for film in found.asked
    ]
    assert [question.source for question in questions] == [film.id for film in films]
    assert [len(question.options) for question in questions] == [4, 4, 5, 5, 5]


@pytest.mark.parametrize("task", LISTS)
def test_the_pictures_of_a_published_list_are_missing_all_at_once(shared_data, task):
    with pytest.raises(InputError, match=r"upstream: (\d+) of \1 images are missing; put them there:(\n  \w+\.png)+$"):
        read_listed(shared_data / "upstream" / LISTS[task], task=task)


def test_the_films_of_the_published_list_are_missing_all_at_once(shared_data):
    with pytest.raises(
        InputError, match=r"upstream: 5 of 5 videos are missing; put them there:\n  AjF13uKVQa0\.mp4(\n  \w+\.mp4){4}$"
    ):
        read_questions(shared_data / "upstream" / STACK)


# Lists of pictures


def listed(folder, *rows, task="counting"):
    return read_listed(write(folder, [ROW, *rows]), task=task)


@pytest.mark.parametrize(
    ("path", "pictures"),
    [
        ("['zoo.png', 'lion.png']", ("zoo", "lion")),
        (' ["zoo.png","lion.png",]\n', ("zoo", "lion")),
        ("[]", ()),
        ([], ()),
        (["zoo.png", "zoo.png", "./zoo.png"], ("zoo", "zoo", "zoo")),
        ("['zo' 'o.png']", ("zoo",)),
    ],
)
def test_paths_are_lists_or_text_that_holds_one(folder, path, pictures):
    pack = listed(folder, {**ROW, "path": path})
    assert pack.listed[1].pictures == pictures
    assert pack.remarks == ()


NOT_A_LIST = "expected a list of picture names: item left out"


@pytest.mark.parametrize(
    "path",
    [
        "__import__('os').system('touch pwned')",
        "[__import__('os').system('touch pwned')]",
        "[open('pwned', 'w').name]",
        "['zoo.png' for _ in (1,)]",
        "[f'{1}.png']",
        "['zoo.png'] * 9",
        "['zoo.png'] + ['lion.png']",
        "('zoo.png',)",
        "{'zoo.png'}",
        "{'a': 'zoo.png'}",
        "'zoo.png'",
        "zoo.png",
        "",
        "[b'zoo.png']",
        "[1, 2]",
        "[['zoo.png']]",
        "['zoo.png', None]",
        "['zoo.png'",
        "['zoo.png']\n['zoo.png']",
        "['\\ud800.png']",
        "['\\d.png', 1]",
        "[\0]",
        "[" * 150 + "]" * 150,
        "[" * 5_000,
        "[" * 4_000 + "]" * 4_000,
        "-" * 9_000 + "1",
        "[" + "-" * 3_000 + "1]",
        "1" + "+1" * 4_900,
        "1" + "+1j" * 3_300,
        "a" + ".a" * 4_900,
        "a" + "()" * 4_900,
        "not " * 2_400 + "1",
        "lambda:" * 1_400 + "1",
        "9" * 9_999,
        "[" + "'zoo.png'," * 1_200 + "]",
        "[" * 1_000_000,
        None,
        3,
        {},
        [3],
        [["zoo.png"]],
        [None],
    ],
)
def test_paths_that_are_no_list_of_names_are_left_out_and_never_run(folder, monkeypatch, path):
    monkeypatch.chdir(folder)
    pack = listed(folder, {**ROW, "path": path})
    assert [item.id for item in pack.listed] == ["list-1"]
    (remark,) = short(pack.remarks, folder / "list.json")
    assert remark.startswith("item 2: path is ")
    assert remark.endswith(NOT_A_LIST)
    assert len(remark) < 300
    assert not (folder / "pwned").exists()


def test_an_escape_that_python_does_not_know_raises_no_warning(folder):
    with pytest.raises(InputError, match=r"item 2: image '\\\\d.png' is not a plain path"):
        listed(folder, {**ROW, "path": "['\\d.png']"})


@pytest.mark.parametrize("depth", [50, 500, 900, 960, 990, 100_000])
def test_no_depth_of_nesting_ends_in_a_stack_trace(folder, depth):
    nested = "[" * depth + "]" * depth
    path = write(folder, f'[{{"path": {nested}, "prompt": "Q?", "answer": "A"}}]')
    with pytest.raises(InputError, match=rf"is nested too deep; expected a list of objects|{NOT_A_LIST}"):
        read_listed(path, task="counting")


@pytest.mark.parametrize("task", ["ordering", "multi_value"])
def test_only_counting_asks_about_no_pictures(folder, task):
    pack = listed(folder, {**ROW, "path": []}, task=task)
    assert [(item.id, item.task) for item in pack.listed] == [("list-1", task)]
    remark = "item 2: path names no picture, which only counting allows: item left out"
    assert short(pack.remarks, folder / "list.json") == [remark]


def test_an_item_has_at_most_so_many_pictures(folder):
    pack = listed(folder, {**ROW, "path": ["zoo.png"] * 1000}, {**ROW, "path": ["zoo.png"] * 1001})
    assert [len(item.pictures) for item in pack.listed] == [1, 1000]
    remark = "item 3: path names 1,001 pictures, expected at most 1,000: item left out"
    assert short(pack.remarks, folder / "list.json") == [remark]


def test_only_zero_can_be_counted_without_any_picture(tmp_path):
    pack = read_listed(write(tmp_path, [{**ROW, "path": []}]), task="counting")
    assert (len(pack.listed), pack.stills) == (1, ())


TWO_LISTS = "Q?\nA. red\nB.blue\nC. green\nPick one.\nA. Red\nB. green \nC. blue\nD. pink"


@pytest.mark.parametrize(
    ("prompt", "answer", "options", "remark"),
    [
        (
            TWO_LISTS,
            "A",
            ("Red", "green", "blue", "pink"),
            "item 2: prompt has 2 option lists that differ, of 3 and 4; ['Red', 'green', 'blue', 'pink'] is kept, as "
            "answer 'A' means 'Red' in all",
        ),
        (
            "Q?\nA. red\nB. blue \nC. green\nD. dark  Pink\nA. x\nB. y\nC. z\nD. Dark pink",
            "D",
            ("red", "blue", "green", "dark  Pink"),
            "item 2: prompt has 2 option lists that differ, of 4 and 4; ['red', 'blue', 'green', 'dark  Pink'] is "
            "kept, as answer 'D' means 'dark  Pink' in all",
        ),
        (
            "Q?\nA. x\nB. y\nC. z\nD. w\nA. x\nB. y\nC. z\nD. w",
            "z",
            ("x", "y", "z", "w"),
            "item 2: prompt has the same options 2 times; they count once",
        ),
        (
            "Q?\nA. x\nB. y\nC. z",
            "C",
            ("x", "y", "z"),
            "item 2: prompt has 3 options, where V-RULER has 4; guesses are right more often",
        ),
    ],
)
def test_flawed_options_that_can_be_trusted_are_kept(folder, prompt, answer, options, remark):
    pack = listed(folder, {**ROW, "prompt": prompt, "answer": answer})
    assert pack.listed[1].options == options
    assert pack.listed[1].answer in options
    assert short(pack.remarks, folder / "list.json") == [remark]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"prompt": TWO_LISTS},
            "item 2: prompt has 2 option lists that differ, and answer 'B' means 'blue' or 'green'",
        ),
        (
            {"prompt": TWO_LISTS, "answer": "D"},
            "item 2: prompt has 2 option lists that differ, and answer 'D' means nothing or 'pink'",
        ),
        (
            {"prompt": TWO_LISTS, "answer": "pink"},
            "item 2: prompt has 2 option lists that differ, and answer 'pink' means nothing or 'pink'",
        ),
        ({"prompt": "Q?\nSay a word."}, "item 2: prompt has no options; write each on a line of its own, 'A. lion'"),
        ({"prompt": "Q?\nA. x"}, "item 2: prompt has options ['x'], expected at least 2, all different"),
        ({"prompt": "Q?\nA. x\nB. x "}, "item 2: prompt has options ['x', 'x'], expected at least 2, all different"),
        ({"prompt": "Q?\nA. x\nC. y"}, "item 2: prompt: option 'C' does not follow ['x']; expected lines A, B, C, …"),
        ({"prompt": "A. x\nB. y"}, "item 2: prompt: holds no question, only 'A. x\\nB. y'"),
        ({"prompt": 3}, "item 2: prompt must be text, got 3; put it in quotes"),
        ({"answer": "E"}, "item 2: prompt: answer 'E' is not among its options ['1', '2', '3', '4']"),
        ({"answer": ""}, "item 2: prompt: answer '' is not among its options ['1', '2', '3', '4']"),
        ({"answer": 2}, "item 2: answer must be text, got 2; put it in quotes"),
        (
            {"prompt": "Q?\nA. B\nB. A", "answer": "A"},
            "item 2: prompt: 'A' is an option and also the letter of 'B'; put such options in order",
        ),
    ],
)
def test_items_that_contradict_themselves_are_left_out_and_said_to_be(folder, change, fault):
    pack = listed(folder, {**ROW, "path": ["not-there.png"], **change}, {**ROW, "answer": "C"})
    assert [(item.id, item.answer) for item in pack.listed] == [("list-1", "2"), ("list-3", "3")]
    assert short(pack.remarks, folder / "list.json") == [f"{fault}: item left out"]


def test_a_list_without_any_usable_item_is_an_error(folder):
    path = write(folder, [{**ROW, "answer": "E"}] * 12)
    with pytest.raises(InputError) as caught:
        read_listed(path, task="counting")
    first, *said, last = str(caught.value).split("\n")
    assert first == f"{path}: none of its 12 questions can be used:"
    assert (
        said[0] == f"  {path}: item 1: prompt: answer 'E' is not among its options ['1', '2', '3', '4']: item left out"
    )
    assert (len(said), last) == (10, "  and 2 more")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "list.json: is not JSON at line 1, column 2"),
        ("{}", "list.json: expected an array of objects with path, prompt and answer$"),
        ("[]", "list.json: lists 0 questions, expected 1 to 100,000"),
        ("[3]", "list.json: item 1: expected an object with path, prompt, answer, got 3"),
        ('[{"path": []}]', "item 1: 'prompt' is missing; every question has path, prompt, answer$"),
        (
            [{**ROW, "interrupt_path": "zoo.png"}],
            "list.json: item 1: unknown key 'interrupt_path'; known are path, prompt, answer",
        ),
        ('[{"path": NaN}]', "list.json: NaN is not a finite number"),
        ("[" * 100_000, "list.json: is nested too deep; expected a list of objects"),
        ('[{"path": "\\ud800"}]', "list.json: text holds half a surrogate pair"),
    ],
)
def test_other_files_are_not_lists(folder, content, fault):
    with pytest.raises(InputError, match=fault):
        read_listed(write(folder, content), task="counting")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../outside.png", "item 2: image '../outside.png' leaves the pack; move the file into 'pack'"),
        ("/etc/passwd", "item 2: image '/etc/passwd' leaves the pack"),
        ("file:///etc/passwd", "item 2: image 'file:///etc/passwd' is not a plain path; .* such as zoo.png"),
        ("zoo\n.png", "is not a plain path"),
        ("", "is not a plain path"),
        (
            "x" * 5000,
            r"item 2: image 'x{47}\.{3}x{48}' cannot be followed \(File name too long\); give the file itself$",
        ),
        ("link.png", "item 2: image 'link.png' is a link out of the pack"),
        ("none.png", r"pack: 1 of 2 images are missing; put them there:\n  none.png$"),
        ("text.png", "text.png: is not an image, expected a PNG"),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_pictures_lie_in_their_folder_and_are_pictures(tmp_path, name, fault, as_text):
    draw(tmp_path, "outside.png", "pack/zoo.png")
    (tmp_path / "pack" / "link.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "pack" / "text.png").write_text("no picture")
    path = write(tmp_path, [ROW, {**ROW, "path": repr([name]) if as_text else [name]}])
    with pytest.raises(InputError, match=fault):
        read_listed(path, task="counting", images=tmp_path / "pack")


def test_a_list_says_which_folder_is_not_there(folder):
    with pytest.raises(InputError, match="nowhere: no such folder; expected the folder that holds the pack's images"):
        read_listed(write(folder, [ROW]), task="counting", images=folder / "nowhere")


# Lists of films


def films(folder, *rows):
    for name in ("f.mp4", "g.mp4"):
        (folder / name).write_bytes(name.encode())
    return read_questions(write(folder, [FILM, *rows]))


def test_a_film_is_given_once_however_often_it_is_asked_about(tmp_path):
    (tmp_path / "same.mp4").symlink_to("f.mp4")
    found = films(
        tmp_path,
        {**FILM, "id": "G", "video_path": "g.mp4", "level": "L1", "position": [3]},
        {**FILM, "id": "f_1", "question": " And? ", "candidates": [" red", "dark blue "], "answer": "(B) Dark blue"},
        {**FILM, "id": "f_2", "video_path": "same.mp4"},
    )
    root = tmp_path.resolve()
    assert found.films == (root / "f.mp4", root / "g.mp4")
    assert [film.path.name for film in found.asked] == ["f.mp4", "g.mp4", "f.mp4", "f.mp4"]
    assert found.asked[2] == AskedFilm(
        path=root / "f.mp4", id="f_1", question="And?", options=("red", "dark blue"), answer="dark blue"
    )
    assert found.remarks == ()


@pytest.mark.parametrize("answer", ["(B) blue", "B. blue", "B) Blue ", "B", "(B)", "B.", "blue", " BLUE", ""])
def test_an_answer_may_say_the_same_as_the_number(tmp_path, answer):
    found = films(tmp_path, {**FILM, "id": "x", "answer": answer})
    assert (found.asked[1].answer, found.remarks) == ("blue", ())


@pytest.mark.parametrize("answer", ["(A) red", "(A) blue", "(B) red", "A", "red", "(B) blue or red", "b", "1", "?"])
def test_an_answer_that_contradicts_the_number_leaves_the_item_out(tmp_path, answer):
    found = films(tmp_path, {**FILM, "id": "x", "answer": answer})
    assert [film.id for film in found.asked] == ["f_0"]
    remark = f"item 2: answer {answer!r} contradicts correct_choice 1, 'blue': item left out"
    assert short(found.remarks, tmp_path / "list.json") == [remark]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"correct_choice": 2}, "item 2: correct_choice is 2, expected a number from 0 to 1"),
        ({"correct_choice": -1}, "item 2: correct_choice is -1, expected a number from 0 to 1"),
        ({"correct_choice": True}, "item 2: correct_choice is True, expected a number from 0 to 1"),
        ({"correct_choice": "1"}, "item 2: correct_choice is '1', expected a number from 0 to 1"),
        ({"correct_choice": None}, "item 2: correct_choice is None, expected a number from 0 to 1"),
        ({"candidates": ["red"]}, "item 2: candidates are ['red'], expected 2 to 26 different texts"),
        ({"candidates": ["red", "red "]}, "item 2: candidates are ['red', 'red '], expected 2 to 26 different texts"),
        ({"candidates": ["red", 7]}, "item 2: candidates are ['red', 7], expected 2 to 26 different texts"),
        ({"candidates": ["red", " "]}, "item 2: candidates are ['red', ' '], expected 2 to 26 different texts"),
        (
            {"candidates": [f"{number}" for number in range(27)]},
            "item 2: candidates are ['0', '1', '2', '3', '4', '5', ...], expected 2 to 26 different texts",
        ),
        ({"candidates": "red"}, "item 2: candidates must be a list, got 'red'; put it in brackets"),
        ({"question": ""}, "item 2: question is empty"),
        ({"question": None}, "item 2: question must be text, got None; put it in quotes"),
        ({"id": " "}, "item 2: id is empty"),
        ({"id": 5}, "item 2: id must be text, got 5; put it in quotes"),
        ({"video_path": ["f.mp4"]}, "item 2: video_path must be text, got ['f.mp4']; put it in quotes"),
        ({"answer": 1}, "item 2: answer must be text, got 1; put it in quotes"),
    ],
)
def test_questions_that_make_no_sense_are_left_out_and_said_to_be(tmp_path, change, fault):
    found = films(tmp_path, {**FILM, "id": "x", "video_path": "not-there.mp4", **change})
    assert [film.id for film in found.asked] == ["f_0"]
    assert short(found.remarks, tmp_path / "list.json") == [f"{fault}: item left out"]


def test_a_list_without_answers_is_an_error(tmp_path):
    path = write(tmp_path, [{**FILM, "correct_choice": -1}])
    with pytest.raises(
        InputError, match=r"none of its 1 questions can be used:\n.*item 1: correct_choice is -1, expect"
    ):
        read_questions(path)


def test_ids_stay_different(tmp_path):
    ids = ["ab_1", "AB_1", "ab_1-5", "ab_1", "@" + "x" * 80]
    found = films(tmp_path, *({**FILM, "id": name} for name in ids))
    assert [film.id for film in found.asked] == ["f_0", "ab_1", "ab_1-3", "ab_1-5", "ab_1-5-5", "x" * 60]
    assert short(found.remarks, tmp_path / "list.json") == [
        "item 3: id 'ab_1' is taken by an earlier item; this one is called 'ab_1-3'",
        "item 5: id 'ab_1' is taken by an earlier item; this one is called 'ab_1-5-5'",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("no", "list.json: is not JSON at line 1, column 1"),
        ({}, "expected an array of objects with video_path, question, candidates, correct_choice and id$"),
        ([], "list.json: lists 0 questions"),
        (["x"], "item 1: expected an object with video_path, question, candidates, correct_choice, id, got 'x'"),
        ([{**FILM, "id": 1}, {"id": 1}], "item 2: 'video_path' is missing; every question has video_path, question, "),
        ("[" * 100_000, "list.json: is nested too deep"),
        ('[{"id": 1, "id": 2}]', "list.json: key 'id' is given twice"),
    ],
)
def test_other_files_are_not_lists_of_films(tmp_path, content, fault):
    with pytest.raises(InputError, match=fault):
        read_questions(write(tmp_path, content))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../out.mp4", "item 2: video '../out.mp4' leaves the pack; move the file into 'films'"),
        ("/etc/passwd", "item 2: video '/etc/passwd' leaves the pack"),
        (
            "https://example.org/f.mp4",
            "item 2: video .* is not a plain path; expected one inside the pack, such as zoo.mp4",
        ),
        ("f.mp4\0", "item 2: video 'f.mp4.x00' is not a plain path"),
        ("link.mp4", "item 2: video 'link.mp4' is a link out of the pack; copy the file into it"),
        ("a/none.mp4", r"films: 1 of 2 videos are missing; put them there:\n  a/none.mp4$"),
        ("pipe.mp4", r"films: 1 of 2 videos are missing; put them there:\n  pipe.mp4$"),
        (".", r"films: 1 of 2 videos are missing"),
    ],
)
def test_films_lie_in_their_folder(tmp_path, name, fault):
    videos = tmp_path / "films"
    videos.mkdir()
    (videos / "f.mp4").write_bytes(b"film")
    (tmp_path / "out.mp4").write_bytes(b"film")
    (videos / "link.mp4").symlink_to(tmp_path / "out.mp4")
    os.mkfifo(videos / "pipe.mp4")
    path = write(tmp_path, [FILM, {**FILM, "id": "x", "video_path": name}])
    with pytest.raises(InputError, match=fault):
        read_questions(path, videos=videos)


def test_lists_have_a_largest_size(folder, monkeypatch):
    monkeypatch.setattr("haystack_gen.gather.upstream.MOST_ENTRIES", 1)
    with pytest.raises(InputError, match="lists 2 questions, expected 1 to 1"):
        listed(folder, ROW)
    monkeypatch.setattr(v_ruler, "MOST_PICTURES", 0)
    with pytest.raises(
        InputError, match=r"none of its 1 questions can be used:\n.*names 1 pictures, expected at most 0"
    ):
        listed(folder)

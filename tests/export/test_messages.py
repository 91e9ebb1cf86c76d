"""Requests as chat servers take them: every part of every item in order, and nothing that gives an answer away."""

import json
import re
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Literal
from urllib.parse import urlparse

import pytest
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict

from haystack_gen.errors import InputError
from haystack_gen.export.inspect_ai import write_inspect
from haystack_gen.export.messages import write_messages
from haystack_gen.export.shown import files_of, parts_of
from haystack_gen.export.vlmevalkit import write_vlmevalkit
from haystack_gen.export.vnbench import write_vnbench
from haystack_gen.judge.score import score
from haystack_gen.workspace import DatasetFolder
from tests.export.exported import Counting, changed, lines_of, planned, rows_of, touch

WRITERS = [write_messages, write_inspect, write_vlmevalkit, write_vnbench]


class Url(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    url: str


class Text(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    type: Literal["text"]
    text: str


class Picture(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    type: Literal["image_url"]
    image_url: Url


class Video(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    type: Literal["video_url"]
    video_url: Url


class Message(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    role: Literal["user"]
    content: list[Text | Picture | Video]


@pytest.fixture(scope="module", params=["video", "frames"])
def dataset(request, tmp_path_factory) -> DatasetFolder:
    return planned(tmp_path_factory.mktemp("messages") / "set", media=request.param)


def test_a_request_shows_all_parts_in_order_and_then_asks(dataset, tmp_path):
    progress = Counting()
    assert write_messages(dataset, tmp_path, progress=progress) == [
        tmp_path / "requests.jsonl",
        tmp_path / "answers.jsonl",
    ]
    rows, requests = rows_of(dataset), lines_of(tmp_path / "requests.jsonl")
    assert progress.steps == {"exporting items": len(rows)}
    assert [request["id"] for request in requests] == [row.id for row in rows]
    assert any(row.context for row in rows)
    for row, request in zip(rows, requests, strict=True):
        assert set(request) == {"id", "messages"}
        [message] = TypeAdapter(list[Message]).validate_python(request["messages"])
        shown = [part for one in parts_of(row) for part in ([one.text] if one.text else files_of(one))]
        assert len(message["content"]) == len(shown) + 1
        for part, expected in zip(message["content"], shown, strict=False):
            if part["type"] == "text":
                assert part["text"] == expected
            else:
                link = tmp_path / part[part["type"]]["url"]
                assert link.resolve() == (dataset.root / expected).resolve()
                assert part["type"] == ("video_url" if expected.endswith(".mp4") else "image_url")
        assert message["content"][-1] == {"type": "text", "text": row.prompt}


def test_what_is_sent_names_no_item_no_needle_and_no_answer_but_in_the_question(dataset, tmp_path):
    write_messages(dataset, tmp_path)
    for row, request in zip(rows_of(dataset), lines_of(tmp_path / "requests.jsonl"), strict=True):
        kinds = [(part["type"], part) for part in request["messages"][0]["content"]]
        sent = json.dumps([part for kind, part in kinds if kind != "text"])
        words = (row.id, row.video_id, row.group, *(one.needle_id for one in row.needles), *row.haystack_sources)
        for word in (*words, *(file for one in parts_of(row) for file in files_of(one))):
            assert word not in sent, word
        texts = [part["text"] for kind, part in kinds if kind == "text"]
        assert texts == [*(one.text for one in row.context if one.text), row.prompt]


def test_answers_stand_apart_line_by_line(dataset, tmp_path):
    write_messages(dataset, tmp_path)
    answers = lines_of(tmp_path / "answers.jsonl")
    for row, answer in zip(rows_of(dataset), answers, strict=True):
        assert answer.items() <= row.model_dump().items()
        assert answer["accepted_answers"]
        assert answer["id"] == row.id


def test_items_about_one_file_share_one_link(dataset, tmp_path):
    write_messages(dataset, tmp_path)
    files = {file for row in rows_of(dataset) for part in parts_of(row) for file in files_of(part)}
    links = [path for path in (tmp_path / "media").rglob("*") if path.is_symlink()]
    assert {path.resolve() for path in links} == {(dataset.root / file).resolve() for file in files}
    assert len(links) == len(files)
    assert not any(path.readlink().is_absolute() for path in links)


def test_an_export_inside_its_dataset_moves_with_it(tmp_path):
    dataset = planned(tmp_path / "here")
    write_messages(dataset, dataset.export("messages"))
    moved = dataset.root.rename(tmp_path / "there")
    links = [path for path in (moved / "messages" / "media").rglob("*") if path.is_symlink()]
    assert links
    assert all(path.resolve().is_relative_to(moved) and path.is_file() for path in links)


def test_a_link_that_leads_elsewhere_is_replaced(tmp_path):
    dataset = planned(tmp_path / "set")
    write_messages(dataset, tmp_path / "out")
    link = next(path for path in (tmp_path / "out" / "media").rglob("*") if path.is_symlink())
    right = link.readlink()
    link.unlink()
    link.symlink_to("elsewhere.mp4")
    write_messages(dataset, tmp_path / "out")
    assert link.readlink() == right


def test_the_sender_on_the_page_sends_what_a_server_finds(tmp_path, monkeypatch):
    dataset = planned(tmp_path / "niah")
    write_messages(dataset, dataset.export("messages"))
    rows = iter(rows_of(dataset))

    def create(model, messages):
        addresses = [part[part["type"]]["url"] for part in messages[0]["content"] if part["type"] != "text"]
        assert all(urlparse(address).scheme == "file" for address in addresses)
        assert all(Path(urlparse(address).path).is_file() for address in addresses)
        message = SimpleNamespace(content=next(rows).answer)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)])

    completions = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    monkeypatch.setitem(sys.modules, "openai", SimpleNamespace(OpenAI=lambda **_: completions))
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    sender = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "OpenAI" in block)
    exec(compile(sender, "sender", "exec"), {})
    found = score(dataset, tmp_path / "predictions.jsonl").as_json()
    assert (found["overall"]["accuracy"], found["overall"]["missing"]) == (1.0, 0)


@pytest.mark.parametrize("writer", WRITERS)
def test_the_same_bytes_again_and_from_another_place(writer, tmp_path):
    first, second = planned(tmp_path / "a" / "set"), planned(tmp_path / "b" / "c" / "set")
    written = [
        [path.read_bytes() for path in writer(dataset, dataset.export("out"))] for dataset in (first, second, first)
    ]
    assert written[0] == written[1] == written[2]
    for content in written[0]:
        assert str(tmp_path).encode() not in content


@pytest.mark.parametrize("writer", WRITERS)
def test_what_cannot_be_exported_leaves_nothing(writer, tmp_path):
    unfinished = DatasetFolder(tmp_path / "unfinished")
    unfinished.provenance.mkdir(parents=True)
    with pytest.raises(InputError, match=r"manifest.jsonl: no manifest, so the dataset is not complete; run the same"):
        writer(unfinished, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=r"none: has no videos, so there is nothing to show a model; build it with"):
        writer(planned(tmp_path / "none", media="none"), tmp_path / "out")
    dataset = planned(tmp_path / "set")
    last = rows_of(dataset)[-1]
    lost = dataset.root / next(file for part in parts_of(last) for file in files_of(part))
    lost.unlink()
    with pytest.raises(InputError, match=rf"{lost}: is missing, and item .* shows it; run the same haystack-gen build"):
        writer(dataset, tmp_path / "out")
    (dataset.root / "shards").mkdir()
    with pytest.raises(InputError, match=r"shows it; unpack the archives in shards/"):
        writer(dataset, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and not path.is_symlink()]


@pytest.mark.parametrize("place", ["../outside.mp4", "/etc/hosts", "videos/../../outside.mp4"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_manifest_that_names_files_elsewhere_is_refused(writer, place, tmp_path):
    dataset = planned(tmp_path / "set")
    (tmp_path / "outside.mp4").touch()
    changed(dataset, lambda _, row: row.model_copy(update={"video": place}) if not row.context else row)
    with pytest.raises(InputError, match=r"its manifest names '.*', which lies elsewhere; build the dataset again"):
        writer(dataset, tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("writer", [write_messages, write_inspect, write_vnbench, write_vlmevalkit])
def test_memory_does_not_grow_with_the_number_of_items(writer, tmp_path):
    dataset = planned(tmp_path / "set")
    one = next(row for row in rows_of(dataset) if row.circular_group and not row.context)
    line = dataset.manifest.read_text(encoding="utf-8").splitlines()[rows_of(dataset).index(one)]
    touch(dataset)
    used = []
    for count in (100, 2000):
        lines = (line.replace(one.id, f"{one.id}-{number}") for number in range(count))
        dataset.manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fixed = (
            record.replace(f"{one.video_id}-{number}.mp4", f"{one.video_id}.mp4")
            for number, record in enumerate(dataset.manifest.read_text(encoding="utf-8").splitlines())
        )
        dataset.manifest.write_text("\n".join(fixed) + "\n", encoding="utf-8")
        tracemalloc.start()
        writer(dataset, tmp_path / "out")
        used.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert used[1] - used[0] < 2000 * 300, "a few names may be kept, not rows of 3 kB"

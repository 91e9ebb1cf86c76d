"""`verify` finds whatever is wrong with a dataset, and says what and where."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from haystack_gen.build import build
from haystack_gen.cache import Cache
from haystack_gen.cli import main
from haystack_gen.emit.manifest import read_manifest, write_metadata
from haystack_gen.emit.plans import read_plan
from haystack_gen.emit.splice import Piece, splice
from haystack_gen.errors import CheckError, InputError
from haystack_gen.gathering import Tools, gather
from haystack_gen.judge.verify import Report, stamp, verify
from haystack_gen.media import Media
from haystack_gen.plan.items import Item
from haystack_gen.plan.timeline import Clip
from haystack_gen.workspace import DatasetFolder, sha256_of
from tests.counter_video import ffmpeg
from tests.small_world import SIZE, make_facts, make_world

LENGTH = 12
STACK = """
tasks: stack
grid: {lengths: "12", depths: "1/2", trials: 2}
choices: {form: both, absent: true}
controls: blanked
families: {stack: {lengths: "40", per_context: 2}}
"""
READERS = ("pyav", "decord", "opencv")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A fresh copy of a dataset that is right, and what it takes to make it wrong."""

    folder: DatasetFolder
    media: Media | None

    @property
    def items(self) -> list[Item]:
        return list(read_plan(self.folder.plan))

    @property
    def item(self) -> Item:
        return self.items[0]

    @property
    def rows(self) -> list[dict]:
        return [json.loads(line) for line in self.folder.manifest.read_text().splitlines()]

    def write_rows(self, rows: Sequence[dict]) -> None:
        """Edit the manifest, and the typed table with it where it still is one."""
        self.folder.manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
        media = "frames" if "frames_file_names" in pq.read_schema(self.folder.metadata).names else "video"
        with suppress(InputError):
            write_metadata(list(read_manifest(self.folder.manifest)), self.folder.metadata, media=media)

    def edit_row(self, number: int = 0, **changes: object) -> None:
        rows = self.rows
        rows[number] |= changes
        self.write_rows(rows)

    def edit_plan(self, old: str, new: str) -> None:
        text = self.folder.plan.read_text()
        assert old in text
        self.folder.plan.write_text(text.replace(old, new, 1))

    @property
    def video(self) -> Path:
        return self.folder.root / self.rows[0]["video"]

    def resplice(self, clips: Sequence[Clip]) -> None:
        """Show something else in the first video, and let the manifest's SHA-256 agree with it."""
        self.video.unlink()
        splice([Piece(self.media.store(clip.source), clip.source_start, clip.length) for clip in clips], self.video)
        self.edit_row(video_sha256=sha256_of(self.video))

    def differences(self, *readers: str) -> tuple[str, ...]:
        return verify(self.folder, readers=readers).differences


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Media]]:
    """One dataset of each kind of media: two items of twelve frames, each with a distractor."""
    folder = tmp_path_factory.mktemp("masters")
    world = make_world(folder / "world", seconds=20, needles=2, lures=1)
    tools = Tools.local(cache=Cache(folder / "cache"))
    text = """
    grid: {lengths: "%d", depths: "1/2"}
    distractors: {origin: supplied, period: 3, count: 1}
    output: {media: %s}
    """
    made = {}
    for kind, media, fps in (("video", "video", 1), ("groups", "video", 10), ("frames", "frames", 1)):
        spec = world.spec(text % (LENGTH, media), fps=fps)
        build(spec, folder / kind, tools)
        made[kind] = folder / kind, gather(spec, tools).media
    spec = world.spec(STACK, **{"needles.pack": str(make_facts(folder / "facts"))})
    build(spec, folder / "stack", tools)
    made["stack"] = folder / "stack", gather(spec, tools).media
    return made


@pytest.fixture
def make(masters, tmp_path) -> Callable[..., Dataset]:
    def copied(kind: str = "video") -> Dataset:
        root, media = masters[kind]
        shutil.copytree(root, tmp_path / kind)
        return Dataset(folder=DatasetFolder(tmp_path / kind), media=media)

    return copied


@pytest.fixture
def dataset(make) -> Dataset:
    return make()


def cut(clips: Sequence[Clip]) -> list[Clip]:
    """The same timeline, a clip per frame."""
    return [
        replace(clip, source_start=clip.source_start + (k if clip.role == "haystack" else 0), length=1)
        for clip in clips
        for k in range(clip.length)
    ]


def test_a_sound_dataset_has_no_differences(make):
    for kind in ("video", "groups", "frames"):
        report = verify(make(kind).folder)
        assert report.differences == ()
        assert report.items == 2
        assert report.frames == 2 * LENGTH * (1 if kind == "frames" else len(READERS))
        report.raise_if_wrong()


@pytest.mark.parametrize("kind", ["video", "groups"])
@pytest.mark.parametrize("reader", READERS)
def test_two_neighbours_swapped(make, kind, reader):
    dataset = make(kind)
    frames = cut(dataset.item.timeline.clips)
    places = [at for at in range(LENGTH - 1) if frames[at].role == frames[at + 1].role == "haystack"]
    at = places[len(places) // 2]
    frames[at], frames[at + 1] = frames[at + 1], frames[at]
    dataset.resplice(frames)
    found = dataset.differences(reader)
    for wrong in (at, at + 1):
        assert any(
            f"({reader}): frame {wrong} is not the planned one: its thumbnail is off by" in each for each in found
        )
    assert all(f"{dataset.item.id}.mp4 ({reader}): frame" in each for each in found)
    if kind == "video":  # with groups, frames after a swap may be predicted from others and round differently
        assert {each.split(": ")[1].split()[1] for each in found} == {str(at), str(at + 1)}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("late", [-1, 1])
def test_the_needle_a_frame_off(dataset, reader, late):
    frames = cut(dataset.item.timeline.clips)
    at = dataset.item.needles[0].start
    frames[at], frames[at + late] = frames[at + late], frames[at]
    dataset.resplice(frames)
    found = dataset.differences(reader)
    assert any(f"frame {at} is not the planned one" in each for each in found)
    assert any(f"frame {at + late} is not the planned one" in each for each in found)


@pytest.mark.parametrize("reader", READERS)
def test_a_distractor_in_place_of_the_needle(dataset, reader):
    item = dataset.item
    lure = item.distractors[0].source
    clips = [replace(clip, source=lure) if clip.role == "needle" else clip for clip in item.timeline.clips]
    dataset.resplice(clips)
    found = dataset.differences(reader)
    assert found
    assert all(f"({reader}): frame {item.needles[0].start} " in each for each in found)


def test_a_needle_that_is_not_its_picture_although_everything_else_agrees(dataset):
    """Video, plan and fingerprints agree with each other; only the picture from before encoding does not."""
    item = dataset.item
    needle, lure = item.needles[0], item.distractors[0]
    shutil.copy(dataset.folder.still(lure.source), dataset.folder.still(needle.source))
    for reader in READERS:
        found = dataset.differences(reader)
        assert len(found) == 1
        assert f"({reader}): frame {needle.start} is not its picture: " in found[0]
        assert "dB, expected at least 22.0" in found[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; the dataset was damaged: build it again"),
        (b"", "is no picture (cannot identify image file"),
        (b"\x89PNG\r\n\x1a\nnonsense", "is no picture ("),
    ],
)
def test_a_still_that_cannot_be_read(dataset, content, message):
    still = dataset.folder.still(dataset.item.needles[0].source)
    still.unlink() if content is None else still.write_bytes(content)
    found = dataset.differences("pyav")
    assert len(found) == 1
    assert found[0].startswith(f"{dataset.item.id}: {still}: {message}")


def test_a_still_of_another_size(dataset):
    still = dataset.folder.still(dataset.item.needles[0].source)
    Image.new("RGB", (64, 36)).save(still)
    assert dataset.differences("pyav") == (f"{dataset.item.id}: {still}: is not 128 x 72 as the video is",)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kept", [0, 40, 0.3, 0.7, 0.98])
def test_a_video_cut_short(dataset, reader, kept):
    content = dataset.video.read_bytes()
    dataset.video.write_bytes(content[: int(len(content) * kept if kept < 1 else kept)])
    found = dataset.differences(reader)
    assert f"{dataset.rows[0]['video']}: SHA-256 is not what the manifest has for {dataset.item.id}" in found
    assert len(found) > 1, "only the hash tells"
    assert all(dataset.item.id in each for each in found)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", [b"This is not a video.\n" * 50, b"\0" * 5000], ids=["text", "zeros"])
def test_a_video_that_is_something_else(dataset, reader, content):
    dataset.video.write_bytes(content)
    dataset.edit_row(video_sha256=sha256_of(dataset.video))
    found = dataset.differences(reader)
    assert len(found) == 1
    assert f"{dataset.video}: begins with {content[:8]!r}, which no mp4 does" in found[0]
    assert found[0].endswith("; the file is damaged, render it again")


@pytest.mark.parametrize("reader", READERS)
def test_bytes_overwritten_in_the_middle(dataset, reader):
    content = bytearray(dataset.video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    dataset.video.write_bytes(content)
    dataset.edit_row(video_sha256=sha256_of(dataset.video))
    assert any(f"({reader})" in each for each in dataset.differences(reader))


def test_a_video_that_is_gone(dataset):
    dataset.video.unlink()
    assert dataset.differences() == (f"{dataset.rows[0]['video']}: no such file",)


def test_the_same_frames_encoded_again(dataset):
    """Looks alike through every reader; bit for bit it is another film."""
    again = dataset.video.with_name("again.mp4")
    ffmpeg(
        "-i", str(dataset.video), "-c:v", "libx264", "-crf", "14", "-g", "1", "-x264-params", "force-cfr=1", str(again)
    )
    again.replace(dataset.video)
    dataset.edit_row(video_sha256=sha256_of(dataset.video))
    for reader in ("decord", "opencv"):
        assert dataset.differences(reader) == ()
    found = dataset.differences("pyav")
    assert len(found) == LENGTH
    assert all("(pyav): frame" in each and "decodes to other pixels than were encoded" in each for each in found)


@pytest.mark.parametrize("reader", READERS)
def test_another_frame_rate(dataset, reader):
    again = dataset.video.with_name("again.mp4")
    with av.open(str(dataset.video)) as old, av.open(str(again), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                packet.time_base = packet.time_base / 2
                new.mux(packet)
    again.replace(dataset.video)
    dataset.edit_row(video_sha256=sha256_of(dataset.video))
    assert dataset.differences(reader) == (
        f"{dataset.rows[0]['video']} ({reader}): states 2 frames per second, expected 1",
    )


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_a_frame_too_many_or_too_few(dataset, reader, change):
    frames = cut(dataset.item.timeline.clips)
    dataset.resplice([*frames, frames[0]] if change == "longer" else frames[:-1])
    held = LENGTH + (1 if change == "longer" else -1)
    video = dataset.rows[0]["video"]
    assert dataset.differences(reader) == (
        f"{video} ({reader}): states {held} frames, expected {LENGTH}",
        f"{video} ({reader}): holds {held} frames, expected {LENGTH}",
    )


def test_another_size(dataset):
    again = dataset.video.with_name("again.mp4")
    ffmpeg("-i", str(dataset.video), "-vf", "scale=64:36", "-c:v", "libx264", str(again))
    again.replace(dataset.video)
    assert f"{dataset.rows[0]['video']} (opencv): frame 0 is 64 x 36, expected 128 x 72" in dataset.differences(
        "opencv"
    )


def _nested(row: dict, name: str, **changes: object) -> dict:
    entries = json.loads(row[f"{name}_json"])
    entries[0] |= changes
    return {f"{name}_json": json.dumps(entries)}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda row: _nested(row, "needles", start_frame=3, end_frame=4), "the manifest has needles [("),
        (lambda row: _nested(row, "needles", needle_id="other"), "the manifest has needles [("),
        (lambda row: {"needles_json": "[]"}, "the manifest has needles [], the plan [("),
        (lambda row: _nested(row, "distractors", offset_frames=99), "the manifest has distractors [("),
        (lambda row: {"distractors_json": "[]"}, "the manifest has distractors [], the plan [("),
        (lambda row: {"answer": "Z"}, "the manifest has answer Z, the plan "),
        (lambda row: {"answer_text": "cat"}, "the manifest has answer_text cat, the plan dog"),
        (lambda row: {"answer_index": 7}, "the manifest has answer_index 7, the plan "),
        (lambda row: {"question": "What?"}, "the manifest has question What?, the plan Which animal"),
        (lambda row: {"options": row["options"][::-1]}, "the manifest has options ["),
        (lambda row: {"num_frames": LENGTH + 1}, "the manifest has num_frames 13, the plan 12"),
        (lambda row: {"fps_num": 2}, "the manifest has fps_num 2, the plan 1"),
        (lambda row: {"video_sha256": "0" * 64}, ".mp4: SHA-256 is not what the manifest has for "),
    ],
)
def test_an_edited_manifest(dataset, edit, message):
    dataset.edit_row(**edit(dataset.rows[0]))
    found = dataset.differences("opencv")
    assert any(dataset.item.id in each and message in each for each in found), found


def test_rows_removed_added_and_doubled(dataset):
    first, second = dataset.rows
    names = [first["id"], second["id"]]
    dataset.write_rows([first])
    assert dataset.differences("pyav") == (f"{names[1]}: is planned and not in the manifest",)
    dataset.write_rows([first, second, second | {"id": "invented"}])
    assert dataset.differences("pyav") == ("invented: is in the manifest and not planned",)
    dataset.write_rows([first, second, first])
    assert dataset.differences("pyav") == (f"{names[0]}: is in the manifest 2 times",)
    dataset.write_rows([])
    assert len(dataset.differences("pyav")) == 2


def test_an_edited_plan(dataset):
    item = dataset.item
    film = next(clip for clip in item.timeline.clips if clip.role == "haystack")
    dataset.edit_plan(
        f'["haystack","film",{film.source_start},{film.start},{film.length}]',
        f'["haystack","film",{film.source_start + 1},{film.start},{film.length}]',
    )
    found = dataset.differences("decord")
    again = f"plan.jsonl: {item.id} is not as its spec, facts and seed have it"
    assert again in found
    frames = [each for each in found if each != again]
    assert {f"{item.id}.mp4" in each and "is not the planned one" in each for each in frames} == {True}
    assert len(frames) == film.length


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"answer":"', '"answer":"X', "its plan does not go with needles and catalogue"),
        ('"needles":[{"needle":"needle-0"', '"needles":[{"needle":"needle-1"', "the manifest has needles "),
        ('"source":"needle-0","start":', '"source":"needle-0","start":1', "the manifest has needles "),
        ('"id":"retrieval', '"id":"renamed', "is planned and not in the manifest"),
        ('["needle","needle-0",', '["needle","nothing",', "no fingerprints of source 'nothing'"),
        ('["haystack","film",', '["haystack","film",9', "no fingerprints of source 'film' from frame 9"),
        ('["needle","needle-0",0,', '["haystack","lure-0",1,', "no fingerprints of source 'lure-0' from frame 1 on"),
    ],
)
def test_other_edits_of_the_plan(dataset, old, new, message):
    dataset.edit_plan(old, new)
    assert any(message in each for each in dataset.differences("opencv"))


def test_one_jpeg_swapped_for_its_neighbour(make):
    dataset = make("frames")
    clip = max(dataset.item.timeline.clips, key=lambda clip: clip.length)
    one, other = (dataset.folder.frame(clip.source, clip.source_start + k) for k in (0, 1))
    shutil.copy(other, one)
    found = dataset.differences()
    assert f"{dataset.item.id}: frame {clip.start} is not the planned one: its thumbnail is off by" in found[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; the dataset was damaged: build it again"),
        (b"", "is no picture (cannot identify image file"),
        (b"\xff\xd8\xff\xe0 not a JPEG", "is no picture ("),
    ],
)
def test_a_jpeg_that_cannot_be_read(make, content, message):
    dataset = make("frames")
    clip = max(dataset.item.timeline.clips, key=lambda clip: clip.length)
    path = dataset.folder.frame(clip.source, clip.source_start)
    path.unlink() if content is None else path.write_bytes(content)
    found = dataset.differences()
    assert any(path.name in each and message in each and dataset.item.id in each for each in found), found


def test_a_jpeg_cut_short(make):
    dataset = make("frames")
    clip = max(dataset.item.timeline.clips, key=lambda clip: clip.length)
    path = dataset.folder.frame(clip.source, clip.source_start)
    path.write_bytes(path.read_bytes()[:900])
    assert any(path.name in each and "is no picture (" in each for each in dataset.differences())


def test_frames_in_another_order(make):
    dataset = make("frames")
    frames = json.loads(dataset.rows[0]["frames_json"])
    for listed in (frames[::-1], frames[:-1], ["../../../etc/passwd"], []):
        dataset.edit_row(frames_json=json.dumps(listed))
        (found,) = dataset.differences()
        assert found.startswith(f"{dataset.item.id}: the manifest has frames ")


@pytest.mark.parametrize("name", ["metadata", "retrieval"])
def test_a_typed_table_that_says_other_than_the_manifest(dataset, name):
    """The table of all rows, or that of a family, the other one left as it was."""
    path = dataset.folder.root / f"{name}.parquet"
    tables = [dataset.folder.metadata, dataset.folder.family("retrieval")]
    rows = list(read_manifest(dataset.folder.manifest))

    def rewrite(rows):
        kept = {table: table.read_bytes() for table in tables if table != path}
        write_metadata(rows, dataset.folder.metadata, media="video")
        for table, content in kept.items():
            table.write_bytes(content)

    rewrite([rows[0].model_copy(update={"answer": "Z"}), *rows[1:]])
    assert dataset.differences("pyav") == (f"{path.name}: row 0 ({rows[0].id}) has another answer than the manifest",)
    rewrite(rows[1:])
    assert f"{path.name}: has 1 rows, the manifest 2" in dataset.differences("pyav")
    rewrite([*rows, rows[0]])
    assert dataset.differences("pyav") == (f"{path.name}: has 3 rows, the manifest 2",)
    pq.write_table(pq.read_table(path).slice(0, 2).drop_columns(["seed"]), path)
    assert dataset.differences("pyav") == (f"{path.name}: has other columns than a dataset of video",)
    path.write_bytes(b"PAR1 no table")
    assert dataset.differences("pyav")[0].startswith(f"{path.name}: unreadable: ")
    path.unlink()
    assert dataset.differences("pyav") == (f"{path.name}: no such file",)


def test_a_table_of_a_family_that_has_no_items(dataset):
    shutil.copyfile(dataset.folder.metadata, dataset.folder.family("ordering"))
    said = "ordering.parquet: is there, and the manifest has no item of this family"
    assert dataset.differences("pyav") == (said,)


def _garbage(name: str, content: bytes) -> Callable[[DatasetFolder], None]:
    return lambda folder: getattr(folder, name).write_bytes(content)


def _other_columns(folder: DatasetFolder) -> None:
    pq.write_table(pa.table({"source": ["film"], "frame": [0]}), folder.fingerprints)


def _text_in_numbers(folder: DatasetFolder) -> None:
    table = pq.read_table(folder.fingerprints)
    pq.write_table(table.set_column(1, "cut", pa.array(["x"] * len(table))), folder.fingerprints)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: folder.fingerprints.unlink(), "fingerprints.parquet: no such file; expected a dataset folder"),
        (_garbage("fingerprints", b""), r"fingerprints.parquet: unreadable \(.*\); build the dataset again"),
        (_garbage("fingerprints", b"PAR1 nonsense PAR1"), "fingerprints.parquet: unreadable"),
        (_other_columns, "fingerprints.parquet: unreadable"),
        (_text_in_numbers, "fingerprints.parquet: unreadable"),
        (lambda folder: folder.plan.unlink(), "plan.jsonl: no such file; expected a dataset folder"),
        (_garbage("plan", b"\xff\xfe\x00"), "plan.jsonl: byte 0 .* is not UTF-8|plan.jsonl:1: not an item of a plan"),
        (_garbage("plan", b"{}\n"), "plan.jsonl:1: not an item of a plan .*; build the dataset again"),
        (_garbage("plan", b"[]\n"), "plan.jsonl:1: not an item of a plan"),
        (_garbage("plan", b"[" * 100_000), "plan.jsonl:1: not an item of a plan"),
        (lambda folder: folder.manifest.unlink(), "manifest.jsonl: no manifest, so the dataset is not complete"),
        (_garbage("manifest", b"\xff\xfe\x00"), "manifest.jsonl:1: not a manifest row"),
        (_garbage("manifest", b"what\n"), "manifest.jsonl:1: not a manifest row"),
        (_garbage("manifest", b"7\n"), "manifest.jsonl:1: not a manifest row"),
        (_garbage("manifest", b"{}\n"), "manifest.jsonl:1: not a manifest row"),
        (_garbage("manifest", b"[" * 100_000), "manifest.jsonl:1: not a manifest row"),
    ],
)
def test_what_is_no_dataset_is_said_to_be_none(dataset, damage, message):
    damage(dataset.folder)
    with pytest.raises(InputError, match=message):
        verify(dataset.folder)


def test_non_utf8_in_a_later_line(dataset):
    for path, message in (
        (dataset.folder.manifest, "not a manifest row"),
        (dataset.folder.plan, "not an item of a plan"),
    ):
        content = path.read_bytes()
        path.write_bytes(content + b'{"id":"\xff"}\n')
        with pytest.raises(InputError, match=f"{path.name}:3: {message}"):
            verify(dataset.folder)
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"rate":"1"', '"rate":"1/0"'),
        ('"rate":"1"', '"rate":"x"'),
        ('"rate":"1"', '"rate":"0"'),
        ('"clips":[[', '"clips":[["x"],['),
        ('"distractors":[{', '"distractors":[{"strange":1,'),
        ('"start":', '"start":"x","was":'),
        ('"start":', '"was":'),
        ('"requested_depth":"1/2"', '"requested_depth":"1/0"'),
        ('"options":["', '"options":7,"was":["'),
        ('"options":["', '"options":[7,"'),
        ('"id":"', '"id":["x"],"was":"'),
    ],
)
def test_a_plan_whose_values_make_no_sense(dataset, old, new):
    dataset.edit_plan(old, new)
    with pytest.raises(InputError, match=r"plan\.jsonl:1: not an item of a plan \("):
        verify(dataset.folder)


def test_an_edited_fingerprint(dataset):
    table = pq.read_table(dataset.folder.fingerprints)
    needle = dataset.item.needles[0]
    at = table["source"].to_pylist().index(needle.source)
    digests = table["digest"].to_pylist()
    digests[at] ^= 1
    pq.write_table(table.set_column(3, "digest", pa.array(digests, pa.uint64())), dataset.folder.fingerprints)
    assert dataset.differences("decord") == ()
    found = dataset.differences("pyav")
    assert len(found) == 1
    assert f"frame {needle.start} decodes to other pixels than were encoded" in found[0]


def test_differences_are_the_same_in_any_number_of_processes(dataset):
    from haystack_gen.executors import LocalExecutor

    dataset.video.write_bytes(b"nonsense")
    alone, together = (verify(dataset.folder, executor=LocalExecutor(jobs)) for jobs in (1, 2))
    assert alone == together
    assert len(alone.differences) == 1 + len(READERS)


def test_an_unknown_reader(dataset):
    with pytest.raises(InputError, match="no reader 'vlc'; there are pyav, decord, opencv"):
        verify(dataset.folder, readers=("vlc",))


def test_a_reader_that_is_not_installed(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(InputError, match="reader decord is not installed; pip install decord, or leave it out"):
        verify(dataset.folder, readers=("decord",))
    assert set(verify(dataset.folder).readers) == {"pyav", "opencv"}


def test_the_report_through_the_command_line(dataset):
    dataset.video.unlink()
    wrong = f"{dataset.rows[0]['video']}: no such file"
    report = verify(dataset.folder)
    with pytest.raises(CheckError, match=f"1 differences between the dataset and its plan:\n  {wrong}"):
        report.raise_if_wrong()
    done = CliRunner().invoke(main, ["verify", str(dataset.folder.root), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["differences"] == [wrong]
    begun, ended, error = done.stderr.split("\n", 2)
    assert (begun, ended.split()[:3]) == ("verifying ...", ["verifying", "2", "videos"])
    assert error == f"Error: 1 differences between the dataset and its plan:\n  {wrong}\n"


def test_a_long_list_of_differences_is_cut_for_each_file():
    found = tuple(f"{name}: frame {k}" for name in ("a.mp4", "b.mp4") for k in range(9))
    report = Report(items=1, videos=1, frames=1, alike=0, readers={}, differences=found)
    with pytest.raises(CheckError) as error:
        report.raise_if_wrong()
    assert str(error.value).splitlines()[1:] == [
        line
        for name in ("a.mp4", "b.mp4")
        for line in (*(f"  {name}: frame {k}" for k in range(3)), f"  ... and 6 more of {name}")
    ]


def test_frames_that_look_alike_are_counted(tmp_path):
    world = make_world(tmp_path / "world", seconds=6, needles=1, lures=1)
    build(world.spec("{grid: {lengths: '5', depths: '0'}, needles: {length: 3}}"), tmp_path / "out", Tools.local())
    assert verify(DatasetFolder(tmp_path / "out")).alike == 2


# ------------------------------------------------------------------------- several items to a video, and the reverse


def test_a_shared_video_and_one_beside_are_read_once(make):
    dataset = make("stack")
    items = dataset.items
    videos = {video for item in items for video, _ in item.videos}
    assert {len(item.beside) for item in items} == {1}
    assert len(videos) < len(items)
    report = verify(dataset.folder)
    assert (report.items, report.videos, report.differences) == (len(items), len(videos), ())
    assert report.frames == len(videos) * LENGTH * len(READERS)


@pytest.mark.parametrize("reader", READERS)
def test_a_wrong_frame_in_a_video_beside(make, reader):
    dataset = make("stack")
    beside = dataset.item.beside[0]
    (path,) = dataset.folder.root.rglob(f"{beside.video}.mp4")
    frames = cut(beside.timeline.clips)
    frames[2], frames[7] = frames[7], frames[2]
    path.unlink()
    splice([Piece(dataset.media.store(clip.source), clip.source_start, clip.length) for clip in frames], path)
    found = dataset.differences(reader)
    assert found
    assert all(beside.video in each and f"({reader}): frame" in each for each in found)


def test_a_video_beside_that_is_gone(make):
    dataset = make("stack")
    (path,) = dataset.folder.root.rglob(f"{dataset.item.beside[0].video}.mp4")
    path.unlink()
    assert dataset.differences() == (f"videos/000/{path.name}: no such file",)


def test_a_picture_in_place_of_the_blank(make):
    dataset = make("stack")
    blanked = next(item for item in dataset.items if item.control == "blanked")
    (clip,) = (clip for clip in blanked.timeline.clips if clip.source == "blank")
    shown = next(one for item in dataset.items for one in item.needles)
    shutil.copy(dataset.folder.still(shown.source), dataset.folder.still("blank"))
    found = dataset.differences("pyav")
    assert found
    assert any(f"{blanked.video}.mp4 (pyav): frame {clip.start} is not its picture: " in each for each in found)


def test_each_row_of_a_shared_video_states_its_hash(make):
    dataset = make("stack")
    dataset.edit_row(1, video_sha256="0" * 64)
    row = dataset.rows[1]
    assert dataset.differences("opencv") == (f"{row['video']}: SHA-256 is not what the manifest has for {row['id']}",)


def test_a_row_about_another_video(make):
    dataset = make("stack")
    first, *_, last = dataset.rows
    assert first["video_id"] != last["video_id"]
    dataset.edit_row(0, **{name: last[name] for name in ("video_id", "video", "video_path", "video_sha256")})
    found = dataset.differences("opencv")
    assert f"{first['id']}: the manifest has video_id {last['video_id']}, the plan {first['video_id']}" in found


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda parts: parts[0].update(text="Nothing."), "the manifest has context [('text', 'Nothing.', "),
        (lambda parts: parts.reverse(), "the manifest has context [("),
        (lambda parts: parts.clear(), "the manifest has context [], the plan [("),
        (lambda parts: next(one for one in parts if one["video"]).update(video="x.mp4"), "the manifest has context [("),
    ],
)
def test_another_context(make, edit, message):
    dataset = make("stack")
    parts = json.loads(dataset.rows[1]["context_json"])
    edit(parts)
    dataset.edit_row(1, context_json=json.dumps(parts))
    (found,) = dataset.differences("opencv")
    assert found.startswith(f"{dataset.rows[1]['id']}: {message}")


def test_one_name_for_two_timelines(make):
    dataset = make("stack")
    first, second, *rest = dataset.folder.plan.read_text().splitlines(keepends=True)
    start = dataset.item.timeline.clips[0].source_start
    other = second.replace(f'[["haystack","film",{start},', f'[["haystack","film",{start + 1},', 1)
    assert other != second
    dataset.folder.plan.write_text("".join((first, other, *rest)))
    asked, opened = dataset.items[:2]
    clash = f"{opened.id}: shows other clips as video {asked.video!r} than {asked.id} does; each needs its own id"
    found = dataset.differences("pyav")
    assert clash in found
    assert found.count(clash) == 1


@pytest.mark.parametrize("of", ["needle", "distractor"])
def test_a_plan_whose_timeline_does_not_show_what_it_lists(make, of):
    dataset = make()
    placed = dataset.item.needles[0] if of == "needle" else dataset.item.distractors[0]
    dataset.edit_plan(f'"source":"{placed.source}","start":{placed.start},', f'"source":"{placed.source}","start":0,')
    said = f"the plan has {of} {placed.source} at frames [0, 1), its timeline has not"
    assert f"{dataset.item.id}: {said}" in dataset.differences("pyav")


@pytest.mark.parametrize(
    ("record", "content", "message"),
    [
        ("noise", None, "plan.jsonl: cannot be planned from its spec and facts: stack needs noise"),
        ("noise", b"", "plan.jsonl: cannot be planned from its spec and facts: stack needs noise"),
        ("noise", b"{}\n", "noise.jsonl:1: key 'sentences' is missing"),
        ("noise", b"\xff", "noise.jsonl: byte 0 (0xff) is not UTF-8"),
        ("needles", None, "needles.jsonl: no such file"),
        ("needles", b"", "plan.jsonl: cannot be planned from its spec and facts: facts: the pack holds no needles"),
        ("catalog", b"{}\n", "catalog.jsonl:1: key 'id' is missing"),
        ("catalog", b"", "its plan does not go with needles and catalogue: 'film'"),
        ("listed", b"{}\n", "listed.jsonl:1: key 'id' is missing"),
        ("questions", b"{}\n", "questions.jsonl:1: key 'id' is missing"),
        ("films", b"{}\n", "films.jsonl:1: key 'id' is missing"),
    ],
)
def test_facts_that_are_lost_or_damaged(make, record, content, message):
    dataset = make("stack")
    path = getattr(dataset.folder, record)
    path.unlink() if content is None else path.write_bytes(content)
    done = CliRunner().invoke(main, ["verify", str(dataset.folder.root), "--reader", "opencv"])
    assert done.exit_code in (1, 2)
    assert message in done.stderr


def test_rows_and_items_pair_up_in_any_order(make):
    dataset = make("stack")
    dataset.write_rows(dataset.rows[::-1])
    assert dataset.differences("pyav") == ()
    first, *rest = dataset.rows
    dataset.write_rows([*rest, first | {"question": "What?"}])
    (found,) = dataset.differences("pyav")
    assert found.startswith(f"{first['id']}: the manifest has question What?, the plan ")


def test_size_and_rate_of_the_world_are_as_the_tests_assume(dataset):
    assert dataset.item.timeline.rate == Fraction(1)
    with Image.open(dataset.folder.still(dataset.item.needles[0].source)) as still:
        assert still.size == SIZE


def test_what_holds_is_stamped_with_the_manifest_it_holds_for(dataset):
    report = verify(dataset.folder)
    stamp(dataset.folder, report)
    found = json.loads(dataset.folder.audit("verified.json").read_text())
    assert found["manifest_sha256"] == sha256_of(dataset.folder.manifest)
    assert (found["items"], found["frames"], found["differences"]) == (2, report.frames, [])
    assert set(found["readers"]) == set(READERS)
    dataset.video.write_bytes(dataset.video.read_bytes()[:-100])
    stamp(dataset.folder, verify(dataset.folder))
    assert not dataset.folder.audit("verified.json").exists()

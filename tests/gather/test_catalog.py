import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from haystack_gen.cache import Cache
from haystack_gen.errors import InputError
from haystack_gen.gather import catalog
from haystack_gen.gather.catalog import catalog_stills, catalog_videos, distinct_ids, hash_of
from haystack_gen.workspace import sha256_of


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def films(tmp_path):
    (tmp_path / "films").mkdir()
    return tmp_path / "films"


def film(path, shade=0, frames=5, size=(64, 48)):
    """A film of one grey, whose bytes differ by its shade."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height = size
        for _ in range(frames):
            pixels = np.full((size[1], size[0], 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode(None))
    return path


def picture(path, shade=0, size=(8, 6)):
    Image.new("L", size, shade).save(path)
    return path


def test_a_film_is_a_source(films, cache):
    path = film(films / "City at Night.mp4")
    (source,) = catalog_videos([path], cache=cache, licenses={"City at Night.mp4": "CC-BY-4.0"})
    assert (source.id, source.kind, source.license) == ("city-at-night", "video", "CC-BY-4.0")
    assert (source.width, source.height, source.frames) == (64, 48, 5)
    assert (source.rate, source.duration_s, source.at_s) == (25, Fraction(1, 5), None)
    assert (source.path, source.size_bytes, source.sha256) == (str(path), path.stat().st_size, sha256_of(path))


def test_a_real_film_is_measured_as_another_reader_does(shared_data, cache):
    import cv2

    (source,) = catalog_videos([shared_data / "videos" / "jobs.mp4"], cache=cache)
    other = cv2.VideoCapture(str(shared_data / "videos" / "jobs.mp4"))
    assert source.frames == other.get(cv2.CAP_PROP_FRAME_COUNT)
    assert (source.width, source.height) == (other.get(cv2.CAP_PROP_FRAME_WIDTH), other.get(cv2.CAP_PROP_FRAME_HEIGHT))
    assert float(source.rate) == pytest.approx(other.get(cv2.CAP_PROP_FPS), abs=0.01)


def test_a_folder_is_sorted_by_number_and_arguments_keep_their_order(films, cache, tmp_path):
    for shade, name in enumerate(["clip10.mp4", "clip2.mkv", "Clip1.MP4", "clip03.mp4"]):
        film(films / name.replace(".MP4", ".mp4"), shade).rename(films / name)
    (films / "notes.txt").write_text("not a film")
    (films / "._clip1.mp4").write_text("not a film either")
    (films / "inner").mkdir()
    film(films / "inner" / "left alone.mp4", 8)
    zebra = film(tmp_path / "zebra.mp4", 9)
    sources = catalog_videos([zebra, films], cache=cache)
    assert [Path(source.path).name for source in sources] == [
        "zebra.mp4",
        "Clip1.MP4",
        "clip2.mkv",
        "clip03.mp4",
        "clip10.mp4",
    ]
    (films / "clip4.mp4").mkdir()
    with pytest.raises(InputError, match=r"clip4\.mp4: is a folder with the name of a file; rename it, or move it"):
        catalog_videos([films], cache=cache)


def test_equal_names_get_hashes_and_no_others_do(films, cache, tmp_path):
    paths = [film(films / "a.mp4", 1), film(tmp_path / "a.mp4", 2), film(films / "b.mp4", 3)]
    ids = [source.id for source in catalog_videos(paths, cache=cache)]
    assert ids == [f"a-{sha256_of(paths[0])[:8]}", f"a-{sha256_of(paths[1])[:8]}", "b"]
    assert ids[::-1] == [source.id for source in catalog_videos(paths[::-1], cache=cache)]


def test_ids_that_stay_equal_are_an_error():
    files = [Path("a/x.png"), Path("b/x.png"), Path("x-01234567.png")]
    with pytest.raises(
        InputError, match=r"b/x.png and a/x.png would both be called 'x-01234567'; rename or leave out one"
    ):
        distinct_ids(files, ["0123456789", "0123456799", "ff"])
    with pytest.raises(InputError, match=r"x-01234567.png and a/x.png would both be called"):
        distinct_ids(files, ["0123456789", "ff", "ff"])


def test_what_cannot_be_catalogued_says_why(films, cache, tmp_path):
    (films / "notes.mp4").write_text("not a film")
    one, copy = film(tmp_path / "one.mp4"), tmp_path / "copy.mp4"
    copy.write_bytes(one.read_bytes())
    (tmp_path / "link.mp4").symlink_to(one)
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "empty").mkdir()
    (films / "gone.mp4").symlink_to(tmp_path / "none.mp4")
    for paths, licenses, fault in (
        ([tmp_path / "none.mp4"], {}, "none.mp4: no such file; check the name"),
        ([tmp_path / "loop.mp4"], {}, "loop.mp4: no such file; check the name"),
        ([films], {}, "gone.mp4: no such file; check the name"),
        ([films / "notes.mp4"], {}, "notes.mp4: "),
        (
            [tmp_path / "empty"],
            {},
            r"empty: holds no videos \(.mp4, .mkv.*\); folders inside it must be given themselves",
        ),
        ([one, one], {}, r"one.mp4: is given twice \(also as .*one.mp4\); give it once"),
        ([one, tmp_path / "link.mp4"], {}, r"link.mp4: is given twice \(also as .*one.mp4\)"),
        ([one, copy], {}, "copy.mp4 and .*one.mp4 hold the same video; give one of them"),
        ([one], {"two.mp4": "MIT"}, "licence given for 'two.mp4', which is not among the files; correct the name"),
    ):
        with pytest.raises(InputError, match=fault):
            catalog_videos(paths, cache=cache, licenses=licenses)


def test_a_pool_of_pictures(tmp_path, cache):
    pool = tmp_path / "pool"
    pool.mkdir()
    picture(pool / "b10.png", 1)
    picture(pool / "b9.JPG", 2, size=(16, 4))
    picture(pool / "same.png", 1)
    (pool / "notes.txt").write_text("not a picture")
    sources = catalog_stills([pool], cache=cache, licenses={"b9.JPG": "MIT"})
    assert [(source.id, source.license) for source in sources] == [
        ("b9", "MIT"),
        ("b10", "unknown"),
        ("same", "unknown"),
    ]
    assert (sources[0].kind, sources[0].width, sources[0].height, sources[0].frames) == ("image", 16, 4, 1)
    assert sources[1].sha256 == sources[2].sha256 == sha256_of(pool / "b10.png")
    (pool / "b11.png").write_text("not a picture")
    with pytest.raises(InputError, match=r"b11.png: is not an image"):
        catalog_stills([pool], cache=cache)
    with pytest.raises(InputError, match=r"cache: holds no images \(.png"):
        catalog_stills([cache.root], cache=cache)


def test_a_hash_is_remembered_until_the_file_changes(tmp_path, cache, monkeypatch):
    path = picture(tmp_path / "a.png", 1)
    calls = []
    monkeypatch.setattr(catalog, "sha256_of", lambda file: calls.append(file) or sha256_of(file))
    first = hash_of(path, cache)
    assert first == hash_of(path, cache) == sha256_of(path)
    assert len(calls) == 1
    before = path.stat()
    picture(path, 2)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert hash_of(path, cache) == sha256_of(path) != first
    assert len(calls) == 2
    before, size = path.stat(), path.stat().st_size
    other = tmp_path / "other.png"
    other.write_bytes(picture(tmp_path / "b.png", 3).read_bytes()[:size].ljust(size, b" "))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)  # as cp -p would: of the same size and, as it says, the same age
    assert hash_of(path, cache) == sha256_of(path)
    assert len(calls) == 3


def test_a_damaged_memory_is_made_again(tmp_path, cache):
    path = picture(tmp_path / "a.png")
    digest = hash_of(path, cache)
    (memory,) = (cache.root / "hashes").rglob("*.json")
    for content in ("", "[]", "{}", '{"sha256": "x"}', '{"sha256": 3}', "\x00", json.dumps({"sha256": "A" * 64})):
        memory.write_text(content)
        assert hash_of(path, cache) == digest
        assert json.loads(memory.read_text()) == {"sha256": digest}


def test_a_file_that_grows_while_it_is_read_is_an_error(tmp_path, cache, monkeypatch):
    path = picture(tmp_path / "a.png")

    def growing(file):
        with file.open("ab") as stream:
            stream.write(b"more")
        return sha256_of(file)

    monkeypatch.setattr(catalog, "sha256_of", growing)
    with pytest.raises(InputError, match=r"a.png: changed while it was read; wait until it is complete"):
        hash_of(path, cache)
    assert not cache.root.exists()


def test_a_folder_has_no_hash(tmp_path, cache):
    with pytest.raises(InputError, match="is a folder; check the name"):
        hash_of(tmp_path, cache)

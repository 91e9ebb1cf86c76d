"""Real footage, real needles: three clips of different shape, rate and length as one haystack."""

import json
from itertools import pairwise

import pytest

from haystack_gen.emit import h264
from haystack_gen.emit.manifest import read_manifest
from haystack_gen.emit.plans import read_plan
from haystack_gen.judge.verify import verify
from haystack_gen.specfile import read_spec
from tests.emit.test_splice import run_ffmpeg, samples_of
from tests.small_world import built

SPEC = """
haystack: {fps: 10}
grid: {lengths: "200,400", depths: "0,1/2,1"}
distractors: {origin: supplied, period: 60}
"""


def cut_lists(shared_data, folder):
    """Upstream's needle and distractor lists, cut down to the two entries whose images are there."""
    paths = []
    for name in ("v_niah_dataset", "v_niah_d_dataset_interrupt"):
        entries = json.loads((shared_data / "upstream" / f"{name}.json").read_text())
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps(entries[:2]))
    return paths


@pytest.mark.slow
def test_three_clips_and_upstreams_needles(shared_data, tmp_path):
    needles, distractors = cut_lists(shared_data, tmp_path)
    spec = read_spec(
        SPEC,
        where="test",
        overrides={
            "haystack.sources": [str(path) for path in sorted((shared_data / "videos").glob("*.mp4"))],
            "needles.pack": str(needles),
            "needles.distractor_list": str(distractors),
            "needles.images": str(shared_data / "needles"),
        },
    )
    folder = built(spec, tmp_path / "out", jobs=2)
    report = verify(folder, readers=("pyav", "decord", "opencv"))
    assert report.differences == ()
    assert set(report.readers) == {"pyav", "decord", "opencv"}
    rows = list(read_manifest(folder.manifest))
    assert len(rows) == 12
    assert report.frames == 3 * sum(row.num_frames for row in rows) == 3 * 6 * (200 + 400)
    assert {name for row in rows for name in row.haystack_sources} == {"bottle-detection", "dc_demo", "jobs"}
    for row, item in zip(rows, read_plan(folder.plan), strict=True):
        assert row.distractors
        assert all(one.offset_frames % 60 == 0 for one in row.distractors)
        assert row.question.startswith("Find the frame")
        assert row.answer_text in ("tiger", "Yellow")
        assert item.timeline.length == row.num_frames == row.requested_length
        video = folder.root / row.video
        samples, extradata = samples_of(video)
        layout = h264.layout_of(extradata)
        ids = [number for sample in samples if (number := h264.idr_pic_id(sample, layout)) is not None]
        assert len(ids) > 20
        assert all(one != other for one, other in pairwise(ids))
        assert run_ffmpeg("-v", "warning", "-i", str(video), "-f", "null", "-") == ""

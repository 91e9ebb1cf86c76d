import re

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haystack_gen.emit import h264
from tests.counter_video import draw_number

SIZE = (64, 36)


def encoded(frames: int = 3, **settings: object) -> tuple[list[bytes], bytes, bytes]:
    """Packets as libx264 writes them, and its sequence and picture parameter sets."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.thread_count = 1, 1
    context.flags |= 1 << 22  # parameter sets apart from the packets
    parameters = {"keyint": 1, "bframes": 0, "aud": 1, "threads": 1, **settings}
    joined = ":".join(f"{name.replace('_', '-')}={value}" for name, value in parameters.items())
    context.options = {"preset": "veryfast", "qp": "24", "x264-params": joined}
    packets = []
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(draw_number(number, SIZE), format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    sets = {h264.nal_type(nal): nal for nal in h264.split_start_codes(bytes(context.extradata))}
    return [bytes(packet) for packet in packets], sets[h264.SEQUENCE_SET], sets[h264.PICTURE_SET]


def as_sample(packet: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in h264.split_start_codes(packet))


def rewritten(packet: bytes, idr_pic_id: int, layout: h264.Layout) -> bytes:
    return h264.join_start_codes(
        [
            h264.with_idr_pic_id(nal, idr_pic_id, layout) if h264.nal_type(nal) == h264.IDR_SLICE else nal
            for nal in h264.split_start_codes(packet)
        ]
    )


def pixels(packets: list[bytes], sequence_set: bytes, picture_set: bytes) -> list[bytes]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = h264.join_start_codes([sequence_set, picture_set])
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))] + decoder.decode(None)
    return [frame.to_ndarray().tobytes() for frame in frames]


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=40).map(bytes))
def test_escaping_is_reversed_and_leaves_no_start_code(raw: bytes):
    escaped = h264.escape(raw)
    assert h264.unescape(escaped) == raw
    assert not re.search(rb"\x00\x00[\x00-\x02]", escaped)
    assert not escaped.endswith(b"\0\0")


@given(st.lists(st.binary(min_size=1, max_size=30).map(lambda raw: h264.escape(b"\x65" + raw + b"\x80")), max_size=5))
def test_nal_units_survive_both_framings(nals: list[bytes]):
    assert h264.split_start_codes(h264.join_start_codes(nals)) == nals
    sample = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    assert [nal for _, nal in h264.split_lengths(sample)] == nals
    assert all(sample[at : at + len(nal)] == nal for at, nal in h264.split_lengths(sample))


def test_start_codes_of_three_bytes_and_trailing_zeros_are_understood():
    assert h264.split_start_codes(b"\0\0\0\1\x09\xf0\0\0\1\x65\x88\0\0\0\0\1\x41\x9a") == [
        b"\x09\xf0",
        b"\x65\x88",
        b"\x41\x9a",
    ]


def test_exponential_golomb_codes_are_those_of_the_standard():
    """Tables 9-2 and 9-3 of ITU-T H.264."""
    codes = ["1", "010", "011", "00100", "00101", "00110", "00111", "0001000"]
    payload = "".join(codes * 2)
    payload += "0" * (-len(payload) % 8)
    bits = h264._Bits(int(payload, 2).to_bytes(len(payload) // 8, "big"))
    assert [bits.number() for _ in codes] == list(range(8))
    assert [bits.signed() for _ in codes] == [0, 1, -1, 2, -2, 3, -3, 4]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bframes": 2, "keyint": 1},
        {"no_deblock": 1},
        {"deblock": "-2,2"},
        {"keyint": 250, "min_keyint": 250, "bframes": 2, "ref": 4},
    ],
    ids=str,
)
def test_another_idr_pic_id_leaves_every_pixel_alone(settings: dict[str, object]):
    packets, *sets = encoded(**settings)
    layout = h264.read_layout(*sets)
    before = pixels(packets, *sets)
    for wanted in (0, 1, 2, 3, 6, 500, 65535):
        changed = [rewritten(packet, wanted, layout) for packet in packets]
        ids = [h264.idr_pic_id(as_sample(packet), layout) for packet in changed]
        assert ids[0] == wanted
        assert set(ids) <= {wanted, None}
        assert pixels(changed, *sets) == before


def test_the_encoder_alternates_and_writing_its_own_value_changes_nothing():
    packets, *sets = encoded(4)
    layout = h264.read_layout(*sets)
    ids = [h264.idr_pic_id(as_sample(packet), layout) for packet in packets]
    assert ids == [0, 1, 0, 1]
    for number, packet in zip(ids, packets, strict=True):
        nals = h264.split_start_codes(packet)
        assert h264.split_start_codes(rewritten(packet, number, layout)) == nals


def test_the_last_bit_of_a_slice_is_not_part_of_the_picture():
    packets, *sets = encoded(40, keyint=5, min_keyint=5)
    changed = []
    for packet in packets:
        *others, coded = h264.split_start_codes(packet)
        changed.append(h264.join_start_codes([*others, h264.with_last_bit_set(coded)]))
    assert sum(one != other for one, other in zip(packets, changed, strict=True)) > 5
    assert pixels(changed, *sets) == pixels(packets, *sets)


def test_one_flipped_bit_turns_1_into_2_and_back():
    packets, *sets = encoded()
    layout = h264.read_layout(*sets)
    samples = [as_sample(rewritten(packet, h264.STORED_ID, layout)) for packet in packets]
    for sample in samples:
        bit = h264.flip_bit(sample, layout)
        other = h264.flipped(sample, bit)
        assert h264.idr_pic_id(bytes(other), layout) == 2
        assert int.from_bytes(sample, "big") ^ int.from_bytes(other, "big") == 1 << (8 * len(sample) - 1 - bit)
        assert bytes(h264.flipped(other, bit)) == sample


def test_a_picture_that_is_no_idr_picture_has_no_bit_to_flip():
    packets, *sets = encoded(keyint=3, min_keyint=3, scenecut=0)
    layout = h264.read_layout(*sets)
    samples = [as_sample(rewritten(packet, h264.STORED_ID, layout)) for packet in packets]
    assert [h264.flip_bit(sample, layout) >= 0 for sample in samples] == [True, False, False]
    assert [h264.idr_pic_id(sample, layout) for sample in samples] == [1, None, None]


def test_cavlc_is_refused():
    _, *sets = encoded(cabac=0)
    with pytest.raises(ValueError, match="CAVLC, expected CABAC"):
        h264.read_layout(*sets)


def test_several_slices_are_refused():
    packets, *sets = encoded(slices=2)
    layout = h264.read_layout(*sets)
    with pytest.raises(ValueError, match="picture has 2 slices, expected one"):
        h264.idr_pic_id(as_sample(packets[0]), layout)
    second = [nal for nal in h264.split_start_codes(packets[0]) if h264.nal_type(nal) == h264.IDR_SLICE][1]
    with pytest.raises(ValueError, match="does not start its picture"):
        h264.with_idr_pic_id(second, 1, layout)


def ue(number: int) -> str:
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


def nal_of(kind: int, bits: str) -> bytes:
    bits = f"{0x60 | kind:08b}{bits}1"
    bits += "0" * (-len(bits) % 8)
    return h264.escape(int(bits, 2).to_bytes(len(bits) // 8, "big"))


HIGH = f"{100:08b}{0:08b}{40:08b}{ue(0)}"
BASELINE = f"{66:08b}{0:08b}{40:08b}{ue(0)}"
PLAIN_PICTURE_SET = nal_of(h264.PICTURE_SET, f"{ue(0)}{ue(0)}10{ue(0)}{ue(0)}{ue(0)}000{ue(0)}{ue(0)}{ue(0)}100")


@pytest.mark.parametrize(
    ("sequence_set", "complaint"),
    [
        (HIGH + ue(3), "chroma is 4:4:4"),
        (HIGH + ue(1) + ue(0) + ue(0) + "0" + "1", "scaling matrices"),
        (BASELINE + ue(0) + ue(1), "pic_order_cnt_type is 1"),
        (BASELINE + ue(0) + ue(2) + ue(1) + "0" + ue(27) + ue(15) + "0", "may be interlaced"),
    ],
)
def test_sequences_of_another_kind_are_refused(sequence_set: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        h264.read_layout(nal_of(h264.SEQUENCE_SET, sequence_set), PLAIN_PICTURE_SET)


def test_slice_groups_are_refused():
    _, sequence_set, _ = encoded(1)
    with pytest.raises(ValueError, match="several slice groups"):
        h264.read_layout(sequence_set, nal_of(h264.PICTURE_SET, f"{ue(0)}{ue(0)}10{ue(1)}"))


@pytest.mark.parametrize("order_type", [0, 2])
def test_parameter_sets_are_read_by_the_letter(order_type: int):
    """Fields in the order of 7.3.2.1.1 and 7.3.2.2, written out by hand."""
    order = ue(0) + (ue(3) if order_type == 0 else "") if order_type == 0 else ue(2)
    sequence_set = nal_of(
        h264.SEQUENCE_SET, HIGH + ue(1) + ue(0) + ue(0) + "00" + ue(5) + order + ue(1) + "0" + ue(27) + ue(15) + "1"
    )
    picture_set = nal_of(h264.PICTURE_SET, f"{ue(0)}{ue(0)}11{ue(0)}{ue(2)}{ue(0)}010{ue(6)}{ue(0)}{ue(4)}101")
    assert h264.read_layout(sequence_set, picture_set) == h264.Layout(
        frame_num_bits=9,
        order_bits=7 if order_type == 0 else 0,
        order_delta=order_type == 0,
        redundant_pictures=True,
        deblocking_control=True,
    )


def test_what_is_not_a_stored_idr_picture_is_refused():
    packets, *sets = encoded(1)
    layout = h264.read_layout(*sets)
    with pytest.raises(ValueError, match="idr_pic_id is 0, expected 1"):
        h264.flip_bit(as_sample(packets[0]), layout)
    with pytest.raises(ValueError, match="type 7, expected 5"):
        h264.with_idr_pic_id(sets[0], 1, layout)
    with pytest.raises(ValueError, match="picture has 0 slices"):
        h264.idr_pic_id(as_sample(h264.join_start_codes(sets)), layout)


def test_damaged_streams_are_refused():
    packets, *sets = encoded(1)
    layout = h264.read_layout(*sets)
    with pytest.raises(ValueError, match="does not fit a sample"):
        list(h264.split_lengths(as_sample(packets[0])[:-1]))
    with pytest.raises(ValueError, match="header ends early"):
        h264.with_idr_pic_id(b"\x65\x88", 1, layout)
    with pytest.raises(ValueError, match="decoder configuration record"):
        h264.layout_of(b"\0\0\0\1\x67")


def test_an_emulation_prevention_byte_within_the_header_is_refused():
    """Bits would have moved: no encoder of this package writes one there, but nothing forbids it."""
    bits = "01100101" + "1" + "0001000" + "1" + "0" * 29 + "010" + "00" + "1" + "1" * 4
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big") + b"\x80"
    nal = h264.escape(raw)
    assert nal != raw
    layout = h264.Layout(29, 0, False, False, False)
    with pytest.raises(ValueError, match="emulation prevention"):
        h264.flip_bit(len(nal).to_bytes(4, "big") + nal, layout)


def test_rewriting_escapes_anew():
    """Slice data full of zeros, shifted to where other emulation prevention bytes are needed."""
    layout = h264.Layout(4, 0, False, False, False)
    noise = np.tile(np.array([0, 0, 3, 0, 0, 1, 0, 0, 0], np.uint8), 200).tobytes()
    bits = "01100101" + "1" + "0001000" + "1" + "0000" + "1" + "00" + "1"
    bits += "1" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big") + noise + b"\x80"
    changed = h264.unescape(h264.with_idr_pic_id(h264.escape(raw), 700, layout))
    assert changed.endswith(noise + b"\x80")
    assert h264._idr_header(h264.escape(changed), layout).idr_pic_id == 700

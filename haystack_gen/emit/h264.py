"""As much H.264 syntax as splicing needs: where `idr_pic_id` stands in a slice header, and how to change it.

Two IDR pictures in a row must carry different values of `idr_pic_id` (ITU-T H.264, 7.4.3). An encoder sees to that
inside one stream; where streams are cut and joined, the joiner must. Every IDR picture is therefore stored with the
value 1, written `010`, and one flipped bit turns it into 2, written `011`, without moving anything behind it:

    ... first_mb_in_slice, slice_type, frame_num | 0 1 0 | dec_ref_pic_marking, slice_qp_delta, 1 1 1 | slice data
                                                       ^ flip_bit                      alignment

The encoder writes 0 (`1`) and 1 (`010`) by turns, so the header is rewritten once, after encoding. CABAC slice data
starts on a whole byte and is carried over untouched. Numbers in parentheses are clauses of ITU-T H.264.

Read are streams as this package writes them: one slice to a picture, CABAC, progressive, lengths of four bytes. All
else raises `ValueError`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SLICE, IDR_SLICE, SEI, SEQUENCE_SET, PICTURE_SET = 1, 5, 6, 7, 8
STORED_ID = 1
_HEAD_BYTES = 64  # more than any slice header of an I slice
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


class _Bits:
    """Reads a raw byte sequence payload bit by bit (7.2, 9.1)."""

    def __init__(self, payload: bytes) -> None:
        self._value = int.from_bytes(payload, "big")
        self._length = 8 * len(payload)
        self.at = 0

    def fixed(self, count: int) -> int:
        """u(count)."""
        self.at += count
        if self.at > self._length:
            raise ValueError("H.264: the header ends early; the stream is damaged")
        return self._value >> (self._length - self.at) & ((1 << count) - 1)

    def number(self) -> int:
        """ue(v): as many zeros as digits follow the leading one."""
        zeros = 0
        while not self.fixed(1):
            zeros += 1
        return (1 << zeros) - 1 + self.fixed(zeros)

    def signed(self) -> int:
        """se(v)."""
        code = self.number()
        return (code + 1) // 2 if code % 2 else -(code // 2)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the parameter sets say about the layout of slice headers."""

    frame_num_bits: int
    order_bits: int  # of pic_order_cnt_lsb; 0 where the order of pictures is that of coding
    order_delta: bool  # whether delta_pic_order_cnt_bottom follows
    redundant_pictures: bool
    deblocking_control: bool


@dataclass(frozen=True, slots=True)
class _IdrHeader:
    """`idr_pic_id` and the bits [id_start, id_end) that hold it; slice data follows the aligned `end`."""

    idr_pic_id: int
    id_start: int
    id_end: int
    end: int


def unescape(nal: bytes) -> bytes:
    """Take out the emulation prevention bytes (7.3.1)."""
    return nal.replace(b"\0\0\3", b"\0\0")


def escape(raw: bytes) -> bytes:
    """Put in the emulation prevention bytes, so that no start code appears (7.4.1)."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03]|\Z)", b"\0\0\3", raw)


def nal_type(nal: bytes) -> int:
    """nal_unit_type (7.4.1)."""
    return nal[0] & 31


def split_start_codes(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes (annex B), which is how the encoder writes."""
    return [nal for nal in re.split(rb"\x00{2,}\x01", stream) if nal]


def join_start_codes(nals: list[bytes]) -> bytes:
    """The reverse of `split_start_codes`."""
    return b"".join(b"\0\0\0\1" + nal for nal in nals)


def split_lengths(sample: bytes) -> Iterator[tuple[int, bytes]]:
    """The NAL units of an mp4 sample, each with its offset (ISO/IEC 14496-15, lengths of four bytes)."""
    at = 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        at += 4
        if not 0 < size <= len(sample) - at:
            raise ValueError(f"H.264: a NAL unit of {size} bytes at {at} does not fit a sample of {len(sample)} bytes")
        yield at, sample[at : at + size]
        at += size


def read_layout(sequence_set: bytes, picture_set: bytes) -> Layout:
    """Read a sequence parameter set (7.3.2.1.1) and a picture parameter set (7.3.2.2) as NAL units."""
    frame_num_bits, order_bits = _sequence_set(_Bits(unescape(sequence_set)[1:]))
    bits = _Bits(unescape(picture_set)[1:])
    bits.number(), bits.number()  # pic_parameter_set_id, seq_parameter_set_id
    if not bits.fixed(1):
        raise ValueError("H.264: entropy coding is CAVLC, expected CABAC, whose slice data can be moved by bits")
    order_delta = bool(bits.fixed(1)) and order_bits > 0
    if bits.number():
        raise ValueError("H.264: pictures have several slice groups, expected one")
    bits.number(), bits.number()  # num_ref_idx_l0_default_active_minus1, num_ref_idx_l1_default_active_minus1
    bits.fixed(3)  # weighted_pred_flag, weighted_bipred_idc
    bits.signed(), bits.signed(), bits.signed()  # pic_init_qp_minus26, pic_init_qs_minus26, chroma_qp_index_offset
    deblocking_control = bool(bits.fixed(1))
    bits.fixed(1)  # constrained_intra_pred_flag
    return Layout(frame_num_bits, order_bits, order_delta, bool(bits.fixed(1)), deblocking_control)


def _sequence_set(bits: _Bits) -> tuple[int, int]:
    """Bits of frame_num and of pic_order_cnt_lsb (7.3.2.1.1)."""
    profile = bits.fixed(8)
    bits.fixed(16)  # constraint flags, level_idc
    bits.number()  # seq_parameter_set_id
    if profile in _HIGH_PROFILES:
        if bits.number() == 3:  # chroma_format_idc
            raise ValueError("H.264: chroma is 4:4:4, expected 4:2:0")
        bits.number(), bits.number(), bits.fixed(1)  # bit depths, qpprime_y_zero_transform_bypass_flag
        if bits.fixed(1):
            raise ValueError("H.264: the sequence has scaling matrices, expected none")
    frame_num_bits = bits.number() + 4
    order_type = bits.number()
    if order_type == 1:
        raise ValueError("H.264: pic_order_cnt_type is 1, expected 0 or 2")
    order_bits = bits.number() + 4 if order_type == 0 else 0
    bits.number(), bits.fixed(1), bits.number(), bits.number()  # references, gaps, width, height
    if not bits.fixed(1):
        raise ValueError("H.264: the sequence may be interlaced, expected frames only")
    return frame_num_bits, order_bits


def _idr_header(nal: bytes, layout: Layout) -> _IdrHeader:
    """Read the slice header of an IDR slice NAL unit (7.3.3); bits count from the start of the unescaped NAL unit."""
    if nal_type(nal) != IDR_SLICE:
        raise ValueError(f"H.264: NAL unit of type {nal_type(nal)}, expected {IDR_SLICE}, a slice of an IDR picture")
    bits = _Bits(unescape(bytes(nal[:_HEAD_BYTES])))
    bits.fixed(8)
    if bits.number():
        raise ValueError("H.264: the slice does not start its picture, expected one slice to a picture")
    bits.number(), bits.number(), bits.fixed(layout.frame_num_bits)  # slice_type, pic_parameter_set_id, frame_num
    id_start = bits.at
    idr_pic_id = bits.number()
    id_end = bits.at
    bits.fixed(layout.order_bits)
    if layout.order_delta:
        bits.signed()
    if layout.redundant_pictures:
        bits.number()
    bits.fixed(2)  # no_output_of_prior_pics_flag, long_term_reference_flag
    bits.signed()  # slice_qp_delta
    if layout.deblocking_control and bits.number() != 1:
        bits.signed(), bits.signed()  # slice_alpha_c0_offset_div2, slice_beta_offset_div2
    return _IdrHeader(idr_pic_id, id_start, id_end, bits.at)


def with_idr_pic_id(nal: bytes, idr_pic_id: int, layout: Layout) -> bytes:
    """The same IDR slice NAL unit under another `idr_pic_id`."""
    raw = unescape(nal)
    header = _idr_header(nal, layout)
    code = f"{idr_pic_id + 1:b}"
    bits = "".join(f"{byte:08b}" for byte in raw[:_HEAD_BYTES])
    moved = bits[: header.id_start] + "0" * (len(code) - 1) + code + bits[header.id_end : header.end]
    moved += "1" * (-len(moved) % 8)  # cabac_alignment_one_bit (7.3.4)
    head = int(moved, 2).to_bytes(len(moved) // 8, "big")
    return escape(head + raw[-(-header.end // 8) :])


def with_last_bit_set(nal: bytes) -> bytes:
    """The same CABAC slice with the last bit of its last byte set.

    x264 sets that bit, which ends the slice or lies behind its end, in frames whose number modulo 32 is in a fixed
    pattern (`x264_cabac_encode_flush`). A decoder has stopped before it. Set in every frame, it tells nothing.
    """
    return nal[:-1] + bytes([nal[-1] | 1])


def flip_bit(sample: bytes, layout: Layout) -> int:
    """The bit of an mp4 sample which, flipped, turns its `idr_pic_id` from 1 into 2; -1 if it is no IDR picture."""
    offset, nal = _coded_slice(sample)
    if nal_type(nal) != IDR_SLICE:
        return -1
    header = _idr_header(nal, layout)
    if header.idr_pic_id != STORED_ID:
        raise ValueError(f"H.264: idr_pic_id is {header.idr_pic_id}, expected {STORED_ID}, as stored pictures have")
    bit = header.id_end - 1
    if b"\0\0\3" in nal[: bit // 8 + 4]:
        raise ValueError("H.264: an emulation prevention byte stands in the slice header, so that bits have moved")
    return 8 * offset + bit


def flipped(sample: bytes | memoryview, bit: int) -> bytearray:
    """A copy of `sample` with one bit flipped; bits count from the highest of the first byte."""
    copy = bytearray(sample)
    copy[bit >> 3] ^= 0x80 >> (bit & 7)
    return copy


def idr_pic_id(sample: bytes, layout: Layout) -> int | None:
    """The value an mp4 sample carries, None if it is no IDR picture."""
    _, nal = _coded_slice(sample)
    return _idr_header(nal, layout).idr_pic_id if nal_type(nal) == IDR_SLICE else None


def _coded_slice(sample: bytes) -> tuple[int, bytes]:
    slices = [(offset, nal) for offset, nal in split_lengths(sample) if nal_type(nal) in (SLICE, IDR_SLICE)]
    if len(slices) != 1:
        raise ValueError(f"H.264: the picture has {len(slices)} slices, expected one")
    return slices[0]


def layout_of(extradata: bytes) -> Layout:
    """The layout from an mp4's decoder configuration record (ISO/IEC 14496-15, `avcC`) with one set of each kind."""
    if extradata[:1] != b"\1" or len(extradata) < 8 or extradata[5] & 31 != 1:
        raise ValueError("H.264: expected a decoder configuration record with one sequence parameter set")
    picture_at = 8 + int.from_bytes(extradata[6:8], "big")
    picture_size = int.from_bytes(extradata[picture_at + 1 : picture_at + 3], "big")
    return read_layout(extradata[8:picture_at], extradata[picture_at + 3 : picture_at + 3 + picture_size])

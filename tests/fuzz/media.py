"""Films and pictures that lie: about their size, their length, their parts, and what they are."""

import struct
import zlib
from random import Random

from tests.fuzz.mutation import TRAP, Mutator

_INNER = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta"}
_TABLES = (
    *(b"mvhd", b"tkhd", b"mdhd", b"stts", b"stsz", b"stsc", b"stco", b"ctts", b"elst", b"stsd", b"stss"),
    b"hdlr",
)
_WORDS = (0, 1, 2, 3, 100, 2**15, 2**16, 2**20, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 0xFFFF0000, 0x40000000)
_NOT_FILMS = (
    b"",
    b"\0" * 64,
    b"not a film\n",
    f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{TRAP}.ts\n#EXT-X-ENDLIST\n".encode(),
    b"#EXTM3U\n#EXTINF:10,\n../secret/film.mp4\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile ../secret/film.mp4\nfile /etc/passwd\n",
    f"<?xml version='1.0'?><MPD><Period><BaseURL>{TRAP}</BaseURL></Period></MPD>".encode(),
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    f"RTSPtext\r\nrtsp{TRAP[4:]}\r\n".encode(),
    b"YUV4MPEG2 W99999 H99999 F1:1 Ip C420\nFRAME\n" + bytes(500),
    b"YUV4MPEG2 W16000 H16000 F1:1 Ip C420\nFRAME\n" + bytes(500),
    b"YUV4MPEG2 W64 H36 F1:1000000000 Ip C420\n" + (b"FRAME\n" + bytes(64 * 36 * 3 // 2)) * 2,
    b"YUV4MPEG2 W64 H36 F2000000000:1 Ip C420\n" + (b"FRAME\n" + bytes(64 * 36 * 3 // 2)) * 2,
    b"YUV4MPEG2 W64 H36 F0:0 Ip A99999:1 C420\n" + (b"FRAME\n" + bytes(64 * 36 * 3 // 2)) * 2,
)


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> list[tuple[bytes, int, int]]:
    """(type, start, stop) of the boxes of an mp4, outer ones before those in them."""
    found, stop = [], len(data) if stop is None else stop
    while start + 8 <= stop:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        if size < 8 or start + size > stop:
            break
        found.append((kind, start, start + size))
        if kind in _INNER:
            found += boxes(data, start + 8, start + size)
        start += size
    return found


def film(data: bytes, mutator: Mutator) -> bytes:
    """A film changed in one way or another."""
    draw = mutator.draw
    kind = draw.randrange(10)
    if kind == 0:
        return draw.choice(_NOT_FILMS)
    if kind < 3:
        return mutator.content(data)
    if kind == 3:
        return mutator.flipped(data, draw.choice((1, 10, 200)), high=4096)
    found = boxes(data)
    if not any(box[0] == b"moov" for box in found):
        if (at := data.find(b"\xff\xc0")) > 0 and draw.random() < 0.5:  # the size of a JPEG in a film
            return data[: at + 5] + struct.pack(">HH", *draw.choices((0, 1, 65535, 16384), k=2)) + data[at + 9 :]
        return mutator.flipped(data, draw.choice((1, 5, 50)))
    return _tables(data, found, draw) if kind < 8 else _moved(data, found, draw)


def _tables(data: bytes, found: list[tuple[bytes, int, int]], draw: Random) -> bytes:
    """With other numbers in the tables that say when and where frames are."""
    changed = bytearray(data)
    tables = [box for box in found if box[0] in _TABLES]
    for _ in range(draw.choice((1, 1, 2, 4))):
        _, start, stop = draw.choice(tables)
        at = start + 8 + 4 * draw.randrange(max(1, min(40, (stop - start - 8) // 4)))
        changed[at : at + 4] = struct.pack(">I", draw.choice(_WORDS))
    return bytes(changed[: len(data)])


def _moved(data: bytes, found: list[tuple[bytes, int, int]], draw: Random) -> bytes:
    """With a box left out, given twice, renamed, sized wrongly, or two in each other's place."""
    (kind, start, stop), (_, other, end) = draw.choice(found), draw.choice(found)
    way = draw.randrange(5)
    if way == 0:
        return data[:start] + data[stop:]
    if way == 1:
        return data[:stop] + data[start:stop] + data[stop:]
    if way == 2:
        return data[: start + 4] + draw.choice((b"free", b"moov", b"trak", b"uuid", kind[::-1])) + data[start + 8 :]
    if way == 3:
        return data[:start] + struct.pack(">I", draw.choice(_WORDS)) + data[start + 4 :]
    if stop <= other or end <= start:
        (start, stop), (other, end) = sorted(((start, stop), (other, end)))
        return data[:start] + data[other:end] + data[stop:other] + data[start:stop] + data[end:]
    return data[start:stop] + data


def png(
    width: int, height: int, *, bits: int = 1, color: int = 0, rows: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A PNG that says it is so large; `rows` are its data, by default all black."""
    row = 1 + (width * bits * {0: 1, 2: 3, 6: 4}.get(color, 1) + 7) // 8
    packer = zlib.compressobj(9)
    if rows is None:
        packed = b"".join(packer.compress(bytes(row)) for _ in range(min(height, 20_000))) + packer.flush()
    else:
        packed = packer.compress(rows) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + extra + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(data: bytes, mutator: Mutator) -> bytes:
    """A picture changed, or one made to hurt."""
    draw = mutator.draw
    kind = draw.randrange(14)
    if kind == 0:
        return png(60_000, 60_000, rows=b"\0" * 100)
    if kind == 1 and draw.random() < 0.2:
        return png(13_000, 13_000)  # just small enough to be opened
    if kind == 2:
        return png(draw.choice((0, 1, 2**31 - 1)), draw.choice((0, 1, 2**31 - 1)), rows=b"\0\0")
    if kind == 3:
        return png(8, 8, bits=16, color=draw.choice((0, 2, 6)))
    if kind == 4:
        text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * draw.choice((100, 3_000_000))))
        return png(8, 8, extra=text)
    if kind == 5:
        return png(8, 8, extra=_chunk(b"iCCP", b"p\0\0" + zlib.compress(draw.randbytes(300))))
    if kind == 6:
        return b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0;"
    if kind == 7:
        return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"
    if kind == 8:
        return f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{TRAP}'/></svg>".encode()
    return mutator.content(data)

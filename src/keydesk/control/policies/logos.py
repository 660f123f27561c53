"""Which pictures may be the provider's logo: a PNG by its content, and of it only what is drawn; pure."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MOST_BYTES: Final = 64 * 1024
MOST_PIXELS_A_SIDE: Final = 1024
DRAWN: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
"""The chunks that are kept; text, times and whatever else a picture carries is left out."""
CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""For each colour type of PNG (its specification, section 11.2.2) the depths that it may have."""
VERSION_LENGTH: Final = 16


class NotALogoError(Exception):
    """The file cannot be the logo; the reason is `size`, `type` or `pixels`."""

    def __init__(self, reason: str) -> None:
        """Takes the reason."""
        super().__init__(reason)
        self.reason = reason


def plain_png(content: bytes) -> bytes:
    """Give a PNG with nothing in it but the picture; raises NotALogoError for everything else.

    A file of another type, with bytes behind its end, with a damaged chunk or with more or less picture than it says
    is none, whatever its name.
    """
    if len(content) > MOST_BYTES:
        raise NotALogoError("size")
    if not content.startswith(SIGNATURE):
        raise NotALogoError("type")
    chunks = list(chunks_of(content))
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or kinds.count(b"IHDR") != 1:
        raise NotALogoError("type")
    require_picture(chunks[0][1], b"".join(data for kind, data in chunks if kind == b"IDAT"))
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks if kind in DRAWN)


def chunks_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give each chunk's kind and data, to the very end of the file; raises NotALogoError for a damaged one."""
    at = len(SIGNATURE)
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if content[at : at + 12 + length] != chunk(kind, data):
            raise NotALogoError("type")
        at += 12 + length
        yield kind, data
        if kind == b"IEND" and at != len(content):
            raise NotALogoError("type")


def chunk(kind: bytes, data: bytes) -> bytes:
    """Give a chunk as a PNG holds it."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def require_picture(header: bytes, packed: bytes) -> None:
    """Raise NotALogoError unless the header describes a picture that we take, and its pixels are all there."""
    try:
        width, height, depth, colour, packing, filtering, interlacing = struct.unpack(
            ">IIBBBBB", header
        )
    except struct.error as error:
        raise NotALogoError("type") from error
    if depth not in DEPTHS.get(colour, ()) or (packing, filtering, interlacing) != (0, 0, 0):
        raise NotALogoError("type")
    if not (0 < width <= MOST_PIXELS_A_SIDE and 0 < height <= MOST_PIXELS_A_SIDE):
        raise NotALogoError("pixels")
    expected = height * (1 + (width * CHANNELS[colour] * depth + 7) // 8)
    unpacker = zlib.decompressobj()
    try:
        pixels = unpacker.decompress(packed, expected + 1)
    except zlib.error as error:
        raise NotALogoError("type") from error
    if len(pixels) != expected or not unpacker.eof or unpacker.unused_data:
        raise NotALogoError("type")


def version_of(png: bytes) -> str:
    """Give the name under which a logo may be kept for ever: another picture has another."""
    return hashlib.sha256(png).hexdigest()[:VERSION_LENGTH]

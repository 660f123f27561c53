"""What an uploaded file is, by its content alone: a whole PDF, PNG or JPEG, or nothing that we keep; pure.

Whatever lies behind the end of a document is not part of it and not kept: a ZIP behind a picture stays outside.
"""

import re
import struct
import zlib
from enum import StrEnum
from typing import Final, NamedTuple

LARGEST_BYTES: Final = 10 * 1024 * 1024
MOST_PARTS: Final = 20_000
"""How many chunks or segments a picture may have; each costs time to walk."""
LONGEST_SIDE: Final = 30_000
"""How many pixels a picture may be wide or high."""
MOST_PIXELS: Final = 200_000_000
PDF_HEAD: Final = re.compile(rb"%PDF-[12]\.[0-9]")
PDF_END: Final = re.compile(rb"startxref\s+[0-9]+\s+%%EOF\r?\n?")
PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_LENGTH: Final = 13
JPEG_HEAD: Final = b"\xff\xd8\xff"
JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
JPEG_END: Final = 0xD9
JPEG_SCAN: Final = 0xDA
JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class MediaType(StrEnum):
    """What a document can be."""

    JPEG = "image/jpeg"
    PDF = "application/pdf"
    PNG = "image/png"


EXTENSIONS: Final = {
    MediaType.JPEG: (".jpg", ".jpeg"),
    MediaType.PDF: (".pdf",),
    MediaType.PNG: (".png",),
}


class FileFault(StrEnum):
    """Why a file is not kept."""

    DAMAGED = "damaged"
    """It begins like a document, and is not a whole one."""
    EMPTY = "empty"
    TOO_BIG = "too_big"
    TYPE = "type"
    """It is no PDF, PNG or JPEG, whatever it is called."""


class BadFileError(Exception):
    """The content is no document that we keep; the fault says why."""

    def __init__(self, fault: FileFault) -> None:
        super().__init__(fault)
        self.fault = fault


class Recognised(NamedTuple):
    """A document: what it is, and its content up to its end."""

    media_type: MediaType
    content: bytes


def recognise(content: bytes) -> Recognised:
    """Give what the content is; raises BadFileError if it is not one whole PDF, PNG or JPEG of 10 MB at most."""
    if not content:
        raise BadFileError(FileFault.EMPTY)
    if len(content) > LARGEST_BYTES:
        raise BadFileError(FileFault.TOO_BIG)
    if PDF_HEAD.match(content):
        return Recognised(MediaType.PDF, content[: end_of_pdf(content)])
    try:
        if content.startswith(PNG_HEAD):
            return Recognised(MediaType.PNG, content[: end_of_png(content)])
        if content.startswith(JPEG_HEAD):
            return Recognised(MediaType.JPEG, content[: end_of_jpeg(content)])
    except (struct.error, IndexError):
        raise BadFileError(FileFault.DAMAGED) from None
    raise BadFileError(FileFault.TYPE)


def end_of_pdf(content: bytes) -> int:
    """Give where a PDF ends: behind the last mark of its end, which names where its table begins."""
    end = 0
    for found in PDF_END.finditer(content):
        end = found.end()
    if not end:
        raise BadFileError(FileFault.DAMAGED)
    return end


def end_of_png(content: bytes) -> int:
    """Give where a PNG ends (RFC 2083): a header, image data, an end, and every chunk with its checksum."""
    place: int = len(PNG_HEAD)
    has_data = False
    for number in range(MOST_PARTS):
        length, kind = struct.unpack_from(">I4s", content, place)
        body = content[place + 4 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, place + 8 + length)
        is_first = number == 0
        if zlib.crc32(body) != checksum or is_first != (kind == b"IHDR"):
            break
        if is_first:
            require_size(png_size(length, body))
        has_data |= kind == b"IDAT"
        place += 12 + length
        if kind == b"IEND":
            if length or not has_data:
                break
            return place
    raise BadFileError(FileFault.DAMAGED)


def png_size(length: int, body: bytes) -> tuple[int, int]:
    """Give the width and height that a PNG's header tells."""
    if length != PNG_HEADER_LENGTH:
        raise BadFileError(FileFault.DAMAGED)
    width, height = struct.unpack_from(">II", body, 4)
    return width, height


def end_of_jpeg(content: bytes) -> int:
    """Give where a JPEG ends (ITU T.81): segments with a frame among them, scans, and the end of the image."""
    place, has_frame, has_scan = 2, False, False
    for _ in range(MOST_PARTS):
        found = (
            JPEG_MARKER.search(content, place) if has_scan else JPEG_MARKER.match(content, place)
        )
        if found is None:
            break
        marker, place = content[found.start() + 1], found.end()
        if marker == JPEG_END:
            if not has_scan:
                break
            return place
        (length,) = struct.unpack_from(">H", content, place)
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 3)
            require_size((width, height))
            has_frame = True
        has_scan |= marker == JPEG_SCAN
        place += length
        if has_scan and not has_frame:
            break
    raise BadFileError(FileFault.DAMAGED)


def require_size(size: tuple[int, int]) -> None:
    """Raise BadFileError for a picture that is nothing, or would fill a viewer's memory."""
    width, height = size
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise BadFileError(FileFault.DAMAGED)
    if width * height > MOST_PIXELS:
        raise BadFileError(FileFault.DAMAGED)


def clean_file_name(name: str, media_type: MediaType, *, longest: int) -> str:
    """Give a file's name as it is kept and offered again: no folder, nothing unprintable, the type's own ending."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*')
    plain = plain.strip(" .") or "document"
    endings = EXTENSIONS[media_type]
    if not plain.lower().endswith(endings):
        plain = plain[: longest - len(endings[0])] + endings[0]
    return plain if len(plain) <= longest else plain[: longest - len(endings[0])] + endings[0]

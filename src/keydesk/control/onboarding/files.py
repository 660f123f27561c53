"""The files of documents: in the data folder and outside of every web root, written whole or not at all.

A name on the disk is random and says nothing. A row always has its file: the file comes first and goes last; what a
crash leaves between the two, `forget_orphans` clears away.
"""

import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from django.utils import timezone

from keydesk.control.access.refused import Refused
from keydesk.control.onboarding.filetypes import BadFileError, clean_file_name, recognise
from keydesk.control.onboarding.models import FILE_NAME_LENGTH, Document
from keydesk.control.onboarding.rules import DocumentKind
from keydesk.core.codes import Code

ORPHAN_SECONDS: Final = 3600
"""How old a file without a row has to be before it goes: its row may be on the way."""
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def folder() -> Path:
    """Give the folder of the documents."""
    path: Path = settings.KEYDESK.data_dir / "documents"
    return path


def take_in(content: bytes, *, kind: DocumentKind, filename: str) -> Document:
    """Store an uploaded file, and give its document, not saved yet.

    Raises Refused `invalid_input` (fields: `documents.<kind>` to a `FileFault`) for what is no document.
    """
    try:
        recognised = recognise(content)
    except BadFileError as bad:
        raise Refused(Code.INVALID_INPUT, fields={f"documents.{kind}": str(bad.fault)}) from None
    return Document(
        kind=str(kind),
        name=clean_file_name(filename, recognised.media_type, longest=FILE_NAME_LENGTH),
        media_type=str(recognised.media_type),
        size=len(recognised.content),
        sha256=hashlib.sha256(recognised.content).hexdigest(),
        stored_as=store(recognised.content),
        added_at=timezone.now(),
    )


def store(content: bytes) -> str:
    """Write the content to the disk for good, and give the name it is stored under."""
    place = folder()
    place.mkdir(mode=FOLDER_MODE, exist_ok=True)
    name = secrets.token_hex(16)
    unfinished = place / f"{name}.part"
    try:
        with open_new(unfinished) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(place / name)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(place)
    return name


def open_new(path: Path) -> BinaryIO:
    """Open a file that was not there, for its owner's eyes alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, FILE_MODE), "wb")


def sync_folder(place: Path) -> None:
    """Make sure that the folder itself knows its new file after a power cut."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(name: str) -> None:
    """Delete a stored file; one that is gone already is no fault."""
    (folder() / name).unlink(missing_ok=True)


def read(name: str) -> bytes:
    """Give the content of a stored file."""
    return (folder() / name).read_bytes()


def forget_orphans() -> None:
    """Delete the files that no document has, once they are an hour old."""
    before = time.time() - ORPHAN_SECONDS
    if not folder().is_dir():
        return
    old = [path for path in folder().iterdir() if path.lstat().st_mtime < before]
    known = set(Document.objects.values_list("stored_as", flat=True))
    for path in old:
        if path.name not in known:
            path.unlink(missing_ok=True)

"""Documents: what is taken in, under which name and type it is kept, who gets it, and what a hostile file comes to."""

import hashlib
import io
import os
import zipfile

import pytest
from django.db import transaction
from django.urls import reverse
from tests.fixtures.applications import JPEG, PDF, PNG, chunk, jpeg, pdf, png

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import StaffRole
from keydesk.control.onboarding import actions, files
from keydesk.control.onboarding.models import Document
from keydesk.control.onboarding.queries import application_of, document_for
from keydesk.control.onboarding.rules import DocumentKind
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db

SCRIPT = b"<html><script>alert(1)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
LIMIT = 10 * 1024 * 1024


def zipped(content=b"x" * 1000):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.html", content)
    return held.getvalue()


BOMB = zipped(b"\0" * 20_000_000)
LONG = png(extra=chunk(b"tEXt", b"x" * LIMIT))


@pytest.fixture(autouse=True)
def empty_folder():
    """Look at the files of this test alone."""
    folder = files.folder()
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()


@pytest.fixture
def add(ana, sinar, drafting):
    """Add a document to a draft; gives how it is kept, or what was wrong with it."""
    drafting(sinar)

    def add(content, name="x.pdf"):
        given = {"kind": DocumentKind.OTHER, "filename": name, "content": content}
        try:
            pk = actions.add_document(ana, account_id=sinar.id, **given)
        except Refused as refused:
            return refused.details["fields"]
        document = Document.objects.get(pk=pk)
        return document.media_type, files.read(document.stored_as)

    return add


KEPT = {
    "a PDF": (PDF, ("application/pdf", PDF)),
    "a PNG": (PNG, ("image/png", PNG)),
    "a JPEG": (JPEG, ("image/jpeg", JPEG)),
    "a PDF with a page inside": (
        pdf(b"%" + SCRIPT + b"\n"),
        ("application/pdf", pdf(b"%" + SCRIPT + b"\n")),
    ),
    "a PDF and a page behind it": (PDF + SCRIPT, ("application/pdf", PDF)),
    "a PDF and a ZIP behind it": (PDF + zipped(), ("application/pdf", PDF)),
    "a PNG and a ZIP behind it": (PNG + zipped(), ("image/png", PNG)),
    "a PNG and a page behind it": (PNG + SCRIPT, ("image/png", PNG)),
    "a PNG with a page in its text": (
        png(extra=chunk(b"tEXt", SCRIPT)),
        ("image/png", png(extra=chunk(b"tEXt", SCRIPT))),
    ),
    "a JPEG and a film behind it": (JPEG + b"\0\0\0\x18ftypmp42", ("image/jpeg", JPEG)),
    "a JPEG and a JPEG behind it": (JPEG + JPEG, ("image/jpeg", JPEG)),
}

REFUSED = {
    "nothing": (b"", "empty"),
    "one byte more than 10 MB": (b"%PDF-1.4" + b"x" * (LIMIT - 7), "too_big"),
    "25 MB": (b"%PDF-1.4" + b"x" * (25 * 1024 * 1024), "too_big"),
    "a long PNG": (LONG, "too_big"),
    "an SVG": (SVG, "type"),
    "a page": (SCRIPT, "type"),
    "a page and a PDF behind it": (SCRIPT + PDF, "type"),
    "a ZIP and a PNG behind it": (zipped() + PNG, "type"),
    "a ZIP bomb": (BOMB, "type"),
    "a GIF": (b"GIF89a" + b"\0" * 40, "type"),
    "a program": (b"MZ\x90\0" + b"\0" * 200, "type"),
    "a script": (b"#!/bin/sh\nreboot\n", "type"),
    "a blank before a PDF": (b"\n" + PDF, "type"),
    "the head of a PDF": (b"%PDF-1.7\n", "damaged"),
    "a PDF that is cut off": (PDF[:-8], "damaged"),
    "a PDF that is HTML": (b"%PDF-1.4\n" + SCRIPT + b"%%EOF", "damaged"),
    "the head of a PNG": (PNG[:8], "damaged"),
    "a PNG that is cut off": (PNG[:-1], "damaged"),
    "a PNG without data": (PNG[:33] + PNG[-12:], "damaged"),
    "a PNG with a broken checksum": (PNG[:29] + b"\0\0\0\0" + PNG[33:], "damaged"),
    "a PNG whose chunk says 4 GB": (PNG[:33] + b"\xff\xff\xff\xffIDAT" + PNG[41:], "damaged"),
    "a PNG of no width": (png(width=0), "damaged"),
    "a PNG of a thousand million pixels": (png(30_000, 30_000), "damaged"),
    "a PNG wider than any screen": (png(width=2**31 - 1), "damaged"),
    "a PNG of too many chunks": (png(extra=chunk(b"tEXt", b"") * 20_001), "damaged"),
    "a PNG with two heads": (png(extra=PNG[8:33]), "damaged"),
    "the head of a JPEG": (b"\xff\xd8\xff\xe0", "damaged"),
    "a JPEG that is cut off": (JPEG[:-2], "damaged"),
    "a JPEG without a picture": (b"\xff\xd8\xff\xd9", "damaged"),
    "a JPEG that scans before its frame": (JPEG[:8] + JPEG[JPEG.index(b"\xff\xda") :], "damaged"),
    "a JPEG of no height": (jpeg(height=0), "damaged"),
    "a JPEG of 65535 by 65535": (jpeg(65535, 65535), "damaged"),
    "a JPEG of too many segments": (
        JPEG[:2] + b"\xff\xfe\x00\x02" * 20_001 + JPEG[2:],
        "damaged",
    ),
    "a JPEG of ones alone": (b"\xff\xd8" + b"\xff" * 5_000_000, "damaged"),
}


@pytest.mark.parametrize("what", KEPT)
def test_a_document_is_kept_up_to_its_end_as_what_its_content_is(what, add):
    content, kept = KEPT[what]
    assert add(content, name="anything.exe") == kept


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_whole_document_is_refused_and_leaves_nothing(what, add, sinar):
    content, fault = REFUSED[what]
    assert add(content) == {"documents.other": fault}
    assert application_of(sinar).documents == []
    assert not files.folder().is_dir() or list(files.folder().iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("akta.pdf", "akta.pdf"),
        ("AKTA.PDF", "AKTA.PDF"),
        ("akta.pdf.exe", "akta.pdf.exe.pdf"),
        ("akta.html", "akta.html.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Windows\\system.ini", "system.ini.pdf"),
        ("/etc/cron.d/x\0.pdf", "x.pdf"),
        ("..", "document.pdf"),
        ("", "document.pdf"),
        ("\u202efdp.exe", "fdp.exe.pdf"),
        ('a"\r\nSet-Cookie: x=1.pdf', "aSet-Cookie x=1.pdf"),
        ("<script>.pdf", "script.pdf"),
        (".htaccess", "htaccess.pdf"),
        ("é" * 300 + ".pdf", "é" * 116 + ".pdf"),
    ],
)
def test_a_name_is_a_text_without_a_path_and_has_the_ending_of_what_it_is(sent, kept, add):
    add(PDF, name=sent)
    assert Document.objects.get().name == kept


def test_a_file_is_its_owners_alone_under_a_random_name_with_its_digest(add):
    add(PDF, name="akta.pdf")
    document = Document.objects.get()
    (path,) = files.folder().iterdir()
    assert (path.name, path.read_bytes()) == (document.stored_as, PDF)
    assert (path.stat().st_mode & 0o7777, files.folder().stat().st_mode & 0o7777) == (0o600, 0o700)
    assert (document.sha256, document.size) == (hashlib.sha256(PDF).hexdigest(), len(PDF))
    assert (len(path.name), "akta" in path.name) == (32, False)


def test_an_application_has_twenty_documents_at_most(add):
    added = [add(PDF) for _ in range(20)]
    assert added == [("application/pdf", PDF)] * 20
    assert add(PDF) == {"documents.other": "too_many"}
    assert len(list(files.folder().iterdir())) == 20


def test_a_file_whose_row_was_refused_is_gone(ana, sinar):
    given = {"kind": DocumentKind.TAX, "filename": "x.pdf", "content": PDF}
    with pytest.raises(Refused) as refused:
        actions.add_document(ana, account_id=sinar.id, **given)
    assert refused.value.code is Code.STATE_CONFLICT
    assert list(files.folder().iterdir()) == []


def test_a_kind_of_document_that_there_is_not_is_refused(ana, sinar, drafting):
    given = {"kind": "status", "filename": "x.pdf", "content": PDF}
    with pytest.raises(Refused) as refused:
        actions.add_document(ana, account_id=drafting(sinar).id, **given)
    assert refused.value.details == {"fields": {"documents": "unknown"}}


@pytest.fixture
def document(sinar, drafting, document_of):
    """A document of PT Sinar Abadi's draft."""
    return document_of(drafting(sinar))


def delivered(actor, account, document):
    try:
        return document_for(actor, account_id=account.id, document_id=document).content
    except Refused as refused:
        return str(refused.code)


def test_a_document_goes_to_the_accounts_managers_and_reviewers_alone(
    ana, budi, citra, fajar, gita, dewi, eko, staff, sinar, samudra, document
):
    reviewer, operations = staff("Rini", StaffRole.REVIEWER), staff("Hana", StaffRole.OPERATIONS)
    assert [delivered(each, sinar, document) for each in (ana, budi, eko, reviewer)] == [PDF] * 4
    refused = [delivered(each, sinar, document) for each in (citra, fajar, gita, operations)]
    assert refused == ["permission_denied"] * 4
    assert delivered(dewi, sinar, document) == "not_found"
    # Her own account in the address, another's document behind it.
    assert delivered(dewi, samudra, document) == "not_found"
    assert delivered(eko, samudra, document) == "not_found"


@pytest.mark.parametrize("unknown", ["", "doc_none", "../secrets/pepper", "doc\0", "é" * 5000])
def test_a_document_that_there_is_not_is_not_found(unknown, ana, sinar):
    assert delivered(ana, sinar, unknown) == "not_found"


def test_another_accounts_document_cannot_be_removed(dewi, samudra, drafting, document):
    with pytest.raises(Refused) as refused:
        actions.remove_document(dewi, account_id=drafting(samudra).id, document_id=document)
    assert (refused.value.code, Document.objects.count()) == (Code.NOT_FOUND, 1)


@pytest.mark.django_db(transaction=True)
def test_a_draft_loses_a_removed_document_with_its_file_once_that_is_certain(
    ana, sinar, drafting, document
):
    given = {"account_id": sinar.id, "document_id": document}
    with transaction.atomic():
        actions.remove_document(ana, **given)
        transaction.set_rollback(True)
    assert delivered(ana, sinar, document) == PDF
    actions.remove_document(ana, **given)
    assert (delivered(ana, sinar, document), list(files.folder().iterdir())) == ("not_found", [])


def test_a_document_that_was_submitted_stays_in_the_history(eko, ana, sinar, claimed):
    actions.request_revision(eko, **claimed(sinar, eko), remarks={"documents.tax": "Too dark"})
    document = Document.objects.get(kind=DocumentKind.TAX).pk
    actions.remove_document(ana, account_id=sinar.id, document_id=document)
    kinds = [each.kind for each in application_of(sinar).documents]
    assert (kinds, delivered(eko, sinar, document)) == (["registration", "identity"], PNG)
    with pytest.raises(Refused) as refused:
        actions.remove_document(ana, account_id=sinar.id, document_id=document)
    assert refused.value.code is Code.NOT_FOUND


def test_files_without_a_row_go_after_an_hour_and_no_others(add):
    add(PDF)
    known = Document.objects.get().stored_as
    names = {"a" * 32: 3601, "b" * 32: 3500, "c" * 32 + ".part": 3601, known: 9999}
    for name, age in names.items():
        path = files.folder() / name
        path.touch(mode=0o600)
        at = path.stat().st_mtime - age
        os.utime(path, (at, at))
    files.forget_orphans()
    assert sorted(path.name for path in files.folder().iterdir()) == sorted(["b" * 32, known])


def test_a_desk_without_documents_has_no_orphans():
    if files.folder().is_dir():
        files.folder().rmdir()
    files.forget_orphans()
    assert not files.folder().exists()


@pytest.mark.parametrize(
    "length", [25 * 1024 * 1024 + 1, 10**15, "9" * 5000, "-1", "x"], ids=lambda each: str(each)[:9]
)
def test_a_body_that_no_form_sends_is_refused_before_it_is_read(length, browse):
    page = reverse("account_login")
    client = browse(HTTP_ACCEPT_LANGUAGE="id")
    answer = client.generic("POST", page, b"", CONTENT_LENGTH=str(length))
    assert answer.status_code == 413
    text = answer.content.decode()
    assert ("Ini terlalu besar untuk dikirim" in text, f'href="{page}"' in text) == (True, True)


def test_a_body_of_25_mb_reaches_its_page(browse):
    body = b"x" * (25 * 1024 * 1024)
    answer = browse().post(reverse("account_login"), body, content_type="application/octet-stream")
    assert answer.status_code == 200

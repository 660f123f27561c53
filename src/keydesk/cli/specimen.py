"""Applications of the demo: companies that do not exist, with empty documents; one is submitted, one half done."""

import struct
import zlib
from typing import Any, Final

from keydesk.control.access.actor import Actor
from keydesk.control.onboarding import actions
from keydesk.control.onboarding.rules import CONSENT_VERSION, DocumentKind, Section

ANSWERS: Final[dict[Section, dict[str, Any]]] = {
    Section.BUSINESS: {
        "kind": "company",
        "legal_name": "PT Dua Samudra",
        "address_1": "Jalan Pelabuhan 12",
        "city": "Surabaya",
        "postcode": "60165",
        "country": "Indonesia",
        "industry": "logistics",
        "registration_number": "9120304567890",
        "tax_number": "02.345.678.9-604.000",
    },
    Section.PEOPLE: {
        "people": [
            {"name": "Dewi Anggraini", "role": "director", "share": "40"},
            {"name": "Surya Halim", "role": "owner", "share": "60"},
        ]
    },
    Section.BANK_ACCOUNT: {
        "bank": "Bank Contoh",
        "number": "1234567890",
        "holder": "PT Dua Samudra",
    },
    Section.PRODUCTS: {"wanted": ["disbursement/live", "disbursement/test"]},
    Section.CONSENT: {"agreed": True, "text_version": CONSENT_VERSION},
}

HALF: Final[dict[Section, dict[str, Any]]] = {
    Section.BUSINESS: {
        "kind": "company",
        "legal_name": "PT Tirta Jaya",
        "city": "Semarang",
        "country": "Indonesia",
        "industry": "commerce",
    },
    Section.PEOPLE: {"people": [{"name": "Lina Hartono", "role": "director", "share": ""}]},
}


def begin_specimen(actor: Actor, *, account_id: str) -> None:
    """Fill in a part of the account's application and leave it."""
    version = 0
    for section, values in HALF.items():
        version = actions.save_section(
            actor, account_id=account_id, section=section, values=values, version=version
        )


def submit_specimen(actor: Actor, *, account_id: str) -> None:
    """Fill in and submit the account's application, as this member of it."""
    version = 0
    for section, values in ANSWERS.items():
        version = actions.save_section(
            actor, account_id=account_id, section=section, values=values, version=version
        )
    documents = {
        DocumentKind.REGISTRATION: ("akta-pendirian.pdf", empty_pdf()),
        DocumentKind.TAX: ("npwp.png", empty_png()),
        DocumentKind.IDENTITY: ("ktp.png", empty_png()),
    }
    for kind, (name, content) in documents.items():
        actions.add_document(
            actor, account_id=account_id, kind=kind, filename=name, content=content
        )
        version += 1
    actions.submit_application(actor, account_id=account_id, version=version)


def empty_pdf() -> bytes:
    """Give a PDF of one empty page (ISO 32000-1)."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    )
    content, places = b"%PDF-1.4\n", []
    for number, held in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj%s endobj\n" % (number, held)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 4\n0000000000 65535 f \n" + table + b"trailer<</Size 4/Root 1 0 R>>\n"
    return content + head + b"startxref\n%d\n%%%%EOF\n" % len(content)


def empty_png() -> bytes:
    """Give a white PNG of one pixel (RFC 2083)."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b"\0\xff"),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )

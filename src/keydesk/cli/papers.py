"""The applications of the demo's companies: made-up answers, and documents that say that they are made up."""

from typing import Any, Final

from keydesk.control.access.actor import Actor
from keydesk.control.accounts.models import Account
from keydesk.control.onboarding.actions import add_document, save_section, submit_application
from keydesk.control.onboarding.queries import application_of
from keydesk.control.onboarding.rules import CONSENT_VERSION, DocumentKind, Section

WHOLE: Final[dict[Section, dict[str, Any]]] = {
    Section.BUSINESS: {
        "kind": "company",
        "legal_name": "PT Dua Samudra Logistik",
        "address_1": "Jalan Pelabuhan Raya 27",
        "address_2": "Gedung Samudra, Lantai 4",
        "city": "Surabaya",
        "postcode": "60165",
        "country": "Indonesia",
        "industry": "logistics",
        "registration_number": "8120 1045 72913",
        "tax_number": "02.481.337.5-604.000",
    },
    Section.PEOPLE: {
        "people": [
            {"name": "Dewi Anggraini", "role": "director", "share": ""},
            {"name": "Bambang Hartono", "role": "owner", "share": "70"},
            {"name": "Dewi Anggraini", "role": "owner", "share": "30"},
        ]
    },
    Section.BANK_ACCOUNT: {
        "bank": "Bank Samudra Timur",
        "number": "410 772 9035",
        "holder": "PT Dua Samudra Logistik",
    },
    Section.PRODUCTS: {
        "wanted": ["disbursement/live", "disbursement/test", "account-inquiry/test"]
    },
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
PAPERS: Final = {
    DocumentKind.REGISTRATION: ("nib-dua-samudra.pdf", "Company registration"),
    DocumentKind.TAX: ("npwp-dua-samudra.pdf", "Tax card"),
    DocumentKind.IDENTITY: ("ktp-dewi-anggraini.pdf", "Identity card"),
}


def apply_whole(actor: Actor, account: Account) -> None:
    """Fill in an application and submit it."""
    fill_in(actor, account, WHOLE)
    for kind, (filename, title) in PAPERS.items():
        content = made_up_pdf(f"{title} - made up for the demo of Keydesk")
        add_document(actor, account_id=account.id, kind=kind, filename=filename, content=content)
    submit_application(actor, account_id=account.id, version=application_of(account).version)


def apply_half(actor: Actor, account: Account) -> None:
    """Begin an application and leave it."""
    fill_in(actor, account, HALF)


def fill_in(actor: Actor, account: Account, sections: dict[Section, dict[str, Any]]) -> None:
    """Save these sections of an application."""
    for section, values in sections.items():
        save_section(
            actor,
            account_id=account.id,
            section=section,
            values=values,
            version=application_of(account).version,
        )


def made_up_pdf(line: str) -> bytes:
    """Give a PDF of one page with a line of text, which is plain ASCII without brackets."""
    text = f"BT /F1 14 Tf 60 760 Td ({line}) Tj ET".encode("ascii")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>>>>>>"
        ),
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(content))
    )

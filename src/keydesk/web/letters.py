"""A mail as its reader gets it: subject, text, and HTML that is made from the text, so that the two never differ.

The first line of a template is the subject. A paragraph of two lines, the second of them an address and nothing else,
is a link. What comes from people is put on one line first, so nobody can write a paragraph or a link into a mail.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from keydesk.control.policies.queries import current_policies

LINK: Final = re.compile(r"(?P<label>[^\n]+)\n(?P<url>https?://\S+)")


class Paragraph(NamedTuple):
    """A part of a letter: a text, or with an address a link."""

    text: str
    url: str = ""


class Letter(NamedTuple):
    """A rendered mail."""

    subject: str
    text: str
    html: str


def letter(kind: str, *, language: str, context: Mapping[str, Any]) -> Letter:
    """Give a mail of this kind in the language; the context is the one that the kind names."""
    with translation.override(language):
        given = {name: " ".join(str(value).split()) for name, value in context.items()}
        shared = {
            "brand": current_policies().brand,
            "desk": settings.KEYDESK.desk_url,
            "language": language,
        }
        rendered = render_to_string(f"mail/{kind}.txt", given | shared).strip()
        subject, _newline, text = rendered.partition("\n")
        text = re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n"
        html = render_to_string(
            "mail/layout.html", shared | {"subject": subject, "paragraphs": paragraphs_of(text)}
        )
    return Letter(subject.strip(), text, html)


def paragraphs_of(text: str) -> list[Paragraph]:
    """Give the paragraphs of a letter's text."""
    return [
        Paragraph(link["label"].rstrip(":"), link["url"])
        if (link := LINK.fullmatch(part.strip()))
        else Paragraph(part.strip())
        for part in text.split("\n\n")
    ]

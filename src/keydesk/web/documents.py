"""Documents on their way in and out of the desk, the same for customers and the internal team."""

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from keydesk.control.onboarding.filetypes import LARGEST_BYTES
from keydesk.control.onboarding.queries import DeliveredDocument


def uploaded(request: HttpRequest, name: str) -> tuple[str, bytes]:
    """Give the name and the content of a sent file, both empty if there is none.

    A file that is too big is read only so far that the action sees that it is.
    """
    file = request.FILES.get(name)
    if not isinstance(file, UploadedFile):
        return "", b""
    return file.name or "", file.read(LARGEST_BYTES + 1)


def document_response(document: DeliveredDocument) -> HttpResponse:
    """Give a document as a download: never shown in the page's own place, never taken for anything but what it is.

    Should a browser open it all the same, it is in a sandbox without scripts and without our origin.
    """
    response = HttpResponse(document.content, content_type=document.media_type)
    response.headers["Content-Disposition"] = content_disposition(document.name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def content_disposition(name: str) -> str:
    """Give the header of a download with this name (RFC 6266), whatever letters it has."""
    return content_disposition_header(as_attachment=True, filename=name) or "attachment"

"""Telling a request for a step of the dialog from one for a whole page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

STEP_HEADER = "Keydesk-Step"
"""Marks an answer that dialog.js may put into the dialog; it puts nothing else there."""


def is_htmx(request: HttpRequest) -> bool:
    """Say whether the page's script asks, and not a person's navigation."""
    return request.headers.get("HX-Request") == "true"


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to an address, from a page's script as well."""
    if is_htmx(request):
        response = HttpResponse(status=200)
        response["HX-Redirect"] = url
        return response
    return redirect(url)

"""Forms that another site sends, told by what the browser says of them (W3C Fetch Metadata), beside Django's token."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from keydesk.web.faults import stale_form

Handler = Callable[[HttpRequest], HttpResponse]

CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OURS: Final = frozenset({"same-origin", "none"})
"""From our own pages, or from the person and no page at all."""


class SameOrigin:
    """Refuses what could change something and comes from a page that is not ours, our other subdomains' included.

    A browser that says nothing is old, or no browser: then the token and the Origin decide, which Django checks.
    """

    def __init__(self, get_response: Handler) -> None:
        """Takes what answers the request."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on: whether there is a page is known only when its view is."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Handler, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Answer as if the form had no token; nothing is done."""
        came_from = request.headers.get("Sec-Fetch-Site", "none")
        if request.method in CHANGES_NOTHING or came_from in OURS:
            return None
        return stale_form(request)

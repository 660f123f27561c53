"""Links from one page of a list to the next."""

from typing import Any

from django.core.paginator import Page
from django.http import HttpRequest


def page_links(
    request: HttpRequest, page: Page[Any], *, anchor: str = "", parameter: str = "page"
) -> dict[str, str | None]:
    """Give the addresses of the pages before and after, None where there is none; the rest of the address stays.

    Takes the part of the page to go to, and the name of the page's number in the address, for a second list on a page.
    """

    def link(number: int) -> str:
        query = request.GET.copy()
        query[parameter] = str(number)
        return f"?{query.urlencode()}{anchor}"

    return {
        "previous_url": link(page.previous_page_number()) if page.has_previous() else None,
        "next_url": link(page.next_page_number()) if page.has_next() else None,
    }

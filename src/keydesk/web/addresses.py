"""Where a person is to come back to after something came between them and a page."""

from django.http import HttpRequest
from django.urls import reverse

from keydesk.web.language import local_address


def page_of_form(request: HttpRequest) -> str:
    """Give the address of the page that a form was on; of what was typed only a key's name comes along, never a PIN.

    That is where the form went to, but for the choice of language, which is on every page.
    """
    if request.path == reverse("web:language"):
        return local_address(request, request.POST.get("next", ""))
    query = request.GET.copy()
    if request.POST.get("name"):
        query["name"] = request.POST["name"]
    return f"{request.path}?{query.urlencode()}" if query else request.path

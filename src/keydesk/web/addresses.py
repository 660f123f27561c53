"""Where a person is to come back to after something came between them and a page."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from keydesk.control.keys.rules import LONGEST_NAME


def public_address(request: HttpRequest, path: str) -> str:
    """Give a whole address, as a mail needs it: under the public one, or where this request came to without one."""
    public = settings.KEYDESK.public_url
    return public.rstrip("/") + path if public else request.build_absolute_uri(path)


def page_of_form(request: HttpRequest) -> str:
    """Give the address of the page that a form was on; of what was typed only a key's name comes along, never a PIN.

    That is where the form went to, but for the choice of language, which is on every page.
    """
    if request.path == reverse("web:language"):
        return local_address(request, request.POST.get("next", ""))
    query = request.GET.copy()
    if request.POST.get("name"):
        query["name"] = request.POST["name"][:LONGEST_NAME]
    return f"{request.path}?{query.urlencode()}" if query else request.path


def way_back(request: HttpRequest, *, otherwise: str = "/") -> str:
    """Give the page that the person came from, as form or address say in `next`; another if there is none of ours."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    return local_address(request, asked, otherwise=otherwise)


def local_address(request: HttpRequest, address: str, *, otherwise: str = "/") -> str:
    """Give the address if it leads to this desk, else another: a link must not send people elsewhere."""
    is_ours = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if address and is_ours else otherwise

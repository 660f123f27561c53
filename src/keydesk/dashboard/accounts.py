"""The accounts of one person, for whoever has more than fit into the menu."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from keydesk.control.people.models import User
from keydesk.control.people.queries import home_of, memberships_of
from keydesk.dashboard.visit import account_line, log_in_first
from keydesk.web.paging import page_links

ACCOUNTS_A_PAGE: Final = 20


@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    """Show the accounts that a person can go to, those alone whose name has the text that is searched for."""
    if not isinstance(request.user, User):
        return log_in_first(request)
    search = request.GET.get("search", "").strip()
    home = home_of(request.user)
    if home is None:
        return render(request, "dashboard/no_account.html")
    found = memberships_of(request.user, search=search)
    page = Paginator(found, ACCOUNTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "lines": [account_line(membership, home.account) for membership in page],
        "search": search,
        "page": page,
        **page_links(request, page),
    }
    return render(request, "dashboard/accounts.html", context)

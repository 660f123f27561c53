"""Changing the email address with which a person logs in: asked for, then taken through a link that the new one gets.

No answer tells whether an address has a log-in. That includes the limits, which count what was typed.
"""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from keydesk.control.access.refused import Refused
from keydesk.control.entry import actions, links
from keydesk.control.people.models import User
from keydesk.web import faults
from keydesk.web.addresses import way_back
from keydesk.web.confirmation import for_confirmed, for_people
from keydesk.web.limits import count
from keydesk.web.problems import problem_of
from keydesk.web.security import shown
from keydesk.web.sessions import person

READ_AND_SEND: Final = ["GET", "HEAD", "POST"]


@require_http_methods(READ_AND_SEND)
@for_confirmed
def change_address(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for another address, or mail a link to it."""
    email, error = request.POST.get("email", ""), ""
    if request.method == "POST":
        counted = count(request, "address_change", key=email)
        if counted is None:
            return faults.plain("429.html", status=429)
        try:
            actions.ask_for_address(person(request, user), email=email)
        except Refused as refused:
            counted.rollback()  # no mail was queued, and whoever mends a form tries more often
            error = problem_of(refused).text
        else:
            query = urlencode({"next": way_back(request)})
            return redirect(f"{reverse('web:address_asked')}?{query}")
    context = {"next": way_back(request), "email": email, "error": error}
    return shown(request, "security/change_address.html", context, is_wrong=bool(error))


@require_safe
@for_people
def address_asked(request: HttpRequest, _user: User) -> HttpResponse:
    """Say that a mail is on its way, and what its link does."""
    return render(request, "security/address_asked.html", {"next": way_back(request)})


@require_http_methods(READ_AND_SEND)
@for_people
def new_address(request: HttpRequest, user: User, token: str) -> HttpResponse:
    """Show the button that makes an address the person's own, or do it; a look alone changes nothing.

    Whoever reads the mail has to be logged in as who asked: with a mistyped address somebody else reads it.
    """
    email = links.address_behind(token, user)
    if email is None:
        return render(request, "security/address_over.html", status=410)
    if request.method != "POST":
        return render(request, "security/new_address.html", {"token": token, "email": email})
    try:
        actions.change_address(person(request, user), token=token)
    except Refused:
        return render(request, "security/address_over.html", status=410)
    return render(request, "security/address_changed.html", {"email": email})

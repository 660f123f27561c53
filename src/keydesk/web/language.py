"""Choosing the language of the pages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_POST

from keydesk.control.people.actions import choose_language
from keydesk.control.people.models import User
from keydesk.control.policies.queries import current_policies
from keydesk.web.addresses import local_address
from keydesk.web.context import LANGUAGES
from keydesk.web.sessions import person

COOKIE_SECONDS = 365 * 24 * 3600


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the language in a cookie, and with the person if one is logged in; go back to the page."""
    response = redirect(local_address(request, request.POST.get("next", "")))
    chosen = request.POST.get("language", "")
    if chosen not in dict(LANGUAGES):
        return response
    if isinstance(request.user, User):
        choose_language(person(request, request.user), language=chosen)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def providers_language(request: HttpRequest) -> str:
    """Give the language that the provider has set for whoever has chosen none and whose browser asks for none of ours.

    Empty where one was chosen or asked for, and where the provider leaves it to the configuration.
    """
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES or asks_for_ours(request):
        return ""
    return current_policies().default_language


def asks_for_ours(request: HttpRequest) -> bool:
    """Say whether the browser asks for a language that the pages have."""
    asked = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    return any(tag.partition("-")[0] in dict(LANGUAGES) for tag, _ in asked)

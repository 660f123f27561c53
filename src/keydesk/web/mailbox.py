"""The demo's mailbox: the mail that a real desk would have sent; nowhere else is it there."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from keydesk.control.outbox.queries import kept_letter, kept_letters
from keydesk.web.letters import paragraphs_of

Page = Callable[..., HttpResponse]
LETTERS_A_PAGE: Final = 50


def only_in_the_demo(page: Page) -> Page:
    """Let a page be there only where mail is kept in place of being sent."""

    @wraps(page)
    def handle(request: HttpRequest, **parts: Any) -> HttpResponse:
        if not settings.KEYDESK.mailbox:
            raise Http404
        return page(request, **parts)

    return handle


@only_in_the_demo
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show the letters, the newest first."""
    letters = Paginator(kept_letters(), LETTERS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "mailbox/list.html", {"letters": letters})


@only_in_the_demo
@require_safe
def one_letter(request: HttpRequest, number: int) -> HttpResponse:
    """Show one letter."""
    letter = kept_letter(number)
    if letter is None:
        raise Http404
    paragraphs = paragraphs_of(letter.text)
    return render(request, "mailbox/letter.html", {"letter": letter, "paragraphs": paragraphs})

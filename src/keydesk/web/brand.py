"""The provider's brand on every page: name, colour and logo; the last two at addresses that change with them."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from keydesk.control.policies.colours import WHITE, is_legible, lightened
from keydesk.control.policies.models import Policies
from keydesk.control.policies.queries import logo_named
from keydesk.control.policies.rules import is_colour

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""What is at such an address never changes: another colour or picture has another."""
INK_ON_A_TINT: Final = "#0a1023"


def brand_of(policies: Policies) -> dict[str, Any]:
    """Give what a page shows of the brand beside its name, as addresses; empty is ours."""
    colour, version = policies.brand_colour.removeprefix("#"), policies.logo_version
    return {
        "brand_style": colour and reverse("web:brand_style", kwargs={"colour": colour}),
        "brand_logo": version and reverse("web:brand_logo", kwargs={"version": version}),
    }


@require_safe
def style(_request: HttpRequest, colour: str) -> HttpResponse:
    """Give the style sheet of a brand colour, which follows from the address alone."""
    if not is_colour(f"#{colour}") or not is_legible(f"#{colour}"):
        raise Http404
    return kept(HttpResponse(sheet(f"#{colour}"), content_type="text/css; charset=utf-8"))


def sheet(colour: str) -> str:
    """Give the style of a colour: itself on light pages, a tint that can be read on dark ones."""
    tint = lightened(colour)
    return (
        f":root{{--color-primary:{colour};--color-primary-content:{WHITE}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root{{--color-primary:{tint};--color-primary-content:{INK_ON_A_TINT}}}}}\n"
    )


@require_safe
def logo(_request: HttpRequest, version: str) -> HttpResponse:
    """Give the logo, as the PNG that it was found to be and nothing else."""
    png = logo_named(version)
    if png is None:
        raise Http404
    return kept(HttpResponse(png, content_type="image/png"))


def kept(response: HttpResponse) -> HttpResponse:
    """Let everybody keep an answer."""
    response["Cache-Control"] = FOR_EVER
    return response

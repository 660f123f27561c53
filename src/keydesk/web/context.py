"""What every template may use."""

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from keydesk.control.policies.queries import current_policies
from keydesk.web.brand import brand_of

LANGUAGES: Final = (("en", "English"), ("id", "Bahasa Indonesia"))


def shell() -> dict[str, Any]:
    """Give what the frame of a page needs without a request: for pages that must not ask the database."""
    return {"brand": settings.KEYDESK.brand_name, "language": get_language() or "en"}


def page(request: HttpRequest) -> dict[str, Any]:
    """Give what the frame of any page needs (a context processor)."""
    policies = current_policies()
    return {
        **shell(),
        "brand": policies.brand,
        **brand_of(policies),
        "languages": LANGUAGES,
        "here": request.get_full_path(),
    }

"""The one place where a second factor is demanded: whoever must have one and has none reaches what sets it up alone."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from keydesk.control.people.models import User
from keydesk.control.security.queries import lacks_factor
from keydesk.web.addresses import page_of_form
from keydesk.web.htmx import redirect_to

Handler = Callable[[HttpRequest], HttpResponse]

OPEN: Final = frozenset(
    {
        "account_logout",
        "web:add_passkey",
        "web:authenticator",
        "web:brand_logo",
        "web:brand_style",
        "web:confirm",
        "web:language",
        "web:set_up",
    }
)


class FactorDemand:
    """Leads to setting up a second factor, for as long as the provider demands one and there is none."""

    def __init__(self, get_response: Handler) -> None:
        """Takes what answers the request."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on: what it is for is known only when its view is."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Handler, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Send the person to set a factor up, in the place of any page but the few that are open."""
        match, user = request.resolver_match, request.user
        if match is None or match.view_name in OPEN:
            return None
        if not isinstance(user, User) or not lacks_factor(user):
            return None
        back = urlencode({"next": page_of_form(request)})
        return redirect_to(request, f"{reverse('web:set_up')}?{back}")

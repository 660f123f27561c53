"""Finding the viewing that lets a person of the internal team see an account's pages."""

from msgspec.structs import replace

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.viewings.models import Viewing
from keydesk.core.clock import system_clock


def open_viewing(actor: Actor, *, username: str) -> Viewing | None:
    """Give the running viewing of this staff person, in this very session, of the account with this username."""
    if actor.user_id is None or actor.session is None:
        return None
    if not actor.can(Permission.ACCOUNT_VIEW_AS):
        return None
    found = Viewing.objects.select_related("account").filter(
        user_id=actor.user_id,
        session_ref=actor.session,
        account__username=username,
        ended_at=None,
        ends_at__gt=int(system_clock()),
    )
    return found.order_by("-ends_at").first()


def viewer(actor: Actor, viewing: Viewing) -> Actor:
    """Give the actor that a staff person is inside of a viewing: one who looks at this account, and does nothing."""
    return replace(actor, account_id=viewing.account_id, viewing=viewing.id)

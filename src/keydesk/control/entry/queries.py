"""What the pages need to know of somebody on the way in."""

from keydesk.control.entry import links
from keydesk.control.people.models import User
from keydesk.control.people.queries import memberships_of


def awaits_confirmation(token: str) -> bool:
    """Say whether a link is good to confirm an address that is not confirmed yet."""
    user_id, email = links.confirms(token) or (0, "")
    waiting = User.objects.filter(pk=user_id, email=email, email_confirmed_at=None, is_active=True)
    return waiting.exists()


def first_username_of(user: User) -> str:
    """Give the username of the account in which a person begins, empty without one."""
    membership = memberships_of(user).first()
    return "" if membership is None else membership.account.username

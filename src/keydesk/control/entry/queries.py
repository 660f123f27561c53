"""What the pages need to know of somebody on the way in."""

from keydesk.control.people.models import User
from keydesk.control.people.queries import memberships_of


def first_username_of(user: User) -> str:
    """Give the username of the account in which a person begins, empty without one."""
    membership = memberships_of(user).first()
    return "" if membership is None else membership.account.username

"""What each role may do, in words; taken from the table that the actions ask."""

from typing import Any, Final

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import MEMBER_PERMISSIONS, Permission, Role, permission_over
from keydesk.core.codes import Code
from keydesk.dashboard.visit import ROLE_NAMES

PERMISSION_WORDS: Final[dict[Permission, Promise | str]] = {
    Permission.TEAM_VIEW: _("See the team and what each role may do"),
    Permission.ACTIVITY_VIEW: _("See what happened in the account, and download it"),
    Permission.KEY_VIEW: _("See the list of API keys"),
    Permission.KEY_GENERATE: _("Generate API keys, with the PIN"),
    Permission.KEY_REVEAL: _("Show an API key again, with the PIN"),
    Permission.KEY_REGENERATE: _("Re-generate API keys, with the PIN"),
    Permission.KEY_RESTRICT: _("Restrict API keys, with the PIN"),
    Permission.ACCOUNT_SET_NETWORKS: _("Set the company's IP allow-list, with the PIN"),
    Permission.KEY_REVOKE: _("Revoke API keys"),
    Permission.ENTITLEMENT_REQUEST: _("Request products"),
    Permission.APPLICATION_EDIT: _("Fill in the company's application and send it in"),
    Permission.MEMBER_EDIT: _("Invite people, change roles, deactivate and remove members"),
    Permission.SUPERADMIN_EDIT: _("Do that with Superadmins too"),
    Permission.PIN_RESET: _("Make a member set a new PIN"),
}
"""What a member may do, in the order in which people read it."""

ROLE_WORDS: Final[dict[Role, Promise | str]] = {
    Role.SUPERADMIN: _("Everything, and decides about the other Superadmins."),
    Role.ADMIN: _("API keys, products and people, but not Superadmins."),
    Role.APPROVER: _("Sees the company and its team. No API keys."),
    Role.MAKER: _("Sees the company and its team. No API keys."),
    Role.VIEWER: _("Sees the company and its team. No API keys."),
}
"""What a role is for, beside its choice."""


def role_matrix() -> dict[str, Any]:
    """Give what every role may do: the roles' names, and a line of yes and no for each permission."""
    return {
        "roles": [ROLE_NAMES[role] for role in Role],
        "lines": [
            (words, [permission in MEMBER_PERMISSIONS[role] for role in Role])
            for permission, words in PERMISSION_WORDS.items()
        ],
    }


def roles_given_by(actor: Actor) -> list[Role]:
    """Give the roles that the actor may invite to or give to a member."""
    return [role for role in Role if actor.can(permission_over(role))]


def role_options(actor: Actor) -> list[tuple[str, Promise | str, Promise | str]]:
    """Give the choices of a role: each with its name and what it is for."""
    return [(str(role), ROLE_NAMES[role], ROLE_WORDS[role]) for role in roles_given_by(actor)]


def role_asked_for(request: HttpRequest) -> Role:
    """Give the role that a form asks for; raises Refused(`invalid_input`) if it is none."""
    text = request.POST.get("role", "")
    if text not in set(Role):
        raise Refused(Code.INVALID_INPUT, field="role", reason="invalid")
    return Role(text)

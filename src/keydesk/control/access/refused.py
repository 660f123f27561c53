"""The refusal of an action, and the check that every action starts with."""

from typing import Any

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.roles import Permission
from keydesk.core.codes import Code


class Refused(Exception):  # noqa: N818 - a refusal is an outcome that was foreseen, not an error
    """The action was refused and nothing has changed: the code says why, the details carry its figures.

    Pages and commands turn code and details into a sentence; control itself has no translated text.
    """

    def __init__(self, code: Code, **details: Any) -> None:
        """Takes the code and what its sentence needs, such as `field="name"` or `tries_left=3`."""
        super().__init__(code, details)
        self.code = code
        self.details = details


def require(actor: Actor, permission: Permission, account_id: str | None = None) -> None:
    """Raise Refused unless the actor has the permission, in the account if one is given.

    To a member, and in a viewing, another account does not exist: `not_found`, whatever their role. Otherwise
    `permission_denied`.
    Actions call `audit.actions.authorise`, which also records the refusal.
    """
    is_bound = actor.kind is ActorKind.MEMBER or actor.viewing is not None
    if is_bound and account_id not in {None, actor.account_id}:
        raise Refused(Code.NOT_FOUND)
    if not actor.can(permission):
        raise Refused(Code.PERMISSION_DENIED, permission=permission)

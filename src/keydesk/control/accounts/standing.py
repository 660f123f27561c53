"""The transaction of whatever is done in an account, under the lock under which its members' roles change."""

from collections.abc import Iterator
from contextlib import contextmanager

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import lock_account
from keydesk.control.audit.actions import audited_transaction


@contextmanager
def authorised_transaction(
    actor: Actor, permission: Permission, *, account_id: str, object_id: str
) -> Iterator[Account]:
    """Run an action's transaction under its account's lock, and give the account, if the actor may still act there.

    Whoever takes a member's role away takes this lock: so nothing happens in an account on the strength of a role that
    was lost before. Raises Refused `permission_denied`, which leaves its record although the transaction is rolled
    back, and `not_found` for an unknown account.
    """
    with audited_transaction(actor, permission, account_id=account_id, object_id=object_id):
        account = lock_account(account_id)
        require_still(actor, permission)
        yield account

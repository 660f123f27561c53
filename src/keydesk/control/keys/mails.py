"""Telling an account's people by mail what becomes of its keys; a mail names a key and holds nothing secret of it."""

from typing import Final

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.accounts.queries import superadmins_of
from keydesk.control.keys.models import ApiKey
from keydesk.control.outbox.actions import post_to_all
from keydesk.control.outbox.kinds import MailKind
from keydesk.core.records import Environment

ALSO_OF_TEST_KEYS: Final = frozenset(
    {MailKind.KEY_RELEASED, MailKind.KEY_REVEALED, MailKind.KEY_STOPPED}
)
"""What is told of a test key too: programs make and end those all day, but do none of these."""


def tell(actor: Actor, kind: MailKind, key: ApiKey, **more: str) -> None:
    """Queue the mail about what somebody did with a key to its account's Superadmins, in the caller's transaction.

    It has no names of the internal team. `more` is what the kind's context has beside the key and the person.
    """
    if key.environment == Environment.TEST and kind not in ALSO_OF_TEST_KEYS:
        return
    person = actor.label if actor.kind is ActorKind.MEMBER else ""
    context = about(key) | {"person": person} | more
    post_to_all(superadmins_of(key.account), kind, context=context)


def about(key: ApiKey) -> dict[str, str]:
    """Give what every mail about a key says of it."""
    return {
        "company": key.account.name,
        "username": key.account.username,
        "product": key.product.name,
        "environment": key.environment,
        "key_name": key.name,
        "prefix": key.shown_prefix,
        "key_id": key.id,
    }

"""Carrying into a restored database what a replica proves of the time since the backup.

What was ended stays so. A key that was revoked, or whose time has passed, is revoked; what was stopped, suspended or
disabled is put back, because letting it work is the decision of whoever stopped it. Everything else is told and left as
the backup has it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final, TypeVar

from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.catalog.actions import set_product_state
from keydesk.control.credentials.actions import revoke_credential
from keydesk.control.entitlements.actions import disable_product
from keydesk.control.histories.queries import held_records, usernames_of
from keydesk.control.histories.rules import Finding, Outcome, account_of, outcome_of
from keydesk.control.keys.actions import revoke_key, stop_key
from keydesk.core.records import (
    AccountRecord,
    AccountStatus,
    CredentialRecord,
    EntitlementRecord,
    Environment,
    KeyRecord,
    ProductRecord,
    ProductState,
    Record,
)
from keydesk.replica.layout import name_of

Each = TypeVar("Each")

ROWS_AT_ONCE: Final = 500
RESTORED: Final = "restored"
"""The reason in the audit event of what is revoked again."""
AS_BEFORE: Final = (
    "As it was before a backup was restored. / Seperti sebelum cadangan data dipulihkan."
)
"""The reason that people read of what is stopped again: a replica has none, and nobody knows who reads it."""


def carry_over(actor: Actor, known: Iterable[Record]) -> list[Finding]:
    """End again what is known to have ended, in the caller's transaction, and give all that is known otherwise."""
    return [
        finding
        for records in batched(known)
        for kind, alike in groupby(records, type)
        for finding in carry_alike(actor, kind, list(alike))
    ]


def batched(known: Iterable[Each]) -> Iterator[list[Each]]:
    """Give records, or the names of some, in parts of which each can be looked up at once."""
    records = iter(known)
    while part := list(islice(records, ROWS_AT_ONCE)):
        yield part


def carry_alike(actor: Actor, kind: type[Record], known: Sequence[Record]) -> Iterator[Finding]:
    """Carry over records of one kind."""
    held = held_records(kind, known)
    now = timezone.now().timestamp()
    usernames = usernames_of({account_of(record) or "" for record in known})
    for record in known:
        before = held.get(name_of(record))
        outcome = outcome_of(record, before, now=now)
        if outcome is None:
            continue
        if outcome is Outcome.REVOKED:
            revoke_again(actor, record)
        elif outcome is Outcome.STOPPED:
            stop_again(actor, record)
        account = account_of(record)
        yield Finding(outcome, record, before, usernames.get(account or "", account))


def revoke_again(actor: Actor, known: Record) -> None:
    """Revoke the key or service credential that is known to have ended for good."""
    match known:
        case KeyRecord():
            revoke_key(actor, key_id=known.id, reason=RESTORED)
        case CredentialRecord():
            revoke_credential(actor, credential_id=known.id, reason=RESTORED)


def stop_again(actor: Actor, known: Record) -> None:
    """Put what lets keys work back into the state that it is known to have been put into."""
    match known:
        case KeyRecord():
            stop_key(actor, key_id=known.id, reason=AS_BEFORE)
        case AccountRecord():
            status = AccountStatus(known.status)
            set_account_status(actor, account_id=known.id, status=status, reason=AS_BEFORE)
        case ProductRecord():
            state = ProductState(known.state)
            set_product_state(actor, slug=known.slug, state=state, reason=AS_BEFORE)
        case EntitlementRecord():
            disable_product(
                actor,
                account_id=known.account,
                product=known.product,
                environment=Environment(known.environment),
                reason=AS_BEFORE,
            )

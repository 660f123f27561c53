"""Reading what the database says of rows that a replica knows."""

from collections.abc import Collection
from typing import Final

from keydesk.control.accounts.models import Account
from keydesk.control.catalog.models import Product
from keydesk.control.credentials.models import ServiceCredential
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.feed.models import Published
from keydesk.control.keys.models import ApiKey
from keydesk.core.records import (
    AccountRecord,
    CredentialRecord,
    EntitlementRecord,
    KeyRecord,
    ProductRecord,
    Record,
)
from keydesk.replica.layout import name_of

TABLES: Final[dict[type[Record], tuple[type[Published], str]]] = {
    KeyRecord: (ApiKey, "id"),
    AccountRecord: (Account, "id"),
    ProductRecord: (Product, "slug"),
    EntitlementRecord: (Entitlement, "account"),
    CredentialRecord: (ServiceCredential, "id"),
}
"""The table of each kind of row, and the field by which its rows are looked up."""


def held_records(kind: type[Record], known: Collection[Record]) -> dict[str, Record]:
    """Give what the database holds of these records, all of one kind, by their names."""
    model, field = TABLES[kind]
    wanted = {f"{field}__in": {getattr(record, field) for record in known}}
    held = (row.record() for row in model._default_manager.filter(**wanted))  # noqa: SLF001 - Django documents it
    return {name_of(record): record for record in held}


def records_by_digest(kind: str, digests: Collection[bytes]) -> list[Record]:
    """Give the keys or service credentials that the database holds under these digests."""
    table = ApiKey.objects if kind == KeyRecord.kind else ServiceCredential.objects
    return [row.record() for row in table.filter(digest__in=digests)]


def usernames_of(account_ids: Collection[str]) -> dict[str, str]:
    """Give the usernames of accounts by their ids."""
    return dict(Account.objects.filter(pk__in=account_ids).values_list("pk", "username"))

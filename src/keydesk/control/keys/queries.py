"""What the API Key page shows: products and keys, never a key's text."""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.prefixes import beginning_with
from keydesk.control.audit.actions import authorise
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.rules import ShownState, shown_state
from keydesk.core.codes import Code
from keydesk.core.limits import Limit, product_limits
from keydesk.core.records import EntitlementState, KeyState


class KeyRow(Struct, frozen=True, kw_only=True):
    """A key as the page lists it."""

    id: str
    name: str
    shown_prefix: str
    product: str
    environment: str
    state: ShownState
    created_at: datetime
    created_by: str | None
    """The full name of whoever made it; None for the host operator."""
    expires_at: datetime | None
    retires_at: datetime | None
    """Until when it works beside the key that replaced it; None if it was not replaced with an overlap."""
    networks: tuple[str, ...]
    scopes: tuple[str, ...]
    limits: tuple[str, ...]
    revoked_at: datetime | None
    stop_reason: str
    """Why the internal team has stopped it; empty while it is not stopped."""
    replaces: str | None
    replaced_by: str | None
    replaced_by_prefix: str
    """How the key begins that replaced it; empty if none did."""
    is_revealable: bool


class KeyList:
    """Keys of one environment, in an order of their own: counted, and read from the database a slice at a time."""

    def __init__(self, keys: QuerySet[ApiKey], *, found: int) -> None:
        """Takes the keys in their order, not read yet, and how many they are."""
        self._keys = keys
        self._found = found

    def __len__(self) -> int:
        """Give how many keys there are, which costs no query."""
        return self._found

    def __getitem__(self, asked: slice) -> list[KeyRow]:
        """Give a stretch of the keys; none without a query where there are none."""
        return [_row(key) for key in self._keys[asked]] if self._found else []

    def __iter__(self) -> Iterator[KeyRow]:
        """Give all keys."""
        return iter(self[:])


class ProductCard(Struct, frozen=True, kw_only=True):
    """A product as the page lists it, with the account's keys for it in one environment."""

    product: Product
    entitlement: str | None
    """The entitlement's state; None if the product was only ever asked for in the other environment."""
    requested_at: datetime | None
    changed_at: datetime | None
    reason: str
    """Why the internal team disabled it, as the customer reads it."""
    limits: list[Limit]
    """What the account's calls are limited to, whatever the keys' own limits are."""
    key_count: int
    """How many keys there are, whatever was searched for."""
    keys: KeyList
    """Those that were searched for."""


class FirstSteps(NamedTuple):
    """How far an approved account has come."""

    has_product: bool
    """Whether a product is enabled for it."""
    has_key: bool
    """Whether it ever had a key."""


class ProductCount(NamedTuple):
    """A product, and how much it is used."""

    product: Product
    accounts: int
    """How many accounts may use it, in whatever environment."""
    keys: int
    """How many keys of it work."""


class Counts(NamedTuple):
    """How many keys of a product there are, and how many of them were searched for."""

    total: int
    found: int


def product_cards(
    actor: Actor, *, account_id: str, environment: str, search: str = "", state: str = ""
) -> list[ProductCard]:
    """Give every product that the account ever asked for or had, by name, with its keys.

    `search` narrows the keys to those with this text in their name or at the start of their prefix, `state` to those
    that people see in this state. Takes two SQL queries, however many products and keys there are, and one for each
    slice of keys that is read. Raises Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    entitlements = Entitlement.objects.filter(account=account_id)
    place = {"account": account_id, "environment": environment}
    return _cards(entitlements, place, searched_for(search, state))


def first_steps(actor: Actor, *, account_id: str) -> FirstSteps:
    """Give how far the account has come on the way to its first key, in two SQL queries."""
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    enabled = Entitlement.objects.filter(account=account_id, state=EntitlementState.ENABLED)
    return FirstSteps(
        has_product=enabled.exists(), has_key=ApiKey.objects.filter(account=account_id).exists()
    )


def product_counts(actor: Actor) -> list[ProductCount]:
    """Give every product of the catalogue by name with how much it is used; raises Refused as `require` does."""
    authorise(actor, Permission.ACCOUNT_VIEW)
    enabled = Entitlement.objects.filter(state=EntitlementState.ENABLED).values_list("product")
    accounts = dict(enabled.annotate(number=Count("account", distinct=True)).order_by())
    working = ApiKey.objects.filter(in_state(KeyState.ACTIVE) | in_state(KeyState.RETIRING))
    keys = dict(working.values_list("product").annotate(number=Count("pk")).order_by())
    return [
        ProductCount(product, accounts.get(product.pk, 0), keys.get(product.pk, 0))
        for product in products_by_name()
    ]


def product_card(actor: Actor, *, account_id: str, product: str, environment: str) -> ProductCard:
    """Give one of the products that `product_cards` gives; raises Refused `not_found` for any other."""
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    entitlements = Entitlement.objects.filter(account=account_id, product=product)
    place = {"account": account_id, "environment": environment, "product": product}
    for card in _cards(entitlements, place, Q()):
        return card
    raise Refused(Code.NOT_FOUND)


def ending_keys(
    actor: Actor,
    *,
    account_id: str,
    environment: str,
    products: Collection[str],
    within: timedelta,
) -> KeyList:
    """Give the working keys for these products whose end comes within this time, the next to end first.

    Takes one SQL query, and one for each slice that is read. Raises Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    keys = _listed().filter(
        in_state(KeyState.ACTIVE),
        account=account_id,
        environment=environment,
        product__in=products,
        expires_at__lte=timezone.now() + within,
    )
    return KeyList(keys.order_by("expires_at", "id"), found=keys.count())


def searched_for(search: str, state: str) -> Q:
    """Give the condition on keys that a search sets; an empty text sets none."""
    found = Q()
    if "\0" in search:
        # No name and no prefix has one, and PostgreSQL takes none.
        return Q(pk__in=())
    if search:
        text = unicodedata.normalize("NFC", search)
        found &= Q(name__icontains=text) | Q(shown_prefix__istartswith=text)
    return found & in_state(state) if state else found


def in_state(state: str) -> Q:
    """Give the condition on keys that `shown_state` puts into words: a key whose time is over has expired."""
    if state == ShownState.REVOKED:
        return Q(state=state)
    now = timezone.now()
    is_over = Q(expires_at__lte=now) | Q(retires_at__lte=now)
    if state == ShownState.EXPIRED:
        return is_over & ~Q(state=KeyState.REVOKED)
    return Q(state=state) & ~is_over


def key_for(actor: Actor, *, key_id: str) -> KeyRow:
    """Give one key; raises Refused `not_found` for a key that does not exist or is another account's."""
    key = _listed().filter(pk=key_id).first()
    authorise(
        actor,
        Permission.KEY_VIEW,
        account_id="" if key is None else key.account_id,
        object_id=key_id,
    )
    if key is None:
        raise Refused(Code.NOT_FOUND)
    return _row(key)


def _listed() -> QuerySet[ApiKey]:
    return ApiKey.objects.select_related("created_by", "replaced_by").order_by("-created_at", "-id")


def _cards(
    entitlements: QuerySet[Entitlement], place: dict[str, str], search: Q
) -> list[ProductCard]:
    """Give the cards of these entitlements' products, with the keys of this place."""
    keys = _listed().filter(**place)
    counted = (
        ApiKey.objects.filter(**place)
        .values_list("product")
        .annotate(total=Count("pk"), found=Count("pk", filter=search))
        .order_by()
    )
    counts = {product: Counts(total, found) for product, total, found in counted}
    known = list(entitlements.select_related("product"))
    here = {each.product_id: each for each in known if each.environment == place["environment"]}
    products = {each.product_id: each.product for each in known}
    return [
        _card(
            product,
            here.get(product.pk),
            keys.filter(search, product=product),
            counts.get(product.pk, Counts(0, 0)),
        )
        for product in sorted(products.values(), key=lambda product: product.name.casefold())
    ]


def _card(
    product: Product, entitlement: Entitlement | None, keys: QuerySet[ApiKey], counts: Counts
) -> ProductCard:
    return ProductCard(
        product=product,
        entitlement=None if entitlement is None else entitlement.state,
        requested_at=None if entitlement is None else entitlement.requested_at,
        changed_at=None if entitlement is None else entitlement.changed_at,
        reason="" if entitlement is None else entitlement.reason,
        limits=product_limits(
            product.limits.split(), () if entitlement is None else entitlement.limits.split()
        ),
        key_count=counts.total,
        keys=KeyList(keys, found=counts.found),
    )


def _row(key: ApiKey) -> KeyRow:
    successor = getattr(key, "replaced_by", None)
    return KeyRow(
        id=key.id,
        name=key.name,
        shown_prefix=key.shown_prefix,
        product=key.product_id,
        environment=key.environment,
        state=state_now(key),
        created_at=key.created_at,
        created_by=None if key.created_by is None else key.created_by.full_name,
        expires_at=key.expires_at,
        retires_at=key.retires_at,
        networks=tuple(key.networks.split()),
        scopes=tuple(key.scopes.split()),
        limits=tuple(key.limits.split()),
        revoked_at=key.revoked_at,
        stop_reason=key.stop_reason or "",
        replaces=key.replaces_id,
        replaced_by=None if successor is None else successor.id,
        replaced_by_prefix="" if successor is None else successor.shown_prefix,
        is_revealable=key.sealed is not None,
    )


def keys_found(prefix: str) -> QuerySet[ApiKey]:
    """Give the keys whose shown prefix begins with the text, with their accounts."""
    return beginning_with(ApiKey.objects.select_related("account"), "shown_prefix", prefix)


def owners_by_prefix(prefixes: Collection[str]) -> dict[str, list[Account]]:
    """Give whose keys begin so, by shown prefix, for the internal team; each account once, none where there is none."""
    owners: dict[str, list[Account]] = {}
    for key in ApiKey.objects.select_related("account").filter(shown_prefix__in=prefixes):
        accounts = owners.setdefault(key.shown_prefix, [])
        if key.account not in accounts:
            accounts.append(key.account)
    return owners


def keys_of(account_id: str) -> QuerySet[ApiKey]:
    """Give an account's keys in both environments for the internal team, newest first; nothing here shows a key."""
    found = _listed().select_related("product").filter(account=account_id)
    return found.order_by("environment", "product", "-created_at")


def key_names(account_id: str, ids: Iterable[str]) -> dict[str, str]:
    """Give the names of these keys by id, those of the account alone."""
    return dict(ApiKey.objects.filter(account=account_id, pk__in=ids).values_list("pk", "name"))


def state_now(key: ApiKey) -> ShownState:
    """Give the state of a key as people see it now."""
    return shown_state(
        key.state, expires_at=key.expires_at, retires_at=key.retires_at, now=timezone.now()
    )


def key_of(account_id: str, key_id: str) -> ApiKey | None:
    """Give one key of an account for the internal team."""
    return _listed().filter(account=account_id, pk=key_id).first()

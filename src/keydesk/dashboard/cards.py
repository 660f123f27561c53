"""How products and keys look on the API Key page: words, colours and addresses for what the queries give."""

from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.roles import Permission
from keydesk.control.catalog.models import Product
from keydesk.control.keys.queries import KeyRow, ProductCard, ending_keys
from keydesk.control.keys.rules import ShownState, is_live, is_replaceable
from keydesk.control.usage.queries import last_day_by_key, usage_by_key
from keydesk.core.records import AccountStatus, EntitlementState, Environment, ProductState
from keydesk.dashboard.restrictions import days_until, restriction_words
from keydesk.dashboard.samples import call_to, curl
from keydesk.dashboard.usage import still_used, usage_view
from keydesk.dashboard.visit import Visit
from keydesk.web.budgets import limit_words
from keydesk.web.paging import page_links

KEYS_A_PAGE: Final = 10
FILTER_FROM_KEYS: Final = 10
ENDING_WITHIN: Final = timedelta(days=7)
"""How long before its end a key is warned of."""

STATES: Final[dict[ShownState, tuple[str, Promise | str]]] = {
    ShownState.ACTIVE: ("good", gettext_lazy("Active")),
    ShownState.RETIRING: ("warn", gettext_lazy("Retiring")),
    ShownState.EXPIRED: ("warn", gettext_lazy("Expired")),
    ShownState.DISABLED: ("bad", gettext_lazy("Disabled")),
    ShownState.REVOKED: ("", gettext_lazy("Revoked")),
}


class Filter(NamedTuple):
    """What the page is narrowed down to."""

    search: str
    state: str

    @property
    def is_used(self) -> bool:
        """Whether anything is hidden by it."""
        return bool(self.search or self.state)

    @property
    def states(self) -> list[tuple[str, str]]:
        """The choices for a state."""
        return [
            ("", _("All states")),
            *((str(state), str(name)) for state, (_tone, name) in STATES.items()),
        ]


def filter_of(request: HttpRequest) -> Filter:
    """Give what the address asks to be shown."""
    return Filter(search=request.GET.get("search", "").strip(), state=request.GET.get("state", ""))


def is_worth_filtering(cards: list[ProductCard]) -> bool:
    """Say whether the page offers a filter: from ten keys on."""
    return sum(card.key_count for card in cards) >= FILTER_FROM_KEYS


def is_offered(visit: Visit, card: ProductCard) -> bool:
    """Say whether the page offers a new key for the product; the action alone decides whether there will be one."""
    return (
        visit.actor.can(Permission.KEY_GENERATE)
        and visit.account.status == AccountStatus.APPROVED
        and card.entitlement == EntitlementState.ENABLED
        and card.product.state == ProductState.ACTIVE
    )


def may_be_requested(visit: Visit, card: ProductCard) -> bool:
    """Say whether the page offers to ask for the product in the environment that is shown."""
    return (
        visit.account.status == AccountStatus.APPROVED
        and card.entitlement is None
        and card.product.state == ProductState.ACTIVE
    )


def card_views(
    request: HttpRequest, visit: Visit, cards: list[ProductCard]
) -> list[dict[str, Any]]:
    """Give what the templates of the products' cards show; of all keys on the page the use is asked for at once."""
    pages = [page_of(request, card) for card in cards]
    shown = [row for page in pages for row in page.object_list]
    used = use_of(visit, shown)
    return [
        card_view(request, visit, card, page=page, used=used)
        for card, page in zip(cards, pages, strict=True)
    ]


def use_of(visit: Visit, rows: list[KeyRow]) -> dict[str, dict[str, Any]]:
    """Give what the rows of these keys show of their use, by the key's id."""
    account = {"account_id": visit.account.id}
    used = usage_by_key(visit.actor, **account, key_ids=[row.id for row in rows])
    retiring = [row.id for row in rows if row.state is ShownState.RETIRING]
    last_day = last_day_by_key(visit.actor, **account, key_ids=retiring)
    return {
        key: {
            "usage": usage_view(usage),
            "still_used": still_used(usage, last_day[key]) if key in last_day else "",
        }
        for key, usage in used.items()
    }


def card_view(
    request: HttpRequest,
    visit: Visit,
    card: ProductCard,
    *,
    page: Page[KeyRow],
    used: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Give what the template of a product's card shows."""
    product, may_generate = card.product, is_offered(visit, card)
    tone, state_name, sentence = card_state(card)
    return {
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "icon": product.icon,
        "tone": tone,
        "state_name": state_name,
        "sentence": sentence,
        "limits": list(map(limit_words, card.limits)),
        "may_generate": may_generate,
        "generate_url": generate_url(visit, product.slug),
        "request_url": request_url(visit, product.slug, visit.environment, back=list_url(visit))
        if may_be_requested(visit, card)
        else "",
        "rows": [row_view(visit, row, card=card) | used[row.id] for row in page.object_list],
        "page": page,
        **page_links(
            request, page, anchor=f"#product-{product.slug}", parameter=page_parameter(card)
        ),
        "curl": curl(
            call_to(
                product,
                api_url=settings.KEYDESK.api_url,
                key="$API_KEY",
                username=visit.account.username,
            )
        ),
    }


def card_state(card: ProductCard) -> tuple[str, str, str]:
    """Give a product's tone, state and, where something is to be said about it, a sentence."""
    if notice := notice_of(card.product):
        is_retired = card.product.state == ProductState.RETIRED
        return "bad", _("Retired") if is_retired else _("Stopped"), notice
    when = None if card.changed_at is None else date_format(card.changed_at, "j M Y")
    if card.entitlement == EntitlementState.ENABLED:
        return "good", _("Enabled"), ""
    if card.entitlement == EntitlementState.REQUESTED:
        asked = when if card.requested_at is None else date_format(card.requested_at, "j M Y")
        text = _(
            "Requested on %(date)s. Our internal team has not enabled it yet; keys can be generated then."
        )
        return "warn", _("Requested"), text % {"date": asked}
    if card.entitlement == EntitlementState.DISABLED:
        text = _(
            "Disabled since %(date)s. Its keys do not work; ask our internal team to enable it again."
        )
        reason = _("Reason: %(reason)s") % {"reason": card.reason} if card.reason else ""
        return "bad", _("Disabled"), f"{text % {'date': when}} {reason}".strip()
    text = _("This product was not requested for this environment.")
    return "", _("Not enabled"), text


def notice_of(product: Product) -> str:
    """Say what is the matter with a product itself, nothing if it runs."""
    if product.state == ProductState.RETIRED:
        return _("The provider has ended this product. Its keys stopped working for good.")
    if product.state != ProductState.ACTIVE:
        return _("The provider has stopped this product. Its keys do not work at the moment.")
    return ""


def next_ending(visit: Visit, cards: list[ProductCard]) -> dict[str, Any]:
    """Give what the page says above the products of the working key that ends next, and how many more end soon."""
    is_approved = visit.account.status == AccountStatus.APPROVED
    working = {card.product.slug: card for card in cards if is_approved and does_work(card)}
    found = ending_keys(
        visit.actor,
        account_id=visit.account.id,
        environment=visit.environment,
        products=working,
        within=ENDING_WITHIN,
    )
    views = [ending_view(visit, row, working[row.product]) for row in found[:1]]
    return {"ending": views[0] if views else None, "further_endings": len(found) - len(views)}


def ending_view(visit: Visit, row: KeyRow, card: ProductCard) -> dict[str, Any]:
    """Give what the page says of a key that ends soon; re-generated, it would end at the same moment."""
    return {
        "name": row.name,
        "days": row.expires_at and days_until(row.expires_at),
        "product": card.product.name,
        "generate_url": generate_url(visit, card.product.slug) if is_offered(visit, card) else "",
    }


def does_work(card: ProductCard) -> bool:
    """Say whether the product's keys work, as far as it lies with the product."""
    return (
        card.product.state == ProductState.ACTIVE and card.entitlement == EntitlementState.ENABLED
    )


def ends_soon(row: KeyRow) -> bool:
    """Say whether the page warns of a key's end."""
    return row.expires_at is not None and row.expires_at <= timezone.now() + ENDING_WITHIN


def is_retiring(row: KeyRow, card: ProductCard) -> bool:
    """Say whether a key works on beside the one that replaced it."""
    return row.state is ShownState.RETIRING and does_work(card)


def row_state(row: KeyRow, card: ProductCard) -> tuple[str, Promise | str]:
    """Give a key's tone and state: of one that would work if its product did, that its product does not."""
    if row.state not in {ShownState.ACTIVE, ShownState.RETIRING}:
        return STATES[row.state]
    if card.product.state != ProductState.ACTIVE:
        return "bad", _("Product stopped")
    if card.entitlement != EntitlementState.ENABLED:
        return "bad", _("Product disabled")
    if row.state is ShownState.ACTIVE and ends_soon(row):
        return "warn", _("Expires")
    return STATES[row.state]


def row_view(visit: Visit, row: KeyRow, *, card: ProductCard) -> dict[str, Any]:
    """Give what the template of a key's row shows."""
    tone, state_name = row_state(row, card)
    ends = {
        ShownState.REVOKED: row.revoked_at,
        ShownState.EXPIRED: row.retires_at or row.expires_at,
    }
    if does_work(card) and ends_soon(row):
        ends[ShownState.ACTIVE] = row.expires_at
    return {
        "id": row.id,
        "url": visit.url("key", key_id=row.id),
        "name": row.name,
        "shown_prefix": row.shown_prefix,
        "created_at": row.created_at,
        "created_by": row.created_by or _("Set up by the provider"),
        "tone": tone,
        "state_name": state_name,
        "state_at": ends.get(row.state),
        "stop_reason": row.stop_reason,
        "works_until": row.retires_at if is_retiring(row, card) else None,
        "successor": row.replaced_by_prefix,
        "restrictions": restriction_words(row, card.product) if is_live(row.state) else [],
        "actions": row_actions(visit, row, is_offered=is_offered(visit, card)),
    }


def row_actions(visit: Visit, row: KeyRow, *, is_offered: bool) -> list[dict[str, str]]:
    """Give what a key's menu offers."""
    if not is_live(row.state) or not visit.actor.can(Permission.KEY_REVOKE):
        return []
    offers = [
        ("reveal", "eye", "", _("Reveal"), row.is_revealable),
        (
            "regenerate",
            "refresh-cw",
            "",
            _("Re-generate"),
            is_offered and is_replaceable(row.state),
        ),
        ("restrict", "shield", "", _("Restrict"), visit.actor.can(Permission.KEY_RESTRICT)),
        ("revoke", "ban", "danger", _("Revoke"), True),
    ]
    return [
        {"url": visit.url(name, key_id=row.id), "icon": icon, "tone": tone, "name": text}
        for name, icon, tone, text, is_shown in offers
        if is_shown
    ]


def page_of(request: HttpRequest, card: ProductCard) -> Page[KeyRow]:
    """Give the page of a product's keys that the address asks for; the nearest one if there is no such page."""
    keys: Any = card.keys  # a paginator asks for length and slices, which is all that it has
    return Paginator(keys, KEYS_A_PAGE).get_page(request.GET.get(page_parameter(card)))


def page_parameter(card: ProductCard) -> str:
    """Give the name under which the address keeps a product's page."""
    return f"page-{card.product.slug}"


def list_url(visit: Visit) -> str:
    """Give the address of the API Key page in the visit's environment."""
    return visit.url("api_keys") + visit.carried


def generate_url(visit: Visit, product: str) -> str:
    """Give the address of the dialog that makes a key."""
    return visit.url("generate", product=product, environment=visit.environment)


def request_url(visit: Visit, product: str, environment: Environment, *, back: str = "") -> str:
    """Give the address where a product is asked for, with the way back if it is not the Products page."""
    path = visit.url("request_product", product=product, environment=environment)
    return f"{path}?{urlencode({'next': back})}" if back else path


def environment_named(text: str) -> Environment | None:
    """Give the environment of this name, None if there is none."""
    return Environment(text) if text in set(Environment) else None

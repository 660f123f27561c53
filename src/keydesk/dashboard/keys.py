"""The API Key tab: listing keys, and the dialogs that generate, show, replace and revoke them."""

import json
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.queries import product_named
from keydesk.control.keys.actions import (
    generate_key,
    regenerate_key,
    reveal_key,
    revoke_key,
)
from keydesk.control.keys.delivery import DeliveredKey
from keydesk.control.keys.queries import KeyRow, ProductCard, key_for, product_card
from keydesk.control.keys.rules import LONGEST_NAME, clean_name, is_request_token
from keydesk.control.stepup.actions import confirm, confirm_with_passkey
from keydesk.control.stepup.factors import ask_passkey, has_passkey
from keydesk.control.stepup.queries import PinStatus, is_shorter_than_asked, pin_status
from keydesk.control.stepup.rules import GuardedAction, Purpose
from keydesk.control.usage.queries import LastDay, last_day_of
from keydesk.control.vault.safe import VaultState, vault_state
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, Environment
from keydesk.dashboard.cards import (
    environment_named,
    generate_url,
    is_offered,
    key_url,
    list_url,
)
from keydesk.dashboard.pin import lock_of
from keydesk.dashboard.samples import call_to, response_sample, samples_for
from keydesk.dashboard.steps import PASSKEY_HELPS, Dialog, at_field, list_page
from keydesk.dashboard.usage import whole
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.replica.wait import wait_for_revision
from keydesk.web.htmx import is_htmx
from keydesk.web.problems import problem_of

WAIT_SECONDS: Final = 0.5
"""How long a page waits until this host's replica has what it has just done."""
SHOWN_SECONDS: Final = 60
"""How long a revealed key stays on the screen."""

Deliver = Callable[[str], DeliveredKey]
Guard = tuple[GuardedAction, str]
"""What is confirmed: the action, and the object that it is for."""


@for_members(Permission.KEY_VIEW)
def api_keys(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show every product of the account and its keys."""
    return list_page(request, visit)


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.KEY_GENERATE, methods=READ_AND_SEND)
def generate(request: HttpRequest, visit: Visit, product: str, environment: str) -> HttpResponse:
    """Make a new key: its name and what that means, then the PIN, then the key."""
    visit = visit._replace(environment=environment_of(environment))
    card = card_of(visit, product)
    dialog = generate_dialog(request, visit, card.product)
    if not is_offered(visit, card):
        return dialog.show_problem(problem_of(Refused(why_not_offered(visit))))
    name, token = request.POST.get("name", ""), request_token(request)
    if request.method != "POST":
        typed = request.GET.get("name") or suggested_name(card)
        return dialog.show("name", name=typed, request_token=token)
    if clean_name(name) is None:
        problem = problem_of(Refused(Code.INVALID_INPUT, field="name"))
        return dialog.show(
            "name", status=problem.status, name=name, request_token=token, **at_field(problem)
        )

    def deliver(grant: str) -> DeliveredKey:
        return generate_key(
            visit.actor,
            account_id=visit.account.id,
            product=product,
            environment=environment,
            name=name,
            grant=grant,
            request_token=token,
        )

    context: dict[str, Any] = {"name": name, "request_token": token}
    guard = (GuardedAction.KEY_GENERATE, f"{product}/{environment}")
    return guarded(dialog, card.product, guard=guard, deliver=deliver, context=context)


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.KEY_REVEAL, methods=READ_AND_SEND)
def reveal(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """Show a key again, after the PIN."""
    visit, row, product = visit_to_key(visit, key_id)
    dialog = Dialog(
        request,
        visit,
        key_url(visit, key_id, "reveal"),
        title=_("Reveal %(name)s") % {"name": row.name},
        consequence=_(
            "The key is shown for one minute, and the audit trail notes that you saw it."
        ),
        deed=_("Reveal key"),
    )
    guard = (GuardedAction.KEY_REVEAL, key_id)
    if request.method != "POST":
        return ask_pin(dialog, guard, {})

    def deliver(grant: str) -> DeliveredKey:
        return reveal_key(visit.actor, key_id=key_id, grant=grant)

    return guarded(dialog, product, guard=guard, deliver=deliver, context={})


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.KEY_REGENERATE, methods=READ_AND_SEND)
def regenerate(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """Replace a key at once: what that means, then the PIN, then the new key."""
    visit, row, product = visit_to_key(visit, key_id)
    token = request_token(request)
    dialog = Dialog(
        request,
        visit,
        key_url(visit, key_id, "regenerate"),
        title=_("Re-generate %(name)s") % {"name": row.name},
        consequence=_(
            "You get a new key of the same name, and the old one stops working at once: every server that uses it is "
            "refused until it has the new one."
        ),
        deed=_("Re-generate key"),
    )
    if request.method != "POST":
        return dialog.show("confirm", request_token=token)

    def deliver(grant: str) -> DeliveredKey:
        return regenerate_key(visit.actor, key_id=key_id, grant=grant, request_token=token)

    guard = (GuardedAction.KEY_REGENERATE, key_id)
    return guarded(dialog, product, guard=guard, deliver=deliver, context={"request_token": token})


@for_members(Permission.KEY_REVOKE, methods=READ_AND_SEND)
def revoke(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """End a key for good: what that means, then the deed; no PIN, so that nothing delays it."""
    visit, row, product = visit_to_key(visit, key_id)
    dialog = Dialog(
        request,
        visit,
        key_url(visit, key_id, "revoke"),
        title=_("Revoke %(name)s?") % {"name": row.name},
        consequence=_(
            "Every request with this key to %(product)s is refused from then on. This cannot be undone."
        )
        % {"product": product.name},
    )
    if request.method != "POST":
        used = last_day_of(visit.actor, account_id=visit.account.id, key_id=key_id)
        return dialog.show("revoke", key=row, breaks=breaks(used))
    try:
        revision = revoke_key(visit.actor, key_id=key_id)
    except Refused as refused:
        return dialog.show_problem(problem_of(refused))
    return dialog.show("revoked", key=row, is_refused_here=is_in_replica(revision))


def breaks(used: LastDay) -> str:
    """Say what stops working with a key that is in use, nothing of one that is not."""
    if not used.number:
        return ""
    words = {"number": whole(used.number), "addresses": used.addresses}
    if not used.addresses:
        text = _("It was used in the last 24 hours: %(number)s requests.")
    else:
        text = ngettext(
            "It was used in the last 24 hours: %(number)s requests from %(addresses)d address.",
            "It was used in the last 24 hours: %(number)s requests from %(addresses)d addresses.",
            used.addresses,
        )
    return text % words


def guarded(
    dialog: Dialog,
    product: Product,
    *,
    guard: Guard,
    deliver: Deliver,
    context: dict[str, Any],
) -> HttpResponse:
    """Ask for the PIN after the confirmation; with the PIN, or a passkey's answer, act and show the key."""
    sent = dialog.request.POST
    if sent.get("step") != "pin" and not sent.get("answer"):
        return ask_pin(dialog, guard, context)
    try:
        delivered = deliver(grant_for(dialog, guard))
    except Refused as refused:
        return show_refusal(dialog, guard, refused, context)
    is_new = guard[0] is not GuardedAction.KEY_REVEAL
    is_short = not sent.get("answer") and is_shorter_than_asked(sent.get("pin", ""))
    return show_key(dialog, product, delivered, is_new=is_new, is_pin_short=is_short)


def grant_for(dialog: Dialog, guard: Guard) -> str:
    """Give the grant for what a passkey has answered, or for the PIN."""
    (action, object_id), sent = guard, dialog.request.POST
    if answer := sent.get("answer"):
        return confirm_with_passkey(
            dialog.visit.actor, answer=answer, action=action, object_id=object_id
        )
    return confirm(dialog.visit.actor, pin=sent.get("pin", ""), action=action, object_id=object_id)


def ask_pin(dialog: Dialog, guard: Guard, context: dict[str, Any]) -> HttpResponse:
    """Ask for the PIN, or say at once why it would not help."""
    pin = pin_status(dialog.visit.user.pk)
    pause = pause_of(pin) if guard[0] is GuardedAction.KEY_REVEAL else None
    refused = vault_refusal() or pause or pin_refusal(pin)
    if refused is not None:
        return show_refusal(dialog, guard, refused, context)
    return dialog.show("pin", **context, **passkey_for(dialog, guard))


def show_refusal(
    dialog: Dialog, guard: Guard, refused: Refused, context: dict[str, Any]
) -> HttpResponse:
    """Show a refusal, and offer a passkey where one would help."""
    offer = passkey_for(dialog, guard) if refused.code in PASSKEY_HELPS else {}
    return dialog.show_problem(problem_of(refused), **context, **offer)


def passkey_for(dialog: Dialog, guard: Guard) -> dict[str, Any]:
    """Give what a passkey is asked with in the PIN's place, to whoever has one."""
    if not has_passkey(dialog.visit.user.pk):
        return {}
    action, object_id = guard
    asked = ask_passkey(dialog.visit.actor, purpose=Purpose(action), object_id=object_id)
    return {"passkey": json.dumps(asked)}


def vault_refusal() -> Refused | None:
    """Give the refusal of everything that needs the key-encryption key, None if it is there."""
    return None if vault_state() is VaultState.OPEN else Refused(Code.SEALED)


def pause_of(pin: PinStatus) -> Refused | None:
    """Give the refusal of seeing a key again while that is paused, None if it is not."""
    until = pin.reveals_from
    return None if until is None else Refused(Code.REVEAL_PAUSED, locked_until=until)


def pin_refusal(pin: PinStatus) -> Refused | None:
    """Give the refusal that a person's PIN would meet whatever they typed, None if a right one is let in."""
    return lock_of(pin) or (None if pin.is_set else Refused(Code.PIN_NOT_SET))


def show_key(
    dialog: Dialog,
    product: Product,
    delivered: DeliveredKey,
    *,
    is_new: bool,
    is_pin_short: bool,
) -> HttpResponse:
    """Show a key: the only response that ever holds one."""
    call = call_to(
        product,
        api_url=settings.KEYDESK.api_url,
        key=delivered.plaintext,
        username=dialog.visit.account.username,
    )
    response = dialog._replace(title=key_title(product, delivered, is_new=is_new)).show(
        "key",
        delivered=delivered,
        masked=f"{delivered.shown_prefix}••••••••",
        is_active_here=is_in_replica(delivered.revision) if is_new else None,
        advice=advice(delivered, is_new=is_new),
        must_copy=is_new,
        is_pin_short=is_pin_short,
        hide_after_seconds=None if is_new else SHOWN_SECONDS,
        env_name=product.slug.upper().replace("-", "_") + "_API_KEY",
        env_file=f"{product.slug}.env",
        samples=samples_for(call),
        response_sample=response_sample(),
    )
    if not is_new and not is_htmx(dialog.request):
        # Without a script the page itself leaves, so that the key does not stay on the screen.
        response["Refresh"] = f"{SHOWN_SECONDS}; url={list_url(dialog.visit)}"
    return response


def key_title(product: Product, delivered: DeliveredKey, *, is_new: bool) -> str:
    """Give the title over a key."""
    if is_new:
        return _("Your new key for %(product)s") % {"product": product.name}
    return delivered.name


def advice(delivered: DeliveredKey, *, is_new: bool) -> str:
    """Say what to do with the key now."""
    if not is_new:
        return _("The key hides itself after one minute.")
    if delivered.is_revealable:
        return _("Copy it and store it like a password. You can see it here again with your PIN.")
    return _("Copy it now and store it like a password: this key is shown only once.")


def generate_dialog(request: HttpRequest, visit: Visit, product: Product) -> Dialog:
    """Give the dialog that makes a key."""
    words = {"product": product.name, "company": visit.account.name}
    consequence = (
        _("Anyone with this key can call %(product)s as %(company)s.")
        if visit.environment is Environment.LIVE
        else _("Anyone with this key can call %(product)s as %(company)s in the test environment.")
    )
    return Dialog(
        request,
        visit,
        generate_url(visit, product.slug),
        title=_("Generate a key for %(product)s") % words,
        consequence=consequence % words,
        deed=_("Generate key"),
    )


def suggested_name(card: ProductCard) -> str:
    """Give a name to start from."""
    words = {"product": card.product.name, "number": card.key_count + 1}
    return (_("%(product)s key %(number)d") % words)[:LONGEST_NAME]


def why_not_offered(visit: Visit) -> Code:
    """Give the code of the sentence that says why there can be no new key."""
    is_approved = visit.account.status == AccountStatus.APPROVED
    return Code.PRODUCT_NOT_ENABLED if is_approved else Code.ACCOUNT_NOT_APPROVED


def environment_of(text: str) -> Environment:
    """Give the environment that the address names; raises Http404 if there is none."""
    environment = environment_named(text)
    if environment is None:
        raise Http404
    return environment


def card_of(visit: Visit, product: str) -> ProductCard:
    """Give the account's card of a product; raises Http404 if it has none."""
    place = {"account_id": visit.account.id, "environment": visit.environment}
    try:
        return product_card(visit.actor, **place, product=product)
    except Refused as refused:
        raise Http404 from refused


def visit_to_key(visit: Visit, key_id: str) -> tuple[Visit, KeyRow, Product]:
    """Give a key of the account with its product, and the visit in its environment; raises Http404 otherwise."""
    try:
        row = key_for(visit.actor, key_id=key_id)
    except Refused as refused:
        raise Http404 from refused
    visit = visit._replace(environment=Environment(row.environment))
    return visit, row, product_named(row.product)


def request_token(request: HttpRequest) -> str:
    """Give the token of this press of the button: the one that was sent if it can be one, else a new one."""
    sent = request.POST.get("request_token", "")
    return sent if is_request_token(sent) else uuid4().hex


def is_in_replica(revision: int) -> bool:
    """Say whether this host's verifiers have the change; waits for it a moment."""
    return wait_for_revision(settings.KEYDESK.replica_dir, revision, timeout_seconds=WAIT_SECONDS)

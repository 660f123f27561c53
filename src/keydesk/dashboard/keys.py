"""The API Key tab: listing keys, and the dialogs that generate, show, restrict and revoke them."""

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
    restrict_key,
    reveal_key,
    revoke_key,
)
from keydesk.control.keys.delivery import DeliveredKey
from keydesk.control.keys.queries import KeyRow, ProductCard, key_for, product_card
from keydesk.control.keys.restrictions import Choices
from keydesk.control.keys.rules import LONGEST_NAME, clean_name, is_request_token
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.usage.queries import LastDay, last_day_of
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, Environment
from keydesk.dashboard.cards import (
    environment_named,
    generate_url,
    is_offered,
    list_url,
)
from keydesk.dashboard.confirming import Guard, ask_pin, guarded, is_pin_short
from keydesk.dashboard.restrictions import (
    carried_fields,
    choices_of,
    fields_for,
    restriction_words,
    typed_fields,
)
from keydesk.dashboard.samples import call_to, response_sample, samples_for
from keydesk.dashboard.steps import Dialog, at_field, list_page
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.replica.wait import wait_for_revision
from keydesk.web.budgets import limit_words
from keydesk.web.figures import whole
from keydesk.web.htmx import is_htmx
from keydesk.web.problems import problem_of

WAIT_SECONDS: Final = 0.5
"""How long a page waits until this host's replica has what it has just done."""
SHOWN_SECONDS: Final = 60
"""How long a revealed key stays on the screen."""


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
    sent, token = request.POST if request.method == "POST" else request.GET, request_token(request)
    name = sent.get("name", "")
    fields = {"request_token": token, **typed_fields(sent, card.product, visit.actor.ip)}
    if request.method != "POST":
        return dialog.show("name", name=name or suggested_name(card), **fields)
    try:
        choices = named_choices(request, card.product)
    except Refused as refused:
        problem = problem_of(refused)
        return dialog.show("name", status=problem.status, name=name, **fields, **at_field(problem))

    def deliver(grant: str) -> DeliveredKey:
        return generate_key(
            visit.actor,
            account_id=visit.account.id,
            product=product,
            environment=environment,
            name=name,
            grant=grant,
            request_token=token,
            choices=choices,
        )

    context = {"name": name, "request_token": token, **carried(choices, card.product)}
    guard = (GuardedAction.KEY_GENERATE, f"{product}/{environment}")
    return deliver_guarded(dialog, card.product, guard=guard, deliver=deliver, context=context)


def named_choices(request: HttpRequest, product: Product) -> Choices:
    """Give what was chosen for a new key; raises Refused(`invalid_input`) at its field, the name's first."""
    if clean_name(request.POST.get("name", "")) is None:
        raise Refused(Code.INVALID_INPUT, field="name")
    return choices_of(request.POST, product)


def carried(choices: Choices, product: Product) -> dict[str, Any]:
    """Give the next step what was chosen: to send it again, and to show it in words."""
    return {"carried": carried_fields(choices), "words": restriction_words(choices, product)}


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.KEY_REVEAL, methods=READ_AND_SEND)
def reveal(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """Show a key again, after the PIN."""
    visit, row, product = visit_to_key(visit, key_id)
    dialog = Dialog(
        request,
        visit,
        visit.url("reveal", key_id=key_id),
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

    return deliver_guarded(dialog, product, guard=guard, deliver=deliver, context={})


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.KEY_RESTRICT, methods=READ_AND_SEND)
def restrict(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """Set where a key may be used from, its scopes and its own limits: the form, then the PIN."""
    visit, row, product = visit_to_key(visit, key_id)
    dialog = restrict_dialog(request, visit, row)
    if request.method != "POST":
        held = Choices(networks=row.networks, scopes=row.scopes, limits=row.limits)
        fields = (
            typed_fields(request.GET, product, visit.actor.ip)
            if request.GET
            else fields_for(held, product, visit.actor.ip)
        )
        lost = sorted(set(row.scopes) - set(product.scopes.split()))
        return show_restrict(dialog, row, lost_scopes=", ".join(lost), **fields)
    try:
        choices = choices_of(request.POST, product)
    except Refused as refused:
        problem = problem_of(refused)
        fields = typed_fields(request.POST, product, visit.actor.ip)
        return show_restrict(dialog, row, status=problem.status, **fields, **at_field(problem))

    def act(grant: str) -> int:
        return restrict_key(
            visit.actor,
            key_id=key_id,
            networks=choices.networks,
            scopes=choices.scopes or (),
            limits=choices.limits,
            grant=grant,
        )

    return guarded(
        dialog,
        guard=(GuardedAction.KEY_RESTRICT, key_id),
        act=act,
        show=lambda revision: dialog.show("restricted", is_set_here=is_in_replica(revision)),
        context=carried(choices, product),
    )


def restrict_dialog(request: HttpRequest, visit: Visit, row: KeyRow) -> Dialog:
    """Give the dialog that restricts a key."""
    return Dialog(
        request,
        visit,
        visit.url("restrict", key_id=row.id),
        title=_("Restrict %(name)s") % {"name": row.name},
        consequence=_(
            "It applies at once: calls from other addresses, beyond these scopes or over these limits are refused."
        ),
        deed=_("Restrict key"),
    )


def show_restrict(dialog: Dialog, row: KeyRow, **context: Any) -> HttpResponse:
    """Show the form that restricts a key, with the limits that its product sets anyway."""
    words = list(map(limit_words, card_of(dialog.visit, row.product).limits))
    return dialog.show("restrict", product_limits=words, **context)


@for_members(Permission.KEY_REVOKE, methods=READ_AND_SEND)
def revoke(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """End a key for good: what that means, then the deed; no PIN, so that nothing delays it."""
    visit, row, product = visit_to_key(visit, key_id)
    dialog = Dialog(
        request,
        visit,
        visit.url("revoke", key_id=key_id),
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


def deliver_guarded(
    dialog: Dialog,
    product: Product,
    *,
    guard: Guard,
    deliver: Callable[[str], DeliveredKey],
    context: dict[str, Any],
) -> HttpResponse:
    """Ask for the PIN, then deliver a key and show it."""
    is_new = guard[0] is not GuardedAction.KEY_REVEAL

    def show(delivered: DeliveredKey) -> HttpResponse:
        return show_key(dialog, product, delivered, is_new=is_new)

    return guarded(dialog, guard=guard, act=deliver, show=show, context=context)


def show_key(
    dialog: Dialog, product: Product, delivered: DeliveredKey, *, is_new: bool
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
        is_pin_short=is_pin_short(dialog),
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

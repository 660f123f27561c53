"""Generating, showing, replacing, restricting and revoking API keys: each one transaction with its audit event."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.db import transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.reasons import reason_given
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.rules import stored_networks
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.catalog.models import Product
from keydesk.control.feed.actions import publish
from keydesk.control.keys.delivery import (
    DeliveredKey,
    deliver_again,
    delivered,
    mint,
    require_revealable,
)
from keydesk.control.keys.mails import tell
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.places import Place, lock_place, require_room
from keydesk.control.keys.queries import state_now
from keydesk.control.keys.restrictions import (
    Choices,
    Restrictions,
    chosen_restrictions,
    inherited_restrictions,
    restrictions_of,
)
from keydesk.control.keys.rules import (
    Overlap,
    clean_name,
    confirmed_object,
    is_live,
    is_replaceable,
    is_request_token,
    overlap_named,
    retirement,
)
from keydesk.control.outbox.actions import in_words
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.stepup import grants
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.vault.envelope import BrokenSealError
from keydesk.control.vault.keyring import require_open
from keydesk.core.codes import Code
from keydesk.core.records import Environment, KeyState

ALL: Final = Choices()
"""A key for good, from anywhere, with every scope of its product."""


def generate_key(
    actor: Actor,
    *,
    account_id: str,
    product: str,
    environment: str,
    name: str,
    grant: str | None,
    request_token: str,
    choices: Choices = ALL,
) -> DeliveredKey:
    """Make a new key for a product in an environment, and give it; a repeated request token gives the same key.

    In this order: permission, input, `account_not_approved`, `product_not_enabled`, `invalid_input` for a choice,
    `sealed`, `grant_invalid`, `key_limit_reached`.
    """
    object_id, permission = f"{product}/{environment}", Permission.KEY_GENERATE
    authorise(actor, permission, account_id=account_id, object_id=object_id)
    cleaned = _require_input(environment=environment, name=name, request_token=request_token)
    with _key_transaction(actor, permission, account_id, object_id) as account:
        place = lock_place(account, product, environment)
        chosen = chosen_restrictions(place.product, choices)
        require_open()
        grants.use(actor, grant, action=GuardedAction.KEY_GENERATE, object_id=object_id)
        made = _made_before(actor, place, name=cleaned, request_token=request_token, replaces=None)
        if made is not None:
            _require_same(made, chosen)
            return deliver_again(actor, made)
        require_room(place)
        key, plaintext = mint(
            actor, place, name=cleaned, request_token=request_token, restrictions=chosen
        )
        details = {"name": cleaned, "place": object_id}
        record(actor, Event.KEY_GENERATED, account_id=account_id, object_id=key.id, details=details)
        tell(actor, MailKind.KEY_GENERATED, key)
        publish(key)
        return delivered(key, plaintext, created=True)


def reveal_key(actor: Actor, *, key_id: str, grant: str | None) -> DeliveredKey:
    """Give an existing key again.

    In this order: permission, `not_found`, `key_not_live` if it is revoked, `key_not_revealable` if it was only to be
    seen once, `reveal_paused` after a PIN was replaced by a mailed link, `sealed`, `grant_invalid`. A sealed copy that
    was altered or moved is refused as `key_not_revealable` (is_damaged) too, and leaves an event of its own.
    """
    permission = Permission.KEY_REVEAL
    account_id = _authorise_key(actor, permission, key_id=key_id)
    with _key_transaction(actor, permission, account_id, key_id):
        key = ApiKey.objects.select_related("account", "data_key", "product").get(pk=key_id)
        require_revealable(key)
        grants.require_reveals(actor)
        require_open()
        grants.use(actor, grant, action=GuardedAction.KEY_REVEAL, object_id=key_id)
        delivered = deliver_again(actor, key)
        tell(actor, MailKind.KEY_REVEALED, key)
        return delivered


def regenerate_key(
    actor: Actor,
    *,
    key_id: str,
    grant: str | None,
    request_token: str,
    overlap: str = Overlap.NONE,
) -> DeliveredKey:
    """Replace a key: a new one of the same name, place and restrictions; the old one ends at once or with its overlap.

    In this order: permission, `not_found`, input, `account_not_approved`, `product_not_enabled`, `sealed`,
    `grant_invalid` (one that was given for another overlap too), `key_already_replaced`, `key_not_live`, `key_stopped`:
    who could replace a stopped key would go round the stop; and with an overlap `key_limit_reached`, as both keys
    work. A repeated request token gives the same new key.
    """
    permission = Permission.KEY_REGENERATE
    account_id = _authorise_key(actor, permission, key_id=key_id)
    _require_request_token(request_token)
    chosen = overlap_named(overlap)
    with _key_transaction(actor, permission, account_id, key_id) as account:
        old = ApiKey.objects.get(pk=key_id)
        place = lock_place(account, old.product_id, old.environment)
        old = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
        require_open()
        confirmed = confirmed_object(key_id, chosen)
        grants.use(actor, grant, action=GuardedAction.KEY_REGENERATE, object_id=confirmed)
        made = _made_before(
            actor, place, name=old.name, request_token=request_token, replaces=key_id
        )
        if made is not None:
            _require_same_end(old, made, chosen)
            return deliver_again(actor, made)
        _require_replaceable(old, place, chosen)
        return _replace(actor, old, place, overlap=chosen, request_token=request_token)


def restrict_key(
    actor: Actor,
    *,
    key_id: str,
    networks: Sequence[str],
    scopes: Sequence[str],
    limits: Sequence[str],
    grant: str | None,
) -> int:
    """Set where a key may be used from, which of its product's scopes it has and its own limits; give the revision.

    Narrower or wider, it takes a grant. In this order: permission, `not_found`, `key_not_live`, `invalid_input` naming
    the field, `grant_invalid`.
    """
    permission = Permission.KEY_RESTRICT
    account_id = _authorise_key(actor, permission, key_id=key_id)
    with grants.guarded_transaction(actor, permission, account_id=account_id, object_id=key_id):
        product = Product.objects.select_for_update(no_key=True).get(keys=key_id)
        key = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
        if not is_live(state_now(key)):
            raise Refused(Code.KEY_NOT_LIVE)
        choices = Choices(networks=tuple(networks), scopes=tuple(scopes), limits=tuple(limits))
        chosen = chosen_restrictions(product, choices)
        grants.use(actor, grant, action=GuardedAction.KEY_RESTRICT, object_id=key_id)
        details = chosen.changes_to(key)
        key.networks, key.scopes, key.limits = chosen.networks, chosen.scopes, chosen.limits
        record(
            actor, Event.KEY_RESTRICTED, account_id=account_id, object_id=key_id, details=details
        )
        return publish(key)


def set_networks(
    actor: Actor, *, account_id: str, networks: Sequence[str], grant: str | None
) -> int:
    """Set where all keys of an account may be used from, beside their own lists; anywhere if it is empty.

    Gives the revision. In this order: permission, `invalid_input` naming `networks`, `grant_invalid`.
    """
    permission = Permission.ACCOUNT_SET_NETWORKS
    authorise(actor, permission, account_id=account_id, object_id=account_id)
    stored = stored_networks(networks)
    with grants.guarded_transaction(
        actor, permission, account_id=account_id, object_id=account_id
    ) as account:
        action = GuardedAction.ACCOUNT_SET_NETWORKS
        grants.use(actor, grant, action=action, object_id=account_id)
        details = {"from": account.networks, "to": stored}
        account.networks = stored
        record(
            actor,
            Event.ACCOUNT_NETWORKS_SET,
            account_id=account_id,
            object_id=account_id,
            details=details,
        )
        return publish(account)


def revoke_key(actor: Actor, *, key_id: str, reason: str | None = None) -> int:
    """End a key for good and give the revision from which on replicas refuse it; no PIN, so that nothing delays it.

    A reason goes into the audit trail.
    In this order: permission, `not_found`, `key_not_live` if it is revoked already.
    """
    permission = Permission.KEY_REVOKE
    account_id = _authorise_key(actor, permission, key_id=key_id)
    with authorised_transaction(actor, permission, account_id=account_id, object_id=key_id):
        key = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
        if key.state == KeyState.REVOKED:
            raise Refused(Code.KEY_NOT_LIVE)
        _mark_revoked(key)
        details = {} if reason is None else {"reason": reason}
        record(actor, Event.KEY_REVOKED, account_id=account_id, object_id=key_id, details=details)
        tell(actor, MailKind.KEY_REVOKED, key)
        return publish(key)


def stop_key(actor: Actor, *, key_id: str, reason: str) -> int:
    """Stop a key in an emergency, with the reason its account reads, and give the revision that verifiers refuse from.

    In this order: permission, `not_found`, `invalid_input` without a reason, `key_not_live` if it is revoked,
    `state_conflict` if it is stopped already.
    """
    account_id = _authorise_key(actor, Permission.KEY_STOP, key_id=key_id)
    why = reason_given(reason)
    with _switching(actor, account_id, key_id) as key:
        if key.state == KeyState.DISABLED:
            raise Refused(Code.STATE_CONFLICT, state=key.state)
        key.state, key.stop_reason = KeyState.DISABLED, why
        details = {"reason": key.stop_reason}
        record(actor, Event.KEY_STOPPED, account_id=account_id, object_id=key_id, details=details)
        tell(actor, MailKind.KEY_STOPPED, key, reason=why)
        return publish(key)


def release_key(actor: Actor, *, key_id: str) -> int:
    """Let a stopped key work again, until the moments it had before, and give the revision.

    In this order: permission, `not_found`, `key_not_live` if it is revoked, `state_conflict` if it is not stopped.
    """
    account_id = _authorise_key(actor, Permission.KEY_STOP, key_id=key_id)
    with _switching(actor, account_id, key_id) as key:
        if key.state != KeyState.DISABLED:
            raise Refused(Code.STATE_CONFLICT, state=key.state)
        key.state = KeyState.ACTIVE if key.retires_at is None else KeyState.RETIRING
        key.stop_reason = None
        record(actor, Event.KEY_RELEASED, account_id=account_id, object_id=key_id)
        tell(actor, MailKind.KEY_RELEASED, key)
        return publish(key)


@contextmanager
def _switching(actor: Actor, account_id: str, key_id: str) -> Iterator[ApiKey]:
    """Give a key that is not revoked, locked, in the transaction that stops or releases it."""
    permission = Permission.KEY_STOP
    with authorised_transaction(actor, permission, account_id=account_id, object_id=key_id):
        key = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
        if key.state == KeyState.REVOKED:
            raise Refused(Code.KEY_NOT_LIVE)
        yield key


@contextmanager
def _key_transaction(
    actor: Actor, permission: Permission, account_id: str, object_id: str
) -> Iterator[Account]:
    """Run an action's guarded transaction; a broken seal rolls it back and then leaves a record of its own."""
    try:
        with grants.guarded_transaction(
            actor, permission, account_id=account_id, object_id=object_id
        ) as account:
            yield account
    except BrokenSealError:
        with transaction.atomic():
            record(actor, Event.KEY_SEAL_BROKEN, account_id=account_id, object_id=object_id)
        raise Refused(Code.KEY_NOT_REVEALABLE, is_damaged=True) from None


def _authorise_key(actor: Actor, permission: Permission, *, key_id: str) -> str:
    """Give the account of a key that the actor may act on; to a member, others' keys and no keys are the same."""
    account_id = ApiKey.objects.filter(pk=key_id).values_list("account_id", flat=True).first()
    authorise(actor, permission, account_id=account_id or "", object_id=key_id)
    if account_id is None:
        raise Refused(Code.NOT_FOUND)
    return account_id


def _require_input(*, environment: str, name: str, request_token: str) -> str:
    """Give the name in its stored form; raises Refused `invalid_input` (field)."""
    if environment not in set(Environment):
        raise Refused(Code.INVALID_INPUT, field="environment")
    _require_request_token(request_token)
    cleaned = clean_name(name)
    if cleaned is None:
        raise Refused(Code.INVALID_INPUT, field="name")
    return cleaned


def _require_request_token(request_token: str) -> None:
    if not is_request_token(request_token):
        raise Refused(Code.INVALID_INPUT, field="request_token")


def _made_before(
    actor: Actor, place: Place, *, name: str, request_token: str, replaces: str | None
) -> ApiKey | None:
    """Give the key that this actor made with this request token; the token must not have been for something else."""
    made = (
        ApiKey.objects.select_related("data_key")
        .filter(account=place.account, created_by=actor.user_id, request_token=request_token)
        .first()
    )
    if made is None:
        return None
    asked = (place.product.pk, place.environment, name, replaces)
    if (made.product_id, made.environment, made.name, made.replaces_id) != asked:
        raise Refused(Code.INVALID_INPUT, field="request_token")
    return made


def _require_same(made: ApiKey, chosen: Restrictions) -> None:
    """Raise Refused(`invalid_input`) unless the key that a request token made has what is chosen now."""
    if restrictions_of(made) != chosen:
        raise Refused(Code.INVALID_INPUT, field="request_token")


def _require_same_end(old: ApiKey, made: ApiKey, overlap: Overlap) -> None:
    """Raise Refused(`invalid_input`) unless the old key got the end that is chosen now, when this one was made."""
    if old.retires_at != retirement(overlap, since=made.created_at, expires_at=old.expires_at):
        raise Refused(Code.INVALID_INPUT, field="request_token")


def _require_replaceable(key: ApiKey, place: Place, overlap: Overlap) -> None:
    if ApiKey.objects.filter(replaces=key).exists():
        raise Refused(Code.KEY_ALREADY_REPLACED)
    state = state_now(key)
    if not is_live(state):
        raise Refused(Code.KEY_NOT_LIVE)
    if not is_replaceable(state):
        raise Refused(Code.KEY_STOPPED)
    if overlap is not Overlap.NONE:
        require_room(place)


def _replace(
    actor: Actor, old: ApiKey, place: Place, *, overlap: Overlap, request_token: str
) -> DeliveredKey:
    """Make the key that takes the old one's place, let that one end as it was chosen, and publish both."""
    inherited = inherited_restrictions(old, place.product)
    key, plaintext = mint(
        actor, place, name=old.name, request_token=request_token, restrictions=inherited
    )
    key.replaces = old
    details = {"replaced_by": key.id, "overlap": str(overlap)}
    end = retirement(overlap, since=key.created_at, expires_at=old.expires_at)
    if end is None:
        _mark_revoked(old)
    else:
        old.state, old.retires_at = KeyState.RETIRING, end
        details["retires_at"] = end.isoformat()
    record(
        actor,
        Event.KEY_REGENERATED,
        account_id=old.account_id,
        object_id=old.id,
        details=details,
    )
    until = "" if end is None else in_words(end)
    tell(actor, MailKind.KEY_REGENERATED, key, old_prefix=old.shown_prefix, ends_at=until)
    # The old key changes first, so that no replica takes both where it ends at once.
    publish(old)
    publish(key)
    return delivered(key, plaintext, created=True)


def _mark_revoked(key: ApiKey) -> None:
    """Turn a key into a revoked one, not saved yet; nobody will see its text again."""
    key.state, key.revoked_at = KeyState.REVOKED, timezone.now()
    key.data_key, key.sealed = None, None

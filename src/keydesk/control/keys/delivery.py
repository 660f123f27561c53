"""A key's text on its way: minted, sealed, opened again, delivered; no other module holds one in the clear."""

import hmac
from functools import cache

from django.conf import settings
from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.control.feed.digests import digester
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.places import Place
from keydesk.control.keys.restrictions import Restrictions
from keydesk.control.vault import safe
from keydesk.control.vault.envelope import BrokenSealError
from keydesk.core.codes import Code
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import KeyState


class DeliveredKey(Struct, frozen=True, kw_only=True):
    """A key on its way to the person who asked for it: the only place where its text is in the clear."""

    id: str
    name: str
    plaintext: str
    shown_prefix: str
    product: str
    environment: str
    revision: int
    is_revealable: bool
    created: bool
    """False if the key was there before: shown again, or asked for a second time with one request token."""

    def __repr__(self) -> str:
        """Name the key without its text, so that no log and no traceback holds it."""
        return f"<DeliveredKey {self.id} {self.shown_prefix}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Name the key without its text here too."""
        return [("id", self.id), ("shown_prefix", self.shown_prefix)]


@cache
def key_format() -> KeyFormat:
    """Give this installation's key format."""
    return KeyFormat(settings.KEYDESK.key_marker)


def mint(
    actor: Actor, place: Place, *, name: str, request_token: str, restrictions: Restrictions
) -> tuple[ApiKey, str]:
    """Give a new key, not saved yet, and its text."""
    plaintext = key_format().mint(place.environment)
    digest = digester()(plaintext)
    key = ApiKey(
        account=place.account,
        product=place.product,
        environment=place.environment,
        name=name,
        digest=digest,
        shown_prefix=key_format().shown_prefix(plaintext),
        scopes=restrictions.scopes,
        networks=restrictions.networks,
        limits=restrictions.limits,
        expires_at=restrictions.expires_at,
        created_at=timezone.now(),
        created_by_id=actor.user_id,
        request_token=request_token,
    )
    if place.product.reveal_policy == RevealPolicy.WITH_PIN:
        key.data_key, key.sealed = safe.seal(
            plaintext, account_id=place.account.id, key_id=key.id, digest=digest
        )
    return key, plaintext


def require_revealable(key: ApiKey) -> safe.SealedCopy:
    """Give the sealed copy of a key that may be shown again."""
    if key.state == KeyState.REVOKED:
        raise Refused(Code.KEY_NOT_LIVE)
    if key.data_key is None or key.sealed is None:
        raise Refused(Code.KEY_NOT_REVEALABLE)
    return safe.SealedCopy(key.data_key, bytes(key.sealed))


def deliver_again(actor: Actor, key: ApiKey) -> DeliveredKey:
    """Open the sealed copy of a key, leave the event, and give it; the copy must still be of the stored digest."""
    digest = bytes(key.digest)
    plaintext = safe.open_sealed(
        require_revealable(key),
        account_id=key.account_id,
        key_id=key.id,
        digest=digest,
    )
    if not hmac.compare_digest(digester()(plaintext), digest):
        raise BrokenSealError
    record(actor, Event.KEY_REVEALED, account_id=key.account_id, object_id=key.id)
    return delivered(key, plaintext, created=False)


def delivered(key: ApiKey, plaintext: str, *, created: bool) -> DeliveredKey:
    """Give a key with its text, for the person who asked for it."""
    return DeliveredKey(
        id=key.id,
        name=key.name,
        plaintext=plaintext,
        shown_prefix=key.shown_prefix,
        product=key.product_id,
        environment=key.environment,
        revision=key.revision,
        is_revealable=key.sealed is not None,
        created=created,
    )

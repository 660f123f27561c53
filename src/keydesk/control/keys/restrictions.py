"""What a key is restricted to: until when, from where, with which scopes and under which limits of its own."""

from datetime import datetime

from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.rules import stored_networks
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import stored_limits
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.rules import LIMITED_BY, common_scopes, stored_scopes
from keydesk.core.codes import Code


class Choices(Struct, frozen=True, kw_only=True):
    """What somebody chooses for a key, as they wrote it."""

    networks: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    """None for all scopes of the product."""
    limits: tuple[str, ...] = ()
    expires_at: datetime | None = None


class Restrictions(Struct, frozen=True, kw_only=True):
    """The restrictions of a key, as its row has them."""

    scopes: str
    networks: str = ""
    limits: str = ""
    expires_at: datetime | None = None

    def changes_to(self, key: ApiKey) -> dict[str, dict[str, str]]:
        """Give what they would change of a key but its end, from what to what, for the audit trail."""
        wanted = {"networks": self.networks, "scopes": self.scopes, "limits": self.limits}
        return {
            field: {"from": getattr(key, field), "to": value}
            for field, value in wanted.items()
            if getattr(key, field) != value
        }


def chosen_restrictions(product: Product, choices: Choices) -> Restrictions:
    """Give what somebody has chosen for a key of the product.

    Raises Refused `invalid_input` naming the field: for an end that is over (reason `over`), and for a list what
    `stored_list` gives.
    """
    end, scopes = choices.expires_at, choices.scopes
    if end is not None and end <= timezone.now():
        raise Refused(Code.INVALID_INPUT, field="expires_at", reason="over")
    return Restrictions(
        scopes=product.scopes if scopes is None else stored_scopes(scopes, offered=product.scopes),
        networks=stored_networks(choices.networks),
        limits=stored_limits(choices.limits, whose=LIMITED_BY),
        expires_at=None if end is None else end.replace(microsecond=0),
    )


def inherited_restrictions(old: ApiKey, product: Product) -> Restrictions:
    """Give those of the key that takes an old one's place: its own, less the scopes that its product has lost."""
    return Restrictions(
        scopes=common_scopes(old.scopes, product.scopes),
        networks=old.networks,
        limits=old.limits,
        expires_at=old.expires_at,
    )


def restrictions_of(key: ApiKey) -> Restrictions:
    """Give those of a key that is there."""
    return Restrictions(
        scopes=key.scopes, networks=key.networks, limits=key.limits, expires_at=key.expires_at
    )

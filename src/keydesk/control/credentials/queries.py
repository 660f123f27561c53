"""Finding service credentials, and telling whose one is."""

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.credentials.models import ServiceCredential
from keydesk.control.feed.actions import row_mac_key
from keydesk.control.feed.digests import digester
from keydesk.core.digest import row_mac_matches
from keydesk.core.keyformat import KeyFormat, service_marker
from keydesk.core.records import CredentialState


def credentials_by_name() -> QuerySet[ServiceCredential]:
    """Give all service credentials, revoked ones too."""
    return ServiceCredential.objects.order_by("name", "id")


def service_behind(credential: str, *, ip: str | None, request_id: str | None) -> Actor | None:
    """Give the service that presents this credential as an actor with its scopes.

    None if the credential is none, is unknown, revoked or over, or if its row was not written by this desk.
    """
    if not KeyFormat(service_marker(settings.KEYDESK.key_marker)).is_well_formed(credential):
        return None
    found = ServiceCredential.objects.filter(
        digest=digester()(credential),
        state=CredentialState.ACTIVE,
        expires_at__gt=timezone.now(),
    ).first()
    if found is None or not row_mac_matches(row_mac_key(), found.record(), bytes(found.mac)):
        return None
    return Actor(
        kind=ActorKind.SERVICE,
        label=found.id,
        scopes=tuple(found.scopes.split()),
        ip=ip,
        request_id=request_id,
    )

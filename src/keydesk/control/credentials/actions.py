"""Giving the provider's own services a credential, and taking it back."""

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.credentials.models import ServiceCredential
from keydesk.control.credentials.rules import NAME_LENGTH, scope_text
from keydesk.control.feed.actions import publish
from keydesk.control.feed.digests import digester
from keydesk.core.codes import Code
from keydesk.core.keyformat import KeyFormat, service_marker
from keydesk.core.records import CredentialState, Environment, ServiceScope


class CreatedCredential(Struct, frozen=True):
    """A new credential: the only time its text can be seen."""

    id: str
    plaintext: str
    revision: int

    def __repr__(self) -> str:
        """Name the credential without its text, so that no log and no traceback holds it."""
        return f"<CreatedCredential {self.id}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Name it without its text here too."""
        return [("id", self.id)]


def create_credential(
    actor: Actor, *, name: str, scopes: Collection[ServiceScope], expires_at: datetime
) -> CreatedCredential:
    """Make a credential for one of the provider's services, until a moment that is cut to a whole second.

    Raises Refused: `permission_denied`; `invalid_input` for an empty name, no scopes, an unknown one, or a moment that
    has passed.
    """
    permission = Permission.CREDENTIAL_EDIT
    authorise(actor, permission)
    require_particulars(name, scopes, expires_at)
    keyformat = KeyFormat(service_marker(settings.KEYDESK.key_marker))
    plaintext = keyformat.mint(Environment.LIVE)
    credential = ServiceCredential(
        name=name.strip(),
        digest=digester()(plaintext),
        shown_prefix=keyformat.shown_prefix(plaintext),
        scopes=scope_text(scopes),
        expires_at=expires_at.replace(microsecond=0),
        created_at=timezone.now(),
    )
    with audited_transaction(actor, permission):
        require_still(actor, permission)
        details = {"name": credential.name, "scopes": credential.scopes}
        record(actor, Event.CREDENTIAL_CREATED, object_id=credential.id, details=details)
        revision = publish(credential)
    return CreatedCredential(credential.id, plaintext, revision)


def require_particulars(name: str, scopes: Collection[str], expires_at: datetime) -> None:
    """Raise Refused(`invalid_input`) naming the first field that cannot stand."""
    stands = {
        "name": is_name(name.strip(), longest=NAME_LENGTH),
        "scopes": bool(scopes) and set(scopes) <= set(ServiceScope),
        "expires_at": expires_at > timezone.now(),
    }
    for field, is_right in stands.items():
        if not is_right:
            raise Refused(Code.INVALID_INPUT, field=field, reason="invalid")


def revoke_credential(actor: Actor, *, credential_id: str, reason: str | None = None) -> int:
    """Take a credential back for good and give the revision; a reason goes into the audit trail.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it was revoked before.
    """
    permission = Permission.CREDENTIAL_EDIT
    authorise(actor, permission, object_id=credential_id)
    with audited_transaction(actor, permission, object_id=credential_id):
        credential = ServiceCredential.objects.select_for_update().filter(pk=credential_id).first()
        require_still(actor, permission)
        if credential is None:
            raise Refused(Code.NOT_FOUND)
        if credential.state == CredentialState.REVOKED:
            raise Refused(Code.STATE_CONFLICT, state=credential.state)
        credential.state, credential.revoked_at = str(CredentialState.REVOKED), timezone.now()
        details = {} if reason is None else {"reason": reason}
        record(actor, Event.CREDENTIAL_REVOKED, object_id=credential_id, details=details)
        return publish(credential)

"""The table of service credentials."""

from django.db import models

from keydesk.control.credentials.rules import NAME_LENGTH
from keydesk.control.feed.constraints import digest_of_32, one_of
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.feed.models import Published
from keydesk.core.digest import DIGEST_LENGTH
from keydesk.core.records import CredentialRecord, CredentialState


def new_credential_id() -> str:
    """Give the id of a new service credential."""
    return new_id("crd")


class ServiceCredential(Published):
    """What one of the provider's services presents; only its digest is kept."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_credential_id, editable=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    digest = models.BinaryField(max_length=DIGEST_LENGTH, unique=True)
    shown_prefix = models.CharField(max_length=24)
    state = models.CharField(max_length=10, default=CredentialState.ACTIVE)
    scopes = models.TextField()
    """Names, sorted, with spaces between."""
    expires_at = models.DateTimeField()
    """A whole second."""
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta(Published.Meta):
        db_table = "service_credentials"
        constraints = [
            *Published.Meta.constraints,
            digest_of_32("credential_digest_whole"),
            one_of("state", CredentialState, name="credential_state"),
        ]

    def record(self) -> CredentialRecord:
        """Give the record that verifiers see of this credential."""
        return CredentialRecord(
            id=self.id,
            digest=bytes(self.digest),
            state=str(self.state),
            scopes=tuple(self.scopes.split()),
            expires_at=int(self.expires_at.timestamp()),
            revision=self.revision,
        )

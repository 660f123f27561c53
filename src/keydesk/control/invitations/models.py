"""The table of invitations."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from keydesk.control.access.roles import Role
from keydesk.control.accounts.models import Account
from keydesk.control.feed.constraints import digest_of_32, one_of
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.invitations.rules import InvitationState
from keydesk.core.digest import DIGEST_LENGTH


def new_invitation_id() -> str:
    """Give the id of a new invitation."""
    return new_id("inv")


class Invitation(models.Model):
    """What was offered to an address: a role in an account, for as long as the link of its latest mail is good."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_invitation_id, editable=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10)
    state = models.CharField(max_length=10, default=InvitationState.OPEN)
    digest = models.BinaryField(max_length=DIGEST_LENGTH, unique=True)
    """Of the token in the latest link; the token itself is in that mail alone."""
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    """Who sent it the last time, and on whose role it rests; None is the host operator."""
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        db_table = "invitations"
        constraints = [
            one_of("role", Role, name="invitation_role"),
            one_of("state", InvitationState, name="invitation_state"),
            digest_of_32("invitation_digest_whole"),
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=Q(state=str(InvitationState.OPEN)),
                name="invitation_open_once",
            ),
            models.CheckConstraint(
                condition=Exact(F("email"), Lower("email")), name="invitation_email_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("sent_at")), name="invitation_ends"
            ),
            models.CheckConstraint(
                condition=Q(state=str(InvitationState.ACCEPTED), accepted_by__isnull=False)
                | (~Q(state=str(InvitationState.ACCEPTED)) & Q(accepted_by=None)),
                name="invitation_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(state=str(InvitationState.OPEN), closed_at=None)
                | (~Q(state=str(InvitationState.OPEN)) & Q(closed_at__isnull=False)),
                name="invitation_closed_at_a_moment",
            ),
        ]

"""The links with which people of the internal team first get in: only the digest of each is kept."""

from django.db import models
from django.db.models import Q

from keydesk.control.feed.constraints import digest_of_32
from keydesk.control.people.models import User
from keydesk.core.digest import DIGEST_LENGTH


class FirstOwnerLink(models.Model):
    """The one row that says which link makes the first Owner; its lock puts those who try in order."""

    digest = models.BinaryField(max_length=DIGEST_LENGTH, null=True)
    """None while there is no link that works."""
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "first_owner_link"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="first_owner_link_once"),
            models.CheckConstraint(
                condition=Q(digest=None, expires_at=None)
                | Q(digest__isnull=False, expires_at__isnull=False),
                name="first_owner_link_whole",
            ),
            digest_of_32("first_owner_link_digest"),
        ]


class StaffInvitation(models.Model):
    """The link with which a new person of the internal team chooses their password; gone once it was used."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.PROTECT, related_name="+")
    digest = models.BinaryField(max_length=DIGEST_LENGTH, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "staff_invitations"
        constraints = [digest_of_32("staff_invitation_digest")]

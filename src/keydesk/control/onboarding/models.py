"""The tables of applications, of each submission of one, and of documents."""

from django.db import models
from django.db.models import F, Q

from keydesk.control.accounts.models import Account
from keydesk.control.feed.constraints import of_length, one_of
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.onboarding.filetypes import MediaType
from keydesk.control.onboarding.rules import DocumentKind, Outcome
from keydesk.control.people.models import User

FILE_NAME_LENGTH = 120
SHA256_LENGTH = 64


def new_document_id() -> str:
    """Give the id of a new document."""
    return new_id("doc")


class Application(models.Model):
    """What an account tells about itself, as it stands now; the account's status says whether it may be changed."""

    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, primary_key=True, related_name="application"
    )
    data = models.JSONField(default=dict)
    """Each section by name; `rules` knows their fields."""
    version = models.PositiveIntegerField(default=0)
    """Counts the changes, so that of two tabs the older one does not overwrite the newer."""
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "applications"


def _person() -> "models.ForeignKey[User | None, User | None]":
    """Give a column for whoever did something; nobody asks for all that a person did, so it has no index."""
    return models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )


class Submission(models.Model):
    """An application as it was submitted once, and what was decided on it; a decided one never changes again."""

    application = models.ForeignKey(
        Application, on_delete=models.PROTECT, related_name="submissions"
    )
    number = models.PositiveIntegerField()
    data = models.JSONField()
    documents = models.JSONField()
    """The documents as they were then: id, kind, name, type, size and digest of each."""
    submitted_at = models.DateTimeField()
    submitted_by = _person()
    claimed_by = _person()
    claimed_at = models.DateTimeField(null=True)
    proposed_by = _person()
    """Who approved it first, where a second person has to."""
    proposed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, null=True)
    decided_by = _person()
    decided_at = models.DateTimeField(null=True)
    remarks = models.JSONField(default=dict)
    """What the reviewer says about single fields, by their path."""
    reason = models.TextField(blank=True)

    class Meta:
        db_table = "submissions"
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="submission_once"),
            models.UniqueConstraint(
                fields=["application"], condition=Q(outcome=None), name="submission_open_once"
            ),
            one_of("outcome", Outcome, name="submission_outcome"),
            models.CheckConstraint(
                condition=Q(outcome=None, decided_by=None, decided_at=None)
                | Q(outcome=str(Outcome.OVERTAKEN), decided_by=None)
                | Q(outcome__isnull=False, decided_by__isnull=False, decided_at__isnull=False),
                name="submission_decided_whole",
            ),
            models.CheckConstraint(
                condition=Q(proposed_by=None)
                | Q(outcome=None)
                | ~Q(outcome=str(Outcome.APPROVED))
                | ~Q(proposed_by=F("decided_by")),
                name="submission_two_people",
            ),
        ]
        indexes = [
            models.Index(
                fields=["submitted_at", "id"], condition=Q(outcome=None), name="submission_queue"
            ),
        ]


class Document(models.Model):
    """A document of an application; its content is a file in the data folder, under a random name."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_document_id, editable=False
    )
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=FILE_NAME_LENGTH)
    """What the customer's file was called: a text, and never a path."""
    media_type = models.CharField(max_length=20)
    """What the content is, whatever the name says."""
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=SHA256_LENGTH)
    stored_as = models.CharField(max_length=ID_LENGTH + 20, unique=True)
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    is_submitted = models.BooleanField(default=False)
    """Whether a submission holds it, and so the file stays."""
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "documents"
        constraints = [
            one_of("kind", DocumentKind, name="document_kind"),
            one_of("media_type", MediaType, name="document_media_type"),
            of_length("sha256", SHA256_LENGTH, name="document_sha256_whole"),
        ]

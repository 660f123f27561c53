"""The tables of users and their memberships."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.models import Account
from keydesk.control.feed.constraints import one_of
from keydesk.control.people.rules import NAME_LENGTH


class User(AbstractBaseUser):
    """A person who can log in, with an e-mail address in place of a user name."""

    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=NAME_LENGTH)
    language = models.CharField(max_length=2, blank=True)
    """`en` or `id`; empty where the person has not chosen."""
    staff_role = models.CharField(max_length=10, null=True)
    """What the person is in the provider's internal team; None for everybody else."""
    email_confirmed_at = models.DateTimeField(null=True)
    """When the person showed that the address is theirs; None until then, and nobody logs in before."""
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    company = ""
    """What somebody who signs up calls their company, for the rules on passwords; no column."""

    objects = BaseUserManager["User"]()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        db_table = "users"
        constraints = [
            models.CheckConstraint(
                condition=Exact(models.F("email"), Lower("email")), name="user_email_lower_case"
            ),
            one_of("staff_role", StaffRole, name="user_staff_role"),
            models.CheckConstraint(
                condition=models.Q(language__in=["", "en", "id"]), name="user_language"
            ),
        ]
        indexes = [models.Index(Lower("full_name"), name="user_by_name")]

    @property
    def is_internal(self) -> bool:
        """Whether the person is of the provider's internal team."""
        return self.staff_role is not None


class Membership(models.Model):
    """A user's role in an account."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10)
    is_active = models.BooleanField(default=True)
    """False while the person is shut out of this account; what they are in others stays."""
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)
    """When the person last came to this account from elsewhere; home leads to the latest."""

    class Meta:
        db_table = "memberships"
        constraints = [
            one_of("role", Role, name="membership_role"),
            models.UniqueConstraint(fields=["user", "account"], name="membership_once"),
        ]

"""The one row of what the provider has decided; a setting that nobody touched has its default."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from keydesk.control.policies.logos import VERSION_LENGTH
from keydesk.control.policies.rules import BRAND_LENGTH, NUMBERS


class Policies(models.Model):
    """What the provider decides for everybody who uses this desk."""

    brand_name = models.CharField(max_length=BRAND_LENGTH, blank=True)
    """The provider's name on every page and in every mail; empty is the configuration's."""
    brand_colour = models.CharField(max_length=7, blank=True)
    """`#rrggbb`; empty is ours."""
    logo = models.BinaryField(null=True)
    """A PNG that stands in the place of our mark."""
    logo_version = models.CharField(max_length=VERSION_LENGTH, blank=True)
    """What the logo's address ends in; empty where there is none."""
    default_language = models.CharField(max_length=2, blank=True)
    """`en` or `id` for people who have not chosen; empty is the configuration's."""
    pin_min_digits = models.PositiveSmallIntegerField(default=6)
    pin_tries = models.PositiveSmallIntegerField(default=5)
    """Wrong tries in a row before a pause."""
    pin_lock_minutes = models.PositiveIntegerField(default=30)
    pin_reset_cooldown_minutes = models.PositiveIntegerField(default=60)
    """How long keys cannot be seen again after a PIN was reset through a mailed link."""
    password_min_length = models.PositiveSmallIntegerField(default=15)
    privileged_idle_minutes = models.PositiveSmallIntegerField(default=15)
    """How long the session of a Superadmin, an Admin or the internal team may rest."""
    idle_minutes = models.PositiveSmallIntegerField(default=30)
    session_hours = models.PositiveSmallIntegerField(default=12)
    mfa_for_managers = models.BooleanField(default=True)
    """Whether a Superadmin, an Admin and everybody of the internal team has to have a second factor."""
    keys_a_product = models.PositiveSmallIntegerField(default=100)
    """How many working keys an account may have for a product in one environment."""
    four_eyes_on_approval = models.BooleanField(default=False)
    """Whether a second person of the internal team has to confirm an approval."""
    four_eyes_on_live = models.BooleanField(default=False)
    """Whether a second person has to confirm that a live product is enabled."""
    usage_minutes_hours = models.PositiveSmallIntegerField(default=48)
    """How many hours counts are kept by the minute."""
    usage_hours_days = models.PositiveSmallIntegerField(default=90)
    """How many days counts are kept by the hour; by the day they are kept for ever."""
    refused_requests_days = models.PositiveSmallIntegerField(default=30)
    """How many days refused requests and addresses are kept."""
    changed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "policies"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="policies_once"),
            models.CheckConstraint(
                condition=Q(default_language__in=["", "en", "id"]), name="policies_language"
            ),
            models.CheckConstraint(
                condition=Q(logo=None, logo_version="")
                | (Q(logo__isnull=False) & ~Q(logo_version="")),
                name="policies_logo_version",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{name}__range": tuple(bounds)}), name=f"policies_{name}"
                )
                for name, bounds in NUMBERS.items()
            ),
        ]

    @property
    def brand(self) -> str:
        """The provider's name as people read it."""
        return self.brand_name or str(settings.KEYDESK.brand_name)

"""The tables of PINs with their counters, and of grants; moments are whole Unix seconds, which a database compares."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from keydesk.control.accounts.models import Account
from keydesk.control.feed.constraints import of_length, one_of
from keydesk.control.stepup.rules import TRIES_IN_TOTAL, GuardedAction, Purpose
from keydesk.core.digest import DIGEST_LENGTH


class Pin(models.Model):
    """A person's PIN and the counters that guard it; the row is there from the first try to set one."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    hash = models.CharField(max_length=200, null=True)
    """The argon2id hash with its parameters; None until a PIN is set, and after a reset."""
    previous_hash = models.CharField(max_length=200, null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    """Tries since the last right one; raised before each is evaluated."""
    paused_after = models.PositiveSmallIntegerField(default=0)
    """How many tries there had been when the latest pause began; the policy's number counts from there."""
    locked_until = models.BigIntegerField(null=True)
    password_tries = models.PositiveSmallIntegerField(default=0)
    password_paused_after = models.PositiveSmallIntegerField(default=0)
    password_locked_until = models.BigIntegerField(null=True)
    factor_tries = models.PositiveSmallIntegerField(default=0)
    factor_paused_after = models.PositiveSmallIntegerField(default=0)
    factor_locked_until = models.BigIntegerField(null=True)
    reveal_locked_until = models.BigIntegerField(null=True)
    """Until when no key is shown again, since the PIN was replaced through a mailed link."""
    seen_at = models.BigIntegerField(default=0)
    """The latest moment that this row has seen; a clock that is put back does not undo it."""

    class Meta:
        db_table = "pins"
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=TRIES_IN_TOTAL), name="pin_tries"),
            models.CheckConstraint(
                condition=Q(password_tries__lte=TRIES_IN_TOTAL), name="pin_password_tries"
            ),
            models.CheckConstraint(
                condition=Q(factor_tries__lte=TRIES_IN_TOTAL), name="pin_factor_tries"
            ),
            models.CheckConstraint(
                condition=Q(
                    paused_after__lte=F("tries"),
                    password_paused_after__lte=F("password_tries"),
                    factor_paused_after__lte=F("factor_tries"),
                ),
                name="pin_pauses_within_tries",
            ),
        ]


class Bound(models.Model):
    """What is good for one use, for one action on one object, by one person in one session of an account."""

    digest = models.BinaryField(max_length=DIGEST_LENGTH, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(max_length=64)
    action = models.CharField(max_length=20)
    object_id = models.CharField(max_length=100)
    granted_at = models.BigIntegerField()
    expires_at = models.BigIntegerField(db_index=True)
    used_at = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class Grant(Bound):
    """What a right PIN gives, or a passkey in its place: it is used up by the action."""

    class Meta:
        db_table = "grants"
        constraints = [
            of_length("digest", DIGEST_LENGTH, name="grant_digest_whole"),
            one_of("action", GuardedAction, name="grant_action"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("granted_at")), name="grant_ends"),
            models.CheckConstraint(condition=~Q(session=""), name="grant_has_session"),
        ]


class Challenge(Bound):
    """What a passkey signs: it is used up by the first answer, right or wrong."""

    class Meta:
        db_table = "passkey_challenges"
        constraints = [
            of_length("digest", DIGEST_LENGTH, name="challenge_digest_whole"),
            one_of("action", Purpose, name="challenge_action"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("granted_at")), name="challenge_ends"
            ),
            models.CheckConstraint(condition=~Q(session=""), name="challenge_has_session"),
        ]

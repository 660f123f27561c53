"""Which factors a person has, and whether they must have one."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from keydesk.control.people.models import User
from keydesk.control.people.queries import is_privileged
from keydesk.control.policies.queries import current_policies
from keydesk.control.security.rules import FACTORS, Kind


def factors_of(user_id: int) -> QuerySet[Any]:
    """Give a person's second factors, in the order in which they were set up."""
    factors: QuerySet[Any] = Authenticator.objects.filter(user_id=user_id, type__in=FACTORS)
    return factors.order_by("pk")


def has_factor(user_id: int) -> bool:
    """Say whether a person has a second factor."""
    return factors_of(user_id).exists()


def passkey_of(user_id: int, factor_id: int) -> Any:
    """Give a person's passkey by its number, None if it is not theirs."""
    return factors_of(user_id).filter(pk=factor_id, type=Kind.PASSKEY).first()


def recovery_codes_left(user_id: int) -> int:
    """Give how many recovery codes a person can still use."""
    codes = Authenticator.objects.filter(user_id=user_id, type=Kind.RECOVERY_CODES).first()
    return 0 if codes is None else len(codes.wrap().get_unused_codes())


def must_have_factor(user: User) -> bool:
    """Say whether the provider demands a second factor of this person: of managers and of its internal team."""
    return current_policies().mfa_for_managers and is_privileged(user)


def lacks_factor(user: User) -> bool:
    """Say whether a person has to set a second factor up before anything else."""
    return must_have_factor(user) and not has_factor(user.pk)

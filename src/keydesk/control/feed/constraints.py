"""Constraints that several tables have, each written once."""

from enum import StrEnum
from typing import Final

from django.db.models import CheckConstraint, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact, LessThanOrEqual

from keydesk.core.digest import DIGEST_LENGTH

MAC_LENGTH: Final = 32


def one_of(field: str, values: type[StrEnum], *, name: str) -> CheckConstraint:
    """Give the constraint that the field holds one of the enumeration's values."""
    return CheckConstraint(
        condition=Q(**{f"{field}__in": sorted(str(value) for value in values)}), name=name
    )


def of_length(field: str, length: int, *, name: str) -> CheckConstraint:
    """Give the constraint that the field holds this many bytes or characters."""
    return CheckConstraint(condition=Exact(Length(field), length), name=name)


def at_most(field: str, length: int, *, name: str) -> CheckConstraint:
    """Give the constraint that the field holds no more than this many characters."""
    return CheckConstraint(condition=LessThanOrEqual(Length(field), length), name=name)


def digest_of_32(name: str) -> CheckConstraint:
    """Give the constraint that `digest` holds a whole digest."""
    return of_length("digest", DIGEST_LENGTH, name=name)

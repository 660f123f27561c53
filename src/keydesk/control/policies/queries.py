"""Reading what the provider has decided."""

from functools import cache

from keydesk.control.policies.models import Policies


def current_policies() -> Policies:
    """Give the policies as they stand now; they count from the next request on, in every process."""
    return next(iter(Policies.objects.raw(only_row())), None) or Policies(pk=1)


@cache
def only_row() -> str:
    """Give the query for the policies without the logo.

    Every page asks it several times, and to put it together takes longer than to have it answered.
    """
    return str(Policies.objects.defer("logo").filter(pk=1).query)


def logo_named(version: str) -> bytes | None:
    """Give the logo if it is the one of this version, None if there is none or another."""
    held = Policies.objects.filter(pk=1, logo_version=version).exclude(logo=None)
    logo = held.values_list("logo", flat=True).first()
    return None if logo is None else bytes(logo)

"""Reading what the provider has decided."""

from keydesk.control.policies.models import Policies


def current_policies() -> Policies:
    """Give the policies as they stand now; they count from the next request on, in every process."""
    return Policies.objects.defer("logo").filter(pk=1).first() or Policies(pk=1)


def logo_named(version: str) -> bytes | None:
    """Give the logo if it is the one of this version, None if there is none or another."""
    held = Policies.objects.filter(pk=1, logo_version=version).exclude(logo=None)
    logo = held.values_list("logo", flat=True).first()
    return None if logo is None else bytes(logo)

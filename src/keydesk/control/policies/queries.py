"""Reading what the provider has decided."""

from keydesk.control.policies.models import Policies


def current_policies() -> Policies:
    """Give the policies as they stand now; they count from the next request on, in every process."""
    return Policies.objects.defer("logo").filter(pk=1).first() or Policies(pk=1)

"""What an account may use."""

from keydesk.control.entitlements.models import Entitlement
from keydesk.core.records import Environment


def entitlement_of(account_id: str, product: str, environment: Environment) -> Entitlement | None:
    """Give the account's entitlement to the product in the environment, with the product; None if there is none."""
    return (
        Entitlement.objects.select_related("product")
        .filter(account_id=account_id, product_id=product, environment=str(environment))
        .first()
    )

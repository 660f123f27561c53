"""Finding service credentials."""

from django.db.models import QuerySet

from keydesk.control.credentials.models import ServiceCredential


def credentials_by_name() -> QuerySet[ServiceCredential]:
    """Give all service credentials, revoked ones too."""
    return ServiceCredential.objects.order_by("name", "id")

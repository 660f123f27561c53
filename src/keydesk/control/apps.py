"""The one Django app of the control plane."""

from django.apps import AppConfig


class ControlConfig(AppConfig):
    """All domains share one migration history under the label `control`."""

    name = "keydesk.control"
    label = "control"
    default_auto_field = "django.db.models.BigAutoField"

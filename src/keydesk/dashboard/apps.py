"""The customers' pages as Django knows them: their templates."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The customers' pages."""

    name = "keydesk.dashboard"
    label = "dashboard"

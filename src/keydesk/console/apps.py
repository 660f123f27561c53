"""The Console as Django knows it: its templates."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The internal team's pages."""

    name = "keydesk.console"
    label = "console"

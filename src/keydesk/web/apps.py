"""The pages' shared room as Django knows it: its templates, components and static files."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """What the pages share."""

    name = "keydesk.web"
    label = "web"

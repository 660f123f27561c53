"""How people get in: allauth with what this desk decides about it."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class Entrance(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """Nobody signs up by themselves; people are invited."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Say whether a stranger may make a login."""
        return False

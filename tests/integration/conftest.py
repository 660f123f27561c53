"""Things that several integration tests need."""

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from django.utils import timezone

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.credentials.actions import create_credential
from keydesk.control.credentials.rules import Scope
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup import pins

IN_A_DESK = pins.HASHER
LIGHT = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def light_pins(monkeypatch):
    """Hash PINs at a small cost: what most tests promise has nothing to do with it."""
    monkeypatch.setattr(pins, "HASHER", LIGHT)


@pytest.fixture
def costly_pins(light_pins, monkeypatch):
    """Hash PINs as a desk does."""
    monkeypatch.setattr(pins, "HASHER", IN_A_DESK)


@pytest.fixture
def make_credential(db):
    def make_credential(name):
        return create_credential(
            HOST_OPERATOR,
            name=name,
            scopes={Scope.VERIFY},
            expires_at=timezone.now() + timedelta(days=1),
        )

    return make_credential


@pytest.fixture
def credential(make_credential):
    return make_credential("Gateway")


@pytest.fixture
def policies(db):
    """Decide as the provider does."""

    def policies(**changes):
        change_policies(HOST_OPERATOR, changes=changes)

    return policies

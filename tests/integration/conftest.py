"""Things that several integration tests need."""

from datetime import timedelta

import pytest
from django.utils import timezone

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.credentials.actions import create_credential
from keydesk.control.credentials.rules import Scope
from keydesk.control.policies.actions import change_policies


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

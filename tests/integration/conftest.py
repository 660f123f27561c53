"""Things that several integration tests need."""

from datetime import timedelta

import pytest
from django.utils import timezone

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.credentials.actions import create_credential
from keydesk.control.credentials.rules import Scope


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

"""`POST /v1/usage`, as another host's verifiers meet it."""

import json
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from tests.fixtures.generating import generated

from keydesk.api import services
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.audit.models import AuditEvent
from keydesk.control.credentials.actions import create_credential, revoke_credential
from keydesk.control.credentials.models import ServiceCredential
from keydesk.control.usage.models import UsageCount
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import Environment, ServiceScope
from keydesk.core.usage import Count, Entry, batch_text, encode_entry

pytestmark = pytest.mark.django_db

URL = "/v1/usage"


@pytest.fixture
def credential():
    """Make service credentials; gives the text of one."""

    def credential(*scopes, days=1):
        made = create_credential(
            HOST_OPERATOR,
            name="Edge",
            scopes=scopes or [ServiceScope.USAGE],
            expires_at=timezone.now() + timedelta(days=days),
        )
        credential.id = made.id
        return made.plaintext

    return credential


@pytest.fixture
def body(sinar, disbursement):
    key = generated(sinar)
    now = int(timezone.now().timestamp())
    counts = [Count(key=key.id, code="ok", minute=now // 60 * 60, number=3, last_at=now)]
    return batch_text("edge-1", [encode_entry(Entry(sequence=1, counts=counts))])


@pytest.fixture
def post(body):
    """Post the batch, or another body; gives status, code or answer, and the response."""

    def post(credential=None, sent=None, **headers):
        if credential is not None:
            headers["authorization"] = f"Bearer {credential}"
        response = Client(enforce_csrf_checks=True).post(
            URL, body if sent is None else sent, content_type="application/json", headers=headers
        )
        post.response = response
        told = json.loads(response.content)
        return response.status_code, told.get("code", told)

    return post


def test_a_batch_is_taken_and_taken_once(post, credential):
    text = credential()
    assert post(text) == (200, {"taken": 1, "left_out": 0})
    assert post(text) == (200, {"taken": 0, "left_out": 0})
    assert sorted(UsageCount.objects.values_list("number", flat=True)) == [3, 3, 3]
    assert not AuditEvent.objects.filter(actor_kind="service").exists()


@pytest.mark.parametrize(
    "presented", [None, "", "kds_live_0", "{KEY}", "{UNKNOWN}", "{GOOD}, x", " {GOOD}"]
)
def test_without_its_one_credential_a_service_is_told_nothing(post, credential, presented):
    texts = {
        "KEY": KeyFormat("kd").mint(Environment.LIVE),
        "UNKNOWN": KeyFormat("kds").mint(Environment.LIVE),
        "GOOD": credential(),
    }
    given = None if presented is None else presented.format(**texts)
    assert post(given) == (401, "service_credential_invalid")
    assert post.response["WWW-Authenticate"] == 'Bearer realm="keydesk"'
    assert post.response["Content-Type"] == "application/problem+json"
    assert not UsageCount.objects.exists()


def test_a_credential_in_another_place_is_none(post, credential):
    text = credential()
    assert post(**{"x-api-key": text}) == (401, "service_credential_invalid")
    assert post(authorization=f"Basic {text}") == (401, "service_credential_invalid")


def test_a_credential_that_is_revoked_over_or_not_written_by_this_desk_is_none(post, credential):
    text = credential()
    ServiceCredential.objects.update(scopes="usage verify")
    assert post(text) == (401, "service_credential_invalid"), "its row has another MAC"
    text = credential()
    revoke_credential(HOST_OPERATOR, credential_id=credential.id)
    assert post(text) == (401, "service_credential_invalid")
    text = credential()
    ServiceCredential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert post(text) == (401, "service_credential_invalid")


def test_a_credential_for_something_else_is_403(post, credential):
    assert post(credential(ServiceScope.VERIFY, ServiceScope.REPLICATE)) == (
        403,
        "permission_denied",
    )
    assert not UsageCount.objects.exists()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 422),
        (b"{}", 422),
        (b"\xff", 422),
        (b'{"source":"edge-1","entries":[]}', 422),
        (b'{"source":"edge-1","entries":[{"sequence":1,"rows":[]}]}', 422),
        (b" " * (1024 * 1024 + 1), 413),
        (b"[" * 1_000_000, 422),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole_with_a_sentence(post, credential, sent, status):
    assert post(credential(), sent) == (status, "invalid_input")
    assert json.loads(post.response.content)["detail"]


def test_another_method_is_told_which_one_to_use(client):
    response = client.get(URL)
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_with_the_database_away_the_answer_is_to_come_back(post, credential, monkeypatch):
    text = credential()

    def fail(*_args, **_options):
        raise OperationalError

    monkeypatch.setattr(services, "service_behind", fail)
    assert post(text) == (503, "unavailable")
    assert post.response["Retry-After"] == "5"

"""Service credentials: seen once, kept as a digest, ended for good."""

from datetime import timedelta

import pytest
from django.utils import timezone

from keydesk.control.access.refused import Refused
from keydesk.control.credentials.actions import (
    create_credential,
    digester,
    revoke_credential,
)
from keydesk.control.credentials.models import ServiceCredential
from keydesk.core.codes import Code
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import CredentialRecord, ServiceScope

pytestmark = pytest.mark.django_db


def test_a_credential_is_published_as_its_digest_until_a_whole_second(host):
    moment = timezone.now() + timedelta(days=1)
    made = create_credential(
        host, name="Gateway", scopes=[ServiceScope.VERIFY, ServiceScope.USAGE], expires_at=moment
    )
    assert KeyFormat("kds").is_well_formed(made.plaintext)
    assert ServiceCredential.objects.get().record() == CredentialRecord(
        id=made.id,
        digest=digester()(made.plaintext),
        state="ACTIVE",
        scopes=("usage", "verify"),
        expires_at=int(moment.timestamp()),
        revision=made.revision,
    )


def test_its_text_is_in_nothing_but_the_answer(credential, everything_stored):
    secret = credential.plaintext.removeprefix("kds_live_")
    assert secret not in repr(credential)
    assert secret[4:].encode() not in everything_stored()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["verify", "everything"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
    ],
)
def test_a_credential_is_refused_for_one_named_reason(changed, field, host):
    given = {
        "name": "Gateway",
        "scopes": [ServiceScope.VERIFY],
        "expires_at": timezone.now() + timedelta(days=1),
    }
    with pytest.raises(Refused) as refused:
        create_credential(host, **given | changed)
    assert (refused.value.code, refused.value.details) == (
        Code.INVALID_INPUT,
        {"field": field, "reason": "invalid"},
    )
    assert not ServiceCredential.objects.exists()


def test_revoked_is_published_and_final(host, credential):
    revision = revoke_credential(host, credential_id=credential.id)
    found = ServiceCredential.objects.get()
    assert (found.record().state, found.record().revision) == ("REVOKED", revision)
    with pytest.raises(Refused) as refused:
        revoke_credential(host, credential_id=credential.id)
    assert refused.value.code is Code.STATE_CONFLICT


def test_an_unknown_credential_is_not_found(host):
    with pytest.raises(Refused) as refused:
        revoke_credential(host, credential_id="crd_none")
    assert refused.value.code is Code.NOT_FOUND

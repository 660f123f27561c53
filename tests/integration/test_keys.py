import hmac

import pytest

from keydesk.control.keys import actions
from keydesk.control.keys.models import ApiKey

pytestmark = pytest.mark.django_db


def test_a_generated_key_is_stored_as_digest_and_sealed_copy_and_nowhere_in_the_clear(
    ana, generate, everything_stored
):
    made = generate(ana, name="Payroll")
    row = ApiKey.objects.get()
    assert (row.name, row.state, made.plaintext.startswith("kd_live_")) == (
        "Payroll",
        "ACTIVE",
        True,
    )
    assert hmac.compare_digest(bytes(row.digest), actions.digester()(made.plaintext))
    assert row.shown_prefix == made.plaintext[: len("kd_live_") + 4]
    assert made.plaintext[len("kd_live_") + 4 :].encode() not in everything_stored()

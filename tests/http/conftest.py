"""One verifier over real sockets for the tests of a module, which leave it as it is."""

import pytest
from tests.fixtures.rows import account, credential, entitlement, key, product
from tests.fixtures.verifier import DIGEST, RunningVerifier, fill, mint

STATES = {
    "good": {},
    "revoked": {"state": "REVOKED"},
    "disabled": {"state": "DISABLED"},
    "expired": {"expires_at": 1_000_000_000},
    "retired": {"state": "RETIRING", "retires_at": 1_000_000_000},
    "test": {"environment": "test"},
    "named": {"product": "payout"},
    "stopped": {"product": "stopped"},
    "requested": {"product": "requested"},
    "foreign": {"account": "acc_samudra"},
}
KEYS = {name: mint() for name in STATES}
SERVICE = mint("kds")
RECORDS = [
    account(),
    account(id="acc_samudra", username="duasamudra", status="WAITING_FOR_APPROVAL"),
    product(),
    product(slug="payout", requires_username=True),
    product(slug="stopped", state="STOPPED"),
    product(slug="requested"),
    *(entitlement(product=slug) for slug in ("disbursement", "payout", "stopped")),
    entitlement(environment="test"),
    entitlement(product="requested", state="REQUESTED"),
    credential(DIGEST(SERVICE)),
    *(key(DIGEST(KEYS[name]), id=f"key_{name}", **STATES[name]) for name in STATES),
]


@pytest.fixture(scope="session")
def keys():
    return KEYS


@pytest.fixture(scope="session")
def service():
    return SERVICE


@pytest.fixture(scope="session")
def records():
    return RECORDS


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    # Of one module each: nothing confirms its replica, whose lease would end in a long run.
    folder = tmp_path_factory.mktemp("verifier")
    fill(folder / "replica", RECORDS)
    with RunningVerifier(folder, VERIFIER_WORKERS=2) as running:
        yield running

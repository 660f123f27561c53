"""One verifier, one backend and each gateway before them, for all tests of this folder, which leave them as they are."""

import pytest
from tests.fixtures.gateways import Backend, RunningGateway
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, RunningVerifier, fill, mint

STATES = {
    "good": {},
    "revoked": {"state": "REVOKED"},
    "foreign": {"account": "acc_samudra"},
    "other": {"product": "payout"},
    "unfit": {"account": "acc_unfit"},
}
KEYS = {name: mint() for name in STATES}
RECORDS = [
    account(),
    account(id="acc_samudra", username="duasamudra", status="SUSPENDED"),
    account(id="acc_unfit", username="sinar\r\nX-Keydesk-Account: mallory"),
    # Of any age: these tests share one replica, which nothing confirms.
    product(lease_seconds=None),
    product(slug="payout", requires_username=True, lease_seconds=None),
    entitlement(),
    entitlement(product="payout"),
    entitlement(account="acc_unfit"),
    *(key(DIGEST(KEYS[name]), id=f"key_{name}", **STATES[name]) for name in STATES),
]
GATEWAYS = ["nginx", "envoy", "haproxy", "caddy"]


@pytest.fixture(scope="session")
def keys():
    return KEYS


@pytest.fixture(scope="session")
def verifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verifier")
    fill(folder / "replica", RECORDS)
    with RunningVerifier(folder, VERIFIER_WORKERS=1) as running:
        yield running


@pytest.fixture(scope="session")
def one_backend():
    backend = Backend()
    yield backend
    backend.stop()


@pytest.fixture
def backend(one_backend):
    """The backend behind every gateway, with nothing kept from before."""
    one_backend.reset()
    yield one_backend
    one_backend.reset()


@pytest.fixture(scope="session")
def started(tmp_path_factory):
    """A function that starts a gateway, stopped with the session."""
    running = []

    def start(name, **given):
        folder = tmp_path_factory.mktemp(name) / "site"
        running.append(RunningGateway(name, folder, **given))
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()


@pytest.fixture(scope="session")
def by_name(started, verifier, one_backend):
    """A function that gives the one gateway of a name."""
    running = {}

    def gateway(name):
        if name not in running:
            running[name] = started(name, verifier=verifier.port, backend=one_backend.port)
        return running[name]

    return gateway


@pytest.fixture(params=GATEWAYS)
def gateway(request, by_name):
    return by_name(request.param)

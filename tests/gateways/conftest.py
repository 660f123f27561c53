"""One verifier, one backend and each gateway between them, which the tests of this folder leave as they are."""

import pytest
from tests.fixtures.gateways import Backend, RunningGateway
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, RunningVerifier, fill, mint

GATEWAYS = ["nginx", "envoy", "haproxy", "caddy"]
STATES = {
    "good": {},
    "revoked": {"state": "REVOKED"},
    "foreign": {"account": "acc_samudra"},
    "other": {"product": "payout"},
    "unfit": {"account": "acc_unfit"},
    "listed": {"networks": ("127.0.0.2/32", "198.51.100.0/24")},
    "compat": {"product": "ledger", "state": "REVOKED"},
    "compat_limited": {"product": "ledger", "limits": ("key:burst=1/3600s",)},
    **{f"limited_{name}": {"limits": ("key:burst=2/3600s",)} for name in GATEWAYS},
    **{f"told_{name}": {"limits": ("key:burst=2/3600s",)} for name in GATEWAYS},
    **{f"spent_{name}": {"limits": ("key:monthly=1/month",)} for name in GATEWAYS},
}
KEYS = {name: mint() for name in STATES}
RECORDS = [
    account(),
    account(id="acc_samudra", username="duasamudra", status="SUSPENDED"),
    account(id="acc_unfit", username="sinar\r\nX-Keydesk-Account: mallory"),
    # Of any age: these tests share one replica, which nothing confirms.
    product(lease_seconds=None),
    product(slug="payout", requires_username=True, lease_seconds=None),
    product(slug="ledger", envelope="compat", lease_seconds=None),
    entitlement(),
    entitlement(product="ledger"),
    entitlement(product="payout"),
    entitlement(account="acc_unfit"),
    *(key(DIGEST(KEYS[name]), id=f"key_{name}", **STATES[name]) for name in STATES),
]


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

"""One verifier, one backend and each gateway between them, which the tests of this folder leave as they are."""

from contextlib import ExitStack, contextmanager
from functools import cache

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


@contextmanager
def starting(folder_of):
    """Give a function that starts a gateway; all of them are stopped in the end."""
    with ExitStack() as stack:

        def start(name, **given):
            gateway = RunningGateway(name, folder_of(name) / "site", **given)
            stack.callback(gateway.stop)
            return gateway

        yield start


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A function that starts a gateway, stopped with the module."""
    with starting(tmp_path_factory.mktemp) as start:
        yield start


@pytest.fixture(scope="session")
def by_name(tmp_path_factory, verifier, one_backend):
    """A function that gives the one gateway of a name."""
    with starting(tmp_path_factory.mktemp) as start:
        yield cache(lambda name: start(name, verifier=verifier.port, backend=one_backend.port))


@pytest.fixture(params=GATEWAYS)
def gateway(request, by_name):
    return by_name(request.param)

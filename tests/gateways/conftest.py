"""One verifier, one backend and each gateway between them, which the tests of this folder leave as they are."""

from contextlib import ExitStack, contextmanager
from functools import cache

import pytest
from tests.fixtures.gateways import Backend, NativeGateway, RunningGateway
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, RunningVerifier, fill, mint
from typer.testing import CliRunner

from keydesk.cli.gateway import app
from keydesk.server.faults import OperatorFault

GATEWAYS = ["nginx", "envoy", "haproxy", "caddy"]
"""Those that ask the verifier."""
DOORS = [*GATEWAYS, "native"]
"""Those, and HAProxy that decides by itself."""
STATES = {
    "good": {},
    "revoked": {"state": "REVOKED"},
    "foreign": {"account": "acc_samudra"},
    "other": {"product": "payout"},
    "unfit": {"account": "acc_unfit"},
    "listed": {"networks": ("127.0.0.2/32", "198.51.100.0/24")},
    "compat": {"product": "ledger", "state": "REVOKED"},
    "compat_limited": {"product": "ledger", "limits": ("key:burst=1/3600s",)},
    **{f"limited_{name}": {"limits": ("key:burst=2/3600s",)} for name in DOORS},
    **{f"told_{name}": {"limits": ("key:burst=2/3600s",)} for name in DOORS},
    **{f"spent_{name}": {"limits": ("key:monthly=1/month",)} for name in DOORS},
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
def starting(folder_of, data_dir):
    """Give a function that starts a gateway; all of them are stopped in the end.

    Takes the data folder out of which HAProxy is fed where it decides by itself.
    """
    with ExitStack() as stack:

        def start(name, **given):
            folder = folder_of(name) / "site"
            if name == "native":
                gateway = NativeGateway(folder, data_dir=data_dir, **given)
            else:
                gateway = RunningGateway(name, folder, **given)
            stack.callback(gateway.stop)
            return gateway

        yield start


@pytest.fixture(scope="module")
def started(tmp_path_factory, verifier):
    """A function that starts a gateway, stopped with the module."""
    with starting(tmp_path_factory.mktemp, verifier.data_dir) as start:
        yield start


@pytest.fixture(scope="session")
def by_name(tmp_path_factory, verifier, one_backend):
    """A function that gives the one gateway of a name."""
    with starting(tmp_path_factory.mktemp, verifier.data_dir) as start:
        yield cache(lambda name: start(name, verifier=verifier.port, backend=one_backend.port))


@pytest.fixture(params=DOORS)
def gateway(request, by_name):
    return by_name(request.param)


@pytest.fixture
def printed(monkeypatch, tmp_path):
    """A function that runs the command in this process; gives what it prints, and the sentences if it refuses."""
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path / "data"))

    def run(*words):
        done = CliRunner().invoke(app, words)
        assert isinstance(done.exception, OperatorFault | None), done.output
        return done.stdout, "" if done.exception is None else str(done.exception)

    return run

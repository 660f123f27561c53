"""A3 across hosts: over a replica that a relay has filled, a gateway's door gives the decision of the origin's rows."""

import threading

import pytest
from hypothesis import given, settings
from tests.fixtures.asking import answered, request
from tests.fixtures.feeds import ROW_KEY
from tests.fixtures.relays import CREDENTIAL, FOLLOWER, Answers, fake_relay
from tests.fixtures.situations import (
    QUESTIONS,
    SITUATIONS,
    doors_over,
    headers_of,
    rows_of,
)
from tests.fixtures.verifier import DIGEST as FOLLOWERS_DIGEST

from keydesk.core.digest import row_mac
from keydesk.replica.follow import Follower
from keydesk.replica.layout import Head, Signed
from keydesk.replica.moments import Moment
from keydesk.replica.sources.https import HttpsSource
from keydesk.replica.store import Reader, Writer
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.metrics import Tally
from keydesk.verifier.relay import RelayApp

HEAD = Head("epoch-1", 10, 0)


class Relayed(Answers):
    """Answers as the relay of a replica does."""

    def __init__(self, reader):
        super().__init__()
        self.app = RelayApp("kd", FOLLOWERS_DIGEST, reader)

    def body(self, path):
        path, _, query = path.partition("?")
        bearer = [(b"authorization", f"Bearer {CREDENTIAL}".encode())]
        arrived = request("GET", path.encode(), bearer, query=query.encode())
        self.status, _, body = answered(self.app, arrived)
        return body


def relayed(records, folder):
    """Give a reader of a replica that took the rows from the relay of another, and checked their MACs."""
    credential_file, origin = folder / "credential", Reader(folder / "origin")
    credential_file.write_text(CREDENTIAL)
    signed = [Signed(record, row_mac(ROW_KEY, record)) for record in records]
    with Writer(folder / "origin") as writer:
        writer.snapshot(HEAD, signed, confirmed=Moment.ago())
    with fake_relay(Relayed(origin)) as url, Writer(folder / "edge") as writer:
        source = HttpsSource(url, credential_file)
        Follower(source, writer, row_mac_key=ROW_KEY, stop=threading.Event()).step()
        source.close()
    origin.close()
    return Reader(folder / "edge")


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Ask a gateway's door over such rows, and give the answer but for the request's own name."""
    tally = Tally(tmp_path_factory.mktemp("tally"))

    def ask(rows, question):
        doors = doors_over(rows, tally)
        door = {"live": "authorize", "test": "authorize-test"}[question["environment"]]
        key = (b"x-api-key", question["key"].encode("latin-1"))
        path = f"/v1/{door}/{question['product']}".encode()
        arrived = request("GET", path, [key, *headers_of(question)])
        status, headers, _ = answered(VerifierApp(doors), arrived)
        del headers[b"x-keydesk-request-id"]
        return status, headers

    return ask


@settings(max_examples=60, deadline=None)
@given(SITUATIONS, QUESTIONS)
def test_a_host_behind_a_relay_gives_the_decision_of_the_origin(
    ask, tmp_path_factory, situation, question
):
    rows = rows_of(situation)
    reader = relayed([*rows.rows.values(), FOLLOWER], tmp_path_factory.mktemp("hosts"))
    with reader.rows() as held:
        held.confirmed_at = rows.confirmed_at  # the situation's own age, on the situation's clock
        assert ask(held, question) == ask(rows, question)
    reader.close()

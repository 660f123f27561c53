"""The question whether an address answers is quick and harmless, whatever listens there."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from keydesk.server.addresses import url_of
from keydesk.server.start import PROBE_SECONDS, answers


@contextmanager
def listening(said):
    """A port that takes connections and says this to each; nothing at all if it is None. Gives the requests too."""
    requests, stop = [], threading.Event()

    def serve(server):
        with server.accept()[0] as connection:
            requests.append(connection.recv(1000))
            if said is None:
                stop.wait(10)
            else:
                connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=[server])
        thread.start()
        yield server.getsockname()[1], requests
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("said", "is_up"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 302 Found\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH_9.9\r\n", False),
        (b"\xff", False),
        (b"", False),
    ],
)
def test_whatever_is_said_is_an_answer_or_none(said, is_up):
    with listening(said) as (port, _):
        assert answers("127.0.0.1", port, "/") is is_up


def test_a_port_that_never_answers_is_waited_for_no_longer_than_two_steps():
    with listening(None) as (port, _):
        asked_at = time.monotonic()
        assert not answers("127.0.0.1", port, "/")
        assert time.monotonic() - asked_at >= PROBE_SECONDS


def test_every_host_is_asked_under_a_name_that_a_desk_always_answers_to():
    with listening(b"HTTP/1.1 200 OK\r\n\r\n") as (port, requests):
        assert answers("0.0.0.0", port, "/readyz")
    assert requests == [b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"]


def test_an_ipv6_address_is_told_in_brackets():
    assert url_of("::1", 8000) == "http://[::1]:8000"
    assert url_of("127.0.0.1", 8000) == "http://127.0.0.1:8000"

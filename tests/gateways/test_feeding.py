"""The feeder while things happen beside it: rows that change, a HAProxy that goes, another feeder, a newer desk."""

import re
import socket
import socketserver
import subprocess
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import desk_environment, wait_until_told
from tests.fixtures.gateways import NativeGateway
from tests.fixtures.replicators import eventually
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, RunningVerifier, fill, mint
from tests.gateways.test_decisions import api_key
from tests.gateways.test_native import (
    KEYS,
    Desk,
    becomes,
    good_rows,
    restart,
    standing,
    status_of,
)

from keydesk.gateways.haproxy.feeder import AHEAD_SECONDS
from keydesk.gateways.haproxy.runtime import Runtime
from keydesk.replica.layout import FILE_NAME

LATE = mint()
MANY = [key(number.to_bytes(32), id=f"key_m{number}") for number in range(600)]
"""More than a portion, and all before every key that a test asks with."""
LATE_ROWS = [
    *good_rows(),
    *MANY,
    account(id="acc_late", username="late"),
    entitlement(account="acc_late"),
    key(DIGEST(LATE), id="key_late", account="acc_late"),
]


class Between(socketserver.StreamRequestHandler):
    """Tells the test of a command, then passes it on to HAProxy and gives back what that answers."""

    def handle(self):
        command = self.rfile.readline()
        if command.endswith(b"<<\n"):
            while (line := self.rfile.readline()) != b"\n":
                command += line
            command += b"\n"
        self.server.meanwhile(command.decode())
        with socket.socket(socket.AF_UNIX) as haproxy:
            haproxy.connect(str(self.server.haproxy))
            haproxy.sendall(command)
            while received := haproxy.recv(65536):
                self.wfile.write(received)


@contextmanager
def feeding(folder, records, backend, meanwhile):
    """Give a desk and HAProxy, of whose feeder each command is told to `meanwhile` before HAProxy gets it."""
    fill(folder / "replica", records)
    gateway = NativeGateway(
        folder / "site", data_dir=folder, feeds=False, verifier=1, backend=backend.port
    )
    given = SimpleNamespace(desk=Desk(folder), gateway=gateway, runtime=Runtime(gateway.socket))
    with socketserver.UnixStreamServer(str(folder / "between.sock"), Between) as between:
        between.haproxy = gateway.socket
        between.meanwhile = lambda command: meanwhile(given, command)
        threading.Thread(target=between.serve_forever, args=(0.02,), daemon=True).start()
        gateway.feed(folder / "between.sock")
        try:
            yield given
        finally:
            gateway.stop()
            between.shutdown()


CHANGES = {
    "suspended": account(id="acc_late", username="late", status="SUSPENDED", revision=11),
    "not entitled": entitlement(account="acc_late", state="DISABLED", revision=11),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_everything_is_filled_is_not_lost(tmp_path, one_backend, change):
    changed = []

    def meanwhile(given, command):
        if command.startswith("add map @") and not changed:
            changed.append(change)
            given.desk.publish(CHANGES[change])

    with feeding(tmp_path, LATE_ROWS, one_backend, meanwhile) as given:
        becomes(given.gateway, 200)
        assert changed == [change]
        assert status_of(given.gateway, LATE) == 403


def test_a_haproxy_that_starts_again_in_between_never_decides_with_empty_maps(
    tmp_path, one_backend
):
    seen = []

    def meanwhile(given, command):
        if seen:
            seen.append(status_of(given.gateway))
        elif re.match(r"set map \S+state.map until \d", command):
            restart(given.gateway)
            seen.append(status_of(given.gateway))

    with feeding(tmp_path, good_rows(), one_backend, meanwhile):
        eventually(lambda: 200 in seen)
        assert set(seen) == {200, 503}


def test_a_filling_that_failed_leaves_nothing_behind(tmp_path, one_backend):
    counts = []

    def meanwhile(given, command):
        words = command.split()
        if words[0] == "prepare":
            counts.append(given.runtime.counts()[words[2]])
        elif command.startswith("add map @") and len(counts) == 1:
            given.runtime.add(words[3], [("STRANGE", "ask")], version=int(words[2][1:]))

    with feeding(tmp_path, good_rows(), one_backend, meanwhile) as given:
        becomes(given.gateway, 200)
        assert counts == [0, 0]


def test_a_haproxy_has_one_feeder(tmp_path, one_backend):
    with standing(tmp_path, good_rows(), one_backend) as (_, gateway):
        path = str(gateway.socket)
        second = keydesk("feed-haproxy", "--socket", path, environment=desk_environment(tmp_path))
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == f"keydesk: Another keydesk feed-haproxy feeds {path}.\n"
        assert status_of(gateway) == 200


UNREADABLE = {
    "key": lambda limits, revision: key(
        DIGEST(KEYS[0]), id="key_0", limits=limits, revision=revision
    ),
    "entitlement": lambda limits, revision: entitlement(limits=limits, revision=revision),
    "product": lambda limits, revision: product(
        limits=limits, revision=revision, lease_seconds=None
    ),
}


@pytest.mark.alone
@pytest.mark.parametrize("row", UNREADABLE)
def test_about_a_limit_that_only_a_newer_desk_writes_the_verifier_is_asked(
    tmp_path, one_backend, row
):
    with standing(tmp_path, good_rows(), one_backend) as (desk, gateway):
        desk.publish(UNREADABLE[row](("key:burst=5/1h",), 11))
        becomes(gateway, 503)
        assert gateway.feeder.poll() is None
        desk.publish(UNREADABLE[row]((), 12))
        assert becomes(gateway, 200) < 1


def test_a_row_that_cannot_be_read_is_trouble_that_passes(tmp_path, one_backend):
    with standing(tmp_path, good_rows(), one_backend) as (desk, gateway):
        desk.publish(UNREADABLE["key"](5, 11))
        gateway.wait_until_told("HAProxy is not fed")
        (desk.replica_dir / FILE_NAME).unlink()
        fill(desk.replica_dir, good_rows())
        becomes(gateway, 200)
        assert gateway.feeder.poll() is None


@pytest.mark.alone
def test_without_its_feeder_haproxy_asks_after_some_seconds_however_long_the_lease(
    tmp_path, one_backend
):
    revoked = key(DIGEST(KEYS[0]), id="key_0", state="REVOKED", revision=11)
    fill(tmp_path / "replica", good_rows())
    with (
        RunningVerifier(tmp_path, VERIFIER_WORKERS=1) as verifier,
        standing(tmp_path, good_rows(), one_backend, verifier=verifier.port) as (desk, gateway),
    ):
        gateway.feeder.kill()
        gateway.feeder.wait()
        desk.publish(revoked)
        assert becomes(gateway, 401, seconds=AHEAD_SECONDS + 5) <= AHEAD_SECONDS + 1
        assert status_of(gateway, KEYS[1]) == 200


def test_a_process_that_stops_after_a_reload_decides_nothing_by_itself(tmp_path, one_backend):
    revoked = key(DIGEST(KEYS[0]), id="key_0", state="REVOKED", revision=11)
    with standing(tmp_path, good_rows(), one_backend) as (desk, gateway):
        assert status_of(gateway) == 200
        old, log = gateway.process, gateway.log
        with socket.create_connection(("127.0.0.1", gateway.port), 10) as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost: api\r\n" + api_key(KEYS[0]))
            gateway.process = subprocess.Popen(
                [*gateway.command, "-sf", str(old.pid)],
                env=gateway.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_until_told(log.read_text, "Proxy keydesk stopped")
            desk.publish(revoked)
            becomes(gateway, 401)
            half.sendall(b"\r\n")
            assert half.recv(4096).startswith(b"HTTP/1.1 503 ")
        old.wait(10)

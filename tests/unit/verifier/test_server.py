"""Starting and ending the verifier's processes, without a replica."""

import asyncio
import base64
import logging
import secrets
import signal
import socket

import pytest
from tests.fixtures.answering import Fine
from tests.fixtures.desk import free_ports

from keydesk.config import load_config
from keydesk.verifier.server import (
    PortTakenError,
    Work,
    listening_socket,
    nothing,
    run_verifier,
    serve_site,
    together,
)


@pytest.fixture
def set_up(tmp_path, monkeypatch):
    """Give the configuration of a verifier in a folder of its own."""
    port, metrics_port = free_ports(2)
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "PEPPER": base64.b64encode(secrets.token_bytes(32)).decode(),
        "VERIFIER_PORT": str(port),
        "METRICS_PORT": str(metrics_port),
    }.items():
        monkeypatch.setenv(f"KEYDESK_{name}", value)
    return load_config()


@pytest.mark.parametrize("taken", ["verifier_port", "metrics_port"])
def test_a_second_verifier_on_the_same_ports_leaves_the_counts_of_the_first_one(set_up, taken):
    counts = set_up.data_dir / "verifier" / str(set_up.verifier_port) / "1.tally"
    counts.parent.mkdir(parents=True)
    counts.write_bytes(b"counted")
    with socket.create_server(("127.0.0.1", getattr(set_up, taken))), pytest.raises(PortTakenError):
        run_verifier(set_up)
    assert counts.read_bytes() == b"counted"


def test_a_worker_whose_watch_fails_says_so_and_ends_the_others_in_order(set_up, caplog):
    ended = []

    async def failing():
        await asyncio.sleep(0)
        raise RuntimeError("what a caller sent")

    async def lasting():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("flushed")

    with listening_socket("127.0.0.1", set_up.verifier_port) as listening:
        work = Work(Fine(), nothing, together([failing, lasting]))
        with pytest.raises(SystemExit) as end:
            asyncio.run(serve_site(work, listening))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert (end.value.code, ended) == (1, ["flushed"])
    messages = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert len(messages) == 1
    assert messages[0].startswith("A worker ends because its watch failed: RuntimeError at ")

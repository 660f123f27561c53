"""Starts the verifier: worker processes on one socket, and the metrics on a loopback port of their own.

The replica is opened in each worker after its fork, never here: an LMDB handle is of no use across a fork.
"""

import asyncio
import gc
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import uvloop
from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

from keydesk.config import Config, ConfigError, Secret
from keydesk.core.digest import Digester, key_digester
from keydesk.gate.faults import described
from keydesk.gate.freshness import FreshnessLog, status_of
from keydesk.gate.usage import UsageFlush, UsageMeter
from keydesk.host.crew import keep_working
from keydesk.host.ports import listening_error
from keydesk.host.spool import SpoolWriter, new_source
from keydesk.limits.host import HostLedger
from keydesk.limits.ledger import Ledger
from keydesk.limits.valkey import MILLISECONDS, SharedLedger
from keydesk.replica.store import Reader
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.doors import Doors
from keydesk.verifier.entrance import BACKLOG, Entrance
from keydesk.verifier.http1 import IDLE_SECONDS, Application, Site
from keydesk.verifier.metrics import SpoolCollector, Tally, TallyCollector
from keydesk.verifier.turns import Turns

METRICS_HOST: Final = "127.0.0.1"
METRICS_PATH: Final = "/metrics"
STOP_SECONDS: Final = 1
WATCH_SECONDS: Final = 0.5
LEDGER_SECONDS: Final = 1.0
MOST_CONNECTIONS: Final = 1000
"""How many connections a worker keeps open; more than can be answered in good time are turned away at once.

The loop fetches 1,024 at a look. Where as many are ready it looks again, up to 48 times, before anything else has its
turn: whoever comes new, timers, the flush of usage.
"""
GARBAGE_THRESHOLD: Final = 50_000
DRAIN_SECONDS: Final = 0.8

logger: Final = logging.getLogger(__name__)


class PortTakenError(ConfigError):
    """A process cannot listen where the configuration says: stop what listens there, or set another port."""

    def __init__(self, host: str, port: int, error: OSError, *, what: str = "verifier") -> None:
        """Takes the address, what the system said, and which process it is."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(f"The {what} cannot listen on {host}:{port}: {reason}.")


def run_verifier(config: Config) -> None:
    """Serve decisions until SIGTERM or SIGINT, then stop within two seconds.

    Raises ConfigError if the pepper is missing or the data folder cannot be written, PortTakenError if an address
    cannot be had, SystemExit if the workers keep dying.
    """
    digester = key_digester(config.require_secret(Secret.PEPPER))
    folder = config.data_dir / "verifier" / str(config.verifier_port)
    # The folder belongs to whoever has the ports.
    with listening_socket(config.verifier_host, config.verifier_port) as listening:
        serve_metrics(folder, config.metrics_port, usage_dir=config.usage_dir)
        empty(folder)
        try:
            serve(
                listening, worker_loader(config, digester, folder), workers=config.verifier_workers
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def empty(folder: Path) -> None:
    """Make the folder for what the workers count, without what a killed verifier left there. Raises ConfigError."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}.") from error


class Work(NamedTuple):
    """What a worker does: it answers, after some preparation and beside what it watches."""

    app: Application
    prepare: Callable[[], Awaitable[None]]
    watch: Callable[[], Awaitable[None]]
    turned_away: Callable[[], None] = lambda: None
    """Is told of each connection that there is no room for."""


def serve(listening: socket.socket, load: Callable[[], Work], *, workers: int) -> None:
    """Keep so many workers answering on the socket until SIGTERM or SIGINT.

    Each worker makes what it does with `load`. Raises SystemExit if the workers keep dying.
    """

    def work() -> None:
        uvloop.run(serve_site(load(), listening))

    keep_working(work, count=workers, stop_seconds=STOP_SECONDS)


def listening_socket(host: str, port: int, *, what: str = "verifier") -> socket.socket:
    """Give the socket that all workers listen on. Raises PortTakenError, which says which process cannot."""
    if error := listening_error(host, port):
        raise PortTakenError(host, port, error, what=what)
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PortTakenError(host, port, error, what=what) from error
    return listening


async def serve_site(
    work: Work,
    listening: socket.socket,
    *,
    most_connections: int = MOST_CONNECTIONS,
    idle_seconds: float = IDLE_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Answer connections until this process gets SIGTERM, then let what is being answered come to its end.

    With `tls`, connections are encrypted; it must be a server's. A worker whose watch fails is of no use: it ends in
    the same way, with SystemExit, for another to take its place.
    """
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    entrance = Entrance(listening, tls=tls)
    site = Site(
        work.app,
        turns=Turns(loop.call_soon, between=entrance.admit),
        most_connections=most_connections,
        idle_seconds=idle_seconds,
        turned_away=work.turned_away,
    )
    await work.prepare()
    beside = [asyncio.ensure_future(each) for each in (site.sweep(), work.watch())]
    await entrance.open(site)
    stop = asyncio.ensure_future(stopped.wait())
    await asyncio.wait([stop, *beside], return_when=asyncio.FIRST_COMPLETED)
    entrance.close()
    await site.stop(seconds=DRAIN_SECONDS)
    for task in (stop, *beside):
        task.cancel()
    for error in await asyncio.gather(*beside, return_exceptions=True):
        if isinstance(error, Exception):
            logger.error("A worker ends because its watch failed: %s", described(error))
            sys.exit(1)


def worker_loader(config: Config, digester: Digester, folder: Path) -> Callable[[], Work]:
    """Give the function that builds a worker's part inside its process."""

    def load() -> Work:
        reader = Reader(config.replica_dir)
        tally, meter = Tally(folder), UsageMeter(config.key_marker)
        host = HostLedger(config.limits_dir)
        flush = UsageFlush(meter, SpoolWriter(config.usage_dir, new_source()), tally)
        watches = [replica_watch(reader, tally), ledger_watch(host), copy_watch(host), flush.run]
        ledger: Ledger = host
        prepare = nothing
        if config.valkey_url is not None:
            ledger = shared = shared_ledger(config, config.valkey_url, host, tally)
            prepare = shared.open
            watches.append(shared.keep)
        doors = Doors(
            config.key_marker, digester, store=reader, ledger=ledger, tally=tally, meter=meter
        )
        # What is loaded now stays, so the collector need not walk through it again and again; and neither a request nor
        # a connection leaves cycles to be found.
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        return Work(VerifierApp(doors), prepare, together(watches), tally.count_turned_away)

    return load


def shared_ledger(config: Config, url: str, host: HostLedger, tally: Tally) -> SharedLedger:
    """Give the counts in Valkey, with what the configuration says about the times when it is away."""
    return SharedLedger(
        url,
        wait_seconds=config.valkey_wait_ms / MILLISECONDS,
        meanwhile=host if config.limits_when_away == "local" else None,
        count_away=tally.count_away,
    )


async def nothing() -> None:
    """Do nothing, where there is nothing to prepare."""


def replica_watch(reader: Reader, tally: Tally) -> Callable[[], Awaitable[None]]:
    """Give the task that keeps the replica's age and clock known, and warns from two and from five seconds on."""

    async def watch() -> None:
        freshness = FreshnessLog()
        while True:
            status, now = status_of(reader), time.time()
            freshness.tell(status, now)
            if status is not None:
                tally.note_replica(status, now)
            await asyncio.sleep(WATCH_SECONDS)

    return watch


def ledger_watch(ledger: HostLedger) -> Callable[[], Awaitable[None]]:
    """Give the task that keeps the counts' file usable, warns where it is not, and forgets the counts of old."""

    async def watch() -> None:
        told = None
        while True:
            ledger.keep()
            if ledger.fault is None and told is not None:
                logger.warning("Calls are counted on this host again.")
            elif ledger.fault != told:
                logger.warning("Calls are not counted on this host: %s.", ledger.fault)
            told = ledger.fault
            ledger.prune()
            await asyncio.sleep(LEDGER_SECONDS)

    return watch


def copy_watch(ledger: HostLedger) -> Callable[[], Awaitable[None]]:
    """Give the task that copies the counts to the disk, which keeps nobody waiting however slow that is."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(LEDGER_SECONDS)
            await asyncio.to_thread(ledger.save)

    return watch


def together(tasks: Iterable[Callable[[], Awaitable[None]]]) -> Callable[[], Awaitable[None]]:
    """Give the task that runs all of these until it is cancelled, or until one fails: then the others end as well."""

    async def run() -> None:
        running = [asyncio.ensure_future(task()) for task in tasks]
        try:
            await asyncio.gather(*running)
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    return run


def serve_metrics(folder: Path, port: int, *, usage_dir: Path) -> None:
    """Serve the metrics of all workers from a thread of this process, on loopback only. Raises PortTakenError."""
    registry = CollectorRegistry()
    registry.register(TallyCollector(folder))
    registry.register(SpoolCollector(usage_dir))
    try:
        server, _ = start_http_server(port, addr=METRICS_HOST, registry=registry)
    except OSError as error:
        raise PortTakenError(METRICS_HOST, port, error) from error
    server.set_app(only_metrics(make_wsgi_app(registry)))


def only_metrics(metrics: WSGIApplication) -> WSGIApplication:
    """Give the application that answers at /metrics as the given one, and with 404 elsewhere."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == METRICS_PATH:
            return metrics(environ, start_response)
        start_response("404 Not Found", [("Content-Length", "0")])
        return []

    return answer

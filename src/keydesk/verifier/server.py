"""Starts the verifier: worker processes under Granian, and the metrics on a loopback port of their own.

The replica is opened in each worker after its fork, never here: an LMDB handle is of no use across a fork.
"""

import asyncio
import gc
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes, TaskImpl
from granian.log import LogLevels
from granian.server.mp import MPServer
from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

from keydesk.config import Config, ConfigError, Secret
from keydesk.core.digest import Digester, key_digester
from keydesk.host.lifeline import die_with_parent
from keydesk.host.ports import listening_error
from keydesk.host.spool import SpoolWriter, new_source
from keydesk.limits.host import HostLedger
from keydesk.replica.store import Reader, Status
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.doors import Doors
from keydesk.verifier.metrics import SpoolCollector, Tally, TallyCollector
from keydesk.verifier.usage import UsageFlush, UsageMeter

METRICS_HOST: Final = "127.0.0.1"
METRICS_PATH: Final = "/metrics"
STOP_SECONDS: Final = 1
WATCH_SECONDS: Final = 0.5
LEDGER_SECONDS: Final = 1.0
LATE_SECONDS: Final = 2.0
BACKLOG: Final = 1024

logger: Final = logging.getLogger(__name__)


class PortTakenError(ConfigError):
    """The verifier cannot listen where the configuration says: stop what listens there, or set another port."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        """Takes the address, and what the system said."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(f"The verifier cannot listen on {host}:{port}: {reason}.")


def run_verifier(config: Config) -> None:
    """Serve decisions until SIGTERM or SIGINT, then stop within two seconds.

    Raises ConfigError if the pepper is missing or the data folder cannot be written, PortTakenError if an address
    cannot be had, SystemExit if the workers keep dying.
    """
    digester = key_digester(config.require_secret(Secret.PEPPER))
    if error := listening_error(config.verifier_host, config.verifier_port):
        raise PortTakenError(config.verifier_host, config.verifier_port, error)
    folder = fresh_folder(config)
    try:
        serve_metrics(folder, config.metrics_port, usage_dir=config.usage_dir)
        load = worker_loader(config, digester, folder, parent=os.getpid())
        granian_server(config).serve(target_loader=load, wrap_loader=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fresh_folder(config: Config) -> Path:
    """Give an empty folder for what the workers count, without what a killed verifier of this port left there.

    Raises ConfigError if the data folder cannot be written.
    """
    folder = config.data_dir / "verifier" / str(config.verifier_port)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}.") from error
    return folder


def granian_server(config: Config) -> MPServer:
    """Give the server for the configuration: HTTP/1.1 only, no access log, one thread for the network a worker."""
    return MPServer(
        "keydesk verifier",
        address=config.verifier_host,
        port=config.verifier_port,
        interface=Interfaces.ASGI,
        workers=config.verifier_workers,
        runtime_mode=RuntimeModes.st,
        loop=Loops.uvloop,
        task_impl=TaskImpl.asyncio,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        log_level=LogLevels.warning,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )


def worker_loader(
    config: Config, digester: Digester, folder: Path, *, parent: int
) -> Callable[[], VerifierApp]:
    """Give the function that builds the application inside a worker process."""

    def load() -> VerifierApp:
        die_with_parent(parent)
        reader = Reader(config.replica_dir)
        tally, meter = Tally(folder), UsageMeter(config.key_marker)
        ledger = HostLedger(config.limits_dir)
        flush = UsageFlush(meter, SpoolWriter(config.usage_dir, new_source()), tally)
        doors = Doors(
            config.key_marker, digester, store=reader, ledger=ledger, tally=tally, meter=meter
        )
        gc.freeze()  # what is loaded now stays, so the collector need not walk through it again and again
        watch = both(replica_watch(reader, tally), ledger_watch(ledger), flush.run)
        return VerifierApp(doors, watch=watch)

    return load


def replica_watch(reader: Reader, tally: Tally) -> Callable[[], Awaitable[None]]:
    """Give the task that keeps the replica's age known, and warns from two seconds on."""

    async def watch() -> None:
        was_late = False
        while True:
            now = time.time()
            status = status_of(reader)
            is_late = status is None or now - (status.confirmed_at or 0) > LATE_SECONDS
            if is_late != was_late:
                logger.warning("The replica %s.", "is late" if is_late else "is current again")
            was_late = is_late
            if status is not None:
                tally.note_replica(status, now)
            await asyncio.sleep(WATCH_SECONDS)

    return watch


def ledger_watch(ledger: HostLedger) -> Callable[[], Awaitable[None]]:
    """Give the task that keeps disk at hand for the counts, saves them, and forgets the ones of old."""

    async def watch() -> None:
        was_full = False
        while True:
            ledger.keep_headroom()
            if ledger.is_full != was_full:
                was_full = ledger.is_full
                logger.warning("The disk of the counts %s.", "is full" if was_full else "has room")
            await asyncio.to_thread(ledger.save)
            ledger.prune()
            await asyncio.sleep(LEDGER_SECONDS)

    return watch


def both(*tasks: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Give the task that runs all of these until it is cancelled."""

    async def run() -> None:
        await asyncio.gather(*(task() for task in tasks))

    return run


def status_of(reader: Reader) -> Status | None:
    """Give how the replica stands, None if it cannot be read: the watch goes on whatever is wrong with it."""
    try:
        return reader.status()
    except Exception:  # noqa: BLE001 - a fault here shows as a replica that is late
        return None


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

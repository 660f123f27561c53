"""`make many`: what a great many keys cost a host, beside a tenth of them in the same run.

For each number of keys: rows written into a replica a second, rows a second that another host takes over from this
one's relay, the time from a verifier's start until it is ready, the worker's own memory beside the maps that all
processes share, and the percentiles of what wrk sees. wrk draws from a
million of the keys, taken evenly from all of them, because it holds them in memory itself. The replica has been read
by nobody before the first start; its pages are in the system's memory, since it was written just now.
"""

import argparse
import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import keys
import report
from run import Target, measure, say, summarised
from servers import PEPPER, Server, confirmed, running, settings, verifier

from keydesk.core.digest import key_digester
from keydesk.core.records import Record
from keydesk.replica.moments import Moment
from keydesk.replica.store import Reader, ReplicaMissing, Writer

MOST_ASKED = 1_000_000
STARTS = 3
LOOK_SECONDS = 0.005


class Host(NamedTuple):
    """A replica of so many keys, and how it came to be."""

    count: int
    home: Path
    load: Path
    rows_per_second: float


def main() -> None:
    """Prepare, measure and print."""
    options = read_options()
    with (
        tempfile.TemporaryDirectory(prefix="keydesk-many-") as name,
        contextlib.ExitStack() as stack,
    ):
        hosts = [prepare(Path(name), count) for count in (options.keys // 10, options.keys)]
        joining = [host.count / joining_seconds(host) for host in hosts]
        ready = [[ready_seconds(host) for _ in range(STARTS)] for host in hosts]
        servers = [stack.enter_context(verifier(host.home)) for host in hosts]
        targets = [
            Target(f"{host.count} keys", server, host.load)
            for host, server in zip(hosts, servers, strict=True)
        ]
        asked = summarised(measure(targets, options))
        own = [own_megabytes(server) for server in servers]
    figures = [
        {
            "keys": host.count,
            "rows_per_second": host.rows_per_second,
            "rows_per_second_over_a_relay": joining[place],
            "ready_seconds": ready[place],
            "own_megabytes": own[place],
            **asked[targets[place].name],
        }
        for place, host in enumerate(hosts)
    ]
    say(json.dumps({"machine": report.machine(), "hosts": figures}, indent=2))


def read_options() -> argparse.Namespace:
    """Give the command line's options."""
    parser = argparse.ArgumentParser(prog="make many ARGS=")
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    return parser.parse_args()


def prepare(folder: Path, count: int) -> Host:
    """Mint keys, write them into a replica, and those that are asked for into a file."""
    home, load = folder / str(count), folder / f"{count}.keys"
    home.mkdir()
    say(f"minting {count:,} keys")
    minted = list(keys.mint_many("kd", count, seed=1))
    unknown = keys.mint_many("kd", keys.bad_of(min(count, MOST_ASKED)), seed=2)
    keys.write_load(load, minted, unknown, is_restricted=True, step=-(-count // MOST_ASKED))
    say("making their rows, and writing them into a replica")
    making = seconds_of(lambda: sum(1 for _ in rows_of(minted)))
    with Writer(home / "replica") as writer:
        took = seconds_of(
            lambda: writer.snapshot(keys.HEAD, rows_of(minted), confirmed=Moment.ago())
        )
    say(f"{took:.1f} s, {making:.1f} of them for making the rows")
    return Host(count, home, load, count / (took - making))


def rows_of(minted: list[str]) -> Iterator[Record]:
    """Give everything that lets the keys be accepted, with every check."""
    service = next(keys.mint_many("kds", 1, seed=4))
    return keys.rows(minted, service, digest=key_digester(PEPPER), checks=keys.Checks.ALL)


def seconds_of(work: Callable[[], object]) -> float:
    """Do something, and give the seconds that it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def joining_seconds(host: Host) -> float:
    """Let another host follow this one's relay, and give the seconds from its start until it has every row."""
    follower = host.home / "follower"
    follower.mkdir()
    credential = follower / "credential"
    credential.write_text(next(keys.mint_many("kds", 1, seed=4)))
    environment = settings(host.home)
    port = int(environment["KEYDESK_METRICS_PORT"])
    environment["KEYDESK_RELAY_PORT"] = str(port)
    relay, url = [sys.executable, "-m", "keydesk", "relay"], f"http://127.0.0.1:{port}"
    follow = [sys.executable, "-m", "keydesk", "replicate", "--from", url]
    follow += ["--credential-file", str(credential)]
    with (
        confirmed(host.home / "replica"),
        running(relay, environment, port=port),
        contextlib.closing(Reader(follower / "replica")) as reader,
    ):
        began = time.perf_counter()
        with subprocess.Popen(follow, env=settings(follower)) as process:
            while not has_rows(reader):
                if process.poll() is not None:
                    sys.exit("The other host did not follow: nothing is measured.")
                time.sleep(LOOK_SECONDS)
            took = time.perf_counter() - began
            process.terminate()
    shutil.rmtree(follower)
    return took


def has_rows(reader: Reader) -> bool:
    """Say whether a replica is whole."""
    try:
        return reader.status().revision == keys.HEAD.revision
    except ReplicaMissing:
        return False


def ready_seconds(host: Host) -> float:
    """Start a verifier, and give the seconds until it says that it is ready."""
    environment = settings(host.home)
    port = int(environment["KEYDESK_VERIFIER_PORT"])
    command = [sys.executable, "-m", "keydesk", "verifier"]
    with confirmed(host.home / "replica"):
        began = time.perf_counter()
        with subprocess.Popen(command, env=environment) as process:
            try:
                while not is_ready(port):
                    if process.poll() is not None:
                        sys.exit("The verifier did not start: nothing is measured.")
                    time.sleep(LOOK_SECONDS)
                return time.perf_counter() - began
            finally:
                process.terminate()


def is_ready(port: int) -> bool:
    """Say whether the verifier on a port is ready to decide."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def own_megabytes(server: Server) -> float:
    """Give the memory of the worker that no file backs (Linux)."""
    worker = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0]
    told = Path(f"/proc/{worker}/status").read_text().split("RssAnon:")[1]
    return int(told.split()[0]) / 1024


if __name__ == "__main__":
    main()

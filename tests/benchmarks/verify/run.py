"""`make bench`: how fast a decision is over HTTP, against an empty answer of the same server and against its peers.

wrk asks with 32 connections and a random key for each request, 1 % of them bad. All servers run side by side, one
worker each, over the same number of keys, and are asked in turn, round by round, so that what else happens on the
machine meets them all; figures are medians. The ratios are what to quote: the rest depends on the machine. No figure
fails a build.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import keys
import loads
import peers
import report
from servers import (
    PEPPER,
    Server,
    empty,
    envoy,
    granian,
    haproxy_map,
    haproxy_native,
    nginx_asking,
    nginx_map,
    status_of,
    valkey,
    verifier,
)

from keydesk.core.digest import key_digester

HERE = Path(__file__).parent
CONNECTIONS = 32
MANY_KEYS = 1_000_000
QUICK_KEYS = 100_000
AUTHORIZE = "/v1/authorize/disbursement"
SCOPES = f"x-keydesk-require-scopes: {keys.SCOPE}\r\n"


class Target(NamedTuple):
    """One line of the table: what is asked, and where."""

    name: str
    server: Server
    load: Path
    method: str = "GET"
    path: str = AUTHORIZE
    header: str = SCOPES
    refuses: bool = True


class Stage:
    """The keys of a run, their files, and the servers that are started over them."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, count: int) -> None:
        """Takes where files go, what ends the servers, and the number of keys."""
        self.folder, self.stack, self.count = folder, stack, count
        self.service = next(keys.mint_many("kds", 1, seed=4))
        self.keys = list(keys.mint_many("kd", count, seed=1))
        unknown = list(keys.mint_many("kd", keys.bad_of(count), seed=2))
        self.plain, self.full = folder / "plain.keys", folder / "full.keys"
        keys.write_load(self.plain, self.keys, unknown, is_restricted=False)
        keys.write_load(self.full, self.keys, unknown, is_restricted=True)

    def verifier(self, name: str, *, checks: keys.Checks) -> Server:
        """Fill a replica and start a verifier over it."""
        say(f"writing a replica of {self.count:,} keys")
        home = self.folder / name
        keys.fill(
            home / "replica",
            self.keys,
            self.service,
            digest=key_digester(PEPPER),
            checks=checks,
        )
        return self.stack.enter_context(verifier(home))

    def of_keydesk(self) -> list[Target]:
        """Start the verifier, with every check and without, its server with an empty answer, and Granian both ways."""
        full = self.verifier("full", checks=keys.Checks.ALL)
        expect(full, self.keys[-1], account=(self.count - 1) % keys.ACCOUNTS)
        plain = self.verifier("plain", checks=keys.Checks.FEW)
        expect(plain, self.keys[-1])
        bare = self.stack.enter_context(empty(self.folder / "empty"))
        other = self.stack.enter_context(granian("empty_asgi", self.folder / "empty"))
        checked = self.stack.enter_context(granian("checked_asgi", self.folder / "plain"))
        expect(checked, self.keys[-1])
        bearer = f"Authorization: Bearer {self.service}\r\n"
        body = {"method": "POST", "path": "/v1/verify", "header": bearer, "refuses": False}
        return [
            Target(report.FULL, full, self.full),
            Target(report.EMPTY, bare, self.full, refuses=False),
            Target(report.PLAIN, plain, self.plain, header=""),
            Target(report.EMPTY_PLAIN, bare, self.plain, header="", refuses=False),
            Target(report.VERIFY, plain, self.plain, **body),
            Target(report.EMPTY_POST, bare, self.plain, **body),
            Target(report.GRANIAN, other, self.plain, header="", refuses=False),
            Target(report.CHECKED, checked, self.plain, header=""),
        ]

    def of_gateways(self, full: Server, bare: Server) -> list[Target]:
        """Start nginx with its own map, Envoy with its own filter, and nginx that asks the verifier or nobody."""
        static = self.stack.enter_context(nginx_map(self.folder / "nginx", self.keys))
        own = self.stack.enter_context(envoy(self.folder / "envoy", self.keys))
        asking = self.stack.enter_context(nginx_asking(self.folder / "asking", full.port))
        nothing = self.stack.enter_context(nginx_asking(self.folder / "nothing", bare.port))
        expect(static, self.keys[0])
        expect(own, self.keys[0])
        expect(asking, self.keys[0], account=0)
        return [
            Target(report.NGINX, static, self.full),
            Target(report.ENVOY, own, self.full),
            Target(report.ASKING, asking, self.full),
            Target(report.ASKING_EMPTY, nothing, self.full, refuses=False),
        ]

    def of_haproxy(self) -> list[Target]:
        """Start HAProxy that decides by itself, one with a map of digests alone, and nginx that asks about the same."""
        asked = self.verifier("native", checks=keys.Checks.HAPROXY)
        home = self.folder / "native"
        own = self.stack.enter_context(haproxy_native(self.folder / "own", home, asked.port))
        bare = self.stack.enter_context(haproxy_map(self.folder / "digests", self.keys))
        asking = self.stack.enter_context(nginx_asking(self.folder / "as-native", asked.port))
        expect(own, self.keys[0], account=0)
        expect(bare, self.keys[0])
        expect(asking, self.keys[0], account=0)
        return [
            Target(report.NATIVE, own, self.full),
            Target(report.DIGESTS, bare, self.full),
            Target(report.ASKING_LESS, asking, self.full),
        ]

    def of_peers(self) -> list[Target]:
        """Start what a Python service would use otherwise, each over keys of its own format."""
        targets = []
        for name, mint in (("starlette", keys.mint_safe_api_keys), ("django", keys.mint_drf_keys)):
            say(f"starting {name}")
            own, load = self.folder / f"{name}.own", self.folder / f"{name}.keys"
            minted = list(mint(self.count, seed=1))
            own.write_text("\n".join(minted) + "\n")
            unknown = mint(keys.bad_of(self.count), seed=2)
            keys.write_load(load, minted, unknown, is_restricted=True)
            if name == "starlette":
                server = self.stack.enter_context(peers.starlette(own))
                targets.append(Target(report.STARLETTE, server, load))
            else:
                server = self.stack.enter_context(peers.django(self.folder / name, own))
                targets.append(Target(report.DJANGO, server, load))
            expect(server, minted[-1])
        return targets

    def within(self) -> dict[str, float]:
        """Give the microseconds of a check in a service's own process, here and in the peers."""
        database = str(self.folder / "django" / "keys.sqlite3")
        return {
            report.WITHIN: self.check_alone("full", self.full),
            report.WITHIN_PLAIN: self.check_alone("plain", self.plain),
            report.WITHIN_SAFE: peers.within("starlette", self.folder / "starlette.own"),
            report.WITHIN_DRF: peers.within(
                "django", self.folder / "django.own", PEER_DATABASE=database
            ),
        }

    def check_alone(self, name: str, load: Path) -> float:
        """Give the microseconds of a check over a verifier's data folder, whose replica it keeps current."""
        command = [sys.executable, HERE / "within.py", self.folder / name, load, self.count, name]
        printed = subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, text=True
        ).stdout
        return float(printed)


def main() -> None:
    """Prepare, measure, print and write."""
    options = read_options()
    if shutil.which("wrk") is None:
        sys.exit("make bench needs wrk: install it (on Debian: apt-get install wrk) and run again.")
    project = tomllib.loads((report.ROOT / "pyproject.toml").read_text())
    begun, load_before = datetime.now(UTC).isoformat(timespec="seconds"), os.getloadavg()
    measured = measure_all(options)
    figures = {
        "at": begun,
        "version": project["project"]["version"],
        "machine": report.machine(),
        "load_average": {"before": load_before, "after": os.getloadavg()},
        "connections": CONNECTIONS,
        "keys": options.keys,
        "rounds": options.rounds,
        "seconds": options.seconds,
        **measured,
    }
    path = report.write(figures, version=figures["version"] if options.keep else None)
    say("\n".join(["", *report.table_of(figures), "", f"written to {path}"]))


def read_options() -> argparse.Namespace:
    """Give the command line's options."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument(
        "--quick", action="store_true", help="100,000 keys, 3 rounds, 300 revocations"
    )
    parser.add_argument("--keep", action="store_true", help="write benchmarks/<version>.json")
    parser.add_argument("--keys", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--revocations", type=int, help="0: leave them out")
    options = parser.parse_args()
    usual = (QUICK_KEYS, 3, 300) if options.quick else (MANY_KEYS, 7, 10_000)
    for name, number in zip(("keys", "rounds", "revocations"), usual, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, number)
    return options


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Start everything, and give what every part of the run found."""
    with (
        tempfile.TemporaryDirectory(prefix="keydesk-bench-") as name,
        contextlib.ExitStack() as stack,
    ):
        stage = Stage(Path(name), stack, options.keys)
        targets = stage.of_keydesk()
        full, bare = targets[0].server, targets[1].server
        targets += [*stage.of_gateways(full, bare), *stage.of_haproxy(), *stage.of_peers()]
        say("deciding and counting in the process")
        counts = count_alone(stage.folder)
        decision = decide_alone(stage.folder / "plain" / "replica", stage.plain)
        within = stage.within()
        floor = floor_of(stage.folder / "full", stage.full)
        rounds = measure(targets, options)
        http = summarised(rounds)
        asked = {"port": full.port, "load": str(stage.full), "path": AUTHORIZE, "more": SCOPES}
        say("garbage flood")
        flood = loads.flood(asked)
        say("overload")
        overload = loads.overload(asked, http[report.FULL]["requests_per_second"])
    history = None
    if options.revocations:
        say(f"{options.revocations:,} revocations")
        history = loads.revocations(options.revocations)
    return {
        "http": http,
        "ratios": ratios_of(rounds),
        "decision_us": decision,
        "count_us": counts,
        "within_us": within,
        "floor_us": floor,
        "flood": flood,
        "overload": overload,
        "revocations": history,
    }


def expect(server: Server, key: str, *, account: int | None = None) -> None:
    """Exit unless a good key gets 200 and garbage is refused: a wrong answer has no speed."""
    more: Mapping[str, str] = {}
    if account is not None:
        more = {
            "x-username": keys.username_of(account),
            "x-keydesk-client-address": keys.address_of(account),
            "x-keydesk-require-scopes": keys.SCOPE,
        }
    found = (status_of(server.port, key, more), status_of(server.port, key[:-2], more))
    if found not in {(200, 401), (200, 403)}:
        sys.exit(
            f"The server on port {server.port} decides wrongly ({found}): nothing is measured."
        )


def decide_alone(replica_dir: Path, load: Path) -> float:
    """Give the microseconds of a decision in a process of its own, while a verifier runs over the same replica."""
    command = [sys.executable, str(HERE / "decision.py"), str(replica_dir), str(load)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def floor_of(data_dir: Path, load: Path) -> dict[str, float]:
    """Give the microseconds that the libraries alone take of a check, of states and of everything."""
    command = [sys.executable, str(HERE / "floor.py"), str(data_dir), str(load)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(printed)
    return figures


def count_alone(folder: Path) -> dict[str, float]:
    """Give the microseconds that a process spends on counting a call, on the host's file and in Valkey."""
    (folder / "valkey").mkdir()
    with valkey(folder / "valkey") as url:
        command = [sys.executable, str(HERE / "counting.py"), str(folder / "counts"), url]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(printed)
    return figures


def measure(targets: list[Target], options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Ask every target once in each round; one round before does not count."""
    rounds: dict[str, list[dict[str, Any]]] = {target.name: [] for target in targets}
    for number in range(options.rounds + 1):
        say(f"round {number} of {options.rounds}")
        for target in targets:
            result = ask(target, seconds=options.seconds if number else 1)
            if number:
                rounds[target.name].append(result)
    return rounds


def ask(target: Target, *, seconds: int) -> dict[str, Any]:
    """Run wrk once; exits if answers broke off, or others were refused than the 1 % that should be."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "load.lua")]
    given = [str(target.load), target.method, target.path, target.header]
    used = target.server.processor_seconds()
    printed = subprocess.run(
        [*command, f"http://127.0.0.1:{target.server.port}", "--", *given],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    result: dict[str, Any] = json.loads(printed.rpartition("RESULT ")[2])
    result["requests_per_second"] = result["requests"] / result["seconds"]
    used = target.server.processor_seconds() - used
    result["processor_us"] = used / result["requests"] * 1e6
    few = 3 / result["requests"] ** 0.5 * keys.BAD_SHARE**0.5
    share = result["refused"] / result["requests"]
    expected = abs(share - keys.BAD_SHARE) < 0.005 + few if target.refuses else share == 0
    if result["broken"] or not expected:
        sys.exit(f"{target.name}: {result} is not what was asked for.")
    return result


def summarised(rounds: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Give the medians of each target."""
    summary = {}
    for name, own in rounds.items():
        figures: dict[str, Any] = {
            figure: statistics.median(each[figure] for each in own)
            for figure in ("requests_per_second", "processor_us", "p50_us", "p99_us")
        }
        figures["each_round"] = [round(each["requests_per_second"]) for each in own]
        summary[name] = figures
    return summary


def ratios_of(rounds: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Give the median of the ratios that each round gave, in requests a second."""
    ratios = {}
    for one, other in [*(names[:2] for names in report.RATIOS), *report.BESIDE]:
        pairs = zip(rounds[one], rounds[other], strict=True)
        ratios[f"{one} / {other}"] = statistics.median(
            a["requests_per_second"] / b["requests_per_second"] for a, b in pairs
        )
    return ratios


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""`make bench`: how fast a decision is over HTTP and in the process, against an empty answer of the same server.

wrk asks with 32 connections and a random key for each request, 1 % of them bad. All servers run side by side and are
asked in turn, round by round, so that what else happens on the machine meets them all; figures are medians. The ratio
to the empty answer is the one to quote: the rest depends on the machine.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from keys import fill, mint_many, write_load
from servers import PEPPER, Server, confirmed, empty, nginx, status_of, valkey, verifier

from keydesk.core.digest import key_digester

HERE = Path(__file__).parent
RESULTS = Path(__file__).parents[3] / "test-results"
CONNECTIONS = 32
SIZES = {"100k": 100_000, "1M": 1_000_000}
AIM_RATIO = 0.65
AIM_MICROSECONDS = 8.0


class Target(NamedTuple):
    """One line of the table: what is asked, where, and which empty answer it is compared with."""

    name: str
    server: Server
    load: Path
    method: str
    path: str
    header: str = ""
    against: str | None = None
    refuses: bool = False


def main() -> None:
    """Prepare, measure, print and write."""
    options = read_options()
    if shutil.which("wrk") is None:
        sys.exit("make bench needs wrk: install it (on Debian: apt-get install wrk) and run again.")
    with (
        tempfile.TemporaryDirectory(prefix="keydesk-bench-") as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        counts = count_alone(folder)
        targets, decisions = prepare(folder, stack)
        rounds = measure(targets, options)
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "connections": CONNECTIONS,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "http": summarised(targets, rounds),
        "decision_us": decisions,
        "count_us": counts,
    }
    tell(report)


def read_options() -> argparse.Namespace:
    """Give the command line's options."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    return parser.parse_args()


def prepare(folder: Path, stack: contextlib.ExitStack) -> tuple[list[Target], dict[str, float]]:
    """Fill the replicas, measure the decision on the quiet machine, start the servers."""
    digest = key_digester(PEPPER)
    service = next(mint_many("kds", 1, seed=4))
    every = list(mint_many("kd", max(SIZES.values()), seed=1))
    bearer = f"Authorization: Bearer {service}\r\n"
    targets, decisions = [], {}
    authorize = "/v1/authorize/disbursement"
    for size, count in SIZES.items():
        home, load, keys = folder / size, folder / f"{size}.keys", every[:count]
        say(f"writing a replica of {count:,} keys")
        fill(home / "replica", keys, service, digest=digest)
        write_load(load, keys)
        decisions[size] = decide_alone(home / "replica", load)
        server = stack.enter_context(verifier(home))
        expect(server.port, keys[-1])
        targets += [
            Target(
                f"authorize, {size} keys",
                server,
                load,
                "GET",
                authorize,
                "",
                "empty answer, GET",
                True,
            ),
            Target(
                f"verify, {size} keys",
                server,
                load,
                "POST",
                "/v1/verify",
                bearer,
                "empty answer, POST",
            ),
        ]
    small = folder / "100k.keys"
    bare = stack.enter_context(empty(folder / "empty"))
    (folder / "nginx").mkdir()
    static = stack.enter_context(nginx(folder / "nginx", every[: SIZES["100k"]]))
    expect(static.port, every[0])
    targets += [
        Target("empty answer, GET", bare, small, "GET", authorize),
        Target("empty answer, POST", bare, small, "POST", "/v1/verify", bearer),
        Target("nginx map, 100k keys", static, small, "GET", authorize, refuses=True),
    ]
    return targets, decisions


def expect(port: int, key: str) -> None:
    """Exit unless a good key gets 200 and garbage 401: a wrong answer has no speed."""
    if (status_of(port, key), status_of(port, key[:-2])) != (200, 401):
        sys.exit(f"The server on port {port} decides wrongly; nothing is measured.")


def decide_alone(replica_dir: Path, load: Path) -> float:
    """Give the microseconds of a decision in a process of its own."""
    with confirmed(replica_dir):
        command = [sys.executable, str(HERE / "decision.py"), str(replica_dir), str(load)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


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
    share = result["refused"] / result["requests"]
    expected = 0.005 < share < 0.015 if target.refuses else share == 0
    if result["broken"] or not expected:
        sys.exit(f"{target.name}: {result} is not what was asked for.")
    return result


def summarised(
    targets: list[Target], rounds: dict[str, list[dict[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Give the medians of each target, and the median of the ratios that each round gave."""
    summary = {}
    for target in targets:
        own = rounds[target.name]
        figures: dict[str, Any] = {
            name: statistics.median(each[name] for each in own)
            for name in ("requests_per_second", "processor_us", "p50_us", "p99_us")
        }
        figures["each_round"] = [round(each["requests_per_second"]) for each in own]
        if target.against is not None:
            pairs = zip(own, rounds[target.against], strict=True)
            ratios = [a["requests_per_second"] / b["requests_per_second"] for a, b in pairs]
            figures["ratio_to_empty"] = statistics.median(ratios)
        summary[target.name] = figures
    return summary


def tell(report: dict[str, Any]) -> None:
    """Print the table, and write the report as JSON."""
    lines = [f"{'':24}{'requests/s':>12}{'cpu us':>8}{'p50 us':>9}{'p99 us':>9}{'of empty':>10}"]
    for name, figures in report["http"].items():
        ratio = figures.get("ratio_to_empty")
        lines.append(
            f"{name:24}{figures['requests_per_second']:12,.0f}{figures['processor_us']:8.1f}{figures['p50_us']:9.0f}"
            f"{figures['p99_us']:9.0f}{'' if ratio is None else f'{ratio:.2f}':>10}"
        )
    for size, microseconds in report["decision_us"].items():
        lines.append(
            f"decision alone, {size} keys: {microseconds:.2f} us (aim: at most {AIM_MICROSECONDS:.0f})"
        )
    for where, microseconds in report["count_us"].items():
        lines.append(f"counting a call with one limit, {where}: {microseconds:.2f} us")
    lines.append(f"aim for authorize: at least {AIM_RATIO} of the empty answer")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"verify-{report['at'].replace(':', '')}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    say("\n".join(["", *lines, "", f"written to {path}"]))


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

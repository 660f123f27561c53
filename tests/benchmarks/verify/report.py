"""What was found beside what is aimed for: the table at the end of a run, and the JSON of it."""

import json
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "test-results"
KEPT = ROOT / "benchmarks"

FULL = "full decision"
PLAIN = "plain decision"
EMPTY = "empty answer"
EMPTY_PLAIN = "empty answer, plain"
EMPTY_POST = "empty answer, POST"
VERIFY = "verify"
GRANIAN = "Granian, empty ASGI answer"
CHECKED = "Granian, the same checked"
NGINX = "nginx map"
ENVOY = "Envoy api_key_auth"
STARLETTE = "Starlette, safe-api-keys"
DJANGO = "Django, drf-api-key"
ASKING = "auth_request, full"
ASKING_EMPTY = "auth_request, empty"
NATIVE = "HAProxy, native"
DIGESTS = "HAProxy, map of digests"
ASKING_LESS = "auth_request, as native"
WITHIN = "in process, full decision"
WITHIN_PLAIN = "in process, without limits"
WITHIN_SAFE = "in process, safe-api-keys"
WITHIN_DRF = "in process, drf-api-key"


class Aim(NamedTuple):
    """One aim: its name, what was found, the bound, and on which side of it is good."""

    name: str
    found: float | None
    bound: float
    is_least: bool

    @property
    def reached(self) -> bool:
        """Whether what was found is on the good side."""
        if self.found is None:
            return False
        return self.found >= self.bound if self.is_least else self.found <= self.bound


RATIOS = (
    (FULL, EMPTY, 0.75),
    (FULL, NGINX, 0.4),
    (FULL, ENVOY, 0.6),
    (FULL, STARLETTE, 4.0),
    (FULL, DJANGO, 50.0),
    (ASKING, ASKING_EMPTY, 0.85),
    (NATIVE, DIGESTS, 0.75),
    (NATIVE, ASKING_LESS, 2.0),
)
"""What is divided by what, in requests a second, and the least that it should give."""
BESIDE = (
    (PLAIN, EMPTY_PLAIN),
    (VERIFY, EMPTY_POST),
    (CHECKED, GRANIAN),
    (PLAIN, GRANIAN),
)
"""What is divided beside that, without an aim."""


def aims_of(report: dict[str, Any]) -> list[Aim]:
    """Give every aim that the run measured."""
    aims = [
        Aim(f"{one} / {other}", report["ratios"][f"{one} / {other}"], bound, is_least=True)
        for one, other, bound in RATIOS
    ]
    aims += aims_within(report["within_us"])
    overload, flood, history = (report[name] for name in ("overload", "flood", "revocations"))
    if overload:
        aims += [
            Aim("overload: goodput / peak", overload["goodput_to_peak"], 0.8, is_least=True),
            Aim("overload: answers of 503", overload["shed"], 1, is_least=True),
            Aim("overload: recovery, s", overload["recovery_seconds"], 2.0, is_least=False),
        ]
    if flood:
        aims.append(Aim("flood: good p99 / calm", flood["p99_to_calm"], 1.2, is_least=False))
    if history:
        kinds = history.get("of_kinds", {}).values()
        p99, most = (
            max((kind[name] for kind in kinds), default=None) for name in ("p99_ms", "max_ms")
        )
        aims += [
            Aim("revocation: worst p99, ms", p99, 100.0, is_least=False),
            Aim("revocation: max, ms", most, 1000.0, is_least=False),
            Aim("revocation: held throughout", float(history["held"]), 1.0, is_least=True),
        ]  # fmt: skip
    return aims


def aims_within(figures: dict[str, float]) -> list[Aim]:
    """Give the aims of a check in a service's own process: how long it takes, and how much longer the peers take."""
    full = figures[WITHIN]
    return [
        Aim("in process: full decision, us", full, 6.0, is_least=False),
        Aim("in process: without limits, us", figures[WITHIN_PLAIN], 6.0, is_least=False),
        Aim("in process: safe-api-keys / full", figures[WITHIN_SAFE] / full, 2.0, is_least=True),
        Aim("in process: drf-api-key / full", figures[WITHIN_DRF] / full, 100.0, is_least=True),
    ]


def table_of(report: dict[str, Any]) -> list[str]:
    """Give the lines that are printed at the end."""
    lines = [f"{'':28}{'requests/s':>12}{'cpu us':>8}{'p50 us':>9}{'p99 us':>9}"]
    for name, figures in report["http"].items():
        lines.append(
            f"{name:28}{figures['requests_per_second']:12,.0f}{figures['processor_us']:8.1f}"
            f"{figures['p50_us']:9.0f}{figures['p99_us']:9.0f}"
        )
    lines.append(f"decision alone: {report['decision_us']:.2f} us")
    for where, microseconds in report["count_us"].items():
        lines.append(f"counting a call with one limit, {where}: {microseconds:.2f} us")
    lines += [f"{name}: {figure:.2f} us" for name, figure in report["within_us"].items()]
    for checks, microseconds in report["floor_us"].items():
        lines.append(f"in process, the libraries alone, {checks}: {microseconds:.2f} us")
    for name, ratio in report["ratios"].items():
        lines.append(f"{name}: {ratio:.2f}")
    lines += ["", f"{'aim':50}{'bound':>10}{'found':>10}"]
    for aim in aims_of(report):
        bound = f"{'>=' if aim.is_least else '<='} {aim.bound:g}"
        found = "none" if aim.found is None else f"{aim.found:.2f}"
        lines.append(
            f"{aim.name:50}{bound:>10}{found:>10}  {'reached' if aim.reached else 'NOT reached'}"
        )
    return lines


def machine() -> dict[str, Any]:
    """Say what the run ran on, without a name or a path of it."""
    models = [
        line.partition(": ")[2]
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "release": platform.release().partition("-")[0],
        "python": platform.python_version(),
    }


def write(report: dict[str, Any], *, version: str | None) -> Path:
    """Write the report as JSON among the results, or under a version into the tree; gives where it lies."""
    aims = [aim._asdict() | {"reached": aim.reached} for aim in aims_of(report)]
    name = f"verify-{report['at'].replace(':', '')}" if version is None else version
    path = (RESULTS if version is None else KEPT) / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**report, "aims": aims}, indent=2) + "\n")
    return path

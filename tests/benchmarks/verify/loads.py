"""What wrk cannot ask: more than the verifier takes (G2), half of it garbage (G3), keys that end meanwhile (F1)."""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
OVERLOAD = 3
SHARES_OF_CAPACITY = (0.6, 0.8, 1.0)
STEP_SECONDS = 3
OVERLOAD_SECONDS = 10
AFTER_SECONDS = 5
MANY_CONNECTIONS = 4096
"""Four times what a worker keeps open, so that it has to turn connections away."""
FEW_CONNECTIONS = 32
FLOOD_ROUNDS = 5
FLOOD_SECONDS = 3


def overload(asked: dict[str, Any], capacity: float) -> dict[str, Any]:
    """Ask for more and more up to the capacity, then for three times as much, then for half.

    Goodput is good answers within a second, a second; the peak is the best of the first steps and of the capacity.
    """
    steps = [
        (f"{share} of capacity", share * capacity, STEP_SECONDS) for share in SHARES_OF_CAPACITY
    ]
    over = ("overload", OVERLOAD * capacity, OVERLOAD_SECONDS)
    after = ("half of capacity", 0.5 * capacity, AFTER_SECONDS)
    found = generate(asked, [*steps, over, after], connections=MANY_CONNECTIONS, garbage=0.0)
    peak = max(capacity, *(phase["goodput"] for phase in found[:-2]))
    return {
        "capacity": capacity,
        "phases": found,
        "goodput_to_peak": found[-2]["goodput"] / peak,
        "offered_to_capacity": found[-2]["offered_per_second"] / capacity,
        "shed": found[-2]["shed"],
        "recovery_seconds": found[-1]["well_from_seconds"],
    }


def flood(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask as fast as answers come, with good keys alone and with half of them malformed, in turn."""
    rounds = []
    for _ in range(FLOOD_ROUNDS):
        pair = {}
        for name, garbage in (("calm", 0.0), ("flood", 0.5)):
            phases = [(name, None, FLOOD_SECONDS)]
            pair[name] = generate(asked, phases, connections=FEW_CONNECTIONS, garbage=garbage)[0]
        rounds.append(pair)
    ratios = [pair["flood"]["good_p99_ms"] / pair["calm"]["good_p99_ms"] for pair in rounds]
    return {"rounds": rounds, "p99_to_calm": statistics.median(ratios)}


def generate(
    asked: dict[str, Any], phases: list[Any], *, connections: int, garbage: float
) -> list[dict[str, Any]]:
    """Run the generator in a process of its own and give what it says of each phase."""
    given = {**asked, "phases": phases, "connections": connections, "garbage": garbage}
    command = [sys.executable, str(HERE / "generator.py"), json.dumps(given)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def revocations(count: int) -> dict[str, Any]:
    """Run the history of revocations (F1) and give its figures: for each kind of change how many, p50, p99, max in ms.

    The test asks about a thousand times a second; if it fails, there were violations, or something broke: the end of
    its output says which.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    test = "tests/races/test_revocation_history.py"
    done = subprocess.run(
        [*command, test, "--revocations", str(count)],
        check=False, capture_output=True, text=True, cwd=PROJECT,
    )  # fmt: skip
    told = re.search(r"F1 on (\w+): (\d+) changes, (\d+) answers", done.stdout)
    lines = re.findall(
        r"^([a-z][a-z -]+?) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", done.stdout, re.MULTILINE
    )
    if told is None or not lines:
        return {"held": False, "output": done.stdout[-2000:]}
    return {
        "held": done.returncode == 0,
        "database": told[1],
        "changes": int(told[2]),
        "answers": int(told[3]),
        "of_kinds": {
            kind: {"changes": int(of_kind), "p50_ms": float(p50), "p99_ms": float(p99), "max_ms": float(most)}
            for kind, of_kind, p50, p99, most in lines
        },
    }  # fmt: skip

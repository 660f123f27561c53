"""Several processes that do things at the same moment, each in many threads.

As a program it is one of them: it reads a round of calls from its input, makes all of them at once, writes what came
of each, and waits for the next round. Before any argon2 evaluation of a PIN it writes a byte to a file that all share,
so evaluations are counted even if the process is killed in the middle of one.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import django
import msgspec
from django.db import connection

PROJECT = Path(__file__).parents[2]
PROCESSES = 4
THREADS = 16
PATIENCE_SECONDS = 120
LENIENCE = 5
"""How far (nice) a crew, which would fill the machine, stands back behind other tests that run beside it."""


class Crew:
    """The side of the test: starts the processes, hands out rounds, counts evaluations."""

    def __init__(self, tally, *, processes=PROCESSES, flaw=""):
        self.tally = Path(tally)
        self.tally.touch()
        command = [sys.executable, "-m", "tests.races.crew", str(self.tally), flaw]
        self.members = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT)
            for _ in range(processes)
        ]

    def at_once(self, calls):
        """Make all calls at once, dealt out over the processes; gives an outcome for each, in their order."""
        self._deal(calls)
        outcomes = [None] * len(calls)
        for place, member in enumerate(self.members):
            outcomes[place :: len(self.members)] = self._answer(member)
        return outcomes

    def at_once_until_death(self, calls):
        """Make all calls at once in processes of which each kills itself; gives their exit codes."""
        self._deal(calls)
        return [member.wait(PATIENCE_SECONDS) for member in self.members]

    def evaluations(self):
        """How many PINs were evaluated so far, by every process that shares the tally."""
        return self.tally.stat().st_size

    def stop(self):
        for member in self.members:
            member.stdin.close()
            member.wait(PATIENCE_SECONDS)
            member.stdout.close()

    def _deal(self, calls):
        for place, member in enumerate(self.members):
            member.stdin.write(msgspec.json.encode(calls[place :: len(self.members)]) + b"\n")
            member.stdin.flush()

    def _answer(self, member):
        ready, _, _ = select.select([member.stdout], [], [], PATIENCE_SECONDS)
        line = member.stdout.readline() if ready else b""
        assert line, "a process of the race fell silent"
        return msgspec.json.decode(line)


def be_patient():
    """Wait for the database for as long as a round may take: when a page gives up is no matter of a race."""
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor == "sqlite":
        turns = import_module("keydesk.server.sqlite.base")
        turns.PATIENCE_SECONDS = options["timeout"] = PATIENCE_SECONDS
    else:
        given = ("lock_timeout", "statement_timeout")
        options["options"] += "".join(f" -c {name}={PATIENCE_SECONDS}s" for name in given)


def main(tally, flaw):
    """Be one process of a crew; `flaw` is what is wrong with it on purpose."""
    django.setup()
    be_patient()
    from tests.races import jobs  # noqa: PLC0415 - Django has to be set up first

    jobs.count_evaluations(os.open(tally, os.O_WRONLY | os.O_APPEND))
    if flaw:
        getattr(jobs, flaw)()
    with ThreadPoolExecutor(THREADS) as pool:
        for line in sys.stdin.buffer:
            calls = msgspec.json.decode(line)
            barrier = threading.Barrier(len(calls)) if calls else None
            outcomes = list(pool.map(lambda call: jobs.outcome(call, barrier), calls))  # noqa: B023
            sys.stdout.buffer.write(msgspec.json.encode(outcomes) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(LENIENCE)
    main(*sys.argv[1:])

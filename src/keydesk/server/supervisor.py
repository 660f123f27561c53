"""The supervisor: it starts the processes, restarts the ones that die, and stops them all within two seconds.

One thread and one selector: signals and the processes' output are its only events. It loads no Django, opens no
database and reads no secret; of those that came as variables it passes on to a process only what that process holds.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import IO, Final

from keydesk.config import PREFIX, Secret
from keydesk.host.lifeline import die_with_parent

TICK_SECONDS: Final = 0.1
STOP_SECONDS: Final = 1.0
"""How long the processes may take to stop by themselves before they are killed."""
FIRST_DELAY_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = 10.0
SETTLED_SECONDS: Final = 10.0
"""A process that lived this long is restarted as quickly as the first time."""
ASK_SECONDS: Final = 0.5
"""How long it waits before it asks again whether everything answers."""
READ_BYTES: Final = 65536

HELD: Final[Mapping[str, frozenset[Secret]]] = {
    "replicator": frozenset({Secret.ROW_MAC_KEY}),
    "verifier": frozenset({Secret.PEPPER}),
    "relay": frozenset({Secret.PEPPER}),
    "dashboard": frozenset(Secret),
    "worker": frozenset({Secret.ROW_MAC_KEY, Secret.SESSION_KEY}),
}
"""The processes of a host in the order of their start, each with the secrets that it holds."""
WITHOUT_DATABASE: Final = frozenset({"verifier", "relay"})
DATABASE_VARIABLES: Final = frozenset({f"{PREFIX}DATABASE_URL", "PGPASSWORD"})
"""The variables that may carry the database's password; libpq reads the second by itself."""
MAIL_VARIABLES: Final = frozenset({f"{PREFIX}MAIL_URL"})
"""The variable that may carry the mail server's password; only the worker sends mail."""
VALKEY_VARIABLES: Final = frozenset({f"{PREFIX}VALKEY_URL"})
"""The variable that may carry Valkey's password; only the verifier counts calls."""


class Child:
    """One supervised process: how it is started, when it is due, and its output so far."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.due_at = 0.0
        self.started_at = 0.0
        self.delay_seconds = FIRST_DELAY_SECONDS

    def start(self) -> IO[bytes]:
        """Start the process in a group of its own, so that Ctrl-C reaches only the supervisor; give its output."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
        )
        if self.process.stdout is None:
            raise RuntimeError("A process was started without a pipe for its output.")
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout

    def ended(self) -> int | None:
        """Give the exit status if the process has ended since it was last asked, and clear what it left behind."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.kill_group()
        self.process = None
        return status

    def plan_restart(self) -> float:
        """Set when the process is started again: soon the first time, then ever later; give the seconds."""
        now = time.monotonic()
        if now - self.started_at >= SETTLED_SECONDS:
            self.delay_seconds = FIRST_DELAY_SECONDS
        delay_seconds = self.delay_seconds
        self.due_at = now + delay_seconds
        self.delay_seconds = min(delay_seconds * 3, LONGEST_DELAY_SECONDS)
        return delay_seconds

    def kill_group(self) -> None:
        """Kill the process and all that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Runs processes until it is told to stop by SIGTERM, SIGINT or SIGHUP.

    `log` receives whole lines, each with its process's name; `is_up` is asked until it says True, then `announce`
    is called once. `is_up` has to be quick: nothing else happens meanwhile.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        log: Callable[[str, str], None],
        is_up: Callable[[], bool],
        announce: Callable[[], None],
    ) -> None:
        self.children = children
        self.log = log
        self.is_up = is_up
        self.announce = announce
        self.is_announced = False
        self.ask_at = 0.0
        self.is_stopping = False
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Supervise until a signal says stop; every process is gone when this returns."""
        with self.selector, caught_signals() as signals:
            self.selector.register(signals, selectors.EVENT_READ)
            try:
                while not self.is_stopping:
                    self.start_due()
                    self.wait(TICK_SECONDS)
                    self.reap()
                    self.tell_when_up()
            finally:
                self.stop()
                self.close_outputs()

    def start_due(self) -> None:
        """Start each process whose time has come."""
        for child in self.children:
            if child.process is None and time.monotonic() >= child.due_at:
                output = Output(child.name, child.start(), log=self.log)
                self.selector.register(output.pipe, selectors.EVENT_READ, output)

    def wait(self, seconds: float) -> None:
        """Pass on signals and output until something happened or the time is over."""
        for key, _ in self.selector.select(seconds):
            output: Output | None = key.data
            if output is None:
                self.take_signals(key.fd)
            elif not output.pass_on():
                self.selector.unregister(output.pipe)
                output.pipe.close()

    def take_signals(self, signals: int) -> None:
        """Note a signal that says stop; that a process has ended only ends the waiting."""
        caught = os.read(signals, READ_BYTES)
        self.is_stopping = self.is_stopping or any(number != signal.SIGCHLD for number in caught)

    def reap(self) -> None:
        """Plan the restart of each process that has ended."""
        for child in self.children:
            status = child.ended()
            if status is not None and not self.is_stopping:
                seconds = child.plan_restart()
                self.log(
                    "supervisor",
                    f"{child.name} ended ({told(status)}); starting it again in {seconds:g} s",
                )

    def tell_when_up(self) -> None:
        """Announce, once, that everything answers."""
        if self.is_announced or self.is_stopping or time.monotonic() < self.ask_at:
            return
        if self.is_up():
            self.is_announced = True
            self.announce()
        self.ask_at = time.monotonic() + ASK_SECONDS

    def stop(self) -> None:
        """Ask every process to stop, and kill what is still there when the time is over."""
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            if child.process is not None:
                child.process.terminate()
        while self.alive() and (left := deadline - time.monotonic()) > 0:
            self.wait(min(TICK_SECONDS, left))
        for child in self.alive():
            self.log("supervisor", f"{child.name} did not stop in time and is killed")
            child.kill_group()
            if child.process is not None:
                child.process.wait()
                child.ended()

    def close_outputs(self) -> None:
        """Pass on the last words of the processes, which are gone, and close their pipes."""
        outputs = [key.data for key in self.selector.get_map().values() if key.data is not None]
        for output in outputs:
            with contextlib.suppress(BlockingIOError):  # somebody else still holds the other end
                while output.pass_on():
                    pass
            output.pipe.close()

    def alive(self) -> list[Child]:
        """Give the processes that still run."""
        for child in self.children:
            child.ended()
        return [child for child in self.children if child.process is not None]


class Output:
    """A process's output, passed on as whole lines."""

    def __init__(self, name: str, pipe: IO[bytes], *, log: Callable[[str, str], None]) -> None:
        self.name = name
        self.pipe = pipe
        self.log = log
        self.rest = b""

    def pass_on(self) -> bool:
        """Pass on what there is; gives False at the end of the output."""
        chunk = os.read(self.pipe.fileno(), READ_BYTES)
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        if not chunk and self.rest:
            lines, self.rest = [self.rest], b""
        for line in lines:
            self.log(self.name, line.decode(errors="replace"))
        return bool(chunk)


@contextlib.contextmanager
def caught_signals() -> Iterator[int]:
    """Turn the signals that matter into bytes on a pipe, whose reading end is given."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    wakeup_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def told(status: int) -> str:
    """Give an exit status in words."""
    return f"signal {-status}" if status < 0 else f"status {status}"


def children_of(*, allow_remote: bool, has_relay: bool) -> list[Child]:
    """Give the processes of a host, as this interpreter starts them: four, and the relay where there is one."""
    remote = {"verifier", "dashboard", "relay"} if allow_remote else set()
    return [
        Child(
            name,
            [
                sys.executable,
                "-m",
                "keydesk",
                name,
                *(["--allow-remote"] if name in remote else []),
            ],
            environment=environment_of(name),
        )
        for name in HELD
        if has_relay or name != "relay"
    ]


def environment_of(name: str) -> dict[str, str]:
    """Give this process's environment without the secrets and servers that it has no use for."""
    withheld = {
        PREFIX + secret.upper() + end
        for secret in set(Secret) - HELD[name]
        for end in ("", "_FILE")
    }
    if name in WITHOUT_DATABASE:
        withheld |= DATABASE_VARIABLES
    if name != "worker":
        withheld |= MAIL_VARIABLES
    if name != "verifier":
        withheld |= VALKEY_VARIABLES
    return {variable: value for variable, value in os.environ.items() if variable not in withheld}


def log_to(stream: IO[str]) -> Callable[[str, str], None]:
    """Give a log that writes to a stream, each line with the moment and the process's name."""

    def log(name: str, line: str) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with contextlib.suppress(BrokenPipeError):  # nobody reads any more; the processes go on
            stream.write(f"{moment} {name:<10} | {line}\n")
            stream.flush()

    return log

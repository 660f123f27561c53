"""The start of a host: what has to be true before anything runs, and everything under one supervisor."""

import fcntl
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keydesk.config import PREFIX, Config, ConfigError, Secret
from keydesk.server.addresses import addresses_of, claimed, refuse_remote, taken
from keydesk.server.faults import OperatorFault
from keydesk.server.supervisor import Supervisor, children_of

UNREACHABLE_STATUS: Final = 3
"""The exit status of `keydesk migrate --check` when the database does not answer."""
PROBE_SECONDS: Final = 0.1
"""How long each step of asking an address takes at most where a signal that says stop waits for it; there are two."""
STATUS_LINE_BYTES: Final = 13
NOT_NEEDED: Final = frozenset({Secret.KEY_ENCRYPTION_KEY, Secret.KEY_ENCRYPTION_KEY_PREVIOUS})
"""The secrets without which a desk starts, if need be sealed."""
LOCK_NAME: Final = "desk.lock"


def check_start(config: Config, *, allow_remote: bool) -> None:
    """Raise OperatorFault if this host cannot start: its addresses, its folder, its secrets, its database.

    A database that does not answer is no reason to stay down: the verifier decides from the replica meanwhile. Nor is
    a missing key-encryption key: the dashboard runs sealed without it.
    """
    check_addresses(config, allow_remote=allow_remote)
    check_folder(config.data_dir)
    check_secrecy(config)
    check_secrets(config)
    check_database(config)


def check_addresses(config: Config, *, allow_remote: bool) -> None:
    """Raise OperatorFault if an address is taken, or can be reached from elsewhere without leave."""
    addresses = addresses_of(config)
    if not allow_remote:
        refuse_remote(addresses)
    if faults := taken(addresses):
        raise OperatorFault("\n".join(faults))


def check_folder(folder: Path) -> None:
    """Raise OperatorFault if a folder is not there or cannot be written."""
    if not folder.exists():
        raise OperatorFault(
            f"{folder} is not there: run `keydesk init`, or set {PREFIX}DATA_DIR to the right folder."
        )
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OperatorFault(
            f"{folder} cannot be written ({error.strerror}): make it writable for this user, or set {PREFIX}DATA_DIR "
            "to another folder."
        ) from error


def check_secrecy(config: Config) -> None:
    """Raise OperatorFault if a secret or the SQLite database is open to other users of this host."""
    private = [*(config.secrets_dir / name for name in Secret), config.sqlite_path]
    if faults := [fault for path in private for fault in open_to_others(path, "600")]:
        raise OperatorFault("\n".join(faults))


def check_secrets(config: Config) -> None:
    """Raise OperatorFault if a secret that a process cannot do without is missing, or one that is there is damaged."""
    if faults := [
        fault
        for name in Secret
        for fault in secret_fault(config, name, is_needed=name not in NOT_NEEDED)
    ]:
        raise OperatorFault("\n".join(faults))


def secret_fault(config: Config, name: Secret, *, is_needed: bool = True) -> list[str]:
    """Give the sentence that says why a secret cannot be used, none if it can, or is missing and not needed."""
    try:
        (config.require_secret if is_needed else config.read_secret)(name)
    except ConfigError as fault:
        return [str(fault)]
    return []


def open_to_others(path: Path, mode: str) -> list[str]:
    """Give the sentence that says that others than the owner may use a path, if it is there and they may."""
    try:
        others = stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    except FileNotFoundError:
        return []
    return [f"{path} is open to other users of this host: chmod {mode} {path}"] if others else []


def check_database(config: Config) -> None:
    """Raise OperatorFault if the database is not this code's or cannot be written, as `keydesk migrate --check` says.

    That is a process of its own, since it needs Django.
    """
    checked = subprocess.run(
        [sys.executable, "-m", "keydesk", "migrate", "--check"],
        env={**os.environ, f"{PREFIX}DATA_DIR": str(config.data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if checked.returncode == UNREACHABLE_STATUS:
        sys.stderr.write(checked.stderr)
    elif checked.returncode:
        lines = [line.removeprefix("keydesk: ") for line in checked.stderr.splitlines()]
        raise OperatorFault("\n".join(lines or ["The database cannot be checked."]))


@contextmanager
def sole_desk(folder: Path) -> Iterator[None]:
    """Hold a data folder for one desk while it runs; the hold ends with the process, however that ends.

    Raises OperatorFault if another desk holds it.
    """
    with (folder / LOCK_NAME).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorFault(
                f"Another Keydesk runs with {folder}: stop that one, or choose another folder for this one."
            ) from None
        yield


def has_desk(folder: Path) -> bool:
    """Say whether a desk runs with a data folder."""
    try:
        with (folder / LOCK_NAME).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def run_all(
    config: Config,
    *,
    allow_remote: bool,
    log: Callable[[str, str], None],
    announce: Callable[[], None],
) -> None:
    """Run the processes until a signal says stop; `announce` is called once everything answers.

    Raises OperatorFault if an address was taken since it was looked at.
    """
    supervisor = Supervisor(
        children_of(allow_remote=allow_remote, has_relay=config.relay_port is not None),
        log=log,
        is_up=lambda: (
            answers(config.verifier_host, config.verifier_port, "/readyz")
            and answers(config.host, config.port, "/")
        ),
        announce=announce,
    )
    with claimed(addresses_of(config)):
        supervisor.run()


def answers(host: str, port: int, path: str, *, step_seconds: float = PROBE_SECONDS) -> bool:
    """Say whether an address of this host answers with success or with the way to another page, and at once.

    Only the first bytes of the answer are read, whatever they are, so nothing that listens there can hold up or end
    the process that asks.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((host, port), timeout=step_seconds) as connection:
            connection.sendall(request.encode())
            answer = connection.recv(STATUS_LINE_BYTES)
    except OSError:
        return False
    return answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))

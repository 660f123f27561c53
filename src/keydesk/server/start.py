"""The start of a host: what has to be true before anything runs, and everything under one supervisor."""

import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from keydesk.config import PREFIX, Config
from keydesk.server.addresses import addresses_of, refuse_remote, taken
from keydesk.server.faults import OperatorFault
from keydesk.server.supervisor import Supervisor, children_of

UNREACHABLE_STATUS: Final = 3
"""The exit status of `keydesk migrate --check` when the database does not answer."""
PROBE_SECONDS: Final = 0.5


def check_start(config: Config, *, allow_remote: bool) -> None:
    """Raise OperatorFault, with every fault that is found, if this host cannot start.

    A database that does not answer is no reason to stay down: the verifier decides from the replica meanwhile.
    """
    addresses = addresses_of(config)
    if not allow_remote:
        refuse_remote(addresses)
    faults = taken(addresses)
    if fault := write_fault(config.data_dir):
        faults.append(fault)
    if not faults:
        faults += database_faults()
    if faults:
        raise OperatorFault("\n".join(faults))


def write_fault(folder: Path) -> str | None:
    """Give the sentence that says why a folder cannot be written, None if it can."""
    cure = f"make it writable for this user, or set {PREFIX}DATA_DIR to another folder"
    if not folder.exists():
        return f"{folder} is not there: run `keydesk init`, or set {PREFIX}DATA_DIR to the right folder."
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror}): {cure}."


def database_faults() -> list[str]:
    """Give what `keydesk migrate --check` has against the database; a process of its own, since it needs Django."""
    checked = subprocess.run(
        [sys.executable, "-m", "keydesk", "migrate", "--check"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if checked.returncode == UNREACHABLE_STATUS:
        sys.stderr.write(checked.stderr)
        return []
    lines = [line.removeprefix("keydesk: ") for line in checked.stderr.splitlines()]
    return (lines or ["The database cannot be checked."]) if checked.returncode else []


def run_all(
    config: Config,
    *,
    allow_remote: bool,
    log: Callable[[str, str], None],
    announce: Callable[[], None],
) -> None:
    """Run the four processes until a signal says stop; `announce` is called once everything answers."""
    os.environ[f"{PREFIX}DATA_DIR"] = str(config.data_dir)
    Supervisor(
        children_of(allow_remote=allow_remote),
        log=log,
        is_up=lambda: (
            answers(f"http://{config.verifier_host}:{config.verifier_port}/readyz")
            and answers(f"http://{config.host}:{config.port}/")
        ),
        announce=announce,
    ).run()


def answers(url: str) -> bool:
    """Say whether an address of this host answers with success within half a second."""
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:  # noqa: S310 - an http URL of our own
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, urllib.error.URLError):
        return False

"""What Keydesk is compared with and does not depend on: each peer in an environment of its own, made at first use.

Its packages come from a lock beside its application, every file pinned by its hash.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from servers import Server, free_port, running

HERE = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "keydesk-bench"


def python_of(peer: str) -> Path:
    """Give the Python of a peer's environment, which is made if it is not there; its name has the lock's hash."""
    lock = HERE / f"{peer}.txt"
    folder = CACHE / f"{peer}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([str(python), *install, "--require-hashes", "-r", str(lock)], check=True)
        done.touch()
    return python


def environment(**more: str) -> dict[str, str]:
    """Give this process's environment without what would lead a peer to Keydesk's own packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


@contextlib.contextmanager
def starlette(keys_file: Path) -> Iterator[Server]:
    """Run Starlette with `safe-api-keys` and its cache under uvicorn, one process."""
    port = free_port()
    command = [python_of("starlette"), HERE / "starlette_app.py", keys_file, port]
    with running([str(part) for part in command], environment(), port=port) as server:
        yield server


@contextlib.contextmanager
def django(folder: Path, keys_file: Path) -> Iterator[Server]:
    """Run Django with `djangorestframework-api-key` on SQLite under Granian, one worker."""
    folder.mkdir()
    port, python = free_port(), python_of("django")
    of_peer = environment(PEER_DATABASE=str(folder / "keys.sqlite3"), PYTHONPATH=str(HERE))
    filling = [str(python), str(HERE / "django_app.py"), str(keys_file)]
    subprocess.run(filling, env=of_peer, check=True)
    granian = [str(python.with_name("granian")), "--interface", "wsgi", "--port", str(port)]
    alone = ["--workers", "1", "--blocking-threads", "1", "--no-access-log", "--log-level", "error"]
    with running([*granian, *alone, "django_app:application"], of_peer, port=port) as server:
        yield server


def within(peer: str, keys_file: Path, **more: str) -> float:
    """Give the microseconds of a peer's check by itself, in a process of its own."""
    command = [python_of(peer), HERE / f"{peer}_within.py", keys_file]
    paths = os.pathsep.join([str(HERE), str(HERE.parent)])
    printed = subprocess.run(
        [str(part) for part in command],
        env=environment(**more, PYTHONPATH=paths),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return float(printed)

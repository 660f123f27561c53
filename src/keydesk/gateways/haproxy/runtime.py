"""HAProxy's Runtime API over its socket: each question on a connection of its own, so that none goes to a process gone.

Values come from a strict alphabet (`entries`), since a `;` would begin another command and an empty line end a payload.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

WAIT_SECONDS: Final = 10.0
PAYLOAD_BYTES: Final = 12_000
"""How much is sent at once: HAProxy takes no command larger than its buffer, of 16 KiB unless told otherwise."""
COUNT: Final = re.compile(r"^\d+ \((?P<path>[^)]+)\) .*entry_cnt=(?P<count>\d+)$", re.MULTILINE)
VERSION: Final = re.compile(r"New version created: (\d+)")
VARIABLE: Final = re.compile(r"type=str value=<([^>]*)>")
PID: Final = re.compile(r"^Pid: (\d+)$", re.MULTILINE)
ENTRY: Final = re.compile(r"^0x[0-9a-f]+ (\S+) (.*)$", re.MULTILINE)
NOT_THERE: Final = "entry not found"

Pair = tuple[str, str]
"""A key of a map and its value."""


class RuntimeFault(Exception):  # noqa: N818 - it names a state, not a mistake
    """HAProxy did not do what it was told; the message says what it answered."""


class Runtime:
    """One HAProxy, reached through its socket. Every method may raise RuntimeFault, or OSError if it falls silent."""

    def __init__(self, path: Path) -> None:
        """Takes the socket of level admin."""
        self._path: Final = str(path)

    def pid(self) -> int:
        """Give the process that answers."""
        return int(self._read(PID, "show info"))

    def place(self) -> str:
        """Give what the configuration says that it decides about; empty if it says nothing."""
        found = VARIABLE.search(self._ask("get var proc.keydesk_place"))
        return found[1] if found else ""

    def counts(self) -> dict[str, int]:
        """Give the path of each map and how many entries it has, those of versions in preparation included."""
        return {
            found["path"]: int(found["count"]) for found in COUNT.finditer(self._ask("show map"))
        }

    def values(self, path: str) -> dict[str, str]:
        """Give what a map holds: no large one, for HAProxy writes it out line by line."""
        return dict(ENTRY.findall(self._ask(f"show map {path}")))

    def prepare(self, path: str) -> int:
        """Begin a new version of a map, which nobody reads before it is committed; gives its number."""
        return int(self._read(VERSION, f"prepare map {path}"))

    def commit(self, path: str, version: int) -> None:
        """Put a prepared version in the place of what a map holds."""
        self._do(f"commit map @{version} {path}")

    def clear(self, path: str, version: int) -> None:
        """Take back a prepared version of a map."""
        self._do(f"clear map @{version} {path}")

    def add(self, path: str, pairs: Iterable[Pair], *, version: int | None = None) -> int:
        """Add entries whose keys a map does not have, and give how many."""
        target, count = path if version is None else f"@{version} {path}", 0
        for lines in batches(f"{key} {value}\n" for key, value in pairs):
            self._do(f"add map {target} <<\n{''.join(lines)}")
            count += len(lines)
        return count

    def set(self, path: str, key: str, value: str) -> bool:
        """Change the entry of a key; says whether there is one."""
        escaped = value.replace(" ", "\\ ")
        answer = self._ask(f"set map {path} {key} {escaped}")
        if answer and NOT_THERE not in answer:
            raise RuntimeFault(f"HAProxy did not change an entry: {answer}")
        return not answer

    def remove(self, path: str, key: str) -> None:
        """Remove the entry of a key, if there is one."""
        self._ask(f"del map {path} {key}")

    def _do(self, command: str) -> None:
        answer = self._ask(command)
        if answer:
            raise RuntimeFault(f"HAProxy answered {command.partition('<<')[0]!r} with {answer!r}.")

    def _read(self, pattern: "re.Pattern[str]", command: str) -> str:
        answer = self._ask(command)
        found = pattern.search(answer)
        if found is None:
            raise RuntimeFault(f"HAProxy answered {command!r} with {answer!r}.")
        return found[1]

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(WAIT_SECONDS)
            try:
                connection.connect(self._path)
            except OSError as error:
                raise RuntimeFault(
                    f"{self._path} cannot be reached ({error.strerror or error}): it is HAProxy's `stats socket`, to "
                    "which this user has to be able to write."
                ) from error
            connection.sendall(f"{command}\n".encode("ascii"))
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        return received.decode("utf-8", "replace").strip()


def batches(lines: Iterable[str]) -> Iterator[list[str]]:
    """Give lines in lists that HAProxy takes at once."""
    batch: list[str] = []
    size = 0
    for line in lines:
        if size + len(line) > PAYLOAD_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch

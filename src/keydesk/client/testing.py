"""A desk for a service's own tests: a temporary replica with the keys that a test asks for, and nothing to install.

What is checked is checked as in production, by the same function over the same kind of file; only the rows are a
test's. Processes that a test starts find the same desk through `environment`.
"""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from msgspec.structs import replace

from keydesk.client.desk import Keydesk, close_all
from keydesk.client.scribe import DONE, as_line
from keydesk.config import SECRET_BYTES, Config
from keydesk.core.digest import key_digester
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import (
    AccountRecord,
    AccountStatus,
    EntitlementRecord,
    EntitlementState,
    Envelope,
    Environment,
    KeyRecord,
    KeyState,
    ProductRecord,
    ProductState,
    Record,
)

MARKER: Final = "kd"
ACCOUNT: Final = "acme"
"""Whose keys are where a test does not say whose."""


class Desk:
    """A desk whose accounts, products and keys a test makes and changes; each change holds once the call returns."""

    def __init__(self, folder: Path, scribe: subprocess.Popen[bytes]) -> None:
        """Takes the data folder, and the process that writes its replica."""
        pepper = secrets.token_bytes(SECRET_BYTES)
        self.environment: Final = {
            "KEYDESK_DATA_DIR": str(folder),
            "KEYDESK_PEPPER": base64.b64encode(pepper).decode(),
        }
        """What a process has to have in its environment to check against this desk."""
        config = Config(data_dir=folder, key_marker=MARKER)
        self.keydesk: Final = Keydesk(config, pepper=pepper)
        """What to give to the application under test."""
        self._format: Final = KeyFormat(MARKER)
        self._digest: Final = key_digester(pepper)
        self._scribe: Final = scribe
        self._revision = 0
        self._accounts: dict[str, AccountRecord] = {}
        self._products: dict[str, ProductRecord] = {}
        self._keys: dict[str, KeyRecord] = {}

    def account(self, username: str = ACCOUNT, **fields: Any) -> AccountRecord:
        """Make an account, approved unless told otherwise, or change fields of one: `status`, `networks`."""
        made = AccountRecord(f"acc_{username}", username, AccountStatus.APPROVED, (), 0)
        record = replace(self._accounts.get(username, made), **fields)
        self._accounts[username] = self._write(record)
        return self._accounts[username]

    def product(self, slug: str, **fields: Any) -> ProductRecord:
        """Make a product, or change fields of one: `state`, `limits`, `envelope`, `requires_username`, `lease_seconds`.

        It has no lease unless told otherwise, so that a long run of tests is no outage.
        """
        made = ProductRecord(slug, ProductState.ACTIVE, False, None, Envelope.PROBLEM, (), 0)
        self._products[slug] = self._write(replace(self._products.get(slug, made), **fields))
        return self._products[slug]

    def key(self, product: str, *, username: str = ACCOUNT, **fields: Any) -> str:
        """Give the text of a new key for a product; account and product are made if they are not there.

        Takes fields of a key: `environment`, `scopes`, `networks`, `limits`, `expires_at` in Unix seconds.
        """
        account = self._accounts.get(username) or self.account(username)
        if product not in self._products:
            self.product(product)
        environment = Environment(fields.pop("environment", Environment.LIVE))
        text = self._format.mint(environment)
        made = KeyRecord(
            id=f"key_{secrets.token_hex(10)}",
            digest=self._digest(text),
            account=account.id,
            product=product,
            environment=environment,
            state=KeyState.ACTIVE,
            expires_at=None,
            retires_at=None,
            scopes=(),
            networks=(),
            limits=(),
            revision=0,
        )
        self._write(
            EntitlementRecord(account.id, product, environment, EntitlementState.ENABLED, (), 0)
        )
        self._keys[text] = self._write(replace(made, **fields))
        return text

    def revoke(self, key: str) -> None:
        """Revoke a key by its text. Raises KeyError if it is none of this desk."""
        self._keys[key] = self._write(replace(self._keys[key], state=KeyState.REVOKED))

    def _write(self, record: Any) -> Any:
        """Give a row as it stands in the replica, once it does."""
        self._revision += 1
        written: Record = replace(record, revision=self._revision)
        to_scribe, from_scribe = pipes_of(self._scribe)
        to_scribe.write(as_line([written]))
        to_scribe.flush()
        if from_scribe.readline() != DONE:
            raise RuntimeError("The replica of the test's desk cannot be written.")
        return written


@contextmanager
def desk() -> Iterator[Desk]:
    """Give a desk in a temporary folder, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="keydesk-") as name:
        folder = Path(name)
        with scribe(folder / "replica") as writing:
            made = Desk(folder, writing)
            try:
                yield made
            finally:
                close_all(made.keydesk.data_dir)


@contextmanager
def scribe(replica_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that writes the replica in a folder until the end of the block."""
    writing = subprocess.Popen(  # noqa: S603 - a module of our own
        [sys.executable, "-m", "keydesk.client.scribe", str(replica_dir)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield writing
    finally:
        for pipe in pipes_of(writing):
            pipe.close()
        writing.wait()


def pipes_of(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Give what is written to a process and what is read from it. Raises RuntimeError if there is no such thing."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("The process was started without pipes.")
    return process.stdin, process.stdout

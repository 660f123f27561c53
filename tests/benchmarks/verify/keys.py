"""The keys of the benchmark: minted quickly from a seed, in a replica and in files for the load."""

import random
from collections.abc import Iterator
from pathlib import Path

from keydesk.core.digest import Digester
from keydesk.core.keyformat import ALPHABET, RANDOM_LENGTH, checksum
from keydesk.core.records import (
    AccountRecord,
    CredentialRecord,
    EntitlementRecord,
    KeyRecord,
    ProductRecord,
    Record,
)
from keydesk.replica.layout import Head
from keydesk.replica.moments import Moment
from keydesk.replica.store import Writer

PRODUCT = "disbursement"
ACCOUNTS = 1000
BAD_SHARE = 0.01
HEAD = Head("benchmark", 1, 0)


def mint_many(marker: str, count: int, *, seed: int) -> Iterator[str]:
    """Give keys of the real format from a seed: speed and the same keys each run, not secrecy."""
    source = random.Random(seed)
    for _ in range(count):
        body = f"{marker}_live_{''.join(source.choices(ALPHABET, k=RANDOM_LENGTH))}"
        yield body + checksum(body)


def rows(keys: list[str], service: str, *, digest: Digester) -> Iterator[Record]:
    """Give everything that lets the keys be accepted: a thousand accounts share them."""
    yield ProductRecord(PRODUCT, "ACTIVE", False, 300, "problem", (), 1)
    for number in range(ACCOUNTS):
        account = f"acc_{number:020d}"
        yield AccountRecord(account, f"customer{number}", "APPROVED", (), 1)
        yield EntitlementRecord(account, PRODUCT, "live", "ENABLED", (), 1)
    yield CredentialRecord(
        "crd_benchmark", digest(service), "ACTIVE", ("verify",), 4_000_000_000, 1
    )
    for number, key in enumerate(keys):
        account = f"acc_{number % ACCOUNTS:020d}"
        name = f"key_{number:020d}"
        yield KeyRecord(
            id=name,
            digest=digest(key),
            account=account,
            product=PRODUCT,
            environment="live",
            state="ACTIVE",
            expires_at=None,
            retires_at=None,
            scopes=("payout", "read"),
            networks=(),
            limits=(),
            revision=1,
        )


def fill(replica_dir: Path, keys: list[str], service: str, *, digest: Digester) -> None:
    """Write the replica."""
    with Writer(replica_dir) as writer:
        writer.snapshot(HEAD, rows(keys, service, digest=digest), confirmed=Moment.ago())


def write_load(path: Path, keys: list[str]) -> None:
    """Write the keys that the load draws from, one a line: every minted key, and 1 % bad ones.

    Half of the bad ones have a wrong checksum, half are well-formed and unknown.
    """
    bad = int(len(keys) * BAD_SHARE / (1 - BAD_SHARE)) // 2
    broken = [key[:-1] + ("0" if key[-1] != "0" else "1") for key in keys[:bad]]
    unknown = mint_many(keys[0].partition("_")[0], bad, seed=2)
    path.write_text("\n".join([*keys, *broken, *unknown]) + "\n")

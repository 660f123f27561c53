"""`make bench`: how long the desk takes for its heaviest pages at 100,000 accounts, in process.

The rows are written straight into the database, because no desk grows to this size in a minute; the pages are asked
through Django, from the request to the rendered answer. Figures are told and written, and never fail by the clock.
"""

import argparse
import base64
import json
import os
import secrets
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[3] / "test-results"
AIM_MS = 50
AT_A_TIME = 5_000
PRODUCTS = ("disbursement", "account-inquiry", "payment-link")


def main() -> None:
    """Make the installation, fill it, ask each page many times, print and write."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=100, help="of each page")
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite without it")
    options, _others = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="keydesk-bench-") as name:
        install(Path(name), options.database_url)
        fill(options.accounts)
        report = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "accounts": options.accounts,
            "database": "postgresql" if options.database_url else "sqlite",
            "aim_ms": AIM_MS,
            "pages_ms": measure(options.accounts, options.asks),
        }
    tell(report)


def install(folder: Path, database_url: str | None) -> None:
    """Set Django up on a data folder of its own, with its tables."""
    from keydesk.config import Secret

    (folder / "secrets").mkdir()
    for name in Secret:
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
    from keydesk.control.catalog.models import Product
    from keydesk.control.feed.models import FeedHead
    from keydesk.control.people.models import User

    say(f"writing {count:,} accounts")
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
    for start in range(0, count, AT_A_TIME):
        write(range(start, min(start + AT_A_TIME, count)), revisions, now)
    FeedHead.objects.update(revision=next(revisions))


def write(numbers: range, revisions: Any, now: datetime) -> None:
    """Write a stretch of accounts with what belongs to them."""
    from keydesk.control.accounts.models import Account
    from keydesk.control.entitlements.models import Entitlement
    from keydesk.control.keys.models import ApiKey
    from keydesk.control.people.models import Membership, User

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
    users = User.objects.bulk_create(
        User(email=f"ana@company-{number}.example", full_name=f"Ana {number}") for number in numbers
    )
    Membership.objects.bulk_create(
        Membership(user=user, account=account, role="superadmin")
        for user, account in zip(users, accounts, strict=True)
    )
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
        ApiKey(
            account=account,
            product_id=product,
            environment="live",
            name=f"Key {turn}",
            digest=secrets.token_bytes(32),
            shown_prefix=f"kd_live_{secrets.token_hex(2)}",
            created_at=now,
            request_token=f"press-{number}-{turn}",
            revision=next(revisions),
            mac=bytes(32),
        )
        for account, product, number, turn in places
    )


def measure(count: int, asks: int) -> dict[str, dict[str, float]]:
    """Ask each page many times as whoever sees it; gives the median and the 95th percentile in milliseconds."""
    from django.test import Client

    from keydesk.control.people.models import User

    middle = count // 2
    staff, member = (Client(SERVER_NAME="127.0.0.1") for _ in range(2))
    staff.force_login(User.objects.get(email="eko@provider.example"))
    member.force_login(User.objects.get(email=f"ana@company-{middle}.example"))
    last = f"/console/accounts/?status=APPROVED&order=oldest&after={middle_id(middle)}"
    pages = {
        "console home": (staff, "/console/"),
        "accounts, newest": (staff, "/console/accounts/"),
        "accounts, approved, in the middle": (staff, last),
        "account": (staff, f"/console/accounts/company-{middle}/"),
        "search, username": (staff, f"/console/search/?q=company-{middle}"),
        "search, a beginning of all": (staff, "/console/search/?q=pt"),
        "search, address": (staff, f"/console/search/?q=ana@company-{middle}"),
        "search, key": (staff, "/console/search/?q=kd_live_ab"),
        "API Key page": (member, f"/a/company-{middle}/settings/developer/api-keys/"),
    }
    return {name: timed(client, address, asks) for name, (client, address) in pages.items()}


def middle_id(number: int) -> str:
    """Give the id of an account in the middle of all."""
    from keydesk.control.accounts.queries import account_by_username

    account = account_by_username(f"company-{number}")
    return "" if account is None else account.id


def timed(client: Any, address: str, asks: int) -> dict[str, float]:
    """Ask for a page this often, after three that warm it up; the processor's time is what other load leaves alone."""
    took, worked = [], []
    for _ in range(asks + 3):
        begin, began = time.perf_counter(), time.process_time()
        answer = client.get(address)
        took.append((time.perf_counter() - begin) * 1000)
        worked.append((time.process_time() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}.")
    steps = statistics.quantiles(took[3:], n=20)
    return {
        "p50": round(statistics.median(took[3:]), 1),
        "p95": round(steps[18], 1),
        "processor_p50": round(statistics.median(worked[3:]), 1),
    }


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - the figures are what it is run for


def tell(report: dict[str, Any]) -> None:
    """Print the figures and write them."""
    for name, figures in report["pages_ms"].items():
        say(
            f"{name:36} p50 {figures['p50']:7.1f} ms   p95 {figures['p95']:7.1f} ms   "
            f"processor {figures['processor_p50']:6.1f} ms"
        )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench-desk.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""The desk's host: a process that does what it is told, one line of JSON at a time, and says when it was acknowledged.

All times are CLOCK_MONOTONIC, which the hosts share: they are one machine.
"""

import json
import secrets
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import django

PROJECT = Path(__file__).parents[2]
SLUG = "disbursement"
MOST_TOLD = 2_000


class Control:
    """The side of the test."""

    def __init__(self, environment, *, inside=()):
        self.process = subprocess.Popen(
            [*inside, sys.executable, "-m", "tests.hosts.control"],
            env=environment | {"PYTHONPATH": f"{PROJECT}/src", "DJANGO_SETTINGS_MODULE": "keydesk.server.settings"},
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def do(self, name, **given):
        """Do one thing; gives when it began, when it was acknowledged (seconds), and what came of it."""
        self.begin(name, **given)
        return self.finish()

    def begin(self, name, **given):
        self.process.stdin.write(json.dumps([name, given]) + "\n")
        self.process.stdin.flush()

    def finish(self):
        line = self.process.stdout.readline()
        assert line, "the desk's process ended"
        began, ended, fault, result = json.loads(line)
        return began, ended, fault, result


def set_up(lease_seconds):
    """Make one product with a short lease, and two accounts that may use it."""
    policies.change_policies(HOST_OPERATOR, changes={"keys_a_product": 10_000})
    catalog.create_product(
        HOST_OPERATOR, slug=SLUG, name="Disbursement", lease_seconds=lease_seconds
    )
    return [approve(username) for username in ("sinarabadi", "duasamudra")]


def approve(username):
    account = accounts.create_account(HOST_OPERATOR, username=username, name="PT")
    for status in (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.APPROVED):
        accounts.set_account_status(HOST_OPERATOR, account_id=account.id, status=status)
    entitlements.enable_product(
        HOST_OPERATOR, account_id=account.id, product=SLUG, environment=Environment.LIVE
    )
    return account.id


def generate(account, limits=()):
    made = keys.generate_key(
        HOST_OPERATOR,
        account_id=account,
        product=SLUG,
        environment=Environment.LIVE,
        name="Key",
        grant=None,
        request_token=secrets.token_urlsafe(),
        choices=Choices(expires_at=None, networks=(), scopes=None, limits=tuple(limits)),
    )
    return made.id, made.plaintext


def revoke(key):
    keys.revoke_key(HOST_OPERATOR, key_id=key)


def suspend(account):
    accounts.set_account_status(
        HOST_OPERATOR, account_id=account, status=AccountStatus.SUSPENDED, reason="a test"
    )


def reinstate(account):
    accounts.set_account_status(
        HOST_OPERATOR, account_id=account, status=AccountStatus.APPROVED, reason=""
    )


def fill(account, count):
    """Publish many keys at once, as rows of their own right; gives the ids and texts of some of them."""
    fields = ApiKey._meta.concrete_fields
    names = ", ".join(field.column for field in fields)
    told = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("UPDATE feed_head SET revision = revision + %s RETURNING revision", [count])
        first = cursor.fetchone()[0] - count
        with cursor.copy(f"COPY api_keys ({names}) FROM STDIN") as copy:
            for revision in range(first + 1, first + count + 1):
                row, text = published_key(account, revision)
                held = [(field, getattr(row, field.attname)) for field in fields]
                copy.write_row([field.get_db_prep_save(value, connection) for field, value in held])
                if len(told) < MOST_TOLD:
                    told.append((row.id, text))
    return told


def published_key(account, revision):
    """Give a key as it is stored, with its MAC, and its text."""
    text = KeyFormat("kd").mint(Environment.LIVE)
    row = ApiKey(
        account_id=account,
        product_id=SLUG,
        environment="live",
        name="Key",
        shown_prefix=text[:12],
        digest=digester()(text),
        created_at=datetime.now(UTC),
        request_token=f"fill-{revision}",
        revision=revision,
    )
    row.mac = row_mac(row_mac_key(), row.record())
    return row, text


ACTS = (set_up, generate, revoke, suspend, reinstate, fill)


def main():
    acts = {act.__name__: act for act in ACTS}
    for line in sys.stdin:
        name, given = json.loads(line)
        began, fault, result = time.monotonic(), "", None
        try:
            result = acts[name](**given)
        except (DatabaseError, InterfaceError) as error:
            fault = str(error)
            connection.close()
        sys.stdout.write(json.dumps([began, time.monotonic(), fault, result]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    django.setup()
    from django.db import DatabaseError, InterfaceError, connection, transaction

    from keydesk.control.access.actor import HOST_OPERATOR
    from keydesk.control.accounts import actions as accounts
    from keydesk.control.catalog import actions as catalog
    from keydesk.control.entitlements import actions as entitlements
    from keydesk.control.feed.actions import row_mac_key
    from keydesk.control.feed.digests import digester
    from keydesk.control.keys import actions as keys
    from keydesk.control.keys.models import ApiKey
    from keydesk.control.keys.restrictions import Choices
    from keydesk.control.policies import actions as policies
    from keydesk.core.digest import row_mac
    from keydesk.core.keyformat import KeyFormat
    from keydesk.core.records import AccountStatus, Environment

    main()

"""A desk's actions in processes that are killed at any moment, and what must hold once they are dead.

As a program it makes an account, lets one process after another do things with keys and PINs until it is killed, or on
PostgreSQL every other time the server's process behind it, and then compares what was acknowledged with what the
database says. What is acknowledged is noted in a file, which outlives both.
"""

import contextlib
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import django
from argon2 import PasswordHasher

MOST_SECONDS = 0.05
"""A process is killed within this time after its first act."""
MOST_TRIES = 4
"""Wrong PINs in a life: one more would lock the PIN."""
PIN, WRONG = "482915", "739104"


class Life:
    """What one process does until it is killed: one thing after another, each noted before and after."""

    def __init__(self, actor, log, first):
        self.actor, self.log, self.first, self.tries = actor, log, first, 0

    def note(self, *words):
        os.write(self.log, json.dumps(words).encode() + b"\n")

    def go_on(self):
        acts = [self.generate, self.regenerate, self.revoke, self.try_pin]
        while True:
            random.choice(acts)()
            if self.first is not None:
                os.write(self.first, str(servers_process()).encode())
                os.close(self.first)
                self.first = None

    def generate(self):
        self.note("generating")
        made = keys.generate_key(
            HOST_OPERATOR, account_id=self.actor.account_id, product="disbursement",
            environment="live", name="Key", grant=None, request_token=secrets.token_urlsafe(),
        )  # fmt: skip
        self.note("generated", made.id, made.plaintext)

    def regenerate(self):
        if old := self.a_live_key():
            self.note("regenerating")
            made = keys.regenerate_key(
                HOST_OPERATOR, key_id=old, grant=None, request_token=secrets.token_urlsafe()
            )
            self.note("revoked", old)
            self.note("generated", made.id, made.plaintext)

    def revoke(self):
        if old := self.a_live_key():
            self.note("revoking")
            keys.revoke_key(HOST_OPERATOR, key_id=old)
            self.note("revoked", old)

    def try_pin(self):
        if self.tries < MOST_TRIES:
            self.tries += 1
            self.note("trying")
            try:
                stepup.confirm(
                    self.actor, pin=WRONG, action=GuardedAction.KEY_REVEAL, object_id="key"
                )
            except Refused as refused:
                assert refused.code is Code.PIN_WRONG, refused  # noqa: PT017 - it is no test that fails here
                self.note("tried")

    def a_live_key(self):
        found = ApiKey.objects.filter(state="ACTIVE").values_list("pk", flat=True)
        return random.choice([*found[:20], None])


def make_person():
    """Give a Superadmin with a PIN, of an account that may use one product."""
    policies.change_policies(HOST_OPERATOR, changes={"keys_a_product": 10_000})
    account = accounts.create_account(HOST_OPERATOR, username="sinarabadi", name="PT").id
    for status in (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.APPROVED):
        accounts.set_account_status(HOST_OPERATOR, account_id=account, status=status)
    catalog.create_product(HOST_OPERATOR, slug="disbursement", name="Disbursement")
    entitlements.enable_product(
        HOST_OPERATOR, account_id=account, product="disbursement", environment=Environment.LIVE
    )
    password = "sembilan kuda di tepi danau"
    user = people.create_user(
        HOST_OPERATOR, email="ana@sinarabadi.example", full_name="Ana", password=password
    )
    people.add_member(HOST_OPERATOR, account_id=account, user_id=user.pk, role=Role.SUPERADMIN)
    ana = Actor(
        kind=ActorKind.MEMBER, label=user.email, user_id=user.pk, account_id=account,
        role=Role.SUPERADMIN, session="session of ana",
    )  # fmt: skip
    stepup.set_pin(ana, pin=PIN, password=password)
    return ana


def live_and_die(ana, log, *, kills_server):
    """Let a process live until it or its server's process is killed; gives the seconds to its first act."""
    heard, first = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(DatabaseError, InterfaceError):
            connect()
            Life(ana, log, first).go_on()
        os._exit(0)
    os.close(first)
    servers = int(os.read(heard, 20))
    took = time.monotonic() - began
    os.close(heard)
    time.sleep(random.uniform(0, MOST_SECONDS))
    os.kill(servers if kills_server else child, signal.SIGKILL)
    ended_by = 0 if kills_server else signal.SIGKILL
    assert os.waitpid(child, 0)[1] == ended_by, "it ended otherwise"
    return took


def connect():
    """Connect as soon as the server lets anybody in: it looks through its log after a process of its own was killed."""
    deadline = time.monotonic() + 60
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            assert time.monotonic() < deadline, "the database stays away"
            time.sleep(0.01)
        else:
            return


def servers_process():
    """Give the id of the server's process behind the connection, 0 on SQLite, which has none."""
    return 0 if connection.vendor == "sqlite" else connection.connection.info.backend_pid


def uncounted_tries(noted):
    """Give how many of a life's wrong PINs were acknowledged and not counted, and let the next begin anew."""
    connect()
    tries = Pin.objects.get().tries
    Pin.objects.update(**counted.Counter.PIN.untried)
    connection.close()
    assert tries <= noted["trying"]
    return max(0, noted["tried"] - tries)


def noted_in(path, after):
    """Give what was noted behind a place in the log, and where that ends."""
    with Path(path).open() as log:
        log.seek(after)
        lines = [json.loads(line) for line in log]
        return lines, log.tell()


def lost(noted):
    """Give what was acknowledged and is not so."""
    held = {row.pk: row for row in ApiKey.objects.all()}
    generated = {words[1]: words[2] for words in noted if words[0] == "generated"}
    revoked = {words[1] for words in noted if words[0] == "revoked"}
    return [
        *(
            key
            for key, text in generated.items()
            if key not in held or bytes(held[key].digest) != digester()(text)
        ),
        *(key for key in revoked if held[key].state != "REVOKED"),
    ]


def without_their_event():
    """Give the keys that were made or ended without one event that says so, and events of which nothing came."""
    made, ended = Counter(), Counter()
    for event in AuditEvent.objects.all():
        if event.event == "key.generated":
            made[event.object_id] += 1
        elif event.event == "key.regenerated":
            made[event.details["replaced_by"]] += 1
            ended[event.object_id] += 1
        elif event.event == "key.revoked":
            ended[event.object_id] += 1
    all_keys = Counter(ApiKey.objects.values_list("pk", flat=True))
    revoked = Counter(ApiKey.objects.filter(state="REVOKED").values_list("pk", flat=True))
    return [each for told, is_so in ((made, all_keys), (ended, revoked))
            for each in (told - is_so) + (is_so - told)]  # fmt: skip


def out_of_order():
    """Give the keys whose row is not the one that control signed, or whose revision the feed does not know."""
    head = FeedHead.objects.get().revision
    return [
        row.pk
        for row in ApiKey.objects.all()
        if row.revision > head or bytes(row.mac) != row_mac(row_mac_key(), row.record())
    ]


def damage():
    """Give what SQLite finds wrong with its file."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        return [row[0] for row in cursor.fetchall() if row[0] != "ok"]


def main(path, kills):
    pins.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    ana = make_person()
    connection.close()
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    noted, place, starts, uncounted = [], 0, [], 0
    for number in range(kills):
        kills_server = connection.vendor == "postgresql" and number % 2 == 1
        starts.append(live_and_die(ana, log, kills_server=kills_server))
        lines, place = noted_in(path, place)
        uncounted += uncounted_tries(Counter(words[0] for words in lines))
        noted += lines
    both = ApiKey.objects.filter(state="ACTIVE", replaced_by__isnull=False)
    said = Counter(words[0] for words in noted)
    unheard = said["tried"] - AuditEvent.objects.filter(event="pin.failed").count()
    found = {
        "lost": lost(noted),
        "uncounted": uncounted + max(0, unheard),
        "without their event": without_their_event(),
        "two of one rotation": [key.pk for key in both],
        "out of order": out_of_order(),
        "damage": damage(),
    }
    sys.stdout.write(json.dumps({"found": found, "said": said, "slowest": max(starts)}))


if __name__ == "__main__":
    django.setup()
    from django.db import DatabaseError, InterfaceError, OperationalError, connection

    from keydesk.control.access.actor import HOST_OPERATOR, Actor, ActorKind
    from keydesk.control.access.refused import Refused
    from keydesk.control.access.roles import Role
    from keydesk.control.accounts import actions as accounts
    from keydesk.control.audit.models import AuditEvent
    from keydesk.control.catalog import actions as catalog
    from keydesk.control.entitlements import actions as entitlements
    from keydesk.control.feed.actions import row_mac_key
    from keydesk.control.feed.digests import digester
    from keydesk.control.feed.models import FeedHead
    from keydesk.control.keys import actions as keys
    from keydesk.control.keys.models import ApiKey
    from keydesk.control.people import actions as people
    from keydesk.control.policies import actions as policies
    from keydesk.control.stepup import actions as stepup
    from keydesk.control.stepup import pins
    from keydesk.control.stepup import tries as counted
    from keydesk.control.stepup.models import Pin
    from keydesk.control.stepup.rules import GuardedAction
    from keydesk.core.codes import Code
    from keydesk.core.digest import row_mac
    from keydesk.core.records import AccountStatus, Environment

    main(sys.argv[1], int(sys.argv[2]))

"""Whatever happens to keys, accounts and products in whatever order, the replica decides as the rules in words say.

Hypothesis draws histories. After each step the replica catches up, and every key that was ever issued is asked about
at its own place, at others, and from an address outside of its list. What the desk should refuse, it has to refuse, and
nothing may have changed by it.
"""

import shutil
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count

import hypothesis
import pytest
import time_machine
from django.conf import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.fixtures.witnesses import approved, on_offer

from keydesk.config import Secret
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.accounts import actions as accounts
from keydesk.control.catalog import actions as catalog
from keydesk.control.entitlements import actions as entitlements
from keydesk.control.feed.digests import digester
from keydesk.control.keys import actions as keys
from keydesk.control.keys.restrictions import Choices
from keydesk.core.codes import Code
from keydesk.core.decide import Decider, Question
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import (
    AccountStatus,
    Environment,
    KeyState,
    ProductState,
)
from keydesk.replica.follow import Follower
from keydesk.replica.sources.postgres import PostgresSource
from keydesk.replica.sources.sqlite import SqliteSource
from keydesk.replica.store import Reader, Writer

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 25
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
INSIDE, OUTSIDE = "198.51.100.7", "203.0.113.7"
NETWORKS = st.sampled_from([(), ("198.51.100.0/24",)])
HOURS = st.sampled_from([None, 1, 48])
PLACES = st.tuples(st.sampled_from([0, 1]), st.sampled_from(list(Environment)))
NUMBERS = count(1)


class Issued:
    """A key as the rules in words know it."""

    def __init__(self, key_id, text, place, *, networks, ends):
        self.id, self.text, self.place = key_id, text, place
        self.networks, self.ends = networks, ends
        self.state, self.is_replaced = KeyState.ACTIVE, False


class Lifecycle(RuleBasedStateMachine):
    """One account with two products, and all that can happen to its keys."""

    issued = Bundle("issued")

    def __init__(self, replica_dir):
        super().__init__()
        self.replica_dir = replica_dir
        self.clock = time_machine.travel(START, tick=False)
        self.hands = self.clock.start()
        number = next(NUMBERS)
        created = accounts.create_account(HOST_OPERATOR, username=f"pt{number}", name="PT Sinar")
        self.account = approved(created).id
        self.status = AccountStatus.APPROVED
        self.products = [f"product-{number}-{place}" for place in "ab"]
        for slug in self.products:
            on_offer(slug, slug.capitalize(), created)
        self.product_states = [ProductState.ACTIVE, ProductState.ACTIVE]
        self.enabled = {(n, env): True for n in (0, 1) for env in Environment}
        self.keys = []
        self.decide = Decider(KeyFormat("kd"), digester()).decide

    def teardown(self):
        self.clock.stop()

    # --- what happens ---

    @rule(target=issued, place=PLACES, networks=NETWORKS, hours=HOURS, presses=st.integers(1, 2))
    def generate(self, place, networks, hours, presses):
        ends = None if hours is None else self.now + timedelta(hours=hours)
        asked = {
            "account_id": self.account,
            "product": self.products[place[0]],
            "environment": place[1],
            "name": "Key",
            "grant": None,
            "request_token": f"press-{next(NUMBERS)}",
            "choices": Choices(networks=networks, expires_at=ends),
        }
        if not self.is_open(place):
            self.refused(keys.generate_key, **asked)
            return multiple()
        made = [keys.generate_key(HOST_OPERATOR, **asked) for _ in range(presses)]
        assert len({(each.id, each.plaintext) for each in made}) == 1
        return self.note(made[0], place, networks=networks, ends=ends)

    @rule(target=issued, key=issued)
    def regenerate(self, key):
        asked = {"key_id": key.id, "grant": None, "request_token": f"press-{next(NUMBERS)}"}
        works = key.state == KeyState.ACTIVE and not self.is_over(key) and not key.is_replaced
        if not (works and self.is_open(key.place)):
            self.refused(keys.regenerate_key, **asked)
            return multiple()
        made = keys.regenerate_key(HOST_OPERATOR, **asked)
        key.state, key.is_replaced = KeyState.REVOKED, True
        return self.note(made, key.place, networks=key.networks, ends=key.ends)

    @rule(key=issued)
    def revoke(self, key):
        if key.state == KeyState.REVOKED:
            self.refused(keys.revoke_key, key_id=key.id)
        else:
            keys.revoke_key(HOST_OPERATOR, key_id=key.id)
            key.state = KeyState.REVOKED

    @rule(key=issued)
    def stop_or_release(self, key):
        if key.state == KeyState.ACTIVE:
            self.refused(keys.release_key, key_id=key.id)
            keys.stop_key(HOST_OPERATOR, key_id=key.id, reason="Leaked")
            key.state = KeyState.DISABLED
        elif key.state == KeyState.DISABLED:
            self.refused(keys.stop_key, key_id=key.id, reason="Again")
            keys.release_key(HOST_OPERATOR, key_id=key.id)
            key.state = KeyState.ACTIVE
        else:
            self.refused(keys.stop_key, key_id=key.id, reason="Leaked")
            self.refused(keys.release_key, key_id=key.id)

    @rule(key=issued, networks=NETWORKS)
    def restrict(self, key, networks):
        asked = {"key_id": key.id, "networks": networks, "scopes": (), "limits": (), "grant": None}
        if key.state == KeyState.REVOKED or self.is_over(key):
            self.refused(keys.restrict_key, **asked)
        else:
            keys.restrict_key(HOST_OPERATOR, **asked)
            key.networks = networks

    @rule()
    def suspend_or_reinstate(self):
        there = {AccountStatus.APPROVED, AccountStatus.SUSPENDED} - {self.status}
        self.status = there.pop()
        accounts.set_account_status(
            HOST_OPERATOR, account_id=self.account, status=self.status, reason="Unpaid"
        )

    @rule(place=PLACES)
    def disable_or_enable(self, place):
        asked = {"account_id": self.account, "product": self.products[place[0]]}
        if self.enabled[place]:
            entitlements.disable_product(
                HOST_OPERATOR, environment=place[1], reason="Misuse", **asked
            )
            self.enabled[place] = False
        elif self.product_states[place[0]] == ProductState.ACTIVE:
            entitlements.enable_product(HOST_OPERATOR, environment=place[1], **asked)
            self.enabled[place] = True

    @rule(product=st.sampled_from([0, 1]))
    def stop_or_resume_a_product(self, product):
        there = {ProductState.ACTIVE, ProductState.STOPPED} - {self.product_states[product]}
        self.product_states[product] = there.pop()
        catalog.set_product_state(
            HOST_OPERATOR,
            slug=self.products[product],
            state=self.product_states[product],
            reason="Incident",
        )

    @rule(minutes=st.sampled_from([1, 59, 60, 60 * 47]))
    def time_goes_by(self, minutes):
        self.hands.shift(timedelta(minutes=minutes))

    @rule()
    def the_replica_is_lost(self):
        shutil.rmtree(self.replica_dir, ignore_errors=True)

    # --- what holds ---

    @invariant()
    def every_key_is_decided_as_the_rules_say(self):
        self.catch_up()
        now = self.now.timestamp()
        with closing(Reader(self.replica_dir)) as reader, reader.rows() as rows:
            for key in self.keys:
                for place in self.enabled:
                    for address in (INSIDE, OUTSIDE):
                        question = Question(
                            key.text, self.products[place[0]], place[1], address=address
                        )
                        found = self.decide(rows, question, now).code
                        assert found == self.expected(key, place, address)

    def expected(self, key, place, address):  # noqa: PLR0911 - one for each row of the contract
        if key.state == KeyState.REVOKED:
            return Code.KEY_REVOKED
        if key.state == KeyState.DISABLED:
            return Code.KEY_DISABLED
        if self.is_over(key):
            return Code.KEY_EXPIRED
        if self.status != AccountStatus.APPROVED:
            return Code.ACCOUNT_INACTIVE
        if key.place[0] != place[0]:
            return Code.WRONG_PRODUCT
        if key.place[1] != place[1]:
            return Code.WRONG_ENVIRONMENT
        if self.product_states[place[0]] != ProductState.ACTIVE or not self.enabled[place]:
            return Code.PRODUCT_NOT_ENABLED
        return Code.IP_NOT_ALLOWED if key.networks and address == OUTSIDE else Code.OK

    # --- in words ---

    @property
    def now(self):
        return datetime.now(UTC)

    def is_over(self, key):
        return key.ends is not None and key.ends <= self.now

    def is_open(self, place):
        """Say whether new keys can be made there."""
        return (
            self.status == AccountStatus.APPROVED
            and self.product_states[place[0]] == ProductState.ACTIVE
            and self.enabled[place]
        )

    def note(self, made, place, *, networks, ends):
        key = Issued(made.id, made.plaintext, place, networks=networks, ends=ends)
        self.keys.append(key)
        return key

    def refused(self, action, **asked):
        with pytest.raises(Refused):
            action(HOST_OPERATOR, **asked)

    def catch_up(self):
        """Bring the replica to what the desk has published, as the replicator does."""
        config = settings.KEYDESK
        url, row_key = config.database_url, config.require_secret(Secret.ROW_MAC_KEY)
        source = PostgresSource(url) if url else SqliteSource(config.sqlite_path)
        with closing(source), Writer(self.replica_dir) as writer:
            Follower(source, writer, row_mac_key=row_key, stop=threading.Event()).step()


def test_every_key_ever_issued_is_decided_as_the_rules_in_words_say(replica_dir, database, rounds):
    run_state_machine_as_test(
        lambda: Lifecycle(replica_dir),
        settings=hypothesis.settings(
            max_examples=rounds,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            phases=[hypothesis.Phase.generate],  # to look for a shorter history takes minutes
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )

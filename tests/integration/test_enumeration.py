"""T1, log-in rows: nobody learns by text or by time whether an address has a log-in.

What takes the time is the slow hash, so the proof counts hashes; a failed log-in, and asking for another address, send
the database the same statements in the same order as well. The clock is printed and never asserted: a busy machine
would decide the test.
"""

import random
import re
import statistics
import time

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from keydesk.control.people.models import User
from keydesk.control.people.passwords import PasswordHasher

pytestmark = pytest.mark.django_db

SAMPLES = 3
VALUE = re.compile(
    r"(?:'(?:[^']|'')*'|\b\d+\b|\bNULL\b)(?:::\w+)?|\bs\d+_x\d+\b|\b_django_curs_\d+_sync_\d+\b"
)
"""What stands in a statement for a value, and the running names of savepoints and cursors."""
OURS = "keydesk.control.people.passwords.PasswordHasher"
NEWCOMER = {
    "full_name": "Hana Putri",
    "company": "PT Baru Sekali",
    "password": "tujuh kucing di atap rumah",
}


@pytest.fixture
def addresses(ana, budi, citra, user_of, settings, password):
    """An address of each class, its password stored under the hash that a real desk uses."""
    settings.PASSWORD_HASHERS = [OURS]
    for user in User.objects.all():
        user.set_password(password)
        user.save()
    User.objects.filter(pk=budi.user_id).update(is_active=False)
    User.objects.filter(pk=citra.user_id).update(email_confirmed_at=None)
    return {
        "unknown": "nobody@example.com",
        "wrong password": ana.label,
        "disabled": budi.label,
        "unconfirmed": citra.label,
    }


@pytest.fixture
def hashes(monkeypatch):
    """Count what takes the time."""
    counted = []
    for name in ("encode", "verify"):
        real = getattr(PasswordHasher, name)

        def count(self, *given, real=real, name=name):
            counted.append(name)
            return real(self, *given)

        monkeypatch.setattr(PasswordHasher, name, count)
    return counted


@pytest.fixture
def measured(addresses, hashes):
    """Ask for each class in mixed order; gives by class what was answered, the hashes that it took, and the seconds."""

    def measured(ask):
        order = [name for name in addresses for _sample in range(SAMPLES)]
        random.shuffle(order)
        found = {name: [] for name in addresses}
        for name in order:
            cache.clear()
            hashes.clear()
            started = time.perf_counter()
            answer = ask(addresses[name])
            seconds = time.perf_counter() - started
            text = answer.content.decode().replace(addresses[name], "…")
            shown = (answer.status_code, answer.headers.get("Location"), without_token(text))
            found[name].append((shown, len(hashes), seconds))
        for name, samples in found.items():
            middle = statistics.median(seconds for _shown, _hashes, seconds in samples)
            print(f"{name:<16} median {middle * 1000:7.2f} ms of {len(samples)}")  # noqa: T201 - a figure for whoever reads the run
        return {
            name: {(shown, hashed) for shown, hashed, _seconds in samples}
            for name, samples in found.items()
        }

    return measured


def without_token(text):
    return re.sub(r'(name="csrfmiddlewaretoken" value=)"[^"]*"', r"\1", text)


def test_a_log_in_that_fails_says_and_costs_the_same_for_everybody(measured):
    form = {"password": "not the password of anybody"}
    found = measured(lambda email: Client().post("/account/login/", form | {"login": email}))
    ((shown, hashed),) = set.union(*found.values())
    assert (shown[0], hashed) == (200, 1)


@pytest.fixture
def asked():
    """Ask for an address, and give the statements that the database was sent, without their values."""

    def asked(ask, address):
        cache.clear()
        with CaptureQueriesContext(connection) as sent:
            ask(address)
        return [VALUE.sub("?", query["sql"]) for query in sent]

    return asked


def test_a_log_in_that_fails_asks_the_same_of_the_database_for_everybody(addresses, asked):
    form = {"password": "not the password of anybody"}
    found = {
        name: asked(lambda email: Client().post("/account/login/", form | {"login": email}), email)
        for name, email in addresses.items()
    }
    assert found == dict.fromkeys(found, found["unknown"])


def test_asking_for_another_address_asks_the_same_of_the_database_for_everybody(
    addresses, asked, browse, dewi, password
):
    with time_machine.travel(timezone.now(), tick=False):  # a session is noted as used now and then
        client = browse(dewi)
        client.post("/account/confirm/", {"password": password})
        found = {
            name: asked(lambda email: client.post("/account/new-address/", {"email": email}), email)
            for name, email in addresses.items()
        }
    assert found == dict.fromkeys(found, found["unknown"])


def test_a_disabled_person_with_the_right_password_is_told_what_a_wrong_one_is_told(
    addresses, hashes, password
):
    cache.clear()
    right, wrong = (
        without_token(
            Client()
            .post("/account/login/", {"login": addresses["disabled"], "password": given})
            .content.decode()
        )
        for given in (password, "not the password")
    )
    assert right == wrong
    assert len(hashes) == 2


def test_asking_for_a_new_password_says_and_costs_the_same_for_everybody(measured):
    found = measured(lambda email: Client().post("/account/reset/", {"email": email}))
    assert set.union(*found.values()) == {((302, "/account/mail/", ""), 0)}


def test_a_sign_up_says_and_costs_the_same_whether_the_address_is_known(measured):
    names = iter(f"baru{number}" for number in range(1000))

    def ask(email):
        if email.startswith("nobody"):
            email = f"{next(names)}@example.com"
        return Client().post(
            "/account/sign-up/", NEWCOMER | {"email": email, "username": next(names)}
        )

    assert set.union(*measured(ask).values()) == {((302, "/account/mail/", ""), 1)}

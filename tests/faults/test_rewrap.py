"""Replacing the key-encryption key loses no sealed copy, whatever kills it, while keys are shown and made (K1)."""

import base64
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fixtures.desk import desk_environment

from keydesk.config import Secret

PROJECT = Path(__file__).parents[2]
DATA_KEYS = 1_600
"""Several times as many as are re-wrapped in one go."""
KILLS = 5
"""How often for each time that `--kills` says."""
POINTS = 5
"""A process is killed after this many lines of progress, and after fewer: the first comes before all data keys."""
DONE = "No data key needs the key-encryption key of before"
LOCKED = "The database does not answer: database is locked."
"""SQLite may not let a command write for five seconds; that ends it as well."""
SECRETS = (Secret.KEY_ENCRYPTION_KEY, Secret.KEY_ENCRYPTION_KEY_PREVIOUS)

FILL = """
import sys
import django; django.setup()
from django.db import transaction
from django.utils.timezone import now
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.models import Account
from keydesk.control.catalog.actions import create_product
from keydesk.control.feed.digests import digester
from keydesk.control.feed.models import FeedHead
from keydesk.control.keys.delivery import key_format
from keydesk.control.keys.models import ApiKey
from keydesk.control.vault import envelope, keyring, safe
from keydesk.control.vault.models import DataKey

def account(number):
    return Account(username=f"account-{number}", name="PT", status="APPROVED", status_changed_at=now(),
                   created_at=now(), revision=number, mac=bytes(32))

def sealed_key(account, known):
    text, secret = key_format().mint("live"), envelope.new_data_key()
    data_key = DataKey(account=account, seals=1)
    safe._wrap(data_key, secret, known)
    key = ApiKey(account=account, product_id="disbursement", environment="live", name="Old", digest=digester()(text),
                 shown_prefix=key_format().shown_prefix(text), request_token="once", created_at=now(),
                 revision=account.revision, mac=bytes(32), data_key=data_key)
    binding = envelope.KeyBinding(account.id, key.id, key.digest, safe.PEPPER_VERSION, data_key.id)
    key.sealed = envelope.seal_key(secret, text, binding=binding)
    return key

with transaction.atomic():
    keyring.require_open()
    create_product(HOST_OPERATOR, slug="disbursement", name="Disbursement")
    accounts = [account(number) for number in range(2, int(sys.argv[1]) + 2)]
    keys = [sealed_key(account, keyring.lock_current()) for account in accounts]
    FeedHead.objects.update(revision=accounts[-1].revision)
    Account.objects.bulk_create(accounts)
    DataKey.objects.bulk_create([key.data_key for key in keys])
    ApiKey.objects.bulk_create(keys)
"""
"""An installation with a sealed key in each of many accounts."""

SERVE = """
import sys
import django; django.setup()
from tests.races.crew import be_patient
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import create_account, set_account_status
from keydesk.control.entitlements.actions import enable_product
from keydesk.control.keys.actions import generate_key, regenerate_key, reveal_key
from keydesk.control.keys.models import ApiKey

def first_key(username):
    account = create_account(HOST_OPERATOR, username=username, name="PT").id
    for status in ("WAITING_FOR_APPROVAL", "APPROVED"):
        set_account_status(HOST_OPERATOR, account_id=account, status=status)
    place = dict(account_id=account, product="disbursement", environment="live")
    enable_product(HOST_OPERATOR, **place)
    made = generate_key(HOST_OPERATOR, **place, name="New", request_token="once", grant=None)
    return regenerate_key(HOST_OPERATOR, key_id=made.id, request_token="twice", grant=None)

be_patient()
old = list(ApiKey.objects.order_by("digest").values_list("id", flat=True))
for number, _ in enumerate(sys.stdin):
    made = first_key(f"new-{number}")
    shown = [reveal_key(HOST_OPERATOR, key_id=key, grant=None) for key in (old[number], made.id)]
    assert shown[1].plaintext == made.plaintext
    print(number, flush=True)
"""
"""A desk that was there before: for each line it makes a key for a new account, replaces it, and shows it and another.

Each text is compared with the key's digest where it is opened.
"""

OPENED = """
import django; django.setup()
from keydesk.control.feed.digests import digester
from keydesk.control.keys.models import ApiKey
from keydesk.control.vault.safe import SealedCopy, open_sealed
opened = 0
for key in ApiKey.objects.exclude(sealed=None).select_related("data_key__key_encryption_key"):
    copy = SealedCopy(key.data_key, bytes(key.sealed))
    text = open_sealed(copy, account_id=key.account_id, key_id=key.id, digest=bytes(key.digest))
    assert digester()(text) == bytes(key.digest)
    opened += 1
print(opened)
"""
"""Open every sealed copy, and say how many there are."""


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request, prepared_once, tmp_path):
    """An installation on the database, with what starts a program in it."""
    shutil.copytree(prepared_once, tmp_path / "data")
    url = request.getfixturevalue("new_url") if request.param == "postgresql" else None
    environment = desk_environment(tmp_path / "data", DATABASE_URL=url)
    environment["DJANGO_SETTINGS_MODULE"] = "keydesk.server.settings"

    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    started = []

    def start(*command):
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, cwd=PROJECT, text=True, **pipes
        )
        started.append(process)
        return process

    finish(start("-m", "keydesk", "migrate"))
    finish(start("-c", FILL, str(DATA_KEYS)))
    yield SimpleNamespace(secrets=tmp_path / "data" / "secrets", start=start)
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def finish(process):
    """Let a program come to its end, which has to be a good one, and give what it told."""
    told, complained = process.communicate()
    assert process.returncode == 0, complained
    return told


@pytest.fixture
def new_url(postgres):
    name = f"rewrap_{secrets.token_hex(8)}"
    postgres.ask(f"CREATE DATABASE {name}")
    return postgres.url(name)


def put_new_secret(folder):
    """Do what the documentation says: keep the old secret beside the new one, at no moment without either."""
    own, previous = (folder / name for name in SECRETS)
    fresh = folder / "fresh"
    previous.write_bytes(own.read_bytes())
    fresh.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    fresh.rename(own)


def rewrap_until(lines, installation, desk):
    """Kill `keydesk rewrap` once it has told so many lines, before each of which the desk is asked for keys.

    Says whether all was done before.
    """
    process, told = installation.start("-m", "keydesk", "rewrap"), ""
    for _ in range(lines):
        print("keys", file=desk.stdin, flush=True)
        told += process.stdout.readline()
    process.kill()
    _, complained = process.communicate()
    assert process.returncode in {0, -signal.SIGKILL} or LOCKED in complained, complained
    answers = [desk.stdout.readline() for _ in range(lines)]
    assert all(answers), desk.stderr.read()
    return DONE in told


def test_a_replacement_that_is_killed_again_and_again_loses_no_sealed_copy(installation, kills):
    desk = installation.start("-c", SERVE)
    is_done, asked = True, [number % POINTS + 1 for number in range(kills * KILLS)]
    for lines in asked:
        if is_done:
            put_new_secret(installation.secrets)
        is_done = rewrap_until(lines, installation, desk)
    assert DONE in finish(installation.start("-m", "keydesk", "rewrap"))
    (installation.secrets / Secret.KEY_ENCRYPTION_KEY_PREVIOUS).unlink()
    finish(desk)
    assert int(finish(installation.start("-c", OPENED))) == DATA_KEYS + sum(asked)

"""Mails about keys: who reads that one was made, replaced, shown, revoked or stopped, or that it ends soon."""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from tests.fixtures.generating import generated

from keydesk.control.access.roles import Role
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.catalog.actions import set_product_state
from keydesk.control.entitlements.actions import disable_product, enable_product
from keydesk.control.keys import endings
from keydesk.control.keys.actions import regenerate_key, release_key, revoke_key, stop_key
from keydesk.control.keys.endings import warn_of_endings
from keydesk.control.keys.models import ApiKey, KeyWarning
from keydesk.control.keys.rules import Overlap
from keydesk.control.outbox.models import Mail
from keydesk.control.people.actions import choose_language
from keydesk.core.records import AccountStatus, Environment, ProductState
from keydesk.web.letters import letter

pytestmark = pytest.mark.django_db

MADE_AT = "2031-03-04T05:06:07.891Z"
WHY = {"reason": "It was published"}


@pytest.fixture
def no_mail(sinar, disbursement, ana, budi, citra):
    """A company with its people, Budi's mail in Indonesian, and nothing that waits to be sent."""
    choose_language(budi, language="id")
    Mail.objects.all().delete()


@pytest.fixture
def clock():
    with time_machine.travel(MADE_AT, tick=False) as clock:
        yield clock


def told():
    """Give what each mail that waits is about, whom it is for, and who did it."""
    waiting = Mail.objects.order_by("id").values_list("kind", "to", "context__person")
    return [(kind.removeprefix("key_"), to, person) for kind, to, person in waiting]


def text_of(mail):
    return letter(mail.kind, language=mail.language, context=mail.context).text


def test_superadmins_read_in_their_language_which_key_somebody_has_generated(
    no_mail, ana, budi, generate, hire, sinar
):
    hana = hire("Hana", sinar, Role.SUPERADMIN)
    choose_language(hana, language="id")
    made = generate(budi, name="Payroll")
    about = {"company": "PT Sinar Abadi", "username": "sinarabadi", "product": "Disbursement"}
    about |= {"environment": "live", "key_name": "Payroll", "prefix": made.shown_prefix}
    about |= {"key_id": made.id, "person": budi.label}
    waiting = Mail.objects.order_by("id").values_list("kind", "to", "language", "context")
    assert list(waiting) == [
        ("key_generated", ana.label, "en", about),
        ("key_generated", hana.label, "id", about),
    ]
    page = reverse("dashboard:key", kwargs={"username": sinar.username, "key_id": made.id})
    assert all(f"{page}\n" in text_of(mail) for mail in Mail.objects.all())


def test_superadmins_read_who_did_what_with_a_live_key_and_of_the_internal_team_no_name(
    no_mail, ana, budi, eko, host, generate, regenerate, reveal
):
    old = generate(budi)
    reveal(budi, old.id)
    new = regenerate(budi, old.id, overlap=Overlap.WEEK)
    stop_key(eko, key_id=new.id, **WHY)
    release_key(eko, key_id=new.id)
    revoke_key(ana, key_id=old.id)
    revoke_key(host, key_id=new.id)
    deeds = ["generated", "revealed", "regenerated", "stopped", "released", "revoked", "revoked"]
    people = [budi.label] * 3 + ["", "", ana.label, ""]
    assert told() == [(deed, ana.label, by) for deed, by in zip(deeds, people, strict=True)]
    stopped = Mail.objects.get(kind="key_stopped")
    assert (stopped.context["reason"], WHY["reason"] in text_of(stopped)) == (WHY["reason"], True)
    assert "Keydesk has stopped an API key" in text_of(stopped)


def test_of_a_test_key_they_read_what_the_internal_team_did_and_that_it_was_shown(
    no_mail, ana, budi, eko, generate, regenerate, reveal
):
    old = generate(budi, environment="test")
    key = regenerate(budi, old.id)
    reveal(budi, key.id)
    stop_key(eko, key_id=key.id, **WHY)
    release_key(eko, key_id=key.id)
    revoke_key(budi, key_id=key.id)
    assert told() == [
        ("revealed", ana.label, budi.label),
        ("stopped", ana.label, ""),
        ("released", ana.label, ""),
    ]


@pytest.mark.parametrize("overlap", [Overlap.NONE, Overlap.DAY])
def test_who_reads_of_a_new_key_reads_until_when_the_old_one_works(
    overlap, no_mail, clock, budi, generate, regenerate
):
    old = generate(budi)
    new = regenerate(budi, old.id, overlap=overlap)
    mail = Mail.objects.get(kind="key_regenerated")
    about = {name: mail.context[name] for name in ("key_id", "prefix", "old_prefix", "ends_at")}
    end = "" if overlap is Overlap.NONE else "2031-03-05 05:06 UTC"
    assert about == {
        "key_id": new.id,
        "prefix": new.shown_prefix,
        "old_prefix": old.shown_prefix,
        "ends_at": end,
    }
    assert (end or "does not work any more") in text_of(mail)


def test_no_mail_holds_a_key(no_mail, ana, generate, regenerate, reveal):
    old = generate(ana)
    new = regenerate(ana, old.id, overlap=Overlap.DAY)
    reveal(ana, new.id)
    written = [f"{mail.context} {text_of(mail)}" for mail in Mail.objects.all()]
    assert len(written) == 3
    for made in (old, new):
        secret = made.plaintext.removeprefix(made.shown_prefix)
        assert (len(secret) > len(made.plaintext) / 2, secret in str(written)) == (True, False)


def test_a_key_that_is_delivered_a_second_time_is_mailed_once(
    no_mail, ana, budi, generate, regenerate
):
    old = generate(budi, token="pressed once")
    generate(budi, token="pressed once")
    regenerate(budi, old.id, token="pressed too", overlap=Overlap.DAY)
    regenerate(budi, old.id, token="pressed too", overlap=Overlap.DAY)
    expected = [(deed, ana.label, budi.label) for deed in ("generated", "regenerated")]
    assert told() == expected


def test_a_revocation_that_is_rolled_back_is_told_to_nobody(no_mail, sinar, ana):
    made = generated(sinar)
    Mail.objects.all().delete()
    with transaction.atomic():
        revoke_key(ana, key_id=made.id)
        assert told() == [("revoked", ana.label, ana.label)]
        transaction.set_rollback(True)
    assert told() == []


def ending(account, days, **more):
    """Make a key that ends after so many days, and forget the mail about it."""
    made = generated(account, expires_at=timezone.now() + timedelta(days=days), **more)
    Mail.objects.all().delete()
    return made


def warned(clock, end, days_left):
    """Let a worker run so many days before the end, and give whom each new mail is for."""
    clock.move_to(end - timedelta(days=days_left))
    before = Mail.objects.count()
    warn_of_endings()
    return list(Mail.objects.order_by("id").values_list("to", flat=True)[before:])


@pytest.mark.parametrize(
    ("life", "warned_at"),
    [(32, [29, 6, 0.9]), (30.9, [6, 0.9]), (7.9, [0.9]), (1.9, [])],
)
def test_managers_are_warned_30_7_and_1_days_ahead_of_ends_that_nobody_has_just_chosen(
    life, warned_at, no_mail, clock, sinar, ana, budi
):
    ending(sinar, life)
    end = ApiKey.objects.get().expires_at
    moments = [left for left in (31, 29, 8, 6, 2, 0.9, -1) if left < life]
    seen = {left: warned(clock, end, left) for left in moments}
    managers = [ana.label, budi.label]
    assert seen == {left: managers if left in warned_at else [] for left in moments}
    mails = Mail.objects.order_by("id").values_list("kind", "language", "context__ends_at")
    words = f"{end:%Y-%m-%d %H:%M} UTC"
    assert list(mails) == [
        ("key_expiring", lang, words) for _ in warned_at for lang in ("en", "id")
    ]


def test_after_an_outage_of_the_workers_only_the_nearest_warning_is_sent(
    no_mail, clock, sinar, ana, budi
):
    ending(sinar, 90)
    end = ApiKey.objects.get().expires_at
    assert [len(warned(clock, end, left)) for left in (5, 29, 4, 0.5, 0.4)] == [2, 0, 0, 2, 0]


def test_a_replaced_key_is_warned_of_by_the_end_of_its_overlap_and_its_successor_named(
    no_mail, clock, sinar, ana, host
):
    old = ending(sinar, 90)
    clock.shift(timedelta(days=10))
    new = regenerate_key(
        host, key_id=old.id, grant=None, request_token="again", overlap=Overlap.MONTH
    )
    Mail.objects.all().delete()
    end = ApiKey.objects.get(pk=old.id).retires_at
    assert [len(warned(clock, end, left)) for left in (29, 6, 0.9)] == [0, 2, 2]
    mail = Mail.objects.first()
    assert (mail.context["prefix"], mail.context["new_prefix"]) == (
        old.shown_prefix,
        new.shown_prefix,
    )
    assert f"replaced by {new.shown_prefix}…" in text_of(mail)


def test_a_key_whose_end_moves_is_warned_of_anew(no_mail, clock, sinar, ana):
    made = ending(sinar, 90)
    end = ApiKey.objects.get().expires_at
    assert len(warned(clock, end, 6)) == 2
    ApiKey.objects.filter(pk=made.id).update(expires_at=end + timedelta(hours=1))
    assert len(warned(clock, end, 6)) == 2


def put_away(sinar, host, key_id):
    """Give how what a key needs is taken away and given back, by what that is."""
    account = {"account_id": sinar.id, "reason": "Looked at"}
    place = {
        "account_id": sinar.id,
        "product": "disbursement",
        "environment": Environment.LIVE,
    }
    product = {"slug": "disbursement", "reason": "Looked at"}
    return {
        "key": (
            lambda: stop_key(host, key_id=key_id, **WHY),
            lambda: release_key(host, key_id=key_id),
        ),
        "account": (
            lambda: set_account_status(host, status=AccountStatus.SUSPENDED, **account),
            lambda: set_account_status(host, status=AccountStatus.APPROVED, **account),
        ),
        "product": (
            lambda: set_product_state(host, state=ProductState.STOPPED, **product),
            lambda: set_product_state(host, state=ProductState.ACTIVE, **product),
        ),
        "entitlement": (
            lambda: disable_product(host, **place, **WHY),
            lambda: enable_product(host, **place),
        ),
    }


@pytest.mark.parametrize("what", ["key", "account", "product", "entitlement"])
def test_of_a_key_that_does_not_work_nobody_is_warned_until_it_works_again(
    what, no_mail, clock, sinar, host
):
    made = ending(sinar, 90)
    end = ApiKey.objects.get().expires_at
    take, give_back = put_away(sinar, host, made.id)[what]
    take()
    assert warned(clock, end, 6) == []
    give_back()
    assert len(warned(clock, end, 5)) == 2


def test_nobody_is_warned_of_keys_that_are_revoked_or_for_tests_or_have_no_end(
    no_mail, clock, sinar, host
):
    made = ending(sinar, 90)
    end = ApiKey.objects.get().expires_at
    revoke_key(host, key_id=made.id)
    ending(sinar, 90, environment="test")
    generated(sinar, name="For good")
    assert [warned(clock, end, left) for left in (29, 6, 0.9)] == [[], [], []]


def test_a_run_warns_of_so_many_keys_and_leaves_the_others_to_the_next(
    no_mail, clock, sinar, monkeypatch
):
    monkeypatch.setattr(endings, "AT_A_TIME", 2)
    for number in range(3):
        ending(sinar, 90, name=f"Key {number}")
    clock.move_to(timezone.now() + timedelta(days=89.5))
    assert [warn_of_endings() for _ in range(3)] == [2, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_warn_of_each_key_once(
    no_mail, clock, sinar, ana, budi, at_once, collisions
):
    for number in range(2):
        ending(sinar, 90, name=f"Key {number}")
    clock.move_to(timezone.now() + timedelta(days=85))
    for _round in range(collisions):
        Mail.objects.all().delete()
        KeyWarning.objects.all().delete()
        assert sum(at_once(warn_of_endings, warn_of_endings)) == 2
        assert (
            sorted(Mail.objects.values_list("to", flat=True)) == [ana.label] * 2 + [budi.label] * 2
        )

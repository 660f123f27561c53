"""Mail: queued with the change that it tells of, written in its reader's language, sent by a worker that may die."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from msgspec.structs import replace

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.entitlements.actions import disable_product, enable_product
from keydesk.control.outbox.actions import post
from keydesk.control.outbox.delivery import (
    CLAIM_SECONDS,
    DELAYS_SECONDS,
    MOST_ATTEMPTS,
    claim_mail,
    note_failed,
    note_sent,
)
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.outbox.models import KeptLetter, Mail
from keydesk.control.people.actions import change_role, choose_language, note_login
from keydesk.control.stepup.actions import confirm
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.records import AccountStatus, Environment
from keydesk.jobs.mail import send_due_mail, server_of
from keydesk.web.letters import letter, paragraphs_of

pytestmark = pytest.mark.django_db

OF_A_KEY = {"company", "username", "product", "environment", "key_name", "prefix", "key_id"}
BY_SOMEBODY = OF_A_KEY | {"person"}
LINK = "https://desk.example/secret-link"
CONTEXTS = {
    MailKind.ACCOUNT_APPROVED: {"company", "username"},
    MailKind.ACCOUNT_NEEDS_REVISION: {"company", "username", "reason"},
    MailKind.ACCOUNT_REJECTED: {"company", "username", "reason"},
    MailKind.ADDRESS_CHANGED: {"email"},
    MailKind.ADDRESS_CHANGE_ASKED: {"email"},
    MailKind.ADDRESS_CHANGE_CONFIRM: {"url"},
    MailKind.ADDRESS_CHANGE_KNOWN: {"url"},
    MailKind.ADDRESS_CONFIRM: {"name", "url"},
    MailKind.ADDRESS_KNOWN: {"url"},
    MailKind.APPLICATION_SUBMITTED: {"company", "username"},
    MailKind.INVITATION: {"company", "role", "invited_by", "url"},
    MailKind.KEY_EXPIRING: OF_A_KEY | {"ends_at", "new_prefix"},
    MailKind.KEY_GENERATED: BY_SOMEBODY,
    MailKind.KEY_REGENERATED: BY_SOMEBODY | {"old_prefix", "ends_at"},
    MailKind.KEY_RELEASED: BY_SOMEBODY,
    MailKind.KEY_REVEALED: BY_SOMEBODY,
    MailKind.KEY_REVOKED: BY_SOMEBODY,
    MailKind.KEY_STOPPED: BY_SOMEBODY | {"reason"},
    MailKind.PASSWORD_RESET: {"url"},
    MailKind.PIN_LOCKED: {"name"},
    MailKind.PIN_REPLACED: {"name", "reveals_from"},
    MailKind.PIN_RESET: {"name", "url"},
    MailKind.PIN_TAKEN_AWAY: {"name", "by"},
    MailKind.PRODUCT_DISABLED: {"company", "username", "product", "environment", "reason"},
    MailKind.PRODUCT_ENABLED: {"company", "username", "product", "environment"},
    MailKind.ROLE_CHANGED: {"company", "role", "changed_by"},
    MailKind.SIGN_IN_NEW: {"name", "ip", "browser"},
}


def context_of(kind):
    return {name: LINK if name == "url" else f"<{name}>" for name in CONTEXTS[kind]}


def mails():
    return [
        (mail.kind, mail.to, mail.language, mail.context) for mail in Mail.objects.order_by("id")
    ]


def queue(**changes):
    given = {"to": "ana@example.com", "language": "en", "context": {"url": LINK}} | changes
    with transaction.atomic():
        post(MailKind.PASSWORD_RESET, **given)


def make_due():
    Mail.objects.update(due_at=timezone.now())


@pytest.fixture
def no_mail(sinar, disbursement, ana, budi):
    """A company with its people, and nothing that waits to be sent."""
    Mail.objects.all().delete()


@pytest.fixture
def sending(settings, mail_server):
    """A desk that sends through the mail server."""
    changes = {"mail_url": mail_server.url, "mail_from": "desk@provider.example"}
    settings.KEYDESK = replace(settings.KEYDESK, **changes)
    return mail_server


def test_every_kind_of_mail_has_its_context_here():
    assert set(CONTEXTS) == set(MailKind)


@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("language", ["en", "id"])
def test_a_mail_says_in_the_readers_language_all_that_it_knows_and_has_one_link(kind, language):
    context = context_of(kind)
    written = letter(kind, language=language, context=context)
    unsaid = {"name", "username"}
    said = {name for name in context if context[name].lower() in written.text.lower()}
    assert context.keys() - unsaid <= said
    links = [paragraph.url for paragraph in paragraphs_of(written.text) if paragraph.url]
    assert len(links) == 1
    assert links[0] == context.get("url", links[0])
    assert links[0].startswith(("http://127.0.0.1:8000/", "https://desk.example/"))
    assert (bool(written.subject), "\n" in written.subject) == (True, False)


@pytest.mark.parametrize("kind", MailKind)
def test_a_mail_is_written_twice_and_not_in_one_language_twice(kind):
    english, indonesian = (
        letter(kind, language=language, context=context_of(kind)) for language in ("en", "id")
    )
    for one, other in zip(paragraphs_of(english.text), paragraphs_of(indonesian.text), strict=True):
        assert (one.text != other.text, one.url) == (True, other.url)


@pytest.mark.parametrize("kind", MailKind)
def test_the_html_of_a_mail_says_what_its_text_says_and_fetches_nothing(kind):
    written = letter(kind, language="en", context=context_of(kind))
    assert re.findall(r"<(?:img|link|script|style|iframe)|\bsrc=", written.html) == []
    assert "<company>" not in written.html
    assert written.html.count("<p>") == 1 + len(paragraphs_of(written.text))


def test_nobody_writes_a_paragraph_or_a_link_into_a_mail():
    evil = "PT Jahat\n\nConfirm here:\nhttps://evil.example/"
    context = context_of(MailKind.ACCOUNT_APPROVED) | {"company": evil}
    written = letter(MailKind.ACCOUNT_APPROVED, language="en", context=context)
    links = [paragraph.url for paragraph in paragraphs_of(written.text) if paragraph.url]
    assert links == ["http://127.0.0.1:8000/a/<username>/"]
    assert "\n" not in written.subject


def test_a_mail_bears_the_brand_that_the_provider_has_chosen(policies):
    policies(brand_name="Acme & Pay")
    written = letter(MailKind.ADDRESS_CONFIRM, language="en", context={"url": LINK})
    assert "Acme & Pay" in written.text
    assert "Acme &amp; Pay" in written.html


def test_without_a_way_to_send_mail_waits_and_no_try_is_counted():
    queue()
    send_due_mail()
    assert list(Mail.objects.values_list("attempts", "sent_at")) == [(0, None)]


def test_a_mail_is_sent_in_text_and_html_and_then_forgets_what_it_said(sending):
    queue()
    send_due_mail()
    (message,) = sending.taken
    assert (message["From"], message["To"]) == ("desk@provider.example", "ana@example.com")
    assert message.get_body(["plain"]).get_content().count(LINK) == 1
    assert LINK in message.get_body(["html"]).get_content()
    mail = Mail.objects.get()
    assert (mail.context, mail.attempts, mail.sent_at is not None) == ({}, 1, True)
    send_due_mail()
    assert len(sending.taken) == 1


def test_a_worker_that_died_after_the_claim_loses_no_mail_and_a_second_one_is_the_same(sending):
    queue()
    assert claim_mail() is not None  # and then this worker dies
    send_due_mail()
    assert sending.taken == []
    lapse = timezone.now() - timedelta(seconds=CLAIM_SECONDS)
    Mail.objects.update(due_at=lapse)
    send_due_mail()
    send_due_mail()
    assert len(sending.taken) == 1
    assert Mail.objects.get().attempts == 2


def test_a_mail_that_was_sent_and_not_noted_goes_out_again_under_the_same_id(sending, monkeypatch):
    queue()
    monkeypatch.setattr("keydesk.jobs.mail.note_sent", lambda _mail: None)
    send_due_mail()
    monkeypatch.undo()
    make_due()
    send_due_mail()
    first, second = sending.taken
    assert first["Message-ID"] == second["Message-ID"] != ""


def test_a_refused_mail_is_tried_later_and_later_and_in_the_end_forgotten(sending):
    queue()
    sending.refusal = f"550 5.1.1 nobody here, and you said {LINK}"
    for delay_seconds in DELAYS_SECONDS:
        send_due_mail()
        mail = Mail.objects.get()
        wait = (mail.due_at - timezone.now()).total_seconds()
        assert (abs(wait - delay_seconds) < 20, mail.context) == (True, {"url": LINK})
        make_due()
    send_due_mail()
    make_due()
    send_due_mail()
    mail = Mail.objects.get()
    assert (mail.attempts, mail.sent_at, mail.context) == (MOST_ATTEMPTS, None, {})
    assert mail.last_error == "SMTPRecipientsRefused"


def test_a_server_that_refuses_one_mail_still_gets_the_next(sending):
    queue()
    queue()
    sending.refusal = "450 later"
    send_due_mail()
    assert list(Mail.objects.values_list("attempts", flat=True)) == [1, 1]


def test_a_server_that_does_not_answer_is_asked_once_a_run(settings):
    changes = {"mail_url": "smtp://desk:s3cret@127.0.0.1:1", "mail_from": "desk@b.example"}
    settings.KEYDESK = replace(settings.KEYDESK, **changes)
    queue()
    queue()
    send_due_mail()
    tried = list(Mail.objects.order_by("id").values_list("attempts", "last_error"))
    assert tried == [(1, "ConnectionRefusedError 111"), (0, "")]


def test_a_claim_that_has_lapsed_says_nothing_more():
    queue()
    late = claim_mail()
    make_due()
    note_sent(claim_mail())
    note_failed(late, error="Timeout")
    assert Mail.objects.get().last_error == ""


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_claim_the_same_mail(at_once, collisions):
    for _round in range(collisions):
        queue()
        queue()
        claimed = at_once(claim_mail, claim_mail)
        assert len({mail.pk for mail in claimed}) == 2
        Mail.objects.all().delete()


def test_a_mail_server_elsewhere_is_spoken_to_under_tls_alone():
    near, far = server_of("smtp://localhost:25"), server_of("smtp://desk:p%40ss@mail.example")
    assert [(server.use_tls, server.use_ssl, server.port) for server in (near, far)] == [
        (False, False, 25),
        (True, False, 587),
    ]
    assert (far.username, far.password) == ("desk", "p@ss")
    assert server_of("smtps://mail.example").use_ssl


def test_the_demo_keeps_mail_and_sends_none(settings):
    settings.KEYDESK = replace(settings.KEYDESK, mailbox=True)
    queue()
    send_due_mail()
    kept = KeptLetter.objects.get()
    assert (kept.to, LINK in kept.text, Mail.objects.get().context) == ("ana@example.com", True, {})


def test_a_change_that_is_rolled_back_leaves_no_mail(no_mail, eko, sinar):
    with transaction.atomic():
        disable(eko, sinar)
        assert len(mails()) == 2
        transaction.set_rollback(True)
    assert mails() == []


def disable(actor, account):
    disable_product(
        actor,
        account_id=account.id,
        product="disbursement",
        environment=Environment.LIVE,
        reason="A complaint",
    )


def test_superadmins_and_admins_read_of_products_each_in_their_language(
    no_mail, eko, sinar, ana, budi, citra, gita
):
    choose_language(budi, language="id")
    disable(eko, sinar)
    about = {"company": "PT Sinar Abadi", "username": "sinarabadi", "product": "Disbursement"}
    about |= {"environment": "live"}
    disabled = about | {"reason": "A complaint"}
    assert mails() == [
        ("product_disabled", ana.label, "en", disabled),
        ("product_disabled", budi.label, "id", disabled),
    ]
    Mail.objects.all().delete()
    enable_product(eko, account_id=sinar.id, product="disbursement", environment=Environment.LIVE)
    assert [mail[0::3] for mail in mails()] == [("product_enabled", about)] * 2


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (AccountStatus.APPROVED, "account_approved", {}),
        (AccountStatus.NEED_REVISION, "account_needs_revision", {"reason": "The name"}),
        (AccountStatus.REJECTED, "account_rejected", {"reason": "The name"}),
    ],
)
def test_what_was_decided_on_an_account_its_superadmin_reads(
    status, kind, reason, host, samudra, dewi
):
    set_account_status(host, account_id=samudra.id, status=status, reason="The name")
    about = {"company": "PT Dua Samudra", "username": "duasamudra"} | reason
    assert mails() == [(kind, dewi.label, "en", about)]


def test_an_account_that_is_reinstated_is_not_approved_again(no_mail, sinar):
    for status in (AccountStatus.SUSPENDED, AccountStatus.APPROVED):
        set_account_status(HOST_OPERATOR, account_id=sinar.id, status=status, reason="Looked at")
    assert mails() == []


def test_whose_role_was_changed_reads_by_whom_and_the_internal_team_has_no_names(
    no_mail, ana, eko, budi, sinar
):
    change_role(ana, account_id=sinar.id, user_id=budi.user_id, role="maker")
    change_role(eko, account_id=sinar.id, user_id=budi.user_id, role="viewer")
    about = {"company": "PT Sinar Abadi"}
    assert mails() == [
        ("role_changed", budi.label, "en", about | {"role": "maker", "changed_by": ana.label}),
        ("role_changed", budi.label, "en", about | {"role": "viewer", "changed_by": ""}),
    ]


def test_whose_pin_is_locked_reads_it_once(no_mail, ana, with_pin, pin):
    with_pin(ana)
    for _try in range(7):
        with pytest.raises(Exception, match="pin_"):
            confirm(ana, pin="135792", action=GuardedAction.KEY_GENERATE, object_id="x/live")
    assert mails() == [("pin_locked", ana.label, "en", {"name": "Ana"})]


def test_a_log_in_from_a_new_address_is_told_and_the_first_one_and_known_ones_are_not(no_mail, ana):
    elsewhere = replace(ana, ip="198.51.100.9")
    for actor in (ana, ana, elsewhere, elsewhere, ana):
        note_login(actor, browser="Firefox")
    about = {"name": "Ana", "ip": "198.51.100.9", "browser": "Firefox"}
    assert mails() == [("sign_in_new", ana.label, "en", about)]


def test_the_mailbox_shows_the_demos_mail_and_is_nowhere_else(settings, client):
    queue(language="id")
    assert [client.get(page).status_code for page in ("/mailbox/", "/mailbox/1/")] == [404, 404]
    settings.KEYDESK = replace(settings.KEYDESK, mailbox=True)
    send_due_mail()
    kept = KeptLetter.objects.get()
    shown = client.get("/mailbox/").content.decode()
    assert f'href="/mailbox/{kept.pk}/" lang="id">{kept.subject}</a>' in shown
    letter_shown = client.get(f"/mailbox/{kept.pk}/")
    assert f'href="{LINK}"' in letter_shown.content.decode()
    assert client.get(f"/mailbox/{kept.pk + 1}/").status_code == 404

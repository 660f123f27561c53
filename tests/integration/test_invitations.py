"""What an invitation's link is good for: once, for seven days, for its address; and what nobody learns by inviting."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.db import IntegrityError, transaction
from django.utils import timezone

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.invitations.actions import (
    accept_invitation,
    invite_member,
    resend_invitation,
    withdraw_invitation,
)
from keydesk.control.invitations.models import Invitation
from keydesk.control.invitations.rules import OPEN_AT_MOST
from keydesk.control.outbox.models import Mail
from keydesk.control.people.actions import (
    add_member,
    change_role,
    create_user,
    deactivate_member,
    remove_member,
)
from keydesk.control.people.models import Membership, User
from keydesk.core.codes import Code
from keydesk.server.logs import without_credentials
from keydesk.web.sessions import person

TEAM = "/a/sinarabadi/team/"
EMAIL = "hana@example.com"


def path_of(sent):
    return sent.url.removeprefix("http://127.0.0.1:8000")


def token_of(sent):
    return sent.url.rstrip("/").rpartition("/")[2]


def refusal(function, *args, **given):
    with pytest.raises(Refused) as refused:
        function(*args, **given)
    return refused.value.code, refused.value.details


@pytest.fixture
def invited(ana, sinar):
    """Invite somebody as Ana; gives what was sent."""

    def invited(email=EMAIL, role=Role.MAKER):
        return invite_member(ana, account_id=sinar.id, email=email, role=role)

    return invited


@pytest.fixture
def stranger(rf):
    request = rf.get("/")
    request.session = type("Session", (), {"session_key": None})()
    return person(request, None)


@pytest.fixture
def newcomer(password):
    return {"full_name": "Hana Putri", "password": password}


def test_a_stranger_joins_with_a_name_and_a_password_and_is_in(browse, invited, newcomer, sinar):
    sent, client = invited(), browse()
    page = client.get(path_of(sent))
    assert (page.status_code, "PT Sinar Abadi" in page.content.decode()) == (200, True)
    answer = client.post(path_of(sent), newcomer)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/a/sinarabadi/")
    membership = Membership.objects.get(user__email=EMAIL)
    assert (membership.account, membership.role, membership.user.full_name) == (
        sinar,
        "maker",
        "Hana Putri",
    )
    assert client.get("/a/sinarabadi/").status_code == 200


def test_accepting_is_one_event_by_who_accepted_and_holds_no_link(browse, invited, newcomer, ana):
    sent = invited()
    browse().post(path_of(sent), newcomer)
    sending, accepting = AuditEvent.objects.filter(event__startswith="invitation.").order_by("seq")
    assert (sending.event, sending.actor_label) == (Event.INVITATION_SENT, ana.label)
    assert (accepting.event, accepting.actor_label, accepting.details) == (
        Event.INVITATION_ACCEPTED,
        EMAIL,
        {"email": EMAIL, "role": "maker", "is_new": True},
    )
    assert token_of(sent) not in str(list(AuditEvent.objects.values()))


def test_who_has_a_log_in_accepts_logged_in_as_that_address(browse, dewi, invited, samudra):
    sent, client = invited(dewi.label), browse(dewi)
    assert "Accept the invitation" in client.get(path_of(sent)).content.decode()
    answer = client.post(path_of(sent))
    assert answer.headers["Location"] == "/a/sinarabadi/"
    assert client.get("/a/duasamudra/").status_code == 200


def test_who_has_a_log_in_and_is_not_logged_in_is_led_to_it_and_back(browse, dewi, invited):
    sent, client = invited(dewi.label), browse()
    page = client.get(path_of(sent)).content.decode()
    assert f"/account/login/?next={path_of(sent)}" in page
    answer = client.post(path_of(sent), {"full_name": "Not Dewi", "password": "a new password 1!"})
    assert (answer.status_code, "has a log-in" in answer.content.decode()) == (409, True)
    assert Membership.objects.filter(user_id=dewi.user_id).count() == 1


def test_to_somebody_else_the_page_says_so_and_offers_to_log_out(browse, dewi, invited):
    sent, client = invited(), browse(dewi)
    page = client.get(path_of(sent)).content.decode()
    assert [word in page for word in (EMAIL, dewi.label, "Log out and go on")] == [True] * 3
    answer = client.post(path_of(sent))
    assert answer.status_code == 409
    assert Invitation.objects.get().state == "OPEN"
    client.post("/account/logout/", {"next": path_of(sent)})
    assert "Your name" in client.get(path_of(sent)).content.decode()


def test_a_link_works_once_and_afterwards_not_for_the_same_person_either(browse, invited, newcomer):
    sent, client = invited(), browse()
    client.post(path_of(sent), newcomer)
    assert [client.get(path_of(sent)).status_code, client.post(path_of(sent)).status_code] == [
        410
    ] * 2
    assert Membership.objects.filter(user__email=EMAIL).count() == 1


def withdrawn(ana, sent, account):
    withdraw_invitation(ana, account_id=account.id, invitation_id=sent.id)


def sent_again(ana, sent, account):
    resend_invitation(ana, account_id=account.id, invitation_id=sent.id)


def accepted(ana, sent, account):
    user = create_user(HOST_OPERATOR, email=EMAIL, full_name="Hana", password="a password of hers")
    Invitation.objects.filter(pk=sent.id).update(
        state="ACCEPTED", closed_at=timezone.now(), accepted_by=user
    )


def over_in_time(ana, sent, account):
    past = timezone.now() - timedelta(days=8)
    Invitation.objects.filter(pk=sent.id).update(sent_at=past, expires_at=past + timedelta(days=7))


DEATHS = [withdrawn, sent_again, accepted, over_in_time]


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_link_and_a_forged_one_are_the_same_calm_page(
    browse, ana, sinar, invited, newcomer, death
):
    sent = invited()
    death(ana, sent, sinar)
    forged = f"/invitation/{'A' * 43}/"
    client = browse()
    answers = [client.get(path_of(sent)), client.post(path_of(sent), newcomer), client.get(forged)]
    assert [answer.status_code for answer in answers] == [410] * 3
    assert len({answer.content for answer in answers}) == 1
    assert "Ask whoever invited you" in answers[0].content.decode()
    assert not Membership.objects.filter(user__email=EMAIL).exists()


@pytest.mark.parametrize(
    "change",
    [lambda token: token[:-1], lambda token: token + "A", lambda token: token.swapcase()],
)
def test_a_token_that_was_altered_opens_nothing(invited, stranger, newcomer, change):
    token = token_of(invited())
    assert refusal(accept_invitation, stranger, token=change(token), **newcomer) == (
        Code.NOT_FOUND,
        {},
    )


def test_the_database_does_not_give_a_link(invited, everything_stored):
    sent = invited()
    Mail.objects.update(context={})  # as it is once the mail is sent
    assert token_of(sent).encode() not in everything_stored()


def test_a_link_that_was_sent_again_works_in_its_new_form_alone(
    ana, sinar, invited, stranger, newcomer
):
    first = invited()
    second = resend_invitation(ana, account_id=sinar.id, invitation_id=first.id)
    assert refusal(accept_invitation, stranger, token=token_of(first), **newcomer)[0] is (
        Code.NOT_FOUND
    )
    accept_invitation(stranger, token=token_of(second), **newcomer)
    assert Membership.objects.get(user__email=EMAIL).role == "maker"


@pytest.mark.parametrize(("seconds", "works"), [(-1, True), (0, False), (1, False)])
def test_a_link_works_until_the_second_in_which_seven_days_are_over(
    invited, stranger, newcomer, seconds, works
):
    sent = invited()
    ends_at = Invitation.objects.get().expires_at
    assert ends_at - Invitation.objects.get().sent_at == timedelta(days=7)
    with time_machine.travel(ends_at + timedelta(seconds=seconds), tick=False):
        if works:
            accept_invitation(stranger, token=token_of(sent), **newcomer)
        else:
            given = {"token": token_of(sent), **newcomer}
            assert refusal(accept_invitation, stranger, **given)[0] is Code.NOT_FOUND
    assert Membership.objects.filter(user__email=EMAIL).exists() is works


def test_an_invitation_that_is_over_can_be_sent_again(ana, sinar, invited, stranger, newcomer):
    sent = invited()
    over_in_time(ana, sent, sinar)
    again = resend_invitation(ana, account_id=sinar.id, invitation_id=sent.id)
    accept_invitation(stranger, token=token_of(again), **newcomer)
    assert Membership.objects.filter(user__email=EMAIL).exists()


LOSSES = {
    "removed": lambda host, given: remove_member(host, **given),
    "deactivated": lambda host, given: deactivate_member(host, **given),
    "demoted": lambda host, given: change_role(host, **given, role=Role.VIEWER),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_nobody_joins_on_the_word_of_somebody_who_may_not_invite_any_more(
    budi, ana, host, sinar, stranger, newcomer, browse, loss
):
    sent = invite_member(budi, account_id=sinar.id, email=EMAIL, role=Role.ADMIN)
    LOSSES[loss](host, {"account_id": sinar.id, "user_id": budi.user_id})
    assert refusal(accept_invitation, stranger, token=token_of(sent), **newcomer)[0] is (
        Code.NOT_FOUND
    )
    assert "Sender may not invite any more" in browse(ana).get(TEAM).content.decode()
    again = resend_invitation(ana, account_id=sinar.id, invitation_id=sent.id)
    accept_invitation(stranger, token=token_of(again), **newcomer)


def test_the_link_of_one_account_opens_no_other(invited, dewi, samudra, stranger, newcomer):
    theirs = invite_member(dewi, account_id=samudra.id, email=EMAIL, role=Role.ADMIN)
    invited()
    accept_invitation(stranger, token=token_of(theirs), **newcomer)
    assert list(Membership.objects.filter(user__email=EMAIL).values_list("account_id", "role")) == [
        (samudra.id, "admin")
    ]


TWINS = [
    "HANA@example.com",
    "  hana@example.com ",
    "Hana@Example.COM",
    "hana\uff20example.com",
    "\uff48ana@example.com",
    "hana@ex\uff41mple.com",
]


@pytest.mark.parametrize("twin", TWINS)
def test_an_address_is_one_however_it_is_written(invited, ana, sinar, twin):
    invited()
    given = {"account_id": sinar.id, "email": twin, "role": Role.MAKER}
    assert refusal(invite_member, ana, **given) == (
        Code.INVALID_INPUT,
        {"field": "email", "reason": "invited"},
    )


@pytest.mark.parametrize("twin", ["BUDI@sinarabadi.example", " budi@sinarabadi.example\u3000"])
def test_a_member_is_not_invited_however_the_address_is_written(ana, budi, sinar, twin):
    given = {"account_id": sinar.id, "email": twin, "role": Role.MAKER}
    assert refusal(invite_member, ana, **given) == (
        Code.INVALID_INPUT,
        {"field": "email", "reason": "member"},
    )


@pytest.mark.parametrize(
    "email",
    [
        "",
        "hana",
        "hana@",
        "@example.com",
        "a b@example.com",
        "x@y",
        "hanä@example.com",
        "h@exämple.com",
    ],
)
def test_what_is_no_address_is_not_invited(ana, sinar, email):
    given = {"account_id": sinar.id, "email": email, "role": Role.MAKER}
    details = {"field": "email", "reason": "invalid"}
    assert refusal(invite_member, ana, **given) == (Code.INVALID_INPUT, details)


def test_the_database_holds_one_open_invitation_for_an_address(invited, ana, sinar):
    invited()
    row = Invitation.objects.get()
    row.pk, row.digest = "inv_another", b"\0" * 32
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    withdraw_invitation(ana, account_id=sinar.id, invitation_id=Invitation.objects.get().pk)
    invited()
    assert Invitation.objects.filter(state="OPEN").count() == 1


def test_the_database_itself_keeps_a_closed_invitation_closed(invited, ana, sinar):
    sent = invited()
    withdrawn(ana, sent, sinar)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.update(state="OPEN", closed_at=None)
    for function in (resend_invitation, withdraw_invitation):
        assert refusal(function, ana, account_id=sinar.id, invitation_id=sent.id) == (
            Code.STATE_CONFLICT,
            {"state": "WITHDRAWN"},
        )


def test_an_account_sends_no_flood_of_mail(invited, ana, sinar):
    for number in range(OPEN_AT_MOST):
        invited(f"guest{number}@example.com")
    given = {"account_id": sinar.id, "email": EMAIL, "role": Role.MAKER}
    assert refusal(invite_member, ana, **given) == (Code.STATE_CONFLICT, {"reason": "too_many"})


def test_whoever_invites_does_not_learn_whether_an_address_has_a_log_in(browse, ana, dewi):
    client = browse(ana)
    seen = []
    for email in (dewi.label, "nobody@duasamudra.example"):
        answer = client.post(f"{TEAM}invite/", {"email": email, "role": "maker"})
        sent = Invitation.objects.get(email=email)
        page = client.get(answer.headers["Location"]).content.decode()
        about = page.replace(email, "EMAIL").replace(sent.id, "ID")
        client.post(f"{TEAM}invitations/{sent.id}/withdraw/")
        seen.append((answer.status_code, answer.headers["Location"], as_for_anybody(about)))
    assert seen[0] == seen[1]


def as_for_anybody(page):
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"|datetime="[^"]+"', "", page)


def test_the_mail_is_queued_with_the_invitation_in_the_invited_persons_language(invited, dewi, ana):
    User.objects.filter(pk=dewi.user_id).update(language="id")
    known, unknown = invited(dewi.label), invited()
    mails = [
        (mail.kind, mail.to, mail.language, mail.context) for mail in Mail.objects.order_by("id")
    ]
    shared = {"company": "PT Sinar Abadi", "role": "maker", "invited_by": "Ana"}
    assert mails == [
        ("invitation", dewi.label, "id", shared | {"url": known.url}),
        ("invitation", EMAIL, "en", shared | {"url": unknown.url}),
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"full_name": "  "}, "Give a name of 1 to 120 characters."),
        ({"password": "too short"}, "A password has at least 15 characters."),
        ({"full_name": "", "password": ""}, "Give a name of 1 to 120 characters."),
        ({"full_name": "", "password": ""}, "A password has at least 15 characters."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_the_name_is_kept(
    browse, invited, newcomer, changed, sentence
):
    sent = invited()
    answer = browse().post(path_of(sent), newcomer | changed)
    page = answer.content.decode()
    name = (newcomer | changed)["full_name"]
    assert (answer.status_code, sentence in page, f'value="{name}"' in page) == (422, True, True)
    assert newcomer["password"] not in page
    assert not User.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (
            {"email": "no address", "role": "maker"},
            "Enter an email address, like name@company.com.",
        ),
        ({"email": EMAIL, "role": "emperor"}, "Choose a role."),
        ({"email": "ana@sinarabadi.example", "role": "maker"}, "is a member already"),
    ],
)
def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(browse, ana, form, sentence):
    answer = browse(ana).post(f"{TEAM}invite/", form)
    page = answer.content.decode()
    assert (answer.status_code, sentence in page, f'value="{form["email"]}"' in page) == (
        422,
        True,
        True,
    )
    assert not Invitation.objects.exists()


def test_whoever_was_added_meanwhile_reads_that_they_are_a_member(
    browse, dewi, invited, host, sinar
):
    sent, client = invited(dewi.label), browse(dewi)
    add_member(host, account_id=sinar.id, user_id=dewi.user_id, role=Role.VIEWER)
    answer = client.post(path_of(sent))
    assert (answer.status_code, "member of this account already" in answer.content.decode()) == (
        409,
        True,
    )
    assert Membership.objects.get(user_id=dewi.user_id, account=sinar).role == "viewer"


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_person_and_one_member(
    at_once, ana, sinar, stranger, password, collisions
):
    for number in range(collisions):
        email = f"guest{number}@example.com"
        sent = invite_member(ana, account_id=sinar.id, email=email, role=Role.MAKER)
        given = {"token": token_of(sent), "full_name": "Guest", "password": password}
        outcomes = at_once(*[lambda given=given: accept_invitation(stranger, **given)] * 2)
        assert sorted(type(each).__name__ for each in outcomes) == ["Membership", "Refused"]
        assert Membership.objects.filter(user__email=email).count() == 1


@pytest.mark.django_db(transaction=True)
def test_accepting_and_withdrawing_at_once_end_one_way(
    at_once, ana, sinar, stranger, password, collisions
):
    for number in range(collisions):
        email = f"guest{number}@example.com"
        sent = invite_member(ana, account_id=sinar.id, email=email, role=Role.MAKER)
        given = {"token": token_of(sent), "full_name": "Guest", "password": password}
        at_once(
            lambda given=given: accept_invitation(stranger, **given),
            lambda sent=sent: withdraw_invitation(ana, account_id=sinar.id, invitation_id=sent.id),
        )
        is_member = Membership.objects.filter(user__email=email).exists()
        state = Invitation.objects.get(pk=sent.id).state
        assert (is_member, state) in {(True, "ACCEPTED"), (False, "WITHDRAWN")}


def test_no_log_line_holds_a_link(invited):
    sent = invited()
    line = without_credentials(None, "", {"event": f"Forbidden: {path_of(sent)}"})
    assert line == {"event": "Forbidden: /invitation/…/"}
    assert (token_of(sent) in repr(sent), sent.id in repr(sent)) == (False, True)


def test_looking_at_a_link_starts_no_session_and_uses_nothing_up(browse, invited):
    sent, client = invited(), browse()
    for _ in range(3):
        assert client.get(path_of(sent)).status_code == 200
    assert (SESSION_KEY in client.session, Invitation.objects.get().state) == (False, "OPEN")

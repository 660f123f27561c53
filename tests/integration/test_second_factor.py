"""A second factor lets its person in and nobody else, once for each code; who must have one gets nowhere without."""

import json
import re

import pytest
from tests.fixtures.factors import SECRET, code_of

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.audit.models import AuditEvent
from keydesk.control.people.models import User
from keydesk.control.security import actions
from keydesk.control.security.queries import factors_of, recovery_codes_left
from keydesk.core.codes import Code

pytestmark = pytest.mark.usefixtures("no_tries_counted")

LOG_IN = "/account/login/"
FACTOR = "/account/login/factor/"
HOME = "/a/sinarabadi/"


@pytest.fixture
def log_in(browse, user_of, password):
    """Give the password of a person, as the first of two steps; gives the client and the answer."""

    def log_in(actor, *, given=password):
        client = browse()
        form = {"login": user_of(actor).email, "password": given}
        return client, client.post(LOG_IN, form)

    return log_in


def is_in(client):
    return client.get(HOME).status_code == 200


def events(*names):
    return list(
        AuditEvent.objects.filter(event__in=names).order_by("seq").values_list("event", "details")
    )


def test_the_right_password_alone_lets_nobody_in_who_has_a_factor(log_in, ana, with_app):
    client, answer = log_in(with_app(ana))
    assert (answer.status_code, answer["Location"], is_in(client)) == (302, FACTOR, False)


def test_the_code_of_the_app_lets_in(log_in, ana, with_app):
    client, _ = log_in(with_app(ana))
    assert client.post(FACTOR, {"code": code_of(SECRET, steps=1)}).status_code == 302
    assert is_in(client)
    assert events("factor.used", "session.started") == [
        ("factor.used", {"kind": "totp"}),
        ("session.started", {}),
    ]


def test_a_code_counts_once_and_none_before_it_counts_any_more(log_in, ana, with_app):
    with_app(ana)
    later = code_of(SECRET, steps=1)
    first, _ = log_in(ana)
    first.post(FACTOR, {"code": later})
    answers = []
    for code in (later, code_of(SECRET), code_of(SECRET, steps=-1)):
        client, _ = log_in(ana)
        answers.append((client.post(FACTOR, {"code": code}).status_code, is_in(client)))
    assert answers == [(422, False)] * 3


def test_the_code_that_set_the_app_up_is_spent(log_in, ana, with_app):
    client, _ = log_in(with_app(ana))
    assert client.post(FACTOR, {"code": code_of(SECRET)}).status_code == 422


def test_a_recovery_code_lets_in_once(log_in, ana):
    spare = actions.add_totp(ana, secret=SECRET, code=code_of(SECRET))
    assert (len(set(spare)), {len(code) for code in spare}) == (10, {10})
    answers = []
    for _ in range(2):
        client, _ = log_in(ana)
        answers.append((client.post(FACTOR, {"code": f" {spare[3]} "}).status_code, is_in(client)))
    assert answers == [(302, True), (422, False)]
    assert recovery_codes_left(ana.user_id) == 9
    assert ("recovery_code.used", {}) in events("recovery_code.used")


def test_codes_before_new_ones_count_no_more(ana):
    old = actions.add_totp(ana, secret=SECRET, code=code_of(SECRET))
    new = actions.make_recovery_codes(ana)
    with pytest.raises(Refused) as refused:
        actions.use_code(ana, code=old[0])
    assert (refused.value.code, set(old) & set(new)) == (Code.INVALID_INPUT, set())
    actions.use_code(ana, code=new[0])


def test_five_wrong_codes_close_the_door_in_every_session_for_the_right_one_too(
    log_in, ana, with_app
):
    with_app(ana)
    answers = []
    for _ in range(5):
        client, _ = log_in(ana)
        answers.append(client.post(FACTOR, {"code": "000000"}).status_code)
    client, _ = log_in(ana)
    closed = client.post(FACTOR, {"code": code_of(SECRET, steps=1)})
    assert (answers, closed.status_code, is_in(client)) == ([422] * 5, 429, False)
    assert b"Too many tries" in closed.content


def test_over_the_limit_a_right_password_is_answered_as_a_wrong_one(log_in, ana, with_app):
    with_app(ana)
    for _ in range(5):
        log_in(ana, given="not the password")
    (_, wrong), (_, right) = log_in(ana, given="not the password"), log_in(ana)
    hidden = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')
    assert (wrong.status_code, right.status_code) == (429, 429)
    assert hidden.sub(b"", wrong.content) == hidden.sub(b"", right.content)


@pytest.mark.parametrize(
    "typed", ["", "abc", "\uff11\uff12\uff13\uff14\uff15\uff16", "1" * 5000, "12 34", "\x00", "-"]
)
def test_what_is_no_code_is_refused_at_its_field(log_in, ana, with_app, typed):
    client, _ = log_in(with_app(ana))
    answer = client.post(FACTOR, {"code": typed})
    assert (answer.status_code, b'aria-invalid="true"' in answer.content) == (422, True)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        "1",
        '"x"',
        '{"id":1}',
        '{"response":[]}',
        '{"id":"a","rawId":"a","type":"public-key","response":{"userHandle":null}}',
        json.dumps(
            {
                "id": "AA",
                "rawId": "AA",
                "type": "public-key",
                "response": {
                    "clientDataJSON": "AA",
                    "authenticatorData": "AA",
                    "signature": "AA",
                    "userHandle": "AA",
                },
                "clientExtensionResults": {},
            }
        ),
    ],
)
def test_what_is_no_passkey_is_refused_in_words(browse, log_in, ana, with_app, answer):
    client, _ = log_in(with_app(ana))
    sent = {"credential": answer}
    found = [client.post(FACTOR, sent).status_code]
    client.get("/account/login/passkey/")
    found.append(client.post("/account/login/passkey/", sent).status_code)
    inside = confirmed(browse(ana), ana)
    inside.get("/account/passkeys/add/")
    found.append(inside.post("/account/passkeys/add/", sent | {"name": "Key"}).status_code)
    found.append(inside.post("/account/confirm/", sent).status_code)
    assert found == [422] * 4


def confirmed(client, actor, password="empat belas kucing hitam"):
    assert client.post("/account/confirm/", {"password": password}).status_code == 302
    return client


def test_a_dump_of_the_database_holds_neither_secret_nor_codes(browse, ana, everything_stored):
    client = confirmed(browse(ana), ana)
    page = client.get("/account/authenticator/").content.decode()
    secret = re.search(r"data-totp-secret>([A-Z2-7 ]+)<", page)[1].replace(" ", "")
    pending = everything_stored()
    shown = client.post("/account/authenticator/", {"code": code_of(secret)}).content.decode()
    codes = re.findall(r"<li>(\d{5} \d{5})</li>", shown)
    dump = pending + everything_stored()
    seed = factors_of(ana.user_id).get()
    held = [code for code in codes if code.replace(" ", "").encode() in dump]
    assert (len(codes), held, secret.encode() in dump) == (10, [], False)
    assert seed.data["secret"].startswith("f1.")


def test_recovery_codes_are_shown_once(browse, ana, with_app):
    client = confirmed(browse(with_app(ana)), ana)
    shown = client.post("/account/recovery-codes/").content
    again = client.get("/account/recovery-codes/").content
    codes = re.findall(rb"\d{5} \d{5}", shown)
    assert (len(codes), [code for code in codes if code in again]) == (10, [])


def test_a_factor_sealed_under_another_secret_fits_no_code_and_breaks_no_page(
    browse, ana, with_app
):
    factor = factors_of(with_app(ana).user_id).get()
    factor.data["secret"] = factor.data["secret"][:-4] + "AAA="
    factor.save()
    with pytest.raises(Refused):
        actions.use_code(ana, code=code_of(SECRET, steps=1))
    assert browse(ana).get("/a/sinarabadi/settings/security/").status_code == 200


# Who must have one


EVERYBODY = ("ana", "budi", "fajar", "citra", "gita", "reviewer", "operations", "security", "owner")
MANAGERS = ("ana", "budi", "reviewer", "operations", "security", "owner")


@pytest.fixture
def person_named(hire, sinar, staff):
    def person_named(name):
        if name in {str(role) for role in StaffRole}:
            return staff(name.capitalize(), StaffRole(name))
        roles = {"ana": "superadmin", "budi": "admin", "fajar": "approver", "citra": "maker"}
        return hire(name.capitalize(), sinar, Role(roles.get(name, "viewer")))

    return person_named


def start_of(name):
    return "/console/" if name in {str(role) for role in StaffRole} else HOME


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize("is_demanded", [True, False])
def test_a_factor_is_demanded_of_managers_and_the_internal_team_by_policy(
    browse, factors_demanded, person_named, name, is_demanded
):
    client = browse(person_named(name))
    factors_demanded(is_demanded)
    answer = client.get(start_of(name))
    is_led = is_demanded and name in MANAGERS
    assert answer.status_code == (302 if is_led else 200)
    assert is_led == answer.headers.get("Location", "").startswith("/account/set-up/?next=")


@pytest.mark.parametrize("name", MANAGERS)
def test_who_has_a_factor_is_led_nowhere(browse, factors_demanded, person_named, with_app, name):
    client = browse(with_app(person_named(name)))
    factors_demanded(True)
    assert client.get(start_of(name)).status_code == 200


def test_who_lacks_a_factor_reaches_only_what_sets_one_up(browse, factors_demanded, ana):
    client = browse(ana)
    factors_demanded(True)
    reached = {
        address: client.get(address).status_code
        for address in ("/account/set-up/", "/account/confirm/", "/account/logout/")
    }
    led = {
        address: client.get(address).headers.get("Location", "")[:22]
        for address in (
            "/",
            HOME,
            "/a/sinarabadi/settings/developer/api-keys/",
            "/console/",
            "/account/password/",
            "/account/recovery-codes/",
        )
    }
    assert (set(reached.values()), set(led.values())) == ({200}, {"/account/set-up/?next="})
    assert client.post("/language/", {"language": "id"})["Location"] == "/"
    assert client.post("/a/sinarabadi/settings/pin/", {}).status_code == 302


def test_setting_one_up_opens_the_way_on(browse, factors_demanded, ana):
    client = confirmed(browse(ana), ana)
    factors_demanded(True)
    page = client.get(f"/account/authenticator/?next={HOME}").content.decode()
    secret = re.search(r"data-totp-secret>([A-Z2-7 ]+)<", page)[1].replace(" ", "")
    shown = client.post("/account/authenticator/", {"code": code_of(secret), "next": HOME})
    assert f'href="{HOME}"' in shown.content.decode()
    assert is_in(client)


def test_the_last_factor_cannot_go_while_one_is_demanded(browse, factors_demanded, ana, with_app):
    client = confirmed(browse(with_app(ana)), ana)
    factors_demanded(True)
    factor = factors_of(ana.user_id).get()
    address = f"/account/factors/{factor.pk}/remove/"
    assert client.post(address).status_code == 409
    factors_demanded(False)
    assert client.post(address).status_code == 302
    assert (factors_of(ana.user_id).count(), recovery_codes_left(ana.user_id)) == (0, 0)


# Confirming


CHANGES = {
    "/account/authenticator/": {"code": "000000"},
    "/account/passkeys/add/": {"name": "Key", "credential": "{}"},
    "/account/factors/{id}/rename/": {"name": "Renamed"},
    "/account/factors/{id}/remove/": {},
    "/account/recovery-codes/": {},
    "/account/new-address/": {"email": "ana@pindah.example"},
    "/account/password/": {"new_password": "sembilan kuda di tepi danau"},
}


@pytest.mark.parametrize("address", CHANGES)
def test_nothing_about_getting_in_changes_without_a_recent_confirmation(
    browse, ana, with_passkey, address, monkeypatch
):
    factor = factors_of(with_passkey(ana).user_id).get()
    client = confirmed(browse(ana), ana)
    age(client, seconds=301)
    before = (list(factors_of(ana.user_id).values()), User.objects.get(pk=ana.user_id).password)
    place = address.format(id=factor.pk)
    answers = [client.get(place), client.post(place, CHANGES[address])]
    back = place.replace("/", "%2F")
    assert [answer["Location"] for answer in answers] == [f"/account/confirm/?next={back}"] * 2
    after = (list(factors_of(ana.user_id).values()), User.objects.get(pk=ana.user_id).password)
    assert after == before


def age(client, *, seconds):
    """Let all that a session has proved be older."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def test_a_confirmation_repeats_nothing_that_was_sent_before_it(browse, ana, with_passkey):
    factor = factors_of(with_passkey(ana).user_id).get()
    client, address = browse(ana), f"/account/factors/{factor.pk}/remove/"
    asked = client.post(address)["Location"]
    answer = client.post(
        "/account/confirm/", {"password": "empat belas kucing hitam", "next": address}
    )
    assert (asked.partition("?")[0], answer["Location"]) == ("/account/confirm/", address)
    client.get(address)
    assert factors_of(ana.user_id).count() == 1


def test_a_confirmation_counts_by_password_or_code_and_is_noted(browse, ana, with_app):
    client = browse(with_app(ana))
    given = [{"password": "wrong"}, {"code": "000000"}, {"code": code_of(SECRET, steps=1)}]
    assert [client.post("/account/confirm/", form).status_code for form in given] == [422, 422, 302]
    assert events("session.confirmed") == [("session.confirmed", {"method": "code"})]


def test_a_confirmation_leads_nowhere_else(browse, ana):
    form = {"password": "empat belas kucing hitam", "next": "https://elsewhere.example/"}
    assert browse(ana).post("/account/confirm/", form)["Location"] == "/"


def test_another_persons_factor_is_not_there(browse, ana, budi, with_passkey):
    factor = factors_of(with_passkey(budi).user_id).get()
    client = confirmed(browse(ana), ana)
    theirs = [
        client.post(f"/account/factors/{factor.pk}/{what}/").content
        for what in ("remove", "rename")
    ]
    nothing = client.post("/account/factors/999999/remove/").content
    assert (set(theirs), factors_of(budi.user_id).count()) == ({nothing}, 1)


def test_a_disabled_persons_factors_open_nothing(log_in, ana, with_app):
    with_app(ana)
    User.objects.filter(pk=ana.user_id).update(is_active=False)
    client, answer = log_in(ana)
    assert (answer.status_code, is_in(client)) == (200, False)


def test_the_passkey_question_holds_a_new_challenge_each_time(browse):
    client = browse()
    asked = [json.loads(client.get("/account/login/passkey/").content) for _ in range(2)]
    assert len({question["challenge"] for question in asked}) == 2
    assert {question["userVerification"] for question in asked} == {"required"}

"""A5: whatever a form sends beside its own fields, its route writes its own columns alone, with their own values."""

import pytest
from django.apps import apps
from django.db import models
from tests.fixtures.forms import EVERYBODY, FORMS, STRANGER
from tests.fixtures.sending import everything
from tests.integration.test_matrix import EXPECTED, PEOPLE, results_of

from keydesk.control.people.models import User
from keydesk.web import language

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]

SESSION = "django_session+ usersessions_usersession+"
ANOTHER_KEY = "django_session+ django_session- usersessions_usersession.session_key"
"""What it is to be given another key for one's session."""
KEPT = "django_session.expire_date django_session.session_data"
"""What it is to keep or forget something in one's session."""
ENDED = "django_session- usersessions_usersession-"
NUMBERED = "feed_head.revision"
ACCOUNT = f"accounts.mac accounts.revision accounts.status accounts.status_changed_at {NUMBERED}"
API_KEY = f"api_keys.mac api_keys.revision api_keys.state {NUMBERED}"
REVOKED = f"{API_KEY} api_keys.data_key_id api_keys.revoked_at api_keys.sealed"
PRODUCT = f"products.mac products.revision {NUMBERED}"
DECIDED = "submissions.decided_at submissions.decided_by_id submissions.outcome mails+"
PIN = "pins.hash pins.previous_hash mails+"
SEEN = "pins.seen_at"
"""The latest moment at which a PIN's row was asked."""

ALLOWED = {
    "account_login": f"users.last_login {SESSION}",
    "account_logout": ENDED,
    "console:approve": f"{ACCOUNT} {DECIDED} entitlements+",
    "console:change": "planned_changes.ended_at planned_changes.state",
    "console:claim": "submissions.claimed_at submissions.claimed_by_id",
    "console:end_viewing": "viewings.ended_at",
    "console:entitlement": f"""{NUMBERED} entitlements.changed_at entitlements.mac entitlements.reason
        entitlements.revision entitlements.state mails+""",
    "console:entitlement_limits": f"""{NUMBERED} entitlements.limits entitlements.mac
        entitlements.revision""",
    "console:first_owner": "first_owner_link.digest first_owner_link.expires_at users+",
    "console:key": f"{API_KEY} api_keys.stop_reason mails+",
    "console:login": f"users.last_login {SESSION}",
    "console:logo": "policies.changed_at policies.logo policies.logo_version",
    "console:person": "users.staff_role mails+",
    "console:product": f"""{PRODUCT} products.description products.envelope products.icon products.lease_seconds
        products.limits products.name products.requires_username products.reveal_policy products.sample_path
        products.scopes""",
    "console:product_add": f"{NUMBERED} products+",
    "console:product_resume": f"{PRODUCT} products.state",
    "console:product_retire": f"{PRODUCT} products.state",
    "console:product_stop": f"{PRODUCT} products.state",
    "console:rejection": f"{ACCOUNT} {DECIDED} accounts.status_reason submissions.reason",
    "console:release": "submissions.claimed_at submissions.claimed_by_id",
    "console:revision": f"""{ACCOUNT} {DECIDED} accounts.status_reason applications.data
        applications.version submissions.reason submissions.remarks""",
    "console:settings": """policies.brand_name policies.changed_at policies.default_language policies.idle_minutes
        policies.keys_a_product policies.password_min_length policies.pin_lock_minutes policies.pin_min_digits
        policies.pin_reset_cooldown_minutes policies.pin_tries policies.privileged_idle_minutes
        policies.refused_requests_days policies.session_hours policies.usage_hours_days policies.usage_minutes_hours""",
    "console:status": f"{ACCOUNT} accounts.status_reason",
    "console:team_add": "mails+ staff_invitations+ users+",
    "console:view_as": "viewings+",
    "console:welcome": "staff_invitations- users.email_confirmed_at users.password",
    "dashboard:change_allow_list": f"""{NUMBERED} {SEEN} accounts.mac accounts.networks accounts.revision
        grants+""",
    "dashboard:forgotten_pin": f"""{PIN} {SEEN} {ANOTHER_KEY} mfa_authenticator.data
        mfa_authenticator.last_used_at""",
    "dashboard:generate": f"{NUMBERED} {SEEN} api_keys+ data_keys+ grants+ key_encryption_keys+ mails+",
    "dashboard:invitation": f"""{SESSION} invitations.accepted_by_id invitations.closed_at invitations.state
        memberships+ users+""",
    "dashboard:invitation_resend": """invitations.digest invitations.expires_at invitations.invited_by_id
        invitations.sent_at mails+""",
    "dashboard:invitation_withdraw": "invitations.closed_at invitations.state",
    "dashboard:invite": "invitations+ mails+",
    "dashboard:leave": "memberships-",
    "dashboard:mail_pin_link": f"{SEEN} mails+",
    "dashboard:member_deactivate": "memberships.is_active",
    "dashboard:member_reactivate": "memberships.is_active",
    "dashboard:member_remove": "memberships-",
    "dashboard:member_role": "memberships.role mails+",
    "dashboard:new_pin": f"{PIN} {SEEN} {ANOTHER_KEY} pins.reveal_locked_until",
    "dashboard:onboarding_documents": "applications+ documents+",
    "dashboard:onboarding_remove": "applications.changed_at applications.version documents-",
    "dashboard:onboarding_review": f"""{ACCOUNT} applications.changed_at applications.version documents.is_submitted
        mails+ submissions+""",
    "dashboard:onboarding_section": "applications+",
    "dashboard:pin": f"{ANOTHER_KEY} pins+",
    "dashboard:regenerate": f"{REVOKED} {SEEN} api_keys+ data_keys.seals grants+ mails+",
    "dashboard:request_product": f"{NUMBERED} entitlements+",
    "dashboard:reset_pin": f"{PIN} {SEEN}",
    "dashboard:restrict": f"""{NUMBERED} {SEEN} api_keys.limits api_keys.mac api_keys.networks
        api_keys.revision api_keys.scopes grants+""",
    "dashboard:reveal": f"{SEEN} grants+ mails+",
    "dashboard:revoke": f"{REVOKED} mails+",
    "mfa_authenticate": f"""{SESSION} django_session- mfa_authenticator.data mfa_authenticator.last_used_at
        users.last_login""",
    "passkey_login": f"{SESSION} django_session- mfa_authenticator.last_used_at users.last_login",
    "web:add_passkey": f"{KEPT} mfa_authenticator+",
    "web:authenticator": f"{KEPT} mfa_authenticator+",
    "web:change_address": "mails+",
    "web:confirm": ANOTHER_KEY,
    "web:confirm_address": "users.email_confirmed_at",
    "web:confirm_again": "mails+",
    "web:end_other_sessions": ENDED,
    "web:end_session": ENDED,
    "web:forgotten_password": "mails+",
    "web:language": "users.language",
    "web:new_address": "mails+ users.email users.email_confirmed_at",
    "web:new_password": "users.password",
    "web:password": f"{ANOTHER_KEY} users.password",
    "web:recovery_codes": "mfa_authenticator+ mfa_authenticator-",
    "web:remove_factor": "mfa_authenticator-",
    "web:rename_passkey": "mfa_authenticator.data",
    "web:sign_up": f"{NUMBERED} accounts+ mails+ memberships+ users+",
}
"""What each route writes when all goes well: a column, a new row (+) or one row less (-). Each leaves an event too."""

DRAWN = {
    *(
        "accounts.mac",
        "api_keys.digest",
        "api_keys.mac",
        "api_keys.sealed",
        "api_keys.shown_prefix",
    ),
    *(
        "audit_events.details",
        "audit_events.mac",
        "audit_events.object_id",
        "audit_events.request_id",
    ),
    *("audit_events.session_ref", "data_keys.wrapped", "django_session.session_data"),
    *("documents.stored_as", "grants.digest", "invitations.digest"),
    *("mails.context", "mfa_authenticator.data", "pins.hash"),
    *("staff_invitations.digest", "users.password", "usersessions_usersession.session_key"),
}
"""Columns whose values are drawn anew for each form, or made of one that was: they differ, and hold nothing sent."""

MARK = "smuggled"
VALUES = {
    models.BooleanField: ("", "1"),
    models.IntegerField: ("7", "8"),
    models.DateTimeField: ("2041-01-01T00:00:00+00:00", "2042-01-01T00:00:00+00:00"),
    models.EmailField: (f"{MARK}@example.com", f"{MARK}@example.net"),
    models.JSONField: (f'{{"{MARK}": 0}}', f'{{"{MARK}": 1}}'),
}
"""Two values for each kind of column that does not take any text."""


def smuggled(turn, before):
    """Give a value for the name of every column of every model: of two, so that one is another than the column has."""
    return {
        name: value_for(field, turn, before)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }


def value_for(field, turn, before):
    """Give a value that the column would take."""
    chosen = choices_of(field)
    if chosen:
        return chosen[-turn]
    if field.is_relation:
        rows = [*before[field.related_model._meta.db_table]]
        return str(rows[turn] if len(rows) > turn else turn)
    fitting = [values for kind, values in VALUES.items() if isinstance(field, kind)]
    return fitting[0][turn] if fitting else f"{MARK}{turn}"


def choices_of(field):
    """Give the values that a constraint of the column's table leaves it."""
    for constraint in field.model._meta.constraints:
        condition = getattr(constraint, "condition", None)
        for child in getattr(condition, "children", ()):
            if isinstance(child, tuple) and child[0] == f"{field.name}__in":
                return [str(value) for value in child[1]]
    return []


def written(before, after):
    """Give what is another, by what it is, row and column; new rows are known by their place among the new ones."""
    new = {
        table: [key for key in rows if key not in before[table]] for table, rows in after.items()
    }
    found = {}
    for model in apps.get_models():
        table = model._meta.db_table
        for key, row in before[table].items():
            now = after[table].get(key)
            if now is None:
                found[f"{table}-", key, ""] = None
                continue
            for field in model._meta.concrete_fields:
                if now[field.attname] != row[field.attname]:
                    value = named(field, now[field.attname], new)
                    found[f"{table}.{field.attname}", key, field.attname] = value
        for place, key in enumerate(new[table]):
            for field in model._meta.concrete_fields:
                value = named(field, after[table][key][field.attname], new)
                found[f"{table}+", place, field.attname] = value
    return found


def named(field, value, new):
    """Give a column's value, and for a new row's key the place of that row."""
    if isinstance(value, str):  # an id drawn at random is its row's wherever it stands
        places = [
            f"new {table} {keys.index(value)}" for table, keys in new.items() if value in keys
        ]
    elif field.is_relation or field.primary_key or field.attname == "actor_id":
        # The trail names its actor without a foreign key, so that it outlives everything.
        at = User if field.attname == "actor_id" else field.related_model or field.model
        table = at._meta.db_table
        places = [f"new {table} {new[table].index(value)}"] if value in new[table] else []
    else:
        places = []
    return places[0] if places else value


def sent(sending, before, extra):
    """Send a form with these further fields; gives its status and what it has written."""
    with sending.undone():
        status = sending.send(extra).status_code
        return status, written(before, everything())


def is_drawn(key):
    what, _row, column = key
    return f"{what.rstrip('+').partition('.')[0]}.{column}" in DRAWN


TAKES_JSON = {"api:usage"}
"""What is asked with a service credential, and reads no form (test_usage_door.py)."""


def differences(own, more):
    """Give what a form has written with further fields and not without them, or the other way round."""
    return [
        (key, own.get(key), more.get(key))
        for key in sorted(own.keys() | more.keys(), key=str)
        if MARK in str(more.get(key))
        or (key in own) != (key in more)
        or (own.get(key) != more.get(key) and not is_drawn(key))
    ]


def looked_into(desk, name, who):
    """Send a route's form with and without all the columns; gives what it writes, and what it should not have."""
    with desk.sending(name, who) as sending:
        before = everything()
        status, own = sent(sending, before, {})
        unlike = []
        for turn in (0, 1):
            told, more = sent(sending, before, smuggled(turn, before))
            unlike += differences(own, more) + [(status, told)] * (status != told)
    return {what for what, _row, _column in own}, unlike


def may_post(person, name):
    """Say whether the matrix has a person find the route there, and a form of it taken."""
    look, post = results_of(person, name).split()[:2]
    return post != "405" and (look, post) != ("404", "404")


def test_every_route_that_takes_a_form_has_its_columns_and_a_form_to_send():
    takes_forms = {name for name in EXPECTED if any(may_post(person, name) for person in PEOPLE)}
    takes_forms -= TAKES_JSON
    assert set(ALLOWED) == takes_forms
    assert set(FORMS) == takes_forms


def test_a_form_of_an_account_or_of_the_console_is_sent_as_everybody_who_may():
    own = [name for name, (people, _make) in FORMS.items() if people != STRANGER]
    assert {name: set(FORMS[name][0]) for name in own} == {
        name: {person for person in EVERYBODY if may_post(person, name)} for name in own
    }


@pytest.mark.parametrize("who", [*EVERYBODY, *STRANGER])
def test_a_form_writes_what_its_route_writes_whatever_else_it_sends(desk, who):
    names = [name for name, (people, _make) in FORMS.items() if who in people]
    found = {name: looked_into(desk, name, who) for name in names}
    trail = {"audit_events+", "audit_waiting+"}
    assert found == {name: ({*trail, *ALLOWED[name].split()}, []) for name in names}


def test_a_column_that_a_form_could_write_would_be_noticed(desk, monkeypatch):
    def planted(request, *_given):
        sent = request.POST.get("staff_role")
        if sent:
            User.objects.filter(pk=request.user.pk).update(staff_role=sent)
        return "/"

    monkeypatch.setattr(language, "local_address", planted)
    _found, unlike = looked_into(desk, "web:language", "gita")
    assert {key[0] for key, _own, _more in unlike} == {"users.staff_role"}

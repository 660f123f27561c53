"""What holds for every action: who may call it, and the one event that it leaves.

The actions are read from the code; each has a scenario here, so none can be forgotten.
"""

import importlib
import inspect
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

import keydesk.control
from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.actions import create_account
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.actions import create_product
from keydesk.control.credentials.rules import Scope
from keydesk.control.entitlements.actions import plan_change
from keydesk.control.entitlements.models import PlannedChange
from keydesk.control.keys.actions import generate_key, stop_key
from keydesk.control.people.rules import SessionEnd
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.viewings.actions import start_viewing
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, EntitlementState, Environment, ProductState

WRITES_THE_TRAIL = "audit"


def actions():
    """Give every action of the control plane by domain and name."""
    found = {}
    for path in sorted(Path(keydesk.control.__file__).parent.glob("*/actions.py")):
        domain = path.parent.name
        module = importlib.import_module(f"keydesk.control.{domain}.actions")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            if is_own and next(iter(inspect.signature(function).parameters), None) == "actor":
                found[f"{domain}.{name}"] = function
    return {name: found[name] for name in found if not name.startswith(WRITES_THE_TRAIL)}


ACTIONS = actions()


class Stage:
    """The witnesses by name, made when a scenario speaks of them."""

    def __init__(self, request):
        self._request = request

    def __getattr__(self, name):
        return self._request.getfixturevalue(name)

    def key(self):
        return generate_key(self.host, **self.new_key(), grant=None)

    def stopped_key(self):
        key_id = self.key().id
        stop_key(self.host, key_id=key_id, reason="It was published")
        return key_id

    def viewed(self):
        given = {"account_id": self.sinar.id}
        start_viewing(self.eko, **given, reason="Ticket 12")
        return given

    def new_key(self):
        return {
            "account_id": self.sinar.id,
            "product": self.disbursement.slug,
            "environment": Environment.LIVE,
            "name": "Payroll",
            "request_token": "pressed-once",
        }

    def entitlement(self):
        return {
            "account_id": self.sinar.id,
            "product": self.disbursement.slug,
            "environment": Environment.LIVE,
        }

    def new_account(self):
        return create_account(self.host, username="barusekali", name="PT Baru Sekali")


@pytest.fixture
def stage(request, db):
    return Stage(request)


def tomorrow():
    return timezone.now() + timedelta(days=1)


def planned(on, *, target=EntitlementState.DISABLED, four_eyes=False, due_in_minutes=1):
    """A change that lies ahead: what Putri of the internal team has planned, or proposed."""
    if four_eyes:
        change_policies(on.host, changes={"four_eyes_on_live": True})
    place = on.entitlement()
    if target is EntitlementState.ENABLED:
        place |= {"environment": Environment.LIVE, "product": on.unasked}
    change = plan_change(
        on.staff("Putri", StaffRole.OPERATIONS),
        **place,
        target=target,
        reason="A complaint",
        due_at=timezone.now() + timedelta(minutes=due_in_minutes),
    )
    return {"change_id": change.id}


def due(on):
    """A change whose moment has come."""
    given = planned(on)
    PlannedChange.objects.update(due_at=timezone.now())
    return given


@pytest.fixture
def unasked(host):
    return create_product(host, slug="payment-link", name="Payment Link").slug


SCENARIOS = {
    "accounts.create_account": (
        Event.ACCOUNT_CREATED,
        lambda on: (on.eko, {"username": "barusekali", "name": "PT Baru Sekali"}),
    ),
    "accounts.set_account_status": (
        Event.ACCOUNT_STATUS_CHANGED,
        lambda on: (on.eko, {"account_id": on.samudra.id, "status": AccountStatus.APPROVED}),
    ),
    "catalog.create_product": (
        Event.PRODUCT_CREATED,
        lambda on: (on.eko, {"slug": "payment-link", "name": "Payment Link"}),
    ),
    "catalog.set_product_state": (
        Event.PRODUCT_STATE_CHANGED,
        lambda on: (on.eko, {"slug": on.disbursement.slug, "state": ProductState.STOPPED}),
    ),
    "credentials.create_credential": (
        Event.CREDENTIAL_CREATED,
        lambda on: (
            on.eko,
            {"name": "Gateway", "scopes": {Scope.VERIFY}, "expires_at": tomorrow()},
        ),
    ),
    "credentials.revoke_credential": (
        Event.CREDENTIAL_REVOKED,
        lambda on: (on.eko, {"credential_id": on.credential.id}),
    ),
    "entitlements.cancel_change": (
        Event.ENTITLEMENT_CHANGE_CANCELLED,
        lambda on: (on.eko, planned(on)),
    ),
    "entitlements.carry_out_change": (Event.ENTITLEMENT_DISABLED, lambda on: (on.eko, due(on))),
    "entitlements.confirm_change": (
        Event.ENTITLEMENT_CHANGE_CONFIRMED,
        lambda on: (on.eko, planned(on, target=EntitlementState.ENABLED, four_eyes=True)),
    ),
    "entitlements.plan_change": (
        Event.ENTITLEMENT_CHANGE_PLANNED,
        lambda on: (
            on.eko,
            on.entitlement() | {"target": EntitlementState.DISABLED, "reason": "A complaint"},
        ),
    ),
    "entitlements.disable_product": (
        Event.ENTITLEMENT_DISABLED,
        lambda on: (on.eko, on.entitlement() | {"reason": "A complaint"}),
    ),
    "entitlements.enable_product": (
        Event.ENTITLEMENT_ENABLED,
        lambda on: (on.eko, on.entitlement() | {"account_id": on.new_account().id}),
    ),
    "entitlements.request_product": (
        Event.ENTITLEMENT_REQUESTED,
        lambda on: (on.eko, on.entitlement() | {"account_id": on.new_account().id}),
    ),
    "keys.generate_key": (
        Event.KEY_GENERATED,
        lambda on: (on.host, on.new_key() | {"grant": None}),
    ),
    "keys.regenerate_key": (
        Event.KEY_REGENERATED,
        lambda on: (
            on.host,
            {"key_id": on.key().id, "grant": None, "request_token": "pressed-again"},
        ),
    ),
    "keys.reveal_key": (
        Event.KEY_REVEALED,
        lambda on: (on.host, {"key_id": on.key().id, "grant": None}),
    ),
    "keys.release_key": (Event.KEY_RELEASED, lambda on: (on.eko, {"key_id": on.stopped_key()})),
    "keys.stop_key": (
        Event.KEY_STOPPED,
        lambda on: (on.eko, {"key_id": on.key().id, "reason": "It was published"}),
    ),
    "keys.revoke_key": (Event.KEY_REVOKED, lambda on: (on.ana, {"key_id": on.key().id})),
    "people.add_member": (
        Event.MEMBER_ADDED,
        lambda on: (
            on.eko,
            {"account_id": on.samudra.id, "user_id": on.ana.user_id, "role": Role.VIEWER},
        ),
    ),
    "people.choose_language": (
        Event.LANGUAGE_CHOSEN,
        lambda on: (on.citra, {"language": "id"}),
    ),
    "people.change_role": (
        Event.MEMBER_ROLE_CHANGED,
        lambda on: (
            on.ana,
            {"account_id": on.sinar.id, "user_id": on.budi.user_id, "role": Role.MAKER},
        ),
    ),
    "people.create_user": (
        Event.USER_CREATED,
        lambda on: (
            on.eko,
            {"email": "hana@example.com", "full_name": "Hana", "password": on.password},
        ),
    ),
    "people.note_failed_login": (Event.LOGIN_FAILED, lambda on: (on.citra, {})),
    "people.note_login": (Event.SESSION_STARTED, lambda on: (on.citra, {})),
    "people.note_logout": (
        Event.SESSION_ENDED,
        lambda on: (on.citra, {"reason": SessionEnd.LOGGED_OUT}),
    ),
    "people.remove_member": (
        Event.MEMBER_REMOVED,
        lambda on: (on.ana, {"account_id": on.sinar.id, "user_id": on.budi.user_id}),
    ),
    "policies.change_policies": (
        Event.POLICIES_CHANGED,
        lambda on: (on.eko, {"changes": {"pin_min_digits": 8}}),
    ),
    "stepup.confirm": (
        Event.PIN_CONFIRMED,
        lambda on: (
            on.with_pin(on.ana),
            {
                "pin": on.pin,
                "action": GuardedAction.KEY_GENERATE,
                "object_id": "disbursement/live",
            },
        ),
    ),
    "stepup.reset_pin": (
        Event.PIN_RESET,
        lambda on: (on.eko, {"user_id": on.with_pin(on.ana).user_id}),
    ),
    "stepup.set_pin": (
        Event.PIN_SET,
        lambda on: (on.ana, {"pin": "591738", "password": on.password}),
    ),
    "viewings.end_viewing": (Event.VIEWING_ENDED, lambda on: (on.eko, on.viewed())),
    "viewings.start_viewing": (
        Event.VIEWING_STARTED,
        lambda on: (on.eko, {"account_id": on.sinar.id, "reason": "Ticket 12"}),
    ),
}

NEEDS_NO_PERMISSION = {
    "people.choose_language",
    "people.note_failed_login",
    "people.note_login",
    "people.note_logout",
    "stepup.set_pin",
}
"""A person's own language, session and PIN are theirs, whatever their role."""

ABOUT_ONESELF = NEEDS_NO_PERMISSION | {"stepup.confirm"}


def all_but_the_trail():
    """Give every row of every table except the audit trail's."""
    with connection.cursor() as cursor:
        rows = {}
        for table in connection.introspection.table_names(cursor):
            if table != "audit_events":
                cursor.execute(f'SELECT * FROM "{table}"')
                rows[table] = sorted(map(repr, cursor.fetchall()))
    return rows


def refused_as(function, actor, given):
    """Give the code of a refusal, and the events it left; nothing but the trail has changed."""
    before, seq = all_but_the_trail(), last_seq()
    with pytest.raises(Refused) as refused:
        function(actor, **given)
    assert all_but_the_trail() == before
    return refused.value.code, events_since(seq)


def last_seq():
    return AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def events_since(seq):
    return list(
        AuditEvent.objects.filter(seq__gt=seq)
        .order_by("seq")
        .values_list("event", "actor_label", "ip", "request_id", "session_ref")
    )


def event_by(actor, event):
    return (event, actor.label, actor.ip, actor.request_id or "", actor.session or "")


def test_every_action_has_a_scenario():
    assert sorted(SCENARIOS) == sorted(ACTIONS)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_takes_the_actor_and_then_only_named_arguments(name):
    actor, *others = inspect.signature(ACTIONS[name]).parameters.values()
    assert actor.annotation is Actor
    assert {parameter.kind for parameter in others} <= {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_leaves_exactly_one_event_saying_who_from_where(name, stage):
    event, scene = SCENARIOS[name]
    actor, given = scene(stage)
    seq = last_seq()
    ACTIONS[name](actor, **given)
    assert events_since(seq) == [event_by(actor, event)]


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - NEEDS_NO_PERMISSION))
def test_a_viewer_is_refused_and_only_the_trail_knows(name, stage):
    _, given = SCENARIOS[name][1](stage)
    in_account = given.get("account_id", stage.sinar.id) == stage.sinar.id
    code = Code.PERMISSION_DENIED if in_account else Code.NOT_FOUND
    refused = refused_as(ACTIONS[name], stage.gita, given)
    assert refused == (code, [event_by(stage.gita, Event.PERMISSION_REFUSED)])


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - ABOUT_ONESELF))
def test_to_a_superadmin_of_another_account_it_does_not_exist(name, stage):
    _, given = SCENARIOS[name][1](stage)

    if "account_id" in given:
        given["account_id"] = stage.sinar.id
    code = (
        Code.NOT_FOUND
        if given.keys() & {"account_id", "change_id", "key_id"}
        else Code.PERMISSION_DENIED
    )
    refused = refused_as(ACTIONS[name], stage.dewi, given)
    assert refused == (code, [event_by(stage.dewi, Event.PERMISSION_REFUSED)])


@pytest.mark.django_db(transaction=True)
def test_the_record_of_a_refusal_stays_although_the_action_rolls_back(gita):
    with pytest.raises(Refused):
        create_account(gita, username="barusekali", name="PT Baru Sekali")
    event = AuditEvent.objects.get(event=Event.PERMISSION_REFUSED)
    assert (event.account_id, event.details) == (
        gita.account_id,
        {"code": "permission_denied", "permission": "account.create", "account_asked_for": None},
    )

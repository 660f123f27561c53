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
from msgspec.structs import replace
from tests.fixtures.applications import PNG
from tests.fixtures.factors import SECRET, code_of, session_of
from tests.fixtures.offers import EDITED
from tests.fixtures.pictures import picture
from tests.fixtures.undecided import UndecidedError, fail

import keydesk.control
from keydesk.control.access import refused, standing
from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.actions import create_account
from keydesk.control.audit import actions as trail
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.actions import create_product
from keydesk.control.entitlements.actions import plan_change
from keydesk.control.entitlements.models import PlannedChange
from keydesk.control.entry.actions import sign_up
from keydesk.control.entry.links import change_token, confirmation_token, password_token
from keydesk.control.invitations.actions import invite_member
from keydesk.control.keys.actions import generate_key, stop_key
from keydesk.control.onboarding.rules import DocumentKind, Section
from keydesk.control.outbox.models import Mail
from keydesk.control.people.actions import deactivate_member
from keydesk.control.people.models import Membership, User
from keydesk.control.people.rules import SessionEnd
from keydesk.control.policies.actions import change_policies
from keydesk.control.security.queries import factors_of
from keydesk.control.security.rules import Method
from keydesk.control.staff.actions import add_staff, deactivate_staff, make_first_owner_link
from keydesk.control.stepup.factors import ask_passkey
from keydesk.control.stepup.rules import GuardedAction, Purpose
from keydesk.control.vault.actions import replace_key_encryption_key
from keydesk.control.viewings.actions import start_viewing
from keydesk.core.codes import Code
from keydesk.core.records import (
    AccountStatus,
    EntitlementState,
    Environment,
    ProductState,
    ServiceScope,
)

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
    # What machines count decides nothing and happens every second: no trail is left (test_usage.py).
    del found["usage.record_usage"]
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

    def passkey_answer(self):
        passkey = self.passkey_of(self.ana)
        asked = {"purpose": Purpose.KEY_GENERATE, "object_id": "disbursement/live"}
        answer = passkey.answer(ask_passkey(self.ana, **asked))
        return {
            "answer": answer,
            "action": GuardedAction.KEY_GENERATE,
            "object_id": "disbursement/live",
        }

    def newcomer(self):
        return {
            "email": "lina@provider.example",
            "full_name": "Lina",
            "role": StaffRole.REVIEWER,
            "link_to": LINK_TO,
        }

    def hired(self):
        return add_staff(self.eko, **self.newcomer())

    def invitation(self):
        self.hired()
        return Mail.objects.get().context["url"].partition("?token=")[2]

    def deactivated(self):
        deactivate_staff(self.eko, user_id=self.rangga.user_id)
        return self.rangga.user_id

    def company(self):
        return {
            "full_name": "Hana Putri",
            "email": "hana@barusekali.example",
            "password": self.password,
            "company": "PT Baru Sekali",
            "username": "barusekali",
        }

    def unconfirmed(self):
        sign_up(self.stranger, **self.company())
        return confirmation_token(User.objects.get(email="hana@barusekali.example"))

    def another_key_encryption_key(self):
        self.key()
        self.load_key_encryption_key(self.another_secret, previous=self.own_secret)
        return {}

    def replaced_key_encryption_key(self):
        self.another_key_encryption_key()
        replace_key_encryption_key(self.host)
        return {}

    def new_account(self):
        return create_account(self.host, username="barusekali", name="PT Baru Sekali")

    def invited(self, email="hana@example.com"):
        return invite_member(self.host, account_id=self.sinar.id, email=email, role=Role.MAKER)

    def token_for(self, email):
        return self.invited(email).url.rstrip("/").rpartition("/")[2]

    def shut_out(self, actor):
        deactivate_member(self.host, account_id=self.sinar.id, user_id=actor.user_id)
        return actor.user_id


@pytest.fixture
def stage(request, db):
    return Stage(request)


def tomorrow():
    return timezone.now() + timedelta(days=1)


LINK_TO = "https://desk.example.com/console/welcome/"


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
        lambda on: (
            on.eko,
            {"account_id": on.sinar.id, "status": AccountStatus.CLOSED, "reason": "Gone"},
        ),
    ),
    "catalog.create_product": (
        Event.PRODUCT_CREATED,
        lambda on: (on.eko, {"slug": "payment-link", "name": "Payment Link"}),
    ),
    "catalog.edit_product": (
        Event.PRODUCT_EDITED,
        lambda on: (on.eko, {"slug": on.disbursement.slug, **EDITED}),
    ),
    "catalog.set_product_state": (
        Event.PRODUCT_STATE_CHANGED,
        lambda on: (
            on.eko,
            {"slug": on.disbursement.slug, "state": ProductState.STOPPED, "reason": "Fraud"},
        ),
    ),
    "credentials.create_credential": (
        Event.CREDENTIAL_CREATED,
        lambda on: (
            on.eko,
            {"name": "Gateway", "scopes": {ServiceScope.VERIFY}, "expires_at": tomorrow()},
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
    "entitlements.limit_entitlement": (
        Event.ENTITLEMENT_LIMITED,
        lambda on: (
            on.eko,
            on.entitlement() | {"limits": ["account:daily=9/day"], "reason": "A trial"},
        ),
    ),
    "entitlements.set_entitlement": (
        Event.ENTITLEMENT_DISABLED,
        lambda on: (
            on.eko,
            on.entitlement() | {"target": EntitlementState.DISABLED, "reason": "A complaint"},
        ),
    ),
    "entitlements.request_product": (
        Event.ENTITLEMENT_REQUESTED,
        lambda on: (on.eko, on.entitlement() | {"account_id": on.new_account().id}),
    ),
    "entry.ask_for_address": (
        Event.ADDRESS_CHANGE_ASKED,
        lambda on: (on.citra, {"email": "citra@pindah.example"}),
    ),
    "entry.ask_for_password": (
        Event.PASSWORD_ASKED,
        lambda on: (on.stranger, {"email": on.citra.label}),
    ),
    "entry.change_address": (
        Event.ADDRESS_CHANGED,
        lambda on: (
            on.citra,
            {"token": change_token(on.user_of(on.citra), "citra@pindah.example")},
        ),
    ),
    "entry.choose_password": (
        Event.PASSWORD_CHOSEN,
        lambda on: (
            on.stranger,
            {"token": password_token(on.user_of(on.citra)), "password": "lima belas kucing putih"},
        ),
    ),
    "entry.confirm_address": (
        Event.ADDRESS_CONFIRMED,
        lambda on: (on.stranger, {"token": on.unconfirmed()}),
    ),
    "entry.send_confirmation": (
        Event.CONFIRMATION_ASKED,
        lambda on: (on.stranger, {"email": on.citra.label}),
    ),
    "entry.sign_up": (Event.ACCOUNT_SIGNED_UP, lambda on: (on.stranger, on.company())),
    "histories.begin_history": (Event.HISTORY_BEGUN, lambda on: (on.host, {})),
    "invitations.accept_invitation": (
        Event.INVITATION_ACCEPTED,
        lambda on: (on.dewi, {"token": on.token_for("dewi@duasamudra.example")}),
    ),
    "invitations.invite_member": (
        Event.INVITATION_SENT,
        lambda on: (
            on.ana,
            {"account_id": on.sinar.id, "email": "hana@example.com", "role": Role.MAKER},
        ),
    ),
    "invitations.resend_invitation": (
        Event.INVITATION_RESENT,
        lambda on: (on.ana, {"account_id": on.sinar.id, "invitation_id": on.invited().id}),
    ),
    "invitations.withdraw_invitation": (
        Event.INVITATION_WITHDRAWN,
        lambda on: (on.ana, {"account_id": on.sinar.id, "invitation_id": on.invited().id}),
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
    "keys.restrict_key": (
        Event.KEY_RESTRICTED,
        lambda on: (
            on.host,
            {
                "key_id": on.key().id,
                "networks": ["203.0.113.0/24"],
                "scopes": (),
                "limits": (),
                "grant": None,
            },
        ),
    ),
    "keys.set_networks": (
        Event.ACCOUNT_NETWORKS_SET,
        lambda on: (
            on.host,
            {"account_id": on.sinar.id, "networks": ["203.0.113.0/24"], "grant": None},
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
    "onboarding.add_document": (
        Event.DOCUMENT_ADDED,
        lambda on: (
            on.ana,
            {
                "account_id": on.drafting(on.sinar).id,
                "kind": DocumentKind.TAX,
                "filename": "npwp.png",
                "content": PNG,
            },
        ),
    ),
    "onboarding.approve_application": (
        Event.APPLICATION_APPROVED,
        lambda on: (on.eko, on.claimed(on.sinar, on.eko)),
    ),
    "onboarding.claim_application": (
        Event.APPLICATION_CLAIMED,
        lambda on: (on.eko, on.submitted(on.sinar)),
    ),
    "onboarding.reject_application": (
        Event.APPLICATION_REJECTED,
        lambda on: (on.eko, on.claimed(on.sinar, on.eko) | {"reason": "No business"}),
    ),
    "onboarding.release_application": (
        Event.APPLICATION_RELEASED,
        lambda on: (on.eko, on.claimed(on.sinar, on.eko)),
    ),
    "onboarding.remove_document": (
        Event.DOCUMENT_REMOVED,
        lambda on: (
            on.ana,
            {"account_id": on.drafting(on.sinar).id, "document_id": on.document_of(on.sinar)},
        ),
    ),
    "onboarding.request_revision": (
        Event.APPLICATION_REVISION_REQUESTED,
        lambda on: (
            on.eko,
            on.claimed(on.sinar, on.eko) | {"remarks": {"business.city": "Which Bogor?"}},
        ),
    ),
    "onboarding.save_section": (
        Event.APPLICATION_SAVED,
        lambda on: (
            on.ana,
            {
                "account_id": on.drafting(on.sinar).id,
                "section": Section.BUSINESS,
                "values": {"city": "Bogor"},
                "version": 0,
            },
        ),
    ),
    "onboarding.submit_application": (
        Event.APPLICATION_SUBMITTED,
        lambda on: (on.ana, on.complete(on.sinar)),
    ),
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
    "people.deactivate_member": (
        Event.MEMBER_DEACTIVATED,
        lambda on: (on.ana, {"account_id": on.sinar.id, "user_id": on.budi.user_id}),
    ),
    "people.leave_account": (
        Event.MEMBER_LEFT,
        lambda on: (on.gita, {"account_id": on.sinar.id}),
    ),
    "people.note_failed_login": (Event.LOGIN_FAILED, lambda on: (on.citra, {})),
    "people.note_login": (Event.SESSION_STARTED, lambda on: (on.citra, {})),
    "people.note_logout": (
        Event.SESSION_ENDED,
        lambda on: (on.citra, {"reason": SessionEnd.LOGGED_OUT}),
    ),
    "people.reactivate_member": (
        Event.MEMBER_REACTIVATED,
        lambda on: (on.ana, {"account_id": on.sinar.id, "user_id": on.shut_out(on.budi)}),
    ),
    "people.remove_member": (
        Event.MEMBER_REMOVED,
        lambda on: (on.ana, {"account_id": on.sinar.id, "user_id": on.budi.user_id}),
    ),
    "policies.change_logo": (
        Event.POLICIES_CHANGED,
        lambda on: (on.eko, {"content": picture()}),
    ),
    "policies.change_policies": (
        Event.POLICIES_CHANGED,
        lambda on: (on.eko, {"changes": {"pin_min_digits": 8}}),
    ),
    "staff.add_staff": (Event.STAFF_ADDED, lambda on: (on.eko, on.newcomer())),
    "staff.change_staff_role": (
        Event.STAFF_ROLE_CHANGED,
        lambda on: (on.eko, {"user_id": on.rangga.user_id, "role": StaffRole.SECURITY}),
    ),
    "staff.choose_first_password": (
        Event.STAFF_PASSWORD_CHOSEN,
        lambda on: (on.stranger, {"token": on.invitation(), "password": on.password}),
    ),
    "staff.deactivate_staff": (
        Event.STAFF_DEACTIVATED,
        lambda on: (on.eko, {"user_id": on.rangga.user_id}),
    ),
    "staff.end_staff_sessions": (
        Event.STAFF_SESSIONS_ENDED,
        lambda on: (on.eko, {"user_id": on.rangga.user_id}),
    ),
    "staff.invite_staff_again": (
        Event.STAFF_INVITED_AGAIN,
        lambda on: (on.eko, {"user_id": on.hired().pk, "link_to": LINK_TO}),
    ),
    "staff.make_first_owner": (
        Event.FIRST_OWNER_MADE,
        lambda on: (
            on.stranger,
            {
                "token": make_first_owner_link(on.host),
                "email": "eko@provider.example",
                "full_name": "Eko",
                "password": on.password,
            },
        ),
    ),
    "vault.replace_key_encryption_key": (
        Event.KEY_ENCRYPTION_KEY_REPLACED,
        lambda on: (on.host, on.another_key_encryption_key()),
    ),
    "vault.rewrap_data_keys": (
        Event.DATA_KEYS_REWRAPPED,
        lambda on: (on.host, on.replaced_key_encryption_key()),
    ),
    "staff.make_first_owner_link": (Event.FIRST_OWNER_LINK_MADE, lambda on: (on.host, {})),
    "staff.reactivate_staff": (
        Event.STAFF_REACTIVATED,
        lambda on: (on.eko, {"user_id": on.deactivated()}),
    ),
    "security.add_passkey": (
        Event.FACTOR_ADDED,
        lambda on: (on.citra, {"name": "Laptop", "credential": {}}),
    ),
    "security.add_totp": (
        Event.FACTOR_ADDED,
        lambda on: (on.citra, {"secret": SECRET, "code": code_of(SECRET)}),
    ),
    "security.change_password": (
        Event.PASSWORD_CHANGED,
        lambda on: (on.citra, {"password": "sembilan kuda di tepi danau", "kept_session": "one"}),
    ),
    "security.end_other_sessions": (
        Event.SESSION_ENDED,
        lambda on: (on.citra, {"kept_session": "one"}),
    ),
    "security.end_session": (
        Event.SESSION_ENDED,
        lambda on: (on.citra, {"session_id": session_of(on.browse, on.citra)}),
    ),
    "security.make_recovery_codes": (
        Event.RECOVERY_CODES_MADE,
        lambda on: (on.with_app(on.citra), {}),
    ),
    "security.note_confirmation": (
        Event.SESSION_CONFIRMED,
        lambda on: (on.citra, {"method": Method.PASSWORD}),
    ),
    "security.note_passkey": (Event.FACTOR_USED, lambda on: (on.citra, {"is_right": True})),
    "security.remove_factor": (
        Event.FACTOR_REMOVED,
        lambda on: (
            on.with_app(on.citra),
            {"factor_id": factors_of(on.citra.user_id).get().pk},
        ),
    ),
    "security.rename_passkey": (
        Event.FACTOR_RENAMED,
        lambda on: (
            on.with_passkey(on.citra),
            {"factor_id": factors_of(on.citra.user_id).get().pk, "name": "Old laptop"},
        ),
    ),
    "security.use_code": (
        Event.FACTOR_USED,
        lambda on: (on.with_app(on.citra), {"code": code_of(SECRET, steps=1)}),
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
    "stepup.confirm_with_passkey": (
        Event.PASSKEY_CONFIRMED,
        lambda on: (on.ana, on.passkey_answer()),
    ),
    "stepup.mail_pin_link": (
        Event.PIN_LINK_SENT,
        lambda on: (on.with_pin(on.ana), {"password": on.password, "url_of": str}),
    ),
    "stepup.replace_pin": (
        Event.PIN_REPLACED,
        lambda on: (
            on.with_pin(on.ana),
            {"pin": "591738", "password": on.password, "code": on.codes_of(on.ana)[1][0]},
        ),
    ),
    "stepup.replace_pin_by_link": (
        Event.PIN_REPLACED,
        lambda on: (
            on.ana,
            {"pin": "591738", "password": on.password, "token": on.pin_link(on.ana)},
        ),
    ),
    "stepup.reset_pin": (
        Event.PIN_RESET,
        lambda on: (
            on.eko,
            {"account_id": on.sinar.id, "user_id": on.with_pin(on.ana).user_id},
        ),
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
    "entry.ask_for_address",
    "entry.ask_for_password",
    "entry.change_address",
    "entry.choose_password",
    "entry.confirm_address",
    "entry.send_confirmation",
    "entry.sign_up",
    "invitations.accept_invitation",
    "people.leave_account",
    "people.choose_language",
    "people.note_failed_login",
    "people.note_login",
    "people.note_logout",
    "security.add_passkey",
    "security.add_totp",
    "security.change_password",
    "security.end_other_sessions",
    "security.end_session",
    "security.make_recovery_codes",
    "security.note_confirmation",
    "security.note_passkey",
    "security.remove_factor",
    "security.rename_passkey",
    "security.use_code",
    "staff.choose_first_password",
    "staff.make_first_owner",
    "stepup.mail_pin_link",
    "stepup.replace_pin",
    "stepup.replace_pin_by_link",
    "stepup.set_pin",
}
"""A person's own language, address, factors, session and PIN are theirs in every role; a link is a right itself."""

ABOUT_ONESELF = NEEDS_NO_PERMISSION | {"stepup.confirm", "stepup.confirm_with_passkey"}


def all_but_the_trail():
    """Give every row of every table except the audit trail's."""
    with connection.cursor() as cursor:
        rows = {}
        for table in connection.introspection.table_names(cursor):
            if table not in {"audit_events", "audit_waiting"}:
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
    # Who signs up was a stranger until then, and has a name in the event.
    named = replace(actor, label=given["email"]) if event is Event.ACCOUNT_SIGNED_UP else actor
    assert events_since(seq) == [event_by(named, event)]


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


def lose_role(actor):
    """Take the role of whoever acts, although their request still says that they have it."""
    if actor.kind is ActorKind.STAFF:
        User.objects.filter(pk=actor.user_id).update(staff_role=None)
    else:
        Membership.objects.filter(user=actor.user_id).update(role=Role.VIEWER)


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - ABOUT_ONESELF))
def test_a_role_that_was_lost_since_the_request_began_counts_for_nothing(name, stage):
    actor, given = SCENARIOS[name][1](stage)
    if actor.kind is ActorKind.HOST:
        actor = stage.eko if name.startswith("staff.") else stage.ana
    stage.hire("Hadi", stage.sinar, Role.SUPERADMIN)
    lose_role(actor)
    refused = refused_as(ACTIONS[name], actor, given)
    assert refused == (Code.PERMISSION_DENIED, [event_by(actor, Event.PERMISSION_REFUSED)])


@pytest.mark.django_db(transaction=True)
def test_the_record_of_a_refusal_stays_although_the_action_rolls_back(gita):
    with pytest.raises(Refused):
        create_account(gita, username="barusekali", name="PT Baru Sekali")
    event = AuditEvent.objects.get(event=Event.PERMISSION_REFUSED)
    assert (event.account_id, event.details) == (
        gita.account_id,
        {"code": "permission_denied", "permission": "account.create", "account_asked_for": None},
    )


GATES = (
    (Actor, "can"),
    (refused, "require"),
    (standing, "require_still"),
    (trail, "record"),
)
"""What every action asks before it changes anything, and what it tells when it has."""


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - ABOUT_ONESELF))
def test_an_action_whose_gate_fails_does_nothing(name, stage, monkeypatch):
    """A8: what could not be decided, or not be recorded, is not done, whoever asks."""
    actor, given = SCENARIOS[name][1](stage)
    before = all_but_the_trail()
    for owner, gate in GATES:
        with monkeypatch.context() as patched:
            fail(patched, owner, gate)
            with pytest.raises(UndecidedError):
                ACTIONS[name](actor, **given)
        assert (gate, all_but_the_trail()) == (gate, before)

"""What a process of a crew can be told to do."""

import os
import signal

import msgspec
from allauth.core import context
from django.db.models import F
from django.test import RequestFactory

from keydesk.control.access.actor import HOST_OPERATOR, Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.accounts import actions as accounts
from keydesk.control.catalog import actions as catalog
from keydesk.control.entitlements import actions as entitlements
from keydesk.control.keys import actions as keys
from keydesk.control.onboarding import actions as onboarding
from keydesk.control.people import actions as people
from keydesk.control.stepup import actions as stepup
from keydesk.control.stepup import pins
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.stepup.tries import Counter, standing
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, Environment, ProductState


def outcome(call, barrier):
    """Make one call when all others of the process are ready; gives `ok` with the result, or the code of a refusal."""
    name, actor, named = call
    actor = HOST_OPERATOR if actor is None else msgspec.convert(actor, Actor)
    barrier.wait()
    try:
        return ["ok", JOBS[name](actor, **named)]
    except Refused as refused:
        return [refused.code, None]


def confirm(actor, *, pin, object_id):
    stepup.confirm(actor, pin=pin, action=GuardedAction.KEY_REVEAL, object_id=object_id)


def passkey(actor, *, answer, object_id):
    with context.request_context(RequestFactory().get("/", HTTP_HOST="localhost")):
        stepup.confirm_with_passkey(
            actor, answer=answer, action=GuardedAction.KEY_REVEAL, object_id=object_id
        )


def generate(actor, **named):
    made = keys.generate_key(actor, **named)
    return {"id": made.id, "created": made.created, "revision": made.revision}


def demote(actor, *, account_id, user_id):
    people.change_role(actor, account_id=account_id, user_id=user_id, role=Role.VIEWER)


def disable(actor, **named):
    named["environment"] = Environment(named["environment"])
    return entitlements.disable_product(actor, **named).revision


def suspend(actor, *, account_id):
    return accounts.set_account_status(
        actor, account_id=account_id, status=AccountStatus.SUSPENDED, reason="Unpaid"
    )


def stop(actor, *, slug):
    return catalog.set_product_state(actor, slug=slug, state=ProductState.STOPPED, reason="Fraud")


JOBS = {
    "approve": onboarding.approve_application,
    "claim": onboarding.claim_application,
    "confirm": confirm,
    "demote": demote,
    "disable": disable,
    "generate": generate,
    "passkey": passkey,
    "reject": onboarding.reject_application,
    "regenerate": lambda actor, **named: keys.regenerate_key(actor, **named).id,
    "reveal": lambda actor, **named: keys.reveal_key(actor, **named).id,
    "revoke": keys.revoke_key,
    "save": onboarding.save_section,
    "send back": onboarding.request_revision,
    "stop": stop,
    "submit": onboarding.submit_application,
    "suspend": suspend,
}


class CountingHasher:
    """The real hasher, which leaves a byte in the tally before each evaluation."""

    def __init__(self, real, tally):
        self.real, self.tally = real, tally

    def __getattr__(self, name):
        return getattr(self.real, name)

    def verify(self, stored, secret):
        os.write(self.tally, b".")
        return self.real.verify(stored, secret)


def count_evaluations(tally):
    pins.HASHER = CountingHasher(pins.HASHER, tally)


def die_in_the_first_evaluation():
    """Be killed when a try is counted and its evaluation begins."""
    real = pins.HASHER.verify

    def verify(stored, secret):
        os.kill(os.getpid(), signal.SIGKILL)
        return real(stored, secret)

    pins.HASHER.verify = verify


def count_after_the_evaluation():
    """Count tries the naive way: look at the counter, evaluate, and raise it if the PIN was wrong."""

    def spend_try(counter, *, user_id, policy):
        pin = Pin.objects.get(user_id=user_id)
        if pin.tries >= policy.tries:
            raise standing(pin, Counter.PIN, policy).refusal(Code.PIN_LOCKED)
        return pin

    real = pins.matches

    def matches(pin, *, user_id, stored):
        is_right = real(pin, user_id=user_id, stored=stored)
        if not is_right:
            Pin.objects.filter(user_id=user_id, tries__lt=10).update(tries=F("tries") + 1)
        return is_right

    stepup.spend_try, pins.matches = spend_try, matches

"""The PIN, or a passkey in its place, before a sensitive action: asked for and checked, or why it would not help."""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.http import HttpResponse

from keydesk.control.access.refused import Refused
from keydesk.control.stepup.actions import confirm, confirm_with_passkey
from keydesk.control.stepup.factors import ask_passkey, has_passkey
from keydesk.control.stepup.queries import PinStatus, is_shorter_than_asked, pin_status
from keydesk.control.stepup.rules import GuardedAction, Purpose
from keydesk.control.vault.keyring import VaultState, vault_state
from keydesk.core.codes import Code
from keydesk.dashboard.pin import lock_of
from keydesk.dashboard.steps import PASSKEY_HELPS, Dialog
from keydesk.web.problems import problem_of

Done = TypeVar("Done")
Guard = tuple[GuardedAction, str]
"""What is confirmed: the action, and the object that it is for."""
OPENS_THE_VAULT: Final = frozenset(
    {GuardedAction.KEY_GENERATE, GuardedAction.KEY_REGENERATE, GuardedAction.KEY_REVEAL}
)
"""Actions that need the key-encryption key."""


def guarded(
    dialog: Dialog,
    *,
    guard: Guard,
    act: Callable[[str], Done],
    show: Callable[[Done], HttpResponse],
    context: dict[str, Any],
) -> HttpResponse:
    """Ask for the PIN after the confirmation; with the PIN, or a passkey's answer, act and show what came of it."""
    sent = dialog.request.POST
    if sent.get("step") != "pin" and not sent.get("answer"):
        return ask_pin(dialog, guard, context)
    try:
        done = act(grant_for(dialog, guard))
    except Refused as refused:
        return show_refusal(dialog, guard, refused, context)
    return show(done)


def is_pin_short(dialog: Dialog) -> bool:
    """Say whether the PIN that was sent has fewer digits than the policy asks for now."""
    sent = dialog.request.POST
    return not sent.get("answer") and is_shorter_than_asked(sent.get("pin", ""))


def grant_for(dialog: Dialog, guard: Guard) -> str:
    """Give the grant for what a passkey has answered, or for the PIN."""
    (action, object_id), sent = guard, dialog.request.POST
    if answer := sent.get("answer"):
        return confirm_with_passkey(
            dialog.visit.actor, answer=answer, action=action, object_id=object_id
        )
    return confirm(dialog.visit.actor, pin=sent.get("pin", ""), action=action, object_id=object_id)


def ask_pin(dialog: Dialog, guard: Guard, context: dict[str, Any]) -> HttpResponse:
    """Ask for the PIN, or say at once why it would not help."""
    pin = pin_status(dialog.visit.user.pk)
    pause = pause_of(pin) if guard[0] is GuardedAction.KEY_REVEAL else None
    sealed = vault_refusal() if guard[0] in OPENS_THE_VAULT else None
    refused = sealed or pause or pin_refusal(pin)
    if refused is not None:
        return show_refusal(dialog, guard, refused, context)
    return dialog.show("pin", **context, **passkey_for(dialog, guard))


def show_refusal(
    dialog: Dialog, guard: Guard, refused: Refused, context: dict[str, Any]
) -> HttpResponse:
    """Show a refusal, and offer a passkey where one would help."""
    offer = passkey_for(dialog, guard) if refused.code in PASSKEY_HELPS else {}
    return dialog.show_problem(problem_of(refused), **context, **offer)


def passkey_for(dialog: Dialog, guard: Guard) -> dict[str, Any]:
    """Give what a passkey is asked with in the PIN's place, to whoever has one."""
    if not has_passkey(dialog.visit.user.pk):
        return {}
    action, object_id = guard
    asked = ask_passkey(dialog.visit.actor, purpose=Purpose(action), object_id=object_id)
    return {"passkey": json.dumps(asked)}


def vault_refusal() -> Refused | None:
    """Give the refusal of everything that needs the key-encryption key, None if it is there."""
    return None if vault_state() is VaultState.OPEN else Refused(Code.SEALED)


def pause_of(pin: PinStatus) -> Refused | None:
    """Give the refusal of seeing a key again while that is paused, None if it is not."""
    until = pin.reveals_from
    return None if until is None else Refused(Code.REVEAL_PAUSED, locked_until=until)


def pin_refusal(pin: PinStatus) -> Refused | None:
    """Give the refusal that a person's PIN would meet whatever they typed, None if a right one is let in."""
    return lock_of(pin) or (None if pin.is_set else Refused(Code.PIN_NOT_SET))

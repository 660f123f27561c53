"""Changing what the provider has decided."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.policies.logos import NotALogoError, plain_png, version_of
from keydesk.control.policies.models import Policies
from keydesk.control.policies.rules import fault_of
from keydesk.core.codes import Code


def change_policies(actor: Actor, *, changes: Mapping[str, Any]) -> None:
    """Set these policies, by the names of their columns; the others stay as they are.

    Raises Refused: `permission_denied`; `invalid_input` (field) for the first that is none, is out of its bounds or,
    of the colour, cannot be read (reason `too_light`).
    """
    permission = Permission.POLICY_EDIT
    authorise(actor, permission)
    for name, value in changes.items():
        if reason := fault_of(name, value):
            raise Refused(Code.INVALID_INPUT, field=name, reason=reason)
    with audited_transaction(actor, permission):
        held = _locked()
        require_still(actor, permission)
        before = {name: getattr(held, name) for name in changes}
        changed = {name: value for name, value in changes.items() if before[name] != value}
        for name, value in changed.items():
            setattr(held, name, value)
        held.changed_at = timezone.now()
        held.save(update_fields=[*changed, "changed_at"])
        details = {name: {"from": before[name], "to": value} for name, value in changed.items()}
        record(actor, Event.POLICIES_CHANGED, object_id="policies", details=details)


def change_logo(actor: Actor, *, content: bytes | None) -> None:
    """Put a PNG in the place of our mark, or take it away with None.

    Raises Refused: `permission_denied`; `invalid_input` for `logo` with what is wrong: `size`, `type` or `pixels`.
    """
    permission = Permission.POLICY_EDIT
    authorise(actor, permission)
    try:
        png = None if content is None else plain_png(content)
    except NotALogoError as fault:
        raise Refused(Code.INVALID_INPUT, field="logo", reason=fault.reason) from fault
    with audited_transaction(actor, permission):
        held = _locked()
        require_still(actor, permission)
        before, after = held.logo_version, "" if png is None else version_of(png)
        held.logo, held.logo_version, held.changed_at = png, after, timezone.now()
        held.save(update_fields=["logo", "logo_version", "changed_at"])
        details = {"logo": {"from": before, "to": after}}
        record(actor, Event.POLICIES_CHANGED, object_id="policies", details=details)


def _locked() -> Policies:
    Policies.objects.get_or_create(pk=1)
    return Policies.objects.select_for_update().defer("logo").get(pk=1)

"""Changing what the provider has decided."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.policies.models import Policies
from keydesk.control.policies.rules import BRAND_LENGTH, COLOUR, NUMBERS
from keydesk.core.codes import Code

FLAGS = frozenset({"mfa_for_managers", "four_eyes_on_approval", "four_eyes_on_live"})
LANGUAGES = ("", "en", "id")


def change_policies(actor: Actor, *, changes: Mapping[str, Any]) -> None:
    """Set these policies, by the names of their columns; the others stay as they are.

    Raises Refused: `permission_denied`; `invalid_input` (field) for the first that is none or is out of its bounds.
    """
    authorise(actor, Permission.POLICY_EDIT)
    for name, value in changes.items():
        if not stands(name, value):
            raise Refused(Code.INVALID_INPUT, field=name, reason="invalid")
    with transaction.atomic():
        Policies.objects.get_or_create(pk=1)
        held = Policies.objects.select_for_update().defer("logo").get(pk=1)
        before = {name: getattr(held, name) for name in changes}
        changed = {name: value for name, value in changes.items() if before[name] != value}
        for name, value in changed.items():
            setattr(held, name, value)
        held.changed_at = timezone.now()
        held.save(update_fields=[*changed, "changed_at"])
        details = {name: {"from": before[name], "to": value} for name, value in changed.items()}
        record(actor, Event.POLICIES_CHANGED, object_id="policies", details=details)


def stands(name: str, value: Any) -> bool:
    """Say whether a policy of this name may have this value."""
    if name in NUMBERS:
        bounds = NUMBERS[name]
        return type(value) is int and bounds.least <= value <= bounds.most
    if name in FLAGS:
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    return {
        "brand_name": not value or is_name(value, longest=BRAND_LENGTH),
        "brand_colour": not value or COLOUR.fullmatch(value) is not None,
        "default_language": value in LANGUAGES,
    }.get(name, False)

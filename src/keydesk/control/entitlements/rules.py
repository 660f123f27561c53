"""Which way an entitlement may go, and which accounts may ask for one."""

from typing import Final

from keydesk.core.records import AccountStatus
from keydesk.core.records import EntitlementState as State

TRANSITIONS: Final[dict[State | None, frozenset[State]]] = {
    None: frozenset({State.REQUESTED, State.ENABLED}),
    State.REQUESTED: frozenset({State.ENABLED}),
    State.ENABLED: frozenset({State.DISABLED}),
    State.DISABLED: frozenset({State.ENABLED}),
}

MAY_REQUEST: Final = frozenset(
    {
        AccountStatus.DRAFT,
        AccountStatus.WAITING_FOR_APPROVAL,
        AccountStatus.NEED_REVISION,
        AccountStatus.APPROVED,
    }
)
"""Statuses in which an account may ask for a product: while it signs up, and once it is approved."""


def can_become(state: str | None, target: State) -> bool:
    """Say whether an entitlement of this state (None: there is none yet) may go to the target state."""
    return target in TRANSITIONS[None if state is None else State(state)]

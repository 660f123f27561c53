"""Which way an entitlement may go, which accounts may ask for one, and whose calls it may limit."""

from enum import StrEnum
from typing import Final

from keydesk.core.limits import Whose
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

LIMITED_BY: Final = (Whose.KEY, Whose.ACCOUNT)
"""Whose limits an entitlement may set: a budget of all accounts together cannot be another one for each of them."""


class ChangeState(StrEnum):
    """Where a planned change stands."""

    PROPOSED = "PROPOSED"
    """Waits for a second person."""
    SCHEDULED = "SCHEDULED"
    """Waits for its moment."""
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    """Could not be carried out when its moment had come."""


OPEN: Final = frozenset({ChangeState.PROPOSED, ChangeState.SCHEDULED})
"""States in which a planned change still lies ahead."""

TARGETS: Final = frozenset({State.ENABLED, State.DISABLED})
"""Where a planned change can lead."""


def can_become(state: str | None, target: State) -> bool:
    """Say whether an entitlement of this state (None: there is none yet) may go to the target state."""
    return target in TRANSITIONS[None if state is None else State(state)]

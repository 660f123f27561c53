"""Which usernames an account may have, which way its status may go, and how addresses are written."""

import re
from collections.abc import Sequence
from typing import Final

from keydesk.control.access.entries import stored_list
from keydesk.core.network import parse_network
from keydesk.core.records import AccountStatus as Status

SHORTEST_USERNAME: Final = 3
NAME_LENGTH: Final = 120
NETWORKS_LENGTH: Final = 2000
"""How long an allow-list may be: some hundred IPv4 networks."""
USERNAME: Final = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]", re.ASCII)

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.WAITING_FOR_APPROVAL, Status.CLOSED}),
    Status.WAITING_FOR_APPROVAL: frozenset(
        {Status.APPROVED, Status.NEED_REVISION, Status.REJECTED}
    ),
    Status.NEED_REVISION: frozenset({Status.WAITING_FOR_APPROVAL, Status.REJECTED, Status.CLOSED}),
    Status.APPROVED: frozenset({Status.SUSPENDED, Status.CLOSED}),
    Status.SUSPENDED: frozenset({Status.APPROVED, Status.CLOSED}),
    Status.REJECTED: frozenset({Status.CLOSED}),
    Status.CLOSED: frozenset(),
}

NEEDS_REASON: Final = frozenset(
    {Status.NEED_REVISION, Status.REJECTED, Status.SUSPENDED, Status.CLOSED}
)
"""Statuses whose reason the customer reads."""

DECIDED_IN_ONBOARDING: Final = frozenset(
    {Status.WAITING_FOR_APPROVAL, Status.NEED_REVISION, Status.REJECTED}
)
"""Statuses into and out of which an account goes by its application."""


def is_username(text: str) -> bool:
    """Say whether the text may be an account's username: 3 to 40 of a-z, 0-9 and inner hyphens, a letter first."""
    return USERNAME.fullmatch(text) is not None


def plain_username(text: str) -> str:
    """Give a username as it is stored and compared: trimmed, its letters small.

    Only what is ASCII has small letters here: another letter that looks or folds like one makes no username.
    """
    text = text.strip()
    return text.lower() if text.isascii() else text


def stored_networks(networks: Sequence[str]) -> str:
    """Give the networks of an allow-list as they are stored, an address alone without its mask; each comes once.

    Raises Refused `invalid_input` with what is wrong, as `stored_list` does.
    """

    def read(entry: str) -> tuple[str, str]:
        network = parse_network(entry)
        is_address = network.prefixlen == network.max_prefixlen
        text = str(network.network_address if is_address else network)
        return text, text

    return stored_list("networks", networks, read=read, longest=NETWORKS_LENGTH)


def can_become(status: str, target: Status) -> bool:
    """Say whether an account of this status may go to the target status."""
    return target in TRANSITIONS[Status(status)]

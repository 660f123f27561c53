"""The key that audit events are signed with; the database does not have it, so nobody can make one up in SQL."""

import hmac
from collections.abc import Callable
from functools import cache
from typing import Final

from keydesk.control.feed.actions import row_mac_key
from keydesk.core.digest import mac_under

_LABEL: Final = b"keydesk audit-event/v1"


@cache
def event_mac() -> Callable[[bytes], bytes]:
    """Give the function that makes an event's MAC of its canonical bytes; raises ConfigError if its secret is nowhere.

    The key is derived from the row-MAC key, which an installation keeps for as long as its database.
    """
    return mac_under(hmac.digest(row_mac_key(), _LABEL, "sha256"), name="key of audit events")

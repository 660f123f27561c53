"""Why somebody did something to others: words that a customer reads or the audit trail keeps."""

from typing import Final

from keydesk.control.access.refused import Refused
from keydesk.core.codes import Code

LONGEST_REASON: Final = 2000


def reason_given(text: str) -> str:
    """Give a reason trimmed; raises Refused(`invalid_input`) for none, or for more than 2,000 characters."""
    reason = text.strip()
    if not reason:
        raise Refused(Code.INVALID_INPUT, field="reason", reason="empty")
    return reason_if_any(reason)


def reason_if_any(text: str) -> str:
    """Give a reason trimmed where none has to be given; raises Refused(`invalid_input`) for too long a one."""
    reason = text.strip()
    if len(reason) > LONGEST_REASON:
        raise Refused(Code.INVALID_INPUT, field="reason", reason="too_long")
    return reason

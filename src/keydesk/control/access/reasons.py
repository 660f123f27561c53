"""Why somebody did something to others: words that a customer reads or the audit trail keeps."""

from typing import Final

from keydesk.control.access.refused import Refused
from keydesk.core.codes import Code

LONGEST_REASON: Final = 2000


def reason_given(text: str, *, is_needed: bool = True) -> str:
    """Give a reason trimmed, empty for none where none is needed.

    Raises Refused(`invalid_input`) at `reason`, for none that is needed (`empty`) and for more than 2,000 characters
    (`too_long`).
    """
    reason = text.strip()
    if is_needed and not reason:
        raise Refused(Code.INVALID_INPUT, field="reason", reason="empty")
    if len(reason) > LONGEST_REASON:
        raise Refused(Code.INVALID_INPUT, field="reason", reason="too_long")
    return reason

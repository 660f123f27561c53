"""What `keydesk doctor` asks the control plane's database."""

from keydesk.control.chain.comparison import told
from keydesk.control.chain.queries import backlog
from keydesk.server.desk import (
    require_matching_database,
    require_writable_database,
    sealing_fault,
)
from keydesk.server.faults import OperatorFault


def faults() -> list[str]:
    """Give what is wrong with the database and the key-encryption key, a sentence for each fault.

    Raises DatabaseError if the database does not answer.
    """
    try:
        require_matching_database()
        require_writable_database()
    except OperatorFault as fault:
        return [str(fault)]
    sealed = sealing_fault()
    return [sealed] if sealed else []


def trail_note() -> str | None:
    """Say that audit events wait for their entry for longer than the worker takes, None if none does."""
    late = backlog()
    if late is None:
        return None
    return (
        f"{late.waiting} events since {told(late.since)} wait for their entry: does the worker run?"
    )

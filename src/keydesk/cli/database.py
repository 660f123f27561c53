"""What `keydesk doctor` asks the control plane's database."""

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

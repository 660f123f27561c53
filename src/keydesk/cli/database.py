"""What `keydesk doctor` asks the control plane's database."""

from keydesk.control.checks import pending_migrations
from keydesk.server.desk import refuse_newer_database
from keydesk.server.faults import OperatorFault


def faults() -> list[str]:
    """Give what is wrong with the database, a sentence for each fault.

    Raises DatabaseError if it does not answer.
    """
    try:
        refuse_newer_database()
    except OperatorFault as fault:
        return [str(fault)]
    if pending_migrations():
        return ["The database is older than this version: run `keydesk migrate`."]
    return []

"""A database that can only be read is found before anything is served, on both databases."""

import pytest
from django.db import connection

from keydesk.server.desk import require_writable_database
from keydesk.server.faults import OperatorFault

ONLY_READ = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off",
    ),
}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_can_only_be_read_is_told_apart():
    require_writable_database()
    on, off = ONLY_READ[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(on)
    try:
        with pytest.raises(OperatorFault, match=r"^The database can be read and not written \("):
            require_writable_database()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(off)
    require_writable_database()

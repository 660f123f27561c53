"""What must never be in the tables, the database itself refuses, whoever writes."""

import pytest
from django.db import IntegrityError, connection, transaction

REFUSED = [
    "UPDATE accounts SET status = 'OPEN'",
    "UPDATE accounts SET username = 'SinarAbadi' WHERE username = 'sinarabadi'",
    "UPDATE accounts SET username = 'duasamudra'",
    "UPDATE accounts SET username = 'pt' WHERE username = 'sinarabadi'",
    "UPDATE accounts SET revision = 0 WHERE username = 'sinarabadi'",
    "UPDATE accounts SET revision = 1",
    "UPDATE accounts SET mac = substr(mac, 1, 31)",
    "UPDATE products SET state = 'ON'",
    "UPDATE products SET reveal_policy = 'always'",
    "UPDATE products SET lease_seconds = 0",
    "UPDATE products SET lease_seconds = -1",
    f"UPDATE products SET scopes = '{'x' * 257}'",
    "UPDATE products SET name = 'Disbursement'",
    "UPDATE entitlements SET state = 'MAYBE'",
    "UPDATE entitlements SET environment = 'prod'",
    "UPDATE entitlements SET environment = 'live'",
    "UPDATE users SET email = upper(email)",
    "UPDATE users SET email = 'same@sinarabadi.example'",
    "UPDATE users SET language = 'fr'",
    "UPDATE memberships SET role = 'owner'",
    "UPDATE memberships SET user_id = (SELECT min(user_id) FROM memberships)",
    "UPDATE service_credentials SET state = 'OFF'",
    "UPDATE service_credentials SET digest = substr(digest, 1, 31)",
    "INSERT INTO feed_head (id, epoch, revision, heartbeat_at) VALUES (2, 'other', 0, 0)",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_refuses(statement, ana, budi, dewi, disbursement, inquiry, credential):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_two_credentials_never_have_one_digest(make_credential):
    make_credential("one"), make_credential("two")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE service_credentials SET digest = (SELECT min(digest) FROM service_credentials)"
        )

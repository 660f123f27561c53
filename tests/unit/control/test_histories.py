"""What becomes of a row that a replica knows otherwise than a database that went back in time."""

import pytest
from tests.fixtures.rows import account, credential, entitlement, key, product

from keydesk.control.histories.rules import Outcome, outcome_of

NOW = 1_800_000_000.0
DIGEST = bytes(32)
PAST, FUTURE = int(NOW) - 1, int(NOW) + 1
REPLACED = {"state": "RETIRING"}

CASES = {
    "as it was": (key(DIGEST, revision=9), key(DIGEST), None),
    "revoked": (key(DIGEST, state="REVOKED"), key(DIGEST), Outcome.REVOKED),
    "revoked in both": (key(DIGEST, state="REVOKED"), key(DIGEST, state="REVOKED"), None),
    "revoked, and made since": (key(DIGEST, state="REVOKED"), None, None),
    "made since": (key(DIGEST), None, Outcome.GONE),
    "expired": (key(DIGEST, expires_at=PAST), key(DIGEST), Outcome.REVOKED),
    "expires this second": (key(DIGEST, expires_at=int(NOW)), key(DIGEST), Outcome.REVOKED),
    "expired in both": (key(DIGEST, expires_at=PAST), key(DIGEST, expires_at=PAST - 9), None),
    "expires later": (key(DIGEST, expires_at=FUTURE), key(DIGEST), Outcome.DIFFERENT),
    "replaced, and over": (
        key(DIGEST, retires_at=PAST, **REPLACED), key(DIGEST), Outcome.REVOKED,
    ),
    "replaced, and over before the backup": (
        key(DIGEST, state="REVOKED"), key(DIGEST, retires_at=PAST, **REPLACED), Outcome.REVOKED,
    ),
    "replaced, and not over": (
        key(DIGEST, retires_at=FUTURE, **REPLACED), key(DIGEST), Outcome.DIFFERENT,
    ),
    "stopped": (key(DIGEST, state="DISABLED"), key(DIGEST), Outcome.STOPPED),
    "stopped while it was replaced": (
        key(DIGEST, state="DISABLED"), key(DIGEST, retires_at=FUTURE, **REPLACED), Outcome.STOPPED,
    ),
    "released": (key(DIGEST), key(DIGEST, state="DISABLED"), Outcome.DIFFERENT),
    "narrowed": (key(DIGEST, scopes=("read",)), key(DIGEST), Outcome.DIFFERENT),
    "a credential, revoked": (
        credential(DIGEST, state="REVOKED"), credential(DIGEST), Outcome.REVOKED,
    ),
    "a credential, expired": (
        credential(DIGEST, expires_at=PAST), credential(DIGEST), Outcome.REVOKED,
    ),
    "suspended": (account(status="SUSPENDED"), account(), Outcome.STOPPED),
    "closed": (account(status="CLOSED"), account(), Outcome.STOPPED),
    "an emergency": (product(state="STOPPED"), product(), Outcome.STOPPED),
    "retired": (product(state="RETIRED"), product(), Outcome.STOPPED),
    "disabled": (entitlement(state="DISABLED"), entitlement(), Outcome.STOPPED),
    "approved since": (account(), account(status="WAITING_FOR_APPROVAL"), Outcome.DIFFERENT),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_ended_ends_again_and_everything_else_is_told(case):
    known, held, outcome = CASES[case]
    assert outcome_of(known, held, now=NOW) == outcome

"""A desk's days in one process: what it has when it is backed up, and what is ended and made afterwards.

Run as `python -m tests.cli.desk_history before` on a new desk, and then `since` with what that printed as its input.
"""

import json
import secrets
import sys
from datetime import UTC, datetime, timedelta

import django

REVOKED = [f"revoked {number}" for number in range(20)]
ENDED_OTHERWISE = {
    "replaced": "disbursement",
    "stopped": "disbursement",
    "of a suspended account": "disbursement",
    "of a closed account": "disbursement",
    "of a stopped product": "inquiry",
    "of a retired product": "payment-link",
    "of a disabled entitlement": "disbursement",
}
OVERLAPS = ("overlap is over", "overlap goes on")
KEYS = (
    dict.fromkeys(["kept", "limited", "revoked before", *OVERLAPS, *REVOKED], "disbursement")
    | ENDED_OTHERWISE
)
"""What becomes of each key, and the product that it is for."""
ACCOUNTS = {"of a suspended account": "duasamudra", "of a closed account": "tigapulau"}
TEST_KEYS = ("of a disabled entitlement",)


def before():
    """Make keys for every fate that awaits them, and two service credentials of which one is kept."""
    policies.change_policies(HOST_OPERATOR, changes={"keys_a_product": 1000})
    for slug in ("disbursement", "inquiry", "payment-link"):
        catalog.create_product(HOST_OPERATOR, slug=slug, name=slug.capitalize())
    ids = {username: open_account(username) for username in ("sinarabadi", *ACCOUNTS.values())}
    made = {}
    for name, product in KEYS.items():
        made[name] = generate(ids[ACCOUNTS.get(name, "sinarabadi")], name, product)
    keys.revoke_key(HOST_OPERATOR, key_id=made["revoked before"]["id"])
    for name in ("credential", "relay"):
        created = credentials.create_credential(
            HOST_OPERATOR,
            name=name.capitalize(),
            scopes={"replicate"},
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
        made[name] = {"id": created.id, "text": created.plaintext}
    return made | {"accounts": ids}


def since(made):
    """End and change what the backup knows; gives the keys made meanwhile, which it does not know."""
    ids = made["accounts"]
    for name in REVOKED:
        keys.revoke_key(HOST_OPERATOR, key_id=made[name]["id"])
    replacement = keys.regenerate_key(
        HOST_OPERATOR, key_id=made["replaced"]["id"], grant=None, request_token="replaced"
    )
    successors = {name: replace_with_overlap(made[name]["id"]) for name in OVERLAPS}
    end_overlap(made["overlap is over"]["id"])
    keys.stop_key(HOST_OPERATOR, key_id=made["stopped"]["id"], reason="Leaked")
    keys.restrict_key(
        HOST_OPERATOR, key_id=made["limited"]["id"], networks=(), scopes=(),
        limits=("key:burst=5/60s",), grant=None,
    )  # fmt: skip
    credentials.revoke_credential(HOST_OPERATOR, credential_id=made["credential"]["id"])
    for username, status in (("duasamudra", "SUSPENDED"), ("tigapulau", "CLOSED")):
        accounts.set_account_status(
            HOST_OPERATOR, account_id=ids[username], status=AccountStatus(status), reason="Unpaid"
        )
    for slug, state in (("inquiry", "STOPPED"), ("payment-link", "RETIRED")):
        catalog.set_product_state(
            HOST_OPERATOR, slug=slug, state=ProductState(state), reason="Fraud"
        )
    entitlements.disable_product(
        HOST_OPERATOR, account_id=ids["sinarabadi"], product="disbursement",
        environment=Environment.TEST, reason="Misuse",
    )  # fmt: skip
    return {
        "lost": generate(ids["sinarabadi"], "lost", "disbursement"),
        "replacement": {"id": replacement.id},
        "successors": successors,
    }


def replace_with_overlap(key_id):
    return keys.regenerate_key(
        HOST_OPERATOR, key_id=key_id, grant=None, request_token=key_id, overlap="24h"
    ).id


def end_overlap(key_id):
    """Let the moment have come at which a key retires."""
    with transaction.atomic():
        key = ApiKey.objects.get(pk=key_id)
        key.retires_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
        publish(key)


def open_account(username):
    account = accounts.create_account(HOST_OPERATOR, username=username, name="PT")
    for status in (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.APPROVED):
        accounts.set_account_status(HOST_OPERATOR, account_id=account.id, status=status)
    for product in set(KEYS.values()):
        for environment in Environment:
            entitlements.enable_product(
                HOST_OPERATOR, account_id=account.id, product=product, environment=environment
            )
    return account.id


def generate(account, name, product):
    environment = Environment.TEST if name in TEST_KEYS else Environment.LIVE
    made = keys.generate_key(
        HOST_OPERATOR, account_id=account, product=product, environment=environment, name=name,
        grant=None, request_token=secrets.token_urlsafe(),
    )  # fmt: skip
    return {
        "id": made.id,
        "text": made.plaintext,
        "product": product,
        "environment": str(environment),
    }


if __name__ == "__main__":
    django.setup()
    from django.db import transaction

    from keydesk.control.access.actor import HOST_OPERATOR
    from keydesk.control.accounts import actions as accounts
    from keydesk.control.catalog import actions as catalog
    from keydesk.control.credentials import actions as credentials
    from keydesk.control.entitlements import actions as entitlements
    from keydesk.control.feed.actions import publish
    from keydesk.control.keys import actions as keys
    from keydesk.control.keys.models import ApiKey
    from keydesk.control.policies import actions as policies
    from keydesk.core.records import AccountStatus, Environment, ProductState

    done = before() if sys.argv[1] == "before" else since(json.load(sys.stdin))
    sys.stdout.write(json.dumps(done))

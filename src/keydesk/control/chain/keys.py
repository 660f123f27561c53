"""What the chain is signed with: keys derived from a secret that the database does not have."""

import hmac
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keydesk.control.chain.notes import origin_of
from keydesk.control.feed.actions import row_mac_key
from keydesk.core.digest import mac_under

_ENTRY_LABEL: Final = b"keydesk audit-entry/v1"
_CHECKPOINT_LABEL: Final = b"keydesk audit-checkpoint/v1"


class ChainKeys(NamedTuple):
    """What an installation signs its chain with, and the name that follows from it."""

    entry_mac: Callable[[bytes], bytes]
    checkpoint: Ed25519PrivateKey
    origin: str


@cache
def chain_keys() -> ChainKeys:
    """Give the keys of this installation's chain; raises ConfigError if their secret is nowhere."""
    entry, seed = (
        hmac.digest(row_mac_key(), label, "sha256") for label in (_ENTRY_LABEL, _CHECKPOINT_LABEL)
    )
    checkpoint = Ed25519PrivateKey.from_private_bytes(seed)
    return ChainKeys(
        entry_mac=mac_under(entry, name="key of audit entries"),
        checkpoint=checkpoint,
        origin=origin_of(checkpoint.public_key()),
    )

"""Who may ask `/v1/verify`, and who may follow a relay: a service with a credential in force and the scope for it.

A service credential is in the key's own format, under the marker with an `s` behind it.
"""

from typing import Final, Protocol

from keydesk.core.codes import Code
from keydesk.core.decide import Rows, is_stale
from keydesk.core.digest import Digester
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import CredentialRecord, CredentialState, ServiceScope


class ServiceRows(Rows, Protocol):
    """The rows of a decision, and with them the service credentials."""

    def credential(self, digest: bytes) -> CredentialRecord | None:
        """Give the service credential with this digest."""


class ServiceGate:
    """Admits the services of one installation."""

    def __init__(
        self, keyformat: KeyFormat, digester: Digester, *, scope: str = ServiceScope.VERIFY
    ) -> None:
        """Takes the format of service credentials, the function that digests them and the scope that they need."""
        self._is_well_formed: Final = keyformat.is_well_formed
        self._digest: Final = digester
        self._scope: Final = scope

    def refusal(self, rows: ServiceRows, credential: str | None, now: float) -> Code | None:
        """Give the code that refuses the credential, None if it may ask at the moment `now`.

        Rows past the default lease can still admit, since each decision asks for its own product's lease; they
        cannot refuse, because the credential may be newer than they are.
        """
        if credential is None or not self._is_well_formed(credential):
            return Code.SERVICE_CREDENTIAL_INVALID
        if rows.confirmed_at is None:
            return Code.UNAVAILABLE
        record = rows.credential(self._digest(credential))
        if record is not None and is_in_force(record, self._scope, now):
            return None
        is_old = is_stale(rows.confirmed_at, None, now)
        return Code.UNAVAILABLE if is_old else Code.SERVICE_CREDENTIAL_INVALID


def is_in_force(record: CredentialRecord, scope: str, now: float) -> bool:
    """Say whether a service credential is in force at the moment `now` and has the scope."""
    is_active = record.state == CredentialState.ACTIVE and now < record.expires_at
    return is_active and scope in record.scopes

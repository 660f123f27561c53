"""Another host that a service credential is sent to: its address, and the file of the credential."""

from pathlib import Path
from urllib.parse import urlsplit

from keydesk.core.network import is_loopback
from keydesk.server.faults import OperatorFault


def safe_address(url: str, *, option: str) -> str:
    """Give an option's URL; raises OperatorFault unless it is an address to which a credential can be sent."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise OperatorFault(f"{option} is no address: {error}.") from error
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or port == 0 or not is_safe:
        raise OperatorFault(f"{option} has to be an https:// address: a credential is sent there.")
    if parts.username or parts.query or parts.fragment:
        raise OperatorFault(
            f"{option} has to be an address alone, without user, query or fragment."
        )
    return url


def readable(path: Path) -> Path:
    """Give the file of a credential; raises OperatorFault if it cannot be read."""
    try:
        path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorFault(f"{path} cannot be read: {error}") from error
    return path

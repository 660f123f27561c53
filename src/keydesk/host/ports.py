"""Whether an address can be listened on, and who is about to."""

import errno
import socket
import sys
from hashlib import sha256


def listening_error(host: str, port: int) -> OSError | None:
    """Give what the system says against listening on an address, None if nothing does.

    It asks without sharing: processes of one user that share a port would be let in beside each other in silence.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen()
    except OSError as error:
        return error
    return None


def claim(host: str, port: int) -> socket.socket | None:
    """Say to all others of this host who ask that this process is about to listen on an address, until the claim ends.

    Gives the claim, which ends when it is closed or with the process, and None if another process has one. It is a
    Unix socket's name in the abstract, which only Linux has: elsewhere nobody is refused. The port itself cannot be
    held for the process that is to listen on it. Raises OSError if the system gives no such socket.
    """
    name = sha256(f"{host} {port}".encode()).hexdigest()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if not sys.platform.startswith("linux"):
        return made
    try:
        made.bind(f"\0keydesk port {name}")
    except OSError as error:
        made.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return made

"""Whether an address can be listened on."""

import socket


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

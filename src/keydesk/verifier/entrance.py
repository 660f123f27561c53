"""Lets connections in, or turns them away: the more the ones inside ask, the more at a time.

The loop accepts one connection each time that it looks at the network. While two thousand connections ask, a look takes
a tenth of a second and more, and whoever comes next would wait for minutes, neither answered nor turned away
(decision 59).
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

from keydesk.verifier.http1 import BUSY, Site

BACKLOG: Final = 4096
"""How many connections wait to be accepted; one more is dropped by the kernel, and tried again after a second."""
PIECES_A_CONNECTION: Final = 8
"""After a round, one more connection is accepted for so many pieces that arrived in it.

Turning one away costs less than an answer, so those inside keep nearly all of the time. And a worker that has little to
do leaves what waits to the other workers.
"""
HANDSHAKE_SECONDS: Final = 2.0
UNREAD_BYTES: Final = 65_536


class Entrance:
    """What stands between a listening socket and a site."""

    def __init__(self, listening: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Takes where connections arrive, and what encrypts them, which must be a server's."""
        self._listening: Final = listening
        self._is_encrypted: Final = tls is not None
        self._options: Final[dict[str, Any]] = (
            {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": HANDSHAKE_SECONDS}
        )
        self._site: Site | None = None
        self._server: asyncio.Server | None = None
        self._joining: Final[set[asyncio.Task[None]]] = set()

    async def open(self, site: Site) -> None:
        """Begin to let connections into a site."""
        self._site = site
        self._listening.setblocking(False)
        self._server = await asyncio.get_running_loop().create_server(
            site.connect, sock=self._listening, backlog=BACKLOG, **self._options
        )

    def close(self) -> None:
        """Let nobody in any more; what still waits is left to other workers."""
        self._site = None
        if self._server is not None:
            self._server.close()

    def admit(self, pieces: int) -> None:
        """Accept what waits beside the one that the loop accepts, after a round in which so many pieces arrived."""
        if (site := self._site) is None:
            return
        for _ in range(pieces // PIECES_A_CONNECTION):
            try:
                client, _ = self._listening.accept()
            except OSError:  # there is nobody, or no room in the system, which the loop sees too
                return
            if site.takes_another(coming=len(self._joining)):
                joining = asyncio.ensure_future(self._join(client, site))
                self._joining.add(joining)
                joining.add_done_callback(self._joining.discard)
            else:
                self._turn_away(client)

    async def _join(self, client: socket.socket, site: Site) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(site.connect, client, **self._options)
        except OSError:  # who has left meanwhile, or does not encrypt as it should
            client.close()

    def _turn_away(self, client: socket.socket) -> None:
        """Say that there is no room; not where that would take a handshake, which costs more than an answer.

        What the client has sent is fetched: a connection that is closed with something unread is reset, and a client
        may then not see what it was told.
        """
        with client, contextlib.suppress(OSError):
            client.setblocking(False)
            if not self._is_encrypted:
                client.send(BUSY)
                client.recv(UNREAD_BYTES)

"""Whom a busy verifier lets in: real connections, at a loop that looks when the test says so."""

import asyncio
import contextlib
import socket

import pytest
import uvloop
from tests.fixtures.answering import Fine

from keydesk.verifier.entrance import PIECES_A_CONNECTION, Entrance
from keydesk.verifier.http1 import BUSY, Site
from keydesk.verifier.turns import Turns

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE_SECONDS = 20


@pytest.fixture
def clients():
    """A listening socket, and 40 clients that have asked and are not accepted yet."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        clients = []
        for _ in range(40):
            client = stack.enter_context(socket.create_connection(listening.getsockname()))
            client.settimeout(PATIENCE_SECONDS)
            client.sendall(GET)
            clients.append(client)
        yield listening, clients


def run(listening, *, most_connections, pieces, then):
    """Open an entrance, let it admit once after a round of so many pieces, and give what `then` finds."""

    async def run():
        entrance = Entrance(listening)
        turns = Turns(asyncio.get_running_loop().call_soon, between=lambda _: None)
        counted = []
        site = Site(
            Fine(),
            turns=turns,
            most_connections=most_connections,
            turned_away=lambda: counted.append("one"),
        )
        await entrance.open(site)
        entrance.admit(pieces)
        try:
            return await then(entrance, site), len(counted)
        finally:
            entrance.close()
            await site.stop(seconds=0)

    return uvloop.run(run())


def told(clients):
    """Give what each client that was told anything was told, without waiting."""
    heard = []
    for client in clients:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            heard.append(client.recv(1000))
    return heard


@pytest.mark.parametrize(("pieces", "count"), [(PIECES_A_CONNECTION - 1, 0), (64, 8), (1000, 40)])
def test_the_more_arrives_in_a_round_the_more_who_wait_are_turned_away_after_it(
    clients, pieces, count
):
    listening, waiting = clients

    async def at_once(_entrance, _site):
        return told(waiting)

    found = run(listening, most_connections=0, pieces=pieces, then=at_once)
    assert found == ([BUSY] * count, count)


def test_who_is_let_in_after_a_round_is_answered_and_no_more_than_there_is_room_for(clients):
    listening, waiting = clients

    async def later(_entrance, site):
        return await asyncio.to_thread(lambda: [each.recv(12) for each in waiting]), len(
            site.connections
        )

    (heard, inside), counted = run(listening, most_connections=5, pieces=1000, then=later)
    told = [b"HTTP/1.1 200"] * 5 + [b"HTTP/1.1 503"] * 35
    assert (sorted(heard), inside, counted) == (told, 5, 35)


def test_a_closed_entrance_admits_nobody_and_leaves_them_to_other_workers(clients):
    listening, waiting = clients
    of_another = listening.dup()

    async def closed(entrance, _site):
        entrance.close()
        entrance.admit(1000)
        return told(waiting)

    with of_another:
        assert run(listening, most_connections=0, pieces=0, then=closed) == ([], 0)
        assert len([of_another.accept()[0].close() for _ in waiting]) == len(waiting)

"""Ends a wait for a source that sends too little or nothing: what TCP, which sees a living host, does not do."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol


class Connected(Protocol):
    """A connection that has a file descriptor."""

    def fileno(self) -> int:
        """Give the descriptor."""


@contextmanager
def cut_after(seconds: float, connection: Connected) -> Iterator[None]:
    """Cut the connection if what is done inside takes longer, and raise TimeoutError if it fails after that.

    TCP notices a host that is gone, but not one whose process stands still: the kernel there goes on to acknowledge.
    """
    is_cut = threading.Event()
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        timer = threading.Timer(seconds, cut, [same, is_cut])
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if is_cut.is_set():
                raise TimeoutError(f"what was asked for takes longer than {seconds:g} s") from error
            raise
        finally:
            timer.cancel()


def cut(connection: socket.socket, is_cut: threading.Event) -> None:
    """End a connection under the hands of whoever waits for it."""
    is_cut.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

"""Django's backend for SQLite, in which the transactions of a process wait for each other in a queue.

SQLite has one writer at a time and no queue: whoever waits sleeps, up to 100 ms at a time, and looks again. With a
process full of threads that all look, the lock lies idle for most of the time, and somebody may find it taken for as
long as the patience lasts. Here only the thread whose turn it is waits for the other processes in that way.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError
from django.db.backends.sqlite3 import base

PATIENCE_SECONDS: Final = 5.0
"""How long a transaction waits for its turn; then a page answers 503 rather than hold a thread for longer."""

TURN: Final = threading.Lock()
"""Held by the transaction whose turn it is, for as long as it lasts; a process has one SQLite database."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that takes its turn when a transaction begins, and ends it with the transaction."""

    has_turn: bool = False

    def commit(self) -> None:
        """Commit, and let the next transaction begin; if that fails, the rollback to come does."""
        super().commit()
        self._end_turn()

    def rollback(self) -> None:
        """Roll back, and let the next transaction begin."""
        with self._last_of_turn():
            super().rollback()

    def close(self) -> None:
        """Close the connection, which ends a transaction as well."""
        with self._last_of_turn():
            super().close()

    def _start_transaction_under_autocommit(self) -> None:
        if not TURN.acquire(timeout=PATIENCE_SECONDS):
            raise OperationalError("database is locked")
        self.has_turn = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc] # the stubs leave it out
        except BaseException:
            self._end_turn()
            raise

    @contextmanager
    def _last_of_turn(self) -> Iterator[None]:
        # A thread that may not use this connection must not end the turn of the one that does.
        self.validate_thread_sharing()
        try:
            yield
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            TURN.release()

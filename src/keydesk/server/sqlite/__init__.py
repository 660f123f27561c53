"""The SQLite that Django uses: the one built into pysqlite3, because older ones can corrupt a shared database.

Before 3.51.3, two processes that write and checkpoint one database in WAL mode can damage it; Python's own `sqlite3`
module is often older.
"""

import sys
from typing import Final

import pysqlite3

from keydesk.config import ConfigError

OLDEST_SAFE: Final = (3, 51, 3)

OPTIONS: Final = {
    "timeout": 5,
    "transaction_mode": "IMMEDIATE",
    "init_command": (
        "PRAGMA journal_mode=WAL;"
        "PRAGMA synchronous=FULL;"
        "PRAGMA secure_delete=ON;"
        "PRAGMA trusted_schema=OFF;"
        "PRAGMA recursive_triggers=ON;"
    ),
}
"""Options of the connection.

An acknowledged commit survives a power cut, what is deleted is overwritten, and the triggers that keep rows are asked
by INSERT OR REPLACE too.
"""


def use_safe_sqlite() -> None:
    """Let every later `import sqlite3` give pysqlite3; raises ConfigError if that is too old to be safe."""
    require_safe(pysqlite3.sqlite_version_info)
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2


def require_safe(version: tuple[int, ...]) -> None:
    """Raise ConfigError if a database shared by processes is not safe with this version of SQLite."""
    if version < OLDEST_SAFE:
        found, needed = (".".join(map(str, parts)) for parts in (version, OLDEST_SAFE))
        raise ConfigError(
            f"SQLite {found} can damage a shared database: install a pysqlite3 with {needed} or later."
        )

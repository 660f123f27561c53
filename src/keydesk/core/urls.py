"""What the URL of another service must look like, so that no part of its password can be taken for anything else.

Host, port and database are logged and told to operators; what follows an unescaped `@`, `:` or `/` of a password
would be among them.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct


class UrlShape(Struct, frozen=True):
    """The shape of one kind of URL."""

    pattern: re.Pattern[str]
    example: str
    names_hosts: bool = False
    """Whether it may name several hosts, each with a port: libpq reads those itself."""

    def takes(self, url: str) -> bool:
        """Say whether a URL has this shape."""
        return bool(self.pattern.fullmatch(url)) and (self.names_hosts or has_port(url))

    @property
    def fault(self) -> str:
        """What is said of a URL that has not, without repeating it."""
        return (
            f"it must be like {self.example}, with every special character of the password percent-encoded "
            "(@ as %40, : as %3A, / as %2F); its text is not repeated here."
        )


HOST: Final = r"(?:\[[0-9a-fA-F:]+\]|[^\[\]@/?#:\s]+)(?::\d{1,5})?"

POSTGRESQL: Final = UrlShape(
    re.compile(
        r"postgres(?:ql)?://"
        r"(?:[^@/\s]*@)?"  # user and password
        r"(?:\[[^@/\s\]]*\]|[^@/?,:\s]*)(?::\d*)?"  # host and port
        r"(?:,(?:\[[^@/\s\]]*\]|[^@/?,:\s]*)(?::\d*)?)*"
        r"(?:/[^@/?\s]*)?(?:\?[^@\s]*)?"  # database and options
    ),
    "postgresql://user:password@host:5432/database",
    names_hosts=True,
)
SMTP: Final = UrlShape(
    re.compile(rf"smtps?://(?:[^:@/\s]+:[^:@/\s]*@)?{HOST}/?"),
    "smtp://user:password@host:587 or smtps://user:password@host:465",
)
VALKEY: Final = UrlShape(
    re.compile(rf"(?:valkey|redis)s?://(?:[^:@/\s]*:[^:@/\s]+@)?{HOST}(?:/\d{{0,5}})?"),
    "valkey://user:password@host:6379/0 or valkeys://:password@host:6379",
)


def has_port(url: str) -> bool:
    """Say whether a URL's port, if it names one, is one that there can be."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False

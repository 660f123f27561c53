"""The check inside a service's own process: the request's headers in, an identity out, usage metered.

Arguments: a data folder, the file of keys that its replica was filled with, how many of them are good, and whether
every check has something to check. Prints the microseconds of processor time of a check, flushes of usage included.
"""

import sys
from itertools import islice
from pathlib import Path

from keys import PRODUCT, SCOPE
from servers import PEPPER
from timing import microseconds_of

from keydesk.client import Keydesk, Need
from keydesk.config import Config

OTHERS = [
    (b"host", b"api.example.com"),
    (b"user-agent", b"python-httpx/0.28.1"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"content-type", b"application/json"),
    (b"content-length", b"120"),
]
"""What else a request's headers have."""


def main() -> None:
    """Measure and print; every call has to pass."""
    folder, load, count, is_full = Path(sys.argv[1]), *sys.argv[2:]
    keydesk = Keydesk(Config(data_dir=folder), pepper=PEPPER)
    need = Need(PRODUCT, (SCOPE,) if is_full == "full" else ())
    with Path(load).open() as file:
        given = [line.strip() for line in islice(file, int(count))]
    keydesk.open()
    check, refused = keydesk.check, []

    def ask(call: tuple[list[tuple[bytes, bytes]], str | None]) -> None:
        outcome = check(call[0], need, address=call[1])
        if outcome.identity is None:
            refused.append(outcome.code)

    figure = microseconds_of(ask, given, call_of)
    if refused:
        sys.exit(f"{len(refused)} calls were refused, the first with {refused[0]}.")
    sys.stdout.write(f"{figure:.3f}\n")
    keydesk.close()


def call_of(line: str) -> tuple[list[tuple[bytes, bytes]], str | None]:
    """Give the headers and the address of a call, out of a key and perhaps its username and address."""
    key, *more = line.split()
    headers = [*OTHERS, (b"x-api-key", key.encode())]
    if not more:
        return headers, None
    return [*headers, (b"x-username", more[0].encode())], more[1]


if __name__ == "__main__":
    main()

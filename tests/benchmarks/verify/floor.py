"""What the libraries alone take of a check in a service's own process: no check in Python can cost less.

Arguments: a data folder and the file of keys that its replica was filled with. A check of nothing but states needs one
HMAC, one view of the replica, and one row in it, decoded. With a rate and a quota it also needs one transaction that
reads and writes two counts. Prints the microseconds of processor time of both.
"""

import json
import sys
import tempfile
from itertools import islice
from pathlib import Path

from msgspec.msgpack import Decoder
from servers import PEPPER
from timing import fresh, microseconds_of

from keydesk.core.digest import mac_under
from keydesk.core.records import KeyRecord
from keydesk.limits.storage import CountsFile
from keydesk.replica.layout import open_environment

KEYS = 100_000
COUNT = bytes(24)
SHARED = b"account\0acc_%020d\0disbursement\0live\0daily\0day"


def main() -> None:
    """Measure and print."""
    replica = open_environment(Path(sys.argv[1]) / "replica", is_writer=False)
    table, begin = replica.open_db(b"key", create=False), replica.begin
    digest, decode = mac_under(PEPPER, name="pepper"), Decoder(KeyRecord).decode
    with Path(sys.argv[2]).open() as file:
        given = [line.split()[0] for line in islice(file, KEYS)]

    def find(key: str) -> str:
        view = begin()
        raw = view.get(digest(key.encode()), None, table)
        view.abort()
        return decode(raw).id

    with tempfile.TemporaryDirectory(prefix="keydesk-floor-") as folder:
        count = CountsFile(Path(folder)).env.begin

        def find_and_count(key: str) -> None:
            name = find(key)
            places = (b"keyown\0%b\0burst\00060" % name.encode(), SHARED % (int(name[4:]) % 1000))
            with count(write=True) as transaction:
                for place in places:
                    transaction.get(place)
                for place in places:
                    transaction.put(place, COUNT)

        figures = {
            "states": microseconds_of(find, given, fresh),
            "everything": microseconds_of(find_and_count, given, fresh),
        }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

"""`safe-api-keys` by itself, with every key in memory and in its cache, checking a scope and an address list.

Arguments: the file of keys. Prints the microseconds of a check.
"""

import gc
import sys
from pathlib import Path

from safe_api_keys import KeyVerifier, VerifyCache
from safe_api_keys.stores.memory import MemoryStore
from starlette_app import CACHED_SECONDS, PEPPER, PREFIX, records_of
from timing import fresh, microseconds_of

SCOPES = ["payout"]


def main(keys_file):
    keys = keys_file.read_text().split()
    store, cache = MemoryStore(), VerifyCache(ttl=CACHED_SECONDS, maxsize=len(keys))
    records = list(records_of(keys))
    store.save_many(records)
    for record in records:
        cache.set(record)
    verifier = KeyVerifier(
        store, PREFIX, pepper=PEPPER, cache=cache, touch_interval=None, audit_success=False
    )
    del records
    gc.freeze()

    def check(key):
        verifier.verify(key, scopes=SCOPES, client_ip="127.0.0.1")  # it raises what it refuses

    sys.stdout.write(f"{microseconds_of(check, keys, fresh):.3f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

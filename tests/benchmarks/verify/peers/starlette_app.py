"""Starlette with `safe-api-keys` as fast as it goes: everything in memory, every key in its cache, nothing written.

Arguments: the file of keys, the port. It runs in an environment of its own (starlette.txt). It checks the
key, an address list and a scope; usernames, accounts, limits and metering it does not have.
"""

import gc
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from safe_api_keys import VerifyCache
from safe_api_keys.amanager import AsyncKeyVerifier
from safe_api_keys.contrib.starlette import APIKeyMiddleware
from safe_api_keys.hashing import HmacSha256Hasher
from safe_api_keys.models import KeyRecord
from safe_api_keys.stores.base import AsyncStoreAdapter
from safe_api_keys.stores.memory import MemoryStore
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

PREFIX = "kd_live"
PEPPER = bytes(range(128, 160))
CHECKSUM_LENGTH = 6
CACHED_SECONDS = 24 * 3600


def main(keys_file, port):
    keys = keys_file.read_text().split()
    store, cache = MemoryStore(), VerifyCache(ttl=CACHED_SECONDS, maxsize=len(keys))
    records = list(records_of(keys))
    store.save_many(records)
    for record in records:
        cache.set(record)
    verifier = AsyncKeyVerifier(
        AsyncStoreAdapter(store, threaded=False),
        PREFIX,
        pepper=PEPPER,
        cache=cache,
        touch_interval=None,
        audit_success=False,
    )
    checked = Middleware(
        APIKeyMiddleware, km=verifier, protect=("/",), exempt=(), scopes=["payout"]
    )
    app = Starlette(
        routes=[Route("/v1/authorize/{product}", accepted)],
        middleware=[checked],
    )
    del records
    gc.freeze()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
        server_header=False,
    )


async def accepted(_):
    return Response()


def records_of(keys):
    """Give what the library's own `issue` would have stored for these keys."""
    hasher, now = HmacSha256Hasher(PEPPER), datetime.now(UTC)
    for key in keys:
        body = key[:-CHECKSUM_LENGTH]
        key_id = body.split("_")[2]
        yield KeyRecord(
            key_id,
            PREFIX,
            hasher.hash(body),
            hasher.alg_id,
            body[-4:],
            "owner",
            now,
            scopes=("payout", "read"),
            ip_allowlist=("127.0.0.0/8",),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""The smallest answer behind the check: what it costs a service that an ASGI server runs."""

from empty_asgi import application as empty
from keys import PRODUCT

from keydesk.client import Keydesk, Need
from keydesk.client.asgi import KeydeskMiddleware


async def service(scope, receive, send):
    """Serve the server's life as well, with which the middleware opens its files and closes them."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
    else:
        await empty(scope, receive, send)


application = KeydeskMiddleware(service, Keydesk(), Need(PRODUCT))

"""The smallest answer that an ASGI server can give: 200 and nothing else, to everything."""

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
END = {"type": "http.response.body", "body": b""}


async def application(_scope, _receive, send):
    """Answer."""
    await send(START)
    await send(END)

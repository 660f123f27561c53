"""A request as the verifier's server reads it and its doors take it: raw, with the headers exactly as they came."""

from typing import Any, Final

from httptools import HttpParserError, parse_url

HTTP_1_1: Final = "1.1"


class Request:
    """One request as it arrives."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "query", "target", "version")

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.method = self.path = self.query = b""
        self.version = ""
        self.keep_alive = True

    def complete(self, parser: Any) -> None:
        """Take what the parser knows once all headers are there."""
        self.method = parser.get_method()
        self.version = parser.get_http_version()
        self.keep_alive = (
            parser.should_keep_alive() and self.version == HTTP_1_1 and not parser.should_upgrade()
        )
        target = self.target if self.target.startswith(b"/") else origin_form(self.target)
        self.path, _, self.query = target.partition(b"?")


def origin_form(target: bytes) -> bytes:
    """Give the path and query of a target in absolute form (RFC 9112, 3.2.2); any other target stays as it is."""
    try:
        parsed = parse_url(target)
    except HttpParserError:
        return target
    return (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")

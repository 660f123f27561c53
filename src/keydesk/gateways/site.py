"""What one gateway's configuration has to know, read strictly: nothing that gets in can break out of a line.

Whatever is not allowed here would end up inside a configuration file, so each value has an alphabet of its own.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from keydesk.core.records import Environment

DOORS: Final = {
    Environment.LIVE: "/v1/authorize/",
    Environment.TEST: "/v1/authorize-test/",
}
HIGHEST_PORT: Final = 65535
LONGEST_HOST: Final = 253
LONGEST_PRODUCT: Final = 40
LONGEST_SCOPES: Final = 256

PRODUCT: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
SCOPES: Final = re.compile(r"([a-z][a-z0-9_.:-]*( [a-z][a-z0-9_.:-]*)*)?", re.ASCII)
MARKER: Final = re.compile(r"[a-z]{2,8}", re.ASCII)
NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", re.ASCII)
LISTEN: Final = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[0-9.]+)):(?P<port>[0-9]+)")
FILE: Final = re.compile(r"/[A-Za-z0-9._/-]+", re.ASCII)


class SiteError(ValueError):
    """A configuration cannot be made from what was given: each line of the message says what to mend."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """A host and a port: an IP address, or where it is connected to, also a name."""

    host: str
    port: int

    @classmethod
    def of_url(cls, url: str, *, what: str) -> Self:
        """Give the address of an `http://` URL; raises SiteError if it is anything more or less than that."""
        try:
            parts = urlsplit(url)
            address = cls(host=parts.hostname or "", port=parts.port or 80)
        except ValueError:
            raise SiteError(url_fault(what)) from None
        if not is_bare(parts) or not is_host(address.host):
            raise SiteError(url_fault(what))
        return address

    @classmethod
    def of_listener(cls, text: str) -> Self:
        """Give the address to listen on, like 127.0.0.1:8080 or [::]:8080; raises SiteError."""
        found = LISTEN.fullmatch(text)
        host = (found["v6"] or found["host"]) if found else ""
        port = int(found["port"]) if found else 0
        if not is_ip(host) or not 0 < port <= HIGHEST_PORT:
            raise SiteError("--listen must be an IP address with a port, like 127.0.0.1:8080.")
        return cls(host=host, port=port)

    @property
    def shown_host(self) -> str:
        """The host as it stands before a port: an IPv6 address in brackets (RFC 3986)."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.shown_host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One place where a gateway stands before the backend of one product."""

    product: str
    verifier: Address
    backend: Address
    listen: Address
    environment: Environment = Environment.LIVE
    scopes: str = ""
    """The scopes that every request here needs, with spaces between."""
    marker: str = "kd"
    compat: bool = False
    """Whether refusals have the compat envelope, as the product's own setting says."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies before the gateway, whose `X-Forwarded-For` counts."""
    lua_file: str = "/etc/haproxy/keydesk.lua"
    """Where HAProxy finds its second file."""

    def __post_init__(self) -> None:
        faults = [
            sentence
            for sentence, is_right in (
                (
                    "--product must be a product's slug: a-z, 0-9 and hyphens, like account-inquiry.",
                    len(self.product) <= LONGEST_PRODUCT and PRODUCT.fullmatch(self.product),
                ),
                (
                    'The names in --scopes must stand with one space between, like "payout read".',
                    len(self.scopes) <= LONGEST_SCOPES and SCOPES.fullmatch(self.scopes),
                ),
                ("--marker must be 2 to 8 lower-case letters.", MARKER.fullmatch(self.marker)),
                (
                    "--trusted-proxy must be an IP address or a network, like 10.0.0.0/8.",
                    all(is_network(text) for text in self.trusted_proxies),
                ),
                (
                    "--lua-file must be an absolute path of letters, digits, dots, hyphens and underscores.",
                    FILE.fullmatch(self.lua_file),
                ),
            )
            if not is_right
        ]
        if faults:
            raise SiteError("\n".join(faults))

    @property
    def door(self) -> str:
        """The verifier's path that decides for this product and environment."""
        return DOORS[self.environment] + self.product


def url_fault(what: str) -> str:
    """Give the sentence for an address that cannot be used; its text may hold a password and is not repeated."""
    return (
        f"--{what} must be http:// with a host and a port and nothing after it, like http://127.0.0.1:8001. "
        "For a connection under TLS put in this address and add TLS as your gateway's manual says."
    )


def is_bare(parts: SplitResult) -> bool:
    """Say whether a URL is plain HTTP to a host, with neither user nor path nor anything else."""
    rest = parts.path.removeprefix("/") + parts.query + parts.fragment
    return parts.scheme == "http" and not rest and "@" not in parts.netloc


def is_host(text: str) -> bool:
    """Say whether a text is an IP address or a DNS name."""
    return is_ip(text) or (len(text) <= LONGEST_HOST and NAME.fullmatch(text) is not None)


def is_ip(text: str) -> bool:
    """Say whether a text is an IP address without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_network(text: str) -> bool:
    """Say whether a text is an IP address or a network in CIDR form, without bits beyond its prefix."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return "%" not in text

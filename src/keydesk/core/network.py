"""Addresses and the networks that an allow-list names: read strictly, so that two readers never differ."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

KNOWN: Final = 4096
"""How many addresses and lists a process remembers."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(KNOWN)
def parse_address(text: str) -> Address | None:
    """Give the address that a text names, None if it is none.

    An IPv4 address inside IPv6 (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is the IPv4 address; one with a zone is none.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id is not None else address.ipv4_mapped or address
    return address


def parse_network(text: str) -> Network:
    """Give the network that a text such as `203.0.113.0/24` or `2001:db8::1` names; one address is a network of one.

    Raises ValueError if it is none, if bits outside its mask are set, or for IPv4 inside IPv6: no address would match.
    """
    if "%" in text:
        raise ValueError(f"{text} has a zone, which means something on one host alone.")
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{text} is an IPv4 address inside IPv6: write the IPv4 address.")
    return network


@lru_cache(KNOWN)
def is_within(text: str | None, networks: tuple[str, ...]) -> bool:
    """Say whether an address lies in one of the networks; a text that is no address, or none at all, lies in none."""
    address = None if text is None else parse_address(text)
    return address is not None and any(address in parse_network(network) for network in networks)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine alone; a name other than localhost is taken to be more."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The client's address: the peer's, or what the outermost of the provider's own proxies saw.

How many proxies may be believed the service says, never a header that a client could send.
"""

from typing import Final

from keydesk.core.network import parse_address

FORWARDED: Final = b"x-forwarded-for"


def client_address(peer: str | None, chain: str, *, trusted_proxies: int) -> str | None:
    """Give the address of the client in its one spelling, None if it is not known.

    Takes the peer's address and the text of `X-Forwarded-For`, to which each proxy adds whom it saw at the end. With
    trusted proxies the peer is not looked at, so whoever reaches the service around them can claim any address; a
    chain that is too short gives none.
    """
    if trusted_proxies == 0:
        return None if peer is None else plain(peer)
    hops = chain.split(",")
    return plain(hops[-trusted_proxies].strip()) if trusted_proxies <= len(hops) else None


def plain(text: str) -> str | None:
    """Give an address in its one spelling, an IPv4 address as such; None if the text is none."""
    address = parse_address(text)
    return None if address is None else str(address)


def trusted(proxies: int) -> int:
    """Give the number of trusted proxies; raises ValueError if there cannot be so many."""
    if type(proxies) is not int or proxies < 0:  # a caller without types may give anything
        raise ValueError(f"The number of trusted proxies is 0 or more, not {proxies!r}.")
    return proxies

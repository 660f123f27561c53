"""What Keydesk listens on: checked as a whole before anything starts, so that a start fails early and in words."""

import errno
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from keydesk.config import PREFIX, Config
from keydesk.core.network import is_loopback
from keydesk.host.ports import claim, listening_error
from keydesk.server.faults import OperatorFault


class Address(NamedTuple):
    """One socket that Keydesk opens, and the settings that move it."""

    what: str
    host: str
    port: int
    host_setting: str | None
    port_setting: str
    has_tls: bool = False


def addresses_of(config: Config) -> list[Address]:
    """Give every address that this configuration listens on."""
    return [
        Address("dashboard", config.host, config.port, "HOST", "PORT"),
        Address(
            "verifier", config.verifier_host, config.verifier_port, "VERIFIER_HOST", "VERIFIER_PORT"
        ),
        Address("metrics", "127.0.0.1", config.metrics_port, None, "METRICS_PORT"),
        *relay_address(config),
    ]


def relay_address(config: Config) -> list[Address]:
    """Give the relay's address, none if none runs."""
    if config.relay_port is None:
        return []
    return [
        Address(
            "relay",
            config.relay_host,
            config.relay_port,
            "RELAY_HOST",
            "RELAY_PORT",
            has_tls=config.relay_certificate_file is not None,
        )
    ]


def url_of(host: str, port: int) -> str:
    """Give the URL of an address in plain HTTP, an IPv6 address in brackets (RFC 3986)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def refuse_remote(addresses: list[Address]) -> None:
    """Raise OperatorFault if one of the addresses can be reached from another machine, in plain HTTP."""
    remote = [each for each in addresses if not is_loopback(each.host) and not each.has_tls]
    if remote:
        raise OperatorFault(
            "\n".join(
                f"{PREFIX}{address.host_setting}={address.host} can be reached from other machines, and the "
                f"{address.what} speaks plain HTTP. Put a TLS-terminating proxy before it, or say that you mean "
                "it with --allow-remote."
                for address in remote
            )
        )


def taken(addresses: list[Address]) -> list[str]:
    """Give a sentence for each address that cannot be opened now, with its cure; none if all are free."""
    ports = Counter(address.port for address in addresses)
    shared = [
        f"{address.what.capitalize()} and another part of Keydesk share port {address.port}: "
        f"set {PREFIX}{address.port_setting} to a port of its own."
        for address in addresses
        if ports[address.port] > 1
    ]
    return shared or [fault for address in addresses if (fault := open_fault(address))]


def open_fault(address: Address) -> str | None:
    """Give the sentence that says why an address cannot be opened, None if it can."""
    error = listening_error(address.host, address.port)
    if error is None:
        return None
    if error.errno == errno.EADDRINUSE:
        return taken_fault(address)
    return (
        f"The {address.what} cannot listen on port {address.port} on {address.host}: "
        f"{error.strerror}."
    )


def taken_fault(address: Address) -> str:
    """Give the sentence that says that somebody else has an address."""
    return (
        f"For the {address.what}, port {address.port} on {address.host} is taken, perhaps by another Keydesk: stop "
        f"what listens there, or set {PREFIX}{address.port_setting} to another port."
    )


@contextmanager
def claimed(addresses: list[Address]) -> Iterator[None]:
    """Keep addresses, which are free, for the processes that are started now; no other start gets them meanwhile.

    Raises OperatorFault with a sentence for each that is taken, or that another start has claimed. Nothing else would
    tell two desks apart that start at one moment: the system lets a user's processes share a port in silence.
    """
    with ExitStack() as claims:
        faults = []
        for address in addresses:
            made = claim(address.host, address.port)
            if made is None:
                faults.append(taken_fault(address))
            else:
                claims.enter_context(made)
        if faults := faults or taken(addresses):
            raise OperatorFault("\n".join(faults))
        yield

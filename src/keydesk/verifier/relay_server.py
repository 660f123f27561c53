"""Starts the relay: one process, on a port of its own, with TLS."""

import ssl
from typing import Final

import uvloop

from keydesk.config import Config, ConfigError, Secret
from keydesk.core.digest import key_digester
from keydesk.host.crew import keep_working
from keydesk.replica.store import Reader
from keydesk.verifier.relay import RelayApp
from keydesk.verifier.server import STOP_SECONDS, Work, listening_socket, nothing, serve_site

MOST_CONNECTIONS: Final = 256
"""How many replicators may follow at once; each has one connection."""
IDLE_SECONDS: Final = 2.0
"""How long one may be silent: a replicator asks four times a second."""


def run_relay(config: Config) -> None:
    """Let replicators of other hosts follow this host's replica until SIGTERM or SIGINT.

    Raises ConfigError if no port is set, the pepper is missing, the certificate cannot be used or the address cannot
    be had; SystemExit if the process keeps dying.
    """
    if config.relay_port is None:
        raise ConfigError("Set KEYDESK_RELAY_PORT: the port on which other hosts follow this one.")
    digester = key_digester(config.require_secret(Secret.PEPPER))
    tls = tls_of(config)
    with listening_socket(config.relay_host, config.relay_port, what="relay") as listening:

        def work() -> None:
            app = RelayApp(config.key_marker, digester, Reader(config.replica_dir))
            served = Work(app, nothing, app.watch)
            uvloop.run(
                serve_site(
                    served,
                    listening,
                    most_connections=MOST_CONNECTIONS,
                    idle_seconds=IDLE_SECONDS,
                    tls=tls,
                )
            )

        keep_working(work, count=1, stop_seconds=STOP_SECONDS)


def tls_of(config: Config) -> ssl.SSLContext | None:
    """Give what encrypts the relay's connections, None for plain HTTP. Raises ConfigError if the files are no use."""
    if config.relay_certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.relay_certificate_file, config.relay_certificate_key_file)
    except OSError as error:  # which ssl's own errors are
        raise ConfigError(
            f"The relay cannot use {config.relay_certificate_file} and its key: {error.strerror or error}."
        ) from error
    return context

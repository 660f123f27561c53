"""The `keydesk` command: it tells what there is without loading it, and loads only the part that is asked for.

A host that only verifies has no Django, so each command is named by an import string. Whatever an operator can mend
is one sentence a line on the error output and exit code 1; wrong usage is exit code 2.
"""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Final, NamedTuple

import typer

from keydesk.cli.apps import new_app
from keydesk.config import ConfigError
from keydesk.server.faults import OperatorFault


class Entry(NamedTuple):
    """A command, and what the overview says of it."""

    module: str
    """Where its Typer app `app` lies."""
    panel: str
    summary: str
    needs_control: bool = False
    """Whether it works on the control plane's database and therefore needs Django."""
    is_hidden: bool = False
    needs_desk: bool = False
    """Whether the processes that it starts need what the extra `desk` installs, though it does not load Django."""


PREPARE: Final = "Prepare"
RUN: Final = "Run"
OPERATE: Final = "Operate, as the host's operator"
PROCESS: Final = "Run one process by itself"

COMMANDS: Final[dict[str, Entry]] = {
    "init": Entry("keydesk.cli.init", PREPARE, "Make the data folder and its secrets."),
    "migrate": Entry(
        "keydesk.cli.migrate", PREPARE, "Make the database, or bring it up to date.", True
    ),
    "migrate-data": Entry(
        "keydesk.cli.migrate_data", PREPARE, "Move the desk from SQLite into PostgreSQL.", True
    ),
    "restored": Entry(
        "keydesk.cli.restored", PREPARE, "Begin a new history, after restoring a backup.", True
    ),
    "doctor": Entry(
        "keydesk.cli.doctor", PREPARE, "Say everything that would stop a start, and its cure."
    ),
    "gateway": Entry(
        "keydesk.cli.gateway", PREPARE, "Print the configuration of a gateway that asks Keydesk."
    ),
    "serve": Entry("keydesk.cli.serve", RUN, "Run everything on this host; restart what dies."),
    "demo": Entry(
        "keydesk.cli.demo", RUN, "Run a desk with made-up content, to look at.", needs_desk=True
    ),
    "seed": Entry("keydesk.cli.seed", RUN, "Fill the demo.", True, True),
    "dashboard": Entry("keydesk.cli.dashboard", PROCESS, "The pages.", True),
    "verifier": Entry("keydesk.cli.verifier", PROCESS, "The decisions on requests."),
    "replicator": Entry("keydesk.cli.replicator", PROCESS, "Keeps this host's replica up to date."),
    "replicate": Entry(
        "keydesk.cli.replicate", PROCESS, "Keeps this host's replica up to date with another's."
    ),
    "relay": Entry("keydesk.cli.relay", PROCESS, "Lets other hosts follow this host's replica."),
    "worker": Entry("keydesk.cli.worker", PROCESS, "What happens by the clock.", True),
    "ship-usage": Entry(
        "keydesk.cli.ship_usage", PROCESS, "Brings another host's usage to the desk."
    ),
    "feed-haproxy": Entry(
        "keydesk.cli.feed_haproxy", PROCESS, "Keeps the maps of a HAProxy that decides by itself."
    ),
    "rewrap": Entry(
        "keydesk.cli.rewrap", OPERATE, "Replace the key-encryption key while Keydesk runs.", True
    ),
    "audit": Entry("keydesk.cli.audit", OPERATE, "Whether the audit trail is whole.", True),
    "account": Entry("keydesk.cli.account", OPERATE, "Customer accounts.", True),
    "member": Entry("keydesk.cli.member", OPERATE, "The people of an account.", True),
    "staff": Entry("keydesk.cli.staff", OPERATE, "Your internal team.", True),
    "product": Entry("keydesk.cli.product", OPERATE, "What the provider sells.", True),
    "entitlement": Entry(
        "keydesk.cli.entitlement", OPERATE, "Which account may use which product.", True
    ),
    "credential": Entry(
        "keydesk.cli.credential",
        OPERATE,
        "Service credentials, for the provider's own services.",
        True,
    ),
    "key": Entry(
        "keydesk.cli.key", OPERATE, "API keys: generate, list, restrict and revoke.", True
    ),
}

app = new_app(
    "Keydesk: a desk where customers manage their API keys, and the check of every request against them."
)


def forward(entry: Entry) -> Callable[[typer.Context], None]:
    """Give the command that loads an entry and hands it the arguments as they came."""

    def run(context: typer.Context) -> None:
        if entry.needs_desk:
            require_desk()
        with control_plane() if entry.needs_control else nullcontext():
            command = import_module(entry.module).app
            command(args=context.args, prog_name=context.command_path)

    return run


def require_desk() -> None:
    """Raise OperatorFault if what a desk needs, such as Django, is not installed here."""
    if find_spec("django") is None:
        raise OperatorFault(
            "This host has only what a verifier needs: install Keydesk with its extra `desk`."
        )


def control_plane() -> AbstractContextManager[None]:
    """Give what a command of the control plane runs in; raises OperatorFault if Django is not installed here."""
    require_desk()
    plane: AbstractContextManager[None] = import_module("keydesk.cli.control").control_plane()
    return plane


for command_name, command_entry in COMMANDS.items():
    app.command(
        command_name,
        help=command_entry.summary,
        rich_help_panel=command_entry.panel,
        hidden=command_entry.is_hidden,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(forward(command_entry))


def main() -> None:
    """Run the command line: the console script `keydesk`, and `python -m keydesk`.

    What it and the processes that it starts write is for their own user alone, whatever the shell says.
    """
    os.umask(0o077)
    try:
        app(prog_name="keydesk")
    except (OperatorFault, ConfigError) as fault:
        for line in str(fault).splitlines():
            typer.echo(f"keydesk: {line}", err=True)
        sys.exit(1)

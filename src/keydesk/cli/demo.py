"""`keydesk demo`: a running desk with made-up content, for somebody who wants to see it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.facts import FILE_NAME, is_newer, read_facts, schema, write_facts
from keydesk.cli.init import make_secrets
from keydesk.cli.serve import AllowRemote
from keydesk.config import PREFIX, Config, load_config
from keydesk.server.addresses import url_of
from keydesk.server.faults import OperatorFault
from keydesk.server.start import check_addresses, check_folder, run_all, sole_desk
from keydesk.server.supervisor import log_to

LOG_NAME: Final = "keydesk.log"
PROVIDER: Final = {
    "BRAND_NAME": "Acme Pay",
    "API_URL": "https://api.acmepay.example",
    "MAILBOX": "true",
}

app = new_app()


@app.command()
def demo(
    *,
    data_dir: Annotated[
        Path,
        typer.Option(
            envvar=f"{PREFIX}DATA_DIR", help="The demo's own folder; nothing else is touched."
        ),
    ] = Path("data/demo"),
    reset: Annotated[
        bool, typer.Option("--reset", help="Throw the demo's content away and make it anew.")
    ] = False,
    allow_remote: AllowRemote = False,
) -> None:
    """Run a desk with made-up content and print what to open, who to log in as, and what to try with curl.

    The first start fills the folder, later ones take seconds. Ctrl-C stops everything. The same facts are in
    `demo.json` in the folder, and the log is `keydesk.log` beside it.
    """
    config = demo_config(data_dir)
    check_addresses(config, allow_remote=allow_remote)
    prepare_folder(config.data_dir, reset=reset)
    with sole_desk(config.data_dir), (config.data_dir / LOG_NAME).open("a") as file:
        fill(config)
        facts = tell_addresses(config)
        typer.echo("Starting ...")
        run_all(
            config,
            allow_remote=allow_remote,
            log=log_and_tell(file),
            announce=lambda: typer.echo(block(facts, config.data_dir)),
        )
    typer.echo("Stopped. `make demo` goes on where you left off.")


def demo_config(data_dir: Path) -> Config:
    """Give the demo's configuration, and set its variables for every process that is started from here.

    Raises OperatorFault if a database is set: the demo would fill it.
    """
    os.environ[f"{PREFIX}DATA_DIR"] = str(data_dir.expanduser().absolute())
    for name, value in PROVIDER.items():
        os.environ.setdefault(PREFIX + name, value)
    config = load_config()
    if config.database_url is not None:
        raise OperatorFault(
            f"The demo fills a SQLite database of its own and never yours: unset {PREFIX}DATABASE_URL."
        )
    return config


def prepare_folder(folder: Path, *, reset: bool) -> None:
    """Make the demo's folder, empty if it is to be made anew or was never finished.

    Raises OperatorFault if the folder belongs to somebody else, or cannot be written.
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / FILE_NAME).exists():
                raise OperatorFault(
                    f"{folder} is not the folder of a demo, and nothing was changed: choose another with --data-dir."
                )
            if reset or not read_facts(folder):
                with sole_desk(folder):
                    shutil.rmtree(folder)
        if not folder.exists() or not any(folder.iterdir()):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_facts(folder, {})
    except OSError as error:
        raise OperatorFault(
            f"{folder} cannot be written ({error.strerror}): choose another folder with --data-dir."
        ) from error
    check_folder(folder)


def fill(config: Config) -> None:
    """Make the secrets and the content if they are not there, and bring the database up to date.

    Raises OperatorFault if that fails, after its own lines; so it does on a database newer than the code.
    """
    facts = read_facts(config.data_dir) or {}
    if facts.get("schema") == schema() and not is_newer(config.sqlite_path):
        return
    if not facts:
        typer.echo(f"Making a desk with made-up content in {config.data_dir} ...")
        make_secrets(config)
    filled = subprocess.run([sys.executable, "-m", "keydesk", "seed"], check=False)
    if filled.returncode:
        raise OperatorFault("The demo could not be filled; the lines above say why.")


def log_and_tell(file: IO[str]) -> Callable[[str, str], None]:
    """Give a log that writes to a file, and that a process has ended also to whoever watches the demo."""
    log = log_to(file)

    def log_and_tell(name: str, line: str) -> None:
        log(name, line)
        if name == "supervisor":
            typer.echo(f"  {line}; see {LOG_NAME}")

    return log_and_tell


def tell_addresses(config: Config) -> dict[str, Any]:
    """Put this start's addresses, and what to try there with curl, into `demo.json`, and give all of it."""
    facts = read_facts(config.data_dir) or {}
    verifier = url_of(config.verifier_host, config.verifier_port)
    key = facts["example_key"]
    question = json.dumps({"key": key, "product": "disbursement"})
    facts |= {
        "dashboard_url": url_of(config.host, config.port),
        "mailbox_url": f"{url_of(config.host, config.port)}/mailbox/",
        "verifier_url": verifier,
        "metrics_url": f"http://127.0.0.1:{config.metrics_port}/metrics",
        "accepted_curl": f"curl -i {verifier}/v1/authorize/disbursement -H 'x-api-key: {key}'",
        "refused_curl": f"curl -i {verifier}/v1/authorize/account-inquiry -H 'x-api-key: {key}'",
        "verify_curl": f"curl {verifier}/v1/verify -H 'Authorization: Bearer {facts['service_credential']}' "
        f"-H 'Content-Type: application/json' -d '{question}'",
    }
    write_facts(config.data_dir, facts)
    return facts


def block(facts: dict[str, Any], folder: Path) -> str:
    """Give the one block that tells a newcomer everything."""
    return "\n".join(
        [
            "",
            f"  Keydesk is up: {facts['dashboard_url']}   (the verifier: {facts['verifier_url']})",
            "",
            *login_lines(facts["logins"]),
            "",
            f"  Mail is not sent but shown: {facts['mailbox_url']}",
            "",
            "  A request that is accepted, 200:",
            f"    {facts['accepted_curl']}",
            "  One for another product, refused, 403:",
            f"    {facts['refused_curl']}",
            "  The same question from a service, with its service credential:",
            f"    {facts['verify_curl']}",
            "",
            f"  All of this is in {folder / FILE_NAME}, the log in {LOG_NAME} beside it. Ctrl-C stops.",
            "",
        ]
    )


def login_lines(logins: list[dict[str, Any]]) -> list[str]:
    """Give the people who can log in, under the account that each belongs to."""
    header = ("log in as", "role", "password", "PIN")
    rows = [
        (login["email"], login["role"].capitalize(), login["password"], login["pin"] or "not set")
        for login in logins
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = ["    " + "  ".join(map(str.ljust, header, widths))]
    company = None
    for login, row in zip(logins, rows, strict=True):
        if login["company"] != company:
            company = login["company"]
            lines.append(f"  {company}")
        lines.append(("    " + "  ".join(map(str.ljust, row, widths))).rstrip())
    return lines

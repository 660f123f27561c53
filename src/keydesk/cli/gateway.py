"""`keydesk gateway`: a configuration that makes a gateway ask the verifier, on standard output."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated

import typer

from keydesk import gateways
from keydesk.cli.apps import new_app
from keydesk.config import load_config
from keydesk.core.records import Environment
from keydesk.gateways.site import Address, Site, SiteError
from keydesk.replica.layout import ReplicaMissing
from keydesk.replica.store import Reader
from keydesk.server.faults import OperatorFault

DEFAULT_SOCKET = "/run/haproxy/keydesk.sock"
KNOWN = sorted(module.name for module in iter_modules(gateways.__path__) if module.ispkg)

app = new_app()


Name = Annotated[
    str, typer.Argument(metavar="GATEWAY", help=f"One of {', '.join(KNOWN)}.", show_default=False)
]
Product = Annotated[str, typer.Option(help="The product whose keys are accepted: its slug.")]
VerifierUrl = Annotated[str, typer.Option(help="The verifier, like http://127.0.0.1:8001.")]
BackendUrl = Annotated[str, typer.Option(help="What stands behind, like http://127.0.0.1:9000.")]
Where = Annotated[Environment, typer.Option(help="Which environment's keys are accepted.")]
Listen = Annotated[str, typer.Option(help="Where the gateway listens.")]
Scopes = Annotated[
    str, typer.Option(help='The scopes that every request needs, like "payout read".')
]
Marker = Annotated[
    str | None, typer.Option(help="The marker of your keys; by itself, this installation's.")
]
Compat = Annotated[
    bool, typer.Option("--compat", help="The product's refusals have the compat envelope.")
]
Proxies = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-proxy",
        help="A network of proxies before the gateway, whose X-Forwarded-For counts; give it again for more.",
    ),
]
LuaFile = Annotated[
    str, typer.Option(help="For HAProxy: where its Lua file will lie, and its maps beside it.")
]
Native = Annotated[
    bool,
    typer.Option(
        "--native", help="For HAProxy: let it decide by itself, from maps of this host's replica."
    ),
]
Socket = Annotated[str, typer.Option(help="For --native: where HAProxy takes what it is fed.")]
File = Annotated[
    str | None, typer.Option(help="Which file to print, where a gateway needs more than one.")
]


@app.command()
def gateway(  # noqa: PLR0913 - each is an option of the command
    name: Name,
    *,
    product: Product,
    verifier: VerifierUrl,
    backend: BackendUrl,
    environment: Where = Environment.LIVE,
    listen: Listen = "127.0.0.1:8080",
    scopes: Scopes = "",
    marker: Marker = None,
    compat: Compat = False,
    trusted_proxy: Proxies = None,
    lua_file: LuaFile = Site.lua_file,
    decides_itself: Native = False,
    socket: Socket = DEFAULT_SOCKET,
    file: File = None,
) -> None:
    """Print a whole configuration with which a gateway lets through what the verifier accepts, and nothing else.

    It is for one product and environment, and needs neither the database nor the dashboard.
    """
    try:
        site = Site(
            product=product,
            environment=environment,
            verifier=Address.of_url(verifier, what="verifier"),
            backend=Address.of_url(backend, what="backend"),
            listen=Address.of_listener(listen),
            scopes=scopes,
            marker=load_config().key_marker if marker is None else marker,
            compat=compat,
            trusted_proxies=tuple(trusted_proxy or ()),
            lua_file=lua_file,
        )
        made = native_files(name, site, socket) if decides_itself else files_of(name, site)
    except SiteError as error:
        raise OperatorFault(str(error)) from error
    typer.echo(chosen(made, file, name), nl=False)


def chosen(made: dict[str, str], file: str | None, name: str) -> str:
    """Give the file that is wanted, the configuration if none is named; raises OperatorFault if there is no such."""
    wanted = next(iter(made)) if file is None else file
    if wanted not in made:
        raise OperatorFault(f"For {name} there is no file {wanted!r}: take {' or '.join(made)}.")
    return made[wanted]


def files_of(name: str, site: Site) -> dict[str, str]:
    """Give a gateway's files for a site, its configuration first; raises SiteError."""
    if name not in KNOWN:
        raise SiteError(f"There is no gateway {name!r} here: take one of {', '.join(KNOWN)}.")
    made: dict[str, str] = import_module(f"keydesk.gateways.{name}").files(site)
    return made


def native_files(name: str, site: Site, socket: str) -> dict[str, str]:
    """Give the files of a gateway that decides by itself about a product of this host's replica; raises SiteError."""
    if name != "haproxy":
        raise SiteError("--native is for haproxy: the other gateways ask the verifier.")
    reader = Reader(load_config().replica_dir)
    try:
        with reader.rows() as rows:
            product = rows.product(site.product)
    except ReplicaMissing as error:
        raise SiteError(f"--native reads the product from this host's replica. {error}") from error
    finally:
        reader.close()
    if product is None:
        raise SiteError(f"This host's replica has no product {site.product}.")
    made: dict[str, str] = import_module("keydesk.gateways.haproxy.native").files(
        site, product, socket
    )
    return made

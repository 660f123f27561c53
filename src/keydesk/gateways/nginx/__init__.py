"""nginx with `auth_request`; it passes on nothing but 401 and 403, so refusals are made again from their code."""

from collections.abc import Iterable

from keydesk.gateways.refusals import REFUSING, body_of, body_of_unknown, status_of
from keydesk.gateways.rendering import IDENTITY, facts, fill, own_answers, template
from keydesk.gateways.site import Site


def files(site: Site) -> dict[str, str]:
    """Give the configuration, under the name that it has in nginx's folder."""
    values = {
        **facts(site),
        **own_answers(site),
        "listen": str(site.listen),
        "scopes": site.scopes,
        "unknown": body_of_unknown(compat=site.compat),
        "statuses": lines(
            8, (f"{code} {status_of(code, compat=site.compat)};" for code in REFUSING)
        ),
        "bodies": lines(
            8,
            (
                f"{code} '{body_of(code, compat=site.compat, request_id='$keydesk_request_id')}';"
                for code in REFUSING
            ),
        ),
        "taken": lines(
            12,
            (
                f"auth_request_set {variable(name)} $upstream_http_x_{folded(f'keydesk-{name}')};"
                for name in IDENTITY
            ),
        ),
        "identity": lines(
            12, (f"proxy_set_header X-Keydesk-{name} {variable(name)};" for name in IDENTITY)
        ),
        "real_ip": real_ip(site.trusted_proxies),
    }
    return {"nginx.conf": fill(template("nginx", "nginx.conf"), values)}


def variable(name: str) -> str:
    """Give the nginx variable that holds an identity header's value."""
    return f"$keydesk_{folded(name)}"


def folded(name: str) -> str:
    """Give a header's name as nginx writes it in a variable."""
    return name.lower().replace("-", "_")


def real_ip(networks: tuple[str, ...]) -> str:
    """Give the lines that let `X-Forwarded-For` count where one of these proxies has written it."""
    if not networks:
        return ""
    trusted = (f"set_real_ip_from {network};" for network in networks)
    return lines(8, ["", *trusted, "real_ip_header X-Forwarded-For;", "real_ip_recursive on;"])


def lines(indent: int, texts: Iterable[str]) -> str:
    """Give the texts as lines with so many blanks before each."""
    return "\n".join(" " * indent + text if text else "" for text in texts)
